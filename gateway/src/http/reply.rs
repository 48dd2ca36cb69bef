//! Replies over HTTP: `{"data":…}` and `{"errors":[…]}`.
//!
//! It must never be handed internal text: errors come from the one table in `error.rs`.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use access::refusal::Refusal;

use crate::database::DatabaseError;
use crate::error::ClientError;
use crate::items::{Answer, ItemsError};
use crate::limits::LimitReason;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct HttpError {
    status: u16,
    body: Value,
    limit: Option<LimitReason>,
    retry_after: Option<Duration>,
}

impl HttpError {
    /// One error with a code.
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"errors": [{"message": message, "extensions": {"code": code}}]});
        Self { status, body, limit: None, retry_after: None }
    }

    /// Nobody owns this path.
    pub(crate) fn route_not_found(path: &str) -> Self {
        ClientError::RouteNotFound { path: path.to_owned() }.into()
    }

    /// Whether it is a lack of permission.
    pub(crate) const fn is_forbidden(&self) -> bool {
        self.status == 403
    }

    /// `Invalid payload. <reason>.`
    pub(crate) fn payload(reason: &str) -> Self {
        ClientError::from(Refusal::InvalidPayload(reason.to_owned())).into()
    }
}

impl From<ClientError> for HttpError {
    fn from(error: ClientError) -> Self {
        error.log();
        Self { status: error.status(), body: error.body(), limit: error.limit(), retry_after: error.retry_after() }
    }
}

impl From<ItemsError> for HttpError {
    fn from(error: ItemsError) -> Self {
        match error {
            ItemsError::Refusal(refusal) => refusal.into(),
            ItemsError::Database(error) => error.into(),
        }
    }
}

impl From<DatabaseError> for HttpError {
    fn from(error: DatabaseError) -> Self {
        ClientError::from(error).into()
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        ClientError::from(refusal).into()
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], self.body.to_string()).into_response();
        if let Some(limit) = self.limit {
            // Counted on the way out.
            response.extensions_mut().insert(limit);
        }
        if let Some(retry_after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds(retry_after));
        }
        response
    }
}

/// `Retry-After`: whole seconds, at least one.
pub(crate) fn seconds(duration: Duration) -> HeaderValue {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// `{"data":…}` around JSON text.
pub(crate) fn data(data: &RawValue) -> Response {
    json_text(format!("{{\"data\":{}}}", data.get()))
}

/// `{"data":…}` around a value.
pub(crate) fn value(data: &Value) -> Response {
    json_text(format!("{{\"data\":{data}}}"))
}

/// The answer of the items service, with its counts where they were asked for.
pub(crate) fn answer(answer: &Answer) -> Response {
    match &answer.meta {
        Some(meta) => json_text(format!("{{\"meta\":{},\"data\":{}}}", meta.get(), answer.data.get())),
        None => data(&answer.data),
    }
}

/// 204.
pub(crate) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn json_text(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}
