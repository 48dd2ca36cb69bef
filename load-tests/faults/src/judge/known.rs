//! What the node that a client was connected to must have heard of, by what it had told the client.
//!
//! A node applies a change of rights before it tells anything that was committed later. So whoever has received a change knows
//! that the node has dealt with all rights that ended before that change was committed, and no clock is needed. What a node has
//! *not* told proves nothing. It must never count an event that may show a newer version than its own.

use crate::client::{Watched, What};
use crate::clock::Moment;

/// By arrival: everything that was committed before the second moment was known to the node.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<(Moment, Moment)>);

impl Known {
    /// From all `subscriptions` of a client whose events show the version that caused them; `committed`: when the version that a
    /// stamp names was committed.
    pub(crate) fn of<'w>(subscriptions: impl Iterator<Item = &'w Watched>, committed: impl Fn(i64) -> Option<Moment>) -> Self {
        // `None`: a connection began, perhaps to another node.
        let mut heard: Vec<(Moment, Option<Moment>)> = Vec::new();
        // What a resume sends may be what another node was about to tell.
        let mut resumed = false;
        for entry in subscriptions.flat_map(|watched| &watched.log) {
            match &entry.what {
                What::Began { .. } => {
                    resumed = false;
                    heard.push((entry.at, None));
                }
                What::Resumed => resumed = true,
                What::Content { .. } if resumed => {}
                What::Content { rows, .. } => {
                    let latest = rows.iter().filter_map(|row| committed(super::stamp(row))).max();
                    heard.extend(latest.map(|latest| (entry.at, Some(latest))));
                }
                What::Init { .. }
                | What::Live
                | What::Rows { .. }
                | What::Delete { .. }
                | What::Refused(_)
                | What::Lapsed
                | What::Renewed
                | What::Ended { .. } => {}
            }
        }
        heard.sort_unstable();
        let mut latest = 0;
        let known = heard.into_iter().map(|(at, committed)| {
            latest = committed.map_or(0, |committed| latest.max(committed));
            (at, latest)
        });
        Self(known.collect())
    }

    /// What was known before `moment`: 0 if nothing is certain.
    pub(super) fn before(&self, moment: Moment) -> Moment {
        let count = self.0.partition_point(|(at, _)| *at < moment);
        count.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, committed)| *committed)
    }
}
