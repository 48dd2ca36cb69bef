//! A mutator that keeps JSON JSON and speaks the protocol's words: bytes alone would hardly ever get past the parser.
//!
//! It must never be the only mutator: one time in eight the bytes are changed without any knowledge.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Map, Value, json};

/// Names that mean something where an object is expected to have members.
const MEMBERS: &[&str] = &[
    "fields",
    "filter",
    "sort",
    "limit",
    "offset",
    "page",
    "search",
    "aggregate",
    "groupBy",
    "deep",
    "alias",
    "meta",
    "version",
    "backlink",
    "export",
    "_filter",
    "_sort",
    "_limit",
    "_offset",
    "_page",
    "_search",
    "_and",
    "_or",
    "_some",
    "_none",
    "_eq",
    "_neq",
    "_lt",
    "_lte",
    "_gt",
    "_gte",
    "_in",
    "_nin",
    "_null",
    "_nnull",
    "_empty",
    "_nempty",
    "_contains",
    "_ncontains",
    "_icontains",
    "_nicontains",
    "_starts_with",
    "_nstarts_with",
    "_istarts_with",
    "_nistarts_with",
    "_ends_with",
    "_nends_with",
    "_iends_with",
    "_niends_with",
    "_between",
    "_nbetween",
    "_regex",
    "_json",
    "_intersects",
    "_nintersects",
    "_intersects_bbox",
    "_submitted",
    "collection",
    "action",
    "type",
    "uid",
    "id",
    "ids",
    "data",
    "query",
    "event",
    "item",
    "resume",
    "create",
    "update",
    "delete",
    "title",
    "slug",
    "status",
    "body",
    "views",
    "score",
    "price",
    "big",
    "published_at",
    "event_date",
    "event_time",
    "event_datetime",
    "labels",
    "featured",
    "secret",
    "author",
    "category",
    "date_created",
    "date_updated",
    "user_created",
    "user_updated",
    "comments",
    "tags",
    "name",
    "email",
    "bio",
    "rating",
    "active",
    "born",
    "interests",
    "settings",
    "password",
    "article",
    "text",
    "approved",
    "articles_id",
    "tags_id",
    "label",
    "parent",
    "children",
    "blocks",
    "pages_id",
    "item:block_text",
    "item:block_image",
    "role",
    "first_name",
    "token",
    "url",
    "caption",
    "theme",
    "site_name",
    "year(date_created)",
    "month(event_date)",
    "hour(event_time)",
    "weekday(published_at)",
    "count(comments)",
    "count(labels)",
    "json(meta, a.b)",
    "json(meta, list[0].zq7)",
    "count",
    "countAll",
    "countDistinct",
    "sum",
    "sumDistinct",
    "avg",
    "avgDistinct",
    "min",
    "max",
    "total_count",
    "filter_count",
    "zq7alias",
    "__proto__",
    "access_token",
    "refresh_token",
    "a",
    "a.b",
    "list[0]",
];

/// Names of collections.
const COLLECTIONS: &[&str] = &[
    "articles",
    "authors",
    "comments",
    "tags",
    "articles_tags",
    "categories",
    "pages",
    "pages_blocks",
    "block_text",
    "block_image",
    "messages",
    "site_settings",
    "directus_users",
    "directus_roles",
];

/// Texts that mean something where a value is expected.
const TEXTS: &[&str] = &[
    "*",
    "*.*",
    "*.*.*",
    "-id",
    "id",
    "title",
    "author.name",
    "author.*",
    "comments.text",
    "comments.*",
    "tags.tags_id.label",
    "?",
    "tags.*.*",
    "category.parent.name",
    "category.children.*",
    "blocks.item:block_text.body",
    "blocks.item:block_image.*",
    "blocks.*.*",
    "blocks.item.*",
    "year(date_created)",
    "author.year(born)",
    "count(comments)",
    "json(meta, a.b)",
    "json(author.settings, x[0])",
    "user_created.role.name",
    "user_created.password",
    "author.password",
    "secret",
    "-author.name",
    "-count(comments)",
    "zq7alias",
    "$NOW",
    "$NOW(-1 day)",
    "$CURRENT_USER",
    "$CURRENT_ROLE",
    "$CURRENT_ROLES",
    "$CURRENT_POLICIES",
    "$CURRENT_USER.email",
    "$CURRENT_USER.role.name",
    "",
    "0",
    "1",
    "-1",
    "42",
    "1,42",
    "9007199254740993",
    "1.5",
    "true",
    "false",
    "null",
    "2024-01-02",
    "2024-01-02T03:04:05Z",
    "2024-01-02T03:04:05.678+02:00",
    "03:04:05",
    "10000000-0000-4000-8000-000000000002",
    "published",
    "draft",
    "a,b",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "{\"title\":{\"_eq\":\"x\"}}",
    "read",
    "create",
    "update",
    "delete",
    "items",
    "subscribe",
    "unsubscribe",
    "auth",
    "ping",
    "pong",
    "json",
    "csv",
    "main",
    "\u{0}",
    "\u{feff}",
    "ß",
    "🎈",
];

