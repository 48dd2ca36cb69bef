//! How many events a key had, where an event shows the newest row and so does not say which version it is for.
//!
//! Each version is told at most once: more events than versions are duplicates. And a version is told once for certain if it
//! and all later ones are in view whenever their events are dealt with:
//!
//! ```text
//! in view     no   maybe   yes   maybe   yes   yes   yes
//!                                       └── three events since the first of these was committed, at least
//! ```
//! It must never count across an `init`: that stands for all versions that it shows.

use std::collections::HashMap;

use super::{Judge, Wrong};
use crate::clock::Moment;
use crate::relation::Truth;

/// By key.
#[derive(Default)]
pub(super) struct Tallies {
    keys: HashMap<String, Tally>,
    /// Of keys that are not in `keys` every version is told.
    rest: bool,
}

#[derive(Default)]
struct Tally {
    /// The first version that is told; `None`: nobody knows.
    from: Option<usize>,
    /// When events arrived.
    frames: Vec<Moment>,
}

impl Tallies {
    /// Versions of `key` are told from this one on.
    pub(super) fn knows(&mut self, key: &str, from: usize) {
        self.keys.insert(key.to_owned(), Tally { from: Some(from), frames: Vec::new() });
    }

    /// All versions of all other keys are told.
    pub(super) const fn knows_rest(&mut self) {
        self.rest = true;
    }

    /// An event of `key` has arrived.
    pub(super) fn frame(&mut self, key: &str, at: Moment) {
        let from = self.rest.then_some(0);
        self.keys.entry(key.to_owned()).or_insert_with(|| Tally { from, frames: Vec::new() }).frames.push(at);
    }
}

impl Judge<'_> {
    /// Something at `at` ends the counting: whatever came up to here must have had a version.
    pub(super) fn settle(&mut self, at: Moment) {
        let ends = at < self.case.at;
        let tallies = if ends { std::mem::take(&mut self.tallies.keys) } else { HashMap::new() };
        let of = if ends { &tallies } else { &self.tallies.keys };
        let mut doubled = Vec::new();
        for (key, tally) in of.iter().filter(|_| self.steady && !self.exact) {
            let told = self.versions(key).iter().skip(tally.from.unwrap_or(0)).filter(|version| version.committed <= at).count();
            if tally.from.is_some() && tally.frames.len() > told {
                doubled.push((key.clone(), tally.frames.len() - told));
            }
        }
        self.tallies.rest &= !ends;
        for (key, count) in doubled {
            self.say(Wrong::Duplicated, &key, &format!("{count} events more than versions"));
        }
    }

    /// Versions whose events are missing for certain, at the end.
    pub(super) fn missing_frames(&mut self) {
        if !self.steady || self.exact {
            return;
        }
        for (key, versions) in self.case.versions {
            let tally = self.tallies.keys.get(key);
            let Some(from) = tally.map_or(self.tallies.rest.then_some(0), |tally| tally.from) else { continue };
            let sure = (from..versions.len()).rev().take_while(|index| self.truth(key, *index, self.case.at) == Truth::Yes).count();
            let Some(first) = versions.len().checked_sub(sure).and_then(|first| versions.get(first)) else { continue };
            let heard = tally.map_or(0, |tally| tally.frames.iter().filter(|at| **at >= first.committed).count());
            for _ in heard..sure {
                self.say(Wrong::Lost, key, &format!("{heard} events since {} for {sure} versions in view", first.committed));
            }
        }
    }
}
