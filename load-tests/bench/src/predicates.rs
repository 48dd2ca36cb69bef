//! One change against many subscriptions that differ in one constant: `user = <me>` a hundred thousand times over.
//!
//! ```text
//! insert … user = 'watcher-4711' ──▶ gateway ──▶ the one connection that watches it, and nobody else
//! ```
//!
//! With `--relational` each subscription also selects a related row and differs in a bound that every change passes, so that
//! every change concerns every group and needs the database. It must never count a change that others heard of, too.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use service_runtime::Tasks;

use crate::Report;
use crate::servers::{ServerOptions, Servers, TOKEN};
use crate::socket::{Socket, is_event};
use crate::statistics::{Latencies, Percentiles};
use crate::usage::{Used, resident};

/// Connections that subscribe at a time.
const OPENING: usize = 16;

/// How many subscriptions and changes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Subscriptions, one run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    pub(crate) subscriptions: Vec<u32>,
    /// Connections that they are spread over.
    #[arg(long, default_value_t = 200)]
    pub(crate) connections: u32,
    /// Changes that are measured.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) changes: u32,
    /// Every change concerns every subscription, and each selects a related row.
    #[arg(long)]
    pub(crate) relational: bool,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Predicates {
    relational: bool,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    subscriptions: u32,
    changes: u32,
    deliveries: u64,
    /// From the start of the write to the last receipt.
    latency_ms: Percentiles,
    server_micros_per_change: Option<f64>,
    postgres_micros_per_change: Option<f64>,
    /// Subscription groups that were judged.
    judged_per_change: Option<f64>,
    reads_per_change: Option<f64>,
    /// Memory of the gateway by its subscriptions.
    bytes_per_subscription: Option<f64>,
}

/// Measures every number of subscriptions, on servers of its own.
pub(crate) async fn run(options: &Options, server_options: &ServerOptions, tasks: &Tasks) -> Result<Predicates> {
    ensure!(options.connections > 0 && options.changes > 0, "there must be connections and changes");
    let mut servers = Servers::start(server_options, tasks).await?;
    let mut runs = Vec::new();
    for subscriptions in &options.subscriptions {
        servers.launch(server_options, &[("GATEWAY_MAX_SUBSCRIPTIONS", "1000000")]).await?;
        let measured = with(options, &servers, *subscriptions, tasks).await;
        runs.push(servers.explain(measured).await?);
    }
    Ok(Predicates { relational: options.relational, runs })
}

