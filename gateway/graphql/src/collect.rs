//! Which fields a selection comes to for one object type: fragments put in place, `@skip` and `@include` applied, fields of
//! one response key together.
//!
//! It must never put a fragment in place twice on one level, and it counts each field that it finds.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::document::{Directive, Document, Field, Fragment, Selection};
use crate::input;
use crate::meter::{Exhausted, Meter};
use crate::schema::definition::{TypeId, Types};

/// Selections that are merged into one level.
pub(crate) type Sets<'d> = Vec<&'d [Selection<'d>]>;

/// The fields of one response key; never empty.
pub(crate) struct Group<'d> {
    pub(crate) key: &'d str,
    pub(crate) first: &'d Field<'d>,
    pub(crate) more: Vec<&'d Field<'d>>,
}

/// Puts fragments in place for one operation.
pub(crate) struct Collector<'d, 's> {
    pub(crate) types: &'s Types,
    pub(crate) variables: &'s Map<String, Value>,
    pub(crate) meter: &'s mut Meter,
    fragments: HashMap<&'d str, &'d Fragment<'d>>,
}

impl<'d, 's> Collector<'d, 's> {
    pub(crate) fn new(document: &'d Document<'d>, types: &'s Types, variables: &'s Map<String, Value>, meter: &'s mut Meter) -> Self {
        Self { types, variables, meter, fragments: document.fragments().map(|fragment| (fragment.name.text, fragment)).collect() }
    }

    /// The fields of `sets` for objects of the type `object`, in the order in which their keys first appear.
    pub(crate) fn collect(&mut self, object: TypeId, sets: &Sets<'d>) -> Result<Vec<Group<'d>>, Exhausted> {
        let mut groups: Vec<Group<'d>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut seen = HashSet::new();
        let mut open: Vec<&'d Selection<'d>> = sets.iter().rev().flat_map(|set| set.iter().rev()).collect();
        while let Some(selection) = open.pop() {
            self.meter.step()?;
            match selection {
                Selection::Field(field) => {
                    if !self.is_wanted(&field.directives) {
                        continue;
                    }
                    let key = field.response_key();
                    match places.get(key).and_then(|place| groups.get_mut(*place)) {
                        Some(group) => group.more.push(field),
                        None => {
                            places.insert(key, groups.len());
                            groups.push(Group { key, first: field, more: Vec::new() });
                        }
                    }
                }
                Selection::Inline(inline) => {
                    if self.is_wanted(&inline.directives) && inline.on.is_none_or(|on| self.applies(on.text, object)) {
                        open.extend(inline.selections.iter().rev());
                    }
                }
                Selection::Spread(spread) => {
                    if self.is_wanted(&spread.directives)
                        && seen.insert(spread.name.text)
                        && let Some(fragment) = self.fragments.get(spread.name.text)
                        && self.applies(fragment.on.text, object)
                    {
                        open.extend(fragment.selections.iter().rev());
                    }
                }
            }
        }
        Ok(groups)
    }

    fn applies(&self, condition: &str, object: TypeId) -> bool {
        self.types.find(condition).is_some_and(|condition| self.types.possible(&condition).contains(&object))
    }

    fn is_wanted(&self, directives: &[Directive<'_>]) -> bool {
        let says = |name: &str, expected: bool| {
            let directive = directives.iter().find(|directive| directive.name == name);
            let argument = directive.and_then(|directive| directive.arguments.first());
            argument.is_none_or(|argument| input::flag(&argument.value, self.variables) == expected)
        };
        says("include", true) && says("skip", false)
    }
}

impl<'d> Group<'d> {
    pub(crate) fn name(&self) -> &'d str {
        self.first.name.text
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &'d Field<'d>> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// What is selected below.
    pub(crate) fn below(&self) -> Sets<'d> {
        self.fields().map(|field| field.selections.as_slice()).collect()
    }
}
