//! What one event means for one group: which rows entered, stayed in or left its view.
//!
//! View transitions by the old and the new image: in view afterwards is `create` or `update` with the item; in view only
//! before is `delete` with the key; never in view is silence. What cannot be judged at all (the past of a row that only the
//! database can judge) makes the group read its view again. It must never answer "delete" for a row that the group could
//! not see.
//!
//! ```text
//! Group::judge ─▶ Evaluation ─▶ asks for nothing ───────────────────────────▶ Group::conclude ─▶ frames
//!                           └─▶ rows to be read: with those of all groups ─▶ receive ─┘
//! ```
//!
//! Cost for a row-local group: one membership test per image and one projection per row in view; no database read. The rows
//! that other groups need read are read together, one statement per shape.

use std::borrow::Cow;
use std::collections::HashMap;

use access::row::{RowImage, Verdict, wire_key};
use access::schema::Collection;
use change_capture::bus::StreamHead;
use change_event::{Cause, ChangeEvent, Operation, RowChange};
use serde_json::value::RawValue;

use crate::database::DatabaseError;
use crate::protocol::subscribe::EventKind;
use crate::subscription::frames::Body;
use crate::subscription::group::{Gone, Group, View};
use crate::subscription::position;
use crate::subscription::reader::{KeyedItem, Reader};
use crate::subscription::remembered::Remembered;

/// An event whose images are parsed once for all groups of the collection.
pub(super) struct ParsedEvent<'a> {
    pub(super) operation: Operation,
    pub(super) cause: Cause,
    pub(super) rows: Vec<ParsedRow<'a>>,
}

/// One row of an event.
pub(super) struct ParsedRow<'a> {
    /// The key as text, as statements take it.
    pub(super) key: Cow<'a, str>,
    /// The key in the form that a delete frame shows: the writer's own where it is known.
    pub(super) wire_key: Cow<'a, str>,
    old: Option<RowImage<'a>>,
    new: Option<RowImage<'a>>,
}

/// What the images say of an event for one group, and what they leave open.
pub(super) struct Evaluation<'e> {
    rows: Vec<&'e ParsedRow<'e>>,
    before: Vec<Place>,
    after: Vec<Place>,
    /// How rows in view are told; `None` where nobody wants to hear of those.
    entering: Option<EventKind>,
    contents: HashMap<usize, Vec<u8>>,
    /// Rows whose content, or place, only the database can tell.
    ask: Vec<usize>,
    /// Those that it showed, in its order.
    read_order: Vec<usize>,
    /// Rows that it did not show.
    absent: Vec<usize>,
}

/// One frame for the group.
pub(super) struct Outgoing {
    pub(super) kind: EventKind,
    pub(super) data: Vec<u8>,
    pub(super) meta: Option<Vec<u8>>,
    /// The same row by row, where somebody in the group is told of each by itself.
    pub(super) rows: Vec<OutgoingRow>,
}

/// The messages of `frames`, which one event at `head` made of the view named `view`: each says how much of it has been told.
pub(super) fn bodies(frames: &[Outgoing], event: &ChangeEvent, view: u64) -> impl Iterator<Item = Body> {
    let head = StreamHead { epoch: event.epoch, sequence: event.sequence };
    let (last, cause) = (frames.len().saturating_sub(1), event.cause());
    frames.iter().enumerate().map(move |(index, outgoing)| {
        let parts = (outgoing.kind.name(), Some(outgoing.data.as_slice()), outgoing.meta.as_deref());
        let told = if index == last { 0 } else { u32::try_from(index + 1).unwrap_or(u32::MAX) };
        Body::new(parts, position::Place { head, frames: told }, view, Some(cause))
    })
}

/// One row of a frame.
pub(super) struct OutgoingRow {
    /// The key as a delete frame shows it.
    pub(super) key: String,
    /// The item; `None` for a delete.
    pub(super) data: Option<Vec<u8>>,
}

