//! What capture carries: rows written as fast as they commit, and how fast they come out at a subscriber.
//!
//! ```text
//! writers ── insert of R rows, commit ──▶ outbox ──▶ worker ──▶ bus ──▶ node ──▶ one subscriber, which counts
//! ```
//!
//! A rate is sustained when what was written during the turn has arrived soon after it; the time to catch up is part of the
//! rate. It must never give a figure of a run in which a row was lost or doubled. `--held-xmin` has a session hold a
//! snapshot throughout, as a forgotten transaction does, so that nothing dead can be cleaned up.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::usage::Used;

/// How long to wait for what is missing after the last write.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections that insert.
    #[arg(long, default_value_t = 8)]
    pub(crate) writers: usize,
    /// Rows of one statement, which is one transaction; one run for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100, 1_000])]
    pub(crate) rows: Vec<i32>,
    /// Seconds of writing in one run.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// A session holds a snapshot from before the first write on.
    #[arg(long)]
    pub(crate) held_xmin: bool,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Capture {
    held_xmin: bool,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    rows_per_statement: i32,
    rows: u64,
    written_per_second: f64,
    /// Until the last row was heard.
    carried_per_second: f64,
    /// From the last commit to the last row heard.
    behind_seconds: f64,
    server_micros_per_row: Option<f64>,
    postgres_micros_per_row: Option<f64>,
    /// Largest size of the outbox, of five a second.
    outbox_bytes_most: i64,
    outbox_bytes_after: i64,
    used: Used,
}

/// Measures every size of statement.
pub(crate) async fn run(options: &Options, server_options: &ServerOptions, tasks: &Tasks) -> Result<Capture> {
    ensure!(
        options.writers > 0 && options.seconds > 0.0 && options.rows.iter().all(|rows| *rows > 0),
        "there must be writers, time and rows"
    );
    let servers = Servers::start(server_options, tasks).await?;
    let holder = servers.sql(tasks).await?;
    if options.held_xmin {
        holder.batch_execute("begin isolation level repeatable read; insert into bench_plain (text) values ('held'); select 1").await?;
    }
    let mut runs = Vec::new();
    for rows in &options.rows {
        let measured = with(options, &servers, *rows, tasks).await;
        runs.push(servers.explain(measured).await?);
    }
    Ok(Capture { held_xmin: options.held_xmin, runs })
}

async fn with(options: &Options, servers: &Servers, rows: i32, tasks: &Tasks) -> Result<Run> {
    let user = format!("capture-{}-{rows}", std::process::id());
    let query = json!({"fields": ["id", "text", "user"], "filter": {"user": {"_eq": user}}});
    let mut socket = Socket::authenticated(&servers.endpoint, TOKEN, 0).await?;
    let init = socket.ask(&json!({"type": "subscribe", "collection": "messages", "uid": "1", "query": query}).to_string()).await?;
    ensure!(is_event(&init, "init"), "no init");
    let (stop, written) = (CancellationToken::new(), Arc::new(AtomicU64::new(u64::MAX)));
    let listening = tasks.spawn("subscriber", listen(socket, stop.clone(), Arc::clone(&written)));
    let watching = tasks.spawn("outbox", watch(servers.sql(tasks).await?, stop.clone()));

    let insert = "insert into messages (text, \"user\") select 'a text of moderate length', $1 from generate_series(1, $2)";
    let mut writers = Vec::new();
    for _ in 0..options.writers {
        let client = servers.sql(tasks).await?;
        writers.push((client.prepare(insert).await?, client));
    }
    let sample = servers.watched.sample()?;
    let start = Instant::now();
    let user = &user;
    let each = writers.iter().map(|(insert, client)| async move {
        let mut count = 0;
        while start.elapsed().as_secs_f64() < options.seconds {
            count += client.execute(insert, &[user, &rows]).await?;
        }
        Ok::<u64, tokio_postgres::Error>(count)
    });
    let total: u64 = try_join_all(each).await.context("cannot write")?.iter().sum();
    let wrote = start.elapsed();
    written.store(total, Ordering::Release);
    let late = stop.clone();
    let patience = tasks.spawn("patience", async move {
        tokio::time::sleep(PATIENCE).await;
        late.cancel();
    });
    let heard = listening.await?.context("the subscriber ended")??;
    let took = heard.at.saturating_duration_since(start);
    let used = servers.watched.since(&sample)?;
    stop.cancel();
    patience.abort();
    let outbox = watching.await?.context("nobody watched the outbox")??;
    ensure!(heard.doubled == 0 && heard.ids == total, "{total} rows written, {} heard, {} of them again", heard.ids, heard.doubled);
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
    let count = total as f64;
    Ok(Run {
        rows_per_statement: rows,
        rows: total,
        written_per_second: count / wrote.as_secs_f64(),
        carried_per_second: count / took.as_secs_f64(),
        behind_seconds: took.saturating_sub(wrote).as_secs_f64(),
        server_micros_per_row: Used::micros_per(used.server, total),
        postgres_micros_per_row: Used::micros_per(used.postgres, total),
        outbox_bytes_most: outbox.0,
        outbox_bytes_after: outbox.1,
        used,
    })
}

