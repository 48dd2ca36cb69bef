//! Conditions over one image: filters, search terms and permission rules, compiled.
//!
//! It must never evaluate a rule differently in two places: masks and row access share one compiled set and, within one
//! image, one verdict per rule.
//!
//! Cost: a tree walk that stops at the first member that decides; members are ordered so that substring searches and json
//! paths come after plain comparisons. Nothing allocates up to sixteen rules.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::calendar::{self, Calendar, MICROS_PER_SECOND};
use super::check::{Check, NoCheck};
use super::column::Place;
use super::datum::{Datum, Kind, Reading};
use super::decimal::Decimal;
use super::image::{Column, RowImage};
use super::json_test::JsonCheck;
use super::like::Pattern;
use super::scan::array_length;
use super::{NotLocal, Verdict};
use crate::plan::{Comparison, DatePart, Filter, Function, Operand, RuleSet, Search, Shown, Test};
use crate::schema::{Collection, Field};

/// What happens to a condition that images cannot decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The compilation fails.
    Refuse,
    /// Rows that depend on it are undecided.
    Ask,
}

/// Compiles conditions on rows of one collection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compiler<'c> {
    pub(super) collection: &'c Collection,
    pub(super) doubt: Doubt,
    /// How many rules masks may name; inside of rules none.
    rules: usize,
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
    Leaf(Box<Leaf>),
    /// Only the database knows.
    Ask,
}

/// A compiled comparison.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    left: Left,
    shown: Mask,
    test: LeafTest,
}

/// Where a value counts: everywhere, or where one of these rules matches.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask(Option<Box<[usize]>>);

/// The left side of a comparison.
#[derive(Debug, Clone)]
enum Left {
    Column {
        place: Place,
        nullness: Nullness,
    },
    Part {
        place: Place,
        part: DatePart,
        calendar: Calendar,
    },
    /// Of JSON's null Postgres refuses to tell the length, so that a null is taken for NULL.
    ArrayLength {
        place: Place,
        nullable: bool,
    },
}

/// How an image's `null` and objects relate to SQL's NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nullness {
    /// As they look.
    Plain,
    /// A json column: `null` is NULL or JSON's null.
    Json,
    /// A json column that is never NULL.
    JsonPresent,
    /// Perhaps a row type: `IS NULL` holds when all members are NULL.
    Composite,
}

#[derive(Debug, Clone)]
enum LeafTest {
    Null,
    NotNull,
    Empty,
    NotEmpty,
    Value { kind: Kind, check: Check },
    Like(Pattern),
    Json(JsonCheck),
}

/// The compiled rules of a level.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules(Box<[Option<Condition>]>);

