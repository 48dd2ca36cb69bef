//! What each scalar takes: as a literal in the document, and as JSON in a variable.
//!
//! It must never round: whole numbers stay whole, and what does not fit is refused with the reference's text.

use serde_json::{Map, Number, Value as Json};

use super::inspect::inspect;
use crate::document::{Value, ValueKind};
use crate::schema::definition::Scalar;

/// Why a value is not of its type.
pub(crate) enum Unfit {
    /// A whole sentence.
    Told(String),
    /// A reason that belongs into a sentence about the type.
    Reason(&'static str),
}

const NO_STRING: &str = "Value must be a String";
const NO_STRING_OR_FLOAT: &str = "Value must be a Float or a String";
const NO_OBJECT: &str = "Value must be a plain object";

/// Whether a literal, neither null nor a variable, is of the type.
pub(crate) fn literal(scalar: Scalar, value: &Value<'_>) -> Result<(), Unfit> {
    let told = |text: &str| Err(Unfit::Told(format!("{text}: {}", value.print())));
    match (scalar, &value.kind) {
        (Scalar::Int, ValueKind::Int(digits)) => match digits.parse::<i32>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Unfit::Told(format!("Int cannot represent non 32-bit signed integer value: {digits}"))),
        },
        (Scalar::Int, _) => told("Int cannot represent non-integer value"),
        (Scalar::Float, ValueKind::Int(digits) | ValueKind::Float(digits)) if finite(digits) => Ok(()),
        (Scalar::Float, _) => told("Float cannot represent non numeric value"),
        (Scalar::String | Scalar::Date | Scalar::Hash | Scalar::Void, ValueKind::String(_)) => Ok(()),
        (Scalar::String | Scalar::Date | Scalar::Hash | Scalar::Void, _) => told("String cannot represent a non string value"),
        (Scalar::Boolean, ValueKind::Boolean(_)) => Ok(()),
        (Scalar::Boolean, _) => told("Boolean cannot represent a non boolean value"),
        (Scalar::Id, ValueKind::String(_) | ValueKind::Int(_)) => Ok(()),
        (Scalar::Id, _) => told("ID cannot represent a non-string and non-integer value"),
        (Scalar::BigInt, ValueKind::String(_)) => Ok(()),
        (Scalar::BigInt, _) => Err(Unfit::Reason(NO_STRING)),
        (Scalar::StringOrFloat, ValueKind::String(_)) => Ok(()),
        (Scalar::StringOrFloat, ValueKind::Int(digits) | ValueKind::Float(digits)) if finite(digits) => Ok(()),
        (Scalar::StringOrFloat, _) => Err(Unfit::Reason(NO_STRING_OR_FLOAT)),
        (Scalar::JsonFilter, ValueKind::Object(_)) | (Scalar::Json | Scalar::GeoJson, _) => Ok(()),
        (Scalar::JsonFilter, _) => Err(Unfit::Reason(NO_OBJECT)),
    }
}

/// A valid literal as JSON.
pub(super) fn converted(scalar: Scalar, value: &Value<'_>, variables: &Map<String, Json>) -> Json {
    match (scalar, &value.kind) {
        (Scalar::Id, ValueKind::Int(digits)) => Json::from(*digits),
        _ => untyped(value, variables),
    }
}

/// A literal as JSON, by its own form.
pub(super) fn untyped(value: &Value<'_>, variables: &Map<String, Json>) -> Json {
    match &value.kind {
        ValueKind::Variable(name) => variables.get(*name).cloned().unwrap_or(Json::Null),
        ValueKind::Int(digits) | ValueKind::Float(digits) => number(digits),
        ValueKind::String(text) => Json::from(&**text),
        ValueKind::Boolean(flag) => Json::from(*flag),
        ValueKind::Null => Json::Null,
        ValueKind::Enum(name) => Json::from(*name),
        ValueKind::List(items) => items.iter().map(|item| untyped(item, variables)).collect(),
        ValueKind::Object(members) => {
            members.iter().map(|member| (member.name.text.to_owned(), untyped(&member.value, variables))).collect::<Map<_, _>>().into()
        }
    }
}

/// A variable's value, not null, in the form that calls take.
pub(super) fn parsed(scalar: Scalar, value: &Json) -> Result<Json, Unfit> {
    let told = |text: &str| Err(Unfit::Told(format!("{text}: {}", inspect(value))));
    match (scalar, value) {
        (Scalar::Int, Json::Number(number)) => match whole(number) {
            Some(whole) if i32::try_from(whole).is_ok() => Ok(Json::from(whole)),
            Some(_) => told("Int cannot represent non 32-bit signed integer value"),
            None if number.as_f64().is_some_and(|float| float.fract() == 0.0) => {
                told("Int cannot represent non 32-bit signed integer value")
            }
            None => told("Int cannot represent non-integer value"),
        },
        (Scalar::Int, _) => told("Int cannot represent non-integer value"),
        (Scalar::Float, Json::Number(_)) => Ok(value.clone()),
        (Scalar::Float, _) => told("Float cannot represent non numeric value"),
        (Scalar::String | Scalar::Date | Scalar::Hash | Scalar::Void, Json::String(_)) => Ok(value.clone()),
        (Scalar::String | Scalar::Date | Scalar::Hash | Scalar::Void, _) => told("String cannot represent a non string value"),
        (Scalar::Boolean, Json::Bool(_)) => Ok(value.clone()),
        (Scalar::Boolean, _) => told("Boolean cannot represent a non boolean value"),
        (Scalar::Id, Json::String(_)) => Ok(value.clone()),
        (Scalar::Id, Json::Number(number)) => match whole(number) {
            Some(whole) => Ok(Json::from(whole.to_string())),
            None => told("ID cannot represent value"),
        },
        (Scalar::Id, _) => told("ID cannot represent value"),
        (Scalar::BigInt, Json::String(_)) => Ok(value.clone()),
        (Scalar::BigInt, _) => Err(Unfit::Reason(NO_STRING)),
        (Scalar::StringOrFloat, Json::String(_) | Json::Number(_)) => Ok(value.clone()),
        (Scalar::StringOrFloat, _) => Err(Unfit::Reason(NO_STRING_OR_FLOAT)),
        (Scalar::JsonFilter, Json::Object(_)) | (Scalar::Json | Scalar::GeoJson, _) => Ok(value.clone()),
        (Scalar::JsonFilter, _) => Err(Unfit::Reason(NO_OBJECT)),
    }
}

/// A number without fraction, `1.0` included.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // 2^53: beyond it a float no longer says which whole number it is.
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

fn finite(digits: &str) -> bool {
    digits.parse::<f64>().is_ok_and(f64::is_finite)
}

fn number(digits: &str) -> Json {
    if let Ok(whole) = digits.parse::<i64>() {
        return Json::from(whole);
    }
    digits.parse::<f64>().ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number)
}
