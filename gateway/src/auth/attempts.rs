//! Failed logins, counted per user, and one-time passwords that have been used.
//!
//! It must never grow without a bound: the users seen longest ago are forgotten. The count is one node's; several nodes
//! together allow as many times more attempts before the user is suspended.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use uuid::Uuid;

const USERS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

pub(super) struct Attempts(Mutex<LruCache<Uuid, Record>>);

#[derive(Default)]
struct Record {
    attempts: u32,
    /// The time step of the last one-time password that was accepted.
    otp_step: Option<u64>,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(USERS)))
    }

    /// One more attempt; returns how many there have been since the last success, this one included.
    pub(super) fn begin(&self, user: Uuid) -> u32 {
        self.with(user, |record| {
            record.attempts = record.attempts.saturating_add(1);
            record.attempts
        })
    }

    /// The user has proved himself.
    pub(super) fn succeed(&self, user: Uuid) {
        self.with(user, |record| record.attempts = 0);
    }

    /// Uses up the one-time password of `step`; false when it, or a later one, has been used before.
    pub(super) fn use_otp(&self, user: Uuid, step: u64) -> bool {
        self.with(user, |record| {
            let fresh = record.otp_step.is_none_or(|last| step > last);
            if fresh {
                record.otp_step = Some(step);
            }
            fresh
        })
    }

    fn with<T>(&self, user: Uuid, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(records.get_or_insert_mut(user, Record::default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_count_until_success_and_codes_work_once() {
        let attempts = Attempts::new();
        let user = Uuid::new_v4();
        assert_eq!((attempts.begin(user), attempts.begin(user)), (1, 2));
        attempts.succeed(user);
        assert_eq!(attempts.begin(user), 1);
        assert!(attempts.use_otp(user, 10));
        assert!(!attempts.use_otp(user, 10));
        assert!(!attempts.use_otp(user, 9));
        assert!(attempts.use_otp(user, 11));
    }
}
