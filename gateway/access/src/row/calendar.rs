//! Dates and times as numbers, from the forms that Postgres prints and the ISO forms that it accepts.
//!
//! It must never accept a form whose meaning depends on settings (`DateStyle`, names of months, time zone names): those are
//! left to the database. A moment without a zone is UTC, which is what every session of this program runs in.
//!
//! Cost: fixed-width digits are read in place; nothing allocates.

use crate::plan::DatePart;

pub(super) const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Days and moments: the ends of time.
pub(super) const NEGATIVE_INFINITY: i64 = i64::MIN;
pub(super) const INFINITY: i64 = i64::MAX;

/// Which parts a text must, may or must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    /// A date. A time and an offset behind it are read and dropped, as `date_in` does.
    Date,
    /// A time of day without zone, up to 24:00:00.
    Time,
    /// A date and a time; an offset is read and dropped, as `timestamp_in` does.
    DateTime,
    /// A moment; an offset counts.
    Timestamp,
}

/// A date of the proleptic Gregorian calendar; year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    year: i64,
    month: i64,
    day: i64,
}

/// Reads digits from the front of a text.
struct Reader<'a> {
    rest: &'a [u8],
}

/// The number of a constant that Postgres surely accepts and surely reads like this: microseconds, or days for dates.
pub(super) fn constant(calendar: Calendar, text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t', '\n']);
    if calendar != Calendar::Time {
        if text.eq_ignore_ascii_case("infinity") {
            return Some(INFINITY);
        }
        if text.eq_ignore_ascii_case("-infinity") {
            return Some(NEGATIVE_INFINITY);
        }
    }
    let mut reader = Reader { rest: text.as_bytes() };
    if calendar == Calendar::Time {
        // An offset is read and dropped.
        let micros = reader.time(Seconds::Optional)?;
        reader.offset()?;
        return reader.rest.is_empty().then_some(micros);
    }
    let year = reader.digits(4)?;
    reader.byte(b'-')?;
    let month = reader.digits(2)?;
    reader.byte(b'-')?;
    let day = Day { year, month, day: reader.digits(2)? };
    if year == 0 || !day.exists() {
        return None;
    }
    let (mut micros, mut offset) = (0, 0);
    if !reader.rest.is_empty() {
        if reader.byte(b'T').is_none() {
            reader.byte(b' ')?;
        }
        micros = reader.time(Seconds::Optional).filter(|micros| *micros < MICROS_PER_DAY)?;
        offset = reader.offset()?;
        if !reader.rest.is_empty() {
            return None;
        }
    }
    Some(match calendar {
        Calendar::Date => day.number(),
        Calendar::DateTime => day.number() * MICROS_PER_DAY + micros,
        Calendar::Timestamp => day.number() * MICROS_PER_DAY + micros - offset,
        Calendar::Time => return None,
    })
}

/// The number of a value as `to_json` prints it.
pub(super) fn printed(calendar: Calendar, text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(INFINITY),
        "-infinity" => return Some(NEGATIVE_INFINITY),
        _ => {}
    }
    let (text, before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut reader = Reader { rest: text.as_bytes() };
    if calendar == Calendar::Time {
        let micros = reader.time(Seconds::Required)?;
        return (reader.rest.is_empty() && !before_christ).then_some(micros);
    }
    let year = reader.long_year()?;
    reader.byte(b'-')?;
    let month = reader.digits(2)?;
    reader.byte(b'-')?;
    let day = Day { year: if before_christ { 1 - year } else { year }, month, day: reader.digits(2)? };
    if !day.exists() {
        return None;
    }
    let mut number = day.number();
    match calendar {
        Calendar::Date => {}
        Calendar::DateTime | Calendar::Timestamp => {
            reader.byte(b'T')?;
            number = number.checked_mul(MICROS_PER_DAY)?.checked_add(reader.time(Seconds::Required)?)?;
            if calendar == Calendar::Timestamp {
                number = number.checked_sub(reader.offset()?)?;
            }
        }
        Calendar::Time => return None,
    }
    reader.rest.is_empty().then_some(number)
}

