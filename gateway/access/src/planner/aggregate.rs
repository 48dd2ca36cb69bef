//! Totals and groups.
//!
//! It must never count a value that the session may not see: columns and group keys carry where they may be seen.

use std::sync::Arc;

use super::context::Context;
use super::level::{caller_filter, window};
use super::paths::FieldMap;
use super::{place, search, sort};
use crate::plan::{Aggregate, AggregateFunction, AggregateKind, AggregateOver, AggregateSort, AggregateSortBy, GroupKey, Operand, Rows};
use crate::query::Query;
use crate::query::name::{Leaf, Name};
use crate::refusal::Refusal;
use crate::schema::{Collection, Field, FieldType};

/// Group keys of one read.
const MAX_GROUPS: usize = 50;

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::InvalidQuery(reason.into()))
}

/// Notes the fields of an aggregate read.
pub(super) fn note(context: &Context<'_>, collection: &Arc<Collection>, query: &Query, map: &mut FieldMap) -> Result<(), Refusal> {
    map.answer("", collection, std::iter::empty());
    for raw in query.group.iter().flatten() {
        let name = Name::parse(raw)?;
        if !name.path.is_empty() {
            return refuse("\"groupBy\" can't go through a relation");
        }
        map.group(collection, &name.leaf, raw);
    }
    let columns = query.aggregate.iter().flat_map(|aggregate| aggregate.values()).flatten();
    map.answer("", collection, columns.map(String::as_str).filter(|column| *column != "*"));
    if let Some(filter) = &query.level.filter {
        map.filter(context, "", collection, filter)?;
    }
    for key in sort_keys(query) {
        if aggregated(query, key.trim_start_matches('-')).is_none() {
            let (name, _) = sort::parse(key, &query.level)?;
            map.sort(context, "", collection, &name)?;
        }
    }
    Ok(())
}

