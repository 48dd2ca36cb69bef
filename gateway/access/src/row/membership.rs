//! Whether a row belongs to what a level reads: access rules, filter and search.
//!
//! It must never look at sort, limit or offset: they are no property of a row.
//!
//! Cost of a test: see [`super::condition`]; of a compilation: linear in the plan, done once per subscription group.

use super::condition::{Compiler, Condition, Doubt, Judge, Rules};
use super::cover::{Cover, covers};
use super::image::RowImage;
use super::{NotLocal, Verdict};
use crate::plan::{Filter, Level, Rows, RuleSet, Search};
use crate::schema::Collection;

/// A compiled test of membership.
#[derive(Debug, Clone)]
pub struct Membership {
    /// `None`: every row exists for this session.
    access: Option<Box<[usize]>>,
    filter: Option<Condition>,
    search: Option<Condition>,
    rules: Rules,
    covers: Vec<Cover>,
}

impl Membership {
    /// Compiles filter, search and row access of `level`. All that images hold is decided; rows stay undecided only for what
    /// a single value cannot tell.
    ///
    /// # Errors
    /// [`NotLocal`] when some condition needs the database whatever the row is.
    pub fn compile(level: &Level) -> Result<Self, NotLocal> {
        Self::new(&level.collection, &level.access, level.filter.as_ref(), level.search.as_ref(), Doubt::Refuse)
    }

    /// Like [`Membership::compile`] for plans that need the database: conditions on other tables make a row undecided, unless
    /// the rest decides it. A no is certain; an undecided row must be read.
    ///
    /// # Errors
    /// [`NotLocal::Rules`] when the plan contradicts itself.
    pub fn prefilter(level: &Level) -> Result<Self, NotLocal> {
        Self::new(&level.collection, &level.access, level.filter.as_ref(), level.search.as_ref(), Doubt::Ask)
    }

    /// The same for parts of a plan, such as those of an aggregate.
    ///
    /// # Errors
    /// As [`Membership::compile`].
    pub fn of_parts(collection: &Collection, access: &RuleSet, filter: Option<&Filter>, search: Option<&Search>) -> Result<Self, NotLocal> {
        Self::new(collection, access, filter, search, Doubt::Refuse)
    }

    fn new(
        collection: &Collection,
        access: &RuleSet,
        filter: Option<&Filter>,
        search: Option<&Search>,
        doubt: Doubt,
    ) -> Result<Self, NotLocal> {
        let compiler = Compiler::new(collection, access, doubt);
        let covers = covers(filter, access);
        let filter = filter.map(|filter| compiler.filter(filter)).transpose()?;
        let search = search.map(|search| compiler.search(search)).transpose()?;
        let admitting: Option<Box<[usize]>> = match &access.rows {
            Rows::All => None,
            Rows::Matching(rules) => Some(rules.as_slice().into()),
        };
        let mut used = admitting.as_deref().unwrap_or_default().to_vec();
        filter.iter().chain(&search).for_each(|condition| condition.rules(&mut used));
        let rules = compiler.rules(access, used)?;
        Ok(Self { access: admitting, filter, search, rules, covers })
    }

    /// Whether the row is among those that the level reads.
    #[must_use]
    pub fn test(&self, image: &RowImage<'_>) -> Verdict {
        let judge = Judge::new(image, &self.rules);
        let condition = |condition: Option<&Condition>| condition.map_or(Verdict::Yes, |condition| judge.condition(condition));
        condition(self.filter.as_ref())
            .and(|| self.access.as_deref().map_or(Verdict::Yes, |rules| judge.any_rule(rules)))
            .and(|| condition(self.search.as_ref()))
    }

    /// What all rows of the view have in common; each cover is enough to find the groups that a row can concern. Empty where
    /// nothing of the kind is known.
    #[must_use]
    pub fn covers(&self) -> &[Cover] {
        &self.covers
    }
}