/// What an event means for a group.
pub(super) enum Outcome {
    /// These frames, in order; none is silence.
    Frames(Vec<Outgoing>),
    /// The view must be read again as a whole.
    ReadAgain,
}

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    In,
    Out,
    /// Only the database knows.
    Ask,
}

impl<'a> ParsedEvent<'a> {
    /// Parses the images of `event`; a row whose image is malformed is left to the database (it has no image).
    pub(super) fn parse(event: &'a ChangeEvent, collection: &Collection) -> Self {
        let writer_keys = writer_keys(event);
        let image = |image: &'a Option<Box<RawValue>>, row: &'a RowChange| {
            image.as_ref().and_then(|image| RowImage::parse(image.get(), &row.omitted).ok())
        };
        let rows = event.rows.iter().map(|row| {
            let key = key_text(row.key.get());
            let spelt = writer_keys.get(key.as_ref());
            let wire_key = spelt.map_or_else(|| Cow::Owned(wire_key(collection, row.key.get())), |(_, raw)| Cow::Borrowed(raw.get()));
            let place = spelt.map_or(usize::MAX, |(place, _)| *place);
            (place, ParsedRow { wire_key, old: image(&row.old, row), new: image(&row.new, row), key })
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(place, _)| *place);
        Self { operation: event.operation, cause: event.cause(), rows: rows.into_iter().map(|(_, row)| row).collect() }
    }

    /// The old and the new image of each row, for the predicate index; `None` where an image that should be there is not, so
    /// that every group has to look for itself.
    pub(super) fn images(&'a self) -> Option<impl Iterator<Item = [Option<&'a RowImage<'a>>; 2]>> {
        let complete = self.rows.iter().all(|row| match self.operation {
            Operation::Create => row.new.is_some(),
            Operation::Update => row.old.is_some() && row.new.is_some(),
            Operation::Delete => row.old.is_some(),
            Operation::Reset => false,
        });
        (complete && self.operation != Operation::Reset).then(|| self.rows.iter().map(|row| [row.old.as_ref(), row.new.as_ref()]))
    }
}

impl Evaluation<'_> {
    /// The keys of the rows to be read; empty where the images tell all.
    pub(super) fn asks(&self) -> Vec<String> {
        self.ask.iter().filter_map(|index| self.rows.get(*index)).map(|row| row.key.to_string()).collect()
    }

    /// What the database showed of them: a row that it did not show is not in the view.
    pub(super) fn receive(&mut self, items: Vec<KeyedItem>) {
        let by_key: HashMap<&str, usize> =
            self.ask.iter().filter_map(|index| Some((self.rows.get(*index)?.key.as_ref(), *index))).collect();
        for item in items {
            if let Some(index) = by_key.get(item.key.as_str()) {
                self.contents.insert(*index, item.data.into_bytes());
                self.read_order.push(*index);
            }
        }
        for index in std::mem::take(&mut self.ask) {
            let shown = self.contents.contains_key(&index);
            if let Some(place) = self.after.get_mut(index) {
                *place = if shown { Place::In } else { Place::Out };
            }
            if !shown {
                self.absent.push(index);
            }
        }
    }
}

