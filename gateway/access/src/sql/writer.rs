//! What every part of the generator writes with: parameters, aliases, identifiers and casts.
//!
//! It must never turn a value into text: [`Writer::bind`] is the only way in.

use crate::schema::Field;
use crate::sql::scope::Row;
use crate::statement::{Parameter, Statement, quote_identifier};

/// Gathers the parameters of one statement while its text is put together from fragments.
#[derive(Debug, Default)]
pub(super) struct Writer {
    parameters: Vec<Parameter>,
    aliases: usize,
    /// `name AS MATERIALIZED (…)`, each after those that it refers to.
    pub(super) with: Vec<String>,
}

impl Writer {
    /// A writer whose parameters follow these.
    pub(super) fn continuing(parameters: Vec<Parameter>) -> Self {
        Self { parameters, ..Self::default() }
    }

    /// The parameters.
    pub(super) fn into_parameters(self) -> Vec<Parameter> {
        self.parameters
    }

    /// The statement with this text.
    pub(super) fn finish(self, text: String) -> Statement {
        let text = if self.with.is_empty() { text } else { format!("WITH {} {text}", self.with.join(", ")) };
        Statement { text, parameters: self.parameters }
    }

    /// A fresh table alias.
    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    /// A placeholder whose type Postgres infers.
    pub(super) fn bind(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    /// A text placeholder.
    pub(super) fn text(&mut self, text: &str) -> String {
        let place = self.bind(Parameter::Text(text.to_owned()));
        format!("{place}::text")
    }

    /// A bigint placeholder.
    pub(super) fn number(&mut self, number: u64) -> String {
        let place = self.bind(Parameter::Text(number.min(i64::MAX.unsigned_abs()).to_string()));
        format!("{place}::int8")
    }

    /// The row's key is one of `keys`. One key is compared with `=`: the plan of an array of unknown length looks so dear that
    /// Postgres would plan anew every time.
    pub(super) fn among(&mut self, row: &Row<'_>, keys: &[String]) -> String {
        let key = column(&row.alias, &row.collection.primary_key);
        if let ([one], Some(cast)) = (keys, row.collection.key_field().and_then(|field| cast(&field.database_type))) {
            let place = self.bind(Parameter::Text(one.clone()));
            return format!("{key} = {place}::{cast}");
        }
        let list = Parameter::Array(keys.iter().cloned().map(Some).collect());
        self.any(&key, row.collection.key_field().map(|field| &**field), list)
    }

    /// `expression = ANY(list)` for a value of `field`'s type.
    pub(super) fn any(&mut self, expression: &str, field: Option<&Field>, list: Parameter) -> String {
        let place = self.bind(list);
        match field.and_then(|field| cast(&field.database_type)) {
            Some(cast) => format!("{expression} = ANY({place}::{cast}[])"),
            None => format!("{expression}::text = ANY({place}::text[])"),
        }
    }
}

/// A column of `alias`.
pub(super) fn column(alias: &str, name: &str) -> String {
    format!("{alias}.{}", quote_identifier(name))
}

/// A table of the schema that Directus works in.
pub(super) fn table(name: &str) -> String {
    format!("\"public\".{}", quote_identifier(name))
}

/// ` WHERE a AND b`, or nothing.
pub(super) fn all_of(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
}

/// The type to cast a placeholder to, so that it takes the column's type and an index on it stays usable. Types that are
/// not listed (enums, domains, extensions) go through inference or text.
pub(super) fn cast(database_type: &str) -> Option<&'static str> {
    Some(match database_type {
        "int2" => "int2",
        "int4" => "int4",
        "int8" => "int8",
        "float4" => "float4",
        "float8" => "float8",
        "numeric" => "numeric",
        "bool" => "bool",
        "text" | "varchar" => "text",
        "bpchar" => "bpchar",
        "uuid" => "uuid",
        "date" => "date",
        "time" => "time",
        "timetz" => "timetz",
        "timestamp" => "timestamp",
        "timestamptz" => "timestamptz",
        _ => return None,
    })
}

/// Whether `=` exists between two types, so that neither needs a cast.
pub(super) fn comparable(left: &str, right: &str) -> bool {
    let family = |name: &str| match name {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => Some(1),
        "text" | "varchar" | "bpchar" => Some(2),
        _ => None,
    };
    left == right || (family(left).is_some() && family(left) == family(right))
}
