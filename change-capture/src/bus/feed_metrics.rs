//! What a feed tells Prometheus.
//!
//! It must never use a collection as a label: users name those.

use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, Registry};
use service_runtime::metrics::{Label, Metric, registered};

use super::GapReason;

/// Every metric of a feed.
pub const METRICS: &[&Metric] = &[&GAPS, &REPAIRS, &REPAIRED_EVENTS, &DISCONNECTIONS, &WAITING_EVENTS, &WAITING_BYTES];

const GAPS: Metric = Metric::counter(
    "tidegate_feed_gaps_total",
    "Times that changes of a collection were missed for good and its subscriptions read again, by reason: the node was too slow, the stream \
     no longer reached back, a new epoch began, or a newer worker wrote what this build cannot read.",
)
.by(&[Label { name: "reason", values: &["lagged", "trimmed", "epoch", "undecodable"] }]);
const REPAIRS: Metric = Metric::counter(
    "tidegate_feed_repairs_total",
    "Times that missing events were read from the stream, by cause: a sequence number was left out, or a look at the heads found them.",
)
.by(&[Label { name: "cause", values: &["hole", "look"] }]);
const REPAIRED_EVENTS: Metric = Metric::counter("tidegate_feed_repaired_events_total", "Events that a repair read from the stream.");
const DISCONNECTIONS: Metric = Metric::counter("tidegate_feed_disconnections_total", "Times that the connection to the bus was lost.");
const WAITING_EVENTS: Metric = Metric::gauge("tidegate_feed_waiting_events", "Events and messages from the bus that wait for this node.");
const WAITING_BYTES: Metric = Metric::gauge("tidegate_feed_waiting_bytes", "Their estimated size, bytes.");

/// The handles of one feed.
#[derive(Debug, Clone)]
pub struct FeedMetrics {
    gaps: IntCounterVec,
    repairs: IntCounterVec,
    pub(super) repaired_events: IntCounter,
    pub(super) disconnections: IntCounter,
    pub(super) waiting_events: IntGauge,
    pub(super) waiting_bytes: IntGauge,
}

/// What showed that events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepairCause {
    /// A sequence number was left out.
    Hole,
    /// A head is further than what arrived.
    Look,
}

impl FeedMetrics {
    /// Handles that no registry knows yet.
    pub(super) fn new() -> Self {
        Self {
            gaps: GAPS.int_counter_vec(),
            repairs: REPAIRS.int_counter_vec(),
            repaired_events: REPAIRED_EVENTS.int_counter(),
            disconnections: DISCONNECTIONS.int_counter(),
            waiting_events: WAITING_EVENTS.int_gauge(),
            waiting_bytes: WAITING_BYTES.int_gauge(),
        }
    }

    /// Makes `registry` show them; a process has one feed.
    ///
    /// # Errors
    /// When one of the names is taken in `registry`.
    pub fn register(&self, registry: &Registry) -> Result<(), Error> {
        registered(self.gaps.clone(), registry)?;
        registered(self.repairs.clone(), registry)?;
        registered(self.repaired_events.clone(), registry)?;
        registered(self.disconnections.clone(), registry)?;
        registered(self.waiting_events.clone(), registry)?;
        registered(self.waiting_bytes.clone(), registry).map(drop)
    }

    pub(super) fn gap(&self, reason: GapReason) {
        let label = match reason {
            GapReason::Lagged => "lagged",
            GapReason::Trimmed => "trimmed",
            GapReason::Epoch => "epoch",
            GapReason::Undecodable => "undecodable",
        };
        self.gaps.with_label_values(&[label]).inc();
    }

    pub(super) fn repair(&self, cause: RepairCause) {
        let label = match cause {
            RepairCause::Hole => "hole",
            RepairCause::Look => "look",
        };
        self.repairs.with_label_values(&[label]).inc();
    }
}
