//! Where a condition or a sort key stands: the collection, the joins that lead there, and what may be seen there.
//!
//! It must never take a step without the target's rules: a hop that forgets them lets filters probe hidden rows.

use std::rc::Rc;
use std::sync::Arc;

use super::context::Context;
use super::grants::Grants;
use crate::plan::{DatePart, Direction, Function, Hop};
use crate::query::name;
use crate::refusal::Refusal;
use crate::schema::{Collection, Field, FieldType, RelationKind, Special};

/// A row that conditions talk about.
pub(super) struct Place {
    pub(super) collection: Arc<Collection>,
    pub(super) grants: Rc<Grants>,
    /// Joins from the level that the condition belongs to.
    pub(super) path: Vec<Hop>,
}

impl Place {
    /// A level's own rows.
    pub(super) fn root(context: &Context<'_>, collection: &Arc<Collection>) -> Self {
        Self { collection: Arc::clone(collection), grants: context.grants(collection), path: Vec::new() }
    }

    /// The rows that relational `field` leads to; `scope` names the collection of a many-to-any key.
    pub(super) fn step(&self, context: &Context<'_>, field: &Arc<Field>, scope: Option<&str>) -> Result<Self, Refusal> {
        let hop = self.hop(context, field, scope)?;
        let collection = Arc::clone(&hop.target);
        let grants = context.grants(&collection);
        let path = self.path.iter().cloned().chain([hop]).collect();
        Ok(Self { collection, grants, path })
    }

    /// The join of [`Place::step`].
    pub(super) fn hop(&self, context: &Context<'_>, field: &Arc<Field>, scope: Option<&str>) -> Result<Hop, Refusal> {
        let kind = context.schema.relation(&self.collection.name, &field.name);
        let (relation, direction, target) = match (kind, scope) {
            (Some(RelationKind::ManyToOne(relation)), None) => {
                let target = relation.one_collection.clone();
                (relation, Direction::ToOne, target)
            }
            (Some(RelationKind::OneToMany(relation)), None) => {
                let target = Some(Arc::clone(&relation.many_collection));
                (relation, Direction::ToMany, target)
            }
            (Some(RelationKind::ManyToAny(relation)), Some(scope)) => {
                let target = relation.one_allowed_collections.iter().find(|allowed| ***allowed == *scope).cloned();
                (relation, Direction::ToAny, target)
            }
            (Some(RelationKind::ManyToAny(_)), None) => {
                let text = "You have to provide a collection scope when sorting or filtering on a many-to-any item";
                return Err(Refusal::InvalidQuery(text.into()));
            }
            (Some(RelationKind::ManyToOne(_) | RelationKind::OneToMany(_)) | None, _) => return Err(self.invalid_key(&field.name)),
        };
        let Some(target) = target else { return Err(self.invalid_key(scope.unwrap_or(&field.name))) };
        let target = context.target(&target, &field.name)?;
        let access = Arc::clone(context.grants(&target).all());
        Ok(Hop { relation, direction, target, access, shown: self.grants.shown(&field.name) })
    }

    /// The refusal of a key that has no meaning here.
    pub(super) fn invalid_key(&self, key: &str) -> Refusal {
        Refusal::InvalidQuery(format!("Invalid filter key \"{key}\" on \"{}\"", self.collection.name))
    }
}

/// `function(field)` of `collection`; `None` where the field or its type has no such function.
pub(super) fn function(
    context: &Context<'_>,
    collection: &Arc<Collection>,
    function: &str,
    field: &str,
    path: Option<&str>,
) -> Result<Option<Function>, Refusal> {
    let Some(field) = collection.field(field) else { return Ok(None) };
    let part = match function {
        "year" => DatePart::Year,
        "month" => DatePart::Month,
        "week" => DatePart::Week,
        "day" => DatePart::Day,
        "weekday" => DatePart::Weekday,
        "hour" => DatePart::Hour,
        "minute" => DatePart::Minute,
        "second" => DatePart::Second,
        "count" => return Ok(count(context, collection, field)),
        "json" => {
            return match path {
                Some(path) if field.kind == FieldType::Json && !field.concealed() => {
                    let path = name::json_path(path, context.limits.max_json_depth)?;
                    Ok(Some(Function::JsonPath { field: Arc::clone(field), path }))
                }
                _ => Ok(None),
            };
        }
        _ => return Ok(None),
    };
    let has_date = matches!(field.kind, FieldType::Date | FieldType::DateTime | FieldType::Timestamp);
    let has_time = matches!(field.kind, FieldType::Time | FieldType::DateTime | FieldType::Timestamp);
    let fits = if matches!(part, DatePart::Hour | DatePart::Minute | DatePart::Second) { has_time } else { has_date };
    Ok((fits && !field.concealed()).then(|| Function::DatePart { part, field: Arc::clone(field) }))
}

fn count(context: &Context<'_>, collection: &Arc<Collection>, field: &Arc<Field>) -> Option<Function> {
    if field.kind == FieldType::Json && !field.has(Special::Conceal) {
        return Some(Function::CountJson(Arc::clone(field)));
    }
    let RelationKind::OneToMany(relation) = context.schema.relation(&collection.name, &field.name)? else { return None };
    let target = context.many_side(&relation).filter(|target| target.active)?;
    let access = Arc::clone(context.grants(target).all());
    Some(Function::CountRelated { relation, collection: Arc::clone(target), access })
}
