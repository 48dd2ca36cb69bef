//! One open socket: what is read, what is written, who speaks, and when it ends.
//!
//! ```text
//!            ┌──────────────── lifecycle (one task per connection) ────────────────┐
//! socket ──▶ │ reader ─▶ Conversation::message ─▶ … ─▶ Session::queue ─▶ writer    │ ──▶ socket
//!            │ clocks: handshake, token expiry, heartbeat                          │
//!            └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! It must never know what a message means: that is the endpoint's [`endpoint::Conversation`].
//!
//! Idle cost of one connection: its task (under 1.5 KiB with reader, writer and clocks, which tests check), the
//! [`session::Session`] and its identity, one timer; about 5 KB of resident memory in all, its subscription included. Nothing is buffered while nothing
//! arrives, and nothing is queued while the client reads. What is only needed while a message is handled, while a socket is
//! full or at the end is boxed; what is handed from one async function to the next is lent.

pub mod bearers;
mod clocks;
pub mod endpoint;
pub mod frame;
pub mod lifecycle;
pub mod open;
mod reader;
pub mod send_queue;
pub mod session;
mod standing;
#[cfg(test)]
mod testing;
