//! From the wire's `query` to [`Query`]: casts, forms and bounds, with the protocol's texts.
//!
//! It must never guess: a member of a form that the protocol kills in silence is refused with a clear text. All lists and trees
//! are bounded here, so that later stages need not look at sizes of input again.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::condition::{Condition, object_or_text};
use super::{Deep, LevelQuery, Meta, Query, QueryLimits, name, number};
use crate::refusal::Refusal;
use crate::variables;

/// Names in one list.
const MAX_NAMES: usize = 5_000;
/// Levels of nested members in `fields`.
const MAX_NESTING: usize = 16;
/// Bytes of one name.
const MAX_NAME: usize = 2_048;
/// Keys of one sort.
const MAX_SORT: usize = 100;
/// Entries of one `alias` or `aggregate`.
const MAX_ENTRIES: usize = 500;
/// Levels in `deep`, all together.
const MAX_DEEP: usize = 500;
/// Bytes of a search.
const MAX_SEARCH: usize = 10_000;
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Reads the wire's `query`. The order of the checks is the protocol's: casts, values of the filter, aliases, depth, and last
/// the forms of the other members.
pub(super) fn query(raw: &Value, limits: &QueryLimits) -> Result<Query, Refusal> {
    let raw = match raw {
        // As in JavaScript: what has no members asks for nothing.
        Value::Null | Value::Bool(_) | Value::Array(_) => return Ok(Query::empty()),
        Value::String(text) if text.is_empty() => return Ok(Query::empty()),
        Value::Number(number) if number.as_f64() == Some(0.0) => return Ok(Query::empty()),
        Value::Object(members) => members,
        Value::Number(_) | Value::String(_) => return refuse("\"query\" must be of type object"),
    };
    let mut form = Form::default();
    let fields = given(raw, "fields").map(names).transpose()?;
    let group = given(raw, "groupBy").map(names).transpose()?;
    let aggregate = given(raw, "aggregate").and_then(|value| form.note(aggregate(value)));
    let mut level = level(raw, "", limits, &mut form)?;
    let deep = given(raw, "deep").map(|value| deep(value, limits)).transpose()?.unwrap_or_default();
    if let Some(filter) = &level.filter {
        filter.check_values(&is_variable)?;
    }
    level.alias = given(raw, "alias").map(alias).transpose()?.unwrap_or_default();
    check_depth(fields.as_deref(), group.as_deref(), &level, &deep, limits)?;
    let meta = given(raw, "meta").and_then(|value| form.note(meta(value))).unwrap_or_default();
    form.note(export(raw));
    let version = form.note(version(raw)).flatten();
    let backlink = !matches!(raw.get("backlink"), Some(Value::Bool(false))) && raw.get("backlink").and_then(Value::as_str) != Some("false");
    match form.fault {
        Some(fault) => Err(fault),
        None => Ok(Query { fields, level, aggregate, group, deep, meta, version, backlink }),
    }
}

/// The first fault of those that are told last.
#[derive(Default)]
struct Form {
    fault: Option<Refusal>,
}

impl Form {
    fn note<T>(&mut self, outcome: Result<T, Refusal>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                None
            }
        }
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::InvalidQuery(reason.into()))
}

fn too_costly<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::QueryTooCostly(reason.into()))
}

/// A member that is not falsy; for most members a falsy value means "not given".
fn given<'a>(raw: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    raw.get(key).filter(|value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => true,
    })
}

fn is_variable(value: &Value) -> bool {
    value.as_str().is_some_and(variables::is_variable)
}

