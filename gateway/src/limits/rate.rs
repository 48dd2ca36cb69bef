//! So many in so long a time, per key: by `governor` on this node, by a window in Redis on all nodes together.
//!
//! A node counts in memory and tells the others what it counted a few times a second (`exchange`); it must never ask Redis
//! before it lets something through. So nodes together may exceed a limit by what happens between two exchanges, and each
//! node by itself never does. Windows are aligned to the wall clock: nodes whose clocks differ share less of them.
//!
//! Cost: one look-up in a sharded map, and one under a lock while nodes share. Keys are bounded: beyond [`KEYS`] those that
//! are new share [`CROWD`] budgets.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota};

use super::key::Key;
use super::reason::LimitReason;
use crate::config::RatePerKey;

/// Keys of one limit that have a budget of their own.
const KEYS: usize = 100_000;
/// Budgets for all others.
const CROWD: u64 = 1024;
/// A key that used this part of its points since it last told is told at once.
const URGENT: u32 = 10;

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// Which.
    pub reason: LimitReason,
    /// When trying again can help.
    pub retry_after: Duration,
}

/// One limit over many keys.
pub(super) struct Rate {
    pub(super) name: &'static str,
    reason: LimitReason,
    points: u32,
    duration: Duration,
    node: DefaultKeyedRateLimiter<Key>,
    /// There are as many keys as there may be.
    full: AtomicBool,
    hasher: RandomState,
    /// What the cluster has used of the current windows; guards look-ups and the sums in them.
    windows: Mutex<HashMap<Key, Window>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: u64,
    /// Of all nodes, as Redis last said.
    total: u32,
    /// On the way to Redis.
    sent: u32,
    /// Of this node, nobody knows of it yet.
    unsent: u32,
}

/// What one key used on this node since it last told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) key: Key,
    pub(super) number: u64,
    pub(super) points: u32,
}

