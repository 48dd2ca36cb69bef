//! `_json`: tests on values inside a json column.
//!
//! It must never decide where Postgres would raise an error (a number test on a text that is no number): the row is
//! undecided and the database reports it.
//!
//! Cost: follows the path over the column's text; allocates only for strings with escapes and numbers with exponents.

use std::sync::Arc;

use super::check::{Check, NoCheck};
use super::datum::{Datum, Kind};
use super::decimal::{Decimal, expand};
use super::like::Pattern;
use super::scan::{Found, Json, follow, unescape};
use super::{NotLocal, Verdict};
use crate::plan::{JsonStep, JsonTest, Scalar, Test};
use crate::schema::Field;

/// A compiled test.
#[derive(Debug, Clone)]
pub(super) enum JsonCheck {
    All(Box<[JsonCheck]>),
    Any(Box<[JsonCheck]>),
    Value(Box<ValueAt>),
}

/// A test of the value at the end of a path.
#[derive(Debug, Clone)]
pub(super) struct ValueAt {
    path: Box<[JsonStep]>,
    /// The column is jsonb.
    binary: bool,
    test: ValueTest,
}

#[derive(Debug, Clone)]
enum ValueTest {
    Null,
    NotNull,
    Empty,
    NotEmpty,
    Number(Check),
    Text(Check),
    Like(Pattern),
}

impl JsonCheck {
    /// A test on `field`, which is json or jsonb.
    pub(super) fn new(test: &JsonTest, field: &Field) -> Result<Self, NotLocal> {
        let list = |tests: &[JsonTest]| tests.iter().map(|test| Self::new(test, field)).collect::<Result<Box<[_]>, _>>();
        Ok(match test {
            JsonTest::And(tests) => Self::All(list(tests)?),
            JsonTest::Or(tests) => Self::Any(list(tests)?),
            JsonTest::Compare { path, test } => Self::Value(Box::new(ValueAt {
                path: path.as_slice().into(),
                binary: &*field.database_type == "jsonb",
                test: ValueTest::new(test, field)?,
            })),
        })
    }

    /// The verdict on a column's value; `None` is SQL NULL.
    pub(super) fn test(&self, value: Option<Json<'_>>) -> Verdict {
        match self {
            Self::All(tests) => Verdict::all(tests.iter().map(|test| test.test(value))),
            Self::Any(tests) => Verdict::any(tests.iter().map(|test| test.test(value))),
            Self::Value(at) => match value.map_or(Found::Absent, |value| follow(value, &at.path, at.binary)) {
                Found::Value(found) if found.is_null() => at.test.on_null(),
                Found::Absent => at.test.on_null(),
                Found::Value(found) => at.test.on_value(found),
                Found::Unclear => Verdict::Undecided,
            },
        }
    }
}

impl ValueTest {
    fn new(test: &Test, field: &Field) -> Result<Self, NotLocal> {
        let name = &field.name;
        let check = |numbers: bool| {
            let made = if numbers {
                Check::new(Kind::Numeric, true, test).map(Self::Number)
            } else {
                Check::new(Kind::Text, false, test).map(Self::Text)
            };
            made.map_err(|reason| match reason {
                NoCheck::Constant => NotLocal::Constant(Arc::clone(name)),
                NoCheck::Operator => NotLocal::Type(Arc::clone(name)),
            })
        };
        match test {
            Test::Null => Ok(Self::Null),
            Test::NotNull => Ok(Self::NotNull),
            Test::Empty => Ok(Self::Empty),
            Test::NotEmpty => Ok(Self::NotEmpty),
            // Text inside json is lowered by the database's locale.
            Test::Like(like) if like.ignore_case && field.peculiar => Err(NotLocal::Type(Arc::clone(name))),
            Test::Like(like) => Pattern::new(like).map(Self::Like).ok_or_else(|| NotLocal::Constant(Arc::clone(name))),
            Test::Eq(one) | Test::Neq(one) | Test::Lt(one) | Test::Lte(one) | Test::Gt(one) | Test::Gte(one) => check(is_number(one)),
            Test::Between(low, high) | Test::NotBetween(low, high) => check(is_number(low) && is_number(high)),
            Test::In(list) | Test::Nin(list) => check(!list.is_empty() && list.iter().all(is_number)),
            Test::Json(_) | Test::Geometry { .. } => Err(NotLocal::Type(Arc::clone(name))),
        }
    }