/// The verdicts on one image.
#[derive(Debug)]
pub(super) struct Judge<'p, 'i, 'a> {
    image: &'i RowImage<'a>,
    rules: &'p Rules,
    known: SmallVec<[Cell<Option<Verdict>>; 16]>,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(collection: &'c Collection, access: &RuleSet, doubt: Doubt) -> Self {
        Self { collection, doubt, rules: access.rules.len() }
    }

    /// Compiles those rules of `access` that `used` names.
    pub(super) fn rules(&self, access: &RuleSet, used: impl IntoIterator<Item = usize>) -> Result<Rules, NotLocal> {
        let inside = Self { rules: 0, ..*self };
        let mut rules = vec![None; access.rules.len()];
        for index in used {
            let slot = rules.get_mut(index).ok_or(NotLocal::Rules)?;
            if slot.is_none() {
                let rule = access.rules.get(index).ok_or(NotLocal::Rules)?;
                *slot = Some(inside.filter(rule)?);
            }
        }
        Ok(Rules(rules.into()))
    }

    pub(super) fn filter(&self, filter: &Filter) -> Result<Condition, NotLocal> {
        let list = |filters: &[Filter]| {
            let mut members = filters.iter().map(|filter| self.filter(filter)).collect::<Result<Vec<_>, _>>()?;
            members.sort_by_key(Condition::cost);
            Ok::<Box<[Condition]>, NotLocal>(members.into())
        };
        match filter {
            Filter::And(filters) => Ok(Condition::All(list(filters)?)),
            Filter::Or(filters) => Ok(Condition::Any(list(filters)?)),
            Filter::Compare(comparison) => self.settle(self.comparison(comparison)),
            Filter::Related { .. } => self.settle(Err(NotLocal::Relation)),
        }
    }

    pub(super) fn search(&self, search: &Search) -> Result<Condition, NotLocal> {
        let terms = search.terms.iter().map(|term| {
            let leaf = self.leaf(&Operand::Column(Arc::clone(&term.field)), &term.shown, &term.test);
            self.settle(leaf)
        });
        Ok(Condition::Any(terms.collect::<Result<_, _>>()?))
    }

    pub(super) fn mask(&self, shown: &Shown) -> Result<Mask, NotLocal> {
        match shown {
            Shown::Always => Ok(Mask(None)),
            Shown::When(rules) if rules.iter().all(|rule| *rule < self.rules) => Ok(Mask(Some(rules.as_slice().into()))),
            Shown::When(_) => Err(NotLocal::Rules),
        }
    }

    fn settle(&self, leaf: Result<Leaf, NotLocal>) -> Result<Condition, NotLocal> {
        match (leaf, self.doubt) {
            (Ok(leaf), _) => Ok(Condition::Leaf(Box::new(leaf))),
            (Err(_), Doubt::Ask) => Ok(Condition::Ask),
            (Err(reason), Doubt::Refuse) => Err(reason),
        }
    }

    fn comparison(&self, comparison: &Comparison) -> Result<Leaf, NotLocal> {
        if !comparison.path.is_empty() {
            return Err(NotLocal::Relation);
        }
        self.leaf(&comparison.operand, &comparison.shown, &comparison.test)
    }

    fn leaf(&self, operand: &Operand, shown: &Shown, test: &Test) -> Result<Leaf, NotLocal> {
        let shown = self.mask(shown)?;
        let (left, test) = match operand {
            Operand::Column(field) => {
                let left = Left::Column { place: Place::of(self.collection, field)?, nullness: Nullness::of(field) };
                (left, LeafTest::column(field, test)?)
            }
            Operand::Function(Function::DatePart { part, field }) => {
                let Some(Kind::Calendar(calendar)) = Kind::of(field) else { return Err(NotLocal::Type(Arc::clone(&field.name))) };
                (Left::Part { place: Place::of(self.collection, field)?, part: *part, calendar }, LeafTest::number(field, test)?)
            }
            Operand::Function(Function::CountJson(field)) => {
                (Left::ArrayLength { place: Place::of(self.collection, field)?, nullable: field.nullable }, LeafTest::number(field, test)?)
            }
            Operand::Function(Function::CountRelated { .. }) => return Err(NotLocal::Relation),
            Operand::Function(Function::JsonPath { field, .. }) => return Err(NotLocal::Type(Arc::clone(&field.name))),
        };
        Ok(Leaf { left, shown, test })
    }
}

impl Mask {
    /// The rules that it needs.
    pub(super) fn rules(&self) -> &[usize] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Nullness {
    fn of(field: &Field) -> Self {
        match &*field.database_type {
            "json" | "jsonb" if field.nullable => Self::Json,
            "json" | "jsonb" => Self::JsonPresent,
            _ if Kind::of(field).is_some() => Self::Plain,
            _ => Self::Composite,
        }
    }

    fn is_null(self, column: &Column<'_>) -> Option<bool> {
        let json = column.json();
        match (self, json.is_null()) {
            (Self::Json, true) => None,
            (Self::JsonPresent, _) => Some(false),
            (Self::Composite, false) if json.raw.starts_with('{') => None,
            (Self::Plain | Self::Json | Self::Composite, null) => Some(null),
        }
    }
}

impl LeafTest {
    fn column(field: &Field, test: &Test) -> Result<Self, NotLocal> {
        let kind = Kind::of(field);
        let foreign = || NotLocal::Type(Arc::clone(&field.name));
        match test {
            Test::Null => Ok(Self::Null),
            Test::NotNull => Ok(Self::NotNull),
            Test::Empty if kind == Some(Kind::Text) => Ok(Self::Empty),
            Test::NotEmpty if kind == Some(Kind::Text) => Ok(Self::NotEmpty),
            Test::Like(like) if kind == Some(Kind::Text) => {
                Pattern::new(like).map(Self::Like).ok_or_else(|| NotLocal::Constant(Arc::clone(&field.name)))
            }
            Test::Json(test) if matches!(&*field.database_type, "json" | "jsonb") => Ok(Self::Json(JsonCheck::new(test, field)?)),
            Test::Empty | Test::NotEmpty | Test::Like(_) | Test::Json(_) | Test::Geometry { .. } => Err(foreign()),
            Test::Eq(_)
            | Test::Neq(_)
            | Test::Lt(_)
            | Test::Lte(_)
            | Test::Gt(_)
            | Test::Gte(_)
            | Test::In(_)
            | Test::Nin(_)
            | Test::Between(_, _)
            | Test::NotBetween(_, _) => Self::check(kind.ok_or_else(foreign)?, field, test),
        }
    }

