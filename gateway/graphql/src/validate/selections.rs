//! Fields, spreads and inline fragments in the order of the text.
//!
//! It must never follow a spread: a fragment is walked once, where it is defined.

use super::{Validator, Walked};
use crate::document::{Field, Inline, Selection, Spread};
use crate::schema::definition::{Kind, TypeId};

/// Lists about types within each other, in one question about the schema.
const MAX_LISTS: usize = 3;

impl<'d> Validator<'d, '_> {
    /// Walks selections on `parent`; without a type nothing can be said of names.
    pub(super) fn selections(&mut self, selections: &'d [Selection<'d>], parent: Option<TypeId>) -> Walked {
        for selection in selections {
            self.step()?;
            match selection {
                Selection::Field(field) => self.field(field, parent)?,
                Selection::Spread(spread) => self.spread(spread, parent)?,
                Selection::Inline(inline) => self.inline(inline, parent)?,
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &'d Field<'d>, parent: Option<TypeId>) -> Walked {
        let types = self.types;
        let name = field.name.text;
        let found = parent.and_then(|parent| types.field(parent, name));
        let ty = found.map(|found| found.ty);
        if let Some(ty) = ty {
            let base = types.get(ty.base);
            let written = || types.written_ref(ty);
            match (types.is_composite(ty.base), field.selections.first()) {
                (true, None) => {
                    let text = format!(
                        "Field \"{name}\" of type \"{}\" must have a selection of subfields. Did you mean \"{name} {{ ... }}\"?",
                        written()
                    );
                    self.fault(text, &[field.at])?;
                }
                (false, Some(_)) => {
                    let text = format!("Field \"{name}\" must not have a selection since type \"{}\" has no subfields.", written());
                    self.fault(text, &[field.braces])?;
                }
                (true, Some(_)) | (false, None) => {}
            }
            if base.name.starts_with("__") && !self.introspection {
                let text = format!("GraphQL introspection has been disabled, but the requested query contained the field \"{name}\".");
                self.fault(text, &[field.at])?;
            }
        }
        if let (Some(parent), None) = (parent, found) {
            self.unknown_field(field, parent)?;
        }
        if matches!(name, "__schema" | "__type") && Some(types.query) == parent && self.too_many_lists(field)? {
            return self.fault("Maximum introspection depth exceeded", &[field.at]);
        }
        self.directives(&field.directives, "FIELD")?;
        match (parent, found) {
            (Some(parent), Some(found)) => {
                let owner = format!("{}.{name}", types.get(parent).name);
                self.arguments(&owner, &field.arguments, found.arguments())?;
                self.selections(&field.selections, types.is_composite(found.ty.base).then_some(found.ty.base))?;
                for missing in found.arguments().iter().filter(|argument| argument.ty.is_required()) {
                    if !field.arguments.iter().any(|argument| *argument.name.text == *missing.name) {
                        let ty = types.written_ref(missing.ty);
                        let text = format!(
                            "Field \"{name}\" argument \"{}\" of type \"{ty}\" is required, but it was not provided.",
                            missing.name
                        );
                        self.fault(text, &[field.at])?;
                    }
                }
                Ok(())
            }
            (Some(_) | None, _) => {
                self.unique_arguments(&field.arguments)?;
                for argument in &field.arguments {
                    self.value(&argument.value, None)?;
                }
                self.selections(&field.selections, None)
            }
        }
    }

    fn unknown_field(&mut self, field: &'d Field<'d>, parent: TypeId) -> Walked {
        let types = self.types;
        let name = field.name.text;
        let ty = types.get(parent);
        let hint = match &ty.kind {
            Kind::Union(members) => {
                let having: Vec<String> = members
                    .iter()
                    .filter(|member| types.field(**member, name).is_some())
                    .map(|member| format!("\"{}\"", types.get(*member).name))
                    .collect();
                match having.as_slice() {
                    _ if !self.introspection => String::new(),
                    [] => String::new(),
                    [one] => format!(" Did you mean to use an inline fragment on {one}?"),
                    [one, two] => format!(" Did you mean to use an inline fragment on {one} or {two}?"),
                    [head @ .., last] => format!(" Did you mean to use an inline fragment on {}, or {last}?", head.join(", ")),
                }
            }
            Kind::Object(object) => self.hint(name, object.fields.iter().map(|field| &*field.name)),
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Input(_) => String::new(),
        };
        self.fault(format!("Cannot query field \"{name}\" on type \"{}\".{hint}", ty.name), &[field.at])
    }

    /// Whether lists of fields and types are nested so deep that the answer would grow beyond measure.
    fn too_many_lists(&mut self, field: &'d Field<'d>) -> Result<bool, super::Stop> {
        let mut open: Vec<(&Selection<'d>, usize)> = field.selections.iter().map(|selection| (selection, 0)).collect();
        let mut path_free = std::collections::HashMap::new();
        while let Some((selection, depth)) = open.pop() {
            self.step()?;
            match selection {
                Selection::Field(field) => {
                    let lists = matches!(field.name.text, "fields" | "interfaces" | "possibleTypes" | "inputFields");
                    let depth = depth + usize::from(lists);
                    if depth >= MAX_LISTS {
                        return Ok(true);
                    }
                    open.extend(field.selections.iter().map(|selection| (selection, depth)));
                }
                Selection::Inline(inline) => open.extend(inline.selections.iter().map(|selection| (selection, depth))),
                Selection::Spread(spread) => {
                    // A fragment counts again only where it stands deeper than before.
                    let before = path_free.get(spread.name.text).copied();
                    if before.is_none_or(|before| depth > before)
                        && let Some(fragment) = self.fragments.get(spread.name.text)
                    {
                        path_free.insert(spread.name.text, depth);
                        open.extend(fragment.selections.iter().map(|selection| (selection, depth)));
                    }
                }
            }
        }
        Ok(false)
    }

    fn spread(&mut self, spread: &'d Spread<'d>, parent: Option<TypeId>) -> Walked {
        let name = spread.name.text;
        match self.fragments.get(name) {
            None => self.fault(format!("Unknown fragment \"{name}\"."), &[spread.name.at])?,
            Some(fragment) => {
                if let (Some(parent), Some(on)) = (parent, self.types.find(fragment.on.text))
                    && self.never_meet(parent, on)
                {
                    let (parent, on) = (&self.types.get(parent).name, &self.types.get(on).name);
                    let text =
                        format!("Fragment \"{name}\" cannot be spread here as objects of type \"{parent}\" can never be of type \"{on}\".");
                    self.fault(text, &[spread.at])?;
                }
            }
        }
        self.directives(&spread.directives, "FRAGMENT_SPREAD")
    }

    fn inline(&mut self, inline: &'d Inline<'d>, parent: Option<TypeId>) -> Walked {
        let mut within = parent;
        if let Some(name) = inline.on {
            within = self.types.find(name.text);
            match within {
                None => self.unknown_type(name)?,
                Some(on) if !self.types.is_composite(on) => {
                    self.fault(format!("Fragment cannot condition on non composite type \"{}\".", name.text), &[name.at])?;
                    within = None;
                }
                Some(on) => {
                    if let Some(parent) = parent
                        && self.never_meet(parent, on)
                    {
                        let (parent, on) = (&self.types.get(parent).name, &self.types.get(on).name);
                        let text = format!("Fragment cannot be spread here as objects of type \"{parent}\" can never be of type \"{on}\".");
                        self.fault(text, &[inline.at])?;
                    }
                }
            }
        }
        self.directives(&inline.directives, "INLINE_FRAGMENT")?;
        self.selections(&inline.selections, within)
    }

    /// Whether no object is of both types.
    fn never_meet(&self, a: TypeId, b: TypeId) -> bool {
        let (types, both) = (self.types, self.types.is_composite(a) && self.types.is_composite(b));
        both && !types.possible(&a).iter().any(|one| types.possible(&b).contains(one))
    }
}
