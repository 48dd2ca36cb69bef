//! From a valid operation to calls: each root field becomes one query of the items engine and the shape of its answer.
//!
//! It must never ask the engine for what is not selected, beyond a key where nothing is.
//!
//! ```text
//! root field ─▶ Call (collection, keys, payload) + query ─┬─ arguments ─▶ filter, sort, limit …
//!                                                        └─ level ─▶ fields, alias, deep (relations below)  + Shape
//! ```

mod arguments;
mod level;
mod root;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::collect::{Collector, Group};
use crate::document::{Document, Operation, OperationKind, location};
use crate::error::{GraphqlError, Location};
use crate::meter::{Exhausted, Meter};
use crate::prepared::Prepared;
use crate::schema::Schema;

/// The translation of one operation.
struct Translator<'d, 's> {
    text: &'d str,
    overview: &'s access::schema::Schema,
    collector: Collector<'d, 's>,
}

/// Why a valid operation cannot be called.
pub(crate) enum Untranslated {
    /// The budget is used up.
    Work,
    /// The client is told.
    Told(GraphqlError),
}

impl From<Exhausted> for Untranslated {
    fn from(_: Exhausted) -> Self {
        Self::Work
    }
}

/// The calls of `operation`, whose schema has a root of its kind.
pub(crate) fn translate<'d>(
    schema: &Schema,
    document: &'d Document<'d>,
    operation: &'d Operation<'d>,
    text: &'d str,
    variables: &Map<String, Value>,
    meter: &mut Meter,
) -> Result<Prepared, Untranslated> {
    let types = &schema.types;
    let root = crate::validate::root(types, operation.kind).unwrap_or(types.query);
    let collector = Collector::new(document, types, variables, meter);
    let mut translator = Translator { text, overview: schema.overview(), collector };
    let groups = translator.collector.collect(root, &vec![operation.selections.as_slice()])?;
    if operation.kind == OperationKind::Subscription {
        let Some(group) = groups.first() else {
            return Err(Untranslated::Told(GraphqlError::new("The subscription selects nothing.")));
        };
        return translator.subscription(root, group).map(|subscription| Prepared::Subscription(Box::new(subscription)));
    }
    let mut fields = Vec::with_capacity(groups.len());
    for group in &groups {
        fields.push(translator.root_field(root, group)?);
    }
    Ok(if operation.kind == OperationKind::Mutation { Prepared::Mutation(fields) } else { Prepared::Query(fields) })
}

impl Translator<'_, '_> {
    fn places(&self, group: &Group<'_>) -> Vec<Location> {
        group.fields().map(|field| location(self.text, field.at)).collect()
    }

    fn told(&self, group: &Group<'_>, text: &str) -> Untranslated {
        Untranslated::Told(GraphqlError::new(text).at(location(self.text, group.first.at)))
    }
}

fn name(text: &str) -> Arc<str> {
    text.into()
}
