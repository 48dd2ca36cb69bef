//! Replaces what differs between two runs (fresh ids, times, tokens) by placeholders, so that transcripts compare equal.
//!
//! It must never touch seeded values: those are part of what is checked.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use super::case::FixtureIds;
use super::compare::canonical;

static JWT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+").unwrap());
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\w-]+").unwrap());
static RETRY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"retry after \d+ms").unwrap());
static UUID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap());
static STAMP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d(?::?\d\d)?)?").unwrap());

/// How many characters a refresh or session token has.
const TOKEN_LENGTH: usize = 64;

/// One transcript's placeholders: fresh ids are numbered in the order in which they appear.
pub(crate) struct Normaliser {
    names: HashMap<String, Option<String>>,
    since: Timestamp,
    now: Timestamp,
    numbers: HashMap<String, usize>,
}

impl Normaliser {
    /// Keeps the ids of the fixture, and gives `names` (id to placeholder) to those of the bootstrapped rows.
    pub(crate) fn new(ids: &FixtureIds, names: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut all = ids.uuids.clone();
        all.extend(names.into_iter().map(|(id, name)| (id, Some(name))));
        let since = ids.volatile_since.parse().expect("the data of the repository");
        Self { names: all, since, now: Timestamp::now(), numbers: HashMap::new() }
    }

    /// The value with every volatile part replaced, ids numbered.
    pub(crate) fn value(&mut self, value: &Value) -> Value {
        self.walk(value, true)
    }

    /// Messages whose order of arrival is not defined, sorted by what is not volatile in them.
    pub(crate) fn ordered(&mut self, mut messages: Vec<Value>) -> Vec<Value> {
        messages.sort_by_cached_key(|message| canonical(&self.walk(message, false), true));
        messages
    }

    fn walk(&mut self, value: &Value, number: bool) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, number)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.walk(item, number)).collect()),
            Value::Object(members) => {
                let mut out = Map::new();
                for (key, item) in members {
                    let key = self.text(key, number);
                    let item = self.walk(item, number);
                    out.insert(key, item);
                }
                Value::Object(out)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn text(&mut self, text: &str, number: bool) -> String {
        let text = JWT.replace_all(text, "<jwt>");
        let text =
            WORD.replace_all(
                &text,
                |found: &Captures<'_>| {
                    if found[0].chars().count() == TOKEN_LENGTH { "<token>".to_owned() } else { found[0].to_owned() }
                },
            );
        let text = RETRY.replace_all(&text, "retry after <n>ms");
        let text = STAMP.replace_all(&text, |found: &Captures<'_>| self.stamp(found));
        UUID.replace_all(&text, |found: &Captures<'_>| self.uuid(&found[0], number)).into_owned()
    }

    /// A time counts as fresh from the day of the recording on, and around the present wherever the clock stands.
    fn stamp(&self, found: &Captures<'_>) -> String {
        let fresh = parse_stamp(&found[1], &found[2], found.get(3).map(|zone| zone.as_str()))
            .is_some_and(|time| time >= self.since || (time.as_second() - self.now.as_second()).abs() < 7200);
        if fresh { "<ts>".to_owned() } else { found[0].to_owned() }
    }

    fn uuid(&mut self, id: &str, number: bool) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone().unwrap_or_else(|| id.to_owned());
        }
        if !number {
            return "<uuid>".to_owned();
        }
        let next = self.numbers.len() + 1;
        format!("<uuid:{}>", self.numbers.entry(id.to_owned()).or_insert(next))
    }
}

fn parse_stamp(date: &str, time: &str, zone: Option<&str>) -> Option<Timestamp> {
    let local = format!("{date}T{time}");
    match zone {
        None => local.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()),
        Some(zone) => format!("{local}{zone}").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn normaliser() -> Normaliser {
        let ids = FixtureIds {
            volatile_since: "2026-11-01T00:00:00Z".to_owned(),
            uuids: HashMap::from([("10000000-0000-4000-8000-000000000001".to_owned(), None)]),
            named: HashMap::new(),
        };
        Normaliser::new(&ids, [("11111111-1111-4111-8111-111111111111".to_owned(), "<admin-user>".to_owned())])
    }

    #[test]
    fn volatile_parts_are_replaced_and_seeded_ones_kept() {
        let cases = [
            (json!("10000000-0000-4000-8000-000000000001"), json!("10000000-0000-4000-8000-000000000001")),
            (json!("11111111-1111-4111-8111-111111111111"), json!("<admin-user>")),
            (json!("2026-12-01T00:00:00.123Z"), json!("<ts>")),
            (json!("2026-12-01 00:00:00+00"), json!("<ts>")),
            (json!("2026-12-01 00:00:00+0100"), json!("<ts>")),
            (json!("2026-12-01T00:00:00"), json!("<ts>")),
            (json!("2026-01-02T03:04:05.000Z"), json!("2026-01-02T03:04:05.000Z")),
            (json!("2026-13-45T03:04:05.000Z"), json!("2026-13-45T03:04:05.000Z")),
            (json!("a".repeat(64)), json!("<token>")),
            (json!("a".repeat(65)), json!("a".repeat(65))),
            (json!("x eyJhbGciOiJI.eyJpZCI6.sig-1 y"), json!("x <jwt> y")),
            (json!("Too many messages, retry after 59991ms."), json!("Too many messages, retry after <n>ms.")),
            (json!({"n": [1, 1.0, null, true]}), json!({"n": [1, 1.0, null, true]})),
        ];
        for (input, expected) in cases {
            assert_eq!(normaliser().value(&input), expected, "{input}");
        }
    }

    #[test]
    fn fresh_ids_are_numbered_in_order_of_appearance() {
        let (a, b) = ("aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b");
        let mut normaliser = normaliser();
        assert_eq!(normaliser.value(&json!([b, a, b])), json!(["<uuid:1>", "<uuid:2>", "<uuid:1>"]));
        assert_eq!(normaliser.value(&json!({ a: 1 })), json!({"<uuid:2>": 1}));
    }

    #[test]
    fn unordered_messages_are_sorted_by_their_lasting_part() {
        let (a, b) = ("aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b");
        let messages = vec![json!({"type": "subscription", "id": a}), json!({"type": "items", "id": b})];
        let sorted = normaliser().ordered(messages);
        assert_eq!(sorted[0]["type"], "items");
    }
}
