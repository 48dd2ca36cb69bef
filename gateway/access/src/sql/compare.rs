//! One test of a filter as SQL.
//!
//! It must never cast the left side of a column whose type has an index: the placeholder takes the column's type instead.

use crate::plan::{GeometryPredicate, JsonTest, Scalar, Test, TextPlace, TextTest};
use crate::schema::Field;
use crate::sql::condition::either;
use crate::sql::output::json_text;
use crate::sql::writer::{Writer, cast};
use crate::statement::Parameter;

/// What stands on the left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'p> {
    /// A column's raw value.
    Column(&'p Field),
    /// A number that a function made.
    Number,
    /// A value inside a json column, as text.
    JsonText,
}

impl Writer {
    /// `value` passes `test`.
    pub(super) fn test(&mut self, value: &str, side: Side<'_>, test: &Test) -> String {
        // Members of a json value have no type: they are numbers where what they are compared with is one.
        let value = if matches!(side, Side::JsonText) && numeric(test) { format!("({value})::numeric") } else { value.to_owned() };
        let kind = match side {
            Side::Column(field) => cast(&field.database_type),
            Side::Number => Some("numeric"),
            Side::JsonText if numeric(test) => Some("numeric"),
            Side::JsonText => Some("text"),
        };
        match test {
            Test::Null => format!("{value} IS NULL"),
            Test::NotNull => format!("{value} IS NOT NULL"),
            Test::Empty => format!("({value} IS NULL OR {value} = '')"),
            Test::NotEmpty => format!("({value} IS NOT NULL AND {value} <> '')"),
            Test::Eq(right) => self.binary(&value, "=", right, kind),
            Test::Neq(right) => self.binary(&value, "<>", right, kind),
            Test::Lt(right) => self.binary(&value, "<", right, kind),
            Test::Lte(right) => self.binary(&value, "<=", right, kind),
            Test::Gt(right) => self.binary(&value, ">", right, kind),
            Test::Gte(right) => self.binary(&value, ">=", right, kind),
            Test::In(list) => self.listed(&value, "= ANY", list, kind),
            Test::Nin(list) => self.listed(&value, "<> ALL", list, kind),
            Test::Between(low, high) => self.between(&value, "BETWEEN", (low, high), kind),
            Test::NotBetween(low, high) => self.between(&value, "NOT BETWEEN", (low, high), kind),
            Test::Like(test) => self.like(&value, test),
            Test::Json(test) => match side {
                Side::Column(field) => self.json(&value, field, test),
                Side::Number | Side::JsonText => "false".to_owned(),
            },
            Test::Geometry { predicate, geojson } => self.geometry(&value, *predicate, geojson),
        }
    }

    fn binary(&mut self, value: &str, operator: &str, right: &Scalar, kind: Option<&'static str>) -> String {
        let right = self.scalar(right, kind);
        format!("{value} {operator} {right}")
    }

    fn between(&mut self, value: &str, operator: &str, (low, high): (&Scalar, &Scalar), kind: Option<&'static str>) -> String {
        let low = self.scalar(low, kind);
        let high = self.scalar(high, kind);
        format!("({value} {operator} {low} AND {high})")
    }

    fn listed(&mut self, value: &str, operator: &str, list: &[Scalar], kind: Option<&'static str>) -> String {
        let place = self.bind(Parameter::Array(list.iter().map(text).collect()));
        match kind {
            Some(kind) => format!("{value} {operator}({place}::{kind}[])"),
            None => format!("{value}::text {operator}({place}::text[])"),
        }
    }

    fn like(&mut self, value: &str, test: &TextTest) -> String {
        let pattern = match test.place {
            TextPlace::Anywhere => format!("%{}%", test.text),
            TextPlace::Start => format!("{}%", test.text),
            TextPlace::End => format!("%{}", test.text),
        };
        let pattern = self.text(&pattern);
        let not = if test.negated { "NOT " } else { "" };
        if test.ignore_case { format!("lower({value}) {not}LIKE lower({pattern})") } else { format!("{value} {not}LIKE {pattern}") }
    }

    fn json(&mut self, value: &str, field: &Field, test: &JsonTest) -> String {
        match test {
            JsonTest::And(members) if members.is_empty() => "true".to_owned(),
            JsonTest::And(members) => {
                let members: Vec<String> = members.iter().map(|member| self.json(value, field, member)).collect();
                format!("({})", members.join(" AND "))
            }
            JsonTest::Or(members) => {
                let members: Vec<String> = members.iter().map(|member| self.json(value, field, member)).collect();
                either(&members)
            }
            JsonTest::Compare { path, test } => {
                let member = json_text(self, value, field, path);
                self.test(&member, Side::JsonText, test)
            }
        }
    }

    fn geometry(&mut self, value: &str, predicate: GeometryPredicate, geojson: &str) -> String {
        let shape = format!("ST_GeomFromGeoJSON({})", self.text(geojson));
        match predicate {
            GeometryPredicate::Eq => format!("ST_Equals({value}, {shape})"),
            GeometryPredicate::Neq => format!("NOT ST_Equals({value}, {shape})"),
            GeometryPredicate::Intersects => format!("ST_Intersects({value}, {shape})"),
            GeometryPredicate::NotIntersects => format!("NOT ST_Intersects({value}, {shape})"),
            GeometryPredicate::IntersectsBox => format!("{value} && {shape}"),
            GeometryPredicate::NotIntersectsBox => format!("NOT ({value} && {shape})"),
        }
    }

    fn scalar(&mut self, scalar: &Scalar, kind: Option<&'static str>) -> String {
        let place = self.bind(text(scalar).map_or(Parameter::Null, Parameter::Text));
        kind.map_or_else(|| place.clone(), |kind| format!("{place}::{kind}"))
    }
}

/// What a test without any comparison amounts to. The value must not be written then: a parameter of its mask that the text
/// does not mention has no type.
pub(super) fn decided(test: &JsonTest) -> Option<bool> {
    let members = |members: &[JsonTest]| members.iter().map(decided).collect::<Option<Vec<bool>>>();
    match test {
        JsonTest::And(tests) => Some(members(tests)?.into_iter().all(|holds| holds)),
        JsonTest::Or(tests) => Some(members(tests)?.into_iter().any(|holds| holds)),
        JsonTest::Compare { .. } => None,
    }
}

/// Whether a json member is to be compared as a number.
fn numeric(test: &Test) -> bool {
    let number = |scalar: &Scalar| matches!(scalar, Scalar::Number(_));
    match test {
        Test::Eq(right) | Test::Neq(right) | Test::Lt(right) | Test::Lte(right) | Test::Gt(right) | Test::Gte(right) => number(right),
        Test::In(list) | Test::Nin(list) => !list.is_empty() && list.iter().all(number),
        Test::Between(low, high) | Test::NotBetween(low, high) => number(low) && number(high),
        Test::Null | Test::NotNull | Test::Empty | Test::NotEmpty | Test::Like(_) | Test::Json(_) | Test::Geometry { .. } => false,
    }
}

fn text(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::Null => None,
        Scalar::Boolean(value) => Some(value.to_string()),
        Scalar::Number(text) | Scalar::Text(text) => Some(text.clone()),
    }
}
