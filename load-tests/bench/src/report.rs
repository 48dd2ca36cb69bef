//! Everything, several times over, as a table for `docs/performance.md`.
//!
//! The repetitions go round the scenarios, so that a busy minute of the machine touches one repetition of each and shows as
//! spread. It must never print a figure without its spread, nor a table of a run in which a scenario failed.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use service_runtime::Tasks;

use crate::fanout::Protocol;
use crate::servers::ServerOptions;
use crate::statistics::Spread;
use crate::{Report, capture, connect, crud, fanout, latency, predicates, say, writers};

/// The table stands between these lines of the document; the rest is written by hand.
const BEGIN: &str = "<!-- figures: written by load-tests/bench/run -->";
const END: &str = "<!-- end of the figures -->";

/// What to run and where to put it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Repetitions.
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// The document whose table is replaced.
    #[arg(long)]
    document: Option<PathBuf>,
    /// A file for all results as JSON.
    #[arg(long)]
    results: Option<PathBuf>,
    /// The day, for the table's heading.
    #[arg(long, default_value = "")]
    date: String,
    /// The commit, for the table's heading.
    #[arg(long, default_value = "")]
    commit: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Burst,
    Batched,
    Paced,
    Fifty,
    Many,
    Crud,
    CrudOfMany,
    Connect,
    Predicates,
    Relational,
    Capture,
    Latency,
    Writers,
}

/// One line of the table.
struct Row {
    what: &'static str,
    scenario: Scenario,
    /// Where the figure is in the result.
    pointer: &'static str,
    unit: Unit,
    bar: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Micros,
    Millis,
    PerSecond,
    Kilobytes,
    Times,
    Count,
}

const fn row(what: &'static str, scenario: Scenario, pointer: &'static str, unit: Unit, bar: &'static str) -> Row {
    Row { what, scenario, pointer, unit, bar }
}

