use serde_json::json;

use super::{Reader, forbidden, sketch};
use crate::schema::{FieldType, Schema};
use crate::testing;

#[test]
fn structure() {
    let admin = Reader::of("admin");
    admin.filter(json!({}), "");
    admin.filter(json!({"_or": []}), "");
    admin.filter(json!({"_and": []}), "");
    admin.filter(json!({"title": {}}), "");
    admin.filter(json!({"_or": [{"status": {"_eq": "archived"}}, {}]}), "");
    admin.filter(json!({"_and": [{"status": {"_eq": "archived"}}, {}]}), "status = 'archived'");
    admin.filter(json!({"title": "x", "views": {"_gt": 1, "_lt": 5}}), "(title = 'x' and (views > 1 and views < 5))");
    admin.filter(json!({"_or": [{"title": "x"}, {"views": 1}]}), "(title = 'x' or views = 1)");
    // Logical operators below a field mean the same as above it.
    admin.filter(json!({"title": {"_or": [{"_eq": "x"}, {"_null": true}]}}), "(title = 'x' or title null)");
    admin.filter(json!({"author": {"_or": [{"name": "x"}, {"_null": true}]}}), "(→authors.name = 'x' or author null)");
    admin.refuse_filter(json!(5), "Invalid filter key \"_eq\" on \"articles\"");
    admin.refuse("articles", json!({"filter": [{"status": {"_eq": "draft"}}]}), &forbidden("0", "articles", ""));
    admin.refuse("articles", json!({"filter": {"title": {"nope": {"_eq": 1}}}}), &forbidden("nope", "articles", ""));
    admin.refuse_filter(json!({"title": {"slug": {"_eq": 1}}}), "Invalid filter key \"slug\" on \"articles\"");
}

#[test]
fn operators_and_values_by_type() {
    let admin = Reader::of("admin");
    admin.filter(json!({"slug": {"_eq": null}}), "slug null");
    admin.filter(json!({"slug": {"_neq": "null"}}), "slug not null");
    admin.filter(json!({"slug": {"_null": false}}), "slug not null");
    admin.filter(json!({"slug": {"_nnull": "true"}}), "slug not null");
    admin.filter(json!({"slug": {"_empty": ""}}), "slug empty");
    admin.filter(json!({"labels": {"_nempty": true}}), "labels not empty");
    admin.filter(json!({"title": {"_eq": 5}}), "title = '5'");
    admin.filter(json!({"title": {"_contains": null}}), "title ~ *null*");
    admin.filter(json!({"title": {"_nistarts_with": "A%"}}), "title !~~ A%*");
    admin.filter(json!({"title": {"_ends_with": "z"}}), "title ~ *z");
    admin.filter(json!({"title": {"_in": "a,b"}}), "title in ('a','b')");
    admin.filter(json!({"title": {"_in": ""}}), "title in ('')");
    admin.filter(
        json!({"author": {"_nin": ["a0000000-0000-4000-8000-000000000001", null]}}),
        "author not in ('a0000000-0000-4000-8000-000000000001',null)",
    );
    admin.filter(json!({"author": {"_eq": "A0000000-0000-4000-8000-000000000001"}}), "author = 'a0000000-0000-4000-8000-000000000001'");
    // Numbers as JavaScript reads them.
    admin.filter(json!({"views": {"_eq": "  100 "}}), "views = 100");
    admin.filter(json!({"views": {"_eq": "1e2"}}), "views = 100");
    admin.filter(json!({"views": {"_eq": "0x64"}}), "views = 100");
    admin.filter(json!({"views": {"_eq": true}}), "views = 1");
    admin.filter(json!({"views": {"_gt": null}}), "views > 0");
    admin.filter(json!({"views": {"_in": [null, "2"]}}), "views in (0,2)");
    admin.filter(json!({"price": {"_eq": 0.1}}), "price = 0.1");
    admin.filter(json!({"price": {"_eq": "12345678901234567.89"}}), "price = 12345678901234567.89");
    admin.filter(json!({"score": {"_lt": "1e-7"}}), "score < 0.0000001");
    admin.filter(json!({"big": {"_eq": "9007199254740993"}}), "big = 9007199254740993");
    admin.filter(json!({"featured": {"_eq": "1"}}), "featured = true");
    admin.filter(json!({"featured": {"_neq": "false"}}), "featured <> false");
    admin.filter(json!({"published_at": {"_gt": "2026-03-01"}}), "published_at > '2026-03-01'");
    // Ranges.
    admin.filter(json!({"views": {"_between": "1,42"}}), "views 1..42");
    admin.filter(json!({"views": {"_nbetween": [1, 42]}}), "views not 1..42");
    admin.filter(json!({"views": {"_between": [1]}}), "");
    admin.filter(json!({"_or": [{"views": {"_between": [1, 2, 3]}}, {"views": 1}]}), "views = 1");
}

