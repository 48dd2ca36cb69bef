//! The wire form of one column's value, made from its JSON in the image.
//!
//! It must never print a form that the SQL of the same column would not: what it cannot print alike is undecided.
//!
//! Cost: copies a slice, or a slice and a few bytes; csv and unescaped json go through the image's cached text.

use std::sync::Arc;

use super::NotLocal;
use super::column::holds_json;
use super::image::Column;
use super::projection::Undecided;
use super::scan::Json;
use crate::schema::{Collection, Field, FieldType, Special};

/// What a concealed value looks like.
const CONCEALED: &[u8] = b"\"**********\"";

/// How a column is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As in the image.
    AsIs,
    /// A number as text.
    Quoted,
    /// A number, or null where JSON has no word for it.
    Finite,
    /// `2026-02-03`.
    Date,
    /// `2026-02-03T08:30:00`.
    DateTime,
    /// `2026-01-02T03:04:05.000Z`.
    Timestamp,
    /// 1 and 0 as booleans.
    Boolean,
    /// Text that holds JSON.
    JsonText,
    /// Text split at commas.
    Csv,
    /// Stars, where there is something to hide.
    Concealed(Truth),
}

/// When a concealed value counts as something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// Unless it is false or zero.
    NotZero,
    /// Unless it is the empty text.
    NotEmpty,
    /// Always, when not NULL.
    Present,
}

impl Form {
    pub(super) fn of(field: &Field) -> Result<Self, NotLocal> {
        let database_type = &*field.database_type;
        let stamp = matches!(database_type, "timestamptz" | "timestamp" | "date");
        if field.kind == FieldType::Alias {
            return Err(NotLocal::Relation);
        }
        if field.concealed() {
            return Ok(Self::Concealed(match database_type {
                "bool" | "int2" | "int4" | "float4" | "float8" => Truth::NotZero,
                "json" | "jsonb" | "bytea" | "uuid" | "int8" | "numeric" => Truth::Present,
                // Blanks at the end do not count.
                "bpchar" => return Err(NotLocal::Type(Arc::clone(&field.name))),
                _ => Truth::NotEmpty,
            }));
        }
        Ok(match (field.kind, database_type) {
            (FieldType::Geometry, _) => return Err(NotLocal::Type(Arc::clone(&field.name))),
            (FieldType::Csv, "json" | "jsonb") => Self::AsIs,
            (FieldType::Csv, "text" | "varchar") => Self::Csv,
            (FieldType::Csv, _) => return Err(NotLocal::Type(Arc::clone(&field.name))),
            (FieldType::Json, _) => match holds_json(field)? {
                true => Self::JsonText,
                false => Self::AsIs,
            },
            (FieldType::Timestamp, _) if stamp => Self::Timestamp,
            (FieldType::DateTime, _) if stamp => Self::DateTime,
            (FieldType::Date, _) if stamp => Self::Date,
            (_, "int2" | "int4" | "int8" | "text" | "varchar") if field.has(Special::CastBoolean) => Self::Boolean,
            (_, "float4" | "float8") => Self::Finite,
            (_, "int8" | "numeric") => Self::Quoted,
            (_, _) => Self::AsIs,
        })
    }

    pub(super) fn write(self, column: &Column<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        let json = column.json();
        if json.is_null() {
            // A json column that holds JSON's null is something to hide; one that is NULL is not.
            return match self {
                Self::Concealed(Truth::Present) => Err(Undecided),
                Self::AsIs
                | Self::Quoted
                | Self::Finite
                | Self::Date
                | Self::DateTime
                | Self::Timestamp
                | Self::Boolean
                | Self::JsonText
                | Self::Csv
                | Self::Concealed(Truth::NotZero | Truth::NotEmpty) => {
                    out.extend_from_slice(b"null");
                    Ok(())
                }
            };
        }
        match self {
            Self::AsIs => out.extend_from_slice(json.raw.as_bytes()),
            Self::Quoted => quoted(&[json.inner().unwrap_or(json.raw)], out),
            Self::Finite if json.is_string() => out.extend_from_slice(b"null"),
            Self::Finite => out.extend_from_slice(json.raw.as_bytes()),
            Self::Date | Self::DateTime | Self::Timestamp => self.moment(json, out)?,
            Self::Boolean => out.extend_from_slice(match json.inner().unwrap_or(json.raw) {
                "1" => b"true",
                "0" => b"false",
                _ => json.raw.as_bytes(),
            }),
            Self::JsonText => {
                let document = column.document(true).ok_or(Undecided)?;
                out.extend_from_slice(document.raw.as_bytes());
            }
            Self::Csv => csv(json, out)?,
            Self::Concealed(truth) => {
                let something = match truth {
                    Truth::NotZero => number(json)? != 0.0,
                    Truth::NotEmpty => column.text().is_none_or(|text| !text.is_empty()),
                    Truth::Present => true,
                };
                out.extend_from_slice(if something { CONCEALED } else { b"null" });
            }
        }
        Ok(())
    }

    /// Dates and moments of columns with any of the three types. The ends of time are null; years before 1 lose their era in
    /// SQL's form and are left to it.
    fn moment(self, json: Json<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        let text = json.inner().ok_or(Undecided)?;
        if matches!(text, "infinity" | "-infinity") {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        // Images are made in UTC.
        let text = text.strip_suffix("+00:00").unwrap_or(text);
        let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        let digits = |text: &str, other: u8| text.bytes().all(|b| b.is_ascii_digit() || b == other);
        if date.len() < 10 || !digits(date, b'-') || seconds.len() != 8 || !digits(seconds, b':') || !digits(fraction, b'0') {
            return Err(Undecided);
        }
        match self {
            Self::Date => quoted(&[date], out),
            Self::DateTime => quoted(&[date, "T", seconds], out),
            Self::Timestamp
            | Self::AsIs
            | Self::Quoted
            | Self::Finite
            | Self::Boolean
            | Self::JsonText
            | Self::Csv
            | Self::Concealed(_) => {
                let millis = fraction.get(..3).unwrap_or(fraction);
                let zeros = "000".get(millis.len()..).unwrap_or_default();
                quoted(&[date, "T", seconds, ".", millis, zeros, "Z"], out);
            }
        }
        Ok(())
    }
}

/// The wire form of a primary key, as JSON: `key_json` is the key as it stands in an image or in an event.
#[must_use]
pub fn wire_key(collection: &Collection, key_json: &str) -> String {
    let form = collection.key_field().and_then(|field| Form::of(field).ok()).unwrap_or(Form::AsIs);
    let image = format!("{{\"k\":{key_json}}}");
    let mut out = Vec::with_capacity(key_json.len() + 2);
    let written = super::RowImage::parse(&image, &[]).ok().and_then(|image| form.write(image.column("k", 0)?, &mut out).ok());
    match (written, String::from_utf8(out)) {
        (Some(()), Ok(text)) => text,
        _ => key_json.to_owned(),
    }
}

fn quoted(parts: &[&str], out: &mut Vec<u8>) {
    out.push(b'"');
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.push(b'"');
}

fn number(json: Json<'_>) -> Result<f64, Undecided> {
    match json.raw {
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        _ => json.inner().unwrap_or(json.raw).parse().map_err(|_| Undecided),
    }
}

/// Escapes stay as they are: none of them can hold or hide a comma.
fn csv(json: Json<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
    let text = json.inner().ok_or(Undecided)?;
    out.push(b'[');
    if !text.is_empty() {
        for (index, part) in text.split(',').enumerate() {
            if index > 0 {
                out.push(b',');
            }
            quoted(&[part], out);
        }
    }
    out.push(b']');
    Ok(())
}
