//! One log line: what is on the bus and what a listener gets.
//!
//! It must never hold more than a bounded text.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest text of a line, in bytes.
pub(super) const MAX_TEXT: usize = 8192;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The level's number.
    pub level: u8,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// The text.
    pub msg: String,
    /// What else a whole record has.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A line with the node that wrote it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Published {
    pub(super) log: Record,
    pub(super) node_id: String,
}

impl Record {
    /// The line as the bus carries it.
    pub(super) fn on_the_bus(self, node: &str) -> Vec<u8> {
        // Names are text: this cannot fail.
        serde_json::to_vec(&Published { log: self, node_id: node.to_owned() }).unwrap_or_default()
    }
}
