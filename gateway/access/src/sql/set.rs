//! Levels read as a whole, for relations whose key no index finds.
//!
//! Directus makes no index for a relation. A subquery per parent row would then read the whole child table once per parent;
//! here it is read once per level: the parents' rows are materialised, the children of all of them are found by one join,
//! numbered per parent, and their JSON is gathered per parent and joined back. It must never be used where an index serves:
//! a plan for unknown values could read a table where a few probes would do.
//!
//! ```text
//! WITH t2 AS (rows of the root, numbered), t4 AS (their children, numbered per parent), …
//! SELECT … FROM t2 LEFT JOIN (SELECT parent, list of JSON FROM t4 … GROUP BY parent) ON …
//! ```

use crate::plan::{Direction, Function, Level, Resort, RuleSet, Selected, Shown, Sort};
use crate::schema::{Collection, Relation};
use crate::sql::level::list_of;
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::writer::{Writer, all_of, column, comparable, table};
use crate::statement::quote_identifier;

/// The number of a row within its list.
const PLACE: &str = "~place";
/// The key of a row's parent.
const PARENT: &str = "~parent";

/// A level whose rows are materialised, and what is joined to them.
pub(super) struct Set {
    /// The name in WITH.
    pub(super) name: String,
    /// Joins of the select over it, each with a leading space.
    pub(super) joins: String,
}

/// A condition on the children of a whole level, and the columns that pair a child with its parent.
struct Pairing {
    child: String,
    parent: String,
    condition: String,
}

/// Whether reading `level` row by row would read whole tables again and again.
pub(super) fn wants_set(level: &Level) -> bool {
    level.select.iter().any(|selection| selected_wants_set(&selection.value))
}

/// Whether the member would.
pub(super) fn selected_wants_set(value: &Selected) -> bool {
    match value {
        Selected::Many { relation, level, .. } => !finds(&level.collection, relation) || wants_set(level),
        Selected::One { level, .. } => wants_set(level),
        Selected::Function(function) => counts_by_reading(function),
        Selected::Column(_) | Selected::Any { .. } => false,
    }
}

/// Whether the function counts rows that no index finds.
pub(super) fn counts_by_reading(function: &Function) -> bool {
    match function {
        Function::CountRelated { relation, collection, .. } => !finds(collection, relation),
        Function::DatePart { .. } | Function::CountJson(_) | Function::JsonPath { .. } => false,
    }
}

/// Whether an index finds the rows of the many side by their key.
pub(super) fn finds(collection: &Collection, relation: &Relation) -> bool {
    collection.field(&relation.many_field).is_some_and(|field| field.indexed)
}

/// The place of a row in its set, in the order of the level.
pub(super) fn place(alias: &str) -> String {
    format!("{alias}.\"{PLACE}\"")
}

