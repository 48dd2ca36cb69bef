//! Generated queries, as clients write them.

use std::collections::BTreeMap;

use access::schema::FieldType;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use serde_json::{Map, Value, json};

use super::constants::Accepted;
use super::table::Table;
use super::values::{ColumnType, TEXTS};

/// Makes queries and item filters over `table`.
pub(crate) struct QueryMaker<'a> {
    pub(crate) random: &'a mut StdRng,
    pub(crate) table: &'a Table,
    pub(crate) accepted: &'a Accepted,
}

/// A query, and what is known of it without reading it.
pub(crate) struct MadeQuery {
    pub(crate) json: Value,
    /// The field behind each member of the answer's objects; empty for bare keys.
    pub(crate) members: BTreeMap<String, String>,
    /// Other rows take part.
    pub(crate) relational: bool,
}

impl MadeQuery {
    /// The fields that decide which rules take part.
    pub(crate) fn requested(&self) -> Vec<&str> {
        self.members.values().map(String::as_str).chain(self.json["alias"]["renamed"].as_str()).collect()
    }
}

impl QueryMaker<'_> {
    /// A query of a session that may read the columns `granted`.
    pub(crate) fn query(&mut self, granted: &[&str]) -> MadeQuery {
        let mut query = Map::new();
        let mut members = BTreeMap::new();
        let mut fields = vec![];
        for name in granted {
            if *name != "children" && self.random.random_bool(0.5) {
                fields.push(json!(name));
                members.insert((*name).to_owned(), (*name).to_owned());
            }
        }
        while self.random.random_bool(0.3) {
            if let Some((call, key, field)) = self.function(granted) {
                fields.push(json!(call));
                members.insert(key, field);
            }
        }
        if self.random.random_bool(0.1)
            && let Some(target) = granted.iter().filter(|name| **name != "children").choose(self.random)
        {
            query.insert("alias".to_owned(), json!({"renamed": target}));
            fields.push(json!("renamed"));
            // Nothing but renamed columns is answered with bare keys.
            if !members.is_empty() {
                members.insert("renamed".to_owned(), (*target).to_owned());
            }
        }
        let mut relational = false;
        if granted.contains(&"parent") && granted.contains(&"children") && self.random.random_bool(0.15) {
            relational = true;
            fields.push(json!((*["parent.id", "children", "children.id", "parent.children"].choose(self.random).unwrap())));
        }
        query.insert("fields".to_owned(), Value::Array(fields));
        query.insert("limit".to_owned(), json!(-1));
        let columns: Vec<&str> = granted.iter().copied().filter(|name| self.table.column(name).is_some()).collect();
        if !columns.is_empty() && self.random.random_bool(0.8) {
            let mut filter = self.filter(&columns, 3);
            if relational && self.random.random_bool(0.5) {
                let inner = self.filter(&columns, 1);
                let other = [json!({"parent": inner}), json!({"children": {"_some": inner}}), json!({"children": inner})];
                filter = json!({"_and": [filter, other.choose(self.random).unwrap()]});
            }
            query.insert("filter".to_owned(), filter);
        }
        if self.random.random_bool(0.2) {
            query.insert("search".to_owned(), json!(self.search()));
        }
        if self.random.random_bool(0.3)
            && let Some(name) = columns.choose(self.random)
            && self.table.column(name).is_some_and(|kind| self.accepted.contains_key(&kind.id()))
        {
            query.insert("sort".to_owned(), json!([format!("{}{name}", if self.random.random_bool(0.5) { "-" } else { "" })]));
        }
        MadeQuery { json: Value::Object(query), members, relational }
    }

    /// A condition on `columns`.
    pub(crate) fn filter(&mut self, columns: &[&str], depth: u32) -> Value {
        if depth > 0 && self.random.random_bool(0.4) {
            // An `_or` with an empty member matches everything; that is the planner's to know, not this test's.
            let members: Vec<Value> = (0..self.random.random_range(1..4)).map(|_| self.filter(columns, depth - 1)).collect();
            return if self.random.random_bool(0.5) { json!({"_and": members}) } else { json!({"_or": members}) };
        }
        let mut condition = Map::new();
        for _ in 0..if self.random.random_bool(0.2) { 2 } else { 1 } {
            let name = *columns.choose(self.random).unwrap();
            let kind = self.table.column(name).unwrap();
            match self.function(&[name]) {
                Some((call, _, _)) if !call.starts_with("json(") && self.random.random_bool(0.4) => {
                    let value = *[0, 1, 2, 3, 7, 12, 30, 2026].choose(self.random).unwrap();
                    condition.insert(call, self.operators(|maker| maker.ordered(|_| json!(value))));
                }
                Some(_) | None => {
                    condition.insert(name.to_owned(), self.operators(|maker| maker.operator(kind)));
                }
            }
        }
        Value::Object(condition)
    }

    fn operators(&mut self, mut operator: impl FnMut(&mut Self) -> (&'static str, Value)) -> Value {
        let mut operators = Map::new();
        for _ in 0..if self.random.random_bool(0.1) { 2 } else { 1 } {
            let (name, value) = operator(self);
            operators.insert(name.to_owned(), value);
        }
        Value::Object(operators)
    }

    fn operator(&mut self, kind: &'static ColumnType) -> (&'static str, Value) {
        use FieldType as T;
        if kind.kind == T::Json && self.random.random_bool(0.7) {
            return ("_json", self.json(1));
        }
        if self.random.random_bool(0.1) || kind.kind == T::Json || !self.accepted.contains_key(&kind.id()) {
            return (["_null", "_nnull"].choose(self.random).unwrap(), json!(self.random.random_bool(0.8)));
        }
        let concealed = kind.kind == T::Hash || !kind.special.is_empty() && kind.kind == T::String;
        let text = matches!(kind.kind, T::String | T::Text | T::Csv);
        if concealed || (text && self.random.random_bool(0.15)) {
            return (["_empty", "_nempty"].choose(self.random).unwrap(), json!(self.random.random_bool(0.8)));
        }
        if text && self.random.random_bool(0.5) {
            return self.like();
        }
        if kind.kind == T::Boolean {
            (["_eq", "_neq"].choose(self.random).unwrap(), self.value(kind))
        } else if text || kind.kind == T::Uuid {
            self.equality(|maker| maker.value(kind))
        } else {
            self.ordered(|maker| maker.value(kind))
        }
    }

    fn like(&mut self) -> (&'static str, Value) {
        let operators = [
            "_contains",
            "_ncontains",
            "_icontains",
            "_starts_with",
            "_nstarts_with",
            "_istarts_with",
            "_nistarts_with",
            "_ends_with",
            "_nends_with",
            "_iends_with",
            "_niends_with",
        ];
        let text = TEXTS.choose(self.random).unwrap();
        let start = self.random.random_range(0..=text.chars().count());
        let part: String = text.chars().skip(start).take(self.random.random_range(1..4)).collect();
        // A pattern must not be empty, nor end in an escape.
        let part = if part.is_empty() || part.ends_with('\\') { format!("{part}a") } else { part };
        (operators.choose(self.random).unwrap(), json!(part))
    }

    fn equality(&mut self, mut value: impl FnMut(&mut Self) -> Value) -> (&'static str, Value) {
        match self.random.random_range(0..4) {
            0 => ("_eq", value(self)),
            1 => ("_neq", value(self)),
            index => {
                let mut list: Vec<Value> = (0..self.random.random_range(1..4)).map(|_| value(self)).collect();
                if self.random.random_bool(0.1) {
                    list.push(Value::Null);
                }
                (if index == 2 { "_in" } else { "_nin" }, Value::Array(list))
            }
        }
    }

    fn ordered(&mut self, mut value: impl FnMut(&mut Self) -> Value) -> (&'static str, Value) {
        match self.random.random_range(0..3) {
            0 => self.equality(value),
            1 => (["_lt", "_lte", "_gt", "_gte"].choose(self.random).unwrap(), value(self)),
            _ => (["_between", "_nbetween"].choose(self.random).unwrap(), json!([value(self), value(self)])),
        }
    }

    fn value(&mut self, kind: &'static ColumnType) -> Value {
        let list = if self.random.random_bool(0.6) { kind.values } else { &self.accepted[&kind.id()] };
        // An empty text is for `_empty` alone, what is no number is none to the planner, and most clients write dates in ISO's
        // plain form.
        let not_a_number = |text: &str| text.to_ascii_lowercase().trim_start_matches('-').starts_with("nan");
        let odd = self.random.random_bool(0.1);
        let sendable = |text: &&&str| !text.is_empty() && !not_a_number(text) && (odd || !kind.has_time() || iso(text));
        let text = *list.iter().filter(sendable).choose(self.random).unwrap();
        let number = matches!(kind.kind, FieldType::Integer | FieldType::Float | FieldType::Decimal);
        let number = if number { text.trim().parse::<f64>().ok() } else { None };
        match number.and_then(|number| serde_json::Number::from_f64(number).filter(|_| number.abs() < 9e15)) {
            Some(number) if self.random.random_bool(0.5) => Value::Number(number),
            _ => json!(text),
        }
    }

    fn json(&mut self, depth: u32) -> Value {
        if depth > 0 && self.random.random_bool(0.3) {
            let members: Vec<Value> = (0..self.random.random_range(1..3)).map(|_| self.json(depth - 1)).collect();
            return if self.random.random_bool(0.5) { json!({"_and": members}) } else { json!({"_or": members}) };
        }
        if self.random.random_bool(0.3) {
            let (operator, value) =
                self.ordered(|maker| [json!(5), json!(100), json!(-0.5), json!(2)].choose(maker.random).unwrap().clone());
            return json!({"n": {operator: value}});
        }
        let path = *["n", "s", "e", "z", "a", "a.b", "a.b[1]", "a.b[3].c", "a[1][0]", "missing.n"].choose(self.random).unwrap();
        let (operator, value) = match self.random.random_range(0..3) {
            0 => (*["_null", "_nnull", "_empty", "_nempty"].choose(self.random).unwrap(), json!(true)),
            1 => self.like(),
            _ => self.equality(|maker| json!((*["text", "5", "a\"bé\n", "1", "[1]", "zero"].choose(maker.random).unwrap()))),
        };
        json!({path: {operator: value}})
    }

    fn search(&mut self) -> String {
        match self.random.random_range(0..4) {
            0 => (*["1", "42", "1.5", "100", "-1"].choose(self.random).unwrap()).to_owned(),
            1 => "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".to_owned(),
            _ => {
                let text = TEXTS.iter().filter(|text| !text.trim().is_empty() && !text.ends_with('\\')).choose(self.random).unwrap();
                text.trim().chars().take(self.random.random_range(1..4)).collect()
            }
        }
    }

    /// A call, the member that it is answered under, and its field.
    fn function(&mut self, columns: &[&str]) -> Option<(String, String, String)> {
        let calls = columns.iter().filter_map(|name| {
            let kind = self.table.column(name)?;
            let day = ["year", "month", "week", "day", "weekday"];
            let clock = ["hour", "minute", "second"];
            let functions: Vec<&str> = match kind.name {
                "date" => day.into(),
                "time" => clock.into(),
                "timestamp" | "timestamptz" => day.into_iter().chain(clock).collect(),
                _ if kind.array => vec!["count"],
                _ => return None,
            };
            // Names with quotes in them are not written into calls.
            name.bytes().all(|b| b.is_ascii_alphanumeric()).then_some((*name, functions))
        });
        let (name, functions) = calls.choose(self.random)?;
        let function = functions.choose(self.random)?;
        Some((format!("{function}({name})"), format!("{name}_{function}"), name.to_owned()))
    }
}

/// A date, a time, or both with an offset perhaps.
fn iso(text: &str) -> bool {
    let date = text.len() >= 10
        && text.bytes().take(10).enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    let time = text.len() <= 15 && text.as_bytes().get(2) == Some(&b':') && text != "24:00:00";
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"-:T .+Z".contains(&b)) && !text.ends_with('.');
    plain && (date || time)
}
