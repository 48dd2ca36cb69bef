//! One comparison of a value with constants.
//!
//! It must never compare NULL: NULL passes none of these tests, save the one against an empty list.
//!
//! Cost: one or two comparisons; a list is searched by halves.

use std::cmp::Ordering;

use super::Verdict;
use super::datum::{Constant, Datum, Kind};
use crate::plan::{Scalar, Test};

/// A test against parsed constants.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// A NULL constant: SQL's unknown.
    Never,
    /// Not among nothing: NULL passes as well.
    Always,
    Equal(Constant),
    Differs(Constant),
    Less(Constant),
    AtMost(Constant),
    Greater(Constant),
    AtLeast(Constant),
    /// Sorted.
    Among(Box<[Constant]>),
    /// Sorted.
    NotAmong(Box<[Constant]>),
    Within(Constant, Constant),
    /// Below the one or above the other.
    Outside(Option<Constant>, Option<Constant>),
}

/// Why there is no check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoCheck {
    /// A constant that Postgres refuses or that only Postgres can read.
    Constant,
    /// An operator that is no comparison with constants, or order under an unknown collation.
    Operator,
}

impl Check {
    /// `ordered`: whether the order of the kind is known (equality always is).
    pub(super) fn new(kind: Kind, ordered: bool, test: &Test) -> Result<Self, NoCheck> {
        let one = |scalar: &Scalar| match text(scalar) {
            None => Ok(None),
            Some(text) => kind.constant(text).map(Some).ok_or(NoCheck::Constant),
        };
        let single = |scalar: &Scalar, make: fn(Constant) -> Self| Ok(one(scalar)?.map_or(Self::Never, make));
        if !ordered
            && matches!(test, Test::Lt(_) | Test::Lte(_) | Test::Gt(_) | Test::Gte(_) | Test::Between(_, _) | Test::NotBetween(_, _))
        {
            return Err(NoCheck::Operator);
        }
        match test {
            Test::Eq(scalar) => single(scalar, Self::Equal),
            Test::Neq(scalar) => single(scalar, Self::Differs),
            Test::Lt(scalar) => single(scalar, Self::Less),
            Test::Lte(scalar) => single(scalar, Self::AtMost),
            Test::Gt(scalar) => single(scalar, Self::Greater),
            Test::Gte(scalar) => single(scalar, Self::AtLeast),
            Test::In(scalars) => {
                let constants = scalars.iter().map(one).collect::<Result<Vec<_>, _>>()?;
                Ok(Self::Among(sorted(constants.into_iter().flatten().collect())))
            }
            Test::Nin(scalars) => {
                let constants = scalars.iter().map(one).collect::<Result<Option<Vec<_>>, _>>()?;
                Ok(match constants {
                    None => Self::Never,
                    Some(constants) if constants.is_empty() => Self::Always,
                    Some(constants) => Self::NotAmong(sorted(constants)),
                })
            }
            Test::Between(low, high) => Ok(match (one(low)?, one(high)?) {
                (Some(low), Some(high)) => Self::Within(low, high),
                (None, _) | (_, None) => Self::Never,
            }),
            Test::NotBetween(low, high) => Ok(Self::Outside(one(low)?, one(high)?)),
            Test::Null | Test::NotNull | Test::Empty | Test::NotEmpty | Test::Like(_) | Test::Json(_) | Test::Geometry { .. } => {
                Err(NoCheck::Operator)
            }
        }
    }

    /// Whether NULL passes.
    pub(super) fn on_null(&self) -> Verdict {
        matches!(self, Self::Always).into()
    }

    /// Whether `value` passes.
    pub(super) fn test(&self, value: &Datum<'_>) -> Verdict {
        self.holds(value).map_or(Verdict::Undecided, Verdict::from)
    }

