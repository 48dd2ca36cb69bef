//! One level of nested rows: which rows, in which order, and the JSON of each.
//!
//! It must never let one parent's rows count against another's limit: nested lists are subqueries of their parent row.

use crate::plan::{Direction, Function, Hop, Level, Resort, Selected, Selection, Shown, Sort};
use crate::schema::{Collection, FieldType, Relation};
use crate::sql::output::{count_output, output};
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::set::{Set, selected_wants_set};
use crate::sql::writer::{Writer, all_of, column, table};

/// A function takes at most a hundred arguments.
const MOST_ARGUMENTS: usize = 90;

/// The clauses of a select over one level, each with a leading space or empty.
pub(super) struct LevelRows {
    /// FROM and WHERE.
    pub(super) from: String,
    /// ORDER BY.
    pub(super) order: String,
}

impl Writer {
    /// The rows of `level`, narrowed by `condition` (the link to the parent, or chosen keys).
    pub(super) fn rows<'p>(&mut self, level: &'p Level, scope: &mut Scope<'p>, condition: Option<String>) -> LevelRows {
        let conditions = self.conditions(level, scope, condition);
        let order: Vec<String> = level.sort.iter().map(|sort| self.sort(scope, sort)).collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        let base = format!("{} {}", table(&level.collection.name), scope.root.alias);
        LevelRows { from: format!(" FROM {base}{}{}", scope.from, all_of(&conditions)), order }
    }

    /// FROM and WHERE of `level` without its order.
    pub(super) fn chosen_rows<'p>(&mut self, level: &'p Level, scope: &mut Scope<'p>, condition: Option<String>) -> String {
        let conditions = self.conditions(level, scope, condition);
        format!(" FROM {} {}{}{}", table(&level.collection.name), scope.root.alias, scope.from, all_of(&conditions))
    }

    fn conditions<'p>(&mut self, level: &'p Level, scope: &mut Scope<'p>, condition: Option<String>) -> Vec<String> {
        let mut conditions: Vec<String> = condition.into_iter().collect();
        conditions.extend(self.permitted(scope, &level.access));
        conditions.extend(level.filter.iter().map(|filter| self.filter(scope, filter)));
        conditions.extend(level.search.iter().map(|search| self.search(scope, search)));
        conditions
    }

    /// LIMIT and OFFSET.
    pub(super) fn page(&mut self, limit: Option<u64>, offset: u64) -> String {
        let mut page = limit.map_or_else(String::new, |limit| format!(" LIMIT {}", self.number(limit)));
        if offset > 0 {
            page.push_str(&format!(" OFFSET {}", self.number(offset)));
        }
        page
    }

    /// The level's rows as the text of a JSON array.
    pub(super) fn list<'p>(
        &mut self,
        level: &'p Level,
        scope: &mut Scope<'p>,
        condition: Option<String>,
        resort: Option<&'p Resort>,
    ) -> String {
        let rows = self.rows(level, scope, condition);
        let page = self.page(level.limit, level.offset);
        let item = self.item(level, scope, None);
        list_of(&match resort.and_then(|resort| self.second_order(level, resort, &scope.root)) {
            None => format!("SELECT {item}{}{}{page}", rows.from, rows.order),
            Some(SecondOrder { key, direction }) => {
                let place = format!("row_number() OVER ({})", rows.order.trim_start());
                format!(
                    "SELECT q.data FROM (SELECT {item} AS data, {key} AS key, {place} AS place{}{}{page}) q ORDER BY q.key{direction}, q.place",
                    rows.from, rows.order
                )
            }
        })
    }

    /// The re-sort of a nested list, where it can change anything.
    pub(super) fn second_order<'p>(&mut self, level: &'p Level, resort: &'p Resort, row: &Row<'p>) -> Option<SecondOrder> {
        let shown = level.select.iter().find_map(|selection| match &selection.value {
            Selected::Column(field) if field.name == resort.field.name => Some(&selection.shown),
            Selected::Column(_) | Selected::Function(_) | Selected::One { .. } | Selected::Many { .. } | Selected::Any { .. } => None,
        });
        let shown = shown.unwrap_or(&Shown::Always);
        // Nulls come last both times, or there are none, and text compares alike both times.
        let same = *shown == Shown::Always && !resort.field.collated && (!resort.descending || !resort.field.nullable);
        // A json value has no order.
        if same || matches!(resort.field.kind, FieldType::Json | FieldType::Geometry) {
            return None;
        }
        let key = self.masked(row, column(&row.alias, &resort.field.name), shown);
        let collation = if resort.field.collated { " COLLATE \"C\"" } else { "" };
        let direction = if resort.descending { " DESC" } else { "" };
        Some(SecondOrder { key, direction: format!("{collation}{direction} NULLS LAST") })
    }

    /// The JSON of one row: an object, or the bare key where nothing is selected. Of a row of a `set`, what would read whole
    /// tables row by row is joined to the set instead.
    pub(super) fn item<'p>(&mut self, level: &'p Level, scope: &Scope<'p>, mut set: Option<&mut Set>) -> String {
        let row = &scope.root;
        if level.select.is_empty() {
            return bare_key(row);
        }
        let mut parts = Vec::new();
        let mut lead = '{';
        let mut selections = level.select.iter().peekable();
        while let Some(first) = selections.next() {
            // Neighbours under the same rules are decided by one CASE: a rule may be a subquery.
            let mut run = vec![first];
            while let Some(next) = selections.next_if(|next| next.shown == first.shown) {
                run.push(next);
            }
            parts.extend(self.run(scope, &run, lead, &first.shown, set.as_deref_mut()));
            lead = ',';
        }
        parts.push("'}'".to_owned());
        concat(parts)
    }

    /// Neighbouring members that are shown under the same rules.
    fn run<'p>(
        &mut self,
        scope: &Scope<'p>,
        run: &[&'p Selection],
        lead: char,
        shown: &'p Shown,
        mut set: Option<&mut Set>,
    ) -> Vec<String> {
        let mut parts = Vec::new();
        let mut nulls = String::new();
        let mut lead = lead;
        for selection in run {
            let key = member(lead, &selection.key);
            nulls.push_str(&key);
            nulls.push_str("null");
            parts.push(self.text(&key));
            let value = match &mut set {
                Some(set) if selected_wants_set(&selection.value) => self.selected_of_set(set, &scope.root, &selection.value),
                Some(_) | None => self.selected(scope, &selection.value),
            };
            parts.push(format!("coalesce({value}, 'null')"));
            lead = ',';
        }
        match shown {
            Shown::Always => parts,
            Shown::When(rules) => {
                let row = &scope.root;
                let rule = self.any_rule(&mut scope.closed(), row.access, rules);
                let nulls = self.text(&nulls);
                vec![format!("CASE WHEN {rule} THEN {} ELSE {nulls} END", concat(parts))]
            }
        }
    }

    fn selected<'p>(&mut self, scope: &Scope<'p>, value: &'p Selected) -> String {
        let row = &scope.root;
        match value {
            Selected::Column(field) => output(field, &column(&row.alias, &field.name)),
            Selected::Function(function) => self.function_output(row, function),
            Selected::One { relation, level } => self.one(row, relation, Direction::ToOne, level),
            Selected::Many { relation, level, resort } => {
                let child = Row { alias: self.alias(), collection: &level.collection, access: &level.access };
                let link = self.link(relation, Direction::ToMany, row, &child);
                let mut child = Scope::new(child, Joins::ToOne);
                self.list(level, &mut child, Some(link), resort.as_ref())
            }
            Selected::Any { relation, levels, bare } => self.any_of(row, relation, levels, bare),
        }
    }

    fn selected_of_set<'p>(&mut self, set: &mut Set, row: &Row<'p>, value: &'p Selected) -> String {
        match value {
            Selected::Many { relation, level, resort } => self.set_many(set, row, relation, level, resort.as_ref()),
            Selected::One { relation, level } => self.set_one(set, row, relation, level),
            Selected::Function(Function::CountRelated { relation, collection, access }) => {
                let count = self.set_count(set, row, relation, collection, access);
                count_output(None, &count)
            }
            Selected::Column(_) | Selected::Function(_) | Selected::Any { .. } => {
                self.selected(&Scope::new(row.clone(), Joins::None), value)
            }
        }
    }

    /// The JSON of the one row that `relation` leads to.
    fn one<'p>(&mut self, row: &Row<'p>, relation: &Relation, direction: Direction, level: &'p Level) -> String {
        let target = Row { alias: self.alias(), collection: &level.collection, access: &level.access };
        let link = self.link(relation, direction, row, &target);
        let mut target = Scope::new(target, Joins::ToOne);
        let from = self.chosen_rows(level, &mut target, Some(link));
        let item = self.item(level, &target, None);
        format!("(SELECT {item}{from})")
    }

    fn any_of<'p>(&mut self, row: &Row<'p>, relation: &Relation, levels: &'p [Level], bare: &'p [std::sync::Arc<Collection>]) -> String {
        let Some(names) = &relation.one_collection_field else { return "NULL::text".to_owned() };
        let mut cases = String::new();
        for level in levels {
            let name = self.text(&level.collection.name);
            let item = self.one(row, relation, Direction::ToAny, level);
            cases.push_str(&format!(" WHEN {name} THEN {item}"));
        }
        for collection in bare {
            let name = self.text(&collection.name);
            let target = Row { alias: self.alias(), collection, access: row.access };
            let link = self.link(relation, Direction::ToAny, row, &target);
            let from = format!("{} {}", table(&collection.name), target.alias);
            cases.push_str(&format!(" WHEN {name} THEN (SELECT {} FROM {from} WHERE {link})", bare_key(&target)));
        }
        if cases.is_empty() { "NULL::text".to_owned() } else { format!("CASE {}{cases} END", column(&row.alias, names)) }
    }

    /// One member of ORDER BY. Postgres' own rule is the documented one: nulls last, and first where it descends.
    fn sort<'p>(&mut self, scope: &mut Scope<'p>, sort: &'p Sort) -> String {
        let direction = if sort.descending { " DESC" } else { "" };
        match scope.first_many(&sort.path).and_then(<[Hop]>::split_last) {
            None => format!("{}{direction}", self.value(scope, &sort.path, &sort.operand, &sort.shown)),
            Some((hop, before)) => {
                if let Some(base) = self.reach(scope, before)
                    && let Some(value) = self.set_sort(scope, &base, sort, before.len())
                {
                    return format!("{value}{direction}");
                }
                let base = self.base(scope, before);
                let (child, condition) = self.hop(&base.row, hop);
                let (from, condition) = base.start(&hop.target.name, &child.alias, condition);
                let path = sort.path.get(..=before.len()).unwrap_or(&sort.path);
                let mut inside = scope.inside(path, child, Joins::All);
                let value = self.value(&mut inside, &sort.path, &sort.operand, &sort.shown);
                format!("(SELECT {value} FROM {from}{} WHERE {condition} ORDER BY 1{direction} LIMIT 1){direction}", inside.from)
            }
        }
    }
}

/// The second order of a list.
pub(super) struct SecondOrder {
    /// What is compared.
    pub(super) key: String,
    /// How.
    pub(super) direction: String,
}

/// The rows of `query`, which has one column, as the text of a JSON array. An array of a subquery keeps the order of the
/// subquery; an aggregate over one is not bound to.
pub(super) fn list_of(query: &str) -> String {
    format!("'[' || array_to_string(ARRAY({query}), ',') || ']'")
}

/// `{"key":` or `,"key":`.
pub(super) fn member(lead: char, key: &str) -> String {
    format!("{lead}{}:", serde_json::Value::from(key))
}

/// The texts of `parts`, one after the other. `concat` beats a chain of `||`, which copies what it has so far each time.
pub(super) fn concat(mut parts: Vec<String>) -> String {
    while parts.len() > MOST_ARGUMENTS {
        parts = parts.chunks(MOST_ARGUMENTS).map(|chunk| format!("concat({})", chunk.join(", "))).collect();
    }
    format!("concat({})", parts.join(", "))
}

fn bare_key(row: &Row<'_>) -> String {
    let value = column(&row.alias, &row.collection.primary_key);
    row.collection.key_field().map_or_else(|| format!("to_json({value})::text"), |field| output(field, &value))
}
