//! `bench`: measures a gateway under load, beside the floor of what the machine can do.
//!
//! Each subcommand starts what it needs (a private Postgres with fsync on, `gateway standalone`), drives it over loopback
//! from this process, checks every answer, and prints text or JSON. It must never print a figure of a run whose answers
//! were wrong, and never hide its own share of the CPU: a saturated client measures itself.
//!
//! ```text
//! fanout ──▶ subscribers ──▶ socket        fanout's floor: the same subscribers on `bench floor`, a bare broadcaster
//! crud, connect ───────────▶ socket        writers: SQL only
//!    └────────▶ servers (Postgres, gateway) · usage (CPU, memory) · statistics · report (all, three times, as a table)
//! ```

mod capture;
mod connect;
mod crud;
mod fanout;
mod floor;
mod latency;
mod predicates;
mod report;
mod servers;
mod socket;
mod statistics;
mod subscribers;
mod usage;
mod writers;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use service_runtime::Tasks;

use crate::servers::ServerOptions;

/// Measures a gateway under load on this machine.
#[derive(Debug, Parser)]
#[command(name = "bench", version, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Prints JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    servers: ServerOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One change to many subscribers with the same query, beside a raw broadcast of equal frames.
    Fanout(fanout::Options),
    /// From commit to client, at fixed rates of changes.
    Latency(latency::Options),
    /// Reads and writes over sockets, closed loop.
    Crud(crud::Options),
    /// Connect, authenticate, subscribe, close; and the memory of idle connections.
    Connect(connect::Options),
    /// One change against many subscriptions that differ in one constant.
    Predicates(predicates::Options),
    /// Rows as fast as they commit, through capture to one subscriber.
    Capture(capture::Options),
    /// What capture costs the writers of a table.
    Writers(writers::Options),
    /// Everything, several times; writes a table.
    All(report::Options),
    /// The broadcaster that `fanout` compares with; started by it.
    #[command(hide = true)]
    Floor(floor::Options),
}

/// A result that people read, too.
pub(crate) trait Report: Serialize {
    /// The figures as lines of text.
    fn text(&self) -> String;
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    raise_open_files()?;
    let tasks = Tasks::new();
    match cli.command {
        Command::Fanout(options) => print(cli.json, &fanout::run(&options, &cli.servers, &tasks).await?),
        Command::Latency(options) => print(cli.json, &latency::run(&options, &cli.servers, &tasks).await?),
        Command::Crud(options) => print(cli.json, &crud::run(&options, &cli.servers, &tasks).await?),
        Command::Connect(options) => print(cli.json, &connect::run(&options, &cli.servers, &tasks).await?),
        Command::Predicates(options) => print(cli.json, &predicates::run(&options, &cli.servers, &tasks).await?),
        Command::Capture(options) => print(cli.json, &capture::run(&options, &cli.servers, &tasks).await?),
        Command::Writers(options) => print(cli.json, &writers::run(&options, &cli.servers, &tasks).await?),
        Command::All(options) => report::run(&options, &cli.servers, &tasks).await,
        Command::Floor(options) => floor::run(&options).await,
    }
}

fn print(json: bool, result: &impl Report) -> Result<()> {
    let text = if json { serde_json::to_string_pretty(result)? + "\n" } else { result.text() };
    say(&text);
    Ok(())
}

/// Writes to standard output; a closed pipe is nobody's fault.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stdout().write_all(text.as_bytes());
}

/// Each connection is an open file here and one in the server, which inherits this limit.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).context("cannot raise the limit of open files")
}
