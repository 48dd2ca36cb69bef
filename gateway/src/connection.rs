//! One open socket: what is read, what is written, who speaks, and when it ends.
//!
//! ```text
//! socket ─▶ reader ─▶ command::dispatch ─▶ send_queue ─▶ socket
//!              └──── lifecycle owns all three and the timers (handshake, expiry, heartbeat)
//! ```
//!
//! It must never know what a message means; that is `command`.

pub mod frame;
pub mod send_queue;
