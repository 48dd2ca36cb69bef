//! The HTTP side of a node: socket upgrades and the calls that the SDK makes beside its socket.
//!
//! Everything that touches items goes through `items`, under the same permissions as a socket. It must never serve the
//! metrics (they have their own port), and never answer with internal text.

mod auth;
mod bound;
mod caller;
pub mod client_origin;
mod cors;
mod graphql;
mod items;
pub mod listener;
pub mod origin;
mod query_string;
mod reply;
pub(crate) mod request_log;
mod server;
mod system;
mod trace;
pub mod upgrade;
mod users;
mod utils;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{any, get, post};

use crate::command::RestEndpoint;
use crate::config::AuthMode;
use crate::connection::endpoint::EndpointKind;
use crate::graphql::GraphQlEndpoint;
use crate::http::reply::HttpError;
use crate::http::upgrade::Gate;
use crate::logs::LogsEndpoint;
use crate::state::Gateway;

/// Where the logs endpoint has no setting of its own.
const DEFAULT_AUTH_TIMEOUT: Duration = Duration::from_secs(10);

/// A page at `/`.
#[derive(Debug, Clone)]
pub struct Page {
    /// The document.
    pub html: String,
}

/// All routes of a node.
pub fn router(state: &Arc<Gateway>, page: Option<Page>) -> Router {
    let mut router = Router::new()
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/items/{collection}", any(items::collection))
        .route("/items/{collection}/", any(items::collection))
        .route("/items/{collection}/{key}", any(items::item))
        .route("/items/{collection}/{key}/", any(items::item))
        .route("/users/me", get(users::me))
        .route("/server/ping", get(server::ping))
        .route("/server/health", get(server::health))
        .route("/server/info", get(server::info))
        .route("/utils/cache/clear", post(utils::clear_cache))
        .merge(system::routes());
    if let Some(page) = page {
        router = router.route("/", get(move || async move { Html(page.html) }));
    }
    router = router
        .fallback(fallback)
        .layer(DefaultBodyLimit::max(state.config.max_payload))
        .layer(middleware::from_fn_with_state(Arc::clone(state), bound::bound))
        .layer(middleware::from_fn_with_state(Arc::clone(state), cors::apply))
        .layer(middleware::from_fn(request_log::write));
    if state.config.traces.is_some() {
        // Around everything, so that the line of a request names its trace.
        router = router.layer(middleware::from_fn(trace::apply));
    }
    router.with_state(Arc::clone(state))
}

/// The sockets have paths of the user's choice; what is none of them does not exist.
async fn fallback(State(state): State<Arc<Gateway>>, request: Request) -> Response {
    let sockets = &state.config.websockets;
    let path = request.uri().path();
    if !wants_upgrade(request.headers()) {
        return if path == graphql::PATH || sockets.graphql.as_ref().is_some_and(|endpoint| endpoint.path == path) {
            graphql::serve(&state, request).await
        } else {
            route_not_found(request.uri())
        };
    }
    if let Some(rest) = sockets.rest.as_ref().filter(|endpoint| endpoint.path == path) {
        let gate = Gate {
            kind: EndpointKind::Rest,
            mode: rest.mode,
            administrators: false,
            auth_timeout: rest.auth_timeout,
            heartbeat: sockets.heartbeat,
        };
        return upgrade::upgrade(&state, gate, RestEndpoint::new(Arc::clone(&state)), request).await;
    }
    if let Some(graphql) = sockets.graphql.as_ref().filter(|endpoint| endpoint.path == path) {
        let gate = Gate {
            kind: EndpointKind::GraphQl,
            mode: graphql.mode,
            administrators: false,
            auth_timeout: graphql.auth_timeout,
            heartbeat: sockets.heartbeat,
        };
        let endpoint = GraphQlEndpoint::new(Arc::clone(&state), request.headers());
        return upgrade::upgrade(&state, gate, endpoint, request).await;
    }
    if sockets.logs.as_ref().is_some_and(|endpoint| endpoint.path == path) {
        let auth_timeout = sockets.rest.as_ref().map_or(DEFAULT_AUTH_TIMEOUT, |rest| rest.auth_timeout);
        let gate = Gate { kind: EndpointKind::Logs, mode: AuthMode::Strict, administrators: true, auth_timeout, heartbeat: None };
        return upgrade::upgrade(&state, gate, LogsEndpoint::new(Arc::clone(&state)), request).await;
    }
    route_not_found(request.uri())
}

/// Whether a request asks for another protocol: `Upgrade` counts only where `Connection` names it (RFC 9110 §7.8).
fn wants_upgrade(headers: &HeaderMap) -> bool {
    let mut options = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    headers.contains_key(UPGRADE) && options.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// The answer for a path that nobody owns.
#[must_use]
pub fn route_not_found(uri: &Uri) -> Response {
    HttpError::route_not_found(uri.path()).into_response()
}

/// The answer for a method that a path does not have: the path does not exist for it.
fn method_not_found(_method: &Method, uri: &Uri) -> Response {
    route_not_found(uri)
}
