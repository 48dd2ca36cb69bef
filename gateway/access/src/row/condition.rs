//! Conditions over one image: filters, search terms and permission rules, compiled.
//!
//! It must never evaluate a rule differently in two places: masks and row access share one compiled set and, within one
//! image, one verdict per rule.
//!
//! Cost: a tree walk that stops at the first member that decides; members are ordered so that substring searches and json
//! paths come after plain comparisons. Nothing allocates up to sixteen rules.

use std::cell::Cell;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::comparison::LocalTest;
use super::image::RowImage;
use super::{NotLocal, Verdict};
use crate::plan::{Comparison, Filter, Operand, RuleSet, Search, Shown, Test};
use crate::schema::Collection;

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
    shown: Mask,
    test: LocalTest,
}

/// Where a value counts: everywhere, or where one of these rules matches.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask(Option<Box<[usize]>>);

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
        Ok(Leaf { shown: self.mask(shown)?, test: LocalTest::new(self.collection, operand, test)? })
    }
}

impl Mask {
    /// The rules that it needs.
    pub(super) fn rules(&self) -> &[usize] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Condition {
    const fn cost(&self) -> u8 {
        match self {
            Self::Leaf(leaf) => leaf.test.cost(),
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
                Verdict::Yes => leaf.test.test(self.image),
                Verdict::No => leaf.test.on_null(),
                Verdict::Undecided => {
                    let (visible, hidden) = (leaf.test.test(self.image), leaf.test.on_null());
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
