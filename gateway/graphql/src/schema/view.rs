//! The overview as one action of one set of permissions sees it: collections and fields that are granted, and the
//! relations that are left of it.
//!
//! It must never decide what a row shows: here it only matters what there is to talk about.

use std::collections::HashMap;
use std::sync::Arc;

use access::permission::{Action, Permissions};
use access::schema::{Collection, Field, Relation, Schema};

use super::natural;

/// Collections of the system that no schema shows.
const HIDDEN: [&str; 6] =
    ["directus_collections", "directus_fields", "directus_relations", "directus_migrations", "directus_sessions", "directus_extensions"];

/// Names that the schema itself needs.
const RESERVED: [&str; 18] = [
    "Subscription",
    "Query",
    "Mutation",
    "Int",
    "Float",
    "String",
    "Boolean",
    "DateTime",
    "ID",
    "uid",
    "Point",
    "PointList",
    "Polygon",
    "MultiPolygon",
    "JSON",
    "Hash",
    "Date",
    "Void",
];

/// What one action sees.
pub(super) struct View<'s> {
    pub(super) action: Action,
    collections: HashMap<&'s str, Seen<'s>>,
    links: HashMap<(&'s str, &'s str), Link<'s>>,
}

/// A collection with at least one granted field.
pub(super) struct Seen<'s> {
    pub(super) collection: &'s Arc<Collection>,
    /// In natural order.
    pub(super) fields: Vec<Granted<'s>>,
}

pub(super) struct Granted<'s> {
    pub(super) field: &'s Arc<Field>,
    /// Granted by every rule of the collection, so that no item hides it.
    pub(super) consistent: bool,
}

/// What a relational field leads to.
#[derive(Clone, Copy)]
pub(super) enum Link<'s> {
    One(&'s Arc<str>),
    Many(&'s Arc<str>),
    Any(&'s Arc<Relation>),
}

impl<'s> View<'s> {
    pub(super) fn new(schema: &'s Schema, permissions: &Permissions, action: Action) -> Self {
        let mut collections = HashMap::new();
        for collection in schema.collections() {
            if !collection.active || !usable(&collection.name) || HIDDEN.contains(&&*collection.name) {
                continue;
            }
            let fields = granted(collection, permissions, action);
            if !fields.is_empty() {
                collections.insert(&*collection.name, Seen { collection, fields });
            }
        }
        let mut view = Self { action, collections, links: HashMap::new() };
        for relation in schema.relations() {
            view.link(relation);
        }
        view
    }

    /// The collections in natural order.
    pub(super) fn sorted(&self) -> Vec<&Seen<'s>> {
        let mut all: Vec<_> = self.collections.values().collect();
        all.sort_by(|a, b| natural::compare(&a.collection.name, &b.collection.name));
        all
    }

    pub(super) fn get(&self, collection: &str) -> Option<&Seen<'s>> {
        self.collections.get(collection)
    }

    pub(super) fn relation(&self, collection: &'s str, field: &'s str) -> Option<Link<'s>> {
        self.links.get(&(collection, field)).copied()
    }

    /// Keeps a relation only if everything that it touches is seen; else both of its fields are plain.
    fn link(&mut self, relation: &'s Arc<Relation>) {
        let sees = |collection: &str, field: &str| {
            self.get(collection).is_some_and(|seen| seen.fields.iter().any(|granted| *granted.field.name == *field))
        };
        let (many, many_field) = (&relation.many_collection, &*relation.many_field);
        if !sees(many, many_field) {
            return;
        }
        let Some(one) = &relation.one_collection else {
            let allowed = &relation.one_allowed_collections;
            if !allowed.is_empty() && allowed.iter().all(|name| self.get(name).is_some()) {
                self.links.insert((many, many_field), Link::Any(relation));
            }
            return;
        };
        if self.get(one).is_none() {
            return;
        }
        match &relation.one_field {
            Some(field) if !sees(one, field) => {}
            Some(field) => {
                self.links.insert((many, many_field), Link::One(one));
                self.links.insert((one, field), Link::Many(many));
            }
            None => {
                self.links.insert((many, many_field), Link::One(one));
            }
        }
    }
}

fn granted<'s>(collection: &'s Arc<Collection>, permissions: &Permissions, action: Action) -> Vec<Granted<'s>> {
    let rules = permissions.rules(&collection.name, action);
    let mut fields: Vec<Granted<'s>> = collection
        .fields
        .values()
        .filter(|field| is_name(&field.name))
        .filter_map(|field| {
            if permissions.admin {
                return Some(Granted { field, consistent: true });
            }
            let granting = rules.iter().filter(|rule| rule.fields.contains(&field.name)).count();
            (granting > 0).then_some(Granted { field, consistent: granting == rules.len() })
        })
        .collect();
    fields.sort_by(|a, b| natural::compare(&a.field.name, &b.field.name));
    fields
}

/// Whether a collection of this name can be a type.
fn usable(name: &str) -> bool {
    is_name(name) && !RESERVED.contains(&name)
}

/// A name that GraphQL takes and does not keep for itself.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && !name.starts_with("__")
}
