//! Reading and writing items: the one service behind sockets, HTTP and whatever else touches rows.
//!
//! A read is one statement and one round trip. A write is one transaction with its nested writes, activity and revisions,
//! and is answered by a read under the reader's permissions after the commit. It must never execute a plan that the
//! planner did not make with the caller's permissions.

use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::refusal::Refusal;
use access::schema::Schema;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::database::DatabaseError;

/// Under whose rights an operation runs, and on which overview; taken once per operation.
#[derive(Debug, Clone)]
pub struct ItemsContext {
    /// Who asks.
    pub accountability: Arc<Accountability>,
    /// What they may do.
    pub permissions: Arc<Permissions>,
    /// What exists.
    pub schema: Arc<Schema>,
}

/// What to read. A singleton collection read by [`ReadTarget::Query`] gives its object.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadTarget {
    /// What the query selects: a list.
    Query,
    /// One item: an object.
    Key(Value),
    /// Several items: a list.
    Keys(Vec<Value>),
}

/// What to update.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateTarget {
    /// One item; the answer is the whole item, `query` is ignored.
    Key(Value),
    /// Several items with the same data; the answer is a list read with `query`.
    Keys(Vec<Value>),
    /// What `query` selects, or the one row of a singleton collection. An empty query on anything else is refused.
    Query,
    /// `data` is a list of objects, each with its key.
    Batch,
}

/// What to delete.
#[derive(Debug, Clone, PartialEq)]
pub enum DeleteTarget {
    /// One item; the answer is the key as sent.
    Key(Value),
    /// Several; the answer is the keys as sent.
    Keys(Vec<Value>),
    /// What `query` selects; the answer is the keys as stored.
    Query,
}

/// The answer of an operation, as JSON text made by Postgres.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `data`.
    pub data: Box<RawValue>,
    /// `meta`, where it was asked for.
    pub meta: Option<Box<RawValue>>,
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// The client is told.
    #[error("refused")]
    Refusal(Refusal),
    /// The log is told, the client that something went wrong.
    #[error("database")]
    Database(#[from] DatabaseError),
}

impl From<Refusal> for ItemsError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}
