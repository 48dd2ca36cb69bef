//! Bytes to message: JSON, an object, a string `type`, a `uid` of the right kind.
//!
//! It must never recurse without bound (128 levels) or build more than [`MAX_VALUES`] JSON values from one message, since
//! a value in memory takes many times its size on the wire. Cost: one pass, one allocation per text, list and object.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{Uid, issue};

/// How many JSON values one message may hold.
pub const MAX_VALUES: usize = 1_000_000;

/// A message whose type is not looked at yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// `type`, exactly as sent.
    pub kind: String,
    /// `uid`.
    pub uid: Option<Uid>,
    /// All members, `type` and `uid` included.
    pub members: Map<String, Value>,
}

/// Why bytes are no message. The answers have no `uid`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// Not JSON, or nested too deep.
    #[error("not JSON")]
    Unparsable,
    /// JSON of more than [`MAX_VALUES`] values.
    #[error("too many JSON values")]
    TooManyValues,
    /// JSON of a wrong shape; the text for the client.
    #[error("not a message")]
    Invalid(String),
}

/// Reads a message. Bytes that are no UTF-8 become U+FFFD, which only binary frames can hold. Keys named `__proto__` are
/// dropped on every level; of equal keys the last counts.
///
/// # Errors
/// [`EnvelopeFault`].
pub fn parse(bytes: &[u8]) -> Result<Envelope, EnvelopeFault> {
    let text = String::from_utf8_lossy(bytes);
    let mut left = MAX_VALUES;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let value = Bounded { left: &mut left }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    let value = value.map_err(|_| if left == 0 { EnvelopeFault::TooManyValues } else { EnvelopeFault::Unparsable })?;
    let Value::Object(members) = value else {
        return Err(EnvelopeFault::Invalid(issue::all(&[issue::expected("object", Some(&value), "")])));
    };
    let mut issues = Vec::new();
    let kind = members.get("type");
    if !kind.is_some_and(Value::is_string) {
        issues.push(issue::expected("string", kind, "type"));
    }
    let uid = members.get("uid");
    let known = uid.and_then(Uid::from_value);
    if uid.is_some() && known.is_none() {
        issues.push(issue::text_or_number(uid, "uid"));
    }
    match kind.and_then(Value::as_str).map(str::to_owned) {
        Some(kind) if issues.is_empty() => Ok(Envelope { kind, uid: known, members }),
        Some(_) | None => Err(EnvelopeFault::Invalid(issue::all(&issues))),
    }
}

/// Builds a `Value` while counting; zero left means that the bound was met.
struct Bounded<'a> {
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.left = self.left.saturating_sub(1);
        if *self.left == 0 {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Bounded { left: &mut *self.left })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(Bounded { left: &mut *self.left })?;
            if key != "__proto__" {
                map.insert(key, value);
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(bytes: &str) -> String {
        match parse(bytes.as_bytes()) {
            Err(EnvelopeFault::Invalid(text)) => text,
            other => panic!("{bytes}: {other:?}"),
        }
    }

    #[test]
    fn what_is_not_json_is_unparsable() {
        let deep = "[".repeat(200_000);
        let closed = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for text in
            ["", "not json", "{\"type\":\"ping\",}", "\u{feff}{\"type\":\"ping\"}", "NaN", "\0", "{\"type\":\"ping\"}}", &deep, &closed]
        {
            assert_eq!(parse(text.as_bytes()), Err(EnvelopeFault::Unparsable), "{:.40}", text);
        }
        assert_eq!(parse(b"\xff\xfe\x00"), Err(EnvelopeFault::Unparsable));
    }

    #[test]
    fn wrong_shapes_are_named() {
        for (text, received) in [("5", "number"), ("\"x\"", "string"), ("[]", "array"), ("null", "null"), ("true", "boolean")] {
            assert_eq!(invalid(text), format!("Validation error: Invalid input: expected object, received {received}"));
        }
        for (text, received) in [("{}", "undefined"), ("{\"type\":5}", "number"), ("{\"type\":null}", "null")] {
            assert_eq!(invalid(text), format!("Validation error: Invalid input: expected string, received {received} at \"type\""));
        }
        for (uid, received) in [("true", "boolean"), ("null", "null"), ("{\"a\":1}", "object"), ("[1]", "array")] {
            let text = format!("{{\"type\":\"ping\",\"uid\":{uid}}}");
            let expect = format!(
                "Validation error: Invalid input: expected string, received {received} at \"uid\" or Invalid input: expected number, received {received} at \"uid\""
            );
            assert_eq!(invalid(&text), expect);
        }
        assert_eq!(
            invalid("{\"type\":1,\"uid\":null}"),
            "Validation error: Invalid input: expected string, received number at \"type\"; Invalid input: expected string, received null at \"uid\" or Invalid input: expected number, received null at \"uid\""
        );
    }

    #[test]
    fn prototypes_are_dropped_and_the_last_key_counts() {
        assert_eq!(
            invalid("{\"__proto__\":{\"type\":\"ping\"},\"uid\":1}"),
            "Validation error: Invalid input: expected string, received undefined at \"type\""
        );
        let message = parse(br#" {"type":"a","type":"ping","data":{"__proto__":1,"b":2},"uid":"p"} "#).unwrap();
        assert_eq!(message.kind, "ping");
        assert_eq!(message.uid, Some(Uid::Text("p".into())));
        assert_eq!(message.members["data"], serde_json::json!({"b": 2}));
    }

    #[test]
    fn binary_frames_may_hold_replaced_bytes() {
        let message = parse(b"{\"type\":\"ping\",\"uid\":\"\xff\"}").unwrap();
        assert_eq!(message.uid, Some(Uid::Text("\u{fffd}".into())));
    }

    #[test]
    fn numbers_keep_their_exact_double() {
        let message = parse(br#"{"type":"x","a":0.30000000000000004,"b":9007199254740993,"c":1e3}"#).unwrap();
        assert_eq!(message.members["a"].as_f64().unwrap().to_bits(), (0.1_f64 + 0.2).to_bits());
        assert_eq!(message.members["b"].as_u64(), Some(9_007_199_254_740_993));
        assert_eq!(message.members["c"].as_f64(), Some(1000.0));
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let many = format!("{{\"type\":\"x\",\"data\":[{}1]}}", "1,".repeat(MAX_VALUES));
        assert_eq!(parse(many.as_bytes()), Err(EnvelopeFault::TooManyValues));
        let some = format!("{{\"type\":\"x\",\"data\":[{}1]}}", "1,".repeat(MAX_VALUES / 2));
        assert!(parse(some.as_bytes()).is_ok());
    }
}
