//! Subscription frames: the part that all members of a group share is written once; only uid and position differ.
//!
//! It must never escape or re-encode data: `data` and `meta` are JSON text already. Cost: one frame per uid; members that
//! asked for positions get one more per distinct `init` snapshot among them.

use std::collections::HashMap;
use std::sync::Arc;

use change_event::{Cause, Snapshot};

use crate::connection::frame::Frame;
use crate::protocol::subscription;
use crate::subscription::position::{Place, Position};

/// What all members of a group are told.
pub(super) struct Body {
    /// Everything up to position and uid.
    head: Vec<u8>,
    /// The place that the message stands for.
    pub(super) place: Place,
    /// Digest of the group's view.
    view: u64,
    /// The cause; members whose `init` contains it are not told.
    pub(super) transaction: Option<Cause>,
}

/// One message to all members of a group, encoded at most once per uid.
pub(super) struct Message {
    pub(super) body: Arc<Body>,
    by_uid: HashMap<Option<Arc<str>>, Frame>,
    /// The last frame with a position: members that came together follow each other.
    positioned: Option<Positioned>,
}

struct Positioned {
    uid: Option<Arc<str>>,
    snapshot: Option<Arc<Snapshot>>,
    frame: Frame,
}

impl Body {
    pub(super) fn new(
        (event, data, meta): (&str, Option<&[u8]>, Option<&[u8]>),
        place: Place,
        view: u64,
        transaction: Option<Cause>,
    ) -> Self {
        Self { head: subscription::head(event, data, meta), place, view, transaction }
    }

    pub(super) fn frame(&self, uid: Option<&str>) -> Frame {
        Frame::text_of(&[&self.head, &subscription::tail(uid)])
    }

    pub(super) fn frame_with_position(&self, uid: Option<&str>, snapshot: Option<&Arc<Snapshot>>) -> Frame {
        let position = Position { at: self.place, view: self.view, snapshot: snapshot.cloned() };
        Frame::text_of(&[&self.head, &subscription::position(&position.to_string()), &subscription::tail(uid)])
    }

    /// What the message occupies while it waits.
    pub(super) const fn len(&self) -> usize {
        self.head.len() + size_of::<Self>()
    }
}

impl Message {
    pub(super) fn new(body: Body) -> Self {
        Self { body: Arc::new(body), by_uid: HashMap::new(), positioned: None }
    }

    /// The frame for subscriptions of `uid`.
    pub(super) fn frame(&mut self, uid: Option<&Arc<str>>) -> Frame {
        if let Some(frame) = self.by_uid.get(&uid.cloned()) {
            return frame.clone();
        }
        let frame = self.body.frame(uid.map(AsRef::as_ref));
        self.by_uid.insert(uid.cloned(), frame.clone());
        frame
    }

    /// The frame for a member that asked for positions and whose `init` had seen `snapshot`.
    pub(super) fn frame_with_position(&mut self, uid: Option<&Arc<str>>, snapshot: Option<&Arc<Snapshot>>) -> Frame {
        if let Some(last) = self.positioned.as_ref().filter(|last| last.uid.as_ref() == uid && last.snapshot.as_ref() == snapshot) {
            return last.frame.clone();
        }
        let frame = self.body.frame_with_position(uid.map(AsRef::as_ref), snapshot);
        self.positioned = Some(Positioned { uid: uid.cloned(), snapshot: snapshot.cloned(), frame: frame.clone() });
        frame
    }
}
