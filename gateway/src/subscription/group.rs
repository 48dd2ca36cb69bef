//! A subscription group: one view, its members, and what is needed to tell who hears of an event.
//!
//! Cost of a delivery: one frame per uid, then one `SendQueue::send` per member; a member costs no allocation.
//! It must never hold a member whose permissions differ from the plan's: the registry regroups before later events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use access::plan::{Level, Root};
use access::row::{Membership, Order, Projection};
use change_event::{Snapshot, TransactionId};
use indexmap::IndexMap;

use crate::connection::frame::Frame;
use crate::connection::send_queue::SendQueue;
use crate::error::CloseReason;
use crate::subscription::frames::Message;
use crate::subscription::request::{GroupKey, Planned, SubscriptionId};

/// One view and everybody who watches it.
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) planned: Planned,
    pub(super) view: View,
    members: HashMap<Option<Arc<str>>, IndexMap<SubscriptionId, Member>>,
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
        keys: HashSet<String>,
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
    /// What its `init` has seen already.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    /// Frames that wait for the `init`; `None` once it was sent.
    pub(super) pending: Option<Pending>,
}

/// What arrived between registration and `init`.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) frames: Vec<(Option<TransactionId>, Frame)>,
    pub(super) bytes: usize,
    /// Too much arrived: the `init` must be read again.
    pub(super) overflown: bool,
}

impl Group {
    pub(super) fn new(key: GroupKey, planned: Planned) -> Self {
        let view = View::compile(&planned);
        Self { key, planned, view, members: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn add(&mut self, uid: Option<Arc<str>>, subscription: SubscriptionId, member: Member) {
        self.members.entry(uid).or_default().insert(subscription, member);
    }

    pub(super) fn remove(&mut self, uid: &Option<Arc<str>>, subscription: SubscriptionId) -> Option<Member> {
        let members = self.members.get_mut(uid)?;
        let member = members.swap_remove(&subscription);
        if members.is_empty() {
            self.members.remove(uid);
        }
        member
    }

    pub(super) fn member(&mut self, uid: &Option<Arc<str>>, subscription: SubscriptionId) -> Option<&mut Member> {
        self.members.get_mut(uid)?.get_mut(&subscription)
    }

    /// Sends `message`, caused by `transaction`, to every member that has not seen it in its `init`. Returns how many.
    pub(super) fn deliver(&mut self, message: &mut Message, transaction: Option<TransactionId>, pending_budget: usize) -> u64 {
        let mut delivered = 0;
        for (uid, members) in &mut self.members {
            let frame = message.frame(uid.as_ref());
            for member in members.values_mut() {
                let seen = |snapshot: &Option<Arc<Snapshot>>| matches!((snapshot, transaction), (Some(snapshot), Some(xid)) if snapshot.contains(xid));
                if seen(&member.snapshot) {
                    continue;
                }
                match &mut member.pending {
                    Some(pending) => pending.push(transaction, frame.clone(), pending_budget),
                    // A closed connection is removed by its owner; its frames are for nobody.
                    None => delivered += u64::from(member.queue.send(frame.clone()).is_ok()),
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
    pub(super) fn everybody_saw(&self, cause: TransactionId) -> bool {
        let saw = |member: &Member| member.pending.is_none() && member.snapshot.as_ref().is_some_and(|snapshot| snapshot.contains(cause));
        self.members.values().flat_map(IndexMap::values).all(saw)
    }

    /// Every member has just been sent the whole view as of `snapshot`.
    pub(super) fn everybody_has_seen(&mut self, snapshot: &Arc<Snapshot>) {
        for member in self.members.values_mut().flat_map(IndexMap::values_mut) {
            if member.pending.is_none() {
                member.snapshot = Some(Arc::clone(snapshot));
            }
        }
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
                Err(_) => Self::Remembered { keys: HashSet::new(), prefilter: Membership::prefilter(level).ok(), meta, overflown: false },
            },
        }
    }
}

impl Pending {
    fn push(&mut self, transaction: Option<TransactionId>, frame: Frame, budget: usize) {
        if self.overflown {
            return;
        }
        self.bytes += frame.len();
        if self.bytes > budget {
            self.frames = Vec::new();
            self.overflown = true;
            return;
        }
        self.frames.push((transaction, frame));
    }
}