#[test]
fn refused_operators_and_values() {
    let admin = Reader::of("admin");
    let no_operator = |field: &str, kind: &str, operator: &str| {
        admin.refuse_filter(
            json!({field: {operator: "1"}}),
            &format!("\"{kind}\" field type does not contain the \"{operator}\" filter operator"),
        );
    };
    for (field, kind, operator) in [
        ("views", "integer", "_contains"),
        ("views", "integer", "_foo"),
        ("title", "string", "_gt"),
        ("title", "string", "_nicontains"),
        ("title", "string", "_regex"),
        ("event_date", "date", "_contains"),
        ("event_datetime", "dateTime", "_starts_with"),
        ("published_at", "timestamp", "_icontains"),
        ("published_at", "timestamp", "_contains"),
        ("meta", "json", "_eq"),
        ("author", "uuid", "_gt"),
        ("year(published_at)", "integer", "_contains"),
    ] {
        no_operator(field, kind, operator);
    }
    admin.refuse_filter(json!({"featured": {"_in": [true]}}), "\"boolean\" field type does not contain the \"_in\" filter operator");
    admin.refuse_filter(json!({"views": {"_empty": true}}), "\"integer\" field type does not contain the \"_empty\" filter operator");
    for value in [json!("abc"), json!("1; drop"), json!(1.5), json!("Infinity")] {
        admin.refuse_filter(json!({"views": {"_eq": value}}), "Invalid numeric value");
    }
    admin.refuse_filter(json!({"big": {"_eq": "1e2"}}), "Invalid numeric value");
    admin.refuse_filter(json!({"views": {"_eq": 2_147_483_648_u64}}), "Numeric value is out of range");
    admin.refuse_filter(json!({"score": {"_lt": "1e39"}}), "Numeric value is out of range");
    admin.refuse_filter(json!({"score": {"_lt": 1e-60}}), "Numeric value is out of range");
    admin.refuse_filter(json!({"title": {"_ends_with": "a\\"}}), "The filter value for \"_ends_with\" can't end with a backslash");
    admin.filter(json!({"title": {"_ends_with": "a\\\\"}}), "title ~ *a\\\\");
    admin.refuse_filter(json!({"year(published_at)": {"_eq": "abc"}}), "Invalid numeric value");
    admin.refuse_filter(json!({"author": {"_eq": "junk"}}), "Invalid uuid value");
    admin.refuse_filter(json!({"featured": {"_eq": "maybe"}}), "Invalid boolean value");
    admin.refuse_filter(json!({"title": {"_icontains": 5}}), "The filter value for \"_icontains\" has to be a string");
    admin.refuse_filter(json!({"title": {"_eq": "a\u{0}b"}}), "A filter value can't contain the character U+0000");
    // Hashes and concealed columns only know whether they are there.
    let author = |filter| json!({"fields": ["name"], "filter": filter});
    admin.refuse(
        "authors",
        author(json!({"password": {"_eq": "x"}})),
        "Invalid query. \"hash\" field type does not contain the \"_eq\" filter operator.",
    );
    admin.check("authors", author(json!({"password": {"_nnull": true}})), "authors[name] where password not null by id");
    let token = json!({"fields": ["id"], "filter": {"token": {"_eq": "x"}}});
    admin.refuse("directus_users", token, "Invalid query. Field with \"conceal\" special does not allow the \"_eq\" filter operator.");
}

