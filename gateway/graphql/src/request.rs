//! From a document to [`Prepared`]: parsing, limits, validation, variables.
//!
//! It must never do more work than its limits allow: every document is measured before it is looked at closely.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::document::{Document, Operation, TooMuch, location, parse};
use crate::error::GraphqlError;
use crate::input::variables;
use crate::measure::measure;
use crate::meter::{Exhausted, Meter};
use crate::prepared::Prepared;
use crate::response::Response;
use crate::schema::Schema;
use crate::translate::{Untranslated, translate};
use crate::validate::{root, too_complex, validate};

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
    Execution(Response),
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
    metered(schema, request, limits, &mut Meter::new())
}

/// As [`prepare`], on the caller's meter.
pub(crate) fn metered(schema: &Schema, request: Request<'_>, limits: &Limits, meter: &mut Meter) -> Result<Prepared, Refused> {
    let text = request.document;
    let document = parse(text, limits.tokens).map_err(|TooMuch| refused("Failed to parse GraphQL document."))?;
    let size = measure(&document, meter).map_err(|Exhausted| Refused::Request(vec![too_complex()]))?;
    if size.depth > limits.depth {
        return Err(refused(&format!("The document is nested deeper than {} levels.", limits.depth)));
    }
    if size.fields > limits.complexity {
        return Err(refused(&format!("The document selects more than {} fields.", limits.complexity)));
    }
    let faults = validate(text, &document, &schema.types, limits.introspection, meter);
    if !faults.is_empty() {
        return Err(Refused::Request(faults));
    }
    let operation = choose(&document, request.operation_name).ok_or_else(|| refused("Unable to identify operation"))?;
    if root(&schema.types, operation.kind).is_none() {
        let message = format!("Schema is not configured to execute {} operation.", operation.kind.name());
        let data = RawValue::from_string("null".to_owned()).ok();
        let errors = vec![GraphqlError::new(message).at(location(text, operation.at))];
        return Err(Refused::Execution(Response { data, errors }));
    }
    let variables = variables(&schema.types, text, operation, request.variables, limits.introspection)
        .map_err(|errors| Refused::Execution(Response { data: None, errors }))?;
    translate(schema, &document, operation, text, &variables, meter).map_err(|untranslated| {
        Refused::Request(vec![match untranslated {
            Untranslated::Work => too_complex(),
            Untranslated::Told(error) => error,
        }])
    })
}

/// The operation of this name; without a name the only one.
fn choose<'d>(document: &'d Document<'d>, name: Option<&str>) -> Option<&'d Operation<'d>> {
    match name {
        Some(name) => document.operations().find(|operation| operation.name.is_some_and(|own| own.text == name)),
        None => {
            let mut operations = document.operations();
            operations.next().filter(|_| operations.next().is_none())
        }
    }
}

fn refused(message: &str) -> Refused {
    Refused::Request(vec![GraphqlError::new(message)])
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
