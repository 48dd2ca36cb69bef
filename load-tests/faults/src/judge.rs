//! Holds what a subscription received against what the database remembers.
//!
//! For each key there is a list of committed versions, and so of *transitions* of the view: a version that is visible is a
//! content event, one that is not any more is a delete, the rest is silence. A subscription must receive the transitions that
//! follow its `init`, each once, in order, up to the last.
//!
//! ```text
//! versions     create   update   update   update   delete
//! visible      no       yes      yes      no       no
//! transition   -        content  content  delete   -
//! ```
//! Exact where one event carries the version that caused it. Where an event reads the newest rows (several rows with text keys,
//! related rows in filter, rule or fields), nothing may go back in time, there are no more events than versions ([`tally`]), none
//! are missing of a row that was surely in view from then on, and the end is right. Where rights changed since the last check
//! only order and end count. Leaks are checked everywhere. It must never excuse anything by the fault that went on.

mod known;
mod related;
mod tally;

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

pub(crate) use self::known::Known;
use self::tally::Tallies;
use crate::client::{Entry, Subscription, Watched, What, key_of};
use crate::clock::Moment;
use crate::grants::{Ended, Grant, Held, User};
use crate::history::{History, Keys, Version};
use crate::relation::{Truth, World};

/// An unasked `init` was read at most so long before it arrived, microseconds.
const READ_AGAIN: Moment = 30_000_000;
/// What is asked for is answered under the rights that the node has heard of. Of a node that has told nothing, nobody knows; so
/// long after the rights ended it must have, microseconds.
const UNHEARD: Moment = 10_000_000;
/// What is asked for is answered for whom the node takes the client: an event's way late, microseconds.
const ROUND_TRIP: Moment = 500_000;
/// What was committed so long after the client heard that its token had expired is not for it, microseconds.
const LAPSE: Moment = 1_000_000;

/// Lines of what a client received that are told of a key, from the end.
const LINES: usize = 60;

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// A transition did not arrive, or the view is not what it should be.
    Lost,
    /// A transition arrived again.
    Duplicated,
    /// An older version after a newer one.
    OutOfOrder,
    /// A key, row or field that the user could not read at that time.
    Leaked,
    /// Content that no version had, a row outside the filter, a wrong name.
    Content,
}

/// One fault of the product.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    pub(crate) wrong: Wrong,
    pub(crate) key: String,
    pub(crate) text: String,
}

/// What is judged.
pub(crate) struct Case<'a> {
    pub(crate) history: &'a History,
    pub(crate) versions: &'a Keys,
    pub(crate) user: &'a User,
    /// Rights since the last check.
    pub(crate) held: &'a [Held],
    /// Rights on the related collection since then, where the subscription needs any.
    pub(crate) related: &'a [Held],
    /// Deletions of the session that the client may have come with.
    pub(crate) deleted: &'a [Ended],
    /// The moment of this check.
    pub(crate) at: Moment,
    /// What the client's node knew, by what it had told the client.
    pub(crate) known: &'a Known,
    /// The last write that the last check knew of.
    pub(crate) checked: i64,
    pub(crate) watched: &'a Watched,
}

/// Where a subscription stands with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has seen everything up to this version; `None`: before the first.
    At(Option<usize>),
    /// Every change from this moment on is told.
    Since(Moment),
    /// An `init` did not show it.
    Absent,
    /// Nothing is known.
    Unknown,
}

struct Judge<'a> {
    case: &'a Case<'a>,
    grant: Option<&'a Grant>,
    /// What the user may have seen of related rows.
    access: Vec<Grant>,
    steady: bool,
    /// An event may show a newer version than the one that caused it.
    reads: bool,
    exact: bool,
    /// What belongs to the view follows from related rows.
    asks_related: bool,
    /// When the credentials of the connection were good for certain.
    proven: Moment,
    /// Since when the client knows that its token has expired.
    lapsed: Option<Moment>,
    tallies: Tallies,
    /// For keys that are not in `places`.
    rest: Place,
    places: HashMap<String, Place>,
    live: bool,
    findings: Vec<Finding>,
    events: u64,
}

