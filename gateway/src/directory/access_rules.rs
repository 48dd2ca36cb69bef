//! Roles, policies, their attachments and their permission rows, whole in memory: which policies a session has.
//!
//! It must never widen: a chain of roles that runs in a circle ends where it closes, a policy bound to addresses needs a
//! matching one, a row that cannot be read grants nothing.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use access::permission::{Action, FieldSet};
use access::statement::Statement;
use change_event::Snapshot;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::address::Addresses;
use super::metadata::csv;
use super::rule_set::StoredRule;
use crate::database::{Database, DatabaseError, Row};

/// Everything that decides what a session may do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AccessRules {
    parents: HashMap<Uuid, Option<Uuid>>,
    policies: HashMap<Uuid, Policy>,
    by_role: HashMap<Uuid, Vec<Uuid>>,
    by_user: HashMap<Uuid, Vec<Uuid>>,
    public: Vec<Uuid>,
    rules: HashMap<Uuid, Vec<Arc<StoredRule>>>,
}

/// What a session has at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The chain of roles, root first.
    pub(super) roles: Vec<Uuid>,
    /// The applicable policies, in order.
    pub(super) policies: Vec<Uuid>,
    pub(super) admin: bool,
    pub(super) app: bool,
}

#[derive(Debug, PartialEq)]
struct Policy {
    addresses: Option<Addresses>,
    admin: bool,
    app: bool,
}

/// When something was read, and the state that the tables of access had then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) snapshot: Snapshot,
    /// Of keys and `xmin` of all rows: equal only where none was written or deleted in between.
    pub(super) print: String,
}

/// The columns of a [`Moment`].
const MOMENT: &str = "pg_current_snapshot()::text as snapshot, concat_ws(' ', \
    (select (count(*), sum(hashtextextended(concat(id, ' ', xmin), 0)::numeric))::text from directus_roles), \
    (select (count(*), sum(hashtextextended(concat(id, ' ', xmin), 0)::numeric))::text from directus_policies), \
    (select (count(*), sum(hashtextextended(concat(id, ' ', xmin), 0)::numeric))::text from directus_access), \
    (select (count(*), sum(hashtextextended(concat(id, ' ', xmin), 0)::numeric))::text from directus_permissions)) as print";

/// The rows of each table as a JSON array.
const ROWS: &str = r#"(select coalesce(json_agg(json_build_object('id', id, 'parent', parent)), '[]')::text from directus_roles) as roles,
    (select coalesce(json_agg(json_build_object('id', id, 'ip_access', ip_access, 'admin_access', admin_access, 'app_access', app_access)),
        '[]')::text from directus_policies) as policies,
    (select coalesce(json_agg(json_build_object('role', role, 'user', "user", 'policy', policy) order by sort nulls last, id), '[]')::text
        from directus_access) as access,
    (select coalesce(json_agg(json_build_object('collection', collection, 'action', action, 'permissions', permissions,
        'validation', validation, 'presets', presets, 'fields', fields, 'policy', policy) order by id), '[]')::text
        from directus_permissions) as permissions"#;

#[derive(Deserialize)]
struct RoleRow {
    id: Uuid,
    parent: Option<Uuid>,
}

#[derive(Deserialize)]
struct PolicyRow {
    id: Uuid,
    ip_access: Option<String>,
    admin_access: bool,
    app_access: bool,
}

#[derive(Deserialize)]
struct AccessRow {
    role: Option<Uuid>,
    user: Option<Uuid>,
    policy: Uuid,
}

#[derive(Deserialize)]
struct PermissionRow {
    collection: Arc<str>,
    action: String,
    permissions: Option<Value>,
    validation: Option<Value>,
    presets: Option<Value>,
    #[serde(deserialize_with = "csv")]
    fields: Vec<String>,
    policy: Uuid,
}

impl AccessRules {
    /// All of them as of one moment.
    pub(super) async fn load(database: &Database) -> Result<(Self, Moment), DatabaseError> {
        let row = database.query_one(&Statement { text: format!("select {MOMENT}, {ROWS}"), parameters: Vec::new() }).await?;
        let row = row.ok_or(DatabaseError::Form("a statement without a row".into()))?;
        let (roles, policies, access, permissions) =
            (rows(&row, "roles")?, rows(&row, "policies")?, rows(&row, "access")?, rows(&row, "permissions")?);
        Ok((Self::from_rows(roles, policies, access, permissions), Moment::of(&row)?))
    }

