//! What the rules of a plan look at beside the row that they are about.
//!
//! It must never overlook a rule: who shows a row as it is not stored relies on it that nothing else becomes visible by that.
//!
//! Cost: one walk over the plan, without allocation.

use crate::plan::{Aggregate, Filter, Function, Hop, Level, Operand, ReadPlan, Root, RuleSet, Selected, Selection, Sort};

impl ReadPlan {
    /// Whether rules take part anywhere but on the root's own rows.
    #[must_use]
    pub fn has_inner_rules(&self) -> bool {
        let root = match &self.root {
            Root::Items(level) => inside(level),
            Root::Aggregate(aggregate) => aggregated(aggregate),
        };
        root || self.count_filter.as_ref().is_some_and(filtered)
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
fn inside(level: &Level) -> bool {
    level.select.iter().any(selected) || level.filter.iter().any(filtered) || level.sort.iter().any(sorted)
}

fn whole(level: &Level) -> bool {
    restricted(&level.access) || inside(level)
}

fn selected(selection: &Selection) -> bool {
    match &selection.value {
        Selected::Column(_) => false,
        Selected::Function(function) => applied(function),
        Selected::One { level, .. } | Selected::Many { level, .. } => whole(level),
        Selected::Any { levels, .. } => levels.iter().any(whole),
    }
}

fn sorted(sort: &Sort) -> bool {
    sort.path.iter().any(joined) || operated(&sort.operand)
}

/// As for [`inside`]; functions are over columns.
fn aggregated(aggregate: &Aggregate) -> bool {
    aggregate.group.iter().any(|key| operated(&key.operand)) || aggregate.filter.iter().any(filtered)
}

fn filtered(filter: &Filter) -> bool {
    match filter {
        Filter::And(members) | Filter::Or(members) => members.iter().any(filtered),
        Filter::Compare(comparison) => comparison.path.iter().any(joined) || operated(&comparison.operand),
        Filter::Related { path, hop, filter, .. } => path.iter().chain([hop]).any(joined) || filtered(filter),
    }
}

fn joined(hop: &Hop) -> bool {
    restricted(&hop.access)
}

fn operated(operand: &Operand) -> bool {
    match operand {
        Operand::Column(_) => false,
        Operand::Function(function) => applied(function),
    }
}

fn applied(function: &Function) -> bool {
    match function {
        Function::DatePart { .. } | Function::CountJson(_) | Function::JsonPath { .. } => false,
        Function::CountRelated { access, .. } => restricted(access),
    }
}

fn restricted(set: &RuleSet) -> bool {
    !set.rules.is_empty()
}
