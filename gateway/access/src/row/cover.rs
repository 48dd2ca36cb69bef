//! What every row that a condition admits has in common: the covers by which [`super::PredicateIndex`] finds it.
//!
//! ```text
//! author = me and status in (a, b)   ─▶ two covers: [author is me], [status is a or b]
//! status = published or author = me  ─▶ one: [status is published, author is me]
//! price > 5 and price <= 10          ─▶ one: [price from 5 to 10]
//! ```
//!
//! It must never leave out a row that the condition admits: where a type's equal values may print differently, or a constant
//! is none of the type, there is no cover. It may let in others; candidates are judged by the whole condition.

use std::sync::Arc;

use super::check::text;
use super::datum::{Constant, Kind};
use super::index::indexable;
use crate::plan::{Comparison, Filter, Operand, Rows, RuleSet, Scalar, Test};
use crate::schema::Field;

/// Of a conjunction with more, the rest adds nothing.
const COVERS: usize = 8;
/// A cover with more terms would cost more to place and to look up than it saves.
const TERMS: usize = 64;
/// What a range weighs in values, where one of several covers has to be taken before anybody knows how full each place is.
const RANGE: usize = 1_000;

/// Terms of which every admitted row satisfies at least one. Without terms it admits no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cover(pub(super) Vec<Term>);

/// One column has one of some values, or lies between two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub(super) field: Arc<Field>,
    pub(super) hold: Hold,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hold {
    /// As [`super::IndexValue::Value`] shows them.
    Values(Vec<Box<str>>),
    Range(Span),
}

/// Both ends are part of it. They are rounded, as the values that are looked up are: what lay between two numbers still does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Cover {
    /// Every row has this value in `field`, in the form that [`super::RowImage::index_value`] shows.
    #[must_use]
    pub fn value(field: &Arc<Field>, value: &str) -> Self {
        Self(vec![Term { field: Arc::clone(field), hold: Hold::Values(vec![value.into()]) }])
    }

    fn range(field: &Arc<Field>, from: f64, to: f64) -> Self {
        let span = Span { from, to };
        Self(span.holds_any().then(|| Term { field: Arc::clone(field), hold: Hold::Range(span) }).into_iter().collect())
    }

    /// The only column that it is about.
    fn column(&self) -> Option<&Arc<Field>> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().all(|term| term.field.name == first.field.name).then_some(&first.field)
    }

    fn weight(&self) -> usize {
        let weights = self.0.iter().map(|term| match &term.hold {
            Hold::Values(values) => values.len(),
            Hold::Range(_) => RANGE,
        });
        weights.sum()
    }

    /// Either of the two.
    fn or(&mut self, other: &Self) {
        for term in &other.0 {
            let same = self.0.iter_mut().find(|known| known.field.name == term.field.name && matches!(known.hold, Hold::Values(_)));
            match (same.map(|known| &mut known.hold), &term.hold) {
                (Some(Hold::Values(known)), Hold::Values(values)) => {
                    let new: Vec<_> = values.iter().filter(|value| !known.contains(value)).cloned().collect();
                    known.extend(new);
                }
                _ => self.0.push(term.clone()),
            }
        }
    }

    /// Both, where that makes one cover of two.
    fn and(&self, other: &Self) -> Option<Self> {
        if self.0.is_empty() || other.0.is_empty() {
            return Some(Self(Vec::new()));
        }
        if self.column()?.name != other.column()?.name {
            return None;
        }
        if let ([Term { field, hold: Hold::Range(a) }], [Term { hold: Hold::Range(b), .. }]) = (self.0.as_slice(), other.0.as_slice()) {
            return Some(Self::range(field, a.from.max(b.from), a.to.min(b.to)));
        }
        Some(if other.weight() < self.weight() { other.clone() } else { self.clone() })
    }
}

impl Span {
    fn holds_any(self) -> bool {
        self.from <= self.to
    }
}

/// The covers of a filter and of the rules that admit rows: each of them is enough.
pub(super) fn covers(filter: Option<&Filter>, access: &RuleSet) -> Vec<Cover> {
    let mut covers = filter.map(of_filter).unwrap_or_default();
    if let Rows::Matching(rules) = &access.rows {
        join(&mut covers, either(rules.iter().map(|rule| access.rules.get(*rule).map(of_filter).unwrap_or_default()).collect()));
    }
    covers
}

