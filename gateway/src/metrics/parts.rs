//! Handles that belong to one part of a node, made with it, and shown once the node shows its metrics.
//!
//! It must never make a part depend on a registry: tests and tools build parts without one.

use std::sync::Arc;

use prometheus::{Error, Histogram, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, Registry};
use service_runtime::metrics::{float, registered};

use super::tables;
use crate::auth::{AuthError, Authenticator};
use crate::config::Config;
use crate::database::{Cause, Database};
use crate::directory::Directory;

/// What the database's handle tells.
#[derive(Debug, Clone)]
pub struct DatabaseMetrics {
    request: Histogram,
    event: Histogram,
    directory: Histogram,
    authentication: Histogram,
    all: HistogramVec,
    wait: Histogram,
    gathered: [IntCounter; 2],
}

/// What the authenticator tells.
#[derive(Debug, Clone)]
pub struct AuthMetrics {
    outcomes: IntCounterVec,
    seconds: HistogramVec,
}

/// How an identity was to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// An access token, a static token or a session cookie.
    Token,
    /// E-mail and password.
    Login,
    /// A refresh token.
    Refresh,
}

/// What the directory tells.
#[derive(Debug, Clone)]
pub struct DirectoryMetrics {
    pub(crate) schema_reloads: IntCounter,
    pub(crate) access_reloads: IntCounter,
    pub(crate) lookup_reloads: IntCounter,
    pub(crate) rule_sets: CacheMetrics,
    pub(crate) permissions: CacheMetrics,
    pub(crate) variables: CacheMetrics,
    reloads: IntCounterVec,
    hits: IntCounterVec,
    misses: IntCounterVec,
}

/// What one cache counts.
#[derive(Debug, Clone)]
pub(crate) struct CacheMetrics {
    hits: IntCounter,
    misses: IntCounter,
}

impl DatabaseMetrics {
    /// Handles that no registry knows yet.
    #[must_use]
    pub fn detached() -> Self {
        let all = tables::STATEMENT_SECONDS.histogram_vec();
        let of = |cause: Cause| all.with_label_values(&[cause.label()]);
        Self {
            request: of(Cause::Request),
            event: of(Cause::Event),
            directory: of(Cause::Directory),
            authentication: of(Cause::Authentication),
            all,
            wait: tables::POOL_WAIT_SECONDS.histogram_handle(),
            gathered: [tables::GATHERED_WRITES.int_counter(), tables::GATHERED_TRANSACTIONS.int_counter()],
        }
    }

    /// Times a statement until what it returns is dropped.
    pub fn statement(&self, cause: Cause) -> HistogramTimer {
        match cause {
            Cause::Request => self.request.start_timer(),
            Cause::Event => self.event.start_timer(),
            Cause::Directory => self.directory.start_timer(),
            Cause::Authentication => self.authentication.start_timer(),
        }
    }

    /// Times the wait for a connection until what it returns is dropped.
    pub fn wait(&self) -> HistogramTimer {
        self.wait.start_timer()
    }

    /// So many writes were committed by one transaction.
    pub fn gathered(&self, writes: usize) {
        let [all, transactions] = &self.gathered;
        all.inc_by(writes as u64);
        transactions.inc();
    }
}

impl AuthMetrics {
    /// Handles that no registry knows yet.
    #[must_use]
    pub fn detached() -> Self {
        Self { outcomes: tables::AUTHENTICATIONS.int_counter_vec(), seconds: tables::AUTHENTICATION_SECONDS.histogram_vec() }
    }

    /// Times a proof until what it returns is dropped.
    pub fn timed(&self, method: Method) -> HistogramTimer {
        self.seconds.with_label_values(&[method.label()]).start_timer()
    }

    /// Counts the outcome of a proof.
    pub fn count<T>(&self, method: Method, outcome: &Result<T, AuthError>) {
        self.outcomes.with_label_values(&[method.label(), Self::outcome(outcome)]).inc();
    }

