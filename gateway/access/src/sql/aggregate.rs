//! Groups and totals.
//!
//! It must never count a row twice because it has several related rows: with a join that multiplies, rows are counted by
//! distinct keys. Sums, averages, minima and maxima do see the joined duplicates, as observed.

use crate::plan::{Aggregate, AggregateFunction, AggregateKind, AggregateOver, AggregateSortBy, Function, GroupKey, Operand};
use crate::schema::FieldType;
use crate::sql::level::{concat, member};
use crate::sql::output::{count_output, output, sum_output};
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::writer::{Writer, all_of, column, table};

impl Writer {
    /// All groups as the text of a JSON array.
    pub(super) fn groups(&mut self, aggregate: &Aggregate, keys: Option<&[String]>) -> String {
        let rows = self.group_rows(aggregate, keys);
        format!("'[' || array_to_string(ARRAY({rows}), ',') || ']'")
    }

    /// The first group.
    pub(super) fn first_group(&mut self, aggregate: &Aggregate, keys: Option<&[String]>) -> String {
        let rows = self.group_rows(aggregate, keys);
        format!("(SELECT q.data FROM ({rows}) q LIMIT 1)")
    }

    /// A select with one column `data` and one row per group.
    pub(super) fn group_rows(&mut self, aggregate: &Aggregate, keys: Option<&[String]>) -> String {
        let row = Row { alias: self.alias(), collection: &aggregate.collection, access: &aggregate.access };
        let mut scope = Scope::new(row.clone(), Joins::All);
        let mut conditions: Vec<String> = keys.map(|keys| self.among(&row, keys)).into_iter().collect();
        conditions.extend(aggregate.filter.iter().map(|filter| self.filter(&mut scope, filter)));
        conditions.extend(aggregate.search.iter().map(|search| self.search(&scope, search)));
        // Rules choose rows; they must not multiply them.
        let mut rules = Scope::new(row.clone(), Joins::ToOne);
        conditions.extend(self.permitted(&mut rules, &aggregate.access));
        let mut columns: Vec<String> = Vec::new();
        for (index, key) in aggregate.group.iter().enumerate() {
            let value = self.operand(&row, &key.operand);
            columns.push(format!("{} AS g{index}", self.masked(&row, value, &key.shown)));
        }
        for (index, function) in aggregate.functions.iter().enumerate() {
            columns.push(format!("{} AS a{index}", self.aggregate(&row, function, scope.multiplied)));
        }
        let groups: Vec<String> = (1..=aggregate.group.len()).map(|place| place.to_string()).collect();
        let groups = if groups.is_empty() { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) };
        let from = format!("{} {}{}{}", table(&aggregate.collection.name), row.alias, scope.from, rules.from);
        let data = self.group_object(aggregate);
        let order = order(aggregate);
        let page = self.page(aggregate.limit, aggregate.offset);
        format!("SELECT {data} AS data FROM (SELECT {} FROM {from}{}{groups}) q{order}{page}", columns.join(", "), all_of(&conditions))
    }

    fn aggregate(&mut self, row: &Row<'_>, function: &AggregateFunction, multiplied: bool) -> String {
        let (name, distinct) = match function.kind {
            AggregateKind::Count => ("count", false),
            AggregateKind::CountDistinct => ("count", true),
            AggregateKind::Sum => ("sum", false),
            AggregateKind::SumDistinct => ("sum", true),
            AggregateKind::Avg => ("avg", false),
            AggregateKind::AvgDistinct => ("avg", true),
            AggregateKind::Min => ("min", false),
            AggregateKind::Max => ("max", false),
        };
        let primary_key = &row.collection.primary_key;
        let counts_rows = match &function.over {
            AggregateOver::Rows | AggregateOver::Discarded => true,
            AggregateOver::Column { field, .. } => field.name == *primary_key,
        };
        if function.kind == AggregateKind::Count && counts_rows {
            let key = column(&row.alias, primary_key);
            return if multiplied { format!("count(DISTINCT {key})") } else { "count(*)".to_owned() };
        }
        match &function.over {
            AggregateOver::Rows | AggregateOver::Discarded => format!("{name}(*)"),
            AggregateOver::Column { field, shown } => {
                let value = self.masked(row, column(&row.alias, &field.name), shown);
                let distinct = if distinct { "DISTINCT " } else { "" };
                format!("{name}({distinct}{value})")
            }
        }
    }

    /// The JSON of one group: its keys, then one member per kind of aggregate.
    fn group_object(&mut self, aggregate: &Aggregate) -> String {
        let mut parts = Vec::new();
        let mut lead = '{';
        for (index, key) in aggregate.group.iter().enumerate() {
            parts.push(self.text(&member(lead, &key.key)));
            parts.push(format!("coalesce({}, 'null')", group_output(key, &format!("q.g{index}"))));
            lead = ',';
        }
        for kind in kinds(aggregate) {
            let of_kind = || {
                let shown = aggregate.functions.iter().enumerate().filter(|(_, function)| function.over != AggregateOver::Discarded);
                shown.filter(move |(_, function)| function.kind == kind)
            };
            let over_columns = of_kind().any(|(_, function)| matches!(function.over, AggregateOver::Column { .. }));
            parts.push(self.text(&member(lead, kind.name())));
            lead = ',';
            let mut inner = '{';
            for (index, function) in of_kind() {
                let value = format!("coalesce({}, 'null')", function_output(function, &format!("q.a{index}")));
                match &function.over {
                    // Beside columns the bare form has no place: the member is one or the other.
                    AggregateOver::Discarded => {}
                    AggregateOver::Rows if over_columns => {}
                    AggregateOver::Rows => parts.push(value),
                    AggregateOver::Column { field, .. } => {
                        parts.push(self.text(&member(inner, &field.name)));
                        parts.push(value);
                        inner = ',';
                    }
                }
            }
            if over_columns {
                parts.push("'}'".to_owned());
            }
        }
        parts.push(if lead == '{' { "'{}'" } else { "'}'" }.to_owned());
        concat(parts)
    }
}

