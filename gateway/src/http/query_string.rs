//! Query strings as JSON: `limit=5`, `filter={"a":…}`, `filter[a][_eq]=1`, `fields[]=a&fields[]=b`.
//!
//! It must never build more than a bounded tree: depth and number of members are capped.

use serde_json::{Map, Value};

/// Levels of brackets.
const MAX_DEPTH: usize = 10;
/// Members in all.
const MAX_MEMBERS: usize = 1000;

/// The query string is deeper or larger than the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("query string is too deep or too large")]
pub(crate) struct TooLarge;

/// Parses `text` (without the question mark).
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, TooLarge> {
    let mut root = Map::new();
    for (index, (name, value)) in form_urlencoded::parse(text.as_bytes()).enumerate() {
        if index >= MAX_MEMBERS {
            return Err(TooLarge);
        }
        let (first, path) = split(&name)?;
        let slot = root.entry(first.to_owned()).or_insert(Value::Null);
        insert(slot, &path, Value::String(value.into_owned()));
    }
    Ok(root)
}

/// `a[b][c]` → `a`, `[b, c]`; text without matching brackets is one name.
fn split(name: &str) -> Result<(&str, Vec<&str>), TooLarge> {
    let Some((first, rest)) = name.split_once('[').filter(|(first, rest)| !first.is_empty() && rest.ends_with(']')) else {
        return Ok((name, Vec::new()));
    };
    let path: Vec<&str> = rest.strip_suffix(']').unwrap_or(rest).split("][").collect();
    if path.len() > MAX_DEPTH { Err(TooLarge) } else { Ok((first, path)) }
}

fn insert(slot: &mut Value, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        match slot {
            Value::Null => *slot = value,
            Value::Array(items) => items.push(value),
            // The same name twice is a list of both.
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => *slot = Value::Array(vec![slot.take(), value]),
        }
        return;
    };
    let position = if name.is_empty() { None } else { name.parse::<usize>().ok() };
    if name.is_empty() || (position.is_some() && !slot.is_object()) {
        if !slot.is_array() {
            *slot = Value::Array(Vec::new());
        }
        if let Value::Array(items) = slot {
            match position.and_then(|position| items.get_mut(position)) {
                Some(item) => insert(item, rest, value),
                None => {
                    let mut item = Value::Null;
                    insert(&mut item, rest, value);
                    items.push(item);
                }
            }
        }
        return;
    }
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(members) = slot {
        insert(members.entry((*name).to_owned()).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_notations_give_the_same_tree() {
        let check = |text: &str, expect: Value| assert_eq!(Value::Object(parse(text).unwrap()), expect, "{text}");
        check("limit=5&fields=a%2Cb", json!({"limit": "5", "fields": "a,b"}));
        check("filter[a][_eq]=1", json!({"filter": {"a": {"_eq": "1"}}}));
        check("fields[]=a&fields[]=b", json!({"fields": ["a", "b"]}));
        check("fields=a&fields=b", json!({"fields": ["a", "b"]}));
        check(
            "filter[_and][0][a][_eq]=1&filter[_and][1][b][_eq]=2",
            json!({"filter": {"_and": [{"a": {"_eq": "1"}}, {"b": {"_eq": "2"}}]}}),
        );
        check("a[=1", json!({"a[": "1"}));
        check("", json!({}));
        let deep = format!("a{}=1", "[x]".repeat(11));
        assert_eq!(parse(&deep), Err(TooLarge));
        assert_eq!(parse(&"a=1&".repeat(1001)), Err(TooLarge));
    }
}
