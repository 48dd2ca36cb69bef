//! `/graphql` without a socket: `POST` for queries and mutations, `GET` for queries.
//!
//! A document that cannot be run is an error of the request (400, or 405 for what `GET` must not do); what was run is
//! answered with 200 and its errors beside its data. It must never run a mutation by `GET`, nor do what a socket could not.

use std::sync::Arc;

use access::refusal::Refusal;
use axum::extract::{FromRequest as _, FromRequestParts as _, Request};
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use graphql::{Prepared, Refused};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::ClientError;
use crate::graphql::{NotPrepared, Order, execute, prepare};
use crate::http::caller::{Caller, CallerWithBody};
use crate::http::items::parse_body;
use crate::http::reply::HttpError;
use crate::protocol::graphql::Operation;
use crate::state::Gateway;

/// The path, whatever the sockets' is.
pub(super) const PATH: &str = "/graphql";

/// What a request is refused with.
enum Fault {
    Error(HttpError),
    /// The method may not do this; the one that may.
    Method(&'static str, Method),
    /// The document is not valid for whoever asks.
    Invalid(Vec<graphql::GraphqlError>),
}

/// Answers one request.
pub(super) async fn serve(state: &Arc<Gateway>, request: Request) -> Response {
    match answer(state, request).await {
        Ok(response) => response,
        Err(fault) => fault.reply(),
    }
}

async fn answer(state: &Arc<Gateway>, request: Request) -> Result<Response, Fault> {
    let method = request.method().clone();
    if method != Method::GET && method != Method::POST {
        return Err(Fault::Method("GET, POST", method));
    }
    let (caller, operation) = if method == Method::GET {
        let (mut parts, _) = request.into_parts();
        (Caller::from_request_parts(&mut parts, state).await.map_err(Fault::Error)?, of_address(&parts.uri)?)
    } else {
        let CallerWithBody(caller, body) = match CallerWithBody::from_request(request, state).await {
            Ok(asked) => asked,
            Err(rejection) => return Ok(rejection),
        };
        (caller, of_body(parse_body(&body).map_err(Fault::Error)?)?)
    };
    let (caller, prepared) = match prepare(state, (caller.accountability, caller.permissions), operation).await {
        Ok(prepared) => prepared,
        Err(NotPrepared::Refused(Refused::Execution(response))) => return Ok(reply(StatusCode::OK, &response)),
        Err(NotPrepared::Refused(Refused::Request(errors))) => return Err(Fault::Invalid(errors)),
        Err(NotPrepared::Error(error)) => return Err(Fault::Error(error.into())),
    };
    let (fields, order) = match prepared {
        Prepared::Query(fields) => (fields, Order::AtOnce),
        Prepared::Mutation(_) | Prepared::Subscription(_) if method == Method::GET => return Err(Fault::Method("POST", method)),
        Prepared::Mutation(fields) => (fields, Order::OneByOne),
        Prepared::Subscription(_) => return Err(Fault::Error(HttpError::payload("Subscriptions need a WebSocket"))),
    };
    Ok(reply(StatusCode::OK, &execute(state, &caller, &fields, order).await))
}

fn of_address(uri: &Uri) -> Result<Operation, Fault> {
    let mut query = None;
    let mut variables = Map::new();
    let mut name = None;
    for (member, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*member {
            "query" => query = Some(value.into_owned()),
            "operationName" if !value.is_empty() => name = Some(value.into_owned()),
            "variables" if !value.is_empty() => {
                variables = serde_json::from_str(&value)
                    .map_err(|_| Fault::Error(ClientError::from(Refusal::InvalidQuery("Variables are invalid JSON".to_owned())).into()))?;
            }
            _ => {}
        }
    }
    named(query).map(|query| Operation { query, variables, name })
}

fn of_body(body: Value) -> Result<Operation, Fault> {
    let Value::Object(mut members) = body else { return Err(Fault::Error(HttpError::payload("Body must be an object"))) };
    let query = match members.remove("query") {
        Some(Value::String(query)) => Some(query),
        Some(_) | None => None,
    };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => return Err(Fault::Error(HttpError::payload("\"variables\" must be an object"))),
    };
    let name = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(Fault::Error(HttpError::payload("\"operationName\" must be a string"))),
    };
    named(query).map(|query| Operation { query, variables, name })
}

fn named(query: Option<String>) -> Result<String, Fault> {
    query.filter(|query| !query.is_empty()).ok_or_else(|| Fault::Error(HttpError::payload("Must provide a query string")))
}

fn reply(status: StatusCode, body: &impl Serialize) -> Response {
    // Every key is text and a vector takes every byte: this cannot fail.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], bytes).into_response()
}

impl Fault {
    fn reply(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Method(allowed, current) => {
                let extensions =
                    json!({"allowed": allowed.split(", ").collect::<Vec<_>>(), "current": current.as_str(), "code": "METHOD_NOT_ALLOWED"});
                let message = format!("Invalid method \"{current}\" used. Should be \"{allowed}\".");
                let mut response =
                    reply(StatusCode::METHOD_NOT_ALLOWED, &json!({"errors": [{"message": message, "extensions": extensions}]}));
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
                response
            }
            Self::Invalid(errors) => {
                let extensions = json!({"errors": errors, "code": "GRAPHQL_VALIDATION"});
                let error = json!({"message": "GraphQL validation error.", "extensions": extensions});
                reply(StatusCode::BAD_REQUEST, &json!({"errors": [error]}))
            }
        }
    }
}
