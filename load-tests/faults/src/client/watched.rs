//! A subscription with everything that happened to it, and the copy of its view that follows from that.
//!
//! It must never judge.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Subscription;
use crate::clock::{Moment, now};

/// Where the view of an aggregate keeps its one row.
const COUNT: &str = "count";

/// One thing that happened to a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Moment,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A connection began whose credentials were good at `proven`.
    Began { proven: Moment },
    /// The whole view; `asked`: when the client subscribed, if this is the answer.
    Init { asked: Option<Moment>, rows: Vec<Value> },
    /// A GraphQL subscription is live: it has heard of a change, and hears of every later one.
    Live,
    /// The rows of a query that was asked behind [`What::Live`]: what a GraphQL subscription says changes them.
    Rows { asked: Moment, rows: Vec<Value> },
    /// `create` or `update`.
    Content { create: bool, rows: Vec<Value> },
    /// Keys in their text form.
    Delete { keys: Vec<String> },
    /// The server says that it is not allowed, or not possible now.
    Refused(String),
    /// The server says that the token has expired.
    Lapsed,
    /// The client has sent a new one.
    Renewed,
    /// The connection ended. `resumes`: the client will ask to go on from here; else what comes next begins anew.
    Ended { why: String, resumes: bool },
    /// The server goes on from where the connection ended.
    Resumed,
}

/// A subscription and everything about it since the last check.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) subscription: Subscription,
    /// What the log begins with; `None`: nothing was known.
    pub(crate) base: Option<BTreeMap<String, Value>>,
    pub(crate) log: Vec<Entry>,
    /// The folded copy; `None` until it begins with something.
    pub(crate) view: Option<BTreeMap<String, Value>>,
    /// Whether the copy is kept up to date: not between the end of a connection and the answer on the next.
    pub(crate) live: bool,
    /// Rows that only a query has shown, and no event yet: the server cannot know that the client holds them.
    pub(crate) queried: BTreeSet<String>,
    /// Heard behind the query whose rows are awaited.
    early: Vec<What>,
    /// Of a GraphQL subscription: the server has not ended it, and has told of something.
    begun: bool,
    heard: bool,
    /// Of the last message.
    pub(super) position: Option<String>,
    /// When the answer that is awaited was asked for.
    pub(super) asked: Option<Moment>,
    /// When the last answered `init` was asked for.
    pub(crate) answered: Moment,
}

impl Watched {
    /// Nothing has happened yet.
    pub(super) const fn new(subscription: Subscription) -> Self {
        Self {
            subscription,
            base: None,
            log: Vec::new(),
            view: None,
            live: false,
            queried: BTreeSet::new(),
            early: Vec::new(),
            begun: false,
            heard: false,
            position: None,
            asked: None,
            answered: 0,
        }
    }

    /// A subscription to which all this has happened.
    #[cfg(test)]
    pub(crate) fn of(subscription: Subscription, log: Vec<Entry>) -> Self {
        let mut watched = Self::new(subscription);
        for entry in log {
            watched.note(entry.what);
            if let Some(last) = watched.log.last_mut() {
                last.at = entry.at;
            }
        }
        watched
    }

    pub(super) fn note(&mut self, what: What) {
        match &what {
            What::Init { rows, .. } => {
                self.live = true;
                self.view = Some(self.keyed(rows));
            }
            What::Rows { rows, .. } => {
                self.live = true;
                let view = self.keyed(rows);
                self.queried = view.keys().cloned().collect();
                self.view = Some(view);
                for early in std::mem::take(&mut self.early) {
                    self.fold(&early);
                }
            }
            What::Content { .. } | What::Delete { .. } if self.view.is_none() => self.early.push(what.clone()),
            What::Content { .. } | What::Delete { .. } => self.fold(&what),
            What::Resumed => self.live = true,
            What::Refused(_) | What::Ended { resumes: false, .. } => {
                self.live = false;
                self.view = None;
                self.position = None;
                self.early.clear();
                (self.begun, self.heard) = (false, false);
            }
            What::Ended { resumes: true, .. } => self.live = false,
            What::Live => self.heard = true,
            What::Began { .. } | What::Lapsed | What::Renewed => {}
        }
        self.log.push(Entry { at: now(), what });
    }

    fn keyed(&self, rows: &[Value]) -> BTreeMap<String, Value> {
        let key = |row| if self.subscription.aggregate { COUNT.to_owned() } else { key_of(row) };
        rows.iter().map(|row| (key(row), row.clone())).collect()
    }

    fn fold(&mut self, what: &What) {
        if let What::Content { rows, .. } = what {
            rows.iter().for_each(|row| {
                self.queried.remove(&key_of(row));
            });
        }
        let (aggregate, seeded) = (self.subscription.aggregate, self.subscription.graphql);
        let Some(view) = &mut self.view else { return };
        match what {
            What::Content { rows, .. } if aggregate => *view = rows.iter().map(|row| (COUNT.to_owned(), row.clone())).collect(),
            What::Content { rows, .. } => {
                for row in rows {
                    // Behind a query may come what its rows have already; the stamp tells.
                    let stamp = |row: &Value| row.get("stamp").and_then(Value::as_i64);
                    if !seeded || view.get(&key_of(row)).is_none_or(|shown| stamp(shown) <= stamp(row)) {
                        view.insert(key_of(row), row.clone());
                    }
                }
            }
            What::Delete { keys } => view.retain(|key, _| !keys.contains(key)),
            What::Began { .. }
            | What::Init { .. }
            | What::Live
            | What::Rows { .. }
            | What::Refused(_)
            | What::Lapsed
            | What::Renewed
            | What::Ended { .. }
            | What::Resumed => {}
        }
    }

    /// A GraphQL subscription is about to be asked for.
    pub(super) fn begin(&mut self) {
        (self.begun, self.heard, self.asked) = (true, false, None);
    }

    /// The server ended it.
    pub(super) const fn is_refused(&self) -> bool {
        !self.begun
    }

    /// A change has come, so that every later one will.
    pub(super) const fn is_heard(&self) -> bool {
        self.heard
    }

    /// The rows are about to be asked for: what was heard before is in them.
    pub(super) fn ask(&mut self) {
        self.early.clear();
        self.asked = Some(now());
    }

    /// The connection of this subscription has ended.
    pub(super) fn ended(&mut self, why: &str) {
        self.asked = None;
        self.note(What::Ended { why: why.to_owned(), resumes: self.position.is_some() && self.view.is_some() });
    }

    /// The count of an aggregate; its values are text.
    pub(crate) fn count(&self) -> Option<i64> {
        let count = self.view.as_ref().filter(|_| self.live)?.get(COUNT)?.get("count")?;
        count.as_i64().or_else(|| count.as_str()?.parse().ok())
    }

    /// The number that the marker row carries in this view.
    pub(crate) fn marker(&self) -> Option<i64> {
        self.view.as_ref().filter(|_| self.live)?.get(self.subscription.marker())?.get("n")?.as_i64()
    }

    /// The log begins anew with the view of now.
    pub(crate) fn checkpoint(&mut self) {
        self.base.clone_from(&self.view);
        self.log.clear();
    }
}

/// The key of a row as text of JSON.
pub(crate) fn key_of(row: &Value) -> String {
    row.get("id").map(Value::to_string).unwrap_or_default()
}
