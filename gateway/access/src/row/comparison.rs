//! One comparison of a filter over one image.
//!
//! It must never take an image's `null` for NULL where it may be JSON's, nor a value that is not there for either.
//!
//! Cost: one lookup and one test; see [`super::check`], [`super::like`] and [`super::json_test`].

use std::sync::Arc;

use super::check::{Check, NoCheck};
use super::column::{Place, holds_json};
use super::datum::{Datum, Kind, Reading};
use super::decimal::Decimal;
use super::function::{LocalFunction, Number};
use super::image::{Column, RowImage};
use super::json_test::JsonCheck;
use super::like::Pattern;
use super::{NotLocal, Verdict};
use crate::plan::{Function, Operand, Test};
use crate::schema::{Collection, Field};

/// A compiled comparison.
#[derive(Debug, Clone)]
pub(super) enum LocalTest {
    Null { place: Place, nullness: Nullness, negated: bool },
    Empty { place: Place, kind: Kind, negated: bool },
    Value { place: Place, kind: Kind, check: Check },
    Like { place: Place, kind: Kind, pattern: Pattern },
    Json { place: Place, as_text: bool, check: JsonCheck },
    FunctionNull { function: LocalFunction, negated: bool },
    Function { function: LocalFunction, check: Check },
}

/// How an image's `null` and objects relate to SQL's NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nullness {
    /// As they look.
    Plain,
    /// A json column: `null` is NULL or JSON's null.
    Json,
    /// A json column that is never NULL.
    JsonPresent,
    /// Perhaps a row type: `IS NULL` holds when all members are NULL.
    Composite,
}

impl LocalTest {
    pub(super) fn new(collection: &Collection, operand: &Operand, test: &Test) -> Result<Self, NotLocal> {
        match operand {
            Operand::Column(field) => Self::column(Place::of(collection, field)?, field, test),
            Operand::Function(function) => {
                let (Function::DatePart { field, .. } | Function::CountJson(field) | Function::JsonPath { field, .. }) = function else {
                    return Err(NotLocal::Relation);
                };
                let function = LocalFunction::new(collection, function)?;
                if matches!(test, Test::Null | Test::NotNull) {
                    return Ok(Self::FunctionNull { function, negated: matches!(test, Test::NotNull) });
                }
                Ok(Self::Function { function, check: checked(Kind::Numeric, field, test)? })
            }
        }
    }

    fn column(place: Place, field: &Field, test: &Test) -> Result<Self, NotLocal> {
        let foreign = || NotLocal::Type(Arc::clone(&field.name));
        let kind = || Kind::of(field).ok_or_else(foreign);
        let text = || kind().ok().filter(|kind| kind.is_text()).ok_or_else(foreign);
        Ok(match test {
            Test::Null | Test::NotNull => Self::Null { place, nullness: Nullness::of(field), negated: matches!(test, Test::NotNull) },
            Test::Empty | Test::NotEmpty => Self::Empty { place, kind: text()?, negated: matches!(test, Test::NotEmpty) },
            Test::Like(like) => {
                let pattern = Pattern::new(like).ok_or_else(|| NotLocal::Constant(Arc::clone(&field.name)))?;
                Self::Like { place, kind: text()?, pattern }
            }
            Test::Json(test) => Self::Json { place, as_text: holds_json(field)?, check: JsonCheck::new(test, field)? },
            Test::Geometry { .. } => return Err(foreign()),
            Test::Eq(_)
            | Test::Neq(_)
            | Test::Lt(_)
            | Test::Lte(_)
            | Test::Gt(_)
            | Test::Gte(_)
            | Test::In(_)
            | Test::Nin(_)
            | Test::Between(_, _)
            | Test::NotBetween(_, _) => {
                let kind = kind()?;
                Self::Value { place, kind, check: checked(kind, field, test)? }
            }
        })
    }

    /// How dear the test is, for the order of tests.
    pub(super) const fn cost(&self) -> u8 {
        match self {
            Self::Null { .. } | Self::Empty { .. } | Self::Value { .. } | Self::FunctionNull { .. } | Self::Function { .. } => 0,
            Self::Like { .. } => 2,
            Self::Json { .. } => 3,
        }
    }

