//! Filters, rules and searches as SQL conditions.
//!
//! It must never multiply rows of a level: conditions that go through the same to-many path talk about the same related row,
//! and become one EXISTS over it. A filter holds if it holds for some choice of related rows, where a path without any row
//! stands for one row of nulls (a left join); an OR of such filters is an OR of EXISTS, and members of an AND that share no
//! to-many path are independent, which keeps each part as small, and as open to indexes, as it can be.

use crate::plan::{Comparison, Direction, Filter, Function, Hop, JsonTest, Operand, Rows, RuleSet, Search, Shown, Test};
use crate::sql::compare::{Side, decided};
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::writer::{Writer, column, table};

impl Writer {
    /// The rows that `access` lets through; `None` is all.
    pub(super) fn permitted<'p>(&mut self, scope: &mut Scope<'p>, access: &'p RuleSet) -> Option<String> {
        match &access.rows {
            Rows::All => None,
            Rows::Matching(rules) => Some(self.any_rule(scope, access, rules)),
        }
    }

    /// `filter` as a condition on the scope's root.
    pub(super) fn filter<'p>(&mut self, scope: &mut Scope<'p>, filter: &'p Filter) -> String {
        match filter {
            Filter::And(_) => {
                let mut members = Vec::new();
                flatten(filter, &mut members);
                self.all(scope, &members)
            }
            Filter::Or(members) => {
                let members: Vec<String> = members.iter().map(|member| self.filter(scope, member)).collect();
                either(&members)
            }
            Filter::Compare(comparison) => match scope.first_many(&comparison.path) {
                Some(path) => self.exists(scope, path, &[filter]),
                None => self.comparison(scope, comparison),
            },
            Filter::Related { path, hop, negated, filter: inner } => match scope.first_many(path) {
                Some(path) => self.exists(scope, path, &[filter]),
                None => self.related(scope, path, hop, *negated, inner),
            },
        }
    }

    /// Any of the terms.
    pub(super) fn search<'p>(&mut self, scope: &Scope<'p>, search: &'p Search) -> String {
        let terms: Vec<String> = search
            .terms
            .iter()
            .map(|term| {
                let raw = column(&scope.root.alias, &term.field.name);
                let value = self.masked(&scope.root, raw, &term.shown);
                self.test(&value, Side::Column(&term.field), &term.test)
            })
            .collect();
        either(&terms)
    }

    /// `operand` of the row at the end of `path`, null where it is not shown or where there is no such row. The rest of the
    /// path leads to one row at most.
    pub(super) fn value<'p>(&mut self, scope: &mut Scope<'p>, path: &'p [Hop], operand: &'p Operand, shown: &'p Shown) -> String {
        if let Some(row) = self.reach(scope, path) {
            let raw = self.operand(&row, operand);
            return self.masked(&row, raw, shown);
        }
        let (held, base) = scope.held(path);
        let (Some(hop), Some(first)) = (path.get(held), path.get(..=held)) else { return "NULL".to_owned() };
        let (row, condition) = self.hop(&base, hop);
        let from = format!("{} {}", table(&hop.target.name), row.alias);
        let mut inside = scope.inside(first, row, Joins::All);
        let value = self.value(&mut inside, path, operand, shown);
        let query = format!("(SELECT {value} FROM {from}{} WHERE {condition})", inside.from);
        // A count over the null row of a left join is zero.
        if matches!(operand, Operand::Function(Function::CountRelated { .. })) { format!("coalesce({query}, 0)") } else { query }
    }

    /// `value` of `row` where one of the rules holds that show it.
    pub(super) fn masked(&mut self, row: &Row<'_>, value: String, shown: &Shown) -> String {
        match shown {
            Shown::Always => value,
            Shown::When(rules) => {
                let mut closed = Scope::new(row.clone(), Joins::None);
                let rule = self.any_rule(&mut closed, row.access, rules);
                format!("CASE WHEN {rule} THEN {value} END")
            }
        }
    }

    /// One of `rules` of `access` holds.
    pub(super) fn any_rule<'p>(&mut self, scope: &mut Scope<'p>, access: &'p RuleSet, rules: &[usize]) -> String {
        let rules: Vec<String> = rules.iter().filter_map(|&rule| access.rules.get(rule)).map(|rule| self.filter(scope, rule)).collect();
        either(&rules)
    }

    fn comparison<'p>(&mut self, scope: &mut Scope<'p>, comparison: &'p Comparison) -> String {
        if let Test::Json(test) = &comparison.test
            && let Some(holds) = decided(test)
        {
            return holds.to_string();
        }
        let value = self.value(scope, &comparison.path, &comparison.operand, &comparison.shown);
        let side = match &comparison.operand {
            Operand::Column(field) => Side::Column(field),
            Operand::Function(Function::JsonPath { .. }) => Side::JsonText,
            Operand::Function(Function::DatePart { .. } | Function::CountJson(_) | Function::CountRelated { .. }) => Side::Number,
        };
        self.test(&value, side, &comparison.test)
    }

    /// All of `members`, those that share a to-many path over the same related row.
    fn all<'p>(&mut self, scope: &mut Scope<'p>, members: &[&'p Filter]) -> String {
        let conditions: Vec<String> = components(scope, members)
            .into_iter()
            .map(|component| match (component.shared(), component.members.as_slice()) {
                (Some(path), members) => self.exists(scope, path, members),
                (None, [member]) => self.filter(scope, member),
                (None, members) => {
                    let conditions: Vec<String> = members.iter().map(|member| self.filter(scope, member)).collect();
                    both(&conditions)
                }
            })
            .collect();
        both(&conditions)
    }

    /// Some row at the end of `path` (or none, as a row of nulls) makes `members` hold.
    fn exists<'p>(&mut self, scope: &mut Scope<'p>, path: &'p [Hop], members: &[&'p Filter]) -> String {
        let Some((hop, before)) = path.split_last() else { return self.all(scope, members) };
        // Rows that the outer FROM clause can join are joined there: a subquery whose joins do not refer outwards can become
        // a semi-join.
        for member in members {
            self.join_outside(scope, member);
        }
        let base = self.base(scope, before);
        let (row, condition) = self.hop(&base.row, hop);
        let several = base.from.is_some();
        let (target, condition) = base.start(&hop.target.name, &row.alias, condition);
        if let [Filter::Compare(Comparison { path: full, operand: Operand::Column(field), test: Test::Null, .. })] = members
            && full == path
            && field.name == hop.target.primary_key
        {
            return format!("NOT EXISTS (SELECT 1 FROM {target} WHERE {condition})");
        }
        let mut inside = scope.inside(path, row, Joins::ToOne);
        let filter = self.all(&mut inside, members);
        if members.iter().any(|member| rejects_null(member, path)) {
            format!("EXISTS (SELECT 1 FROM {target}{} WHERE {condition} AND {filter})", inside.from)
        } else {
            let one = self.alias();
            let target = if several { format!("({target})") } else { target };
            format!("EXISTS (SELECT 1 FROM (VALUES (1)) {one} LEFT JOIN {target} ON {condition}{} WHERE {filter})", inside.from)
        }
    }

    /// The row that a to-many hop starts from. Where it cannot be joined outside, it becomes part of the subquery.
    pub(super) fn base<'p>(&mut self, scope: &mut Scope<'p>, path: &'p [Hop]) -> Base<'p> {
        if let Some(row) = self.reach(scope, path) {
            return Base { row, from: None, condition: None };
        }
        let (held, row) = scope.held(path);
        let mut base = Base { row, from: None, condition: None };
        for hop in path.iter().skip(held) {
            let (next, condition) = self.hop(&base.row, hop);
            let target = format!("{} {}", table(&hop.target.name), next.alias);
            base.from = Some(base.from.map_or_else(|| target.clone(), |from| format!("{from} JOIN {target} ON {condition}")));
            base.condition.get_or_insert(condition);
            base.row = next;
        }
        base
    }

    fn join_outside<'p>(&mut self, scope: &mut Scope<'p>, filter: &'p Filter) {
        match filter {
            Filter::And(members) | Filter::Or(members) => members.iter().for_each(|member| self.join_outside(scope, member)),
            Filter::Compare(Comparison { path, .. }) | Filter::Related { path, .. } => {
                let held = scope.held(path).0;
                let many = path.iter().skip(held).any(|hop| hop.direction == Direction::ToMany);
                if !many {
                    let _closed_scopes_join_nothing = self.reach(scope, path);
                }
            }
        }
    }

    fn related<'p>(&mut self, scope: &mut Scope<'p>, path: &'p [Hop], hop: &'p Hop, negated: bool, filter: &'p Filter) -> String {
        let base = self.base(scope, path);
        let (row, condition) = self.hop(&base.row, hop);
        let (target, condition) = base.start(&hop.target.name, &row.alias, condition);
        let mut inside = Scope::new(row, Joins::ToOne);
        let filter = self.filter(&mut inside, filter);
        let not = if negated { "NOT " } else { "" };
        format!("{not}EXISTS (SELECT 1 FROM {target}{} WHERE {condition} AND {filter})", inside.from)
    }
}

