//! The wire form of one column's value, made from its JSON in the image.
//!
//! It must never print a form that the SQL of the same column would not: what it cannot print alike is undecided.
//!
//! Cost: copies a slice, or a slice and a few bytes; csv and unescaped json go through the image's cached text.

use std::sync::Arc;

use super::NotLocal;
use super::image::Column;
use super::projection::Undecided;
use super::scan::Json;
use crate::schema::{Collection, Field, FieldType};

/// What a concealed value looks like.
const CONCEALED: &[u8] = b"\"**********\"";

/// How a column is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As in the image.
    AsIs,
    /// A number as text.
    Quoted,
    /// `2026-01-02T03:04:05.000Z`.
    Timestamp,
    /// `2026-02-03T08:30:00`.
    DateTime,
    /// `08:30:00`.
    Time,
    /// Text that holds JSON.
    JsonText,
    /// Text split at commas.
    Csv,
    /// Stars, where there is something to hide.
    Concealed,
}

impl Form {
    pub(super) fn of(field: &Field) -> Result<Self, NotLocal> {
        if field.concealed() {
            return Ok(Self::Concealed);
        }
        Ok(match field.kind {
            FieldType::String
            | FieldType::Text
            | FieldType::Integer
            | FieldType::Float
            | FieldType::Boolean
            | FieldType::Date
            | FieldType::Uuid
            | FieldType::Unknown => Self::AsIs,
            FieldType::BigInteger | FieldType::Decimal => Self::Quoted,
            FieldType::Time => Self::Time,
            FieldType::DateTime => Self::DateTime,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Json if matches!(&*field.database_type, "json" | "jsonb") => Self::AsIs,
            FieldType::Json => Self::JsonText,
            FieldType::Csv => Self::Csv,
            FieldType::Hash => Self::Concealed,
            FieldType::Alias => return Err(NotLocal::Relation),
            FieldType::Binary | FieldType::Geometry => return Err(NotLocal::Type(Arc::clone(&field.name))),
        })
    }

    pub(super) fn write(self, column: &Column<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        let json = column.json();
        if json.is_null() {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match self {
            Self::AsIs => out.extend_from_slice(json.raw.as_bytes()),
            Self::Quoted if json.is_string() => out.extend_from_slice(json.raw.as_bytes()),
            Self::Quoted => quoted(&[json.raw], out),
            Self::Timestamp => {
                let (seconds, fraction) = moment(json, "+00:00")?;
                let (millis, padding) =
                    fraction.split_at_checked(3).map_or((fraction, 3 - fraction.len().min(3)), |(millis, _)| (millis, 0));
                quoted(&[seconds, ".", millis, "000".get(..padding).unwrap_or_default(), "Z"], out);
            }
            Self::DateTime => quoted(&[moment(json, "")?.0], out),
            Self::Time => out.extend_from_slice(json.raw.as_bytes()),
            Self::JsonText => {
                let text = column.text().ok_or(Undecided)?;
                if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
                    return Err(Undecided);
                }
                out.extend_from_slice(text.trim().as_bytes());
            }
            Self::Csv => csv(json, out)?,
            Self::Concealed => {
                let empty = column.text().is_some_and(str::is_empty);
                out.extend_from_slice(if empty { b"null" } else { CONCEALED });
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

/// Seconds and fraction of a printed timestamp. Years before 1 and after 9999 and the ends of time are left to the database.
fn moment<'a>(json: Json<'a>, offset: &str) -> Result<(&'a str, &'a str), Undecided> {
    let text = json.inner().and_then(|text| text.strip_suffix(offset)).ok_or(Undecided)?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let shape = seconds.len() == "2026-02-03T08:30:00".len() && seconds.as_bytes().get(10) == Some(&b'T');
    if shape && fraction.bytes().all(|b| b.is_ascii_digit()) { Ok((seconds, fraction)) } else { Err(Undecided) }
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
