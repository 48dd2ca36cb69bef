//! Dynamic variables: `$NOW`, `$CURRENT_USER` and the rest, in filters, presets and validations.
//!
//! It must never read a clock or a database: the caller passes the moment and the values. A variable that has no value is null,
//! as observed; nothing here widens or narrows a filter by itself.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;

/// Objects in objects that are looked into; deeper values stay as they are.
const MAX_NESTING: usize = 128;
/// Paths that are reported, and so looked up; what is not looked up has no value.
const MAX_PATHS: usize = 64;
/// Operators whose value is a list, also when it is written as text with commas.
const LIST_OPERATORS: [&str; 4] = ["_in", "_nin", "_between", "_nbetween"];
/// The variables that may be followed by `.field`.
const BASES: [&str; 4] = ["$CURRENT_USER", "$CURRENT_ROLE", "$CURRENT_ROLES", "$CURRENT_POLICIES"];

/// The values that variables take in one resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Variables {
    /// `$NOW`.
    pub now: Timestamp,
    /// `$CURRENT_USER`.
    pub user: Value,
    /// `$CURRENT_ROLE`.
    pub role: Value,
    /// `$CURRENT_ROLES`, root first; a list.
    pub roles: Value,
    /// `$CURRENT_POLICIES`; a list, or null where it is not available.
    pub policies: Value,
    /// `.field` paths such as `$CURRENT_USER.role.name`, looked up beforehand by the caller under the right rights.
    /// A path that was asked for and may not be read is absent, which makes the whole filter of a user invalid.
    pub paths: HashMap<String, Value>,
}

/// What a text means as variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// No variable at all.
    Plain,
    /// Its value.
    Value(Value),
    /// A `.field` path whose value is not known.
    Missing,
}

impl Variables {
    /// The variables of a session without user: everything but `$NOW` is null or empty.
    #[must_use]
    pub fn anonymous(now: Timestamp) -> Self {
        Self { now, user: Value::Null, role: Value::Null, roles: Value::Array(Vec::new()), policies: Value::Null, paths: HashMap::new() }
    }

    /// What `text` stands for.
    pub(crate) fn resolve_text(&self, text: &str) -> Resolved {
        match text {
            "$CURRENT_USER" => return Resolved::Value(self.user.clone()),
            "$CURRENT_ROLE" => return Resolved::Value(self.role.clone()),
            "$CURRENT_ROLES" => return Resolved::Value(self.roles.clone()),
            "$CURRENT_POLICIES" => return Resolved::Value(self.policies.clone()),
            _ => {}
        }
        if is_path(text) {
            let nobody =
                (text.starts_with("$CURRENT_USER.") && self.user.is_null()) || (text.starts_with("$CURRENT_ROLE.") && self.role.is_null());
            return match self.paths.get(text) {
                Some(value) => Resolved::Value(value.clone()),
                None if nobody => Resolved::Value(Value::Null),
                None => Resolved::Missing,
            };
        }
        if text == "$NOW" {
            return Resolved::Value(moment(self.now));
        }
        match text.strip_prefix("$NOW(").and_then(|rest| rest.split_once(')')) {
            Some((adjustment, _)) => Resolved::Value(moment(adjusted(self.now, adjustment).unwrap_or(self.now))),
            None => Resolved::Plain,
        }
    }
}

/// Resolves every variable in `value`, for permission rules, presets and validations. A list that stands in a list is spliced
/// into it; a path without value is null.
#[must_use]
pub fn resolve_value(value: &Value, variables: &Variables) -> Value {
    resolve_nested(value, variables, 0)
}

/// The `.field` paths that `value` mentions, each once, in order.
#[must_use]
pub fn paths_in(value: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect_paths(value, &mut paths);
    paths
}

/// [`paths_in`], added to what is there already.
pub(crate) fn collect_paths(value: &Value, paths: &mut Vec<String>) {
    collect_nested(value, 0, paths);
}

/// Whether a text is a variable of any kind.
pub(crate) fn is_variable(text: &str) -> bool {
    text == "$NOW" || (text.starts_with("$NOW(") && text.contains(')')) || BASES.contains(&text) || is_path(text)
}

