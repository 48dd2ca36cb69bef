//! Validation of a payload: NOT NULL columns, the fields' own rules, and the rules of permissions. All must hold; all
//! failures are reported.
//!
//! It must never look at the stored row: only what was sent (with presets) is validated. A rule that is not understood
//! fails: silence would let through what somebody meant to forbid.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Value};

use crate::payload::{PayloadContext, WriteKind};
use crate::permission::Rule;
use crate::refusal::{ValidationFailure, ValidationRule};
use crate::schema::{Collection, ColumnDefault, Field, FieldType, Special};

/// Nesting of validation rules.
const MAX_DEPTH: usize = 20;

/// Every rule that `payload` breaks.
pub(super) fn check(
    context: &PayloadContext<'_>,
    collection: &Collection,
    kind: WriteKind,
    rules: &[Rule],
    payload: &Map<String, Value>,
) -> Vec<ValidationFailure> {
    let mut failures = Vec::new();
    for field in collection.fields.values() {
        nullability(field, kind, payload, &mut failures);
    }
    for field in collection.fields.values() {
        if let Some(validation) = &field.validation {
            let before = failures.len();
            filter(&(context.resolve)(validation), payload, 0, &mut failures);
            for failure in failures.iter_mut().skip(before) {
                failure.message.clone_from(&field.validation_message.as_deref().map(str::to_owned));
            }
        }
    }
    for validation in rules.iter().filter_map(|rule| rule.validation.as_ref()) {
        filter(validation, payload, 0, &mut failures);
    }
    let mut distinct: Vec<ValidationFailure> = Vec::new();
    for failure in failures {
        if !distinct.contains(&failure) {
            distinct.push(failure);
        }
    }
    distinct
}

fn nullability(field: &Field, kind: WriteKind, payload: &Map<String, Value>, failures: &mut Vec<ValidationFailure>) {
    let filled_in =
        [Special::Uuid, Special::DateCreated, Special::UserCreated, Special::RoleCreated].iter().any(|special| field.has(*special));
    if field.kind == FieldType::Alias || field.nullable || field.generated || filled_in {
        return;
    }
    match payload.get(&*field.name) {
        None if kind == WriteKind::Create && field.default == ColumnDefault::None => {
            failures.push(failure(&field.name, ValidationRule::Required))
        }
        Some(Value::Null) => failures.push(failure(&field.name, ValidationRule::NotNull)),
        None | Some(_) => {}
    }
}

fn failure(field: &str, rule: ValidationRule) -> ValidationFailure {
    ValidationFailure { field: field.to_owned(), path: Vec::new(), rule, message: None }
}

/// Adds what `payload` breaks of one filter.
fn filter(rule: &Value, payload: &Map<String, Value>, depth: usize, failures: &mut Vec<ValidationFailure>) {
    let Value::Object(members) = rule else { return };
    if depth > MAX_DEPTH {
        failures.push(failure("", ValidationRule::Other("depth".to_owned())));
        return;
    }
    for (name, value) in members {
        match (name.as_str(), value) {
            ("_and", Value::Array(items)) => items.iter().for_each(|item| filter(item, payload, depth + 1, failures)),
            ("_or", Value::Array(items)) => any(items, payload, depth + 1, failures),
            (name, Value::Object(tests)) => field(name, tests, payload, depth + 1, failures),
            (name, value) => test(name, "_eq", value, payload.get(name), failures),
        }
    }
}

/// Fails, with the failures of all members, when none of them holds.
fn any(items: &[Value], payload: &Map<String, Value>, depth: usize, failures: &mut Vec<ValidationFailure>) {
    let mut of_all = Vec::new();
    for item in items {
        let mut of_item = Vec::new();
        filter(item, payload, depth, &mut of_item);
        if of_item.is_empty() {
            return;
        }
        of_all.extend(of_item);
    }
    failures.extend(of_all);
}

