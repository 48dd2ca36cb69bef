//! The upgrade of an HTTP request to a socket: refusals first, then the handshake of RFC 6455 §4.2.
//!
//! Order, as observed: connection limit, Origin (only where a cookie authenticates), credentials, handshake. It must
//! never hand over a socket before every check has passed, and never answer with more than the status of a refusal.

use std::sync::Arc;
use std::time::Duration;

use access::accountability::ClientOrigin;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::net::TcpStream;

use crate::auth::{AuthError, Identity};
use crate::config::AuthMode;
use crate::connection::endpoint::{Endpoint, EndpointKind};
use crate::connection::lifecycle::{self, ConnectionOptions, MessageLimits, Opening};
use crate::connection::open::Place;
use crate::http::caller::cookie;
use crate::http::listener::ConnectionPermit;
use crate::http::{client_origin, origin};
use crate::state::Gateway;

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What an endpoint demands of an upgrade.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    /// Which endpoint.
    pub kind: EndpointKind,
    /// How it authenticates.
    pub mode: AuthMode,
    /// Only administrators.
    pub administrators: bool,
    /// For the first authentication, and for a new token after expiry.
    pub auth_timeout: Duration,
    /// Between the server's pings; `None` sends none.
    pub heartbeat: Option<Duration>,
}

/// Why an upgrade is refused; a label of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    ConnectionLimit,
    Origin,
    Credentials,
    Unavailable,
    Handshake,
}

/// Answers an upgrade request, and runs the connection if it is accepted.
pub async fn upgrade<E: Endpoint>(state: &Arc<Gateway>, gate: Gate, endpoint: E, request: Request) -> Response {
    let (mut parts, _body) = request.into_parts();
    let Ok(place) = state.connections.reserve(gate.kind) else { return refuse(state, Refused::ConnectionLimit, StatusCode::FORBIDDEN) };
    let client = client_origin::of(&parts, &state.config.proxy);
    let identity = match identify(state, &parts, gate, client).await {
        Ok(identity) => identity,
        Err((reason, status)) => return refuse(state, reason, status),
    };
    let accept = match handshake(&parts) {
        Ok(accept) => accept,
        Err(fault) => {
            state.metrics.refused_upgrades.with_label_values(&[Refused::Handshake.label()]).inc();
            return fault.answer();
        }
    };
    let waits = gate.mode == AuthMode::Handshake && identity.is_none();
    if waits && place.wait_for_authentication().is_err() {
        return refuse(state, Refused::ConnectionLimit, StatusCode::FORBIDDEN);
    }
    if !waits {
        place.admit();
    }
    let (Some(upgrading), permit) = (parts.extensions.remove::<OnUpgrade>(), parts.extensions.remove::<ConnectionPermit>()) else {
        return refuse(state, Refused::Handshake, StatusCode::BAD_REQUEST);
    };
    let identity = identity.unwrap_or_else(|| state.authenticator.public(client_origin::of(&parts, &state.config.proxy)));
    let options = options(state, gate);
    let node = Arc::clone(state);
    state.tasks.spawn("connection", async move {
        open(&node, endpoint, Ready { upgrading, place, gate, identity, options }).await;
        drop(permit);
    });
    switching(&parts.headers, &accept)
}

/// Everything that a connection starts with but its socket.
struct Ready {
    upgrading: OnUpgrade,
    place: Place,
    gate: Gate,
    identity: Identity,
    options: ConnectionOptions,
}

async fn open<E: Endpoint>(state: &Gateway, endpoint: E, ready: Ready) {
    // The peer may be gone before the reply was written; nobody is left to tell.
    let Ok(upgraded) = ready.upgrading.await else { return };
    let Ok(transport) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        tracing::error!("an upgraded connection is no TCP socket");
        return;
    };
    let opening = Opening {
        socket: transport.io.into_inner(),
        early: transport.read_buf,
        place: ready.place,
        mode: ready.gate.mode,
        identity: ready.identity,
        limits: ready.options,
    };
    lifecycle::run(&endpoint, &state.metrics, opening).await;
}

