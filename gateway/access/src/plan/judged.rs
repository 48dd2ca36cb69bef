//! Which collections the rules of a plan look at.
//!
//! It must never overlook a rule: who shows a row as it is not stored relies on it that nothing else becomes visible by that.
//!
//! Cost: one walk over the plan, without allocation.

use crate::plan::{Aggregate, Filter, Function, Hop, Level, Operand, ReadPlan, Root, RuleSet, Selected, Selection, Sort};

/// Says of a collection whether it counts.
type Counts<'c> = &'c dyn Fn(&str) -> bool;

impl ReadPlan {
    /// Whether what a rule grants depends on the rows of a collection that `counts`: rules of it, or that reach into it. The
    /// rules of the root's own rows are left out.
    #[must_use]
    pub fn rules_depend_on(&self, counts: &dyn Fn(&str) -> bool) -> bool {
        let root = match &self.root {
            Root::Items(level) => inside(level, counts),
            Root::Aggregate(aggregate) => aggregated(aggregate, counts),
        };
        root || self.count_filter.as_ref().is_some_and(|filter| filtered(filter, counts))
    }
}

impl Filter {
    /// Whether the filter looks at rows of other tables, or at other rows of its own.
    #[must_use]
    pub fn is_related(&self) -> bool {
        match self {
            Self::And(members) | Self::Or(members) => members.iter().any(Self::is_related),
            Self::Compare(comparison) => {
                !comparison.path.is_empty() || matches!(comparison.operand, Operand::Function(Function::CountRelated { .. }))
            }
            Self::Related { .. } => true,
        }
    }
}

/// Everything of a level but the rules of its own rows. A search stays within their columns.
fn inside(level: &Level, counts: Counts<'_>) -> bool {
    level.select.iter().any(|selection| selected(selection, counts))
        || level.filter.iter().any(|filter| filtered(filter, counts))
        || level.sort.iter().any(|sort| sorted(sort, counts))
}

fn whole(level: &Level, counts: Counts<'_>) -> bool {
    rules(&level.access, &level.collection.name, counts) || inside(level, counts)
}

fn selected(selection: &Selection, counts: Counts<'_>) -> bool {
    match &selection.value {
        Selected::Column(_) => false,
        Selected::Function(function) => applied(function, counts),
        Selected::One { level, .. } | Selected::Many { level, .. } => whole(level, counts),
        Selected::Any { levels, .. } => levels.iter().any(|level| whole(level, counts)),
    }
}

fn sorted(sort: &Sort, counts: Counts<'_>) -> bool {
    sort.path.iter().any(|hop| joined(hop, counts)) || operated(&sort.operand, counts)
}

/// As for [`inside`]; functions are over columns.
fn aggregated(aggregate: &Aggregate, counts: Counts<'_>) -> bool {
    aggregate.group.iter().any(|key| operated(&key.operand, counts)) || aggregate.filter.iter().any(|filter| filtered(filter, counts))
}

fn filtered(filter: &Filter, counts: Counts<'_>) -> bool {
    match filter {
        Filter::And(members) | Filter::Or(members) => members.iter().any(|member| filtered(member, counts)),
        Filter::Compare(comparison) => comparison.path.iter().any(|hop| joined(hop, counts)) || operated(&comparison.operand, counts),
        Filter::Related { path, hop, filter, .. } => path.iter().chain([hop]).any(|hop| joined(hop, counts)) || filtered(filter, counts),
    }
}

fn joined(hop: &Hop, counts: Counts<'_>) -> bool {
    rules(&hop.access, &hop.target.name, counts)
}

fn operated(operand: &Operand, counts: Counts<'_>) -> bool {
    match operand {
        Operand::Column(_) => false,
        Operand::Function(function) => applied(function, counts),
    }
}

fn applied(function: &Function, counts: Counts<'_>) -> bool {
    match function {
        Function::DatePart { .. } | Function::CountJson(_) | Function::JsonPath { .. } => false,
        Function::CountRelated { collection, access, .. } => rules(access, &collection.name, counts),
    }
}

/// The rules of `collection`, where it has any.
fn rules(set: &RuleSet, collection: &str, counts: Counts<'_>) -> bool {
    !set.rules.is_empty() && (counts(collection) || set.rules.iter().any(|rule| reaches(rule, counts)))
}

/// Whether a rule goes through a collection that counts.
fn reaches(rule: &Filter, counts: Counts<'_>) -> bool {
    let through = |hop: &Hop| counts(&hop.target.name);
    let counted = |operand: &Operand| match operand {
        Operand::Function(Function::CountRelated { collection, .. }) => counts(&collection.name),
        Operand::Column(_) | Operand::Function(Function::DatePart { .. } | Function::CountJson(_) | Function::JsonPath { .. }) => false,
    };
    match rule {
        Filter::And(members) | Filter::Or(members) => members.iter().any(|member| reaches(member, counts)),
        Filter::Compare(comparison) => comparison.path.iter().any(through) || counted(&comparison.operand),
        Filter::Related { path, hop, filter, .. } => path.iter().chain([hop]).any(through) || reaches(filter, counts),
    }
}
