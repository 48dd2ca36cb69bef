//! From literals and JSON variables to the values that calls are made of.
//!
//! It must never let a value through in a form that its type does not take. Literals are checked by [`literal`] while the
//! document is validated and converted by [`argument`] afterwards; variables are checked and converted by [`variables`].

mod inspect;
mod scalar;

use serde_json::{Map, Value as Json};

use crate::document::print::quoted;
use crate::document::{Argument, At, Operation, Value, ValueKind, location};
use crate::error::GraphqlError;
use crate::schema::definition::{Input, Kind, Layer, TypeId, Types, written};
use crate::schema::natural;
use crate::validate::suggest::{close, did_you_mean};
use inspect::inspect;
pub(crate) use scalar::{Unfit, literal};

/// Faults of variables after which the rest is not looked at.
const MAX_ERRORS: usize = 50;

/// A field or argument by its name.
pub(crate) fn find<'i>(inputs: &'i [Input], name: &str) -> Option<&'i Input> {
    let place = inputs.binary_search_by(|input| natural::compare(&input.name, name)).ok()?;
    inputs.get(place)
}

/// The value of an argument, if it has one: neither a missing argument nor a variable without value counts as null.
pub(crate) fn argument(types: &Types, arguments: &[Argument<'_>], input: &Input, variables: &Map<String, Json>) -> Option<Json> {
    let argument = arguments.iter().find(|argument| argument.name.text == &*input.name)?;
    convert(types, &argument.value, input.ty.wrap.layers(), input.ty.base, variables)
}

/// A valid literal as JSON.
fn convert(types: &Types, value: &Value<'_>, layers: &[Layer], base: TypeId, variables: &Map<String, Json>) -> Option<Json> {
    let layers = if let [Layer::Required, rest @ ..] = layers { rest } else { layers };
    match (&value.kind, layers) {
        (ValueKind::Variable(name), _) => variables.get(*name).cloned(),
        (ValueKind::Null, _) => Some(Json::Null),
        (ValueKind::List(items), [Layer::List, inner @ ..]) => {
            // A variable without value is null in a list.
            Some(items.iter().map(|item| convert(types, item, inner, base, variables).unwrap_or(Json::Null)).collect())
        }
        (_, [Layer::List, inner @ ..]) => Some(Json::Array(vec![convert(types, value, inner, base, variables)?])),
        (ValueKind::Object(members), _) => match types.inputs(base) {
            Some(fields) => {
                let mut object = Map::new();
                for member in members {
                    if let Some(field) = find(fields, member.name.text)
                        && let Some(value) = convert(types, &member.value, field.ty.wrap.layers(), field.ty.base, variables)
                    {
                        object.insert(member.name.text.to_owned(), value);
                    }
                }
                Some(Json::Object(object))
            }
            None => Some(scalar::untyped(value, variables)),
        },
        (_, _) => match types.get(base).kind {
            Kind::Scalar(scalar) => Some(scalar::converted(scalar, value, variables)),
            Kind::Enum(_) | Kind::Input(_) | Kind::Object(_) | Kind::Union(_) => Some(scalar::untyped(value, variables)),
        },
    }
}

/// A boolean argument of a directive.
pub(crate) fn flag(value: &Value<'_>, variables: &Map<String, Json>) -> bool {
    match value.kind {
        ValueKind::Boolean(flag) => flag,
        ValueKind::Variable(name) => variables.get(name).and_then(Json::as_bool).unwrap_or(false),
        ValueKind::Int(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Null
        | ValueKind::Enum(_)
        | ValueKind::List(_)
        | ValueKind::Object(_) => false,
    }
}

/// One variable that is being coerced.
struct Coercion<'a> {
    types: &'a Types,
    text: &'a str,
    at: At,
    name: &'a str,
    hints: bool,
    errors: &'a mut Vec<GraphqlError>,
}

/// A step into a variable's value.
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The values of an operation's variables.
///
/// # Errors
/// Every fault of the values that were sent.
pub(crate) fn variables(
    types: &Types,
    text: &str,
    operation: &Operation<'_>,
    sent: Option<&Map<String, Json>>,
    hints: bool,
) -> Result<Map<String, Json>, Vec<GraphqlError>> {
    let mut values = Map::new();
    let mut errors = Vec::new();
    for variable in &operation.variables {
        let Some(base) = types.find(variable.ty.name.text) else { continue };
        let layers = variable.ty.layers.as_slice();
        let required = layers.first() == Some(&Layer::Required);
        let place = location(text, variable.at);
        let ty = || written(layers, variable.ty.name.text);
        match (sent.and_then(|sent| sent.get(variable.name)), &variable.default) {
            (None, Some(default)) => {
                values.insert(variable.name.to_owned(), convert(types, default, layers, base, &Map::new()).unwrap_or(Json::Null));
            }
            (None, None) if required => {
                let text = format!("Variable \"${}\" of required type \"{}\" was not provided.", variable.name, ty());
                errors.push(GraphqlError::new(text).at(place));
            }
            (None, None) => {}
            (Some(Json::Null), _) if required => {
                let text = format!("Variable \"${}\" of non-null type \"{}\" must not be null.", variable.name, ty());
                errors.push(GraphqlError::new(text).at(place));
            }
            (Some(value), _) => {
                let mut coercion = Coercion { types, text, at: variable.at, name: variable.name, hints, errors: &mut errors };
                let value = coercion.coerce(value, layers, base, &mut Vec::new());
                values.insert(variable.name.to_owned(), value);
            }
        }
        if errors.len() > MAX_ERRORS {
            errors.truncate(MAX_ERRORS);
            errors.push(GraphqlError::new("Too many errors processing variables, error limit reached. Execution aborted."));
            break;
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

impl<'a> Coercion<'a> {
    fn coerce<'v>(&mut self, value: &'v Json, layers: &[Layer], base: TypeId, path: &mut Vec<Step<'v>>) -> Json
    where
        'a: 'v,
    {
        if let [Layer::Required, rest @ ..] = layers {
            if value.is_null() {
                let ty = written(layers, &self.types.get(base).name);
                self.fault(value, path, &format!("Expected non-nullable type \"{ty}\" not to be null."));
                return Json::Null;
            }
            return self.coerce(value, rest, base, path);
        }
        match (value, layers) {
            (Json::Null, _) => Json::Null,
            (Json::Array(items), [Layer::List, inner @ ..]) => {
                let mut list = Vec::with_capacity(items.len());
                for (place, item) in items.iter().enumerate() {
                    path.push(Step::Item(place));
                    list.push(self.coerce(item, inner, base, path));
                    path.pop();
                }
                Json::Array(list)
            }
            (_, [Layer::List, inner @ ..]) => Json::Array(vec![self.coerce(value, inner, base, path)]),
            (_, _) => self.named(value, base, path),
        }
    }

    fn named<'v>(&mut self, value: &'v Json, base: TypeId, path: &mut Vec<Step<'v>>) -> Json
    where
        'a: 'v,
    {
        let types = self.types;
        let ty = types.get(base);
        match &ty.kind {
            Kind::Input(fields) => self.object(value, &ty.name, fields, path),
            Kind::Scalar(scalar) => match scalar::parsed(*scalar, value) {
                Ok(value) => value,
                Err(Unfit::Told(text)) => {
                    self.fault(value, path, &text);
                    Json::Null
                }
                Err(Unfit::Reason(reason)) => {
                    self.fault(value, path, &format!("Expected type \"{}\". {reason}", ty.name));
                    Json::Null
                }
            },
            Kind::Enum(values) => match value {
                Json::String(name) if values.contains(&name.as_str()) => value.clone(),
                Json::String(name) => {
                    let hint = self.hint("the enum value", name, values.iter().copied());
                    self.fault(value, path, &format!("Value {} does not exist in \"{}\" enum.{hint}", quoted(name), ty.name));
                    Json::Null
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    let text = format!("Enum \"{}\" cannot represent non-string value: {}.", ty.name, inspect(value));
                    self.fault(value, path, &text);
                    Json::Null
                }
            },
            Kind::Object(_) | Kind::Union(_) => Json::Null,
        }
    }

    fn object<'v>(&mut self, value: &'v Json, name: &str, fields: &'a [Input], path: &mut Vec<Step<'v>>) -> Json
    where
        'a: 'v,
    {
        let Json::Object(members) = value else {
            self.fault(value, path, &format!("Expected type \"{name}\" to be an object."));
            return Json::Null;
        };
        for field in fields.iter().filter(|field| field.ty.is_required() && !members.contains_key(&*field.name)) {
            let ty = self.types.written_ref(field.ty);
            self.fault(value, path, &format!("Field \"{}\" of required type \"{ty}\" was not provided.", field.name));
        }
        let mut object = Map::with_capacity(members.len());
        for (key, member) in members {
            let Some(field) = find(fields, key) else {
                let hint = self.hint("", key, fields.iter().map(|field| &*field.name));
                self.fault(value, path, &format!("Field {} is not defined by type \"{name}\".{hint}", quoted(key)));
                continue;
            };
            path.push(Step::Member(key));
            let coerced = self.coerce(member, field.ty.wrap.layers(), field.ty.base, path);
            path.pop();
            object.insert(key.clone(), coerced);
        }
        Json::Object(object)
    }

    fn hint<'n>(&self, what: &str, name: &str, options: impl Iterator<Item = &'n str>) -> String {
        // Fifty faults at most have hints, and only for short names.
        if !self.hints || self.errors.len() >= 5 || name.len() > 100 {
            return String::new();
        }
        did_you_mean(what, &close(name, options, |_| true))
    }

    fn fault(&mut self, value: &Json, path: &[Step<'_>], text: &str) {
        if self.errors.len() > MAX_ERRORS {
            return;
        }
        let mut message = format!("Variable \"${}\" got invalid value {}", self.name, inspect(value));
        if !path.is_empty() {
            message.push_str(&format!(" at \"{}", self.name));
            for step in path {
                match step {
                    Step::Member(name) => message.push_str(&format!(".{name}")),
                    Step::Item(place) => message.push_str(&format!("[{place}]")),
                }
            }
            message.push('"');
        }
        self.errors.push(GraphqlError::new(format!("{message}; {text}")).at(location(self.text, self.at)));
    }
}
