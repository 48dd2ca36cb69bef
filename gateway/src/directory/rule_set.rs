//! The stored rules of a combination of policies, and what becomes of them once the variables have values.
//!
//! It must never grant by accident: where a rule needs a value that cannot be looked up, its action on its collection is
//! not granted at all.

use std::collections::HashSet;
use std::sync::Arc;

use access::permission::{Action, FieldSet, Permissions, Rule};
use access::system::grant_app_access;
use access::variables::{Variables, paths_in, resolve_value};
use serde_json::{Map, Value};

/// A row of `directus_permissions`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredRule {
    collection: Arc<str>,
    action: Action,
    items: Option<Arc<Value>>,
    validation: Option<Arc<Value>>,
    presets: Option<Arc<Map<String, Value>>>,
    fields: FieldSet,
    needs: Needs,
}

/// The variables that rules mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    now: bool,
    /// `$CURRENT_USER`, `$CURRENT_ROLE`, `$CURRENT_ROLES` or `$CURRENT_POLICIES`.
    session: bool,
    /// `.field` paths.
    paths: Vec<String>,
}

/// The rules of some policies in their order.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    rules: Vec<Arc<StoredRule>>,
    /// With the minimal rights of access to the app.
    app: bool,
    needs: Needs,
}

impl StoredRule {
    pub(super) fn new(
        collection: Arc<str>,
        action: Action,
        items: Option<Map<String, Value>>,
        validation: Option<Map<String, Value>>,
        presets: Option<Map<String, Value>>,
        fields: FieldSet,
    ) -> Self {
        let mut needs = Needs::default();
        let presets = presets.map(Value::Object);
        let (items, validation) = (items.map(Value::Object), validation.map(Value::Object));
        for value in [&items, &validation, &presets].into_iter().flatten() {
            needs.add(value);
        }
        let presets = presets.and_then(|presets| if let Value::Object(presets) = presets { Some(Arc::new(presets)) } else { None });
        Self { collection, action, items: items.map(Arc::new), validation: validation.map(Arc::new), presets, fields, needs }
    }

    pub(super) const fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Cost: nothing is copied but the field list, unless the rule mentions variables.
    fn resolve(&self, variables: &Variables) -> Rule {
        let filter = |value: &Option<Arc<Value>>| {
            value.as_ref().map(|value| if self.needs.is_nothing() { Arc::clone(value) } else { Arc::new(resolve_value(value, variables)) })
        };
        let presets = self.presets.as_ref().map(|presets| {
            if self.needs.is_nothing() {
                return Arc::clone(presets);
            }
            Arc::new(presets.iter().map(|(field, value)| (field.clone(), resolve_value(value, variables))).collect())
        });
        Rule { items: filter(&self.items), validation: filter(&self.validation), presets, fields: self.fields.clone() }
    }
}

impl Needs {
    /// No variable at all.
    pub(super) const fn is_nothing(&self) -> bool {
        !self.now && !self.session && self.paths.is_empty()
    }

    /// `$NOW`: a resolution is good for one moment only.
    pub(super) const fn now(&self) -> bool {
        self.now
    }

    /// Whether the session's own values are needed.
    pub(super) const fn session(&self) -> bool {
        self.session
    }

    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Errs on the side of more: a text that only looks like a variable costs a cache entry.
    fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.now |= text.contains("$NOW");
                self.session |= text.contains("$CURRENT_");
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(members) => members.values().for_each(|member| self.add(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        self.merge_paths(paths_in(value));
    }

    fn merge(&mut self, other: &Self) {
        self.now |= other.now;
        self.session |= other.session;
        self.merge_paths(other.paths.iter().cloned());
    }

    fn merge_paths(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
    }
}

impl RuleSet {
    pub(super) fn new(rules: Vec<Arc<StoredRule>>, app: bool) -> Self {
        // The rights of the app are about one's own rows.
        let mut needs = Needs { session: app, ..Needs::default() };
        rules.iter().for_each(|rule| needs.merge(&rule.needs));
        Self { rules, app, needs }
    }

    pub(super) const fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The permissions, every variable replaced.
    pub(super) fn resolve(&self, variables: &Variables) -> Permissions {
        // Without a user `$CURRENT_USER.field` is null and not unknown; so with the role.
        let nobody = |path: &str| {
            (variables.user.is_null() && path.starts_with("$CURRENT_USER."))
                || (variables.role.is_null() && path.starts_with("$CURRENT_ROLE."))
        };
        let known = |path: &String| variables.paths.contains_key(path) || nobody(path);
        let unresolved = self.rules.iter().filter(|rule| !rule.needs.paths.iter().all(known));
        let denied: HashSet<(&str, Action)> = unresolved.map(|rule| (&*rule.collection, rule.action)).collect();
        for (collection, action) in &denied {
            tracing::warn!(
                collection,
                action = action.name(),
                "a permission rule mentions a field that cannot be looked up; nothing is granted"
            );
        }
        let mut permissions = Permissions::none();
        for rule in self.rules.iter().filter(|rule| !denied.contains(&(&*rule.collection, rule.action))) {
            permissions.add(&rule.collection, rule.action, rule.resolve(variables));
        }
        if self.app {
            grant_app_access(&mut permissions, variables);
        }
        permissions
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(collection: &str, items: Value) -> Arc<StoredRule> {
        let Value::Object(items) = items else { panic!("a filter is an object") };
        Arc::new(StoredRule::new(collection.into(), Action::Read, Some(items), None, None, FieldSet::All))
    }

    #[test]
    fn needs_are_found_wherever_they_stand() {
        let needs = |value: Value| rule("c", value).needs().clone();
        assert!(needs(json!({"a": {"_eq": 1}})).is_nothing());
        assert!(needs(json!({"a": {"_gt": "$NOW(-1 day)"}})).now());
        assert!(needs(json!({"_or": [{"a": {"_in": ["$CURRENT_ROLES"]}}]})).session());
        assert_eq!(needs(json!({"a": {"_eq": "$CURRENT_USER.role.name"}})).paths(), ["$CURRENT_USER.role.name"]);
    }

    #[test]
    fn what_cannot_be_looked_up_grants_nothing() {
        let set = RuleSet::new(
            vec![
                rule("a", json!({"x": {"_eq": "$CURRENT_USER.team"}})),
                rule("a", json!({"y": {"_eq": 1}})),
                rule("b", json!({"z": {"_eq": "$CURRENT_USER"}})),
            ],
            false,
        );
        let mut variables = Variables { user: json!("u"), ..Variables::anonymous(jiff::Timestamp::UNIX_EPOCH) };
        let permissions = set.resolve(&variables);
        assert!(permissions.rules("a", Action::Read).is_empty());
        assert_eq!(permissions.rules("b", Action::Read)[0].items.as_deref(), Some(&json!({"z": {"_eq": "u"}})));
        variables.paths.insert("$CURRENT_USER.team".to_owned(), json!(7));
        assert_eq!(set.resolve(&variables).rules("a", Action::Read).len(), 2);
    }
}
