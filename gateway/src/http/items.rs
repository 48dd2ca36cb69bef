//! `/items/<collection>[/<key>]` in all the forms that the SDK uses.
//!
//! It must never do what a socket could not: both call the same service with the same permissions.

use std::sync::Arc;

use access::refusal::Refusal;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use serde_json::{Map, Value};

use crate::http::caller::{Caller, CallerWithBody};
use crate::http::reply::{self, HttpError};
use crate::http::{method_not_found, query_string};
use crate::items::{DeleteTarget, ItemsContext, ReadTarget, UpdateTarget};
use crate::state::Gateway;

/// Any method on a collection.
pub(super) async fn collection(
    State(state): State<Arc<Gateway>>,
    Path(collection): Path<String>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    CallerWithBody(caller, body): CallerWithBody,
) -> Result<Response, HttpError> {
    refuse_system(&collection)?;
    on_collection(&state, &caller, &collection, &method, &uri, query.as_deref(), &body).await
}

/// Any method on one item.
pub(super) async fn item(
    State(state): State<Arc<Gateway>>,
    Path((collection, key)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    CallerWithBody(caller, body): CallerWithBody,
) -> Result<Response, HttpError> {
    refuse_system(&collection)?;
    on_item(&state, &caller, &collection, key, &method, &uri, query.as_deref(), &body).await
}

/// The same for a collection that has its own path.
#[expect(clippy::too_many_arguments, reason = "the parts of one HTTP request")]
pub(super) async fn on_item(
    state: &Gateway,
    caller: &Caller,
    collection: &str,
    key: String,
    method: &Method,
    uri: &Uri,
    query: Option<&str>,
    body: &[u8],
) -> Result<Response, HttpError> {
    let context = context(caller);
    let query = parse_query(query)?;
    let key = Value::String(key);
    match method.as_str() {
        "GET" => Ok(reply::answer(&state.items.read(&context, collection, ReadTarget::Key(key), &query).await?)),
        "PATCH" => {
            let data = parse_body(body)?;
            state.items.update(&context, collection, UpdateTarget::Key(key.clone()), &data, &Value::Null).await?;
            Ok(reply::answer(&state.items.read(&context, collection, ReadTarget::Key(key), &query).await?))
        }
        "DELETE" => {
            state.items.delete(&context, collection, DeleteTarget::Key(key), &Value::Null).await?;
            Ok(reply::nothing())
        }
        _ => Ok(method_not_found(method, uri)),
    }
}

pub(super) async fn on_collection(
    state: &Gateway,
    caller: &Caller,
    collection: &str,
    method: &Method,
    uri: &Uri,
    query: Option<&str>,
    body: &[u8],
) -> Result<Response, HttpError> {
    let context = context(caller);
    let query = parse_query(query)?;
    match method.as_str() {
        "GET" => Ok(reply::answer(&state.items.read(&context, collection, ReadTarget::Query, &query).await?)),
        "SEARCH" => search(state, &context, collection, &query, body).await,
        "POST" => Ok(reply::answer(&state.items.create(&context, collection, &parse_body(body)?, &query).await?)),
        "PATCH" => {
            let (target, data, selection) = update_of(state, collection, parse_body(body)?, query)?;
            Ok(reply::answer(&state.items.update(&context, collection, target, &data, &selection).await?))
        }
        "DELETE" => {
            let (target, selection) = delete_of(parse_body(body)?)?;
            state.items.delete(&context, collection, target, &selection).await?;
            Ok(reply::nothing())
        }
        _ => Ok(method_not_found(method, uri)),
    }
}

/// A read whose query is too long for an address.
async fn search(state: &Gateway, context: &ItemsContext, collection: &str, query: &Value, body: &[u8]) -> Result<Response, HttpError> {
    let mut body = members(parse_body(body)?);
    let target = match body.remove("keys") {
        Some(Value::Array(keys)) => ReadTarget::Keys(keys),
        Some(_) | None => ReadTarget::Query,
    };
    let query = body.remove("query").unwrap_or_else(|| query.clone());
    Ok(reply::answer(&state.items.read(context, collection, target, &query).await?))
}

fn update_of(state: &Gateway, collection: &str, body: Value, query: Value) -> Result<(UpdateTarget, Value, Value), HttpError> {
    let singleton = state.directory.schema().collection(collection).is_some_and(|collection| collection.singleton);
    match body {
        Value::Array(_) => Ok((UpdateTarget::Batch, body, query)),
        body if singleton => Ok((UpdateTarget::Query, body, query)),
        Value::Object(mut members) => {
            let data = members.remove("data").ok_or_else(|| HttpError::payload("\"data\" is required"))?;
            match (members.remove("keys"), members.remove("query")) {
                (Some(Value::Array(keys)), _) => Ok((UpdateTarget::Keys(keys), data, query)),
                (None, Some(selection)) => Ok((UpdateTarget::Query, data, selection)),
                (Some(_), _) => Err(HttpError::payload("\"keys\" must be an array")),
                (None, None) => Err(HttpError::payload("Either \"keys\" or \"query\" is required")),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(HttpError::payload("Body must be an object or an array")),
    }
}

fn delete_of(body: Value) -> Result<(DeleteTarget, Value), HttpError> {
    match body {
        Value::Array(keys) => Ok((DeleteTarget::Keys(keys), Value::Null)),
        Value::Object(mut members) => match (members.remove("keys"), members.remove("query")) {
            (Some(Value::Array(keys)), _) => Ok((DeleteTarget::Keys(keys), Value::Null)),
            (None, Some(query)) => Ok((DeleteTarget::Query, query)),
            (Some(_), _) | (None, None) => Err(HttpError::payload("Either \"keys\" or \"query\" is required")),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(HttpError::payload("Body must be an object or an array")),
    }
}

pub(super) fn context(caller: &Caller) -> ItemsContext {
    ItemsContext {
        accountability: Arc::clone(&caller.accountability),
        permissions: Arc::clone(&caller.permissions),
        schema: Arc::clone(&caller.schema),
        unanswered: false,
    }
}

/// System collections have paths of their own, as on Directus.
fn refuse_system(collection: &str) -> Result<(), HttpError> {
    if collection.starts_with("directus_") { Err(Refusal::Forbidden.into()) } else { Ok(()) }
}

fn parse_query(query: Option<&str>) -> Result<Value, HttpError> {
    let mut members = query_string::parse(query.unwrap_or_default())
        .map_err(|_| Refusal::InvalidQuery("Query string is too deep or too large".to_owned()))?;
    members.remove("access_token");
    Ok(Value::Object(members))
}

pub(super) fn parse_body(body: &[u8]) -> Result<Value, HttpError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| HttpError::payload("Body is not valid JSON"))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
