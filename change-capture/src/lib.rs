//! Change capture: every committed change of every table, whoever made it, published in commit-safe order.
//!
//! ```text
//! any writer ─▶ statement trigger ─▶ outbox ─▶ worker (one leads, others stand by) ─▶ bus ─▶ feeds of the gateway nodes
//!               install/*.sql                  worker/*                               bus/*
//! ```
//!
//! - [`install`]: what Tidegate puts into the database, and takes out again.
//! - [`worker`]: the process that drains the outbox.
//! - [`bus`]: the way from the worker to the nodes, in one process or through Redis.
//! - [`config`]: the settings that worker and gateway share; [`tls`]: how they protect the ways to Postgres and Redis.
//!
//! It must never fail or delay a user's write beyond the insert into the outbox, and never lose, repeat or reorder a
//! committed change of a row without saying so.

pub mod bus;
pub mod cli;
pub mod config;
mod database;
pub mod install;
pub mod metrics;
pub mod tls;
pub mod worker;

use service_runtime::config::Setting;

pub use database::DatabaseError;
pub use metrics::CaptureMetrics;

/// Every `CAPTURE_` setting of the worker.
pub const SETTINGS: &[Setting] = config::CAPTURE_SETTINGS;
/// The settings that bound the bus.
pub const BUS_CAPACITY_SETTINGS: &[Setting] = bus::CAPACITY_SETTINGS;
