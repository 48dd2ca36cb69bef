//! `POST /utils/cache/clear`: read schema and access again, now.
//!
//! It must never answer before everything that was in the database when it was asked is in force on this node.

use std::sync::Arc;

use access::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;

use crate::feed;
use crate::http::caller::Caller;
use crate::http::reply::{self, HttpError};
use crate::state::Gateway;

/// `POST /utils/cache/clear[?system]`; administrators only.
pub(super) async fn clear_cache(State(state): State<Arc<Gateway>>, caller: Caller) -> Result<Response, HttpError> {
    if !caller.accountability.admin {
        return Err(Refusal::Forbidden.into());
    }
    if let Some(capture) = &state.capture {
        // Tables that were created behind our back get their triggers before the answer.
        if let Err(error) = capture.synchronise().await {
            tracing::warn!(%error, "the worker could not look at the catalog");
        }
    }
    feed::clear_caches(&state).await?;
    Ok(reply::value(&serde_json::Value::Null))
}
