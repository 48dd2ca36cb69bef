use serde_json::{Value, json};

use super::{Reader, Target, forbidden, sketch};
use crate::query::QueryLimits;
use crate::refusal::Refusal;
use crate::testing;

#[test]
fn sorts() {
    let admin = Reader::of("admin");
    let check =
        |sort: Value, expect: &str| admin.check("articles", json!({"fields": ["id"], "sort": sort}), &format!("articles[id] by {expect}"));
    check(json!(null), "sort,id");
    check(json!({}), "id");
    check(json!([]), "id");
    check(json!("-views,id"), "-views,id");
    check(json!(["-id"]), "-id");
    check(json!(["author"]), "author,id");
    check(json!(["author.name"]), "→authors.name,id");
    check(json!(["comments"]), "⇉comments.id,id");
    check(json!(["-comments.text"]), "-⇉comments.text,id");
    check(json!(["year(published_at)", "author.year(born)"]), "Year(published_at),→authors.Year(born),id");
    check(json!(["-count(comments)", "json(meta,k)"]), "-count(⇉comments),meta.k,id");
    admin.check("articles", json!({"fields": ["id"], "alias": {"a": "title"}, "sort": ["-a"]}), "articles[id] by -title,id");
    admin.check(
        "pages",
        json!({"fields": ["id"], "sort": ["blocks.item:block_text.body"]}),
        "pages[id] by ⇉pages_blocks.↝block_text.body,id",
    );
    let refuse = |sort: Value, expect: &str| admin.refuse("articles", json!({"sort": sort}), expect);
    refuse(json!(["nope"]), &forbidden("nope", "articles", ""));
    refuse(json!(["?"]), &forbidden("?", "articles", ""));
    refuse(json!(["+id"]), &forbidden("+id", "articles", ""));
    refuse(json!(["-"]), &forbidden("", "articles", ""));
    refuse(json!(["author.nope"]), &forbidden("nope", "authors", "author"));
    refuse(json!(["meta"]), "Invalid query. \"sort\" can't be applied to the field \"meta\".");
    refuse(json!(["title.slug"]), "Invalid query. \"sort\" can't be applied to the field \"title\".");
    refuse(json!(["year(title)"]), "Invalid query. Invalid function specified \"year\".");
    admin.refuse("authors", json!({"sort": ["password"]}), "Invalid query. \"sort\" can't be applied to the field \"password\".");
}

#[test]
fn nested_lists() {
    let admin = Reader::of("admin");
    let check = |deep: Value, expect: &str| {
        let query = json!({"fields": ["comments.id"], "deep": {"comments": deep}});
        admin.check("articles", query, &format!("articles[comments: *comments[id]{expect}] by sort,id"));
    };
    check(json!({"_limit": 1}), " by id limit 1");
    check(json!({"_limit": 0}), " by id limit 0");
    check(json!({"_limit": -1}), " by id unlimited");
    check(json!({"_offset": 1}), " by id offset 1");
    check(json!({"_page": 2, "_limit": 1}), " by id limit 1 offset 1");
    check(json!({"_sort": ["-id"]}), " by -id again by -id");
    check(json!({"_sort": ["-text"]}), " by -text,id");
    check(json!({"_search": "spam"}), " search (text ~~ *spam* or author_name ~~ *spam*) by id");
    check(json!({"_filter": {"approved": {"_eq": true}}, "_fields": ["text"]}), " where approved = true by id");
    admin.check(
        "comments",
        json!({"fields": ["article.id"], "deep": {"article": {"_filter": {"status": "draft"}}}}),
        "comments[article: articles[id] where status = 'draft'] by id",
    );
}

