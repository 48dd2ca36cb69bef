//! The limits over several connections, as everything else calls them.
//!
//! It must never wait for Redis on the way of a message. Where a connection opens or somebody logs in it does, for as long
//! as Redis answers; while it does not, this node's own counts decide.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::counts::{Counts, Report, Want};
use super::key::Key;
use super::logins::Logins;
use super::memory::MessageMemory;
use super::rate::{Limited, Rate, Used};
use super::reason::LimitReason;
use super::shared::{Held, Shared, SharedPlace};
use crate::config::LimitsConfig;
use crate::metrics::Metrics;

/// The limits of a node.
pub struct Limits {
    pub(super) messages_per_user: Option<Rate>,
    pub(super) messages_per_address: Option<Rate>,
    pub(super) upgrades: Option<Rate>,
    pub(super) requests: Option<Rate>,
    logins: Logins,
    connections: Option<u64>,
    per_user: Option<u64>,
    per_address: Option<u64>,
    pub(super) counts: Counts,
    pub(super) shared: Option<Shared>,
    memory: Arc<MessageMemory>,
    pub(super) metrics: Arc<Metrics>,
}

/// One connection among those that are counted; dropped, it no longer is.
#[derive(Debug)]
pub struct Hold {
    limits: Arc<Limits>,
    keys: Vec<Key>,
}

/// A login that has begun; it has failed unless it is told that it succeeded.
#[derive(Debug)]
#[must_use = "a login counts as failed until it is said to have succeeded"]
pub struct LoginTry(Option<Used>);

impl Limits {
    /// The limits of `config`, counted with the other nodes where there is a `redis`.
    #[must_use]
    pub fn new(config: &LimitsConfig, redis: Option<SharedPlace>, metrics: Arc<Metrics>) -> Arc<Self> {
        let rate = |name, reason, rate: Option<_>| rate.map(|rate| Rate::new(name, reason, rate));
        Arc::new(Self {
            messages_per_user: rate("messages", LimitReason::MessagesPerUser, config.messages_per_user),
            messages_per_address: rate("messages", LimitReason::MessagesPerAddress, config.messages_per_address),
            upgrades: rate("upgrades", LimitReason::UpgradesPerAddress, config.upgrades_per_address),
            requests: rate("requests", LimitReason::RequestsPerAddress, config.requests_per_address),
            logins: Logins::new(config.failed_logins_per_address),
            connections: config.connections,
            per_user: config.connections_per_user,
            per_address: config.connections_per_address,
            counts: Counts::default(),
            shared: redis.map(|place| Shared::new(place, config.lease, metrics.limits_shared.clone())),
            memory: MessageMemory::new(config.memory, metrics.message_memory.clone()),
            metrics,
        })
    }

    /// The node's memory for messages.
    #[must_use]
    pub const fn memory(&self) -> &Arc<MessageMemory> {
        &self.memory
    }

    /// One message of a user's connection.
    ///
    /// # Errors
    /// [`Limited`] when the user or the address has used up its messages.
    pub fn message(&self, user: Option<Uuid>, address: Option<IpAddr>) -> Result<(), Limited> {
        self.take(self.messages_per_address.as_ref(), address.map(Key::address))?;
        self.take(self.messages_per_user.as_ref(), user.map(Key::User))
    }

    /// One upgrade request.
    ///
    /// # Errors
    /// [`Limited`] when the address has used up its upgrades.
    pub fn upgrade(&self, address: Option<IpAddr>) -> Result<(), Limited> {
        self.take(self.upgrades.as_ref(), address.map(Key::address))
    }

    /// Whether HTTP requests are limited at all.
    #[must_use]
    pub const fn limits_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// One HTTP request.
    ///
    /// # Errors
    /// [`Limited`] when the address has used up its requests.
    pub fn request(&self, address: Option<IpAddr>) -> Result<(), Limited> {
        self.take(self.requests.as_ref(), address.map(Key::address))
    }

