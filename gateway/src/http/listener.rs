//! The listener: accepts TCP connections and serves HTTP/1.1 on them until a socket is taken over by an upgrade.
//!
//! `axum::serve` has no time limit for the head of a request, for a reply that nobody reads, and no limit of connections, so
//! the accept loop is ours. It
//! must never let one connection's fault touch another, nor hold more connections than configured: beyond the limit they
//! wait in the kernel's backlog.
//!
//! ```text
//! accept ─▶ permit ─▶ task: head within the limit ─▶ router ─┬─▶ reply, next request
//!                                                            └─▶ upgrade: the permit moves with the socket
//! ```

mod stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, DATE, HOST};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntCounter;
use service_runtime::{Backoff, CancellationToken, Tasks};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

pub use stream::PatientStream;

/// The largest head of a request, and what is buffered of a body.
const HEAD_BYTES: usize = 64 * 1024;
/// More than any system allows; it takes as much of it as it can.
const BACKLOG: u32 = 65_535;
/// What the kernel takes of a connection's bytes beyond those that are on their way.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;
/// How long a connection may be silent before its peer is asked whether it is there, and how often it is asked again.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Headers of one request.
const HEADERS: usize = 100;

/// Bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// TCP connections at a time.
    pub connections: usize,
    /// From accept, or the end of a reply, to the end of the next request's head.
    pub header_timeout: Duration,
    /// How long a client may take none of a reply.
    pub reply_timeout: Duration,
}

/// What a listener counts.
#[derive(Debug, Clone, Default)]
pub struct ListenerMetrics {
    /// Connections that were given up because nobody took a reply.
    pub given_up: Option<IntCounter>,
}

/// What HTTP is spoken over, and what an upgrade hands over.
pub type HttpStream = TokioIo<PatientStream>;

/// The place of one TCP connection among those that a node may hold; whoever takes over the socket keeps it.
#[derive(Debug, Clone)]
pub struct ConnectionPermit(#[expect(dead_code, reason = "held for its Drop")] Arc<OwnedSemaphorePermit>);

/// Listens on `address`, with the longest backlog that the system allows: where it is too short, a client of a reconnecting
/// herd may believe itself connected to a server that has never heard of it.
///
/// # Errors
/// When the address is taken or not ours.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until `shutdown`; then connections end after the request that they are at. Returns once nothing new is accepted.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ListenerLimits,
    metrics: ListenerMetrics,
    tasks: &Tasks,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut pause = Backoff::new(Duration::from_millis(5), Duration::from_secs(1));
    loop {
        // All three are cancel-safe: a permit that was not returned is not taken, a connection stays in the backlog.
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                pause.reset();
                let stream = PatientStream::new(stream, limits.reply_timeout, metrics.given_up.clone());
                tasks.spawn("http connection", connection(stream, peer, permit, router.clone(), limits, shutdown.clone()));
            }
            Err(error) => {
                // Out of descriptors, or the peer left while it waited; neither is a reason to stop.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = pause.wait() => {}
                }
            }
        }
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(TcpStream, SocketAddr, ConnectionPermit)> {
    let permit = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Frames are small and each is to arrive on its own.
    stream.set_nodelay(true)?;
    // What a slow client leaves untaken waits here, where it is counted and bounded, not in megabytes of kernel memory each.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT)?;
    // A peer that vanished without a word is noticed though nothing is to be sent to it.
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    Ok((stream, peer, ConnectionPermit(Arc::new(permit))))
}

async fn connection(
    stream: PatientStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
    router: Router,
    limits: ListenerLimits,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(permit.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(dated(answer(router, request).await)) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .title_case_headers(true)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        // Polled again below if the other branch is taken, never dropped half-way.
        ended = &mut serving => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients that go away or speak no HTTP are their own affair.
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> Response<Body> {
    if !names_its_host(&request) {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return refused;
    }
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// RFC 9112 §3.2: a request without `Host`, or with two, means one thing here and another to the proxy in front.
fn names_its_host(request: &Request<Incoming>) -> bool {
    match request.headers().get_all(HOST).into_iter().count() {
        0 => request.version() < Version::HTTP_11,
        1 => true,
        _ => false,
    }
}

/// Every reply carries a date but the one that opens a socket, which has exactly the headers of the protocol.
fn dated(mut response: Response<Body>) -> Response<Body> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS && !response.headers().contains_key(DATE) {
        let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
        if let Ok(now) = now.map_err(|_| ()).and_then(|now| HeaderValue::try_from(now).map_err(|_| ())) {
            response.headers_mut().insert(DATE, now);
        }
    }
    response
}

#[cfg(test)]
mod tests;
