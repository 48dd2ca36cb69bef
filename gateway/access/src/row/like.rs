//! SQL `LIKE` over text.
//!
//! It must never fold the case of letters outside ASCII: what `lower` does to them depends on the database's locale.
//!
//! Cost: a plain `%text%` is a substring search without allocation; patterns with wildcards inside step over the text with
//! one place to go back to, at worst text length × pattern length.

use memchr::memmem::Finder;

use super::Verdict;
use crate::plan::{TextPlace, TextTest};

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    shape: Shape,
    negated: bool,
    fold: Option<Fold>,
}

#[derive(Debug, Clone)]
enum Shape {
    /// `%text%`, exact case.
    Contains(Box<Finder<'static>>),
    Elements(Box<[Element]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    /// `%`.
    Any,
    /// `_`.
    One,
    /// One byte of literal text.
    Byte(u8),
}

/// What is known of a pattern that ignores case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// Only ASCII.
    Ascii,
    /// Letters that are lower case already, everywhere.
    Lower,
    /// Letters whose lower case depends on the locale, or is in ASCII.
    Unknown,
}

impl Pattern {
    /// `None` when Postgres would refuse the pattern.
    pub(super) fn new(test: &TextTest) -> Option<Self> {
        let (before, after) = match test.place {
            TextPlace::Anywhere => ("%", "%"),
            TextPlace::Start => ("", "%"),
            TextPlace::End => ("%", ""),
        };
        if test.text.contains('\0') {
            return None;
        }
        let fold = test.ignore_case.then(|| match &test.text {
            text if text.is_ascii() => Fold::Ascii,
            text if lower(text) => Fold::Lower,
            _ => Fold::Unknown,
        });
        let elements = elements(&format!("{before}{}{after}", test.text), test.ignore_case)?;
        let shape = match literal_inside(&elements) {
            Some(literal) if !test.ignore_case => Shape::Contains(Box::new(Finder::new(&literal).into_owned())),
            Some(_) | None => Shape::Elements(elements.into()),
        };
        Some(Self { shape, negated: test.negated, fold })
    }

    pub(super) const fn ignores_case(&self) -> bool {
        self.fold.is_some()
    }

    /// Whether `text` is like the pattern (or unlike it, for the negative form).
    pub(super) fn test(&self, text: &str) -> Verdict {
        let like = match (&self.shape, self.fold) {
            (Shape::Contains(finder), _) => finder.find(text.as_bytes()).is_some().into(),
            (Shape::Elements(elements), None) => matches(elements, text, false).into(),
            (Shape::Elements(elements), Some(fold)) => fold.test(elements, text),
        };
        match like {
            Verdict::Yes if self.negated => Verdict::No,
            Verdict::No if self.negated => Verdict::Yes,
            Verdict::Yes | Verdict::No | Verdict::Undecided => like,
        }
    }
}

impl Fold {
    fn test(self, elements: &[Element], text: &str) -> Verdict {
        let like = || matches(elements, text, true);
        match self {
            // The kelvin sign becomes ASCII, and I with a dot may become two characters.
            Self::Ascii | Self::Lower if !text.is_ascii() && text.contains(['\u{130}', '\u{212a}']) => Verdict::Undecided,
            // All other letters outside ASCII stay there, so that they match `_` and nothing else.
            Self::Ascii => like().into(),
            // A letter that stays as it is equals itself; another letter may become it.
            Self::Lower if like() => Verdict::Yes,
            Self::Lower if lower(text) => Verdict::No,
            Self::Lower | Self::Unknown => Verdict::Undecided,
        }
    }
}

/// Whether nothing outside ASCII changes when lowered, in any locale.
fn lower(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || c.to_lowercase().eq([c]))
}

/// Reads a pattern; `None` when it ends in the middle of an escape.
fn elements(pattern: &str, fold: bool) -> Option<Vec<Element>> {
    let mut elements = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        let literal = match byte {
            b'%' => {
                if elements.last() != Some(&Element::Any) {
                    elements.push(Element::Any);
                }
                continue;
            }
            b'_' => {
                elements.push(Element::One);
                continue;
            }
            b'\\' => bytes.next()?,
            other => other,
        };
        elements.push(Element::Byte(if fold { literal.to_ascii_lowercase() } else { literal }));
    }
    Some(elements)
}

