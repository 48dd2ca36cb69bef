//! Fragments as a whole: their names, whether they contain themselves, whether anything uses them.
//!
//! It must never follow a fragment twice in one search: work is linear in the number of spreads.

use std::collections::HashSet;

use super::{Validator, Walked};
use crate::document::{At, Fragment, Operation, OperationKind, Selection, Spread};

impl<'d> Validator<'d, '_> {
    pub(super) fn fragment(&mut self, fragment: &'d Fragment<'d>) -> Walked {
        self.step()?;
        let on = self.types.find(fragment.on.text);
        match on {
            None => self.unknown_type(fragment.on)?,
            Some(on) if !self.types.is_composite(on) => {
                let text = format!("Fragment \"{}\" cannot condition on non composite type \"{}\".", fragment.name.text, fragment.on.text);
                self.fault(text, &[fragment.on.at])?;
            }
            Some(_) => {}
        }
        let first = self.fragments.get(fragment.name.text).map_or(fragment.at, |first| first.name.at);
        if first != fragment.name.at {
            let text = format!("There can be only one fragment named \"{}\".", fragment.name.text);
            self.fault(text, &[first, fragment.name.at])?;
        }
        self.directives(&fragment.directives, "FRAGMENT_DEFINITION")?;
        self.uses.clear();
        self.selections(&fragment.selections, on.filter(|on| self.types.is_composite(*on)))?;
        let uses = std::mem::take(&mut self.uses);
        self.fragment_uses.entry(fragment.name.text).or_insert(uses);
        Ok(())
    }

    /// Finds every fragment that can be reached from itself.
    pub(super) fn find_cycles(&mut self) -> Walked {
        let mut done = HashSet::new();
        for fragment in self.document.fragments() {
            self.cycles_from(fragment, &mut done)?;
        }
        Ok(())
    }

    /// A search in depth with its own stack: chains may be as long as the document.
    fn cycles_from(&mut self, start: &'d Fragment<'d>, done: &mut HashSet<&'d str>) -> Walked {
        struct Frame<'d> {
            name: &'d str,
            spreads: Vec<&'d Spread<'d>>,
            next: usize,
        }
        if !done.insert(start.name.text) {
            return Ok(());
        }
        let mut stack = vec![Frame { name: start.name.text, spreads: spreads(&start.selections), next: 0 }];
        // The spread by which each frame but the first was entered.
        let mut path: Vec<&'d Spread<'d>> = Vec::new();
        while let Some(frame) = stack.last_mut() {
            let Some(spread) = frame.spreads.get(frame.next).copied() else {
                stack.pop();
                path.pop();
                continue;
            };
            frame.next += 1;
            self.step()?;
            let target = spread.name.text;
            if let Some(place) = stack.iter().position(|frame| frame.name == target) {
                let cycle: Vec<&Spread<'d>> = path.iter().skip(place).copied().chain([spread]).collect();
                self.cyclic.extend(stack.iter().skip(place).map(|frame| frame.name));
                let via: Vec<String> = cycle.iter().take(cycle.len() - 1).map(|spread| format!("\"{}\"", spread.name.text)).collect();
                let via = if via.is_empty() { String::new() } else { format!(" via {}", via.join(", ")) };
                let places: Vec<At> = cycle.iter().map(|spread| spread.at).collect();
                self.fault(format!("Cannot spread fragment \"{target}\" within itself{via}."), &places)?;
            } else if let Some(fragment) = self.fragments.get(target).copied()
                && done.insert(target)
            {
                path.push(spread);
                stack.push(Frame { name: target, spreads: spreads(&fragment.selections), next: 0 });
            }
        }
        Ok(())
    }

    pub(super) fn unused_fragments(&mut self) -> Walked {
        let mut used: HashSet<&str> = HashSet::new();
        let mut open: Vec<&'d Spread<'d>> = self.document.operations().flat_map(|operation| spreads(&operation.selections)).collect();
        while let Some(spread) = open.pop() {
            self.step()?;
            if used.insert(spread.name.text)
                && let Some(fragment) = self.fragments.get(spread.name.text)
            {
                open.extend(spreads(&fragment.selections));
            }
        }
        for fragment in self.document.fragments() {
            if !used.contains(fragment.name.text) {
                self.fault(format!("Fragment \"{}\" is never used.", fragment.name.text), &[fragment.at])?;
            }
        }
        Ok(())
    }

    /// A subscription has one root field, and not one about the schema.
    pub(super) fn single_field(&mut self, operation: &'d Operation<'d>) -> Walked {
        debug_assert!(operation.kind == OperationKind::Subscription, "queries may have many");
        let mut groups: Vec<(&str, Vec<&crate::document::Field<'_>>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut open: Vec<&'d Selection<'d>> = operation.selections.iter().rev().collect();
        while let Some(selection) = open.pop() {
            self.step()?;
            match selection {
                Selection::Field(field) => match groups.iter_mut().find(|(key, _)| *key == field.response_key()) {
                    Some((_, fields)) => fields.push(field),
                    None => groups.push((field.response_key(), vec![field])),
                },
                Selection::Inline(inline) => open.extend(inline.selections.iter().rev()),
                Selection::Spread(spread) => {
                    if seen.insert(spread.name.text)
                        && let Some(fragment) = self.fragments.get(spread.name.text)
                    {
                        open.extend(fragment.selections.iter().rev());
                    }
                }
            }
            // Two are one too many; the rest would only cost.
            if groups.len() > 50 {
                break;
            }
        }
        let subject = operation.name.map_or_else(|| "Anonymous Subscription".to_owned(), |name| format!("Subscription \"{}\"", name.text));
        if groups.len() > 1 {
            let extra: Vec<At> = groups.iter().skip(1).flat_map(|(_, fields)| fields.iter().map(|field| field.at)).collect();
            self.fault(format!("{subject} must select only one top level field."), &extra)?;
        }
        for (_, fields) in &groups {
            if fields.first().is_some_and(|field| field.name.text.starts_with("__")) {
                let places: Vec<At> = fields.iter().map(|field| field.at).collect();
                self.fault(format!("{subject} must not select an introspection top level field."), &places)?;
            }
        }
        Ok(())
    }
}

/// Every spread below `selections`, in the order of the text.
pub(super) fn spreads<'d>(selections: &'d [Selection<'d>]) -> Vec<&'d Spread<'d>> {
    let mut found = Vec::new();
    let mut open: Vec<&Selection<'_>> = selections.iter().rev().collect();
    while let Some(selection) = open.pop() {
        match selection {
            Selection::Field(field) => open.extend(field.selections.iter().rev()),
            Selection::Inline(inline) => open.extend(inline.selections.iter().rev()),
            Selection::Spread(spread) => found.push(spread),
        }
    }
    found
}