/// Judges one subscription; returns the findings and the number of row events that it received.
pub(crate) fn judge(case: &Case<'_>) -> (Vec<Finding>, u64) {
    if case.watched.subscription.aggregate {
        let events = case.watched.log.iter().filter(|entry| matches!(entry.what, What::Content { .. } | What::Delete { .. })).count();
        return (Vec::new(), events as u64);
    }
    let mut judge = Judge::new(case);
    if case.watched.base.is_some() {
        judge.begin();
    }
    for entry in &case.watched.log {
        judge.entry(entry);
    }
    judge.finish();
    (judge.findings, judge.events)
}

/// Judges the view of a moment at which everything has been heard of, where related rows may have changed since: it must be
/// what the last change of each row itself made it.
pub(crate) fn judge_view(case: &Case<'_>) -> Vec<Finding> {
    let mut judge = Judge::new(case);
    if !case.watched.subscription.aggregate && judge.steady {
        judge.view();
    }
    judge.findings
}

/// Whether an event of the subscription may show a newer version than the one that caused it.
pub(crate) fn reads(subscription: &Subscription, held: &[Held]) -> bool {
    subscription.has_text_keys() || has_relational_rules(held) || subscription.filter.is_relational() || subscription.through
}

fn has_relational_rules(held: &[Held]) -> bool {
    held.iter().filter_map(|held| held.grant.as_ref()).any(|grant| grant.rule.is_relational())
}

impl<'a> Judge<'a> {
    fn new(case: &'a Case<'a>) -> Self {
        let subscription = &case.watched.subscription;
        let steady = case.held.len() == 1 && (subscription.related().is_none() || case.related.len() == 1);
        let rules = has_relational_rules(case.held);
        let reads = reads(subscription, case.held);
        Self {
            case,
            grant: case.held.last().and_then(|held| held.grant.as_ref()),
            access: case.related.iter().filter_map(|held| held.grant.clone()).collect(),
            steady,
            reads,
            exact: steady && !reads,
            asks_related: rules || subscription.filter.is_relational(),
            proven: 0,
            lapsed: None,
            tallies: Tallies::default(),
            rest: Place::Unknown,
            places: HashMap::new(),
            live: false,
            findings: Vec::new(),
            events: 0,
        }
    }

    /// At a check everything is known: each list begins with the last version before it.
    fn begin(&mut self) {
        self.live = true;
        self.rest = Place::At(None);
        for (key, versions) in self.case.versions {
            let Some(first) = versions.first() else { continue };
            let place = (first.seq <= self.case.checked).then_some(0);
            self.places.insert(key.clone(), Place::At(place));
            self.tallies.knows(key, place.map_or(0, |place| place + 1));
        }
        self.tallies.knows_rest();
    }

    fn entry(&mut self, entry: &Entry) {
        match &entry.what {
            What::Began { proven } => self.proven = *proven,
            What::Lapsed => self.lapsed = Some(entry.at),
            What::Renewed => self.lapsed = None,
            What::Live => {
                self.rest = Place::Since(entry.at);
                self.places.clear();
            }
            What::Rows { asked, rows } => {
                self.live = true;
                for row in rows {
                    let key = key_of(row);
                    if self.find(entry.at, &key, row).is_some() {
                        self.check_right(entry.at, self.answered_since(*asked), &key, row);
                        self.check_credentials(*asked - ROUND_TRIP, &key);
                    }
                }
            }
            What::Init { asked, rows } => self.init(entry.at, *asked, rows),
            What::Content { create, rows } => {
                for row in rows {
                    self.events += 1;
                    self.tallies.frame(&key_of(row), entry.at);
                    self.content(entry.at, *create, row);
                }
            }
            What::Delete { keys } => {
                for key in keys {
                    self.events += 1;
                    self.tallies.frame(key, entry.at);
                    self.delete(entry.at, key);
                }
            }
            What::Resumed => self.live = true,
            // What was shown still counts: the resume has to go on from there.
            What::Ended { resumes: true, .. } => (self.live, self.lapsed) = (false, None),
            What::Refused(_) | What::Ended { resumes: false, .. } => {
                self.live = false;
                if matches!(entry.what, What::Ended { .. }) {
                    self.lapsed = None;
                }
                self.settle(entry.at);
                self.rest = Place::Unknown;
                self.places.clear();
            }
        }
    }

