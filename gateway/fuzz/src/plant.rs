//! The same query with other values: every value of filters, searches, limits and keys replaced by one of the same kind that
//! can be told from anything that a generator would write by itself.
//!
//! It must never change the shape: two plantings of one query differ in values and in nothing else.

use indexmap::IndexSet;
use serde_json::{Map, Number, Value};

/// Part of every planted text. Planted numbers start with 7317.
pub const MARK: &str = "zq7";

/// Operators whose value says whether, not what.
const FLAGS: [&str; 4] = ["_null", "_nnull", "_empty", "_nempty"];
/// Operators that take a list as text.
const LISTS: [&str; 4] = ["_in", "_nin", "_between", "_nbetween"];

/// One planting. `salt` tells two of them apart.
pub struct Planter {
    salt: u64,
    /// Equal values stay equal, others stay different.
    seen: IndexSet<String>,
}

impl Planter {
    /// A planting.
    #[must_use]
    pub fn new(salt: u64) -> Self {
        Self { salt, seen: IndexSet::new() }
    }

    /// The message with planted values.
    #[must_use]
    pub fn message(&mut self, message: &Map<String, Value>) -> Map<String, Value> {
        let mut planted = message.clone();
        for (name, value) in &mut planted {
            match name.as_str() {
                "id" => *value = self.scalar(value),
                "ids" => *value = self.all(value, |planter, key| planter.scalar(key)),
                "query" => self.level(value, ""),
                _ => {}
            }
        }
        planted
    }

    fn level(&mut self, query: &mut Value, prefix: &str) {
        let Value::Object(members) = query else { return };
        for (name, value) in members {
            match name.strip_prefix(prefix).unwrap_or_default() {
                "filter" => *value = self.written(value, Self::filter),
                "search" => *value = self.scalar(value),
                "limit" | "offset" | "page" => *value = self.count(value),
                "deep" => *value = self.written(value, Self::deep),
                _ if prefix == "_" => self.level(value, "_"),
                _ => {}
            }
        }
    }

    fn deep(&mut self, value: &Value) -> Value {
        let mut value = value.clone();
        self.level(&mut value, "_");
        value
    }

    /// A tree, or the text of one.
    fn written(&mut self, value: &Value, plant: fn(&mut Self, &Value) -> Value) -> Value {
        match value.as_str().map(serde_json::from_str::<Value>) {
            Some(Ok(inner)) => Value::String(plant(self, &inner).to_string()),
            Some(Err(_)) => value.clone(),
            None => plant(self, value),
        }
    }

    fn filter(&mut self, filter: &Value) -> Value {
        match filter {
            Value::Object(members) => {
                let planted = members.iter().map(|(name, value)| {
                    let structural = matches!(name.as_str(), "_and" | "_or" | "_some" | "_none");
                    let value = if name.starts_with('_') && !structural { self.operand(name, value) } else { self.filter(value) };
                    (name.clone(), value)
                });
                Value::Object(planted.collect())
            }
            Value::Array(_) => self.all(filter, Self::filter),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => self.scalar(filter),
        }
    }

