//! What capture tells Prometheus.
//!
//! It must never use a table or a row as a label: labels come from closed sets.

use change_event::Operation;
use prometheus::{Error, Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, Registry};
use service_runtime::metrics::{Label, Metric, registered};

/// Every metric of a worker; those of every process are in [`service_runtime::metrics::PROCESS`].
pub const METRICS: &[&Metric] = &[
    &LEADER,
    &FENCE,
    &AWAKE,
    &OUTBOX_EVENTS,
    &OUTBOX_BYTES,
    &OUTBOX_OLDEST,
    &OLDEST_WRITER,
    &BATCHES,
    &EVENTS,
    &DRAIN,
    &PUBLISH_LAG,
    &PUBLISH_FAILURES,
    &BUS_REOPENED,
    &REPUBLISHED,
    &EPOCHS,
    &ROTATIONS,
    &UNREADABLE,
    &TABLES_CAPTURED,
    &TABLES_SKIPPED,
];

const LEADER: Metric = Metric::gauge("tidegate_capture_leader", "1 while this worker leads.");
const FENCE: Metric = Metric::gauge("tidegate_capture_fence", "The fence of this worker's last leadership.");
const AWAKE: Metric = Metric::gauge("tidegate_capture_awake", "1 while the worker polls, 0 while it waits for the doorbell.");
const OUTBOX_EVENTS: Metric =
    Metric::gauge("tidegate_capture_outbox_events", "Events waiting in the outbox; 0 where this worker does not lead.");
const OUTBOX_BYTES: Metric =
    Metric::gauge("tidegate_capture_outbox_bytes", "Bytes that the outbox occupies; 0 where this worker does not lead.");
const OUTBOX_OLDEST: Metric =
    Metric::gauge("tidegate_capture_outbox_oldest_seconds", "Age of the oldest event waiting in the outbox, seconds; 0 when none waits.");
const OLDEST_WRITER: Metric =
    Metric::gauge("tidegate_capture_oldest_writer_seconds", "Age of the oldest open transaction that has written, seconds.");
const BATCHES: Metric = Metric::counter("tidegate_capture_batches_total", "Batches drained from the outbox and published.");
const EVENTS: Metric = Metric::counter("tidegate_capture_events_total", "Events published, by operation.")
    .by(&[Label { name: "operation", values: &["create", "update", "delete", "reset"] }]);
const DRAIN: Metric = Metric::histogram("tidegate_capture_drain_seconds", "From reading a batch to its publication, seconds.", SECONDS);
const PUBLISH_LAG: Metric = Metric::histogram(
    "tidegate_capture_publish_lag_seconds",
    "From a statement to its publication, seconds; the rest of the writer's transaction is part of it.",
    SECONDS,
);
const PUBLISH_FAILURES: Metric = Metric::counter("tidegate_capture_publish_failures_total", "Publishes that failed and were tried again.");
const BUS_REOPENED: Metric =
    Metric::counter("tidegate_capture_bus_reopened_total", "Times that the bus had lost its place and was opened again.");
const REPUBLISHED: Metric =
    Metric::counter("tidegate_capture_republished_events_total", "Events that the bus had lost and got again from the outbox.");
const EPOCHS: Metric = Metric::counter("tidegate_capture_epochs_total", "Times that a new epoch had to begin: all clients read again.");
const ROTATIONS: Metric = Metric::counter("tidegate_capture_rotations_total", "Rotations of the outbox.");
const UNREADABLE: Metric = Metric::counter("tidegate_capture_unreadable_total", "Events whose rows could not be read and became a reset.");
const TABLES_CAPTURED: Metric = Metric::gauge("tidegate_capture_tables_captured", "Tables with capture triggers.");
const TABLES_SKIPPED: Metric =
    Metric::gauge("tidegate_capture_tables_skipped", "Tables without capture triggers, for a reason that `status` names.");

