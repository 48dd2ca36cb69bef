//! A batch on its way: events numbered in order, published in pieces.
//!
//! It must never move the ledger's heads: only a batch that is published whole does.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use change_event::{ChangeEvent, Sequence};
use tracing::Span;

use super::event::{event, is_schema_change};
use super::ledger::{Heads, Ledger};
use super::outbox::OutboxRow;
use super::trace::Traced;
use crate::bus::{Bus, BusError, Fence, weight};
use crate::metrics::CaptureMetrics;

/// A publish carries at most this much.
const PUBLISH_EVENTS: usize = 500;
const PUBLISH_BYTES: usize = 4 << 20;

/// Events on their way, and the heads that they move.
#[derive(Default)]
pub(super) struct Batch {
    events: Vec<Arc<ChangeEvent>>,
    bytes: usize,
    pub(super) moved: Heads,
    /// Whether the catalog has to be looked at.
    pub(super) schema_changed: bool,
    pub(super) transactions: usize,
    last_xid: u64,
    /// One per transaction on its way, where traces are exported; they end with the publication.
    spans: Vec<Span>,
    traced: Option<Traced>,
}

impl Batch {
    /// Numbers the event of a row.
    pub(super) fn push(&mut self, ledger: &Ledger, metrics: &CaptureMetrics, row: OutboxRow) {
        let head = match self.moved.get(&row.collection) {
            Some(head) => *head,
            None => ledger.heads.get(&row.collection).copied().unwrap_or(Sequence(0)),
        };
        let sequence = Sequence(head.0 + 1);
        // Rows of a transaction stand together.
        if row.xid != self.last_xid {
            self.last_xid = row.xid;
            self.transactions += 1;
        }
        let mut event = event(row, ledger.epoch, sequence, metrics);
        if service_runtime::trace::is_on() {
            self.trace(&mut event);
        }
        let event = Arc::new(event);
        self.moved.insert(Arc::clone(&event.collection), sequence);
        self.schema_changed |= is_schema_change(&event);
        self.bytes += weight(&event);
        self.events.push(event);
    }

    /// The event goes on in the span of its transaction.
    fn trace(&mut self, event: &mut ChangeEvent) {
        let known = self.traced.take().filter(|traced| traced.covers(event));
        let traced = known.unwrap_or_else(|| {
            let traced = Traced::begin(event);
            self.spans.push(traced.span());
            traced
        });
        event.traceparent = traced.traceparent();
        self.traced = Some(traced);
    }

    /// Whether it is time to publish.
    pub(super) const fn is_full(&self) -> bool {
        self.events.len() >= PUBLISH_EVENTS || self.bytes >= PUBLISH_BYTES
    }

    /// Publishes what has gathered.
    pub(super) async fn publish(&mut self, fence: Fence, bus: &dyn Bus, metrics: &CaptureMetrics) -> Result<(), BusError> {
        if self.events.is_empty() {
            return Ok(());
        }
        bus.publish(fence, &self.events).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        for event in self.events.drain(..) {
            metrics.published(event.operation);
            let lag = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(event.written_at).max(0);
            metrics.publish_lag_seconds.observe(Duration::from_micros(u64::try_from(lag).unwrap_or(0)).as_secs_f64());
        }
        self.bytes = 0;
        self.spans.clear();
        self.traced = None;
        Ok(())
    }
}
