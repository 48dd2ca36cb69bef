//! An upgrade request: may it be, who asks, is it well-formed, and then the socket changes hands.
//!
//! ```text
//! rate ─▶ place ─▶ Origin (where a cookie authenticates) ─▶ credentials ─▶ user's place ─▶ handshake faults ─▶ 101
//!  429    403, 429   403                                      401            429             400, 405
//!                                                                                  101 ─▶ connection::lifecycle
//! ```
//!
//! It must never answer a refusal with more than its status, nor let a request in whose credentials are not good, whatever
//! the mode: a wrong token is no token.

mod credentials;
mod handshake;

use std::sync::Arc;
use std::time::Duration;

use access::accountability::ClientOrigin;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_TYPE, ORIGIN, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures_util::future::BoxFuture;
use hyper::upgrade::OnUpgrade;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::auth::{AuthError, Identity};
use crate::config::AuthMode;
use crate::connection::endpoint::{Endpoint, EndpointKind};
use crate::connection::lifecycle::{self, Connection, ConnectionOptions, MessageLimits, Opening};
use crate::connection::open::{NoPlace, Place};
use crate::http::listener::{ConnectionPermit, HttpStream};
use crate::http::{client_origin, origin, reply, route_not_found};
use crate::limits::{LimitReason, Limited};
use crate::state::Gateway;
use credentials::Credentials;
use handshake::{Accepted, HandshakeFault};

/// How long a socket may take to change hands after the 101 was handed over.
const HANDOVER: Duration = Duration::from_secs(10);
/// When to try again where all places are taken: nobody knows when one gets free.
const FULL: Duration = Duration::from_secs(5);

/// The labels of every refusal.
pub(crate) const REFUSALS: &[&str] = &[
    "connection_limit",
    "unauthenticated_limit",
    "draining",
    LimitReason::UpgradesPerAddress.label(),
    LimitReason::ConnectionsPerCluster.label(),
    LimitReason::ConnectionsPerUser.label(),
    LimitReason::ConnectionsPerAddress.label(),
    "origin",
    "credentials",
    "unavailable",
    "handshake",
];

/// The longest time for which a client may let messages wait for each other, in milliseconds.
const LONGEST_BATCH: u64 = 1_000;

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

/// Why an upgrade was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// There is no place.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// Somebody has used up what they may have, here or on all nodes together.
    #[error("limited")]
    Limited(Limited),
    /// A foreign page would act with its visitor's cookie.
    #[error("origin")]
    Origin,
    /// None where they are demanded, or not good.
    #[error("credentials")]
    Credentials,
    /// Nobody can tell whether they are good.
    #[error("unavailable")]
    Unavailable,
    /// The request is no proper handshake.
    #[error("handshake")]
    Handshake(#[from] HandshakeFault),
}

/// Answers an upgrade request, and runs the connection if it is accepted.
pub async fn upgrade<E: Endpoint>(state: &Arc<Gateway>, gate: Gate, endpoint: E, mut request: Request) -> Response<Body> {
    if !has_token(request.headers(), &CONNECTION, "upgrade") {
        return route_not_found(request.uri());
    }
    let handover = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let span = service_runtime::span!("upgrade", "tidegate.endpoint" = gate.kind.label(), "tidegate.refused" = Empty);
    match admit(state, gate, &parts).instrument(span.clone()).await {
        Ok(admitted) => {
            let reply = admitted.handshake.reply();
            let permit = parts.extensions.get::<ConnectionPermit>().cloned();
            let opened = Box::pin(take_over(Arc::clone(state), gate, admitted, handover));
            state.tasks.spawn("connection", connect(Arc::clone(state), endpoint, opened, permit));
            reply
        }
        Err(refused) => {
            span.record("tidegate.refused", refused.label());
            state.metrics.refused_upgrades.with_label_values(&[refused.label()]).inc();
            if let Some(limit) = refused.uncounted() {
                state.metrics.refused(limit);
            }
            tracing::debug!(reason = refused.label(), "upgrade refused");
            refused.reply()
        }
    }
}

