//! JavaScript's idea of numbers: `Number(x)` and `String(x)`, which decide what clients' values mean.
//!
//! It must never fail: what is no number is NaN, and the caller decides what that means.

use std::borrow::Cow;

use serde_json::{Number, Value};

/// `Number(value)`.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => parse(text),
        Value::Array(items) => match items.as_slice() {
            [] => 0.0,
            // A list of one is its member's text; null's text is empty there.
            [Value::String(text)] => parse(text),
            [Value::Number(number)] => number.as_f64().unwrap_or(f64::NAN),
            [Value::Null] => 0.0,
            _ => f64::NAN,
        },
        Value::Object(_) => f64::NAN,
    }
}

/// `Number(text)`.
pub(crate) fn parse(text: &str) -> f64 {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return 0.0;
    }
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return radix_number(digits, radix);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "Infinity" {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // Rust's parser also takes "inf" and "nan", which JavaScript does not.
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.chars().all(decimal) {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

/// `String(number)`.
pub(crate) fn text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    // Zero has no sign in JavaScript's text.
    format!("{}", if number == 0.0 { 0.0 } else { number })
}

/// `String(value)` of a scalar; `None` for lists and objects. Integers keep all their digits.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Number(number) => Some(text(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// `value` with every whole number as an integer: how it was written (`10.0`, `1e1`) means nothing to JavaScript.
#[must_use]
pub fn canonical(value: &Value) -> Cow<'_, Value> {
    if !is_written_oddly(value) {
        return Cow::Borrowed(value);
    }
    let mut value = value.clone();
    rewrite(&mut value);
    Cow::Owned(value)
}

fn is_written_oddly(value: &Value) -> bool {
    match value {
        Value::Number(number) => whole(number).is_some(),
        Value::Array(items) => items.iter().any(is_written_oddly),
        Value::Object(members) => members.values().any(is_written_oddly),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn rewrite(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        Value::Object(members) => members.values_mut().for_each(rewrite),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The integer that a number with a point or an exponent stands for.
fn whole(number: &Number) -> Option<i64> {
    if !number.is_f64() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within the bounds of the type")]
    number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9.2e18).map(|float| float as i64)
}

fn radix_number(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    digits.chars().try_fold(0.0, |sum, c| c.to_digit(radix).map(|digit| sum * f64::from(radix) + f64::from(digit))).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        let check = |value: Value, expect: f64| assert_eq!(number(&value), expect, "{value}");
        check(json!("  100 "), 100.0);
        check(json!("1e2"), 100.0);
        check(json!("0x64"), 100.0);
        check(json!("0b101"), 5.0);
        check(json!(".5"), 0.5);
        check(json!("5."), 5.0);
        check(json!("-1.5e-1"), -0.15);
        check(json!(""), 0.0);
        check(json!(true), 1.0);
        check(json!(null), 0.0);
        check(json!([]), 0.0);
        check(json!(["7"]), 7.0);
        check(json!("Infinity"), f64::INFINITY);
        for junk in [
            json!("abc"),
            json!("1;"),
            json!("inf"),
            json!("nan"),
            json!("-0x1"),
            json!("1e"),
            json!("+"),
            json!("."),
            json!({}),
            json!([1, 2]),
        ] {
            assert!(number(&junk).is_nan(), "{junk}");
        }
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (value, expect) in [
            (100.0, "100"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (1e-6, "0.000001"),
            (123456789012345680000.0, "123456789012345680000"),
        ] {
            assert_eq!(text(value), expect);
        }
    }
}
