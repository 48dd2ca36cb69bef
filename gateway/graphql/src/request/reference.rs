//! What the reference implementation says of the same documents under the same schema.
//!
//! `reference/record.mjs` has asked it. The order of errors within one document is not compared: it follows from the order of
//! its rules, which no client depends on.

use std::sync::Arc;

use access::permission::Permissions;
use access::testing;
use serde_json::{Value, json};

use super::*;
use crate::response::Outcome;

const SCHEMA: &str = include_str!("../../reference/newsroom.graphql");
const DOCUMENTS: &str = include_str!("../../reference/documents.json");
const EXPECTED: &str = include_str!("../../reference/expected.json");
const QUESTION: &str = include_str!("../../reference/introspection.graphql");
const ANSWER: &str = include_str!("../../reference/introspection.json");

fn schema() -> Schema {
    Schema::build(&Arc::new(testing::newsroom()), &Permissions::administrator())
}

/// What the reference was asked about is what is built today.
#[test]
fn the_schema_is_the_one_that_was_recorded() {
    assert_eq!(schema().sdl(), SCHEMA);
}

#[test]
fn errors_are_those_of_the_reference() {
    let schema = schema();
    let documents: Vec<Value> = serde_json::from_str(DOCUMENTS).unwrap();
    let expected: Vec<Value> = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(documents.len(), expected.len());
    let mut different = Vec::new();
    for (case, expected) in documents.iter().zip(&expected) {
        let hidden = case["hidden"] == json!(true);
        let document = case["document"].as_str().unwrap();
        let request = Request { document, variables: case["variables"].as_object(), operation_name: None };
        let limits = Limits { introspection: !hidden, ..Limits::default() };
        let ours = match prepare(&schema, request, &limits) {
            Ok(_) => json!({"valid": true}),
            Err(Refused::Request(errors)) if errors[0].message == "Failed to parse GraphQL document." => json!({"parse": false}),
            Err(Refused::Request(errors)) => json!({"invalid": sorted(serde_json::to_value(errors).unwrap())}),
            Err(Refused::Execution(response)) => json!({"variables": sorted(serde_json::to_value(response.errors).unwrap())}),
        };
        let mut theirs = expected.clone();
        for kind in ["invalid", "variables"] {
            if let Some(errors) = theirs.get_mut(kind) {
                *errors = sorted(errors.take());
            }
        }
        if hidden {
            // Directus takes the hints away together with introspection.
            let text = theirs.to_string();
            let cut = text.find(" Did you mean").map(|start| (start, text[start..].find('?').unwrap_or(0) + start + 1));
            theirs = cut.map_or(theirs, |(start, end)| serde_json::from_str(&format!("{}{}", &text[..start], &text[end..])).unwrap());
        }
        // Where we knowingly say it in other words, we still have to refuse.
        if case["differs"].is_string() {
            assert!(ours != theirs && ours != json!({"valid": true}), "no longer different: {document}");
        } else if ours != theirs {
            different.push(format!("{document}\n  ours   {ours}\n  theirs {theirs}"));
        }
    }
    assert!(different.is_empty(), "{} of {}:\n{}", different.len(), documents.len(), different.join("\n"));
}

/// A stock tool's question, answered as the reference answers it from the same text.
#[test]
fn introspection_is_that_of_the_reference() {
    let schema = schema();
    let request = Request { document: QUESTION, variables: None, operation_name: None };
    let Ok(Prepared::Query(fields)) = prepare(&schema, request, &Limits::default()) else { panic!("a query") };
    let ours = serde_json::to_value(Prepared::respond(&fields, vec![Outcome::Answered])).unwrap();
    let (ours, theirs) = (&ours["data"]["__schema"], &serde_json::from_str::<Value>(ANSWER).unwrap()["__schema"]);
    for root in ["queryType", "mutationType", "subscriptionType"] {
        assert_eq!(ours[root], theirs[root]);
    }
    let types = |schema: &Value| {
        let mut types: Vec<Value> =
            schema["types"].as_array().unwrap().iter().filter(|ty| !ty["name"].as_str().unwrap().starts_with("__")).cloned().collect();
        types.sort_by_key(|ty| ty["name"].as_str().unwrap().to_owned());
        types
    };
    let (ours, theirs) = (types(ours), types(theirs));
    let names = |types: &[Value]| types.iter().map(|ty| ty["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{}", ours["name"]);
    }
}

/// By text and place; a member that is missing and one that is null are the same.
fn sorted(errors: Value) -> Value {
    let mut errors: Vec<Value> = errors.as_array().cloned().unwrap_or_default();
    errors.sort_by_key(Value::to_string);
    Value::Array(errors)
}
