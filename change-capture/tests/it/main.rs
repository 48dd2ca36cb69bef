//! Capture against real servers: one private Postgres per test binary with a database per test, real Redis servers.
//!
//! Nothing here sleeps to wait for something: the worker's own `synchronise` is the barrier, or a condition with a
//! deadline.

mod bus_contract;
mod capture;
mod drain;
mod failover;
mod harness;
mod schema;
