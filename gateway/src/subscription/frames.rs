//! Subscription frames: the part that all members of a group share is written once, only the uid differs.
//!
//! It must never escape or re-encode data: `data` and `meta` are JSON text already.

use std::collections::HashMap;
use std::sync::Arc;

use crate::connection::frame::Frame;
use crate::protocol::subscription;

/// One message to all members of a group, encoded at most once per uid.
pub(super) struct Message {
    /// Everything up to the uid.
    head: Vec<u8>,
    by_uid: HashMap<Option<Arc<str>>, Frame>,
}

impl Message {
    pub(super) fn new(event: &str, data: Option<&[u8]>, meta: Option<&[u8]>) -> Self {
        Self { head: subscription::head(event, data, meta), by_uid: HashMap::new() }
    }

    /// The frame for subscriptions of `uid`.
    pub(super) fn frame(&mut self, uid: Option<&Arc<str>>) -> Frame {
        if let Some(frame) = self.by_uid.get(&uid.cloned()) {
            return frame.clone();
        }
        let frame = Frame::text_of(&[&self.head, &subscription::tail(uid.map(AsRef::as_ref))]);
        self.by_uid.insert(uid.cloned(), frame.clone());
        frame
    }
}
