//! The command line: `run`, `install`, `uninstall`, `status`.
//!
//! It must never start anything before the whole configuration is valid; faults end the process with code 64.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use change_event::ChannelNames;
use clap::{Parser, Subcommand};
use prometheus::Registry;
use secrecy::SecretString;
use service_runtime::admin::{self, Health, Phase};
use service_runtime::config::{Environment, Fault, Lookup, Reader, Setting, parse_env_file};
use service_runtime::telemetry::{self, LogStyle};
use service_runtime::trace::{self, TraceConfig};
use service_runtime::{Backoff, CancellationToken, Tasks, signals};
use tokio::net::TcpListener;
use tokio_postgres::Client;

use crate::bus::{BusCapacity, BusError, RedisBus};
use crate::config::{
    BUS_SETTINGS, CAPTURE_SETTINGS, DATABASE_SETTINGS, RedisTls, bus_namespace_from_reader, redis_tls_from_reader, redis_url_from_reader,
    worker_database_from_reader,
};
use crate::install::{self, Status};
use crate::metrics::CaptureMetrics;
use crate::worker::{self, WorkerConfig, WorkerControl, WorkerState};

/// `EX_USAGE`: the configuration is not usable.
const USAGE: u8 = 64;
/// From SIGTERM to the end, whatever still runs.
const DRAIN: Duration = Duration::from_secs(20);

/// Settings of the program itself.
const PROCESS_SETTINGS: &[Setting] = &[
    Setting { name: "LOG_LEVEL", default: "info", help: "fatal, error, warn, info, debug, trace or silent" },
    Setting { name: "LOG_STYLE", default: "pretty", help: "pretty, or raw for one JSON object per line" },
    Setting { name: "HOST", default: "0.0.0.0", help: "address of the admin port" },
    Setting { name: "CONFIG_PATH", default: ".env", help: "a file with settings, one NAME=value per line" },
];

/// Captures every committed change of a Postgres database and publishes it to Redis.
#[derive(Debug, Parser)]
#[command(name = "change-capture", version, after_long_help = settings_text(), max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Installs what is missing, then leads or stands by until SIGTERM.
    Run,
    /// Installs the schema `tidegate` and the triggers; `run` does the same by itself.
    Install,
    /// Removes everything that was installed.
    Uninstall,
    /// Says how capture stands; exit code 1 when it is not installed or no worker leads.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Everything the program is told.