fn options(state: &Gateway, gate: Gate) -> ConnectionOptions {
    let bounds = &state.config.bounds;
    ConnectionOptions {
        auth_timeout: gate.auth_timeout,
        heartbeat: gate.heartbeat,
        messages: MessageLimits { authenticated: bounds.message_bytes, unauthenticated: bounds.message_bytes_unauthenticated },
        queue: bounds.send_queue_bytes,
        operations: bounds.pending_operations,
    }
}

/// Who the request itself proves to be; `None` where it brings no token and none is demanded.
async fn identify(
    state: &Gateway,
    parts: &Parts,
    gate: Gate,
    client: Arc<ClientOrigin>,
) -> Result<Option<Identity>, (Refused, StatusCode)> {
    let unauthorised = (Refused::Credentials, StatusCode::UNAUTHORIZED);
    let token = match credential(parts, &state.config.auth.session_cookie.name) {
        Credential::None if gate.mode == AuthMode::Strict => return Err(unauthorised),
        Credential::None => return Ok(None),
        Credential::Ambiguous => return Err(unauthorised),
        Credential::Cookie(token) => {
            let origin = parts.headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
            let host = client_origin::host(parts, &state.config.proxy);
            let foreign = origin.is_some_and(|origin| !origin::is_allowed(origin, host, &state.config.public_url, &state.config.cors));
            if foreign {
                return Err((Refused::Origin, StatusCode::FORBIDDEN));
            }
            token
        }
        Credential::Token(token) => token,
    };
    let identity = match state.authenticator.token(&token, client).await {
        Ok(identity) => identity,
        Err(AuthError::Unavailable(error)) => {
            tracing::warn!(%error, "a token could not be checked");
            return Err((Refused::Unavailable, StatusCode::SERVICE_UNAVAILABLE));
        }
        Err(
            AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Expired | AuthError::Suspended | AuthError::InvalidOtp,
        ) => {
            return Err(unauthorised);
        }
    };
    if identity.is_anonymous() || (gate.administrators && !identity.accountability.admin) {
        return Err(unauthorised);
    }
    Ok(Some(identity))
}

/// The credential of a request.
enum Credential {
    None,
    /// `access_token` twice: present, but not usable.
    Ambiguous,
    /// From the address or the `Authorization` header: the page itself holds it.
    Token(String),
    /// Sent by the browser, whatever page asks.
    Cookie(String),
}

fn credential(parts: &Parts, session_cookie: &str) -> Credential {
    let query = parts.uri.query().unwrap_or_default();
    let mut tokens = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "access_token").map(|(_, token)| token);
    match (tokens.next(), tokens.next()) {
        (Some(_), Some(_)) => return Credential::Ambiguous,
        (Some(token), None) if !token.is_empty() => return Credential::Token(token.into_owned()),
        (Some(_) | None, None) | (None, Some(_)) => {}
    }
    if let Some(token) = cookie(parts, session_cookie) {
        return Credential::Cookie(token);
    }
    let header = parts.headers.get(axum::http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer =
        header.and_then(|value| value.split_once(' ')).filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty());
    bearer.map_or(Credential::None, |(_, token)| Credential::Token(token.trim().to_owned()))
}

/// What is wrong with a handshake.
struct Fault {
    status: StatusCode,
    text: &'static str,
    versions: bool,
}

