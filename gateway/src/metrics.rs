//! The gateway's metrics: one table, handles made once, labels only from closed sets.
//!
//! It must never take a user, a collection or a message text as a label value, nor make a delivery to one member cost more
//! than a counter: what is timed is timed once per event, group or operation.

mod document;
mod parts;
mod tables;

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Error, Gauge, Histogram, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use service_runtime::metrics::registered;

use crate::limits::LimitReason;

pub use document::markdown;
pub use parts::{AuthMetrics, DatabaseMetrics, DirectoryMetrics, Method, register_parts};
#[cfg(test)]
pub(crate) use tables::CODES;
pub use tables::METRICS;

/// All handles of a gateway process.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Open connections by state (`unauthenticated`, `authenticated`).
    pub connections: IntGaugeVec,
    /// Upgrades refused, by reason.
    pub refused_upgrades: IntCounterVec,
    /// Connections closed by the server, by reason.
    pub closed: IntCounterVec,
    /// Messages received, by type.
    pub messages: IntCounterVec,
    /// Messages answered with an error, by code.
    pub errors: IntCounterVec,
    /// Live subscriptions.
    pub subscriptions: IntGauge,
    /// Live subscription groups.
    pub groups: IntGauge,
    /// Change events by stage; see [`Stage`].
    pub events: Events,
    /// Frames delivered to subscriptions.
    pub deliveries: IntCounter,
    /// Subscriptions that wanted to go on from a position, by outcome.
    pub resumes: IntCounterVec,
    /// Database reads that change events caused.
    pub event_reads: IntCounter,
    /// Write in the database to event taken from the bus, seconds.
    pub feed_latency: Histogram,
    /// Write in the database to frame handed to the sockets of a group, seconds.
    pub delivery_latency: Histogram,
    /// 1 while the bus is reachable.
    pub bus_available: IntGauge,
    /// How long operations take.
    pub operations: Operations,
    /// What a limit refused, by reason.
    pub refusals: IntCounterVec,
    /// 1 while the nodes count limits together.
    pub limits_shared: IntGauge,
    /// Counts of points that were exchanged with the other nodes.
    pub limit_exchanges: IntCounter,
    /// Bytes of messages and bodies that are arriving or in work, beyond what each may hold without asking.
    pub message_memory: IntGauge,
    /// Batches of connections that were told to reconnect because the node ends.
    pub drain_batches: IntCounter,
    /// What the queues count.
    pub queue: QueueMetrics,
}

/// How far an event has come on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Taken from the bus.
    Received,
    /// Judged for one group.
    Evaluated,
    /// Became a frame for one group.
    Matched,
}

/// The counters of [`Stage`].
#[derive(Debug, Clone)]
pub struct Events {
    received: IntCounter,
    evaluated: IntCounter,
    matched: IntCounter,
}

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Reading items.
    Read,
    /// Creating items.
    Create,
    /// Changing items.
    Update,
    /// Deleting items.
    Delete,
    /// Subscribing, to the `init`.
    Subscribe,
}

/// How long operations take, by [`Operation`].
#[derive(Debug, Clone)]
pub struct Operations {
    read: Histogram,
    create: Histogram,
    update: Histogram,
    delete: Histogram,
    subscribe: Histogram,
    all: HistogramVec,
}

/// The part that every connection's queue touches.
#[derive(Debug, Clone)]
pub struct QueueMetrics {
    frames: IntCounter,
    bytes: IntCounter,
    slow_consumers: IntCounter,
    waiting: Gauge,
}

