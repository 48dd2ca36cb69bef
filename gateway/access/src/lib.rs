//! The pure core of the gateway: what exists (schema overview), what is asked (query), who may (permissions), and the two
//! ways to answer: SQL text for Postgres and an in-memory match of a row image.
//!
//! No tokio, no I/O, no clock, no environment: everything is a value that the caller passes in. That absence is enforced by
//! the crate boundary and is what lets the core be property-tested and fuzzed. Permissions are applied here, while a
//! [`plan::ReadPlan`] is built, and nowhere else: SQL and matcher only execute plans.
//!
//! ```text
//! JSON query ─query─▶ Query ─planner (schema + permissions + variables)─▶ ReadPlan ─┬─sql─▶ Statement (text + parameters)
//!                                                                                  └─row─▶ Membership, Projection, Order (over row images)
//! JSON payload ─payload (schema + permissions + variables)─▶ checked, preset, cast values ─▶ Statement
//! ```

pub mod accountability;
pub mod payload;
pub mod permission;
pub mod plan;
pub mod planner;
pub mod query;
pub mod refusal;
pub mod row;
pub mod schema;
pub mod sql;
pub mod statement;
pub mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod variables;