/// An upgrade that is going to happen.
struct Admitted {
    place: Place,
    /// Before the credentials were read: see `OpenConnections::access_changed`.
    access_changes: u64,
    identity: Identity,
    handshake: Accepted,
    batch: Option<Duration>,
}

async fn admit(state: &Gateway, gate: Gate, parts: &Parts) -> Result<Admitted, Refused> {
    let client = client_origin::of(parts, &state.config.proxy);
    let address = client.ip;
    state.limits.upgrade(address).map_err(Refused::Limited)?;
    let place = state.connections.reserve(gate.kind)?;
    place.keep(state.limits.hold_connection(address).await.map_err(Refused::full)?);
    let access_changes = state.connections.access_changes();
    let credentials = Credentials::of(parts, &state.config.auth.session_cookie.name);
    if matches!(credentials, Credentials::Cookie(_)) && !origin_is_allowed(state, parts) {
        return Err(Refused::Origin);
    }
    let anonymous = matches!(credentials, Credentials::None);
    let identity = identify(state, gate, credentials, client).await?;
    place.claim(&state.limits, identity.accountability.user).await.map_err(Refused::full)?;
    let handshake = Accepted::check(parts)?;
    let batch = batch(parts.uri.query().unwrap_or_default())?;
    if anonymous && gate.mode == AuthMode::Handshake {
        place.wait_for_authentication()?;
    }
    Ok(Admitted { place, access_changes, identity, handshake, batch })
}

/// `?batch=`: milliseconds for which a message may wait for others. The last one counts.
fn batch(query: &str) -> Result<Option<Duration>, HandshakeFault> {
    let Some((_, text)) = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "batch").last() else { return Ok(None) };
    let milliseconds: u64 = text.parse().map_err(|_| HandshakeFault::Batch)?;
    if milliseconds > LONGEST_BATCH {
        return Err(HandshakeFault::Batch);
    }
    Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds)))
}

fn origin_is_allowed(state: &Gateway, parts: &Parts) -> bool {
    let Some(origin) = parts.headers.get(ORIGIN) else { return true };
    let host = client_origin::host(parts, &state.config.proxy);
    origin.to_str().is_ok_and(|origin| origin::is_allowed(origin, host, &state.config.public_url, &state.config.cors))
}

async fn identify(state: &Gateway, gate: Gate, credentials: Credentials, client: Arc<ClientOrigin>) -> Result<Identity, Refused> {
    let token = match credentials {
        Credentials::None if gate.mode == AuthMode::Strict => return Err(Refused::Credentials),
        Credentials::None => return Ok(state.authenticator.public(client)),
        Credentials::Unusable => return Err(Refused::Credentials),
        Credentials::Query(token) | Credentials::Cookie(token) | Credentials::Bearer(token) => token,
    };
    match state.authenticator.token(&token, client).await {
        // A token of nobody is no credential here, though an auth message may hold one.
        Ok(identity) if identity.is_anonymous() => Err(Refused::Credentials),
        Ok(identity) if gate.administrators && !identity.accountability.admin => Err(Refused::Credentials),
        Ok(identity) => Ok(identity),
        Err(AuthError::Unavailable(error)) => {
            tracing::warn!(%error, "an upgrade could not be authenticated");
            Err(Refused::Unavailable)
        }
        Err(
            AuthError::InvalidCredentials
            | AuthError::InvalidToken
            | AuthError::Expired
            | AuthError::Suspended
            | AuthError::InvalidOtp
            | AuthError::TooManyFailures { .. },
        ) => Err(Refused::Credentials),
    }
}

/// Runs a connection, once it is one. What is needed until then is on the heap and goes with it: an async function keeps its
/// arguments to its end.
async fn connect<E: Endpoint>(
    state: Arc<Gateway>,
    endpoint: E,
    opened: BoxFuture<'static, Option<Box<Connection>>>,
    permit: Option<ConnectionPermit>,
) {
    let Some(connection) = opened.await else { return };
    lifecycle::run(&endpoint, &state.metrics, connection).await;
    drop(permit);
}