    /// The rights of this moment at the latest are those that something was answered under.
    fn answered_since(&self, asked: Moment) -> Moment {
        self.case.known.before(asked).max(asked - UNHEARD)
    }

    fn init(&mut self, at: Moment, asked: Option<Moment>, rows: &[Value]) {
        self.settle(at);
        let before = std::mem::take(&mut self.places);
        let rest = std::mem::replace(&mut self.rest, Place::Absent);
        self.live = true;
        let shown: HashMap<String, &Value> = rows.iter().map(|row| (key_of(row), row)).collect();
        for (key, row) in &shown {
            let Some(index) = self.find(at, key, row) else { continue };
            let read_again = self.case.known.before(at).max(at - READ_AGAIN);
            self.check_right(at, asked.map_or(read_again, |asked| self.answered_since(asked)), key, row);
            self.check_credentials(asked.map_or(at - READ_AGAIN, |asked| asked - ROUND_TRIP), key);
            if let Place::At(Some(place)) = before.get(key).copied().unwrap_or(rest)
                && index < place
            {
                self.say(Wrong::OutOfOrder, key, "an init shows an older version than was shown before");
            }
            self.places.insert(key.clone(), Place::At(Some(index)));
            self.tallies.knows(key, index + 1);
        }
        if !self.steady {
            return;
        }
        for (key, place) in before {
            if let Place::At(Some(place)) = place
                && !shown.contains_key(&key)
                && (place..self.versions(&key).len()).all(|index| self.truth(&key, index, at) == Truth::Yes)
            {
                self.say(Wrong::Lost, &key, "an init lacks a row that was never out of view");
            }
        }
    }

    fn content(&mut self, at: Moment, create: bool, row: &Value) {
        let key = key_of(row);
        let Some(index) = self.find(at, &key, row) else { return };
        let committed = self.versions(&key).get(index).map_or(0, |version| version.committed);
        // A read for an earlier event shows it before the node hears of it, or of rights that ended in between.
        let since = if self.reads { committed.min(self.case.known.before(at).max(at - UNHEARD)) } else { committed };
        self.check_right(at, since, &key, row);
        self.check_credentials(committed, &key);
        if self.exact && create != self.versions(&key).get(index).is_some_and(|version| version.operation == "create") {
            self.say(Wrong::Content, &key, "create and update confounded");
        }
        let place = self.places.get(&key).copied().unwrap_or(self.rest);
        match place {
            Place::At(Some(place)) if index < place => {
                self.say(Wrong::OutOfOrder, &key, "an event shows an older version than was shown before")
            }
            Place::At(Some(place)) if index == place && self.exact => {
                self.say(Wrong::Duplicated, &key, "an event shows what was shown before")
            }
            Place::At(place) if self.exact => self.between(&key, place.map_or(0, |place| place + 1), index),
            Place::Since(moment) if self.exact => self.between(&key, self.first_since(&key, moment), index),
            Place::Absent if self.exact => {
                if index.checked_sub(1).is_some_and(|previous| self.enters(&key, previous)) {
                    self.say(Wrong::Lost, &key, "events between an init and this one are missing");
                }
            }
            Place::At(_) | Place::Since(_) | Place::Absent | Place::Unknown => {}
        }
        let newer = !matches!(place, Place::At(Some(place)) if index < place);
        if newer {
            self.places.insert(key, Place::At(Some(index)));
        }
    }

