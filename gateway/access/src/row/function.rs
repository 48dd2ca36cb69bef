//! Functions of a row's own columns: parts of dates and the length of json arrays.
//!
//! It must never give a number where Postgres raises an error or gives an infinity: that is unknown.
//!
//! Cost: reads the column in place; the length of an array steps over its elements.

use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

use smallvec::SmallVec;

use super::NotLocal;
use super::calendar::{self, Calendar, MICROS_PER_SECOND};
use super::column::{Place, holds_json};
use super::datum::{Datum, Kind, Reading};
use super::image::RowImage;
use super::scan::array_length;
use crate::plan::{DatePart, Function};
use crate::schema::Collection;

/// A function that images can answer.
#[derive(Debug, Clone)]
pub(super) enum LocalFunction {
    Part {
        place: Place,
        part: DatePart,
        calendar: Calendar,
    },
    /// Of JSON's null Postgres refuses to tell the length, so that a null is taken for NULL.
    ArrayLength {
        place: Place,
        nullable: bool,
        as_text: bool,
    },
}

/// What a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Null,
    /// In whole numbers.
    Whole(i64),
    /// In millionths.
    Micros(i64),
    Unknown,
}

/// The digits of a number, without an allocation.
#[derive(Debug)]
pub(super) struct Digits(SmallVec<[u8; 32]>);

impl LocalFunction {
    pub(super) fn new(collection: &Collection, function: &Function) -> Result<Self, NotLocal> {
        match function {
            Function::DatePart { part, field } => match Kind::of(field) {
                Some(Kind::Calendar(calendar)) => Ok(Self::Part { place: Place::of(collection, field)?, part: *part, calendar }),
                Some(_) | None => Err(NotLocal::Type(Arc::clone(&field.name))),
            },
            Function::CountJson(field) => {
                let as_text = holds_json(field)?;
                Ok(Self::ArrayLength { place: Place::of(collection, field)?, nullable: field.nullable, as_text })
            }
            Function::CountRelated { .. } => Err(NotLocal::Relation),
            // A value inside json has no type of its own, and its text the collation of the database.
            Function::JsonPath { field, .. } => Err(NotLocal::Type(Arc::clone(&field.name))),
        }
    }

    pub(super) fn read(&self, image: &RowImage<'_>) -> Number {
        match self {
            Self::Part { place, part, calendar } => match place.find(image).map(|column| Kind::Calendar(*calendar).read(column)) {
                Some(Reading::Null) => Number::Null,
                Some(Reading::Value(Datum::Integer(number))) => match (calendar::part(*part, *calendar, number), part) {
                    (Some(value), DatePart::Second) => Number::Micros(value),
                    (Some(value), _) => Number::Whole(value),
                    (None, _) => Number::Unknown,
                },
                Some(Reading::Value(Datum::Float(_) | Datum::Numeric(_) | Datum::Text(_)) | Reading::Unreadable) | None => Number::Unknown,
            },
            Self::ArrayLength { place, nullable, as_text } => match place.find(image).and_then(|column| column.document(*as_text)) {
                Some(json) if json.is_null() && *nullable => Number::Null,
                Some(json) => match array_length(json).map(i64::try_from) {
                    Some(Ok(length)) => Number::Whole(length),
                    Some(Err(_)) | None => Number::Unknown,
                },
                None => Number::Unknown,
            },
        }
    }
}

impl Number {
    /// The digits as Postgres prints them; `None` without a number.
    pub(super) fn digits(self) -> Option<Digits> {
        let mut digits = Digits(SmallVec::new());
        let _infallible = match self {
            Self::Whole(value) => write!(digits, "{value}"),
            Self::Micros(value) => write!(digits, "{}.{:06}", value / MICROS_PER_SECOND, value % MICROS_PER_SECOND),
            Self::Null | Self::Unknown => return None,
        };
        Some(digits)
    }
}

impl std::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Deref for Digits {
    type Target = str;

    fn deref(&self) -> &str {
        // Only text was written to it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
