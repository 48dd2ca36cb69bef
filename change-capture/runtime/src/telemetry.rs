//! Logs to standard output, as text for a person or as JSON for a collector.
//!
//! It must never print a token or a row value: callers log keys and codes only.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// One readable line per record.
    Pretty,
    /// One JSON object per record.
    Raw,
}

/// Directus' level names (`fatal`, `silent` included) as a filter directive.
#[must_use]
pub fn directive(level: &str) -> String {
    let level = match level {
        "fatal" => "error",
        "silent" => "off",
        other => other,
    };
    format!("{level},hyper=warn,tokio_postgres=warn")
}

/// A further consumer of log records, with a level of its own.
pub type ExtraLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging to standard output; call once. `level` is a Directus level name or a tracing directive. `extra` gets
/// the records of `extra_level`, whatever standard output shows.
pub fn start(level: &str, style: LogStyle, extra: Option<(ExtraLayer, &str)>) {
    let filter = |level: &str| EnvFilter::try_new(directive(level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let extra = extra.map(|(layer, level)| layer.with_filter(filter(level)));
    let output = match style {
        LogStyle::Pretty => tracing_subscriber::fmt::layer().with_target(false).boxed(),
        LogStyle::Raw => tracing_subscriber::fmt::layer().json().boxed(),
    };
    // A second start (tests in one process) keeps the first subscriber; that is not a fault.
    let _started = tracing_subscriber::registry().with(extra).with(output.with_filter(filter(level))).try_init();
}
