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
//! Exact where one event carries the version that caused it. Where rights changed since the last check, or where an event reads
//! the newest rows (several rows with text keys), it checks that nothing goes back in time and that the end is right. Leaks are
//! checked everywhere. It must never excuse anything by the fault that went on.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::client::{Entry, Watched, What, key_of};
use crate::clock::Moment;
use crate::grants::{Grant, Held, User};
use crate::history::{Keys, Version};

/// An unasked `init` was read at most so long before it arrived, microseconds.
const READ_AGAIN: Moment = 30_000_000;

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
    pub(crate) versions: &'a Keys,
    pub(crate) user: &'a User,
    /// Rights since the last check.
    pub(crate) held: &'a [Held],
    /// The last write that the last check knew of.
    pub(crate) checked: i64,
    pub(crate) watched: &'a Watched,
}

/// Where a subscription stands with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has seen everything up to this version; `None`: before the first.
    At(Option<usize>),
    /// An `init` did not show it.
    Absent,
    /// Nothing is known.
    Unknown,
}

struct Judge<'a> {
    case: &'a Case<'a>,
    grant: Option<&'a Grant>,
    steady: bool,
    exact: bool,
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
    let steady = case.held.len() == 1;
    let exact = steady && case.watched.subscription.collection_name() != "tags";
    let mut judge = Judge {
        case,
        grant: case.held.last().and_then(|held| held.grant.as_ref()),
        steady,
        exact,
        rest: Place::Unknown,
        places: HashMap::new(),
        live: false,
        findings: Vec::new(),
        events: 0,
    };
    if case.watched.base.is_some() {
        judge.begin();
    }
    for entry in &case.watched.log {
        judge.entry(entry);
    }
    judge.finish();
    (judge.findings, judge.events)
}

