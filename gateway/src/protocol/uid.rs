//! The `uid` that ties an answer to its request.
//!
//! It must never change type on the way back, but in subscription frames, where it is text.

use std::borrow::Cow;

use serde_json::Value;

use super::number;

/// A request's `uid`: text as it was sent, or a number as a JavaScript client would see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Uid {
    /// Any text, `""` included.
    Text(String),
    /// A double; larger integers lose digits, as they do in every JavaScript client.
    Number(f64),
}

impl Uid {
    /// Reads a `uid`. `None` for everything but text and numbers.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// As text: 7 and `"7"` name the same subscription.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number::print(*number)),
        }
    }

    /// Appends the JSON of this uid.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => super::server::write_text(out, text),
            Self::Number(number) => out.extend_from_slice(number::print(*number).as_bytes()),
        }
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_numbers_only() {
        for value in [json!(null), json!(true), json!([1]), json!({"a": 1})] {
            assert_eq!(Uid::from_value(&value), None);
        }
        let seven = Uid::from_value(&json!(7.0)).unwrap();
        assert_eq!(seven.as_text(), Uid::from("7").as_text());
        let mut json = Vec::new();
        seven.write(&mut json);
        Uid::from("a\"\u{7}").write(&mut json);
        assert_eq!(json, br#"7"a\"\u0007""#);
    }
}
