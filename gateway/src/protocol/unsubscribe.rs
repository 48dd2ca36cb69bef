//! The `unsubscribe` message: nothing but a `uid` counts.
//!
//! It must never be refused: without a `uid` it ends all subscriptions of its connection.

use super::Uid;
use super::envelope::Envelope;

/// Which subscriptions end.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsubscribeMessage {
    /// The one to end, or `None` for all.
    pub uid: Option<Uid>,
}

impl UnsubscribeMessage {
    /// Reads an unsubscribe message.
    #[must_use]
    pub fn read(message: Envelope) -> Self {
        Self { uid: message.uid }
    }
}
