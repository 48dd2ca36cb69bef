use serde_json::json;

use super::{Reader, forbidden, forbidden_collection};
use crate::query::QueryLimits;
use crate::schema::Schema;
use crate::testing;

#[test]
fn columns_and_wildcards() {
    let admin = Reader::of("admin");
    admin.check("tags", json!({}), "tags[id, label] by id");
    admin.check("tags", json!({"fields": []}), "tags[] by id");
    admin.check("tags", json!({"fields": "label, id,label"}), "tags[label, id] by id");
    admin.check("categories", json!({}), "categories[id, name, parent, children: *categories[] by id] by id");
    admin.check(
        "categories",
        json!({"fields": ["*.*"]}),
        "categories[id, name, parent: categories[id, name, parent, children: *categories[] by id], \
         children: *categories[id, name, parent, children: *categories[] by id] by id] by id",
    );
    admin.check("articles", json!({"fields": ["id", "title.nope"]}), "articles[id] by sort,id");
    admin.check("articles", json!({"fields": ["title.nope"]}), "articles[] by sort,id");
    admin.check("articles", json!({"fields": ["nope.x", "id"]}), "articles[id] by sort,id");
}

#[test]
fn relations() {
    let admin = Reader::of("admin");
    admin.check("articles", json!({"fields": ["id", "author"]}), "articles[id, author] by sort,id");
    admin.check("articles", json!({"fields": ["author", "author.name"]}), "articles[author: authors[name]] by sort,id");
    admin.check("articles", json!({"fields": ["author.title.nope"]}), "articles[author: authors[]] by sort,id");
    admin.check("articles", json!({"fields": ["comments"]}), "articles[comments: *comments[] by id] by sort,id");
    admin.check(
        "articles",
        json!({"fields": ["comments.text", "comments.article.title", "tags.tags_id.label"]}),
        "articles[comments: *comments[text, article: articles[title]] by id, tags: *articles_tags[tags_id: tags[label]] by id] by sort,id",
    );
    admin.check("articles", json!({"fields": ["id", "author:authors.name"]}), "articles[id, author: authors[]] by sort,id");
}

#[test]
fn many_to_any() {
    let admin = Reader::of("admin");
    admin.check("pages", json!({"fields": ["blocks"]}), "pages[blocks: *pages_blocks[] by sort,id] by id");
    admin.check(
        "pages",
        json!({"fields": ["blocks.item:block_text.body", "blocks.collection"]}),
        "pages[blocks: *pages_blocks[item: (block_text[body] / block_image), collection] by sort,id] by id",
    );
    admin.check(
        "pages",
        json!({"fields": ["blocks.item.*"]}),
        "pages[blocks: *pages_blocks[item: (block_text[id, body] / block_image[id, url, caption])] by sort,id] by id",
    );
    admin.refuse("pages", json!({"fields": ["blocks.item.body"]}), &forbidden("body", "block_image", "blocks.item:block_image"));
    admin.check(
        "pages",
        json!({"fields": ["blocks.item.id"], "deep": {"blocks": {"item:block_text": {"_filter": {"body": {"_contains": "x"}}}}}}),
        "pages[blocks: *pages_blocks[item: (block_text[id] where body ~ *x* / block_image[id])] by sort,id] by id",
    );
}

#[test]
fn wildcards_may_stop_at_the_way_back() {
    let admin = Reader::of("admin");
    admin.check(
        "pages",
        json!({"fields": ["*.*.*"], "backlink": false}),
        "pages[id, title, blocks: *pages_blocks[id, pages_id, item: (block_text[id, body] / block_image[id, url, caption]), collection, sort] by sort,id] by id",
    );
    admin.check(
        "categories",
        json!({"fields": ["*.*.*"], "backlink": "false"}),
        "categories[id, name, parent: categories[id, name, parent, children: *categories[] by id], \
         children: *categories[id, name, parent, children: *categories[] by id] by id] by id",
    );
}

#[test]
fn functions() {
    let admin = Reader::of("admin");
    admin.check(
        "articles",
        json!({"fields": ["year(published_at)", "hour(event_time)", "count(comments)", "count(meta)", "json(meta, list[0])"]}),
        "articles[published_at_year: Year(published_at), event_time_hour: Hour(event_time), comments_count: count(⇉comments), \
         meta_count: count(meta), meta_list_0_json: meta.list[0]] by sort,id",
    );
    let born = "articles[author: authors[born_year: Year(born)]] by sort,id";
    admin.check("articles", json!({"fields": ["year(author.born)"]}), born);
    admin.check("articles", json!({"fields": ["author.year(born)"]}), born);
    for (field, function) in [
        ("year(title)", "year"),
        ("bogus(title)", "bogus"),
        ("hour(event_date)", "hour"),
        ("year(event_time)", "year"),
        ("count(title)", "count"),
        ("json(title, a)", "json"),
    ] {
        admin.refuse("articles", json!({"fields": [field]}), &format!("Invalid query. Invalid function specified \"{function}\"."));
    }
    admin.refuse("articles", json!({"fields": ["year(nope)"]}), &forbidden("nope", "articles", ""));
    admin.refuse("articles", json!({"fields": ["json(meta, a..b)"]}), "Invalid query. Invalid JSON path: unsupported path expression.");
    admin.refuse("articles", json!({"fields": ["json(meta)"]}), "Invalid query. Invalid json() syntax: requires json(field, path) format.");
}

