use std::collections::HashMap;

use serde_json::json;

use super::*;

fn parse(raw: Value) -> Query {
    Query::parse(&raw, &QueryLimits::default()).unwrap_or_else(|refusal| panic!("{raw}: {}", refusal.message()))
}

fn refused(raw: Value, expect: &str) {
    let limits = QueryLimits::default();
    assert_eq!(Query::parse(&raw, &limits).map_err(|refusal| refusal.message()), Err(format!("Invalid query. {expect}.")), "{raw}");
}

fn variables() -> Variables {
    Variables {
        user: json!("u1"),
        role: json!("r1"),
        roles: json!(["r1"]),
        policies: json!(["p1"]),
        ..Variables::anonymous("2026-03-31T10:20:30Z".parse().unwrap())
    }
}

#[test]
fn both_spellings_give_equal_queries() {
    let plain = json!({
        "fields": ["id", "author.name"], "filter": {"id": {"_gt": 1}}, "deep": {"comments": {"_limit": 2, "_sort": ["-id"]}},
        "alias": {"t": "title"}, "sort": ["-id", "title"], "limit": 5, "offset": 1, "page": 2, "search": "x",
        "meta": ["total_count", "filter_count"], "backlink": false,
    });
    let text = json!({
        "fields": "id, author.name", "filter": "{\"id\":{\"_gt\":1}}", "deep": "{\"comments\":{\"_limit\":2,\"_sort\":[\"-id\"]}}",
        "alias": "{\"t\":\"title\"}", "sort": "-id,title", "limit": "5", "offset": "1", "page": "2", "search": " x ",
        "meta": "[\"total_count\",\"filter_count\"]", "backlink": "false",
    });
    assert_eq!(parse(plain), parse(text));
    let aggregate = json!({"aggregate": {"count": "*", "sum": ["views"]}, "groupBy": ["status"]});
    let text = json!({"aggregate": "{\"count\":[\"*\"],\"sum\":\"views\"}", "groupBy": "status"});
    assert_eq!(parse(aggregate), parse(text));
}

#[test]
fn falsy_members_are_not_given() {
    let empty = Query::default_for(&QueryLimits::default());
    for raw in [
        json!(null),
        json!({}),
        json!({"fields": "", "groupBy": null, "aggregate": 0, "sort": "", "filter": false, "page": 0, "meta": "", "search": " ", "deep": null, "alias": ""}),
        json!({"foo": 1, "search": 5, "limit": null, "deep": {"_limit": 1}, "version": "main", "export": "csv"}),
    ] {
        assert_eq!(parse(raw.clone()), empty, "{raw}");
    }
    assert_eq!(parse(json!({"fields": []})).fields(), Some([].as_slice()));
    assert_eq!(parse(json!({"limit": true})).limit(), Some(1));
    assert_eq!(parse(json!({"limit": ""})).limit(), Some(0));
    assert_eq!(parse(json!({"sort": {}})).level.sort, Some(vec![]));
    assert_eq!(parse(json!({"version": "draft"})).version(), Some("draft"));
    assert_eq!(parse(json!({"fields": ["id,id", " label "]})).fields().unwrap(), ["id", "label"]);
}

#[test]
fn faults_have_their_texts() {
    refused(json!("x"), "\"query\" must be of type object");
    refused(json!({"fields": 5}), "\"fields\" must be a string or array");
    refused(json!({"fields": {"a": 1}}), "\"fields\" must be a string or array");
    refused(json!({"fields": [5]}), "\"fields[0]\" must be a string");
    refused(json!({"sort": [5]}), "\"sort[0]\" must be a string");
    refused(json!({"limit": -2}), "\"limit\" must be greater than or equal to -1");
    refused(json!({"limit": "abc"}), "\"limit\" must be a number");
    refused(json!({"limit": 1.5}), "\"limit\" must be an integer");
    refused(json!({"limit": 1e300}), "\"limit\" must be a safe number");
    refused(json!({"offset": -1}), "\"offset\" must be greater than or equal to 0");
    refused(json!({"offset": "x"}), "\"offset\" must be a number");
    refused(json!({"page": -1}), "\"page\" must be greater than or equal to 0");
    refused(json!({"page": "x"}), "\"page\" must be a number");
    refused(json!({"meta": ["bad"]}), "\"meta[0]\" must be one of [total_count, filter_count]");
    refused(json!({"meta": "total_count,bad"}), "\"meta[1]\" must be one of [total_count, filter_count]");
    refused(json!({"export": "bogus"}), "\"export\" must be one of [csv, csv_utf8, json, xml, yaml]");
    refused(json!({"aggregate": 5}), "\"aggregate\" must be of type object");
    refused(json!({"filter": "{bad"}), "Invalid JSON for filter object");
    refused(json!({"alias": []}), "\"alias\" has to be an object");
    refused(json!({"alias": "{bad"}), "\"alias\" has to be an object");
    refused(json!({"alias": {"a.b": "title"}}), "\"alias\" key can't contain a period character `.`");
    refused(json!({"alias": {"a": "author.name"}}), "\"alias\" value can't contain a period character `.`");
    refused(json!({"alias": {"a": 5}}), "\"alias\" value has to be a string. \"string\" given");
    refused(json!({"deep": {"comments": {"_aggregate": {"count": "*"}}}}), "\"deep\" can't hold aggregates or groups");
    // The filter's values come before the forms of other members.
    refused(json!({"limit": -2, "filter": {"a": {"_in": []}}}), "\"_in\" has to be an array of values");
    refused(json!({"fields": vec!["a".repeat(3_000)]}), "A name in \"fields\" is too long");
}

