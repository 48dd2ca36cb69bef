//! Keys between their JSON form and Postgres' text.
//!
//! It must never lose a digit: what JSON numbers cannot hold travels as text, as in answers.

use access::schema::{Collection, FieldType};
use serde_json::Value;

/// The key of a row, which Postgres gave as text, in the form that answers show.
pub(super) fn json(collection: &Collection, text: &str) -> Value {
    let number = match collection.key_field().map(|field| field.kind) {
        Some(FieldType::Integer) => text.parse::<i64>().ok().map(Value::from),
        Some(FieldType::Float) => text.parse::<f64>().ok().map(Value::from),
        _ => None,
    };
    number.unwrap_or_else(|| Value::from(text))
}