/// The value of `Sec-WebSocket-Accept`.
fn handshake(parts: &Parts) -> Result<HeaderValue, Fault> {
    let bad = |text| Fault { status: StatusCode::BAD_REQUEST, text, versions: false };
    if parts.method != Method::GET {
        return Err(Fault { status: StatusCode::METHOD_NOT_ALLOWED, text: "Invalid HTTP method", versions: false });
    }
    let headers = &parts.headers;
    if !headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Err(bad("Invalid Upgrade header"));
    }
    // A body in front of the frames is how requests are smuggled past a proxy.
    if headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0") {
        return Err(bad("An upgrade request has no body"));
    }
    let key = single(headers, SEC_WEBSOCKET_KEY.as_str()).filter(|key| BASE64_STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    let Some(key) = key else { return Err(bad("Missing or invalid Sec-WebSocket-Key header")) };
    if !matches!(single(headers, SEC_WEBSOCKET_VERSION.as_str()), Some(b"13" | b"8")) {
        return Err(Fault { versions: true, ..bad("Missing or invalid Sec-WebSocket-Version header") });
    }
    if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) && protocols(headers).is_none() {
        return Err(bad("Invalid Sec-WebSocket-Protocol header"));
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID.as_bytes()).finalize();
    HeaderValue::from_str(&BASE64_STANDARD.encode(digest)).map_err(|_| bad("Missing or invalid Sec-WebSocket-Key header"))
}

/// The value of a header that may stand only once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
}

/// The offered subprotocols, in order; `None` when the list is malformed.
fn protocols(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut offered: Vec<String> = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for name in value.to_str().ok()?.split(',') {
            let name = name.trim_matches([' ', '\t']);
            let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
            if !token || offered.iter().any(|other| other == name) {
                return None;
            }
            offered.push(name.to_owned());
        }
    }
    Some(offered)
}

/// 101 with the headers of the protocol and nothing else.
fn switching(headers: &HeaderMap, accept: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let reply = response.headers_mut();
    reply.insert(UPGRADE, HeaderValue::from_static("websocket"));
    reply.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    reply.insert(SEC_WEBSOCKET_ACCEPT, accept.clone());
    let first = protocols(headers).and_then(|offered| offered.into_iter().next());
    if let Some(first) = first.and_then(|first| HeaderValue::from_str(&first).ok()) {
        reply.insert(SEC_WEBSOCKET_PROTOCOL, first);
    }
    response
}

/// A refusal is a status and nothing else.
fn refuse(state: &Gateway, reason: Refused, status: StatusCode) -> Response {
    state.metrics.refused_upgrades.with_label_values(&[reason.label()]).inc();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

impl Refused {
    const fn label(self) -> &'static str {
        match self {
            Self::ConnectionLimit => "connection_limit",
            Self::Origin => "origin",
            Self::Credentials => "credentials",
            Self::Unavailable => "unavailable",
            Self::Handshake => "handshake",
        }
    }
}

impl Fault {
    fn answer(&self) -> Response {
        let mut response = Response::new(Body::from(self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        if self.versions {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13, 8"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/websocket");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn handshake_faults_are_named_in_order() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let check = |headers: &[(&str, &str)], expect: Result<&str, &str>| {
            let outcome = handshake(&parts(headers));
            assert_eq!(outcome.as_ref().map(|accept| accept.to_str().unwrap()).map_err(|fault| fault.text), expect, "{headers:?}");
        };
        let ok = [("upgrade", "WebSocket"), key, ("sec-websocket-version", "13")];
        check(&ok, Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        check(&[("upgrade", "h2c")], Err("Invalid Upgrade header"));
        check(&[("upgrade", "websocket")], Err("Missing or invalid Sec-WebSocket-Key header"));
        check(&[("upgrade", "websocket"), ("sec-websocket-key", "short")], Err("Missing or invalid Sec-WebSocket-Key header"));
        check(&[("upgrade", "websocket"), key, ("sec-websocket-version", "7")], Err("Missing or invalid Sec-WebSocket-Version header"));
        check(&[ok[0], key, ok[2], ("sec-websocket-protocol", "a,,b")], Err("Invalid Sec-WebSocket-Protocol header"));
        check(&[ok[0], key, ok[2], ("content-length", "5")], Err("An upgrade request has no body"));
        check(&[ok[0], key, ok[2], ("sec-websocket-protocol", "a, b")], Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
