//! A subscription group: one view, its members, and what is needed to tell who hears of an event.
//!
//! Cost of a delivery: one frame per uid, then one `SendQueue::send` per member; a member costs no allocation.
//! It must never hold a member whose permissions differ from the plan's: the registry regroups before later events.

use std::sync::Arc;

use access::plan::{Level, Root};
use access::row::{Cover, Membership, Order, Placement, Projection};
use change_capture::bus::StreamHead;
use change_event::{Cause, Snapshot};
use indexmap::IndexMap;

use crate::connection::frame::Frame;
use crate::connection::send_queue::SendQueue;
use crate::error::CloseReason;
use crate::subscription::frames::{Body, Message};
use crate::subscription::listeners::Listeners;
use crate::subscription::recent::Recent;
use crate::subscription::remembered::Remembered;
use crate::subscription::request::{GroupKey, Planned, SubscriptionId};

/// Rows that may leave a view while an `init` is read; with more it is read again.
const GONE: usize = 10_000;

/// One view and everybody who watches it.
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) planned: Planned,
    pub(super) view: View,
    /// Names the view in positions.
    pub(super) digest: u64,
    /// Who hears the same in the form of GraphQL.
    pub(super) listeners: Listeners,
    /// Where the predicate index has it.
    pub(super) placement: Placement,
    /// What members were shown lately, where the view is remembered.
    pub(super) recent: Recent,
    /// Some members are owed their view.
    pub(super) owing: bool,
    /// By uid, in the order in which the first of each came: one connection may have several.
    members: IndexMap<Option<Arc<str>>, IndexMap<SubscriptionId, Member>>,
    /// Groups are told in the order in which they began.
    pub(super) number: u64,
}

/// How a group learns which rows belong to its view.
pub(super) enum View {
    /// The row image decides.
    Local {
        membership: Membership,
        /// Absent when the selection needs related rows: content is then read, once per group.
        projection: Option<Projection>,
        order: Option<Order>,
        /// The query asks for counts over the whole collection: read once per group.
        meta: bool,
    },
    /// The filter reaches into other collections: the keys in view are remembered.
    Remembered {
        keys: Remembered,
        /// What the image alone rules out is not read.
        prefilter: Option<Membership>,
        meta: bool,
        overflown: bool,
    },
    /// The whole view is one value, read again when something changed.
    Aggregate { last: Option<Vec<u8>>, membership: Option<Membership> },
}

/// One subscription.
pub(super) struct Member {
    pub(super) queue: Arc<SendQueue>,
    /// Each of its messages carries its position.
    pub(super) positions: bool,
    /// What its `init` has seen already.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// What it was sent before it went on with the stream: a resume's last event.
    pub(super) seen: Option<StreamHead>,
    pub(super) progress: Progress,
}

/// How far a member is.
pub(super) enum Progress {
    /// Its `init` is being read; what happens meanwhile waits. Boxed: most members are past it.
    Starting(Box<Pending>),
    /// Its view became another one: the task reads it and sends it as a fresh `init`, which contains what happens meanwhile.
    Owed,
    /// Its `init` was sent.
    Live,
}

/// What arrived between registration and `init`.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) bodies: Vec<Arc<Body>>,
    /// Rows that were not in the view after a change, where the view is remembered.
    pub(super) gone: Vec<Gone>,
    bytes: usize,
    /// The `init` must be read again: too much arrived, or its permissions are no longer the ones it was read with.
    pub(super) spoilt: bool,
}

/// A row that was not in the view after a change.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub(super) cause: Cause,
    pub(super) key: Box<str>,
    /// A `delete` was sent, because the group knew the row.
    pub(super) told: bool,
    /// A read found so, which may be newer than the change.
    pub(super) absent: bool,
}

impl Member {
    pub(super) fn starting(queue: Arc<SendQueue>, positions: bool) -> Self {
        Self { queue, positions, snapshot: None, seen: None, progress: Progress::Starting(Box::default()) }
    }

    /// Whether the member has been told of `body` in its `init` or before a resume.
    pub(super) fn knows(&self, body: &Body) -> bool {
        let contained = matches!((&self.snapshot, body.transaction), (Some(snapshot), Some(cause)) if snapshot.saw(cause));
        contained
            || body.transaction.is_some() && self.seen.is_some_and(|seen| seen.epoch == body.place.head.epoch && seen >= body.place.head)
    }

    /// Its frame of a message that no other member shares any more.
    pub(super) fn own_frame(&self, body: &Body, uid: Option<&Arc<str>>) -> Frame {
        let uid = uid.map(AsRef::as_ref);
        if self.positions { body.frame_with_position(uid, self.snapshot.as_ref()) } else { body.frame(uid) }
    }
}