#[test]
fn windows() {
    let admin = Reader::of("admin");
    let check = |query: Value, expect: &str| admin.check("tags", query, &format!("tags[id, label] by id{expect}"));
    check(json!({"limit": 5}), " limit 5");
    check(json!({"limit": -1}), " unlimited");
    check(json!({"limit": 0, "page": 3}), " limit 0");
    check(json!({"limit": 2, "page": 3, "offset": 1}), " limit 2 offset 4");
    check(json!({"page": 2}), " offset 100");
    check(json!({"page": 2, "limit": -1, "offset": 3}), " unlimited offset 3");
    check(
        json!({"page": 9_007_199_254_740_991_u64, "limit": 9_007_199_254_740_991_u64}),
        " limit 9007199254740991 offset 9223372036854775807",
    );
    let bounded = Reader { limits: QueryLimits { default_limit: 3, max_limit: Some(5), ..QueryLimits::default() }, ..Reader::of("admin") };
    bounded.check("tags", json!({"limit": -1}), "tags[id, label] by id limit 5");
    bounded.check("tags", json!({}), "tags[id, label] by id limit 3");
    let ids = [json!(1), json!(2), json!(3), json!(4)];
    let limit = |reader: &Reader| sketch::plan(&reader.plan("tags", &json!({"fields": ["id"]}), Target::Keys(&ids)).unwrap());
    assert_eq!(limit(&bounded), "tags[id] where id in (1,2,3,4) by id limit 3");
    assert_eq!(limit(&admin), "tags[id] where id in (1,2,3,4) by id limit 4");
}

#[test]
fn keys() {
    let admin = Reader::of("admin");
    let read =
        |collection: &str, query: Value, key: Value| admin.plan(collection, &query, Target::Key(&key)).map(|plan| sketch::plan(&plan));
    let check = |key: Value, expect: &str| {
        assert_eq!(read("tags", json!({"fields": "id"}), key), Ok(format!("tags[id] where id = {expect} by id")))
    };
    check(json!(1), "1");
    check(json!("1"), "1");
    check(json!("1e2"), "100");
    check(json!(0), "0");
    let hidden = || Err(Refusal::Forbidden.message());
    for key in [json!("abc"), json!(1.5), json!(""), json!(null), json!(true), json!(9_999_999_999_u64), json!([1])] {
        assert_eq!(read("tags", json!({}), key.clone()), hidden(), "{key}");
    }
    assert_eq!(read("authors", json!({}), json!("not-a-uuid")), hidden());
    assert_eq!(read("categories", json!({"fields": "id"}), json!("")), Ok("categories[id] where id = '' by id".into()));
    // A filter on the key alone gives way; any other stays.
    assert_eq!(read("tags", json!({"fields": "id", "filter": {"id": 2}}), json!(1)), Ok("tags[id] where id = 1 by id".into()));
    assert_eq!(
        read("tags", json!({"fields": "id", "filter": {"label": "x"}, "meta": "*"}), json!(1)),
        Ok("tags[id] where (label = 'x' and id = 1) by id total found(label = 'x')".into())
    );
    assert_eq!(
        read("tags", json!({"fields": "id", "filter": {"id": 2}, "meta": "*"}), json!(1)),
        Ok("tags[id] where id = 1 by id total found(id = 2)".into())
    );
    let none = admin.plan("tags", &json!({"fields": "id"}), Target::Keys(&[]));
    assert_eq!(none.map(|plan| sketch::plan(&plan)), Ok("tags[id] where false by id limit 0".into()));
}

#[test]
fn searches() {
    let admin = Reader::of("admin");
    let check = |collection: &str, search: &str, expect: &str| {
        let text = admin.read(collection, &json!({"fields": ["id"], "search": search})).unwrap();
        let found = text.split_once(" search (").unwrap().1.split_once(") by").unwrap().0;
        assert_eq!(found, expect, "{search}");
    };
    let texts = |search: &str| format!("title ~~ *{search}* or slug ~~ *{search}* or status ~~ *{search}* or body ~~ *{search}*");
    let end = |search: &str| format!("secret ~~ *{search}* or category ~~ *{search}*");
    check("articles", "Engine", &format!("{} or {}", texts("Engine"), end("Engine")));
    check(
        "articles",
        "100",
        &format!("id = 100 or {} or views = 100 or score = 100 or price = 100 or big = 100 or {} or sort = 100", texts("100"), end("100")),
    );
    check("articles", "2.25", &format!("{} or score = 2.25 or price = 2.25 or {}", texts("2.25"), end("2.25")));
    check("articles", "0.10", &format!("{} or {}", texts("0.10"), end("0.10")));
    check("articles", "1e3", &format!("{} or {}", texts("1e3"), end("1e3")));
    let big = "9007199254740993";
    check("articles", big, &format!("{} or big = {big} or {}", texts(big), end(big)));
    let large = "99999999999";
    check("articles", large, &format!("{} or score = {large} or big = {large} or {}", texts(large), end(large)));
    let id = "A0000000-0000-4000-8000-000000000001";
    let lower = id.to_lowercase();
    let found = format!(
        "{} or secret ~~ *{id}* or author = '{lower}' or category ~~ *{id}* or user_created = '{lower}' or user_updated = '{lower}'",
        texts(id)
    );
    check("articles", id, &found);
    check("directus_users", "secret", "first_name ~~ *secret* or last_name ~~ *secret* or email ~~ *secret* or status ~~ *secret*");
}

