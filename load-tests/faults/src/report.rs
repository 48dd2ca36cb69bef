//! What came of a run: a table for people, JSON for programs.
//!
//! It must never call a run clean that was not checked.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::judge::{Finding, Wrong};

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Replays the random choices.
    pub seed: u64,
    /// By fault.
    pub(crate) rows: Vec<Row>,
    /// Programs that ended though nobody killed them, and were started again.
    pub restarts: u64,
    pub(crate) findings: Vec<Finding>,
}

/// The figures of one fault.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) injected: u64,
    /// Versions of rows that were committed.
    pub(crate) writes: u64,
    /// Rows in events, over all subscriptions.
    pub(crate) events: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    pub(crate) leaked: u64,
    pub(crate) wrong_content: u64,
    /// Connections that ended, by subscription.
    pub(crate) ended: u64,
    /// Of these, subscriptions that went on from their position.
    pub(crate) resumed: u64,
    /// Fresh views that nobody had asked for.
    pub(crate) inits: u64,
    #[serde(serialize_with = "seconds")]
    pub(crate) recovery: Vec<Duration>,
}

impl Report {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, rows: Vec::new(), restarts: 0, findings: Vec::new() }
    }

    /// Whether anything was lost, doubled, out of order, leaked or wrong.
    #[must_use]
    pub fn failed(&self) -> bool {
        !self.findings.is_empty()
    }

    /// How many slices were run to their check.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.rows.len()
    }

    /// The first findings, each with the story of its row.
    #[must_use]
    pub fn findings(&self, most: usize) -> String {
        self.findings.iter().take(most).map(|finding| format!("{:?}: {}\n", finding.wrong, finding.text)).collect()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let head = "| fault | injected | writes | events | lost | duplicated | out of order | leaked | wrong | ended | resumed | fresh init | recovery median | max |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
        let rows: String = self.rows.iter().map(|row| format!("| {} | {} |\n", row.fault, row.cells().join(" | "))).collect();
        format!("{head}{rows}\nseed {}; programs that ended by themselves: {}\n", self.seed, self.restarts)
    }
}

impl Row {
    pub(crate) fn new(fault: &str) -> Self {
        Self { fault: fault.to_owned(), ..Self::default() }
    }

    pub(crate) const fn count(&mut self, wrong: Wrong) {
        match wrong {
            Wrong::Lost => self.lost += 1,
            Wrong::Duplicated => self.duplicated += 1,
            Wrong::OutOfOrder => self.out_of_order += 1,
            Wrong::Leaked => self.leaked += 1,
            Wrong::Content => self.wrong_content += 1,
        }
    }

    /// One line for the log.
    pub(crate) fn line(&self) -> String {
        let names =
            ["injected", "writes", "events", "lost", "dup", "order", "leaked", "wrong", "ended", "resumed", "inits", "median", "max"];
        names.iter().zip(self.cells()).map(|(name, cell)| format!("{name} {cell}")).collect::<Vec<_>>().join("  ")
    }

    fn cells(&self) -> Vec<String> {
        let mut recovery = self.recovery.clone();
        recovery.sort();
        let time = |time: Option<&Duration>| time.map_or("–".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
        let found = [self.lost, self.duplicated, self.out_of_order, self.leaked, self.wrong_content];
        let counts = [self.injected, self.writes, self.events].into_iter().chain(found).chain([self.ended, self.resumed, self.inits]);
        let mut cells: Vec<String> = counts.map(|count| count.to_string()).collect();
        cells.push(time(recovery.get(recovery.len() / 2)));
        cells.push(time(recovery.last()));
        cells
    }
}

fn seconds<S: Serializer>(times: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(Duration::as_secs_f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_and_shows_its_times() {
        let mut row = Row::new("x");
        row.count(Wrong::Leaked);
        row.recovery = [3, 1, 2].map(Duration::from_secs).into();
        assert_eq!(row.cells(), ["0", "0", "0", "0", "0", "0", "1", "0", "0", "0", "0", "2.00 s", "3.00 s"]);
    }
}
