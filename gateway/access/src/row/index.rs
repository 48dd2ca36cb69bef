//! Equality constants of a condition, and the values of an image that they are looked up by.
//!
//! It must never leave out a row that the condition admits: a key is given only where every admitted row has one of its
//! values, and only for types whose equal values print alike.

use std::sync::Arc;

use super::check::text;
use super::datum::{Constant, Kind};
use super::image::RowImage;
use crate::plan::{Comparison, Filter, Operand, Rows, RuleSet, Scalar, Test};
use crate::schema::Field;

/// What an image holds for the lookup of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexValue<'i> {
    /// Groups with an equal constant, compared as text with [`Scalar::Number`]'s or [`Scalar::Text`]'s, may match.
    Value(&'i str),
    /// NULL: no group with a constant for this field matches.
    Null,
    /// The image does not tell: every group may match.
    Unknown,
}

/// Fields and the values of which every admitted row has one.
pub(super) type Keys = Vec<(Arc<Field>, Vec<Scalar>)>;

impl RowImage<'_> {
    /// The value of `field` in the form that [`super::Membership::equality_keys`] gives its constants.
    #[must_use]
    pub fn index_value(&self, field: &Field) -> IndexValue<'_> {
        let Some(column) = self.column(&field.name, 0) else { return IndexValue::Unknown };
        if column.json().is_null() {
            return IndexValue::Null;
        }
        match indexable(field) {
            // Postgres prints a whole number in one way; another one (`-0`) is equal to a constant that it does not look like.
            Some(Kind::Integer { .. }) => match column.json().raw {
                raw if is_printed_whole(raw) => IndexValue::Value(raw),
                _ => IndexValue::Unknown,
            },
            Some(_) => column.text().map_or(IndexValue::Unknown, IndexValue::Value),
            None => IndexValue::Unknown,
        }
    }
}

/// The keys of a filter and of the rules that admit rows.
pub(super) fn keys(filter: Option<&Filter>, access: &RuleSet) -> Keys {
    let mut keys = filter.map(of_filter).unwrap_or_default();
    if let Rows::Matching(rules) = &access.rows {
        let rules = rules.iter().map(|rule| access.rules.get(*rule).map(of_filter).unwrap_or_default());
        join(&mut keys, either(rules));
    }
    keys
}

fn of_filter(filter: &Filter) -> Keys {
    match filter {
        Filter::And(members) => {
            let mut keys = Keys::new();
            members.iter().for_each(|member| join(&mut keys, of_filter(member)));
            keys
        }
        Filter::Or(members) => either(members.iter().map(of_filter)),
        Filter::Compare(comparison) => of_comparison(comparison).into_iter().collect(),
        Filter::Related { .. } => Keys::new(),
    }
}

fn of_comparison(comparison: &Comparison) -> Option<(Arc<Field>, Vec<Scalar>)> {
    let Operand::Column(field) = &comparison.operand else { return None };
    if !comparison.path.is_empty() {
        return None;
    }
    let kind = indexable(field)?;
    let constant = |scalar: &Scalar| {
        // NULL equals nothing, so that it adds no row.
        let Some(text) = text(scalar) else { return Some(None) };
        match kind.constant(text)? {
            Constant::Integer(number) => Some(Some(Scalar::Number(number.to_string()))),
            Constant::Text(text) => Some(Some(Scalar::Text(text.into()))),
            Constant::Float(_) | Constant::Numeric(_) => None,
        }
    };
    let mut values: Vec<Scalar> = match &comparison.test {
        Test::Eq(scalar) => constant(scalar)?.into_iter().collect(),
        Test::In(scalars) => scalars.iter().map(constant).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect(),
        Test::Null
        | Test::NotNull
        | Test::Empty
        | Test::NotEmpty
        | Test::Neq(_)
        | Test::Lt(_)
        | Test::Lte(_)
        | Test::Gt(_)
        | Test::Gte(_)
        | Test::Nin(_)
        | Test::Between(_, _)
        | Test::NotBetween(_, _)
        | Test::Like(_)
        | Test::Json(_)
        | Test::Geometry { .. } => return None,
    };
    let mut seen = std::collections::HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
    Some((Arc::clone(field), values))
}

/// Whether Postgres would print a whole number so.
fn is_printed_whole(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    digits.bytes().all(|digit| digit.is_ascii_digit()) && (raw == "0" || !digits.starts_with('0')) && !digits.is_empty()
}

/// Types whose equal values print alike.
pub(super) fn indexable(field: &Field) -> Option<Kind> {
    Kind::of(field).filter(|kind| match kind {
        Kind::Integer { .. } | Kind::Uuid | Kind::Text => true,
        Kind::Single | Kind::Double | Kind::Numeric | Kind::Boolean | Kind::Calendar(_) | Kind::Padded => false,
    })
}

/// Both hold: of two constraints on a field the shorter one stays.
fn join(keys: &mut Keys, others: Keys) {
    for (field, values) in others {
        match keys.iter_mut().find(|(known, _)| known.name == field.name) {
            Some((_, known)) if known.len() > values.len() => *known = values,
            Some(_) => {}
            None => keys.push((field, values)),
        }
    }
}

/// One of them holds: only fields that all of them constrain, with the values of all.
fn either(mut members: impl Iterator<Item = Keys>) -> Keys {
    let Some(mut keys) = members.next() else { return Keys::new() };
    for member in members {
        keys.retain_mut(|(field, values)| match member.iter().find(|(other, _)| other.name == field.name) {
            Some((_, others)) => {
                for other in others {
                    if !values.contains(other) {
                        values.push(other.clone());
                    }
                }
                true
            }
            None => false,
        });
    }
    keys
}
