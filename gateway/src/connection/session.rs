//! A connection as everything else sees it: an id, an identity, a queue.
//!
//! It must never be locked across an await, nor know which subscriptions it has (the registry does).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::accountability::{Accountability, ClientOrigin};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::auth::{Authenticator, Identity, Proof, Recheck};
use crate::config::AuthMode;
use crate::connection::frame::Frame;
use crate::connection::open::{OpenConnections, Place};
use crate::connection::send_queue::SendQueue;
use crate::connection::standing::Standing;
use crate::database::DatabaseError;
use crate::error::{ClientError, CloseReason};
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
        match &self.standing().identity().proof {
            Proof::AccessToken { session: Some(token) } => Some(change_event::key_digest(token.expose_secret())),
            Proof::AccessToken { session: None } | Proof::StaticToken(_) | Proof::Public => None,
        }
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
            let (identity, revision) = {
                let standing = self.standing();
                (standing.identity().clone(), standing.revision())
            };
            let current = match authenticator.recheck(&identity).await? {
                Recheck::Same => self.standing().revision() == revision,
                Recheck::Changed(changed) => self.standing().revise(revision, changed),
                Recheck::Ended => self.end_access(revision),
            };
            if current {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Works out roles and policies anew after a change of them, without the database.
    pub fn revise(&self, authenticator: &Authenticator) {
        for _attempt in 0..RECHECKS {
            let (identity, revision) = {
                let standing = self.standing();
                (standing.identity().clone(), standing.revision())
            };
            let current = match authenticator.revise(&identity) {
                Recheck::Same => self.standing().revision() == revision,
                Recheck::Changed(changed) => self.standing().revise(revision, changed),
                Recheck::Ended => self.end_access(revision),
            };
            if current {
                return;
            }
        }
    }

    /// How many bytes have come from it: grows as long as it lives.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn receive(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
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
            self.send(server::error(MessageType::Auth, &ClientError::AuthFailed, None));
            self.queue.close(CloseReason::AccessEnded);
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

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
