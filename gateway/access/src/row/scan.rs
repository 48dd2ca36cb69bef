//! Finds values in JSON text without building any.
//!
//! It must never trust the text so far that it panics or loops: malformed text ends in `None`. It checks only what it needs
//! to find the ends of values; images were validated as JSON when their event was decoded.
//!
//! Cost: strings are skipped at `memchr` speed, everything else byte by byte; nothing allocates but [`unescape`].

use memchr::memchr2;

use crate::plan::JsonStep;

/// A JSON value inside a larger text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Json<'a> {
    /// The value's own text, without surrounding blanks.
    pub(super) raw: &'a str,
    /// A string with escapes in it.
    pub(super) escaped: bool,
}

/// What stands at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A value; JSON null included.
    Value(Json<'a>),
    /// Nothing: SQL NULL.
    Absent,
    /// Malformed text.
    Unclear,
}

/// Goes through the members of an object or the elements of an array.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    pub(super) fn is_null(self) -> bool {
        self.raw == "null"
    }

    pub(super) fn is_string(self) -> bool {
        self.raw.starts_with('"')
    }

    /// The text between the quotes, escapes and all.
    pub(super) fn inner(self) -> Option<&'a str> {
        self.raw.strip_prefix('"')?.strip_suffix('"')
    }
}

impl<'a> Cursor<'a> {
    /// At the start of `text`, which holds one JSON value and blanks around it.
    pub(super) fn new(text: &'a str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.blanks();
        cursor
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `byte` and the blanks behind it, if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        if taken {
            self.at += 1;
            self.blanks();
        }
        taken
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over the next value, whatever it is, and the blanks behind it.
    pub(super) fn value(&mut self) -> Option<Json<'a>> {
        let start = self.at;
        let mut escaped = false;
        match self.peek()? {
            b'"' => escaped = self.string()?,
            b'{' | b'[' => self.nested()?,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') = self.peek() {
                    self.at += 1;
                }
            }
            _ => return None,
        }
        let raw = self.text.get(start..self.at)?;
        self.blanks();
        Some(Json { raw, escaped })
    }

    /// Steps over a string; tells whether it holds escapes.
    fn string(&mut self) -> Option<bool> {
        let mut escaped = false;
        self.at += 1;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let offset = memchr2(b'"', b'\\', rest)?;
            self.at += offset + 1;
            if rest.get(offset) == Some(&b'"') {
                return Some(escaped);
            }
            escaped = true;
            // Whatever follows a backslash is no closing quote.
            self.at += 1;
        }
    }

    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The next member of an object whose `{` was taken; `Some(None)` behind the last one.
    pub(super) fn member(&mut self, first: bool) -> Option<Option<(Json<'a>, Json<'a>)>> {
        if self.take(b'}') {
            return Some(None);
        }
        if !first && !self.take(b',') {
            return None;
        }
        let name = self.value().filter(|name| name.is_string())?;
        if !self.take(b':') {
            return None;
        }
        Some(Some((name, self.value()?)))
    }

    /// The next element of an array whose `[` was taken; `Some(None)` behind the last one.
    pub(super) fn element(&mut self, first: bool) -> Option<Option<Json<'a>>> {
        if self.take(b']') {
            return Some(None);
        }
        if !first && !self.take(b',') {
            return None;
        }
        Some(Some(self.value()?))
    }
}

/// The text of a JSON string, given what stands between its quotes. `None` for what Postgres refuses to make text of:
/// `\u0000` and halves of surrogate pairs.
pub(super) fn unescape(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(offset) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at_checked(offset)?;
        text.push_str(plain);
        let mut chars = escape.chars();
        chars.next();
        let c = match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let (c, behind) = unicode_escape(chars.as_str())?;
                text.push(c);
                rest = behind;
                continue;
            }
            c @ ('"' | '\\' | '/') => c,
            _ => return None,
        };
        text.push(c);
        rest = chars.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what comes behind it.
fn unicode_escape(text: &str) -> Option<(char, &str)> {
    let (high, rest) = four_digits(text)?;
    let code = match high {
        0 => return None,
        0xD800..=0xDBFF => {
            let (low, behind) = four_digits(rest.strip_prefix("\\u")?)?;
            let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
            return Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)?, behind));
        }
        code => code,
    };
    Some((char::from_u32(code)?, rest))
}

