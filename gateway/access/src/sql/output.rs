//! The wire form of one value: what Postgres must compute so that its text is the JSON that clients see (NULL where the
//! value is null), and the raw value of an operand.
//!
//! It must never show a concealed value, and never depend on a session setting such as `DateStyle` or `TimeZone`.

use crate::plan::{DatePart, Direction, Function, JsonStep, Operand, RuleSet};
use crate::schema::{Collection, Field, FieldType, Relation, Special};
use crate::sql::scope::{Joins, Row, Scope};
use crate::sql::writer::{Writer, column, table};

impl Writer {
    /// The raw value of `operand`.
    pub(super) fn operand<'p>(&mut self, row: &Row<'p>, operand: &'p Operand) -> String {
        match operand {
            Operand::Column(field) => column(&row.alias, &field.name),
            Operand::Function(Function::JsonPath { field, path }) => {
                let value = column(&row.alias, &field.name);
                json_text(self, &value, field, path)
            }
            Operand::Function(function @ (Function::DatePart { .. } | Function::CountJson(_) | Function::CountRelated { .. })) => {
                self.function(row, function)
            }
        }
    }

    /// A function's value in its wire form.
    pub(super) fn function_output<'p>(&mut self, row: &Row<'p>, function: &'p Function) -> String {
        match function {
            Function::JsonPath { field, path } => {
                let value = column(&row.alias, &field.name);
                let value = json_value(self, &value, field, path);
                format!("{value}::text")
            }
            Function::DatePart { .. } | Function::CountJson(_) | Function::CountRelated { .. } => {
                let value = self.function(row, function);
                quoted(&value)
            }
        }
    }

    fn function<'p>(&mut self, row: &Row<'p>, function: &'p Function) -> String {
        match function {
            Function::DatePart { part, field } => date_part(*part, field, &column(&row.alias, &field.name)),
            Function::CountJson(field) => {
                let value = column(&row.alias, &field.name);
                match &*field.database_type {
                    "jsonb" => format!("jsonb_array_length({value})"),
                    "json" => format!("json_array_length({value})"),
                    _ => format!("json_array_length({value}::json)"),
                }
            }
            Function::CountRelated { relation, collection, access } => self.count_related(row, relation, collection, access),
            Function::JsonPath { field, path } => {
                let value = column(&row.alias, &field.name);
                json_text(self, &value, field, path)
            }
        }
    }

    fn count_related<'p>(&mut self, row: &Row<'p>, relation: &Relation, collection: &'p Collection, access: &'p RuleSet) -> String {
        let child = Row { alias: self.alias(), collection, access };
        let from = format!("{} {}", table(&collection.name), child.alias);
        let mut condition = self.link(relation, Direction::ToMany, row, &child);
        let mut scope = Scope::new(child, Joins::ToOne);
        if let Some(rule) = self.permitted(&mut scope, access) {
            condition.push_str(&format!(" AND {rule}"));
        }
        format!("(SELECT count(*) FROM {from}{} WHERE {condition})", scope.from)
    }
}

/// `value`, which is of `field`'s type, in its wire form.
pub(super) fn output(field: &Field, value: &str) -> String {
    if field.concealed() {
        return concealed(field, value);
    }
    let database_type = &*field.database_type;
    match field.kind {
        FieldType::Csv if matches!(database_type, "json" | "jsonb") => format!("{value}::text"),
        FieldType::Csv => format!("to_json(string_to_array({value}::text, ','))::text"),
        FieldType::Json if matches!(database_type, "json" | "jsonb") => format!("{value}::text"),
        FieldType::Json => format!("{value}::json::text"),
        FieldType::Geometry => format!("ST_AsGeoJSON({value})"),
        FieldType::Integer
        | FieldType::BigInteger
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Date
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Timestamp
        | FieldType::String
        | FieldType::Text
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Alias
        | FieldType::Unknown => plain(field, value),
    }
}

/// A number of rows that is shown under the name of `field`: counts pass the read cast of the field, as observed.
pub(super) fn count_output(field: Option<&Field>, value: &str) -> String {
    match field {
        Some(field) if field.concealed() => "'\"**********\"'".to_owned(),
        Some(field) if field.kind == FieldType::Json => format!("{value}::text"),
        Some(field) if field.kind == FieldType::Csv => format!("'[\"' || {value}::text || '\"]'"),
        Some(field) if field.has(Special::CastBoolean) => {
            format!("CASE {value} WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE {} END", quoted(value))
        }
        Some(_) | None => quoted(value),
    }
}