/// A part of a date, time or moment. Seconds are given in microseconds, everything else as it is. `None` for parts that the
/// type does not have and for the ends of time, where some parts are infinite and some are NULL.
pub(super) fn part(part: DatePart, calendar: Calendar, number: i64) -> Option<i64> {
    if matches!(number, INFINITY | NEGATIVE_INFINITY) {
        return None;
    }
    let (days, micros) = match calendar {
        Calendar::Date => (number, None),
        Calendar::Time => (0, Some(number)),
        Calendar::DateTime | Calendar::Timestamp => (number.div_euclid(MICROS_PER_DAY), Some(number.rem_euclid(MICROS_PER_DAY))),
    };
    let clock = |unit: i64, modulus: i64| micros.map(|micros| micros / MICROS_PER_SECOND / unit % modulus);
    if calendar == Calendar::Time && !matches!(part, DatePart::Hour | DatePart::Minute | DatePart::Second) {
        return None;
    }
    match part {
        DatePart::Year => {
            let year = Day::of(days).year;
            // There is no year 0: the year before 1 is -1.
            Some(if year > 0 { year } else { year - 1 })
        }
        DatePart::Month => Some(Day::of(days).month),
        DatePart::Day => Some(Day::of(days).day),
        DatePart::Weekday => Some(weekday(days)),
        DatePart::Week => Some(iso_week(days)),
        // A time of 24:00:00 has the hour 24.
        DatePart::Hour => clock(3600, 25),
        DatePart::Minute => clock(60, 60),
        DatePart::Second => micros.map(|micros| micros % (60 * MICROS_PER_SECOND)),
    }
}

/// Sunday is 0.
fn weekday(days: i64) -> i64 {
    // Day 0, the first of January 1970, was a Thursday.
    (days + 4).rem_euclid(7)
}

fn iso_week(days: i64) -> i64 {
    // A week belongs to the year that has its Thursday.
    let thursday = days + 3 - (weekday(days) + 6) % 7;
    let new_year = Day { year: Day::of(thursday).year, month: 1, day: 1 }.number();
    (thursday - new_year) / 7 + 1
}

impl Day {
    fn exists(self) -> bool {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let length = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        (1..=length).contains(&self.day)
    }

    /// Days since the first of January 1970. Counts years from March, so that the leap day is the last day of a year.
    fn number(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    fn of(number: i64) -> Self {
        let shifted = number + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: era * 400 + year_of_era + i64::from(month <= 2), month, day }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seconds {
    Required,
    Optional,
}

impl Reader<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    }

    /// Postgres' years have four to six digits.
    fn long_year(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if (4..=7).contains(&count) { self.digits(count) } else { None }
    }

    /// `HH:MM:SS.ffffff` in microseconds; up to 24:00:00.
    fn time(&mut self, seconds: Seconds) -> Option<i64> {
        let hour = self.digits(2)?;
        self.byte(b':')?;
        let minute = self.digits(2)?;
        let (mut second, mut micros) = (0, 0);
        if seconds == Seconds::Required || self.rest.first() == Some(&b':') {
            self.byte(b':')?;
            second = self.digits(2)?;
            if self.byte(b'.').is_some() {
                let count = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
                if !(1..=6).contains(&count) {
                    return None;
                }
                micros = (count..6).try_fold(self.digits(count)?, |micros, _| Some(micros * 10))?;
            }
        }
        let total = ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + micros;
        (minute < 60 && second < 60 && total <= MICROS_PER_DAY).then_some(total)
    }

    /// `Z`, `+HH`, `+HHMM`, `+HH:MM` or nothing, in microseconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.rest.first() {
            None => return Some(0),
            Some(b'Z') => {
                self.byte(b'Z')?;
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.digits_behind_sign(sign)
    }

