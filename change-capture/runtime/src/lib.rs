//! What every Tidegate process does first: read its configuration, start telemetry, listen for signals, track its
//! tasks, serve its admin endpoints and wait between retries.
//!
//! It must never know what a gateway or a worker is: no domain types, no SQL, no Redis.

pub mod admin;
pub mod backoff;
pub mod config;
pub mod guarded_process;
pub mod metrics;
pub mod private_postgres;
pub mod signals;
pub mod tasks;
pub mod telemetry;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod trace;

pub use backoff::Backoff;
pub use tasks::Tasks;
pub use tokio_util::sync::CancellationToken;
