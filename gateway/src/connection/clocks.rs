//! The clocks of one connection: time to authenticate, the end of its token, and the heartbeat.
//!
//! Each connection has its own, started when it opened, so that a restart of thousands does not make them ping in step.
//! It must never end by itself: it speaks through the session's queue and is dropped with the connection.
//!
//! Cost: one timer per connection, two wake-ups per heartbeat period.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng as _;
use tokio::time::Instant;

use crate::config::AuthMode;
use crate::connection::endpoint::{Endpoint, RightsChange};
use crate::connection::session::Session;
use crate::connection::standing::Clock;
use crate::error::{ClientError, CloseReason};
use crate::protocol::server::{self, MessageType};

/// The first ping comes after this part of a period at least, and one period at most.
const FIRST_PING: f64 = 0.75;
/// The longest sleep: wall clocks are set, and machines sleep.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Runs the clocks until it is dropped.
pub(super) async fn run<E: Endpoint>(endpoint: &E, session: &Arc<Session>, period: Option<Duration>) -> Infallible {
    let mut heartbeat: Option<Heartbeat> = None;
    loop {
        let changed = session.changed.notified();
        if session.queue().is_closed() {
            // The writer has the last word now.
            std::future::pending::<()>().await;
        }
        let now = Instant::now();
        let mut wake = now + LONGEST;
        let authentication = match session.clock() {
            Clock::Handshake { until } | Clock::Grace { until } => Some(until),
            Clock::FirstAuthentication | Clock::Open => None,
        };
        if let Some(until) = authentication {
            if until <= now {
                time_out(endpoint, session).await;
                continue;
            }
            wake = wake.min(until);
        }
        if let Some(until) = session.introduction() {
            if until <= now {
                session.queue().close(CloseReason::InitialisationTimedOut);
                continue;
            }
            wake = wake.min(until);
        }
        if let Some(left) = session.expires_at().map(until_expiry) {
            if let Some(reason) = session.kind().lapse().filter(|_| left.is_zero()) {
                session.queue().close(reason);
                continue;
            }
            if left.is_zero() {
                session.expire(endpoint.public(session));
                session.send(server::error(MessageType::Auth, &ClientError::TokenExpired, None));
                // Boxed, as below: it is large, and rare.
                Box::pin(endpoint.rights_changed(session, RightsChange::Expired)).await;
                continue;
            }
            wake = wake.min(now + left);
        }
        if let Some(period) = period.filter(|_| !session.must_authenticate()) {
            let beat = heartbeat.get_or_insert_with(|| Heartbeat::new(now, period));
            beat.at(now, session);
            wake = wake.min(beat.next);
        }
        // Both are cancel-safe; a change between the look and here has left its permit.
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = changed => {}
        }
    }
}

/// No authentication in time.
async fn time_out<E: Endpoint>(endpoint: &E, session: &Arc<Session>) {
    if let Some(reason) = session.kind().lapse() {
        session.queue().close(reason);
        return;
    }
    let first = session.must_authenticate();
    session.send(server::error(MessageType::Auth, &ClientError::AuthTimeout, None));
    if first || session.mode() != AuthMode::Public {
        session.queue().close(CloseReason::AuthenticationTimedOut);
        return;
    }
    session.identify(endpoint.public(session));
    Box::pin(endpoint.rights_changed(session, RightsChange::Lost)).await;
}

/// From now to the end of a token; zero from its very second on.
fn until_expiry(end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO)
}

/// Pings, and whether they were answered.
#[derive(Debug)]
struct Heartbeat {
    period: Duration,
    next: Instant,
    /// What had been received when the last ping went out.
    pinged_at: Option<u64>,
}

impl Heartbeat {
    fn new(now: Instant, period: Duration) -> Self {
        Self { period, next: now + period.mul_f64(rand::rng().random_range(FIRST_PING..=1.0)), pinged_at: None }
    }

    /// Sends a ping when its time has come, or ends a connection from which not one byte came since the last.
    fn at(&mut self, now: Instant, session: &Session) {
        if now < self.next {
            return;
        }
        let received = session.received();
        if self.pinged_at == Some(received) {
            session.queue().close(CloseReason::HeartbeatMissed);
        } else {
            session.send(session.kind().ping());
        }
        self.pinged_at = Some(received);
        self.next = now + self.period;
    }
}
