//! Arguments in the engine's words.
//!
//! It must never take a name for more than it is: `year_func` and `item__block_text` are read apart only where the overview
//! has such a field or relation.

use access::schema::{RelationKind, Schema};
use serde_json::{Map, Value};

use super::Translator;
use crate::collect::Group;
use crate::input;
use crate::schema::definition::Field;

impl<'d> Translator<'d, '_> {
    /// One argument of a field, null as if it were not there.
    pub(super) fn argument(&self, field: &Field, group: &Group<'d>, name: &str) -> Option<Value> {
        let input = input::find(field.arguments(), name)?;
        let collector = &self.collector;
        input::argument(collector.types, &group.first.arguments, input, collector.variables).filter(|value| !value.is_null())
    }

    /// The arguments of a list, each name with `prefix` in front.
    pub(super) fn list_arguments(&self, field: &Field, group: &Group<'d>, collection: &str, prefix: &str) -> Map<String, Value> {
        let mut query = Map::new();
        for name in ["filter", "sort", "limit", "offset", "page", "search"] {
            if let Some(value) = self.argument(field, group, name) {
                let value = if name == "filter" { filter(self.overview, collection, value) } else { value };
                query.insert(format!("{prefix}{name}"), value);
            }
        }
        query
    }
}

/// A filter over items of `collection`: functions and many-to-any scopes in the engine's spelling. Recursion is bounded by the
/// nesting of documents and of JSON texts.
fn filter(overview: &Schema, collection: &str, value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let mut translated = Map::with_capacity(members.len());
    for (key, value) in members {
        match key.as_str() {
            "_and" | "_or" => {
                let value = if let Value::Array(items) = value {
                    items.into_iter().map(|item| filter(overview, collection, item)).collect()
                } else {
                    filter(overview, collection, value)
                };
                translated.insert(key, value);
            }
            "_some" | "_none" => {
                translated.insert(key, filter(overview, collection, value));
            }
            _ => member(overview, collection, key, value, &mut translated),
        }
    }
    Value::Object(translated)
}

fn member(overview: &Schema, collection: &str, key: String, value: Value, translated: &mut Map<String, Value>) {
    let known = |field: &str| overview.collection(collection).is_some_and(|collection| collection.field(field).is_some());
    if !known(&key) {
        if let (Some(field), Value::Object(functions)) = (key.strip_suffix("_func").filter(|field| known(field)), &value) {
            for (function, value) in functions {
                translated.insert(format!("{function}({field})"), value.clone());
            }
            return;
        }
        if let Some((field, target)) = scope(overview, collection, &key) {
            translated.insert(format!("{field}:{target}"), filter(overview, target, value));
            return;
        }
    }
    let value = match overview.relation(collection, &key) {
        Some(RelationKind::ManyToOne(relation)) => match &relation.one_collection {
            Some(target) => filter(overview, target, value),
            None => value,
        },
        Some(RelationKind::OneToMany(relation)) => filter(overview, &relation.many_collection, value),
        Some(RelationKind::ManyToAny(_)) | None => value,
    };
    translated.insert(key, value);
}

/// `item__block_text` as field and collection; either may hold `__` itself.
fn scope<'k>(overview: &Schema, collection: &str, key: &'k str) -> Option<(&'k str, &'k str)> {
    key.match_indices("__").find_map(|(place, _)| {
        let (field, target) = (key.get(..place)?, key.get(place + 2..)?);
        let Some(RelationKind::ManyToAny(relation)) = overview.relation(collection, field) else { return None };
        relation.one_allowed_collections.iter().any(|allowed| **allowed == *target).then_some((field, target))
    })
}
