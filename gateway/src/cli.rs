//! The command line: `serve`, `standalone`, `dev`, `bootstrap`, `health`, `probe`, and the settings as text.
//!
//! It must never start anything before the whole configuration is valid; faults end the process with code 64.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_runtime::config::{Environment, Fault, Reader, Setting, parse_env_file};
use service_runtime::{CancellationToken, Tasks, signals};

use change_capture::bus::BusCapacity;
use change_capture::config::worker_database_from_reader;
use change_capture::worker::WorkerConfig;

use crate::app::{self, Run, Worker};
use crate::bootstrap::{self, AdminSettings};
use crate::config::{Config, Role, SETTINGS};
use crate::database::Database;
use crate::dev::{self, DevOptions};
use crate::logs::{self, Lines};
use crate::probe::{self, Found, ProbeOptions};

/// `EX_USAGE`: the configuration is not usable.
const USAGE: u8 = 64;

/// A realtime gateway that speaks the Directus protocol over Postgres and Redis.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, after_long_help = settings_text(), max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A stateless node: many of them on one Redis, beside at least one `change-capture run`.
    Serve,
    /// Node, change-capture worker and in-process bus in one process, on the database of DB_*.
    Standalone,
    /// `standalone` with a private Postgres, a demo collection and a page to look at.
    Dev(DevOptions),
    /// Creates the system tables and an administrator on an empty database; changes nothing on one that Directus manages.
    Bootstrap,
    /// Succeeds when the node of this machine is ready; the health check of a container.
    Health,
    /// Connects to a node as a client and subscribes; with PROBE_TOKEN as access token.
    Probe(ProbeOptions),
    /// Prints every setting as Markdown.
    Settings,
    /// Prints every metric of both programs as Markdown.
    Metrics,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = environment();
    match cli.command {
        Command::Serve => with_config(&environment, Role::Serve, |config, capacity, lines| {
            block_on(async |tasks, shutdown| {
                app::run(Run { config, capacity, worker: Worker::Elsewhere, page: None, ready: None, lines }, tasks, shutdown).await
            })
        }),
        Command::Standalone => with_config(&environment, Role::Standalone, |config, capacity, lines| {
            let mut reader = Reader::new(&environment);
            // Behind a pooler the worker needs a way of its own, embedded or not.
            let database = worker_database_from_reader(&mut reader).unwrap_or_else(|| config.database.connection.clone());
            let worker = WorkerConfig::from_reader(&mut reader, database);
            match reader.finish(worker) {
                Err(faults) => usage(&faults),
                Ok(worker) => block_on(async |tasks, shutdown| {
                    app::run(
                        Run { config, capacity, worker: Worker::Embedded(Box::new(worker)), page: None, ready: None, lines },
                        tasks,
                        shutdown,
                    )
                    .await
                }),
            }
        }),
        Command::Dev(options) => block_on(async |tasks, shutdown| dev::run(options, &environment, tasks, shutdown).await),
        Command::Bootstrap => with_config(&environment, Role::Standalone, |config, _, _| {
            let admin = AdminSettings::read(&environment);
            block_on(async |_, _| {
                let database = Database::new(&config.database)?;
                let outcome = bootstrap::bootstrap(&database, admin).await?;
                say(&format!("{outcome}\n"));
                Ok(())
            })
        }),
        Command::Health => {
            with_config(&environment, Role::Standalone, |config, _, _| block_on(async |tasks, _| probe::health(&config, &tasks).await))
        }
        Command::Probe(options) => block_on(async |_, _| {
            say(&match probe::probe(&options, probe::token(&environment)).await? {
                Found::AsksForCredentials => format!("{} answers and asks for credentials; PROBE_TOKEN is not set\n", options.url),
                Found::Subscribed { items } => format!("subscribed to {}: {items} items\n", options.collection),
                Found::Delivered { after } => {
                    format!("subscribed to {}; a new item came back as an event after {after:.1?}\n", options.collection)
                }
            });
            Ok(())
        }),
        Command::Settings => {
            say(&settings_markdown());
            ExitCode::SUCCESS
        }
        Command::Metrics => {
            say(&crate::metrics::markdown());
            ExitCode::SUCCESS
        }
    }
}