/// The sum or average of `field`: a number of a floating column is a number, all others are exact and travel as text.
pub(super) fn sum_output(field: &Field, value: &str) -> String {
    if field.concealed() {
        return format!("CASE WHEN {value} IS NOT NULL THEN '\"**********\"' END");
    }
    if matches!(&*field.database_type, "float4" | "float8") { finite(value) } else { quoted(value) }
}

/// A value inside a json column, as json.
pub(super) fn json_value(writer: &mut Writer, value: &str, field: &Field, path: &[JsonStep]) -> String {
    json_path(writer, value, field, path, "->")
}

/// A value inside a json column, as text.
pub(super) fn json_text(writer: &mut Writer, value: &str, field: &Field, path: &[JsonStep]) -> String {
    json_path(writer, value, field, path, "->>")
}

fn json_path(writer: &mut Writer, value: &str, field: &Field, path: &[JsonStep], last: &str) -> String {
    let mut text = if matches!(&*field.database_type, "json" | "jsonb") { value.to_owned() } else { format!("({value})::json") };
    for (index, step) in path.iter().enumerate() {
        let operator = if index + 1 == path.len() { last } else { "->" };
        let step = match step {
            JsonStep::Member(name) => writer.text(name),
            JsonStep::Index(index) => {
                let place = writer.number(u64::from(*index));
                format!("{place}::int4")
            }
        };
        text = format!("({text} {operator} {step})");
    }
    text
}

fn plain(field: &Field, value: &str) -> String {
    let stamp = |format: &str| match &*field.database_type {
        "timestamptz" => format!("to_char({value} AT TIME ZONE 'UTC', '\\\"{format}\\\"')"),
        _ => format!("to_char({value}, '\\\"{format}\\\"')"),
    };
    match (field.kind, &*field.database_type) {
        (FieldType::Timestamp, "timestamptz" | "timestamp" | "date") => stamp("YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\""),
        (FieldType::DateTime, "timestamptz" | "timestamp" | "date") => stamp("YYYY-MM-DD\"T\"HH24:MI:SS"),
        (FieldType::Date, "timestamptz" | "timestamp" | "date") => stamp("YYYY-MM-DD"),
        (_, "bool") => format!("{value}::text"),
        (_, "int2" | "int4" | "int8" | "text" | "varchar") if field.has(Special::CastBoolean) => {
            let other =
                if matches!(&*field.database_type, "int2" | "int4") { format!("{value}::text") } else { format!("to_json({value})::text") };
            format!("CASE {value}::text WHEN '1' THEN 'true' WHEN '0' THEN 'false' ELSE {other} END")
        }
        (_, "int2" | "int4") => format!("{value}::text"),
        (_, "float4" | "float8") => finite(value),
        (_, "int8" | "numeric" | "uuid" | "time" | "timetz") => quoted(value),
        (_, _) => format!("to_json({value})::text"),
    }
}

/// Something where JavaScript would call the value true, else NULL.
fn concealed(field: &Field, value: &str) -> String {
    let truthy = match &*field.database_type {
        "bool" => value.to_owned(),
        "int2" | "int4" | "float4" | "float8" => format!("{value} <> 0"),
        "json" | "jsonb" | "bytea" | "uuid" | "int8" | "numeric" => format!("{value} IS NOT NULL"),
        _ => format!("{value}::text <> ''"),
    };
    format!("CASE WHEN {truthy} THEN '\"**********\"' END")
}

/// Text that needs no escapes, as a JSON string.
fn quoted(value: &str) -> String {
    format!("'\"' || {value}::text || '\"'")
}

/// JSON has no NaN and no infinity; like `JSON.stringify`, they are null.
fn finite(value: &str) -> String {
    format!("nullif(nullif(nullif({value}::text, 'NaN'), 'Infinity'), '-Infinity')")
}

fn date_part(part: DatePart, field: &Field, value: &str) -> String {
    let name = match part {
        DatePart::Year => "YEAR",
        DatePart::Month => "MONTH",
        DatePart::Week => "WEEK",
        DatePart::Day => "DAY",
        DatePart::Weekday => "DOW",
        DatePart::Hour => "HOUR",
        DatePart::Minute => "MINUTE",
        DatePart::Second => "SECOND",
    };
    let value = if &*field.database_type == "timestamptz" { format!("{value} AT TIME ZONE 'UTC'") } else { value.to_owned() };
    format!("EXTRACT({name} FROM {value})")
}
