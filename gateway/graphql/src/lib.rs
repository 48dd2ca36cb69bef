//! The pure half of GraphQL: the schema that one set of permissions sees, and what a document means under it.
//!
//! No tokio, no I/O, no clock: a document becomes calls to the items engine, each with one query in the form that the
//! realtime protocol takes, and a shape that turns the engine's rows into the response. Permissions decide here only what
//! exists in the schema; whether a row or a field may be seen is decided by `access`, through the engine, as for every other
//! caller.
//!
//! ```text
//! overview + permissions ─▶ Schema (types) ─▶ sdl, introspection
//! document + variables ─prepare─▶ Prepared: root fields ─┬─ Call  ─▶ items engine: one statement each ─▶ rows
//!                                                        └─ Shape ◀───────────────────────────────────────┘ ─▶ Response
//! ```

mod collect;
mod document;
mod error;
mod input;
mod introspection;
mod measure;
mod meter;
mod prepared;
mod request;
mod response;
mod schema;
mod shape;
mod translate;
mod validate;

pub use error::{GraphqlError, Location, PathStep};
pub use prepared::{Call, EventKind, ItemKey, Prepared, RootField, Subscription};
pub use request::{Limits, Refused, Request, prepare};
pub use response::{Outcome, Response};
pub use schema::Schema;
pub use shape::Shape;
