//! What a client sent to be written, checked and brought into the form that the table takes.
//!
//! Order, as observed: fields that may be written → presets → validation → relational values split off → casts. It must
//! never write: it returns column values for bind parameters and the nested writes that the caller performs as writes of
//! their own, with their own permissions. Passwords leave here as text that still has to be hashed, which takes too long
//! for this crate.

mod cast;
mod iso;
mod relations;
mod validation;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::permission::{Action, FieldSet, Permissions, Rule};
use crate::refusal::Refusal;
use crate::schema::{Collection, Field, FieldType, RelationKind, Schema, Special};

pub use relations::{Member, ToAny, ToMany, ToManyChange, ToOne};

/// What a payload is prepared with.
pub struct PayloadContext<'a> {
    /// What exists.
    pub schema: &'a Schema,
    /// Who may; administrators skip field, preset and permission-validation steps.
    pub permissions: &'a Permissions,
    /// The moment that `date-*` specials get.
    pub now: Timestamp,
    /// The user that `user-*` specials get.
    pub user: Option<Uuid>,
    /// The role that `role-*` specials get.
    pub role: Option<Uuid>,
    /// Resolves dynamic variables in `directus_fields.validation`.
    pub resolve: &'a (dyn Fn(&Value) -> Value + Sync),
}

/// Whether rows are made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// INSERT.
    Create,
    /// UPDATE.
    Update,
}

/// A payload ready to be written.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The payload after presets, relational members removed, unknown ones kept, secrets starred: what a revision of a create
    /// records.
    pub sent: Map<String, Value>,
    /// Own columns with their values, in payload order; specials last. On update the key is not among them.
    pub columns: Vec<(Arc<Field>, ColumnValue)>,
    /// The key as the client supplied it (create only).
    pub key: Option<Value>,
    /// Objects to write before the row, whose keys go into `columns`.
    pub to_one: Vec<ToOne>,
    /// The same for many-to-any.
    pub to_any: Vec<Result<ToAny, Refusal>>,
    /// Lists to write after the row.
    pub to_many: Vec<ToMany>,
    /// What is wrong with the row's own values: told once `to_one` and `to_any` are written.
    pub fault: Option<Refusal>,
}

impl Prepared {
    /// Adds foreign keys; a column that the server sets keeps its value.
    pub fn link(&mut self, keys: Vec<(Arc<Field>, ColumnValue)>) {
        for (field, value) in keys {
            if self.columns.iter().all(|(set, _)| set.name != field.name) {
                self.columns.push((field, value));
            }
        }
    }
}

/// A value on its way into a bind parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnValue {
    /// NULL.
    Null,
    /// Postgres' text form.
    Text(String),
    /// A text to be hashed with argon2id; the hash is what is written.
    Hash(String),
    /// A text to be encrypted; what is written tells nobody but Directus what it was.
    Encrypted(String),
}

