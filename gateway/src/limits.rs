//! How much of everything one connection, one user, one address, one node and the whole cluster may have.
//!
//! ```text
//! message ─▶ FixedWindow (per connection) ─▶ Rate per address ─▶ Rate per user ─▶ command
//! upgrade ─▶ Rate per address ─▶ counts: per node, per address, per cluster ─▶ credentials ─▶ counts: per user
//! login   ─▶ failures per address ─▶ attempts per user ─▶ password
//!                     │ beside all that, ten times a second
//!                     ▼
//!            exchange ◀──▶ Redis: what all nodes together have used
//! ```
//!
//! Every node enforces every limit by itself, and knows of the others' use as of the last exchange; without Redis a limit
//! holds per node. `docs/limits.md` is the table for operators and clients.
//!
//! Bounds of memory live where the memory is: the reader caps messages, the send queue caps what waits, `OpenConnections`
//! caps sockets, the listener caps TCP connections; [`MessageMemory`] caps what all messages of a node hold together.

mod counts;
mod enforce;
mod exchange;
mod fixed_window;
mod gate;
mod key;
mod logins;
mod memory;
mod rate;
mod reason;
mod shared;

pub use enforce::{Hold, Limits, LoginTry};
pub use exchange::exchange;
pub use fixed_window::FixedWindow;
pub use gate::MessageGate;
pub use memory::{Exhausted, MemoryShare, MessageMemory};
pub use rate::Limited;
pub use reason::LimitReason;
pub use shared::SharedPlace;
