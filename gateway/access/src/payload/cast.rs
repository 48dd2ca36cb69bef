//! JSON values into Postgres' text form, by the type of their field.
//!
//! It must never accept a date that it does not understand; every other malformed value is left to Postgres, which
//! refuses it for its column.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Number, Value};

use crate::payload::{ColumnValue, falsy, iso};
use crate::query::number;
use crate::refusal::Refusal;
use crate::schema::{Field, FieldType, Special};

/// The text form of `value` for `field`.
pub(super) fn cast(field: &Field, value: &Value) -> Result<ColumnValue, Refusal> {
    if value.is_null() {
        return Ok(ColumnValue::Null);
    }
    // Whatever the form of the value: stored in the clear it would be a leak that nobody sees.
    if field.has(Special::Encrypt) && !falsy(Some(value)) {
        return Ok(ColumnValue::Encrypted(plain(value)));
    }
    if (field.kind == FieldType::Hash || field.has(Special::Hash)) && !falsy(Some(value)) {
        return Ok(ColumnValue::Hash(plain(value)));
    }
    Ok(ColumnValue::Text(match (field.kind, value) {
        (FieldType::Csv, Value::Array(items)) => joined(items),
        (FieldType::Json, Value::String(text)) => text.clone(),
        (FieldType::Json, _) => value.to_string(),
        (FieldType::Date | FieldType::DateTime, Value::String(text)) => {
            let moment = iso::parse(text).ok_or_else(|| invalid_date(field))?;
            civil(field, moment)
        }
        (FieldType::Date | FieldType::DateTime | FieldType::Timestamp, Value::Number(number)) => {
            let moment = milliseconds(number).ok_or_else(|| invalid_date(field))?;
            self::moment(field, moment)
        }
        (
            FieldType::String
            | FieldType::Text
            | FieldType::Integer
            | FieldType::BigInteger
            | FieldType::Float
            | FieldType::Decimal
            | FieldType::Boolean
            | FieldType::Date
            | FieldType::Time
            | FieldType::DateTime
            | FieldType::Timestamp
            | FieldType::Csv
            | FieldType::Uuid
            | FieldType::Hash
            | FieldType::Binary
            | FieldType::Geometry
            | FieldType::Alias
            | FieldType::Unknown,
            _,
        ) => plain(value),
    }))
}

/// `moment` in the form of `field`: a timestamp in UTC, a date and time or a date without zone, or a time of day.
pub(super) fn moment(field: &Field, moment: Timestamp) -> String {
    match field.kind {
        FieldType::Date | FieldType::DateTime => civil(field, utc(moment).datetime()),
        FieldType::Time => utc(moment).time().strftime("%H:%M:%S").to_string(),
        FieldType::String
        | FieldType::Text
        | FieldType::Integer
        | FieldType::BigInteger
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Timestamp
        | FieldType::Json
        | FieldType::Csv
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Alias
        | FieldType::Unknown => utc(moment).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    }
}

/// Text as it is, numbers as JavaScript prints them, lists and objects as JSON.
/// JavaScript's `join`: nothing for null, and a list within is joined as well. An object stays JSON.
fn joined(items: &[Value]) -> String {
    let text = |item: &Value| match item {
        Value::Null => String::new(),
        Value::Array(items) => joined(items),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => plain(item),
    };
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

fn plain(value: &Value) -> String {
    number::scalar_text(value).unwrap_or_else(|| value.to_string())
}

fn civil(field: &Field, moment: DateTime) -> String {
    let form = if field.kind == FieldType::Date { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
    moment.strftime(form).to_string()
}

fn utc(moment: Timestamp) -> Zoned {
    moment.to_zoned(TimeZone::UTC)
}

/// A number of milliseconds since the Unix epoch, as `Date.now()` gives it.
fn milliseconds(number: &Number) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond are dropped; jiff refuses what is out of range")]
    let whole = number.as_i64().or_else(|| number.as_f64().map(|float| float as i64))?;
    Timestamp::from_millisecond(whole).ok()
}

fn invalid_date(field: &Field) -> Refusal {
    let form = match field.kind {
        FieldType::DateTime => "DateTime",
        FieldType::Timestamp => "Timestamp",
        FieldType::Date
        | FieldType::String
        | FieldType::Text
        | FieldType::Integer
        | FieldType::BigInteger
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Time
        | FieldType::Json
        | FieldType::Csv
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Alias
        | FieldType::Unknown => "Date",
    };
    Refusal::InvalidPayload(format!("Invalid {form} format in field \"{}\"", field.name))
}
