//! What every integration test stands on: one runtime, one private Postgres, started gateways, and clients.
//!
//! It must never reach into the gateway's insides: servers are started as a user starts them and spoken to over sockets.
//!
//! Tests share one runtime (and one Postgres) per run of this binary, because a server that one test started has to
//! outlive that test. Heavy tests take [`alone`], so that they do not disturb the timing of others.

pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod raw;
pub(crate) mod socket;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use anyhow::Result;
use service_runtime::Tasks;
use service_runtime::config::{Environment, Lookup as _};
use tokio::runtime::Runtime;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// Every background task of the tests.
pub(crate) static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::new);
static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(Environment::read);
static MACHINE: RwLock<()> = RwLock::const_new(());

/// Runs a test on the shared runtime. An error fails it with its whole chain.
pub(crate) fn run(test: impl Future<Output = Result<()>>) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());
    if let Err(error) = runtime.block_on(test) {
        panic!("{error:#}");
    }
}

/// The machine, shared with other tests.
pub(crate) async fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}

/// The machine for one test alone.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}

/// A variable of the environment that the tests were started with.
pub(crate) fn variable(name: &str) -> Option<String> {
    ENVIRONMENT.get(name)
}

/// A folder for logs of this run, kept for reading after a failure. Folders of earlier runs are removed.
pub(crate) fn log_folder() -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let parent = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("it-logs");
        for old in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            let alive = old.file_name().to_str().is_some_and(|pid| PathBuf::from("/proc").join(pid).exists());
            if !alive {
                let _taken_by_another_run = std::fs::remove_dir_all(old.path());
            }
        }
        let folder = parent.join(std::process::id().to_string());
        std::fs::create_dir_all(&folder).unwrap();
        folder
    });
    FOLDER.clone()
}

/// Waits until `condition` gives a value, at most `limit`.
///
/// # Errors
/// When time is up; `what` names what did not come true.
pub(crate) async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        anyhow::ensure!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
