//! Answers out of the statement that writes: the JSON of a row as `RETURNING` gives it, without a second read.
//!
//! It must never answer what a read after the commit would answer differently. All parts of a statement see the database as
//! it was before, so the plan may look at the written row itself and at tables that the statement leaves alone; and nothing
//! in it may fail, since the write would fail with it.

use crate::plan::{Level, ReadPlan, Root, Rows, RuleSet, Selected, Selection, Shown};
use crate::schema::Collection;
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::writer::{Writer, column};
use crate::statement::Statement;

/// The JSON of a row, whatever it is read from.
#[derive(Debug)]
pub struct Returned {
    item: String,
    alias: String,
}

impl Returned {
    /// As a scalar subquery on `source`, a FROM item of one whole row: the name of a WITH query, or a subquery in parentheses.
    #[must_use]
    pub fn of(&self, source: &'static str) -> String {
        format!("(SELECT {} FROM {source} {})", self.item, self.alias)
    }
}

/// The JSON of a written row of the plan's collection; its parameters are added to `statement`. `None` where only a read after
/// the commit can tell: where the plan chooses rows, counts, masks, or looks at one of the tables `written`.
#[must_use]
pub fn returned(plan: &ReadPlan, written: &[&str], statement: &mut Statement) -> Option<Returned> {
    let Root::Items(level) = &plan.root else { return None };
    if !is_plain(level) || plan.total_count.is_some() || plan.filter_count.is_some() || !keeps_away(level, written) {
        return None;
    }
    let kept = statement.parameters.len();
    let mut writer = Writer::continuing(std::mem::take(&mut statement.parameters));
    let row = Row { alias: writer.alias(), collection: &level.collection, access: &level.access };
    let scope = Scope::new(row, Joins::None);
    let item = writer.item(level, &scope, None);
    let alias = scope.root.alias.clone();
    let set = !writer.with.is_empty();
    statement.parameters = writer.into_parameters();
    if set {
        statement.parameters.truncate(kept);
        return None;
    }
    Some(Returned { item, alias })
}

/// Those rows of the table, called `alias`, whose key is `key` and that pass `access`, as a condition whose parameters are
/// added to `statement`.
#[must_use]
pub fn one_of(collection: &Collection, access: &RuleSet, alias: &'static str, key: &str, statement: &mut Statement) -> String {
    let mut writer = Writer::continuing(std::mem::take(&mut statement.parameters));
    let row = Row { alias: alias.to_owned(), collection, access };
    let mut condition = writer.among(&row, &[key.to_owned()]);
    let mut scope = Scope::new(row, Joins::None);
    if let Some(rule) = writer.permitted(&mut scope, access) {
        condition.push_str(&format!(" AND {rule}"));
    }
    statement.parameters = writer.into_parameters();
    condition
}

/// The key column of `alias` as text.
#[must_use]
pub fn key_text(collection: &Collection, alias: &str) -> String {
    format!("{}::text", column(alias, &collection.primary_key))
}

/// Whether the level takes every row and shows all of it.
fn is_plain(level: &Level) -> bool {
    let plain = |selection: &Selection| selection.shown == Shown::Always;
    level.access.rows == Rows::All
        && level.filter.is_none()
        && level.search.is_none()
        && level.offset == 0
        && level.select.iter().all(plain)
}

/// Whether nothing below `level` looks at `written`, restricts, or computes.
fn keeps_away(level: &Level, written: &[&str]) -> bool {
    let away = |collection: &Collection| !written.contains(&&*collection.name);
    let below = |level: &Level| away(&level.collection) && is_plain(level) && keeps_away(level, written);
    level.select.iter().all(|selection| match &selection.value {
        Selected::Column(_) => true,
        Selected::Function(_) => false,
        Selected::One { level, .. } | Selected::Many { level, .. } => below(level),
        Selected::Any { levels, bare, .. } => levels.iter().all(below) && bare.iter().all(|collection| away(collection)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::planner::{Planner, Target};
    use crate::query::{Query, QueryLimits};
    use crate::statement::Parameter;
    use crate::testing::{newsroom, permissions};

    fn of(who: &str, collection: &str, query: &Value, written: &[&str]) -> Option<Statement> {
        let limits = QueryLimits::default();
        let (schema, permissions) = (newsroom(), permissions(who));
        let planner = Planner { schema: &schema, permissions: &permissions, limits: &limits };
        let query = Query::parse(query, &limits).unwrap();
        let plan = planner.read(collection, &query, Target::Returned).unwrap();
        let mut statement = Statement { text: String::new(), parameters: vec![Parameter::Null] };
        let row = returned(&plan, written, &mut statement);
        assert!(row.is_some() || statement.parameters.len() == 1, "a refused plan leaves no parameters behind");
        row.map(|row| Statement { text: row.of("w"), ..statement })
    }

    #[test]
    fn a_row_is_answered_without_a_read() {
        let statement = of("admin", "tags", &json!({"fields": ["id", "label"]}), &["tags"]).unwrap();
        assert!(statement.text.starts_with("(SELECT concat($2::text, "), "{}", statement.text);
        assert!(statement.text.ends_with(" FROM w t1)"), "{}", statement.text);
        assert!(of("admin", "articles", &Value::Null, &["articles"]).is_some());
        assert!(of("admin", "articles", &json!({"fields": ["*", "author.name", "comments.text"]}), &["articles"]).is_some());
        // A second sort of the answer, a limit and a page choose among rows; there is one.
        assert!(of("admin", "articles", &json!({"fields": ["id"], "sort": ["-title"], "limit": 1}), &["articles"]).is_some());
    }

    #[test]
    fn what_only_a_read_can_tell_is_left_to_a_read() {
        let check = |who: &str, collection: &str, query: Value, written: &[&str]| {
            assert!(of(who, collection, &query, written).is_none(), "{who} {collection} {query}");
        };
        check("admin", "articles", json!({"filter": {"title": {"_eq": "x"}}}), &["articles"]);
        check("admin", "articles", json!({"search": "x"}), &["articles"]);
        check("admin", "articles", json!({"offset": 1}), &["articles"]);
        check("admin", "articles", json!({"meta": "*"}), &["articles"]);
        check("admin", "articles", json!({"aggregate": {"count": "*"}}), &["articles"]);
        check("admin", "articles", json!({"fields": ["year(published_at)"]}), &["articles"]);
        check("admin", "articles", json!({"fields": ["comments.article.title"]}), &["articles"]);
        check("admin", "articles", json!({"fields": ["author.name"]}), &["articles", "authors"]);
        check(
            "admin",
            "articles",
            json!({"fields": ["author.name"], "deep": {"author": {"_filter": {"name": {"_eq": "x"}}}}}),
            &["articles"],
        );
        // Rows, or values on some rows, may be hidden from these.
        check("reader", "articles", json!({"fields": ["id"]}), &["articles"]);
        check("multi", "articles", json!({"fields": ["id", "body"]}), &["articles"]);
    }
}
