//! A document as its author wrote it: operations and fragments with their places in the text.
//!
//! It must never know a schema. Everything borrows from the text; places are byte offsets, turned into lines and columns only
//! when an error is told.

mod parser;
pub(crate) mod print;
mod text;

use std::borrow::Cow;

use crate::error::Location;
use crate::schema::definition::Layer;

pub(crate) use parser::{TooMuch, parse};

/// Operations and fragments in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    pub(crate) definitions: Vec<Definition<'a>>,
}

#[derive(Debug)]
pub(crate) enum Definition<'a> {
    Operation(Operation<'a>),
    Fragment(Fragment<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OperationKind {
    Query,
    Mutation,
    Subscription,
}

/// A byte offset.
pub(crate) type At = u32;

#[derive(Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) at: At,
    pub(crate) kind: OperationKind,
    pub(crate) name: Option<Name<'a>>,
    pub(crate) variables: Vec<Variable<'a>>,
    pub(crate) directives: Vec<Directive<'a>>,
    pub(crate) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) at: At,
    pub(crate) name: Name<'a>,
    pub(crate) on: Name<'a>,
    pub(crate) directives: Vec<Directive<'a>>,
    pub(crate) selections: Vec<Selection<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) at: At,
    pub(crate) text: &'a str,
}

/// `$name: type = default`
#[derive(Debug)]
pub(crate) struct Variable<'a> {
    /// Of the `$`.
    pub(crate) at: At,
    pub(crate) name: &'a str,
    pub(crate) ty: TypeNode<'a>,
    pub(crate) default: Option<Value<'a>>,
    pub(crate) directives: Vec<Directive<'a>>,
}

/// A type as written: layers from outside, and the name.
#[derive(Debug)]
pub(crate) struct TypeNode<'a> {
    pub(crate) layers: Vec<Layer>,
    pub(crate) name: Name<'a>,
}

#[derive(Debug)]
pub(crate) struct Directive<'a> {
    /// Of the `@`.
    pub(crate) at: At,
    pub(crate) name: &'a str,
    pub(crate) arguments: Vec<Argument<'a>>,
}

#[derive(Debug)]
pub(crate) struct Argument<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) value: Value<'a>,
}

#[derive(Debug)]
pub(crate) enum Selection<'a> {
    Field(Field<'a>),
    Spread(Spread<'a>),
    Inline(Inline<'a>),
}

#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) at: At,
    pub(crate) alias: Option<&'a str>,
    pub(crate) name: Name<'a>,
    pub(crate) arguments: Vec<Argument<'a>>,
    pub(crate) directives: Vec<Directive<'a>>,
    /// Of the `{` of the selections.
    pub(crate) braces: At,
    /// Empty: none were written, for `{}` is no selection.
    pub(crate) selections: Vec<Selection<'a>>,
}

/// `...name`
#[derive(Debug)]
pub(crate) struct Spread<'a> {
    pub(crate) at: At,
    pub(crate) name: Name<'a>,
    pub(crate) directives: Vec<Directive<'a>>,
}

/// `... on type { }`
#[derive(Debug)]
pub(crate) struct Inline<'a> {
    pub(crate) at: At,
    pub(crate) on: Option<Name<'a>>,
    pub(crate) directives: Vec<Directive<'a>>,
    pub(crate) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(crate) struct Value<'a> {
    pub(crate) at: At,
    pub(crate) kind: ValueKind<'a>,
}

#[derive(Debug)]
pub(crate) enum ValueKind<'a> {
    Variable(&'a str),
    /// The digits as written.
    Int(&'a str),
    /// The digits as written.
    Float(&'a str),
    String(Cow<'a, str>),
    Boolean(bool),
    Null,
    Enum(&'a str),
    List(Vec<Value<'a>>),
    Object(Vec<Argument<'a>>),
}

impl<'a> Document<'a> {
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation<'a>> {
        self.definitions.iter().filter_map(|definition| match definition {
            Definition::Operation(operation) => Some(operation),
            Definition::Fragment(_) => None,
        })
    }

    pub(crate) fn fragments(&self) -> impl Iterator<Item = &Fragment<'a>> {
        self.definitions.iter().filter_map(|definition| match definition {
            Definition::Fragment(fragment) => Some(fragment),
            Definition::Operation(_) => None,
        })
    }
}

impl<'a> Field<'a> {
    /// The member of the response that the field fills.
    pub(crate) fn response_key(&self) -> &'a str {
        self.alias.unwrap_or(self.name.text)
    }
}

impl OperationKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// The line and column of a byte offset. Cost: linear in the text before it.
pub(crate) fn location(text: &str, at: At) -> Location {
    let before = text.get(..at as usize).unwrap_or(text);
    let mut line = 1;
    let mut start = 0;
    let mut bytes = before.bytes().enumerate().peekable();
    while let Some((place, byte)) = bytes.next() {
        let ends = match byte {
            b'\n' => true,
            // A carriage return and a line feed are one end of a line.
            b'\r' => bytes.peek().is_none_or(|(_, next)| *next != b'\n'),
            _ => false,
        };
        if ends {
            line += 1;
            start = place + 1;
        }
    }
    let column = before.get(start..).unwrap_or_default().encode_utf16().count() + 1;
    Location { line, column: u32::try_from(column).unwrap_or(u32::MAX) }
}