    pub(super) fn test(&self, image: &RowImage<'_>) -> Verdict {
        match self {
            Self::Null { place, nullness, negated } => match place.find(image).and_then(|column| nullness.is_null(column)) {
                Some(null) => (null != *negated).into(),
                None => Verdict::Undecided,
            },
            Self::Empty { place, kind, negated } => self.with_value(place, *kind, image, |value| match value {
                Datum::Text(text) => (text.is_empty() != *negated).into(),
                Datum::Integer(_) | Datum::Float(_) | Datum::Numeric(_) => Verdict::Undecided,
            }),
            Self::Value { place, kind, check } => self.with_value(place, *kind, image, |value| check.test(&value)),
            Self::Like { place, kind, pattern } => self.with_value(place, *kind, image, |value| match value {
                // `lower` takes text, which has lost the blanks that pad it; `LIKE` alone sees them.
                Datum::Text(text) if pattern.ignores_case() => pattern.test(text),
                Datum::Integer(_) | Datum::Float(_) | Datum::Numeric(_) | Datum::Text(_) => {
                    place.find(image).and_then(Column::text).map_or(Verdict::Undecided, |text| pattern.test(text))
                }
            }),
            // Below the top, NULL and JSON's null look alike.
            Self::Json { place, as_text, check } => match place.find(image).and_then(|column| column.document(*as_text)) {
                Some(document) => check.test(Some(document)),
                None => Verdict::Undecided,
            },
            Self::FunctionNull { function, negated } => match function.read(image) {
                Number::Null => (!negated).into(),
                Number::Whole(_) | Number::Micros(_) => (*negated).into(),
                Number::Unknown => Verdict::Undecided,
            },
            Self::Function { function, check } => match function.read(image) {
                Number::Null => check.on_null(),
                number @ (Number::Whole(_) | Number::Micros(_) | Number::Unknown) => {
                    let digits = number.digits();
                    let value = digits.as_deref().and_then(Decimal::plain);
                    value.map_or(Verdict::Undecided, |value| check.test(&Datum::Numeric(value)))
                }
            },
        }
    }

    /// The verdict where the value is NULL, or masked.
    pub(super) fn on_null(&self) -> Verdict {
        match self {
            Self::Null { negated, .. } | Self::Empty { negated, .. } | Self::FunctionNull { negated, .. } => (!negated).into(),
            Self::Value { check, .. } | Self::Function { check, .. } => check.on_null(),
            Self::Like { .. } => Verdict::No,
            Self::Json { check, .. } => check.test(None),
        }
    }

    fn with_value<'i>(&self, place: &Place, kind: Kind, image: &'i RowImage<'_>, test: impl FnOnce(Datum<'i>) -> Verdict) -> Verdict {
        match place.find(image).map(|column| kind.read(column)) {
            Some(Reading::Null) => self.on_null(),
            Some(Reading::Value(value)) => test(value),
            Some(Reading::Unreadable) | None => Verdict::Undecided,
        }
    }
}

impl Nullness {
    fn of(field: &Field) -> Self {
        match &*field.database_type {
            "json" | "jsonb" if field.nullable => Self::Json,
            "json" | "jsonb" => Self::JsonPresent,
            _ if Kind::of(field).is_some() => Self::Plain,
            _ => Self::Composite,
        }
    }

    fn is_null(self, column: &Column<'_>) -> Option<bool> {
        let json = column.json();
        match (self, json.is_null()) {
            (Self::Json, true) => None,
            (Self::JsonPresent, _) => Some(false),
            (Self::Composite, false) if json.raw.starts_with('{') => None,
            (Self::Plain | Self::Json | Self::Composite, null) => Some(null),
        }
    }
}

fn checked(kind: Kind, field: &Field, test: &Test) -> Result<Check, NotLocal> {
    let ordered = !kind.is_text() || !field.collated;
    Check::new(kind, ordered, test).map_err(|reason| match reason {
        NoCheck::Constant => NotLocal::Constant(Arc::clone(&field.name)),
        NoCheck::Operator => NotLocal::Type(Arc::clone(&field.name)),
    })
}
