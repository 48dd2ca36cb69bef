//! What a column is: Postgres' types and defaults in the terms of the schema overview.
//!
//! It must never guess: a type it does not know is unknown, a default it cannot read as a literal is an expression.

use access::schema::{ColumnDefault, FieldType, Special};
use serde_json::Value;

use crate::database::catalog::Column;

/// The length word that Postgres adds to type modifiers.
const HEADER: i32 = 4;

/// The field type of a column with these specials.
pub(super) fn field_type(database_type: &str, special: &[Special]) -> FieldType {
    let overridden = special.iter().find_map(|special| match special {
        Special::CastJson => Some(FieldType::Json),
        Special::Hash => Some(FieldType::Hash),
        Special::CastCsv => Some(FieldType::Csv),
        Special::Uuid | Special::File => Some(FieldType::Uuid),
        Special::CastTimestamp => Some(FieldType::Timestamp),
        Special::CastDateTime => Some(FieldType::DateTime),
        Special::DateCreated
        | Special::DateUpdated
        | Special::UserCreated
        | Special::UserUpdated
        | Special::RoleCreated
        | Special::RoleUpdated
        | Special::Conceal
        | Special::CastBoolean
        | Special::Encrypt
        | Special::ManyToOne
        | Special::OneToMany
        | Special::ManyToMany
        | Special::ManyToAny
        | Special::Files
        | Special::Translations
        | Special::Alias
        | Special::NoData => None,
    });
    overridden.unwrap_or(match database_type {
        "varchar" | "bpchar" | "char" => FieldType::String,
        "text" | "citext" => FieldType::Text,
        "int2" | "int4" => FieldType::Integer,
        "int8" => FieldType::BigInteger,
        "float4" | "float8" => FieldType::Float,
        "numeric" => FieldType::Decimal,
        "bool" => FieldType::Boolean,
        "date" => FieldType::Date,
        "time" | "timetz" => FieldType::Time,
        "timestamp" => FieldType::DateTime,
        "timestamptz" => FieldType::Timestamp,
        "json" | "jsonb" => FieldType::Json,
        "uuid" => FieldType::Uuid,
        "bytea" => FieldType::Binary,
        "geometry" | "geography" => FieldType::Geometry,
        _ => FieldType::Unknown,
    })
}

/// `n` of `character varying(n)` and `character(n)`.
pub(super) fn max_length(column: &Column) -> Option<u32> {
    if !matches!(&*column.database_type, "varchar" | "bpchar") {
        return None;
    }
    u32::try_from(column.modifier.checked_sub(HEADER)?).ok()
}

/// `p` and `s` of `numeric(p, s)`; nothing for a negative scale.
pub(super) fn precision(column: &Column) -> Option<(u32, u32)> {
    if &*column.database_type != "numeric" || column.modifier < HEADER {
        return None;
    }
    let packed = u32::try_from(column.modifier - HEADER).ok()?;
    let scale = packed & 0x7ff;
    (scale < 0x400).then_some((packed >> 16, scale))
}

/// The default of a column whose field has type `kind`.
pub(super) fn default(column: &Column, kind: FieldType) -> ColumnDefault {
    if column.identity {
        return ColumnDefault::AutoIncrement;
    }
    let Some(expression) = column.default.as_deref() else { return ColumnDefault::None };
    if expression.starts_with("nextval(") {
        return ColumnDefault::AutoIncrement;
    }
    match literal(expression) {
        None => ColumnDefault::Expression(expression.into()),
        Some(Literal::Null) => ColumnDefault::None,
        Some(Literal::Text(text)) => typed(&text, kind).map_or_else(|| ColumnDefault::Expression(expression.into()), ColumnDefault::Value),
    }
}

enum Literal {
    Null,
    Text(String),
}

/// The value of `'text'::type`, `1.5`, `true`, `NULL::type`; nothing for whatever has to be evaluated.
fn literal(expression: &str) -> Option<Literal> {
    if let Some(quoted) = expression.strip_prefix('\'') {
        let mut text = String::new();
        let mut rest = quoted;
        loop {
            let (part, after) = rest.split_once('\'')?;
            text.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    text.push('\'');
                    rest = after;
                }
                // Behind the quote only a cast may follow.
                None => return (after.is_empty() || is_cast(after)).then_some(Literal::Text(text)),
            }
        }
    }
    let (value, cast) = expression.split_once("::").map_or((expression, ""), |(value, cast)| (value, cast));
    if !cast.is_empty() && !is_type_name(cast) {
        return None;
    }
    let value = value.strip_prefix('(').and_then(|value| value.strip_suffix(')')).unwrap_or(value);
    match value {
        "NULL" => Some(Literal::Null),
        "true" | "false" => Some(Literal::Text(value.to_owned())),
        _ => value.parse::<f64>().is_ok_and(f64::is_finite).then(|| Literal::Text(value.to_owned())),
    }
}