/// The members that the root and `deep` share; there each name starts with `prefix`.
fn level(raw: &Map<String, Value>, prefix: &str, limits: &QueryLimits, form: &mut Form) -> Result<LevelQuery, Refusal> {
    let key = |name: &str| format!("{prefix}{name}");
    let sort = given(raw, &key("sort")).map(|value| sort(value, &key("sort"))).transpose()?;
    let filter = given(raw, &key("filter")).map(|value| filter(value, limits)).transpose()?;
    let max = limits.max_limit.filter(|_| prefix.is_empty());
    let limit = match raw.get(&key("limit")) {
        None | Some(Value::Null) => None,
        Some(value) => form.note(integer(value, &key("limit"), -1, max)),
    };
    // A maximum stands in the place of "unlimited", in `deep` too.
    let limit = match (limit, limits.max_limit) {
        (Some(-1), Some(max)) => Some(i64::try_from(max).unwrap_or(i64::MAX)),
        (limit, _) => limit,
    };
    let offset = raw.get(&key("offset")).and_then(|value| form.note(integer(value, &key("offset"), 0, None))).unwrap_or(0);
    let page = given(raw, &key("page")).and_then(|value| form.note(integer(value, &key("page"), 0, None)));
    let search = match given(raw, &key("search")) {
        Some(Value::String(text)) if text.len() > MAX_SEARCH => return too_costly("\"search\" is too long"),
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    };
    Ok(LevelQuery {
        filter,
        sort,
        search,
        limit,
        offset: u64::try_from(offset).unwrap_or(0),
        page: page.and_then(|page| u64::try_from(page).ok()).filter(|page| *page > 0),
        alias: IndexMap::new(),
    })
}

fn names(value: &Value) -> Result<Vec<String>, Refusal> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    let mut take = |text: &str| {
        for name in name::list(text)? {
            if name.len() > MAX_NAME {
                return too_costly("A name in \"fields\" is too long");
            }
            if seen.insert(name.clone()) {
                names.push(name);
            }
            if names.len() > MAX_NAMES {
                return too_costly(format!("\"fields\" can't have more than {MAX_NAMES} members"));
            }
        }
        Ok(())
    };
    match value {
        Value::String(text) => take(text)?,
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut texts = Vec::new();
                if !flatten(item, "", 0, &mut texts) {
                    return refuse(format!("\"fields[{index}]\" must be a string"));
                }
                for text in &texts {
                    take(text)?;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return refuse("\"fields\" must be a string or array"),
    }
    Ok(names)
}