fn is_path(text: &str) -> bool {
    BASES.iter().any(|base| text.strip_prefix(base).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.')))
}

fn resolve_nested(value: &Value, variables: &Variables, nesting: usize) -> Value {
    if nesting > MAX_NESTING {
        return value.clone();
    }
    match value {
        Value::String(text) => match variables.resolve_text(text) {
            Resolved::Plain => value.clone(),
            Resolved::Value(value) => value,
            Resolved::Missing => Value::Null,
        },
        Value::Array(items) => Value::Array(items.iter().flat_map(|item| spliced(item, variables, nesting)).collect()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| {
                    let resolved = match value {
                        Value::String(text) if LIST_OPERATORS.contains(&key.as_str()) && text.contains(',') => Value::Array(
                            text.split(',').flat_map(|item| spliced(&Value::String(item.to_owned()), variables, nesting)).collect(),
                        ),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                            resolve_nested(value, variables, nesting + 1)
                        }
                    };
                    (key.clone(), resolved)
                })
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn spliced(item: &Value, variables: &Variables, nesting: usize) -> Vec<Value> {
    match (item, resolve_nested(item, variables, nesting + 1)) {
        (Value::String(_), Value::Array(items)) => items,
        (_, resolved) => vec![resolved],
    }
}

fn collect_nested(value: &Value, nesting: usize, paths: &mut Vec<String>) {
    if nesting > MAX_NESTING || paths.len() >= MAX_PATHS {
        return;
    }
    match value {
        Value::String(text) => {
            for part in text.split(',') {
                if is_path(part) && paths.len() < MAX_PATHS && !paths.iter().any(|path| path == part) {
                    paths.push(part.to_owned());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_nested(item, nesting + 1, paths)),
        Value::Object(members) => members.values().for_each(|member| collect_nested(member, nesting + 1, paths)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text of a moment: milliseconds, UTC.
fn moment(at: Timestamp) -> Value {
    Value::String(format!("{:.3}", at))
}

/// `at` moved by `-7 days`, `+1 month`, `2h`; `None` if that cannot be read.
fn adjusted(at: Timestamp, adjustment: &str) -> Option<Timestamp> {
    let text = adjustment.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (amount, unit) = text.split_at(digits);
    let amount: i64 = amount.parse().ok()?;
    let amount = if negative { -amount } else { amount };
    let span = Span::new();
    let span = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "d" | "day" | "days" => span.try_days(amount),
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => span.try_milliseconds(amount),
        "s" | "sec" | "secs" | "second" | "seconds" => span.try_seconds(amount),
        "m" | "min" | "mins" | "minute" | "minutes" => span.try_minutes(amount),
        "h" | "hr" | "hrs" | "hour" | "hours" => span.try_hours(amount),
        "w" | "week" | "weeks" => span.try_weeks(amount),
        "mth" | "mo" | "month" | "months" => span.try_months(amount),
        "y" | "yr" | "yrs" | "year" | "years" => span.try_years(amount),
        _ => return None,
    };
    // Months and years are of the calendar, which needs a zone; recorded answers come from a server in UTC.
    at.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok().map(|moved| moved.timestamp())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        Variables {
            now: "2026-03-31T10:20:30.4567Z".parse().unwrap(),
            user: json!("u1"),
            role: json!("r2"),
            roles: json!(["r1", "r2"]),
            policies: json!(["p1"]),
            paths: HashMap::from([("$CURRENT_USER.email".to_owned(), json!("a@example.com"))]),
        }
    }

    #[test]
    fn variables_resolve_anywhere() {
        let check = |value: Value, expect: Value| assert_eq!(resolve_value(&value, &variables()), expect, "{value}");
        check(json!({"a": {"_eq": "$CURRENT_USER"}}), json!({"a": {"_eq": "u1"}}));
        check(json!({"a": {"_in": "$CURRENT_ROLES"}}), json!({"a": {"_in": ["r1", "r2"]}}));
        check(json!({"a": {"_in": ["x", "$CURRENT_ROLES"]}}), json!({"a": {"_in": ["x", "r1", "r2"]}}));
        check(json!({"a": {"_in": "x,$CURRENT_ROLES"}}), json!({"a": {"_in": ["x", "r1", "r2"]}}));
        check(json!([["$CURRENT_USER"], "$CURRENT_USER.email", "$CURRENT_USER.nope"]), json!([["u1"], "a@example.com", null]));
        check(json!({"title": "$CURRENT", "n": 1, "t": "x,$CURRENT_USER"}), json!({"title": "$CURRENT", "n": 1, "t": "x,$CURRENT_USER"}));
    }

    #[test]
    fn now_moves() {
        let check = |text: &str, expect: &str| assert_eq!(resolve_value(&json!(text), &variables()), json!(expect), "{text}");
        check("$NOW", "2026-03-31T10:20:30.456Z");
        check("$NOW(-7 days)", "2026-03-24T10:20:30.456Z");
        check("$NOW(+1 month)", "2026-04-30T10:20:30.456Z");
        check("$NOW(-1 year)", "2025-03-31T10:20:30.456Z");
        check("$NOW(2h)", "2026-03-31T12:20:30.456Z");
        check("$NOW(1)", "2026-04-01T10:20:30.456Z");
        check("$NOW(- 500 ms)", "2026-03-31T10:20:29.956Z");
        check("$NOW(soon)", "2026-03-31T10:20:30.456Z");
        check("$NOW(99999999999999999999 days)", "2026-03-31T10:20:30.456Z");
        check("$NOW(9000000000 years)", "2026-03-31T10:20:30.456Z");
        check("$NOWHERE", "$NOWHERE");
    }

    #[test]
    fn paths_are_found() {
        let rule = json!({"_or": [{"a": {"_eq": "$CURRENT_USER.email"}}, {"b": {"_in": "x,$CURRENT_ROLE.name"}}, {"c": "$CURRENT_USER.email"}, {"d": "$CURRENT_USER"}]});
        assert_eq!(paths_in(&rule), ["$CURRENT_USER.email", "$CURRENT_ROLE.name"]);
    }

    #[test]
    fn nobody_is_null() {
        let nobody = Variables::anonymous(variables().now);
        let rule = json!(["$CURRENT_USER", "$CURRENT_ROLE", "$CURRENT_ROLES", "$CURRENT_USER.email"]);
        assert_eq!(resolve_value(&rule, &nobody), json!([null, null, null]));
    }
}
