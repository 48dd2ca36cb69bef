//! Where a feed stands in one collection: the state machine that finds duplicates and gaps.
//!
//! Pure: it is told what arrived and says what to do. It must never let an event pass before an earlier one.

use change_event::{Epoch, Sequence};

use crate::bus::capped_stream::origin;
use crate::bus::{GapReason, StreamHead};

/// What to do with an event that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is the next one.
    Deliver,
    /// It was delivered already, or a read that is under way will bring it.
    Drop,
    /// Something is missing before it: read the stream after this place.
    Repair(StreamHead),
    /// The stream started over: say so, then deliver.
    Gap(GapReason),
}

/// What a look at the head of the stream calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing.
    Fine,
    /// Read the stream after this place.
    Repair(StreamHead),
    /// Changes were missed for good.
    Gap(GapReason),
}

/// A collection's place in a feed.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The last event that was delivered, or the head at the time of the subscription. `None`: whatever comes next is next.
    position: Option<StreamHead>,
    /// A read is under way whose answer will move the position.
    reading: bool,
    /// The newest event that was dropped for that.
    missed: Option<StreamHead>,
    /// The head at the last look: a later look that still finds the position before it knows that something was lost.
    owed: Option<StreamHead>,
}

impl Place {
    /// A place whose head is being read.
    pub(super) const fn unknown() -> Self {
        Self { position: None, reading: true, missed: None, owed: None }
    }

    pub(super) const fn position(&self) -> Option<StreamHead> {
        self.position
    }

    pub(super) const fn is_reading(&self) -> bool {
        self.reading
    }

    /// The head at the time of the subscription was read. Where it leads on: to a repair, if events were dropped meanwhile.
    pub(super) fn start(&mut self, head: Option<StreamHead>) -> Look {
        self.position = head;
        self.finish_reading()
    }

    /// An event arrived.
    pub(super) fn arrive(&mut self, epoch: Epoch, sequence: Sequence) -> Arrival {
        let event = StreamHead { epoch, sequence };
        if self.reading {
            self.missed = self.missed.max(Some(event));
            return Arrival::Drop;
        }
        self.enter(epoch);
        let Some(position) = self.position else {
            self.position = Some(event);
            return Arrival::Deliver;
        };
        if event <= position {
            return Arrival::Drop;
        }
        if epoch != position.epoch {
            self.position = Some(event);
            return Arrival::Gap(GapReason::Epoch);
        }
        if sequence.0 == position.sequence.0 + 1 {
            self.position = Some(event);
            return Arrival::Deliver;
        }
        self.reading = true;
        self.missed = Some(event);
        Arrival::Repair(position)
    }

    /// An event cannot be read, which was told: whatever comes next is next.
    pub(super) const fn forget(&mut self) {
        self.position = None;
    }

    /// Events were read from the stream after the position; whether they continue it is the reader's business.
    pub(super) fn repaired(&mut self, newest: Option<StreamHead>) -> Look {
        let progress = newest.is_some();
        self.position = newest.or(self.position);
        let look = self.finish_reading();
        match look {
            // The stream says that there is nothing, yet something arrived: it was reset in between.
            Look::Repair(_) if !progress => {
                self.reading = false;
                self.position = None;
                Look::Gap(GapReason::Trimmed)
            }
            Look::Fine | Look::Repair(_) | Look::Gap(_) => look,
        }
    }

    /// The stream does not reach back to the position; it now stands at `head`.
    pub(super) fn unrepairable(&mut self, head: Option<StreamHead>) -> GapReason {
        let reason = match (self.position, head) {
            (Some(position), Some(head)) if position.epoch != head.epoch => GapReason::Epoch,
            _ => GapReason::Trimmed,
        };
        // What was dropped meanwhile lies before whoever reads again because of this gap.
        self.position = head.max(self.missed.take());
        self.reading = false;
        reason
    }

    /// The read failed; the next look starts another.
    pub(super) const fn failed(&mut self) {
        self.reading = false;
    }

