//! Whole documents against the newsroom: what is asked of the engine, and what becomes of its answers.

use std::sync::Arc;

use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::testing;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::prepared::{Call, EventKind, RootField, Subscription};
use crate::response::Outcome;

fn schema(user: &str) -> Schema {
    Schema::build(&Arc::new(testing::newsroom()), &testing::permissions(user))
}

fn prepared(user: &str, document: &str, variables: Value) -> Result<Prepared, Refused> {
    let request = Request { document, variables: variables.as_object(), operation_name: None };
    prepare(&schema(user), request, &Limits::default())
}

fn fields(document: &str, variables: Value) -> Vec<RootField> {
    match prepared("admin", document, variables) {
        Ok(Prepared::Query(fields) | Prepared::Mutation(fields)) => fields,
        other => panic!("{document}: {other:?}"),
    }
}

fn subscription(document: &str, variables: Value) -> Subscription {
    match prepared("admin", document, variables) {
        Ok(Prepared::Subscription(subscription)) => *subscription,
        other => panic!("{document}: {other:?}"),
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

/// The query of a document's first root field, which the engine must be able to plan.
fn query(document: &str) -> Value {
    let fields = fields(document, json!({}));
    let call = &fields[0].call;
    let (Call::ReadMany { collection, query } | Call::ReadSingleton { collection, query } | Call::Aggregate { collection, query }) = call
    else {
        panic!("{call:?}");
    };
    plannable(collection, query);
    query.clone()
}

fn plannable(collection: &str, query: &Value) {
    let (schema, limits) = (testing::newsroom(), QueryLimits::default());
    let parsed = Query::parse(query, &limits).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"));
    let planner = Planner { schema: &schema, permissions: &testing::permissions("admin"), limits: &limits };
    planner.read(collection, &parsed, Target::Query).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"));
}

/// What a document's root fields become of these rows.
fn answered(document: &str, rows: &[Value]) -> Value {
    let fields = fields(document, json!({}));
    let outcomes = rows.iter().map(|rows| Outcome::Rows(raw(rows))).collect();
    serde_json::to_value(Prepared::respond(&fields, outcomes)).unwrap()
}

fn refusal(document: &str) -> Vec<String> {
    match prepared("admin", document, json!({})) {
        Err(Refused::Request(errors)) => errors.into_iter().map(|error| error.message).collect(),
        other => panic!("{document}: {other:?}"),
    }
}

#[test]
fn columns_aliases_and_type_names() {
    let document = "{ articles(limit: 2, sort: [\"-id\"]) { a: title title __typename id } }";
    assert_eq!(query(document), json!({"sort": ["-id"], "limit": 2, "fields": ["title", "id"]}));
    assert_eq!(
        answered(document, &[json!([{"title": "x", "id": 1}, {"title": null, "id": 2}])]),
        json!({"data": {"articles": [
            {"a": "x", "title": "x", "__typename": "articles", "id": "1"},
            {"a": null, "title": null, "__typename": "articles", "id": "2"},
        ]}})
    );
    // Rows of which nothing is asked are still rows.
    assert_eq!(query("{ articles { __typename } }"), json!({"fields": ["id"]}));
    assert_eq!(answered("{ articles { __typename } }", &[json!([{"id": 1}])]), json!({"data": {"articles": [{"__typename": "articles"}]}}));
}

#[test]
fn relations_with_arguments_and_aliases() {
    let document = "{ articles { author { name } good: comments(filter: {approved: {_eq: true}}, limit: 1) { text } \
        bad: comments(filter: {approved: {_eq: false}}) { id c: text } tags { tags_id { label __typename } } } }";
    assert_eq!(
        query(document),
        json!({
            "fields": ["author.name", "comments.text", "comments__2.id", "comments__2.text", "tags.tags_id.label"],
            "alias": {"comments__2": "comments"},
            "deep": {
                "comments": {"_filter": {"approved": {"_eq": true}}, "_limit": 1},
                "comments__2": {"_filter": {"approved": {"_eq": false}}},
            },
        })
    );
    let row = json!({"author": {"name": "Ada"}, "comments": [{"text": "a"}], "comments__2": [{"id": 7, "text": "b"}], "tags": [{"tags_id": null}]});
    assert_eq!(
        answered(document, &[json!([row])]),
        json!({"data": {"articles": [{
            "author": {"name": "Ada"}, "good": [{"text": "a"}], "bad": [{"id": "7", "c": "b"}], "tags": [{"tags_id": null}],
        }]}})
    );
    assert_eq!(
        query("{ articles { comments { article { comments(sort: [\"id\"]) { a: article { id } b: article { title } } } } } }"),
        json!({
            "fields": ["comments.article.comments.article.id", "comments.article.comments.article__2.title"],
            "deep": {"comments": {"article": {"comments": {"_alias": {"article__2": "article"}, "_sort": ["id"]}}}},
        })
    );
}

#[test]
fn fragments_merge() {
    let document = "query ($yes: Boolean = true) { articles { ...A ... on articles { author { name } } ... @include(if: $yes) { title } \
        ... @skip(if: $yes) { body } } } fragment A on articles { author { id } ...B } fragment B on articles { id }";
    assert_eq!(query(document), json!({"fields": ["author.id", "author.name", "id", "title"]}));
}

#[test]
fn functions_of_fields() {
    let document = "{ articles { published_at_func { year y: year month } comments_func { count } \
        meta_func { count k: json(path: \"k\") l: json(path: \"list[0]\") again: json(path: \"k\") } } }";
    assert_eq!(
        query(document),
        json!({
            "fields": ["year(published_at)", "month(published_at)", "count(comments)", "count(meta)", "meta_json__1", "meta_json__2"],
            "alias": {"meta_json__1": "json(meta, k)", "meta_json__2": "json(meta, list[0])"},
        })
    );
    let row = json!({"published_at_year": 2026, "published_at_month": 1, "comments_count": 2, "meta_count": null, "meta_json__1": {"a": 1.5}, "meta_json__2": 0});
    assert_eq!(
        answered(document, &[json!([row])]),
        json!({"data": {"articles": [{
            "published_at_func": {"year": 2026, "y": 2026, "month": 1}, "comments_func": {"count": 2},
            "meta_func": {"count": null, "k": {"a": 1.5}, "l": 0, "again": {"a": 1.5}},
        }]}})
    );
}

#[test]
fn many_to_any() {
    let document = "{ pages { blocks(sort: [\"sort\"]) { item { __typename ... on block_text { body } ...I } } } } fragment I on block_image { u: url }";
    assert_eq!(
        query(document),
        json!({
            "fields": ["blocks.collection", "blocks.item:block_image.url", "blocks.item:block_text.body"],
            "deep": {"blocks": {"_sort": ["sort"]}},
        })
    );
    let rows = json!([{"blocks": [
        {"collection": "block_text", "item": {"body": "b"}},
        {"collection": "block_image", "item": {"url": "u"}},
        {"collection": "block_text", "item": null},
    ]}]);
    assert_eq!(
        answered(document, &[rows]),
        json!({"data": {"pages": [{"blocks": [
            {"item": {"__typename": "block_text", "body": "b"}}, {"item": {"__typename": "block_image", "u": "u"}}, {"item": null},
        ]}]}})
    );
    assert_eq!(
        query("{ pages { blocks { item { ... on block_text { body } } } } }"),
        json!({"fields": ["blocks.collection", "blocks.item:block_image.id", "blocks.item:block_text.body"]})
    );
}

#[test]
fn filters_in_the_engines_words() {
    let document = "{ articles(filter: {_and: [{published_at_func: {year: {_eq: 2026}}}, {author: {name: {_contains: \"a\"}}}], \
        comments: {_some: {approved: {_eq: true}}}, views: {_between: [1, \"5\"]}}, search: \"x\", page: 2, offset: 1) { id } }";
    assert_eq!(
        query(document),
        json!({
            "filter": {
                "_and": [{"year(published_at)": {"_eq": 2026}}, {"author": {"name": {"_contains": "a"}}}],
                "comments": {"_some": {"approved": {"_eq": true}}},
                "views": {"_between": [1, "5"]},
            },
            "offset": 1, "page": 2, "search": "x", "fields": ["id"],
        })
    );
    let document = "{ pages(filter: {blocks: {_none: {item__block_text: {body: {_null: true}}}}}) { id } }";
    assert_eq!(query(document), json!({"filter": {"blocks": {"_none": {"item:block_text": {"body": {"_null": true}}}}}, "fields": ["id"]}));
}

#[test]
fn totals_and_groups() {
    let document = "{ articles_aggregated(groupBy: [\"status\"], filter: {views: {_gt: 1}}) { group countAll count { title } a: avg { views } \
        sum { price } __typename } }";
    assert_eq!(
        query(document),
        json!({
            "filter": {"views": {"_gt": 1}}, "groupBy": ["status"],
            "aggregate": {"count": ["id", "title"], "avg": ["views"], "sum": ["price"]},
        })
    );
    let row = json!({"status": "draft", "count": {"id": 3, "title": 2}, "avg": {"views": "1.50"}, "sum": {"price": "20.00"}});
    assert_eq!(
        answered(document, &[json!([row])]),
        json!({"data": {"articles_aggregated": [{
            "group": {"status": "draft"}, "countAll": 3, "count": {"title": 2}, "a": {"views": 1.5}, "sum": {"price": 20}, "__typename": "articles_aggregated",
        }]}})
    );
    assert_eq!(query("{ articles_aggregated(groupBy: [\"status\"]) { group } }"), json!({"groupBy": ["status"]}));
    assert_eq!(query("{ articles_aggregated { __typename } }"), json!({"aggregate": {"count": ["*"]}}));
}

#[test]
fn single_items_and_singletons() {
    let by_id = &fields("{ articles_by_id(id: 5, version: \"v1\") { id } }", json!({}))[0];
    assert_eq!(
        by_id.call,
        Call::ReadOne { collection: "articles".into(), key: json!("5"), query: json!({"version": "v1", "fields": ["id"]}) }
    );
    let singleton = &fields("{ site_settings { site_name } }", json!({}))[0];
    assert_eq!(singleton.call, Call::ReadSingleton { collection: "site_settings".into(), query: json!({"fields": ["site_name"]}) });
    let version = &fields("{ articles_by_version(id: \"5\", version: \"v1\") { author title } }", json!({}))[0];
    assert_eq!(
        version.call,
        Call::ReadOne { collection: "articles".into(), key: json!("5"), query: json!({"version": "v1", "fields": ["author", "title"]}) }
    );
}

#[test]
fn writes() {
    let document = "mutation ($d: create_articles_input!) { one: create_articles_item(data: $d) { id } \
        many: create_messages_items(data: [{text: \"a\"}, {text: \"b\"}], sort: [\"id\"]) { text } \
        update_messages_item(id: 1, data: {text: \"x\"}) { id } \
        update_messages_items(ids: [1, \"2\"], data: {user: null}) { id } \
        update_messages_batch(data: [{id: 2, text: \"p\"}]) { id } \
        update_site_settings(data: {site_name: \"s\"}) { site_name } \
        delete_messages_item(id: 1) { id __typename } delete_messages_items(ids: [2, 3]) { ids } }";
    let data = json!({"title": "n", "author": {"name": "A"}, "comments": [{"text": "c"}], "big": "9007199254740993"});
    let fields = fields(document, json!({"d": data}));
    let calls: Vec<&Call> = fields.iter().map(|field| &field.call).collect();
    let messages: Arc<str> = "messages".into();
    let id = || Some(json!({"fields": ["id"]}));
    let map = |value: Value| value.as_object().cloned().unwrap();
    assert_eq!(
        calls,
        [
            &Call::Create { collection: "articles".into(), data, query: id() },
            &Call::Create {
                collection: Arc::clone(&messages),
                data: json!([{"text": "a"}, {"text": "b"}]),
                query: Some(json!({"sort": ["id"], "fields": ["text"]}))
            },
            &Call::UpdateOne { collection: Arc::clone(&messages), key: json!("1"), data: map(json!({"text": "x"})), query: id() },
            &Call::UpdateMany {
                collection: Arc::clone(&messages),
                keys: vec![json!("1"), json!("2")],
                data: map(json!({"user": null})),
                query: id()
            },
            &Call::UpdateBatch { collection: Arc::clone(&messages), data: json!([{"id": "2", "text": "p"}]), query: id() },
            &Call::UpdateSingleton {
                collection: "site_settings".into(),
                data: map(json!({"site_name": "s"})),
                query: Some(json!({"fields": ["site_name"]}))
            },
            &Call::DeleteOne { collection: Arc::clone(&messages), key: json!("1") },
            &Call::DeleteMany { collection: Arc::clone(&messages), keys: vec![json!("2"), json!("3")] },
        ]
    );
    let rows = [
        json!({"id": 1}),
        json!([{"text": "a"}, {"text": "b"}]),
        json!({"id": 1}),
        json!([{"id": 1}, {"id": 2}]),
        json!([{"id": 2}]),
        json!({"site_name": "s"}),
        json!("1"),
        json!(["2", "3"]),
    ];
    let outcomes = rows.iter().map(|rows| Outcome::Rows(raw(rows))).collect();
    assert_eq!(
        serde_json::to_value(Prepared::respond(&fields, outcomes)).unwrap(),
        json!({"data": {
            "one": {"id": "1"}, "many": [{"text": "a"}, {"text": "b"}], "update_messages_item": {"id": "1"},
            "update_messages_items": [{"id": "1"}, {"id": "2"}], "update_messages_batch": [{"id": "2"}],
            "update_site_settings": {"site_name": "s"}, "delete_messages_item": {"id": "1", "__typename": "delete_one"},
            "delete_messages_items": {"ids": ["2", "3"]},
        }})
    );
}

#[test]
fn what_may_not_be_read_is_answered_with_true() {
    let mut permissions = access::permission::Permissions::none();
    permissions.add("messages", access::permission::Action::Create, testing::rule(&Value::Null, &["*"]));
    let schema = Schema::build(&Arc::new(testing::newsroom()), &permissions);
    let request = Request { document: "mutation { create_messages_item(data: {text: \"a\"}) }", variables: None, operation_name: None };
    let Ok(Prepared::Mutation(fields)) = prepare(&schema, request, &Limits::default()) else { panic!("a mutation") };
    assert!(matches!(&fields[0].call, Call::Create { query: None, .. }));
    let response = Prepared::respond(&fields, vec![Outcome::Answered]);
    assert_eq!(serde_json::to_value(response).unwrap(), json!({"data": {"create_messages_item": true}}));
}

#[test]
fn subscriptions() {
    let one = subscription("subscription { articles_mutated { key event data { id title } } }", json!({}));
    assert_eq!((&*one.collection, one.event, one.selects_item), ("articles", None, true));
    assert_eq!(one.query, json!({"fields": ["id", "title"]}));
    let item = raw(&json!({"id": 1, "title": "t"}));
    assert_eq!(
        serde_json::to_value(one.respond(&json!("1"), EventKind::Update, Some(&item))).unwrap(),
        json!({"data": {"articles_mutated": {"key": "1", "event": "update", "data": {"id": "1", "title": "t"}}}})
    );
    assert_eq!(
        serde_json::to_value(one.respond(&json!(1), EventKind::Delete, None)).unwrap(),
        json!({"data": {"articles_mutated": {"key": "1", "event": "delete", "data": null}}})
    );
    assert_eq!(one, subscription("subscription { articles_mutated { key event data { id title } } }", json!({})));
}

/// What the recorded server fails at.
#[test]
fn subscriptions_take_variables_fragments_aliases_and_arguments() {
    let document = "subscription S($e: EventEnum) { x: articles_mutated(event: $e) { ...F ... on articles_mutated { d: data { b: author { name } \
        comments(filter: {approved: {_eq: true}}) { text } } } } } fragment F on articles_mutated { data { ...A } __typename } \
        fragment A on articles { a: title published_at_func { year } }";
    let one = subscription(document, json!({"e": "create"}));
    assert_eq!(one.event, Some(EventKind::Create));
    assert_eq!(
        one.query,
        json!({
            "fields": ["title", "year(published_at)", "author.name", "comments.text", "id"],
            "deep": {"comments": {"_filter": {"approved": {"_eq": true}}}},
        })
    );
    plannable("articles", &one.query);
    let item = raw(&json!({"title": "t", "published_at_year": 2026, "author": {"name": "n"}, "comments": [], "id": 1}));
    assert_eq!(
        serde_json::to_value(one.respond(&json!("1"), EventKind::Create, Some(&item))).unwrap(),
        json!({"data": {"x": {
            "data": {"a": "t", "published_at_func": {"year": 2026}}, "__typename": "articles_mutated",
            "d": {"b": {"name": "n"}, "comments": []},
        }}})
    );
    let keys = subscription("subscription { pages_blocks_mutated { key } }", json!({}));
    assert_eq!((keys.selects_item, keys.query), (false, json!({"fields": ["id"]})));
    let any = subscription("subscription { pages_blocks_mutated { data { item { ... on block_text { body } } } } }", json!({}));
    assert_eq!(any.query, json!({"fields": ["collection", "item:block_image.id", "item:block_text.body", "id"]}));
    plannable("pages_blocks", &any.query);
}

#[test]
fn errors_of_the_engine_and_nulls() {
    let document = "{ a: articles { id } b: articles_by_id(id: 1) { id title } }";
    let two = fields(document, json!({}));
    let forbidden = || two[1].error("no", json!({"code": "FORBIDDEN"}).as_object().cloned());
    let response = Prepared::respond(&two, vec![Outcome::Rows(raw(&json!([]))), Outcome::Failed(forbidden())]);
    let error = json!({"message": "no", "locations": [{"line": 1, "column": 22}], "path": ["b"], "extensions": {"code": "FORBIDDEN"}});
    assert_eq!(serde_json::to_value(response).unwrap(), json!({"data": {"a": [], "b": null}, "errors": [error]}));
    // A list that may not be null takes the whole answer with it.
    let response =
        Prepared::respond(&two, vec![Outcome::Failed(GraphqlError::new("no")), Outcome::Rows(raw(&json!({"id": 1, "title": "t"})))]);
    let error = json!({"message": "no", "locations": [{"line": 1, "column": 3}], "path": ["a"]});
    assert_eq!(serde_json::to_value(response).unwrap(), json!({"data": null, "errors": [error]}));
    let text = "Cannot return null for non-nullable field articles.id.";
    let error = json!({"message": text, "locations": [{"line": 1, "column": 49}], "path": ["b", "id"]});
    assert_eq!(
        answered(document, &[json!([]), json!({"id": null, "title": "t"})]),
        json!({"data": {"a": [], "b": null}, "errors": [error]})
    );
    let document = "{ articles_by_id(id: 1) { views comments { id text } } }";
    let rows = json!({"views": "x", "comments": [{"id": 1, "text": "a"}, {"text": "b"}]});
    assert_eq!(
        answered(document, &[rows]),
        json!({
            "data": {"articles_by_id": {"views": null, "comments": [{"id": "1", "text": "a"}, null]}},
            "errors": [
                {"message": "Int cannot represent non-integer value: \"x\"", "locations": [{"line": 1, "column": 27}], "path": ["articles_by_id", "views"]},
                {"message": "Cannot return null for non-nullable field comments.id.", "locations": [{"line": 1, "column": 44}], "path": ["articles_by_id", "comments", 1, "id"]},
            ],
        })
    );
}

#[test]
fn json_passes_through_digit_by_digit() {
    let fields = fields("{ site_settings { theme } }", json!({}));
    let rows = RawValue::from_string("{\"theme\":{\"n\":1.10,\"big\":123456789012345678901234567890}}".to_owned()).unwrap();
    let response = Prepared::respond(&fields, vec![Outcome::Rows(rows)]);
    let data = response.data.unwrap();
    assert_eq!(data.get(), "{\"site_settings\":{\"theme\":{\"n\":1.10,\"big\":123456789012345678901234567890}}}");
}

#[test]
fn the_operation_is_chosen_by_name() {
    let document = "query A { __typename } query B { b: __typename }";
    let chosen = |name| prepare(&schema("admin"), Request { document, variables: None, operation_name: name }, &Limits::default());
    let Ok(Prepared::Query(fields)) = chosen(Some("B")) else { panic!("a query") };
    let response = Prepared::respond(&fields, vec![Outcome::Answered]);
    assert_eq!(serde_json::to_value(response).unwrap(), json!({"data": {"b": "Query"}}));
    for name in [None, Some("C")] {
        assert_eq!(chosen(name), Err(Refused::Request(vec![GraphqlError::new("Unable to identify operation")])));
    }
}

#[test]
fn operations_that_the_schema_lacks() {
    let refused = prepared("reader", "mutation { anything }", json!({}));
    let Err(Refused::Execution(response)) = refused else { panic!("{refused:?}") };
    let error = json!({"message": "Schema is not configured to execute mutation operation.", "locations": [{"line": 1, "column": 1}]});
    assert_eq!(serde_json::to_value(response).unwrap(), json!({"data": null, "errors": [error]}));
}

#[test]
fn limits() {
    let deep = "{ categories { parent { parent { parent { parent { id } } } } } }";
    let limits = |limits: Limits| {
        let request = Request { document: deep, variables: None, operation_name: None };
        match prepare(&schema("admin"), request, &limits) {
            Err(Refused::Request(errors)) => errors[0].message.clone(),
            other => format!("{other:?}").chars().take(2).collect(),
        }
    };
    assert_eq!(limits(Limits::default()), "Ok");
    assert_eq!(limits(Limits { depth: 5, ..Limits::default() }), "The document is nested deeper than 5 levels.");
    assert_eq!(limits(Limits { complexity: 5, ..Limits::default() }), "The document selects more than 5 fields.");
    assert_eq!(limits(Limits { tokens: 10, ..Limits::default() }), "Failed to parse GraphQL document.");
    assert_eq!(refusal("{ a"), ["Failed to parse GraphQL document."]);
}
