//! Literals as errors show them.
//!
//! It must never print more than a reader can use: long literals are cut.

use super::{Value, ValueKind};

/// Bytes after which a literal is cut.
const MAX: usize = 1_000;

impl Value<'_> {
    /// The literal in one line.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        if text.len() > MAX {
            let end = (0..=MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        text
    }

    fn write(&self, text: &mut String) {
        if text.len() > MAX {
            return;
        }
        match &self.kind {
            ValueKind::Variable(name) => {
                text.push('$');
                text.push_str(name);
            }
            ValueKind::Int(digits) | ValueKind::Float(digits) => text.push_str(digits),
            ValueKind::String(value) => text.push_str(&quoted(value)),
            ValueKind::Boolean(true) => text.push_str("true"),
            ValueKind::Boolean(false) => text.push_str("false"),
            ValueKind::Null => text.push_str("null"),
            ValueKind::Enum(name) => text.push_str(name),
            ValueKind::List(items) => {
                text.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        text.push_str(", ");
                    }
                    item.write(text);
                }
                text.push(']');
            }
            ValueKind::Object(members) => {
                text.push('{');
                for (place, member) in members.iter().enumerate() {
                    if place > 0 {
                        text.push_str(", ");
                    }
                    text.push_str(member.name.text);
                    text.push_str(": ");
                    member.value.write(text);
                }
                text.push('}');
            }
        }
    }
}

/// A text between quotes, escaped as in JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
