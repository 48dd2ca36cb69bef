//! From conditions as written to typed filters.
//!
//! It must never leave a name or a value unchecked, and never drop a condition inside a permission rule: what the protocol
//! ignores in a user's filter (a range of three bounds, several keys under `_some`) is evaluated or refused there.
//!
//! `Option<Filter>`: `None` is a condition that has vanished, as observed: it is neutral in `_and` and in `_or` alike.

use std::sync::Arc;

use serde_json::Value;

use super::context::Context;
use super::place::{Place, function};
use super::test::{self, Operated, Outcome};
use crate::plan::{Comparison, Filter, Function, Hop, Operand, Shown, Test};
use crate::query::condition::Condition;
use crate::query::name;
use crate::refusal::Refusal;
use crate::schema::{Field, FieldType, RelationKind};

/// What the operators below a key talk about.
enum Subject {
    /// Nothing yet: keys are fields.
    Level,
    /// A field.
    Field(Arc<Field>),
    /// A function and the field that it is of.
    Function(Function, Shown),
}

/// A filter over the rows of `place`.
pub(super) fn plan(context: &Context<'_>, place: &Place, condition: &Condition) -> Result<Option<Filter>, Refusal> {
    under(context, place, &Subject::Level, condition)
}

fn under(context: &Context<'_>, place: &Place, subject: &Subject, condition: &Condition) -> Result<Option<Filter>, Refusal> {
    let each = |members: &[Condition]| -> Result<Vec<Filter>, Refusal> {
        members.iter().filter_map(|member| under(context, place, subject, member).transpose()).collect()
    };
    match condition {
        Condition::All(members) => Ok(joined(each(members)?, Filter::And)),
        // An empty member makes the whole `_or` neutral, as observed.
        Condition::Any(members) if members.iter().any(Condition::is_empty) => Ok(None),
        Condition::Any(members) => Ok(joined(each(members)?, Filter::Or)),
        Condition::Field(key, below) => match subject {
            Subject::Level => key_of_level(context, place, key, below),
            Subject::Field(field) => {
                // A path through what is no relation names the key that cannot be found below it.
                if context.schema.relation(&place.collection.name, &field.name).is_none() {
                    return Err(place.invalid_key(key));
                }
                under(context, &place.step(context, field, None)?, &Subject::Level, condition)
            }
            Subject::Function(_, _) => Err(place.invalid_key(key)),
        },
        Condition::Related(negated, below) => related(context, place, subject, *negated, below),
        Condition::Test(operator, value) => compare(context, place, subject, operator, value),
    }
}

fn joined(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Option<Filter> {
    match filters.len() {
        0 => None,
        1 => filters.pop(),
        _ => Some(join(filters)),
    }
}

fn key_of_level(context: &Context<'_>, place: &Place, key: &str, below: &Condition) -> Result<Option<Filter>, Refusal> {
    if let Some((name, argument)) = name::call(key) {
        let found = if name == "json" { None } else { function(context, &place.collection, name, argument, None)? };
        let found = found.ok_or_else(|| place.invalid_key(key))?;
        return under(context, place, &Subject::Function(found, place.grants.shown(argument)), below);
    }
    if let Some((name, scope)) = key.split_once(':') {
        let field = place.collection.field(name).ok_or_else(|| place.invalid_key(key))?;
        return plan(context, &place.step(context, field, Some(scope))?, below);
    }
    let field = place.collection.field(key).ok_or_else(|| place.invalid_key(key))?;
    under(context, place, &Subject::Field(Arc::clone(field)), below)
}

fn related(context: &Context<'_>, place: &Place, subject: &Subject, negated: bool, below: &Condition) -> Result<Option<Filter>, Refusal> {
    let misplaced = || {
        let operator = if negated { "_none" } else { "_some" };
        Refusal::InvalidQuery(format!("\"{operator}\" can only be used with top level relational alias field"))
    };
    let Subject::Field(field) = subject else { return Err(misplaced()) };
    let to_many = matches!(context.schema.relation(&place.collection.name, &field.name), Some(RelationKind::OneToMany(_)));
    if !to_many || !place.path.is_empty() {
        return Err(misplaced());
    }
    // Several keys, or a logical operator, below `_some`: ignored in a user's filter, as observed.
    if !context.inside_rule && matches!(below, Condition::All(_) | Condition::Any(_)) {
        return Ok(None);
    }
    let hop = place.hop(context, field, None)?;
    let inner = Place::root(context, &hop.target);
    let filter = plan(context, &inner, below)?.unwrap_or(Filter::And(Vec::new()));
    Ok(Some(Filter::Related { path: Vec::new(), hop, negated, filter: Box::new(filter) }))
}

fn compare(context: &Context<'_>, place: &Place, subject: &Subject, operator: &str, value: &Value) -> Result<Option<Filter>, Refusal> {
    let finish = |path: &[Hop], operand: Operand, shown: Shown, operated: &Operated<'_>| {
        Ok(match test::plan(context, operated, operator, value)? {
            Outcome::Test(test) => Some(Filter::Compare(Comparison { path: path.to_vec(), operand, shown, test })),
            Outcome::Always => Some(Filter::And(Vec::new())),
            Outcome::Never => Some(Filter::Or(Vec::new())),
            Outcome::Vanished => None,
        })
    };
    match subject {
        Subject::Level => Err(place.invalid_key(operator)),
        Subject::Function(function, shown) => {
            finish(&place.path, Operand::Function(function.clone()), shown.clone(), &Operated::function(function))
        }
        Subject::Field(field) if field.kind == FieldType::Alias => {
            // A list itself: its rows' keys. Whether a visible row is there may be known, whether or not its key may be read.
            let target = place.step(context, field, None)?;
            let key = target.collection.key_field().ok_or_else(|| place.invalid_key(&field.name))?;
            finish(&target.path, Operand::Column(Arc::clone(key)), Shown::Always, &Operated::column(key))
        }
        Subject::Field(field) => {
            let shown = place.grants.shown(&field.name);
            finish(&place.path, Operand::Column(Arc::clone(field)), shown, &Operated::column(field))
        }
    }
}

/// The condition that a row's key is `test`.
pub(super) fn key_is(place: &Place, key: &Arc<Field>, test: Test) -> Filter {
    let shown = place.grants.shown(&key.name);
    Filter::Compare(Comparison { path: place.path.clone(), operand: Operand::Column(Arc::clone(key)), shown, test })
}