fn field(name: &str, tests: &Map<String, Value>, payload: &Map<String, Value>, depth: usize, failures: &mut Vec<ValidationFailure>) {
    let sent = payload.get(name);
    for (operator, value) in tests {
        if matches!(operator.as_str(), "_and" | "_or") {
            let of = |item: &Value| Value::Object(Map::from_iter([(name.to_owned(), item.clone())]));
            let items = value.as_array().map(|items| items.iter().map(of).collect::<Vec<_>>()).unwrap_or_default();
            filter(&Value::Object(Map::from_iter([(operator.clone(), Value::Array(items))])), payload, depth, failures);
        } else if operator.starts_with('_') {
            test(name, operator, value, sent, failures);
        } else if let Some(Value::Object(nested)) = sent {
            // A rule about a related item speaks of the object sent in its place.
            let before = failures.len();
            filter(&Value::Object(Map::from_iter([(operator.clone(), value.clone())])), nested, depth, failures);
            for failure in failures.iter_mut().skip(before) {
                failure.path.insert(0, name.to_owned());
            }
        }
    }
}

/// Adds the failure of one test, if it fails. A member that was not sent passes all but `_submitted`.
fn test(name: &str, operator: &str, expected: &Value, sent: Option<&Value>, failures: &mut Vec<ValidationFailure>) {
    let broken = match (operator, sent) {
        ("_submitted", None) => Some(ValidationRule::Required),
        ("_submitted", Some(_)) | (_, None) => None,
        (operator, Some(sent)) => broken(operator, expected, sent),
    };
    failures.extend(broken.map(|rule| failure(name, rule)));
}

/// The rule that `sent` breaks, if it does.
fn broken(operator: &str, expected: &Value, sent: &Value) -> Option<ValidationRule> {
    let unless = |holds: bool, rule: ValidationRule| (!holds).then_some(rule);
    let truth = !matches!(expected, Value::Bool(false)) && expected.as_str() != Some("false");
    let empty = sent.is_null() || sent.as_str() == Some("") || sent.as_array().is_some_and(Vec::is_empty);
    match operator {
        "_null" if truth => unless(sent.is_null(), ValidationRule::Null),
        "_nnull" | "_null" if truth || operator == "_null" => unless(!sent.is_null(), ValidationRule::NotNull),
        "_nnull" => unless(sent.is_null(), ValidationRule::Null),
        "_empty" if truth => unless(empty, ValidationRule::Empty),
        "_nempty" | "_empty" if truth || operator == "_empty" => unless(!empty, ValidationRule::NotEmpty),
        "_nempty" => unless(empty, ValidationRule::Empty),
        "_eq" => unless(equal(expected, sent), ValidationRule::Eq(expected.clone())),
        "_neq" => unless(!equal(expected, sent), ValidationRule::Neq(expected.clone())),
        "_in" => unless(list(expected).iter().any(|item| equal(item, sent)), ValidationRule::In(list(expected))),
        "_nin" => unless(!list(expected).iter().any(|item| equal(item, sent)), ValidationRule::Nin(list(expected))),
        "_lt" | "_lte" | "_gt" | "_gte" => ordered(operator, expected, sent),
        "_between" | "_nbetween" => between(operator == "_between", expected, sent),
        "_regex" => regex(expected, sent),
        _ => text(operator, expected, sent),
    }
}

fn ordered(operator: &str, expected: &Value, sent: &Value) -> Option<ValidationRule> {
    // A value that cannot be compared counts as not given, as observed.
    let Some(ordering) = compare(sent, expected) else { return Some(ValidationRule::Required) };
    let (holds, rule): (bool, fn(Value) -> ValidationRule) = match operator {
        "_lt" => (ordering == Ordering::Less, ValidationRule::Lt),
        "_lte" => (ordering != Ordering::Greater, ValidationRule::Lte),
        "_gt" => (ordering == Ordering::Greater, ValidationRule::Gt),
        _ => (ordering != Ordering::Less, ValidationRule::Gte),
    };
    (!holds).then(|| rule(expected.clone()))
}

