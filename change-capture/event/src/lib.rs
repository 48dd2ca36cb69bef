//! The contract between the change-capture worker and the gateway nodes: what a change event is, how it looks on the
//! wire, and which channel carries it.
//!
//! It must never interpret a row: images travel as the JSON text that Postgres made, untouched from trigger to matcher.
//! Cost: decoding an event allocates one `Box<RawValue>` per image; nothing parses an image before somebody subscribes.

mod channel;
mod digest;
mod snapshot;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use channel::ChannelNames;
pub use digest::key_digest;
pub use snapshot::{Cause, Snapshot, SnapshotError};

/// The form of the wire encoding. A node that meets a newer one treats the event as a gap, never guesses.
pub const FORM: u8 = 1;

/// The name under which schema changes travel: an event of this collection means "read the catalog again".
pub const SCHEMA_COLLECTION: &str = "tidegate:schema";

/// One incarnation of the event stream. It grows when a worker cannot prove that it continues the old stream (restored
/// database, lost state): positions of an older epoch are worthless and clients are told to refetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Of a bus that no leader has opened yet.
    pub const UNOPENED: Self = Self(0);
}

/// The place of an event in its collection's stream: contiguous from 1 within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// A top-level Postgres transaction id (`xid8`): never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Rows were inserted (or got a new key).
    Create,
    /// Rows were changed under the same key.
    Update,
    /// Rows were deleted (or lost their old key).
    Delete,
    /// Too much changed to list (TRUNCATE, a huge statement): whoever watches the collection reads it again.
    Reset,
}

/// One committed statement on one table, or a part of a large one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeEvent {
    /// [`FORM`] at the time of writing.
    #[serde(rename = "v")]
    pub form: u8,
    /// The incarnation of the stream.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// Contiguous per collection within the epoch.
    #[serde(rename = "s")]
    pub sequence: Sequence,
    /// The table, which is the collection.
    #[serde(rename = "c")]
    pub collection: Arc<str>,
    /// What happened to every row of [`ChangeEvent::rows`].
    #[serde(rename = "o")]
    pub operation: Operation,
    /// Numbers the statement; parts of one statement share it.
    #[serde(rename = "q")]
    pub statement: u64,
    /// The writing transaction: decides whether a snapshot already contains this change.
    #[serde(rename = "x")]
    pub transaction: TransactionId,
    /// When the statement ran, microseconds since the Unix epoch by the database's clock.
    #[serde(rename = "t")]
    pub written_at: i64,
    /// The rows; empty for [`Operation::Reset`].
    #[serde(rename = "r", default)]
    pub rows: Vec<RowChange>,
    /// A JSON array of the keys as the writer spelt them, where the write came through a gateway.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub writer_keys: Option<Box<RawValue>>,
    /// W3C trace context of the writer, where it gave one.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Box<str>>,
}

/// One row before and after. The image is one JSON object of all columns, made by Postgres' `to_json` with
/// `TimeZone = UTC`: `create` has only `new`, `delete` only `old`, `update` both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowChange {
    /// The primary key as JSON (number or string), as `to_json` prints it; where the key itself is a secret (the token of
    /// a session), its [`key_digest`].
    #[serde(rename = "k")]
    pub key: Box<RawValue>,
    /// The image before.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Box<RawValue>>,
    /// The image after.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Box<RawValue>>,
    /// Columns left out of the images because their value was over `CAPTURE_MAX_VALUE_BYTES`, or must not leave the
    /// database; readers fetch them. Of values that nobody is ever shown (passwords, tokens) the images hold digests.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Box<str>>,
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON of this shape.
    #[error("malformed change event")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer worker.
    #[error("change event of form {0}, this build reads form {FORM}")]
    Form(u8),
}

impl ChangeEvent {
    /// What made it.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        Cause { transaction: self.transaction, written_at: self.written_at }
    }

    /// The wire form: compact JSON.
    ///
    /// # Errors
    /// Never for events made by this crate; serde's signature demands it.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an event or one of a newer form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Form {
            v: u8,
        }
        match serde_json::from_slice::<Self>(bytes) {
            Ok(event) if event.form == FORM => Ok(event),
            Ok(event) => Err(DecodeError::Form(event.form)),
            Err(error) => match serde_json::from_slice::<Form>(bytes) {
                Ok(form) if form.v != FORM => Err(DecodeError::Form(form.v)),
                Ok(_) | Err(_) => Err(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn an_event_survives_the_wire_byte_for_byte() {
        let event = ChangeEvent {
            form: FORM,
            epoch: Epoch(3),
            sequence: Sequence(7),
            collection: "articles".into(),
            operation: Operation::Update,
            statement: 12,
            transaction: TransactionId(5_000_000_000),
            written_at: 1,
            rows: vec![RowChange {
                key: raw("1"),
                old: Some(raw(r#"{"id":1,"price":5.00}"#)),
                new: Some(raw(r#"{"id":1,"price":6.10}"#)),
                omitted: vec![],
            }],
            writer_keys: Some(raw(r#"["1"]"#)),
            traceparent: None,
        };
        let bytes = event.encode().unwrap();
        let again = ChangeEvent::decode(&bytes).unwrap();
        assert_eq!(again.rows[0].new.as_ref().unwrap().get(), r#"{"id":1,"price":6.10}"#);
        assert_eq!(again.encode().unwrap(), bytes);
    }

    #[test]
    fn a_newer_form_is_named_and_never_guessed() {
        assert!(matches!(ChangeEvent::decode(br#"{"v":9,"new":"shape"}"#), Err(DecodeError::Form(9))));
        assert!(matches!(ChangeEvent::decode(b"nonsense"), Err(DecodeError::Malformed(_))));
    }
}
