//! How many connections each user, each address and the whole node hold, and what Redis has yet to hear of that.
//!
//! Every change has a number, and Redis takes a count only if its number is higher: messages may overtake each other, but
//! the last word stands. It must never hold a key that counts nothing. One lock, for map operations.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::key::Key;

/// A count that nobody changed is told again after this time: Redis forgets what is never told.
const TOLD_AGAIN: Duration = Duration::from_secs(10 * 60);

/// A key, with as many as there may be.
pub(super) type Want = (Key, u64);

/// How many a key has on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) key: Key,
    pub(super) count: u64,
    pub(super) version: u64,
}

#[derive(Default)]
pub(super) struct Counts(Mutex<Book>);

#[derive(Default)]
struct Book {
    version: u64,
    entries: HashMap<Key, Entry>,
    /// Redis knows another count than this one.
    untold: HashSet<Key>,
}

struct Entry {
    count: u64,
    version: u64,
    told: Instant,
}

impl Counts {
    /// One more of each, if none has as many as it may on this node alone; else which one has.
    pub(super) fn take(&self, wants: &[Want]) -> Result<Vec<Report>, usize> {
        let mut book = self.book();
        let full = wants.iter().position(|(key, limit)| book.entries.get(key).map_or(0, |entry| entry.count) >= *limit);
        if let Some(place) = full {
            return Err(place);
        }
        Ok(wants.iter().map(|(key, _)| book.change(*key, 1)).collect())
    }

    /// One less of each.
    pub(super) fn give(&self, keys: &[Key]) {
        let mut book = self.book();
        for key in keys {
            book.change(*key, -1);
            book.untold.insert(*key);
        }
    }

    /// Redis has taken these, unless something changed meanwhile.
    pub(super) fn told(&self, reports: &[Report]) {
        let mut book = self.book();
        for report in reports {
            match book.entries.get_mut(&report.key) {
                Some(entry) if entry.version == report.version => entry.told = Instant::now(),
                Some(_) => _ = book.untold.insert(report.key),
                None if report.count == 0 => {}
                None => _ = book.untold.insert(report.key),
            }
        }
    }

    /// Redis has not taken these.
    pub(super) fn not_told(&self, reports: &[Report]) {
        self.book().untold.extend(reports.iter().map(|report| report.key));
    }

    /// Up to `most` counts that Redis has to hear of.
    pub(super) fn untold(&self, most: usize) -> Vec<Report> {
        let mut book = self.book();
        let keys: Vec<Key> = book.untold.iter().take(most).copied().collect();
        keys.into_iter()
            .map(|key| {
                book.untold.remove(&key);
                book.report(key)
            })
            .collect()
    }

    /// Redis has forgotten everything, or may have.
    pub(super) fn tell_everything(&self) {
        let book = &mut *self.book();
        book.untold.extend(book.entries.keys());
    }

    /// What was told long ago is told again.
    pub(super) fn tell_old(&self, now: Instant) {
        let book = &mut *self.book();
        let old = book.entries.iter().filter(|(_, entry)| now.saturating_duration_since(entry.told) >= TOLD_AGAIN).map(|(key, _)| *key);
        book.untold.extend(old);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn change(&mut self, key: Key, by: i64) -> Report {
        self.version += 1;
        let version = self.version;
        let entry = self.entries.entry(key).or_insert_with(|| Entry { count: 0, version, told: Instant::now() });
        entry.count = entry.count.saturating_add_signed(by);
        entry.version = version;
        let count = entry.count;
        if count == 0 {
            self.entries.remove(&key);
        }
        Report { key, count, version }
    }

    fn report(&mut self, key: Key) -> Report {
        self.change(key, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u128) -> Key {
        Key::User(uuid::Uuid::from_u128(number))
    }

    fn untold(counts: &Counts) -> Vec<(Key, u64)> {
        counts.untold(100).into_iter().map(|report| (report.key, report.count)).collect()
    }

    #[test]
    fn all_or_nothing_is_taken() {
        let counts = Counts::default();
        assert!(counts.take(&[(Key::Everybody, 2), (key(1), 1)]).is_ok());
        assert_eq!(counts.take(&[(Key::Everybody, 2), (key(1), 1)]), Err(1));
        assert!(counts.take(&[(Key::Everybody, 2), (key(2), 1)]).is_ok(), "the refused one took nothing");
        assert_eq!(counts.take(&[(Key::Everybody, 2), (key(3), 1)]), Err(0));
        counts.give(&[Key::Everybody, key(1)]);
        assert!(counts.take(&[(Key::Everybody, 2), (key(3), 1)]).is_ok());
        assert_eq!(counts.take(&[(key(4), 0)]), Err(0), "a limit of zero is nobody");
    }

    #[test]
    fn redis_hears_of_every_change_that_it_was_not_part_of() {
        let counts = Counts::default();
        let first = counts.take(&[(key(1), 5)]).unwrap();
        counts.told(&first);
        assert_eq!(untold(&counts), []);
        let second = counts.take(&[(key(1), 5)]).unwrap();
        let third = counts.take(&[(key(1), 5)]).unwrap();
        assert!(third[0].version > second[0].version);
        counts.told(&second);
        assert_eq!(untold(&counts), [(key(1), 3)], "overtaken by the third");
        counts.give(&[key(1), key(1), key(1)]);
        assert_eq!(untold(&counts), [(key(1), 0)]);
        assert_eq!(untold(&counts), []);
        // An answer that comes late, for what is gone by now.
        counts.told(&third);
        assert_eq!(untold(&counts), [(key(1), 0)]);
        counts.not_told(&first);
        assert_eq!(untold(&counts), [(key(1), 0)]);
        counts.take(&[(key(2), 5)]).unwrap();
        counts.tell_everything();
        assert_eq!(untold(&counts), [(key(2), 1)]);
    }

    #[test]
    fn what_nobody_changes_is_told_again() {
        let counts = Counts::default();
        let reports = counts.take(&[(key(1), 5)]).unwrap();
        counts.told(&reports);
        counts.tell_old(Instant::now());
        assert_eq!(untold(&counts), []);
        counts.tell_old(Instant::now() + TOLD_AGAIN);
        assert_eq!(untold(&counts), [(key(1), 1)]);
    }
}
