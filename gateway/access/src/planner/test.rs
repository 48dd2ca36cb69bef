//! Operators and their values, by the type of what they are applied to.
//!
//! It must never pass a value on that Postgres could not take for the type of its column, as far as that can be told: such a
//! filter is refused in words instead of failing in the database.

use serde_json::Value;

use super::context::Context;
use super::json_test;
use crate::plan::{Function, GeometryPredicate, Scalar, Test, TextPlace, TextTest};
use crate::query::number;
use crate::refusal::Refusal;
use crate::schema::{Field, FieldType, Special};

/// What an operator is applied to.
pub(super) struct Operated<'a> {
    kind: FieldType,
    database_type: &'a str,
    concealed: bool,
    /// Whole numbers only.
    whole: bool,
}

/// What becomes of an operator.
pub(super) enum Outcome {
    Test(Test),
    Always,
    Never,
    /// Ignored, as observed.
    Vanished,
}

impl<'a> Operated<'a> {
    pub(super) fn column(field: &'a Field) -> Self {
        let whole = field.kind == FieldType::Integer;
        Self { kind: field.kind, database_type: &field.database_type, concealed: field.has(Special::Conceal), whole }
    }

    /// Functions compare as integers; parts of dates are fractions to Postgres, so that any number may be compared with them.
    pub(super) fn function(function: &Function) -> Self {
        let whole = match function {
            Function::CountJson(_) | Function::CountRelated { .. } => true,
            Function::DatePart { .. } | Function::JsonPath { .. } => false,
        };
        Self { kind: FieldType::Integer, database_type: "int8", concealed: false, whole }
    }
}

/// The test that `operator` with `value` stands for.
pub(super) fn plan(context: &Context<'_>, operated: &Operated<'_>, operator: &str, value: &Value) -> Result<Outcome, Refusal> {
    if !allowed(operated.kind, operator) {
        let kind = operated.kind.name();
        return refuse(format!("\"{kind}\" field type does not contain the \"{operator}\" filter operator"));
    }
    if operated.concealed && !matches!(operator, "_null" | "_nnull" | "_empty" | "_nempty") {
        return refuse(format!("Field with \"conceal\" special does not allow the \"{operator}\" filter operator"));
    }
    if operator == "_json" {
        return json_test::plan(context, value);
    }
    if let Some(predicate) = geometry(operated.kind, operator).filter(|_| !value.is_null()) {
        return Ok(Outcome::Test(Test::Geometry { predicate, geojson: geojson(value) }));
    }
    let scalar = |value: &Value| operated.scalar(value);
    operator_test(context.inside_rule, operator, value, &scalar)
}

/// The test of an operator whose right sides `scalar` turns into the operand's type.
pub(super) fn operator_test(
    inside_rule: bool,
    operator: &str,
    value: &Value,
    scalar: &dyn Fn(&Value) -> Result<Scalar, Refusal>,
) -> Result<Outcome, Refusal> {
    let list = || -> Result<Vec<Scalar>, Refusal> { value.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(scalar).collect() };
    let test = match (operator, value) {
        ("_eq", Value::Null) => Test::Null,
        ("_neq", Value::Null) => Test::NotNull,
        ("_eq", _) => Test::Eq(scalar(value)?),
        ("_neq", _) => Test::Neq(scalar(value)?),
        ("_lt", _) => Test::Lt(scalar(value)?),
        ("_lte", _) => Test::Lte(scalar(value)?),
        ("_gt", _) => Test::Gt(scalar(value)?),
        ("_gte", _) => Test::Gte(scalar(value)?),
        ("_null", Value::Bool(false)) | ("_nnull", Value::Bool(true) | Value::Null | Value::String(_)) => Test::NotNull,
        ("_null", Value::Bool(true) | Value::Null | Value::String(_)) | ("_nnull", Value::Bool(false)) => Test::Null,
        ("_empty", Value::Bool(false)) | ("_nempty", Value::Bool(true) | Value::Null | Value::String(_)) => Test::NotEmpty,
        ("_empty", Value::Bool(true) | Value::Null | Value::String(_)) | ("_nempty", Value::Bool(false)) => Test::Empty,
        ("_null" | "_nnull" | "_empty" | "_nempty", _) => return refuse(format!("\"{operator}\" has to be a boolean")),
        ("_in", _) => match list()? {
            values if values.is_empty() => return Ok(Outcome::Never),
            values => Test::In(values),
        },
        ("_nin", _) => match list()? {
            values if values.is_empty() => return Ok(Outcome::Always),
            values => Test::Nin(values),
        },
        ("_between" | "_nbetween", _) => match <[Scalar; 2]>::try_from(list()?) {
            Ok([low, high]) if operator == "_between" => Test::Between(low, high),
            Ok([low, high]) => Test::NotBetween(low, high),
            Err(_) if inside_rule => return refuse(format!("\"{operator}\" has to be an array of two values")),
            Err(_) => return Ok(Outcome::Vanished),
        },
        _ => match text_operator(operator) {
            Some(form) => Test::Like(text_test(operator, form, value)?),
            None => return refuse(format!("Invalid filter operator \"{operator}\"")),
        },
    };
    Ok(Outcome::Test(test))
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::InvalidQuery(reason.into()))
}

