//! `_json`: tests on values inside a json column.
//!
//! It must never be wider inside a permission rule than it reads: forms that the protocol ignores are refused there.

use serde_json::{Map, Value};

use super::context::Context;
use super::test::{Outcome, operator_test};
use crate::plan::{JsonTest, Scalar, Test};
use crate::query::condition::scalar as words;
use crate::query::{name, number};
use crate::refusal::Refusal;

/// Tests of one `_json`.
const MAX_TESTS: usize = 500;
const MAX_NESTING: usize = 32;
const MAX_LIST: usize = 10_000;

/// The test that the value of `_json` stands for.
pub(super) fn plan(context: &Context<'_>, value: &Value) -> Result<Outcome, Refusal> {
    let Value::Object(members) = value else {
        // Anything but an object matches every row, as observed.
        return if context.inside_rule { refuse("\"_json\" has to be an object") } else { Ok(Outcome::Vanished) };
    };
    let mut count = 0;
    Ok(match all(context, members, 0, &mut count)? {
        Some(test) => Outcome::Test(Test::Json(test)),
        None => Outcome::Vanished,
    })
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::InvalidQuery(reason.into()))
}

fn all(context: &Context<'_>, members: &Map<String, Value>, nesting: usize, count: &mut usize) -> Result<Option<JsonTest>, Refusal> {
    if nesting > MAX_NESTING {
        return Err(Refusal::QueryTooCostly("Max relational depth exceeded".to_string()));
    }
    let mut tests = Vec::new();
    for (key, value) in members {
        *count += 1;
        if *count > MAX_TESTS {
            return Err(Refusal::QueryTooCostly(format!("\"_json\" can't have more than {MAX_TESTS} tests")));
        }
        let test = match key.as_str() {
            "_and" | "_or" => logical(context, key, value, nesting, count)?,
            _ => member(context, key, value)?,
        };
        tests.extend(test);
    }
    Ok(if tests.len() < 2 { tests.pop() } else { Some(JsonTest::And(tests)) })
}

fn logical(context: &Context<'_>, key: &str, value: &Value, nesting: usize, count: &mut usize) -> Result<Option<JsonTest>, Refusal> {
    let Some(items) = value.as_array() else { return refuse("Invalid filter object") };
    let mut tests = Vec::new();
    for item in items {
        let Some(members) = item.as_object() else { return refuse("Invalid filter object") };
        match all(context, members, nesting + 1, count)? {
            Some(test) => tests.push(test),
            None if key == "_or" => return Ok(None),
            None => {}
        }
    }
    Ok(match (tests.is_empty(), key) {
        (true, _) => None,
        (false, "_or") => Some(JsonTest::Or(tests)),
        (false, _) => Some(JsonTest::And(tests)),
    })
}

fn member(context: &Context<'_>, key: &str, value: &Value) -> Result<Option<JsonTest>, Refusal> {
    let path = name::json_path(key, context.limits.max_json_depth)?;
    let (operator, value) = match value {
        // Only the first operator counts, as observed; a rule must say what it means.
        Value::Object(members) => match members.iter().next() {
            Some(_) if context.inside_rule && members.len() > 1 => {
                return refuse(format!("\"_json\" path \"{key}\" has more than one operator"));
            }
            Some((operator, value)) if operator.starts_with('_') => (operator.as_str(), value),
            Some((nested, _)) => {
                return refuse(format!(
                    "\"_json\" path \"{key}\" cannot contain a nested path \"{nested}\"; use a single flat path like \"{key}.{nested}\""
                ));
            }
            None => return Ok(None),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => ("_eq", value),
    };
    let value = match (operator, words(value)) {
        ("_in" | "_nin" | "_between" | "_nbetween", Value::String(text)) => {
            Value::Array(text.split(',').map(|item| words(&Value::String(item.to_owned()))).collect())
        }
        (_, value) => value,
    };
    if value.as_array().is_some_and(|items| items.len() > MAX_LIST) {
        return Err(Refusal::QueryTooCostly(format!("A filter can't have more than {MAX_LIST} values")));
    }
    Ok(match operator_test(context.inside_rule, operator, &value, &scalar)? {
        Outcome::Test(test) => Some(JsonTest::Compare { path, test: Box::new(test) }),
        Outcome::Never => Some(JsonTest::Or(Vec::new())),
        Outcome::Always => Some(JsonTest::And(Vec::new())),
        Outcome::Vanished => None,
    })
}

fn scalar(value: &Value) -> Result<Scalar, Refusal> {
    Ok(match words(value) {
        Value::Null => Scalar::Null,
        Value::Bool(flag) => Scalar::Boolean(flag),
        Value::Number(number) => {
            let text = number::scalar_text(&Value::Number(number)).unwrap_or_default();
            Scalar::Number(text)
        }
        Value::String(text) if text.contains('\0') => return refuse("A filter value can't contain the character U+0000"),
        Value::String(text) => Scalar::Text(text),
        Value::Array(_) | Value::Object(_) => return refuse("A filter value has to be a string, number, or boolean"),
    })
}
