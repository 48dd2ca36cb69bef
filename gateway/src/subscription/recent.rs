//! Which rows recent `init`s of a remembered view have shown, while changes that they contain may still arrive.
//!
//! Such a change is not told to who has it in an `init`. But a read that judges it late sees more than the change itself: a row
//! that the `init` shows may be gone by then, and its own change to come finds a row that nobody seems to hold. So whoever
//! was shown it has to be found. It must never forget an `init` that a change on its way may still be part of.
//!
//! Memory: the keys of those rows, [`MOST`] per group; beyond that an `init` counts as showing everything.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use change_event::{Cause, Snapshot};

/// How long after the first change that an `init` cannot contain another one may come that it does: both are of one batch.
const BATCH: Duration = Duration::from_secs(30);
/// Keys that are kept.
const MOST: usize = 200_000;

/// More `init`s than this are kept only while somebody holds them: in a quiet collection no change makes room for others.
const INITS: usize = 64;

/// The `init`s of one group.
#[derive(Default)]
pub(super) struct Recent {
    inits: Vec<Init>,
    keys: usize,
    /// With so many it is looked who is gone.
    room: usize,
}

/// Rows that some members were shown.
pub(super) struct Shown<'r> {
    rows: HashSet<&'r str>,
    /// Nobody knows what else.
    anything: bool,
}

struct Init {
    snapshot: Arc<Snapshot>,
    /// `None`: anything.
    shown: Option<Arc<[String]>>,
    /// When the first change came that it cannot contain.
    passed: Option<Instant>,
}

impl Recent {
    /// An `init` was sent.
    pub(super) fn add(&mut self, snapshot: Option<&Arc<Snapshot>>, shown: &Arc<[String]>) {
        let Some(snapshot) = snapshot else { return };
        // Those who share a read come one after another.
        if self.inits.iter().rev().any(|init| Arc::ptr_eq(&init.snapshot, snapshot)) {
            return;
        }
        if self.inits.len() >= self.room.max(INITS) {
            self.inits.retain(|init| Arc::strong_count(&init.snapshot) > 1);
            self.room = 2 * self.inits.len();
            self.count();
        }
        self.keys += shown.len();
        let shown = (self.keys <= MOST).then(|| Arc::clone(shown));
        self.inits.push(Init { snapshot: Arc::clone(snapshot), shown, passed: None });
    }

    /// A change arrived.
    pub(super) fn arrived(&mut self, cause: Cause) {
        if self.inits.is_empty() {
            return;
        }
        let now = Instant::now();
        for init in &mut self.inits {
            if cause.transaction >= init.snapshot.end() {
                init.passed.get_or_insert(now);
            }
        }
        self.inits.retain(|init| init.passed.is_none_or(|passed| now.duration_since(passed) < BATCH));
        self.count();
    }

    fn count(&mut self) {
        self.keys = self.inits.iter().filter_map(|init| init.shown.as_ref()).map(|shown| shown.len()).sum();
    }

    /// What the `init`s of these snapshots show.
    pub(super) fn shown_in<'s>(&self, snapshots: impl Iterator<Item = &'s Arc<Snapshot>>) -> Shown<'_> {
        let mut wanted: HashSet<*const Snapshot> = snapshots.map(Arc::as_ptr).collect();
        let mut shown = Shown { rows: HashSet::new(), anything: false };
        for init in &self.inits {
            if wanted.remove(&Arc::as_ptr(&init.snapshot)) {
                shown.rows.extend(init.shown.iter().flat_map(|keys| keys.iter()).map(String::as_str));
                shown.anything |= init.shown.is_none();
            }
        }
        shown.anything |= !wanted.is_empty();
        shown
    }

    /// The snapshots of `init`s that contain `cause` and show one of `rows`.
    pub(super) fn showing(&self, cause: Cause, rows: &[&str]) -> Vec<Arc<Snapshot>> {
        let rows: HashSet<&str> = rows.iter().copied().collect();
        let shows = |init: &&Init| init.shown.as_ref().is_none_or(|shown| shown.iter().any(|key| rows.contains(key.as_str())));
        self.inits.iter().filter(|init| init.snapshot.saw(cause)).filter(shows).map(|init| Arc::clone(&init.snapshot)).collect()
    }
}

impl Shown<'_> {
    pub(super) fn may_have(&self, key: &str) -> bool {
        self.anything || self.rows.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use change_event::TransactionId;

    use super::*;

    fn cause_of(transaction: u64) -> Cause {
        Cause { transaction: TransactionId(transaction), written_at: 0 }
    }

    #[test]
    fn an_init_is_remembered_until_no_change_in_it_can_come() {
        let snapshot: Arc<Snapshot> = Arc::new("10:20:12".parse().unwrap());
        let shown: Arc<[String]> = vec!["a".to_owned(), "b".to_owned()].into();
        let mut recent = Recent::default();
        recent.add(Some(&snapshot), &shown);
        recent.add(Some(&snapshot), &shown);
        recent.add(None, &shown);
        let showing = |recent: &Recent, cause, row| recent.showing(cause_of(cause), &[row]).len();
        assert_eq!((showing(&recent, 11, "a"), showing(&recent, 12, "a"), showing(&recent, 11, "c")), (1, 0, 0));
        for transaction in [11, 12, 25] {
            recent.arrived(cause_of(transaction));
        }
        assert_eq!(showing(&recent, 15, "b"), 1, "one batch may hold both");
        recent.inits[0].passed = Instant::now().checked_sub(BATCH);
        recent.arrived(cause_of(26));
        assert_eq!((recent.inits.len(), recent.keys), (0, 0));
    }

    #[test]
    fn too_many_keys_stand_for_all() {
        let mut recent = Recent::default();
        let shown: Arc<[String]> = vec!["a".to_owned(); MOST + 1].into();
        recent.add(Some(&Arc::new("10:20:".parse().unwrap())), &shown);
        assert_eq!(recent.showing(cause_of(5), &["z"]).len(), 1);
    }

    #[test]
    fn what_is_not_remembered_may_have_shown_anything() {
        let [known, other]: [Arc<Snapshot>; 2] = ["10:20:", "10:21:"].map(|text| Arc::new(text.parse().unwrap()));
        let mut recent = Recent::default();
        recent.add(Some(&known), &vec!["a".to_owned()].into());
        let may_have = |of: &[&Arc<Snapshot>], key| recent.shown_in(of.iter().copied()).may_have(key);
        assert_eq!([may_have(&[&known], "a"), may_have(&[&known], "b"), may_have(&[], "a")], [true, false, false]);
        assert!(may_have(&[&known, &other], "b"));
    }

    #[test]
    fn inits_that_nobody_holds_make_room() {
        let mut recent = Recent::default();
        let held: Vec<Arc<Snapshot>> = (0..3 * INITS).map(|_| Arc::new("10:20:".parse().unwrap())).collect();
        for snapshot in &held {
            recent.add(Some(snapshot), &vec!["a".to_owned()].into());
        }
        for _ in 0..20 * INITS {
            recent.add(Some(&Arc::new("10:20:".parse().unwrap())), &vec!["a".to_owned()].into());
        }
        assert!(recent.inits.len() <= 7 * INITS && recent.keys == recent.inits.len(), "{}", recent.inits.len());
        assert!(!recent.shown_in(held.iter()).may_have("b"));
    }
}