/// Where the text must stand, ignoring case or not, negated or not.
type TextForm = (TextPlace, bool, bool);

fn text_operator(operator: &str) -> Option<TextForm> {
    Some(match operator {
        "_contains" => (TextPlace::Anywhere, false, false),
        "_ncontains" => (TextPlace::Anywhere, false, true),
        "_icontains" => (TextPlace::Anywhere, true, false),
        "_starts_with" => (TextPlace::Start, false, false),
        "_nstarts_with" => (TextPlace::Start, false, true),
        "_istarts_with" => (TextPlace::Start, true, false),
        "_nistarts_with" => (TextPlace::Start, true, true),
        "_ends_with" => (TextPlace::End, false, false),
        "_nends_with" => (TextPlace::End, false, true),
        "_iends_with" => (TextPlace::End, true, false),
        "_niends_with" => (TextPlace::End, true, true),
        _ => return None,
    })
}

fn text_test(operator: &str, (place, ignore_case, negated): TextForm, value: &Value) -> Result<TextTest, Refusal> {
    let text = match (value.as_str(), number::scalar_text(value)) {
        (None, _) if ignore_case => return refuse(format!("The filter value for \"{operator}\" has to be a string")),
        (_, Some(text)) => sendable(text)?,
        (_, None) => return refuse(format!("The filter value for \"{operator}\" has to be a string, number, or boolean")),
    };
    // The pattern would end with an escape that escapes nothing.
    if place == TextPlace::End && text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
        return refuse(format!("The filter value for \"{operator}\" can't end with a backslash"));
    }
    Ok(TextTest { place, text, ignore_case, negated })
}

/// Text that Postgres can take: anything but U+0000.
fn sendable(text: String) -> Result<String, Refusal> {
    if text.contains('\0') { refuse("A filter value can't contain the character U+0000") } else { Ok(text) }
}

fn allowed(kind: FieldType, operator: &str) -> bool {
    use FieldType as T;
    let null = matches!(operator, "_null" | "_nnull");
    let empty = matches!(operator, "_empty" | "_nempty");
    let equal = matches!(operator, "_eq" | "_neq");
    let list = matches!(operator, "_in" | "_nin");
    let order = matches!(operator, "_lt" | "_lte" | "_gt" | "_gte" | "_between" | "_nbetween");
    let geometry = matches!(operator, "_intersects" | "_nintersects" | "_intersects_bbox" | "_nintersects_bbox");
    match kind {
        T::String | T::Text | T::Csv | T::Binary => equal || list || null || empty || text_operator(operator).is_some(),
        T::Integer | T::BigInteger | T::Float | T::Decimal | T::Date | T::DateTime | T::Time => equal || order || list || null,
        // Text operators have no meaning for a moment: Postgres refuses them.
        T::Timestamp => equal || order || list || null,
        T::Unknown | T::Alias => matches!(operator, "_contains" | "_ncontains") || equal || order || list || null || empty,
        T::Boolean => equal || null,
        T::Uuid => equal || list || null,
        T::Json => null || operator == "_json",
        T::Hash => null || empty,
        T::Geometry => equal || null || geometry,
    }
}

