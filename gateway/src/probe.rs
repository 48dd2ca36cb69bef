//! A client's and an operator's look at a node, for images without a shell: `gateway health` and `gateway probe`.
//!
//! It must never be part of a node: both are programs of their own, that connect to one from outside. What it sends is what
//! any client sends, so it writes its few messages itself.

mod health;
mod subscribe;

use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use serde_json::{Map, Value};

pub use health::health;
pub use subscribe::probe;

/// What `gateway probe` does.
#[derive(Debug, Clone, Args)]
pub struct ProbeOptions {
    /// The endpoint, for instance ws://tidegate:8055/websocket. Without TLS: it is meant for the inside of a cluster.
    #[arg(long)]
    pub url: String,
    /// The collection to subscribe to.
    #[arg(long)]
    pub collection: String,
    /// An item, as JSON: created over the socket, waited for as a change event, deleted again.
    #[arg(long, value_parser = item)]
    pub item: Option<Map<String, Value>>,
    /// The field that names the item, for its deletion.
    #[arg(long, default_value = "id")]
    pub key: String,
    /// Seconds that each answer may take.
    #[arg(long, default_value = "30")]
    pub timeout: u64,
}

/// What a probe found.
#[derive(Debug)]
pub enum Found {
    /// Without a token: the node answers, and asks who is there.
    AsksForCredentials,
    /// A subscription stands; so many items were in its first message.
    Subscribed {
        /// Items of the first message.
        items: usize,
    },
    /// A subscription stands, and an item's way through database, worker and bus took so long.
    Delivered {
        /// From the request to the change event.
        after: Duration,
    },
}

impl ProbeOptions {
    const fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// `PROBE_TOKEN`, where it is set.
#[must_use]
pub fn token(lookup: &dyn service_runtime::config::Lookup) -> Option<SecretString> {
    lookup.get("PROBE_TOKEN").filter(|token| !token.is_empty()).map(SecretString::from)
}

fn item(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text)
}
