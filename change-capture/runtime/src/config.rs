//! Reading configuration: one lookup, typed readers, every fault collected before anything starts.
//!
//! It must never read the process environment anywhere but in [`Environment`], and never put a value into a message.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

/// Where settings come from. Tests use a map, processes the environment.
pub trait Lookup {
    /// The raw value of `name`; an empty value counts as absent.
    fn get(&self, name: &str) -> Option<String>;
    /// All names that are set.
    fn names(&self) -> Vec<String>;
}

/// The process environment, read once.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A copy of the process environment as it is now. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn read() -> Self {
        Self(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect())
    }

    /// The same with `values` on top.
    #[must_use]
    pub fn with(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.extend(values);
        self
    }
}

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl Lookup for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).filter(|value| !value.is_empty()).cloned()
    }
    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }
}

/// One documented setting; the table of them is what `--help` and `docs/configuration.md` print.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The default as a reader would write it; empty when there is none.
    pub default: &'static str,
    /// What it does, with its unit.
    pub help: &'static str,
}

/// One thing that is wrong, by key and never by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The environment variable.
    pub name: String,
    /// What is expected of it.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.expected)
    }
}

/// Typed access to a [`Lookup`] that remembers every fault instead of stopping at the first.
pub struct Reader<'a> {
    lookup: &'a dyn Lookup,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// Reads from `lookup`.
    pub fn new(lookup: &'a dyn Lookup) -> Self {
        Self { lookup, faults: Vec::new() }
    }

    /// All faults so far, or the configuration `value`.
    ///
    /// # Errors
    /// The faults, if there are any.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Fault>> {
        if self.faults.is_empty() { Ok(value) } else { Err(self.faults) }
    }

    /// Records a fault of `name`.
    pub fn fault(&mut self, name: &str, expected: impl Into<String>) {
        self.faults.push(Fault { name: name.to_owned(), expected: expected.into() });
    }

    /// The text of `name`, if it is set.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.lookup.get(name)
    }

    /// The text of `name`, or `default`.
    #[must_use]
    pub fn text_or(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or_else(|| default.to_owned())
    }

    /// A secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// `true`/`false`, `1`/`0`, in any case.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        match self.text(name).map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            None => default,
            Some("true" | "1" | "yes" | "on") => true,
            Some("false" | "0" | "no" | "off") => false,
            Some(_) => {
                self.fault(name, "true or false");
                default
            }
        }
    }

    /// A whole number in `range`, if it is set.
    pub fn integer(&mut self, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let text = self.text(name)?;
        match text.trim().parse::<i64>() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(_) | Err(_) => {
                self.fault(name, format!("a whole number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// A duration by Tidegate's rule (see [`parse_duration`]); a bare number below 1000 is seconds.
    pub fn duration(&mut self, name: &str, default: Duration) -> Duration {
        self.duration_by(name, default, parse_duration)
    }

    /// A duration whose bare numbers are always milliseconds (Directus' `LOGIN_STALL_TIME` and our own settings).
    pub fn milliseconds(&mut self, name: &str, default: Duration) -> Duration {
        self.duration_by(name, default, |text| text.trim().parse::<u64>().ok().map(Duration::from_millis).or_else(|| parse_duration(text)))
    }

    fn duration_by(&mut self, name: &str, default: Duration, parse: impl Fn(&str) -> Option<Duration>) -> Duration {
        let Some(text) = self.text(name) else { return default };
        parse(&text).unwrap_or_else(|| {
            self.fault(name, "a duration such as 10s, 500ms, 15m, 7d");
            default
        })
    }
}

/// A duration: a number with a unit (`ms s m h d w y`) is exact; a bare number of 1000 or more is milliseconds, a smaller
/// one seconds. Public guides write milliseconds, the program they describe reads seconds: both work.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "" if number >= 1000.0 => number / 1000.0,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => number,
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => number / 1000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => number * 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => number * 3600.0,
        "d" | "day" | "days" => number * 86_400.0,
        "w" | "week" | "weeks" => number * 604_800.0,
        "y" | "yr" | "yrs" | "year" | "years" => number * 31_557_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads the text of a `.env` file: `NAME=value` lines, `#` comments, optional `export`, single or double quotes.
#[must_use]
pub fn parse_env_file(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || name.starts_with('#') {
                return None;
            }
            let quoted =
                ['"', '\'', '`'].into_iter().find_map(|quote| value.strip_prefix(quote)?.split_once(quote).map(|(inner, _)| inner));
            let plain = || value.split(" #").next().unwrap_or(value).trim_end();
            Some((name.to_owned(), quoted.map_or_else(|| plain().to_owned(), str::to_owned)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_the_documented_rule() {
        for (text, expect) in [
            ("10", Some(Duration::from_secs(10))),
            ("999", Some(Duration::from_secs(999))),
            ("1000", Some(Duration::from_secs(1))),
            ("10000", Some(Duration::from_secs(10))),
            ("10s", Some(Duration::from_secs(10))),
            ("10000ms", Some(Duration::from_secs(10))),
            ("15m", Some(Duration::from_secs(900))),
            ("7d", Some(Duration::from_secs(604_800))),
            ("0.5", Some(Duration::from_millis(500))),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(parse_duration(text), expect, "{text}");
        }
    }

    #[test]
    fn every_fault_is_reported_by_key_and_never_by_value() {
        let lookup = BTreeMap::from([("A".to_owned(), "sekret".to_owned()), ("B".to_owned(), "nope".to_owned())]);
        let mut reader = Reader::new(&lookup);
        assert!(reader.flag("A", true));
        assert_eq!(reader.integer("B", 0..=5), None);
        let faults = reader.finish(()).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|fault| !fault.to_string().contains("sekret")));
    }

    #[test]
    fn env_files_are_read() {
        let read = parse_env_file("# c\nA=1\nexport B = \"x y\" # c\nC='q'\nD=a # c\n\nbad\n");
        let expect = [("A", "1"), ("B", "x y"), ("C", "q"), ("D", "a")];
        assert_eq!(read, expect.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
