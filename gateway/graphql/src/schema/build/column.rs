//! What a column is in GraphQL, wherever it stands.
//!
//! It must never depend on permissions or relations.

use access::schema::{ColumnDefault, Field as Column, FieldType, Special};

use crate::schema::builtin::BuiltIn;
use crate::schema::definition::{Scalar, Wrap};

/// The functions that a field's type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Functions {
    Date,
    Time,
    DateTime,
    Count,
}

impl Functions {
    pub(super) const fn output(self) -> BuiltIn {
        match self {
            Self::Date => BuiltIn::DateFunctions,
            Self::Time => BuiltIn::TimeFunctions,
            Self::DateTime => BuiltIn::DateTimeFunctions,
            Self::Count => BuiltIn::CountFunctions,
        }
    }

    pub(super) const fn operators(self) -> BuiltIn {
        match self {
            Self::Date => BuiltIn::DateFunctionOperators,
            Self::Time => BuiltIn::TimeFunctionOperators,
            Self::DateTime => BuiltIn::DateTimeFunctionOperators,
            Self::Count => BuiltIn::CountFunctionOperators,
        }
    }
}

/// The scalar of a field that leads nowhere.
pub(super) fn scalar(field: &Column) -> (Scalar, Wrap) {
    if field.has(Special::Conceal) {
        return (Scalar::Hash, Wrap::Plain);
    }
    let scalar = match field.kind {
        FieldType::Boolean => Scalar::Boolean,
        FieldType::BigInteger => Scalar::BigInt,
        FieldType::Integer => Scalar::Int,
        FieldType::Float | FieldType::Decimal => Scalar::Float,
        FieldType::Csv => return (Scalar::String, Wrap::List),
        FieldType::Json => Scalar::Json,
        FieldType::Geometry => Scalar::GeoJson,
        FieldType::Date | FieldType::Time | FieldType::DateTime | FieldType::Timestamp => Scalar::Date,
        FieldType::Hash => Scalar::Hash,
        FieldType::Uuid => Scalar::Id,
        FieldType::String | FieldType::Text | FieldType::Binary | FieldType::Alias | FieldType::Unknown => Scalar::String,
    };
    (scalar, Wrap::Plain)
}

pub(super) fn operators(field: &Column) -> BuiltIn {
    match scalar(field) {
        (_, Wrap::List) => BuiltIn::StringOperators,
        (Scalar::Boolean, _) => BuiltIn::BooleanOperators,
        (Scalar::BigInt, _) => BuiltIn::BigIntOperators,
        (Scalar::Int | Scalar::Float, _) => BuiltIn::NumberOperators,
        (Scalar::Json, _) => BuiltIn::JsonOperators,
        (Scalar::GeoJson, _) => BuiltIn::GeometryOperators,
        (Scalar::Date, _) => BuiltIn::DateOperators,
        (Scalar::Hash, _) => BuiltIn::HashOperators,
        (Scalar::Id, _) => BuiltIn::IdOperators,
        (Scalar::String | Scalar::StringOrFloat | Scalar::JsonFilter | Scalar::Void, _) => BuiltIn::StringOperators,
    }
}

pub(super) fn functions(field: &Column) -> Option<Functions> {
    match field.kind {
        FieldType::Date => Some(Functions::Date),
        FieldType::Time => Some(Functions::Time),
        FieldType::DateTime | FieldType::Timestamp => Some(Functions::DateTime),
        FieldType::Json | FieldType::Alias => Some(Functions::Count),
        FieldType::String
        | FieldType::Text
        | FieldType::Integer
        | FieldType::BigInteger
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Csv
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Unknown => None,
    }
}

/// Defaults that count as none when it is asked whether a value must be given, as observed.
pub(super) fn falsy(default: &ColumnDefault) -> bool {
    match default {
        ColumnDefault::None => true,
        ColumnDefault::AutoIncrement | ColumnDefault::Expression(_) => false,
        ColumnDefault::Value(value) => match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => true,
            serde_json::Value::Number(number) => number.as_f64() == Some(0.0),
            serde_json::Value::String(text) => text.is_empty(),
            serde_json::Value::Bool(true) | serde_json::Value::Array(_) | serde_json::Value::Object(_) => false,
        },
    }
}
