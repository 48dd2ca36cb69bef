//! Failed logins: how many an address may have, how many a user had since the last good one, and one-time passwords that
//! were used.
//!
//! A login costs a password hash, so asking Redis first costs nothing that matters, and the count is exact over all nodes.
//! What this node saw is counted here as well, and is what counts while Redis is away. It must never count a login that
//! succeeded, nor grow without a bound: those seen longest ago are forgotten.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lru::LruCache;
use uuid::Uuid;

use super::key::Key;
use super::rate::{Limited, Used};
use super::reason::LimitReason;
use super::shared::{Addition, Shared};
use crate::config::RatePerKey;

const USERS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const ADDRESSES: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// How long Redis remembers failed attempts of a user after the first.
const ATTEMPTS_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a one-time password could be used again.
const OTP_LIFE: Duration = Duration::from_secs(3 * 60);
const NAME: &str = "failed-logins";

pub(super) struct Logins {
    per_address: Option<RatePerKey>,
    users: Mutex<LruCache<Uuid, Record>>,
    /// The window and what was used of it.
    addresses: Mutex<LruCache<Key, (u64, u32)>>,
}

#[derive(Default)]
struct Record {
    attempts: u32,
    /// The time step of the last one-time password that was accepted.
    otp_step: Option<u64>,
}

impl Logins {
    pub(super) fn new(per_address: Option<RatePerKey>) -> Self {
        Self { per_address, users: Mutex::new(LruCache::new(USERS)), addresses: Mutex::new(LruCache::new(ADDRESSES)) }
    }

    /// A login of `address` begins. It counts as failed until [`Logins::succeeded`] says otherwise, so that many at once
    /// cannot pass a limit that none has reached yet.
    pub(super) async fn begin(&self, address: Key, shared: Option<&Shared>) -> Result<Option<Used>, Limited> {
        let Some(rate) = self.per_address else { return Ok(None) };
        let (number, left) = window(rate.duration);
        let used = Used { key: address, number, points: 1 };
        let limited = Limited { reason: LimitReason::FailedLogins, retry_after: left };
        {
            let mut addresses = lock(&self.addresses);
            let window = addresses.get_or_insert_mut(address, || (number, 0));
            if window.0 != number {
                *window = (number, 0);
            }
            if window.1 >= rate.points.get() {
                return Err(limited);
            }
            window.1 += 1;
        }
        if let Some(shared) = shared
            && let Some(total) = shared.add(&[Addition::of(NAME, used, 2 * rate.duration)]).await
            && total.first().is_some_and(|total| *total > i64::from(rate.points.get()))
        {
            self.give_back(used);
            return Err(limited);
        }
        Ok(Some(used))
    }

    /// The login was good.
    pub(super) async fn succeeded(&self, used: Used, shared: Option<&Shared>) {
        self.give_back(used);
        if let (Some(shared), Some(rate)) = (shared, self.per_address) {
            let back = Addition { points: -1, ..Addition::of(NAME, used, 2 * rate.duration) };
            let _away = shared.add(&[back]).await;
        }
    }

    /// One more attempt of a user; how many there have been since the last success, this one included.
    pub(super) async fn attempt(&self, user: Uuid, shared: Option<&Shared>) -> u32 {
        let here = self.record(user, |record| {
            record.attempts = record.attempts.saturating_add(1);
            record.attempts
        });
        let Some(shared) = shared else { return here };
        let more = Addition { name: attempts(user), points: 1, life: ATTEMPTS_LIFE };
        match shared.add(&[more]).await.and_then(|totals| u32::try_from(*totals.first()?).ok()) {
            Some(everywhere) => {
                // A success on another node counts here too.
                self.record(user, |record| record.attempts = everywhere);
                everywhere
            }
            None => here,
        }
    }

    /// The user has proved himself.
    pub(super) async fn proved(&self, user: Uuid, shared: Option<&Shared>) {
        self.record(user, |record| record.attempts = 0);
        if let Some(shared) = shared {
            shared.clear(&attempts(user)).await;
        }
    }

    /// Uses up the one-time password of `step`; false when it, or on this node a later one, has been used before.
    pub(super) async fn use_otp(&self, user: Uuid, step: u64, shared: Option<&Shared>) -> bool {
        let fresh = self.record(user, |record| {
            let fresh = record.otp_step.is_none_or(|last| step > last);
            if fresh {
                record.otp_step = Some(step);
            }
            fresh
        });
        match shared {
            Some(shared) if fresh => shared.take_once(&format!("otp:{user}:{step}"), OTP_LIFE).await.unwrap_or(true),
            Some(_) | None => fresh,
        }
    }

    fn give_back(&self, used: Used) {
        if let Some(window) = lock(&self.addresses).get_mut(&used.key).filter(|window| window.0 == used.number) {
            window.1 = window.1.saturating_sub(1);
        }
    }

    fn record<T>(&self, user: Uuid, change: impl FnOnce(&mut Record) -> T) -> T {
        change(lock(&self.users).get_or_insert_mut(user, Record::default))
    }
}

fn attempts(user: Uuid) -> String {
    format!("login-attempts:{user}")
}

fn window(duration: Duration) -> (u64, Duration) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let length = duration.as_millis().max(1);
    let left = u64::try_from(length - now % length).unwrap_or(u64::MAX);
    (u64::try_from(now / length).unwrap_or(u64::MAX), Duration::from_millis(left))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[tokio::test]
    async fn attempts_count_until_success_and_codes_work_once() {
        let logins = Logins::new(None);
        let user = Uuid::new_v4();
        assert_eq!((logins.attempt(user, None).await, logins.attempt(user, None).await), (1, 2));
        logins.proved(user, None).await;
        assert_eq!(logins.attempt(user, None).await, 1);
        assert!(logins.use_otp(user, 10, None).await);
        assert!(!logins.use_otp(user, 10, None).await);
        assert!(!logins.use_otp(user, 9, None).await);
        assert!(logins.use_otp(user, 11, None).await);
    }

    #[tokio::test]
    async fn only_failures_of_an_address_count() {
        let rate = RatePerKey { points: NonZeroU32::new(2).unwrap(), duration: Duration::from_secs(100_000_000) };
        let logins = Logins::new(Some(rate));
        let address = Key::address("10.0.0.1".parse().unwrap());
        for _good in 0..5 {
            let used = logins.begin(address, None).await.unwrap().unwrap();
            logins.succeeded(used, None).await;
        }
        logins.begin(address, None).await.unwrap();
        let last = logins.begin(address, None).await.unwrap().unwrap();
        let limited = logins.begin(address, None).await.unwrap_err();
        assert_eq!(limited.reason, LimitReason::FailedLogins);
        assert!(logins.begin(Key::address("10.0.0.2".parse().unwrap()), None).await.is_ok());
        logins.succeeded(last, None).await;
        assert!(logins.begin(address, None).await.is_ok());
    }
}