fn of_filter(filter: &Filter) -> Vec<Cover> {
    match filter {
        Filter::And(members) => {
            let mut covers = Vec::new();
            members.iter().for_each(|member| join(&mut covers, of_filter(member)));
            covers
        }
        Filter::Or(members) => either(members.iter().map(of_filter).collect()),
        Filter::Compare(comparison) => of_comparison(comparison).into_iter().collect(),
        Filter::Related { .. } => Vec::new(),
    }
}

/// All hold: two covers of one column become one.
fn join(covers: &mut Vec<Cover>, others: Vec<Cover>) {
    for other in others {
        if let Some((known, both)) = covers.iter_mut().find_map(|known| known.and(&other).map(|both| (known, both))) {
            *known = both;
        } else if covers.len() < COVERS {
            covers.push(other);
        }
    }
}

/// One of them holds: covers of a column that each of them has one for, else the lightest cover of each.
fn either(members: Vec<Vec<Cover>>) -> Vec<Cover> {
    // Who admits nothing takes nothing from the others.
    let members: Vec<_> = members.into_iter().filter(|covers| !covers.iter().any(|cover| cover.0.is_empty())).collect();
    let Some((first, rest)) = members.split_first() else { return vec![Cover(Vec::new())] };
    let of_column = first.iter().filter_map(|cover| {
        let column = cover.column()?;
        let same = |covers: &Vec<Cover>| covers.iter().find(|other| other.column().is_some_and(|other| other.name == column.name)).cloned();
        union(rest.iter().map(same), cover.clone())
    });
    let mut covers: Vec<Cover> = of_column.collect();
    if covers.is_empty() {
        let lightest = |covers: &Vec<Cover>| covers.iter().min_by_key(|cover| cover.weight()).cloned();
        covers.extend(lightest(first).and_then(|cover| union(rest.iter().map(lightest), cover)));
    }
    covers
}

fn union(others: impl Iterator<Item = Option<Cover>>, mut cover: Cover) -> Option<Cover> {
    for other in others {
        cover.or(&other?);
    }
    (cover.0.len() <= TERMS).then_some(cover)
}

fn of_comparison(comparison: &Comparison) -> Option<Cover> {
    let Operand::Column(field) = &comparison.operand else { return None };
    if !comparison.path.is_empty() {
        return None;
    }
    let kind = Kind::of(field)?;
    match &comparison.test {
        Test::Eq(scalar) => equal(field, kind, std::slice::from_ref(scalar)),
        Test::In(scalars) => equal(field, kind, scalars),
        Test::Lt(scalar) | Test::Lte(scalar) => between(field, kind, None, Some(scalar)),
        Test::Gt(scalar) | Test::Gte(scalar) => between(field, kind, Some(scalar), None),
        Test::Between(from, to) => between(field, kind, Some(from), Some(to)),
        Test::Null
        | Test::NotNull
        | Test::Empty
        | Test::NotEmpty
        | Test::Neq(_)
        | Test::Nin(_)
        | Test::NotBetween(_, _)
        | Test::Like(_)
        | Test::Json(_)
        | Test::Geometry { .. } => None,
    }
}

fn equal(field: &Arc<Field>, kind: Kind, scalars: &[Scalar]) -> Option<Cover> {
    // NULL equals nothing, so that it adds no row.
    let constants = scalars.iter().filter_map(text).map(|text| kind.constant(text)).collect::<Option<Vec<Constant>>>()?;
    let mut cover = Cover(Vec::new());
    for constant in constants {
        let one = match (indexable(field), &constant) {
            (Some(_), Constant::Integer(number)) => Cover::value(field, &number.to_string()),
            (Some(_), Constant::Text(text)) => Cover::value(field, text),
            (_, constant) => {
                let number = constant.number().filter(|_| kind.is_ordered())?;
                Cover::range(field, number, number)
            }
        };
        cover.or(&one);
    }
    (cover.0.len() <= TERMS).then_some(cover)
}

fn between(field: &Arc<Field>, kind: Kind, from: Option<&Scalar>, to: Option<&Scalar>) -> Option<Cover> {
    if !kind.is_ordered() {
        return None;
    }
    // Nothing stands in an order to NULL.
    let Some(texts) = [from, to].into_iter().map(|end| end.map_or(Some(None), |scalar| text(scalar).map(Some))).collect::<Option<Vec<_>>>()
    else {
        return Some(Cover(Vec::new()));
    };
    let [from, to] = texts.as_slice() else { return None };
    let end = |text: &Option<&str>, otherwise: f64| text.map_or(Some(otherwise), |text| kind.constant(text)?.number());
    Some(Cover::range(field, end(from, f64::NEG_INFINITY)?, end(to, f64::INFINITY)?))
}