    fn delete(&mut self, at: Moment, key: &str) {
        let place = self.places.get(key).copied().unwrap_or(self.rest);
        let versions = self.versions(key);
        // The key itself: somebody who could never see any of its versions must not hear it.
        let could = |version: &Version| {
            let Some(row) = &version.row else { return false };
            let world = self.world(version.committed, at);
            let mut grants = self.case.held.iter().filter(|held| held.from <= at).filter_map(|held| held.grant.as_ref());
            grants.any(|grant| grant.shows(row, &self.case.user.id, &world) != Truth::No)
        };
        if !versions.iter().any(could) {
            self.say(Wrong::Leaked, key, "the key of a row that could not be seen");
            return;
        }
        if !self.exact {
            self.places.insert(key.to_owned(), place);
            return;
        }
        let from = match place {
            Place::At(place) => Some(place.map_or(0, |place| place + 1)),
            Place::Since(moment) => Some(self.first_since(key, moment)),
            Place::Absent | Place::Unknown => None,
        };
        // Behind its beginning may come what was changed shortly before: then nobody knows which delete this is.
        if let (Place::Since(moment), Some(from)) = (place, from)
            && (self.first_since(key, moment - READ_AGAIN)..from).any(|index| self.leaves(key, index))
        {
            self.places.insert(key.to_owned(), Place::Unknown);
            return;
        }
        match place {
            Place::At(_) | Place::Since(_) => {
                let from = from.unwrap_or(0);
                match (from..versions.len()).find(|index| self.leaves(key, *index)) {
                    Some(index) => {
                        self.between(key, from, index);
                        self.check_credentials(versions.get(index).map_or(0, |version| version.committed), key);
                        self.places.insert(key.to_owned(), Place::At(Some(index)));
                    }
                    None => self.say(Wrong::Duplicated, key, "a delete for a row that had left before"),
                }
            }
            Place::Absent => self.say(Wrong::Duplicated, key, "a delete for a row that the init did not show"),
            Place::Unknown => {}
        }
    }

    /// Transitions that were passed over.
    fn between(&mut self, key: &str, from: usize, until: usize) {
        let missing = (from..until).filter(|index| self.enters(key, *index) || self.leaves(key, *index)).count();
        for _ in 0..missing {
            self.say(Wrong::Lost, key, "an event between two others is missing");
        }
    }

    fn finish(&mut self) {
        if self.grant.is_none() {
            return;
        }
        if !self.live {
            // A GraphQL subscription proves by a change of its own that it is live, and during a check nobody changes anything.
            let expired = |entry: &Entry| matches!(&entry.what, What::Ended { why, .. } if why.contains("4403"));
            let ended = self.case.watched.log.iter().rev().find(|entry| matches!(entry.what, What::Ended { .. }));
            if !(self.case.watched.subscription.graphql && ended.is_some_and(expired)) {
                self.say(Wrong::Lost, "", "the subscription did not come back");
            }
            return;
        }
        self.settle(self.case.at);
        self.missing_frames();
        for (key, versions) in self.case.versions {
            let from = match self.places.get(key).copied().unwrap_or(self.rest) {
                Place::At(place) => Some(place.map_or(0, |place| place + 1)),
                Place::Since(moment) => Some(self.first_since(key, moment)),
                Place::Absent | Place::Unknown => None,
            };
            if let Some(from) = from.filter(|_| self.exact) {
                self.between(key, from, versions.len());
            } else if self.differs(key) {
                self.say(Wrong::Lost, key, "the view at the end is not what the database holds");
            }
        }
    }

    /// Every row of the view as its own last change made it.
    fn view(&mut self) {
        for key in self.case.versions.keys().filter(|_| self.case.watched.live) {
            if self.differs(key) {
                self.say(Wrong::Lost, key, "the view is not what the last change of the row itself made it");
            }
        }
    }

    /// Whether the view shows a row otherwise than any moment since its last change allows.
    fn differs(&self, key: &str) -> bool {
        let Some((last, index)) = self.versions(key).last().zip(self.versions(key).len().checked_sub(1)) else { return false };
        if self.asks_related && self.case.watched.queried.contains(key) {
            return false;
        }
        let shown = self.case.watched.view.as_ref().and_then(|view| view.get(key)).map(stamp);
        let expected = last.row.as_ref().map(stamp);
        match self.truth(key, index, self.case.at) {
            Truth::Yes => shown != expected,
            Truth::Maybe => shown.is_some() && shown != expected,
            Truth::No => shown.is_some(),
        }
    }

