//! The order of names in a sorted schema: digits count as numbers, everything else by its code.
//!
//! It must never call two different names equal: names are looked up by this order.

use std::cmp::Ordering;

/// Compares two names.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(&l), Some(&r)) = (left.first(), right.first()) {
        if l.is_ascii_digit() && r.is_ascii_digit() {
            let (number_l, rest_l) = digits(left);
            let (number_r, rest_r) = digits(right);
            let order = number_l.len().cmp(&number_r.len()).then_with(|| number_l.cmp(number_r));
            if order.is_ne() {
                return order;
            }
            (left, right) = (rest_l, rest_r);
        } else if l == r {
            (left, right) = (left.get(1..).unwrap_or_default(), right.get(1..).unwrap_or_default());
        } else {
            return l.cmp(&r);
        }
    }
    // `a01` and `a1` are different names of the same number.
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// A number without its leading zeros, and what follows.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let zeros = number.iter().take_while(|digit| **digit == b'0').count();
    (number.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["a10", "a9", "a", "_a", "B", "a01", "a1", "a_b", "ab"];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["B", "_a", "a", "a01", "a1", "a9", "a10", "a_b", "ab"]);
        assert_ne!(compare("a1", "a01"), Ordering::Equal);
    }
}
