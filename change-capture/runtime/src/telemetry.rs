//! Logs to standard output, as text for a person or as JSON for a collector; and where the process' spans go.
//!
//! It must never print a token or a row value: callers log keys and codes only.

mod json;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::trace::{self, TraceConfig, Traces};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// One readable line per record.
    Pretty,
    /// One JSON object per record, with `trace_id` and `span_id` where it belongs to a trace.
    Raw,
}

/// Directus' level names (`fatal`, `silent` included) as a filter directive. Spans are no log lines.
#[must_use]
pub fn directive(level: &str) -> String {
    let level = match level {
        "fatal" => "error",
        "silent" => "off",
        other => other,
    };
    format!("{level},hyper=warn,tokio_postgres=warn,{}=off", trace::TARGET)
}

/// A further consumer of log records, with a level of its own.
pub type ExtraLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging to standard output, and the export of traces where there is one; call once. `level` is a Directus level
/// name or a tracing directive. `extra` gets the records of `extra_level`, whatever standard output shows.
pub fn start(level: &str, style: LogStyle, extra: Option<(ExtraLayer, &str)>, traces: Option<&TraceConfig>) -> Traces {
    let extra = extra.map(|(layer, level)| layer.with_filter(filter(level)));
    let output = match style {
        LogStyle::Pretty => tracing_subscriber::fmt::layer().with_target(false).boxed(),
        LogStyle::Raw => tracing_subscriber::fmt::layer().event_format(json::WithTrace::default()).fmt_fields(json::fields()).boxed(),
    };
    let started = traces.map(trace::start);
    let (traces, spans, fault) = match started {
        None => (Traces::off(), None, None),
        Some(Ok((traces, tracer))) => {
            let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
            let layer = layer.with_tracked_inactivity(false).with_target(false).with_level(true);
            // A warning inside a request shows in its trace.
            let wanted = filter_fn(|data| data.target() == trace::TARGET || (data.is_event() && *data.level() <= tracing::Level::WARN));
            (traces, Some(layer.with_filter(wanted)), None)
        }
        Some(Err(error)) => (Traces::off(), None, Some(error)),
    };
    // A second start (tests in one process) keeps the first subscriber; that is not a fault.
    let _started = tracing_subscriber::registry().with(extra).with(output.with_filter(filter(level))).with(spans).try_init();
    if let Some(error) = fault {
        tracing::error!(%error, "traces cannot be sent");
    }
    traces
}

pub(crate) fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(directive(level)).unwrap_or_else(|_| EnvFilter::new(directive("info")))
}
