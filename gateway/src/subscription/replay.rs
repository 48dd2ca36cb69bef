//! Resume: the events that a subscription missed, told again from the stream, under the permissions of now.
//!
//! It must never guess: what the images cannot tell exactly (aggregates, views that reach into other collections, a reset in
//! between) is not resumed, and the client gets an `init` that says so. It must never send faster than the client reads.
//!
//! Cost: one read of the stream per 100 missed events of the collection, whoever they concern; row-local views cause no
//! database read.

use std::sync::Arc;
use std::time::Duration;

use change_capture::bus::{Bus, BusError, StreamHead};
use change_event::{ChangeEvent, Sequence};

use crate::connection::send_queue::SendQueue;
use crate::protocol::subscription;
use crate::subscription::evaluate::{Outcome, ParsedEvent, bodies};
use crate::subscription::group::{Group, View};
use crate::subscription::position::Position;
use crate::subscription::reader::Reader;
use crate::subscription::request::{Planned, Request};

/// Events per read of the stream.
const PAGE: usize = 100;
/// How long a client may take to make room for more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a subscription starts over; the client is told the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotResumed {
    /// The text is not a position of this form.
    Invalid,
    /// The stream no longer reaches back that far, or has started over.
    Expired,
    /// The query or the permissions are not the ones of the position.
    ViewChanged,
    /// Views of this kind cannot be told from the stream.
    NotReplayable,
    /// Too much changed at once to be told row by row.
    Reset,
    /// The client did not take what it missed, or more happened meanwhile than can be kept.
    TooSlow,
    /// The stream could not be read.
    Unavailable,
}

impl NotResumed {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "POSITION_INVALID",
            Self::Expired => "POSITION_EXPIRED",
            Self::ViewChanged => "VIEW_CHANGED",
            Self::NotReplayable => "VIEW_NOT_REPLAYABLE",
            Self::Reset => "VIEW_RESET",
            Self::TooSlow => "TOO_SLOW",
            Self::Unavailable => "STREAM_UNAVAILABLE",
        }
    }
}

/// What a replay works with.
pub(super) struct Replay<'a> {
    pub(super) bus: &'a dyn Bus,
    pub(super) reader: &'a Reader,
    pub(super) queue: &'a Arc<SendQueue>,
    pub(super) view_keys: usize,
}

impl Replay<'_> {
    /// Sends everything after `from`, up to `until` or to `from` itself where another node was further than this one.
    pub(super) async fn run(
        &self,
        request: &Request,
        planned: &Planned,
        from: &Position,
        until: StreamHead,
    ) -> Result<StreamHead, NotResumed> {
        let mut group = check(request, planned, from, until)?;
        if from.at.head > until {
            // Another node was further than this one is; or the stream has lost its end, or never was that long.
            let newest = self.bus.head(&request.collection).await.map_err(unavailable)?;
            if newest.is_none_or(|newest| newest < from.at.head) {
                return Err(NotResumed::Expired);
            }
        }
        let target = until.max(from.at.head);
        let mut last = from.at.head;
        if from.at.frames > 0 {
            // The event was told in part: it is looked at again.
            last.sequence = Sequence(last.sequence.0.checked_sub(1).ok_or(NotResumed::Invalid)?);
        }
        let mut confirmed = false;
        while last < target {
            let events = self.bus.read_after(&request.collection, last, PAGE).await.map_err(unavailable)?;
            let events = events.ok_or(NotResumed::Expired)?;
            // The target was seen on the stream: without it the stream has lost its end.
            let newest = events.last().map(|event| head(event)).ok_or(NotResumed::Expired)?;
            if !std::mem::replace(&mut confirmed, true) {
                self.confirm(request, from);
            }
            for event in events.iter().filter(|event| head(event) <= target) {
                self.tell(&mut group, request, event, from).await?;
            }
            last = newest;
        }
        if !confirmed {
            self.confirm(request, from);
        }
        Ok(target)
    }

    /// Says that the missed events follow. Not before the stream was seen to reach back.
    fn confirm(&self, request: &Request, from: &Position) {
        let position = subscription::position(&from.to_string());
        // A closed connection is noticed by what follows.
        let _confirmed = self.queue.send(subscription::frame("resume", None, None, &position, request.uid.as_deref()));
    }

    async fn tell(&self, group: &mut Group, request: &Request, event: &ChangeEvent, from: &Position) -> Result<(), NotResumed> {
        if from.snapshot.as_ref().is_some_and(|snapshot| snapshot.saw(event.cause())) {
            return Ok(());
        }
        let parsed = ParsedEvent::parse(event, &group.planned.collection);
        let outcome = group.evaluate(&parsed, self.reader, self.view_keys).await.map_err(|error| {
            tracing::warn!(%error, "missed events could not be judged; the view is read again");
            NotResumed::Unavailable
        })?;
        let frames = match outcome {
            Outcome::Frames(frames) => frames,
            Outcome::ReadAgain => return Err(NotResumed::Reset),
        };
        let told = if from.at.head == head(event) { usize::try_from(from.at.frames).unwrap_or(usize::MAX) } else { 0 };
        if told > 0 && told >= frames.len() {
            // Rows that were read then have gone since: which of the frames was the last cannot be told.
            return Err(NotResumed::Reset);
        }
        for body in bodies(&frames, event, group.digest).skip(told) {
            let frame = body.frame_with_position(request.uid.as_deref(), from.snapshot.as_ref());
            match tokio::time::timeout(PATIENCE, self.queue.room()).await {
                Ok(()) => {}
                Err(_) => return Err(NotResumed::TooSlow),
            }
            if self.queue.send(frame).is_err() {
                // Nobody is there to hear the rest.
                return Err(NotResumed::TooSlow);
            }
        }
        Ok(())
    }
}

/// The view of the resuming subscription, if its position can be gone on from.
fn check(request: &Request, planned: &Planned, from: &Position, until: StreamHead) -> Result<Group, NotResumed> {
    let key = request.group_key(planned);
    if key.digest() != from.view {
        return Err(NotResumed::ViewChanged);
    }
    if from.at.head.epoch != until.epoch {
        return Err(NotResumed::Expired);
    }
    let group = Group::new(0, key, planned.clone());
    if !matches!(group.view, View::Local { .. }) {
        return Err(NotResumed::NotReplayable);
    }
    Ok(group)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unavailable(error: BusError) -> NotResumed {
    tracing::warn!(%error, "a stream could not be read for a resume");
    NotResumed::Unavailable
}

fn head(event: &ChangeEvent) -> StreamHead {
    StreamHead { epoch: event.epoch, sequence: event.sequence }
}