struct Heard {
    ids: u64,
    doubled: u64,
    at: Instant,
}

/// Counts the rows by their keys, until all that were written were heard.
async fn listen(mut socket: Socket, stop: CancellationToken, written: Arc<AtomicU64>) -> Result<Heard> {
    let mut seen: HashSet<u64> = HashSet::new();
    let mut heard = Heard { ids: 0, doubled: 0, at: Instant::now() };
    let mut unknown = 0;
    while heard.ids < written.load(Ordering::Acquire) {
        let hear = socket.messages(|message| {
            let id = memchr::memmem::find(message, b"\"id\":").and_then(|at| {
                let digits: String =
                    message.get(at + 5..)?.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
                digits.parse().ok()
            });
            match id.map(|id| seen.insert(id)) {
                Some(true) => heard.ids += 1,
                Some(false) => heard.doubled += 1,
                None => unknown += 1,
            }
            heard.at = Instant::now();
        });
        tokio::select! {
            // Nothing is read from this socket any more once it is told to stop.
            read = hear => read?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = stop.cancelled() => break,
        }
    }
    ensure!(unknown == 0, "{unknown} messages were no rows");
    Ok(heard)
}

/// The largest and the last size of the outbox.
async fn watch(sql: tokio_postgres::Client, stop: CancellationToken) -> Result<(i64, i64)> {
    let size = "select coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 from pg_class c \
                join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'tidegate' where c.relkind = 'r' and c.relname like 'outbox%'";
    let mut most = 0;
    loop {
        let now: i64 = sql.query_one(size, &[]).await?.try_get(0)?;
        most = most.max(now);
        tokio::select! {
            () = stop.cancelled() => return Ok((most, now)),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

impl Report for Capture {
    fn text(&self) -> String {
        let mut text = String::from(if self.held_xmin { "a session holds a snapshot throughout\n" } else { "" });
        let micros = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.1} µs"));
        for run in &self.runs {
            text.push_str(&format!(
                "  {:5} rows a statement: {} rows, written {:.0}/s, carried {:.0}/s, behind {:.2} s; CPU per row: server {}, postgres {}; \
                 outbox at most {} KiB, then {} KiB; busy: {}\n",
                run.rows_per_statement,
                run.rows,
                run.written_per_second,
                run.carried_per_second,
                run.behind_seconds,
                micros(run.server_micros_per_row),
                micros(run.postgres_micros_per_row),
                run.outbox_bytes_most / 1024,
                run.outbox_bytes_after / 1024,
                run.used.cores(),
            ));
        }
        text
    }
}