#[test]
fn relations() {
    let admin = Reader::of("admin");
    admin.filter(json!({"author": {"name": {"_neq": "Ada"}}}), "→authors.name <> 'Ada'");
    admin.filter(json!({"category": {"parent": {"name": "News"}}}), "→categories.→categories.name = 'News'");
    admin.filter(
        json!({"comments": {"approved": true, "author_name": "bot"}}),
        "(⇉comments.approved = true and ⇉comments.author_name = 'bot')",
    );
    admin.filter(json!({"comments": {"_eq": 3}}), "⇉comments.id = 3");
    admin.filter(json!({"comments": {"_null": true}}), "⇉comments.id null");
    admin.filter(json!({"category": {"children": {"_nnull": true}}}), "→categories.⇉categories.id not null");
    admin.filter(json!({"tags": {"tags_id": {"label": "beta"}}}), "⇉articles_tags.→tags.label = 'beta'");
    admin.filter(json!({"author": {"year(born)": {"_lt": 1900}}}), "→authors.Year(born) < 1900");
    admin.filter(json!({"count(comments)": {"_eq": 2}}), "count(⇉comments) = 2");
    admin.refuse("articles", json!({"filter": {"author": {"nope": {"_eq": 1}}}}), &forbidden("nope", "authors", "author"));
    admin.refuse("articles", json!({"filter": {"year(author.born)": {"_lt": 1}}}), &forbidden("author.born", "articles", ""));
    admin.refuse("articles", json!({"filter": {"author.year(born)": {"_lt": 1}}}), &forbidden("born", "articles", ""));
    admin.refuse("articles", json!({"filter": {"json(meta,k)": {"_eq": "v"}}}), &forbidden("meta,k", "articles", ""));
    admin.refuse("articles", json!({"filter": {"author:authors": {"name": "x"}}}), &forbidden("author:authors", "articles", ""));
    admin.refuse_filter(json!({"year(title)": {"_eq": 1}}), "Invalid filter key \"year(title)\" on \"articles\"");
    admin.refuse_filter(json!({"bogus(title)": {"_eq": 1}}), "Invalid filter key \"bogus(title)\" on \"articles\"");
}

#[test]
fn some_and_none() {
    let admin = Reader::of("admin");
    admin.filter(json!({"comments": {"_some": {"approved": false}}}), "some ⇉comments(approved = false)");
    admin.filter(json!({"comments": {"_none": {"approved": true}}}), "none ⇉comments(approved = true)");
    admin.filter(json!({"tags": {"_some": {"tags_id": {"label": "beta"}}}}), "some ⇉articles_tags(→tags.label = 'beta')");
    // Ignored, as observed.
    admin.filter(json!({"comments": {"_some": {}}}), "");
    admin.filter(json!({"comments": {"_some": {"approved": true, "author_name": "bot"}}}), "");
    admin.filter(json!({"comments": {"_none": {"_or": [{"approved": true}]}}}), "");
    let misplaced = "\"_some\" can only be used with top level relational alias field";
    admin.refuse_filter(json!({"author": {"_some": {"name": "x"}}}), misplaced);
    admin.refuse_filter(json!({"category": {"children": {"_some": {"id": "ai"}}}}), misplaced);
    admin.refuse_filter(json!({"_some": {"title": "ai"}}), misplaced);
    admin.refuse("articles", json!({"filter": {"comments": {"_some": {"nope": 1}}}}), &forbidden("nope", "comments", "comments"));
}

#[test]
fn many_to_any_needs_a_scope() {
    let admin = Reader::of("admin");
    let filter = |filter| json!({"fields": ["id"], "filter": filter});
    admin.check(
        "pages",
        filter(json!({"blocks": {"item:block_text": {"body": {"_contains": "x"}}}})),
        "pages[id] where ⇉pages_blocks.↝block_text.body ~ *x* by id",
    );
    admin.refuse("pages", filter(json!({"blocks": {"item": {"body": "x"}}})), &forbidden("body", "pages_blocks", "blocks"));
    admin.refuse(
        "pages",
        filter(json!({"blocks": {"item": {"id": 1}}})),
        "Invalid query. You have to provide a collection scope when sorting or filtering on a many-to-any item.",
    );
    admin.refuse("pages", filter(json!({"blocks": {"item:tags": {"label": "x"}}})), &forbidden("item:tags", "pages_blocks", "blocks"));
}

