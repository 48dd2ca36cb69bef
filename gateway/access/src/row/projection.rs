//! What a member of a group sees of a row, as long as the row's own columns suffice.
//!
//! It must never print a value that its mask hides: a mask that is undecided makes the whole row undecided.
//!
//! Cost: one lookup and one copy per member; the output grows in place and nothing else allocates.

use super::calendar::{self, Calendar};
use super::column::Place;
use super::condition::{Compiler, Doubt, Judge, Mask, Rules, number_text};
use super::datum::{Datum, Kind, Reading};
use super::image::RowImage;
use super::output::Form;
use super::scan::{Found, array_length, follow};
use super::{NotLocal, Verdict};
use crate::plan::{DatePart, Function, JsonStep, Level, Selected};
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
    Part { place: Place, part: DatePart, calendar: Calendar },
    ArrayLength { place: Place, nullable: bool },
    Path { place: Place, path: Box<[JsonStep]>, binary: bool },
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
        let (Selected::Column(field)
        | Selected::Function(Function::DatePart { field, .. } | Function::CountJson(field) | Function::JsonPath { field, .. })) = selected
        else {
            return Err(NotLocal::Relation);
        };
        let place = Place::of(collection, field)?;
        let foreign = || NotLocal::Type(std::sync::Arc::clone(&field.name));
        let json = matches!(&*field.database_type, "json" | "jsonb");
        match selected {
            Selected::Function(Function::DatePart { part, .. }) => match Kind::of(field) {
                Some(Kind::Calendar(calendar)) => Ok(Self::Part { place, part: *part, calendar }),
                Some(_) | None => Err(foreign()),
            },
            Selected::Function(Function::CountJson(_)) if json => Ok(Self::ArrayLength { place, nullable: field.nullable }),
            Selected::Function(Function::JsonPath { path, .. }) if json => {
                Ok(Self::Path { place, path: path.as_slice().into(), binary: &*field.database_type == "jsonb" })
            }
            Selected::Function(Function::CountJson(_) | Function::JsonPath { .. }) => Err(foreign()),
            Selected::Column(field) => Self::column(collection, field),
            Selected::Function(Function::CountRelated { .. }) | Selected::One { .. } | Selected::Many { .. } | Selected::Any { .. } => {
                Err(NotLocal::Relation)
            }
        }
    }

    fn column(collection: &Collection, field: &Field) -> Result<Self, NotLocal> {
        Ok(Self::Column { place: Place::of(collection, field)?, form: Form::of(field)? })
    }

    fn write(&self, image: &RowImage<'_>, out: &mut Vec<u8>) -> Result<(), Undecided> {
        match self {
            Self::Column { place, form } => form.write(place.find(image).ok_or(Undecided)?, out),
            Self::Part { place, part, calendar } => {
                match Kind::Calendar(*calendar).read(place.find(image).ok_or(Undecided)?) {
                    Reading::Null => out.extend_from_slice(b"null"),
                    Reading::Value(Datum::Integer(number)) => {
                        let value = calendar::part(*part, *calendar, number).ok_or(Undecided)?;
                        text(&number_text(value, *part == DatePart::Second), out);
                    }
                    Reading::Value(Datum::Float(_) | Datum::Numeric(_) | Datum::Text(_)) | Reading::Unreadable => return Err(Undecided),
                }
                Ok(())
            }
            Self::ArrayLength { place, nullable } => {
                let json = place.find(image).ok_or(Undecided)?.json();
                if json.is_null() && *nullable {
                    out.extend_from_slice(b"null");
                    return Ok(());
                }
                let length = array_length(json).and_then(|length| i64::try_from(length).ok()).ok_or(Undecided)?;
                text(&number_text(length, false), out);
                Ok(())
            }
            Self::Path { place, path, binary } => match follow(place.find(image).ok_or(Undecided)?.json(), path, *binary) {
                Found::Value(value) => {
                    out.extend_from_slice(value.raw.as_bytes());
                    Ok(())
                }
                Found::Absent => {
                    out.extend_from_slice(b"null");
                    Ok(())
                }
                Found::Unclear => Err(Undecided),
            },
        }
    }
}

/// Numbers of functions are strings on the wire.
fn text(number: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(number.as_bytes());
    out.push(b'"');
}
