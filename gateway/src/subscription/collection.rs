//! The task that owns all groups of one collection.
//!
//! Everything that concerns the collection goes through its bounded lanes, so registration, events, activation and
//! changes of permissions have one order and the groups need no lock. It must never wait for a client: deliveries go to
//! send queues that do not block. It waits for the database only for groups whose view cannot be judged in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use access::row::PredicateIndex;
use change_capture::bus::StreamHead;
use change_event::{Cause, Snapshot};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::connection::frame::Frame;
use crate::connection::send_queue::SendQueue;
use crate::metrics::Metrics;
use crate::subscription::frames::{Body, Message};
use crate::subscription::group::{Gone, Group, Member, Pending, Progress, View};
use crate::subscription::lanes::{Next, Notice, Queue};
use crate::subscription::listening::Listening;
use crate::subscription::position::Place;
use crate::subscription::reader::{Reader, ViewRead};
use crate::subscription::remembered::Remembered;
use crate::subscription::request::{GroupKey, Planned, Request, SubscriptionId};

/// What the task is told about subscriptions.
pub(super) enum Command {
    /// A subscription begins: from now on its frames are kept for it. Answers with the newest event before it.
    Register {
        subscription: SubscriptionId,
        request: Arc<Request>,
        planned: Box<Planned>,
        queue: Arc<SendQueue>,
        done: oneshot::Sender<StreamHead>,
    },
    /// Its `init` is ready. Answers whether it could be sent; `false`: plan and register again. With `at_any_rate` one that does not
    /// hold any more is read again here, where nothing comes in between.
    Activate { subscription: SubscriptionId, start: Start, at_any_rate: bool, done: oneshot::Sender<bool> },
    /// A GraphQL subscription begins; answers when every later event reaches it.
    Listen { subscription: SubscriptionId, request: Arc<Request>, planned: Box<Planned>, queue: Arc<SendQueue>, done: oneshot::Sender<()> },
    /// A subscription ends.
    Remove { subscription: SubscriptionId },
    /// Its permissions changed: it belongs to another group now, or to none.
    Regroup { subscription: SubscriptionId, planned: Option<Box<Planned>> },
    /// No more of those for now: whoever's view became another one is sent it.
    Settle,
}

/// How a subscription starts.
#[derive(Debug)]
pub struct Start {
    /// The `init`; `None` after a resume, which has sent what was missed.
    pub init: Option<Frame>,
    /// What the subscriber has been told of.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The last event that a resume sent.
    pub seen: Option<StreamHead>,
    /// Keys of the rows in the `init`, where the view is remembered.
    pub shown: Arc<[String]>,
}

impl Start {
    fn contains(&self, cause: Cause) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.saw(cause))
    }

    /// Whether the `init` shows a row that has left since, without a word to this member now or later.
    fn is_outdated(&self, pending: &Pending) -> bool {
        let unsaid = |gone: &&Gone| if self.contains(gone.cause) { gone.absent } else { !gone.told };
        let unsaid: HashSet<&str> = pending.gone.iter().filter(unsaid).map(|gone| &*gone.key).collect();
        !unsaid.is_empty() && self.shown.iter().any(|key| unsaid.contains(key.as_str()))
    }
}

/// Limits of a task.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) pending_bytes: usize,
    pub(super) view_keys: usize,
    pub(super) aggregate_interval: Duration,
}

/// The state of the task.
pub(super) struct CollectionTask {
    pub(super) groups: HashMap<GroupKey, Group>,
    /// How many groups there have been.
    begun: u64,
    /// Finds those of `groups` that a row can concern; has each of them once.
    pub(super) index: PredicateIndex<GroupKey>,
    subscriptions: HashMap<SubscriptionId, Entry>,
    pub(super) listening: HashMap<SubscriptionId, Listening>,
    /// The newest event that was dealt with.
    pub(super) head: StreamHead,
    pub(super) reader: Reader,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    /// Groups with members that are owed their view.
    owing: HashSet<GroupKey>,
    /// Aggregate groups that may have changed, with the name of the last event, and when they are read.
    pub(super) dirty: HashMap<GroupKey, &'static str>,
    pub(super) due: Option<Instant>,
}

