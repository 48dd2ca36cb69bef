//! The bounds of a bus: how far back a stream reaches and how far a consumer may lag.
//!
//! It must never leave a bound open: count, bytes and age all apply, whichever is reached first.

use std::time::Duration;

use service_runtime::config::{Reader, Setting};

/// Settings of the bus.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "GATEWAY_BUS_STREAM_EVENTS",
        default: "10000",
        help: "events that the stream of one collection keeps for repair and resume",
    },
    Setting { name: "GATEWAY_BUS_STREAM_BYTES", default: "67108864", help: "bytes that the stream of one collection keeps" },
    Setting { name: "GATEWAY_BUS_STREAM_AGE", default: "15m", help: "how long the stream of a collection keeps an event" },
    Setting {
        name: "GATEWAY_BUS_FEED_EVENTS",
        default: "65536",
        help: "events that may wait for one node's matcher before it must read collections again",
    },
    Setting { name: "GATEWAY_BUS_FEED_BYTES", default: "134217728", help: "bytes that may wait for one node's matcher" },
];

/// How much a bus keeps.
#[derive(Debug, Clone, Copy)]
pub struct BusCapacity {
    /// Events per collection's stream.
    pub stream_events: usize,
    /// Bytes per collection's stream.
    pub stream_bytes: usize,
    /// The age at which an event leaves its stream.
    pub stream_age: Duration,
    /// Events waiting in one feed.
    pub feed_events: usize,
    /// Bytes waiting in one feed.
    pub feed_bytes: usize,
}

impl Default for BusCapacity {
    fn default() -> Self {
        Self {
            stream_events: 10_000,
            stream_bytes: 64 << 20,
            stream_age: Duration::from_secs(15 * 60),
            feed_events: 65_536,
            feed_bytes: 128 << 20,
        }
    }
}

impl BusCapacity {
    /// Reads the bounds; faults are recorded in `reader`.
    pub fn from_reader(reader: &mut Reader<'_>) -> Self {
        let default = Self::default();
        let mut count = |name: &str, default: usize| {
            reader.integer(name, 1..=1 << 40).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
        };
        Self {
            stream_events: count("GATEWAY_BUS_STREAM_EVENTS", default.stream_events),
            stream_bytes: count("GATEWAY_BUS_STREAM_BYTES", default.stream_bytes),
            feed_events: count("GATEWAY_BUS_FEED_EVENTS", default.feed_events),
            feed_bytes: count("GATEWAY_BUS_FEED_BYTES", default.feed_bytes),
            stream_age: reader.duration("GATEWAY_BUS_STREAM_AGE", default.stream_age),
        }
    }
}
