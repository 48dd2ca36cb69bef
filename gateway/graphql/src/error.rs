//! Errors as GraphQL clients read them: a message, where in the document, where in the response.
//!
//! It must never hold a text that is not meant for the client.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// One member of `errors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphqlError {
    /// For people.
    pub message: String,
    /// Places in the document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// The place in the response.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathStep>,
    /// `code` and what belongs to it; for errors of the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

/// A place in a document, both from 1; columns are UTF-16 code units, as clients' editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Location {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// One step of a path in the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// A response key.
    Key(Arc<str>),
    /// A place in a list.
    Index(usize),
}

impl GraphqlError {
    /// An error without a place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), locations: Vec::new(), path: Vec::new(), extensions: None }
    }

    /// The same at a place in the document.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.locations.push(location);
        self
    }

    /// The same with `extensions`.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Map<String, Value>) -> Self {
        self.extensions = Some(extensions);
        self
    }
}

impl Serialize for PathStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Key(key) => serializer.serialize_str(key),
            Self::Index(index) => serializer.serialize_u64(*index as u64),
        }
    }
}
