//! The leader's loop: read a batch, number its events, publish, remember.
//!
//! It must never advance its boundary past an event that the bus has not accepted, and never give one event two numbers:
//! after any fault it goes back to the boundary and repeats the announced batch, which the bus skips as far as it has it.
//! Cost of a small batch: one round trip to Postgres, one to the bus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use change_event::{ChangeEvent, Sequence};
use service_runtime::Backoff;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::adopt::adopt;
use super::batch::Batch;
use super::control::Request;
use super::ledger::Ledger;
use super::outbox::{Found, Outbox};
use super::tail::tail;
use super::wake::Wake;
use super::{Context, SessionError};
use crate::bus::{BusError, KnownHead};
use crate::database::{DatabaseError, Session};
use crate::install::{LOCK_LEADER, LOCK_SPACE};

/// How often an idle leader asks whether the bus still knows it.
const BUS_CHECK: Duration = Duration::from_secs(1);
/// After so long without a read, nobody knows how much waits.
const PAUSE: Duration = Duration::from_secs(1);
/// Batches closer together than this are read together from then on, until a read finds nothing: each costs PostgreSQL as much as
/// a write does, and writers that follow each other so fast are better served by a read for several of them.
const HOT: Duration = Duration::from_millis(2);
/// A small statement that takes longer has met a database that is gone.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(30);

/// What the drain loop and the maintenance of one leadership share.
pub(super) struct Shared {
    doorbell: Arc<Notify>,
    // Callers of `synchronise` whose tables are done: the next read answers them. Held for a push or a take.
    waiting: Mutex<Vec<Request>>,
    /// Rings when a schema change was published.
    pub(super) schema_changed: Notify,
}

impl Shared {
    pub(super) fn new(doorbell: Arc<Notify>) -> Self {
        Self { doorbell, waiting: Mutex::default(), schema_changed: Notify::new() }
    }

    /// Answers `request` once everything that is committed now is published.
    pub(super) fn answer_when_published(&self, request: Request) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.doorbell.notify_one();
    }

    /// Wakes the drain loop.
    pub(super) fn ring(&self) {
        self.doorbell.notify_one();
    }

    fn take_waiting(&self) -> Vec<Request> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a batch was not finished.
enum Interrupted {
    Session(SessionError),
    Bus(BusError),
}

impl From<DatabaseError> for Interrupted {
    fn from(error: DatabaseError) -> Self {
        Self::Session(error.into())
    }
}

struct Leader<'a> {
    context: &'a Context,
    session: Session,
    shared: &'a Shared,
    outbox: Outbox,
    ledger: Ledger,
    wake: Wake,
    bus_checked: Instant,
    /// The last read, if it was a small one.
    read_at: Option<Instant>,
    /// When the newest batch was read.
    batch_at: Option<Instant>,
    /// Batches follow each other closely: not before this moment comes the next read.
    hot: Option<Instant>,
}

/// Leads until shutdown (then everything committed is published first), or until the session or the leadership is lost.
pub(super) async fn lead(context: &Context, session: Session, shared: &Shared) -> Result<(), SessionError> {
    let config = &context.config;
    let ledger = Ledger::take_over(&session.client).await?;
    let outbox = Outbox::prepare(&session.client).await?;
    // Before the first read: whatever commits after it either is in that read or rings.
    session.client.batch_execute("listen tidegate").await?;
    let wake = Wake::start(&session.client, config.notify, config.poll_min, config.poll_max).await?;
    tracing::info!(epoch = ledger.epoch.0, fence = ledger.fence.0, "leading");
    context.metrics.leader.set(1);
    let mut leader =
        Leader { context, session, shared, outbox, ledger, wake, bus_checked: Instant::now(), read_at: None, batch_at: None, hot: None };
    leader.open_bus().await?;
    leader.run().await
}

