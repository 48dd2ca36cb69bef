//! The gateway's metrics: handles made once, labels only from enums.
//!
//! It must never take a user, a collection or a message text as a label value.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Seconds from a write in the database to the frame on the socket.
const DELIVERY_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// All handles of a gateway process.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Open connections by state (`unauthenticated`, `authenticated`).
    pub connections: IntGaugeVec,
    /// Upgrades refused, by reason.
    pub refused_upgrades: IntCounterVec,
    /// Connections closed by the server, by reason.
    pub closed: IntCounterVec,
    /// Messages received, by type.
    pub messages: IntCounterVec,
    /// Messages answered with an error, by code.
    pub errors: IntCounterVec,
    /// Authentications by outcome.
    pub authentications: IntCounterVec,
    /// Live subscriptions.
    pub subscriptions: IntGauge,
    /// Live subscription groups.
    pub groups: IntGauge,
    /// Change events by stage (`received`, `matched`, `gap`).
    pub events: IntCounterVec,
    /// Frames delivered to subscriptions.
    pub deliveries: IntCounter,
    /// Database reads that change events caused.
    pub event_reads: IntCounter,
    /// Write in the database to frame handed to the sockets, seconds.
    pub delivery_latency: Histogram,
    /// 1 while the bus is reachable.
    pub bus_available: IntGauge,
    /// What the queues count.
    pub queue: QueueMetrics,
}

/// The part that every connection's queue touches.
#[derive(Debug, Clone)]
pub struct QueueMetrics {
    frames: IntCounter,
    bytes: IntCounter,
    slow_consumers: IntCounter,
}

impl Metrics {
    /// New handles, registered with `registry`.
    ///
    /// # Errors
    /// When a name is registered twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            connections: IntGaugeVec::new(opts("connections", "Open connections by state."), &["state"])?,
            refused_upgrades: IntCounterVec::new(opts("refused_upgrades_total", "Upgrades refused, by reason."), &["reason"])?,
            closed: IntCounterVec::new(opts("closed_connections_total", "Connections closed by the server, by reason."), &["reason"])?,
            messages: IntCounterVec::new(opts("messages_total", "Messages received, by type."), &["type"])?,
            errors: IntCounterVec::new(opts("errors_total", "Messages answered with an error, by code."), &["code"])?,
            authentications: IntCounterVec::new(opts("authentications_total", "Authentications by outcome."), &["outcome"])?,
            subscriptions: IntGauge::with_opts(opts("subscriptions", "Live subscriptions."))?,
            groups: IntGauge::with_opts(opts("subscription_groups", "Live subscription groups."))?,
            events: IntCounterVec::new(opts("events_total", "Change events by stage: received, matched, gap."), &["stage"])?,
            deliveries: IntCounter::with_opts(opts("deliveries_total", "Frames delivered to subscriptions."))?,
            event_reads: IntCounter::with_opts(opts("event_reads_total", "Database reads that change events caused."))?,
            delivery_latency: Histogram::with_opts(
                HistogramOpts::new(
                    "tidegate_gateway_delivery_seconds",
                    "Seconds from the write in the database to the frame handed to the sockets.",
                )
                .buckets(DELIVERY_BUCKETS.to_vec()),
            )?,
            bus_available: IntGauge::with_opts(opts("bus_available", "1 while the bus is reachable."))?,
            queue: QueueMetrics::detached(),
        };
        let all: [Box<dyn prometheus::core::Collector>; 16] = [
            Box::new(metrics.connections.clone()),
            Box::new(metrics.refused_upgrades.clone()),
            Box::new(metrics.closed.clone()),
            Box::new(metrics.messages.clone()),
            Box::new(metrics.errors.clone()),
            Box::new(metrics.authentications.clone()),
            Box::new(metrics.subscriptions.clone()),
            Box::new(metrics.groups.clone()),
            Box::new(metrics.events.clone()),
            Box::new(metrics.deliveries.clone()),
            Box::new(metrics.event_reads.clone()),
            Box::new(metrics.delivery_latency.clone()),
            Box::new(metrics.bus_available.clone()),
            Box::new(metrics.queue.frames.clone()),
            Box::new(metrics.queue.bytes.clone()),
            Box::new(metrics.queue.slow_consumers.clone()),
        ];
        for collector in all {
            registry.register(collector)?;
        }
        Ok(metrics)
    }
}

impl QueueMetrics {
    /// Counters that no registry knows yet; `Metrics::new` registers its own.
    #[must_use]
    pub fn detached() -> Self {
        let counter = |name: &str, help: &str| {
            let name = format!("tidegate_gateway_{name}");
            IntCounter::new(name, help).unwrap_or_else(|error| unreachable!("the name is a constant of this file: {error}"))
        };
        Self {
            frames: counter("sent_frames_total", "Frames written to sockets."),
            bytes: counter("sent_bytes_total", "Bytes written to sockets."),
            slow_consumers: counter("slow_consumers_total", "Connections closed because their queue was full."),
        }
    }

    /// A frame of `bytes` is on the socket.
    pub fn sent(&self, bytes: usize) {
        self.frames.inc();
        self.bytes.inc_by(bytes as u64);
    }

    /// A connection was too slow.
    pub fn slow_consumer(&self) {
        self.slow_consumers.inc();
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("tidegate_gateway_{name}"), help)
}