    fn on_null(&self) -> Verdict {
        match self {
            Self::Null | Self::Empty => Verdict::Yes,
            Self::Number(check) | Self::Text(check) => check.on_null(),
            Self::NotNull | Self::NotEmpty | Self::Like(_) => Verdict::No,
        }
    }

    fn on_value(&self, value: Json<'_>) -> Verdict {
        match self {
            Self::Null => return Verdict::No,
            Self::NotNull => return Verdict::Yes,
            Self::Empty | Self::NotEmpty | Self::Number(_) | Self::Text(_) | Self::Like(_) => {}
        }
        let unescaped;
        let text = match value.inner() {
            Some(inner) if value.escaped => match unescape(inner) {
                Some(text) => {
                    unescaped = text;
                    &unescaped
                }
                None => return Verdict::Undecided,
            },
            Some(inner) => inner,
            None => value.raw,
        };
        match self {
            Self::Null => Verdict::No,
            Self::NotNull => Verdict::Yes,
            Self::Empty => text.is_empty().into(),
            Self::NotEmpty => (!text.is_empty()).into(),
            Self::Text(check) => check.test(&Datum::Text(text)),
            Self::Like(pattern) => pattern.test(text),
            Self::Number(check) => match Decimal::plain(text) {
                Some(number) => check.test(&Datum::Numeric(number)),
                None => expand(text)
                    .as_deref()
                    .and_then(Decimal::plain)
                    .map_or(Verdict::Undecided, |number| check.test(&Datum::Numeric(number))),
            },
        }
    }
}

fn is_number(scalar: &Scalar) -> bool {
    matches!(scalar, Scalar::Number(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::scan::Cursor;
    use crate::schema::FieldType;
    use crate::testing;

    fn check(test: Test, json: &str) -> Verdict {
        let path = vec![JsonStep::Member("a".into()), JsonStep::Index(0)];
        let test = JsonTest::Compare { path, test: Box::new(test) };
        JsonCheck::new(&test, &testing::column("meta", FieldType::Json)).unwrap().test(Cursor::new(json).value())
    }

    #[test]
    fn numbers_compare_as_numbers_and_the_rest_as_text() {
        let hundred = || Scalar::Number("100".into());
        assert_eq!(check(Test::Eq(hundred()), r#"{"a":[1e2]}"#), Verdict::Yes);
        assert_eq!(check(Test::Lt(hundred()), r#"{"a":["99.5"]}"#), Verdict::Yes);
        assert_eq!(check(Test::Lt(hundred()), r#"{"a":["x"]}"#), Verdict::Undecided);
        assert_eq!(check(Test::Neq(hundred()), r#"{"a":[]}"#), Verdict::No);
        let text = |text: &str| Scalar::Text(text.into());
        assert_eq!(check(Test::Eq(text("x\n")), r#"{"a":["x\n"]}"#), Verdict::Yes);
        assert_eq!(check(Test::Eq(text("1e2")), r#"{"a":[1e2]}"#), Verdict::Yes);
        assert_eq!(check(Test::Null, r#"{"a":[null]}"#), Verdict::Yes);
        assert_eq!(check(Test::NotNull, r#"{"a":[{}]}"#), Verdict::Yes);
        assert_eq!(check(Test::Empty, r#"{"a":[""]}"#), Verdict::Yes);
        assert_eq!(check(Test::Eq(text("x")), r#"{"a":["\u0000"]}"#), Verdict::Undecided);
    }
}
