//! Executes a read plan over row images: who sees a changed row, and what they see, without asking the database.
//!
//! It must never guess: wherever Postgres could answer differently from this code (collations, unknown types, values that
//! were left out of the image), the answer is [`Verdict::Undecided`] for the row, or [`NotLocal`] for the whole plan, and
//! the database is read instead. It must never widen a plan either: masks and row rules are evaluated as planned.
//!
//! ```text
//! Level ──compile, once per subscription group──▶ Membership, Projection, Order
//! image JSON ──RowImage::parse, once per row──▶ RowImage ──PredicateIndex::candidates──▶ Membership::test ─▶ Projection::write
//! ```
//!
//! Costs: parsing is one pass over the image's bytes and one allocation, whatever the number of columns; text that holds
//! escapes is unescaped once per image, when a group first looks at it. A membership test allocates nothing; it compares
//! against constants that were parsed at compile time. A projection copies slices of the image into the output and allocates
//! nothing beyond it. `benches/row.rs` on one core of 2026: parsing 2.4 KB in 24 columns 3 µs, four comparisons and two rules
//! 0.5 µs, one comparison 0.06 µs, search through 2 KB of text 3 µs, printing 24 columns 0.8 µs.

mod calendar;
mod check;
mod column;
mod comparison;
mod condition;
mod cover;
mod datum;
mod decimal;
mod function;
mod image;
mod index;
mod json_test;
mod like;
mod membership;
mod order;
mod output;
mod predicates;
mod projection;
mod scan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use cover::Cover;
pub use image::{ImageError, RowImage};
pub use index::IndexValue;
pub use membership::Membership;
pub use order::Order;
pub use output::wire_key;
pub use predicates::{Candidates, Placement, PredicateIndex};
pub use projection::{Projection, Undecided};

/// What an image says about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It holds.
    Yes,
    /// It does not hold (or is SQL's unknown, which admits no row).
    No,
    /// The database must be asked.
    Undecided,
}

/// Why a plan cannot be executed over images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLocal {
    /// Rows of other tables take part.
    #[error("rows of other tables take part")]
    Relation,
    /// Postgres parses the constant, or refuses it.
    #[error("only the database can judge the value compared with `{0}`")]
    Constant(Arc<str>),
    /// The type's or the collation's rules are Postgres' own.
    #[error("only the database knows the rules of the type or collation of `{0}`")]
    Type(Arc<str>),
    /// The plan names a rule that its level does not have, or a rule that is itself masked.
    #[error("the permission rules of the plan cannot be evaluated on their own")]
    Rules,
}

impl Verdict {
    /// Both must hold; a clear no wins over doubt.
    #[must_use]
    pub fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Undecided => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Undecided => Self::Undecided,
            },
        }
    }

    /// Either must hold; a clear yes wins over doubt.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            Self::Undecided => match other() {
                Self::Yes => Self::Yes,
                Self::No | Self::Undecided => Self::Undecided,
            },
        }
    }

    fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let mut doubt = false;
        for verdict in verdicts {
            match verdict {
                Self::No => return Self::No,
                Self::Undecided => doubt = true,
                Self::Yes => {}
            }
        }
        if doubt { Self::Undecided } else { Self::Yes }
    }

    fn any(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let mut doubt = false;
        for verdict in verdicts {
            match verdict {
                Self::Yes => return Self::Yes,
                Self::Undecided => doubt = true,
                Self::No => {}
            }
        }
        if doubt { Self::Undecided } else { Self::No }
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}
