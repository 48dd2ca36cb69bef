//! Variables: what is defined, what is used, and whether each fits where it is used.
//!
//! It must never look at values: those come with the request and are coerced when the document is valid.

use std::collections::{HashMap, HashSet};

use super::fragments::spreads;
use super::values::Expected;
use super::{Validator, Walked};
use crate::document::{At, Name, Operation, ValueKind, Variable};
use crate::schema::definition::{Layer, written};

/// A variable in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use<'d> {
    pub(super) name: &'d str,
    pub(super) at: At,
    pub(super) expected: Option<Expected>,
}

impl<'d> Validator<'d, '_> {
    /// The definitions of an operation's variables.
    pub(super) fn definitions(&mut self, operation: &'d Operation<'d>) -> Walked {
        let mut seen: HashMap<&str, At> = HashMap::new();
        for variable in &operation.variables {
            self.step()?;
            // One behind the `$`.
            let at = variable.at + 1;
            if let Some(first) = seen.insert(variable.name, at) {
                seen.insert(variable.name, first);
                self.fault(format!("There can be only one variable named \"${}\".", variable.name), &[first, at])?;
            }
            match self.types.find(variable.ty.name.text) {
                None => self.unknown_type(variable.ty.name)?,
                Some(base) if !self.types.is_input(base) => {
                    let ty = written(&variable.ty.layers, variable.ty.name.text);
                    let text = format!("Variable \"${}\" cannot be non-input type \"{ty}\".", variable.name);
                    self.fault(text, &[variable.ty.name.at])?;
                }
                Some(base) => {
                    if let Some(default) = &variable.default {
                        self.default(default, &variable.ty.layers, base)?;
                    }
                }
            }
            self.directives(&variable.directives, "VARIABLE_DEFINITION")?;
        }
        Ok(())
    }

    /// A default value: its type is written in the document, so its layers are taken off one by one.
    fn default(&mut self, value: &'d crate::document::Value<'d>, layers: &[Layer], base: crate::schema::definition::TypeId) -> Walked {
        self.step()?;
        let (required, nullable) = if let [Layer::Required, rest @ ..] = layers { (true, rest) } else { (false, layers) };
        match (&value.kind, nullable) {
            (ValueKind::Null, _) if required => {
                let ty = written(layers, &self.types.get(base).name);
                self.fault(format!("Expected value of type \"{ty}\", found null."), &[value.at])
            }
            (ValueKind::List(items), [Layer::List, inner @ ..]) => items.iter().try_for_each(|item| self.default(item, inner, base)),
            _ => self.value(value, Some((&[], base))),
        }
    }

    pub(super) fn unknown_type(&mut self, name: Name<'d>) -> Walked {
        let types = self.types;
        let known: Vec<&str> = types.sorted().into_iter().map(|id| &*types.get(id).name).collect();
        let hint = self.hint(name.text, known.into_iter());
        self.fault(format!("Unknown type \"{}\".{hint}", name.text), &[name.at])
    }

    /// What an operation and the fragments that it reaches use.
    pub(super) fn variables(&mut self, operation: &'d Operation<'d>, own: &[Use<'d>]) -> Walked {
        let mut defined: HashMap<&str, &'d Variable<'d>> = HashMap::new();
        for variable in &operation.variables {
            defined.entry(variable.name).or_insert(variable);
        }
        let mut uses: Vec<Use<'d>> = own.to_vec();
        let mut reached = HashSet::new();
        let mut open = spreads(&operation.selections);
        while let Some(spread) = open.pop() {
            self.step()?;
            if reached.insert(spread.name.text)
                && let Some(fragment) = self.fragments.get(spread.name.text)
            {
                open.extend(spreads(&fragment.selections));
                let more = self.fragment_uses.get(spread.name.text).cloned().unwrap_or_default();
                uses.extend(more);
            }
        }
        let mut used = HashSet::new();
        for one in &uses {
            self.step()?;
            used.insert(one.name);
            match defined.get(one.name) {
                None => {
                    let by = operation.name.map(|name| format!(" by operation \"{}\"", name.text)).unwrap_or_default();
                    self.fault(format!("Variable \"${}\" is not defined{by}.", one.name), &[one.at, operation.at])?;
                }
                Some(variable) => self.position(variable, one)?,
            }
        }
        for variable in &operation.variables {
            if !used.contains(variable.name) {
                let within = operation.name.map(|name| format!(" in operation \"{}\"", name.text)).unwrap_or_default();
                self.fault(format!("Variable \"${}\" is never used{within}.", variable.name), &[variable.at])?;
            }
        }
        Ok(())
    }

    fn position(&mut self, variable: &'d Variable<'d>, one: &Use<'d>) -> Walked {
        let (Some(base), Some((layers, expected))) = (self.types.find(variable.ty.name.text), one.expected) else { return Ok(()) };
        let given = variable.ty.layers.as_slice();
        let fits = base == expected
            && match (layers, given) {
                ([Layer::Required, nullable @ ..], given) if given.first() != Some(&Layer::Required) => {
                    let has_default = variable.default.as_ref().is_some_and(|default| !matches!(default.kind, ValueKind::Null));
                    has_default && is_subtype(given, nullable)
                }
                (layers, given) => is_subtype(given, layers),
            };
        if fits {
            return Ok(());
        }
        let given = written(given, variable.ty.name.text);
        let wanted = written(layers, &self.types.get(expected).name);
        let text = format!("Variable \"${}\" of type \"{given}\" used in position expecting type \"{wanted}\".", variable.name);
        self.fault(text, &[variable.at, one.at])
    }
}

/// Whether everything that `given` allows is allowed by `wanted`; the named types are the same.
fn is_subtype(given: &[Layer], wanted: &[Layer]) -> bool {
    match (given, wanted) {
        ([], []) => true,
        ([Layer::Required, given @ ..], [Layer::Required, wanted @ ..]) | ([Layer::List, given @ ..], [Layer::List, wanted @ ..]) => {
            is_subtype(given, wanted)
        }
        ([Layer::Required, given @ ..], wanted) => is_subtype(given, wanted),
        _ => false,
    }
}
