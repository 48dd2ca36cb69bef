//! A parameterised SQL statement.
//!
//! It must never hold a data value in its text: values are parameters, always, and parameters travel in text form so that
//! Postgres parses them into the type of their place. The text depends only on the shape of what was asked, so that it is
//! prepared once per shape.

mod together;

use std::fmt::Write as _;

pub use together::{GATHERED, ParameterType, gathered, together};

/// SQL text with `$1…$n` and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// The parameters in order.
    pub parameters: Vec<Parameter>,
}

/// One bind parameter, in Postgres' text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// NULL.
    Null,
    /// A scalar.
    Text(String),
    /// An array; bound as an array literal to one placeholder, whatever its length.
    Array(Vec<Option<String>>),
}

impl Parameter {
    /// The text form; `None` is NULL.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.clone()),
            Self::Array(items) => Some(array_literal(items)),
        }
    }
}

impl Statement {
    /// How much its values occupy, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |parameter: &Parameter| match parameter {
            Parameter::Null => 0,
            Parameter::Text(text) => text.len(),
            Parameter::Array(items) => items.iter().flatten().map(String::len).sum(),
        };
        self.parameters.iter().map(of).sum()
    }

    /// Appends SQL text. Only constants of the source code and identifiers made by [`quote_identifier`] may be passed.
    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Appends a quoted identifier.
    pub fn identifier(&mut self, name: &str) -> &mut Self {
        self.text.push_str(&quote_identifier(name));
        self
    }

    /// Appends a placeholder for `parameter`.
    pub fn bind(&mut self, parameter: Parameter) -> &mut Self {
        self.parameters.push(parameter);
        // Writing to a String cannot fail.
        let _infallible = write!(self.text, "${}", self.parameters.len());
        self
    }
}

/// `name` as a quoted SQL identifier.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

fn array_literal(items: &[Option<String>]) -> String {
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match item {
            None => text.push_str("NULL"),
            Some(item) => {
                text.push('"');
                for c in item.chars() {
                    if matches!(c, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_arrays_cannot_break_out() {
        assert_eq!(quote_identifier("a\"; drop table x; --"), "\"a\"\"; drop table x; --\"");
        let array = Parameter::Array(vec![Some("a\"b\\c,{}".into()), None, Some("NULL".into()), Some(String::new())]);
        assert_eq!(array.literal().unwrap(), r#"{"a\"b\\c,{}",NULL,"NULL",""}"#);
    }
}