const ROWS: &[Row] = &[
    row(
        "1,000 subscribers, one query: deliveries per second",
        Scenario::Burst,
        "/gateway/deliveries_per_second",
        Unit::PerSecond,
        "150,000",
    ),
    row("– gateway CPU per delivery", Scenario::Burst, "/gateway/server_micros_per_delivery", Unit::Micros, "5"),
    row("– the floor's CPU per delivery", Scenario::Burst, "/floor/server_micros_per_delivery", Unit::Micros, ""),
    row("– the floor's deliveries per second", Scenario::Burst, "/floor/deliveries_per_second", Unit::PerSecond, ""),
    row("– gateway by floor, CPU", Scenario::Burst, "/cpu_ratio", Unit::Times, ""),
    row("– Postgres CPU per delivery", Scenario::Burst, "/gateway/postgres_micros_per_delivery", Unit::Micros, ""),
    row("– database reads caused by the changes", Scenario::Burst, "/event_reads", Unit::Count, "0"),
    row(
        "the same, messages joined for up to 20 ms (`?batch=20`): deliveries per second",
        Scenario::Batched,
        "/gateway/deliveries_per_second",
        Unit::PerSecond,
        "",
    ),
    row("– gateway CPU per delivery", Scenario::Batched, "/gateway/server_micros_per_delivery", Unit::Micros, ""),
    row("– gateway by floor, CPU", Scenario::Batched, "/cpu_ratio", Unit::Times, ""),
    row("1,000 subscribers, one change at a time: write to receipt p50", Scenario::Paced, "/gateway/latency_ms/p50", Unit::Millis, "3"),
    row("– p99", Scenario::Paced, "/gateway/latency_ms/p99", Unit::Millis, "10"),
    row("– gateway CPU per delivery", Scenario::Paced, "/gateway/server_micros_per_delivery", Unit::Micros, "5"),
    row("– the floor's CPU per delivery", Scenario::Paced, "/floor/server_micros_per_delivery", Unit::Micros, ""),
    row("– the floor's p99", Scenario::Paced, "/floor/latency_ms/p99", Unit::Millis, ""),
    row("1,000 subscribers, 50 changes/s: write to receipt p50", Scenario::Fifty, "/gateway/latency_ms/p50", Unit::Millis, "10"),
    row("– p99", Scenario::Fifty, "/gateway/latency_ms/p99", Unit::Millis, "40"),
    row("– gateway CPU per delivery", Scenario::Fifty, "/gateway/server_micros_per_delivery", Unit::Micros, "5"),
    row("5,000 subscribers: deliveries per second", Scenario::Many, "/gateway/deliveries_per_second", Unit::PerSecond, ""),
    row("– gateway CPU per delivery", Scenario::Many, "/gateway/server_micros_per_delivery", Unit::Micros, "7"),
    row("– the floor's CPU per delivery", Scenario::Many, "/floor/server_micros_per_delivery", Unit::Micros, ""),
    row("– gateway by floor, CPU", Scenario::Many, "/cpu_ratio", Unit::Times, ""),
    row("read by key, 8 connections", Scenario::Crud, "/read_by_key/per_second", Unit::PerSecond, "7,590"),
    row("– gateway CPU", Scenario::Crud, "/read_by_key/server_micros", Unit::Micros, "60"),
    row("– Postgres CPU", Scenario::Crud, "/read_by_key/postgres_micros", Unit::Micros, ""),
    row("– p50", Scenario::Crud, "/read_by_key/latency_ms/p50", Unit::Millis, ""),
    row("– p99", Scenario::Crud, "/read_by_key/latency_ms/p99", Unit::Millis, ""),
    row("read of 100 rows with two relations", Scenario::Crud, "/read_100_with_two_relations/per_second", Unit::PerSecond, ""),
    row("– gateway CPU", Scenario::Crud, "/read_100_with_two_relations/server_micros", Unit::Micros, ""),
    row("– Postgres CPU", Scenario::Crud, "/read_100_with_two_relations/postgres_micros", Unit::Micros, ""),
    row("– p99", Scenario::Crud, "/read_100_with_two_relations/latency_ms/p99", Unit::Millis, ""),
    row("create", Scenario::Crud, "/create/per_second", Unit::PerSecond, "3,800"),
    row("– gateway CPU", Scenario::Crud, "/create/server_micros", Unit::Micros, "200"),
    row("– Postgres CPU", Scenario::Crud, "/create/postgres_micros", Unit::Micros, ""),
    row("– p99", Scenario::Crud, "/create/latency_ms/p99", Unit::Millis, ""),
    row("update", Scenario::Crud, "/update/per_second", Unit::PerSecond, "3,590"),
    row("– gateway CPU", Scenario::Crud, "/update/server_micros", Unit::Micros, "200"),
    row("– Postgres CPU", Scenario::Crud, "/update/postgres_micros", Unit::Micros, ""),
    row("– p99", Scenario::Crud, "/update/latency_ms/p99", Unit::Millis, ""),
    row("create, 64 connections", Scenario::CrudOfMany, "/create/per_second", Unit::PerSecond, "3,800"),
    row("– gateway CPU", Scenario::CrudOfMany, "/create/server_micros", Unit::Micros, "200"),
    row("– Postgres CPU", Scenario::CrudOfMany, "/create/postgres_micros", Unit::Micros, ""),
    row("– p99", Scenario::CrudOfMany, "/create/latency_ms/p99", Unit::Millis, ""),
    row("update, 64 connections", Scenario::CrudOfMany, "/update/per_second", Unit::PerSecond, "3,590"),
    row("– gateway CPU", Scenario::CrudOfMany, "/update/server_micros", Unit::Micros, "200"),
    row("– Postgres CPU", Scenario::CrudOfMany, "/update/postgres_micros", Unit::Micros, ""),
    row("– p99", Scenario::CrudOfMany, "/update/latency_ms/p99", Unit::Millis, ""),
    row("connect, authenticate, subscribe, close", Scenario::Connect, "/per_second", Unit::PerSecond, "4,000"),
    row("– gateway CPU", Scenario::Connect, "/server_micros", Unit::Micros, "250"),
    row("– Postgres CPU", Scenario::Connect, "/postgres_micros", Unit::Micros, ""),
    row("– the last tenth", Scenario::Connect, "/last_per_second", Unit::PerSecond, ""),
    row("memory of an idle connection with one subscription", Scenario::Connect, "/idle/fresh_bytes", Unit::Kilobytes, "8"),
    row("– after traffic", Scenario::Connect, "/idle/after_traffic_bytes", Unit::Kilobytes, "8"),
    row(
        "one change, 1,000 subscriptions that differ in a constant",
        Scenario::Predicates,
        "/runs/0/server_micros_per_change",
        Unit::Micros,
        "",
    ),
    row("– 10,000", Scenario::Predicates, "/runs/1/server_micros_per_change", Unit::Micros, ""),
    row("– 100,000", Scenario::Predicates, "/runs/2/server_micros_per_change", Unit::Micros, ""),
    row("– groups judged of 100,000", Scenario::Predicates, "/runs/2/judged_per_change", Unit::Times, "1"),
    row("– write to receipt p99, 100,000", Scenario::Predicates, "/runs/2/latency_ms/p99", Unit::Millis, ""),
    row("one change, 1,000 groups that read a related row: reads", Scenario::Relational, "/runs/0/reads_per_change", Unit::Times, ""),
    row("– gateway CPU per change", Scenario::Relational, "/runs/0/server_micros_per_change", Unit::Micros, ""),
    row("– Postgres CPU per change", Scenario::Relational, "/runs/0/postgres_micros_per_change", Unit::Micros, ""),
    row("capture, one row a statement: rows per second to a client", Scenario::Capture, "/runs/0/carried_per_second", Unit::PerSecond, ""),
    row("– 100 rows a statement", Scenario::Capture, "/runs/1/carried_per_second", Unit::PerSecond, ""),
    row("– 1,000 rows a statement", Scenario::Capture, "/runs/2/carried_per_second", Unit::PerSecond, ""),
    row("– gateway and worker CPU per row, 100 rows a statement", Scenario::Capture, "/runs/1/server_micros_per_row", Unit::Micros, ""),
    row("– Postgres CPU per row, 100 rows a statement", Scenario::Capture, "/runs/1/postgres_micros_per_row", Unit::Micros, ""),
    row("commit to client, 100 subscribers, 10 changes/s: p50", Scenario::Latency, "/runs/0/commit_to_client_ms/p50", Unit::Millis, "2"),
    row("– p99", Scenario::Latency, "/runs/0/commit_to_client_ms/p99", Unit::Millis, ""),
    row("– 100 changes/s: p50", Scenario::Latency, "/runs/1/commit_to_client_ms/p50", Unit::Millis, "2"),
    row("– p99", Scenario::Latency, "/runs/1/commit_to_client_ms/p99", Unit::Millis, ""),
    row("– 500 changes/s: p50", Scenario::Latency, "/runs/2/commit_to_client_ms/p50", Unit::Millis, ""),
    row("– p99", Scenario::Latency, "/runs/2/commit_to_client_ms/p99", Unit::Millis, ""),
    row("8 writers: captured by not captured, polling", Scenario::Writers, "/off/ratio/median", Unit::Times, ""),
    row("– adaptive NOTIFY, the default", Scenario::Writers, "/adaptive/ratio/median", Unit::Times, ""),
    row("– NOTIFY with every statement", Scenario::Writers, "/always/ratio/median", Unit::Times, ""),
    row("– commits per second without a trigger", Scenario::Writers, "/adaptive/plain/median", Unit::PerSecond, ""),
];