/// Prepares `data` for a write to `collection`.
///
/// # Errors
/// The refusal that the client is told: forbidden fields, failed validation. Malformed values are told when their turn comes.
pub fn prepare(
    context: &PayloadContext<'_>,
    collection: &Collection,
    kind: WriteKind,
    data: &Map<String, Value>,
) -> Result<Prepared, Refusal> {
    let rules = rules(context, collection, kind, data)?;
    let mut payload = Map::new();
    for preset in rules.iter().filter_map(|rule| rule.presets.as_ref()) {
        payload.extend(preset.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    payload.extend(data.iter().map(|(name, value)| (name.clone(), value.clone())));
    let failures = validation::check(context, collection, kind, rules, &payload);
    if !failures.is_empty() {
        return Err(Refusal::FailedValidation(failures));
    }

    let mut prepared = Prepared {
        sent: Map::new(),
        columns: Vec::new(),
        key: None,
        to_one: Vec::new(),
        to_any: Vec::new(),
        to_many: Vec::new(),
        fault: None,
    };
    let specials = specials(context, collection, kind, &payload);
    for (name, value) in payload {
        let relation = context.schema.relation(&collection.name, &name);
        match relation {
            Some(RelationKind::OneToMany(relation)) => {
                prepared.to_many.push(ToMany { change: relations::to_many(&value), relation });
                continue;
            }
            Some(RelationKind::ManyToOne(relation)) if value.is_object() => {
                let Some(field) = collection.field(&name).cloned() else { continue };
                prepared.to_one.push(ToOne { field, relation, item: relations::object(value) });
                continue;
            }
            Some(RelationKind::ManyToAny(relation)) if value.is_object() => {
                let Some(field) = collection.field(&name).cloned() else { continue };
                prepared.to_any.push(relations::to_any(context.schema, collection, field, relation, data, value));
                continue;
            }
            // A bare key of an m2o is a column, and belongs to no revision, as observed.
            Some(RelationKind::ManyToOne(_)) => {}
            Some(RelationKind::ManyToAny(_)) | None => {
                // As answers show it: what is hashed or hidden is not kept in the clear.
                let secret = |field: &Arc<Field>| field.concealed() || field.kind == FieldType::Hash || field.has(Special::Hash);
                let hidden = !value.is_null() && collection.field(&name).is_some_and(secret);
                prepared.sent.insert(name.clone(), if hidden { Value::from("**********") } else { value.clone() });
            }
        }
        let Some(field) = collection.field(&name).filter(|field| field.kind != FieldType::Alias && !field.generated) else { continue };
        if specials.iter().any(|(special, _)| special.name == field.name) {
            continue;
        }
        if field.name == collection.primary_key {
            if kind == WriteKind::Update {
                continue;
            }
            prepared.key = Some(value.clone());
        }
        match cast::cast(field, &value) {
            Ok(value) => prepared.columns.push((Arc::clone(field), value)),
            Err(fault) => prepared.fault = prepared.fault.or(Some(fault)),
        }
    }
    prepared.columns.extend(specials);
    Ok(prepared)
}

/// The rules that apply, once the fields of the payload have passed them. Administrators have none.
fn rules<'a>(
    context: &PayloadContext<'a>,
    collection: &Collection,
    kind: WriteKind,
    data: &Map<String, Value>,
) -> Result<&'a [Rule], Refusal> {
    if context.permissions.admin {
        return Ok(&[]);
    }
    let action = match kind {
        WriteKind::Create => Action::Create,
        WriteKind::Update => Action::Update,
    };
    let rules = context.permissions.rules(&collection.name, action);
    if rules.is_empty() {
        return Err(Refusal::ForbiddenCollection { collection: collection.name.to_string(), path: String::new() });
    }
    let granted = |name: &str| rules.iter().any(|rule| matches!(rule.fields, FieldSet::All) || rule.fields.contains(name));
    let fields: Vec<String> = data.keys().filter(|name| !granted(name)).cloned().collect();
    if fields.is_empty() {
        Ok(rules)
    } else {
        Err(Refusal::ForbiddenFields { fields, collection: collection.name.to_string(), path: String::new() })
    }
}

/// Columns whose value the server sets, whatever the client sent.
fn specials(
    context: &PayloadContext<'_>,
    collection: &Collection,
    kind: WriteKind,
    payload: &Map<String, Value>,
) -> Vec<(Arc<Field>, ColumnValue)> {
    let create = kind == WriteKind::Create;
    let id = |id: Option<Uuid>| id.map_or(ColumnValue::Null, |id| ColumnValue::Text(id.to_string()));
    let value = |field: &Field, special: &Special| match special {
        Special::Uuid if create && falsy(payload.get(&*field.name)) => Some(ColumnValue::Text(Uuid::new_v4().to_string())),
        Special::DateCreated if create => Some(ColumnValue::Text(cast::moment(field, context.now))),
        Special::DateUpdated if !create => Some(ColumnValue::Text(cast::moment(field, context.now))),
        Special::UserCreated if create => Some(id(context.user)),
        Special::UserUpdated if !create => Some(id(context.user)),
        Special::RoleCreated if create => Some(id(context.role)),
        Special::RoleUpdated if !create => Some(id(context.role)),
        Special::Uuid
        | Special::DateCreated
        | Special::DateUpdated
        | Special::UserCreated
        | Special::UserUpdated
        | Special::RoleCreated
        | Special::RoleUpdated
        | Special::Hash
        | Special::Conceal
        | Special::CastBoolean
        | Special::CastJson
        | Special::CastCsv
        | Special::CastTimestamp
        | Special::CastDateTime
        | Special::File
        | Special::Encrypt
        | Special::ManyToOne
        | Special::OneToMany
        | Special::ManyToMany
        | Special::ManyToAny
        | Special::Files
        | Special::Translations
        | Special::Alias
        | Special::NoData => None,
    };
    let columns = collection.columns().filter(|field| !field.generated);
    columns.filter_map(|field| Some((Arc::clone(field), field.special.iter().find_map(|special| value(field, special))?))).collect()
}

/// JavaScript's notion of "nothing there".
fn falsy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => false,
    }
}

#[cfg(test)]
mod tests;
