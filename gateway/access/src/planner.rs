//! From a query to a plan: every name resolved, every value checked, every permission rule attached where it applies.
//!
//! It must never hand out a plan that shows, counts, sorts by or filters on something that the session may not see at that
//! place: what the protocol's other implementation lets a filter or a sort probe is masked here.
//!
//! ```text
//! tree (fields, aliases, wildcards) ─▶ paths (does it exist, may it be read) ─▶ level, filter, sort, search, aggregate
//!                                                       grants (rules merged, planned once) ──────────┘
//! ```
//!
//! Order of refusals: collection, form of keys, existence of fields, permission, then types and values.

mod aggregate;
mod context;
mod filter;
mod grants;
mod json_test;
mod key;
mod level;
mod paths;
mod place;
mod search;
mod sort;
mod test;
mod tree;

use std::sync::Arc;

use serde_json::Value;

use crate::permission::{Action, Permissions};
use crate::plan::{Filter, ReadPlan, Root, Rows, RuleSet, Test};
use crate::query::condition::Condition;
use crate::query::name::Name;
use crate::query::{Query, QueryLimits};
use crate::refusal::Refusal;
use crate::schema::{Collection, Schema};
use context::Context;
use grants::Grants;
use level::Shape;
use paths::FieldMap;
use place::Place;

/// Plans reads and checks for one session.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// What exists.
    pub schema: &'a Schema,
    /// What the session may do.
    pub permissions: &'a Permissions,
    /// The operator's bounds.
    pub limits: &'a QueryLimits,
}

/// Which items a read is about.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// Those that the query finds.
    Query,
    /// One, by its key.
    Key(&'a Value),
    /// Several, by their keys.
    Keys(&'a [Value]),
    /// One, which the statement that writes it returns: what [`Target::Key`] is where the key need not be looked for. The
    /// plan names no row, so it may only be executed by [`crate::sql::returned`].
    Returned,
}

impl Planner<'_> {
    /// The plan of a read of `collection`.
    ///
    /// # Errors
    /// Every refusal that a read can meet before the database is asked.
    pub fn read(&self, collection: &str, query: &Query, target: Target<'_>) -> Result<ReadPlan, Refusal> {
        let collection = &self.check_collection(collection, Action::Read)?;
        let keys = keys(collection, target)?;
        let context = Context::new(self.schema, self.permissions, self.limits);
        let overwritten = matches!(target, Target::Key(_) | Target::Returned) && is_on_key(collection, query);
        let grants = context.grants(collection);
        let mut map = FieldMap::default();
        let (root, count_filter) = if query.is_aggregate() {
            aggregate::note(&context, collection, query, &mut map)?;
            note_key(&context, collection, target, &mut map)?;
            map.check(&context)?;
            let mut aggregate = aggregate::plan(&context, collection, query)?;
            let caller = aggregate.filter.take();
            aggregate.filter = with_keys(&context, collection, caller.clone().filter(|_| !overwritten), keys.as_deref());
            (Root::Aggregate(aggregate), caller)
        } else {
            let names = match &query.fields {
                Some(fields) => fields.iter().map(|field| Name::parse(field)).collect::<Result<Vec<_>, _>>()?,
                None => vec![Name::parse("*")?],
            };
            let tree = tree::build(&context, collection, names, &query.level, &query.deep, query.backlink)?;
            tree.note(&context, &mut map)?;
            note_key(&context, collection, target, &mut map)?;
            map.check(&context)?;
            let mut level = level::plan(&context, &tree, &Shape::Root)?;
            let caller = level.filter.take();
            level.filter = with_keys(&context, collection, caller.clone().filter(|_| !overwritten), keys.as_deref());
            if let (Target::Keys(keys), None) = (target, self.limits.max_limit) {
                (level.limit, level.offset) = level::window(&context, &query.level, Some(keys.len() as u64));
            }
            (Root::Items(level), caller)
        };
        let count = |wanted: bool| wanted.then(|| Arc::clone(grants.all()));
        Ok(ReadPlan {
            root,
            total_count: count(query.meta.total_count),
            filter_count: count(query.meta.filter_count),
            count_filter: count_filter.filter(|_| query.meta.filter_count),
        })
    }

    /// Whether `collection` exists and is active, as far as somebody with these rights may know.
    ///
    /// # Errors
    /// [`Refusal::ForbiddenCollection`], or [`Refusal::CollectionInactive`] for those who may do `action` there.
    pub fn check_collection(&self, collection: &str, action: Action) -> Result<Arc<Collection>, Refusal> {
        let forbidden = || Refusal::ForbiddenCollection { collection: collection.to_owned(), path: String::new() };
        let found = self.schema.collection(collection).ok_or_else(forbidden)?;
        match found.active {
            true => Ok(Arc::clone(found)),
            false if self.permissions.allows(collection, action) => Err(Refusal::CollectionInactive { collection: collection.to_owned() }),
            false => Err(forbidden()),
        }
    }

    /// An item filter in JSON, as it stands in permission rules and validations, as typed filter over the raw values of
    /// `collection`. Variables must have been resolved.
    ///
    /// # Errors
    /// [`Refusal::InvalidQuery`] where the filter cannot be planned: the caller must then treat it as matching nothing.
    pub fn rule_filter(&self, collection: &Collection, filter: &Value) -> Result<Filter, Refusal> {
        let collection = self.known(collection)?;
        let context = Context::new(self.schema, self.permissions, self.limits);
        Ok(context.rule_filter(&collection, filter)?.unwrap_or(Filter::And(Vec::new())))
    }

    /// Which rows of `collection` may be updated or deleted: those that match, for each of `fields` (all fields of a payload;
    /// none for a delete), a rule that grants it.
    ///
    /// # Errors
    /// [`Refusal::ForbiddenCollection`] without any rule for `action`, [`Refusal::ForbiddenFields`] for fields that no rule
    /// grants.
    pub fn write_access(&self, collection: &Collection, action: Action, fields: Option<&[String]>) -> Result<Arc<RuleSet>, Refusal> {
        if self.permissions.admin {
            return Ok(RuleSet::everything());
        }
        let collection = self.known(collection)?;
        let context = Context::new(self.schema, self.permissions, self.limits);
        let grants = Grants::new(&context, &collection, self.permissions.rules(&collection.name, action));
        if !grants.readable() {
            return Err(Refusal::ForbiddenCollection { collection: collection.name.to_string(), path: String::new() });
        }
        let fields = fields.unwrap_or_default();
        let refused: Vec<String> = fields.iter().filter(|field| !grants.allows(field)).cloned().collect();
        if !refused.is_empty() {
            return Err(Refusal::ForbiddenFields { fields: refused, collection: collection.name.to_string(), path: String::new() });
        }
        if fields.is_empty() {
            return Ok(Arc::clone(grants.all()));
        }
        let mut conditions: Vec<Filter> = Vec::new();
        for field in fields {
            let granting: Option<Vec<Filter>> = grants.granting(field).into_iter().collect();
            let Some(mut rules) = granting else { continue };
            let condition = if rules.len() == 1 { rules.remove(0) } else { Filter::Or(rules) };
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        }
        Ok(match conditions.len() {
            0 => RuleSet::everything(),
            1 => Arc::new(RuleSet { rules: conditions, rows: Rows::Matching(vec![0]) }),
            _ => Arc::new(RuleSet { rules: vec![Filter::And(conditions)], rows: Rows::Matching(vec![0]) }),
        })
    }

    /// A key as a client sends it, in the canonical text of the key column. 0 and "" are keys like any other.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a key that the column could not hold.
    pub fn key_text(collection: &Collection, key: &Value) -> Result<String, Refusal> {
        key::text(collection, key)
    }

    fn known(&self, collection: &Collection) -> Result<Arc<Collection>, Refusal> {
        let forbidden = || Refusal::ForbiddenCollection { collection: collection.name.to_string(), path: String::new() };
        self.schema.collection(&collection.name).map(Arc::clone).ok_or_else(forbidden)
    }
}

