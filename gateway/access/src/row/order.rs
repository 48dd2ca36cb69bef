//! The order of rows within one event.
//!
//! It must never invent an order: text under a collation, and values that the image does not hold, have none here.
//!
//! Cost: compares sort keys in place until one differs; masks are evaluated per comparison.

use std::cmp::Ordering;
use std::sync::Arc;

use super::column::Place;
use super::condition::{Compiler, Doubt, Judge, Mask, Rules};
use super::datum::{Datum, Kind, Reading};
use super::function::{LocalFunction, Number};
use super::image::RowImage;
use super::{NotLocal, Verdict};
use crate::plan::{Level, Operand};

/// The compiled sort of a level.
#[derive(Debug, Clone)]
pub struct Order {
    keys: Box<[Key]>,
    rules: Rules,
}

#[derive(Debug, Clone)]
struct Key {
    value: Value,
    mask: Mask,
    descending: bool,
}

#[derive(Debug, Clone)]
enum Value {
    Column { place: Place, kind: Kind },
    Function(LocalFunction),
}

impl Order {
    /// Compiles the sort of `level`.
    ///
    /// # Errors
    /// [`NotLocal`] when another table, a collation or a type without a known order takes part.
    pub fn compile(level: &Level) -> Result<Self, NotLocal> {
        let collection = &*level.collection;
        let compiler = Compiler::new(collection, &level.access, Doubt::Refuse);
        let mut used = Vec::new();
        let mut keys = Vec::with_capacity(level.sort.len());
        for sort in &level.sort {
            if !sort.path.is_empty() {
                return Err(NotLocal::Relation);
            }
            let value = match &sort.operand {
                Operand::Column(field) => {
                    let kind = Kind::of(field).filter(|kind| !kind.is_text() || !field.collated);
                    let kind = kind.ok_or_else(|| NotLocal::Type(Arc::clone(&field.name)))?;
                    Value::Column { place: Place::of(collection, field)?, kind }
                }
                Operand::Function(function) => Value::Function(LocalFunction::new(collection, function)?),
            };
            let mask = compiler.mask(&sort.shown)?;
            used.extend(mask.rules());
            keys.push(Key { value, mask, descending: sort.descending });
        }
        Ok(Self { keys: keys.into(), rules: compiler.rules(&level.access, used)? })
    }

    /// Whether the image holds all that the order needs. Among images that do, [`Order::compare`] always answers, and its
    /// answers are a total order: only such rows may be sorted with it.
    #[must_use]
    pub fn decides(&self, image: &RowImage<'_>) -> bool {
        let judge = Judge::new(image, &self.rules);
        self.keys.iter().all(|key| key.read(&judge).is_some())
    }

    /// How two rows stand to each other; `None` when an image does not tell. Equal rows have no order of their own.
    #[must_use]
    pub fn compare(&self, a: &RowImage<'_>, b: &RowImage<'_>) -> Option<Ordering> {
        let (judge_a, judge_b) = (Judge::new(a, &self.rules), Judge::new(b, &self.rules));
        for key in &self.keys {
            let order = match (key.read(&judge_a)?, key.read(&judge_b)?) {
                (None, None) => Ordering::Equal,
                // NULL counts as the largest value, so that it comes last, and first when descending.
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => a.compare(&b)?,
            };
            if order.is_ne() {
                return Some(if key.descending { order.reverse() } else { order });
            }
        }
        Some(Ordering::Equal)
    }
}

impl Key {
    /// The value, `None` inside for NULL; `None` outside when the image does not tell.
    fn read<'i>(&self, judge: &Judge<'_, 'i, '_>) -> Option<Option<Datum<'i>>> {
        match judge.shown(&self.mask) {
            Verdict::Yes => self.value.read(judge.image()),
            Verdict::No => Some(None),
            Verdict::Undecided => None,
        }
    }
}

impl Value {
    fn read<'i>(&self, image: &'i RowImage<'_>) -> Option<Option<Datum<'i>>> {
        match self {
            Self::Column { place, kind } => match kind.read(place.find(image)?) {
                Reading::Null => Some(None),
                Reading::Value(value) => Some(Some(value)),
                Reading::Unreadable => None,
            },
            Self::Function(function) => match function.read(image) {
                Number::Null => Some(None),
                // Of one function, all numbers are given alike.
                Number::Whole(number) | Number::Micros(number) => Some(Some(Datum::Integer(number))),
                Number::Unknown => None,
            },
        }
    }
}
