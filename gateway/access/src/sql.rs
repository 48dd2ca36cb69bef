//! Plans as SQL: one statement per read, however deep, with the answer's JSON made by Postgres in its final wire form.
//!
//! It must never put a value into the text, name anything that is not in the schema overview, or show more than the plan
//! says. Every nested level is a correlated subquery that ends in an index probe; text is concatenated, since building the
//! same objects with `row_to_json` costs a third more and truncates member names at 63 bytes.
//!
//! ```text
//! level      rows and order of one level, and the object of each row      ─┐
//! set        the same for a whole level, where no index finds related rows │
//! aggregate  groups and totals                                             ├─▶ text fragments; parameters gather in `writer`
//! condition  filters: joins where a row stays one row, EXISTS elsewhere    │
//! returned   the object of a row that the same statement writes
//! scope      which joined row a path stands for                            │
//! compare    one test          output  the wire form of one value         ─┘
//! ```

use crate::plan::{Level, ReadPlan, Root, RuleSet};
use crate::schema::Collection;
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::set::wants_set;
use crate::sql::writer::{Writer, table};
use crate::statement::Statement;

mod aggregate;
mod compare;
mod condition;
mod level;
mod output;
mod returned;
mod scope;
mod set;
mod writer;

pub use returned::{Returned, key_text, one_of, returned};

/// How the answer of a read comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One row; `data` is a JSON array.
    List,
    /// One row; `data` is the first item, or NULL where there is none.
    Object,
    /// One row per item, `key` its key as text. Order, limit and offset of the plan do not apply: the keys choose.
    /// Columns beside `key` and `data` repeat on every row. Of an aggregate, `key` is NULL.
    Keyed,
}

/// How a read is executed.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// How the answer comes back.
    pub shape: Shape,
    /// Adds the column `snapshot`: what the statement saw, as `pg_current_snapshot()` in text, `@`, and the microseconds
    /// since the Unix epoch at a moment not before that.
    pub snapshot: bool,
    /// Only rows with one of these keys; counts are not affected.
    pub keys: Option<Vec<String>>,
}

/// The statement that executes `plan`. Columns, always in this order: `key text` ([`Shape::Keyed`] only), `data text`,
/// `total_count int8` and `filter_count int8` where the plan asks for them, `snapshot text` where the options do.
#[must_use]
pub fn read(plan: &ReadPlan, options: &ReadOptions) -> Statement {
    statement(plan, options, false)
}

/// The same with a last column `keys text[]`: the keys of the rows in `data`. For lists of items.
#[must_use]
pub fn read_with_keys(plan: &ReadPlan, options: &ReadOptions) -> Statement {
    statement(plan, options, true)
}

fn statement(plan: &ReadPlan, options: &ReadOptions, with_keys: bool) -> Statement {
    let mut writer = Writer::default();
    let keys = options.keys.as_deref();
    let rows = match (&plan.root, options.shape) {
        (Root::Items(level), Shape::List) => Source::Value(writer.root_list(level, keys)),
        (Root::Items(level), Shape::Object) => Source::Value(writer.root_object(level, keys)),
        (Root::Items(level), Shape::Keyed) => writer.root_keyed(level, keys),
        (Root::Aggregate(aggregate), Shape::List) => Source::Value(writer.groups(aggregate, keys)),
        (Root::Aggregate(aggregate), Shape::Object) => Source::Value(writer.first_group(aggregate, keys)),
        (Root::Aggregate(aggregate), Shape::Keyed) => {
            let rows = writer.group_rows(aggregate, keys);
            Source::Rows { key: "NULL::text".to_owned(), data: "q.data".to_owned(), from: format!(" FROM ({rows}) q") }
        }
    };
    let (columns, from) = match rows {
        Source::Value(data) => (format!("{data} AS data"), String::new()),
        Source::Rows { key, data, from } => (format!("{key} AS key, {data} AS data"), from),
    };
    let mut text = format!("SELECT {columns}");
    if let Some(access) = &plan.total_count {
        let count = writer.count(plan, access, false);
        text.push_str(&format!(", {count} AS total_count"));
    }
    if let Some(access) = &plan.filter_count {
        let count = writer.count(plan, access, true);
        text.push_str(&format!(", {count} AS filter_count"));
    }
    if options.snapshot {
        text.push_str(", pg_current_snapshot()::text || '@' || (extract(epoch from clock_timestamp()) * 1000000)::int8 AS snapshot");
    }
    if with_keys {
        let keys = writer.key_rows(plan);
        text.push_str(&format!(", ARRAY({keys}) AS keys"));
    }
    text.push_str(&from);
    writer.finish(text)
}

/// The keys of the rows that the root level of `plan` selects, in its order and within its limit: one column `key text`.
/// An aggregate selects none.
#[must_use]
pub fn keys(plan: &ReadPlan) -> Statement {
    let mut writer = Writer::default();
    let text = writer.key_rows(plan);
    writer.finish(text)
}

