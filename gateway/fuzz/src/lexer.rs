//! Generated SQL as tokens, and what must hold for each of them.
//!
//! It must never be lenient: a token that it does not know is a finding.

use std::collections::{BTreeSet, HashSet};

use access::schema::Schema;
use access::statement::Statement;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A keyword, function, type or alias.
    Word(String),
    /// `"…"`.
    Identifier(String),
    /// `'…'`.
    Literal(String),
    /// Digits.
    Number(String),
    /// `$n`.
    Parameter(usize),
    /// Anything else.
    Sign(char),
}

/// Columns that the generator adds to rows which it reads once for many parents.
pub const ADDED: [&str; 2] = ["~parent", "~place"];

/// No constant of the generator is this large.
const LARGEST_CONSTANT: u64 = 100_000_000;

/// The tokens of a text.
///
/// # Panics
/// On text that ends inside of a token, holds a comment or a second statement, or a sign that no generator needs.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let mut take = |keep: fn(char) -> bool| {
            let mut word = String::new();
            while let Some(next) = rest.next_if(|next| keep(*next)) {
                word.push(next);
            }
            word
        };
        tokens.push(match first {
            ' ' => continue,
            'a'..='z' | 'A'..='Z' | '_' => Token::Word(format!("{first}{}", take(|c| c.is_ascii_alphanumeric() || c == '_'))),
            '0'..='9' => Token::Number(format!("{first}{}", take(|c| c.is_ascii_digit()))),
            '$' => Token::Parameter(take(|c| c.is_ascii_digit()).parse().expect("a dollar sign stands before a number only")),
            '"' | '\'' => {
                let mut inside = String::new();
                loop {
                    match rest.next().expect("a quote is closed") {
                        c if c == first => match rest.next_if_eq(&first) {
                            Some(_) => inside.push(c),
                            None => break,
                        },
                        c => inside.push(c),
                    }
                }
                if first == '"' { Token::Identifier(inside) } else { Token::Literal(inside) }
            }
            sign => {
                assert!("()[]{},.:|=<>!+-*/%~@#".contains(sign), "{sign:?} in\n{text}");
                assert!(!matches!((sign, rest.peek()), ('-', Some('-')) | ('/', Some('*'))), "a comment in\n{text}");
                Token::Sign(sign)
            }
        });
    }
    tokens
}

/// What holds for every statement, whatever was asked: brackets match, every parameter has a place, every identifier is a
/// name of the schema, and nothing in the text is a value. Gives the tokens.
///
/// # Panics
/// Where it does not hold.
pub fn check(names: &Names, statement: &Statement, planted: &str) -> Vec<Token> {
    let text = &statement.text;
    let tokens = tokens(text);
    let mut open = 0_i32;
    let mut used = BTreeSet::new();
    for token in &tokens {
        match token {
            Token::Sign('(' | '[') => open += 1,
            Token::Sign(')' | ']') => open -= 1,
            Token::Sign(_) => {}
            Token::Parameter(number) => {
                used.insert(*number);
            }
            Token::Identifier(name) => assert!(names.0.contains(name.as_str()), "the identifier {name:?} in\n{text}"),
            Token::Word(word) => assert!(!word.contains(planted), "the word {word:?} in\n{text}"),
            Token::Literal(literal) => {
                assert!(!literal.contains(planted) && !literal.contains("7317"), "the literal {literal:?} in\n{text}")
            }
            Token::Number(number) => {
                let value = number.parse().unwrap_or(u64::MAX);
                assert!(value < LARGEST_CONSTANT && !number.starts_with("7317"), "the number {number} in\n{text}");
            }
        }
        assert!(open >= 0, "brackets in\n{text}");
    }
    assert!(open == 0, "brackets in\n{text}");
    let expected: BTreeSet<usize> = (1..=statement.parameters.len()).collect();
    assert!(used == expected, "{} parameters, places {used:?} in\n{text}", statement.parameters.len());
    tokens
}

/// Every name that a statement may hold in quotes.
pub struct Names(HashSet<String>);

impl Names {
    /// Those of the schema, and the few that are the generator's own.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let mut names: HashSet<String> = ["public", "C"].into_iter().chain(ADDED).map(str::to_owned).collect();
        for collection in schema.collections() {
            names.insert(collection.name.to_string());
            names.extend(collection.columns().map(|field| field.name.to_string()));
        }
        Self(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_nothing() {
        let expected = [
            Token::Word("SELECT".into()),
            Token::Literal("it's".into()),
            Token::Sign(','),
            Token::Identifier("a\"b".into()),
            Token::Sign('='),
            Token::Parameter(12),
            Token::Sign(':'),
            Token::Sign(':'),
            Token::Word("int8".into()),
        ];
        assert_eq!(tokens("SELECT 'it''s', \"a\"\"b\" = $12::int8"), expected);
    }

    #[test]
    #[should_panic(expected = "a comment")]
    fn comments_are_findings() {
        let _unreached = tokens("SELECT 1 -- x");
    }

    #[test]
    #[should_panic(expected = "';'")]
    fn second_statements_are_findings() {
        let _unreached = tokens("SELECT 1; SELECT 2");
    }
}
