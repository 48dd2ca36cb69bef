//! The relations of the fixture, and what related rows were at some time.
//!
//! A gateway that needs a related row reads it when it deals with the parent's change. Nobody outside knows that moment: it
//! lies between the commit and the arrival. So a condition on related rows has three answers over a span of time, and only a
//! sure one may become a finding.
//!
//! ```text
//! parent's change committed          arrived
//!          ├────────── span ───────────┤
//! related  │ red │      blue      │ red│      "related is red": maybe      "related is grey": no
//! ```

use serde_json::Value;

use crate::clock::Moment;
use crate::grants::Grant;
use crate::history::{History, Version};

/// A transaction shows a moment after its commit has its time: a version that ended so long before a span may be seen in it.
const VISIBLE_LATE: Moment = 1_000_000;

/// The relation that conditions of a collection go through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The field that leads to the related rows.
    pub(crate) field: &'static str,
    /// Where they are.
    pub(crate) to: &'static str,
    /// The foreign key: a column of `to` if there are many related rows, else of the collection itself.
    pub(crate) key: &'static str,
    /// One to many.
    pub(crate) many: bool,
}

const FOLDERS: Relation = Relation { field: "docs", to: "docs", key: "folder", many: true };
const DOCS: Relation = Relation { field: "folder", to: "folders", key: "folder", many: false };
const TAGS: Relation = Relation { field: "doc", to: "docs", key: "doc", many: false };

/// An answer about a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// At no moment.
    No,
    /// At some moments, or nobody knows.
    Maybe,
    /// At every moment.
    Yes,
}

/// What was committed, over a span of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) history: &'a History,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    /// What its asker may see of related rows: any of these may have held; `None`: everything, as inside a permission's rule.
    pub(crate) access: Option<&'a [Grant]>,
}

impl Relation {
    /// The one of a collection.
    pub(crate) fn of(collection: &str) -> &'static Self {
        match collection {
            "folders" => &FOLDERS,
            "tags" => &TAGS,
            _ => &DOCS,
        }
    }
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

impl<'a> World<'a> {
    /// The same with everything visible.
    pub(crate) const fn of_rules(self) -> Self {
        Self { access: None, ..self }
    }

    /// Whether the related rows of `row` satisfy `test` in this span: the one, or any of many.
    pub(crate) fn related(&self, relation: &Relation, row: &Value, user: &str, test: impl Fn(&Value) -> Truth) -> Truth {
        let seen = |related: &Value| test(related).min(self.visible(related, user));
        if !relation.many {
            return self.over(self.target(relation, row), seen);
        }
        let id = row.get("id");
        let points_here = |related: &Value| if related.get(relation.key) == id { seen(related) } else { Truth::No };
        let keys = self.history.of(relation.to).into_iter().flat_map(|keys| keys.values());
        keys.map(|versions| self.over(versions, points_here)).max().unwrap_or(Truth::No)
    }

    /// The versions that the one related row had in this span; `None`: it was not there.
    pub(crate) fn states(&self, relation: &Relation, row: &Value) -> Vec<Option<&'a Value>> {
        self.current(self.target(relation, row))
    }

    /// Whether its asker may see a related row.
    pub(crate) fn visible(&self, related: &Value, user: &str) -> Truth {
        let Some(grants) = self.access else { return Truth::Yes };
        all_or_some(grants.iter().map(|grant| grant.shows(related, user, &self.of_rules())))
    }

    fn target(&self, relation: &Relation, row: &Value) -> &'a [Version] {
        let Some(key) = row.get(relation.key).filter(|key| !key.is_null()) else { return &[] };
        self.history.of(relation.to).and_then(|keys| keys.get(&key.to_string())).map_or(&[], Vec::as_slice)
    }

    fn over(&self, versions: &'a [Version], test: impl Fn(&Value) -> Truth) -> Truth {
        all_or_some(self.current(versions).into_iter().map(|row| row.map_or(Truth::No, &test)))
    }

    /// The versions that were current at some moment of the span.
    fn current(&self, versions: &'a [Version]) -> Vec<Option<&'a Value>> {
        let begins = self.from.saturating_sub(VISIBLE_LATE);
        let mut states = Vec::new();
        if versions.first().is_none_or(|first| first.committed >= begins) {
            states.push(None);
        }
        for (index, version) in versions.iter().enumerate() {
            let ended = versions.get(index + 1).map(|next| next.committed);
            // What its own transaction replaced was never there.
            let was = version.committed <= self.until && ended.is_none_or(|ended| ended >= begins && ended != version.committed);
            if was {
                states.push(version.row.as_ref());
            }
        }
        states
    }
}

