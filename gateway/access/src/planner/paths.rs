//! Which fields of which collections a read touches, and whether the session may.
//!
//! It must never let a name through that was not checked: everything that is selected, filtered, sorted, grouped or aggregated
//! is noted here before a plan is made. Whoever may not read a collection learns nothing about its fields.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::context::Context;
use crate::query::condition::Condition;
use crate::query::name::{self, Leaf, Name};
use crate::refusal::Refusal;
use crate::schema::{Collection, RelationKind};

/// Fields by the path of their level, in the order in which they were noted.
#[derive(Default)]
pub(super) struct FieldMap {
    /// Fields of filters and sorts.
    read: IndexMap<String, Noted>,
    /// Fields of the answer.
    other: IndexMap<String, Noted>,
}

struct Noted {
    collection: Arc<Collection>,
    fields: IndexSet<String>,
}

impl FieldMap {
    /// A level of the answer with its fields; the level counts even without any.
    pub(super) fn answer<'f>(&mut self, path: &str, collection: &Arc<Collection>, fields: impl Iterator<Item = &'f str>) {
        note(&mut self.other, path, collection).extend(fields.map(str::to_owned));
    }

    /// The fields of a filter over the rows of the level at `path`.
    pub(super) fn filter(
        &mut self,
        context: &Context<'_>,
        path: &str,
        collection: &Arc<Collection>,
        filter: &Condition,
    ) -> Result<(), Refusal> {
        match filter {
            Condition::All(members) | Condition::Any(members) => {
                members.iter().try_for_each(|member| self.filter(context, path, collection, member))
            }
            Condition::Related(_, below) => self.filter(context, path, collection, below),
            Condition::Test(_, _) => Ok(()),
            Condition::Field(key, below) => {
                if let Some((_, argument)) = name::call(key) {
                    note(&mut self.read, path, collection).insert(argument.to_owned());
                    return self.filter(context, path, collection, below);
                }
                let (field, scope) = key.split_once(':').map_or((key.as_str(), None), |(field, scope)| (field, Some(scope)));
                // A scope on what is no many-to-any key is part of a name that does not exist.
                let target = target(context, collection, field, scope);
                if scope.is_some() && target.is_none() {
                    note(&mut self.read, path, collection).insert(key.clone());
                    return Ok(());
                }
                note(&mut self.read, path, collection).insert(field.to_owned());
                match target {
                    Some(target) if mentions_fields(below) => {
                        let path = join(path, key);
                        self.filter(context, &path, &context.target(&target, &path)?, below)
                    }
                    // Below what is no relation the names are looked for where one stands.
                    Some(_) | None => self.filter(context, path, collection, below),
                }
            }
        }
    }

    /// The fields of a sort key of the level at `path`.
    pub(super) fn sort(&mut self, context: &Context<'_>, path: &str, collection: &Arc<Collection>, key: &Name) -> Result<(), Refusal> {
        let (mut path, mut collection) = (path.to_owned(), Arc::clone(collection));
        for segment in &key.path {
            let (field, scope) = segment.split_once(':').map_or((segment.as_str(), None), |(field, scope)| (field, Some(scope)));
            note(&mut self.read, &path, &collection).insert(field.to_owned());
            if let Some(target) = target(context, &collection, field, scope) {
                path = join(&path, segment);
                collection = context.target(&target, &path)?;
            }
        }
        note(&mut self.read, &path, &collection).insert(key.leaf.field().to_owned());
        Ok(())
    }

    /// A group key or an aggregated column of the root.
    pub(super) fn group(&mut self, collection: &Arc<Collection>, key: &Leaf, raw: &str) {
        // A json function is no group: its argument is taken for a field's name, as observed.
        let field = match key {
            Leaf::Call { path: Some(_), .. } => name::call(raw).map_or(raw, |(_, argument)| argument),
            Leaf::Plain(_) | Leaf::Call { .. } => key.field(),
        };
        note(&mut self.other, "", collection).insert(field.to_owned());
    }

    /// Whether everything that was noted exists and may be read.
    pub(super) fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        for (path, noted) in self.read.iter().chain(&self.other) {
            if context.grants(&noted.collection).readable() {
                refuse(path, noted, |field| noted.collection.field(field).is_some())?;
            }
        }
        for (path, noted) in self.other.iter().chain(&self.read) {
            let grants = context.grants(&noted.collection);
            if !grants.readable() {
                return Err(Refusal::ForbiddenCollection { collection: noted.collection.name.to_string(), path: path.clone() });
            }
            refuse(path, noted, |field| grants.allows(field))?;
        }
        Ok(())
    }
}

/// `path` with one more relation.
pub(super) fn join(path: &str, segment: &str) -> String {
    if path.is_empty() { segment.to_owned() } else { format!("{path}.{segment}") }
}

fn note<'m>(map: &'m mut IndexMap<String, Noted>, path: &str, collection: &Arc<Collection>) -> &'m mut IndexSet<String> {
    let noted = map.entry(path.to_owned()).or_insert_with(|| Noted { collection: Arc::clone(collection), fields: IndexSet::new() });
    &mut noted.fields
}

fn refuse(path: &str, noted: &Noted, fits: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let fields: Vec<String> = noted.fields.iter().filter(|field| !fits(field)).cloned().collect();
    if fields.is_empty() {
        return Ok(());
    }
    Err(Refusal::ForbiddenFields { fields, collection: noted.collection.name.to_string(), path: path.to_owned() })
}

fn target(context: &Context<'_>, collection: &Collection, field: &str, scope: Option<&str>) -> Option<Arc<str>> {
    match (context.schema.relation(&collection.name, field)?, scope) {
        (RelationKind::ManyToOne(relation), None) => relation.one_collection.clone(),
        (RelationKind::OneToMany(relation), None) => Some(Arc::clone(&relation.many_collection)),
        (RelationKind::ManyToAny(relation), Some(scope)) => {
            relation.one_allowed_collections.iter().find(|allowed| ***allowed == *scope).cloned()
        }
        (RelationKind::ManyToAny(_), None) | (RelationKind::ManyToOne(_) | RelationKind::OneToMany(_), Some(_)) => None,
    }
}

fn mentions_fields(condition: &Condition) -> bool {
    match condition {
        Condition::All(members) | Condition::Any(members) => members.iter().any(mentions_fields),
        Condition::Related(_, below) => mentions_fields(below),
        Condition::Field(_, _) => true,
        Condition::Test(_, _) => false,
    }
}