/// Takes the socket over from the HTTP server. `None`: there is none to be had.
async fn take_over(state: Arc<Gateway>, gate: Gate, admitted: Admitted, handover: OnUpgrade) -> Option<Box<Connection>> {
    // The client may leave before the reply is written.
    let upgraded = tokio::time::timeout(HANDOVER, handover).await.ok()?.ok()?;
    let Ok(parts) = upgraded.downcast::<HttpStream>() else {
        tracing::error!("an upgraded connection is no TCP socket: it did not come through the listener");
        return None;
    };
    let bounds = &state.config.bounds;
    let opening = Opening {
        socket: parts.io.into_inner().into_inner(),
        memory: state.limits.memory().share(),
        early: parts.read_buf,
        place: admitted.place,
        mode: gate.mode,
        identity: admitted.identity,
        limits: ConnectionOptions {
            auth_timeout: gate.auth_timeout,
            heartbeat: gate.heartbeat,
            messages: MessageLimits { authenticated: bounds.message_bytes, unauthenticated: bounds.message_bytes_unauthenticated },
            queue: bounds.send_queue_bytes,
            batch: admitted.batch,
            operations: bounds.pending_operations,
        },
    };
    let connection = lifecycle::open(&state.metrics, opening);
    // Boxed: large, and not needed while the handover is waited for.
    Box::pin(connection.session().look_again(&state.authenticator, admitted.access_changes)).await;
    Some(connection)
}

impl Refused {
    /// There are as many connections as there may be.
    const fn full(reason: LimitReason) -> Self {
        Self::Limited(Limited { reason, retry_after: FULL })
    }

    /// The limit, where who refused has not counted it.
    const fn uncounted(self) -> Option<LimitReason> {
        match self {
            Self::NoPlace(NoPlace::Full) => Some(LimitReason::ConnectionsPerEndpoint),
            Self::NoPlace(NoPlace::TooManyUnauthenticated) => Some(LimitReason::Unauthenticated),
            Self::NoPlace(NoPlace::Draining)
            | Self::Limited(_)
            | Self::Origin
            | Self::Credentials
            | Self::Unavailable
            | Self::Handshake(_) => None,
        }
    }

    /// One of [`REFUSALS`].
    const fn label(self) -> &'static str {
        match self {
            Self::NoPlace(NoPlace::Full) => "connection_limit",
            Self::NoPlace(NoPlace::TooManyUnauthenticated) => "unauthenticated_limit",
            Self::NoPlace(NoPlace::Draining) => "draining",
            Self::Limited(limited) => limited.reason.label(),
            Self::Origin => "origin",
            Self::Credentials => "credentials",
            Self::Unavailable => "unavailable",
            Self::Handshake(_) => "handshake",
        }
    }

    fn reply(self) -> Response<Body> {
        let status = match self {
            Self::NoPlace(NoPlace::Full | NoPlace::TooManyUnauthenticated) | Self::Origin => StatusCode::FORBIDDEN,
            Self::NoPlace(NoPlace::Draining) | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Credentials => StatusCode::UNAUTHORIZED,
            Self::Limited(limited) => {
                let mut response = closing(StatusCode::TOO_MANY_REQUESTS, Body::empty());
                response.headers_mut().insert(RETRY_AFTER, reply::seconds(limited.retry_after));
                return response;
            }
            Self::Handshake(fault) => return fault.reply(),
        };
        closing(status, Body::empty())
    }
}

/// A reply after which the connection ends.
fn closing(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A fault with a text for people.
fn explained(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = closing(status, Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// Whether a list-valued header names `token`, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::RestEndpoint;

    type Connect<E, F> = fn(Arc<Gateway>, E, BoxFuture<'static, Option<Box<Connection>>>, Option<ConnectionPermit>) -> F;

    fn size_of_future<F>(_connect: Connect<RestEndpoint, F>) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_an_idle_connection_is_small() {
        let size = size_of_future(connect::<RestEndpoint>);
        println!("{size} bytes");
        assert!(size < 1536, "{size} bytes: what is large and rare has to be boxed");
    }
}
