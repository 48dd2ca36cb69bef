//! What the messages of `/websocket` do: one file per type.
//!
//! ```text
//! reader ──bytes──▶ RestConversation (in order: limit, envelope, auth, ping, unsubscribe) ──task──▶ items, subscribe
//! ```
//!
//! It must never answer a message with silence, and never read the next message of a client that has as many operations
//! in work as it may: the client waits in its socket.

mod auth;
mod dispatch;
mod items;
mod subscribe;

pub use dispatch::{RestConversation, RestEndpoint};
