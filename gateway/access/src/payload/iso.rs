//! ISO 8601 as clients' dates are read: every form of the standard that JavaScript's date libraries know, and no other.
//!
//! It must never guess: what is no such form is no date. Text without an offset is in UTC.
//!
//! ```text
//! 2026-05-06  20260506  2026-126  2026-W19-3  2026-05  2026  20     then T or a space     10:11:12.5  101112  10.5  24:00
//!                                                                                          then Z, +02:00, +0200, +02
//! ```

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::{SignedDuration, ToSpan as _};

/// The moment that `text` names, in UTC.
pub(super) fn parse(text: &str) -> Option<DateTime> {
    let mut parts = text.split(['T', ' ']);
    let (date, time) = (parts.next()?, parts.next().unwrap_or_default());
    if parts.next().is_some() {
        return None;
    }
    // A zone may follow the date at once.
    let (date, time) = match date.find(['Z', 'z']) {
        Some(end) if time.is_empty() => date.split_at(end),
        Some(_) | None => (date, time),
    };
    let midnight = day(date)?.to_datetime(Time::midnight());
    let (time, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let time = if time.is_empty() { SignedDuration::ZERO } else { since_midnight(time)? };
    midnight.checked_add(time).ok()?.checked_sub(offset(zone)?).ok()
}

fn day(text: &str) -> Option<Date> {
    let (year, rest) = year(text)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let rest = rest.strip_suffix('-').unwrap_or(rest);
    if let Some(week) = rest.strip_prefix('W') {
        let (week, day) = pair(week)?;
        let day = if day.is_empty() { 1 } else { number(day, 1)? };
        return Some(ISOWeekDate::new(year, week, Weekday::from_monday_one_offset(day).ok()?).ok()?.date());
    }
    match rest.len() {
        0 => Date::new(year, 1, 1).ok(),
        3 => {
            let first = Date::new(year, 1, 1).ok()?;
            let day: i16 = number(rest, 3)?;
            first.checked_add(day.checked_sub(1).filter(|day| *day >= 0)?.days()).ok().filter(|date| date.year() == year)
        }
        _ => {
            let (month, day) = pair(rest)?;
            Date::new(year, month, if day.is_empty() { 1 } else { number(day, 2)? }).ok()
        }
    }
}

/// The year, or the century where there is no more, and what follows.
fn year(text: &str) -> Option<(i16, &str)> {
    let signed = text.starts_with(['+', '-']);
    let (sign, digits) = text.split_at(usize::from(signed));
    let wide = if signed { 6 } else { 4 };
    let (year, rest) = match digits.split_at_checked(wide) {
        Some((year, rest)) => (number::<i32>(year, wide)?, rest),
        None => (number::<i32>(digits, wide - 2)?.checked_mul(100)?, ""),
    };
    Some((i16::try_from(if sign == "-" { -year } else { year }).ok()?, rest))
}

/// Two digits, and what follows a hyphen or nothing.
fn pair(text: &str) -> Option<(i8, &str)> {
    let (first, rest) = text.split_at_checked(2)?;
    Some((number(first, 2)?, rest.strip_prefix('-').unwrap_or(rest)))
}

/// Hours, minutes and seconds; each may be the last and have a fraction.
fn since_midnight(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut values = [0.0; 3];
    for value in &mut values {
        let whole = rest.get(..2).filter(|digits| number::<u8>(digits, 2).is_some())?;
        let after = rest.get(2..)?;
        let fraction =
            after.strip_prefix(['.', ',']).map(|digits| digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let end = fraction.map_or(2, |digits| 3 + digits);
        *value = format!("{whole}.{}", rest.get(3..end).unwrap_or_default()).parse::<f64>().ok()?;
        rest = rest.get(end..)?;
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(':').unwrap_or(rest);
    }
    let [hours, minutes, seconds] = values;
    let last = hours == 24.0 && minutes == 0.0 && seconds == 0.0;
    if !rest.is_empty() || (hours >= 24.0 && !last) || minutes >= 60.0 || seconds >= 60.0 {
        return None;
    }
    // As in JavaScript, to the millisecond.
    let milliseconds = (hours * 3_600_000.0 + minutes * 60_000.0 + seconds * 1_000.0).trunc();
    #[expect(clippy::cast_possible_truncation, reason = "at most a day")]
    Some(SignedDuration::from_millis(milliseconds as i64))
}

/// How far a zone is ahead of UTC.
fn offset(zone: &str) -> Option<SignedDuration> {
    let (ahead, digits) = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => return Some(SignedDuration::ZERO),
        Some((sign, digits)) => (sign == "+", digits),
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2).filter(|minutes| *minutes < 60)? };
    let offset = SignedDuration::from_mins(number::<i64>(hours, 2)? * 60 + minutes);
    Some(if ahead { offset } else { -offset })
}

/// Exactly so many digits.
fn number<T: std::str::FromStr>(text: &str, digits: usize) -> Option<T> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_iso_8601_or_none() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(parse(text).map(|moment| moment.strftime("%Y-%m-%d %H:%M:%S%.f").to_string()).as_deref(), expect, "{text}");
        };
        let midnight = |text: &str, expect: &str| check(text, Some(&format!("{expect} 00:00:00")));
        midnight("2026-05-06", "2026-05-06");
        midnight("20260506", "2026-05-06");
        midnight("2026-05", "2026-05-01");
        midnight("202605", "2026-05-01");
        midnight("2026", "2026-01-01");
        midnight("20", "2000-01-01");
        midnight("2026-002", "2026-01-02");
        midnight("2024-366", "2024-12-31");
        midnight("2026-W01-1", "2025-12-29");
        midnight("2026W011", "2025-12-29");
        midnight("2026-W05", "2026-01-26");
        midnight("2026-05-06T", "2026-05-06");
        midnight("2026-05-06Z", "2026-05-06");
        midnight("2026-01-02T24:00", "2026-01-03");
        check("2026-05-06T10:00:00Z", Some("2026-05-06 10:00:00"));
        check("2026-05-06 10:11:12", Some("2026-05-06 10:11:12"));
        check("2026-05-06T10:11:12.3456Z", Some("2026-05-06 10:11:12.345"));
        check("20260506T101112", Some("2026-05-06 10:11:12"));
        check("2026-05-06T10:00:00+02:00", Some("2026-05-06 08:00:00"));
        check("2026-05-06T10:00:00-0230", Some("2026-05-06 12:30:00"));
        check("2026-05-06T10+02", Some("2026-05-06 08:00:00"));
        check("2026-01-02T03.5", Some("2026-01-02 03:30:00"));
        check("+002026-05-06", Some("2026-05-06 00:00:00"));
        for none in [
            "garbage",
            "",
            " ",
            "2026-13-45",
            "2026-02-30",
            "2025-366",
            "2026-000",
            "2026-W54",
            "2026-W01-8",
            " 2026-01-02",
            "202",
            "2026-01-02T25:00",
            "2026-01-02T24:01",
            "2026-01-02T10:60",
            "2026-01-02T10:00:60",
            "2026-01-02T1",
            "2026-01-02T10:00 +02:00",
            "2026-01-02T10:00[Europe/Paris]",
            "2026-01-02T10:00+2",
            "2026-01-02t10:00",
            "2026-1-2",
            "２０２６",
            "2026-0é",
            "\u{0}",
        ] {
            check(none, None);
        }
    }
}
