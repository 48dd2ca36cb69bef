//! The wire: what a client may say and what it is told, as pure values and bytes.
//!
//! It must never do I/O, look at the schema or decide about permissions; only this module and `change-event` define wire
//! JSON. A message is read in two steps: [`envelope`] (is it a message at all?), then the module of its type.

pub mod auth;
pub mod envelope;
pub mod graphql;
mod issue;
pub mod items;
pub mod logs;
mod number;
pub mod server;
pub mod subscribe;
pub mod subscription;
mod uid;
pub mod unsubscribe;

pub use uid::Uid;
