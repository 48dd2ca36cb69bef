use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{SpanId, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Keeps what has ended.
#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _span: &mut SdkSpan, _context: &Context) {}
    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn where_nothing_is_exported_nobody_is_interested_in_a_span() {
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(crate::telemetry::filter("trace"));
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(log));
    let span = tracing::subscriber::with_default(tracing_subscriber::registry(), || crate::span!("a", collection = "c"));
    // The macro keeps this answer: what costs more is never reached.
    assert!(dispatch.register_callsite(span.metadata().unwrap()).is_never());
}

#[test]
fn a_disabled_span_hands_nothing_on() {
    let span = Span::none();
    continue_from(&span, PARENT);
    assert_eq!(traceparent(&span), None);
}

#[test]
fn a_trace_goes_on_from_its_traceparent_and_is_handed_on() {
    let ended = Ended::default();
    let provider = SdkTracerProvider::builder().with_span_processor(ended.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("t")).with_filter(filter_fn(|data| data.target() == TARGET));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let outer = crate::span!("outer");
        continue_from(&outer, PARENT);
        let inner = crate::span!(parent: &outer, "inner", n = 1);
        let handed_on = traceparent(&inner).unwrap();
        assert!(handed_on.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && handed_on != PARENT, "{handed_on}");
        let stranger = crate::span!(parent: None, "stranger");
        continue_from(&stranger, "nonsense");
        assert!(!traceparent(&stranger).unwrap().contains("0af7651916cd43dd8448eb211c80319c"));
    });
    let spans = ended.0.lock().unwrap();
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(span("outer").parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(span("inner").parent_span_id, span("outer").span_context.span_id());
    assert_eq!(span("stranger").parent_span_id, SpanId::INVALID);
}
