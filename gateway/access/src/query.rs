//! What a client asks for: the `query` member of a message, sanitised and checked as far as that goes without a schema.
//!
//! It must never know a collection: whether names exist and what may be seen is the planner's part. Both spellings of every
//! member are taken, plain JSON and the text that the SDK sends, and both give equal queries.
//!
//! ```text
//! raw JSON ─parse─▶ Query ─resolve(variables)─▶ Query ─planner─▶ ReadPlan
//! ```

pub(crate) mod condition;
pub(crate) mod name;
pub(crate) mod number;
mod sanitise;

use indexmap::IndexMap;
pub use number::canonical;
use serde_json::Value;

use crate::refusal::Refusal;
use crate::variables::{self, Resolved, Variables};
use condition::Condition;

/// The bounds that an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryLimits {
    /// `QUERY_LIMIT_DEFAULT`: rows of a list whose query has no limit.
    pub default_limit: u64,
    /// `QUERY_LIMIT_MAX`: the largest limit that may be asked for; `None` is no bound.
    pub max_limit: Option<u64>,
    /// `MAX_RELATIONAL_DEPTH`: segments of a dotted path, nesting of a filter.
    pub max_relational_depth: u32,
    /// `MAX_JSON_QUERY_DEPTH`: steps of a json path.
    pub max_json_depth: u32,
    /// `GATEWAY_MAX_FILTER_CONDITIONS`: conditions of one filter, all levels together.
    pub max_conditions: usize,
    /// `GATEWAY_MAX_FILTER_VALUES`: values of one filter, all lists together; Postgres takes 65,535 in one statement.
    pub max_values: usize,
}

/// A query, sanitised and checked; names are not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// `None` is every field.
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) level: LevelQuery,
    /// Function name to column names.
    pub(crate) aggregate: Option<IndexMap<String, Vec<String>>>,
    pub(crate) group: Option<Vec<String>>,
    pub(crate) deep: IndexMap<String, Deep>,
    pub(crate) meta: Meta,
    pub(crate) version: Option<String>,
    /// Nested wildcards follow the relation that they came from.
    pub(crate) backlink: bool,
}

/// What a level of rows can be asked, at the root and in `deep` alike.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LevelQuery {
    pub(crate) filter: Option<Condition>,
    /// `None` is the default order, an empty list is no order.
    pub(crate) sort: Option<Vec<String>>,
    pub(crate) search: Option<String>,
    /// `None` is the default, -1 is unlimited.
    pub(crate) limit: Option<i64>,
    pub(crate) offset: u64,
    /// From 1.
    pub(crate) page: Option<u64>,
    pub(crate) alias: IndexMap<String, String>,
}

/// One relation's part of `deep`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Deep {
    pub(crate) level: LevelQuery,
    pub(crate) below: IndexMap<String, Deep>,
}

/// Which counts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    pub(crate) total_count: bool,
    pub(crate) filter_count: bool,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            default_limit: 100,
            max_limit: None,
            max_relational_depth: 10,
            max_json_depth: 10,
            max_conditions: 2_000,
            max_values: 65_535,
        }
    }
}

impl QueryLimits {
    /// Paths of this many segments are the longest; never so many that recursion over them could exhaust a stack.
    pub(crate) fn relational_depth(&self) -> usize {
        self.max_relational_depth.clamp(2, 64) as usize
    }

    /// The limit of a list whose query has none.
    pub(crate) fn implicit_limit(&self) -> u64 {
        self.max_limit.map_or(self.default_limit, |max| max.min(self.default_limit))
    }
}

impl Query {
    /// Reads the wire's `query` member. Null is the empty query; members that are not known are ignored.
    ///
    /// # Errors
    /// [`Refusal::InvalidQuery`], the first fault in the order in which the protocol checks.
    pub fn parse(raw: &Value, limits: &QueryLimits) -> Result<Self, Refusal> {
        sanitise::query(raw, limits)
    }

    /// The query of a message without `query`.
    #[must_use]
    pub fn default_for(_limits: &QueryLimits) -> Self {
        Self::empty()
    }