#[derive(Debug)]
struct ProcessConfig {
    worker: WorkerConfig,
    redis: Option<SecretString>,
    redis_tls: RedisTls,
    namespace: String,
    capacity: BusCapacity,
    admin: Option<SocketAddr>,
    log_level: String,
    log_style: LogStyle,
    traces: Option<TraceConfig>,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = environment();
    let config = match read(&environment, matches!(cli.command, Command::Run)) {
        Ok(config) => config,
        Err(faults) => {
            let lines: String = faults.iter().map(|fault| format!("  {fault}\n")).collect();
            complain(&format!("the configuration is not usable:\n{lines}"));
            return ExitCode::from(USAGE);
        }
    };
    let traces = telemetry::start(&config.log_level, config.log_style, None, config.traces.as_ref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(command(cli.command, config));
    traces.finish();
    match ended {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn command(command: Command, config: ProcessConfig) -> anyhow::Result<ExitCode> {
    let tasks = Tasks::new();
    match command {
        Command::Run => {
            let shutdown = CancellationToken::new();
            let ended = signals::until_second_signal(Box::pin(run(config, tasks, shutdown.clone())), shutdown).await;
            match ended.context("cannot listen for signals")? {
                Some(ended) => ended?,
                // The place in the outbox is safe: whoever leads next publishes what is missing.
                None => return Ok(ExitCode::FAILURE),
            }
        }
        Command::Install => {
            let installed = install::install(&connect(&config, &tasks).await?, &config.worker.install_options()).await?;
            let mut text = format!("{} tables captured\n", installed.tables.captured.len());
            for table in &installed.tables.skipped {
                writeln!(text, "not captured: {} ({})", table.collection, table.reason)?;
            }
            if !installed.event_triggers {
                text.push_str("this role may not create event triggers: the worker looks for schema changes by itself\n");
            }
            say(&text);
        }
        Command::Uninstall => {
            let client = connect(&config, &tasks).await?;
            let status = install::status(&client, &config.worker.exclude).await?;
            anyhow::ensure!(status.leader.is_none(), "a worker is running, and would install everything again: stop it first");
            install::uninstall(&client).await?;
            say("everything was removed\n");
        }
        Command::Status { json } => {
            let status = install::status(&connect(&config, &tasks).await?, &config.worker.exclude).await?;
            say(&if json { serde_json::to_string_pretty(&status)? + "\n" } else { status_text(&status)? });
            return Ok(if status.installed && status.leader.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn connect(config: &ProcessConfig, tasks: &Tasks) -> anyhow::Result<Client> {
    let session = crate::database::connect(&config.worker.database, &config.worker.tls, "tidegate command", tasks).await;
    Ok(session.context("cannot connect to the database")?.client)
}

async fn run(config: ProcessConfig, tasks: Tasks, shutdown: CancellationToken) -> anyhow::Result<()> {
    // The bus ends after the worker has published what was committed.
    let parts = CancellationToken::new();
    let registry = Registry::new();
    let metrics = Arc::new(CaptureMetrics::register(&registry)?);
    let health = Health::default();
    service_runtime::metrics::process(&registry, health.clone(), &tasks)?;
    if let Some(address) = config.admin {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} (CAPTURE_ADMIN_PORT)"))?;
        tasks.spawn("admin", admin::serve(listener, health.clone(), registry, parts.clone()));
    }
    let Some(bus) = connect_bus(&config, &tasks, &shutdown, &parts).await? else { return Ok(()) };
    let control = WorkerControl::new();
    tasks.spawn("health", follow(control.clone(), health.clone(), shutdown.clone()));
    let ended = worker::run(config.worker, Arc::new(bus), metrics, control, tasks.clone(), shutdown.clone()).await;
    health.set(Phase::Draining);
    shutdown.cancel();
    parts.cancel();
    let left = tasks.finish(DRAIN).await;
    if left > 0 {
        tracing::warn!(left, "tasks were still running at the end");
    }
    ended.context("capture ended")
}

/// Waits for Redis as long as it takes: the worker's place in the outbox is safe meanwhile.
async fn connect_bus(
    config: &ProcessConfig,
    tasks: &Tasks,
    shutdown: &CancellationToken,
    parts: &CancellationToken,
) -> anyhow::Result<Option<RedisBus>> {
    let url = config.redis.as_ref().context("no Redis is configured")?;
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        let names = ChannelNames::new(config.namespace.clone());
        match RedisBus::connect_with(url, &config.redis_tls, names, config.capacity, tasks.clone(), parts.clone()).await {
            Ok(bus) => return Ok(Some(bus)),
            Err(error @ BusError::Configuration(_)) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "Redis cannot be reached"),
        }
        tokio::select! {
            // Both only wait.
            () = backoff.wait() => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}

/// A standby is as ready as a leader: otherwise a rolling update would wait for one that cannot lead yet.
async fn follow(control: WorkerControl, health: Health, shutdown: CancellationToken) {
    let mut state = control.state();
    loop {
        let phase = match *state.borrow_and_update() {
            WorkerState::Starting => Phase::Starting,
            WorkerState::StandingBy | WorkerState::Leading => Phase::Ready,
            WorkerState::Interrupted => Phase::Degraded,
        };
        health.set(phase);
        tokio::select! {
            // Both only wait.
            changed = state.changed() => if changed.is_err() { return },
            () = shutdown.cancelled() => return,
        }
    }
}

/// The process environment with the `.env` file on top.
fn environment() -> Environment {
    let environment = Environment::read();
    let path = environment.get("CONFIG_PATH").map_or_else(|| PathBuf::from(".env"), PathBuf::from);
    match std::fs::read_to_string(&path) {
        Ok(text) => environment.with(parse_env_file(&text)),
        Err(_) => environment,
    }
}

fn read(lookup: &dyn Lookup, needs_bus: bool) -> Result<ProcessConfig, Vec<Fault>> {
    let mut reader = Reader::new(lookup);
    let database = worker_database_from_reader(&mut reader);
    let redis = redis_url_from_reader(&mut reader);
    if needs_bus && redis.is_none() {
        reader.fault("REDIS", "the URL of the Redis that carries events to the gateway nodes");
    }
    let port = reader.integer("CAPTURE_ADMIN_PORT", 0..=65_535).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let host = match reader.text_or("HOST", "0.0.0.0") {
        local if local == "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        other => other.parse().ok(),
    };
    if host.is_none() {
        reader.fault("HOST", "an IP address");
    }
    let log_style = match reader.text_or("LOG_STYLE", "pretty").as_str() {
        "raw" => LogStyle::Raw,
        "pretty" => LogStyle::Pretty,
        _ => {
            reader.fault("LOG_STYLE", "pretty or raw");
            LogStyle::Pretty
        }
    };
    let missing = database.is_none();
    let worker = WorkerConfig::from_reader(&mut reader, database.unwrap_or_else(|| tokio_postgres::Config::new().into()));
    let config = ProcessConfig {
        worker,
        redis,
        redis_tls: redis_tls_from_reader(&mut reader),
        namespace: bus_namespace_from_reader(&mut reader),
        capacity: BusCapacity::from_reader(&mut reader),
        admin: host.filter(|_| port != 0).map(|host| SocketAddr::new(host, port)),
        log_level: reader.text_or("LOG_LEVEL", "info"),
        log_style,
        traces: TraceConfig::from_reader(&mut reader, "tidegate-change-capture"),
    };
    match reader.finish(config) {
        // A fault of the database settings says more than that they are missing.
        Ok(_) if missing => Err(vec![Fault { name: "DB_HOST".to_owned(), expected: "where the database is".to_owned() }]),
        other => other,
    }
}

fn status_text(status: &Status) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if !status.installed {
        text.push_str("not installed\n");
    }
    match &status.leader {
        Some(leader) => writeln!(
            text,
            "leader           backend {} at {}, fence {}",
            leader.backend,
            leader.address.as_deref().unwrap_or("a local socket"),
            leader.fence.map_or_else(|| "unknown".to_owned(), |fence| fence.to_string())
        )?,
        None => text.push_str("leader           none\n"),
    }
    if let (Some(epoch), Some(notify)) = (status.epoch, &status.notify) {
        writeln!(text, "epoch            {epoch}\nnotify           {notify}")?;
    }
    writeln!(text, "event triggers   {}", if status.event_triggers { "yes" } else { "no: schema changes are found by looking" })?;
    writeln!(
        text,
        "outbox           {} events waiting{}, {} bytes",
        status.outbox_events,
        status.outbox_oldest_milliseconds.map(|age| format!(", the oldest for {age} ms")).unwrap_or_default(),
        status.outbox_bytes
    )?;
    writeln!(text, "captured         {} tables", status.tables.captured.len())?;
    for table in &status.tables.captured {
        writeln!(text, "  {} (key {})", table.collection, table.key)?;
    }
    writeln!(text, "not captured     {} tables", status.tables.skipped.len())?;
    for table in &status.tables.skipped {
        writeln!(text, "  {} ({})", table.collection, table.reason)?;
    }
    Ok(text)
}

fn settings_text() -> String {
    let all = [DATABASE_SETTINGS, BUS_SETTINGS, CAPTURE_SETTINGS, crate::BUS_CAPACITY_SETTINGS, PROCESS_SETTINGS, trace::SETTINGS].concat();
    let lines: String = all.iter().map(|setting| format!("  {:<32} {} [{}]\n", setting.name, setting.help, setting.default)).collect();
    format!("Settings (environment variables; durations take a unit, such as 10s or 500ms):\n{lines}")
}

/// Writes to standard output; a closed pipe is nobody's fault.
fn say(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn faults(pairs: &[(&str, &str)], needs_bus: bool) -> Vec<String> {
        let lookup: BTreeMap<String, String> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&lookup, needs_bus).map(|_| Vec::new()).unwrap_or_else(|faults| faults.into_iter().map(|fault| fault.name).collect())
    }

    #[test]
    fn every_fault_is_named_and_only_run_needs_a_bus() {
        let database = [("DB_HOST", "h"), ("DB_USER", "u"), ("DB_DATABASE", "d")];
        assert!(faults(&database, false).is_empty());
        assert_eq!(faults(&database, true), ["REDIS"]);
        assert_eq!(faults(&[], false), ["DB_HOST"]);
        let wrong = [("DB_CLIENT", "sqlite3"), ("CAPTURE_NOTIFY", "x"), ("CAPTURE_ADMIN_PORT", "70000"), ("LOG_STYLE", "x"), ("HOST", "x")];
        assert_eq!(faults(&wrong, true), ["DB_CLIENT", "REDIS", "CAPTURE_ADMIN_PORT", "HOST", "LOG_STYLE", "CAPTURE_NOTIFY"]);
    }

    #[test]
    fn help_names_every_setting_once() {
        let text = settings_text();
        for setting in [DATABASE_SETTINGS, BUS_SETTINGS, CAPTURE_SETTINGS, PROCESS_SETTINGS, trace::SETTINGS].concat() {
            assert_eq!(text.matches(&format!("  {} ", setting.name)).count(), 1, "{}", setting.name);
        }
    }
}