#[test]
fn aggregates() {
    let admin = Reader::of("admin");
    let check = |query: Value, expect: &str| admin.check("articles", query, &format!("articles<{expect}"));
    check(json!({"aggregate": {"count": "*"}}), "count(*)>");
    check(json!({"aggregate": {"count": ["*", "id"]}}), "count(id)>");
    check(json!({"aggregate": {"count": "*"}, "fields": ["nope"], "sort": ["nope"]}), "count(*)>");
    check(json!({"aggregate": {"countAll": "*"}}), "count(nothing)>");
    check(json!({"aggregate": {"bogus": ["id"]}, "limit": 2}), "> limit 2");
    check(json!({"aggregate": {"sum": "views,price", "max": ["big"]}}), "sum(views), sum(price), max(big)>");
    check(
        json!({"aggregate": {"count": "*", "sum": ["views"]}, "groupBy": ["status", "year(published_at)"], "sort": ["-sum.views", "count"]}),
        "count(*), sum(views), status=status, published_at_year=Year(published_at)> by -f1,f0,g0,g1",
    );
    check(json!({"groupBy": "status", "sort": "-status"}), "status=status> by -g0");
    check(json!({"groupBy": "year(published_at)", "sort": "-year(published_at)"}), "published_at_year=Year(published_at)> by -g0");
    check(
        json!({"aggregate": {"count": "*"}, "filter": {"status": "draft"}, "search": "2026-01-01", "page": 2, "limit": 10}),
        "count(*)> where status = 'draft' search (title ~~ *2026-01-01* or slug ~~ *2026-01-01* or status ~~ *2026-01-01* or \
         body ~~ *2026-01-01* or secret ~~ *2026-01-01* or category ~~ *2026-01-01*) limit 10 offset 10",
    );
    let refuse = |query: Value, expect: &str| admin.refuse("articles", query, expect);
    refuse(json!({"aggregate": {"sum": ["nope"]}}), &forbidden("nope", "articles", ""));
    refuse(json!({"groupBy": ["nope"]}), &forbidden("nope", "articles", ""));
    refuse(json!({"groupBy": ["json(meta,k)"], "aggregate": {"count": "*"}}), &forbidden("meta,k", "articles", ""));
    refuse(json!({"aggregate": {"sum": ["title"]}}), "Invalid query. \"sum\" can't be applied to the field \"title\".");
    refuse(json!({"aggregate": {"count": ["comments"]}}), "Invalid query. \"count\" can't be applied to the field \"comments\".");
    refuse(json!({"aggregate": {"sum": "*"}}), "Invalid query. \"sum\" can't be applied to \"*\".");
    refuse(json!({"groupBy": ["author.name"]}), "Invalid query. \"groupBy\" can't go through a relation.");
    refuse(json!({"groupBy": ["comments"]}), "Invalid query. \"groupBy\" can't be applied to the field \"comments\".");
    refuse(
        json!({"groupBy": ["status"], "sort": ["title"]}),
        "Invalid query. \"sort\" by \"title\" needs it among the groups or aggregates.",
    );
    refuse(json!({"groupBy": ["status"], "sort": ["nope"]}), &forbidden("nope", "articles", ""));
}

#[test]
fn collection_of_system_tables_is_read_like_any_other() {
    let admin = Reader { schema: testing::newsroom(), ..Reader::of("admin") };
    admin.check("directus_roles", json!({}), "directus_roles[id, name, parent] by id");
}
