//! The newest events of one collection in memory, contiguous by construction.
//!
//! It must never hold a hole: an event that does not continue the stream is refused, so that a replay is whole or absent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use change_event::{ChangeEvent, Epoch, Sequence};

use super::{BusCapacity, StreamHead, weight};

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Append {
    /// It is the new head.
    Appended,
    /// The stream already has it.
    Known,
    /// Something is missing before it, or it belongs to another epoch.
    Refused,
}

#[derive(Debug)]
struct Kept {
    event: Arc<ChangeEvent>,
    bytes: usize,
    since: Instant,
}

/// One collection's stream.
#[derive(Debug)]
pub(super) struct CappedStream {
    head: StreamHead,
    kept: VecDeque<Kept>,
    bytes: usize,
}

impl CappedStream {
    /// An empty stream that continues after `head`.
    pub(super) const fn new(head: StreamHead) -> Self {
        Self { head, kept: VecDeque::new(), bytes: 0 }
    }

    pub(super) const fn head(&self) -> StreamHead {
        self.head
    }

    pub(super) fn append(&mut self, event: &Arc<ChangeEvent>, capacity: &BusCapacity, now: Instant) -> Append {
        if event.epoch != self.head.epoch {
            return Append::Refused;
        }
        if event.sequence <= self.head.sequence {
            return Append::Known;
        }
        if event.sequence.0 != self.head.sequence.0 + 1 {
            return Append::Refused;
        }
        let bytes = weight(event);
        self.kept.push_back(Kept { event: Arc::clone(event), bytes, since: now });
        self.bytes += bytes;
        self.head.sequence = event.sequence;
        while self.kept.front().is_some_and(|oldest| {
            self.kept.len() > capacity.stream_events
                || self.bytes > capacity.stream_bytes
                || now.duration_since(oldest.since) > capacity.stream_age
        }) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.bytes;
            }
        }
        Append::Appended
    }

    /// As [`super::Bus::read_after`].
    pub(super) fn read_after(&self, after: StreamHead, limit: usize) -> Option<Vec<Arc<ChangeEvent>>> {
        if after.epoch != self.head.epoch || after.sequence > self.head.sequence {
            return None;
        }
        if after.sequence == self.head.sequence {
            return Some(Vec::new());
        }
        let first = self.kept.front()?.event.sequence;
        let skip = (after.sequence.0 + 1).checked_sub(first.0)?;
        let skip = usize::try_from(skip).ok()?;
        Some(self.kept.iter().skip(skip).take(limit).map(|kept| Arc::clone(&kept.event)).collect())
    }
}

/// The head of a collection that never had an event.
pub(super) const fn origin(epoch: Epoch) -> StreamHead {
    StreamHead { epoch, sequence: Sequence(0) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use change_event::{FORM, Operation, TransactionId};

    use super::*;

    fn event(sequence: u64) -> Arc<ChangeEvent> {
        Arc::new(ChangeEvent {
            form: FORM,
            epoch: Epoch(1),
            sequence: Sequence(sequence),
            collection: "c".into(),
            operation: Operation::Reset,
            statement: sequence,
            transaction: TransactionId(sequence),
            written_at: 0,
            rows: vec![],
            writer_keys: None,
            traceparent: None,
        })
    }

    fn at(sequence: u64) -> StreamHead {
        StreamHead { epoch: Epoch(1), sequence: Sequence(sequence) }
    }

    #[test]
    fn refuses_a_hole_and_knows_what_it_has() {
        let (capacity, now) = (BusCapacity::default(), Instant::now());
        let mut stream = CappedStream::new(at(4));
        assert_eq!(stream.append(&event(6), &capacity, now), Append::Refused);
        assert_eq!(stream.append(&event(4), &capacity, now), Append::Known);
        assert_eq!(stream.append(&event(5), &capacity, now), Append::Appended);
        assert_eq!(stream.head(), at(5));
    }

    #[test]
    fn reads_whole_or_not_at_all() {
        let capacity = BusCapacity { stream_events: 3, ..BusCapacity::default() };
        let now = Instant::now();
        let mut stream = CappedStream::new(at(0));
        for sequence in 1..=5 {
            stream.append(&event(sequence), &capacity, now);
        }
        let read = |after, limit| Some(stream.read_after(at(after), limit)?.iter().map(|event| event.sequence.0).collect::<Vec<_>>());
        assert_eq!(read(1, 9), None, "2 has left the stream");
        assert_eq!(read(2, 9), Some(vec![3, 4, 5]));
        assert_eq!(read(2, 2), Some(vec![3, 4]));
        assert_eq!(read(5, 9), Some(vec![]));
        assert_eq!(read(6, 9), None, "from a future that this stream never had");
        let other = StreamHead { epoch: Epoch(2), sequence: Sequence(2) };
        assert!(stream.read_after(other, 9).is_none());
    }

    #[test]
    fn age_and_bytes_bound_it_too() {
        let capacity = BusCapacity { stream_age: Duration::from_secs(10), ..BusCapacity::default() };
        let start = Instant::now();
        let mut stream = CappedStream::new(at(0));
        stream.append(&event(1), &capacity, start);
        stream.append(&event(2), &capacity, start + Duration::from_secs(11));
        assert!(stream.read_after(at(0), 9).is_none());
        assert_eq!(stream.read_after(at(1), 9).map(|events| events.len()), Some(1));
        let capacity = BusCapacity { stream_bytes: 1, ..BusCapacity::default() };
        stream.append(&event(3), &capacity, start);
        assert_eq!((stream.kept.len(), stream.bytes), (0, 0));
    }
}
