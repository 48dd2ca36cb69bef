//! What a member of a group sees of a row, as long as the row's own columns suffice.
//!
//! It must never print a value that its mask hides: a mask that is undecided makes the whole row undecided.
//!
//! Cost: one lookup and one copy per member; the output grows in place and nothing else allocates.

use super::column::{Place, holds_json};
use super::condition::{Compiler, Doubt, Judge, Mask, Rules};
use super::function::{LocalFunction, Number};
use super::image::RowImage;
use super::output::Form;
use super::scan::{Found, follow};
use super::{NotLocal, Verdict};
use crate::plan::{Function, JsonStep, Level, Selected};
use crate::schema::{Collection, Field};

/// The compiled selection of a level.
#[derive(Debug, Clone)]
pub struct Projection {
    shape: Shape,
    rules: Rules,
}

/// The image does not tell; the row must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row image does not hold all that is shown")]
pub struct Undecided;

#[derive(Debug, Clone)]
enum Shape {
    /// A bare key.
    Key(Value),
    Object(Box<[Member]>),
}

#[derive(Debug, Clone)]
struct Member {
    /// `"name":`.
    name: Box<[u8]>,
    mask: Mask,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Column { place: Place, form: Form },
    Function(LocalFunction),
    Path { place: Place, path: Box<[JsonStep]>, binary: bool, as_text: bool },
}

impl Projection {
    /// Compiles the selection of `level`.
    ///
    /// # Errors
    /// [`NotLocal`] when a relation or a type that only Postgres can print is selected.
    pub fn compile(level: &Level) -> Result<Self, NotLocal> {
        let collection = &*level.collection;
        let compiler = Compiler::new(collection, &level.access, Doubt::Refuse);
        if level.select.is_empty() {
            let key = collection.key_field().ok_or(NotLocal::Relation)?;
            return Ok(Self { shape: Shape::Key(Value::column(collection, key)?), rules: Rules::default() });
        }
        let mut members = Vec::with_capacity(level.select.len());
        let mut used = Vec::new();
        for selection in &level.select {
            let mut name = serde_json::to_vec(&selection.key).unwrap_or_default();
            name.push(b':');
            let mask = compiler.mask(&selection.shown)?;
            used.extend(mask.rules());
            members.push(Member { name: name.into(), mask, value: Value::of(collection, &selection.value)? });
        }
        Ok(Self { shape: Shape::Object(members.into()), rules: compiler.rules(&level.access, used)? })
    }

    /// Appends what is shown of the row: one JSON object, or the bare key.
    ///
    /// # Errors
    /// [`Undecided`], with nothing appended, when the row must be read instead.
    pub fn write(&self, image: &RowImage<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        let start = out.len();
        let written = match &self.shape {
            Shape::Key(value) => value.write(image, out),
            Shape::Object(members) => self.object(members, image, out),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn object(&self, members: &[Member], image: &RowImage<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        let judge = Judge::new(image, &self.rules);
        out.push(b'{');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.name);
            match judge.shown(&member.mask) {
                Verdict::Yes => member.value.write(image, out)?,
                Verdict::No => out.extend_from_slice(b"null"),
                Verdict::Undecided => return Err(Undecided),
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl Value {
    fn of(collection: &Collection, selected: &Selected) -> Result<Self, NotLocal> {
        match selected {
            Selected::Column(field) => Self::column(collection, field),
            Selected::Function(Function::JsonPath { field, path }) => Ok(Self::Path {
                place: Place::of(collection, field)?,
                path: path.as_slice().into(),
                binary: &*field.database_type == "jsonb",
                as_text: holds_json(field)?,
            }),
            Selected::Function(function) => Ok(Self::Function(LocalFunction::new(collection, function)?)),
            Selected::One { .. } | Selected::Many { .. } | Selected::Any { .. } => Err(NotLocal::Relation),
        }
    }

    fn column(collection: &Collection, field: &Field) -> Result<Self, NotLocal> {
        Ok(Self::Column { place: Place::of(collection, field)?, form: Form::of(field)? })
    }

    fn write(&self, image: &RowImage<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        match self {
            Self::Column { place, form } => form.write(place.find(image).ok_or(Undecided)?, out),
            Self::Function(function) => {
                match function.read(image) {
                    Number::Null => out.extend_from_slice(b"null"),
                    number @ (Number::Whole(_) | Number::Micros(_) | Number::Unknown) => text(&number.digits().ok_or(Undecided)?, out),
                }
                Ok(())
            }
            Self::Path { place, path, binary, as_text } => {
                let document = place.find(image).and_then(|column| column.document(*as_text)).ok_or(Undecided)?;
                match follow(document, path, *binary) {
                    Found::Value(value) => out.extend_from_slice(value.raw.as_bytes()),
                    Found::Absent => out.extend_from_slice(b"null"),
                    Found::Unclear => return Err(Undecided),
                }
                Ok(())
            }
        }
    }
}

/// Numbers of functions are strings on the wire.
fn text(number: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(number.as_bytes());
    out.push(b'"');
}
