//! Fields under one response key must be one field.
//!
//! It must never compare every pair: fields are gathered per level with their fragments in place, and each is compared with
//! the first of its key. Fragments multiply here, which is why each field that is gathered is a step of the meter. Documents
//! with fragments that contain themselves are not looked at: they are refused anyway.

use std::collections::{HashMap, HashSet};

use super::{Validator, Walked};
use crate::document::{Argument, At, Field, Selection, Value, ValueKind};
use crate::schema::definition::{Kind, Layer, TypeId, TypeRef};

/// A field with the type that it stands on.
#[derive(Clone, Copy)]
struct Placed<'d> {
    field: &'d Field<'d>,
    parent: Option<TypeId>,
    ty: Option<TypeRef>,
}

/// Two fields that differ.
struct Conflict {
    key: String,
    reason: Reason,
    left: Vec<At>,
    right: Vec<At>,
}

enum Reason {
    Text(String),
    Below(Vec<(String, Reason)>),
}

type Level<'d> = Vec<(&'d str, Vec<Placed<'d>>)>;

impl<'d> Validator<'d, '_> {
    pub(super) fn overlap(&mut self, root: Option<TypeId>, selections: &'d [Selection<'d>]) -> Walked {
        if !self.cyclic.is_empty() {
            return Ok(());
        }
        let mut open: Vec<Vec<(Option<TypeId>, &'d [Selection<'d>])>> = vec![vec![(root, selections)]];
        while let Some(sets) = open.pop() {
            for (key, fields) in self.level(&sets)? {
                let mut alike: Vec<(Option<TypeId>, Vec<Placed<'d>>)> = Vec::new();
                let Some((first, rest)) = fields.split_first() else { continue };
                for other in rest {
                    self.step()?;
                    if let Some(conflict) = self.conflict(key, *first, *other)? {
                        let text = format!(
                            "Fields \"{}\" conflict because {}. Use different aliases on the fields to fetch both if this was intentional.",
                            conflict.key,
                            conflict.reason.text()
                        );
                        let places: Vec<At> = conflict.left.into_iter().chain(conflict.right).collect();
                        self.fault(text, &places)?;
                    }
                }
                // Selections of one parent are merged; of different objects they only have to look alike.
                for placed in &fields {
                    match alike.iter_mut().find(|(parent, _)| *parent == placed.parent) {
                        Some((_, group)) => group.push(*placed),
                        None => alike.push((placed.parent, vec![*placed])),
                    }
                }
                for (_, group) in alike {
                    let below: Vec<_> = group
                        .iter()
                        .filter(|placed| !placed.field.selections.is_empty())
                        .map(|placed| (placed.ty.map(|ty| ty.base), placed.field.selections.as_slice()))
                        .collect();
                    if !below.is_empty() {
                        open.push(below);
                    }
                }
            }
        }
        Ok(())
    }

    /// All fields of some selections, fragments put in place, by response key.
    fn level(&mut self, sets: &[(Option<TypeId>, &'d [Selection<'d>])]) -> Result<Level<'d>, super::Stop> {
        let types = self.types;
        let mut level: Level<'d> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut seen = HashSet::new();
        let mut open: Vec<(Option<TypeId>, &'d Selection<'d>)> = Vec::new();
        for (parent, selections) in sets.iter().rev() {
            open.extend(selections.iter().rev().map(|selection| (*parent, selection)));
        }
        while let Some((parent, selection)) = open.pop() {
            self.step()?;
            match selection {
                Selection::Field(field) => {
                    let ty = parent.and_then(|parent| types.field(parent, field.name.text)).map(|found| found.ty);
                    let placed = Placed { field, parent, ty };
                    let place = *places.entry(field.response_key()).or_insert_with(|| {
                        level.push((field.response_key(), Vec::new()));
                        level.len() - 1
                    });
                    if let Some((_, fields)) = level.get_mut(place) {
                        fields.push(placed);
                    }
                }
                Selection::Inline(inline) => {
                    let parent = inline.on.map_or(parent, |name| types.find(name.text));
                    open.extend(inline.selections.iter().rev().map(|selection| (parent, selection)));
                }
                Selection::Spread(spread) => {
                    if seen.insert(spread.name.text)
                        && let Some(fragment) = self.fragments.get(spread.name.text)
                    {
                        let parent = types.find(fragment.on.text);
                        open.extend(fragment.selections.iter().rev().map(|selection| (parent, selection)));
                    }
                }
            }
        }
        Ok(level)
    }

    fn conflict(&mut self, key: &str, a: Placed<'d>, b: Placed<'d>) -> Result<Option<Conflict>, super::Stop> {
        if std::ptr::eq(a.field, b.field) {
            return Ok(None);
        }
        let conflict = |reason| Some(Conflict { key: key.to_owned(), reason, left: vec![a.field.at], right: vec![b.field.at] });
        let is_object = |ty: Option<TypeId>| ty.is_some_and(|ty| matches!(self.types.get(ty).kind, Kind::Object(_)));
        let exclusive = a.parent != b.parent && is_object(a.parent) && is_object(b.parent);
        if !exclusive {
            if a.field.name.text != b.field.name.text {
                let text = format!("\"{}\" and \"{}\" are different fields", a.field.name.text, b.field.name.text);
                return Ok(conflict(Reason::Text(text)));
            }
            if !same_arguments(&a.field.arguments, &b.field.arguments) {
                return Ok(conflict(Reason::Text("they have differing arguments".to_owned())));
            }
        }
        if let (Some(left), Some(right)) = (a.ty, b.ty)
            && !self.look_alike(left, right)
        {
            let types = self.types;
            let text = format!("they return conflicting types \"{}\" and \"{}\"", types.written_ref(left), types.written_ref(right));
            return Ok(conflict(Reason::Text(text)));
        }
        // Below one parent the merged selections are compared on their own level; below two only the looks count.
        if exclusive && !a.field.selections.is_empty() && !b.field.selections.is_empty() {
            return self.conflict_below(key, a, b);
        }
        Ok(None)
    }

    fn conflict_below(&mut self, key: &str, a: Placed<'d>, b: Placed<'d>) -> Result<Option<Conflict>, super::Stop> {
        let left = self.level(&[(a.ty.map(|ty| ty.base), a.field.selections.as_slice())])?;
        let right = self.level(&[(b.ty.map(|ty| ty.base), b.field.selections.as_slice())])?;
        let mut reasons = Vec::new();
        let (mut places_left, mut places_right) = (vec![a.field.at], vec![b.field.at]);
        let by_key: HashMap<&str, &Vec<Placed<'d>>> = right.iter().map(|(key, fields)| (*key, fields)).collect();
        for (key, fields) in &left {
            let (Some(one), Some(other)) = (fields.first(), by_key.get(key).and_then(|fields| fields.first())) else { continue };
            self.step()?;
            // Neither is on the same object as the other.
            let (types, differs) = (self.types, one.ty.zip(other.ty).filter(|(x, y)| !self.look_alike(*x, *y)));
            if let Some((x, y)) = differs {
                let text = format!("they return conflicting types \"{}\" and \"{}\"", types.written_ref(x), types.written_ref(y));
                reasons.push(((*key).to_owned(), Reason::Text(text)));
                places_left.push(one.field.at);
                places_right.push(other.field.at);
            } else if !one.field.selections.is_empty()
                && !other.field.selections.is_empty()
                && let Some(below) = self.conflict_below(key, *one, *other)?
            {
                reasons.push((below.key, below.reason));
                places_left.extend(below.left);
                places_right.extend(below.right);
            }
        }
        let found = !reasons.is_empty();
        Ok(found.then(|| Conflict { key: key.to_owned(), reason: Reason::Below(reasons), left: places_left, right: places_right }))
    }

    /// Whether values of both types can be told from the response alone: the same layers, and the same leaf.
    fn look_alike(&self, a: TypeRef, b: TypeRef) -> bool {
        let layers = |ty: TypeRef| -> Vec<Layer> { ty.wrap.layers().to_vec() };
        layers(a) == layers(b) && (a.base == b.base || (self.types.is_composite(a.base) && self.types.is_composite(b.base)))
    }
}

impl Reason {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Below(reasons) => {
                let each: Vec<String> =
                    reasons.iter().map(|(key, reason)| format!("subfields \"{key}\" conflict because {}", reason.text())).collect();
                each.join(" and ")
            }
        }
    }
}

/// Whether both lists say the same, in any order.
fn same_arguments(a: &[Argument<'_>], b: &[Argument<'_>]) -> bool {
    a.len() == b.len() && a.iter().all(|one| b.iter().any(|other| other.name.text == one.name.text && same_value(&one.value, &other.value)))
}

fn same_value(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (&a.kind, &b.kind) {
        (ValueKind::Variable(a), ValueKind::Variable(b))
        | (ValueKind::Enum(a), ValueKind::Enum(b))
        | (ValueKind::Int(a), ValueKind::Int(b))
        | (ValueKind::Float(a), ValueKind::Float(b)) => a == b,
        (ValueKind::String(a), ValueKind::String(b)) => a == b,
        (ValueKind::Boolean(a), ValueKind::Boolean(b)) => a == b,
        (ValueKind::Null, ValueKind::Null) => true,
        (ValueKind::List(a), ValueKind::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (ValueKind::Object(a), ValueKind::Object(b)) => same_arguments(a, b),
        _ => false,
    }
}