/// Mutates `data[..size]` in place and gives its new size.
pub fn json(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let Some(mut value) = data.get(..size).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) else {
        return fuzzer_mutate(data, size, max_size);
    };
    if dice.below(8) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    for _ in 0..=dice.below(4) {
        let count = count(&value);
        let donor = nth(&value, dice.below(count)).cloned().unwrap_or_default();
        let chosen = dice.below(count);
        if let Some(place) = nth_mut(&mut value, &mut chosen.clone()) {
            change(place, donor, &mut dice);
        }
    }
    let bytes = value.to_string().into_bytes();
    match data.get_mut(..bytes.len()) {
        Some(place) if bytes.len() <= max_size => {
            place.copy_from_slice(&bytes);
            bytes.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % bound.max(1)
    }

    fn of(&mut self, words: &[&str]) -> String {
        words.get(self.below(words.len())).copied().unwrap_or_default().to_owned()
    }
}

/// Nodes of a tree, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn nth(value: &Value, number: usize) -> Option<&Value> {
    let mut left = number;
    let mut rest = vec![value];
    while let Some(node) = rest.pop() {
        if left == 0 {
            return Some(node);
        }
        left -= 1;
        match node {
            Value::Object(members) => rest.extend(members.values()),
            Value::Array(items) => rest.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    None
}

fn nth_mut<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|below| nth_mut(below, left)),
        Value::Array(items) => items.iter_mut().find_map(|below| nth_mut(below, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn change(place: &mut Value, donor: Value, dice: &mut Dice) {
    let old = place.take();
    *place = match (dice.below(12), old) {
        (0..=2, Value::Object(mut members)) => {
            members.insert(dice.of(MEMBERS), fresh(dice));
            Value::Object(members)
        }
        (3, Value::Object(mut members)) => {
            let unlucky = members.keys().nth(dice.below(members.len())).cloned();
            unlucky.map(|name| members.shift_remove(&name));
            Value::Object(members)
        }
        (4, Value::Object(members)) => {
            let unlucky = dice.below(members.len());
            let renamed = members.into_iter().enumerate();
            Value::Object(renamed.map(|(at, (name, value))| (if at == unlucky { dice.of(MEMBERS) } else { name }, value)).collect())
        }
        (0..=2, Value::Array(mut items)) => {
            items.insert(dice.below(items.len() + 1), fresh(dice));
            Value::Array(items)
        }
        (3, Value::Array(mut items)) if !items.is_empty() => {
            items.remove(dice.below(items.len()));
            Value::Array(items)
        }
        (0 | 1, Value::String(text)) => Value::String(format!("{text}{}", dice.of(TEXTS))),
        (2, Value::String(text)) => Value::String(format!("{text}.{}", dice.of(MEMBERS))),
        (3, Value::String(text)) => Value::String(text.chars().skip(1).collect()),
        (0, Value::Number(number)) => json!(number.as_i64().unwrap_or_default().wrapping_neg()),
        (1, Value::Number(number)) => json!(number.as_f64().unwrap_or_default() / 3.0),
        (2, Value::Number(number)) => Value::String(number.to_string()),
        (5, old) => Value::Array(vec![old, fresh(dice)]),
        (6, old) => Value::Object(Map::from_iter([(dice.of(MEMBERS), old)])),
        (7, old) => json!({ (["_and", "_or"][dice.below(2)]): [old, fresh(dice)] }),
        (8, _) => donor,
        (9, _) => Value::String(dice.of(COLLECTIONS)),
        (_, _) => fresh(dice),
    };
}

/// A value out of nothing.
fn fresh(dice: &mut Dice) -> Value {
    match dice.below(14) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(dice.below(100)),
        3 => json!([0_i64, -1, 1 << 31, 1 << 53, i64::MAX, i64::MIN][dice.below(6)]),
        4 => json!([0.5, -0.0, 1e21, 1e308, 5e-324][dice.below(5)]),
        5 => json!([]),
        6 => json!({}),
        7 | 8 => json!({ (dice.of(MEMBERS)): { (dice.of(MEMBERS)): dice.of(TEXTS) } }),
        9 => json!({ (dice.of(MEMBERS)): dice.below(10) }),
        10 => Value::String(dice.of(MEMBERS)),
        _ => Value::String(dice.of(TEXTS)),
    }
}