impl Scenario {
    const ALL: [Self; 13] = [
        Self::Burst,
        Self::Batched,
        Self::Paced,
        Self::Fifty,
        Self::Many,
        Self::Crud,
        Self::CrudOfMany,
        Self::Connect,
        Self::Predicates,
        Self::Relational,
        Self::Capture,
        Self::Latency,
        Self::Writers,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Batched => "batched",
            Self::Paced => "paced",
            Self::Fifty => "fifty",
            Self::Many => "many",
            Self::Crud => "crud",
            Self::CrudOfMany => "crud_64",
            Self::Connect => "connect",
            Self::Predicates => "predicates",
            Self::Relational => "relational",
            Self::Capture => "capture",
            Self::Latency => "latency",
            Self::Writers => "writers",
        }
    }

    async fn run(self, servers: &ServerOptions, tasks: &Tasks) -> Result<Value> {
        let fanout = |subscribers, changes| fanout::Options {
            subscribers,
            changes,
            warmup: 5,
            rate: None,
            paced: false,
            protocol: Protocol::Rest,
            batch: None,
            slow: 0,
            text_bytes: 0,
            no_floor: false,
        };
        let options = match self {
            Self::Burst => fanout(1000, 300),
            Self::Batched => fanout::Options { batch: Some(20), ..fanout(1000, 300) },
            Self::Paced => fanout::Options { paced: true, ..fanout(1000, 300) },
            Self::Fifty => fanout::Options { rate: Some(50.0), ..fanout(1000, 300) },
            Self::Many => fanout(5000, 100),
            Self::Crud | Self::CrudOfMany => {
                let connections = if self == Self::Crud { 8 } else { 64 };
                return done(crud::run(&crud::Options { connections, seconds: 6.0 }, servers, tasks).await?);
            }
            Self::Connect => {
                let options = connect::Options { connections: 10_000, idle: Some(18_000), concurrency: 32 };
                return done(connect::run(&options, servers, tasks).await?);
            }
            Self::Predicates | Self::Relational => {
                let relational = self == Self::Relational;
                let (subscriptions, changes) = if relational { (vec![1_000], 20) } else { (vec![1_000, 10_000, 100_000], 1_000) };
                let options = predicates::Options { subscriptions, connections: 200, changes, relational };
                return done(predicates::run(&options, servers, tasks).await?);
            }
            Self::Capture => {
                let options = capture::Options { writers: 8, rows: vec![1, 100, 1_000], seconds: 4.0, held_xmin: false };
                return done(capture::run(&options, servers, tasks).await?);
            }
            Self::Latency => {
                let options = latency::Options { subscribers: 100, rates: vec![10.0, 100.0, 500.0], seconds: 4.0, writers: 8 };
                return done(latency::run(&options, servers, tasks).await?);
            }
            Self::Writers => {
                return done(writers::run(&writers::Options { writers: 8, seconds: 2.0, rounds: 3 }, servers, tasks).await?);
            }
        };
        done(fanout::run(&options, servers, tasks).await?)
    }
}