#[test]
fn aliases() {
    let admin = Reader::of("admin");
    admin.check("articles", json!({"fields": ["id", "t"], "alias": {"t": "title"}}), "articles[id, t: title] by sort,id");
    admin.check("articles", json!({"fields": ["t"], "alias": {"t": "title"}}), "articles[] by sort,id");
    admin.check("articles", json!({"fields": ["y"], "alias": {"y": "year(published_at)"}}), "articles[y: Year(published_at)] by sort,id");
    admin.check("articles", json!({"fields": ["j"], "alias": {"j": "json(meta, a.b)"}}), "articles[j: meta.a.b] by sort,id");
    admin.check(
        "articles",
        json!({
            "fields": ["id", "good.id", "spam.id"], "alias": {"good": "comments", "spam": "comments"},
            "deep": {"good": {"_filter": {"approved": {"_eq": true}}}, "spam": {"_filter": {"approved": {"_eq": false}}}},
        }),
        "articles[id, good: *comments[id] where approved = true by id, spam: *comments[id] where approved = false by id] by sort,id",
    );
    admin.check(
        "articles",
        json!({"fields": ["comments.c"], "deep": {"comments": {"_alias": {"c": "text"}}}}),
        "articles[comments: *comments[] by id] by sort,id",
    );
    admin.check("tags", json!({"fields": ["*"], "alias": {"l": "label"}}), "tags[id, label, l: label] by id");
    admin.refuse("articles", json!({"fields": ["a"], "alias": {"a": "nope"}}), &forbidden("nope", "articles", ""));
    admin.refuse("articles", json!({"alias": {"a": "title"}, "filter": {"a": {"_eq": "x"}}}), &forbidden("a", "articles", ""));
}

#[test]
fn unknown_names_have_their_texts() {
    let admin = Reader::of("admin");
    admin.refuse("articles", json!({"fields": ["nope"]}), &forbidden("nope", "articles", ""));
    admin.refuse(
        "articles",
        json!({"fields": ["nope", "nada"]}),
        "You don't have permission to access fields \"nope\", \"nada\" in collection \"articles\" or they do not exist. Queried in root.",
    );
    admin.refuse("articles", json!({"fields": ["author.nope"]}), &forbidden("nope", "authors", "author"));
    admin.refuse("articles", json!({"fields": ["comments.nope", "id"]}), &forbidden("nope", "comments", "comments"));
    for name in ["**", "-id", "$thumbnail", "tit*"] {
        admin.refuse("articles", json!({"fields": [name]}), &forbidden(name, "articles", ""));
    }
    admin.refuse("nope", json!({}), &forbidden_collection("nope", ""));
    admin.refuse(
        "articles",
        json!({"fields": ["comments.id"], "deep": {"comments": {"_filter": {"nope": 1}}}}),
        &forbidden("nope", "comments", "comments"),
    );
    admin.refuse(
        "articles",
        json!({"fields": ["comments.id"], "deep": {"comments": {"_sort": ["nope"]}}}),
        &forbidden("nope", "comments", "comments"),
    );
}

#[test]
fn inactive_collections() {
    let mut collections = testing::collections();
    for collection in &mut collections {
        collection.active = &*collection.name != "tags";
    }
    let schema = || Schema::new(collections.clone(), testing::relations());
    let inactive = "Collection \"tags\" is inactive.";
    let admin = Reader { schema: schema(), ..Reader::of("admin") };
    admin.refuse("tags", json!({}), inactive);
    admin.refuse("articles", json!({"fields": ["id", "tags.tags_id.label"]}), inactive);
    admin.refuse("articles", json!({"filter": {"tags": {"tags_id": {"label": "x"}}}}), inactive);
    admin.check(
        "articles",
        json!({"fields": ["tags.*.*"]}),
        // The wildcard skips what is inactive.
        &admin.read("articles", &json!({"fields": ["tags.id", "tags.articles_id.*", "tags.tags_id"]})).unwrap(),
    );
    let editor = Reader { schema: schema(), ..Reader::of("editor") };
    editor.refuse("tags", json!({}), inactive);
    let reader = Reader { schema: schema(), ..Reader::of("reader") };
    reader.refuse("tags", json!({}), &forbidden_collection("tags", ""));
}

#[test]
fn hostile_selections_are_refused() {
    let admin = Reader { limits: QueryLimits { max_relational_depth: 64, ..QueryLimits::default() }, ..Reader::of("admin") };
    let bounded = "Invalid query. A query can't select more than 5000 fields.";
    admin.refuse("articles", json!({"fields": [vec!["*"; 30].join(".")]}), bounded);
    let deep = format!("{}id", "category.".to_owned() + &"parent.".repeat(60));
    assert!(admin.read("articles", &json!({"fields": [deep]})).is_ok());
}