    fn operand(&mut self, operator: &str, value: &Value) -> Value {
        match value {
            _ if FLAGS.contains(&operator) => value.clone(),
            Value::String(list) if LISTS.contains(&operator) => {
                let parts: Vec<String> = list.split(',').map(|part| self.text(part)).collect();
                Value::String(parts.join(","))
            }
            Value::Array(_) => self.all(value, |planter, item| planter.operand("", item)),
            // The tests of `_json`, or GeoJSON: names stay, what stands under them is planted.
            Value::Object(_) => self.filter(value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => self.scalar(value),
        }
    }

    fn all(&mut self, list: &Value, mut plant: impl FnMut(&mut Self, &Value) -> Value) -> Value {
        match list {
            Value::Array(items) => Value::Array(items.iter().map(|item| plant(self, item)).collect()),
            _ => list.clone(),
        }
    }

    fn scalar(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Number(number) => Value::Number(self.number(number)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.clone(),
        }
    }

    /// 0 and -1 mean something of their own.
    fn count(&mut self, value: &Value) -> Value {
        match value {
            Value::Number(number) if number.as_u64().is_some_and(|number| number > 0) => self.scalar(value),
            _ => value.clone(),
        }
    }

    fn number(&mut self, number: &Number) -> Number {
        let place = self.place(&number.to_string());
        match (number.as_i64(), number.as_f64()) {
            (Some(whole @ (0 | 1)), _) => whole.into(),
            (Some(whole), _) if whole.unsigned_abs() > 1 << 53 => number.clone(),
            (Some(whole), _) if whole.unsigned_abs() > 1 << 31 => (whole.signum() * (7_317_000_000_000 + place)).into(),
            (Some(whole), _) => (whole.signum() * (73_170_000 + place)).into(),
            (None, Some(real)) if real.fract() != 0.0 && real.abs() < 1e9 => {
                let planted = real.signum() * (73_170_000.5 + f64::from(u32::try_from(place).unwrap_or_default()));
                Number::from_f64(planted).unwrap_or_else(|| number.clone())
            }
            (None, _) => number.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('$') || matches!(trimmed, "true" | "false" | "null") {
            return text.to_owned();
        }
        if let Ok(number) = trimmed.parse::<Number>()
            && number.to_string() == trimmed
        {
            return self.number(&number).to_string();
        }
        if trimmed.parse::<f64>().is_ok() {
            // Some other way to write a number.
            return text.to_owned();
        }
        let place = self.place(trimmed);
        if uuid::Uuid::try_parse(trimmed).is_ok() {
            return format!("73177317-7317-4317-8317-{place:012}");
        }
        let is_date = trimmed.len() >= 10 && trimmed.is_ascii() && trimmed[..4].bytes().all(|byte| byte.is_ascii_digit());
        if is_date && &trimmed[4..5] == "-" {
            // Another year; the rest of the form stays.
            return format!("7317{}", &trimmed[4..]);
        }
        if trimmed.as_bytes().get(2) == Some(&b':') {
            return text.to_owned();
        }
        format!("{MARK} '\"\\%_;--/*$1 {place}")
    }

    fn place(&mut self, value: &str) -> i64 {
        let (place, _) = self.seen.insert_full(value.to_owned());
        i64::try_from(place).unwrap_or_default() * 2 + i64::try_from(self.salt).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_change_and_the_shape_does_not() {
        let message = json!({
            "collection": "articles", "id": 7,
            "query": {
                "fields": ["id"], "limit": 5, "offset": 0, "search": "word",
                "filter": {"_and": [{"title": {"_eq": "x"}}, {"views": {"_in": "1,42"}}, {"date_created": {"_gt": "2024-01-02"}}, {"slug": {"_null": true}}]},
                "deep": {"comments": {"_limit": 3, "_filter": "{\"text\":\"x\"}"}},
            },
        });
        let planted = Value::Object(Planter::new(1).message(message.as_object().unwrap()));
        assert_eq!(planted["id"], 73_170_001);
        assert_eq!(planted["query"]["fields"], message["query"]["fields"]);
        assert_eq!(planted["query"]["offset"], 0);
        assert_eq!(planted["query"]["filter"]["_and"][1]["views"]["_in"], "1,73170011");
        assert_eq!(planted["query"]["filter"]["_and"][2]["date_created"]["_gt"], "7317-01-02");
        assert_eq!(planted["query"]["filter"]["_and"][3], json!({"slug": {"_null": true}}));
        let text = planted["query"]["filter"]["_and"][0]["title"]["_eq"].as_str().unwrap();
        assert!(text.starts_with(MARK));
        assert!(planted["query"]["deep"]["comments"]["_filter"].as_str().unwrap().contains(MARK));
        assert_ne!(planted, Value::Object(Planter::new(0).message(message.as_object().unwrap())));
    }
}
