//! Filters as they are written, before names and types are known.
//!
//! It must never decide what a condition means for a row: it keeps the wire's structure (which key stands below which), checks
//! the form of values, and counts, so that a filter of hostile size is refused before anything else looks at it.

use serde_json::{Map, Value};

use super::QueryLimits;
use crate::refusal::Refusal;

/// Objects and lists that one filter may have besides its conditions.
const AROUND: usize = 8;
/// Objects in objects; `serde_json` itself refuses text deeper than this.
const MAX_NESTING: usize = 127;
/// Above this an integer is not what was sent.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// Members of an object, or `_and`.
    All(Vec<Condition>),
    /// `_or`.
    Any(Vec<Condition>),
    /// What stands under a field, relation, scope or function.
    Field(String, Box<Condition>),
    /// `_some`, or `_none` where the flag is set.
    Related(bool, Box<Condition>),
    /// An operator and its value; list operators have a list.
    Test(String, Value),
}

impl Condition {
    /// Reads a filter in JSON, of a size that no operator chose: a rule's.
    pub(crate) fn parse(filter: &Value) -> Result<Self, Refusal> {
        Self::parse_within(filter, &QueryLimits::default())
    }

    /// Reads a filter in JSON.
    pub(crate) fn parse_within(filter: &Value, limits: &QueryLimits) -> Result<Self, Refusal> {
        let (max_conditions, max_values) = (limits.max_conditions, limits.max_values);
        Parser { max_conditions, max_values, conditions: 0, values: 0 }.object(filter, 0)
    }

    /// `{}`.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::All(members) if members.is_empty())
    }

    /// How many relations deep the filter reaches: keys that are no operators.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().map(Self::depth).max().unwrap_or(0),
            Self::Field(_, below) => 1 + below.depth(),
            Self::Related(_, below) => below.depth(),
            Self::Test(_, _) => 0,
        }
    }

    /// Calls `visit` for every value of every operator.
    pub(crate) fn visit_values(&self, visit: &mut impl FnMut(&Value)) {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().for_each(|member| member.visit_values(visit)),
            Self::Field(_, below) | Self::Related(_, below) => below.visit_values(visit),
            Self::Test(_, value) => visit(value),
        }
    }

    /// Calls `replace` for every value of every operator.
    pub(crate) fn replace_values(&mut self, replace: &mut impl FnMut(&mut Value) -> Result<(), Refusal>) -> Result<(), Refusal> {
        match self {
            Self::All(members) | Self::Any(members) => members.iter_mut().try_for_each(|member| member.replace_values(replace)),
            Self::Field(_, below) | Self::Related(_, below) => below.replace_values(replace),
            Self::Test(_, value) => replace(value),
        }
    }

    /// The checks that come before any field's type is looked at. Values that `skip` names are not looked at.
    pub(crate) fn check_values(&self, skip: &impl Fn(&Value) -> bool) -> Result<(), Refusal> {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().try_for_each(|member| member.check_values(skip)),
            Self::Field(_, below) | Self::Related(_, below) => below.check_values(skip),
            Self::Test(operator, value) => check_value(operator, value, skip),
        }
    }
}

struct Parser {
    max_conditions: usize,
    max_values: usize,
    conditions: usize,
    values: usize,
}

