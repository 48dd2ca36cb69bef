//! What a client gets: `data`, `errors` or both.
//!
//! It must never hold `errors` without a member: a response without errors has no such key.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::GraphqlError;

/// What became of one root field's call.
#[derive(Debug)]
pub enum Outcome {
    /// The engine's answer, as JSON text.
    Rows(Box<RawValue>),
    /// The call needed no engine ([`crate::Call::Known`]), or its answer is not looked at (a write without `query`).
    Answered,
    /// The engine refused; location and path are filled in by [`crate::Prepared::respond`].
    Failed(GraphqlError),
}

/// The payload of a `next` message, or the body of an HTTP response. Serialises to the wire's JSON.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Response {
    /// `data`: `None` is no such member (nothing was executed), `null` where an error has reached the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<GraphqlError>,
}

impl PartialEq for Response {
    fn eq(&self, other: &Self) -> bool {
        self.data.as_ref().map(|data| data.get()) == other.data.as_ref().map(|data| data.get()) && self.errors == other.errors
    }
}