    fn holds(&self, value: &Datum<'_>) -> Option<bool> {
        let against = |constant: &Constant| value.compare(&constant.datum()?);
        Some(match self {
            Self::Never => false,
            Self::Always => true,
            Self::Equal(constant) => against(constant)?.is_eq(),
            Self::Differs(constant) => against(constant)?.is_ne(),
            Self::Less(constant) => against(constant)?.is_lt(),
            Self::AtMost(constant) => against(constant)?.is_le(),
            Self::Greater(constant) => against(constant)?.is_gt(),
            Self::AtLeast(constant) => against(constant)?.is_ge(),
            Self::Among(constants) => contains(constants, value)?,
            Self::NotAmong(constants) => !contains(constants, value)?,
            Self::Within(low, high) => against(low)?.is_ge() && against(high)?.is_le(),
            Self::Outside(low, high) => {
                let below = match low {
                    Some(low) => against(low)?.is_lt(),
                    None => false,
                };
                let above = match high {
                    Some(high) => against(high)?.is_gt(),
                    None => false,
                };
                below || above
            }
        })
    }
}

/// The text that Postgres gets for a constant; `None` is NULL.
pub(super) fn text(scalar: &Scalar) -> Option<&str> {
    match scalar {
        Scalar::Null => None,
        Scalar::Boolean(true) => Some("true"),
        Scalar::Boolean(false) => Some("false"),
        Scalar::Number(text) | Scalar::Text(text) => Some(text),
    }
}

fn order(a: &Constant, b: &Constant) -> Option<Ordering> {
    a.datum()?.compare(&b.datum()?)
}

fn sorted(mut constants: Vec<Constant>) -> Box<[Constant]> {
    // Constants of one list are of one kind, so that they always compare.
    constants.sort_by(|a, b| order(a, b).unwrap_or(Ordering::Equal));
    constants.into()
}

fn contains(constants: &[Constant], value: &Datum<'_>) -> Option<bool> {
    let mut comparable = true;
    let found = constants.binary_search_by(|constant| {
        constant.datum().and_then(|constant| constant.compare(value)).unwrap_or_else(|| {
            comparable = false;
            Ordering::Equal
        })
    });
    comparable.then_some(found.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: Test, value: i64) -> Verdict {
        Check::new(Kind::Integer { min: -100, max: 100 }, true, &test).unwrap().test(&Datum::Integer(value))
    }

    fn number(text: &str) -> Scalar {
        Scalar::Number(text.to_owned())
    }

    #[test]
    fn null_constants_follow_three_valued_logic() {
        assert_eq!(check(Test::Eq(Scalar::Null), 1), Verdict::No);
        assert_eq!(check(Test::Neq(Scalar::Null), 1), Verdict::No);
        assert_eq!(check(Test::In(vec![Scalar::Null, number("1")]), 1), Verdict::Yes);
        assert_eq!(check(Test::In(vec![]), 1), Verdict::No);
        assert_eq!(check(Test::Nin(vec![Scalar::Null, number("1")]), 2), Verdict::No);
        assert_eq!(check(Test::Nin(vec![number("3"), number("1")]), 2), Verdict::Yes);
        assert_eq!(check(Test::Nin(vec![number("3"), number("2")]), 2), Verdict::No);
        assert_eq!(check(Test::Between(Scalar::Null, number("5")), 2), Verdict::No);
        assert_eq!(check(Test::NotBetween(Scalar::Null, number("5")), 6), Verdict::Yes);
        assert_eq!(check(Test::NotBetween(Scalar::Null, number("5")), 2), Verdict::No);
        assert_eq!(check(Test::Between(number("5"), number("1")), 3), Verdict::No);
    }

    #[test]
    fn order_under_a_foreign_collation_is_not_decided_here() {
        let less = Test::Lt(Scalar::Text("a".into()));
        assert_eq!(Check::new(Kind::Text, false, &less).unwrap_err(), NoCheck::Operator);
        assert_eq!(Check::new(Kind::Integer { min: 0, max: 1 }, true, &less).unwrap_err(), NoCheck::Constant);
    }
}
