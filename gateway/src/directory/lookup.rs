//! The values of `.field` variables (`$CURRENT_USER.role.name`), read from the database.
//!
//! It must never answer under more rights than the caller asked for, and never with a part of a list: what cannot be read
//! whole is absent.
//!
//! Cost: one read per variable that paths begin with.

use std::collections::HashMap;

use access::accountability::Accountability;
use access::permission::Permissions;
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::schema::Schema;
use access::sql::{self, ReadOptions, Shape};
use access::statement::Statement;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::database::{Database, DatabaseError, RawText};

/// Rows of a list inside a value; a longer one counts as absent.
const LIST_LIMIT: u64 = 10_000;
const LIMITS: QueryLimits = QueryLimits {
    default_limit: LIST_LIMIT,
    max_limit: None,
    max_relational_depth: 10,
    max_json_depth: 10,
    max_conditions: 2_000,
    max_values: 65_535,
};

/// Whose values are asked for.
pub(super) struct Subject<'a> {
    pub(super) accountability: &'a Accountability,
    pub(super) roles: &'a [Uuid],
    pub(super) policies: &'a [Uuid],
}

/// A variable that paths begin with.
struct Root<'a> {
    variable: &'a str,
    collection: &'static str,
    keys: Vec<Value>,
    /// The value is a list of what the rows say.
    list: bool,
}

/// The values of `paths` as `permissions` let them be seen; a path that may not be read, or leads nowhere, is absent.
pub(super) async fn values(
    database: &Database,
    schema: &Schema,
    subject: &Subject<'_>,
    paths: &[String],
    permissions: &Permissions,
) -> Result<HashMap<String, Value>, DatabaseError> {
    let planner = Planner { schema, permissions, limits: &LIMITS };
    let mut values = HashMap::new();
    let mut by_variable: HashMap<&str, Vec<(&String, &str)>> = HashMap::new();
    for path in paths {
        if let Some((variable, field)) = path.split_once('.') {
            by_variable.entry(variable).or_default().push((path, field));
        }
    }
    for (variable, paths) in by_variable {
        let Some(root) = root(variable, subject) else { continue };
        // One path that is refused must not take the others with it.
        let together = statement(&planner, &root, &paths);
        let groups = match together {
            Some(statement) => vec![(statement, paths)],
            None => paths.iter().filter_map(|path| Some((statement(&planner, &root, &[*path])?, vec![*path]))).collect(),
        };
        for (statement, paths) in groups {
            let rows = read(database, &statement).await?;
            for (path, field) in paths {
                if let Some(value) = value(&rows, field, root.list) {
                    values.insert(path.clone(), value);
                }
            }
        }
    }
    Ok(values)
}

fn root<'a>(variable: &'a str, subject: &Subject<'_>) -> Option<Root<'a>> {
    let (collection, keys, list) = match variable {
        "$CURRENT_USER" => ("directus_users", vec![json!(subject.accountability.user?)], false),
        "$CURRENT_ROLE" => ("directus_roles", vec![json!(subject.accountability.role?)], false),
        "$CURRENT_ROLES" => ("directus_roles", subject.roles.iter().map(|role| json!(role)).collect(), true),
        "$CURRENT_POLICIES" => ("directus_policies", subject.policies.iter().map(|policy| json!(policy)).collect(), true),
        _ => return None,
    };
    Some(Root { variable, collection, keys, list })
}

/// The read of all fields at once; nothing if one of them is refused.
fn statement(planner: &Planner<'_>, root: &Root<'_>, paths: &[(&String, &str)]) -> Option<Statement> {
    let fields: Vec<&str> = paths.iter().map(|(_, field)| *field).collect();
    let query = Query::parse(&json!({"fields": fields, "limit": -1}), &LIMITS).ok()?;
    let plan = planner.read(root.collection, &query, Target::Keys(&root.keys));
    let plan = plan.inspect_err(|refusal| tracing::debug!(variable = root.variable, code = refusal.code(), "a lookup was refused")).ok()?;
    Some(sql::read(&plan, &ReadOptions { shape: Shape::List, snapshot: false, keys: None }))
}

async fn read(database: &Database, statement: &Statement) -> Result<Vec<Value>, DatabaseError> {
    let row = database.query_one(statement).await?;
    let data = row.as_ref().map(|row| row.try_get::<_, Option<RawText<'_>>>("data")).transpose()?.flatten();
    Ok(data.map_or_else(|| Ok(Vec::new()), |data| serde_json::from_str(data.0))?)
}

/// What `field` is in `rows`: of one row its value, of several the list of theirs.
fn value(rows: &[Value], field: &str, list: bool) -> Option<Value> {
    let steps: Vec<&str> = field.split('.').collect();
    if list {
        let mut all = Vec::new();
        for row in rows {
            match walk(row, &steps)? {
                Value::Array(items) => all.extend(items),
                item @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => all.push(item),
            }
        }
        return Some(Value::Array(all));
    }
    walk(rows.first()?, &steps)
}

fn walk(value: &Value, steps: &[&str]) -> Option<Value> {
    if let Value::Array(items) = value {
        if items.len() as u64 >= LIST_LIMIT {
            return None;
        }
        if steps.is_empty() {
            return Some(value.clone());
        }
        let mut all = Vec::new();
        for item in items {
            match walk(item, steps)? {
                Value::Array(items) => all.extend(items),
                item @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => all.push(item),
            }
        }
        return Some(Value::Array(all));
    }
    let Some((step, rest)) = steps.split_first() else { return Some(value.clone()) };
    match value {
        Value::Object(members) => walk(members.get(*step)?, rest),
        // A relation that leads nowhere.
        Value::Null => Some(Value::Null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_walked_through_objects_and_lists() {
        let rows =
            [json!({"name": "a", "role": {"name": "r"}, "none": null, "teams": [{"id": 1, "tags": ["x"]}, {"id": 2, "tags": ["y", "z"]}]})];
        for (field, expect) in [
            ("name", Some(json!("a"))),
            ("role.name", Some(json!("r"))),
            ("none.name", Some(Value::Null)),
            ("teams.id", Some(json!([1, 2]))),
            ("teams.tags", Some(json!(["x", "y", "z"]))),
            ("name.x", None),
            ("other", None),
        ] {
            assert_eq!(value(&rows, field, false), expect, "{field}");
        }
        assert_eq!(value(&[json!({"name": "a"}), json!({"name": "b"})], "name", true), Some(json!(["a", "b"])));
        assert_eq!(value(&[], "name", false), None);
        let long: Vec<_> = (0..LIST_LIMIT).map(|id| json!({"id": id})).collect();
        assert_eq!(value(&[json!({"teams": long})], "teams.id", false), None);
    }
}
