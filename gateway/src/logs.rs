//! Log streaming: the lines of all nodes, to administrators on `/websocket/logs`.
//!
//! ```text
//! tracing ──Layer──▶ bounded queue ──publish──▶ bus topic ──feed──▶ Hub ──▶ send queue of each listener
//! ```
//!
//! It must never slow down or fail what is being logged: a full queue drops lines. It must never log from its own path,
//! and never carry a token: request lines are redacted where they are made.

mod endpoint;
mod hub;
mod layer;
mod level;
mod record;

use std::sync::Arc;

use bytes::Bytes;
use change_capture::bus::Bus;
use service_runtime::CancellationToken;
use service_runtime::telemetry::{self, ExtraLayer};
use service_runtime::trace::Traces;
use tokio::sync::mpsc;

use crate::config::Config;

pub use endpoint::LogsEndpoint;
pub use hub::Hub;
pub use layer::{LogLayer, Style, layer};
pub use level::Level;
pub use record::Record;

/// The bus topic that carries lines from node to node.
pub const TOPIC: &str = "logs";

/// The lines of this process on their way to the bus.
pub type Lines = mpsc::Receiver<Record>;

/// Starts logging, to standard output and, where the logs endpoint is on, to the bus; and the export of traces.
pub fn start(config: &Config) -> (Option<Lines>, Traces) {
    let Some(endpoint) = &config.websockets.logs else {
        return (None, telemetry::start(&config.log.level, config.log.style, None, config.traces.as_ref()));
    };
    let style =
        if endpoint.raw { Style::Raw { host: rustix::system::uname().nodename().to_string_lossy().into_owned() } } else { Style::Reduced };
    let (layer, lines) = layer(Level::parse(&endpoint.level).unwrap_or(Level::Info), style);
    let extra = Some((Box::new(layer) as ExtraLayer, endpoint.level.as_str()));
    (Some(lines), telemetry::start(&config.log.level, config.log.style, extra, config.traces.as_ref()))
}

/// Publishes this node's lines until `shutdown`.
pub async fn publish(mut lines: Lines, node: Arc<str>, bus: Arc<dyn Bus>, shutdown: CancellationToken) {
    loop {
        // Both are cancel-safe: `recv` loses nothing.
        let record = tokio::select! {
            record = lines.recv() => record,
            () = shutdown.cancelled() => return,
        };
        let Some(record) = record else { return };
        let payload = Bytes::from(record.on_the_bus(&node));
        // A line that the bus does not take is lost; saying so would make another line.
        let _published = bus.broadcast(TOPIC, payload).await;
    }
}

/// A name for this node in log lines: 8 characters, new in every process.
#[must_use]
pub fn node_name() -> Arc<str> {
    use rand::distr::{Alphanumeric, SampleString as _};
    Alphanumeric.sample_string(&mut rand::rng(), 8).into()
}
