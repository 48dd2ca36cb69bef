//! The predicate index: which groups a changed row can concern, without asking each of them.
//!
//! Groups that differ only in an equality constant (`author = <me>`, in a filter or in a rule) are found by the value that
//! the row holds. A group is placed under one of its [`super::Membership::equality_keys`], in the bucket of each of its
//! constants; a group without any is among the others, which are asked about every row. It must never leave out a group
//! that a row concerns: where an image does not tell, all groups of that field are candidates.
//!
//! ```text
//! row ─▶ for each indexed field: old value, new value ─▶ bucket ─▶ candidates, each with the rows that concern it
//! ```
//!
//! Cost of a row: two hash look-ups per indexed field and one insertion per candidate, however many groups there are.
//! Placing and removing a group costs one look-up per constant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::datum::Kind;
use super::image::RowImage;
use super::index::{IndexValue, indexable};
use crate::plan::Scalar;
use crate::schema::Field;

/// Groups of one collection by the equality constants of their predicates.
#[derive(Debug, Clone)]
pub struct PredicateIndex<G> {
    /// Few: one per column that some predicate compares.
    fields: Vec<FieldIndex<G>>,
    others: IndexSet<G>,
}

/// Where a group was placed; [`PredicateIndex::remove`] takes it back.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    /// `None`: among the others.
    key: Option<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    field: Arc<Field>,
    kind: Kind,
    /// One bucket for each.
    values: Box<[Box<str>]>,
}

/// The groups that an event can concern, but for [`PredicateIndex::others`], with the places of the rows that do.
pub type Candidates<'i, G> = IndexMap<&'i G, Vec<usize>>;

#[derive(Debug, Clone)]
struct FieldIndex<G> {
    field: Arc<Field>,
    kind: Kind,
    buckets: HashMap<Box<str>, Bucket<G>>,
}

/// Most constants belong to one group; a set for each would be most of the memory.
#[derive(Debug, Clone)]
enum Bucket<G> {
    One(G),
    Many(IndexSet<G>),
}

impl<G> Default for PredicateIndex<G> {
    fn default() -> Self {
        Self { fields: Vec::new(), others: IndexSet::new() }
    }
}

impl<G: Clone + Eq + Hash> PredicateIndex<G> {
    /// Places `group` under that of its `keys` whose buckets hold the fewest groups so far.
    pub fn insert(&mut self, group: G, keys: &[(Arc<Field>, Vec<Scalar>)]) -> Placement {
        let places = keys.iter().filter_map(|(field, values)| Place::of(field, values));
        let key = places.min_by_key(|place| (self.crowd(place), place.values.len()));
        let Some(place) = &key else {
            self.others.insert(group);
            return Placement { key };
        };
        if !self.fields.iter().any(|index| index.is_of(place)) {
            self.fields.push(FieldIndex { field: Arc::clone(&place.field), kind: place.kind, buckets: HashMap::new() });
        }
        if let Some(index) = self.fields.iter_mut().find(|index| index.is_of(place)) {
            for value in &place.values {
                index.add(value, group.clone());
            }
        }
        Placement { key }
    }

    /// Forgets `group`, which was placed at `placement`.
    pub fn remove(&mut self, group: &G, placement: &Placement) {
        let Some(place) = &placement.key else {
            self.others.swap_remove(group);
            return;
        };
        if let Some(index) = self.fields.iter_mut().find(|index| index.is_of(place)) {
            for value in &place.values {
                index.take(value, group);
            }
        }
        self.fields.retain(|index| !index.buckets.is_empty());
    }

    /// The groups that every row may concern.
    pub fn others(&self) -> impl Iterator<Item = &G> {
        self.others.iter()
    }

    /// The groups that one of `rows`, each its old and its new image, can concern. A row without an image on one side was not
    /// there on that side.
    pub fn candidates<'r, 'i: 'r>(&'r self, rows: impl IntoIterator<Item = [Option<&'i RowImage<'i>>; 2]>) -> Candidates<'r, G> {
        let mut candidates = Candidates::new();
        if self.fields.is_empty() {
            return candidates;
        }
        for (row, images) in rows.into_iter().enumerate() {
            for index in &self.fields {
                let [old, new] = images.map(|image| image.map_or(IndexValue::Null, |image| image.index_value(&index.field)));
                if old == IndexValue::Unknown || new == IndexValue::Unknown {
                    index.buckets.values().flat_map(Bucket::iter).for_each(|group| note(&mut candidates, group, row));
                    continue;
                }
                if let IndexValue::Value(value) = old {
                    index.find(value).for_each(|group| note(&mut candidates, group, row));
                }
                if let IndexValue::Value(value) = new
                    && new != old
                {
                    index.find(value).for_each(|group| note(&mut candidates, group, row));
                }
            }
        }
        candidates
    }

    fn crowd(&self, place: &Place) -> usize {
        let Some(index) = self.fields.iter().find(|index| index.is_of(place)) else { return 0 };
        place.values.iter().filter_map(|value| index.buckets.get(value)).map(Bucket::len).sum()
    }
}

impl<G: Clone + Eq + Hash> FieldIndex<G> {
    /// After a change of the column's type, old and new groups stand side by side until the old ones are gone.
    fn is_of(&self, place: &Place) -> bool {
        self.field.name == place.field.name && self.kind == place.kind
    }

    fn find(&self, value: &str) -> impl Iterator<Item = &G> {
        self.buckets.get(value).into_iter().flat_map(Bucket::iter)
    }

