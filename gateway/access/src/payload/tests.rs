//! Payloads of the newsroom, as administrators and as users with rules send them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::*;
use crate::permission::Rule;
use crate::testing;

fn prepare_as(permissions: &Permissions, collection: &str, kind: WriteKind, data: Value) -> Result<Prepared, Refusal> {
    let schema = testing::newsroom();
    let context = PayloadContext {
        schema: &schema,
        permissions,
        now: "2026-05-06T07:08:09.123Z".parse::<Timestamp>().unwrap(),
        user: None,
        role: None,
        resolve: &Value::clone,
    };
    let Value::Object(data) = data else { panic!("an object") };
    prepare(&context, schema.collection(collection).unwrap(), kind, &data)
}

fn text(prepared: &Prepared, name: &str) -> Option<String> {
    prepared.columns.iter().find(|(field, _)| *field.name == *name).map(|(_, value)| match value {
        ColumnValue::Null => "NULL".to_owned(),
        ColumnValue::Text(text) => text.clone(),
        ColumnValue::Hash(text) => format!("hash({text})"),
        ColumnValue::Encrypted(text) => format!("encrypted({text})"),
    })
}

fn editor(validation: Value, presets: Value, fields: FieldSet) -> Permissions {
    let mut permissions = Permissions::none();
    let presets: Map<String, Value> = presets.as_object().cloned().unwrap_or_default();
    let rule = Rule { items: None, validation: Some(Arc::new(validation)), presets: Some(Arc::new(presets)), fields };
    permissions.add("articles", Action::Create, rule);
    permissions
}

#[test]
fn values_get_the_form_of_their_column() {
    let admin = Permissions::administrator();
    let data = json!({"title": {"a": 1}, "views": "12", "price": 7.5, "event_date": "2026-05-06T10:00:00Z", "event_datetime": "2026-05-06 10:11:12",
        "meta": {"a": 1}, "labels": ["x", "y"], "featured": true, "published_at": 1_700_000_000_000_i64, "nope": 1, "author": null});
    let prepared = prepare_as(&admin, "articles", WriteKind::Create, data).unwrap();
    for (name, expect) in [
        ("title", "{\"a\":1}"),
        ("views", "12"),
        ("price", "7.5"),
        ("event_date", "2026-05-06"),
        ("event_datetime", "2026-05-06 10:11:12"),
        ("meta", "{\"a\":1}"),
        ("labels", "x,y"),
        ("featured", "true"),
        ("published_at", "2023-11-14T22:13:20.000Z"),
        ("author", "NULL"),
        ("date_created", "2026-05-06T07:08:09.123Z"),
    ] {
        assert_eq!(text(&prepared, name).as_deref(), Some(expect), "{name}");
    }
    assert_eq!(text(&prepared, "nope"), None);
    assert!(prepared.sent.contains_key("nope"));
}

#[test]
fn passwords_wait_for_their_hash_and_bad_dates_are_refused() {
    let admin = Permissions::administrator();
    let prepared = prepare_as(&admin, "authors", WriteKind::Create, json!({"password": 12345})).unwrap();
    assert_eq!(text(&prepared, "password").as_deref(), Some("hash(12345)"));
    let prepared = prepare_as(&admin, "authors", WriteKind::Create, json!({"password": ""})).unwrap();
    assert_eq!(text(&prepared, "password").as_deref(), Some(""));
    let fault = prepare_as(&admin, "articles", WriteKind::Create, json!({"event_date": "garbage"})).unwrap().fault.unwrap();
    assert_eq!(fault.message(), "Invalid payload. Invalid Date format in field \"event_date\".");
}

#[test]
fn fields_presets_and_validation_of_rules() {
    let rules = editor(json!({"_and": [{"title": {"_nnull": true}}, {"views": {"_lt": 1000}}]}), json!({"status": "draft"}), FieldSet::All);
    let prepared = prepare_as(&rules, "articles", WriteKind::Create, json!({"title": "a"})).unwrap();
    assert_eq!(text(&prepared, "status").as_deref(), Some("draft"));
    let refusal = prepare_as(&rules, "articles", WriteKind::Create, json!({"title": null, "views": 5000})).unwrap_err();
    assert_eq!(
        refusal.message(),
        "Validation failed for field \"title\". Value can't be null. Validation failed for field \"views\". Value has to be less than \"1000\"."
    );
    let refusal = prepare_as(&rules, "articles", WriteKind::Create, json!({"views": "abc"})).unwrap_err();
    assert_eq!(refusal.message(), "Validation failed for field \"views\". Value is required.");

    let rules = editor(Value::Null, Value::Null, FieldSet::Only(["title".into()].into()));
    let refusal = prepare_as(&rules, "articles", WriteKind::Create, json!({"title": "a", "views": 1, "nope": 2})).unwrap_err();
    assert_eq!(
        refusal.message(),
        "You don't have permission to access fields \"views\", \"nope\" in collection \"articles\" or they do not exist. Queried in root."
    );
    let refusal = prepare_as(&rules, "articles", WriteKind::Update, json!({"title": "a"})).unwrap_err();
    assert_eq!(refusal.code(), "FORBIDDEN");
}

#[test]
fn nested_values_are_split_off_and_checked_in_shape() {
    let admin = Permissions::administrator();
    let prepared =
        prepare_as(&admin, "articles", WriteKind::Create, json!({"author": {"name": "n"}, "comments": [1, {"text": "x"}]})).unwrap();
    assert_eq!(prepared.to_one.len(), 1);
    assert!(matches!(&prepared.to_many[0].change, Ok(ToManyChange::Replace(members)) if members.len() == 2));
    assert!(prepared.sent.is_empty());
    let check = |value: Value, expect: &str| {
        let prepared = prepare_as(&admin, "articles", WriteKind::Update, json!({"comments": value})).unwrap();
        let refusal = prepared.to_many[0].change.as_ref().unwrap_err();
        assert_eq!(refusal.message(), format!("Invalid payload. Invalid one-to-many update structure: {expect}."));
    };
    check(json!("x"), "\"value\" must be of type object");
    check(json!({"create": 1}), "\"create\" must be an array");
    check(json!({"bogus": []}), "\"bogus\" is not allowed");
}