/// Those of `keys` whose row exists and passes `access`, in key order: one column `key text`. `lock` takes them `FOR UPDATE`,
/// in key order too, so that two writers cannot wait for each other.
#[must_use]
pub fn matching_keys(collection: &Collection, access: &RuleSet, keys: &[String], lock: bool) -> Statement {
    let mut writer = Writer::default();
    let row = Row { alias: writer.alias(), collection, access };
    let key = writer::column(&row.alias, &collection.primary_key);
    let chosen = writer.among(&row, keys);
    let from = format!("{} {}", table(&collection.name), row.alias);
    let lock = if lock { format!(" FOR UPDATE OF {}", row.alias) } else { String::new() };
    // Joins would take part in the lock's recheck and could lose the row; subqueries do not.
    let mut scope = Scope::new(row, Joins::None);
    let rule = writer.permitted(&mut scope, access).map_or_else(String::new, |rule| format!(" AND {rule}"));
    writer.finish(format!("SELECT {key}::text AS key FROM {from} WHERE {chosen}{rule} ORDER BY {key}{lock}"))
}

/// What the outermost select takes its data from.
pub(crate) enum Source {
    /// One expression.
    Value(String),
    /// Rows of a FROM clause.
    Rows { key: String, data: String, from: String },
}

impl Writer {
    /// The keys of the root level's rows.
    fn key_rows(&mut self, plan: &ReadPlan) -> String {
        match &plan.root {
            Root::Items(level) => {
                let mut scope = self.root_scope(level);
                let rows = self.rows(level, &mut scope, None);
                let page = self.page(level.limit, level.offset);
                let key = writer::column(&scope.root.alias, &level.collection.primary_key);
                format!("SELECT {key}::text AS key{}{}{page}", rows.from, rows.order)
            }
            Root::Aggregate(_) => "SELECT NULL::text AS key WHERE false".to_owned(),
        }
    }

    fn root_scope<'p>(&mut self, level: &'p Level) -> Scope<'p> {
        Scope::new(Row { alias: self.alias(), collection: &level.collection, access: &level.access }, Joins::ToOne)
    }

    fn root_list(&mut self, level: &Level, keys: Option<&[String]>) -> String {
        let mut scope = self.root_scope(level);
        let chosen = keys.map(|keys| self.among(&scope.root, keys));
        if wants_set(level) { self.set_list(level, &mut scope, chosen) } else { self.list(level, &mut scope, chosen, None) }
    }

    fn root_object(&mut self, level: &Level, keys: Option<&[String]>) -> String {
        let mut scope = self.root_scope(level);
        let chosen = keys.map(|keys| self.among(&scope.root, keys));
        let rows = self.rows(level, &mut scope, chosen);
        let page = self.page(Some(1), level.offset);
        let item = self.item(level, &scope, None);
        format!("(SELECT {item}{}{}{page})", rows.from, rows.order)
    }

    fn root_keyed(&mut self, level: &Level, keys: Option<&[String]>) -> Source {
        let mut scope = self.root_scope(level);
        let chosen = keys.map(|keys| self.among(&scope.root, keys));
        if wants_set(level) {
            let (mut set, row) = self.root_set(level, &mut scope, chosen, false);
            let data = self.set_item(level, &row, &mut set);
            let key = writer::column(&row.alias, &level.collection.primary_key);
            let from = format!(" FROM {} {}{} ORDER BY {}", set.name, row.alias, set.joins, set::place(&row.alias));
            return Source::Rows { key: format!("{key}::text"), data, from };
        }
        let rows = self.rows(level, &mut scope, chosen);
        let key = writer::column(&scope.root.alias, &level.collection.primary_key);
        let data = self.item(level, &scope, None);
        Source::Rows { key: format!("{key}::text"), data, from: format!("{}{}", rows.from, rows.order) }
    }

    /// How many rows of the root's collection `access` lets through, of those that filter and search take (`narrowed`).
    fn count(&mut self, plan: &ReadPlan, access: &RuleSet, narrowed: bool) -> String {
        let (collection, search) = match &plan.root {
            Root::Items(level) => (&level.collection, &level.search),
            Root::Aggregate(aggregate) => (&aggregate.collection, &aggregate.search),
        };
        let row = Row { alias: self.alias(), collection, access };
        let alias = row.alias.clone();
        let mut scope = Scope::new(row, Joins::ToOne);
        let mut conditions: Vec<String> = self.permitted(&mut scope, access).into_iter().collect();
        if narrowed {
            conditions.extend(plan.count_filter.iter().map(|filter| self.filter(&mut scope, filter)));
            conditions.extend(search.iter().map(|search| self.search(&scope, search)));
        }
        let rule = writer::all_of(&conditions);
        format!("(SELECT count(*) FROM {} {alias}{}{rule})", table(&collection.name), scope.from)
    }
}

#[cfg(test)]
mod tests;
