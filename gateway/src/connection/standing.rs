//! Who a connection is at the moment, and which clock runs because of it.
//!
//! It must never go from "has to authenticate" to "may speak" without an identity. Every change has a number, so that a
//! slow second look at an old identity cannot overwrite a new one.

use tokio::time::Instant;

use crate::auth::Identity;

/// The clock of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Nothing but a first authentication is accepted, until then.
    Handshake {
        /// The end.
        until: Instant,
    },
    /// The first authentication is being checked.
    FirstAuthentication,
    /// May speak; no clock but that of its token runs.
    Open,
    /// May speak with public rights; its token has expired and a new one must come until then.
    Grace {
        /// The end.
        until: Instant,
    },
}

/// An authentication in progress, with the clock that ran before it.
#[derive(Debug)]
pub struct Attempt {
    clock: Clock,
    revision: u64,
}

impl Attempt {
    /// Whether it is the first of its connection.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        matches!(self.clock, Clock::Handshake { .. } | Clock::FirstAuthentication)
    }
}

/// Identity and clock of a connection.
#[derive(Debug)]
pub(super) struct Standing {
    identity: Identity,
    clock: Clock,
    revision: u64,
    /// When the endpoint's own handshake has to be over.
    pub(super) introduction: Option<Instant>,
}

impl Standing {
    pub(super) const fn new(identity: Identity, clock: Clock) -> Self {
        Self { identity, clock, revision: 0, introduction: None }
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    /// A usable auth message has come: its clock stops.
    pub(super) const fn begin(&mut self) -> Attempt {
        let attempt = Attempt { clock: self.clock, revision: self.revision };
        self.clock = match self.clock {
            Clock::Handshake { .. } | Clock::FirstAuthentication => Clock::FirstAuthentication,
            Clock::Open | Clock::Grace { .. } => Clock::Open,
        };
        attempt
    }

    /// Nobody could tell whether the authentication was right: as before, unless something else has happened meanwhile.
    pub(super) const fn resume(&mut self, attempt: &Attempt) {
        if self.revision == attempt.revision {
            self.clock = attempt.clock;
        }
    }

    /// Returns the identity before.
    pub(super) fn identify(&mut self, identity: Identity, clock: Clock) -> Identity {
        self.revision += 1;
        self.clock = clock;
        std::mem::replace(&mut self.identity, identity)
    }

    /// A second look found other roles or policies; counts only if nothing changed since `revision`.
    pub(super) fn revise(&mut self, revision: u64, identity: Identity) -> bool {
        let current = self.revision == revision;
        if current {
            self.revision += 1;
            self.identity = identity;
        }
        current
    }
}
