//! A Postgres snapshot as data: which transactions a read has seen.
//!
//! It must never talk to a database: it parses `pg_current_snapshot()::text` and answers.

use std::fmt;
use std::str::FromStr;

use crate::TransactionId;

/// `xmin:xmax:xip,xip…` as `pg_snapshot` prints it, and behind an `@` when it was taken, in microseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
    taken_at: Option<i64>,
}

/// What made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Its transaction.
    pub transaction: TransactionId,
    /// When it was written, by the clock of the server, in microseconds since the Unix epoch.
    pub written_at: i64,
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

    /// Whether a read under this snapshot saw the change. What was written after the snapshot was taken was not seen, whatever its
    /// number says: a server that crashes forgets numbers that it had given to transactions without trace on the disk (those that
    /// were rolled back, or did not wait for their commit), and gives them again.
    #[must_use]
    pub fn saw(&self, cause: Cause) -> bool {
        self.contains(cause.transaction) && self.taken_at.is_none_or(|taken_at| cause.written_at <= taken_at)
    }

    /// Whether a row with this `xmin` was there before any transaction began that this snapshot saw open: only then it is certain
    /// that the snapshot saw the row, since `xmin` may name a part of a transaction (a savepoint), and snapshots do not list those.
    /// `xmin` has the lower half of a transaction's number: the one within two billions of this snapshot is meant.
    #[must_use]
    pub fn follows_row(&self, xmin: u32) -> bool {
        // The first three number no transaction: such rows have always been there.
        if xmin < 3 {
            return true;
        }
        let newest = self.xmax.saturating_add(1 << 31);
        let candidate = (newest & !u64::from(u32::MAX)) | u64::from(xmin);
        (if candidate <= newest { candidate } else { candidate.saturating_sub(1 << 32) }) < self.xmin
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
        self.taken_at.map_or(Ok(()), |taken_at| write!(f, "@{taken_at}"))
    }
}

impl FromStr for Snapshot {
    type Err = SnapshotError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or(SnapshotError);
        let (xmin, xmax) = (number()?, number()?);
        let rest = parts.next().ok_or(SnapshotError)?;
        let (list, taken_at) = match rest.split_once('@') {
            Some((list, taken_at)) => (list, Some(taken_at.parse().map_err(|_| SnapshotError)?)),
            None => (rest, None),
        };
        let mut in_progress = list
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(|xid| xid.parse::<u64>().map_err(|_| SnapshotError))
            .collect::<Result<Vec<_>, _>>()?;
        in_progress.sort_unstable();
        Ok(Self { xmin, xmax, in_progress, taken_at })
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

    #[test]
    fn rows_are_of_the_nearest_transaction() {
        let snapshot: Snapshot = "4294967300:4294967310:4294967300".parse().unwrap();
        let follows = |xmin| snapshot.follows_row(xmin);
        // 4294967296 is 2^32: 3 is 4294967299, and the largest of 32 bits is one of the epoch before.
        assert_eq!([follows(3), follows(4), follows(13), follows(14), follows(u32::MAX)], [true, false, false, false, true]);
        assert!(follows(2) && !follows(2_000_000_000));
        let young: Snapshot = "110:110:".parse().unwrap();
        assert_eq!([109, 110, 3_000_000_000].map(|xmin| young.follows_row(xmin)), [true, false, true]);
    }

    #[test]
    fn what_was_written_later_was_not_seen() {
        let cause = |written_at| Cause { transaction: TransactionId(15), written_at };
        let snapshot: Snapshot = "10:20:12@1000".parse().unwrap();
        assert_eq!([snapshot.saw(cause(1000)), snapshot.saw(cause(1001))], [true, false]);
        assert_eq!(snapshot.to_string(), "10:20:12@1000");
        let untimed: Snapshot = "10:20:12".parse().unwrap();
        assert!(untimed.saw(cause(i64::MAX)) && "10:20:12@x".parse::<Snapshot>().is_err());
    }
}