/// The test on the key that `target` stands for.
fn keys(collection: &Collection, target: Target<'_>) -> Result<Option<Vec<String>>, Refusal> {
    match target {
        Target::Query | Target::Returned => Ok(None),
        Target::Key(key) => Ok(Some(vec![key::text(collection, key)?])),
        Target::Keys(keys) => keys.iter().map(|key| key::text(collection, key)).collect::<Result<_, _>>().map(Some),
    }
}

/// Whether the filter is nothing but one on the key: it gives way to a key that is asked for, as observed.
fn is_on_key(collection: &Collection, query: &Query) -> bool {
    matches!(&query.level.filter, Some(Condition::Field(field, _)) if **field == *collection.primary_key)
}

fn note_key(context: &Context<'_>, collection: &Arc<Collection>, target: Target<'_>, map: &mut FieldMap) -> Result<(), Refusal> {
    match target {
        Target::Query => Ok(()),
        Target::Key(_) | Target::Keys(_) | Target::Returned => map.sort(context, "", collection, &Name::parse(&collection.primary_key)?),
    }
}

fn with_keys(context: &Context<'_>, collection: &Arc<Collection>, caller: Option<Filter>, keys: Option<&[String]>) -> Option<Filter> {
    let (Some(keys), Some(key)) = (keys, collection.key_field()) else { return caller };
    let mut scalars: Vec<_> = keys.iter().map(|text| key::scalar(collection, text.clone())).collect();
    let place = Place::root(context, collection);
    let condition = match scalars.len() {
        0 => Filter::Or(Vec::new()),
        1 => filter::key_is(&place, key, Test::Eq(scalars.remove(0))),
        _ => filter::key_is(&place, key, Test::In(scalars)),
    };
    Some(match caller {
        Some(caller) => Filter::And(vec![caller, condition]),
        None => condition,
    })
}

#[cfg(test)]
mod tests;
