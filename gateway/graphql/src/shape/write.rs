//! Writing one response.
//!
//! It must never leave half a value behind: where an error makes a value null, what was written of it is taken back.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::row::Row;
use super::{Form, Member, Object, Shape, Source};
use crate::document::print::quoted;
use crate::error::{GraphqlError, Location, PathStep};
use crate::response::Response;

/// A value that had to become null where its place does not allow null.
pub(crate) struct Null;

/// Errors of one response; what is null beyond them is so without a word.
const MAX_ERRORS: usize = 1_000;

/// The text of a response while it is written, and the errors that it has.
#[derive(Default)]
pub(crate) struct Completion {
    out: String,
    errors: Vec<GraphqlError>,
    path: Vec<PathStep>,
    /// A root field that may not be null is.
    lost: bool,
}

/// Whose value is written: for errors.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) type_name: &'a str,
    pub(crate) field: &'a str,
    pub(crate) places: &'a [Location],
}

impl Completion {
    /// Begins a root field.
    pub(crate) fn open(&mut self, key: &str) {
        self.out.push(if self.out.is_empty() { '{' } else { ',' });
        self.out.push_str(&quoted(key));
        self.out.push(':');
    }

    /// Writes the value of a root field.
    pub(crate) fn complete_root(&mut self, key: &Arc<str>, shape: &Shape, value: Option<&RawValue>, owner: Owner<'_>) {
        self.path.push(PathStep::Key(Arc::clone(key)));
        let result = self.complete(shape, value.map(RawValue::get), None, owner);
        self.path.pop();
        self.lost |= result.is_err();
    }

    /// A root field whose call failed.
    pub(crate) fn fail(&mut self, key: &Arc<str>, shape: &Shape, mut error: GraphqlError, place: Location) {
        if error.locations.is_empty() {
            error.locations.push(place);
        }
        error.path = vec![PathStep::Key(Arc::clone(key))];
        self.errors.push(error);
        self.out.push_str("null");
        self.lost |= shape.required;
    }

    /// The response.
    pub(crate) fn close(mut self) -> Response {
        self.out.push_str(if self.out.is_empty() { "{}" } else { "}" });
        let data = if self.lost { "null".to_owned() } else { self.out };
        Response { data: RawValue::from_string(data).ok(), errors: self.errors }
    }

    fn complete(&mut self, shape: &Shape, value: Option<&str>, parent: Option<&Row<'_>>, owner: Owner<'_>) -> Result<(), Null> {
        let mark = self.out.len();
        let Some(value) = value.filter(|value| *value != "null") else {
            if shape.required {
                self.error(format!("Cannot return null for non-nullable field {}.{}.", owner.type_name, owner.field), owner);
                return Err(Null);
            }
            self.out.push_str("null");
            return Ok(());
        };
        match self.value(shape, value, parent, owner) {
            Ok(()) => Ok(()),
            Err(Null) => {
                self.out.truncate(mark);
                if shape.required {
                    return Err(Null);
                }
                self.out.push_str("null");
                Ok(())
            }
        }
    }

    fn value(&mut self, shape: &Shape, value: &str, parent: Option<&Row<'_>>, owner: Owner<'_>) -> Result<(), Null> {
        match &shape.form {
            Form::Leaf(leaf) => leaf.write(value, &mut self.out).map_err(|text| self.null(text, owner)),
            Form::True => {
                self.out.push_str("true");
                Ok(())
            }
            Form::Known => {
                self.out.push_str(value);
                Ok(())
            }
            Form::List(item) => {
                let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value) else {
                    let text = format!("Expected Iterable, but did not find one for field \"{}.{}\".", owner.type_name, owner.field);
                    return Err(self.null(text, owner));
                };
                self.out.push('[');
                for (place, value) in items.into_iter().enumerate() {
                    if place > 0 {
                        self.out.push(',');
                    }
                    self.path.push(PathStep::Index(place));
                    let result = self.complete(item, Some(value.get()), None, owner);
                    self.path.pop();
                    result?;
                }
                self.out.push(']');
                Ok(())
            }
            Form::Object(object) => self.object(object, value),
            Form::Union { tag, variants } => {
                let name = parent.and_then(|row| row.get(tag)).and_then(|tag| serde_json::from_str::<String>(tag.get()).ok());
                match variants.iter().find(|variant| Some(&*variant.type_name) == name.as_deref()) {
                    Some(variant) => self.object(variant, value),
                    None => {
                        let text = format!("Abstract type of \"{}.{}\" could not be resolved.", owner.type_name, owner.field);
                        Err(self.null(text, owner))
                    }
                }
            }
        }
    }

    fn object(&mut self, object: &Object, value: &str) -> Result<(), Null> {
        // A bare key stands for an object of which nothing was asked.
        let row = Row::read(value).unwrap_or(Row(Vec::new()));
        self.out.push('{');
        for (place, member) in object.members.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            self.out.push_str(&quoted(&member.key));
            self.out.push(':');
            self.path.push(PathStep::Key(Arc::clone(&member.key)));
            let result = self.member(object, member, &row, value);
            self.path.pop();
            result?;
        }
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self, object: &Object, member: &Member, row: &Row<'_>, whole: &str) -> Result<(), Null> {
        let owner = Owner { type_name: &object.type_name, field: &member.field, places: &member.places };
        match &member.source {
            Source::TypeName => {
                self.out.push_str(&quoted(&object.type_name));
                Ok(())
            }
            Source::Member(name) => self.complete(&member.shape, row.get(name).map(RawValue::get), Some(row), owner),
            Source::Below(name, inner) => {
                let inner = row.get(name).and_then(|value| Row::read(value.get())?.get(inner));
                self.complete(&member.shape, inner.map(RawValue::get), Some(row), owner)
            }
            Source::Row => self.complete(&member.shape, Some(whole), Some(row), owner),
            Source::Rest(without) => {
                let rest: Vec<String> = row
                    .0
                    .iter()
                    .filter(|(name, _)| !without.iter().any(|without| without == name))
                    .map(|(name, value)| format!("{}:{}", quoted(name), value.get()))
                    .collect();
                self.out.push_str(&format!("{{{}}}", rest.join(",")));
                Ok(())
            }
        }
    }

    fn null(&mut self, text: String, owner: Owner<'_>) -> Null {
        self.error(text, owner);
        Null
    }

    fn error(&mut self, message: String, owner: Owner<'_>) {
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        let error = GraphqlError { locations: owner.places.to_vec(), path: self.path.clone(), ..GraphqlError::new(message) };
        self.errors.push(error);
    }
}
