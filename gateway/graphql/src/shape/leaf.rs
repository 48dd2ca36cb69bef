//! The output forms of scalars.
//!
//! It must never invent a value: what has no form in its type is an error.

use serde_json::Number;

use crate::document::print::quoted;
use crate::schema::definition::Scalar;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leaf {
    Int,
    Float,
    Boolean,
    Id,
    /// A string.
    Text,
    /// A whole number as string.
    BigInt,
    /// As it is.
    Json,
}

impl Leaf {
    pub(crate) const fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Int => Self::Int,
            Scalar::Float => Self::Float,
            Scalar::Boolean => Self::Boolean,
            Scalar::Id => Self::Id,
            Scalar::BigInt => Self::BigInt,
            Scalar::String | Scalar::Date | Scalar::Hash => Self::Text,
            Scalar::Json | Scalar::GeoJson | Scalar::JsonFilter | Scalar::StringOrFloat | Scalar::Void => Self::Json,
        }
    }

    /// Writes a JSON text that is not null in the form of the type; the error says why it has none.
    pub(super) fn write(self, json: &str, out: &mut String) -> Result<(), String> {
        let json = json.trim();
        let kind = json.bytes().next().unwrap_or(b'n');
        let string = kind == b'"';
        let number = kind == b'-' || kind.is_ascii_digit();
        let boolean = matches!(kind, b't' | b'f');
        match self {
            Self::Json => out.push_str(json),
            Self::Int => out.push_str(&integer(json, string, number, boolean)?.to_string()),
            Self::Float if number => out.push_str(json),
            Self::Float if boolean => out.push(if kind == b't' { '1' } else { '0' }),
            Self::Float => {
                let value = if string { unquoted(json).trim().parse::<f64>().ok().filter(|value| value.is_finite()) } else { None };
                let value = value.ok_or_else(|| format!("Float cannot represent non numeric value: {json}"))?;
                out.push_str(&float(value));
            }
            Self::Boolean if boolean => out.push_str(json),
            Self::Boolean if number => out.push_str(if json.parse() == Ok(0.0) { "false" } else { "true" }),
            Self::Boolean => return Err(format!("Boolean cannot represent a non boolean value: {json}")),
            Self::Text | Self::Id | Self::BigInt if string => out.push_str(json),
            Self::Text if number || boolean => out.push_str(&quoted(json)),
            Self::Id | Self::BigInt if number && !json.contains(['.', 'e', 'E']) => out.push_str(&quoted(json)),
            Self::Text => return Err(format!("String cannot represent value: {json}")),
            Self::Id => return Err(format!("ID cannot represent value: {json}")),
            Self::BigInt => return Err("Value must be a Number".to_owned()),
        }
        Ok(())
    }
}

fn integer(json: &str, string: bool, number: bool, boolean: bool) -> Result<i32, String> {
    let not_whole = || format!("Int cannot represent non-integer value: {json}");
    if boolean {
        return Ok(i32::from(json == "true"));
    }
    let digits = if string { unquoted(json) } else { json };
    if !(number || string) {
        return Err(not_whole());
    }
    let value: f64 = digits.trim().parse().map_err(|_| not_whole())?;
    if value.fract() != 0.0 {
        return Err(not_whole());
    }
    if value > f64::from(i32::MAX) || value < f64::from(i32::MIN) {
        return Err(format!("Int cannot represent non 32-bit signed integer value: {json}"));
    }
    // Whole and within 32 bits, by the checks above.
    Ok(value as i32)
}

/// As JavaScript prints it: whole numbers without a fraction.
fn float(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e21 {
        return format!("{value:.0}");
    }
    Number::from_f64(value).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn unquoted(json: &str) -> &str {
    json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(leaf: Leaf, json: &str) -> Result<String, String> {
        let mut out = String::new();
        leaf.write(json, &mut out).map(|()| out)
    }

    #[test]
    fn output_forms() {
        for (leaf, json, expected) in [
            (Leaf::Int, "5", Ok("5")),
            (Leaf::Int, "\"5\"", Ok("5")),
            (Leaf::Int, "5.0", Ok("5")),
            (Leaf::Int, "true", Ok("1")),
            (Leaf::Int, "5.5", Err("Int cannot represent non-integer value: 5.5")),
            (Leaf::Int, "\"x\"", Err("Int cannot represent non-integer value: \"x\"")),
            (Leaf::Int, "3000000000", Err("Int cannot represent non 32-bit signed integer value: 3000000000")),
            (Leaf::Float, "\"19.99\"", Ok("19.99")),
            (Leaf::Float, "\"20.00\"", Ok("20")),
            (Leaf::Float, "\"-0.5\"", Ok("-0.5")),
            (Leaf::Float, "1.5", Ok("1.5")),
            (Leaf::Float, "\"NaN\"", Err("Float cannot represent non numeric value: \"NaN\"")),
            (Leaf::Id, "5", Ok("\"5\"")),
            (Leaf::Id, "\"a\"", Ok("\"a\"")),
            (Leaf::Id, "[]", Err("ID cannot represent value: []")),
            (Leaf::BigInt, "9007199254740993", Ok("\"9007199254740993\"")),
            (Leaf::BigInt, "\"9007199254740993\"", Ok("\"9007199254740993\"")),
            (Leaf::Text, "\"a\\n\"", Ok("\"a\\n\"")),
            (Leaf::Text, "5", Ok("\"5\"")),
            (Leaf::Text, "{\"a\":1}", Err("String cannot represent value: {\"a\":1}")),
            (Leaf::Boolean, "false", Ok("false")),
            (Leaf::Boolean, "1", Ok("true")),
            (Leaf::Json, "{\"a\": 1.10}", Ok("{\"a\": 1.10}")),
        ] {
            assert_eq!(written(leaf, json), expected.map(str::to_owned).map_err(str::to_owned), "{leaf:?} {json}");
        }
    }
}