/// Nested members as older SDKs send them: `{"author": ["name"]}` is `author.name`, and with a scope
/// `{"item": {"block_text": ["body"]}}` is `item:block_text.body`. False where a member is none of these.
fn flatten(item: &Value, prefix: &str, depth: usize, texts: &mut Vec<String>) -> bool {
    if depth > MAX_NESTING || texts.len() > MAX_NAMES {
        return false;
    }
    match item {
        Value::String(text) if prefix.is_empty() => texts.push(text.clone()),
        Value::String(text) => texts.push(format!("{prefix}.{text}")),
        Value::Object(members) => {
            for (name, nested) in members {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                let flat = match nested {
                    Value::Array(items) => items.iter().all(|item| flatten(item, &path, depth + 1, texts)),
                    Value::Object(scopes) => scopes.iter().all(|(scope, items)| {
                        let path = format!("{path}:{scope}");
                        items.as_array().is_some_and(|items| items.iter().all(|item| flatten(item, &path, depth + 1, texts)))
                    }),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
                };
                if !flat {
                    return false;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return false,
    }
    true
}

fn sort(value: &Value, key: &str) -> Result<Vec<String>, Refusal> {
    let keys = match value {
        Value::String(text) => name::list(text)?,
        Value::Array(items) => {
            let text = |(index, item): (usize, &Value)| match item.as_str() {
                Some(text) => Ok(text.trim().to_owned()),
                None => refuse(format!("\"{key}[{index}]\" must be a string")),
            };
            items.iter().enumerate().map(text).collect::<Result<_, _>>()?
        }
        // Ignored, and so is the default order.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    if keys.len() > MAX_SORT {
        return too_costly(format!("\"{key}\" can't have more than {MAX_SORT} members"));
    }
    if keys.iter().any(|key| key.len() > MAX_NAME) {
        return too_costly(format!("A name in \"{key}\" is too long"));
    }
    Ok(keys)
}

fn filter(value: &Value, limits: &QueryLimits) -> Result<Condition, Refusal> {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value) => Condition::parse_within(&value, limits),
            Err(_) => refuse("Invalid JSON for filter object"),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Condition::parse_within(value, limits),
    }
}

fn integer(value: &Value, key: &str, min: i64, max: Option<u64>) -> Result<i64, Refusal> {
    let number = number::number(value);
    if number.is_nan() {
        return refuse(format!("\"{key}\" must be a number"));
    }
    if number.is_infinite() {
        return refuse(format!("\"{key}\" cannot be infinity"));
    }
    if number.abs() > MAX_SAFE_INTEGER {
        return refuse(format!("\"{key}\" must be a safe number"));
    }
    if number.fract() != 0.0 {
        return refuse(format!("\"{key}\" must be an integer"));
    }
    // Whole and within 53 bits, by the checks above.
    let number = number as i64;
    if number < min {
        return refuse(format!("\"{key}\" must be greater than or equal to {min}"));
    }
    match max {
        Some(max) if u64::try_from(number).is_ok_and(|number| number > max) => {
            too_costly(format!("\"{key}\" must be less than or equal to {max}"))
        }
        _ => Ok(number),
    }
}

fn aggregate(value: &Value) -> Result<IndexMap<String, Vec<String>>, Refusal> {
    let Some(members) = object_or_text(value) else { return refuse("\"aggregate\" must be of type object") };
    if members.len() > MAX_ENTRIES {
        return too_costly(format!("\"aggregate\" can't have more than {MAX_ENTRIES} members"));
    }
    let columns = |function: &str, columns: &Value| match columns {
        Value::String(text) => Ok(text.split(',').map(|column| column.trim().to_owned()).collect::<Vec<_>>()),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| Refusal::InvalidQuery(format!("\"aggregate.{function}\" must be a list of fields")))
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            refuse(format!("\"aggregate.{function}\" must be a list of fields"))
        }
    };
    let aggregate: IndexMap<_, _> =
        members.into_iter().map(|(function, value)| Ok((function.clone(), columns(&function, &value)?))).collect::<Result<_, Refusal>>()?;
    if aggregate.values().map(Vec::len).sum::<usize>() > MAX_ENTRIES {
        return too_costly(format!("\"aggregate\" can't have more than {MAX_ENTRIES} members"));
    }
    Ok(aggregate)
}

fn alias(value: &Value) -> Result<IndexMap<String, String>, Refusal> {
    let Some(members) = object_or_text(value) else { return refuse("\"alias\" has to be an object") };
    if members.len() > MAX_ENTRIES {
        return too_costly(format!("\"alias\" can't have more than {MAX_ENTRIES} members"));
    }
    let mut aliases = IndexMap::with_capacity(members.len());
    for (key, value) in members {
        // The text says "string" whatever was given, as observed.
        let Value::String(value) = value else { return refuse("\"alias\" value has to be a string. \"string\" given") };
        if key.len() > MAX_NAME || value.len() > MAX_NAME {
            return too_costly("A name in \"alias\" is too long");
        }
        if key.contains('.') {
            return refuse("\"alias\" key can't contain a period character `.`");
        }
        if value.contains('.') && !value.starts_with("json(") {
            return refuse("\"alias\" value can't contain a period character `.`");
        }
        aliases.insert(key, value);
    }
    Ok(aliases)
}

fn meta(value: &Value) -> Result<Meta, Refusal> {
    let listed: Vec<Value> = match value {
        Value::String(text) if text == "*" => return Ok(Meta { total_count: true, filter_count: true }),
        // A client library sends lists of members that it does not know as JSON text.
        Value::String(text) if text.starts_with('[') => serde_json::from_str(text).unwrap_or_else(|_| vec![value.clone()]),
        Value::String(text) => text.split(',').map(|name| Value::String(name.trim().to_owned())).collect(),
        Value::Array(items) => items.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![value.clone()],
    };
    let mut meta = Meta::default();
    for (index, name) in listed.iter().enumerate() {
        match name.as_str() {
            Some("total_count") => meta.total_count = true,
            Some("filter_count") => meta.filter_count = true,
            _ => return refuse(format!("\"meta[{index}]\" must be one of [total_count, filter_count]")),
        }
    }
    Ok(meta)
}

