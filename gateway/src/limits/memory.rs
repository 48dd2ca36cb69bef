//! What one node holds of messages and bodies that have arrived in part, or are worked on, in bytes.
//!
//! Each connection has its own bound; many connections that each stay within it could still use up a node's memory. What a
//! connection buffers beyond [`FREE`] is therefore taken from one budget for the whole node. It must never be exceeded: who
//! cannot take more is told to come again.
//!
//! Cost: nothing for small messages; one atomic operation per [`STEP`] of large ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;

/// What everyone may hold without asking: connections are bounded in number.
const FREE: usize = MemoryShare::FREE;
/// How much is taken at once.
const STEP: usize = 64 * 1024;

/// The budget of a node.
#[derive(Debug)]
pub struct MessageMemory {
    budget: usize,
    used: AtomicUsize,
    gauge: IntGauge,
}

/// There is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node holds as much of messages as it may")]
pub struct Exhausted;

/// What one holder has taken; given back when dropped.
#[derive(Debug)]
pub struct MemoryShare {
    memory: Arc<MessageMemory>,
    taken: usize,
}

impl MessageMemory {
    /// A budget of `budget` bytes; `gauge` shows what is used of it.
    #[must_use]
    pub fn new(budget: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { budget, used: AtomicUsize::new(0), gauge })
    }

    /// Nothing yet.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> MemoryShare {
        MemoryShare { memory: Arc::clone(self), taken: 0 }
    }

    fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.budget);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| Exhausted)?;
        self.gauge.add(i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(())
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.gauge.sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

impl MemoryShare {
    /// What everyone may hold without asking.
    pub const FREE: usize = 16 * 1024;

    /// The holder has `bytes` now.
    ///
    /// # Errors
    /// [`Exhausted`] when it may not have so many; it then has what it had.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let wanted = bytes.saturating_sub(FREE);
        if wanted > self.taken {
            // In steps, but never more than a budget that is nearly used up has left.
            let step = wanted.next_multiple_of(STEP) - self.taken;
            let exact = wanted - self.taken;
            let got = self.memory.take(step).map(|()| step).or_else(|_| self.memory.take(exact).map(|()| exact))?;
            self.taken += got;
        } else if wanted.next_multiple_of(STEP) < self.taken {
            let spare = self.taken - wanted.next_multiple_of(STEP);
            self.memory.give(spare);
            self.taken -= spare;
        }
        Ok(())
    }

    /// The same with nothing taken, this one's taken to it.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self { memory: Arc::clone(&self.memory), taken: std::mem::take(&mut self.taken) }
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.memory.give(self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(budget: usize) -> Arc<MessageMemory> {
        MessageMemory::new(budget, IntGauge::new("test", "test").unwrap())
    }

    fn used(memory: &MessageMemory) -> usize {
        assert_eq!(i64::try_from(memory.used.load(Ordering::Relaxed)).unwrap(), memory.gauge.get());
        memory.used.load(Ordering::Relaxed)
    }

    #[test]
    fn small_holders_take_nothing() {
        let memory = memory(0);
        let mut share = memory.share();
        share.resize(FREE).unwrap();
        assert_eq!(share.resize(FREE + 1), Err(Exhausted));
        assert_eq!(used(&memory), 0);
    }

    #[test]
    fn the_budget_is_never_exceeded_and_comes_back() {
        let memory = memory(10 * STEP);
        let mut one = memory.share();
        let mut other = memory.share();
        one.resize(FREE + 6 * STEP).unwrap();
        other.resize(FREE + 3 * STEP + 1).unwrap();
        assert_eq!(used(&memory), 10 * STEP);
        assert_eq!(one.resize(FREE + 6 * STEP + 1), Err(Exhausted));
        assert_eq!(other.resize(FREE + 5 * STEP), Err(Exhausted));
        other.resize(0).unwrap();
        assert_eq!(used(&memory), 6 * STEP);
        one.resize(FREE + 9 * STEP + 5).unwrap();
        let moved = one.split();
        assert_eq!(used(&memory), 10 * STEP);
        drop(one);
        assert_eq!(used(&memory), 10 * STEP);
        drop(moved);
        drop(other);
        assert_eq!(used(&memory), 0);
    }
}
