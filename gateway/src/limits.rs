//! What one connection may ask for in a given time.
//!
//! Bounds of memory live where the memory is: the reader caps messages, the send queue caps what waits, `OpenConnections`
//! caps sockets, the listener caps TCP connections.

mod fixed_window;

pub use fixed_window::FixedWindow;
