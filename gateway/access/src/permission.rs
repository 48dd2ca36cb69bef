//! What a session may do: the rows of `directus_permissions` that apply to it, with their variables resolved.
//!
//! It must never decide anything about a row: rules become filters of a plan, and SQL or the matcher decides.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::{Map, Value};

/// What one wants to do with items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the actions of the permissions table")]
pub enum Action {
    Create,
    Read,
    Update,
    Delete,
    Share,
}

/// The fields that a rule grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSet {
    /// `*`.
    All,
    /// These, and only these, in the order in which the rule names them.
    Only(IndexSet<Arc<str>>),
}

/// One row of `directus_permissions`, dynamic variables resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Which items: a filter in JSON; `None` means every item.
    pub items: Option<Arc<Value>>,
    /// A filter that the payload must pass.
    pub validation: Option<Arc<Value>>,
    /// Values that a payload starts with.
    pub presets: Option<Arc<Map<String, Value>>>,
    /// Which fields.
    pub fields: FieldSet,
}

/// Everything that a session may do. Equal sessions have equal permissions, which is what lets subscriptions share a group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Permissions {
    /// No check but existence.
    pub admin: bool,
    rules: HashMap<(Arc<str>, Action), Vec<Rule>>,
}

impl Permissions {
    /// Everything is allowed.
    #[must_use]
    pub fn administrator() -> Self {
        Self { admin: true, rules: HashMap::new() }
    }

    /// Nothing is allowed until rules are added.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a rule; order matters for presets (later wins).
    pub fn add(&mut self, collection: &str, action: Action, rule: Rule) {
        self.rules.entry((collection.into(), action)).or_default().push(rule);
    }

    /// The rules for `action` on `collection`; empty means not at all (unless admin).
    #[must_use]
    pub fn rules(&self, collection: &str, action: Action) -> &[Rule] {
        self.rules.get(&(Arc::from(collection), action)).map_or(&[], Vec::as_slice)
    }

    /// Whether any action on `collection` is granted.
    #[must_use]
    pub fn allows(&self, collection: &str, action: Action) -> bool {
        self.admin || !self.rules(collection, action).is_empty()
    }
}

impl FieldSet {
    /// Whether `field` is granted.
    #[must_use]
    pub fn contains(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(fields) => fields.contains(field),
        }
    }
}

impl Action {
    /// The name in the permissions table and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Share => "share",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Share].into_iter().find(|action| action.name() == name)
    }
}