impl Parser {
    fn object(&mut self, filter: &Value, nesting: usize) -> Result<Condition, Refusal> {
        self.count(nesting)?;
        match filter {
            Value::Null => Err(invalid()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(Condition::Test("_eq".into(), scalar(filter))),
            Value::Object(members) => {
                let mut conditions =
                    members.iter().map(|(key, value)| self.member(key, value, nesting + 1)).collect::<Result<Vec<_>, _>>()?;
                Ok(match conditions.pop() {
                    Some(only) if conditions.is_empty() => only,
                    Some(last) => {
                        conditions.push(last);
                        Condition::All(conditions)
                    }
                    None => Condition::All(conditions),
                })
            }
            // A list is an object whose names are its indexes.
            Value::Array(items) => {
                let conditions = items.iter().enumerate().map(|(index, value)| self.member(&index.to_string(), value, nesting + 1));
                Ok(Condition::All(conditions.collect::<Result<_, _>>()?))
            }
        }
    }

    fn member(&mut self, key: &str, value: &Value, nesting: usize) -> Result<Condition, Refusal> {
        self.count(nesting)?;
        Ok(match key {
            "_and" | "_or" => {
                let members = value.as_array().ok_or_else(invalid)?;
                let members = members.iter().map(|member| self.object(member, nesting + 1)).collect::<Result<Vec<_>, _>>()?;
                // Without members both mean nothing. Only `{}` is what makes an `_or` around it mean everything.
                if key == "_and" && !members.is_empty() { Condition::All(members) } else { Condition::Any(members) }
            }
            "_some" | "_none" => Condition::Related(key == "_none", Box::new(self.object(value, nesting + 1)?)),
            "_in" | "_nin" | "_between" | "_nbetween" => {
                let values = list(value);
                self.values = self.values.saturating_add(values.len());
                if self.values > self.max_values {
                    return Err(Refusal::QueryTooCostly(format!("A filter can't have more than {} values", self.max_values)));
                }
                Condition::Test(key.to_owned(), Value::Array(values))
            }
            _ if key.starts_with('_') => Condition::Test(key.to_owned(), scalar(value)),
            _ => Condition::Field(key.to_owned(), Box::new(self.object(value, nesting + 1)?)),
        })
    }

    fn count(&mut self, nesting: usize) -> Result<(), Refusal> {
        self.conditions += 1;
        if nesting > MAX_NESTING {
            return Err(Refusal::QueryTooCostly("Max relational depth exceeded".into()));
        }
        // Four: the member of an `_or`, its field, the object below and the operator; and what stands around all of them.
        if self.conditions > self.max_conditions.saturating_mul(4).saturating_add(AROUND) {
            return Err(Refusal::QueryTooCostly(format!("A filter can't have more than {} conditions", self.max_conditions)));
        }
        Ok(())
    }
}

/// The refusal for everything that goes wrong while a filter is read.
pub(crate) fn invalid() -> Refusal {
    Refusal::InvalidQuery("Invalid filter object".into())
}

/// The words that stand for JSON's own.
pub(crate) fn scalar(value: &Value) -> Value {
    match value.as_str() {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        Some("null" | "NULL") => Value::Null,
        _ => value.clone(),
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        Value::Object(members) => members.values().map(scalar).collect(),
        Value::String(text) => text.split(',').map(|item| scalar(&Value::String(item.to_owned()))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![value.clone()],
    }
}

fn check_value(operator: &str, value: &Value, skip: &impl Fn(&Value) -> bool) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::InvalidQuery(text));
    match operator {
        "_in" | "_nin" | "_between" | "_nbetween" => match value {
            Value::Array(items) if !items.is_empty() => Ok(()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                refuse(format!("\"{operator}\" has to be an array of values"))
            }
        },
        "_null" | "_nnull" | "_empty" | "_nempty" => match value {
            Value::Bool(_) | Value::Null => Ok(()),
            Value::String(text) if text.is_empty() => Ok(()),
            Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                refuse(format!("\"{operator}\" has to be a boolean"))
            }
        },
        "_json" | "_intersects" | "_nintersects" | "_intersects_bbox" | "_nintersects_bbox" => Ok(()),
        _ if skip(value) => Ok(()),
        _ => match value {
            Value::Array(_) | Value::Object(_) => {
                refuse(format!("The filter value for \"{operator}\" has to be a string, number, or boolean"))
            }
            Value::Number(number) if number.as_f64().is_none_or(|number| number > MAX_SAFE_INTEGER) => {
                refuse(format!("The filter value for \"{operator}\" is not a valid number"))
            }
            Value::String(text) if text.is_empty() => {
                refuse(format!("You can't filter for an empty string in \"{operator}\". Use \"_empty\" or \"_nempty\" instead"))
            }
            Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Null => Ok(()),
        },
    }
}