fn between(inside: bool, expected: &Value, sent: &Value) -> Option<ValidationRule> {
    let bounds = list(expected);
    let [low, high] = bounds.as_slice() else { return None };
    let (Some(from), Some(to)) = (compare(sent, low), compare(sent, high)) else { return Some(ValidationRule::Required) };
    let (below, above) = (from == Ordering::Less, to == Ordering::Greater);
    match (inside, below, above) {
        (true, true, _) => Some(ValidationRule::Gte(low.clone())),
        (true, false, true) => Some(ValidationRule::Lte(high.clone())),
        (false, false, false) => Some(ValidationRule::Lt(low.clone())),
        (true, false, false) | (false, true, _) | (false, _, true) => None,
    }
}

fn regex(expected: &Value, sent: &Value) -> Option<ValidationRule> {
    let pattern = expected.as_str().unwrap_or_default();
    let inner = pattern.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')).map_or(pattern, |(inner, _)| inner);
    let holds = match sent {
        Value::String(text) => Regex::new(inner).is_ok_and(|regex| regex.is_match(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    };
    (!holds).then(|| ValidationRule::Regex(pattern.to_owned()))
}

fn text(operator: &str, expected: &Value, sent: &Value) -> Option<ValidationRule> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (name, ignore_case) = match operator {
        "_icontains" | "_istarts_with" | "_nistarts_with" | "_iends_with" | "_niends_with" | "_nicontains" => {
            (operator.replacen("_ni", "_n", 1).replacen("_i", "_", 1), true)
        }
        other => (other.to_owned(), false),
    };
    let wanted = plain(expected);
    let (mut needle, mut hay) = (wanted.clone(), plain(sent));
    if ignore_case {
        (needle, hay) = (needle.to_lowercase(), hay.to_lowercase());
    }
    let known = !sent.is_null();
    let (holds, rule) = match name.as_str() {
        "_contains" => (known && hay.contains(&needle), ValidationRule::Contains(wanted)),
        "_ncontains" => (!known || !hay.contains(&needle), ValidationRule::NotContains(wanted)),
        "_starts_with" => (known && hay.starts_with(&needle), ValidationRule::StartsWith(wanted)),
        "_nstarts_with" => (!known || !hay.starts_with(&needle), ValidationRule::NotStartsWith(wanted)),
        "_ends_with" => (known && hay.ends_with(&needle), ValidationRule::EndsWith(wanted)),
        "_nends_with" => (!known || !hay.ends_with(&needle), ValidationRule::NotEndsWith(wanted)),
        _ => (false, ValidationRule::Other(operator.trim_start_matches('_').to_owned())),
    };
    (!holds).then_some(rule)
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::String(text) => text.split(',').map(|item| Value::String(item.to_owned())).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![value.clone()],
    }
}

/// Equality where `1` and `"1"`, `true` and `"true"` are the same.
fn equal(expected: &Value, sent: &Value) -> bool {
    if expected == sent {
        return true;
    }
    match (expected, sent) {
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            matches!((number(expected), number(sent)), (Some(a), Some(b)) if a.total_cmp(&b).is_eq())
        }
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => text == if *flag { "true" } else { "false" },
        (
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
        ) => false,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if !text.trim().is_empty() => text.trim().parse().ok(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Order of numbers, else of dates, as both sides allow.
fn compare(sent: &Value, expected: &Value) -> Option<Ordering> {
    if let (Some(sent), Some(expected)) = (number(sent), number(expected)) {
        return sent.partial_cmp(&expected);
    }
    let (sent, expected) = (sent.as_str()?, expected.as_str()?);
    let moment = |text: &str| {
        let zoned = text.parse::<jiff::Timestamp>().ok();
        zoned.or_else(|| text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp()))
    };
    Some(moment(sent)?.cmp(&moment(expected)?))
}