    /// A connection from `address`: it counts until the hold is dropped.
    ///
    /// # Errors
    /// The limit that is reached.
    pub async fn hold_connection(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Hold, LimitReason> {
        let mut wants = Vec::with_capacity(2);
        let mut reasons = Vec::with_capacity(2);
        if let (Some(address), Some(limit)) = (address, self.per_address) {
            wants.push((Key::address(address), limit));
            reasons.push(LimitReason::ConnectionsPerAddress);
        }
        if let Some(limit) = self.connections {
            wants.push((Key::Everybody, limit));
            reasons.push(LimitReason::ConnectionsPerCluster);
        }
        self.hold(&wants).await.map_err(|place| self.reached(&reasons, place))
    }

    /// A connection of `user`: it counts until the hold is dropped.
    ///
    /// # Errors
    /// The limit that is reached.
    pub async fn hold_user(self: &Arc<Self>, user: Uuid) -> Result<Hold, LimitReason> {
        let wants: Vec<Want> = self.per_user.map(|limit| (Key::User(user), limit)).into_iter().collect();
        self.hold(&wants).await.map_err(|place| self.reached(&[LimitReason::ConnectionsPerUser], place))
    }

    /// A login from `address` begins.
    ///
    /// # Errors
    /// [`Limited`] when too many of that address have failed.
    pub async fn begin_login(&self, address: Option<IpAddr>) -> Result<LoginTry, Limited> {
        let Some(address) = address else { return Ok(LoginTry(None)) };
        let begun = self.logins.begin(Key::address(address), self.shared()).await;
        begun.map(LoginTry).inspect_err(|limited| self.metrics.refused(limited.reason))
    }

    /// A login was good: it is no failure.
    pub async fn login_succeeded(&self, login: LoginTry) {
        if let Some(used) = login.0 {
            self.logins.succeeded(used, self.shared()).await;
        }
    }

    /// One more attempt to log in as a user; how many there have been since the last success, this one included.
    pub async fn login_attempt(&self, user: Uuid) -> u32 {
        self.logins.attempt(user, self.shared()).await
    }

    /// A user has proved himself, or was suspended: attempts are counted anew.
    pub async fn forget_login_attempts(&self, user: Uuid) {
        self.logins.proved(user, self.shared()).await;
    }

    /// Uses up a one-time password; false when it was used before.
    pub async fn use_otp(&self, user: Uuid, step: u64) -> bool {
        self.logins.use_otp(user, step, self.shared()).await
    }

    /// Counts a refusal.
    pub fn refused(&self, reason: LimitReason) {
        self.metrics.refused(reason);
    }

    /// Every limit per key.
    pub(super) fn rates(&self) -> impl Iterator<Item = &Rate> {
        [&self.messages_per_user, &self.messages_per_address, &self.upgrades, &self.requests].into_iter().flatten()
    }

    async fn hold(self: &Arc<Self>, wants: &[Want]) -> Result<Hold, usize> {
        let reports = self.counts.take(wants)?;
        // From here on the counts are given back whatever happens, a client that leaves while Redis is asked included.
        let hold = Hold { limits: Arc::clone(self), keys: wants.iter().map(|(key, _)| *key).collect() };
        let Some(shared) = self.shared().filter(|_| !reports.is_empty()) else { return Ok(hold) };
        let asked: Vec<(Report, Option<u64>)> = reports.iter().zip(wants).map(|(report, (_, limit))| (*report, Some(*limit))).collect();
        match shared.hold(&asked).await {
            Held::Counted => self.counts.told(&reports),
            Held::Full(place) => return Err(place),
            // Told once Redis is back; until then this node's own counts decide.
            Held::Away => self.counts.not_told(&reports),
        }
        Ok(hold)
    }

    fn take(&self, rate: Option<&Rate>, key: Option<Key>) -> Result<(), Limited> {
        let (Some(rate), Some(key)) = (rate, key) else { return Ok(()) };
        rate.take(key, self.shared().is_some()).inspect_err(|limited| self.metrics.refused(limited.reason))
    }

    fn reached(&self, reasons: &[LimitReason], place: usize) -> LimitReason {
        let reason = reasons.get(place).copied().unwrap_or(LimitReason::ConnectionsPerCluster);
        self.metrics.refused(reason);
        reason
    }

    /// Where the nodes count together, if they do at the moment.
    fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref().filter(|shared| shared.is_available())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            self.limits.counts.give(&self.keys);
        }
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("shared", &self.shared).finish_non_exhaustive()
    }
}
