//! From rows to a response: renames, type names, unions, and the output forms of scalars.
//!
//! It must never lose an error: what cannot be put into its type becomes null with an error at its path, and where null is
//! not allowed, what holds it becomes null. JSON values pass through as text: no digit is changed.
//!
//! Cost: one pass over the rows' text per level of nesting; nothing is copied but what the response shows.

mod leaf;
mod row;
mod write;

use std::sync::Arc;

use crate::error::Location;
pub(crate) use leaf::Leaf;
pub(crate) use write::{Completion, Owner};

/// How to make a response value of the engine's JSON. Equal shapes make equal text of equal rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    pub(crate) form: Form,
    /// Null is an error.
    pub(crate) required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Leaf(Leaf),
    Object(Object),
    List(Box<Shape>),
    /// By the collection that the row's `tag` names.
    Union {
        tag: String,
        variants: Vec<Object>,
    },
    /// `true`, whatever the engine says.
    True,
    /// The call's own answer.
    Known,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub(crate) type_name: Arc<str>,
    pub(crate) members: Vec<Member>,
}

/// A member of a response object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) key: Arc<str>,
    /// The field's name in the schema, for errors.
    pub(crate) field: Arc<str>,
    pub(crate) places: Vec<Location>,
    pub(crate) source: Source,
    pub(crate) shape: Shape,
}

/// Where a member's value is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Nowhere: the name of the type.
    TypeName,
    /// The row's member of this name.
    Member(String),
    /// A member of a member.
    Below(String, String),
    /// The row itself.
    Row,
    /// The row without these members.
    Rest(Vec<String>),
}

impl Shape {
    pub(crate) const fn new(form: Form, required: bool) -> Self {
        Self { form, required }
    }
}