async fn with(options: &Options, servers: &Servers, subscriptions: u32, tasks: &Tasks) -> Result<Run> {
    let relational = options.relational;
    let connections = options.connections.min(subscriptions).max(1);
    let before = servers.watched.server.map(resident).transpose()?;
    let opened = stream::iter(0..connections).map(|connection| async move {
        let mut socket = Socket::authenticated(&servers.endpoint, TOKEN, connection).await?;
        for number in (connection..subscriptions).step_by(connections as usize) {
            let init = socket.ask(&subscription(number, relational)).await?;
            ensure!(is_event(&init, "init"), "no init: {}", String::from_utf8_lossy(&init));
        }
        Ok::<_, anyhow::Error>(socket)
    });
    // In order, so that the watcher of a change is known.
    let mut sockets: Vec<Socket> = opened.buffered(OPENING).try_collect().await?;
    let after = servers.watched.server.map(resident).transpose()?;

    let sql = servers.sql(tasks).await?;
    let write = if relational {
        "update bench_articles set views = views + 1 where id = $1"
    } else {
        "insert into messages (text, \"user\") values ('a text', 'watcher-' || $1::int)"
    };
    let write = sql.prepare(write).await?;
    let counters = async || {
        let judged = servers.counter("tidegate_gateway_events_total{stage=\"evaluated\"}").await?;
        let reads = servers.counter("tidegate_gateway_event_reads_total").await?;
        Ok::<_, anyhow::Error>((judged, reads, servers.counter("tidegate_gateway_sent_frames_total").await?))
    };
    let warmup = (options.changes / 10).clamp(1, 100);
    let mut latencies = Latencies::with_capacity(options.changes as usize);
    let (mut sample, mut counted) = (servers.watched.sample()?, counters().await?);
    for change in 0..warmup + options.changes {
        if change == warmup {
            (sample, counted) = (servers.watched.sample()?, counters().await?);
        }
        // Spread over all of them, in no order.
        let watcher = u32::try_from(u64::from(change).wrapping_mul(2_654_435_761) % u64::from(subscriptions))?;
        let number = if relational { i32::try_from(1 + change % 10_000)? } else { i32::try_from(watcher)? };
        let start = Instant::now();
        sql.execute(&write, &[&number]).await.context("cannot write")?;
        let hearing = if relational { 0..sockets.len() } else { (watcher % connections) as usize..(watcher % connections) as usize + 1 };
        for (place, socket) in sockets.get_mut(hearing.clone()).context("no such connection")?.iter_mut().enumerate() {
            let place = u32::try_from(hearing.start + place)?;
            let due = if relational { (subscriptions + connections - 1 - place) / connections } else { 1 };
            let mut heard = 0;
            while heard < due {
                socket.messages(|_| heard += 1).await?;
            }
            ensure!(heard == due, "{heard} messages where {due} were due");
        }
        if change >= warmup {
            latencies.add(start.elapsed());
        }
    }
    let used = servers.watched.since(&sample)?;
    let now = counters().await?;
    let since = |now: Option<f64>, then: Option<f64>| Some((now? - then?) / f64::from(options.changes));
    let deliveries = u64::from(options.changes) * if relational { u64::from(subscriptions) } else { 1 };
    if let (Some(now), Some(then)) = (now.2, counted.2) {
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
        let expected = deliveries as f64;
        // Heartbeats are frames, too.
        ensure!(now - then < expected + f64::from(connections) * 4.0, "others heard of it: {} frames for {deliveries}", now - then);
    }
    let changes = u64::from(options.changes);
    Ok(Run {
        subscriptions,
        changes: options.changes,
        deliveries,
        latency_ms: latencies.percentiles(),
        server_micros_per_change: Used::micros_per(used.server, changes),
        postgres_micros_per_change: Used::micros_per(used.postgres, changes),
        judged_per_change: since(now.0, counted.0),
        reads_per_change: since(now.1, counted.1),
        #[expect(clippy::cast_precision_loss, reason = "bytes of a benchmark are far below 2^52")]
        bytes_per_subscription: after.zip(before).map(|(after, before)| after.saturating_sub(before) as f64 / f64::from(subscriptions)),
    })
}

fn subscription(number: u32, relational: bool) -> String {
    let (collection, query) = if relational {
        ("bench_articles", json!({"fields": ["id", "views", "author.name"], "filter": {"views": {"_gte": -i64::from(number)}}, "limit": 1}))
    } else {
        ("messages", json!({"fields": ["id", "text"], "filter": {"user": {"_eq": format!("watcher-{number}")}}, "limit": 1}))
    };
    json!({"type": "subscribe", "collection": collection, "uid": number.to_string(), "query": query}).to_string()
}

impl Report for Predicates {
    fn text(&self) -> String {
        let mut text = String::from(if self.relational {
            "every change concerns every subscription, related rows are read\n"
        } else {
            "each change concerns one subscription\n"
        });
        let figure = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.1}"));
        for run in &self.runs {
            text.push_str(&format!(
                "  {:7} subscriptions, {} changes, {} deliveries: CPU per change: server {} µs, postgres {} µs; groups judged {}, reads {}; {}; {} bytes each\n",
                run.subscriptions,
                run.changes,
                run.deliveries,
                figure(run.server_micros_per_change),
                figure(run.postgres_micros_per_change),
                figure(run.judged_per_change),
                figure(run.reads_per_change),
                run.latency_ms.text(),
                figure(run.bytes_per_subscription),
            ));
        }
        text
    }
}