/// The kinds in the order of their first mention.
fn kinds(aggregate: &Aggregate) -> Vec<AggregateKind> {
    let mut kinds: Vec<AggregateKind> = Vec::new();
    for function in &aggregate.functions {
        if function.over != AggregateOver::Discarded && !kinds.contains(&function.kind) {
            kinds.push(function.kind);
        }
    }
    kinds
}

fn order(aggregate: &Aggregate) -> String {
    let keys: Vec<String> = aggregate
        .sort
        .iter()
        .map(|sort| {
            let direction = if sort.descending { " DESC" } else { "" };
            match sort.by {
                AggregateSortBy::Group(index) => format!("q.g{index}{direction}"),
                AggregateSortBy::Function(index) => format!("q.a{index}{direction}"),
            }
        })
        .collect();
    if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) }
}

fn group_output(key: &GroupKey, value: &str) -> String {
    match &key.operand {
        Operand::Column(field) => output(field, value),
        Operand::Function(Function::DatePart { .. } | Function::CountJson(_) | Function::CountRelated { .. }) => {
            format!("'\"' || {value}::text || '\"'")
        }
        Operand::Function(Function::JsonPath { .. }) => format!("to_json({value})::text"),
    }
}

fn function_output(function: &AggregateFunction, value: &str) -> String {
    let field = match &function.over {
        AggregateOver::Rows | AggregateOver::Discarded => None,
        AggregateOver::Column { field, .. } => Some(&**field),
    };
    match (function.kind, field) {
        (AggregateKind::Count | AggregateKind::CountDistinct, field) => count_output(field, value),
        (AggregateKind::Min | AggregateKind::Max, Some(field)) if field.kind == FieldType::Json => format!("{value}::text"),
        (AggregateKind::Min | AggregateKind::Max, Some(field)) => output(field, value),
        (AggregateKind::Sum | AggregateKind::SumDistinct | AggregateKind::Avg | AggregateKind::AvgDistinct, Some(field)) => {
            sum_output(field, value)
        }
        (
            AggregateKind::Sum
            | AggregateKind::SumDistinct
            | AggregateKind::Avg
            | AggregateKind::AvgDistinct
            | AggregateKind::Min
            | AggregateKind::Max,
            None,
        ) => format!("to_json({value})::text"),
    }
}
