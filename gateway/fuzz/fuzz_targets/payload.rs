//! What a client wants to write, prepared for everybody as a create and as an update: what comes out goes into columns of
//! the table that the session may write, each once.
#![no_main]

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use access::payload::{PayloadContext, WriteKind, prepare};
use access::permission::{Action, FieldSet, Permissions, Rule};
use access::variables::resolve_value;
use gateway_fuzz::mutate;
use gateway_fuzz::stage::{self, STAGE};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use serde_json::{Map, Value, json};

/// Everything; much under validations and presets; little.
static WRITERS: LazyLock<[Permissions; 3]> = LazyLock::new(|| {
    let mut much = Permissions::none();
    let mut little = Permissions::none();
    for action in [Action::Create, Action::Update] {
        for collection in STAGE.schema.collections() {
            much.add(&collection.name, action, rule(FieldSet::All, &validation(&collection.name), json!({"status": "draft"})));
        }
        let few = FieldSet::Only(["title", "author", "comments", "tags"].map(Arc::from).into());
        little.add(
            "articles",
            action,
            rule(few, &json!({"title": {"_nempty": true}}), json!({"user_created": "$CURRENT_USER", "secret": "s"})),
        );
        let more = FieldSet::Only(["status", "labels"].map(Arc::from).into());
        little.add(
            "articles",
            action,
            rule(more, &json!({"_or": [{"status": {"_in": ["draft", "x"]}}, {"year(date_created)": {"_gt": 2000}}]}), json!({})),
        );
        little.add("comments", action, rule(FieldSet::Only(["text"].map(Arc::from).into()), &Value::Null, json!({"approved": false})));
    }
    [Permissions::administrator(), much, little]
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(message) = stage::message(data) else { return Corpus::Reject };
    let collection = message.get("collection").and_then(Value::as_str).unwrap_or("articles");
    let Some(collection) = STAGE.schema.collection(collection) else { return Corpus::Reject };
    let payloads: Vec<&Map<String, Value>> = match message.get("data") {
        Some(Value::Object(data)) => vec![data],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).take(10).collect(),
        _ => return Corpus::Reject,
    };
    let resolve = |value: &Value| resolve_value(value, &STAGE.variables);
    for permissions in WRITERS.iter() {
        let context = PayloadContext {
            schema: &STAGE.schema,
            permissions,
            now: stage::moment(),
            user: Some(uuid::Uuid::nil()),
            role: None,
            resolve: &resolve,
        };
        for (kind, action) in [(WriteKind::Create, Action::Create), (WriteKind::Update, Action::Update)] {
            for data in &payloads {
                match prepare(&context, collection, kind, data) {
                    Ok(prepared) => {
                        let mut seen = HashSet::new();
                        for (field, _) in &prepared.columns {
                            assert!(seen.insert(&field.name), "{} twice", field.name);
                            assert!(collection.columns().any(|column| column.name == field.name), "{} is no column", field.name);
                            let updates_key = kind == WriteKind::Update && field.name == collection.primary_key;
                            assert!(!updates_key, "the key is updated");
                            let set_by_server = !field.special.is_empty();
                            let rules = permissions.rules(&collection.name, action);
                            let preset = |rule: &Rule| rule.presets.as_ref().is_some_and(|presets| presets.contains_key(&*field.name));
                            let granted = rules.iter().any(|rule| rule.fields.contains(&field.name) || preset(rule));
                            assert!(permissions.admin || granted || set_by_server, "{} was not granted", field.name);
                        }
                    }
                    Err(refusal) => stage::check_refusal(&refusal),
                }
            }
        }
    }
    Corpus::Keep
});

fn rule(fields: FieldSet, validation: &Value, presets: Value) -> Rule {
    let validation = (!validation.is_null()).then(|| Arc::new(validation.clone()));
    Rule { items: None, validation, presets: presets.as_object().map(|presets| Arc::new(presets.clone())), fields }
}

/// Every operator that a validation may have, on fields that the collection may or may not have.
fn validation(collection: &str) -> Value {
    match collection {
        "articles" => json!({"_and": [
            {"title": {"_regex": "^[a-z]+$"}},
            {"views": {"_between": [0, 1000]}},
            {"price": {"_lte": 99.5}},
            {"labels": {"_contains": "a"}},
            {"_or": [{"featured": {"_eq": true}}, {"published_at": {"_gt": "2024-01-01"}}]},
            {"meta": {"_nnull": true}},
            {"comments": {"_some": {"text": {"_nempty": true}}}},
        ]}),
        "authors" => json!({"email": {"_ends_with": "example.com"}, "rating": {"_gte": 1}, "born": {"_lt": "2010-01-01"}}),
        "comments" => json!({"text": {"_nstarts_with": "x"}, "author_name": {"_in": ["a", "b", null]}}),
        _ => json!({"name": {"_neq": "x"}, "label": {"_nin": ["a"]}, "first_name": {"_submitted": true}}),
    }
}
