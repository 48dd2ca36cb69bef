//! One event to the groups that it can concern.
//!
//! ```text
//! event ─▶ images parsed once ─▶ predicate index ─▶ judge each candidate ─┬─ images tell all ─▶ deliver
//!                                                                        └─ rows to be read ─▶ together, by shape ─▶ deliver
//! ```
//!
//! It must never leave out a group because of how many there are: without complete images every group is judged. Cost: the
//! parse, two look-ups per row and indexed field, and the judgement of the candidates; groups that no row can concern cost
//! nothing. A thousand groups that differ in a user only are read by one statement.

use std::collections::HashMap;
use std::sync::Arc;

use change_capture::bus::StreamHead;
use change_event::{ChangeEvent, Operation};
use tokio::time::Instant;

use crate::database::DatabaseError;
use crate::metrics::{Metrics, Stage};
use crate::subscription::collection::{Audience, CollectionTask, Limits};
use crate::subscription::evaluate::{Evaluation, Outcome, ParsedEvent, bodies};
use crate::subscription::frames::Message;
use crate::subscription::group::{Group, View};
use crate::subscription::reader::Reader;
use crate::subscription::request::{GroupKey, Planned};

/// Groups whose rows are read at once.
const GROUPS: usize = 1_000;
/// Rows that are asked for at once, over all of them.
const ROWS: usize = 10_000;

/// An event on its way to the groups.
struct Dispatch<'d> {
    event: &'d ChangeEvent,
    parsed: &'d ParsedEvent<'d>,
    reader: &'d Reader,
    limits: &'d Limits,
    metrics: &'d Metrics,
    /// Those that wait for the database.
    open: Vec<(GroupKey, Evaluation<'d>)>,
    /// What each of them asks for.
    wanted: Vec<(Planned, Vec<String>)>,
    /// Rows in `wanted`.
    asked: usize,
    /// Views to be read again as a whole.
    again: Vec<GroupKey>,
    /// Views that some members are owed.
    owing: Vec<GroupKey>,
}

impl CollectionTask {
    /// Tells everybody whom `event` concerns.
    pub(super) async fn event(&mut self, event: &Arc<ChangeEvent>) {
        self.head = StreamHead { epoch: event.epoch, sequence: event.sequence };
        let Some(collection) = self.groups.values().next().map(|group| Arc::clone(&group.planned.collection)) else { return };
        let parsed = ParsedEvent::parse(event, &collection);
        let candidates = parsed.images().map(|images| self.index.candidates(images));
        let everybody: Vec<GroupKey> = if candidates.is_none() { self.groups.keys().cloned().collect() } else { Vec::new() };
        let others = candidates.is_some().then(|| self.index.others()).into_iter().flatten();
        let concerned = candidates.iter().flatten().map(|(key, rows)| (*key, Some(rows.as_slice())));
        let concerned = concerned.chain(others.chain(&everybody).map(|key| (key, None)));
        // Whoever has several subscriptions hears in the order in which they began.
        let numbered = concerned.filter_map(|(key, rows)| Some((self.groups.get(key)?.number, key, rows)));
        let mut concerned: Vec<(u64, &GroupKey, Option<&[usize]>)> = numbered.collect();
        concerned.sort_unstable_by_key(|(number, _, _)| *number);

        let (reader, limits, metrics) = (&self.reader, &self.limits, &*self.metrics);
        let mut dispatch = Dispatch {
            event,
            parsed: &parsed,
            reader,
            limits,
            metrics,
            open: Vec::new(),
            wanted: Vec::new(),
            asked: 0,
            again: Vec::new(),
            owing: Vec::new(),
        };
        let mut judged = 0;
        for (_, key, rows) in concerned {
            let Some(group) = self.groups.get_mut(key) else { continue };
            judged += 1;
            if matches!(group.view, View::Aggregate { .. }) {
                if group.aggregate_touched(&parsed) {
                    self.dirty.insert(key.clone(), operation_name(event));
                    self.due.get_or_insert_with(|| Instant::now() + limits.aggregate_interval);
                }
                continue;
            }
            dispatch.judge(key, group, rows).await;
            if dispatch.open.len() >= GROUPS || dispatch.asked >= ROWS {
                dispatch.read(&mut self.groups).await;
            }
        }
        dispatch.read(&mut self.groups).await;
        metrics.events.add(Stage::Evaluated, judged);
        let (again, owing) = (dispatch.again, dispatch.owing);
        drop(candidates);
        for key in again {
            self.read_again(&key, Audience::All { cause: Some(event.cause()) }).await;
        }
        for key in owing {
            self.read_again(&key, Audience::Owed).await;
        }
    }
}

impl<'d> Dispatch<'d> {
    async fn judge(&mut self, key: &GroupKey, group: &mut Group, rows: Option<&[usize]>) {
        if self.parsed.operation == Operation::Reset {
            return self.read_again(key, group);
        }
        let Some(evaluation) = group.judge(self.parsed, rows) else { return };
        let asks = evaluation.asks();
        if asks.is_empty() {
            return self.conclude(key, group, evaluation).await;
        }
        self.asked += asks.len();
        self.wanted.push((group.planned.clone(), asks));
        self.open.push((key.clone(), evaluation));
    }

    /// Reads what those in `open` ask for, and tells them.
    async fn read(&mut self, groups: &mut HashMap<GroupKey, Group>) {
        self.asked = 0;
        let answers = self.reader.items_of(std::mem::take(&mut self.wanted)).await;
        for ((key, mut evaluation), items) in std::mem::take(&mut self.open).into_iter().zip(answers) {
            let Some(group) = groups.get_mut(&key) else { continue };
            match items {
                Ok(items) => {
                    evaluation.receive(items);
                    self.conclude(&key, group, evaluation).await;
                }
                Err(error) => self.failed(&key, group, error),
            }
        }
    }

    async fn conclude(&mut self, key: &GroupKey, group: &mut Group, evaluation: Evaluation<'d>) {
        let mut frames = match group.conclude(evaluation, (self.parsed.operation, self.parsed.cause), self.limits.view_keys) {
            Outcome::Frames(frames) => frames,
            Outcome::ReadAgain => return self.read_again(key, group),
        };
        if std::mem::take(&mut group.owing) {
            self.owing.push(key.clone());
        }
        if let Err(error) = group.count(&mut frames, self.reader).await {
            return self.failed(key, group, error);
        }
        for (outgoing, body) in frames.iter().zip(bodies(&frames, self.event, group.digest)) {
            let delivered = group.deliver(&mut Message::new(body), self.limits.pending_bytes);
            let heard = group.listeners.deliver(outgoing.kind, &outgoing.rows);
            self.metrics.event_delivered(self.event.written_at, delivered + heard);
        }
    }

    fn failed(&mut self, key: &GroupKey, group: &Group, error: DatabaseError) {
        tracing::warn!(%error, "a view could not be read after an event; it is read again");
        group.listeners.fail(error);
        self.again.push(key.clone());
    }

    fn read_again(&mut self, key: &GroupKey, group: &Group) {
        group.listeners.close();
        self.again.push(key.clone());
    }
}

fn operation_name(event: &ChangeEvent) -> &'static str {
    match event.operation {
        Operation::Create => "create",
        Operation::Update | Operation::Reset => "update",
        Operation::Delete => "delete",
    }
}
