//! What capture tells Prometheus.
//!
//! It must never use a table or a row as a label: labels come from closed sets.

use change_event::Operation;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The handles, made once; all names start with `tidegate_capture_`.
#[derive(Debug, Clone)]
pub struct CaptureMetrics {
    /// Events that wait in the outbox, as of the last look.
    pub outbox_events: IntGauge,
    /// Bytes that the outbox occupies.
    pub outbox_bytes: IntGauge,
    /// Age of the oldest event that waits, in milliseconds.
    pub outbox_oldest: IntGauge,
    /// Age of the oldest open transaction that has written, in milliseconds.
    pub oldest_writer: IntGauge,
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
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(format!("tidegate_capture_{name}"), help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(format!("tidegate_capture_{name}_total"), help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let seconds = |name: &str, help: &str| -> Result<Histogram, prometheus::Error> {
            let buckets = vec![0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
            let histogram = Histogram::with_opts(HistogramOpts::new(format!("tidegate_capture_{name}_seconds"), help).buckets(buckets))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let events = IntCounterVec::new(
            Opts::new("tidegate_capture_events_total", "Events published, by operation (create, update, delete, reset)."),
            &["operation"],
        )?;
        registry.register(Box::new(events.clone()))?;
        Ok(Self {
            outbox_events: gauge("outbox_events", "Events waiting in the outbox.")?,
            outbox_bytes: gauge("outbox_bytes", "Bytes that the outbox occupies.")?,
            outbox_oldest: gauge("outbox_oldest_milliseconds", "Age of the oldest event waiting in the outbox, milliseconds.")?,
            oldest_writer: gauge("oldest_writer_milliseconds", "Age of the oldest open writing transaction, milliseconds.")?,
            batches: counter("batches", "Batches published.")?,
            events,
            drain_seconds: seconds("drain", "From reading a batch to its publication, seconds.")?,
            publish_lag_seconds: seconds("publish_lag", "From a statement to its publication, seconds.")?,
            leader: gauge("leader", "1 while this worker leads.")?,
            fence: gauge("fence", "The fence of this worker's last leadership.")?,
            publish_failures: counter("publish_failures", "Publishes that failed and were tried again.")?,
            bus_reopened: counter("bus_reopened", "Times that the bus had lost its place and was opened again.")?,
            epochs: counter("epochs", "Times that a new epoch had to begin.")?,
            tables_captured: gauge("tables_captured", "Tables with capture triggers.")?,
            tables_skipped: gauge("tables_skipped", "Tables without capture triggers, for a reason that `status` names.")?,
            rotations: counter("rotations", "Rotations of the outbox.")?,
            awake: gauge("awake", "1 while the worker polls, 0 while it waits for the doorbell.")?,
            unreadable: counter("unreadable", "Events whose rows could not be read and became a reset.")?,
        })
    }

    /// Counts one published event.
    pub(crate) fn published(&self, operation: Operation) {
        self.events.with_label_values(&[operation_name(operation)]).inc();
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