/// The members of an object that may be JSON text.
pub(crate) fn object_or_text(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(filter: Value) -> Result<Condition, String> {
        let condition = Condition::parse(&filter).map_err(|refusal| refusal.message())?;
        condition.check_values(&|_| false).map_err(|refusal| refusal.message())?;
        Ok(condition)
    }

    #[test]
    fn structure_is_kept() {
        let test = |operator: &str, value: Value| Condition::Test(operator.into(), value);
        let field = |name: &str, below: Condition| Condition::Field(name.into(), Box::new(below));
        let check = |filter: Value, expect: Condition| assert_eq!(checked(filter.clone()), Ok(expect), "{filter}");
        check(json!({}), Condition::All(vec![]));
        check(json!([]), Condition::All(vec![]));
        check(json!({"a": 1}), field("a", test("_eq", json!(1))));
        check(json!({"a": "null"}), field("a", test("_eq", json!(null))));
        check(json!({"a": {"_in": "1,true"}}), field("a", test("_in", json!(["1", true]))));
        check(json!({"a": {"_in": 5}}), field("a", test("_in", json!([5]))));
        check(json!({"a": {"_in": {"0": 1, "1": 2}}}), field("a", test("_in", json!([1, 2]))));
        check(json!({"a": {"_in": ""}}), field("a", test("_in", json!([""]))));
        check(json!({"a": {"_gt": 1, "_lt": 3}}), field("a", Condition::All(vec![test("_gt", json!(1)), test("_lt", json!(3))])));
        check(json!({"_or": [{"a": 1}, {}]}), Condition::Any(vec![field("a", test("_eq", json!(1))), Condition::All(vec![])]));
        check(json!({"a": {"_none": {"b": 1}}}), field("a", Condition::Related(true, Box::new(field("b", test("_eq", json!(1)))))));
        check(json!(5), test("_eq", json!(5)));
        check(json!([{"a": 1}]), Condition::All(vec![field("0", field("a", test("_eq", json!(1))))]));
        check(json!({"a": {"_null": ""}}), field("a", test("_null", json!(""))));
    }

    #[test]
    fn faults_have_their_texts() {
        let check = |filter: Value, expect: &str| assert_eq!(checked(filter.clone()), Err(format!("Invalid query. {expect}.")), "{filter}");
        check(json!({"a": null}), "Invalid filter object");
        check(json!({"_or": {}}), "Invalid filter object");
        check(json!({"_and": [null]}), "Invalid filter object");
        check(json!({"a": {"_in": []}}), "\"_in\" has to be an array of values");
        check(json!({"a": {"_between": []}}), "\"_between\" has to be an array of values");
        check(json!({"a": {"_null": 5}}), "\"_null\" has to be a boolean");
        check(json!({"a": {"_eq": ["x"]}}), "The filter value for \"_eq\" has to be a string, number, or boolean");
        check(json!({"a": {"_eq": {"a": 1}}}), "The filter value for \"_eq\" has to be a string, number, or boolean");
        check(
            json!({"a": {"_contains": ""}}),
            "You can't filter for an empty string in \"_contains\". Use \"_empty\" or \"_nempty\" instead",
        );
        check(json!({"a": {"_gt": 9_007_199_254_740_993_u64}}), "The filter value for \"_gt\" is not a valid number");
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let wide = json!({"_or": vec![json!({"a": 1}); 3_000]});
        assert!(checked(wide).unwrap_err().contains("conditions"));
        let long = json!({"a": {"_in": vec![1; 70_000]}});
        assert!(checked(long).unwrap_err().contains("values"));
        let mut deep = json!({"a": 1});
        for _ in 0..200 {
            deep = json!({"_and": [deep]});
        }
        assert!(checked(deep).unwrap_err().contains("depth"));
    }

    #[test]
    fn depth_counts_relations() {
        let depth = |filter: Value| Condition::parse(&filter).unwrap().depth();
        assert_eq!(depth(json!({"category": {"parent": {"parent": {"_eq": "x"}}}})), 3);
        assert_eq!(depth(json!({"_and": [{"a": {"_some": {"b": 1}}}]})), 2);
    }
}
