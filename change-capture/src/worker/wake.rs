//! When to read the outbox next: the waking and sleeping of the worker.
//!
//! ```text
//!            changes keep coming              nothing for a while: give the lock back
//!   asleep ────────────────────▶ awake ──────────────────────────────────▶ dozing
//!     ▲  waits for the doorbell     polls; holds the lock,                    │ polls, ever more slowly, until every
//!     │                             so writers do not ring                    │ transaction that may have seen the lock
//!     └───────────────────────────────────────────────────────────────────────┘ has ended
//! ```
//! A missed doorbell costs at most `poll_max`: every wait is bounded. It must never block on the lock: a writer's session
//! may hold it shared (for microseconds, or longer if it was cancelled at the wrong moment), and without the lock the worker
//! only gets more doorbells than it needs.

use std::time::{Duration, Instant};

use change_event::{Snapshot, TransactionId};
use tokio_postgres::Client;

use crate::config::NotifyMode;
use crate::database::DatabaseError;
use crate::install::{LOCK_AWAKE, LOCK_SPACE};

/// Two batches closer together than this, of which the second holds several transactions, wake the worker: its writers
/// commit side by side, and a NOTIFY would make them queue. One writer after the other rings cheaply, and is served sooner
/// by the doorbell than by polling.
const BUSY: Duration = Duration::from_millis(20);
/// After so many batches of a single transaction the writers no longer commit side by side.
const SERIAL: u32 = 32;
/// How long the worker stays awake without a change.
const LINGER: Duration = Duration::from_millis(50);

#[derive(Debug)]
enum Mode {
    /// Waits for the doorbell, and polls every `poll_max` all the same.
    Asleep,
    /// Polls; holds the lock.
    Awake,
    /// Polls; these transactions may have written while the lock was held, and will not ring at their commit.
    Dozing(Vec<TransactionId>),
    /// No doorbell: polls with back-off.
    Polling,
}

/// Decides when to read next.
#[derive(Debug)]
pub(super) struct Wake {
    mode: Mode,
    poll_min: Duration,
    poll_max: Duration,
    delay: Duration,
    last_batch: Option<Instant>,
    /// Batches of a single transaction in a row.
    serial: u32,
}

impl Wake {
    /// The start of a leadership.
    pub(super) async fn start(client: &Client, notify: NotifyMode, poll_min: Duration, poll_max: Duration) -> Result<Self, DatabaseError> {
        let prepared: bool = client.query_one("select current_setting('max_prepared_transactions') <> '0'", &[]).await?.try_get(0)?;
        let mode = match notify {
            NotifyMode::Always => Mode::Asleep,
            // The triggers do not ring where transactions can be prepared: see tidegate.ring.
            NotifyMode::Adaptive if !prepared => Mode::Dozing(open_transactions(client).await?),
            NotifyMode::Adaptive | NotifyMode::Off => Mode::Polling,
        };
        Ok(Self { mode, poll_min, poll_max, delay: poll_min, last_batch: None, serial: 0 })
    }

    /// Whether the worker polls rather than waits for the doorbell.
    pub(super) const fn is_awake(&self) -> bool {
        !matches!(self.mode, Mode::Asleep)
    }

    /// How long to wait at most before the next read.
    pub(super) const fn delay(&self) -> Duration {
        match self.mode {
            Mode::Asleep => self.poll_max,
            Mode::Awake => self.poll_min,
            Mode::Dozing(_) | Mode::Polling => self.delay,
        }
    }

    /// A read found changes of so many transactions.
    pub(super) async fn found(&mut self, client: &Client, notify: NotifyMode, transactions: usize) -> Result<(), DatabaseError> {
        let now = Instant::now();
        let close = self.last_batch.replace(now).is_some_and(|last| now.duration_since(last) < BUSY);
        self.serial = if transactions > 1 { 0 } else { self.serial.saturating_add(1) };
        self.delay = self.poll_min;
        match self.mode {
            Mode::Asleep | Mode::Dozing(_) if close && transactions > 1 && notify == NotifyMode::Adaptive => {
                let locked: bool =
                    client.query_one("select pg_try_advisory_lock($1, $2)", &[&LOCK_SPACE, &LOCK_AWAKE]).await?.try_get(0)?;
                if locked {
                    self.mode = Mode::Awake;
                }
            }
            Mode::Awake if self.serial >= SERIAL => self.doze(client).await?,
            Mode::Asleep | Mode::Dozing(_) | Mode::Awake | Mode::Polling => {}
        }
        Ok(())
    }

    /// A read found nothing up to `boundary`.
    pub(super) async fn idle(&mut self, client: &Client, boundary: &str) -> Result<(), DatabaseError> {
        match &mut self.mode {
            Mode::Awake if self.last_batch.is_none_or(|last| last.elapsed() >= LINGER) => self.doze(client).await?,
            Mode::Dozing(open) => {
                let snapshot: Snapshot = boundary.parse().map_err(|_| DatabaseError::Unexpected("a snapshot"))?;
                open.retain(|transaction| !snapshot.contains(*transaction));
                if open.is_empty() {
                    self.mode = Mode::Asleep;
                } else {
                    self.delay = (self.delay * 2).min(self.poll_max);
                }
            }
            Mode::Polling => self.delay = (self.delay * 2).min(self.poll_max),
            Mode::Awake | Mode::Asleep => {}
        }
        Ok(())
    }

    async fn doze(&mut self, client: &Client) -> Result<(), DatabaseError> {
        client.execute("select pg_advisory_unlock($1, $2)", &[&LOCK_SPACE, &LOCK_AWAKE]).await?;
        // Asked after the release: whatever is not in the answer makes its first write with the lock free, and rings.
        self.mode = Mode::Dozing(open_transactions(client).await?);
        self.delay = self.poll_min;
        Ok(())
    }
}

async fn open_transactions(client: &Client) -> Result<Vec<TransactionId>, DatabaseError> {
    let rows = client.query("select x::text from pg_snapshot_xip(pg_current_snapshot()) x", &[]).await?;
    rows.iter()
        .map(|row| row.try_get::<_, &str>(0)?.parse().map(TransactionId).map_err(|_| DatabaseError::Unexpected("a transaction id")))
        .collect()
}
