//! Connections come and go: what an idle one holds, and what a whole life costs.
//!
//! Memory first, on a fresh gateway: what the allocator kept from earlier connections would make idle ones look cheap. It
//! must never count a connection that was not authenticated and subscribed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use service_runtime::Tasks;

use crate::Report;
use crate::servers::{ServerOptions, Servers, TOKEN};
use crate::socket::{Socket, is_ok, parsed};
use crate::statistics::{Latencies, Percentiles};
use crate::subscribers::Subscribers;
use crate::usage::{Used, resident};

/// Connections before the first memory reading, so that code and caches are in memory.
const FIRST: u32 = 50;
/// Changes that every idle connection hears between the two memory readings.
const TRAFFIC: usize = 10;
/// Bytes of the message that each connection sends between the two memory readings.
const MESSAGE: usize = 2000;
/// Until freed memory has gone back.
const SETTLE: Duration = Duration::from_secs(2);

/// How many.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Whole lives: connect, authenticate, subscribe, close.
    #[arg(long, default_value_t = 2000)]
    pub(crate) connections: u32,
    /// Connections that stay idle while memory is read; by default as many.
    #[arg(long)]
    pub(crate) idle: Option<u32>,
    /// Lives at a time.
    #[arg(long, default_value_t = 32)]
    pub(crate) concurrency: usize,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Connect {
    connections: u32,
    per_second: f64,
    /// Of the first and of the last tenth of the lives.
    first_per_second: f64,
    last_per_second: f64,
    latency_ms: Percentiles,
    server_micros: Option<f64>,
    postgres_micros: Option<f64>,
    client_micros: Option<f64>,
    used: Used,
    idle: Option<Idle>,
}

/// Memory of idle connections, each with one subscription.
#[derive(Debug, Serialize)]
struct Idle {
    connections: u32,
    /// Resident bytes per connection.
    fresh_bytes: u64,
    after_traffic_bytes: u64,
    /// The whole process with only a few connections.
    process_bytes: u64,
}

/// Measures memory, then whole lives.
pub(crate) async fn run(options: &Options, servers: &ServerOptions, tasks: &Tasks) -> Result<Connect> {
    ensure!(options.connections >= 10 && options.concurrency > 0, "there must be at least 10 connections");
    let servers = Servers::start(servers, tasks).await?;
    let outcome = async {
        let idle = match servers.watched.server {
            Some(pid) => Some(idle(options, &servers, pid, tasks).await?),
            None => None,
        };
        lives(options, &servers, idle).await
    };
    servers.explain(outcome.await).await
}

async fn idle(options: &Options, servers: &Servers, pid: u32, tasks: &Tasks) -> Result<Idle> {
    let connections = options.idle.unwrap_or(options.connections);
    let some = |range: std::ops::Range<u32>| {
        stream::iter(range).map(|number| subscribed(servers, number)).buffer_unordered(options.concurrency).try_collect::<Vec<_>>()
    };
    let first = some(0..FIRST).await?;
    tokio::time::sleep(SETTLE).await;
    let before = resident(pid)?;
    let mut sockets = some(0..connections).await?;
    tokio::time::sleep(SETTLE).await;
    let fresh = resident(pid)?;

    let long = json!({"type": "ping", "uid": "x".repeat(MESSAGE)}).to_string();
    for socket in &mut sockets {
        ensure!(is_ok(&socket.ask(&long).await?, "pong"), "a ping was not answered");
    }
    let heard = Subscribers::listen(sockets, TRAFFIC, 0, tasks);
    let sql = servers.sql(tasks).await?;
    for number in 0..TRAFFIC {
        sql.execute("insert into messages (text, \"user\") values ($1, 'bench-idle')", &[&Subscribers::mark(number)]).await?;
    }
    ensure!(heard.all_heard(TRAFFIC).await, "not every connection heard every change");
    tokio::time::sleep(SETTLE).await;
    let after = resident(pid)?;
    let faults = heard.finish(Duration::ZERO).await?.faults;
    ensure!(faults.none(), "not every connection heard every change exactly once: {}", faults.text());
    drop(first);
    let each = |bytes: u64| bytes.saturating_sub(before) / u64::from(connections).max(1);
    Ok(Idle { connections, fresh_bytes: each(fresh), after_traffic_bytes: each(after), process_bytes: before })
}

