//! All open connections of this node: how many there may be, who they are, and how they end when the node does.
//!
//! It must never count a connection that is gone, whatever ended it: places and entries are freed by Drop. One lock, held
//! for map operations only.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::{Config, EndpointConfig};
use crate::connection::endpoint::EndpointKind;
use crate::connection::session::{ConnectionId, Session};
use crate::error::CloseReason;
use crate::limits::{Hold, LimitReason, Limits};
use crate::metrics::Metrics;

/// The part of the drain time over which closes are spread; the rest is for clients that answer slowly.
const SPREAD: f64 = 0.6;
/// The part of the drain time in which work may still be answered.
const PATIENCE: f64 = 0.8;

/// How many connections a node may hold.
#[derive(Debug, Clone, Default)]
pub struct ConnectionLimits {
    /// Of `WEBSOCKETS_REST_PATH`.
    pub rest: Option<u64>,
    /// Of `WEBSOCKETS_GRAPHQL_PATH`.
    pub graphql: Option<u64>,
    /// Of `WEBSOCKETS_LOGS_PATH`.
    pub logs: Option<u64>,
    /// Of all that still have to authenticate.
    pub unauthenticated: usize,
}

/// Why there is no place for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoPlace {
    /// The endpoint has as many connections as it may.
    #[error("too many connections")]
    Full,
    /// Too many connections have not authenticated yet.
    #[error("too many unauthenticated connections")]
    TooManyUnauthenticated,
    /// The node is ending.
    #[error("the node is ending")]
    Draining,
}

/// The open connections of a node.
pub struct OpenConnections {
    limits: ConnectionLimits,
    next: AtomicU64,
    access_changes: AtomicU64,
    book: Mutex<Book>,
    /// Wakes the drain when the last connection is gone.
    emptied: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Book {
    draining: bool,
    places: HashMap<EndpointKind, u64>,
    unauthenticated: usize,
    sessions: HashMap<ConnectionId, Arc<Session>>,
    users: HashMap<Uuid, HashSet<ConnectionId>>,
}

/// A place for one connection, from its upgrade to its end.
pub struct Place {
    id: ConnectionId,
    kind: EndpointKind,
    connections: Arc<OpenConnections>,
    state: AtomicU8,
    /// What it counts against beyond this node; guards the moves of the holds only.
    holds: Mutex<Holds>,
}

#[derive(Default)]
struct Holds {
    origin: Option<Hold>,
    user: Option<(Uuid, Hold)>,
}

/// The states of a place, in the order in which they can follow.
const RESERVED: u8 = 0;
const UNAUTHENTICATED: u8 = 1;
const ADMITTED: u8 = 2;
const FREE: u8 = 3;

/// A connection among the open ones until it is dropped.
#[derive(Debug)]
pub(super) struct Enrolled {
    session: Arc<Session>,
}

impl OpenConnections {
    /// No connections yet.
    #[must_use]
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Arc<Self> {
        let limit = |endpoint: &Option<EndpointConfig>| endpoint.as_ref().and_then(|endpoint| endpoint.connection_limit);
        let limits = ConnectionLimits {
            rest: limit(&config.websockets.rest),
            graphql: limit(&config.websockets.graphql),
            logs: config.websockets.logs.as_ref().and_then(|logs| logs.connection_limit),
            unauthenticated: config.bounds.unauthenticated,
        };
        Self::with_limits(limits, metrics)
    }

    /// No connections yet.
    #[must_use]
    pub fn with_limits(limits: ConnectionLimits, metrics: Arc<Metrics>) -> Arc<Self> {
        let (next, access_changes) = (AtomicU64::new(1), AtomicU64::new(0));
        Arc::new(Self { limits, next, access_changes, book: Mutex::default(), emptied: Notify::new(), metrics })
    }