fn is_cast(text: &str) -> bool {
    text.strip_prefix("::").is_some_and(is_type_name)
}

fn is_type_name(text: &str) -> bool {
    !text.contains("::") && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '(' | ')' | ',' | '"' | '.' | '[' | ']'))
}

/// A literal in the form in which a field of this type is shown.
fn typed(text: &str, kind: FieldType) -> Option<Value> {
    Some(match kind {
        FieldType::Integer => Value::from(text.parse::<i64>().ok()?),
        FieldType::Float => serde_json::Number::from_f64(text.parse().ok()?).map(Value::Number)?,
        FieldType::Boolean => Value::Bool(match text {
            "true" | "t" | "1" => true,
            "false" | "f" | "0" => false,
            _ => return None,
        }),
        FieldType::Json => serde_json::from_str(text).ok()?,
        FieldType::Csv => Value::Array(text.split(',').filter(|item| !item.is_empty()).map(Value::from).collect()),
        FieldType::String
        | FieldType::Text
        | FieldType::BigInteger
        | FieldType::Decimal
        | FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Alias
        | FieldType::Unknown => Value::from(text),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(database_type: &str, modifier: i32, default: Option<&str>) -> Column {
        Column {
            name: "c".into(),
            database_type: database_type.into(),
            modifier,
            not_null: false,
            default: default.map(str::to_owned),
            identity: false,
            generated: false,
            collated: false,
            indexed: false,
            peculiar: false,
        }
    }

    #[test]
    fn defaults_are_literals_sequences_or_expressions() {
        let value = |value: Value| ColumnDefault::Value(value);
        for (database_type, expression, expect) in [
            ("int4", "nextval('articles_id_seq'::regclass)", ColumnDefault::AutoIncrement),
            ("varchar", "'draft'::character varying", value(json!("draft"))),
            ("varchar", "'it''s'::character varying", value(json!("it's"))),
            ("varchar", "NULL::character varying", ColumnDefault::None),
            ("int4", "0", value(json!(0))),
            ("int4", "'-1'::integer", value(json!(-1))),
            ("int4", "(-1)", value(json!(-1))),
            ("int8", "'9007199254740993'::bigint", value(json!("9007199254740993"))),
            ("numeric", "0.00", value(json!("0.00"))),
            ("float4", "1.5", value(json!(1.5))),
            ("bool", "true", value(json!(true))),
            ("json", "'{\"a\": [1]}'::json", value(json!({"a": [1]}))),
            ("timestamptz", "CURRENT_TIMESTAMP", ColumnDefault::Expression("CURRENT_TIMESTAMP".into())),
            ("uuid", "gen_random_uuid()", ColumnDefault::Expression("gen_random_uuid()".into())),
            ("text", "('a'::text || 'b'::text)", ColumnDefault::Expression("('a'::text || 'b'::text)".into())),
            ("text", "'a'::text || now()", ColumnDefault::Expression("'a'::text || now()".into())),
        ] {
            let column = column(database_type, -1, Some(expression));
            assert_eq!(default(&column, field_type(database_type, &[])), expect, "{expression}");
        }
        assert_eq!(default(&column("int4", -1, None), FieldType::Integer), ColumnDefault::None);
    }

    #[test]
    fn modifiers_are_unpacked() {
        assert_eq!(max_length(&column("varchar", 259, None)), Some(255));
        assert_eq!(max_length(&column("varchar", -1, None)), None);
        assert_eq!(max_length(&column("text", -1, None)), None);
        assert_eq!(precision(&column("numeric", (10 << 16) + 5 + 4, None)), Some((10, 5)));
        assert_eq!(precision(&column("numeric", -1, None)), None);
    }

    #[test]
    fn specials_decide_before_the_column() {
        assert_eq!(field_type("varchar", &[Special::CastCsv]), FieldType::Csv);
        assert_eq!(field_type("text", &[Special::Conceal, Special::Hash]), FieldType::Hash);
        assert_eq!(field_type("numeric", &[]), FieldType::Decimal);
        assert_eq!(field_type("_text", &[]), FieldType::Unknown);
    }
}