fn export(raw: &Map<String, Value>) -> Result<(), Refusal> {
    match given(raw, "export") {
        Some(value) if !matches!(value.as_str(), Some("csv" | "csv_utf8" | "json" | "xml" | "yaml")) => {
            refuse("\"export\" must be one of [csv, csv_utf8, json, xml, yaml]")
        }
        _ => Ok(()),
    }
}

fn version(raw: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match given(raw, "version") {
        None => Ok(None),
        Some(Value::String(key)) if key == "main" || key == "published" => Ok(None),
        Some(Value::String(key)) if key.len() <= MAX_NAME => Ok(Some(key.clone())),
        Some(_) => refuse("\"version\" must be a string"),
    }
}

fn deep(value: &Value, limits: &QueryLimits) -> Result<IndexMap<String, Deep>, Refusal> {
    let Some(members) = object_or_text(value) else { return refuse("\"deep\" must be of type object") };
    let mut levels = 0;
    // The root's own members have no meaning here and are ignored.
    deep_members(&members, limits, 1, &mut levels)
}

fn deep_members(
    members: &Map<String, Value>,
    limits: &QueryLimits,
    depth: usize,
    levels: &mut usize,
) -> Result<IndexMap<String, Deep>, Refusal> {
    let mut below = IndexMap::new();
    for (key, value) in members {
        let Value::Object(inner) = value else { continue };
        if key.starts_with('_') {
            continue;
        }
        *levels += 1;
        if *levels > MAX_DEEP {
            return too_costly(format!("\"deep\" can't have more than {MAX_DEEP} levels"));
        }
        if depth > limits.relational_depth() {
            return too_costly("Max relational depth exceeded");
        }
        if given(inner, "_aggregate").is_some() || given(inner, "_groupBy").is_some() || given(inner, "_group").is_some() {
            return refuse("\"deep\" can't hold aggregates or groups");
        }
        let mut form = Form::default();
        let mut level = level(inner, "_", limits, &mut form)?;
        level.alias = given(inner, "_alias").map(alias).transpose()?.unwrap_or_default();
        if let Some(fault) = form.fault {
            return Err(fault);
        }
        below.insert(key.clone(), Deep { level, below: deep_members(inner, limits, depth + 1, levels)? });
    }
    Ok(below)
}

fn check_depth(
    fields: Option<&[String]>,
    group: Option<&[String]>,
    level: &LevelQuery,
    deep: &IndexMap<String, Deep>,
    limits: &QueryLimits,
) -> Result<(), Refusal> {
    let longest = |names: &[String]| names.iter().map(|name| path_depth(name)).max().unwrap_or(0);
    let depth = [
        fields.map_or(0, longest),
        group.map_or(0, longest),
        level.sort.as_deref().map_or(0, longest),
        level.filter.as_ref().map_or(0, Condition::depth),
        deep_depth(deep),
    ];
    if depth.into_iter().any(|depth| depth > limits.relational_depth()) { too_costly("Max relational depth exceeded") } else { Ok(()) }
}

/// Segments of a path; those inside a function's first argument count as well.
fn path_depth(text: &str) -> usize {
    let segments = name::segments(text);
    let inner = segments
        .last()
        .and_then(|last| name::call(last))
        .map_or(0, |(_, argument)| argument.split(',').next().unwrap_or_default().matches('.').count());
    segments.len() + inner
}

fn deep_depth(levels: &IndexMap<String, Deep>) -> usize {
    levels
        .values()
        .map(|deep| {
            let filter = deep.level.filter.as_ref().map_or(0, Condition::depth);
            let sort = deep.level.sort.iter().flatten().map(|key| path_depth(key)).max().unwrap_or(0);
            1 + filter.max(sort).max(deep_depth(&deep.below))
        })
        .max()
        .unwrap_or(0)
}
