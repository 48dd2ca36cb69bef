//! The span of an HTTP request; a `traceparent` that came with it is its parent.
//!
//! Only a part of the routes where traces are exported. It must never show more of the address than its path: queries hold
//! tokens and values.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use tracing::field::Empty;

/// Handles the request in a span of its own.
pub(super) async fn apply(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let route = request.extensions().get::<MatchedPath>().map_or(path, MatchedPath::as_str);
    let span = service_runtime::span!(
        "request",
        "otel.name" = format!("{method} {route}"),
        "otel.kind" = "server",
        "http.request.method" = method,
        "http.route" = route,
        "http.response.status_code" = Empty,
        "otel.status_code" = Empty
    );
    if let Some(traceparent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
        service_runtime::trace::continue_from(&span, traceparent);
    }
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}