    /// A test of a function's result, which is a number.
    fn number(field: &Field, test: &Test) -> Result<Self, NotLocal> {
        match test {
            Test::Null => Ok(Self::Null),
            Test::NotNull => Ok(Self::NotNull),
            Test::Empty
            | Test::NotEmpty
            | Test::Eq(_)
            | Test::Neq(_)
            | Test::Lt(_)
            | Test::Lte(_)
            | Test::Gt(_)
            | Test::Gte(_)
            | Test::In(_)
            | Test::Nin(_)
            | Test::Between(_, _)
            | Test::NotBetween(_, _)
            | Test::Like(_)
            | Test::Json(_)
            | Test::Geometry { .. } => Self::check(Kind::Numeric, field, test),
        }
    }

    fn check(kind: Kind, field: &Field, test: &Test) -> Result<Self, NotLocal> {
        let ordered = kind != Kind::Text || !field.collated;
        match Check::new(kind, ordered, test) {
            Ok(check) => Ok(Self::Value { kind, check }),
            Err(NoCheck::Constant) => Err(NotLocal::Constant(Arc::clone(&field.name))),
            Err(NoCheck::Operator) => Err(NotLocal::Type(Arc::clone(&field.name))),
        }
    }

    fn on_null(&self) -> Verdict {
        match self {
            Self::Null | Self::Empty => Verdict::Yes,
            Self::Value { check, .. } => check.on_null(),
            Self::NotNull | Self::NotEmpty | Self::Like(_) => Verdict::No,
            Self::Json(check) => check.test(None),
        }
    }
}

impl Condition {
    const fn cost(&self) -> u8 {
        match self {
            Self::Leaf(leaf) => match leaf.test {
                LeafTest::Null | LeafTest::NotNull | LeafTest::Empty | LeafTest::NotEmpty | LeafTest::Value { .. } => 0,
                LeafTest::Like(_) => 2,
                LeafTest::Json(_) => 3,
            },
            Self::All(_) | Self::Any(_) => 1,
            Self::Ask => 4,
        }
    }

    /// The rules that its masks need.
    pub(super) fn rules(&self, into: &mut Vec<usize>) {
        match self {
            Self::All(members) | Self::Any(members) => members.iter().for_each(|member| member.rules(into)),
            Self::Leaf(leaf) => into.extend(leaf.shown.rules()),
            Self::Ask => {}
        }
    }
}

impl<'p, 'i, 'a> Judge<'p, 'i, 'a> {
    pub(super) fn new(image: &'i RowImage<'a>, rules: &'p Rules) -> Self {
        Self { image, rules, known: smallvec![Cell::new(None); rules.0.len()] }
    }

    pub(super) fn image(&self) -> &'i RowImage<'a> {
        self.image
    }

    /// Whether one of the rules matches.
    pub(super) fn any_rule(&self, rules: &[usize]) -> Verdict {
        Verdict::any(rules.iter().map(|rule| self.rule(*rule)))
    }

    /// Whether the value behind `mask` may be seen.
    pub(super) fn shown(&self, mask: &Mask) -> Verdict {
        mask.0.as_deref().map_or(Verdict::Yes, |rules| self.any_rule(rules))
    }

    pub(super) fn condition(&self, condition: &Condition) -> Verdict {
        match condition {
            Condition::All(members) => Verdict::all(members.iter().map(|member| self.condition(member))),
            Condition::Any(members) => Verdict::any(members.iter().map(|member| self.condition(member))),
            Condition::Leaf(leaf) => match self.shown(&leaf.shown) {
                Verdict::Yes => leaf.test(self.image),
                Verdict::No => leaf.test.on_null(),
                Verdict::Undecided => {
                    let (visible, hidden) = (leaf.test(self.image), leaf.test.on_null());
                    if visible == hidden { visible } else { Verdict::Undecided }
                }
            },
            Condition::Ask => Verdict::Undecided,
        }
    }