impl<'a> Judge<'a> {
    /// At a check everything is known: each list begins with the last version before it.
    fn begin(&mut self) {
        self.live = true;
        self.rest = Place::At(None);
        for (key, versions) in self.case.versions {
            let Some(first) = versions.first() else { continue };
            self.places.insert(key.clone(), Place::At((first.seq <= self.case.checked).then_some(0)));
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match &entry.what {
            What::Init { asked, rows } => self.init(entry.at, *asked, rows),
            What::Content { create, rows } => {
                for row in rows {
                    self.events += 1;
                    self.content(entry.at, *create, row);
                }
            }
            What::Delete { keys } => {
                for key in keys {
                    self.events += 1;
                    self.delete(entry.at, key);
                }
            }
            What::Resumed => self.live = true,
            // What was shown still counts: the resume has to go on from there.
            What::Ended { resumes: true, .. } => self.live = false,
            What::Refused(_) | What::Ended { resumes: false, .. } => {
                self.live = false;
                self.rest = Place::Unknown;
                self.places.clear();
            }
        }
    }

    fn init(&mut self, at: Moment, asked: Option<Moment>, rows: &[Value]) {
        let before = std::mem::take(&mut self.places);
        let rest = std::mem::replace(&mut self.rest, Place::Absent);
        self.live = true;
        let shown: HashMap<String, &Value> = rows.iter().map(|row| (key_of(row), row)).collect();
        for (key, row) in &shown {
            let Some(index) = self.find(key, row) else { continue };
            self.check_right(at, asked.unwrap_or(at - READ_AGAIN), key, row);
            if let Place::At(Some(place)) = before.get(key).copied().unwrap_or(rest)
                && index < place
            {
                self.say(Wrong::OutOfOrder, key, "an init shows an older version than was shown before");
            }
            self.places.insert(key.clone(), Place::At(Some(index)));
        }
        if !self.steady {
            return;
        }
        for (key, place) in before {
            if let Place::At(Some(place)) = place
                && !shown.contains_key(&key)
                && !self.versions(&key).iter().skip(place).any(|version| !self.visible(version))
            {
                self.say(Wrong::Lost, &key, "an init lacks a row that was never out of view");
            }
        }
    }

    fn content(&mut self, at: Moment, create: bool, row: &Value) {
        let key = key_of(row);
        let Some(index) = self.find(&key, row) else { return };
        let committed = self.versions(&key).get(index).map_or(0, |version| version.committed);
        self.check_right(at, committed, &key, row);
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
            Place::Absent if self.exact => {
                if let Some(previous) = index.checked_sub(1) {
                    let missing = self.versions(&key).get(previous).is_some_and(|version| self.visible(version));
                    if missing {
                        self.say(Wrong::Lost, &key, "events between an init and this one are missing");
                    }
                }
            }
            Place::At(_) | Place::Absent | Place::Unknown => {}
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
            self.case
                .held
                .iter()
                .any(|held| held.from <= at && held.grant.as_ref().is_some_and(|grant| grant.shows(row, &self.case.user.id)))
        };
        if !versions.iter().any(could) {
            self.say(Wrong::Leaked, key, "the key of a row that could not be seen");
            return;
        }
        if !self.exact {
            self.places.insert(key.to_owned(), place);
            return;
        }
        match place {
            Place::At(place) => {
                let from = place.map_or(0, |place| place + 1);
                match (from..versions.len()).find(|index| self.leaves(key, *index)) {
                    Some(index) => {
                        self.between(key, from, index);
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
        let Some(grant) = self.grant else { return };
        if !self.live {
            self.say(Wrong::Lost, "", "the subscription did not come back");
            return;
        }
        for (key, versions) in self.case.versions {
            let Some(last) = versions.last() else { continue };
            let shown = self.case.watched.view.as_ref().and_then(|view| view.get(key));
            let expected = last.row.as_ref().filter(|row| self.shows(grant, row));
            if self.exact
                && let Place::At(place) = self.places.get(key).copied().unwrap_or(self.rest)
            {
                self.between(key, place.map_or(0, |place| place + 1), versions.len());
            } else if shown.map(stamp) != expected.map(stamp) {
                self.say(Wrong::Lost, key, "the view at the end is not what the database holds");
            }
        }
    }

    /// The version that a row shows; its content is compared.
    fn find(&mut self, key: &str, row: &Value) -> Option<usize> {
        let versions = self.versions(key);
        let Some(index) = versions.iter().position(|version| version.row.as_ref().map(stamp) == Some(stamp(row))) else {
            // Older than the last check: only an init or a late event can show it.
            let text = if versions.is_empty() { "a row that never was" } else { "a version that was not committed since the last check" };
            self.say(Wrong::Content, key, text);
            return None;
        };
        let truth = versions.get(index).and_then(|version| version.row.as_ref());
        let differs = row.as_object().into_iter().flatten().any(|(name, value)| truth.and_then(|truth| truth.get(name)) != Some(value));
        if differs {
            self.say(Wrong::Content, key, "content that this version does not have");
        }
        let outside = truth.is_some_and(|truth| !self.case.watched.subscription.filter.test(truth, &self.case.user.id));
        if outside {
            self.say(Wrong::Content, key, "a row outside the filter");
        }
        if self.steady {
            let expected = match (&self.case.watched.subscription.fields, self.grant, truth) {
                (Some(fields), ..) => fields.len(),
                (None, Some(grant), Some(Value::Object(truth))) => truth.keys().filter(|name| grant.shows_field(name)).count(),
                (None, ..) => 0,
            };
            if row.as_object().map_or(0, serde_json::Map::len) != expected {
                self.say(Wrong::Content, key, "fields are missing, or there are more than asked for");
            }
        }
        Some(index)
    }

    /// A right on the row and on each field of it, at some moment from `since` to the arrival.
    fn check_right(&mut self, at: Moment, since: Moment, key: &str, row: &Value) {
        let Some(index) = self.versions(key).iter().position(|version| version.row.as_ref().map(stamp) == Some(stamp(row))) else { return };
        let Some(truth) = self.versions(key).get(index).and_then(|version| version.row.as_ref()) else { return };
        let right = self.case.held.iter().filter(|held| held.from <= at && held.until.is_none_or(|until| until >= since)).any(|held| {
            held.grant.as_ref().is_some_and(|grant| {
                grant.shows(truth, &self.case.user.id) && row.as_object().is_some_and(|row| row.keys().all(|name| grant.shows_field(name)))
            })
        });
        if !right {
            self.say(Wrong::Leaked, key, &format!("a row or field that could not be read between {since} and {at}: {row}"));
        }
    }

    fn versions(&self, key: &str) -> &'a [Version] {
        self.case.versions.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    fn shows(&self, grant: &Grant, row: &Value) -> bool {
        grant.shows(row, &self.case.user.id) && self.case.watched.subscription.filter.test(row, &self.case.user.id)
    }

    fn visible(&self, version: &Version) -> bool {
        self.grant.zip(version.row.as_ref()).is_some_and(|(grant, row)| self.shows(grant, row))
    }

    /// Whether the version at `index` is a content event.
    fn enters(&self, key: &str, index: usize) -> bool {
        self.versions(key).get(index).is_some_and(|version| self.visible(version))
    }

    /// Whether the version at `index` is a delete event.
    fn leaves(&self, key: &str, index: usize) -> bool {
        let was = index.checked_sub(1).and_then(|before| self.versions(key).get(before)).is_some_and(|before| self.visible(before));
        was && !self.enters(key, index)
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
            let sign = if self.visible(version) { "visible" } else { "hidden" };
            let row = version.row.as_ref().map(short).unwrap_or_default();
            // Text into a string cannot fail.
            let _written =
                writeln!(text, "  {} version {index} {} by {} {sign} {row}", version.committed, version.operation, version.writer);
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

/// A row without its long values.
fn short(row: &Value) -> String {
    let show = |name: &str| row.get(name).map(|value| format!("{name}={value}"));
    let note = row.get("note").map(|note| if note.is_null() { "note=null" } else { "note=…" }.to_owned());
    ["stamp", "team", "level", "owner", "n"].into_iter().filter_map(show).chain(note).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
