//! Values of one column type, read from an image or from a constant, in a form that compares as Postgres compares.
//!
//! It must never accept a constant that Postgres would refuse for the type, nor read one differently: anything in doubt is
//! `None`, and the database decides.
//!
//! Cost: values of images are read in place; only constants, once per compilation, own memory.

use std::cmp::Ordering;

use super::calendar::{self, Calendar};
use super::decimal::{Decimal, blank, expand};
use super::image::Column;
use crate::schema::Field;

/// The types whose comparison is known here, by Postgres' own type names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer {
        min: i64,
        max: i64,
    },
    Single,
    Double,
    Numeric,
    Boolean,
    Calendar(Calendar),
    Uuid,
    Text,
    /// `character(n)`: blanks at the end do not count, but for `LIKE`.
    Padded,
}

/// A value that can be compared with another of the same [`Kind`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Datum<'a> {
    /// Integers, dates and times, booleans.
    Integer(i64),
    /// Both floating point types: every `real` is a `double precision`.
    Float(f64),
    Numeric(Decimal<'a>),
    /// Text, and uuids in their printed form, whose order is that of their bytes.
    Text(&'a str),
}

/// A constant, parsed once.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Integer(i64),
    Float(f64),
    /// In plain form.
    Numeric(Box<str>),
    Text(Box<str>),
}

/// What a column of an image holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reading<'a> {
    Null,
    Value(Datum<'a>),
    /// Not a value of the expected type: the image is older than the schema.
    Unreadable,
}

impl Kind {
    /// The kind of a column; `None` for types whose rules only Postgres knows.
    pub(super) fn of(field: &Field) -> Option<Self> {
        Some(match &*field.database_type {
            "int2" => Self::Integer { min: i16::MIN.into(), max: i16::MAX.into() },
            "int4" => Self::Integer { min: i32::MIN.into(), max: i32::MAX.into() },
            "int8" => Self::Integer { min: i64::MIN, max: i64::MAX },
            "float4" => Self::Single,
            "float8" => Self::Double,
            "numeric" => Self::Numeric,
            "bool" => Self::Boolean,
            "date" => Self::Calendar(Calendar::Date),
            "time" => Self::Calendar(Calendar::Time),
            "timestamp" => Self::Calendar(Calendar::DateTime),
            "timestamptz" => Self::Calendar(Calendar::Timestamp),
            "uuid" => Self::Uuid,
            "text" | "varchar" if !field.peculiar => Self::Text,
            "bpchar" if !field.peculiar => Self::Padded,
            _ => return None,
        })
    }

    /// What Postgres makes of `text` as a value of this type.
    pub(super) fn constant(self, text: &str) -> Option<Constant> {
        let trimmed = text.trim_matches(blank);
        Some(match self {
            Self::Integer { min, max } => {
                let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                Constant::Integer(trimmed.parse().ok().filter(|number| (min..=max).contains(number))?)
            }
            Self::Single => {
                let number: f32 = float_text(trimmed)?.parse().ok()?;
                Constant::Float(in_range(number.into(), trimmed, f32::MIN_POSITIVE.into())?)
            }
            Self::Double => Constant::Float(in_range(float_text(trimmed)?.parse().ok()?, trimmed, f64::MIN_POSITIVE)?),
            Self::Numeric => Constant::Numeric(expand(text)?.into()),
            Self::Boolean => Constant::Integer(boolean(trimmed)?.into()),
            Self::Calendar(calendar) => Constant::Integer(calendar::constant(calendar, text)?),
            // Postgres knows no URNs.
            Self::Uuid if text.starts_with(['u', 'U']) => return None,
            Self::Uuid => Constant::Text(uuid::Uuid::try_parse(text).ok()?.hyphenated().to_string().into()),
            Self::Text | Self::Padded if text.contains('\0') => return None,
            Self::Text => Constant::Text(text.into()),
            Self::Padded => Constant::Text(text.trim_end_matches(' ').into()),
        })
    }

    /// Whether values stand in an order that [`Datum::number`] keeps.
    pub(super) const fn is_ordered(self) -> bool {
        match self {
            Self::Integer { .. } | Self::Single | Self::Double | Self::Numeric | Self::Calendar(_) => true,
            Self::Boolean | Self::Uuid | Self::Text | Self::Padded => false,
        }
    }

    /// Text, which can be searched.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Padded)
    }

    /// The value of a column in an image.
    pub(super) fn read<'a>(self, column: &'a Column<'_>) -> Reading<'a> {
        let json = column.json();
        if json.is_null() {
            return Reading::Null;
        }
        let raw = json.raw;
        let value = match self {
            Self::Integer { .. } => raw.parse().ok().map(Datum::Integer),
            // Postgres prints the shortest text that reads back as the same value of the column's type.
            Self::Single => float(column, |text| text.parse::<f32>().ok().map(f64::from)),
            Self::Double => float(column, |text| text.parse::<f64>().ok()),
            Self::Numeric => Decimal::plain(json.inner().unwrap_or(raw)).map(Datum::Numeric),
            Self::Boolean => match raw {
                "true" => Some(Datum::Integer(1)),
                "false" => Some(Datum::Integer(0)),
                _ => None,
            },
            Self::Calendar(calendar) => json.inner().and_then(|text| calendar::printed(calendar, text)).map(Datum::Integer),
            Self::Uuid => json.inner().filter(|text| text.len() == 36).map(Datum::Text),
            Self::Text => column.text().map(Datum::Text),
            Self::Padded => column.text().map(|text| Datum::Text(text.trim_end_matches(' '))),
        };
        value.map_or(Reading::Unreadable, Reading::Value)
    }
}