    fn from_rows(roles: Vec<RoleRow>, policies: Vec<PolicyRow>, access: Vec<AccessRow>, permissions: Vec<PermissionRow>) -> Self {
        let policy = |row: PolicyRow| {
            let addresses = row.ip_access.as_deref().and_then(Addresses::parse);
            (row.id, Policy { addresses, admin: row.admin_access, app: row.app_access })
        };
        let mut rules = Self {
            parents: roles.into_iter().map(|row| (row.id, row.parent)).collect(),
            policies: policies.into_iter().map(policy).collect(),
            ..Self::default()
        };
        for row in access {
            match (row.user, row.role) {
                (Some(user), _) => rules.by_user.entry(user).or_default().push(row.policy),
                (None, Some(role)) => rules.by_role.entry(role).or_default().push(row.policy),
                (None, None) => rules.public.push(row.policy),
            }
        }
        for row in permissions {
            let policy = row.policy;
            if let Some(rule) = stored_rule(row) {
                rules.rules.entry(policy).or_default().push(Arc::new(rule));
            }
        }
        rules
    }

    /// What a user with this role has, coming from `address`.
    pub(super) fn standing(&self, user: Option<Uuid>, role: Option<Uuid>, address: Option<IpAddr>) -> Standing {
        let roles = self.chain(role);
        let attached = |attachments: &HashMap<Uuid, Vec<Uuid>>, id: &Uuid| attachments.get(id).cloned().unwrap_or_default();
        let mut candidates: Vec<Uuid> = if roles.is_empty() { self.public.clone() } else { Vec::new() };
        candidates.extend(roles.iter().flat_map(|role| attached(&self.by_role, role)));
        candidates.extend(user.iter().flat_map(|user| attached(&self.by_user, user)));
        let mut standing = Standing { roles, ..Standing::default() };
        let mut seen = HashSet::new();
        // Of several attachments of one policy the last decides its place: later presets win.
        candidates.reverse();
        for id in candidates {
            let Some(policy) = self.policies.get(&id) else { continue };
            if policy.addresses.as_ref().is_some_and(|addresses| !addresses.contains(address)) || !seen.insert(id) {
                continue;
            }
            standing.admin |= policy.admin;
            standing.app |= policy.app;
            standing.policies.push(id);
        }
        standing.policies.reverse();
        standing
    }

    /// The stored rules of one policy.
    pub(super) fn rules(&self, policy: Uuid) -> &[Arc<StoredRule>] {
        self.rules.get(&policy).map_or(&[], Vec::as_slice)
    }

    /// All stored rules.
    pub(super) fn all_rules(&self) -> impl Iterator<Item = &Arc<StoredRule>> {
        self.rules.values().flatten()
    }

    /// From the root to `role`; empty when the role does not exist.
    fn chain(&self, role: Option<Uuid>) -> Vec<Uuid> {
        let mut chain = Vec::new();
        let mut next = role;
        while let Some(id) = next {
            let Some(parent) = self.parents.get(&id) else { break };
            if chain.contains(&id) {
                break;
            }
            chain.push(id);
            next = *parent;
        }
        chain.reverse();
        chain
    }
}

impl Moment {
    /// The present one.
    pub(super) async fn now(database: &Database) -> Result<Self, DatabaseError> {
        let row = database.query_one(&Statement { text: format!("select {MOMENT}"), parameters: Vec::new() }).await?;
        Self::of(&row.ok_or(DatabaseError::Form("a statement without a row".into()))?)
    }

    fn of(row: &Row) -> Result<Self, DatabaseError> {
        let snapshot = row.try_get::<_, &str>("snapshot")?.parse().map_err(|_| DatabaseError::Form("no snapshot".into()))?;
        Ok(Self { snapshot, print: row.try_get("print")? })
    }
}

fn rows<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Vec<T>, DatabaseError> {
    Ok(serde_json::from_str(row.try_get(column)?)?)
}

/// A row as a rule; nothing for an action that does not exist here.
fn stored_rule(row: PermissionRow) -> Option<StoredRule> {
    let action = Action::parse(&row.action)?;
    let fields = if row.fields.iter().any(|field| field == "*") {
        FieldSet::All
    } else {
        FieldSet::Only(row.fields.iter().map(|field| field.as_str().into()).collect())
    };
    let members = |value: Option<Value>| match value {
        Some(Value::Object(map)) => Ok(Some(map).filter(|map: &Map<_, _>| !map.is_empty())),
        Some(Value::Null) | None => Ok(None),
        // A filter that is no object cannot be honoured, so the row grants nothing.
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => Err(()),
    };
    let (Ok(items), Ok(validation), Ok(presets)) = (members(row.permissions), members(row.validation), members(row.presets)) else {
        tracing::warn!(collection = &*row.collection, action = row.action, policy = %row.policy, "a permission row is malformed and grants nothing");
        return None;
    };
    Some(StoredRule::new(row.collection, action, items, validation, presets, fields))
}
