//! Traces: spans over OTLP, and the `traceparent` that carries one trace from a write to its delivery.
//!
//! ```text
//! request ─▶ write transaction ─traceparent─▶ outbox ─▶ worker: publish ─traceparent─▶ event ─▶ node: receive ─▶ deliver
//! ```
//! Off unless the standard `OTEL_` variables say where spans go. Spans stand under a target of their own ([`TARGET`]) that no
//! log shows: where nothing exports, [`crate::span!`] is one load of a cached "nobody is interested", and every function here
//! returns at once. It must never put a row value, a token or a query into an attribute, and never wait for the collector:
//! what does not fit its queue is dropped.

mod config;
mod export;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub use config::{SETTINGS, TraceConfig};
pub use export::Traces;
pub(crate) use export::start;

/// The target of every span of the programs; logs leave it out.
pub const TARGET: &str = "tidegate::trace";

/// Whether this process exports spans; set once, before anything runs.
static ON: AtomicBool = AtomicBool::new(false);

/// A span for the collector, disabled where nothing is exported. Fields are named as `OpenTelemetry` names attributes.
#[macro_export]
macro_rules! span {
    (parent: $parent:expr, $name:literal $(, $($fields:tt)*)?) => {
        ::tracing::info_span!(target: $crate::trace::TARGET, parent: $parent, $name, $($($fields)*)?)
    };
    ($name:literal $(, $($fields:tt)*)?) => {
        ::tracing::info_span!(target: $crate::trace::TARGET, $name, $($($fields)*)?)
    };
}

/// Whether this process exports spans.
#[must_use]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Makes `span` a child of whoever sent `traceparent` (W3C Trace Context); of nobody when that is not well-formed.
pub fn continue_from(span: &Span, traceparent: &str) {
    if span.is_disabled() {
        return;
    }
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    if parent.span().span_context().is_valid() {
        // A span that has begun keeps its parent.
        let _begun = span.set_parent(parent);
    }
}

/// What `span` hands on to the next process; `None` where it is disabled.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove("traceparent")
}

#[cfg(test)]
mod tests;
