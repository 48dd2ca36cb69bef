//! Literals in their places: whether each has a form that its type takes.
//!
//! It must never convert: that is done once the document is known to be valid.

use super::suggest::{close, did_you_mean};
use super::variables::Use;
use super::{Validator, Walked};
use crate::document::{Argument, Value, ValueKind};
use crate::input;
use crate::schema::definition::{Input, Kind, Layer, TypeId, written};

/// A type in its place: layers from outside, and the named type.
pub(super) type Expected = (&'static [Layer], TypeId);

impl<'d> Validator<'d, '_> {
    /// Checks a literal; without a type only its variables count.
    pub(super) fn value(&mut self, value: &'d Value<'d>, expected: Option<Expected>) -> Walked {
        self.step()?;
        if let ValueKind::Variable(name) = value.kind {
            self.uses.push(Use { name, at: value.at, expected });
            return Ok(());
        }
        let Some((layers, base)) = expected else { return self.untyped(value) };
        if matches!(value.kind, ValueKind::Null) {
            if layers.first() == Some(&Layer::Required) {
                let text = format!("Expected value of type \"{}\", found null.", written(layers, &self.types.get(base).name));
                return self.fault(text, &[value.at]);
            }
            return Ok(());
        }
        let nullable = if let [Layer::Required, rest @ ..] = layers { rest } else { layers };
        match (&value.kind, nullable) {
            (ValueKind::List(items), [Layer::List, inner @ ..]) => items.iter().try_for_each(|item| self.value(item, Some((inner, base)))),
            // One value stands for a list of one.
            (ValueKind::Object(members), _) => match self.types.inputs(base) {
                Some(_) => self.object(value, members, base),
                None => self.leaf(value, layers, base),
            },
            _ => self.leaf(value, layers, base),
        }
    }

    fn untyped(&mut self, value: &'d Value<'d>) -> Walked {
        match &value.kind {
            ValueKind::List(items) => items.iter().try_for_each(|item| self.value(item, None)),
            ValueKind::Object(members) => {
                self.unique_members(members)?;
                members.iter().try_for_each(|member| self.value(&member.value, None))
            }
            ValueKind::Variable(_)
            | ValueKind::Int(_)
            | ValueKind::Float(_)
            | ValueKind::String(_)
            | ValueKind::Boolean(_)
            | ValueKind::Null
            | ValueKind::Enum(_) => Ok(()),
        }
    }

    fn object(&mut self, value: &'d Value<'d>, members: &'d [Argument<'d>], base: TypeId) -> Walked {
        let types = self.types;
        let name = &types.get(base).name;
        let fields = types.inputs(base).unwrap_or_default();
        for field in fields.iter().filter(|field| field.ty.is_required()) {
            if !members.iter().any(|member| member.name.text == &*field.name) {
                let text =
                    format!("Field \"{name}.{}\" of required type \"{}\" was not provided.", field.name, types.written_ref(field.ty));
                self.fault(text, &[value.at])?;
            }
        }
        self.unique_members(members)?;
        for member in members {
            match input::find(fields, member.name.text) {
                Some(field) => self.value(&member.value, Some((field.ty.wrap.layers(), field.ty.base)))?,
                None => {
                    let hint = self.hint(member.name.text, fields.iter().map(|field| &*field.name));
                    let text = format!("Field \"{}\" is not defined by type \"{name}\".{hint}", member.name.text);
                    self.fault(text, &[member.name.at])?;
                    self.value(&member.value, None)?;
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, value: &'d Value<'d>, layers: &[Layer], base: TypeId) -> Walked {
        let types = self.types;
        let ty = types.get(base);
        let written = || written(layers, &ty.name);
        match &ty.kind {
            Kind::Scalar(scalar) => {
                let fault = match input::literal(*scalar, value) {
                    Ok(()) => return self.untyped(value),
                    Err(fault) => fault,
                };
                let text = match fault {
                    input::Unfit::Told(text) => text,
                    input::Unfit::Reason(reason) => {
                        format!("Expected value of type \"{}\", found {}; {reason}", written(), value.print())
                    }
                };
                self.fault(text, &[value.at])
            }
            Kind::Enum(values) => match value.kind {
                ValueKind::Enum(name) if values.contains(&name) => Ok(()),
                ValueKind::Enum(name) => {
                    let hint = self.enum_hint(name, values);
                    self.fault(format!("Value \"{name}\" does not exist in \"{}\" enum.{hint}", ty.name), &[value.at])
                }
                ValueKind::Variable(_)
                | ValueKind::Int(_)
                | ValueKind::Float(_)
                | ValueKind::String(_)
                | ValueKind::Boolean(_)
                | ValueKind::Null
                | ValueKind::List(_)
                | ValueKind::Object(_) => {
                    let printed = value.print();
                    let hint = self.enum_hint(&printed, values);
                    self.fault(format!("Enum \"{}\" cannot represent non-enum value: {printed}.{hint}", ty.name), &[value.at])
                }
            },
            Kind::Input(_) | Kind::Object(_) | Kind::Union(_) => {
                self.fault(format!("Expected value of type \"{}\", found {}.", written(), value.print()), &[value.at])
            }
        }
    }

    fn enum_hint(&mut self, name: &str, values: &[&'static str]) -> String {
        if !self.introspection || name.len() > 100 {
            return String::new();
        }
        did_you_mean("the enum value", &close(name, values.iter().copied(), |cells| self.meter.hint(cells)))
    }

    pub(super) fn unique_arguments(&mut self, arguments: &'d [Argument<'d>]) -> Walked {
        self.unique(arguments, "argument")
    }

    fn unique_members(&mut self, members: &'d [Argument<'d>]) -> Walked {
        self.unique(members, "input field")
    }

    fn unique(&mut self, members: &'d [Argument<'d>], what: &str) -> Walked {
        let mut seen = std::collections::HashMap::with_capacity(members.len());
        for member in members {
            self.step()?;
            if let Some(first) = seen.insert(member.name.text, member.name.at) {
                seen.insert(member.name.text, first);
                let text = format!("There can be only one {what} named \"{}\".", member.name.text);
                self.fault(text, &[first, member.name.at])?;
            }
        }
        Ok(())
    }

    /// The arguments of a field.
    pub(super) fn arguments(&mut self, owner: &str, arguments: &'d [Argument<'d>], known: &[Input]) -> Walked {
        self.unique_arguments(arguments)?;
        for argument in arguments {
            match input::find(known, argument.name.text) {
                Some(input) => self.value(&argument.value, Some((input.ty.wrap.layers(), input.ty.base)))?,
                None => {
                    let hint = self.hint(argument.name.text, known.iter().map(|input| &*input.name));
                    let text = format!("Unknown argument \"{}\" on field \"{owner}\".{hint}", argument.name.text);
                    self.fault(text, &[argument.name.at])?;
                    self.value(&argument.value, None)?;
                }
            }
        }
        Ok(())
    }
}
