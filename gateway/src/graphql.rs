//! GraphQL over the socket and over HTTP: the same engine and the same gate as everywhere else, in another language.
//!
//! ```text
//! reader ─▶ GraphQlConversation (limit, envelope, auth, connection_init) ─▶ task: schema ─▶ prepare ─▶ items │ subscription
//! POST /graphql ────────────────────────────────────────────────────────▶        schema ─▶ prepare ─▶ items
//! ```
//!
//! A document becomes calls of the items service and subscriptions of the registry, with plans under the caller's
//! permissions: it must never reach rows in another way, and never show an error that did not pass through the one table
//! of errors.

pub(crate) mod answer;
mod conversation;
mod endpoint;
mod execute;
mod initialise;
mod operations;
mod schemas;
mod subscribe;

pub use endpoint::GraphQlEndpoint;
pub use execute::{Caller, Order, execute};
pub use schemas::{NotPrepared, Schemas, prepare};