impl Constant {
    /// As [`Datum::number`].
    pub(super) fn number(&self) -> Option<f64> {
        self.datum()?.number()
    }

    /// `None` never happens: numbers are stored in plain form.
    pub(super) fn datum(&self) -> Option<Datum<'_>> {
        Some(match self {
            Self::Integer(number) => Datum::Integer(*number),
            Self::Float(number) => Datum::Float(*number),
            Self::Numeric(text) => Datum::Numeric(Decimal::plain(text)?),
            Self::Text(text) => Datum::Text(text),
        })
    }
}

impl Datum<'_> {
    /// The nearest number: of two values the greater one is never mapped to the smaller number. Text has none.
    pub(super) fn number(&self) -> Option<f64> {
        Some(match self {
            #[expect(clippy::cast_precision_loss, reason = "rounding keeps the order")]
            Self::Integer(number) => *number as f64,
            // NaN is above everything, and so is infinity.
            Self::Float(number) if number.is_nan() => f64::INFINITY,
            // Not -0, which equals 0.
            Self::Float(number) => number + 0.0,
            Self::Numeric(decimal) => decimal.number() + 0.0,
            Self::Text(_) => return None,
        })
    }

    /// Postgres' order; `None` for values of different kinds.
    pub(super) fn compare(&self, other: &Datum<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Datum::Integer(b)) => Some(a.cmp(b)),
            (Self::Float(a), Datum::Float(b)) => Some(match (a.is_nan(), b.is_nan()) {
                // NaN equals itself and stands above everything else; -0 equals 0.
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => a.partial_cmp(b)?,
            }),
            (Self::Numeric(a), Datum::Numeric(b)) => Some(a.cmp(b)),
            (Self::Text(a), Datum::Text(b)) => Some(a.cmp(b)),
            (
                Self::Integer(_) | Self::Float(_) | Self::Numeric(_) | Self::Text(_),
                Datum::Integer(_) | Datum::Float(_) | Datum::Numeric(_) | Datum::Text(_),
            ) => None,
        }
    }
}

fn float<'a>(column: &Column<'_>, parse: impl FnOnce(&str) -> Option<f64>) -> Option<Datum<'a>> {
    let json = column.json();
    // NaN and the infinities travel as strings, everything else as a number.
    parse(json.inner().unwrap_or(json.raw)).map(Datum::Float)
}

/// Text that Rust and Postgres read as the same number: no hexadecimal forms, no underscores.
fn float_text(text: &str) -> Option<&str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let name = ["nan", "infinity", "inf"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
    let signed_nan = unsigned.len() < text.len() && unsigned.eq_ignore_ascii_case("nan");
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && expand(text).is_some();
    ((name && !signed_nan) || number).then_some(text)
}

/// Postgres refuses numbers that overflow to infinity or underflow to zero.
fn in_range(number: f64, text: &str, smallest: f64) -> Option<f64> {
    let named = text.contains(['n', 'N']);
    let zero = text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).all(|b| !matches!(b, b'1'..=b'9'));
    let fits = named || (number.is_finite() && (number != 0.0 || zero));
    // Denormal results are refused on some platforms and accepted on others.
    let normal = number == 0.0 || named || number.abs() >= smallest;
    (fits && normal).then_some(number)
}

/// `boolin`: any prefix of the words, as long as it is unique.
fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let prefix = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if prefix("true", 1) || prefix("yes", 1) || lower == "on" || lower == "1" {
        return Some(true);
    }
    (prefix("false", 1) || prefix("no", 1) || prefix("off", 2) || lower == "0").then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(min: i64, max: i64) -> Kind {
        Kind::Integer { min, max }
    }

    #[test]
    fn constants_fit_their_type_or_are_left_alone() {
        assert_eq!(integer(-10, 10).constant(" +7 "), Some(Constant::Integer(7)));
        for refused in ["11", "1.5", "1e1", "0x1", "", "abc", "--1", "99999999999999999999"] {
            assert_eq!(integer(-10, 10).constant(refused), None, "{refused}");
        }
        assert_eq!(Kind::Single.constant("0.1"), Some(Constant::Float(f64::from(0.1_f32))));
        assert_eq!(Kind::Double.constant("1e2"), Some(Constant::Float(100.0)));
        assert_eq!(Kind::Double.constant("-inf"), Some(Constant::Float(f64::NEG_INFINITY)));
        for refused in ["1e400", "1e-400", "1_0", "0x1p3", "", "-nan", "infinit", "1e", "e1"] {
            assert_eq!(Kind::Double.constant(refused), None, "{refused}");
        }
        assert_eq!(Kind::Single.constant("1e39"), None);
        assert_eq!(Kind::Uuid.constant("not"), None);
        assert_eq!(
            Kind::Uuid.constant("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            Some(Constant::Text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".into()))
        );
    }

    #[test]
    fn booleans_have_postgres_words() {
        for (text, expected) in [
            ("t", Some(1)),
            ("TRUE", Some(1)),
            ("y", Some(1)),
            ("on", Some(1)),
            ("1", Some(1)),
            ("of", Some(0)),
            ("F", Some(0)),
            ("no", Some(0)),
            ("0", Some(0)),
        ] {
            assert_eq!(Kind::Boolean.constant(text), expected.map(Constant::Integer), "{text}");
        }
        for refused in ["o", "2", "", "truex", "null"] {
            assert_eq!(Kind::Boolean.constant(refused), None, "{refused}");
        }
    }
}
