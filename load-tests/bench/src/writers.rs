//! What capture costs the writers of a table: single-row inserts by several connections, into a table with the trigger and
//! into one without, in turns.
//!
//! The turns are short and alternate, so that what else the machine does hits both alike; the figure is the ratio of
//! neighbours. It must never compare figures of different rounds.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;
use service_runtime::Tasks;

use crate::Report;
use crate::servers::{CAPTURED, PLAIN, ServerOptions, Servers};
use crate::statistics::Spread;

/// How writers wake the worker; see `CAPTURE_NOTIFY`.
const MODES: [&str; 3] = ["off", "adaptive", "always"];
/// Connections and caches of both tables are warm after this.
const WARMUP: Duration = Duration::from_millis(500);

/// How many, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections that insert.
    #[arg(long, default_value_t = 8)]
    pub(crate) writers: usize,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Pairs of turns per mode.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Writers {
    writers: usize,
    off: Mode,
    adaptive: Mode,
    always: Mode,
}

/// One way of waking the worker.
#[derive(Debug, Serialize)]
struct Mode {
    /// Commits per second without the trigger.
    plain: Spread,
    /// The same with it.
    captured: Spread,
    /// Captured by plain, of neighbouring turns.
    ratio: Spread,
}

/// Measures every mode; the gateway is started anew for each.
pub(crate) async fn run(options: &Options, server_options: &ServerOptions, tasks: &Tasks) -> Result<Writers> {
    ensure!(options.writers > 0 && options.seconds > 0.0 && options.rounds > 0, "there must be writers, time and rounds");
    let mut servers = Servers::start(server_options, tasks).await?;
    let mut modes = Vec::new();
    for mode in MODES {
        servers.launch(server_options, &[("CAPTURE_NOTIFY", mode)]).await?;
        check_triggers(&servers, tasks).await?;
        let measured = measure(options, &servers, tasks).await;
        modes.push(servers.explain(measured).await?);
    }
    let Ok([off, adaptive, always]) = <[Mode; 3]>::try_from(modes) else { unreachable!("three modes have three results") };
    Ok(Writers { writers: options.writers, off, adaptive, always })
}

/// A comparison of two tables with, or two without the trigger would show nothing.
async fn check_triggers(servers: &Servers, tasks: &Tasks) -> Result<()> {
    let count = "select count(*) from pg_trigger where tgrelid = to_regclass($1) and not tgisinternal";
    let sql = servers.sql(tasks).await?;
    let (captured, plain) = (sql.query_one(count, &[&CAPTURED]).await?, sql.query_one(count, &[&PLAIN]).await?);
    let (captured, plain): (i64, i64) = (captured.try_get(0)?, plain.try_get(0)?);
    ensure!(captured > 0 && plain == 0, "{captured} triggers on {CAPTURED}, {plain} on {PLAIN}");
    Ok(())
}

async fn measure(options: &Options, servers: &Servers, tasks: &Tasks) -> Result<Mode> {
    let turn = Duration::from_secs_f64(options.seconds);
    for table in [PLAIN, CAPTURED] {
        insert(options, servers, table, WARMUP, tasks).await?;
    }
    let (mut plain, mut captured, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let without = insert(options, servers, PLAIN, turn, tasks).await?;
        let with = insert(options, servers, CAPTURED, turn, tasks).await?;
        plain.push(without);
        captured.push(with);
        ratios.push(with / without);
    }
    let spread = |values| Spread::of(values).context("no rounds");
    Ok(Mode { plain: spread(plain)?, captured: spread(captured)?, ratio: spread(ratios)? })
}

/// Commits per second.
async fn insert(options: &Options, servers: &Servers, table: &'static str, turn: Duration, tasks: &Tasks) -> Result<f64> {
    let mut clients = Vec::with_capacity(options.writers);
    for _ in 0..options.writers {
        let client = servers.sql(tasks).await?;
        let statement = client.prepare(&format!("insert into {table} (text) values ('some text of moderate length')")).await?;
        clients.push((client, statement));
    }
    let start = Instant::now();
    let each = clients.iter().map(|(client, statement)| async move {
        let mut count = 0_u32;
        while start.elapsed() < turn {
            client.execute(statement, &[]).await?;
            count += 1;
        }
        Ok::<_, tokio_postgres::Error>(count)
    });
    let counts = try_join_all(each).await?;
    Ok(f64::from(counts.iter().sum::<u32>()) / start.elapsed().as_secs_f64())
}

impl Report for Writers {
    fn text(&self) -> String {
        let mut text = format!("{} writers, commits per second, median (least to most)\n", self.writers);
        for (name, mode) in [("off", &self.off), ("adaptive", &self.adaptive), ("always", &self.always)] {
            let spread = |spread: &Spread| format!("{:.0} ({:.0} to {:.0})", spread.median, spread.least, spread.most);
            text.push_str(&format!(
                "  notify {name:8}  without trigger {}, captured {}, ratio {:.2} ({:.2} to {:.2})\n",
                spread(&mode.plain),
                spread(&mode.captured),
                mode.ratio.median,
                mode.ratio.least,
                mode.ratio.most,
            ));
        }
        text
    }
}
