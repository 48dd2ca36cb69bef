//! The worker: waits to lead, then reads the outbox in commit-safe order and publishes it.
//!
//! ```text
//! run ── connect ── install ── stand by ──(advisory lock)── lead ─┬─ drain loop    (main session, holds the lock)
//!          ^                                                       ├─ maintenance  (own session: catalog, rotation, metrics)
//!          └──────────── back-off ◄──── session lost, deposed ◄────┴─ heartbeat    (own session: proof of life)
//! ```
//!
//! It must never publish without holding the lock in a session that it believes alive, and never lose its place: what that
//! takes is written down in docs/decisions/0002-commit-safe-drain.md.

mod adopt;
mod batch;
mod control;
mod event;
mod heartbeat;
mod leader;
mod ledger;
mod maintenance;
mod outbox;
mod standby;
mod tail;
mod trace;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use service_runtime::config::Reader;
use service_runtime::{Backoff, CancellationToken, Tasks};
use tokio_postgres::error::SqlState;

pub use control::{SynchroniseError, WorkerControl, WorkerState};

use crate::bus::Bus;
use crate::config::{DatabaseAddress, NotifyMode, notify_from_reader};
use crate::database::{DatabaseError, Session, connect};
use crate::install::{self, InstallOptions};
use crate::metrics::CaptureMetrics;
use crate::tls::PostgresTls;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// A direct connection: session locks and LISTEN do not work through a transaction pooler.
    pub database: tokio_postgres::Config,
    /// How that connection is protected.
    pub tls: PostgresTls,
    /// How writers wake the worker.
    pub notify: NotifyMode,
    /// Shortest time between two reads of the outbox while changes flow.
    pub poll_min: Duration,
    /// Longest time between two reads while nothing happens.
    pub poll_max: Duration,
    /// A statement with more rows becomes a reset.
    pub max_rows_per_statement: u64,
    /// A larger value is left out of images.
    pub max_value_bytes: u64,
    /// How often to look for schema changes that nothing announced.
    pub catalog_interval: Duration,
    /// A leader that shows no sign of life for so long is replaced.
    pub leader_timeout: Duration,
    /// Tables that are not captured.
    pub exclude: Vec<String>,
    /// Rotation of the outbox: the slot in use changes when it is larger than this…
    pub rotate_bytes: u64,
    /// …or older than this while it holds anything.
    pub rotate_interval: Duration,
}

/// Why a worker gave up for good.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Retrying cannot help: the server is too old, or the role may not create the schema.
    #[error("capture cannot work on this database")]
    Database(#[source] DatabaseError),
}

/// Why a leadership or a stand-by ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another worker leads with a newer fence.
    #[error("another worker leads")]
    Deposed,
    /// The heartbeat stopped, so a standby may take over at any moment.
    #[error("the heartbeat failed")]
    Heartbeat,
}

impl From<tokio_postgres::Error> for SessionError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl WorkerConfig {
    /// A configuration with every default.
    #[must_use]
    pub fn new(database: impl Into<DatabaseAddress>) -> Self {
        let DatabaseAddress { config: database, tls } = database.into();
        Self {
            database,
            tls,
            notify: NotifyMode::Adaptive,
            poll_min: Duration::from_micros(500),
            poll_max: Duration::from_millis(250),
            max_rows_per_statement: 10_000,
            max_value_bytes: 262_144,
            catalog_interval: Duration::from_secs(5),
            leader_timeout: Duration::from_millis(1500),
            exclude: Vec::new(),
            rotate_bytes: 32 << 20,
            rotate_interval: Duration::from_secs(120),
        }
    }

    /// Reads the `CAPTURE_` settings; faults are recorded in `reader`.
    pub fn from_reader(reader: &mut Reader<'_>, database: impl Into<DatabaseAddress>) -> Self {
        let default = Self::new(database);
        let mut count =
            |name: &str, default: u64| reader.integer(name, 1..=i64::MAX).and_then(|number| u64::try_from(number).ok()).unwrap_or(default);
        let max_rows_per_statement = count("CAPTURE_MAX_ROWS_PER_STATEMENT", default.max_rows_per_statement);
        let max_value_bytes = count("CAPTURE_MAX_VALUE_BYTES", default.max_value_bytes);
        let poll_min = reader.milliseconds("CAPTURE_POLL_MIN", default.poll_min).max(Duration::from_micros(100));
        let poll_max = reader.milliseconds("CAPTURE_POLL_MAX", default.poll_max);
        if poll_max < poll_min {
            reader.fault("CAPTURE_POLL_MAX", "at least CAPTURE_POLL_MIN");
        }
        let exclude = reader.text_or("CAPTURE_EXCLUDE", "");
        Self {
            notify: notify_from_reader(reader),
            poll_min,
            poll_max: poll_max.max(poll_min),
            max_rows_per_statement,
            max_value_bytes,
            catalog_interval: reader.duration("CAPTURE_CATALOG_INTERVAL", default.catalog_interval),
            leader_timeout: reader.duration("CAPTURE_LEADER_TIMEOUT", default.leader_timeout).max(Duration::from_millis(200)),
            exclude: exclude.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            ..default
        }
    }

