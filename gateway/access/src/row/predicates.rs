//! The predicate index: which groups a changed row can concern, without asking each of them.
//!
//! Groups that differ only in a constant (`author = <me>`, `price between a and b`, in a filter or in a rule) are found by the
//! value that the row holds. A group is placed at every term of one of its [covers](super::Membership::covers): in the
//! bucket of each value, in an interval tree for a range. A group without a cover is among the others, which are asked about
//! every row. It must never leave out a group that a row concerns: where an image does not tell, all groups of that field
//! are candidates.
//!
//! ```text
//! row ─▶ for each indexed field: old value, new value ─▶ bucket, ranges ─▶ candidates, each with the rows that concern it
//! ```
//!
//! Cost of a row: two hash look-ups per field with values, two searches (logarithmic) per field with ranges, and one
//! insertion per candidate, however many groups there are. Placing and removing a group costs one look-up per value or range.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use iset::IntervalMap;

use super::cover::{Cover, Hold, Span, Term};
use super::datum::Kind;
use super::image::RowImage;
use super::index::{IndexNumber, IndexValue};
use crate::schema::Field;

/// Groups of one collection by the constants of their predicates.
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
    places: Option<Box<[Place]>>,
}

#[derive(Debug, Clone)]
struct Place {
    field: Arc<Field>,
    kind: Kind,
    at: At,
}

#[derive(Debug, Clone)]
enum At {
    /// One bucket for each.
    Values(Box<[Box<str>]>),
    Range(Range<i64>),
}

/// The groups that an event can concern, but for [`PredicateIndex::others`], with the places of the rows that do.
pub type Candidates<'i, G> = IndexMap<&'i G, Vec<usize>>;

#[derive(Debug, Clone)]
struct FieldIndex<G> {
    field: Arc<Field>,
    kind: Kind,
    buckets: HashMap<Box<str>, Bucket<G>>,
    ranges: IntervalMap<i64, Bucket<G>>,
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
    /// Places `group` at that of its `covers` where the fewest groups are so far.
    pub fn insert(&mut self, group: G, covers: &[Cover]) -> Placement {
        let places = covers.iter().filter_map(|cover| cover.0.iter().map(Place::of).collect::<Option<Box<[Place]>>>());
        let places = places.min_by_key(|places| (self.crowd(places), places.iter().map(|place| place.at.len()).sum::<usize>()));
        let Some(some) = &places else {
            self.others.insert(group);
            return Placement { places };
        };
        for place in some {
            self.field(place).add(&place.at, &group);
        }
        Placement { places }
    }

    /// Forgets `group`, which was placed at `placement`.
    pub fn remove(&mut self, group: &G, placement: &Placement) {
        let Some(places) = &placement.places else {
            self.others.swap_remove(group);
            return;
        };
        for place in places {
            if let Some(index) = self.fields.iter_mut().find(|index| index.is_of(place)) {
                index.take(&place.at, group);
            }
        }
        self.fields.retain(|index| !(index.buckets.is_empty() && index.ranges.is_empty()));
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
                index.find(images, |group| note(&mut candidates, group, row));
            }
        }
        candidates
    }

    fn field(&mut self, place: &Place) -> &mut FieldIndex<G> {
        let known = self.fields.iter().position(|index| index.is_of(place));
        let known = known.unwrap_or_else(|| {
            self.fields.push(FieldIndex::new(place));
            self.fields.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just now")]
        &mut self.fields[known]
    }

    fn crowd(&self, places: &[Place]) -> usize {
        let crowd = |place: &Place| self.fields.iter().find(|index| index.is_of(place)).map_or(0, |index| index.crowd(&place.at));
        places.iter().map(crowd).sum()
    }
}

impl<G: Clone + Eq + Hash> FieldIndex<G> {
    fn new(place: &Place) -> Self {
        Self { field: Arc::clone(&place.field), kind: place.kind, buckets: HashMap::new(), ranges: IntervalMap::new() }
    }

    /// After a change of the column's type, old and new groups stand side by side until the old ones are gone.
    fn is_of(&self, place: &Place) -> bool {
        self.field.name == place.field.name && self.kind == place.kind
    }

    fn find<'s>(&'s self, images: [Option<&RowImage<'_>>; 2], mut found: impl FnMut(&'s G)) {
        if !self.buckets.is_empty() {
            let [old, new] = images.map(|image| image.map_or(IndexValue::Null, |image| image.index_value(&self.field)));
            if old == IndexValue::Unknown || new == IndexValue::Unknown {
                self.buckets.values().flat_map(Bucket::iter).for_each(&mut found);
            } else {
                for value in [Some(old), Some(new).filter(|new| *new != old)].into_iter().flatten() {
                    if let IndexValue::Value(value) = value
                        && let Some(bucket) = self.buckets.get(value)
                    {
                        bucket.iter().for_each(&mut found);
                    }
                }
            }
        }
        if !self.ranges.is_empty() {
            let [old, new] = images.map(|image| image.map_or(IndexNumber::Null, |image| image.index_number(&self.field, self.kind)));
            if old == IndexNumber::Unknown || new == IndexNumber::Unknown {
                self.ranges.unsorted_values().flat_map(Bucket::iter).for_each(&mut found);
            } else {
                for number in [Some(old), Some(new).filter(|new| *new != old)].into_iter().flatten() {
                    if let IndexNumber::Number(number) = number {
                        self.ranges.values_overlap(ordered(number)).flat_map(Bucket::iter).for_each(&mut found);
                    }
                }
            }
        }
    }

    fn add(&mut self, at: &At, group: &G) {
        match at {
            At::Values(values) => {
                for value in values {
                    match self.buckets.get_mut(value) {
                        Some(bucket) => bucket.add(group.clone()),
                        None => {
                            self.buckets.insert(value.clone(), Bucket::One(group.clone()));
                        }
                    }
                }
            }
            At::Range(range) => match self.ranges.get_mut(range.clone()) {
                Some(bucket) => bucket.add(group.clone()),
                None => {
                    self.ranges.insert(range.clone(), Bucket::One(group.clone()));
                }
            },
        }
    }

    fn take(&mut self, at: &At, group: &G) {
        match at {
            At::Values(values) => {
                for value in values {
                    if self.buckets.get_mut(value).is_some_and(|bucket| bucket.take(group)) {
                        self.buckets.remove(value);
                    }
                }
            }
            At::Range(range) => {
                if self.ranges.get_mut(range.clone()).is_some_and(|bucket| bucket.take(group)) {
                    self.ranges.remove(range.clone());
                }
            }
        }
    }

    /// How many groups a row that fits is likely to find there: of ranges nobody knows how many overlap.
    fn crowd(&self, at: &At) -> usize {
        match at {
            At::Values(values) => values.iter().filter_map(|value| self.buckets.get(value)).map(Bucket::len).sum(),
            At::Range(_) => self.ranges.len(),
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
    /// `None` for a column whose values cannot be compared here.
    fn of(term: &Term) -> Option<Self> {
        let at = match &term.hold {
            Hold::Values(values) => At::Values(values.as_slice().into()),
            Hold::Range(Span { from, to }) => At::Range(ordered(*from)..ordered(*to).checked_add(1)?),
        };
        Some(Self { field: Arc::clone(&term.field), kind: Kind::of(&term.field)?, at })
    }
}

impl At {
    const fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Range(_) => 1,
        }
    }
}

