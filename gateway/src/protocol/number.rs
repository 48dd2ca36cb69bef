//! Numbers as JavaScript prints them: a client compares the `uid` that comes back with the one it sent.
//!
//! It must never print what is no JSON: a number that is not finite becomes `null`.

/// The largest power of ten that JavaScript prints without an exponent.
const PLAIN_DIGITS: i32 = 21;
/// Numbers below `1e-7` get an exponent.
const LEADING_ZEROS: i32 = 6;

/// `Number::toString` of ECMA-262 §6.1.6.1.20 for radix 10.
pub(super) fn print(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rust prints the shortest digits that read back as the same double, as JavaScript does; only the layout differs.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let sign = if value < 0.0 { "-" } else { "" };
    if count <= point && point <= PLAIN_DIGITS {
        return format!("{sign}{digits}{}", zeros(point - count));
    }
    if 0 < point && point <= PLAIN_DIGITS {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{sign}{whole}.{fraction}");
    }
    if -LEADING_ZEROS < point && point <= 0 {
        return format!("{sign}0.{}{digits}", zeros(-point));
    }
    let exponent = point - 1;
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    let (first, rest) = digits.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{rest}e{exponent_sign}{}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_javascript_does() {
        let check = |value: f64, expect: &str| assert_eq!(print(value), expect);
        check(1.0, "1");
        check(1e3, "1000");
        check(-0.0, "0");
        check(-1.5, "-1.5");
        check(9_007_199_254_740_993.0, "9007199254740992");
        check(1e20, "100000000000000000000");
        check(123_456_789_012_345_680_000.0, "123456789012345680000");
        check(1e21, "1e+21");
        check(1.25e21, "1.25e+21");
        check(0.1e-6, "1e-7");
        check(0.000_001, "0.000001");
        check(-0.000_001_5, "-0.0000015");
        check(1.5e-7, "1.5e-7");
        check(0.1 + 0.2, "0.30000000000000004");
        check(123.456, "123.456");
        check(5e-324, "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
        check(f64::INFINITY, "null");
    }
}