    fn rule(&self, index: usize) -> Verdict {
        let (Some(known), Some(Some(rule))) = (self.known.get(index), self.rules.0.get(index)) else { return Verdict::Undecided };
        known.get().unwrap_or_else(|| {
            let verdict = self.condition(rule);
            known.set(Some(verdict));
            verdict
        })
    }
}

impl Leaf {
    fn test(&self, image: &RowImage<'_>) -> Verdict {
        match &self.left {
            Left::Column { place, nullness } => place.find(image).map_or(Verdict::Undecided, |column| self.column(column, *nullness)),
            Left::Part { place, part, calendar } => {
                let Some(column) = place.find(image) else { return Verdict::Undecided };
                match Kind::Calendar(*calendar).read(column) {
                    Reading::Null => self.test.on_null(),
                    Reading::Value(Datum::Integer(number)) => match calendar::part(*part, *calendar, number) {
                        Some(value) => self.number(value, *part == DatePart::Second),
                        None => Verdict::Undecided,
                    },
                    Reading::Value(Datum::Float(_) | Datum::Numeric(_) | Datum::Text(_)) | Reading::Unreadable => Verdict::Undecided,
                }
            }
            Left::ArrayLength { place, nullable } => match place.find(image).map(Column::json) {
                Some(json) if json.is_null() && *nullable => self.test.on_null(),
                Some(json) => match array_length(json).and_then(|length| i64::try_from(length).ok()) {
                    Some(length) => self.number(length, false),
                    None => Verdict::Undecided,
                },
                None => Verdict::Undecided,
            },
        }
    }

    fn column(&self, column: &Column<'_>, nullness: Nullness) -> Verdict {
        let null = nullness.is_null(column);
        match (&self.test, null) {
            (LeafTest::Null, Some(null)) => null.into(),
            (LeafTest::NotNull, Some(null)) => (!null).into(),
            (LeafTest::Null | LeafTest::NotNull, None) => Verdict::Undecided,
            (test @ (LeafTest::Empty | LeafTest::NotEmpty | LeafTest::Value { .. } | LeafTest::Like(_)), Some(true)) => test.on_null(),
            (LeafTest::Empty, _) => column.text().map_or(Verdict::Undecided, |text| text.is_empty().into()),
            (LeafTest::NotEmpty, _) => column.text().map_or(Verdict::Undecided, |text| (!text.is_empty()).into()),
            (LeafTest::Like(pattern), _) => column.text().map_or(Verdict::Undecided, |text| pattern.test(text)),
            (LeafTest::Value { kind, check }, _) => match kind.read(column) {
                Reading::Null => check.on_null(),
                Reading::Value(value) => check.test(&value),
                Reading::Unreadable => Verdict::Undecided,
            },
            // Below the top, NULL and JSON's null look alike.
            (LeafTest::Json(check), _) => check.test(Some(column.json())),
        }
    }

    /// Tests the result of a function; `micros`: it is given in millionths.
    fn number(&self, value: i64, micros: bool) -> Verdict {
        let check = match &self.test {
            LeafTest::Null => return Verdict::No,
            LeafTest::NotNull => return Verdict::Yes,
            LeafTest::Value { check, .. } => check,
            LeafTest::Empty | LeafTest::NotEmpty | LeafTest::Like(_) | LeafTest::Json(_) => return Verdict::Undecided,
        };
        let text = number_text(value, micros);
        Decimal::plain(&text).map_or(Verdict::Undecided, |number| check.test(&Datum::Numeric(number)))
    }
}

/// Digits of a function's result, as Postgres prints them.
pub(super) fn number_text(value: i64, micros: bool) -> NumberText {
    let mut text = NumberText(SmallVec::new());
    let _infallible =
        if micros { write!(text, "{}.{:06}", value / MICROS_PER_SECOND, value % MICROS_PER_SECOND) } else { write!(text, "{value}") };
    text
}

/// A short text without an allocation.
#[derive(Debug)]
pub(super) struct NumberText(SmallVec<[u8; 32]>);

impl std::fmt::Write for NumberText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl std::ops::Deref for NumberText {
    type Target = str;

    fn deref(&self) -> &str {
        // Only text was written to it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