    /// A place for a connection that is on its way.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn reserve(self: &Arc<Self>, kind: EndpointKind) -> Result<Place, NoPlace> {
        let limit = match kind {
            EndpointKind::Rest => self.limits.rest,
            EndpointKind::GraphQl => self.limits.graphql,
            EndpointKind::Logs => self.limits.logs,
        };
        let mut book = self.book();
        if book.draining {
            return Err(NoPlace::Draining);
        }
        let taken = book.places.entry(kind).or_default();
        if limit.is_some_and(|limit| *taken >= limit) {
            return Err(NoPlace::Full);
        }
        *taken += 1;
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        Ok(Place { id, kind, connections: Arc::clone(self), state: AtomicU8::new(RESERVED), holds: Mutex::default() })
    }

    /// Every open connection.
    #[must_use]
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        self.book().sessions.values().cloned().collect()
    }

    /// The open connections of a user.
    #[must_use]
    pub fn of_user(&self, user: Uuid) -> Vec<Arc<Session>> {
        let book = self.book();
        let ids = book.users.get(&user).into_iter().flatten();
        ids.filter_map(|id| book.sessions.get(id).cloned()).collect()
    }

    /// One open connection.
    #[must_use]
    pub fn get(&self, id: ConnectionId) -> Option<Arc<Session>> {
        self.book().sessions.get(&id).cloned()
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.book().sessions.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Users, tokens or sessions have changed in the database. To be called *before* the open connections are looked
    /// through: an authentication that read the old rows and is not among them yet sees the number move and looks again.
    pub fn access_changed(&self) {
        self.access_changes.fetch_add(1, Ordering::SeqCst);
    }

    /// How often [`OpenConnections::access_changed`] was called.
    #[must_use]
    pub fn access_changes(&self) -> u64 {
        self.access_changes.load(Ordering::SeqCst)
    }

    /// Takes nothing new, tells every client to reconnect, in random order, `batch` at a time and spread over most of the
    /// time until `end`, and waits until all are gone. What a client has in work is answered before it is told. Returns how
    /// many had to be cut off.
    pub async fn drain(&self, end: Instant, batch: usize) -> usize {
        let deadline = end.saturating_duration_since(Instant::now());
        // Work that is not done by then is answered by nobody: the close frame has to get through as well.
        let patience = Instant::now() + deadline.mul_f64(PATIENCE);
        let mut sessions = {
            let mut book = self.book();
            book.draining = true;
            book.sessions.values().cloned().collect::<Vec<_>>()
        };
        sessions.shuffle(&mut rand::rng());
        let batches = sessions.len().div_ceil(batch.max(1)).max(1);
        let pause = deadline.mul_f64(SPREAD / f64::from(u32::try_from(batches).unwrap_or(u32::MAX)));
        let mut closing = FuturesUnordered::new();
        for (place, batch) in sessions.chunks(batch.max(1)).enumerate() {
            if place > 0 {
                let jitter = rand::rng().random_range(0.5..1.5);
                let next = (Instant::now() + pause.mul_f64(jitter)).min(end);
                let mut pause = pin!(tokio::time::sleep_until(next));
                loop {
                    // Both are polled by reference: what is closing stays in the list.
                    tokio::select! {
                        () = &mut pause => break,
                        Some(()) = closing.next() => {}
                    }
                }
            }
            self.metrics.drain_batches.inc();
            closing.extend(batch.iter().cloned().map(|session| async move { session.wind_up(patience).await }));
        }
        while closing.next().await.is_some() {}
        drop((closing, sessions));
        // The notification is armed before the look, so that a last one in between is not missed.
        let emptied = self.emptied.notified();
        if !self.is_empty() {
            let _gone_or_late = tokio::time::timeout_at(end, emptied).await;
        }
        let left = self.sessions();
        for session in &left {
            session.queue().abort();
        }
        left.len()
    }

    /// A session has another user than before.
    pub(super) fn moved(session: &Session, before: Option<Uuid>, after: Option<Uuid>) {
        if before == after {
            return;
        }
        let mut book = session.place.connections.book();
        if book.sessions.contains_key(&session.id()) {
            book.leave(session.id(), before);
            book.join(session.id(), after);
        }
    }

    /// Enters a connection among the open ones.
    pub(super) fn enrol(session: Arc<Session>) -> Enrolled {
        let connections = &session.place.connections;
        let draining = {
            let mut book = connections.book();
            book.sessions.insert(session.id(), Arc::clone(&session));
            let user = session.accountability().user;
            book.join(session.id(), user);
            book.draining
        };
        if draining {
            session.operations().close();
            session.queue().close(CloseReason::Drain);
        }
        Enrolled { session }
    }

    fn state_gauge(&self, state: u8, change: i64) {
        let label = match state {
            UNAUTHENTICATED => "unauthenticated",
            ADMITTED => "authenticated",
            _ => return,
        };
        self.metrics.connections.with_label_values(&[label]).add(change);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn join(&mut self, id: ConnectionId, user: Option<Uuid>) {
        if let Some(user) = user {
            self.users.entry(user).or_default().insert(id);
        }
    }

    fn leave(&mut self, id: ConnectionId, user: Option<Uuid>) {
        let Some(user) = user else { return };
        if let Some(ids) = self.users.get_mut(&user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.users.remove(&user);
            }
        }
    }
}

