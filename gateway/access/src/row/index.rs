//! The values of an image by which [`super::Cover`]s are looked up.
//!
//! It must never show a value under which an equal one would not be found: what might print in two ways, or is not a value
//! of its column's type, is unknown.

use super::datum::{Kind, Reading};
use super::image::RowImage;
use crate::schema::Field;

/// The number that an image holds for the lookup of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum IndexNumber {
    /// Rounded. Groups whose range holds it may match.
    Number(f64),
    Null,
    Unknown,
}

/// What an image holds for the lookup of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexValue<'i> {
    /// Groups with an equal constant may match.
    Value(&'i str),
    /// NULL: no group with a constant for this field matches.
    Null,
    /// The image does not tell: every group may match.
    Unknown,
}

impl RowImage<'_> {
    /// The value of `field` in the form of [`super::Cover::value`].
    #[must_use]
    pub fn index_value(&self, field: &Field) -> IndexValue<'_> {
        let Some(column) = self.column(&field.name, 0) else { return IndexValue::Unknown };
        if column.json().is_null() {
            return IndexValue::Null;
        }
        match indexable(field) {
            // Postgres prints a whole number in one way; another one (`-0`) is equal to a constant that it does not look like.
            Some(Kind::Integer { .. }) => match column.json().raw {
                raw if is_printed_whole(raw) => IndexValue::Value(raw),
                _ => IndexValue::Unknown,
            },
            Some(_) => column.text().map_or(IndexValue::Unknown, IndexValue::Value),
            None => IndexValue::Unknown,
        }
    }

    /// The value of `field`, of this kind, as a number that stands where the value does in Postgres' order.
    pub(super) fn index_number(&self, field: &Field, kind: Kind) -> IndexNumber {
        let Some(column) = self.column(&field.name, 0) else { return IndexNumber::Unknown };
        match kind.read(column) {
            Reading::Null => IndexNumber::Null,
            Reading::Value(value) => value.number().map_or(IndexNumber::Unknown, IndexNumber::Number),
            Reading::Unreadable => IndexNumber::Unknown,
        }
    }
}

/// Whether Postgres would print a whole number so.
fn is_printed_whole(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    digits.bytes().all(|digit| digit.is_ascii_digit()) && (raw == "0" || !digits.starts_with('0')) && !digits.is_empty()
}

/// Types whose equal values print alike.
pub(super) fn indexable(field: &Field) -> Option<Kind> {
    Kind::of(field).filter(|kind| match kind {
        Kind::Integer { .. } | Kind::Uuid | Kind::Text => true,
        Kind::Single | Kind::Double | Kind::Numeric | Kind::Boolean | Kind::Calendar(_) | Kind::Padded => false,
    })
}
