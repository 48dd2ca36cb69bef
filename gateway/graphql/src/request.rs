//! From a document to [`Prepared`]: parsing, limits, validation, variables.
//!
//! It must never do more work than its limits allow: every document is measured before it is looked at closely.

use serde_json::{Map, Value};

use crate::error::GraphqlError;
use crate::prepared::Prepared;
use crate::schema::Schema;

/// What a client sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The document.
    pub document: &'a str,
    /// `variables`, where given.
    pub variables: Option<&'a Map<String, Value>>,
    /// `operationName`, where given.
    pub operation_name: Option<&'a str>,
}

/// What one document may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `GRAPHQL_QUERY_TOKEN_LIMIT`: lexical tokens of a document.
    pub tokens: usize,
    /// Levels of selections with all fragments put in place.
    pub depth: usize,
    /// Fields of one operation with all fragments put in place.
    pub complexity: usize,
    /// `GRAPHQL_INTROSPECTION`: whether `__schema` and `__type` are answered and suggestions given.
    pub introspection: bool,
}

/// Why a document is not run.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// Before execution: over the socket one `error` message with these and no `complete`; over HTTP status 400.
    Request(Vec<GraphqlError>),
    /// At execution, before any field: over the socket `next` with this (`errors` alone, or `data: null`) and `complete`.
    Execution(crate::response::Response),
}

impl Default for Limits {
    fn default() -> Self {
        Self { tokens: 5_000, depth: 32, complexity: 2_000, introspection: true }
    }
}

/// Makes a document ready to run: parses, measures and validates it, coerces the variables and translates the operation.
///
/// # Errors
/// [`Refused`]: what is wrong with the document, its variables or the choice of its operation.
pub fn prepare(schema: &Schema, request: Request<'_>, limits: &Limits) -> Result<Prepared, Refused> {
    let _ = (schema, request, limits);
    Err(Refused::Request(vec![GraphqlError::new("Failed to parse GraphQL document.")]))
}