impl Place {
    /// The id of the connection that takes it.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Which endpoint it belongs to.
    #[must_use]
    pub const fn kind(&self) -> EndpointKind {
        self.kind
    }

    /// All open connections.
    #[must_use]
    pub const fn connections(&self) -> &Arc<OpenConnections> {
        &self.connections
    }

    /// Keeps what the connection counts against by where it comes from.
    pub fn keep(&self, hold: Hold) {
        self.holds().origin = Some(hold);
        self.forget_if_free();
    }

    /// Counts the connection as one of `user`'s instead of another's. Its user's expired token does not end that: somebody
    /// who comes back must not lose the place meanwhile.
    ///
    /// # Errors
    /// The limit that is reached; the connection then counts as before.
    pub async fn claim(&self, limits: &Arc<Limits>, user: Option<Uuid>) -> Result<(), LimitReason> {
        let Some(user) = user else { return Ok(()) };
        if self.holds().user.as_ref().is_some_and(|(before, _)| *before == user) {
            return Ok(());
        }
        let hold = limits.hold_user(user).await?;
        let before = self.holds().user.replace((user, hold));
        drop(before);
        self.forget_if_free();
        Ok(())
    }

    /// A hold that came when the connection had ended.
    fn forget_if_free(&self) {
        if self.state.load(Ordering::SeqCst) == FREE {
            let late = std::mem::take(&mut *self.holds());
            drop(late);
        }
    }

    fn holds(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection still has to authenticate: it counts among those too.
    ///
    /// # Errors
    /// [`NoPlace::TooManyUnauthenticated`].
    pub fn wait_for_authentication(&self) -> Result<(), NoPlace> {
        let mut book = self.connections.book();
        if book.unauthenticated >= self.connections.limits.unauthenticated {
            return Err(NoPlace::TooManyUnauthenticated);
        }
        book.unauthenticated += 1;
        drop(book);
        self.enter(UNAUTHENTICATED);
        Ok(())
    }

    /// The connection may speak.
    pub fn admit(&self) {
        if self.state.load(Ordering::SeqCst) < ADMITTED {
            self.enter(ADMITTED);
        }
    }

    /// The place is free for somebody else, though something still holds this one.
    pub(super) fn release(&self) {
        self.enter(FREE);
        self.forget_if_free();
    }

    fn enter(&self, state: u8) {
        let before = self.state.swap(state, Ordering::SeqCst);
        if before == FREE {
            // Whoever comes late finds it free and leaves it so.
            self.state.store(FREE, Ordering::SeqCst);
            return;
        }
        self.connections.state_gauge(before, -1);
        self.connections.state_gauge(state, 1);
        let mut book = self.connections.book();
        if before == UNAUTHENTICATED {
            book.unauthenticated = book.unauthenticated.saturating_sub(1);
        }
        if state == FREE
            && let Some(taken) = book.places.get_mut(&self.kind)
        {
            *taken = taken.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        let connections = &self.session.place.connections;
        let user = self.session.accountability().user;
        let empty = {
            let mut book = connections.book();
            book.sessions.remove(&self.session.id());
            book.leave(self.session.id(), user);
            book.sessions.is_empty()
        };
        self.session.place.release();
        if empty {
            connections.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnections").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
