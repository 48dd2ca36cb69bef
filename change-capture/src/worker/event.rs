//! From an outbox row to an event of the contract.
//!
//! It must never fail: a row that cannot be read becomes a reset, because a worker that stops at one row stops everything.

use std::sync::Arc;

use change_event::{ChangeEvent, Epoch, FORM, Operation, RowChange, Sequence, TransactionId};
use serde_json::value::RawValue;

use super::outbox::OutboxRow;
use crate::metrics::CaptureMetrics;

/// A list of keys longer than this is not passed on; who needs it has them in the rows.
const MAX_WRITER_KEYS: usize = 64 << 10;

/// The event of `row` at its place in the stream.
pub(super) fn event(row: OutboxRow, epoch: Epoch, sequence: Sequence, metrics: &CaptureMetrics) -> ChangeEvent {
    let rows = row.rows.as_deref().map(serde_json::from_str::<Vec<RowChange>>);
    let (operation, rows) = match (operation(row.operation), rows) {
        (Some(Operation::Reset), _) => (Operation::Reset, Vec::new()),
        (Some(operation), Some(Ok(rows))) => (operation, rows),
        (_, rows) => {
            let cause = rows.and_then(Result::err).map(|error| error.to_string());
            tracing::error!(collection = %row.collection, statement = row.statement, cause, "unreadable outbox row published as a reset");
            metrics.unreadable.inc();
            (Operation::Reset, Vec::new())
        }
    };
    ChangeEvent {
        form: FORM,
        epoch,
        sequence,
        collection: row.collection,
        operation,
        statement: row.statement,
        transaction: TransactionId(row.xid),
        written_at: row.written_at,
        rows,
        writer_keys: row.writer_keys.and_then(writer_keys),
        traceparent: row.traceparent.filter(|text| is_traceparent(text)).map(Into::into),
    }
}

/// The collections whose events mean something to the worker itself.
pub(super) fn is_schema_change(event: &Arc<ChangeEvent>) -> bool {
    &*event.collection == change_event::SCHEMA_COLLECTION
}

/// The `"char"` in the column `operation`.
fn operation(letter: i8) -> Option<Operation> {
    match u8::try_from(letter).ok()? {
        b'c' => Some(Operation::Create),
        b'u' => Some(Operation::Update),
        b'd' => Some(Operation::Delete),
        b'r' => Some(Operation::Reset),
        _ => None,
    }
}

/// Anybody can set the writer's settings: only a JSON array passes.
fn writer_keys(text: String) -> Option<Box<RawValue>> {
    if text.len() > MAX_WRITER_KEYS || serde_json::from_str::<Vec<&RawValue>>(&text).is_err() {
        return None;
    }
    RawValue::from_string(text).ok()
}

/// `00-<32 hex>-<16 hex>-<2 hex>` as W3C Trace Context, section 3.2, has it.
fn is_traceparent(text: &str) -> bool {
    let lengths = [2, 32, 16, 2];
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str, length: usize| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    parts.len() == lengths.len() && parts.iter().zip(lengths).all(|(part, length)| is_hex(part, length))
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    fn row(operation: u8, rows: Option<&str>) -> OutboxRow {
        OutboxRow {
            id: 3,
            xid: 7,
            statement: 3,
            collection: "c".into(),
            operation: i8::try_from(operation).unwrap(),
            rows: rows.map(str::to_owned),
            written_at: 1,
            writer_keys: None,
            traceparent: None,
        }
    }

    fn made(row: OutboxRow) -> (ChangeEvent, u64) {
        let metrics = CaptureMetrics::register(&Registry::new()).unwrap();
        let event = event(row, Epoch(1), Sequence(2), &metrics);
        (event, metrics.unreadable.get())
    }

    #[test]
    fn rows_pass_through_and_unreadable_ones_become_a_reset() {
        let (event, unreadable) = made(row(b'u', Some(r#"[{"k":1,"a":{"n":1.50},"b":{"n":2.00},"m":["x"]}]"#)));
        assert_eq!((event.operation, unreadable), (Operation::Update, 0));
        assert_eq!(event.rows[0].new.as_ref().unwrap().get(), r#"{"n":2.00}"#);
        for broken in [row(b'u', Some("[{")), row(b'u', None), row(b'?', Some("[]"))] {
            let (event, unreadable) = made(broken);
            assert_eq!((event.operation, event.rows.len(), unreadable), (Operation::Reset, 0, 1));
        }
    }

    #[test]
    fn only_well_formed_settings_of_the_writer_pass() {
        for (text, passes) in [(r#"["1",2]"#, true), ("[]", true), ("{}", false), ("1", false), ("[", false), ("", false)] {
            let (event, _) = made(OutboxRow { writer_keys: Some(text.to_owned()), ..row(b'r', None) });
            assert_eq!(event.writer_keys.is_some(), passes, "{text}");
        }
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (text, passes) in [(good, true), ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false), ("x", false)] {
            let (event, _) = made(OutboxRow { traceparent: Some(text.to_owned()), ..row(b'r', None) });
            assert_eq!(event.traceparent.is_some(), passes, "{text}");
        }
    }
}