fn geometry(kind: FieldType, operator: &str) -> Option<GeometryPredicate> {
    Some(match operator {
        "_eq" if kind == FieldType::Geometry => GeometryPredicate::Eq,
        "_neq" if kind == FieldType::Geometry => GeometryPredicate::Neq,
        "_intersects" => GeometryPredicate::Intersects,
        "_nintersects" => GeometryPredicate::NotIntersects,
        "_intersects_bbox" => GeometryPredicate::IntersectsBox,
        "_nintersects_bbox" => GeometryPredicate::NotIntersectsBox,
        _ => return None,
    })
}

fn geojson(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Operated<'_> {
    fn scalar(&self, value: &Value) -> Result<Scalar, Refusal> {
        use FieldType as T;
        let text = || match number::scalar_text(value) {
            Some(text) => sendable(text),
            None => refuse("A filter value has to be a string, number, or boolean"),
        };
        match (self.kind, value) {
            (T::Integer | T::Float | T::Decimal, _) => self.number(value),
            (_, Value::Null) => Ok(Scalar::Null),
            (T::BigInteger, _) => match text()?.trim().parse::<i128>() {
                Ok(number) if i64::try_from(number).is_ok() => Ok(Scalar::Number(number.to_string())),
                Ok(_) => refuse("Numeric value is out of range"),
                Err(_) => refuse("Invalid numeric value"),
            },
            (T::Boolean, _) => match boolean(&text()?) {
                Some(flag) => Ok(Scalar::Boolean(flag)),
                None => refuse("Invalid boolean value"),
            },
            (T::Uuid, _) => match uuid::Uuid::try_parse(text()?.trim()) {
                Ok(id) => Ok(Scalar::Text(id.hyphenated().to_string())),
                Err(_) => refuse("Invalid uuid value"),
            },
            (T::Date | T::Time | T::DateTime | T::Timestamp, _)
            | (T::String | T::Text | T::Csv | T::Binary | T::Hash | T::Json | T::Geometry | T::Alias | T::Unknown, _) => {
                text().map(Scalar::Text)
            }
        }
    }

    fn number(&self, value: &Value) -> Result<Scalar, Refusal> {
        let number = number::number(value);
        if number.is_nan() || (self.whole && (number.is_infinite() || number.fract() != 0.0)) {
            return refuse("Invalid numeric value");
        }
        let limit = match self.database_type {
            _ if !self.whole => f64::INFINITY,
            "int2" => 32_767.0,
            "int8" => 9_223_372_036_854_774_784.0,
            _ => 2_147_483_647.0,
        };
        let fits = number <= limit && number >= -limit - 1.0 && (self.database_type != "float4" || fits_real(number));
        if !fits {
            return refuse("Numeric value is out of range");
        }
        // A decimal's digits beyond those of a double are kept.
        let digits = value.as_str().map(str::trim).filter(|_| self.kind == FieldType::Decimal).filter(|text| plain_decimal(text));
        Ok(Scalar::Number(digits.map_or_else(|| plain(number), str::to_owned)))
    }
}

/// Whether a `real` can hold the number, neither too large nor too near to zero.
pub(super) fn fits_real(number: f64) -> bool {
    let real = number as f32;
    number.is_infinite() || (real.is_finite() && (real != 0.0 || number == 0.0))
}

/// A number without exponent, which every numeric type of Postgres reads.
fn plain(number: f64) -> String {
    if number.is_infinite() { number::text(number) } else { format!("{}", if number == 0.0 { 0.0 } else { number }) }
}

fn plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.len() <= 1_000 && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

/// Postgres' words for booleans.
fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let starts = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if text == "1" || starts("true", 1) || starts("yes", 1) || starts("on", 2) {
        Some(true)
    } else if text == "0" || starts("false", 1) || starts("no", 1) || starts("off", 2) {
        Some(false)
    } else {
        None
    }
}