    /// The head was looked at. `asked` is the position at the time of the question: an event may have arrived since. `now`: act
    /// on any difference; otherwise only on one that the last look saw too, because events of the difference may be on their
    /// way.
    pub(super) fn look(&mut self, head: Option<StreamHead>, asked: Option<StreamHead>, now: bool) -> Look {
        if self.reading {
            return Look::Fine;
        }
        let owed = std::mem::replace(&mut self.owed, head);
        if let Some(head) = head {
            self.enter(head.epoch);
        }
        let Some(position) = self.position else {
            if now {
                // Something was lost before, and since then nobody has counted.
                self.position = head;
                return Look::Gap(GapReason::Trimmed);
            }
            // Events up to this head may be on their way: taking it for the position would drop them.
            return Look::Fine;
        };
        let Some(head) = head else {
            // The bus is open and had no stream for this collection: a new epoch in which it has not changed yet, unless it had
            // not changed before either.
            if asked.is_some_and(|asked| asked.sequence.0 > 0 && asked.epoch == position.epoch) {
                self.position = None;
                return Look::Gap(GapReason::Epoch);
            }
            return Look::Fine;
        };
        if head.epoch != position.epoch {
            if head.epoch < position.epoch {
                // An old head that no leader has replaced yet.
                return Look::Fine;
            }
            self.position = Some(head);
            return Look::Gap(GapReason::Epoch);
        }
        let due = if now { head } else { owed.map_or(position, |owed| owed.min(head)) };
        if due > position && due.epoch == position.epoch {
            self.reading = true;
            return Look::Repair(position);
        }
        Look::Fine
    }

    /// Whoever subscribed before any leader stands at the beginning of the first epoch that shows. Not at its head: events may
    /// lie before that which are still on their way.
    fn enter(&mut self, epoch: Epoch) {
        if let Some(position) = &mut self.position
            && position.epoch.0 == 0
        {
            *position = origin(epoch);
        }
    }

