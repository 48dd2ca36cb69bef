//! Who listens to log lines on this node.
//!
//! It must never wait for a listener.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::level::Level;
use super::record::Published;
use crate::connection::send_queue::SendQueue;
use crate::connection::session::ConnectionId;
use crate::protocol::logs;

/// The listeners of this node.
#[derive(Debug, Default)]
pub struct Hub {
    /// Guards the map only.
    listeners: Mutex<HashMap<ConnectionId, Listener>>,
}

#[derive(Debug)]
struct Listener {
    least: Level,
    queue: Arc<SendQueue>,
}

impl Hub {
    /// `connection` gets every line of `least` and above from now on.
    pub fn listen(&self, connection: ConnectionId, least: Level, queue: Arc<SendQueue>) {
        self.listeners().insert(connection, Listener { least, queue });
    }

    /// `connection` gets no more lines.
    pub fn leave(&self, connection: ConnectionId) {
        self.listeners().remove(&connection);
    }

    /// Hands a line from the bus to its listeners. What is no line is ignored.
    pub fn deliver(&self, payload: &[u8]) {
        let listeners = self.listeners();
        if listeners.is_empty() {
            return;
        }
        let Ok(line) = serde_json::from_slice::<Published>(payload) else { return };
        let frame = logs::line(&line.log, &line.node_id);
        for listener in listeners.values().filter(|listener| listener.least.number() <= line.log.level) {
            // A closed listener is removed by its owner.
            let _sent = listener.queue.send(frame.clone());
        }
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<ConnectionId, Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
