//! Errors of the one table in the form of GraphQL: `message`, `locations`, `path`, `extensions` with the code.
//!
//! It must never make an error of anything but a [`ClientError`], which holds no internal text for clients.

use std::sync::Arc;

use graphql::{GraphqlError, Location, PathStep};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::ClientError;

/// The JSON list of what a client is told of an error that belongs to no field.
#[must_use]
pub(crate) fn errors_of(error: &ClientError) -> Vec<u8> {
    json(&graphql_errors(error))
}

/// The same of the error of one root field.
#[must_use]
pub(crate) fn errors_at(error: &ClientError, key: &Arc<str>, location: Location) -> Vec<u8> {
    let located = graphql_errors(error).into_iter().map(|error| at(error, key, location));
    json(&located.collect::<Vec<_>>())
}

/// An error at a root field.
#[must_use]
pub(crate) fn at(error: GraphqlError, key: &Arc<str>, location: Location) -> GraphqlError {
    GraphqlError { path: vec![PathStep::Key(Arc::clone(key))], ..error.at(location) }
}

/// What a client is told; several validation failures are several errors. Never empty.
#[must_use]
pub(crate) fn graphql_errors(error: &ClientError) -> Vec<GraphqlError> {
    let Value::Object(mut body) = error.body() else { return vec![GraphqlError::new(error.message())] };
    let errors = match body.remove("errors") {
        Some(Value::Array(errors)) => errors.into_iter().filter_map(read).collect(),
        Some(_) | None => Vec::new(),
    };
    if errors.is_empty() { vec![GraphqlError::new(error.message())] } else { errors }
}

fn read(error: Value) -> Option<GraphqlError> {
    let Value::Object(mut members) = error else { return None };
    let Some(Value::String(message)) = members.remove("message") else { return None };
    let extensions: Option<Map<String, Value>> = match members.remove("extensions") {
        Some(Value::Object(extensions)) => Some(extensions),
        Some(_) | None => None,
    };
    Some(GraphqlError { extensions, ..GraphqlError::new(message) })
}

/// The wire form of a response or of a list of errors.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Every key is text and a vector takes every byte: this cannot fail.
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

#[cfg(test)]
mod tests {
    use access::refusal::Refusal;
    use serde_json::json;

    use super::*;
    use crate::error::Cause;

    #[test]
    fn errors_have_their_code_and_place() {
        let location = Location { line: 1, column: 10 };
        let bytes = errors_at(&ClientError::from(Refusal::Forbidden), &"f".into(), location);
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value[0]["extensions"]["code"], "FORBIDDEN");
        assert_eq!(value[0]["path"], json!(["f"]));
        assert_eq!(value[0]["locations"], json!([{"line": 1, "column": 10}]));
    }

    #[test]
    fn nothing_internal_is_told() {
        for error in [ClientError::Internal(Cause::new("hush-1")), ClientError::StoreUnavailable(Cause::new("hush-2"))] {
            let text = String::from_utf8(errors_of(&error)).unwrap();
            assert!(!text.contains("hush"), "{text}");
            assert!(text.contains(error.code()));
        }
    }
}
