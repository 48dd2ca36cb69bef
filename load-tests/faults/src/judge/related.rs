//! The related row that a row was sent with.
//!
//! It is read when the parent's change is dealt with: any version counts that was current between that change and the arrival.
//! It must never be a row that its reader could not see at any of those moments.

use serde_json::Value;

use super::{Judge, Wrong};
use crate::client::THROUGH;
use crate::clock::Moment;
use crate::history::Version;
use crate::relation::Truth;

impl<'a> Judge<'a> {
    /// All versions of the rows that some version of `key` was related to, for the story.
    pub(super) fn related_versions(&self, key: &str) -> Vec<(&'a String, &'a Version)> {
        let relation = self.case.watched.subscription.relation();
        let field = |version: &'a Version, name| version.row.as_ref().and_then(|row| row.get(name)).filter(|value| !value.is_null());
        let is = |id: &Value, key: &str| serde_json::to_string(id).is_ok_and(|id| id == key);
        let own: Vec<&Value> = self.versions(key).iter().filter_map(|version| field(version, relation.key)).collect();
        let related = self.case.history.of(relation.to).into_iter().flatten().filter(|(to, versions)| {
            if relation.many {
                versions.iter().any(|version| field(version, relation.key).is_some_and(|id| is(id, key)))
            } else {
                own.iter().any(|id| is(id, to))
            }
        });
        related.flat_map(|(to, versions)| versions.iter().map(move |version| (to, version))).collect()
    }

    /// Holds the related row in `row`, which shows the version at `index`, against what it can have been.
    pub(super) fn check_related(&mut self, at: Moment, key: &str, index: usize, row: &Value) {
        let subscription = &self.case.watched.subscription;
        let Some(version) = self.versions(key).get(index).filter(|_| subscription.through) else { return };
        let Some(truth) = &version.row else { return };
        let (world, user) = (self.world(version.committed, at), &self.case.user.id);
        let states = world.states(subscription.relation(), truth);
        let found = match row.get(subscription.relation().field).filter(|shown| !shown.is_null()) {
            // While rights change it may be nothing for many reasons.
            None if !self.steady => None,
            // Of rows that may not be read at all only the key is left, beside `*`.
            Some(shown) if !self.steady && !shown.is_object() => {
                let is_key = truth.get(subscription.relation().key) == Some(shown);
                (!is_key).then_some((Wrong::Content, "another key than the row's"))
            }
            None => {
                let absent = states.iter().any(|state| state.is_none_or(|related| world.visible(related, user) != Truth::Yes));
                (!absent).then_some((Wrong::Content, "a row without its related row"))
            }
            Some(shown) => {
                let same = |related: &&Value| THROUGH.iter().all(|name| shown.get(name) == related.get(name));
                let like: Vec<&Value> = states.iter().flatten().copied().filter(same).collect();
                if like.is_empty() {
                    Some((Wrong::Content, "a related row as it never was then"))
                } else if like.iter().all(|related| world.visible(related, user) == Truth::No) {
                    Some((Wrong::Leaked, "a related row that could not be read then"))
                } else {
                    None
                }
            }
        };
        if let Some((wrong, text)) = found {
            self.say(wrong, key, &format!("{text}: {row}"));
        }
    }
}