/// The text of `%text%`, when there is nothing else.
fn literal_inside(elements: &[Element]) -> Option<Vec<u8>> {
    let [Element::Any, inside @ .., Element::Any] = elements else { return None };
    inside
        .iter()
        .map(|element| match element {
            Element::Byte(byte) => Some(*byte),
            Element::Any | Element::One => None,
        })
        .collect()
}

fn matches(pattern: &[Element], text: &str, fold: bool) -> bool {
    let text = text.as_bytes();
    let (mut at, mut next) = (0, 0);
    // Behind the last `%`, and the text position up to which it reaches.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(next), text.get(at)) {
            (None, None) => return true,
            (Some(Element::Any), _) => {
                next += 1;
                if next == pattern.len() {
                    return true;
                }
                retry = Some((next, at));
                continue;
            }
            (Some(Element::One), Some(first)) => Some(width(*first)),
            (Some(Element::Byte(byte)), Some(other)) => {
                let other = if fold { other.to_ascii_lowercase() } else { *other };
                (*byte == other).then_some(1)
            }
            (Some(Element::One | Element::Byte(_)), None) | (None, Some(_)) => None,
        };
        match (step, &mut retry) {
            (Some(step), _) => {
                at += step;
                next += 1;
            }
            (None, Some((behind, reach))) => {
                let Some(first) = text.get(*reach) else { return false };
                *reach += width(*first);
                (at, next) = (*reach, *behind);
            }
            (None, None) => return false,
        }
    }
}

/// The length of a character by its first byte.
const fn width(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..=0xFF => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(place: TextPlace, pattern: &str, ignore_case: bool, text: &str) -> Verdict {
        let test = TextTest { place, text: pattern.to_owned(), ignore_case, negated: false };
        let verdict = Pattern::new(&test).unwrap().test(text);
        let negated = Pattern::new(&TextTest { negated: true, ..test }).unwrap().test(text);
        assert_eq!(verdict == Verdict::Undecided, negated == Verdict::Undecided);
        assert!(verdict == Verdict::Undecided || verdict != negated);
        verdict
    }

    #[test]
    fn wildcards_and_escapes_keep_their_meaning() {
        use TextPlace::{Anywhere, End, Start};
        for (place, pattern, text, expected) in [
            (Anywhere, "b", "abc", true),
            (Anywhere, "a_c", "xaéc", true),
            (Anywhere, "a_c", "ac", false),
            (Anywhere, "a%d", "xabcdx", true),
            (Anywhere, r"\%", "100%", true),
            (Anywhere, r"\%", "100", false),
            (Anywhere, r"\_a", "b_a", true),
            (Anywhere, "a\\", "a%", true),
            (Anywhere, "a\\", "a\\", false),
            (Anywhere, "", "", true),
            (Anywhere, "", "x", true),
            (Start, "ab", "abc", true),
            (Start, "b", "abc", false),
            (End, "bc", "abbc", true),
            (End, "aab", "aaaab", true),
            (End, "_", "é", true),
            (End, "__", "é", false),
            (Start, "a%b", "axxbxx", true),
            (Anywhere, r"\\", r"a\b", true),
            (Anywhere, "A", "a", false),
        ] {
            assert_eq!(test(place, pattern, false, text), expected.into(), "{pattern} {text}");
        }
        assert!(Pattern::new(&TextTest { place: End, text: "a\\".into(), ignore_case: false, negated: false }).is_none());
    }

    #[test]
    fn case_is_folded_in_ascii_only() {
        let any = |pattern: &str, text: &str| test(TextPlace::Anywhere, pattern, true, text);
        assert_eq!(any("HeL", "oh, hElp"), Verdict::Yes);
        assert_eq!(any("help", "müll"), Verdict::No);
        assert_eq!(any("m_ll", "MÜLL"), Verdict::Yes);
        assert_eq!(any("müll", "der Müll"), Verdict::Yes);
        assert_eq!(any("müll", "der MÜLL"), Verdict::Undecided);
        assert_eq!(any("MÜLL", "der MÜLL"), Verdict::Undecided);
        assert_eq!(any("müll", "Café"), Verdict::No);
        assert_eq!(any("k", "5 ΑΣ"), Verdict::No);
        assert_eq!(any("müll", "null"), Verdict::No);
        assert_eq!(any("k", "5 \u{212a}"), Verdict::Undecided);
    }
}
