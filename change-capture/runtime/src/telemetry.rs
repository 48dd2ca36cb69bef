//! Logs to standard output, as text for a person or as JSON for a collector.
//!
//! It must never print a token or a row value: callers log keys and codes only.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Starts logging; call once. `level` is a Directus level name or a tracing directive. `extra` gets every record too.
pub fn start<L>(level: &str, style: LogStyle, extra: Option<L>)
where
    L: tracing_subscriber::Layer<tracing_subscriber::layer::Layered<EnvFilter, tracing_subscriber::Registry>> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(directive(level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter).with(extra);
    // A second start (tests in one process) keeps the first subscriber; that is not a fault.
    let _started = match style {
        LogStyle::Pretty => registry.with(tracing_subscriber::fmt::layer().with_target(false)).try_init(),
        LogStyle::Raw => registry.with(tracing_subscriber::fmt::layer().json()).try_init(),
    };
}
