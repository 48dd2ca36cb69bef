//! From commit to client: changes at fixed rates, each heard by every subscriber.
//!
//! ```text
//! writers ── insert #n, commit ──▶ Postgres ──▶ gateway ──▶ subscribers
//!                  └── time when the commit was acknowledged … time of receipt ──┘
//! ```
//!
//! A client can hear of a change before its writer hears of the commit; that counts as zero. It must never give a figure of a
//! run in which a change was lost or doubled.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::json;
use service_runtime::{CancellationToken, Tasks};

use crate::Report;
use crate::servers::{ServerOptions, Servers, TOKEN};
use crate::socket::{Socket, is_event};
use crate::statistics::{Latencies, Percentiles};

/// How long to wait for what is missing after the last write.
const PATIENCE: Duration = Duration::from_secs(10);
/// Changes before those that count, at each rate.
const WARMUP: usize = 20;

/// Who listens, and how often something changes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections, each with one subscription.
    #[arg(long, default_value_t = 100)]
    pub(crate) subscribers: u32,
    /// Changes per second, one run for each.
    #[arg(long, value_delimiter = ',', default_values_t = [10.0, 100.0, 1000.0])]
    pub(crate) rates: Vec<f64>,
    /// Seconds of one run.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Connections that write in turns: a commit waits for the disk.
    #[arg(long, default_value_t = 8)]
    pub(crate) writers: usize,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    subscribers: u32,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    changes_per_second: f64,
    changes: usize,
    /// From sending the insert to its acknowledgement.
    commit_ms: Percentiles,
    /// From that acknowledgement to the receipt.
    commit_to_client_ms: Percentiles,
}

/// Measures every rate on the same servers.
pub(crate) async fn run(options: &Options, server_options: &ServerOptions, tasks: &Tasks) -> Result<Latency> {
    ensure!(options.subscribers > 0 && options.writers > 0 && options.seconds > 0.0, "there must be subscribers, writers and time");
    ensure!(options.rates.iter().all(|rate| *rate > 0.0), "rates must be above zero");
    let servers = Servers::start(server_options, tasks).await?;
    let mut runs = Vec::new();
    for (number, rate) in options.rates.iter().enumerate() {
        let measured = at_rate(options, &servers, *rate, number, tasks).await;
        runs.push(servers.explain(measured).await?);
    }
    Ok(Latency { subscribers: options.subscribers, runs })
}

async fn at_rate(options: &Options, servers: &Servers, rate: f64, run: usize, tasks: &Tasks) -> Result<Run> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of changes")]
    let changes = WARMUP + ((rate * options.seconds) as usize).max(1);
    let user = format!("latency-{}-{run}", std::process::id());
    let query = json!({"fields": ["id", "text", "user"], "filter": {"user": {"_eq": user}}});
    let subscribe = json!({"type": "subscribe", "collection": "messages", "uid": "1", "query": query}).to_string();
    let stop = CancellationToken::new();
    let mut readers = Vec::new();
    for number in 0..options.subscribers {
        let mut socket = Socket::authenticated(&servers.endpoint, TOKEN, number).await?;
        ensure!(is_event(&socket.ask(&subscribe).await?, "init"), "no init");
        readers.push(tasks.spawn("subscriber", listen(socket, changes, stop.clone())));
    }
    let start = Instant::now();
    let writers = (0..options.writers).map(|writer| async move {
        let client = servers.sql(tasks).await?;
        Ok::<_, anyhow::Error>((writer, client.prepare("insert into messages (text, \"user\") values ($1, $2)").await?, client))
    });
    let writers = try_join_all(writers).await?;
    let user = &user;
    let written = writers.iter().map(|(writer, insert, client)| async move {
        let mut acknowledged = Vec::new();
        for number in (*writer..changes).step_by(options.writers) {
            #[expect(clippy::cast_precision_loss, reason = "a count of changes")]
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
            let sent = Instant::now();
            client.execute(insert, &[&format!("#{number:08} a text of moderate length"), user]).await.context("cannot insert")?;
            acknowledged.push((number, sent.elapsed(), Instant::now()));
        }
        Ok::<_, anyhow::Error>(acknowledged)
    });
    let written: Vec<_> = try_join_all(written).await?.into_iter().flatten().collect();
    let mut commits = Latencies::with_capacity(changes);
    let mut committed = vec![start; changes];
    for (number, took, at) in written {
        if let Some(place) = committed.get_mut(number) {
            *place = at;
        }
        if number >= WARMUP {
            commits.add(took);
        }
    }
    let late = stop.clone();
    tasks.spawn("patience", async move {
        tokio::time::sleep(PATIENCE).await;
        late.cancel();
    });
    let mut latencies = Latencies::with_capacity(changes);
    for reader in readers {
        let heard = reader.await?.context("a subscriber ended")??;
        for (number, (heard, committed)) in heard.iter().zip(&committed).enumerate().skip(WARMUP) {
            let heard = heard.with_context(|| format!("change {number} was not heard by everybody"))?;
            latencies.add(heard.saturating_duration_since(*committed));
        }
    }
    let seconds = committed.iter().max().map_or(0.0, |last| last.saturating_duration_since(start).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a count of changes")]
    let changes_per_second = changes as f64 / seconds;
    Ok(Run {
        changes_per_second,
        changes: changes - WARMUP,
        commit_ms: commits.percentiles(),
        commit_to_client_ms: latencies.percentiles(),
    })
}

/// When each change was heard; ends when all were, or when it is told to.
async fn listen(mut socket: Socket, changes: usize, stop: CancellationToken) -> Result<Vec<Option<Instant>>> {
    let mut heard = vec![None; changes];
    let (mut missing, mut doubled) = (changes, false);
    while missing > 0 && !doubled {
        let hear = socket.messages(|message| {
            let now = Instant::now();
            let number = memchr::memchr(b'#', message).and_then(|at| std::str::from_utf8(message.get(at + 1..at + 9)?).ok()?.parse().ok());
            match number.and_then(|number: usize| heard.get_mut(number)) {
                Some(place @ None) => {
                    *place = Some(now);
                    missing -= 1;
                }
                Some(Some(_)) | None => doubled = true,
            }
        });
        tokio::select! {
            // Nothing is read from this socket any more once it is told to stop.
            read = hear => read?,
            () = stop.cancelled() => break,
        }
    }
    ensure!(!doubled, "a change was heard twice");
    Ok(heard)
}

impl Report for Latency {
    fn text(&self) -> String {
        let mut text = format!("{} subscribers, milliseconds\n", self.subscribers);
        for run in &self.runs {
            let of =
                |percentiles: &Percentiles| format!("p50 {:.2}, p99 {:.2}, max {:.2}", percentiles.p50, percentiles.p99, percentiles.max);
            text.push_str(&format!(
                "  {:6.0} changes/s ({} changes): commit to client {}; the commit itself {}\n",
                run.changes_per_second,
                run.changes,
                of(&run.commit_to_client_ms),
                of(&run.commit_ms),
            ));
        }
        text
    }
}
