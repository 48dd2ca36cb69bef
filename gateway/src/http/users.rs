//! `GET /users/me`: the caller's own user, as far as the caller may read it.
//!
//! It must never read more than the caller's permissions on `directus_users` allow.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use serde_json::json;

use crate::http::caller::Caller;
use crate::http::items;
use crate::http::reply::{self, HttpError};
use crate::state::Gateway;

/// `GET /users/me`.
pub(super) async fn me(
    State(state): State<Arc<Gateway>>,
    caller: Caller,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    let Some(user) = caller.accountability.user else {
        return Err(HttpError::new(403, "FORBIDDEN", "You don't have permission to access this."));
    };
    match items::on_item(&state, &caller, "directus_users", user.to_string(), &Method::GET, &uri, query.as_deref(), &[]).await {
        // Whoever may not read users still learns who they are, as observed.
        Err(error) if error.is_forbidden() => Ok(reply::value(&json!({"id": user}))),
        outcome => outcome,
    }
}