    fn finish_reading(&mut self) -> Look {
        self.reading = false;
        let missed = self.missed.take();
        if let Some(missed) = missed {
            self.enter(missed.epoch);
        }
        match (self.position, missed) {
            (Some(position), Some(missed)) if missed > position => {
                if missed.epoch == position.epoch {
                    self.reading = true;
                    Look::Repair(position)
                } else {
                    self.position = Some(missed);
                    Look::Gap(GapReason::Epoch)
                }
            }
            // Dropped without a position to compare with: nobody knows what else was missed.
            (None, Some(missed)) => {
                self.position = Some(missed);
                Look::Gap(GapReason::Trimmed)
            }
            _ => Look::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u64, sequence: u64) -> StreamHead {
        StreamHead { epoch: Epoch(epoch), sequence: Sequence(sequence) }
    }

    /// A look during which nothing arrives.
    fn look(place: &mut Place, head: Option<StreamHead>, now: bool) -> Look {
        place.look(head, place.position(), now)
    }

    fn started(head: StreamHead) -> Place {
        let mut place = Place::unknown();
        assert_eq!(place.start(Some(head)), Look::Fine);
        place
    }

    #[test]
    fn delivers_in_order_once_and_asks_for_what_is_missing() {
        let mut place = started(at(1, 5));
        assert_eq!(place.arrive(Epoch(1), Sequence(5)), Arrival::Drop);
        assert_eq!(place.arrive(Epoch(1), Sequence(6)), Arrival::Deliver);
        assert_eq!(place.arrive(Epoch(1), Sequence(9)), Arrival::Repair(at(1, 6)));
        assert_eq!(place.arrive(Epoch(1), Sequence(10)), Arrival::Drop, "the read brings it");
        assert_eq!(place.repaired(Some(at(1, 9))), Look::Repair(at(1, 9)), "10 was dropped meanwhile");
        assert_eq!(place.repaired(Some(at(1, 10))), Look::Fine);
        assert_eq!(place.arrive(Epoch(1), Sequence(11)), Arrival::Deliver);
        assert_eq!(place.arrive(Epoch(0), Sequence(99)), Arrival::Drop, "an epoch of the past");
    }

    #[test]
    fn a_new_epoch_is_a_gap_however_it_shows() {
        let mut place = started(at(1, 5));
        assert_eq!(place.arrive(Epoch(2), Sequence(1)), Arrival::Gap(GapReason::Epoch));
        assert_eq!(place.arrive(Epoch(2), Sequence(2)), Arrival::Deliver);
        assert_eq!(look(&mut place, Some(at(3, 0)), true), Look::Gap(GapReason::Epoch));
        assert_eq!(place.arrive(Epoch(3), Sequence(1)), Arrival::Deliver);
        assert_eq!(look(&mut place, None, true), Look::Gap(GapReason::Epoch));
        assert_eq!(look(&mut place, Some(at(4, 1)), false), Look::Fine, "its first event is on its way");
        assert_eq!(place.arrive(Epoch(4), Sequence(1)), Arrival::Deliver);
    }

    #[test]
    fn subscribing_before_any_leader_misses_nothing() {
        let mut place = started(at(0, 0));
        assert_eq!(look(&mut place, Some(at(7, 0)), true), Look::Fine);
        assert_eq!(place.arrive(Epoch(7), Sequence(1)), Arrival::Deliver);
        let mut place = started(at(0, 0));
        assert_eq!(place.arrive(Epoch(7), Sequence(1)), Arrival::Deliver, "before the look at the heads");
        assert_eq!(look(&mut place, Some(at(7, 1)), true), Look::Fine);
        let mut place = started(at(0, 0));
        assert_eq!(look(&mut place, Some(at(7, 1)), true), Look::Repair(at(7, 0)), "the look overtook the event");
        assert_eq!(place.arrive(Epoch(7), Sequence(1)), Arrival::Drop, "the read brings it");
        assert_eq!(place.repaired(Some(at(7, 1))), Look::Fine);
        // A bus that was lost and opened again by a leader who had counted on.
        let mut place = started(at(0, 0));
        assert_eq!(place.arrive(Epoch(7), Sequence(41)), Arrival::Repair(at(7, 0)));
        assert_eq!(place.unrepairable(Some(at(7, 41))), GapReason::Trimmed);
        assert_eq!(place.arrive(Epoch(7), Sequence(42)), Arrival::Deliver);
        let mut place = Place::unknown();
        assert_eq!(place.arrive(Epoch(7), Sequence(41)), Arrival::Drop);
        assert_eq!(place.start(Some(at(7, 40))), Look::Repair(at(7, 40)));
        let mut place = Place::unknown();
        assert_eq!(place.arrive(Epoch(7), Sequence(1)), Arrival::Drop);
        assert_eq!(place.start(Some(at(0, 0))), Look::Repair(at(7, 0)), "its head was asked for before the leader came");
    }

    #[test]
    fn an_event_that_arrives_during_a_look_is_no_sign_of_a_lost_stream() {
        let mut place = started(at(1, 0));
        let asked = place.position();
        assert_eq!(place.arrive(Epoch(1), Sequence(1)), Arrival::Deliver);
        assert_eq!(place.look(None, asked, true), Look::Fine);
        assert_eq!(place.look(None, place.position(), true), Look::Gap(GapReason::Epoch));
    }

    #[test]
    fn a_regular_look_leaves_events_time_to_arrive_and_an_urgent_one_does_not() {
        let mut place = started(at(1, 5));
        assert_eq!(look(&mut place, Some(at(1, 7)), false), Look::Fine);
        assert_eq!(place.arrive(Epoch(1), Sequence(6)), Arrival::Deliver);
        assert_eq!(look(&mut place, Some(at(1, 9)), false), Look::Repair(at(1, 6)), "7 should have come by now");
        assert_eq!(place.repaired(Some(at(1, 9))), Look::Fine);
        assert_eq!(look(&mut place, Some(at(1, 9)), false), Look::Fine);
        assert_eq!(look(&mut place, Some(at(1, 10)), true), Look::Repair(at(1, 9)));
        assert_eq!(place.unrepairable(Some(at(1, 12))), GapReason::Trimmed);
        assert_eq!(place.arrive(Epoch(1), Sequence(13)), Arrival::Deliver);
    }

    #[test]
    fn a_stream_that_was_reset_during_a_repair_is_a_gap_and_no_loop() {
        let mut place = started(at(1, 5));
        assert_eq!(place.arrive(Epoch(1), Sequence(9)), Arrival::Repair(at(1, 5)));
        assert_eq!(place.repaired(None), Look::Gap(GapReason::Trimmed));
        assert_eq!(place.arrive(Epoch(1), Sequence(10)), Arrival::Deliver);
    }
}