impl Group {
    /// Judges `event` as far as images tell; only `concerned` rows are looked at, where that is known. `None` is silence.
    pub(super) fn judge<'e>(&self, event: &'e ParsedEvent<'e>, concerned: Option<&[usize]>) -> Option<Evaluation<'e>> {
        let item = self.key.item.as_deref();
        let watched = |row: &&ParsedRow<'_>| item.is_none_or(|item| item == row.key);
        let rows: Vec<&ParsedRow<'_>> = match concerned {
            Some(places) => places.iter().filter_map(|place| event.rows.get(*place)).filter(watched).collect(),
            None => event.rows.iter().filter(watched).collect(),
        };
        if rows.is_empty() {
            return None;
        }
        let before: Vec<Place> = rows.iter().map(|row| self.before(row)).collect();
        let after: Vec<Place> = rows.iter().map(|row| self.after(row)).collect();
        // A row that was not there before is new to everybody; what an update shows may have been in view all along.
        let entering = if event.operation == Operation::Create { EventKind::Create } else { EventKind::Update };
        let entering = Some(entering).filter(|kind| self.wants(*kind));
        let remembered = matches!(self.view, View::Remembered { .. });
        let content_wanted = entering.is_some() || remembered || after.contains(&Place::Ask);
        let mut contents = HashMap::new();
        let mut ask = Vec::new();
        if content_wanted && after.iter().any(|place| *place != Place::Out) {
            ask = self.project(&rows, &after, &mut contents);
        }
        Some(Evaluation { rows, before, after, entering, contents, ask, read_order: Vec::new(), absent: Vec::new() })
    }

    /// What the members are told, once nothing is left open.
    pub(super) fn conclude(&mut self, evaluation: Evaluation<'_>, (operation, cause): (Operation, Cause), view_keys: usize) -> Outcome {
        let Evaluation { rows, before, after, entering, mut contents, ask: _, read_order, absent } = evaluation;
        let Some(left) = self.left(&rows, &before, &after, operation) else { return Outcome::ReadAgain };
        if matches!(self.view, View::Remembered { .. }) {
            let gone = rows.iter().enumerate().filter(|(index, _)| after.get(*index) == Some(&Place::Out));
            let gone = gone.map(|(index, row)| Gone {
                cause,
                key: row.key.as_ref().into(),
                told: before.get(index) == Some(&Place::In),
                absent: absent.contains(&index),
            });
            self.note_gone(cause, &gone.collect::<Vec<_>>());
            self.remember((&rows, &after), cause, view_keys);
        }

        let mut frames = Vec::new();
        if let Some(entering) = entering {
            let order = self.order(&rows, &after, read_order);
            if entering == EventKind::Create {
                // One frame per new row.
                for index in order {
                    self.push_items(&mut frames, entering, &rows, &[index], &mut contents);
                }
            } else {
                self.push_items(&mut frames, entering, &rows, &order, &mut contents);
            }
        }
        if self.wants(EventKind::Delete) && !left.is_empty() {
            let data = match &self.key.item {
                Some(item) => serde_json::to_vec(item.as_ref()).unwrap_or_default(),
                None => format!("[{}]", left.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(",")).into_bytes(),
            };
            let single = left.iter().filter(|_| !self.listeners.is_empty());
            let rows = single.map(|key| OutgoingRow { key: key.to_string(), data: None }).collect();
            frames.push(Outgoing { kind: EventKind::Delete, data, meta: None, rows });
        }
        Outcome::Frames(frames)
    }

    /// Adds the counts that the query asks for.
    pub(super) async fn count(&self, frames: &mut [Outgoing], reader: &Reader) -> Result<(), DatabaseError> {
        if !frames.is_empty() && self.wants_meta() {
            let meta = reader.meta(&self.planned).await?;
            for frame in frames {
                frame.meta.clone_from(&meta);
            }
        }
        Ok(())
    }

    /// Judges `event` by itself, for one subscriber.
    pub(super) async fn evaluate(&mut self, event: &ParsedEvent<'_>, reader: &Reader, view_keys: usize) -> Result<Outcome, DatabaseError> {
        if event.operation == Operation::Reset {
            return Ok(Outcome::ReadAgain);
        }
        let Some(mut evaluation) = self.judge(event, None) else { return Ok(Outcome::Frames(Vec::new())) };
        let asks = evaluation.asks();
        if !asks.is_empty() {
            evaluation.receive(reader.items(&self.planned, asks).await?);
        }
        let mut outcome = self.conclude(evaluation, (event.operation, event.cause), view_keys);
        if let Outcome::Frames(frames) = &mut outcome {
            self.count(frames, reader).await?;
        }
        Ok(outcome)
    }

    fn wants(&self, kind: EventKind) -> bool {
        self.key.event.is_none_or(|only| only == kind)
    }

    /// Whether an aggregate over this view may have changed.
    pub(super) fn aggregate_touched(&self, event: &ParsedEvent<'_>) -> bool {
        let View::Aggregate { membership: Some(membership), .. } = &self.view else { return true };
        let outside = |image: &Option<RowImage<'_>>| image.as_ref().is_some_and(|image| membership.test(image) == Verdict::No);
        event.operation == Operation::Reset
            || event.rows.iter().any(|row| match event.operation {
                Operation::Create => !outside(&row.new),
                Operation::Delete => !outside(&row.old),
                Operation::Update | Operation::Reset => !(outside(&row.old) && outside(&row.new)),
            })
    }

    fn wants_meta(&self) -> bool {
        matches!(self.view, View::Local { meta: true, .. } | View::Remembered { meta: true, .. })
    }

    fn before(&self, row: &ParsedRow<'_>) -> Place {
        match &self.view {
            View::Local { membership, .. } => row.old.as_ref().map_or(Place::Out, |image| place(membership.test(image))),
            View::Remembered { overflown: true, .. } => Place::Ask,
            View::Remembered { keys, .. } if keys.contains(row.key.as_ref()) => Place::In,
            View::Remembered { .. } => Place::Out,
            View::Aggregate { .. } => Place::Out,
        }
    }

    fn after(&self, row: &ParsedRow<'_>) -> Place {
        match (&row.new, &self.view) {
            (None, _) | (_, View::Aggregate { .. }) => Place::Out,
            (Some(image), View::Local { membership, .. }) => place(membership.test(image)),
            (Some(image), View::Remembered { prefilter: Some(prefilter), .. }) if prefilter.test(image) == Verdict::No => Place::Out,
            (Some(_), View::Remembered { .. }) => Place::Ask,
        }
    }

    /// Writes what the images give; returns the rows whose content (or place) only the database can tell.
    fn project(&self, rows: &[&ParsedRow<'_>], after: &[Place], contents: &mut HashMap<usize, Vec<u8>>) -> Vec<usize> {
        let View::Local { projection: Some(projection), order, .. } = &self.view else {
            return indexes(after, |place| place != Place::Out);
        };
        let in_view = after.iter().filter(|place| **place != Place::Out).count();
        if in_view > 1 && order.is_none() {
            return indexes(after, |place| place != Place::Out);
        }
        let mut ask = Vec::new();
        for (index, (row, place)) in rows.iter().zip(after).enumerate() {
            let mut data = Vec::new();
            let written = match (place, &row.new) {
                (Place::Out, _) => continue,
                (Place::In, Some(image)) => projection.write(image, &mut data).is_ok(),
                (Place::In, None) | (Place::Ask, _) => false,
            };
            if written {
                contents.insert(index, data);
            } else {
                ask.push(index);
            }
        }
        if !ask.is_empty() && in_view > 1 {
            // One source for all rows, so that one order holds for all of them.
            return indexes(after, |place| place != Place::Out);
        }
        ask
    }

    /// The keys of rows that left; `None` when that cannot be told.
    fn left<'r>(
        &self,
        rows: &[&'r ParsedRow<'_>],
        before: &[Place],
        after: &[Place],
        operation: Operation,
    ) -> Option<Vec<&'r Cow<'r, str>>> {
        let mut left = Vec::new();
        if operation == Operation::Create || self.key.event.is_some_and(|only| only != EventKind::Delete) {
            return Some(left);
        }
        for ((row, before), after) in rows.iter().zip(before).zip(after) {
            match (before, after) {
                (Place::In, Place::Out) => left.push(&row.wire_key),
                (Place::Ask, Place::Out) => return None,
                (_, Place::In | Place::Ask) | (Place::Out, Place::Out) => {}
            }
        }
        Some(left)
    }

    /// Keeps the remembered keys. When they no longer fit, the past of a row is unknown from then on.
    fn remember(&mut self, (rows, after): (&[&ParsedRow<'_>], &[Place]), cause: Cause, most: usize) {
        let told = Some(cause).filter(|cause| !self.everybody_saw(*cause));
        let View::Remembered { keys, overflown: overflown @ false, .. } = &mut self.view else { return };
        for (row, place) in rows.iter().zip(after) {
            if *place == Place::In {
                keys.enter(&row.key, told);
            } else {
                keys.leave(&row.key);
            }
        }
        if keys.len() > most {
            *keys = Remembered::default();
            *overflown = true;
        }
    }

    /// The rows in view in the order of the query, its own offset and limit applied.
    fn order(&self, rows: &[&ParsedRow<'_>], after: &[Place], read_order: Vec<usize>) -> Vec<usize> {
        let mut order = indexes(after, |place| place == Place::In);
        if order.len() > 1 {
            match &self.view {
                View::Local { order: Some(by), .. } if read_order.is_empty() => {
                    let image = |index: usize| rows.get(index).and_then(|row| row.new.as_ref());
                    // With gaps the order would not be total, which sorting may punish with a panic.
                    if order.iter().all(|index| image(*index).is_some_and(|image| by.decides(image))) {
                        order.sort_by(|a, b| {
                            let order = image(*a).zip(image(*b)).and_then(|(a, b)| by.compare(a, b));
                            order.unwrap_or(std::cmp::Ordering::Equal)
                        });
                    }
                }
                View::Local { .. } | View::Remembered { .. } | View::Aggregate { .. } => order = read_order,
            }
        }
        let access::plan::Root::Items(level) = &self.planned.plan.root else { return order };
        let skip = usize::try_from(level.offset).unwrap_or(usize::MAX);
        let take = level.limit.filter(|_| self.key.explicit_limit).map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        order.into_iter().skip(skip).take(take).collect()
    }

    fn push_items(
        &self,
        frames: &mut Vec<Outgoing>,
        kind: EventKind,
        all: &[&ParsedRow<'_>],
        order: &[usize],
        contents: &mut HashMap<usize, Vec<u8>>,
    ) {
        let single = order.iter().filter(|_| !self.listeners.is_empty());
        let single = single.filter_map(|index| Some((all.get(*index)?.wire_key.to_string(), contents.get(index)?.clone())));
        let rows = single.map(|(key, data)| OutgoingRow { key, data: Some(data) }).collect();
        let items: Vec<Vec<u8>> = order.iter().filter_map(|index| contents.remove(index)).collect();
        let data = match (items.as_slice(), &self.key.item) {
            ([], _) => return,
            ([only, ..], Some(_)) => only.clone(),
            (items, None) => [b"[".as_slice(), &items.join(&b','), b"]"].concat(),
        };
        frames.push(Outgoing { kind, data, meta: None, rows });
    }
}

fn place(verdict: Verdict) -> Place {
    match verdict {
        Verdict::Yes => Place::In,
        Verdict::No => Place::Out,
        Verdict::Undecided => Place::Ask,
    }
}

fn indexes(after: &[Place], keep: impl Fn(Place) -> bool) -> Vec<usize> {
    after.iter().enumerate().filter(|(_, place)| keep(**place)).map(|(index, _)| index).collect()
}

/// A key's JSON as text: `5` → `5`, `"a"` → `a`.
pub(super) fn key_text(json: &str) -> Cow<'_, str> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => Cow::Borrowed(json),
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        Some(_) => serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned),
    }
}

/// The keys as the writer spelt them and in the writer's order, by their text.
fn writer_keys(event: &ChangeEvent) -> HashMap<Cow<'_, str>, (usize, &RawValue)> {
    let Some(raw) = event.writer_keys.as_ref().filter(|_| event.operation == Operation::Delete) else { return HashMap::new() };
    let keys: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    keys.into_iter().enumerate().map(|(place, key)| (key_text(key.get()), (place, key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_text() {
        for (json, text) in [("5", "5"), ("\"a\"", "a"), ("\"a\\\"b\"", "a\"b"), ("\"\"", "")] {
            assert_eq!(key_text(json), text);
        }
    }
}