async fn lives(options: &Options, servers: &Servers, idle: Option<Idle>) -> Result<Connect> {
    // The idle ones are still being cleared away; statements are prepared.
    stream::iter(0..FIRST).map(|number| life(servers, number)).buffer_unordered(options.concurrency).try_collect::<Vec<_>>().await?;
    tokio::time::sleep(SETTLE).await;
    let before = servers.watched.sample()?;
    let start = Instant::now();
    let ends: Vec<(Duration, Duration)> = stream::iter(0..options.connections)
        .map(|number| async move {
            let took = life(servers, number).await?;
            anyhow::Ok((start.elapsed(), took))
        })
        .buffer_unordered(options.concurrency)
        .try_collect()
        .await?;
    let used = servers.watched.since(&before)?;
    let mut latencies = Latencies::with_capacity(ends.len());
    ends.iter().for_each(|(_, took)| latencies.add(*took));
    let (tenth, last) = (ends.len() / 10, ends.len() - 1);
    let rate = |from: usize, to: usize| {
        let at = |index: usize| ends.get(index).map_or(0.0, |(end, _)| end.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a count of connections")]
        let count = (to - from) as f64;
        count / (at(to) - at(from)).max(1e-9)
    };
    let count = u64::from(options.connections);
    Ok(Connect {
        connections: options.connections,
        per_second: f64::from(options.connections) / used.seconds,
        first_per_second: rate(0, tenth),
        last_per_second: rate(last - tenth, last),
        latency_ms: latencies.percentiles(),
        server_micros: Used::micros_per(used.server, count),
        postgres_micros: Used::micros_per(used.postgres, count),
        client_micros: Used::micros_per(Some(used.client), count),
        used,
        idle,
    })
}

async fn life(servers: &Servers, number: u32) -> Result<Duration> {
    let start = Instant::now();
    subscribed(servers, number).await?.close().await?;
    Ok(start.elapsed())
}

async fn subscribed(servers: &Servers, number: u32) -> Result<Socket> {
    let mut socket = Socket::authenticated(&servers.endpoint, TOKEN, number).await?;
    let query = json!({"fields": ["id", "text"], "filter": {"user": {"_eq": "bench-idle"}}});
    let subscribe = json!({"type": "subscribe", "collection": "messages", "event": "create", "query": query}).to_string();
    let init = parsed(&socket.ask(&subscribe).await?)?;
    ensure!(init.get("event").is_some_and(|event| event == "init"), "no init: {init}");
    Ok(socket)
}

impl Report for Connect {
    fn text(&self) -> String {
        let micros = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.0} µs"));
        let mut text = format!(
            "{} lives: connect, authenticate, subscribe, close\n  {:.0}/s (first tenth {:.0}/s, last tenth {:.0}/s); {}\n  \
             CPU per life: server {}, postgres {}, client {}\n  busy: {}\n",
            self.connections,
            self.per_second,
            self.first_per_second,
            self.last_per_second,
            self.latency_ms.text(),
            micros(self.server_micros),
            micros(self.postgres_micros),
            micros(self.client_micros),
            self.used.cores(),
        );
        if let Some(idle) = &self.idle {
            text.push_str(&format!(
                "{} idle connections with one subscription: {} bytes each when fresh, {} after traffic; process {} MiB before\n",
                idle.connections,
                idle.fresh_bytes,
                idle.after_traffic_bytes,
                idle.process_bytes >> 20,
            ));
        }
        text
    }
}