/// Where a subquery starts: a row outside, or one that the subquery itself brings.
pub(super) struct Base<'p> {
    pub(super) row: Row<'p>,
    from: Option<String>,
    condition: Option<String>,
}

impl Base<'_> {
    /// FROM and WHERE of a subquery over the table `name`, whose rows are chosen by `condition`.
    pub(super) fn start(self, name: &str, alias: &str, condition: String) -> (String, String) {
        let target = format!("{} {alias}", table(name));
        let from = self.from.map_or_else(|| target.clone(), |from| format!("{from} CROSS JOIN {target}"));
        (from, self.condition.map_or_else(|| condition.clone(), |first| format!("{first} AND {condition}")))
    }
}

/// Members of an AND that talk about common related rows.
struct Component<'p> {
    members: Vec<&'p Filter>,
    /// The first to-many path of each mention; one that occurs in two members comes twice.
    paths: Vec<&'p [Hop]>,
}

impl<'p> Component<'p> {
    /// A path that several members go through.
    fn shared(&self) -> Option<&'p [Hop]> {
        if self.members.len() < 2 {
            return None;
        }
        self.paths
            .iter()
            .enumerate()
            .find(|(index, path)| self.paths.iter().skip(index + 1).any(|other| other == *path))
            .map(|found| *found.1)
    }
}