    /// What the triggers are told.
    #[must_use]
    pub fn install_options(&self) -> InstallOptions {
        InstallOptions {
            notify: self.notify,
            max_rows_per_statement: self.max_rows_per_statement,
            max_value_bytes: self.max_value_bytes,
            exclude: self.exclude.clone(),
        }
    }
}

/// What every part of a running worker shares.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) config: Arc<WorkerConfig>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) metrics: Arc<CaptureMetrics>,
    pub(crate) control: WorkerControl,
    pub(crate) tasks: Tasks,
    pub(crate) shutdown: CancellationToken,
}

/// Runs a worker until `shutdown`; it reconnects by itself. On shutdown what is committed is published before it ends.
///
/// # Errors
/// [`WorkerError`] when no retry can help.
pub async fn run(
    config: WorkerConfig,
    bus: Arc<dyn Bus>,
    metrics: Arc<CaptureMetrics>,
    control: WorkerControl,
    tasks: Tasks,
    shutdown: CancellationToken,
) -> Result<(), WorkerError> {
    let context = Context { config: Arc::new(config), bus, metrics, control, tasks, shutdown };
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        let ended = serve(&context, &mut backoff).await;
        context.metrics.no_leader();
        context.control.interrupted();
        match ended {
            Ok(()) => return Ok(()),
            // Once it has worked, the same error is an accident of operation, such as a database being restored.
            Err(SessionError::Database(error)) if context.control.never_ready() && is_final(&error) => {
                return Err(WorkerError::Database(error));
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "capture interrupted; starting over");
            }
        }
        tokio::select! {
            // Both only wait: nothing is lost when one is dropped.
            () = backoff.wait() => {}
            () = context.shutdown.cancelled() => return Ok(()),
        }
    }
}

fn is_final(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Version(_))
        || matches!(error.state(), Some(&(SqlState::INSUFFICIENT_PRIVILEGE | SqlState::INVALID_PASSWORD | SqlState::INVALID_CATALOG_NAME)))
}

/// One connection's life: install, stand by, lead.
async fn serve(context: &Context, backoff: &mut Backoff) -> Result<(), SessionError> {
    let config = &context.config;
    let main = connect(&config.database, &config.tls, "tidegate capture", &context.tasks).await?;
    let maintenance = connect(&config.database, &config.tls, "tidegate maintenance", &context.tasks).await?;
    let heartbeat = heartbeat::Heartbeat::start(context, &main).await?;
    let installed = install::install(&maintenance.client, &config.install_options()).await?;
    tracing::info!(
        captured = installed.tables.captured.len(),
        skipped = installed.tables.skipped.len(),
        event_triggers = installed.event_triggers,
        "capture triggers are in place"
    );
    maintenance::note_tables(context, &installed.tables);
    let mut maintenance = maintenance::Maintenance::new(context, maintenance, !installed.tables.is_incomplete());
    context.control.set_state(WorkerState::StandingBy);
    backoff.reset();
    tokio::select! {
        // Losing the race is safe for every branch: a lock that was just taken ends with its session.
        taken = standby::take_lead(context, &main) => if !taken? { return Ok(()) },
        ended = maintenance.serve_standby() => return ended,
        () = heartbeat.failed() => return Err(SessionError::Heartbeat),
    }
    lead(context, main, maintenance, heartbeat).await
}

async fn lead(
    context: &Context,
    main: Session,
    mut maintenance: maintenance::Maintenance,
    heartbeat: heartbeat::Heartbeat,
) -> Result<(), SessionError> {
    context.control.set_state(WorkerState::Leading);
    let shared = leader::Shared::new(Arc::clone(&main.doorbell));
    tokio::select! {
        // Whichever ends first ends the leadership; the sessions close with it, which gives the lock back.
        ended = Box::pin(leader::lead(context, main, &shared)) => ended,
        ended = maintenance.serve_leader(&shared) => ended,
        () = heartbeat.failed() => Err(SessionError::Heartbeat),
    }
}
