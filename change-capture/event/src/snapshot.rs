//! A Postgres snapshot as data: which transactions a read has seen.
//!
//! It must never talk to a database: it parses `pg_current_snapshot()::text` and answers.

use std::fmt;
use std::str::FromStr;

use crate::TransactionId;

/// `xmin:xmax:xip,xip…` as `pg_snapshot` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

/// The text is not a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a pg_snapshot")]
pub struct SnapshotError;

impl Snapshot {
    /// Whether a read under this snapshot saw what `transaction` committed.
    #[must_use]
    pub fn contains(&self, transaction: TransactionId) -> bool {
        transaction.0 < self.xmin || (transaction.0 < self.xmax && self.in_progress.binary_search(&transaction.0).is_err())
    }

    /// The first transaction that had not begun.
    #[must_use]
    pub const fn end(&self) -> TransactionId {
        TransactionId(self.xmax)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (index, xid) in self.in_progress.iter().enumerate() {
            write!(f, "{}{xid}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = SnapshotError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or(SnapshotError);
        let (xmin, xmax) = (number()?, number()?);
        let list = parts.next().ok_or(SnapshotError)?;
        let mut in_progress = list
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(|xid| xid.parse::<u64>().map_err(|_| SnapshotError))
            .collect::<Result<Vec<_>, _>>()?;
        in_progress.sort_unstable();
        Ok(Self { xmin, xmax, in_progress })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_seen_from_unseen() {
        let snapshot: Snapshot = "10:20:12,15".parse().unwrap();
        for (xid, seen) in [(9, true), (10, true), (12, false), (13, true), (15, false), (19, true), (20, false), (99, false)] {
            assert_eq!(snapshot.contains(TransactionId(xid)), seen, "{xid}");
        }
        assert_eq!(snapshot.to_string(), "10:20:12,15");
        assert!("10:20:".parse::<Snapshot>().unwrap().contains(TransactionId(19)));
        assert!("10:20".parse::<Snapshot>().is_err());
        assert!("x".parse::<Snapshot>().is_err());
    }
}