/// Groups `members` by the to-many paths that they share.
fn components<'p>(scope: &Scope<'p>, members: &[&'p Filter]) -> Vec<Component<'p>> {
    let mut components: Vec<Component<'p>> = Vec::new();
    for member in members {
        let mut paths = Vec::new();
        mentioned(scope, member, &mut paths);
        let mut merged = Component { members: Vec::new(), paths: Vec::new() };
        let mut first = None;
        let mut index = 0;
        components.retain_mut(|component| {
            let touches = component.paths.iter().any(|path| paths.contains(path));
            if touches {
                first.get_or_insert(index);
                merged.members.append(&mut component.members);
                merged.paths.append(&mut component.paths);
            } else {
                index += 1;
            }
            !touches
        });
        merged.members.push(member);
        merged.paths.extend(paths);
        components.insert(first.unwrap_or(components.len()), merged);
    }
    components
}

/// The distinct first to-many paths that `filter` mentions.
fn mentioned<'p>(scope: &Scope<'p>, filter: &'p Filter, paths: &mut Vec<&'p [Hop]>) {
    match filter {
        Filter::And(members) | Filter::Or(members) => members.iter().for_each(|member| mentioned(scope, member, paths)),
        Filter::Compare(Comparison { path, .. }) | Filter::Related { path, .. } => {
            if let Some(path) = scope.first_many(path)
                && !paths.contains(&path)
            {
                paths.push(path);
            }
        }
    }
}

/// The members of nested ANDs as one list.
fn flatten<'p>(filter: &'p Filter, members: &mut Vec<&'p Filter>) {
    match filter {
        Filter::And(inner) => inner.iter().for_each(|member| flatten(member, members)),
        Filter::Or(_) | Filter::Compare(_) | Filter::Related { .. } => members.push(filter),
    }
}

/// Whether `filter` cannot hold where there is no row at the end of `path`: then a left join may be an inner one.
fn rejects_null(filter: &Filter, path: &[Hop]) -> bool {
    match filter {
        Filter::And(members) => members.iter().any(|member| rejects_null(member, path)),
        Filter::Or(members) => !members.is_empty() && members.iter().all(|member| rejects_null(member, path)),
        Filter::Compare(comparison) => {
            comparison.path.starts_with(path)
                && !matches!(comparison.operand, Operand::Function(Function::CountRelated { .. }))
                && strict(&comparison.test)
        }
        Filter::Related { path: base, negated, .. } => !negated && base.starts_with(path),
    }
}

/// Whether `test` never holds for NULL.
fn strict(test: &Test) -> bool {
    match test {
        Test::Null | Test::Empty => false,
        Test::Nin(values) => !values.is_empty(),
        Test::Json(test) => strict_json(test),
        Test::NotNull
        | Test::NotEmpty
        | Test::Eq(_)
        | Test::Neq(_)
        | Test::Lt(_)
        | Test::Lte(_)
        | Test::Gt(_)
        | Test::Gte(_)
        | Test::In(_)
        | Test::Between(..)
        | Test::NotBetween(..)
        | Test::Like(_)
        | Test::Geometry { .. } => true,
    }
}

fn strict_json(test: &JsonTest) -> bool {
    match test {
        JsonTest::And(members) => members.iter().any(strict_json),
        JsonTest::Or(members) => !members.is_empty() && members.iter().all(strict_json),
        JsonTest::Compare { test, .. } => strict(test),
    }
}

/// `(a AND b)`; nothing is true.
fn both(conditions: &[String]) -> String {
    match conditions {
        [] => "true".to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(" AND ")),
    }
}

/// `(a OR b)`; nothing is false.
pub(super) fn either(conditions: &[String]) -> String {
    match conditions {
        [] => "false".to_owned(),
        [one] => one.clone(),
        several => format!("({})", several.join(" OR ")),
    }
}
