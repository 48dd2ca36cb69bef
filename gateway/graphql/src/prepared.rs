//! An operation, ready to run: what to ask the items engine for, and what to make of its answers.
//!
//! It must never hold anything of the document that the caller would have to interpret again.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::{GraphqlError, Location};
use crate::response::{Outcome, Response};
use crate::shape::{Completion, Owner, Shape};

/// A valid operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Prepared {
    /// Its fields may run at the same time; the response has them in this order.
    Query(Vec<RootField>),
    /// Its fields run one after the other, each in its own transaction; a failed one does not stop the next.
    Mutation(Vec<RootField>),
    /// One stream of events.
    Subscription(Box<Subscription>),
}

/// One field of the operation: one call, one member of `data`.
#[derive(Debug, Clone, PartialEq)]
pub struct RootField {
    /// The response key.
    pub key: Arc<str>,
    /// The field's name.
    pub(crate) field: Arc<str>,
    /// `Query` or `Mutation`.
    pub(crate) type_name: Arc<str>,
    /// Where the field stands, for its errors.
    pub location: Location,
    /// What to ask the engine for.
    pub call: Call,
    /// What to make of the answer.
    pub shape: Shape,
}

/// A primary key as the client wrote it: text, or a whole number.
pub type ItemKey = Value;

/// What to ask the items engine for. Every `query` has the form of the realtime protocol's `query` member.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Nothing: the answer (`__typename`, `__schema`, `__type`) is known, as JSON text. Its outcome is [`Outcome::Answered`].
    Known(Box<str>),
    /// Items: a list of objects.
    ReadMany {
        /// The collection.
        collection: Arc<str>,
        /// The query.
        query: Value,
    },
    /// One item by its key: an object. Of an item that does not exist or may not be seen the engine says `FORBIDDEN`.
    ReadOne {
        /// The collection.
        collection: Arc<str>,
        /// The key.
        key: ItemKey,
        /// The query; holds `version` where one was asked for.
        query: Value,
    },
    /// The one item of a singleton: an object.
    ReadSingleton {
        /// The collection.
        collection: Arc<str>,
        /// The query; holds `version` where one was asked for.
        query: Value,
    },
    /// Groups or totals: a list of objects. The query has `aggregate` and perhaps `groupBy`.
    Aggregate {
        /// The collection.
        collection: Arc<str>,
        /// The query.
        query: Value,
    },
    /// Creates items.
    Create {
        /// The collection.
        collection: Arc<str>,
        /// An object for one item (the answer is an object), a list for several (the answer is a list).
        data: Value,
        /// What to read back; `None`: the collection may not be read, so nothing is, and the answer is ignored.
        query: Option<Value>,
    },
    /// Changes one item: the answer is an object.
    UpdateOne {
        /// The collection.
        collection: Arc<str>,
        /// The key.
        key: ItemKey,
        /// The members to change.
        data: Map<String, Value>,
        /// As in [`Call::Create`].
        query: Option<Value>,
    },
    /// Changes several items alike: the answer is a list.
    UpdateMany {
        /// The collection.
        collection: Arc<str>,
        /// The keys.
        keys: Vec<ItemKey>,
        /// The members to change.
        data: Map<String, Value>,
        /// As in [`Call::Create`].
        query: Option<Value>,
    },
    /// Changes several items, each in its own way: the answer is a list.
    UpdateBatch {
        /// The collection.
        collection: Arc<str>,
        /// A list of objects, each with its key.
        data: Value,
        /// As in [`Call::Create`].
        query: Option<Value>,
    },
    /// Changes the one item of a singleton: the answer is an object.
    UpdateSingleton {
        /// The collection.
        collection: Arc<str>,
        /// The members to change.
        data: Map<String, Value>,
        /// As in [`Call::Create`].
        query: Option<Value>,
    },
    /// Deletes one item: the answer is its key as the client wrote it.
    DeleteOne {
        /// The collection.
        collection: Arc<str>,
        /// The key.
        key: ItemKey,
    },
    /// Deletes several items: the answer is the list of keys as the client wrote them.
    DeleteMany {
        /// The collection.
        collection: Arc<str>,
        /// The keys.
        keys: Vec<ItemKey>,
    },
}

/// `EventEnum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the enum values of the schema")]
pub enum EventKind {
    Create,
    Update,
    Delete,
}

/// A subscription: equal ones give equal bytes for the same event, so that members of a group can share them.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The response key of the root field.
    pub key: Arc<str>,
    /// The root field's name.
    pub(crate) field: Arc<str>,
    /// Where the root field stands.
    pub location: Location,
    /// The collection.
    pub collection: Arc<str>,
    /// The only kind of event wanted; `None` is all.
    pub event: Option<EventKind>,
    /// What an item must be read with: `fields`, `alias` and `deep`, never paging, filter or sort of the root. Holds the key
    /// of the item in any case.
    pub query: Value,
    /// Whether fields below `data` are selected: without them events need no item beyond the right to see it.
    pub selects_item: bool,
    /// What to make of `{"key", "event", "data"}`.
    pub shape: Shape,
}

impl RootField {
    /// An error at this field, for the engine's refusals.
    #[must_use]
    pub fn error(&self, message: impl Into<String>, extensions: Option<Map<String, Value>>) -> GraphqlError {
        GraphqlError { extensions, ..GraphqlError::new(message).at(self.location) }
    }
}

impl Subscription {
    /// The response to one event; `item` is what was read with [`Subscription::query`], `None` for deletes.
    #[must_use]
    pub fn respond(&self, key: &Value, event: EventKind, item: Option<&RawValue>) -> Response {
        let data = item.map_or("null", RawValue::get);
        let row = format!("{{\"key\":{key},\"event\":\"{}\",\"data\":{data}}}", event.name());
        let Ok(row) = RawValue::from_string(row) else { return Response::default() };
        let owner = Owner { type_name: "Subscription", field: &self.field, places: std::slice::from_ref(&self.location) };
        let mut response = Completion::default();
        response.open(&self.key);
        response.complete_root(&self.key, &self.shape, Some(&row), owner);
        response.close()
    }
}

impl Prepared {
    /// Puts the outcomes together, which are in the order of the fields.
    #[must_use]
    pub fn respond(fields: &[RootField], outcomes: Vec<Outcome>) -> Response {
        let mut response = Completion::default();
        for (field, outcome) in fields.iter().zip(outcomes) {
            response.open(&field.key);
            let owner = Owner { type_name: &field.type_name, field: &field.field, places: std::slice::from_ref(&field.location) };
            let value = match (outcome, &field.call) {
                (Outcome::Failed(error), _) => {
                    response.fail(&field.key, &field.shape, error, field.location);
                    continue;
                }
                (Outcome::Rows(rows), _) => Some(rows),
                (Outcome::Answered, Call::Known(text)) => RawValue::from_string(text.to_string()).ok(),
                // What is written without a query is not looked at.
                (Outcome::Answered, _) => RawValue::from_string("true".to_owned()).ok(),
            };
            response.complete_root(&field.key, &field.shape, value.as_deref(), owner);
        }
        response.close()
    }
}

impl EventKind {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete].into_iter().find(|event| event.name() == name)
    }

    /// The enum value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}
