//! A connection as everything else sees it: an id, an identity, a queue.
//!
//! It must never be locked across an await, nor know which subscriptions it has (the registry does).

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::accountability::{Accountability, ClientOrigin};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use uuid::Uuid;

use crate::auth::{Authenticator, Identity, Proof, Recheck};
use crate::config::AuthMode;
use crate::connection::endpoint::EndpointKind;
use crate::connection::frame::Frame;
use crate::connection::open::{OpenConnections, Place};
use crate::connection::send_queue::SendQueue;
use crate::connection::standing::Standing;
use crate::database::DatabaseError;
use crate::error::{ClientError, CloseReason};
use crate::limits::{Exhausted, LimitReason, Limits, MemoryShare};
use crate::protocol::server::{self, MessageType};

pub use crate::connection::standing::{Attempt, Clock};

/// How often a second look starts over because the identity changed under it.
const RECHECKS: u32 = 3;

/// Names a connection on this node; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a connection starts with.
#[derive(Debug)]
pub struct SessionStart {
    /// Its place among all connections.
    pub place: Place,
    /// What its endpoint demands.
    pub mode: AuthMode,
    /// For the first authentication, and for a new token after expiry.
    pub auth_timeout: Duration,
    /// Who it is by its request; the public otherwise.
    pub identity: Identity,
    /// What is written to it.
    pub queue: Arc<SendQueue>,
    /// Messages in work at once.
    pub operations: usize,
    /// What its messages take of the node's memory.
    pub memory: MemoryShare,
}

/// What a connection has of the node's memory for messages.
#[derive(Debug)]
struct Memory {
    arriving: MemoryShare,
    in_hand: Option<MemoryShare>,
}

/// An open connection.
#[derive(Debug)]
pub struct Session {
    id: ConnectionId,
    mode: AuthMode,
    auth_timeout: Duration,
    client: Arc<ClientOrigin>,
    queue: Arc<SendQueue>,
    operations: Arc<Semaphore>,
    most_operations: u32,
    /// Bytes that have come and were not handed over: frames and messages that are not whole yet.
    arriving: AtomicUsize,
    exhausted: AtomicBool,
    /// Guards the sums, for as long as it takes to change them.
    memory: Mutex<Memory>,
    pub(super) place: Place,
    /// Guards identity and clock, for as long as it takes to copy an `Arc`.
    standing: Mutex<Standing>,
    /// Wakes the clocks when the standing has changed.
    pub(super) changed: Notify,
    received: AtomicU64,
}

impl Session {
    /// A session that nobody knows of yet. In handshake mode it has to authenticate unless its request did.
    pub(super) fn new(start: SessionStart) -> Self {
        let waits = start.mode == AuthMode::Handshake && matches!(start.identity.proof, Proof::Public);
        let clock = if waits { Clock::Handshake { until: Instant::now() + start.auth_timeout } } else { Clock::Open };
        if !waits {
            start.place.admit();
        }
        Self {
            id: start.place.id(),
            mode: start.mode,
            auth_timeout: start.auth_timeout,
            client: Arc::clone(start.identity.client()),
            queue: start.queue,
            operations: Arc::new(Semaphore::new(start.operations)),
            most_operations: u32::try_from(start.operations).unwrap_or(u32::MAX),
            arriving: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
            memory: Mutex::new(Memory { arriving: start.memory, in_hand: None }),
            place: start.place,
            standing: Mutex::new(Standing::new(start.identity, clock)),
            changed: Notify::new(),
            received: AtomicU64::new(0),
        }
    }

    /// Its name on this node.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Which endpoint it belongs to.
    #[must_use]
    pub const fn kind(&self) -> EndpointKind {
        self.place.kind()
    }

    /// What its endpoint demands.
    #[must_use]
    pub const fn mode(&self) -> AuthMode {
        self.mode
    }

    /// Where it comes from.
    #[must_use]
    pub const fn client(&self) -> &Arc<ClientOrigin> {
        &self.client
    }

    /// What is written to it.
    #[must_use]
    pub const fn queue(&self) -> &Arc<SendQueue> {
        &self.queue
    }

    /// Permits for messages in work; who cannot get one waits, and the client with it.
    #[must_use]
    pub const fn operations(&self) -> &Arc<Semaphore> {
        &self.operations
    }

    /// Under whose rights it acts now.
    #[must_use]
    pub fn accountability(&self) -> Arc<Accountability> {
        Arc::clone(&self.standing().identity().accountability)
    }

