//! The way in of one connection's messages: its own window, then its address' budget, then its user's.
//!
//! It must never let a message through that costs more than looking at it: every endpoint asks here before it parses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::enforce::Limits;
use super::fixed_window::FixedWindow;
use super::reason::LimitReason;
use crate::config::RateLimit;

/// Counts the messages of one connection.
#[derive(Debug)]
pub struct MessageGate {
    limits: Arc<Limits>,
    window: Option<FixedWindow>,
}

impl MessageGate {
    /// A gate for a connection that may have `rate` messages by itself.
    #[must_use]
    pub fn new(limits: &Arc<Limits>, rate: Option<RateLimit>) -> Self {
        Self { limits: Arc::clone(limits), window: rate.map(|rate| FixedWindow::new(rate.points, rate.duration)) }
    }

    /// One message, of whom the connection belongs to now.
    ///
    /// # Errors
    /// How long until trying again can help, when one of the budgets is used up.
    pub fn admit(&mut self, user: Option<Uuid>, address: Option<IpAddr>) -> Result<(), Duration> {
        if let Some(Err(retry_after)) = self.window.as_mut().map(|window| window.take(Instant::now())) {
            self.limits.refused(LimitReason::MessagesPerConnection);
            return Err(retry_after);
        }
        self.limits.message(user, address).map_err(|limited| limited.retry_after)
    }
}