impl Writer {
    /// Materialises the rows of a root level. Returns the set, and a row of it.
    pub(super) fn root_set<'p>(&mut self, level: &'p Level, scope: &mut Scope<'p>, chosen: Option<String>, paged: bool) -> (Set, Row<'p>) {
        let columns = columns(&level.collection, &scope.root.alias);
        let rows = self.rows(level, scope, chosen);
        let page = if paged { self.page(level.limit, level.offset) } else { String::new() };
        let rows = format!(", row_number() OVER ({}) AS \"{PLACE}\"{}{}{page}", rows.order.trim_start(), rows.from, rows.order);
        self.materialise(&format!("SELECT {columns}{rows}"), &scope.root)
    }

    /// The rows of a root level as the text of a JSON array.
    pub(super) fn set_list<'p>(&mut self, level: &'p Level, scope: &mut Scope<'p>, chosen: Option<String>) -> String {
        let (mut set, row) = self.root_set(level, scope, chosen, true);
        let item = self.set_item(level, &row, &mut set);
        let from = format!(" FROM {} {}{}", set.name, row.alias, set.joins);
        list_of(&format!("SELECT {item}{from} ORDER BY {}", place(&row.alias)))
    }

    /// The JSON of a row of a set.
    pub(super) fn set_item<'p>(&mut self, level: &'p Level, row: &Row<'p>, set: &mut Set) -> String {
        self.item(level, &Scope::new(row.clone(), Joins::None), Some(set))
    }

    /// The list of rows that point to `row` of `set`.
    pub(super) fn set_many<'p>(
        &mut self,
        set: &mut Set,
        row: &Row<'p>,
        relation: &Relation,
        level: &'p Level,
        resort: Option<&'p Resort>,
    ) -> String {
        let child = Row { alias: self.alias(), collection: &level.collection, access: &level.access };
        let pairing = self.pairing(set, row, relation, &child);
        let columns = columns(&level.collection, &child.alias);
        let mut scope = Scope::new(child, Joins::ToOne);
        let rows = self.rows(level, &mut scope, Some(pairing.condition));
        let place = format!("row_number() OVER (PARTITION BY {}{})", pairing.child, rows.order);
        let mut numbered = format!("SELECT {columns}, {} AS \"{PARENT}\", {place} AS \"{PLACE}\"{}", pairing.child, rows.from);
        if level.limit.is_some() || level.offset > 0 {
            let offset = self.number(level.offset);
            numbered = format!("SELECT * FROM ({numbered}) q WHERE q.\"{PLACE}\" > {offset}");
            if let Some(limit) = level.limit {
                let last = self.number(level.offset.saturating_add(limit));
                numbered.push_str(&format!(" AND q.\"{PLACE}\" <= {last}"));
            }
        }
        let (mut below, member) = self.materialise(&numbered, &scope.root);
        let item = self.set_item(level, &member, &mut below);
        let order = match resort.and_then(|resort| self.second_order(level, resort, &member)) {
            Some(order) => format!("{}{}, ", order.key, order.direction),
            None => String::new(),
        };
        let alias = &member.alias;
        let list = format!("'[' || array_to_string(array_agg({item} ORDER BY {order}{alias}.\"{PLACE}\"), ',') || ']'");
        let name = self.alias();
        set.joins.push_str(&format!(
            " LEFT JOIN (SELECT {alias}.\"{PARENT}\" AS parent, {list} AS data FROM {} {alias}{} GROUP BY 1) {name} ON {name}.parent = {}",
            below.name, below.joins, pairing.parent
        ));
        format!("coalesce({name}.data, '[]')")
    }

    /// The row that `row` of `set` points to.
    pub(super) fn set_one<'p>(&mut self, set: &mut Set, row: &Row<'p>, relation: &Relation, level: &'p Level) -> String {
        let target = Row { alias: self.alias(), collection: &level.collection, access: &level.access };
        let key = column(&target.alias, &level.collection.primary_key);
        let cast = casts(&level.collection, &level.collection.primary_key, row.collection, &relation.many_field);
        let link = quote_identifier(&relation.many_field);
        let condition = format!("{key}{cast} IN (SELECT {link}{cast} FROM {})", set.name);
        let columns = columns(&level.collection, &target.alias);
        let mut scope = Scope::new(target, Joins::ToOne);
        let from = self.chosen_rows(level, &mut scope, Some(condition));
        let (mut below, member) = self.materialise(&format!("SELECT {columns}{from}"), &scope.root);
        let item = self.set_item(level, &member, &mut below);
        let (name, key) = (self.alias(), column(&member.alias, &level.collection.primary_key));
        set.joins.push_str(&format!(
            " LEFT JOIN (SELECT {key}{cast} AS key, {item} AS data FROM {} {}{}) {name} ON {name}.key = {}{cast}",
            below.name,
            member.alias,
            below.joins,
            column(&row.alias, &relation.many_field)
        ));
        format!("{name}.data")
    }

    /// How many rows point to `row` of `set`.
    pub(super) fn set_count<'p>(
        &mut self,
        set: &mut Set,
        row: &Row<'p>,
        relation: &Relation,
        collection: &'p Collection,
        access: &'p RuleSet,
    ) -> String {
        let child = Row { alias: self.alias(), collection, access };
        let pairing = self.pairing(set, row, relation, &child);
        let join = self.counted(child, access, &pairing.child, Some(&pairing.condition));
        let name = self.alias();
        set.joins.push_str(&format!(" LEFT JOIN ({join}) {name} ON {name}.parent = {}", pairing.parent));
        format!("coalesce({name}.value, 0)")
    }

    /// How many rows point to each parent: `parent` and `value`.
    pub(super) fn counted<'p>(&mut self, child: Row<'p>, access: &'p RuleSet, parent: &str, condition: Option<&str>) -> String {
        let from = format!("{} {}", table(&child.collection.name), child.alias);
        let mut scope = Scope::new(child, Joins::ToOne);
        let mut conditions: Vec<String> = condition.map(str::to_owned).into_iter().collect();
        conditions.extend(self.permitted(&mut scope, access));
        let conditions = all_of(&conditions);
        format!("SELECT {parent} AS parent, count(*) AS value FROM {from}{}{conditions} GROUP BY 1", scope.from)
    }

    /// The columns by which rows of `child` and of `row` belong together, in a common type.
    pub(super) fn pair<'p>(&mut self, row: &Row<'p>, relation: &Relation, child: &Row<'p>) -> (String, String, Option<String>) {
        let (link, key) = (column(&child.alias, &relation.many_field), column(&row.alias, &row.collection.primary_key));
        match &relation.one_collection_field {
            None => {
                let cast = casts(child.collection, &relation.many_field, row.collection, &row.collection.primary_key);
                (format!("{link}{cast}"), format!("{key}{cast}"), None)
            }
            Some(names) => {
                let named = format!("{} = {}", column(&child.alias, names), self.text(&row.collection.name));
                (format!("{link}::text"), format!("{key}::text"), Some(named))
            }
        }
    }

    /// What a to-many hop leads to from the rows of `base`, one row each: the smallest (largest) value. Joined to the FROM clause of
    /// `scope`; `None` where an index finds the rows or nothing can be joined.
    pub(super) fn set_sort<'p>(&mut self, scope: &mut Scope<'p>, base: &Row<'p>, sort: &'p Sort, before: usize) -> Option<String> {
        let hop = sort.path.get(before)?;
        if scope.joins == Joins::None || hop.direction != Direction::ToMany || finds(&hop.target, &hop.relation) {
            return None;
        }
        let child = Row { alias: self.alias(), collection: &hop.target, access: &hop.access };
        let (link, key, named) = self.pair(base, &hop.relation, &child);
        let mut conditions: Vec<String> = named.into_iter().collect();
        let mut closed = Scope::new(child.clone(), Joins::None);
        conditions.extend(self.permitted(&mut closed, &hop.access));
        let from = format!("{} {}", table(&hop.target.name), child.alias);
        let mut inside = scope.inside(sort.path.get(..=before)?, child, Joins::All);
        let value = self.value(&mut inside, &sort.path, &sort.operand, &sort.shown);
        let shown = match &hop.shown {
            Shown::Always => String::new(),
            Shown::When(rules) => {
                format!(" AND {}", self.any_rule(&mut Scope::new(base.clone(), Joins::None), base.access, rules))
            }
        };
        let (name, direction) = (self.alias(), if sort.descending { " DESC" } else { "" });
        let conditions = all_of(&conditions);
        scope.from.push_str(&format!(
            " LEFT JOIN (SELECT DISTINCT ON (1) {link} AS parent, {value} AS value FROM {from}{}{conditions} ORDER BY 1, 2{direction}) \
             {name} ON {name}.parent = {key}{shown}",
            inside.from
        ));
        Some(format!("{name}.value"))
    }

    fn pairing<'p>(&mut self, set: &Set, row: &Row<'p>, relation: &Relation, child: &Row<'p>) -> Pairing {
        let (link, key, named) = self.pair(row, relation, child);
        // The same expression over the set itself.
        let keys = key.replacen(&format!("{}.", row.alias), "", 1);
        let named = named.map_or_else(String::new, |named| format!(" AND {named}"));
        Pairing { condition: format!("{link} IN (SELECT {keys} FROM {}){named}", set.name), child: link, parent: key }
    }

    fn materialise<'p>(&mut self, query: &str, row: &Row<'p>) -> (Set, Row<'p>) {
        let name = self.alias();
        self.with.push(format!("{name} AS MATERIALIZED ({query})"));
        let row = Row { alias: self.alias(), ..row.clone() };
        (Set { name, joins: String::new() }, row)
    }
}

/// All columns by name: what rules and members may ask for.
fn columns(collection: &Collection, alias: &str) -> String {
    collection.columns().map(|field| column(alias, &field.name)).collect::<Vec<_>>().join(", ")
}

/// `::text` where the two columns have no common `=`.
fn casts(left: &Collection, left_column: &str, right: &Collection, right_column: &str) -> &'static str {
    let kind =
        |collection: &Collection, name: &str| collection.field(name).map_or_else(String::new, |field| field.database_type.to_string());
    if comparable(&kind(left, left_column), &kind(right, right_column)) { "" } else { "::text" }
}