#[test]
fn maximum_limit() {
    let limits = QueryLimits { default_limit: 3, max_limit: Some(5), ..QueryLimits::default() };
    let limit = |raw: Value| Query::parse(&raw, &limits).map(|query| query.limit()).map_err(|refusal| refusal.message());
    assert_eq!(limit(json!({"limit": -1})), Ok(Some(5)));
    assert_eq!(limit(json!({"limit": 5})), Ok(Some(5)));
    assert_eq!(limit(json!({"limit": 6})), Err("Invalid query. \"limit\" must be less than or equal to 5.".into()));
    assert!(limit(json!({"deep": {"comments": {"_limit": 6}}})).is_ok());
    assert_eq!(limits.implicit_limit(), 3);
}

#[test]
fn depth_is_bounded() {
    let limits = QueryLimits { max_relational_depth: 3, ..QueryLimits::default() };
    let check = |raw: Value, good: bool| {
        let expect = if good { Ok(()) } else { Err("Invalid query. Max relational depth exceeded.".to_owned()) };
        assert_eq!(Query::parse(&raw, &limits).map(|_| ()).map_err(|refusal| refusal.message()), expect, "{raw}");
    };
    check(json!({"fields": ["category.parent.parent"]}), true);
    check(json!({"fields": ["category.parent.parent.id"]}), false);
    check(json!({"fields": ["*.*.*.*"]}), false);
    check(json!({"fields": ["year(a.b.c.d)"]}), false);
    check(json!({"filter": {"category": {"parent": {"parent": {"parent": {"_eq": "x"}}}}}}), false);
    check(json!({"filter": {"category": {"parent": {"parent": {"_eq": "news"}}}}}), true);
    check(json!({"sort": ["category.parent.parent.name"]}), false);
    check(json!({"deep": {"category": {"parent": {"parent": {"_filter": {"id": {"_eq": "x"}}}}}}}), false);
    check(json!({"deep": {"category": {"_sort": ["parent.parent.name"]}}}), false);
}

#[test]
fn variables_of_users() {
    let resolved = |filter: Value, variables: &Variables| {
        let mut query = parse(json!({"filter": filter}));
        query.resolve(variables).map(|()| query.level.filter.clone()).map_err(|refusal| refusal.message())
    };
    let check = |filter: Value, expect: Value| {
        assert_eq!(resolved(filter.clone(), &variables()), Ok(Some(Condition::parse(&expect).unwrap())), "{filter}");
    };
    check(json!({"a": "$CURRENT_USER"}), json!({"a": "u1"}));
    check(json!({"a": {"_in": "$CURRENT_ROLES"}}), json!({"a": {"_in": ["r1"]}}));
    check(json!({"a": {"_in": ["x", "$CURRENT_ROLES"]}}), json!({"a": {"_in": ["x", "r1"]}}));
    check(json!({"a": {"_gt": "$NOW(-1 day)"}}), json!({"a": {"_gt": "2026-03-30T10:20:30.000Z"}}));
    // Policies are known only where a path is asked for too.
    check(json!({"a": {"_nin": "$CURRENT_POLICIES"}}), json!({"a": {"_nin": [null]}}));
    check(json!({"meta": {"_json": {"k": {"_eq": "$CURRENT_USER"}}}}), json!({"meta": {"_json": {"k": {"_eq": "u1"}}}}));

    let known = Variables { paths: HashMap::from([("$CURRENT_USER.email".to_owned(), json!("a@b"))]), ..variables() };
    let filter = json!({"_and": [{"a": "$CURRENT_USER.email"}, {"b": {"_in": "$CURRENT_POLICIES"}}]});
    assert_eq!(parse(json!({"filter": filter})).variable_paths(), ["$CURRENT_USER.email"]);
    let expect = Condition::parse(&json!({"_and": [{"a": "a@b"}, {"b": {"_in": ["p1"]}}]})).unwrap();
    assert_eq!(resolved(filter.clone(), &known), Ok(Some(expect)));
    assert_eq!(resolved(filter, &variables()), Err("Invalid query. Invalid filter object.".into()));

    let nobody = Variables::anonymous(variables().now);
    assert_eq!(
        resolved(json!({"a": {"_eq": "$CURRENT_USER.email"}}), &nobody),
        Ok(Some(Condition::parse(&json!({"a": {"_eq": null}})).unwrap()))
    );
    assert_eq!(
        resolved(json!({"a": {"_nin": ["$CURRENT_ROLES"]}}), &nobody),
        Err("Invalid query. \"_nin\" has to be an array of values.".into())
    );
    assert!(resolved(json!({"a": {"_eq": "$CURRENT_ROLES"}}), &variables()).is_err());
}

#[test]
fn deep_filters_have_variables_too() {
    let mut query = parse(json!({"deep": {"comments": {"_filter": {"a": "$CURRENT_USER.email"}}}}));
    assert_eq!(query.variable_paths(), ["$CURRENT_USER.email"]);
    assert!(query.resolve(&variables()).is_err());
}

#[test]
fn nested_fields_of_older_sdks_are_paths() {
    let limits = QueryLimits::default();
    let raw = serde_json::json!({"fields": ["id", {"author": ["name", {"articles": ["id"]}], "item": {"block_text": ["body"]}}]});
    let query = Query::parse(&raw, &limits).unwrap();
    let expect =
        Query::parse(&serde_json::json!({"fields": ["id", "author.name", "author.articles.id", "item:block_text.body"]}), &limits).unwrap();
    assert_eq!(query, expect);
    let wrong = Query::parse(&serde_json::json!({"fields": ["id", {"author": 5}]}), &limits).unwrap_err();
    assert_eq!(wrong.message(), "Invalid query. \"fields[1]\" must be a string.");
}