    /// The `.field` variables that the filters mention, each once: to be looked up under the user's own rights and passed
    /// to [`Query::resolve`] in [`Variables::paths`].
    #[must_use]
    pub fn variable_paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.visit_filters(&mut |filter| filter.visit_values(&mut |value| variables::collect_paths(value, &mut paths)));
        paths
    }

    /// Puts values in the place of the filters' variables, by the rules for filters of users: a path without value makes the
    /// filter invalid, and `$CURRENT_POLICIES` has a value only where a `.field` path is asked for too.
    ///
    /// # Errors
    /// [`Refusal::InvalidQuery`] for a path without value, and where a value does not fit its operator.
    pub fn resolve(&mut self, variables: &Variables) -> Result<(), Refusal> {
        let withheld = if variables.policies.is_null() || !self.variable_paths().is_empty() {
            None
        } else {
            Some(Variables { policies: Value::Null, ..variables.clone() })
        };
        let variables = withheld.as_ref().unwrap_or(variables);
        if let Some(filter) = &mut self.level.filter {
            filter.replace_values(&mut |value| resolve(value, variables))?;
            filter.check_values(&|_| false)?;
        }
        self.deep.values_mut().try_for_each(|deep| deep.resolve(variables))
    }

    /// Whether the answer is groups or totals instead of items.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        self.aggregate.is_some() || self.group.is_some()
    }

    /// Whether counts are asked for.
    #[must_use]
    pub fn wants_meta(&self) -> bool {
        self.meta.total_count || self.meta.filter_count
    }

    /// The version asked for, unless it is the main one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The fields asked for; `None` is every field.
    #[must_use]
    pub fn fields(&self) -> Option<&[String]> {
        self.fields.as_deref()
    }

    /// The limit asked for: -1 is unlimited, `None` is the default.
    #[must_use]
    pub fn limit(&self) -> Option<i64> {
        self.level.limit
    }

    /// Whether rows are restricted by a filter or a search.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.level.filter.is_some() || self.level.search.is_some()
    }

    /// The same query for these fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<String>) -> Self {
        self.fields = Some(fields);
        self
    }

    /// The same query with this limit; -1 is unlimited.
    #[must_use]
    pub fn with_limit(mut self, limit: i64) -> Self {
        self.level.limit = Some(limit.max(-1));
        self
    }

    /// The same query from the first row, without limit.
    #[must_use]
    pub fn without_paging(mut self) -> Self {
        self.level.limit = Some(-1);
        self.level.offset = 0;
        self.level.page = None;
        self
    }

    /// The same query without counts.
    #[must_use]
    pub fn without_meta(mut self) -> Self {
        self.meta = Meta::default();
        self
    }

    pub(crate) fn empty() -> Self {
        Self {
            fields: None,
            level: LevelQuery::default(),
            aggregate: None,
            group: None,
            deep: IndexMap::new(),
            meta: Meta::default(),
            version: None,
            backlink: true,
        }
    }

    // By trait object: a generic visitor would be a new type on every level of the recursion.
    fn visit_filters(&self, visit: &mut dyn FnMut(&Condition)) {
        self.level.filter.iter().for_each(&mut *visit);
        self.deep.values().for_each(|deep| deep.visit_filters(visit));
    }
}

impl Deep {
    fn resolve(&mut self, variables: &Variables) -> Result<(), Refusal> {
        if let Some(filter) = &mut self.level.filter {
            filter.replace_values(&mut |value| resolve(value, variables))?;
        }
        self.below.values_mut().try_for_each(|deep| deep.resolve(variables))
    }

    fn visit_filters(&self, visit: &mut dyn FnMut(&Condition)) {
        self.level.filter.iter().for_each(&mut *visit);
        self.below.values().for_each(|deep| deep.visit_filters(visit));
    }
}

fn resolve(value: &mut Value, variables: &Variables) -> Result<(), Refusal> {
    let resolved = |text: &str| match variables.resolve_text(text) {
        Resolved::Plain => Ok(None),
        Resolved::Value(value) => Ok(Some(value)),
        Resolved::Missing => Err(condition::invalid()),
    };
    match value {
        Value::String(text) => {
            if let Some(found) = resolved(text)? {
                *value = found;
            }
        }
        Value::Array(items) => {
            let mut spliced = Vec::with_capacity(items.len());
            for item in items.drain(..) {
                match item.as_str().map(resolved).transpose()?.flatten() {
                    Some(Value::Array(list)) => spliced.extend(list),
                    Some(found) => spliced.push(found),
                    None => spliced.push(item),
                }
            }
            *items = spliced;
        }
        // The tests of `_json`.
        Value::Object(_) => {
            if variables::paths_in(value).iter().any(|path| variables.resolve_text(path) == Resolved::Missing) {
                return Err(condition::invalid());
            }
            *value = variables::resolve_value(value, variables);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
