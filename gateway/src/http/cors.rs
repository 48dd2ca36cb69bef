//! Cross-origin rules for browsers, by `CORS_*`.
//!
//! It must never be the reason why something is refused: browsers enforce CORS, the gateway only tells them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::config::CorsConfig;
use crate::state::Gateway;

/// Answers preflight requests and adds the headers to everything else.
pub(super) async fn apply(State(state): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let cors = &state.config.cors;
    if !cors.enabled {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|origin| origin.to_str().is_ok_and(|origin| cors.origin.allows(origin))) {
        allow(headers, cors, origin);
        if preflight {
            set(headers, ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
            set(headers, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allowed_headers);
            set(headers, ACCESS_CONTROL_MAX_AGE, &cors.max_age.to_string());
        }
    }
    response
}

fn allow(headers: &mut HeaderMap, cors: &CorsConfig, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.exposed_headers);
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
