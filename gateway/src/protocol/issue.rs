//! The sentences of schema errors, in the words that clients know.
//!
//! It must never repeat a value of the message: only its kind and its place.

use serde_json::Value;

/// How many issues one answer lists; a list of a million wrong ids must not become an answer a hundred times its size.
pub(super) const MOST_ISSUES: usize = 20;

/// What stands before the issues.
const PREFIX: &str = "Validation error: ";

/// `Invalid input: expected <expected>, received <kind> at "<path>"`.
pub(super) fn expected(expected: &str, value: Option<&Value>, path: &str) -> String {
    let place = if path.is_empty() { String::new() } else { format!(" at \"{path}\"") };
    format!("Invalid input: expected {expected}, received {}{place}", kind(value))
}

/// `Invalid input: expected "<literal>" at "<path>"`.
pub(super) fn literal(literal: &str, path: &str) -> String {
    format!("Invalid input: expected \"{literal}\" at \"{path}\"")
}

/// The two issues of a value that may be text or a number.
pub(super) fn text_or_number(value: Option<&Value>, path: &str) -> String {
    format!("{} or {}", expected("string", value, path), expected("number", value, path))
}

/// Whether a value is text or a number.
pub(super) const fn is_text_or_number(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_))
}

/// The complete text of an answer whose issues all apply.
pub(super) fn all(issues: &[String]) -> String {
    format!("{PREFIX}{}", issues.join("; "))
}

/// The complete text of an answer where one of several forms would have been right.
pub(super) fn any(variants: &[Vec<String>]) -> String {
    format!("{PREFIX}{}", variants.iter().map(|issues| issues.join("; ")).collect::<Vec<_>>().join(" or "))
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}
