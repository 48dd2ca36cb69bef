//! The text that a string literal stands for.
//!
//! It must never give text that is not Unicode: a lone surrogate makes the literal invalid.

use std::borrow::Cow;

/// `"…"`: escapes replaced.
pub(super) fn string_text(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(place) = rest.find('\\') {
        text.push_str(rest.get(..place)?);
        let escape = rest.get(place + 1..)?;
        let (c, behind) = character(escape)?;
        text.push(c);
        rest = behind;
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// What an escape stands for, and the text behind it.
fn character(escape: &str) -> Option<(char, &str)> {
    let mut chars = escape.chars();
    let c = match chars.next()? {
        'u' => return unicode(chars.as_str()),
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c @ ('"' | '\\' | '/') => c,
        _ => return None,
    };
    Some((c, chars.as_str()))
}

fn unicode(digits: &str) -> Option<(char, &str)> {
    if let Some(braced) = digits.strip_prefix('{') {
        let (hex, behind) = braced.split_once('}')?;
        return Some((char::from_u32(number(hex)?)?, behind));
    }
    let (first, behind) = (number(digits.get(..4)?)?, digits.get(4..)?);
    if !(0xD800..0xDC00).contains(&first) {
        return Some((char::from_u32(first)?, behind));
    }
    let second = behind.strip_prefix("\\u")?;
    let (low, behind) = (number(second.get(..4)?)?, second.get(4..)?);
    let combined = (0xDC00..0xE000).contains(&low).then(|| 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00))?;
    Some((char::from_u32(combined)?, behind))
}

fn number(hex: &str) -> Option<u32> {
    if hex.is_empty() || hex.len() > 8 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(hex, 16).ok()
}

/// `"""…"""`: without the common indent and the blank lines around.
pub(super) fn block_text(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix("\"\"\"")?.strip_suffix("\"\"\"")?.replace("\\\"\"\"", "\"\"\"");
    let inner = inner.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = inner.split('\n').collect();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let blank = |line: &str| indent(line) == line.len();
    let common = lines.iter().skip(1).filter(|line| !blank(line)).map(|line| indent(line)).min().unwrap_or(0);
    let first = lines.iter().position(|line| !blank(line));
    let last = lines.iter().rposition(|line| !blank(line));
    let (Some(first), Some(last)) = (first, last) else { return Some(String::new()) };
    let kept: Vec<&str> = lines
        .iter()
        .enumerate()
        .filter(|(place, _)| (first..=last).contains(place))
        .map(|(place, line)| if place == 0 { line } else { line.get(common..).unwrap_or_default() })
        .collect();
    Some(kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (literal, text) in [
            (r#""""#, Some("")),
            (r#""plain""#, Some("plain")),
            (r#""a\n\t\"\\\/b""#, Some("a\n\t\"\\/b")),
            (r#""\u00e9\u{1F600}\uD83D\uDE00""#, Some("é😀😀")),
            (r#""\uD83D""#, None),
            (r#""\uD83Dx""#, None),
            (r#""\u{110000}""#, None),
            (r#""\u{}""#, None),
            (r#""\x""#, None),
        ] {
            assert_eq!(string_text(literal).as_deref(), text, "{literal}");
        }
    }

    #[test]
    fn blocks() {
        assert_eq!(block_text("\"\"\"\n    a\n      b\r\n\n    c\n  \"\"\"").as_deref(), Some("a\n  b\n\nc"));
        assert_eq!(block_text("\"\"\"a \\\"\"\" b\"\"\"").as_deref(), Some("a \"\"\" b"));
        assert_eq!(block_text("\"\"\"  \n \"\"\"").as_deref(), Some(""));
    }
}
