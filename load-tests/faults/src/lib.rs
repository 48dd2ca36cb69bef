//! The fault suite: writers, clients and a deployment of real processes, while one thing after another goes wrong.
//!
//! ```text
//! writers ──SQL, COPY, socket, HTTP──▶ cluster (3 nodes, 2 workers, Redis, PostgreSQL, a proxy on each link) ◀── fault
//!    │                              │
//!    └─▶ history, kept by triggers  └─▶ clients: fold what they hear into views
//!              └──────────▶ judge ◀──────────┘        grants: who may read what, at each moment
//! ```
//! At the end of each slice every view must equal a SELECT under its user's permissions, and every event must be one that the
//! history calls for: none lost, none twice, none out of order, none to somebody who could not read it then.
//!
//! It must never reach into the product: programs are started as an operator starts them, and spoken to over sockets.

mod client;
mod clock;
mod cluster;
mod fault;
mod grants;
mod history;
mod http;
mod judge;
mod proxy;
mod relation;
mod report;
mod rule;
mod run;
mod socket;
mod writers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use service_runtime::Tasks;

pub use fault::Fault;
pub use report::Report;

/// What to run.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Replays the random choices of an earlier run; timing differs.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long new faults are injected.
    #[arg(long, default_value_t = 10.0)]
    pub minutes: f64,
    /// An hour, with more of each fault.
    #[arg(long)]
    pub long: bool,
    /// Only this fault; may be repeated.
    #[arg(long, value_enum)]
    pub only: Vec<Fault>,
    /// How often a fault happens before everything is checked.
    #[arg(long, default_value_t = 3)]
    pub episodes: usize,
    /// Writes that are begun per second.
    #[arg(long, default_value_t = 60.0)]
    pub rate: f64,
    /// The gateway's program; by default the one beside this program.
    #[arg(long)]
    pub gateway: Option<PathBuf>,
    /// The worker's program; by default the one beside this program.
    #[arg(long)]
    pub worker: Option<PathBuf>,
    /// Keeps the logs of the programs even where nothing was found.
    #[arg(long)]
    pub keep_logs: bool,
}

impl Options {
    fn length(&self) -> Duration {
        Duration::from_secs_f64(if self.long { 3600.0 } else { self.minutes * 60.0 })
    }
}

/// Runs the suite.
///
/// # Errors
/// When the deployment cannot be started or kept under control. What the product did wrong is no error but in the report.
pub async fn run(options: &Options, tasks: &Tasks) -> Result<Report> {
    Box::pin(run::run(options, tasks)).await
}

/// Writes to standard output; a closed pipe is nobody's fault.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _written = std::io::stdout().write_all(text.as_bytes());
}
