//! Runs the scripts of `tests/sdk` under Node, with their packages installed once per lock file.
//!
//! It must never count a script that broke off as passed: the last line says how many checks there were.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// One line of a script.
#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) ok: bool,
    pub(crate) detail: String,
}

/// Runs a script to its end and gives its checks.
pub(crate) async fn run_script(script: &str, arguments: &[&str], environment: &[(&str, String)], limit: Duration) -> Result<Vec<Check>> {
    let folder = FOLDER.get_or_try_init(install).await?;
    let mut command = Command::new("node");
    command.arg(script).args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    let (output, errors) = finish(command, folder, limit).await?;
    let mut lines: Vec<&str> = output.lines().collect();
    let last: serde_json::Value = lines.pop().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let checks: Vec<Check> =
        lines.iter().map(|line| serde_json::from_str(line).with_context(|| line.to_string())).collect::<Result<_>>()?;
    ensure!(
        last["done"].as_u64() == u64::try_from(checks.len()).ok(),
        "{script} broke off after {} checks:\n{output}\n{errors}",
        checks.len()
    );
    ensure!(!checks.is_empty(), "{script} checks nothing");
    Ok(checks)
}

/// A folder with the scripts and their packages. Node looks for packages beside the script, so the scripts are copied.
async fn install() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let lock = std::fs::read(source.join("package-lock.json"))?;
    let mut hash = DefaultHasher::new();
    lock.hash(&mut hash);
    let mut name = String::from("sdk-");
    write!(name, "{:016x}", hash.finish())?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(&source)?.flatten().filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    let complete = folder.join("node_modules/.complete");
    if !complete.exists() {
        let mut command = Command::new("npm");
        command.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        finish(command, &folder, INSTALL_LIMIT).await.context("npm ci")?;
        std::fs::write(complete, "")?;
    }
    Ok(folder)
}

async fn finish(mut command: Command, folder: &Path, limit: Duration) -> Result<(String, String)> {
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(limit, command.output())
        .await
        .with_context(|| format!("not within {limit:?}: {command:?}"))?
        .context("is it installed?")?;
    let [out, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "{command:?} ended with {}:\n{out}\n{errors}", output.status);
    Ok((out, errors))
}