impl Metrics {
    /// New handles, registered with `registry`.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let operations = Operations::detached();
        registered(operations.all.clone(), registry)?;
        let queue = QueueMetrics::detached();
        registered(queue.frames.clone(), registry)?;
        registered(queue.bytes.clone(), registry)?;
        registered(queue.slow_consumers.clone(), registry)?;
        registered(queue.waiting.clone(), registry)?;
        Ok(Self {
            connections: registered(tables::CONNECTIONS.int_gauge_vec(), registry)?,
            refused_upgrades: registered(tables::REFUSED_UPGRADES.int_counter_vec(), registry)?,
            closed: registered(tables::CLOSED_CONNECTIONS.int_counter_vec(), registry)?,
            messages: registered(tables::MESSAGES.int_counter_vec(), registry)?,
            errors: registered(tables::ERRORS.int_counter_vec(), registry)?,
            subscriptions: registered(tables::SUBSCRIPTIONS.int_gauge(), registry)?,
            groups: registered(tables::GROUPS.int_gauge(), registry)?,
            events: Events::new(&registered(tables::EVENTS.int_counter_vec(), registry)?),
            deliveries: registered(tables::DELIVERIES.int_counter(), registry)?,
            resumes: registered(tables::RESUMES.int_counter_vec(), registry)?,
            event_reads: registered(tables::EVENT_READS.int_counter(), registry)?,
            feed_latency: registered(tables::FEED_SECONDS.histogram_handle(), registry)?,
            delivery_latency: registered(tables::DELIVERY_SECONDS.histogram_handle(), registry)?,
            bus_available: registered(tables::BUS_AVAILABLE.int_gauge(), registry)?,
            refusals: registered(tables::REFUSALS.int_counter_vec(), registry)?,
            limits_shared: registered(tables::LIMITS_SHARED.int_gauge(), registry)?,
            limit_exchanges: registered(tables::LIMIT_EXCHANGES.int_counter(), registry)?,
            message_memory: registered(tables::MESSAGE_MEMORY.int_gauge(), registry)?,
            drain_batches: registered(tables::DRAIN_BATCHES.int_counter(), registry)?,
            operations,
            queue,
        })
    }

    /// A limit refused something.
    pub fn refused(&self, reason: LimitReason) {
        self.refusals.with_label_values(&[reason.label()]).inc();
    }

    /// An event that was written at `written_at` (microseconds since the Unix epoch) was taken from the bus.
    pub fn event_received(&self, written_at: i64) {
        self.events.add(Stage::Received, 1);
        self.feed_latency.observe(seconds_since(written_at));
    }

    /// A frame about an event that was written at `written_at` was handed to the sockets of `members` of one group.
    pub fn event_delivered(&self, written_at: i64, members: u64) {
        self.events.add(Stage::Matched, 1);
        if members > 0 {
            self.deliveries.inc_by(members);
            self.delivery_latency.observe(seconds_since(written_at));
        }
    }
}

impl Events {
    fn new(vec: &IntCounterVec) -> Self {
        let stage = |name: &str| vec.with_label_values(&[name]);
        Self { received: stage("received"), evaluated: stage("evaluated"), matched: stage("matched") }
    }

    /// Counts events that came to `stage`.
    pub fn add(&self, stage: Stage, count: u64) {
        match stage {
            Stage::Received => self.received.inc_by(count),
            Stage::Evaluated => self.evaluated.inc_by(count),
            Stage::Matched => self.matched.inc_by(count),
        }
    }
}

impl Operations {
    /// Histograms that no registry knows yet; `Metrics::new` registers its own.
    #[must_use]
    pub fn detached() -> Self {
        let all = tables::OPERATION_SECONDS.histogram_vec();
        let one = |operation: Operation| all.with_label_values(&[operation.label()]);
        Self {
            read: one(Operation::Read),
            create: one(Operation::Create),
            update: one(Operation::Update),
            delete: one(Operation::Delete),
            subscribe: one(Operation::Subscribe),
            all,
        }
    }

    /// Times `operation` until what it returns is dropped.
    pub fn timed(&self, operation: Operation) -> HistogramTimer {
        match operation {
            Operation::Read => self.read.start_timer(),
            Operation::Create => self.create.start_timer(),
            Operation::Update => self.update.start_timer(),
            Operation::Delete => self.delete.start_timer(),
            Operation::Subscribe => self.subscribe.start_timer(),
        }
    }
}

impl Operation {
    /// The name in metrics and traces.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Subscribe => "subscribe",
        }
    }
}

impl QueueMetrics {
    /// Counters that no registry knows yet; `Metrics::new` registers its own.
    #[must_use]
    pub fn detached() -> Self {
        Self {
            frames: tables::SENT_FRAMES.int_counter(),
            bytes: tables::SENT_BYTES.int_counter(),
            slow_consumers: tables::SLOW_CONSUMERS.int_counter(),
            waiting: tables::SEND_QUEUE_BYTES.float_gauge(),
        }
    }

    /// A frame of `bytes` is on the socket.
    pub fn sent(&self, bytes: usize) {
        self.frames.inc();
        self.bytes.inc_by(bytes as u64);
    }

    /// What waits has changed from `before` to `after` bytes. Nothing waits for a client that keeps up: no cost for those.
    pub fn waiting(&self, before: usize, after: usize) {
        if before != after {
            let float = |bytes: usize| service_runtime::metrics::float(bytes as u64);
            self.waiting.add(float(after) - float(before));
        }
    }

    /// A connection was too slow.
    pub fn slow_consumer(&self) {
        self.slow_consumers.inc();
    }
}

/// Seconds since a moment in microseconds since the Unix epoch; never negative, as clocks of two machines differ.
fn seconds_since(micros: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let passed = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(micros);
    std::time::Duration::from_micros(u64::try_from(passed).unwrap_or(0)).as_secs_f64()
}