impl Group {
    pub(super) fn new(number: u64, key: GroupKey, planned: Planned) -> Self {
        let view = View::compile(&planned);
        Self {
            digest: key.digest(),
            key,
            planned,
            view,
            listeners: Listeners::default(),
            placement: Placement::default(),
            recent: Recent::default(),
            owing: false,
            members: IndexMap::new(),
            number,
        }
    }

    /// What every row that can concern the group has; empty where every row can concern it.
    pub(super) fn covers(&self) -> Vec<Cover> {
        let membership = match &self.view {
            View::Local { membership, .. } => Some(membership),
            View::Remembered { prefilter: membership, .. } | View::Aggregate { membership, .. } => membership.as_ref(),
        };
        let mut covers = membership.map(|membership| membership.covers().to_vec()).unwrap_or_default();
        let item = self.key.item.as_ref().filter(|_| !matches!(self.view, View::Aggregate { .. }));
        if let Some((item, field)) = item.zip(self.planned.collection.key_field()) {
            covers.push(Cover::value(field, item));
        }
        covers
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.listeners.is_empty()
    }

    /// Whether nobody hears it in the form of `/websocket`.
    pub(super) fn has_listeners_only(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn add(&mut self, uid: Option<Arc<str>>, subscription: SubscriptionId, member: Member) {
        self.members.entry(uid).or_default().insert(subscription, member);
    }

    pub(super) fn remove(&mut self, uid: &Option<Arc<str>>, subscription: SubscriptionId) -> Option<Member> {
        let members = self.members.get_mut(uid)?;
        let member = members.swap_remove(&subscription);
        if members.is_empty() {
            self.members.shift_remove(uid);
        }
        member
    }

    pub(super) fn member(&mut self, uid: &Option<Arc<str>>, subscription: SubscriptionId) -> Option<&mut Member> {
        self.members.get_mut(uid)?.get_mut(&subscription)
    }

    /// Sends `message` to every member that does not know it from its `init`. Returns how many.
    pub(super) fn deliver(&mut self, message: &mut Message, pending_budget: usize) -> u64 {
        let mut delivered = 0;
        for (uid, members) in &mut self.members {
            let mut shared: Option<Frame> = None;
            for member in members.values_mut() {
                if member.knows(&message.body) {
                    continue;
                }
                match &mut member.progress {
                    Progress::Starting(pending) => pending.push(&message.body, pending_budget),
                    Progress::Owed => {}
                    Progress::Live => {
                        let frame = if member.positions {
                            message.frame_with_position(uid.as_ref(), member.snapshot.as_ref())
                        } else {
                            shared.get_or_insert_with(|| message.frame(uid.as_ref())).clone()
                        };
                        // A closed connection is removed by its owner; its frames are for nobody.
                        delivered += u64::from(member.queue.send(frame).is_ok());
                    }
                }
            }
        }
        delivered
    }

    /// After `cause` these rows were not in the view. Members that wait for their `init` keep it in mind; of the others, those who
    /// have `cause` in theirs and were shown one that a later read did not find are owed their view.
    pub(super) fn note_gone(&mut self, cause: Cause, gone: &[Gone]) {
        self.recent.arrived(cause);
        if gone.is_empty() {
            return;
        }
        let absent: Vec<&str> = gone.iter().filter(|gone| gone.absent).map(|gone| &*gone.key).collect();
        let shown = if absent.is_empty() { Vec::new() } else { self.recent.showing(cause, &absent) };
        for member in self.members.values_mut().flat_map(IndexMap::values_mut) {
            match &mut member.progress {
                Progress::Starting(pending) => {
                    pending.gone.extend(gone.iter().cloned());
                    pending.spoilt |= pending.gone.len() > GONE;
                }
                Progress::Live if !shown.is_empty() => {
                    let held = member.snapshot.as_ref().is_some_and(|snapshot| shown.iter().any(|shown| Arc::ptr_eq(shown, snapshot)));
                    if held {
                        member.progress = Progress::Owed;
                        self.owing = true;
                    }
                }
                Progress::Live | Progress::Owed => {}
            }
        }
    }

    /// Members whose `init` will not hold are owed their view.
    pub(super) fn owe_spoilt(&mut self) {
        for member in self.members.values_mut().flat_map(IndexMap::values_mut) {
            if matches!(&member.progress, Progress::Starting(pending) if pending.spoilt) {
                member.progress = Progress::Owed;
            }
        }
    }

    /// Rows that members may hold for all that is known of them here: those in their `init`s, and those that somebody was told of
    /// since.
    pub(super) fn held(&mut self) -> Vec<String> {
        let View::Remembered { keys, .. } = &mut self.view else { return Vec::new() };
        let before = std::mem::take(keys);
        // What is owed is shown anew.
        let live = self.members.values().flat_map(IndexMap::values).filter(|member| matches!(member.progress, Progress::Live));
        let shown = self.recent.shown_in(live.filter_map(|member| member.snapshot.as_ref()));
        let told = |cause: Cause| !self.everybody_saw(cause);
        before.into_entries().filter(|(key, cause)| cause.is_some_and(told) || shown.may_have(key)).map(|(key, _)| key).collect()
    }

    /// An `init` of the view was sent.
    pub(super) fn note_init(&mut self, snapshot: Option<&Arc<Snapshot>>, shown: &Arc<[String]>) {
        if matches!(self.view, View::Remembered { .. }) {
            self.recent.add(snapshot, shown);
        }
    }

    /// Rows that members hold.
    pub(super) fn remember_shown<'r>(&mut self, shown: impl Iterator<Item = &'r String>, most: usize) {
        let View::Remembered { keys, overflown: overflown @ false, .. } = &mut self.view else { return };
        keys.show(shown);
        if keys.len() > most {
            *keys = Remembered::default();
            *overflown = true;
        }
    }

