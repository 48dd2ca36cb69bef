//! Exact comparison of `numeric` values by their digits.
//!
//! It must never compare through a float: `numeric` has up to 131072 digits and every one of them counts.
//!
//! Cost: linear in the number of digits; reading the plain form, which is all that Postgres prints, allocates nothing.

use std::cmp::Ordering;

/// Exponents beyond this are left to the database.
const MAX_EXPONENT: i64 = 1_000;

/// A value of type `numeric`, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decimal<'a> {
    NegativeInfinity,
    Finite(Digits<'a>),
    Infinity,
    /// Equal to itself and above everything else, as Postgres has it.
    NotANumber,
}

/// Sign and digits. Zero has no digits and no sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits<'a> {
    negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    /// Without trailing zeros.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads what `numeric_out` prints: digits with at most one point, or the name of a special value.
    pub(super) fn plain(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
            return match text {
                "NaN" => Some(Self::NotANumber),
                "Infinity" => Some(Self::Infinity),
                "-Infinity" => Some(Self::NegativeInfinity),
                _ => None,
            };
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self::Finite(Digits { negative: negative && !zero, whole, fraction }))
    }
}

impl Digits<'_> {
    fn number(&self) -> f64 {
        // Fifteen digits are exact in a float, so that the quotient is the nearest to what they say.
        let digits = self.fraction.bytes().chain(std::iter::repeat(b'0')).take(15);
        let fraction = digits.fold(0.0, |sum, digit| sum * 10.0 + f64::from(digit - b'0')) / 1e15;
        let number = self.whole.parse().unwrap_or(0.0) + fraction;
        if self.negative { -number } else { number }
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => a.cmp(b),
            (
                Self::NegativeInfinity | Self::Finite(_) | Self::Infinity | Self::NotANumber,
                Self::NegativeInfinity | Self::Finite(_) | Self::Infinity | Self::NotANumber,
            ) => self.rank().cmp(&other.rank()),
        }
    }
}

impl Decimal<'_> {
    /// As [`super::datum::Datum::number`]: near the value, and never on the other side of another value's number.
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::NegativeInfinity => f64::NEG_INFINITY,
            Self::Infinity | Self::NotANumber => f64::INFINITY,
            Self::Finite(digits) => digits.number(),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::NegativeInfinity => 0,
            Self::Finite(_) => 1,
            Self::Infinity => 2,
            Self::NotANumber => 3,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Digits<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |a: &Self, b: &Self| {
            a.whole.len().cmp(&b.whole.len()).then_with(|| a.whole.cmp(b.whole)).then_with(|| a.fraction.cmp(b.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(self, other),
            (true, true) => magnitude(other, self),
        }
    }
}

impl PartialOrd for Digits<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The plain form of what `numeric_in` accepts, exponents included; `None` for what it refuses or what is left to it.
pub(super) fn expand(text: &str) -> Option<String> {
    let text = text.trim_matches(blank);
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        return Some(format!("{sign}Infinity"));
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some("NaN".to_owned());
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, integer(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || exponent.abs() > MAX_EXPONENT {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= all.len() => (format!("{all:0<point$}"), String::new()),
        Ok(point) => all.split_at_checked(point).map(|(whole, fraction)| (whole.to_owned(), fraction.to_owned()))?,
        Err(_) => ("0".to_owned(), format!("{}{all}", "0".repeat(usize::try_from(-point).ok()?))),
    };
    Some(format!("{sign}{whole}.{fraction}"))
}

/// The blanks that Postgres' number parsers skip.
pub(super) fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn integer(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !digits(unsigned) { None } else { text.parse().ok() }
}

fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: Ordering) {
        let (a, b) = (expand(a).unwrap(), expand(b).unwrap());
        let (a, b) = (Decimal::plain(&a).unwrap(), Decimal::plain(&b).unwrap());
        assert_eq!(a.cmp(&b), expected, "{a:?} {b:?}");
        assert_eq!(b.cmp(&a), expected.reverse(), "{b:?} {a:?}");
    }

    #[test]
    fn digits_decide_exactly() {
        check("1e2", "100.000", Ordering::Equal);
        check("-0.0", "0", Ordering::Equal);
        check("0.1", "0.10000000000000000000000000000000000001", Ordering::Less);
        check("-0.1", "-0.2", Ordering::Greater);
        check("-5", "3", Ordering::Less);
        check("10", "9", Ordering::Greater);
        check("12345678901234567890.5", "12345678901234567890.49", Ordering::Greater);
        check(".5e-2", "0.005", Ordering::Equal);
        check("12.5e-4", "0.00125", Ordering::Equal);
        check("12.5e3", "12500", Ordering::Equal);
        check("125e-1", "12.5", Ordering::Equal);
        check("NaN", "Infinity", Ordering::Greater);
        check("NaN", "nan", Ordering::Equal);
        check("-inf", "-1e900", Ordering::Less);
        check(" +7. ", "007", Ordering::Equal);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", " ", "-", ".", "1e", "e5", "1_000", "0x10", "1 2", "1e99999", "--1", "+-1", "1e+-2", "-NaN"] {
            assert_eq!(expand(text), None, "{text:?}");
        }
        for text in ["", "-", "1e2", "+1", " 1", "abc", "nan"] {
            assert_eq!(Decimal::plain(text), None, "{text:?}");
        }
    }
}