const SECONDS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The handles, made once; all names start with `tidegate_capture_`.
#[derive(Debug, Clone)]
pub struct CaptureMetrics {
    /// Events that wait in the outbox, as of the last look.
    pub outbox_events: IntGauge,
    /// Bytes that the outbox occupies.
    pub outbox_bytes: IntGauge,
    /// Age of the oldest event that waits, in seconds.
    pub outbox_oldest: Gauge,
    /// Age of the oldest open transaction that has written, in seconds.
    pub oldest_writer: Gauge,
    /// Batches that held events.
    pub batches: IntCounter,
    /// Events published, by `operation`.
    pub events: IntCounterVec,
    /// From reading a batch to its publication, in seconds.
    pub drain_seconds: Histogram,
    /// From the statement to its publication, in seconds: the writer's remaining transaction is part of it.
    pub publish_lag_seconds: Histogram,
    /// Whether this worker leads.
    pub leader: IntGauge,
    /// The fence of this worker's last leadership.
    pub fence: IntGauge,
    /// Publishes that failed and were tried again.
    pub publish_failures: IntCounter,
    /// Times that the bus had lost its place and was opened again.
    pub bus_reopened: IntCounter,
    /// Events that the bus had lost and got again from the outbox.
    pub republished: IntCounter,
    /// Times that a new epoch had to begin.
    pub epochs: IntCounter,
    /// Tables with capture triggers.
    pub tables_captured: IntGauge,
    /// Tables without, for a stated reason.
    pub tables_skipped: IntGauge,
    /// Rotations of the outbox.
    pub rotations: IntCounter,
    /// Whether the worker is awake (polling) rather than asleep (waiting for the doorbell).
    pub awake: IntGauge,
    /// Events whose rows could not be read and that were published as a reset.
    pub unreadable: IntCounter,
}

impl CaptureMetrics {
    /// Makes the handles and registers them.
    ///
    /// # Errors
    /// When one of the names is taken in `registry`.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            outbox_events: registered(OUTBOX_EVENTS.int_gauge(), registry)?,
            outbox_bytes: registered(OUTBOX_BYTES.int_gauge(), registry)?,
            outbox_oldest: registered(OUTBOX_OLDEST.float_gauge(), registry)?,
            oldest_writer: registered(OLDEST_WRITER.float_gauge(), registry)?,
            batches: registered(BATCHES.int_counter(), registry)?,
            events: registered(EVENTS.int_counter_vec(), registry)?,
            drain_seconds: registered(DRAIN.histogram_handle(), registry)?,
            publish_lag_seconds: registered(PUBLISH_LAG.histogram_handle(), registry)?,
            leader: registered(LEADER.int_gauge(), registry)?,
            fence: registered(FENCE.int_gauge(), registry)?,
            publish_failures: registered(PUBLISH_FAILURES.int_counter(), registry)?,
            bus_reopened: registered(BUS_REOPENED.int_counter(), registry)?,
            republished: registered(REPUBLISHED.int_counter(), registry)?,
            epochs: registered(EPOCHS.int_counter(), registry)?,
            tables_captured: registered(TABLES_CAPTURED.int_gauge(), registry)?,
            tables_skipped: registered(TABLES_SKIPPED.int_gauge(), registry)?,
            rotations: registered(ROTATIONS.int_counter(), registry)?,
            awake: registered(AWAKE.int_gauge(), registry)?,
            unreadable: registered(UNREADABLE.int_counter(), registry)?,
        })
    }

    /// Counts one published event.
    pub(crate) fn published(&self, operation: Operation) {
        self.events.with_label_values(&[operation_name(operation)]).inc();
    }

    /// This worker does not lead any more: what it knew of the outbox grows old, and the next leader tells.
    pub(crate) fn no_leader(&self) {
        self.leader.set(0);
        self.awake.set(0);
        self.outbox_events.set(0);
        self.outbox_bytes.set(0);
        self.outbox_oldest.set(0.0);
        self.oldest_writer.set(0.0);
    }
}

/// The label of an operation.
pub(crate) const fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Reset => "reset",
    }
}
