//! Capture against real servers: one private Postgres per test binary with a database per test, real Redis servers.
//!
//! Nothing here sleeps to wait for something: the worker's own `synchronise` is the barrier, or a condition with a
//! deadline.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever was not expected fails the test")]

mod bus_contract;
mod bus_repair;
mod capture;
mod drain;
mod evolution;
mod failover;
mod harness;
mod program;
mod schema;
mod secrets;
mod tls;