    /// The version that a row shows; its content is compared.
    fn find(&mut self, at: Moment, key: &str, row: &Value) -> Option<usize> {
        let versions = self.versions(key);
        let Some(index) = versions.iter().position(|version| version.row.as_ref().map(stamp) == Some(stamp(row))) else {
            // Older than the last check: only an init or a late event can show it.
            let text = if versions.is_empty() { "a row that never was" } else { "a version that was not committed since the last check" };
            self.say(Wrong::Content, key, text);
            return None;
        };
        let version = versions.get(index)?;
        let (truth, subscription) = (version.row.as_ref(), &self.case.watched.subscription);
        let nested = |name: &str| subscription.through && name == subscription.relation().field;
        let mut own = row.as_object().into_iter().flatten().filter(|(name, _)| !nested(name));
        let differs = own.any(|(name, value)| truth.and_then(|truth| truth.get(name)) != Some(value));
        if differs {
            self.say(Wrong::Content, key, "content that this version does not have");
        }
        let world = self.world(version.committed, at);
        let outside = truth.is_some_and(|truth| subscription.filter.test(truth, &self.case.user.id, &world) == Truth::No);
        if outside {
            self.say(Wrong::Content, key, "a row outside the filter");
        }
        if self.steady {
            let expected = match (&subscription.fields, self.grant, truth) {
                (Some(fields), ..) => fields.len() + usize::from(subscription.through),
                (None, Some(grant), Some(Value::Object(truth))) => truth.keys().filter(|name| grant.shows_field(name)).count(),
                (None, ..) => 0,
            };
            if row.as_object().map_or(0, serde_json::Map::len) != expected {
                self.say(Wrong::Content, key, "fields are missing, or there are more than asked for");
            }
        }
        self.check_related(at, key, index, row);
        Some(index)
    }

    /// The credentials of the connection held, for what was committed or asked for at `since`.
    fn check_credentials(&mut self, since: Moment, key: &str) {
        if self.case.deleted.iter().any(|deleted| self.proven < deleted.sent && since > deleted.acknowledged) {
            self.say(Wrong::Leaked, key, &format!("what is of {since}, after the session was deleted: {:?}", self.case.deleted));
        }
        if let Some(lapsed) = self.lapsed
            && since > lapsed + LAPSE
        {
            self.say(Wrong::Leaked, key, &format!("what is of {since}, though the token had expired by {lapsed}"));
        }
    }

    /// A right on the row and on each field of it, at some moment from `since` to the arrival.
    fn check_right(&mut self, at: Moment, since: Moment, key: &str, row: &Value) {
        let Some(version) = self.versions(key).iter().find(|version| version.row.as_ref().map(stamp) == Some(stamp(row))) else { return };
        let Some(truth) = version.row.as_ref() else { return };
        let world = self.world(version.committed, at);
        let right = self.case.held.iter().filter(|held| held.from <= at && held.until.is_none_or(|until| until >= since)).any(|held| {
            held.grant.as_ref().is_some_and(|grant| {
                grant.shows(truth, &self.case.user.id, &world) != Truth::No
                    && row.as_object().is_some_and(|row| row.keys().all(|name| grant.shows_field(name)))
            })
        });
        if !right {
            self.say(Wrong::Leaked, key, &format!("a row or field that could not be read between {since} and {at}: {row}"));
        }
    }

    fn versions(&self, key: &str) -> &'a [Version] {
        self.case.versions.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first version that was committed at `moment` or later.
    fn first_since(&self, key: &str, moment: Moment) -> usize {
        self.versions(key).iter().take_while(|version| version.committed < moment).count()
    }

