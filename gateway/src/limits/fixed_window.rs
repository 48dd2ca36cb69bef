//! A fixed window of points: the rate limit of one connection.
//!
//! `governor` counts by GCRA, which lets a point through every `duration / points`; clients of this protocol are promised a
//! window that starts with their first message and returns all points at its end ("retry after 59991ms"), so the window is
//! ours. Directus keys its store by a random id per connection, so no other process ever shares a budget and the store
//! (memory or Redis) makes no difference: the window lives in the connection. It must never be extended by refused messages.
//!
//! Cost: two comparisons per message, 40 bytes per connection, no lock.

use std::time::Duration;

use tokio::time::Instant;

/// The points of one connection.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    points: u32,
    duration: Duration,
    /// When the current window ends; `None` before the first message.
    ends: Option<Instant>,
    used: u32,
}

impl FixedWindow {
    /// A full budget of `points` messages per `duration`.
    #[must_use]
    pub const fn new(points: u32, duration: Duration) -> Self {
        Self { points, duration, ends: None, used: 0 }
    }

    /// Takes one point.
    ///
    /// # Errors
    /// How long until the points return, when none is left.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let ends = match self.ends {
            Some(ends) if now < ends => ends,
            Some(_) | None => {
                self.used = 0;
                *self.ends.insert(now + self.duration)
            }
        };
        if self.used >= self.points {
            return Err(ends - now);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_return_at_the_end_of_the_window() {
        let second = Duration::from_secs(1);
        let mut window = FixedWindow::new(2, 10 * second);
        let start = Instant::now();
        assert_eq!(window.take(start), Ok(()));
        assert_eq!(window.take(start + 9 * second), Ok(()));
        assert_eq!(window.take(start + 9 * second), Err(second));
        assert_eq!(window.take(start + 9 * second + second / 2), Err(second / 2), "a refusal does not move the window");
        assert_eq!(window.take(start + 10 * second), Ok(()));
        assert_eq!(window.take(start + 19 * second), Ok(()));
        assert_eq!(window.take(start + 19 * second), Err(second));
        assert_eq!(window.take(start + 100 * second), Ok(()), "the next window starts with the next message");
        assert_eq!(window.take(start + 109 * second), Ok(()));
        assert_eq!(window.take(start + 109 * second), Err(second));
    }
}