fn four_digits(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Where a chain of `->` leads: names are looked up in objects and indexes in arrays only, but that a scalar of type jsonb
/// (`binary`) passes for an array of itself.
pub(super) fn follow<'a>(value: Json<'a>, path: &[JsonStep], binary: bool) -> Found<'a> {
    let mut value = value;
    for step in path {
        let found = match (step, value.raw.as_bytes().first()) {
            (JsonStep::Member(name), Some(b'{')) => member(value.raw, name),
            (JsonStep::Index(index), Some(b'[')) => element(value.raw, *index),
            (JsonStep::Index(0), Some(first)) if binary && *first != b'{' => Found::Value(value),
            (JsonStep::Member(_) | JsonStep::Index(_), _) => Found::Absent,
        };
        match found {
            Found::Value(next) => value = next,
            Found::Absent | Found::Unclear => return found,
        }
    }
    Found::Value(value)
}

/// How many elements an array has; `None` when the value is no array.
pub(super) fn array_length(value: Json<'_>) -> Option<usize> {
    let mut cursor = Cursor::new(value.raw);
    if !cursor.take(b'[') {
        return None;
    }
    let mut length = 0;
    while cursor.element(length == 0)?.is_some() {
        length += 1;
    }
    Some(length)
}

/// The last of equal names counts, as for `->`.
fn member<'a>(object: &'a str, wanted: &str) -> Found<'a> {
    let mut cursor = Cursor::new(object);
    cursor.take(b'{');
    let mut found = Found::Absent;
    let mut first = true;
    loop {
        match cursor.member(first) {
            Some(Some((name, value))) => {
                if name.inner().is_some_and(|inner| same(inner, name.escaped, wanted)) {
                    found = Found::Value(value);
                }
            }
            Some(None) => return found,
            None => return Found::Unclear,
        }
        first = false;
    }
}

fn same(inner: &str, escaped: bool, wanted: &str) -> bool {
    if escaped { unescape(inner).is_some_and(|name| name == wanted) } else { inner == wanted }
}

fn element(array: &str, index: u32) -> Found<'_> {
    let mut cursor = Cursor::new(array);
    cursor.take(b'[');
    let mut at = 0;
    loop {
        match cursor.element(at == 0) {
            Some(Some(value)) if at == index => return Found::Value(value),
            Some(Some(_)) => at += 1,
            Some(None) => return Found::Absent,
            None => return Found::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[JsonStep]) -> Option<String> {
        match follow(Cursor::new(text).value().unwrap(), path, false) {
            Found::Value(value) => Some(value.raw.to_owned()),
            Found::Absent => None,
            Found::Unclear => Some("unclear".to_owned()),
        }
    }

    fn name(text: &str) -> JsonStep {
        JsonStep::Member(text.to_owned())
    }

    #[test]
    fn paths_lead_where_postgres_leads() {
        let text = r#" {"a": {"b\n": [1, "x]", {"c": null}]}, "0": true, "d":1,"d":2} "#;
        assert_eq!(at(text, &[name("a"), name("b\n"), JsonStep::Index(1)]).unwrap(), r#""x]""#);
        assert_eq!(at(text, &[name("a"), name("b\n"), JsonStep::Index(2), name("c")]).unwrap(), "null");
        assert_eq!(at(text, &[name("a"), name("b\n"), JsonStep::Index(3)]), None);
        assert_eq!(at(text, &[name("a"), name("b\n"), name("x")]), None);
        assert_eq!(at(text, &[JsonStep::Index(0)]), None);
        assert_eq!(at(text, &[name("0")]).unwrap(), "true");
        assert_eq!(at(text, &[name("a"), name("b\n"), name("0")]), None);
        assert_eq!(at(text, &[name("0"), name("x")]), None);
        assert_eq!(at(text, &[name("d")]).unwrap(), "2");
        assert_eq!(at(text, &[]).unwrap(), text.trim());
    }

    #[test]
    fn arrays_are_counted() {
        let count = |text: &str| array_length(Cursor::new(text).value().unwrap());
        assert_eq!(count("[]"), Some(0));
        assert_eq!(count(r#"[ 1 ,[2,3],"a,b" ]"#), Some(3));
        assert_eq!(count("{}"), None);
    }

    #[test]
    fn escapes_become_text_or_nothing() {
        assert_eq!(unescape(r#"a\n\"\\\/\u00e9\ud83d\ude00z"#).unwrap(), "a\n\"\\/é😀z");
        for refused in [r"\u0000", r"\ud83d", r"\ud83dx", r"\ude00", r"\ud83d\u0041", r"\u12", r"\x", "\\"] {
            assert_eq!(unescape(refused), None, "{refused}");
        }
    }

    #[test]
    fn malformed_text_ends() {
        for text in ["", "{", "[", "\"", "\"\\", "{\"a\"", "[1", "}", ",", "{\"a\":1", "[\"\\"] {
            let mut cursor = Cursor::new(text);
            let _must_return = cursor.value();
            let _must_return = array_length(Json { raw: text, escaped: false });
            let _must_return = follow(Json { raw: text, escaped: false }, &[name("a"), JsonStep::Index(0)], true);
        }
    }
}