fn done(result: impl Report) -> Result<Value> {
    say(&result.text());
    Ok(serde_json::to_value(result)?)
}

/// Runs everything, prints it as it goes, and writes what was asked for.
pub(crate) async fn run(options: &Options, servers: &ServerOptions, tasks: &Tasks) -> Result<()> {
    let load = read("/proc/loadavg");
    let mut results: Vec<(Scenario, Vec<Value>)> = Scenario::ALL.map(|scenario| (scenario, Vec::new())).into();
    for round in 1..=options.repeat {
        for (scenario, values) in &mut results {
            say(&format!("\n== {} ({round} of {})\n", scenario.name(), options.repeat));
            values.push(scenario.run(servers, tasks).await.with_context(|| format!("scenario {}", scenario.name()))?);
        }
    }
    let heading = heading(options, &load);
    let table = format!("{heading}\n\n{}", table(&results));
    say(&format!("\n{table}"));
    if let Some(path) = &options.results {
        let results: Map<String, Value> = results.iter().map(|(scenario, values)| (scenario.name().to_owned(), json!(values))).collect();
        std::fs::write(path, serde_json::to_string_pretty(&results)? + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &options.document {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        std::fs::write(path, replaced(&text, &table)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn table(results: &[(Scenario, Vec<Value>)]) -> String {
    let mut text = "| | median | least – most | bar |\n|---|---|---|---|\n".to_owned();
    for row in ROWS {
        let values = results.iter().find(|(scenario, _)| *scenario == row.scenario).map_or(&[][..], |(_, values)| values);
        let figures = values.iter().filter_map(|value| value.pointer(row.pointer)?.as_f64()).collect();
        let unit = row.unit;
        let (median, spread) = Spread::of(figures).map_or_else(
            || ("not measured".to_owned(), String::new()),
            |spread| (unit.text(spread.median) + unit.name(), format!("{} – {}", unit.text(spread.least), unit.text(spread.most))),
        );
        let bar = if row.bar.is_empty() { String::new() } else { format!("{}{}", row.bar, unit.name()) };
        // Text into a string cannot fail.
        let _written = writeln!(text, "| {} | {median} | {spread} | {bar} |", row.what);
    }
    text
}

fn heading(options: &Options, load: &str) -> String {
    let cpu = read("/proc/cpuinfo").lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default().to_owned();
    let memory = read("/proc/meminfo").lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0);
    format!(
        "{}, commit {}: {} × {}, {} GiB, Linux {}; load of the machine before: {}; {} repetitions.",
        options.date,
        options.commit,
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        cpu.trim_start_matches([' ', '\t', ':']),
        memory >> 20,
        read("/proc/sys/kernel/osrelease").trim(),
        load.split_whitespace().next().unwrap_or("?"),
        options.repeat,
    )
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn replaced(document: &str, table: &str) -> Result<String> {
    let (before, rest) = document.split_once(BEGIN).context("the document has no place for the figures")?;
    let (_, after) = rest.split_once(END).context("the place for the figures has no end")?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", table.trim_end()))
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Micros => " µs",
            Self::Millis => " ms",
            Self::PerSecond => " /s",
            Self::Kilobytes => " KB",
            Self::Times | Self::Count => "",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Micros if value >= 100.0 => thousands(value),
            Self::Micros | Self::Millis => format!("{value:.1}"),
            Self::Kilobytes => format!("{:.1}", value / 1000.0),
            Self::Times => format!("{value:.2}"),
            Self::PerSecond | Self::Count => thousands(value),
        }
    }
}

/// A whole number with commas.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_lines_and_only_their_place_changes() {
        let values = |figures: [f64; 3]| figures.map(|figure| json!({"gateway": {"deliveries_per_second": figure}})).to_vec();
        let table = table(&[(Scenario::Burst, values([150_000.4, 99.0, 1_234_567.0]))]);
        assert!(table.contains("| 150,000 /s | 99 – 1,234,567 | 150,000 /s |"), "{table}");
        assert!(table.contains("| read by key, 8 connections | not measured |"), "{table}");
        let document = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replaced(&document, "new\n").unwrap(), format!("a\n{BEGIN}\n\nnew\n\n{END}\nb\n"));
        assert!(replaced("a", "new").is_err());
    }
}
