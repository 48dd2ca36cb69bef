//! Keys of the rows in a view that only the database can judge.
//!
//! A row counts as in view from the event, or read, that showed it until the event that did not. Of a row that came by an event
//! the transaction is kept: where changes are lost in a bulk (a truncation, a large statement), it tells whether somebody may
//! hold the row though his `init` did not show it. It must never keep a row that nobody can hold: its end would be told.
//!
//! Memory: a key and 16 bytes for each row, bounded by the caller.

use std::collections::{HashMap, HashSet};

use change_event::Cause;

/// Keys as text, with the transaction whose event told of them.
#[derive(Debug, Default)]
pub(super) struct Remembered(HashMap<String, Option<Cause>>);

impl Remembered {
    /// Those that a read has found.
    pub(super) fn read(found: HashSet<String>) -> Self {
        Self(found.into_iter().map(|key| (key, None)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// An `init` shows these.
    pub(super) fn show<'k>(&mut self, keys: impl Iterator<Item = &'k String>) {
        for key in keys {
            if !self.0.contains_key(key) {
                self.0.insert(key.clone(), None);
            }
        }
    }

    /// A row is in view; `told`: the transaction whose event says so, unless everybody knows that event from his `init`.
    pub(super) fn enter(&mut self, key: &str, told: Option<Cause>) {
        if let Some(known) = self.0.get_mut(key) {
            *known = told.or(*known);
        } else {
            self.0.insert(key.to_owned(), told);
        }
    }

    /// A row is not in view any more.
    pub(super) fn leave(&mut self, key: &str) {
        self.0.remove(key);
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Option<Cause>)> {
        self.0.into_iter()
    }
}