    /// The name of an outcome in metrics and traces.
    #[must_use]
    pub const fn outcome<T>(outcome: &Result<T, AuthError>) -> &'static str {
        match outcome {
            Ok(_) => "accepted",
            Err(AuthError::InvalidCredentials) => "invalid_credentials",
            Err(AuthError::InvalidToken) => "invalid_token",
            Err(AuthError::Expired) => "expired",
            Err(AuthError::Suspended) => "suspended",
            Err(AuthError::InvalidOtp) => "invalid_otp",
            Err(AuthError::Unavailable(_)) => "unavailable",
            Err(AuthError::TooManyFailures { .. }) => "limited",
        }
    }
}

impl Method {
    /// The name in metrics and traces.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Login => "login",
            Self::Refresh => "refresh",
        }
    }
}

impl DirectoryMetrics {
    /// Handles that no registry knows yet.
    #[must_use]
    pub fn detached() -> Self {
        let reloads = tables::DIRECTORY_RELOADS.int_counter_vec();
        let (hits, misses) = (tables::CACHE_HITS.int_counter_vec(), tables::CACHE_MISSES.int_counter_vec());
        let part = |name: &str| reloads.with_label_values(&[name]);
        let cache = |name: &str| CacheMetrics { hits: hits.with_label_values(&[name]), misses: misses.with_label_values(&[name]) };
        Self {
            schema_reloads: part("schema"),
            access_reloads: part("access"),
            lookup_reloads: part("lookups"),
            rule_sets: cache("rule_sets"),
            permissions: cache("permissions"),
            variables: cache("variables"),
            reloads,
            hits,
            misses,
        }
    }
}

impl CacheMetrics {
    /// Counts a look-up.
    pub(crate) fn looked_up<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.hits.inc();
        } else {
            self.misses.inc();
        }
        found
    }
}

/// Shows what the parts of a node tell.
///
/// # Errors
/// When a name is registered twice.
pub fn register_parts(
    registry: &Registry,
    config: &Config,
    database: &Database,
    directory: &Arc<Directory>,
    authenticator: &Authenticator,
) -> Result<(), Error> {
    let metrics = database.metrics();
    registered(metrics.all.clone(), registry)?;
    registered(metrics.wait.clone(), registry)?;
    for counter in &metrics.gathered {
        registered(counter.clone(), registry)?;
    }
    let metrics = authenticator.metrics();
    registered(metrics.outcomes.clone(), registry)?;
    registered(metrics.seconds.clone(), registry)?;
    let metrics = directory.metrics();
    registered(metrics.reloads.clone(), registry)?;
    registered(metrics.hits.clone(), registry)?;
    registered(metrics.misses.clone(), registry)?;

    let limit = float(config.bounds.connections as u64);
    tables::CONNECTIONS_LIMIT.sampled(registry, move || vec![limit])?;
    let limit = float(config.database.pool_max as u64);
    tables::POOL_LIMIT.sampled(registry, move || vec![limit])?;
    let pool = database.clone();
    tables::POOL_CONNECTIONS.sampled(registry, move || {
        let state = pool.pool_state();
        vec![float(state.idle as u64), float(state.connections.saturating_sub(state.idle) as u64)]
    })?;
    let pool = database.clone();
    tables::POOL_WAITING.sampled(registry, move || vec![float(pool.pool_state().waiting as u64)])?;
    let known = Arc::clone(directory);
    tables::SCHEMA_COLLECTIONS.sampled(registry, move || vec![float(known.schema().collections().count() as u64)])?;
    let known = Arc::clone(directory);
    tables::DIRECTORY_REVISION.sampled(registry, move || vec![float(known.revision())])?;
    let known = Arc::clone(directory);
    tables::CACHE_ENTRIES.sampled(registry, move || known.cached().map(|entries| float(entries as u64)).to_vec())
}
