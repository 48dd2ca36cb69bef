//! What the parts of the planner share during one request: the schema, the rights, and the bounds.
//!
//! It must never outlive the request: rules are cached by collection name under one set of permissions.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::filter;
use super::grants::Grants;
use super::place::Place;
use crate::permission::{Action, Permissions};
use crate::plan::Filter;
use crate::query::QueryLimits;
use crate::query::condition::Condition;
use crate::refusal::Refusal;
use crate::schema::{Collection, Relation, Schema};

/// Names that one query may come to, wildcards expanded.
const MAX_SELECTION: usize = 5_000;

/// One request's view of the world.
pub(super) struct Context<'a> {
    pub(super) schema: &'a Schema,
    pub(super) permissions: &'a Permissions,
    pub(super) limits: &'a QueryLimits,
    /// The inside of a permission rule: nothing is hidden from it, and what has no clear meaning is refused, never ignored.
    pub(super) inside_rule: bool,
    grants: RefCell<HashMap<Arc<str>, Rc<Grants>>>,
    selected: Cell<usize>,
}

impl<'a> Context<'a> {
    pub(super) fn new(schema: &'a Schema, permissions: &'a Permissions, limits: &'a QueryLimits) -> Self {
        Self { schema, permissions, limits, inside_rule: false, grants: RefCell::default(), selected: Cell::new(0) }
    }

    /// The same world as a permission rule sees it.
    fn rule_context(&self) -> Context<'a> {
        Context { inside_rule: true, ..Context::new(self.schema, self.permissions, self.limits) }
    }

    /// What the session may read of `collection`.
    pub(super) fn grants(&self, collection: &Arc<Collection>) -> Rc<Grants> {
        if let Some(known) = self.grants.borrow().get(&collection.name) {
            return Rc::clone(known);
        }
        let grants = Rc::new(if self.inside_rule || self.permissions.admin {
            Grants::everything()
        } else {
            Grants::new(self, collection, self.permissions.rules(&collection.name, Action::Read))
        });
        self.grants.borrow_mut().insert(Arc::clone(&collection.name), Rc::clone(&grants));
        grants
    }

    /// An item filter in JSON as typed filter without access; `None` matches every row.
    pub(super) fn rule_filter(&self, collection: &Arc<Collection>, items: &Value) -> Result<Option<Filter>, Refusal> {
        let parsed = match items {
            Value::Null => return Ok(None),
            Value::String(text) => {
                Condition::parse(&serde_json::from_str(text).map_err(|_| Refusal::InvalidQuery("Invalid JSON for filter object".into()))?)?
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Condition::parse(items)?,
        };
        let context = self.rule_context();
        let place = Place::root(&context, collection);
        filter::plan(&context, &place, &parsed)
    }

    /// A collection that a path leads to, for reading.
    pub(super) fn target(&self, name: &str, path: &str) -> Result<Arc<Collection>, Refusal> {
        let forbidden = || Refusal::ForbiddenCollection { collection: name.to_owned(), path: path.to_owned() };
        let collection = self.schema.collection(name).ok_or_else(forbidden)?;
        match collection.active || self.inside_rule {
            true => Ok(Arc::clone(collection)),
            false if self.permissions.allows(name, Action::Read) => Err(Refusal::CollectionInactive { collection: name.to_owned() }),
            false => Err(forbidden()),
        }
    }

    /// Whether `field` leads to rows of a collection that can be used.
    pub(super) fn usable(&self, name: Option<&Arc<str>>) -> bool {
        name.and_then(|name| self.schema.collection(name)).is_some_and(|collection| collection.active)
    }

    /// Counts names against the bound of one query.
    pub(super) fn count_selected(&self, names: usize) -> Result<(), Refusal> {
        let selected = self.selected.get().saturating_add(names);
        self.selected.set(selected);
        if selected > MAX_SELECTION {
            return Err(Refusal::InvalidQuery(format!("A query can't select more than {MAX_SELECTION} fields")));
        }
        Ok(())
    }

    /// The collection that holds a relation's key.
    pub(super) fn many_side(&self, relation: &Relation) -> Option<&'a Arc<Collection>> {
        self.schema.collection(&relation.many_collection)
    }
}