    fn add(&mut self, value: &str, group: G) {
        match self.buckets.get_mut(value) {
            Some(bucket) => bucket.add(group),
            None => {
                self.buckets.insert(value.into(), Bucket::One(group));
            }
        }
    }

    fn take(&mut self, value: &str, group: &G) {
        let empty = self.buckets.get_mut(value).is_some_and(|bucket| bucket.take(group));
        if empty {
            self.buckets.remove(value);
        }
    }
}

impl<G: Clone + Eq + Hash> Bucket<G> {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(groups) => groups.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &G> {
        let (one, many) = match self {
            Self::One(group) => (Some(group), None),
            Self::Many(groups) => (None, Some(groups)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn add(&mut self, group: G) {
        match self {
            Self::One(only) if *only == group => {}
            Self::One(only) => *self = Self::Many(IndexSet::from_iter([only.clone(), group])),
            Self::Many(groups) => {
                groups.insert(group);
            }
        }
    }

    /// Whether nothing is left.
    fn take(&mut self, group: &G) -> bool {
        match self {
            Self::One(only) => only == group,
            Self::Many(groups) => {
                groups.swap_remove(group);
                groups.is_empty()
            }
        }
    }
}

/// Notes that `row` concerns `group`; rows come in order, so that a repetition is the last one.
fn note<'i, G: Eq + Hash>(candidates: &mut Candidates<'i, G>, group: &'i G, row: usize) {
    let rows = candidates.entry(group).or_default();
    if rows.last() != Some(&row) {
        rows.push(row);
    }
}

impl Place {
    /// With the constants as [`IndexValue::Value`] shows them; `None` where values cannot be looked up.
    fn of(field: &Arc<Field>, values: &[Scalar]) -> Option<Self> {
        let constant = |value: &Scalar| match value {
            Scalar::Number(text) | Scalar::Text(text) => Some(text.as_str().into()),
            Scalar::Null | Scalar::Boolean(_) => None,
        };
        let values = values.iter().map(constant).collect::<Option<_>>()?;
        Some(Self { field: Arc::clone(field), kind: indexable(field)?, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::newsroom;

    fn field(name: &str) -> Arc<Field> {
        Arc::clone(newsroom().collection("articles").unwrap().field(name).unwrap())
    }

    fn text(values: &[&str]) -> Vec<Scalar> {
        values.iter().map(|value| Scalar::Text((*value).to_owned())).collect()
    }

    fn found(index: &PredicateIndex<u32>, rows: &[[Option<&str>; 2]]) -> Vec<(u32, Vec<usize>)> {
        let parsed: Vec<[Option<RowImage<'_>>; 2]> =
            rows.iter().map(|images| images.map(|image| image.map(|image| RowImage::parse(image, &[]).unwrap()))).collect();
        let candidates = index.candidates(parsed.iter().map(|[old, new]| [old.as_ref(), new.as_ref()]));
        let mut found: Vec<_> = candidates.into_iter().map(|(group, rows)| (*group, rows)).collect();
        found.sort();
        found
    }

    #[test]
    fn old_and_new_values_find_their_groups_and_nobody_else() {
        let mut index = PredicateIndex::default();
        let placements: Vec<Placement> =
            ["a", "b", "c"].iter().zip(0_u32..).map(|(value, group)| index.insert(group, &[(field("title"), text(&[value]))])).collect();
        let both = index.insert(3, &[(field("title"), text(&["a", "b"]))]);
        let _linear = index.insert(4, &[]);
        let moved = [Some(r#"{"title":"a"}"#), Some(r#"{"title":"b"}"#)];
        assert_eq!(found(&index, &[moved]), [(0, vec![0]), (1, vec![0]), (3, vec![0])]);
        assert_eq!(found(&index, &[[None, Some(r#"{"title":"c"}"#)], moved]), [(0, vec![1]), (1, vec![1]), (2, vec![0]), (3, vec![1])]);
        assert_eq!(found(&index, &[[None, Some(r#"{"title":null}"#)], [None, Some(r#"{"title":"d"}"#)]]), []);
        // A column that was left out: whoever compares it may be concerned.
        assert_eq!(found(&index, &[[None, Some(r#"{"id":1}"#)]]).len(), 4);
        assert_eq!(index.others().copied().collect::<Vec<_>>(), [4]);
        index.remove(&3, &both);
        for (group, placement) in (0..).zip(&placements) {
            index.remove(&group, placement);
        }
        assert!(index.fields.is_empty(), "{index:?}");
    }

    #[test]
    fn a_group_goes_where_the_fewest_are() {
        let mut index = PredicateIndex::default();
        for group in 0..100_u32 {
            let author = format!("a0000000-0000-4000-8000-{group:012}");
            index.insert(group, &[(field("status"), text(&["published"])), (field("author"), text(&[&author]))]);
        }
        let image = r#"{"status":"published","author":"a0000000-0000-4000-8000-000000000042"}"#;
        // The first one met two empty fields.
        assert_eq!(found(&index, &[[None, Some(image)]]), [(0, vec![0]), (42, vec![0])]);
    }

    #[test]
    fn a_constant_that_equals_nothing_finds_nothing() {
        let mut index = PredicateIndex::default();
        let placement = index.insert(1_u32, &[(field("title"), vec![])]);
        assert_eq!(found(&index, &[[None, Some(r#"{"title":"a"}"#)]]), []);
        assert_eq!(index.others().count(), 0);
        index.remove(&1, &placement);
    }
}