impl Leader<'_> {
    async fn run(&mut self) -> Result<(), SessionError> {
        let mut failures = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            // Asked before the read: what is committed at this moment is in it, unless it repeats an announced batch.
            let shutdown = self.context.shutdown.is_cancelled();
            let ending = self.ledger.pending.is_none() && shutdown;
            let waiting = if self.ledger.pending.is_none() { self.shared.take_waiting() } else { Vec::new() };
            match self.drain().await {
                Ok(transactions) => {
                    failures.reset();
                    for request in waiting {
                        // Nobody may be waiting any more.
                        let _gone = request.send(());
                    }
                    self.rest(transactions, ending).await?;
                    if ending {
                        return Ok(());
                    }
                }
                Err(Interrupted::Session(error)) => return Err(error),
                Err(Interrupted::Bus(error)) => {
                    self.context.metrics.publish_failures.inc();
                    self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(waiting);
                    self.recover_bus(error, &mut failures).await?;
                    if shutdown && failures.attempts() > 3 {
                        tracing::warn!("the bus is away: events stay in the outbox");
                        return Ok(());
                    }
                }
            }
        }
    }

    /// After a read: housekeeping if it found nothing, then waiting for the next.
    async fn rest(&mut self, transactions: usize, ending: bool) -> Result<(), SessionError> {
        let client = &self.session.client;
        let found = transactions > 0;
        if found {
            self.wake.found(client, self.context.config.notify, transactions).await?;
        } else {
            self.wake.idle(client, &self.ledger.boundary).await?;
        }
        if self.ledger.is_turn_over() {
            match self.ledger.turn(client).await {
                Ok(()) => {}
                // Somebody reads the status: the next batch tries again.
                Err(error) if error.is_lock_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.ledger.is_unsettled() && (ending || (!found && !self.wake.is_awake())) {
            self.ledger.settle(client).await?;
        }
        self.context.metrics.awake.set(i64::from(self.wake.is_awake()));
        if ending {
            return Ok(());
        }
        if !found && self.bus_checked.elapsed() >= BUS_CHECK {
            self.check_bus().await?;
        }
        tokio::select! {
            // All three only wait, and Notify keeps a ring that nobody was waiting for.
            () = self.session.doorbell.notified() => {}
            () = tokio::time::sleep(self.wake.delay()) => {}
            () = self.context.shutdown.cancelled() => {}
        }
        if self.session.client.is_closed() {
            return Err(SessionError::Database(DatabaseError::Unexpected("the session was closed")));
        }
        if let Some(hot) = self.hot {
            tokio::time::sleep_until(hot.into()).await;
        }
        Ok(())
    }

    /// Reads and publishes one batch; of how many transactions it was.
    async fn drain(&mut self) -> Result<usize, Interrupted> {
        if let Some(until) = self.ledger.pending.clone() {
            return self.stream(until).await;
        }
        let started = Instant::now();
        let carefully = self.read_at.is_none_or(|at| at.elapsed() > PAUSE);
        self.read_at = None;
        let read = self.outbox.take(&self.session.client, &self.ledger, carefully);
        match timeout(STATEMENT_DEADLINE, read).await.map_err(|_| DatabaseError::Timeout)?? {
            Found::Nothing(boundary) => {
                self.read_at = Some(started);
                self.hot = None;
                self.ledger.advanced(boundary);
                Ok(0)
            }
            Found::Batch(boundary, rows) => {
                self.ledger.announced(boundary.clone());
                let mut batch = Batch::default();
                for row in rows {
                    batch.push(&self.ledger, &self.context.metrics, row);
                    if batch.is_full() {
                        self.publish(&mut batch).await?;
                    }
                }
                self.publish(&mut batch).await?;
                self.read_at = Some(started);
                let before = self.batch_at.replace(started);
                let close = before.is_some_and(|before| started.duration_since(before) < HOT);
                self.hot = (close || self.hot.is_some()).then(|| started + HOT);
                Ok(self.finish(boundary, batch, started))
            }
            Found::Large(boundary) => {
                self.ledger.announced(boundary.clone());
                self.stream(boundary).await
            }
        }
    }

    /// Publishes the announced batch piece by piece: a large one, or one that a fault or a predecessor left unfinished.
    async fn stream(&mut self, until: String) -> Result<usize, Interrupted> {
        let started = Instant::now();
        let mut rows = self.outbox.stream(&self.session.client, &self.ledger.boundary, &until).await?;
        let mut batch = Batch::default();
        while let Some(row) = rows.next().await? {
            batch.push(&self.ledger, &self.context.metrics, row);
            if batch.is_full() {
                self.publish(&mut batch).await?;
            }
        }
        self.publish(&mut batch).await?;
        Ok(self.finish(until, batch, started))
    }

    async fn publish(&self, batch: &mut Batch) -> Result<(), Interrupted> {
        let published = batch.publish(self.ledger.fence, &*self.context.bus, &self.context.metrics).await;
        published.map_err(Interrupted::Bus)
    }

    fn finish(&mut self, boundary: String, batch: Batch, started: Instant) -> usize {
        self.ledger.published(boundary, batch.moved);
        self.context.metrics.batches.inc();
        self.context.metrics.drain_seconds.observe(started.elapsed().as_secs_f64());
        if batch.schema_changed {
            self.shared.schema_changed.notify_one();
        }
        // An announced batch holds at least one; a repeated one may have been emptied by a new epoch.
        batch.transactions.max(1)
    }

    /// Tells the bus who leads and where every stream stands, as often as it takes.
    async fn open_bus(&mut self) -> Result<(), SessionError> {
        let mut adopted = false;
        let mut failures = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            let mut heads = self.known_heads().await?;
            let bus = &*self.context.bus;
            let mut again = Vec::new();
            let opened = match bus.lacks(self.ledger.epoch, &heads).await {
                Ok(lacks) => {
                    if lacks {
                        again = self.tail(&mut heads).await?;
                    }
                    bus.open(self.ledger.fence, self.ledger.epoch, &heads, &again).await
                }
                Err(error) => Err(error),
            };
            match opened {
                Ok(()) => {
                    if !again.is_empty() {
                        tracing::info!(events = again.len(), "the bus got again from the outbox what it had lost");
                        self.context.metrics.republished.inc_by(again.len() as u64);
                    }
                    self.bus_checked = Instant::now();
                    self.context.metrics.fence.set(super::ledger::signed(self.ledger.fence.0));
                    return Ok(());
                }
                Err(BusError::Ahead(_)) if !adopted => {
                    adopted = true;
                    if adopt(&self.session, &self.outbox, &mut self.ledger, &*self.context.bus).await? {
                        tracing::info!("the bus holds what the outbox holds: its tail is adopted");
                    }
                }
                Err(BusError::Ahead(collection)) => {
                    self.ledger.begin_epoch(&self.session.client).await?;
                    self.context.metrics.epochs.inc();
                    tracing::warn!(
                        %collection,
                        epoch = self.ledger.epoch.0,
                        "the bus holds events that this database does not know: a new epoch begins"
                    );
                }
                Err(BusError::Fenced(other)) => self.answer_fence(other).await?,
                Err(error @ (BusError::Unavailable(_) | BusError::Lost(_) | BusError::Closed | BusError::Configuration(_))) => {
                    if failures.attempts() == 0 {
                        tracing::warn!(%error, "the bus is away; changes wait in the outbox");
                    }
                    self.context.metrics.publish_failures.inc();
                    self.pause(&mut failures).await?;
                    if self.context.shutdown.is_cancelled() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn recover_bus(&mut self, error: BusError, failures: &mut Backoff) -> Result<(), SessionError> {
        match error {
            BusError::Lost(collection) | BusError::Ahead(collection) => {
                tracing::warn!(%collection, "the bus lost its place; opening it again");
                self.context.metrics.bus_reopened.inc();
                // A bus that keeps losing its place must not make a busy loop.
                if failures.attempts() > 0 {
                    self.pause(failures).await?;
                } else {
                    let _first = failures.next_delay();
                }
                self.open_bus().await
            }
            BusError::Fenced(other) => self.answer_fence(other).await,
            BusError::Unavailable(_) | BusError::Closed | BusError::Configuration(_) => {
                if failures.attempts() == 0 {
                    tracing::warn!(%error, "the bus is away; changes wait in the outbox");
                }
                // Repeating a large batch costs the database something: only for a bus that answers.
                loop {
                    self.pause(failures).await?;
                    let answers = self.context.bus.is_open(self.ledger.fence, self.ledger.epoch).await.is_ok();
                    if answers || self.context.shutdown.is_cancelled() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Refused for a newer fence: either another worker leads, then this session no longer holds the lock; or the bus
    /// remembers a leadership that this database has forgotten (restored, re-created), then this one moves past it.
    async fn answer_fence(&mut self, other: crate::bus::Fence) -> Result<(), SessionError> {
        let held: bool = self
            .session
            .client
            .query_one(
                "select exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
                   and classid = $1::int4::oid and objid = $2::int4::oid and objsubid = 2)",
                &[&LOCK_SPACE, &LOCK_LEADER],
            )
            .await?
            .try_get(0)?;
        if !held {
            return Err(SessionError::Deposed);
        }
        self.ledger.raise_fence(&self.session.client, other).await?;
        tracing::warn!(fence = self.ledger.fence.0, "the bus remembered a newer leadership; moved past it");
        Ok(())
    }

    /// Waits before the next attempt, and finds out whether the session still lives.
    async fn pause(&self, failures: &mut Backoff) -> Result<(), SessionError> {
        tokio::select! {
            // Both only wait.
            () = failures.wait() => {}
            () = self.context.shutdown.cancelled() => {}
        }
        let alive = self.session.client.batch_execute("select 1");
        timeout(STATEMENT_DEADLINE, alive).await.map_err(|_| DatabaseError::Timeout)??;
        Ok(())
    }

    async fn check_bus(&mut self) -> Result<(), SessionError> {
        self.bus_checked = Instant::now();
        match self.context.bus.is_open(self.ledger.fence, self.ledger.epoch).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::warn!("the bus lost its state; opening it again");
                self.context.metrics.bus_reopened.inc();
                self.open_bus().await
            }
            // The next publish or check will tell.
            Err(_) => Ok(()),
        }
    }

    /// What the outbox still has of what the bus should hold; `heads` become those before it.
    async fn tail(&self, heads: &mut [KnownHead]) -> Result<Vec<Arc<ChangeEvent>>, SessionError> {
        let tail = tail(&self.session.client, &self.outbox, &self.ledger, &self.context.metrics).await?;
        for head in heads {
            head.published = tail.before.get(&head.collection).copied().unwrap_or(head.published);
        }
        Ok(tail.events)
    }

    async fn known_heads(&self) -> Result<Vec<KnownHead>, SessionError> {
        let mut heads: HashMap<Arc<str>, KnownHead> = self
            .ledger
            .heads
            .iter()
            .map(|(collection, &head)| {
                (Arc::clone(collection), KnownHead { collection: Arc::clone(collection), published: head, assigned: head })
            })
            .collect();
        if let Some(until) = &self.ledger.pending {
            for (collection, count) in self.outbox.count(&self.session.client, &self.ledger.boundary, until).await? {
                let head =
                    heads.entry(Arc::clone(&collection)).or_insert(KnownHead { collection, published: Sequence(0), assigned: Sequence(0) });
                head.assigned = Sequence(head.published.0 + count);
            }
        }
        Ok(heads.into_values().collect())
    }
}
