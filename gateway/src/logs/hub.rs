//! Who listens to log lines on this node.
//!
//! It must never wait for a listener.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::level::Level;
use super::record::Published;
use crate::connection::send_queue::SendQueue;
use crate::connection::session::ConnectionId;
use crate::protocol::logs;

/// The listeners of this node.
#[derive(Debug)]
pub struct Hub {
    /// This node's name on its lines.
    node: Arc<str>,
    /// Guards the map only.
    listeners: Mutex<HashMap<ConnectionId, Listener>>,
}

#[derive(Debug)]
struct Listener {
    least: Level,
    /// Milliseconds since the Unix epoch: lines that this node wrote before are not the listener's.
    since: u64,
    queue: Arc<SendQueue>,
}

impl Hub {
    /// No listeners yet; `node` is the name of this node.
    #[must_use]
    pub fn new(node: Arc<str>) -> Self {
        Self { node, listeners: Mutex::default() }
    }

    /// `connection` gets every line of `least` and above from now on.
    pub fn listen(&self, connection: ConnectionId, least: Level, queue: Arc<SendQueue>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = u64::try_from(now.as_millis()).unwrap_or(0);
        self.listeners().insert(connection, Listener { least, since, queue });
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
        // Lines are on their way for a moment. Clocks of other nodes are not compared with ours.
        let own = *line.node_id == *self.node;
        let wanted = |listener: &&Listener| listener.least.number() <= line.log.level && !(own && line.log.time <= listener.since);
        for listener in listeners.values().filter(wanted) {
            // A closed listener is removed by its owner.
            let _sent = listener.queue.send(frame.clone());
        }
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<ConnectionId, Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
