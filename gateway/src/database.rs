//! The door to Postgres: the only module of the gateway that executes SQL.
//!
//! It must never take a data value into SQL text ([`access::statement::Statement`] carries values as parameters), let the
//! server's own words reach a client ([`sqlstate`] translates), or wait without a bound.
//!
//! ```text
//! Statement ──▶ pool (bounded wait) ──▶ connection (statements prepared once per text, least recently used are dropped)
//!                                          └─▶ rows, or DatabaseError ──sqlstate──▶ Refusal (what a client may know)
//! ```

pub mod catalog;
mod codec;
mod error;
mod execute;
mod pool;
pub mod sqlstate;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod together;
mod transaction;

pub use codec::RawText;
pub use error::{DatabaseError, SqlError};
pub use execute::{Cause, Database, PoolState};
pub use tokio_postgres::Row;
pub use transaction::Transaction;
