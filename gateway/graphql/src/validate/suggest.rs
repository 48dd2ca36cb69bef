//! "Did you mean": names that are close to the one that was written.
//!
//! It must never cost more than the meter has left: without budget there are no hints.

use super::Validator;
use crate::schema::natural;

/// Names in one hint.
const MAX_NAMES: usize = 5;
/// Names of this length get no hint.
const MAX_LENGTH: usize = 100;

impl Validator<'_, '_> {
    /// ` Did you mean "a" or "b"?`, or nothing.
    pub(super) fn hint<'n>(&mut self, name: &str, options: impl Iterator<Item = &'n str>) -> String {
        if !self.introspection || name.len() > MAX_LENGTH {
            return String::new();
        }
        let names = close(name, options, |cells| self.meter.hint(cells));
        did_you_mean("", &names)
    }
}

/// The options that are close to `name`, the closest first. `pays` is asked before each comparison.
pub(crate) fn close<'n>(name: &str, options: impl Iterator<Item = &'n str>, mut pays: impl FnMut(usize) -> bool) -> Vec<&'n str> {
    let threshold = name.chars().count() * 2 / 5 + 1;
    let lower: Vec<char> = name.to_lowercase().chars().collect();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for option in options {
        // Cheap before dear: most options differ too much in length.
        if option.len().abs_diff(name.len()) > threshold + 3 || !pays(1 + option.len() * name.len() / 4) {
            continue;
        }
        let distance = if option == name { Some(0) } else { distance(&lower, option, threshold) };
        if let Some(distance) = distance {
            found.push((distance, option));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| natural::compare(a.1, b.1)));
    found.into_iter().map(|(_, option)| option).collect()
}

/// ` Did you mean the enum value "a", "b", or "c"?`
pub(crate) fn did_you_mean(what: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("\"{name}\"")).collect();
    let listed = match quoted.as_slice() {
        [] => return String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} or {two}"),
        [head @ .., last] => format!("{}, or {last}", head.join(", ")),
    };
    let what = if what.is_empty() { String::new() } else { format!("{what} ") };
    format!(" Did you mean {what}{listed}?")
}

/// Insertions, deletions, replacements and swaps of neighbours between two lower-case texts; a difference in case counts one.
fn distance(lower: &[char], option: &str, threshold: usize) -> Option<usize> {
    let other: Vec<char> = option.to_lowercase().chars().collect();
    if lower == other.as_slice() {
        return Some(1);
    }
    let (long, short) = if lower.len() < other.len() { (other.as_slice(), lower) } else { (lower, other.as_slice()) };
    if long.len() - short.len() > threshold {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=short.len()).collect();
    for (i, a) in long.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in short.iter().enumerate() {
            let cost = usize::from(a != b);
            let get = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let mut cell = (get(&above, j + 1) + 1).min(get(&row, j) + 1).min(get(&above, j) + cost);
            let swapped = i > 0 && j > 0 && long.get(i - 1) == Some(b) && short.get(j - 1) == Some(a);
            if swapped {
                cell = cell.min(get(&before, j - 1) + 1);
            }
            row.push(cell);
        }
        if row.iter().min().is_some_and(|smallest| *smallest > threshold) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|distance| *distance <= threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str, options: &[&'static str]) -> String {
        did_you_mean("", &close(name, options.iter().copied(), |_| true))
    }

    #[test]
    fn close_names_are_found_and_sorted() {
        assert_eq!(options("titl", &["title", "status", "slug"]), " Did you mean \"title\"?");
        assert_eq!(options("tilte", &["title"]), " Did you mean \"title\"?");
        assert_eq!(options("TITLE", &["title", "titles"]), " Did you mean \"title\" or \"titles\"?");
        assert_eq!(options("ab", &["a", "b", "abc", "ba", "xy", "abd"]), " Did you mean \"a\", \"abc\", \"abd\", \"b\", or \"ba\"?");
        assert_eq!(options("nope", &["title"]), "");
    }

    #[test]
    fn without_budget_there_are_none() {
        assert_eq!(close("titl", ["title"].into_iter(), |_| false), Vec::<&str>::new());
    }
}