impl Rate {
    pub(super) fn new(name: &'static str, reason: LimitReason, rate: RatePerKey) -> Self {
        let points = rate.points.get();
        // The time in which one point returns; never zero.
        let period = (rate.duration / points).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(rate.points)).allow_burst(rate.points);
        Self {
            name,
            reason,
            points,
            duration: rate.duration,
            node: DefaultKeyedRateLimiter::keyed(quota),
            full: AtomicBool::new(false),
            hasher: RandomState::new(),
            windows: Mutex::default(),
        }
    }

    /// Takes one point of `key`; `shared` says whether other nodes' use counts.
    pub(super) fn take(&self, key: Key, shared: bool) -> Result<(), Limited> {
        let key = if self.full.load(Ordering::Relaxed) { Key::Crowd(self.crowd(key)) } else { key };
        if !shared {
            return self.take_here(key);
        }
        let (number, left) = self.window();
        let mut windows = self.windows();
        let room = windows.len() < KEYS;
        let known = windows.get(&key).filter(|window| window.number == number).copied();
        let mut window = known.unwrap_or(Window { number, ..Window::default() });
        if window.total.saturating_add(window.sent).saturating_add(window.unsent) >= self.points {
            return Err(Limited { reason: self.reason, retry_after: left });
        }
        self.take_here(key)?;
        if room || windows.contains_key(&key) {
            window.unsent += 1;
            windows.insert(key, window);
        }
        Ok(())
    }

    fn take_here(&self, key: Key) -> Result<(), Limited> {
        self.node
            .check_key(&key)
            .map_err(|not_until| Limited { reason: self.reason, retry_after: not_until.wait_time_from(self.node.clock().now()) })
    }

    /// What others do not know yet, to be handed to [`Rate::learn`] or [`Rate::forget`]. Without `all`, of those who used
    /// much.
    pub(super) fn unsent(&self, all: bool) -> Vec<Used> {
        let (number, _) = self.window();
        let mut used = Vec::new();
        self.windows().retain(|key, window| {
            if window.number != number {
                return false;
            }
            if window.unsent > 0 && window.sent == 0 && (all || window.unsent.saturating_mul(URGENT) >= self.points) {
                used.push(Used { key: *key, number, points: window.unsent });
                window.sent = std::mem::take(&mut window.unsent);
            }
            true
        });
        used
    }

    /// Redis knows; `total` is what all have used.
    pub(super) fn learn(&self, used: Used, total: u32) {
        if let Some(window) = self.windows().get_mut(&used.key).filter(|window| window.number == used.number) {
            (window.total, window.sent) = (total, 0);
        }
    }

    /// Redis could not be told: this node still knows.
    pub(super) fn forget(&self, used: Used) {
        if let Some(window) = self.windows().get_mut(&used.key).filter(|window| window.number == used.number) {
            window.total = window.total.saturating_add(std::mem::take(&mut window.sent));
        }
    }

    /// How long Redis has to keep a window.
    pub(super) const fn kept(&self) -> Duration {
        self.duration.saturating_mul(2)
    }

    /// Lets go of keys whose points have all returned.
    pub(super) fn sweep(&self, thorough: bool) {
        if thorough || self.node.len() >= KEYS {
            self.node.retain_recent();
            self.node.shrink_to_fit();
        }
        self.full.store(self.node.len() >= KEYS, Ordering::Relaxed);
    }

    /// The number of the current window, and how long it lasts.
    fn window(&self) -> (u64, Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let length = self.duration.as_millis().max(1);
        let left = length - now % length;
        (u64::try_from(now / length).unwrap_or(u64::MAX), Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)))
    }

    fn crowd(&self, key: Key) -> u16 {
        u16::try_from(self.hasher.hash_one(key) % CROWD).unwrap_or(0)
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Key, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const LONG: Duration = Duration::from_secs(100_000_000);

    fn rate(points: u32) -> Rate {
        let rate = RatePerKey { points: NonZeroU32::new(points).unwrap(), duration: LONG };
        Rate::new("test", LimitReason::MessagesPerUser, rate)
    }

    fn key(number: u128) -> Key {
        Key::User(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_node_alone_keeps_the_limit_per_key() {
        for shared in [false, true] {
            let rate = rate(3);
            assert!((0..3).all(|_| rate.take(key(1), shared).is_ok()));
            let limited = rate.take(key(1), shared).unwrap_err();
            assert_eq!(limited.reason, LimitReason::MessagesPerUser);
            assert!(limited.retry_after > Duration::ZERO);
            assert!(rate.take(key(2), shared).is_ok());
        }
    }

    #[test]
    fn what_others_used_counts() {
        let rate = rate(10);
        assert!((0..4).all(|_| rate.take(key(1), true).is_ok()));
        let used = rate.unsent(false);
        assert_eq!(used.len(), 1);
        assert_eq!(used[0].points, 4);
        assert!(rate.take(key(1), true).is_ok(), "while it is on its way");
        // Others used three.
        rate.learn(used[0], 7);
        assert!((0..2).all(|_| rate.take(key(1), true).is_ok()));
        assert!(rate.take(key(1), true).is_err());
        assert_eq!(rate.unsent(false)[0].points, 3, "what was refused is not counted");
    }

    #[test]
    fn what_could_not_be_told_still_counts_here() {
        let rate = rate(5);
        assert!((0..4).all(|_| rate.take(key(1), true).is_ok()));
        let used = rate.unsent(true);
        rate.forget(used[0]);
        assert!(rate.take(key(1), true).is_ok());
        assert!(rate.take(key(1), true).is_err());
    }

    #[test]
    fn little_is_told_now_and_then_and_much_at_once() {
        let rate = rate(100);
        assert!((0..9).all(|_| rate.take(key(1), true).is_ok()));
        assert!(rate.unsent(false).is_empty());
        assert!(rate.take(key(1), true).is_ok());
        assert_eq!(rate.unsent(false).len(), 1);
        assert!(rate.take(key(2), true).is_ok());
        assert_eq!(rate.unsent(true).len(), 1);
    }

    #[test]
    fn a_flood_of_keys_shares_budgets() {
        let rate = rate(1);
        for number in 0..KEYS as u128 {
            rate.take(key(number), false).unwrap();
        }
        rate.sweep(false);
        let accepted = (0..10_000).filter(|number| rate.take(key(1 << 64 | number), false).is_ok()).count();
        assert!(accepted <= usize::try_from(CROWD).unwrap(), "{accepted}");
        assert!(rate.node.len() <= KEYS + usize::try_from(CROWD).unwrap());
    }
}
