//! The one way to wait between attempts: exponential, jittered, capped.
//!
//! It must never give up on its own; the caller decides when to stop.

use std::time::Duration;

use rand::Rng;

/// Exponential back-off with full jitter. Each call of [`Backoff::next_delay`] doubles the ceiling until `max`.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    attempt: u32,
}

impl Backoff {
    /// A back-off whose first ceiling is `first` and whose last is `max`.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, attempt: 0 }
    }

    /// Starts over after a success.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// How many delays were handed out since the last reset.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempt
    }

    /// The next delay: uniform between half the ceiling and the ceiling, so that a herd spreads out but nobody spins.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.first.saturating_mul(1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(self.max);
        self.attempt = self.attempt.saturating_add(1).min(30);
        ceiling.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Waits for the next delay.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_delay()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_maximum_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
        let delays: Vec<_> = (0..40).map(|_| backoff.next_delay()).collect();
        assert!(delays[0] <= Duration::from_millis(10));
        assert!(delays.iter().all(|delay| *delay <= Duration::from_millis(100)));
        assert!(delays[39] >= Duration::from_millis(50));
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(10));
    }
}