/// Whole numbers in the order of the given ones, which are neither NaN nor -0.
const fn ordered(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::newsroom;

    fn field(name: &str) -> Arc<Field> {
        Arc::clone(newsroom().collection("articles").unwrap().field(name).unwrap())
    }

    /// The column has one of these values.
    fn text(name: &str, values: &[&str]) -> Cover {
        Cover(vec![Term { field: field(name), hold: Hold::Values(values.iter().map(|value| (*value).into()).collect()) }])
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
            ["a", "b", "c"].iter().zip(0_u32..).map(|(value, group)| index.insert(group, &[text("title", &[value])])).collect();
        let both = index.insert(3, &[text("title", &["a", "b"])]);
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
            index.insert(group, &[text("status", &["published"]), text("author", &[&author])]);
        }
        let image = r#"{"status":"published","author":"a0000000-0000-4000-8000-000000000042"}"#;
        // The first one met two empty fields.
        assert_eq!(found(&index, &[[None, Some(image)]]), [(0, vec![0]), (42, vec![0])]);
    }

    #[test]
    fn ranges_and_terms_of_several_columns_find_their_groups() {
        let mut index = PredicateIndex::default();
        let range = |name: &str, from: f64, to: f64| Term { field: field(name), hold: Hold::Range(Span { from, to }) };
        let mut placements = vec![
            index.insert(0, &[Cover(vec![range("price", 5.0, 10.0)])]),
            index.insert(1, &[Cover(vec![range("price", f64::NEG_INFINITY, 5.0)])]),
            index.insert(2, &[Cover(vec![range("price", -0.5, -0.5), range("price", 7.0, f64::INFINITY)])]),
            index.insert(3, &[Cover([text("status", &["published"]).0, vec![range("price", 5.0, 10.0)]].concat())]),
        ];
        for (price, expect) in
            [("4.99", vec![1]), ("5", vec![0, 1, 3]), ("10.0", vec![0, 2, 3]), ("-0.5", vec![1, 2]), ("\"NaN\"", vec![2])]
        {
            let image = format!(r#"{{"status":"draft","price":{price}}}"#);
            let groups: Vec<u32> = found(&index, &[[None, Some(&image)]]).into_iter().map(|(group, _)| group).collect();
            assert_eq!(groups, expect, "{price}");
        }
        let moved = [Some(r#"{"status":"draft","price":1}"#), Some(r#"{"status":"published","price":null}"#)];
        assert_eq!(found(&index, &[moved]), [(1, vec![0]), (3, vec![0])]);
        assert_eq!(found(&index, &[[None, Some(r#"{"status":"draft"}"#)]]).len(), 4, "a price that was left out");
        for (group, placement) in (0..4).zip(placements.drain(..)) {
            index.remove(&group, &placement);
        }
        assert!(index.fields.is_empty(), "{index:?}");
    }

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [f64::NEG_INFINITY, -1e300, -1.5, -f64::MIN_POSITIVE, 0.0, f64::MIN_POSITIVE, 0.5, 1e300, f64::INFINITY];
        assert!(numbers.map(ordered).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_constant_that_equals_nothing_finds_nothing() {
        let mut index = PredicateIndex::default();
        let placement = index.insert(1_u32, &[Cover(Vec::new())]);
        assert_eq!(found(&index, &[[None, Some(r#"{"title":"a"}"#)]]), []);
        assert_eq!(index.others().count(), 0);
        index.remove(&1, &placement);
    }
}
