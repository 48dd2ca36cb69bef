//! From the tree of levels to the plan of one level after the other.
//!
//! It must never attach a member without where it may be seen, nor a level without its rules.

use std::sync::Arc;

use super::context::Context;
use super::place::{self, Place};
use super::tree::{Branch, Member};
use super::{filter, search, sort};
use crate::plan::{Filter, Level, Operand, Resort, Rows, Selected, Selection, Sort};
use crate::query::LevelQuery;
use crate::query::name::Leaf;
use crate::refusal::Refusal;
use crate::schema::{Collection, FieldType, Relation};

/// Whether a level is a list, and by which relation.
pub(super) enum Shape<'r> {
    Root,
    List(&'r Relation),
    Single,
}

/// The plan of `branch` and all below it.
pub(super) fn plan(context: &Context<'_>, branch: &Branch<'_>, shape: &Shape<'_>) -> Result<Level, Refusal> {
    let collection = &branch.collection;
    let grants = context.grants(collection);
    let rows = grants.rows(branch.requested.iter().map(String::as_str));
    let mut select = Vec::new();
    if !branch.collapsed() {
        for (key, member) in &branch.members {
            let Some((field, value)) = selected(context, collection, member)? else { continue };
            select.push(Selection { key: key.clone(), value, shown: grants.shown_within(&field, &rows) });
        }
    }
    let sort = match shape {
        Shape::Root => sort::plan(context, collection, branch.query, None, &rows)?,
        Shape::List(relation) => sort::plan(context, collection, branch.query, Some(relation), &rows)?,
        Shape::Single => Vec::new(),
    };
    let (limit, offset) = match shape {
        Shape::Root | Shape::List(_) => window(context, branch.query, None),
        Shape::Single => (None, 0),
    };
    Ok(Level {
        collection: Arc::clone(collection),
        select,
        filter: caller_filter(context, collection, branch.query)?,
        search: branch.query.search.as_deref().map(|text| search::plan(context, collection, text)),
        access: grants.rule_set(rows),
        sort,
        limit,
        offset,
    })
}

/// The caller's filter of a level.
pub(super) fn caller_filter(context: &Context<'_>, collection: &Arc<Collection>, query: &LevelQuery) -> Result<Option<Filter>, Refusal> {
    match &query.filter {
        Some(condition) => filter::plan(context, &Place::root(context, collection), condition),
        None => Ok(None),
    }
}

/// Limit and offset; `implicit` is the limit where none is given, if it is not the usual one.
pub(super) fn window(context: &Context<'_>, query: &LevelQuery, implicit: Option<u64>) -> (Option<u64>, u64) {
    let limit = match query.limit {
        Some(limit) => u64::try_from(limit).ok(),
        None => Some(implicit.unwrap_or_else(|| context.limits.implicit_limit())),
    };
    let offset = match (query.page, limit) {
        (Some(page), Some(limit)) if limit > 0 => limit.saturating_mul(page - 1),
        _ => query.offset,
    };
    // Postgres takes a bigint.
    let most = i64::MAX.unsigned_abs();
    (limit.map(|limit| limit.min(most)), offset.min(most))
}

/// A member's value, and the field that decides where it may be seen.
fn selected(context: &Context<'_>, collection: &Arc<Collection>, member: &Member<'_>) -> Result<Option<(String, Selected)>, Refusal> {
    Ok(Some(match member {
        Member::Column { field, .. } => match collection.field(field) {
            Some(column) if column.kind != FieldType::Alias => (field.clone(), Selected::Column(Arc::clone(column))),
            Some(_) | None => return Ok(None),
        },
        Member::Function(Leaf::Call { function, field, path }) => {
            let found = place::function(context, collection, function, field, path.as_deref())?;
            let found = found.ok_or_else(|| Refusal::InvalidQuery(format!("Invalid function specified \"{function}\"")))?;
            (field.clone(), Selected::Function(found))
        }
        Member::Function(Leaf::Plain(_)) => return Ok(None),
        Member::One { relation, branch } => {
            let level = Box::new(plan(context, branch, &Shape::Single)?);
            (relation.many_field.to_string(), Selected::One { relation: Arc::clone(relation), level })
        }
        Member::Many { relation, branch } => {
            let level = Box::new(plan(context, branch, &Shape::List(relation))?);
            let field = relation.one_field.as_deref().unwrap_or_default().to_owned();
            let resort = resort(&level);
            (field, Selected::Many { relation: Arc::clone(relation), level, resort })
        }
        Member::Any { relation, branches } => {
            let (mut levels, mut bare) = (Vec::new(), Vec::new());
            for branch in branches {
                let level = plan(context, branch, &Shape::Single)?;
                let unrestricted = level.access.rows == Rows::All && level.filter.is_none() && level.search.is_none();
                if level.select.is_empty() && unrestricted { bare.push(level.collection) } else { levels.push(level) }
            }
            (relation.many_field.to_string(), Selected::Any { relation: Arc::clone(relation), levels, bare })
        }
    }))
}

/// The second sort of nested lists: only a descending one moves anything, the nulls, and only by a selected member.
fn resort(level: &Level) -> Option<Resort> {
    let Some(Sort { path, operand: Operand::Column(field), descending: true, .. }) = level.sort.first() else { return None };
    let is_selected = |selection: &Selection| *selection.key == *field.name && matches!(selection.value, Selected::Column(_));
    (path.is_empty() && level.select.iter().any(is_selected)).then(|| Resort { field: Arc::clone(field), descending: true })
}
