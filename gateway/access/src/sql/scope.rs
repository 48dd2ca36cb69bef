//! Which row a path stands for: the joins of one FROM clause, and how one row reaches another.
//!
//! It must never join a row that the hop's own rules hide.

use crate::plan::{Direction, Hop, RuleSet, Shown};
use crate::schema::{Collection, Relation};
use crate::sql::writer::{Writer, column, comparable, table};

/// Which joins a FROM clause may take up on behalf of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    /// None: the condition stands where no FROM clause is at hand (CASE, ON, a locking select).
    None,
    /// Those that leave a row one row.
    ToOne,
    /// All, and rows multiply.
    All,
}

/// A row at hand.
#[derive(Debug, Clone)]
pub(super) struct Row<'p> {
    pub(super) alias: String,
    pub(super) collection: &'p Collection,
    /// The rules that `Shown` of this row's columns index into.
    pub(super) access: &'p RuleSet,
}

/// The rows that a condition can talk about: the root of all paths, and what is joined already.
#[derive(Debug, Clone)]
pub(super) struct Scope<'p> {
    pub(super) root: Row<'p>,
    pub(super) joins: Joins,
    /// The joins of this scope's own FROM clause, each with a leading space.
    pub(super) from: String,
    /// A join was made that may turn one row into several.
    pub(super) multiplied: bool,
    joined: Vec<(&'p [Hop], Row<'p>)>,
}

impl<'p> Scope<'p> {
    /// The scope of a FROM clause whose base is `root`.
    pub(super) fn new(root: Row<'p>, joins: Joins) -> Self {
        Self { root, joins, from: String::new(), multiplied: false, joined: Vec::new() }
    }

    /// The same rows seen from a place that has no FROM clause of its own.
    pub(super) fn closed(&self) -> Self {
        Self { joins: Joins::None, from: String::new(), ..self.clone() }
    }

    /// The same rows and one more at the end of `path`, seen from a FROM clause of its own.
    pub(super) fn inside(&self, path: &'p [Hop], row: Row<'p>, joins: Joins) -> Self {
        let mut inside = Self { joins, from: String::new(), multiplied: false, ..self.clone() };
        inside.joined.push((path, row));
        inside
    }

    /// The longest part of `path` that is joined, and the row at its end.
    pub(super) fn held(&self, path: &[Hop]) -> (usize, Row<'p>) {
        let best = self.joined.iter().filter(|(joined, _)| path.starts_with(joined)).max_by_key(|(joined, _)| joined.len());
        best.map_or_else(|| (0, self.root.clone()), |(joined, row)| (joined.len(), row.clone()))
    }

    /// The part of `path` up to its first to-many hop that is not joined and may not be.
    pub(super) fn first_many(&self, path: &'p [Hop]) -> Option<&'p [Hop]> {
        if self.joins == Joins::All {
            return None;
        }
        let held = self.held(path).0;
        let many = path.iter().enumerate().skip(held).find(|(_, hop)| hop.direction == Direction::ToMany)?.0;
        path.get(..=many)
    }
}

impl Writer {
    /// The row at the end of `path`, joined if it is not yet and may be.
    pub(super) fn reach<'p>(&mut self, scope: &mut Scope<'p>, path: &'p [Hop]) -> Option<Row<'p>> {
        let (held, mut row) = scope.held(path);
        let may = |hop: &Hop| match scope.joins {
            Joins::None => false,
            Joins::ToOne => hop.direction != Direction::ToMany,
            Joins::All => true,
        };
        if !path.iter().skip(held).all(may) {
            return None;
        }
        for (index, hop) in path.iter().enumerate().skip(held) {
            let (next, condition) = self.hop(&row, hop);
            scope.from.push_str(&format!(" LEFT JOIN {} {} ON {condition}", table(&hop.target.name), next.alias));
            scope.multiplied |= hop.direction == Direction::ToMany;
            if let Some(reached) = path.get(..=index) {
                scope.joined.push((reached, next.clone()));
            }
            row = next;
        }
        Some(row)
    }

    /// A fresh row for the target of `hop`, and the condition under which it belongs to `base` and may be seen.
    pub(super) fn hop<'p>(&mut self, base: &Row<'_>, hop: &'p Hop) -> (Row<'p>, String) {
        let row = Row { alias: self.alias(), collection: &hop.target, access: &hop.access };
        let mut condition = self.link(&hop.relation, hop.direction, base, &row);
        if let Shown::When(rules) = &hop.shown {
            let rule = self.any_rule(&mut Scope::new(base.clone(), Joins::None), base.access, rules);
            condition.push_str(&format!(" AND {rule}"));
        }
        let mut closed = Scope::new(row.clone(), Joins::None);
        if let Some(rule) = self.permitted(&mut closed, &hop.access) {
            condition.push_str(&format!(" AND {rule}"));
        }
        (row, condition)
    }

    /// `target` is what `base` reaches through `relation`.
    pub(super) fn link(&mut self, relation: &Relation, direction: Direction, base: &Row<'_>, target: &Row<'_>) -> String {
        match direction {
            Direction::ToOne => equal((target, &target.collection.primary_key), (base, &relation.many_field)),
            Direction::ToMany => match &relation.one_collection_field {
                None => equal((target, &relation.many_field), (base, &base.collection.primary_key)),
                Some(names) => {
                    let name = self.text(&base.collection.name);
                    let key = column(&base.alias, &base.collection.primary_key);
                    let (item, names) = (column(&target.alias, &relation.many_field), column(&target.alias, names));
                    format!("{item}::text = {key}::text AND {names} = {name}")
                }
            },
            Direction::ToAny => {
                let item = format!("{}::text", column(&base.alias, &relation.many_field));
                let guard = match &relation.one_collection_field {
                    Some(names) => format!("{} = {}", column(&base.alias, names), self.text(&target.collection.name)),
                    None => "false".to_owned(),
                };
                any_key(target, &item, &guard)
            }
        }
    }
}

/// The key of `target` is what the text `item` says, where `guard` holds. The text is checked before it is cast, since it
/// belongs to several collections with keys of several types and nothing keeps it well-formed; the key itself is not
/// touched, so that its index serves.
fn any_key(target: &Row<'_>, item: &str, guard: &str) -> String {
    let key = column(&target.alias, &target.collection.primary_key);
    let kind = target.collection.key_field().map_or("", |field| &*field.database_type);
    match kind {
        "int2" | "int4" | "int8" => {
            format!("{key} = CASE WHEN {guard} AND {item} ~ '^-?[0-9]{{1,18}}$' THEN {item}::int8 END")
        }
        "uuid" => {
            let form = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
            format!("{key} = CASE WHEN {guard} AND {item} ~ '{form}' THEN {item}::uuid END")
        }
        "text" | "varchar" => format!("{key} = CASE WHEN {guard} THEN {item} END"),
        _ => format!("{key}::text = CASE WHEN {guard} THEN {item} END"),
    }
}

/// Two columns are equal; by their text where their types have no common `=` (relations without a foreign key).
fn equal((left, left_name): (&Row<'_>, &str), (right, right_name): (&Row<'_>, &str)) -> String {
    let kind = |row: &Row<'_>, name: &str| row.collection.field(name).map_or_else(String::new, |field| field.database_type.to_string());
    let (left_kind, right_kind) = (kind(left, left_name), kind(right, right_name));
    let (left, right) = (column(&left.alias, left_name), column(&right.alias, right_name));
    if comparable(&left_kind, &right_kind) { format!("{left} = {right}") } else { format!("{left}::text = {right}::text") }
}