#[test]
fn json_columns() {
    let admin = Reader::of("admin");
    let json_filter = |value| json!({"meta": {"_json": value}});
    admin.filter(json_filter(json!({"k": {"_eq": "v"}})), "meta .k = 'v'");
    admin.filter(json_filter(json!({"n": {"_gt": 0}})), "meta .n > 0");
    admin.filter(json_filter(json!({"a.list[1]": {"_in": [2, "x"]}})), "meta .a.list[1] in (2,'x')");
    admin.filter(json_filter(json!({"k": {"_null": true}})), "meta .k null");
    admin.filter(json_filter(json!({"_or": [{"k": {"_eq": "w"}}, {"n": {"_eq": 1}}]})), "meta (.k = 'w' or .n = 1)");
    admin.filter(json_filter(json!({"k": {"_eq": "v", "_neq": "w"}})), "meta .k = 'v'");
    admin.filter(json_filter(json!(5)), "");
    admin.filter(json_filter(json!([1])), "");
    admin.refuse_filter(json_filter(json!({"a..b": {"_eq": 1}})), "Invalid JSON path: unsupported path expression");
    admin.refuse_filter(
        json_filter(json!({"a": {"b": {"_eq": 1}}})),
        "\"_json\" path \"a\" cannot contain a nested path \"b\"; use a single flat path like \"a.b\"",
    );
    admin.refuse_filter(json_filter(json!({"a.b.c.d.e.f.g.h.i.j.k": {"_eq": 1}})), "JSON path depth (11) exceeds allowed maximum of 10");
}

#[test]
fn geometry() {
    let mut collections = testing::collections();
    collections
        .push(testing::collection("places", vec![testing::column("id", FieldType::Integer), testing::column("at", FieldType::Geometry)]));
    let admin = Reader { schema: Schema::new(collections, testing::relations()), ..Reader::of("admin") };
    let point = json!({"type": "Point", "coordinates": [1, 2]});
    let filter = |filter| json!({"fields": ["id"], "filter": {"at": filter}});
    admin.check(
        "places",
        filter(json!({"_intersects": point})),
        "places[id] where at Intersects {\"type\":\"Point\",\"coordinates\":[1,2]} by id",
    );
    admin.check("places", filter(json!({"_null": true})), "places[id] where at null by id");
}

#[test]
fn rules_say_what_they_mean_or_nothing() {
    let reader = Reader::of("reporter");
    let articles = reader.schema.collection("articles").unwrap();
    let check = |rule: serde_json::Value, expect: &str| {
        let planned = reader.planner().rule_filter(articles, &rule);
        assert_eq!(planned.as_ref().map(sketch::filter).unwrap_or_else(|refusal| refusal.message()), expect, "{rule}");
    };
    check(json!({}), "true");
    check(json!(null), "true");
    check(json!("{\"title\":\"x\"}"), "title = 'x'");
    // Raw values and all rows, whoever asks.
    check(json!({"secret": "x"}), "secret = 'x'");
    check(json!({"comments": {"approved": false}}), "⇉comments.approved = false");
    check(json!({"count(comments)": {"_gt": 1}}), "count(⇉comments) > 1");
    check(json!({"category": {"name": "x"}}), "→categories.name = 'x'");
    // What a user's filter would ignore.
    check(
        json!({"comments": {"_some": {"approved": true, "author_name": "bot"}}}),
        "some ⇉comments((approved = true and author_name = 'bot'))",
    );
    check(json!({"comments": {"_none": {}}}), "none ⇉comments(true)");
    check(json!({"views": {"_between": [1]}}), "Invalid query. \"_between\" has to be an array of two values.");
    check(json!({"meta": {"_json": 5}}), "Invalid query. \"_json\" has to be an object.");
    // Lists that variables have emptied.
    check(json!({"author": {"_in": []}}), "false");
    check(json!({"author": {"_nin": []}}), "true");
    check(json!({"nope": 1}), "Invalid query. Invalid filter key \"nope\" on \"articles\".");
    check(json!("{bad"), "Invalid query. Invalid JSON for filter object.");
    check(json!({"title": null}), "Invalid query. Invalid filter object.");
}