/// The plan of an aggregate read whose fields have been checked.
pub(super) fn plan(context: &Context<'_>, collection: &Arc<Collection>, query: &Query) -> Result<Aggregate, Refusal> {
    let grants = context.grants(collection);
    let names = query.group.iter().flatten().map(|raw| Name::parse(raw)).collect::<Result<Vec<_>, _>>()?;
    if names.len() > MAX_GROUPS {
        return Err(Refusal::QueryTooCostly(format!("\"groupBy\" can't have more than {MAX_GROUPS} members")));
    }
    let rows = grants.rows(names.iter().map(|name| name.leaf.field()));
    let group = names
        .iter()
        .map(|name| {
            let operand = group_operand(context, collection, &name.leaf)?;
            Ok(GroupKey { key: name.leaf.key(), operand, shown: grants.shown_within(name.leaf.field(), &rows) })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let functions = functions(context, collection, query, &rows)?;
    let sort = sort(query, &names, &functions)?;
    let (limit, offset) = window(context, &query.level, None);
    Ok(Aggregate {
        collection: Arc::clone(collection),
        functions,
        group,
        filter: caller_filter(context, collection, &query.level)?,
        search: query.level.search.as_deref().map(|text| search::plan(context, collection, text)),
        access: grants.rule_set(rows),
        sort,
        limit,
        offset,
    })
}

/// Sort is ignored without groups, as observed.
fn sort_keys(query: &Query) -> impl Iterator<Item = &String> {
    query.level.sort.iter().flatten().filter(|_| query.group.as_ref().is_some_and(|group| !group.is_empty()))
}

fn group_operand(context: &Context<'_>, collection: &Arc<Collection>, leaf: &Leaf) -> Result<Operand, Refusal> {
    match leaf {
        Leaf::Plain(name) => match collection.field(name) {
            Some(field) if field.kind != FieldType::Alias && sort::sortable(field) => Ok(Operand::Column(Arc::clone(field))),
            _ => refuse(format!("\"groupBy\" can't be applied to the field \"{name}\"")),
        },
        Leaf::Call { function, field, path } => match place::function(context, collection, function, field, path.as_deref())? {
            Some(function) => Ok(Operand::Function(function)),
            None => refuse(format!("Invalid function specified \"{function}\"")),
        },
    }
}

fn kind(function: &str) -> Option<AggregateKind> {
    use AggregateKind as K;
    [K::Count, K::CountDistinct, K::Sum, K::SumDistinct, K::Avg, K::AvgDistinct, K::Min, K::Max]
        .into_iter()
        .find(|kind| kind.name() == function)
}

fn functions(context: &Context<'_>, collection: &Arc<Collection>, query: &Query, rows: &Rows) -> Result<Vec<AggregateFunction>, Refusal> {
    let grants = context.grants(collection);
    let mut functions = Vec::new();
    for (function, columns) in query.aggregate.iter().flatten() {
        let Some(kind) = kind(function) else {
            // `countAll` makes one row but never appears in it; other unknown functions give nothing at all, as observed.
            if function == "countAll" {
                functions.push(AggregateFunction { kind: AggregateKind::Count, over: AggregateOver::Discarded });
            }
            continue;
        };
        let mut seen = Vec::new();
        for column in columns {
            if column == "*" {
                if kind != AggregateKind::Count {
                    return refuse(format!("\"{function}\" can't be applied to \"*\""));
                }
                // Beside columns the bare count is left out, as observed.
                if columns.iter().all(|column| column == "*") && seen.is_empty() {
                    functions.push(AggregateFunction { kind, over: AggregateOver::Rows });
                    seen.push(column);
                }
                continue;
            }
            let Some(field) = collection.field(column).filter(|field| applies(kind, field)) else {
                return refuse(format!("\"{function}\" can't be applied to the field \"{column}\""));
            };
            if !seen.contains(&column) {
                let shown = grants.shown_within(column, rows);
                functions.push(AggregateFunction { kind, over: AggregateOver::Column { field: Arc::clone(field), shown } });
                seen.push(column);
            }
        }
    }
    Ok(functions)
}

/// Whether Postgres has the function for the column's type. A concealed column can only be counted.
fn applies(kind: AggregateKind, field: &Field) -> bool {
    use FieldType as T;
    let numeric = matches!(field.kind, T::Integer | T::BigInteger | T::Float | T::Decimal);
    match kind {
        AggregateKind::Count => field.kind != T::Alias,
        AggregateKind::CountDistinct => field.kind != T::Alias && sort::sortable(field),
        AggregateKind::Sum | AggregateKind::SumDistinct | AggregateKind::Avg | AggregateKind::AvgDistinct => numeric,
        AggregateKind::Min | AggregateKind::Max => {
            sort::sortable(field) && !matches!(field.kind, T::Alias | T::Json | T::Boolean | T::Uuid | T::Geometry | T::Binary | T::Hash)
        }
    }
}

/// The function and column that a sort key names: `count`, `sum.views`.
fn aggregated<'k>(query: &Query, key: &'k str) -> Option<(&'k str, Option<&'k str>)> {
    let (function, column) = key.split_once('.').map_or((key, None), |(function, column)| (function, Some(column)));
    let columns = query.aggregate.as_ref()?.get(function)?;
    column.is_none_or(|column| columns.iter().any(|known| known == column)).then_some((function, column))
}

fn sort(query: &Query, groups: &[Name], functions: &[AggregateFunction]) -> Result<Vec<AggregateSort>, Refusal> {
    let mut sort = Vec::new();
    for key in sort_keys(query) {
        let (text, descending) = key.strip_prefix('-').map_or((key.as_str(), false), |rest| (rest, true));
        let (name, _) = sort::parse(key, &query.level)?;
        let by = match aggregated(query, text) {
            Some((function, column)) => {
                functions.iter().position(|candidate| names(candidate, function, column)).map(AggregateSortBy::Function)
            }
            None => groups
                .iter()
                .position(|group| *group == name || matches!(&name.leaf, Leaf::Plain(plain) if *plain == group.leaf.key()))
                .map(AggregateSortBy::Group),
        };
        let Some(by) = by else {
            return refuse(format!("\"sort\" by \"{text}\" needs it among the groups or aggregates"));
        };
        sort.push(AggregateSort { by, descending });
    }
    // The first group by default; the others make the order of equal ones certain.
    for index in 0..groups.len() {
        let by = AggregateSortBy::Group(index);
        if sort.iter().all(|known| known.by != by) {
            sort.push(AggregateSort { by, descending: false });
        }
    }
    Ok(sort)
}

fn names(candidate: &AggregateFunction, function: &str, column: Option<&str>) -> bool {
    candidate.kind.name() == function
        && match &candidate.over {
            AggregateOver::Rows => column.is_none() || column == Some("*"),
            AggregateOver::Column { field, .. } => column.is_none_or(|column| *field.name == *column),
            AggregateOver::Discarded => false,
        }
}
