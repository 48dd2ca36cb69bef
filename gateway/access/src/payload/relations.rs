//! Nested values of a payload: what they ask for, checked in shape.
//!
//! It must never perform a nested write; each is a write of its own with its own permissions.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::schema::{Collection, Field, Relation, Schema};

/// An object in the place of a foreign key: update it if its key exists, create it otherwise, then link.
#[derive(Debug, Clone)]
pub struct ToOne {
    /// The foreign key of the row.
    pub field: Arc<Field>,
    /// The relation; the row is its many side.
    pub relation: Arc<Relation>,
    /// The object.
    pub item: Map<String, Value>,
}

/// The same for a many-to-any key.
#[derive(Debug, Clone)]
pub struct ToAny {
    /// The key column of the row.
    pub field: Arc<Field>,
    /// The relation.
    pub relation: Arc<Relation>,
    /// The collection that the object belongs to.
    pub collection: Arc<Collection>,
    /// The object.
    pub item: Map<String, Value>,
}

/// A change of the rows that point here.
#[derive(Debug, Clone)]
pub struct ToMany {
    /// The relation; the row is its one side.
    pub relation: Arc<Relation>,
    /// What to do, or what is wrong with it.
    pub change: Result<ToManyChange, Refusal>,
}

/// What to do with the rows that point here.
#[derive(Debug, Clone)]
pub enum ToManyChange {
    /// Exactly these: others are unlinked.
    Replace(Vec<Member>),
    /// Changes one by one.
    Edit {
        /// New rows.
        create: Vec<Map<String, Value>>,
        /// Existing rows, each with its key.
        update: Vec<Map<String, Value>>,
        /// Keys to unlink.
        delete: Vec<Value>,
    },
}

/// One member of a list.
#[derive(Debug, Clone)]
pub enum Member {
    /// An existing row.
    Key(Value),
    /// A row to update (its key exists) or create.
    Item(Map<String, Value>),
}

/// Reads the value of a list field.
pub(super) fn to_many(value: &Value) -> Result<ToManyChange, Refusal> {
    match value {
        Value::Null => Ok(ToManyChange::Replace(Vec::new())),
        Value::Array(items) => items.iter().enumerate().map(member).collect::<Result<_, _>>().map(ToManyChange::Replace),
        Value::Object(members) => edit(members),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(invalid("\"value\" must be of type object")),
    }
}

/// Reads the object in the place of a many-to-any key. `data` is what the client sent for the row.
pub(super) fn to_any(
    schema: &Schema,
    collection: &Collection,
    field: Arc<Field>,
    relation: Arc<Relation>,
    data: &Map<String, Value>,
    value: Value,
) -> Result<ToAny, Refusal> {
    let place = format!("{}.{}", collection.name, field.name);
    let names = relation.one_collection_field.as_ref();
    let Some(target) = names.and_then(|name| data.get(&**name)).and_then(Value::as_str).filter(|target| !target.is_empty()) else {
        let names = names.map_or("", |name| &**name);
        let reason = format!("Can't update nested record \"{place}\" without field \"{}.{names}\" being set", collection.name);
        return Err(Refusal::InvalidPayload(reason));
    };
    let allowed = relation.one_allowed_collections.iter().any(|name| **name == *target);
    match schema.collection(target).filter(|_| allowed) {
        Some(target) => Ok(ToAny { field, collection: Arc::clone(target), relation, item: object(value) }),
        None => Err(Refusal::InvalidPayload(format!("\"{place}\" can't be linked to collection \"{target}\""))),
    }
}

/// The members of an object value.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn member((index, value): (usize, &Value)) -> Result<Member, Refusal> {
    match value {
        Value::String(_) | Value::Number(_) => Ok(Member::Key(value.clone())),
        Value::Object(members) => Ok(Member::Item(members.clone())),
        Value::Null | Value::Bool(_) | Value::Array(_) => Err(invalid(&format!("\"[{index}]\" must be one of [string, number, object]"))),
    }
}

fn edit(members: &Map<String, Value>) -> Result<ToManyChange, Refusal> {
    let (mut create, mut update, mut delete) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in members {
        match name.as_str() {
            "create" => create = objects(name, value)?,
            "update" => update = objects(name, value)?,
            "delete" => delete = keys(value)?,
            other => return Err(invalid(&format!("\"{other}\" is not allowed"))),
        }
    }
    Ok(ToManyChange::Edit { create, update, delete })
}

fn list<'a>(name: &str, value: &'a Value) -> Result<&'a [Value], Refusal> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| invalid(&format!("\"{name}\" must be an array")))
}

fn objects(name: &str, value: &Value) -> Result<Vec<Map<String, Value>>, Refusal> {
    let of = |(index, value): (usize, &Value)| {
        value.as_object().cloned().ok_or_else(|| invalid(&format!("\"{name}[{index}]\" must be of type object")))
    };
    list(name, value)?.iter().enumerate().map(of).collect()
}

fn keys(value: &Value) -> Result<Vec<Value>, Refusal> {
    let of = |(index, value): (usize, &Value)| match value {
        Value::String(_) | Value::Number(_) => Ok(value.clone()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(invalid(&format!("\"delete[{index}]\" must be one of [string, number]")))
        }
    };
    list("delete", value)?.iter().enumerate().map(of).collect()
}

fn invalid(what: &str) -> Refusal {
    Refusal::InvalidPayload(format!("Invalid one-to-many update structure: {what}"))
}
