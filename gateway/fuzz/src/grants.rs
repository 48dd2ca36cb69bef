//! Which columns a statement reads, and whether its session may.
//!
//! It must never look at the plan: what Postgres is asked for is what counts.

use std::collections::{HashMap, HashSet};

use access::permission::{Action, FieldSet, Permissions};
use access::schema::{Collection, Schema};
use serde_json::Value;

use crate::lexer::{ADDED, Token};

/// The columns that a session's statements may name, by collection.
pub struct Granted {
    columns: HashMap<String, HashSet<String>>,
}

impl Granted {
    /// What `permissions` grant for reading: the fields, the keys that relations go through, and what the rules look at.
    #[must_use]
    pub fn new(schema: &Schema, permissions: &Permissions) -> Self {
        let mut columns = HashMap::new();
        let mut ruled = HashSet::new();
        for collection in schema.collections() {
            for rule in permissions.rules(&collection.name, Action::Read) {
                rule.items.iter().for_each(|items| names_in(items, &mut ruled));
            }
        }
        for collection in schema.collections() {
            let rules = permissions.rules(&collection.name, Action::Read);
            let mut granted = keys(schema, collection);
            let may = |field: &str| {
                rules.iter().any(|rule| match &rule.fields {
                    FieldSet::All => true,
                    FieldSet::Only(fields) => fields.contains(field),
                })
            };
            granted.extend(collection.columns().map(|field| field.name.to_string()).filter(|field| may(field) || ruled.contains(field)));
            columns.insert(collection.name.to_string(), granted);
        }
        Self { columns }
    }

    /// Every column of the statement is granted.
    ///
    /// # Panics
    /// Where one is not.
    pub fn check(&self, user: &str, text: &str, tokens: &[Token]) {
        let tables = tables(tokens);
        let mut passing = false;
        for (place, token) in tokens.iter().enumerate() {
            match token {
                // Rows that are read once for many parents have all columns; what is done with them counts.
                Token::Word(word) if word == "MATERIALIZED" => passing = true,
                Token::Word(word) if word == "row_number" || word == "WHERE" || word == "JOIN" => passing = false,
                Token::Identifier(schema) if schema == "public" => passing = false,
                Token::Word(_) | Token::Identifier(_) | Token::Literal(_) | Token::Number(_) | Token::Parameter(_) | Token::Sign(_) => {}
            }
            let Some([Token::Word(alias), Token::Sign('.'), Token::Identifier(column)]) = tokens.get(place..place + 3) else { continue };
            if passing || ADDED.contains(&column.as_str()) {
                continue;
            }
            let table = tables.get(alias.as_str());
            let granted = table.is_some_and(|table| self.columns.get(*table).is_some_and(|columns| columns.contains(column)));
            assert!(granted, "{user} may not read {column:?} of {table:?} in\n{text}");
        }
    }
}

/// Which table an alias stands for, through rows that are read once. Such rows are those of the alias that their select
/// begins with: the first table in them may be one of a subquery that orders them.
fn tables(tokens: &[Token]) -> HashMap<&str, &str> {
    let mut tables: HashMap<&str, &str> = HashMap::new();
    let mut rows_of: HashMap<&str, &str> = HashMap::new();
    let mut naming = None;
    for window in tokens.windows(4) {
        match window {
            [Token::Word(name), Token::Word(by), Token::Word(how), _] if by == "AS" && how == "MATERIALIZED" => naming = Some(name),
            [Token::Word(alias), Token::Sign('.'), Token::Identifier(_), _] => {
                if let Some(name) = naming.take() {
                    rows_of.insert(alias, name);
                }
            }
            [Token::Identifier(schema), Token::Sign('.'), Token::Identifier(table), Token::Word(alias)] if schema == "public" => {
                tables.insert(alias, table);
                if let Some(name) = rows_of.get(alias.as_str()) {
                    tables.insert(name, table);
                }
            }
            [Token::Word(from), Token::Word(name), Token::Word(alias), _] if from == "FROM" => {
                if let Some(table) = tables.get(name.as_str()).copied() {
                    tables.insert(alias, table);
                }
            }
            _ => {}
        }
    }
    tables
}

/// The columns that hold a relation together.
fn keys(schema: &Schema, collection: &Collection) -> HashSet<String> {
    let mut keys = HashSet::from([collection.primary_key.to_string()]);
    for relation in schema.relations().iter().filter(|relation| relation.many_collection == collection.name) {
        keys.insert(relation.many_field.to_string());
        keys.extend(relation.one_collection_field.iter().chain(&relation.sort_field).map(|name| name.to_string()));
    }
    keys
}

/// The names of fields in a rule, whatever collection they belong to.
fn names_in(rule: &Value, names: &mut HashSet<String>) {
    match rule {
        Value::Object(members) => {
            for (name, below) in members {
                let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
                if !name.starts_with('_') {
                    names.insert(inner.to_owned());
                }
                names_in(below, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names_in(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer;

    #[test]
    fn rows_that_are_read_once_come_from_the_table_that_their_select_begins_with() {
        // The table of a subquery in the order was taken for that of the rows.
        let text = r#"WITH t5 AS MATERIALIZED (SELECT t1."id", row_number() OVER (ORDER BY (SELECT count(*) FROM "public"."comments" t4 WHERE true)) AS "~place" FROM "public"."articles" t1 WHERE true), t8 AS MATERIALIZED (SELECT * FROM (SELECT t7."id" FROM "public"."tags" t7 WHERE true) q) SELECT t6."title" FROM t5 t6 WHERE true"#;
        let tokens = lexer::tokens(text);
        let tables = tables(&tokens);
        for (alias, table) in [("t5", "articles"), ("t6", "articles"), ("t4", "comments"), ("t8", "tags")] {
            assert_eq!(tables.get(alias).copied(), Some(table), "{alias}");
        }
    }
}