    /// Sends a whole view, read under `snapshot`, to the members that wait for it: all, or those whose view became
    /// another. Returns how many.
    pub(super) fn deliver_view(&mut self, message: &mut Message, snapshot: Option<&Arc<Snapshot>>, to_all: bool) -> u64 {
        let mut delivered = 0;
        for (uid, members) in &mut self.members {
            for member in members.values_mut() {
                match &mut member.progress {
                    // It reads a newer one itself; what was lost before is not in what waits for it.
                    Progress::Starting(pending) => pending.spoilt |= to_all,
                    Progress::Live if !to_all => {}
                    Progress::Owed | Progress::Live => {
                        member.progress = Progress::Live;
                        member.snapshot = snapshot.cloned();
                        member.seen = None;
                        let frame = if member.positions {
                            message.frame_with_position(uid.as_ref(), snapshot)
                        } else {
                            message.frame(uid.as_ref())
                        };
                        delivered += u64::from(member.queue.send(frame).is_ok());
                    }
                }
            }
        }
        delivered
    }

    /// Tells every member to come back: its view cannot be kept true.
    pub(super) fn close_members(&self) {
        for member in self.members.values().flat_map(IndexMap::values) {
            member.queue.close(CloseReason::Resynchronise);
        }
    }

    /// Whether the `init` of every member contains what `cause` did. One that waits for its `init` does not know yet.
    pub(super) fn everybody_saw(&self, cause: Cause) -> bool {
        let saw = |member: &Member| match member.progress {
            Progress::Live => member.snapshot.as_ref().is_some_and(|snapshot| snapshot.saw(cause)),
            // What is owed is read after this.
            Progress::Owed => true,
            Progress::Starting(_) => false,
        };
        self.members.values().flat_map(IndexMap::values).all(saw)
    }
}

impl View {
    fn compile(planned: &Planned) -> Self {
        let meta = planned.plan.total_count.is_some() || planned.plan.filter_count.is_some();
        match &planned.plan.root {
            Root::Aggregate(aggregate) => {
                let rows = Level {
                    collection: Arc::clone(&aggregate.collection),
                    select: Vec::new(),
                    filter: aggregate.filter.clone(),
                    search: aggregate.search.clone(),
                    access: Arc::clone(&aggregate.access),
                    sort: Vec::new(),
                    limit: None,
                    offset: 0,
                };
                Self::Aggregate { last: None, membership: Membership::compile(&rows).ok() }
            }
            Root::Items(level) => match Membership::compile(level) {
                Ok(membership) => {
                    let projection = Projection::compile(level).ok().filter(|_| !meta);
                    Self::Local { membership, projection, order: Order::compile(level).ok(), meta }
                }
                Err(_) => {
                    Self::Remembered { keys: Remembered::default(), prefilter: Membership::prefilter(level).ok(), meta, overflown: false }
                }
            },
        }
    }
}

impl Pending {
    fn push(&mut self, body: &Arc<Body>, budget: usize) {
        if self.spoilt {
            return;
        }
        self.bytes += body.len();
        if self.bytes > budget {
            self.bodies = Vec::new();
            self.spoilt = true;
            return;
        }
        self.bodies.push(Arc::clone(body));
    }
}
