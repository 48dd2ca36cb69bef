//! `faults`: runs the fault suite and prints its table.
//!
//! It must never end with 0 after a finding.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use faults::Options;
use service_runtime::Tasks;

/// Breaks a deployment on this machine in many ways, under load, and counts what was lost, doubled or leaked.
#[derive(Debug, Parser)]
#[command(name = "faults", version, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    options: Options,
    /// Writes the figures and findings as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let tasks = Tasks::new();
    let report = faults::run(&cli.options, &tasks).await?;
    {
        use std::io::Write as _;
        // A closed pipe is nobody's fault.
        let _written = std::io::stdout().write_all(report.table().as_bytes());
    }
    if let Some(path) = &cli.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