    fn digits_behind_sign(&mut self, sign: i64) -> Option<i64> {
        self.rest = self.rest.get(1..)?;
        let hour = self.digits(2)?;
        let mut minute = 0;
        if !self.rest.is_empty() {
            let _optional = self.byte(b':');
            minute = self.digits(2)?;
        }
        (hour <= 14 && minute < 60).then(|| sign * (hour * 60 + minute) * 60 * MICROS_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_read_as_postgres_reads_them() {
        let same =
            |a: &str, b: &str| assert_eq!(constant(Calendar::Timestamp, a).unwrap(), printed(Calendar::Timestamp, b).unwrap(), "{a}");
        same("2026-03-01", "2026-03-01T00:00:00+00:00");
        same("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00");
        same("2026-03-01T10:00:00.5+02:00", "2026-03-01T08:00:00.5+00:00");
        same("2026-03-01 10:00-0330", "2026-03-01T13:30:00+00:00");
        same(" 1969-12-31 23:59:59.999999 ", "1969-12-31T23:59:59.999999+00:00");
        same("Infinity", "infinity");
        assert_eq!(constant(Calendar::DateTime, "2026-03-01T10:00:00+05"), printed(Calendar::DateTime, "2026-03-01T10:00:00"));
        assert_eq!(constant(Calendar::Date, "2026-03-01T23:00:00-05"), printed(Calendar::Date, "2026-03-01"));
        assert_eq!(constant(Calendar::Time, "08:30"), printed(Calendar::Time, "08:30:00"));
        assert_eq!(constant(Calendar::Time, "08:30Z"), printed(Calendar::Time, "08:30:00"));
        assert_eq!(constant(Calendar::Time, "24:00"), printed(Calendar::Time, "24:00:00"));
    }

    #[test]
    fn doubtful_constants_are_left_to_the_database() {
        for text in [
            "",
            "now",
            "2026-3-1",
            "2026-02-29",
            "2026-13-01",
            "0000-01-01",
            "20260301",
            "2026-03-01T24:00:00",
            "2026-03-01T10:60",
            "2026-03-01T10:00:60",
            "2026-03-01T10:00:00.1234567",
            "2026-03-01T10:00 UTC",
            "2026-03-01Z",
            "2026-03-01T",
            "2026-03-01T10:00:00+15",
            "12345-01-01",
            "2026-03-01T10:00:00.",
            "2026-03-01 BC",
        ] {
            assert_eq!(constant(Calendar::Timestamp, text), None, "{text}");
        }
        for text in ["24:01", "2026-03-01T10:00", "10:00 Z", "infinity", "1:00"] {
            assert_eq!(constant(Calendar::Time, text), None, "{text}");
        }
    }

    #[test]
    fn every_printed_day_goes_there_and_back() {
        let mut previous = printed(Calendar::Date, "4713-01-01 BC").unwrap() - 1;
        for year in (-4712_i64..3000).chain([9_999, 10_000, 294_276]) {
            for (month, last) in [(1, 31), (2, 28), (12, 31)] {
                for day in [1, last] {
                    let text =
                        if year > 0 { format!("{year:04}-{month:02}-{day:02}") } else { format!("{:04}-{month:02}-{day:02} BC", 1 - year) };
                    let number = printed(Calendar::Date, &text).unwrap();
                    assert!(number > previous, "{text}");
                    previous = number;
                    let parts = [DatePart::Year, DatePart::Month, DatePart::Day].map(|name| part(name, Calendar::Date, number).unwrap());
                    assert_eq!(parts, [if year > 0 { year } else { year - 1 }, month, day], "{text}");
                }
            }
        }
        assert_eq!(printed(Calendar::Date, "1970-01-01"), Some(0));
        assert_eq!(printed(Calendar::Date, "2000-03-01"), Some(11_017));
    }

    #[test]
    fn parts_follow_iso() {
        let of = |name, text: &str| part(name, Calendar::Date, printed(Calendar::Date, text).unwrap()).unwrap();
        assert_eq!(of(DatePart::Weekday, "2026-03-01"), 0);
        assert_eq!(of(DatePart::Week, "2021-01-03"), 53);
        assert_eq!(of(DatePart::Week, "2021-01-04"), 1);
        assert_eq!(of(DatePart::Week, "2024-12-30"), 1);
        let moment = printed(Calendar::Timestamp, "1969-12-31T23:59:58.25+00:00").unwrap();
        let of = |name| part(name, Calendar::Timestamp, moment).unwrap();
        assert_eq!((of(DatePart::Hour), of(DatePart::Minute), of(DatePart::Second)), (23, 59, 58_250_000));
        assert_eq!(part(DatePart::Year, Calendar::Time, 0), None);
        assert_eq!(part(DatePart::Hour, Calendar::Date, 0), None);
        assert_eq!(part(DatePart::Year, Calendar::Timestamp, INFINITY), None);
    }
}
