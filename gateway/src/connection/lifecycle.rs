//! The owner of a connection: starts its reader, writer and clocks, and sees to it that it ends in order.
//!
//! Whatever ends a connection does so through the queue: the writer flushes, sends the close frame and returns, and that
//! is the one event that ends this future. It must never leave anything behind: the place, the entry among the open
//! connections and the endpoint's clean-up happen on every way out, panics included.

use std::net::Shutdown;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::auth::Identity;
use crate::config::AuthMode;
use crate::connection::clocks;
use crate::connection::endpoint::Endpoint;
use crate::connection::open::{Enrolled, OpenConnections, Place};
use crate::connection::reader::{self, Incoming};
use crate::connection::send_queue::{self, Writer};
use crate::connection::session::{Session, SessionStart};
use crate::error::CloseReason;
use crate::limits::MemoryShare;
use crate::metrics::Metrics;

pub use crate::connection::reader::MessageLimits;

/// How long a client may take to answer a close, and to stop sending.
const LINGER: Duration = Duration::from_secs(3);

/// A connection that has just been upgraded.
#[derive(Debug)]
pub struct Opening {
    /// The socket.
    pub socket: TcpStream,
    /// What came behind the upgrade request.
    pub early: Bytes,
    /// What it takes of the node's memory for messages.
    pub memory: MemoryShare,
    /// Its place.
    pub place: Place,
    /// What its endpoint demands.
    pub mode: AuthMode,
    /// Who it is by its request.
    pub identity: Identity,
    /// Times and bounds.
    pub limits: ConnectionOptions,
}

/// Times and bounds of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionOptions {
    /// For the first authentication, and for a new token after expiry.
    pub auth_timeout: Duration,
    /// Between the server's pings; `None` sends none.
    pub heartbeat: Option<Duration>,
    /// The largest message.
    pub messages: MessageLimits,
    /// What may wait to be written, in bytes.
    pub queue: usize,
    /// Within so long of another, messages may go out together: the client said that it takes them so.
    pub batch: Option<Duration>,
    /// Messages in work at once.
    pub operations: usize,
}

/// A connection that is among the open ones and waits to be run. Dropping it ends it.
#[derive(Debug)]
pub struct Connection {
    session: Arc<Session>,
    enrolled: Enrolled,
    incoming: Incoming,
    writer: Writer,
    limits: ConnectionOptions,
}

impl Connection {
    /// What everything else sees of it.
    #[must_use]
    pub const fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

/// Makes a connection of a socket, and finds it among the open ones from then on.
#[must_use]
pub fn open(metrics: &Metrics, opening: Opening) -> Box<Connection> {
    let Opening { socket, early, memory, place, mode, identity, limits } = opening;
    let (read, write) = socket.into_split();
    let (queue, writer) = send_queue::open(write, limits.queue, limits.batch, metrics.queue.clone());
    let (auth_timeout, operations) = (limits.auth_timeout, limits.operations);
    let session = Arc::new(Session::new(SessionStart { place, mode, auth_timeout, identity, queue, operations, memory }));
    // Nothing can still be a view of the whole buffer of the request.
    let early = if early.is_empty() { Bytes::new() } else { early };
    let incoming = Incoming::new(read, early, Arc::clone(&session));
    Box::new(Connection { enrolled: OpenConnections::enrol(Arc::clone(&session)), session, incoming, writer, limits })
}

/// Runs a connection to its end. It is in a box and lent from here on: an async function holds what it is given by value
/// twice, and so does each that hands it on.
pub async fn run<E: Endpoint>(endpoint: &E, metrics: &Metrics, mut connection: Box<Connection>) {
    let serving = serve(endpoint, &mut connection);
    let reason = match AssertUnwindSafe(serving).catch_unwind().await {
        Ok(reason) => reason,
        Err(_) => {
            tracing::error!(connection = %connection.session.id(), "a connection panicked");
            CloseReason::InternalError
        }
    };
    let Connection { session, enrolled, incoming, writer, limits: _ } = *connection;
    session.queue().abort();
    drop((incoming, writer));
    drop(enrolled);
    Box::pin(endpoint.closed(&session)).await;
    metrics.closed.with_label_values(&[reason.label()]).inc();
    if let Some(limit) = reason.limit() {
        metrics.refused(limit);
    }
    tracing::debug!(connection = %session.id(), reason = reason.label(), "connection closed");
}

/// Returns why the connection ended.
async fn serve<E: Endpoint>(endpoint: &E, connection: &mut Connection) -> CloseReason {
    let Connection { session, incoming, writer, limits, .. } = connection;
    let session = &*session;
    let mut conversation = endpoint.converse(session);
    let (written, answered, deadline) = {
        let mut reading = pin!(reader::run(incoming, &mut conversation, limits.messages));
        let mut clocks = pin!(clocks::run(endpoint, session, limits.heartbeat));
        let mut writing = pin!(writer.run());
        let mut ended = None;
        let written = loop {
            // None of these is dropped before the connection ends: they are polled by reference, again and again.
            tokio::select! {
                written = &mut writing => break written,
                reason = &mut reading, if ended.is_none() => {
                    ended = Some(reason);
                    if reason == CloseReason::PeerGone {
                        session.queue().abort();
                    } else {
                        session.queue().close(reason);
                    }
                }
                never = &mut clocks => match never {},
            }
        };
        let deadline = Instant::now() + LINGER;
        if written.is_some() && ended.is_none() {
            // The close frame is on its way; the client's own ends the reader. Boxed, as everything that only runs at the end.
            ended = Box::pin(tokio::time::timeout_at(deadline, &mut reading)).await.ok();
        }
        (written, matches!(ended, Some(CloseReason::ClientClosed(_) | CloseReason::PeerGone)), deadline)
    };
    if written.is_some() && !answered {
        // The client may still be sending what was refused. It is told that nothing more comes, and read to its end.
        incoming.shut(Shutdown::Write);
        let _ended = Box::pin(tokio::time::timeout_at(deadline, incoming.discard())).await;
    }
    incoming.shut(Shutdown::Both);
    written.unwrap_or(CloseReason::PeerGone)
}

#[cfg(test)]
mod tests;
