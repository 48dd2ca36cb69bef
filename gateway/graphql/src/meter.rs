//! How much work a document may cause, whatever its form.
//!
//! It must never be reset within one request: all passes over a document share one budget, so that none of them can be made
//! to repeat the work of another.

/// Steps that one document may take: far more than an honest one of the largest permitted size needs, and a few milliseconds
/// at most. A step is a visit of a node, a comparison of two fields, a use of a variable.
const BUDGET: usize = 150_000;

/// Cells of distance tables for "Did you mean" hints; beyond these, errors have none.
const HINTS: usize = 60_000;

/// Counts down.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: usize,
    hints: usize,
}

/// The budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Meter {
    pub(crate) const fn new() -> Self {
        Self { steps: BUDGET, hints: HINTS }
    }

    /// Takes one step.
    pub(crate) fn step(&mut self) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(1).ok_or(Exhausted)?;
        Ok(())
    }

    /// Whether a hint of this cost may be worked out.
    pub(crate) fn hint(&mut self, cells: usize) -> bool {
        match self.hints.checked_sub(cells) {
            Some(left) => {
                self.hints = left;
                true
            }
            None => false,
        }
    }

    /// Steps taken so far.
    #[cfg(test)]
    pub(crate) const fn taken(&self) -> usize {
        BUDGET - self.steps
    }
}