/// Sure only if all agree; nothing is nothing.
fn all_or_some(mut answers: impl Iterator<Item = Truth>) -> Truth {
    let Some(first) = answers.next() else { return Truth::No };
    if answers.all(|answer| answer == first) { first } else { Truth::Maybe }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rule::Rule;

    /// Folder 1: red from 10, blue from 2,000,020, gone from 4,000,030. Folder 2: red from 10.
    fn history() -> History {
        let mut history = History::default();
        let folder = |id: i64, team: &str| Some(json!({"id": id, "team": team}));
        let versions = [(10, folder(1, "red")), (2_000_020, folder(1, "blue")), (4_000_030, None)];
        for (at, row) in versions {
            history.note("folders", "1", at, row);
        }
        history.note("folders", "2", 10, folder(2, "red"));
        history
    }

    fn red_folder(folder: i64, from: Moment, until: Moment, access: Option<&[Grant]>) -> Truth {
        let history = history();
        let world = World { history: &history, from, until, access };
        let row = json!({"id": 5, "folder": folder});
        world.related(&DOCS, &row, "u", |related| Rule::Team(vec!["red"]).test(related, "u", &world))
    }

    #[test]
    fn an_answer_is_sure_only_if_nothing_changed() {
        assert_eq!(red_folder(1, 1_100_000, 1_200_000, None), Truth::Yes);
        assert_eq!(red_folder(1, 1_100_000, 2_200_000, None), Truth::Maybe);
        assert_eq!(red_folder(1, 2_500_000, 2_600_000, None), Truth::Maybe, "visible a moment after its commit");
        assert_eq!(red_folder(1, 3_100_000, 3_200_000, None), Truth::No);
        assert_eq!(red_folder(1, 6_000_000, 9_000_000, None), Truth::No);
        assert_eq!(red_folder(2, 6_000_000, 9_000_000, None), Truth::Yes);
        assert_eq!(red_folder(3, 6_000_000, 9_000_000, None), Truth::No);
    }

    #[test]
    fn hidden_related_rows_do_not_count() {
        let grant = |team| Grant { rule: Rule::Team(vec![team]), fields: None };
        assert_eq!(red_folder(2, 6_000_000, 9_000_000, Some(&[grant("red")])), Truth::Yes);
        assert_eq!(red_folder(2, 6_000_000, 9_000_000, Some(&[grant("blue")])), Truth::No);
        assert_eq!(red_folder(2, 6_000_000, 9_000_000, Some(&[grant("blue"), grant("red")])), Truth::Maybe);
        assert_eq!(red_folder(2, 6_000_000, 9_000_000, Some(&[])), Truth::No);
    }

    #[test]
    fn one_of_many_is_enough() {
        let mut history = History::default();
        for (id, folder) in [(1, 7), (2, 8)] {
            history.note("docs", &id.to_string(), 10, Some(json!({"id": id, "folder": folder, "team": "red"})));
        }
        let some = |id: i64, team| {
            let world = World { history: &history, from: 5_000_000, until: 6_000_000, access: None };
            world.related(&FOLDERS, &json!({"id": id}), "u", |related| Rule::Team(vec![team]).test(related, "u", &world))
        };
        assert_eq!([some(7, "red"), some(7, "blue"), some(9, "red")], [Truth::Yes, Truth::No, Truth::No]);
    }
}