    const fn world(&self, from: Moment, until: Moment) -> World<'_> {
        World { history: self.case.history, from, until, access: Some(self.access.as_slice()) }
    }

    /// Whether the version at `index` is in the view, at all moments from its commit to `until`.
    fn truth(&self, key: &str, index: usize, until: Moment) -> Truth {
        let Some(version) = self.versions(key).get(index) else { return Truth::No };
        let (Some(grant), Some(row)) = (self.grant, &version.row) else { return Truth::No };
        let (world, user) = (self.world(version.committed, until), &self.case.user.id);
        grant.shows(row, user, &world).min(self.case.watched.subscription.filter.test(row, user, &world))
    }

    /// Whether the version at `index` is a content event.
    fn enters(&self, key: &str, index: usize) -> bool {
        self.truth(key, index, self.case.at) == Truth::Yes
    }

    /// Whether the version at `index` is a delete event.
    fn leaves(&self, key: &str, index: usize) -> bool {
        index.checked_sub(1).is_some_and(|before| self.enters(key, before)) && !self.enters(key, index)
    }

    fn say(&mut self, wrong: Wrong, key: &str, text: &str) {
        let text = format!("{text}\n{}", self.story(key));
        self.findings.push(Finding { wrong, key: key.to_owned(), text });
    }

    /// The whole history of a key as writer, event and view.
    fn story(&self, key: &str) -> String {
        let subscription = &self.case.watched.subscription;
        let mut text = format!(
            "  {} key {key}, user {}, filter {:?}, rights {:?}\n",
            subscription.collection_name(),
            self.case.user.id,
            subscription.filter,
            self.case.held
        );
        for (index, version) in self.versions(key).iter().enumerate() {
            let sign = match self.truth(key, index, self.case.at) {
                Truth::Yes => "visible",
                Truth::Maybe => "visible at times",
                Truth::No => "hidden",
            };
            // Text into a string cannot fail.
            let _written = writeln!(text, "  {} version {index} {sign} {}", version.committed, told(version));
        }
        if self.asks_related || subscription.through {
            for (key, version) in self.related_versions(key) {
                let _written = writeln!(text, "    {} related {key} {}", version.committed, told(version));
            }
        }
        let mut lines = Vec::new();
        for entry in &self.case.watched.log {
            let of = |rows: &[Value]| rows.iter().find(|row| key_of(row) == key).map(short);
            let line = match &entry.what {
                What::Init { asked, rows } => Some(format!(
                    "init ({}) {}",
                    if asked.is_some() { "asked" } else { "unasked" },
                    of(rows).unwrap_or_else(|| "without it".to_owned())
                )),
                What::Began { proven } => Some(format!("a connection of {proven}")),
                What::Live => Some("an event, and is live".to_owned()),
                What::Rows { rows, .. } => Some(format!("rows {}", of(rows).unwrap_or_else(|| "without it".to_owned()))),
                What::Lapsed => Some("that its token has expired".to_owned()),
                What::Renewed => Some("nothing, and sent a new token".to_owned()),
                What::Content { create, rows } => of(rows).map(|row| format!("{} {row}", if *create { "create" } else { "update" })),
                What::Delete { keys } => keys.iter().any(|deleted| deleted == key).then(|| "delete".to_owned()),
                What::Refused(why) => Some(format!("refused: {why}")),
                What::Ended { why, resumes } => Some(format!("connection ended{}: {why}", if *resumes { ", to be resumed" } else { "" })),
                What::Resumed => Some("resume".to_owned()),
            };
            lines.extend(line.map(|line| format!("  {} received {line}\n", entry.at)));
        }
        text.extend(lines.drain(lines.len().saturating_sub(LINES)..));
        let base = self.case.watched.base.as_ref().map(|base| base.get(key).map(short));
        let view = self.case.watched.view.as_ref().map(|view| view.get(key).map(short));
        let _written = writeln!(text, "  view at the last check {base:?}, now {view:?}");
        text
    }
}

fn stamp(row: &Value) -> i64 {
    row.get("stamp").and_then(Value::as_i64).unwrap_or(-1)
}

/// Who wrote what, in a line.
fn told(version: &Version) -> String {
    format!("{} by {} {}", version.operation, version.writer, version.row.as_ref().map(short).unwrap_or_default())
}

/// A row without its long values.
fn short(row: &Value) -> String {
    let show = |name: &str| row.get(name).map(|value| format!("{name}={value}"));
    let note = row.get("note").map(|note| if note.is_null() { "note=null" } else { "note=…" }.to_owned());
    ["stamp", "team", "level", "owner", "n", "folder", "doc"].into_iter().filter_map(show).chain(note).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