/// The process environment with the `.env` file on top.
fn environment() -> Environment {
    let environment = Environment::read();
    let path: PathBuf = Config::env_file(&environment);
    match std::fs::read_to_string(&path) {
        Ok(text) => environment.with(parse_env_file(&text)),
        Err(_) => environment,
    }
}

fn with_config(environment: &Environment, role: Role, then: impl FnOnce(Config, BusCapacity, Option<Lines>) -> ExitCode) -> ExitCode {
    let config = match Config::read(environment, role) {
        Ok(config) => config,
        Err(faults) => return usage(&faults),
    };
    let mut reader = Reader::new(environment);
    let capacity = BusCapacity::from_reader(&mut reader);
    let capacity = match reader.finish(capacity) {
        Ok(capacity) => capacity,
        Err(faults) => return usage(&faults),
    };
    let (lines, traces) = logs::start(&config);
    for name in Config::unknown_names(environment) {
        tracing::warn!(name, "this setting is not known; is it misspelt?");
    }
    let code = then(config, capacity, lines);
    traces.finish();
    code
}

/// Runs `work` on the runtime until it ends or a signal asks it to.
fn block_on<F: Future<Output = anyhow::Result<()>>>(work: impl FnOnce(Tasks, CancellationToken) -> F) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let (tasks, shutdown) = (Tasks::new(), CancellationToken::new());
    let outcome = runtime.block_on(signals::until_second_signal(work(tasks, shutdown.clone()), shutdown));
    // A password hash that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(Some(Ok(()))) => ExitCode::SUCCESS,
        Ok(Some(Err(error))) => {
            complain(&format!("gateway: {error:#}\n"));
            ExitCode::FAILURE
        }
        // What was in work is cut off, as whoever asked twice wanted.
        Ok(None) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("cannot listen for signals: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn usage(faults: &[Fault]) -> ExitCode {
    let list: String = faults.iter().map(|fault| format!("  {fault}\n")).collect();
    complain(&format!("gateway: the configuration cannot work; expected:\n{list}"));
    ExitCode::from(USAGE)
}

/// All settings of this program.
fn settings() -> Vec<&'static Setting> {
    let mut all: Vec<&Setting> = SETTINGS.iter().collect();
    let shared = change_capture::SETTINGS.iter().chain(change_capture::BUS_CAPACITY_SETTINGS).chain(service_runtime::trace::SETTINGS);
    all.extend(shared.filter(|setting| !SETTINGS.iter().any(|own| own.name == setting.name)));
    all
}

fn settings_text() -> String {
    let lines = settings().into_iter().map(|setting| format!("  {:<44} {} [{}]\n", setting.name, setting.help, setting.default));
    format!(
        "Settings (environment variables; a unit such as 10s or 500ms is exact, a bare number of 1000 or more is milliseconds, a smaller one seconds):\n{}",
        lines.collect::<String>()
    )
}

/// `docs/configuration.md`; a test compares the file with this.
#[must_use]
pub fn settings_markdown() -> String {
    let mut text = String::from(
        "# Settings\n\nMade by `gateway settings`; a test keeps it true. All are environment variables, or lines of the file that `CONFIG_PATH` names.\n\
         Durations with a unit (`10s`, `500ms`, `15m`, `7d`) are exact; a bare number of 1000 or more is milliseconds, a smaller one seconds.\n\n\
         | name | default | meaning |\n|---|---|---|\n",
    );
    for setting in settings() {
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        text.push_str(&format!("| `{}` | {default} | {} |\n", setting.name, setting.help));
    }
    text
}

/// Writes to standard output; a closed pipe is nobody's fault.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_document_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text == settings_markdown(), "docs/configuration.md is old: gateway settings > docs/configuration.md");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
