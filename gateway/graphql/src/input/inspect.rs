//! JSON values as errors show them, in the manner of JavaScript.
//!
//! It must never print a value whole: nesting, lists and texts are cut.

use serde_json::Value;

/// Levels that are shown.
const MAX_DEPTH: usize = 2;
/// Items of a list that are shown.
const MAX_ITEMS: usize = 10;
/// Bytes after which a value is cut.
const MAX: usize = 1_000;

/// A value in one line.
pub(super) fn inspect(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    if text.len() > MAX {
        let end = (0..=MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    if text.len() > MAX {
        return;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::String(string) => {
            let end = (0..=MAX.min(string.len())).rev().find(|end| string.is_char_boundary(*end)).unwrap_or(0);
            text.push_str(&crate::document::print::quoted(string.get(..end).unwrap_or_default()));
        }
        Value::Array(items) if items.is_empty() => text.push_str("[]"),
        Value::Array(_) if depth >= MAX_DEPTH => text.push_str("[Array]"),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().take(MAX_ITEMS).enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                write(text, item, depth + 1);
            }
            match items.len().saturating_sub(MAX_ITEMS) {
                0 => {}
                1 => text.push_str(", ... 1 more item"),
                more => text.push_str(&format!(", ... {more} more items")),
            }
            text.push(']');
        }
        Value::Object(members) if members.is_empty() => text.push_str("{}"),
        Value::Object(_) if depth >= MAX_DEPTH => text.push_str("[Object]"),
        Value::Object(members) => {
            text.push_str("{ ");
            for (place, (key, member)) in members.iter().enumerate() {
                if place > 0 {
                    text.push_str(", ");
                }
                text.push_str(key);
                text.push_str(": ");
                write(text, member, depth + 1);
            }
            text.push_str(" }");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_as_javascript_shows_them() {
        for (value, text) in [
            (json!({"nope": 5}), "{ nope: 5 }"),
            (json!([1, "a", null, true]), "[1, \"a\", null, true]"),
            (json!({"a": {"b": {"c": {"d": 1}}}}), "{ a: { b: [Object] } }"),
            (json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 2 more items]"),
            (json!({}), "{}"),
        ] {
            assert_eq!(inspect(&value), text);
        }
        assert!(inspect(&json!("x".repeat(1_000_000))).len() < 1_100);
    }
}