    /// Who it is now.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.standing().identity().clone()
    }

    /// What events call the `directus_sessions` row that its identity rests on: the token itself never travels.
    #[must_use]
    pub fn session_key(&self) -> Option<String> {
        self.standing().identity().session().map(change_event::key_digest)
    }

    /// When its token ends.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.standing().identity().expires_at
    }

    /// Which clock runs.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.standing().clock()
    }

    /// Whether it still has to authenticate before it may say anything else.
    #[must_use]
    pub fn must_authenticate(&self) -> bool {
        matches!(self.clock(), Clock::Handshake { .. } | Clock::FirstAuthentication)
    }

    /// Sends a frame. A connection that is closing takes nothing, and nobody needs to know.
    pub fn send(&self, frame: Frame) {
        let _closing = self.queue.send(frame);
    }

    /// Its endpoint has a handshake of its own, which has to be over by `until`; `None`: it is over.
    pub fn introduce_by(&self, until: Option<Instant>) {
        self.standing().introduction = until;
        self.changed.notify_one();
    }

    /// When the endpoint's own handshake has to be over.
    pub(super) fn introduction(&self) -> Option<Instant> {
        self.standing().introduction
    }

    /// A usable auth message has come: no clock ends the connection while it is checked.
    #[must_use = "whoever cannot tell puts the clock back"]
    pub fn begin_authentication(&self) -> Attempt {
        let attempt = self.standing().begin();
        self.changed.notify_one();
        attempt
    }

    /// Nobody could tell whether the authentication was right: as before, with the clock that ran.
    pub fn resume(&self, attempt: &Attempt) {
        self.standing().resume(attempt);
        self.changed.notify_one();
    }

    /// Counts the connection as one of `user`'s. To be called before [`Session::identify`].
    ///
    /// # Errors
    /// The user has as many connections as he may.
    pub async fn claim(&self, limits: &Arc<Limits>, user: Option<Uuid>) -> Result<(), LimitReason> {
        self.place.claim(limits, user).await
    }

    /// It is `identity` from now on, and may speak.
    pub fn identify(&self, identity: Identity) {
        self.replace(identity, Clock::Open);
    }

    /// Its token has expired: public rights, and the time for a new token runs.
    pub(super) fn expire(&self, public: Identity) {
        self.replace(public, Clock::Grace { until: Instant::now() + self.auth_timeout });
    }

    /// Looks again at what its identity rests on. An identity that has ended is told so and closed.
    ///
    /// # Errors
    /// When the database cannot be asked; nothing has changed then.
    pub async fn recheck(&self, authenticator: &Authenticator) -> Result<(), DatabaseError> {
        for _attempt in 0..RECHECKS {
            let (identity, revision) = self.present();
            if self.conclude(revision, authenticator.recheck(&identity).await?) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Its identity, and the number that [`Session::conclude`] wants.
    pub(super) fn present(&self) -> (Identity, u64) {
        let standing = self.standing();
        (standing.identity().clone(), standing.revision())
    }

    /// Puts into effect what a second look at the identity of `revision` has found. `false`: it is another one by now.
    pub(super) fn conclude(&self, revision: u64, found: Recheck) -> bool {
        match found {
            Recheck::Same => self.standing().revision() == revision,
            Recheck::Changed(changed) => self.standing().revise(revision, changed),
            Recheck::Ended => self.end_access(revision),
        }
    }

    /// Works out roles and policies anew after a change of them, without the database.
    pub fn revise(&self, authenticator: &Authenticator) {
        for _attempt in 0..RECHECKS {
            let (identity, revision) = self.present();
            if self.conclude(revision, authenticator.revise(&identity)) {
                return;
            }
        }
    }

    /// How many bytes have come from it: grows as long as it lives.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes have come.
    pub(super) fn receive(&self, bytes: usize) -> Result<(), Exhausted> {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        let arriving = self.arriving.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if arriving <= MemoryShare::FREE {
            return Ok(());
        }
        self.memory().arriving.resize(arriving).inspect_err(|_| self.exhausted.store(true, Ordering::Relaxed))
    }

    /// A frame was taken: so much of what has come is still not whole.
    pub(super) fn taken(&self, left: usize) {
        if self.arriving.swap(left, Ordering::Relaxed) > MemoryShare::FREE {
            // Less than before always fits.
            let _fits = self.memory().arriving.resize(left);
        }
    }

    /// A whole message is about to be handed over; `left` has come behind it.
    pub(super) fn hand_over(&self, left: usize) {
        if self.arriving.swap(left, Ordering::Relaxed) > MemoryShare::FREE {
            let memory = &mut *self.memory();
            memory.in_hand = Some(memory.arriving.split());
            // It fitted together with the message a moment ago; should somebody have taken it, the next byte says so.
            let _fits = memory.arriving.resize(left);
        }
    }

    /// What the message in hand takes of the node's memory, for whoever works on it after the next one is read.
    #[must_use]
    pub fn take_message_memory(&self) -> Option<MemoryShare> {
        self.memory().in_hand.take()
    }

    /// The node had no more memory for what has come.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Takes no new messages into work, waits until those in work are answered, at most until `end`, and closes. A request
    /// that had no answer by then was not carried out, unless it takes longer than that.
    pub async fn wind_up(&self, end: Instant) {
        // Whoever already waits for a permit comes first; whoever comes later finds none, and its message is dropped.
        let idle = self.operations.acquire_many(self.most_operations);
        let _late = tokio::time::timeout_at(end, idle).await;
        self.operations.close();
        self.queue.close(CloseReason::Drain);
    }

    /// Looks again at a new identity if users or sessions have changed since [`OpenConnections::access_changes`] gave
    /// `before`, when its proof was read: whoever acted on the change may have looked through the open connections before
    /// this one was found among them. Without an answer the connection has to come again.
    pub async fn look_again(&self, authenticator: &Authenticator, before: u64) {
        if self.place.connections().access_changes() == before {
            return;
        }
        if let Err(error) = self.recheck(authenticator).await {
            tracing::warn!(connection = %self.id, %error, "an identity could not be checked again; the connection is closed");
            self.queue.close(CloseReason::Resynchronise);
        }
    }

    /// Ends the connection if its identity is still that of `revision`.
    fn end_access(&self, revision: u64) -> bool {
        let current = self.standing().revision() == revision;
        if current {
            match self.kind().lapse() {
                Some(reason) => self.queue.close(reason),
                None => {
                    self.send(server::error(MessageType::Auth, &ClientError::AuthFailed, None));
                    self.queue.close(CloseReason::AccessEnded);
                }
            }
        }
        current
    }

    fn replace(&self, identity: Identity, clock: Clock) {
        let user = identity.accountability.user;
        let before = self.standing().identify(identity, clock);
        self.place.admit();
        OpenConnections::moved(self, before.accountability.user, user);
        self.changed.notify_one();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
