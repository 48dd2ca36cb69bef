//! From text to a [`Document`]: a recursive descent over the tokens of `apollo-parser`'s lexer.
//!
//! It must never recurse deeper than [`MAX_NESTING`], nor read beyond the limit of tokens. Documents that define types are
//! refused like any other text that is no request.

use std::iter::Peekable;

use apollo_parser::{Lexer, TokenKind};

use super::text::{block_text, string_text};
use super::{
    Argument, At, Definition, Directive, Document, Field, Fragment, Inline, Name, Operation, OperationKind, Selection, Spread, TypeNode,
    Value, ValueKind, Variable,
};
use crate::schema::definition::Layer;

/// Braces and brackets within each other; far beyond what is written by hand, and what the stack bears.
const MAX_NESTING: usize = 100;

/// The text is no request, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

type Parsed<T> = Result<T, TooMuch>;

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: TokenKind,
    text: &'a str,
    at: At,
}

struct Parser<'a> {
    tokens: Peekable<Tokens<'a>>,
    nesting: usize,
}

/// Tokens that mean something, up to a limit.
struct Tokens<'a> {
    lexer: Lexer<'a>,
    left: usize,
}

/// Reads a document of at most `limit` tokens, not counting spaces, commas and comments.
pub(crate) fn parse(text: &str, limit: usize) -> Parsed<Document<'_>> {
    if u32::try_from(text.len()).is_err() {
        return Err(TooMuch);
    }
    let mut parser = Parser { tokens: Tokens { lexer: Lexer::new(text), left: limit }.peekable(), nesting: 0 };
    let mut document = Document::default();
    while parser.peek()?.is_some() {
        document.definitions.push(parser.definition()?);
    }
    if document.definitions.is_empty() { Err(TooMuch) } else { Ok(document) }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Parsed<Token<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Ok(token) = self.lexer.next()? else { return Some(Err(TooMuch)) };
            let kind = token.kind();
            if kind == TokenKind::Eof {
                return None;
            }
            if matches!(kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Comma) {
                continue;
            }
            if self.left == 0 {
                return Some(Err(TooMuch));
            }
            self.left -= 1;
            // The length was checked to fit.
            let at = u32::try_from(token.index()).unwrap_or(u32::MAX);
            return Some(Ok(Token { kind, text: token.data(), at }));
        }
    }
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Parsed<Option<Token<'a>>> {
        self.tokens.peek().copied().transpose()
    }

    fn next(&mut self) -> Parsed<Token<'a>> {
        self.tokens.next().ok_or(TooMuch)?
    }

    fn is(&mut self, kind: TokenKind) -> Parsed<bool> {
        Ok(self.peek()?.is_some_and(|token| token.kind == kind))
    }

    fn skip(&mut self, kind: TokenKind) -> Parsed<bool> {
        let found = self.is(kind)?;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token<'a>> {
        let token = self.next()?;
        if token.kind == kind { Ok(token) } else { Err(TooMuch) }
    }

    fn name(&mut self) -> Parsed<Name<'a>> {
        let token = self.expect(TokenKind::Name)?;
        Ok(Name { at: token.at, text: token.text })
    }

    /// One level deeper; every rule that can hold itself goes through here.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            return Err(TooMuch);
        }
        self.nesting += 1;
        let result = rule(self);
        self.nesting -= 1;
        result
    }

    /// At least one, between brackets.
    fn some<T>(&mut self, open: TokenKind, close: TokenKind, rule: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(open)?;
        self.nested(|parser| {
            let mut items = vec![rule(parser)?];
            while !parser.skip(close)? {
                items.push(rule(parser)?);
            }
            Ok(items)
        })
    }

    /// None, or at least one between brackets.
    fn optional<T>(&mut self, open: TokenKind, close: TokenKind, rule: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.is(open)? { self.some(open, close, rule) } else { Ok(Vec::new()) }
    }

    fn definition(&mut self) -> Parsed<Definition<'a>> {
        let Some(token) = self.peek()? else { return Err(TooMuch) };
        if token.kind == TokenKind::LCurly {
            let selections = self.selections()?;
            return Ok(Definition::Operation(Operation {
                at: token.at,
                kind: OperationKind::Query,
                name: None,
                variables: Vec::new(),
                directives: Vec::new(),
                selections,
            }));
        }
        let word = self.name()?;
        let kind = match word.text {
            "query" => OperationKind::Query,
            "mutation" => OperationKind::Mutation,
            "subscription" => OperationKind::Subscription,
            "fragment" => return self.fragment(word.at).map(Definition::Fragment),
            _ => return Err(TooMuch),
        };
        Ok(Definition::Operation(Operation {
            at: word.at,
            kind,
            name: if self.is(TokenKind::Name)? { Some(self.name()?) } else { None },
            variables: self.optional(TokenKind::LParen, TokenKind::RParen, Self::variable)?,
            directives: self.directives()?,
            selections: self.selections()?,
        }))
    }

    fn fragment(&mut self, at: At) -> Parsed<Fragment<'a>> {
        let name = self.name()?;
        if name.text == "on" || self.name()?.text != "on" {
            return Err(TooMuch);
        }
        Ok(Fragment { at, name, on: self.name()?, directives: self.directives()?, selections: self.selections()? })
    }

    fn variable(&mut self) -> Parsed<Variable<'a>> {
        let at = self.expect(TokenKind::Dollar)?.at;
        let name = self.name()?.text;
        self.expect(TokenKind::Colon)?;
        let ty = self.ty()?;
        let default = if self.skip(TokenKind::Eq)? { Some(self.value(true)?) } else { None };
        Ok(Variable { at, name, ty, default, directives: self.directives()? })
    }

    fn ty(&mut self) -> Parsed<TypeNode<'a>> {
        let mut ty = if self.skip(TokenKind::LBracket)? {
            let mut inner = self.nested(Self::ty)?;
            self.expect(TokenKind::RBracket)?;
            inner.layers.insert(0, Layer::List);
            inner
        } else {
            TypeNode { layers: Vec::new(), name: self.name()? }
        };
        if self.skip(TokenKind::Bang)? {
            ty.layers.insert(0, Layer::Required);
        }
        Ok(ty)
    }

    fn directives(&mut self) -> Parsed<Vec<Directive<'a>>> {
        let mut directives = Vec::new();
        while self.is(TokenKind::At)? {
            let at = self.next()?.at;
            directives.push(Directive { at, name: self.name()?.text, arguments: self.arguments()? });
        }
        Ok(directives)
    }

    fn arguments(&mut self) -> Parsed<Vec<Argument<'a>>> {
        self.optional(TokenKind::LParen, TokenKind::RParen, |parser| parser.argument(false))
    }

    fn argument(&mut self, constant: bool) -> Parsed<Argument<'a>> {
        let name = self.name()?;
        self.expect(TokenKind::Colon)?;
        Ok(Argument { name, value: self.value(constant)? })
    }

    fn selections(&mut self) -> Parsed<Vec<Selection<'a>>> {
        self.some(TokenKind::LCurly, TokenKind::RCurly, Self::selection)
    }

    fn selection(&mut self) -> Parsed<Selection<'a>> {
        if self.is(TokenKind::Spread)? {
            return self.spread();
        }
        let first = self.name()?;
        let (alias, name) = if self.skip(TokenKind::Colon)? { (Some(first.text), self.name()?) } else { (None, first) };
        let (arguments, directives) = (self.arguments()?, self.directives()?);
        let (braces, selections) = match self.peek()? {
            Some(token) if token.kind == TokenKind::LCurly => (token.at, self.selections()?),
            Some(_) | None => (first.at, Vec::new()),
        };
        Ok(Selection::Field(Field { at: first.at, alias, name, arguments, directives, braces, selections }))
    }

    fn spread(&mut self) -> Parsed<Selection<'a>> {
        let at = self.expect(TokenKind::Spread)?.at;
        let on = match self.peek()? {
            Some(token) if token.kind == TokenKind::Name && token.text != "on" => {
                let name = self.name()?;
                return Ok(Selection::Spread(Spread { at, name, directives: self.directives()? }));
            }
            Some(token) if token.kind == TokenKind::Name => {
                self.next()?;
                Some(self.name()?)
            }
            Some(_) | None => None,
        };
        Ok(Selection::Inline(Inline { at, on, directives: self.directives()?, selections: self.selections()? }))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a token that starts no value is a fault, whatever it is")]
    fn value(&mut self, constant: bool) -> Parsed<Value<'a>> {
        let token = self.next()?;
        let kind = match token.kind {
            TokenKind::Dollar if !constant => ValueKind::Variable(self.name()?.text),
            TokenKind::Int => ValueKind::Int(token.text),
            TokenKind::Float => ValueKind::Float(token.text),
            TokenKind::StringValue if token.text.starts_with("\"\"\"") => ValueKind::String(block_text(token.text).ok_or(TooMuch)?.into()),
            TokenKind::StringValue => ValueKind::String(string_text(token.text).ok_or(TooMuch)?),
            TokenKind::Name => match token.text {
                "true" => ValueKind::Boolean(true),
                "false" => ValueKind::Boolean(false),
                "null" => ValueKind::Null,
                text => ValueKind::Enum(text),
            },
            TokenKind::LBracket => ValueKind::List(self.nested(|parser| {
                let mut items = Vec::new();
                while !parser.skip(TokenKind::RBracket)? {
                    items.push(parser.value(constant)?);
                }
                Ok(items)
            })?),
            TokenKind::LCurly => ValueKind::Object(self.nested(|parser| {
                let mut members = Vec::new();
                while !parser.skip(TokenKind::RCurly)? {
                    members.push(parser.argument(constant)?);
                }
                Ok(members)
            })?),
            _ => return Err(TooMuch),
        };
        Ok(Value { at: token.at, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(text: &str) -> bool {
        parse(text, 5_000).is_ok()
    }

    #[test]
    fn requests_and_nothing_else() {
        for text in [
            "{a}",
            "query Q($a: [Int!]! = [1, 2] @d, $b: X) @e(f: $a) { a: b(c: {d: [$b, null, true, E, -1.5e3, \"x\"]}) { ...F ... on T { g } ... @include(if: $b) { h } } }",
            "fragment F on T { a } subscription { b } mutation M { c }",
            "\u{feff}{ a # comment\n }",
        ] {
            assert!(parses(text), "{text}");
        }
        for text in [
            "",
            "   # nothing",
            "{}",
            "{ a",
            "{ a { } }",
            "query",
            "{ a(b: $c: 1) }",
            "{ a() }",
            "query ($a: Int = $b) { a }",
            "fragment on on T { a }",
            "fragment F { a }",
            "type T { a: Int }",
            "{ a(b: 01) }",
            "{ a(b: \"x) }",
            "{ a(b: \"\\x\") }",
            "{ a } }",
            "{ a ... }",
            "{ ? }",
            "query ($a: [Int) { a }",
        ] {
            assert!(!parses(text), "{text}");
        }
    }

    #[test]
    fn tokens_are_counted_as_the_reference_does() {
        // { a ( b : [ 1 2 ] ) }
        let text = "{ a(b: [1, 2]) } # and a comment";
        assert!(parse(text, 10).is_err());
        assert!(parse(text, 11).is_ok());
        assert!(parse("{ a(b: \"a long text of one token\") }", 8).is_ok());
        assert!(parse("{ a b c d }", 5).is_err());
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        let deep = |open: &str, close: &str, n: usize| format!("{{ a(b: {}1{}) }}", open.repeat(n), close.repeat(n));
        assert!(parses(&deep("[", "]", 90)));
        assert!(!parses(&deep("[", "]", 2_000)));
        assert!(!parses(&deep("{a:", "}", 1_000)));
        assert!(parses(&format!("{}{}", "{a".repeat(90), "}".repeat(90))));
        assert!(!parses(&format!("{}{}", "{a".repeat(2_400), "}".repeat(2_400))));
        assert!(!parses(&format!("query ($a: {}Int{}) {{ a }}", "[".repeat(2_000), "]".repeat(2_000))));
    }
}