struct Entry {
    request: Arc<Request>,
    /// `None` while the permissions do not allow it.
    group: Option<GroupKey>,
    /// Kept while there is no group. Boxed: rare, and it would weigh on every subscription.
    parked: Option<Box<Parked>>,
}

/// A subscription that its permissions do not allow at the moment.
struct Parked {
    member: Member,
    /// What it saw last, and up to which event: with nothing missed it goes on as if nothing had been.
    group: GroupKey,
    head: StreamHead,
}

impl CollectionTask {
    pub(super) fn new(head: StreamHead, reader: Reader, limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            groups: HashMap::new(),
            begun: 0,
            index: PredicateIndex::default(),
            subscriptions: HashMap::new(),
            listening: HashMap::new(),
            head,
            reader,
            limits,
            metrics,
            owing: HashSet::new(),
            dirty: HashMap::new(),
            due: None,
        }
    }

    /// Works until every sender is gone.
    pub(super) async fn run(mut self, mut queue: Queue) {
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            // Both are cancel-safe: the queue loses nothing, and the due time is kept in `self`.
            let next = tokio::select! {
                next = queue.next() => next,
                () = tokio::time::sleep_until(due), if self.due.is_some() => {
                    self.push_aggregates().await;
                    continue;
                }
            };
            match next {
                Some(Next::Command(command)) => self.obey(command).await,
                Some(Next::Notice(notice)) => self.hear(notice).await,
                None => break,
            }
        }
        self.metrics.subscriptions.sub(i64::try_from(self.subscriptions.len() + self.listening.len()).unwrap_or(0));
        self.metrics.groups.sub(i64::try_from(self.groups.len()).unwrap_or(0));
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Register { subscription, request, planned, queue, done } => {
                let member = Member::starting(queue, request.positions);
                self.metrics.subscriptions.inc();
                self.subscriptions.insert(subscription, Entry { request: Arc::clone(&request), group: None, parked: None });
                self.join(subscription, &request, *planned, member).await;
                // The subscriber may have gone away meanwhile; its removal follows.
                let _heard = done.send(self.head);
            }
            Command::Activate { subscription, start, at_any_rate, done } => {
                let mut activated = self.activate(subscription, start);
                if !activated && at_any_rate {
                    activated = self.begin_at_any_rate(subscription).await;
                }
                let _heard = done.send(activated);
            }
            Command::Listen { subscription, request, planned, queue, done } => {
                self.listen(subscription, request, *planned, queue).await;
                // The subscriber may have gone away meanwhile; its removal follows.
                let _heard = done.send(());
            }
            Command::Remove { subscription } => {
                if self.end_listening(subscription) {
                    return;
                }
                if let Some(entry) = self.subscriptions.remove(&subscription) {
                    self.metrics.subscriptions.dec();
                    self.leave(subscription, &entry);
                }
            }
            Command::Regroup { subscription, planned } if self.listening.contains_key(&subscription) => {
                self.listen_again(subscription, planned).await;
            }
            Command::Regroup { subscription, planned } => self.regroup(subscription, planned).await,
            Command::Settle => {
                for key in std::mem::take(&mut self.owing) {
                    self.read_again(&key, Audience::Owed).await;
                }
            }
        }
    }

    async fn hear(&mut self, notice: Notice) {
        match notice {
            Notice::Event(event, received, done) => {
                if received.is_disabled() {
                    self.event(&event).await;
                } else {
                    let span = service_runtime::span!(parent: &received, "deliver", "tidegate.groups" = self.groups.len(), "tidegate.frames" = Empty);
                    let before = self.metrics.deliveries.get();
                    Box::pin(self.event(&event)).instrument(span.clone()).await;
                    span.record("tidegate.frames", self.metrics.deliveries.get().saturating_sub(before));
                }
                // The feed waits only where the next event is of the same transaction.
                let _heard = done.send(());
            }
            Notice::Gap => {
                for key in self.groups.keys().cloned().collect::<Vec<_>>() {
                    self.send_listeners_back(&key);
                    self.read_again(&key, Audience::All { cause: None }).await;
                }
            }
            Notice::Barrier(done) => {
                let _heard = done.send(());
            }
        }
    }

    async fn join(&mut self, subscription: SubscriptionId, request: &Arc<Request>, planned: Planned, member: Member) {
        let key = self.open_group(request, planned).await;
        if let Some(group) = self.groups.get_mut(&key) {
            group.add(request.uid.clone(), subscription, member);
        }
        if let Some(entry) = self.subscriptions.get_mut(&subscription) {
            entry.group = Some(key);
        }
    }

    /// Finds or makes the group of a planned request.
    pub(super) async fn open_group(&mut self, request: &Request, planned: Planned) -> GroupKey {
        let key = request.group_key(&planned);
        if let Some(group) = self.groups.get(&key) {
            // Equal to ours, but the statement in it is there already: every member would keep one of its own.
            return group.key.clone();
        }
        self.begun += 1;
        let mut group = Group::new(self.begun, key.clone(), planned);
        self.remember_view(&mut group).await;
        self.metrics.groups.inc();
        group.placement = self.index.insert(key.clone(), &group.covers());
        self.groups.insert(key.clone(), group);
        key
    }

    /// Lets go of a group that nobody is in.
    pub(super) fn close_group(&mut self, key: &GroupKey) {
        if !self.groups.get(key).is_some_and(Group::is_empty) {
            return;
        }
        if let Some(group) = self.groups.remove(key) {
            self.index.remove(key, &group.placement);
            self.dirty.remove(key);
            self.metrics.groups.dec();
        }
    }

    /// Fills what a view has to remember: the keys of one that cannot be judged in memory, the value of an aggregate.
    async fn remember_view(&self, group: &mut Group) {
        if let View::Aggregate { last, .. } = &mut group.view {
            // Without it the next change is sent even if the value is the same: harmless.
            let mut values = self.reader.aggregates(std::slice::from_ref(&group.planned)).await;
            *last = values.pop().and_then(Result::ok).flatten();
        }
        let View::Remembered { keys, overflown, .. } = &mut group.view else { return };
        match self.reader.keys(&group.planned, self.limits.view_keys).await {
            Ok(Some(found)) => *keys = Remembered::read(found),
            Ok(None) => *overflown = true,
            Err(error) => {
                tracing::warn!(%error, "keys of a view could not be read; its rows are unknown");
                *overflown = true;
            }
        }
    }

    /// As [`CollectionTask::remember_view`], without forgetting what members hold.
    async fn remember_more(&self, group: &mut Group) {
        let held = group.held();
        self.remember_view(group).await;
        group.remember_shown(held.iter(), self.limits.view_keys);
    }

    fn leave(&mut self, subscription: SubscriptionId, entry: &Entry) -> Option<Member> {
        let key = entry.group.as_ref()?;
        let group = self.groups.get_mut(key)?;
        let member = group.remove(&entry.request.uid, subscription);
        self.close_group(key);
        member
    }

    fn activate(&mut self, subscription: SubscriptionId, start: Start) -> bool {
        let Some(entry) = self.subscriptions.get_mut(&subscription) else { return true };
        // What was read with permissions that are gone is not sent.
        let Some(key) = &entry.group else { return false };
        let uid = entry.request.uid.as_ref();
        let Some(group) = self.groups.get_mut(key) else { return true };
        let Some(member) = group.member(&entry.request.uid, subscription) else { return true };
        let Progress::Starting(pending) = &mut member.progress else { return true };
        if pending.spoilt || start.is_outdated(pending) {
            return false;
        }
        let waiting = std::mem::take(&mut **pending);
        // What has left since the `init` is told, and need not be remembered.
        let gone: HashSet<&str> = waiting.gone.iter().filter(|gone| !start.contains(gone.cause)).map(|gone| &*gone.key).collect();
        let kept: Vec<&String> = start.shown.iter().filter(|key| !gone.contains(key.as_str())).collect();
        member.progress = Progress::Live;
        member.snapshot.clone_from(&start.snapshot);
        member.seen = start.seen;
        if let Some(init) = start.init {
            // A closed connection is removed by its owner.
            let _sent = member.queue.send(init);
        }
        for body in waiting.bodies {
            if !member.knows(&body) && member.queue.send(member.own_frame(&body, uid)).is_ok() {
                self.metrics.deliveries.inc();
            }
        }
        group.remember_shown(kept.into_iter(), self.limits.view_keys);
        group.note_init(start.snapshot.as_ref(), &start.shown);
        true
    }

    /// Reads the view here, where nothing comes in between, for a subscription that is about to begin and all others of its group
    /// whose `init` will not hold. `false`: its permissions do not allow it, or the view cannot be read; nothing has changed.
    async fn begin_at_any_rate(&mut self, subscription: SubscriptionId) -> bool {
        let Some((key, uid)) =
            self.subscriptions.get(&subscription).and_then(|entry| Some((entry.group.clone()?, entry.request.uid.clone())))
        else {
            return false;
        };
        let Some(mut group) = self.groups.remove(&key) else { return false };
        let read = self.reader.view(&group.planned, key.item.as_deref()).await;
        let begun = read.is_ok();
        match read {
            Ok(read) => {
                group.owe_spoilt();
                if let Some(member) = group.member(&uid, subscription) {
                    member.progress = Progress::Owed;
                }
                self.send_view(&mut group, &read, false);
            }
            Err(error) => tracing::warn!(%error, "a view could not be read for those who wait for it"),
        }
        self.groups.insert(key, group);
        begun
    }

    /// Sends a view that was read just now.
    fn send_view(&self, group: &mut Group, read: &ViewRead, to_all: bool) {
        let whole = group.key.event.is_none();
        let data = read.data.as_deref().filter(|_| whole).map(str::as_bytes);
        let meta = read.meta.as_deref().filter(|_| whole);
        let body = Body::new(("init", data, meta), Place::after(self.head), group.digest, None);
        let delivered = group.deliver_view(&mut Message::new(body), read.snapshot.as_ref(), to_all);
        self.metrics.deliveries.inc_by(delivered);
        group.remember_shown(read.shown.iter(), self.limits.view_keys);
        group.note_init(read.snapshot.as_ref(), &read.shown);
        // Those who are not among the audience have not been told of it.
        if to_all && let View::Aggregate { last, .. } = &mut group.view {
            *last = read.data.clone().map(String::into_bytes);
        }
    }

    async fn regroup(&mut self, subscription: SubscriptionId, planned: Option<Box<Planned>>) {
        let Some(entry) = self.subscriptions.get(&subscription) else { return };
        let request = Arc::clone(&entry.request);
        let key = planned.as_ref().map(|planned| request.group_key(planned));
        if key.is_some() && entry.group == key {
            return;
        }
        if key.is_none() && entry.group.is_none() {
            return;
        }
        let Some(mut entry) = self.subscriptions.remove(&subscription) else { return };
        let (mut member, last, head) = match (self.leave(subscription, &entry), entry.group.take(), entry.parked.take()) {
            (Some(member), Some(group), _) => (member, group, self.head),
            (None, None, Some(parked)) => (parked.member, parked.group, parked.head),
            (Some(_), None, _) | (None, _, _) => return,
        };
        match (key, planned) {
            (Some(key), Some(planned)) => {
                match &mut member.progress {
                    Progress::Starting(pending) => pending.spoilt = true,
                    // What images do not tell may have changed with the event to come, and nobody would know what was shown.
                    Progress::Live if key == last && head == self.head && !planned.remembered && !planned.is_aggregate() => {}
                    progress @ (Progress::Live | Progress::Owed) => {
                        *progress = Progress::Owed;
                        self.owing.insert(key);
                    }
                }
                self.subscriptions.insert(subscription, Entry { request: Arc::clone(&request), group: None, parked: None });
                self.join(subscription, &request, *planned, member).await;
            }
            _ => {
                if let Progress::Starting(pending) = &mut member.progress {
                    pending.spoilt = true;
                }
                let parked = Some(Box::new(Parked { member, group: last, head }));
                self.subscriptions.insert(subscription, Entry { request, group: None, parked });
            }
        }
    }

    /// Reads a whole view and sends it to its audience as a fresh `init`, unless all of them saw its cause in theirs.
    pub(super) async fn read_again(&mut self, key: &GroupKey, audience: Audience) {
        let Some(mut group) = self.groups.remove(key) else { return };
        let to_all = matches!(audience, Audience::All { .. });
        if !group.has_listeners_only() && matches!(audience, Audience::All { cause: Some(cause) } if group.everybody_saw(cause)) {
            // They hold what they were shown, and are told when that changes.
            self.remember_more(&mut group).await;
            self.groups.insert(key.clone(), group);
            return;
        }
        if to_all {
            self.remember_view(&mut group).await;
        }
        if group.has_listeners_only() {
            self.groups.insert(key.clone(), group);
            return;
        }
        let mut backoff = service_runtime::Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let read = loop {
            match self.reader.view(&group.planned, key.item.as_deref()).await {
                Ok(read) => break Some(read),
                // The view is owed: without it the members would hold stale rows for ever.
                Err(error) if backoff.attempts() < 8 => {
                    tracing::warn!(%error, "a view could not be read again; waiting");
                    backoff.wait().await;
                }
                Err(error) => {
                    tracing::error!(%error, "a view could not be read again; its members are told to come back");
                    break None;
                }
            }
        };
        if let Some(read) = read {
            self.send_view(&mut group, &read, to_all);
        } else {
            group.close_members();
        }
        self.groups.insert(key.clone(), group);
    }

    /// Reads the aggregates that may have changed and sends those that did.
    async fn push_aggregates(&mut self) {
        self.due = None;
        let dirty = std::mem::take(&mut self.dirty);
        let found = dirty.into_iter().filter_map(|(key, event)| Some((self.groups.get(&key)?.planned.clone(), (key, event))));
        let (planned, dirty): (Vec<Planned>, Vec<_>) = found.unzip();
        for ((key, event), value) in dirty.into_iter().zip(self.reader.aggregates(&planned).await) {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let data = match value {
                Ok(data) => data,
                Err(error) => {
                    tracing::warn!(%error, "an aggregate could not be read; trying again");
                    self.dirty.insert(key, event);
                    self.due = Some(Instant::now() + self.limits.aggregate_interval.max(Duration::from_millis(100)));
                    continue;
                }
            };
            let View::Aggregate { last, .. } = &mut group.view else { continue };
            if *last == data {
                continue;
            }
            last.clone_from(&data);
            if key.event.is_some_and(|only| only.name() != event) {
                continue;
            }
            let body = Body::new((event, data.as_deref(), None), Place::after(self.head), group.digest, None);
            let delivered = group.deliver(&mut Message::new(body), self.limits.pending_bytes);
            self.metrics.deliveries.inc_by(delivered);
        }
    }
}

/// Whom a view that was read again concerns.
#[derive(Clone, Copy)]
pub(super) enum Audience {
    /// Every member, unless all of them saw the transaction that caused it.
    All { cause: Option<Cause> },
    /// Those whose view became this one.
    Owed,
}
