//! The worker's part of a trace: one span per transaction, from reading its rows to their publication.
//!
//! A writer that gave a `traceparent` is its parent; the change of any other begins a trace here. It must never change
//! anything about an event but the `traceparent` that nodes go on from.

use change_event::{ChangeEvent, TransactionId};
use tracing::{Span, field};

/// The span of a transaction, while its rows are gathered.
pub(super) struct Traced {
    transaction: TransactionId,
    /// What the writer gave.
    writer: Option<Box<str>>,
    span: Span,
    own: Option<Box<str>>,
}

impl Traced {
    /// Begins the span of the transaction of `event`.
    pub(super) fn begin(event: &ChangeEvent) -> Self {
        let span = service_runtime::span!(
            parent: None,
            "publish",
            "otel.kind" = "producer",
            "messaging.system" = "tidegate",
            "messaging.destination.name" = &*event.collection,
            "tidegate.transaction" = event.transaction.0,
            "tidegate.waited_ms" = field::Empty
        );
        if let Some(writer) = &event.traceparent {
            service_runtime::trace::continue_from(&span, writer);
        }
        span.record("tidegate.waited_ms", waited(event.written_at));
        let own = service_runtime::trace::traceparent(&span).map(Into::into);
        Self { transaction: event.transaction, writer: event.traceparent.clone(), span, own }
    }

    /// Whether `event` belongs to it: a transaction may set another `traceparent` on its way.
    pub(super) fn covers(&self, event: &ChangeEvent) -> bool {
        self.transaction == event.transaction && self.writer == event.traceparent
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// What nodes go on from; the writer's own where there is no span.
    pub(super) fn traceparent(&self) -> Option<Box<str>> {
        self.own.clone().or_else(|| self.writer.clone())
    }
}

/// Milliseconds from the statement until now.
fn waited(written_at: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_micros();
    i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(written_at).max(0) / 1000
}
