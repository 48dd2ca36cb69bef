//! Keys as clients send them.
//!
//! It must never let a key pass that its column could not hold: an impossible key looks like a hidden one.

use serde_json::Value;

use crate::plan::Scalar;
use crate::query::number;
use crate::refusal::Refusal;
use crate::schema::{Collection, FieldType};

/// A key in the canonical text of its column.
pub(super) fn text(collection: &Collection, key: &Value) -> Result<String, Refusal> {
    let field = collection.key_field().ok_or(Refusal::Forbidden)?;
    if !matches!(key, Value::String(_) | Value::Number(_)) {
        return Err(Refusal::Forbidden);
    }
    let text = number::scalar_text(key).ok_or(Refusal::Forbidden)?;
    if text.contains('\0') {
        return Err(Refusal::Forbidden);
    }
    let numeric = |least: i64, most: i64| {
        let number = number::parse(&text);
        let whole = !text.trim().is_empty() && number.fract() == 0.0 && number >= least as f64 && number <= most as f64;
        // Whole and in range, by the checks before.
        if whole { Ok((number as i64).to_string()) } else { Err(Refusal::Forbidden) }
    };
    match field.kind {
        FieldType::Integer if &*field.database_type == "int2" => numeric(i16::MIN.into(), i16::MAX.into()),
        FieldType::Integer => numeric(i32::MIN.into(), i32::MAX.into()),
        FieldType::BigInteger => text.trim().parse::<i64>().map(|number| number.to_string()).map_err(|_| Refusal::Forbidden),
        FieldType::Float | FieldType::Decimal => match number::parse(&text) {
            number if number.is_finite() && !text.trim().is_empty() => Ok(text.trim().to_owned()),
            _ => Err(Refusal::Forbidden),
        },
        FieldType::Uuid => match uuid::Uuid::try_parse(&text) {
            Ok(id) if text.len() == 36 => Ok(id.hyphenated().to_string()),
            Ok(_) | Err(_) => Err(Refusal::Forbidden),
        },
        FieldType::String
        | FieldType::Text
        | FieldType::Boolean
        | FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp
        | FieldType::Json
        | FieldType::Csv
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Alias
        | FieldType::Unknown => Ok(text),
    }
}

/// A key's text as right side of a comparison.
pub(super) fn scalar(collection: &Collection, text: String) -> Scalar {
    match collection.key_field().map(|field| field.kind) {
        Some(FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal) => Scalar::Number(text),
        _ => Scalar::Text(text),
    }
}
