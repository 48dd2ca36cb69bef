//! The task that owns all groups of one collection.
//!
//! Everything that concerns the collection goes through its one bounded queue, so registration, events, activation and
//! changes of permissions have one order and the groups need no lock. It must never wait for a client: deliveries go to
//! send queues that do not block. It waits for the database only for groups whose view cannot be judged in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use change_event::{ChangeEvent, Snapshot, TransactionId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::connection::frame::Frame;
use crate::connection::send_queue::SendQueue;
use crate::metrics::{Metrics, Stage};
use crate::subscription::evaluate::{Outcome, ParsedEvent};
use crate::subscription::frames::Message;
use crate::subscription::group::{Group, Member, Pending, View};
use crate::subscription::reader::Reader;
use crate::subscription::request::{GroupKey, Planned, Request, SubscriptionId};

/// Commands that may wait for one collection; more make the feed wait, which its own bound turns into a gap.
pub(super) const QUEUE: usize = 1024;

/// What the task is told.
pub(super) enum Command {
    /// A subscription begins: from now on its frames are kept for it.
    Register {
        subscription: SubscriptionId,
        request: Arc<Request>,
        planned: Box<Planned>,
        queue: Arc<SendQueue>,
        done: oneshot::Sender<()>,
    },
    /// Its `init` is ready. Answers whether it could be sent; `false`: register again, too much arrived meanwhile.
    Activate { subscription: SubscriptionId, init: Frame, snapshot: Option<Arc<Snapshot>>, done: oneshot::Sender<bool> },
    /// A subscription ends.
    Remove { subscription: SubscriptionId },
    /// Its permissions changed: it belongs to another group now, or to none.
    Regroup { subscription: SubscriptionId, planned: Option<Box<Planned>> },
    /// A change; answers when it has been delivered.
    Event(Arc<ChangeEvent>, oneshot::Sender<()>),
    /// Changes were lost: every view is read again.
    Gap,
    /// Answers when everything before it is done.
    Barrier(oneshot::Sender<()>),
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
    groups: HashMap<GroupKey, Group>,
    subscriptions: HashMap<SubscriptionId, Entry>,
    reader: Reader,
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Aggregate groups that may have changed, with the name of the last event, and when they are read.
    dirty: HashMap<GroupKey, &'static str>,
    due: Option<Instant>,
}

struct Entry {
    request: Arc<Request>,
    /// `None` while the permissions do not allow it.
    group: Option<GroupKey>,
    /// Kept while there is no group.
    parked: Option<Member>,
}

impl CollectionTask {
    pub(super) fn new(reader: Reader, limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self { groups: HashMap::new(), subscriptions: HashMap::new(), reader, limits, metrics, dirty: HashMap::new(), due: None }
    }

    /// Works until every sender is gone.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let due = self.due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            // Both are cancel-safe: `recv` loses nothing, and the due time is kept in `self`.
            let command = tokio::select! {
                command = commands.recv() => command,
                () = tokio::time::sleep_until(due), if self.due.is_some() => {
                    self.push_aggregates().await;
                    continue;
                }
            };
            let Some(command) = command else { break };
            self.handle(command).await;
        }
        self.metrics.subscriptions.sub(i64::try_from(self.subscriptions.len()).unwrap_or(0));
        self.metrics.groups.sub(i64::try_from(self.groups.len()).unwrap_or(0));
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Register { subscription, request, planned, queue, done } => {
                let member = Member { queue, snapshot: None, pending: Some(Pending::default()) };
                self.metrics.subscriptions.inc();
                self.subscriptions.insert(subscription, Entry { request: Arc::clone(&request), group: None, parked: None });
                self.join(subscription, &request, *planned, member).await;
                // The subscriber may have gone away meanwhile; its removal follows.
                let _heard = done.send(());
            }
            Command::Activate { subscription, init, snapshot, done } => {
                let activated = self.activate(subscription, init, snapshot);
                let _heard = done.send(activated);
            }
            Command::Remove { subscription } => {
                if let Some(entry) = self.subscriptions.remove(&subscription) {
                    self.metrics.subscriptions.dec();
                    self.leave(subscription, &entry);
                }
            }
            Command::Regroup { subscription, planned } => self.regroup(subscription, planned).await,
            Command::Event(event, done) => {
                self.event(&event).await;
                // The feed waits only where the next event is of the same transaction.
                let _heard = done.send(());
            }
            Command::Gap => {
                for key in self.groups.keys().cloned().collect::<Vec<_>>() {
                    self.read_again(&key, None).await;
                }
            }
            Command::Barrier(done) => {
                let _heard = done.send(());
            }
        }
    }

    async fn join(&mut self, subscription: SubscriptionId, request: &Arc<Request>, planned: Planned, member: Member) {
        let key = request.group_key(&planned);
        if !self.groups.contains_key(&key) {
            let mut group = Group::new(key.clone(), planned);
            self.remember_view(&mut group).await;
            self.metrics.groups.inc();
            self.groups.insert(key.clone(), group);
        }
        if let Some(group) = self.groups.get_mut(&key) {
            group.add(request.uid.clone(), subscription, member);
        }
        if let Some(entry) = self.subscriptions.get_mut(&subscription) {
            entry.group = Some(key);
        }
    }

    /// Fills what a view has to remember: the keys of one that cannot be judged in memory, the value of an aggregate.
    async fn remember_view(&self, group: &mut Group) {
        if let View::Aggregate { last, .. } = &mut group.view {
            // Without it the next change is sent even if the value is the same: harmless.
            *last = self.reader.aggregate(&group.planned).await.ok().flatten();
        }
        let View::Remembered { keys, overflown, .. } = &mut group.view else { return };
        match self.reader.keys(&group.planned, self.limits.view_keys).await {
            Ok(Some(found)) => *keys = found,
            Ok(None) => *overflown = true,
            Err(error) => {
                tracing::warn!(%error, "keys of a view could not be read; its rows are unknown");
                *overflown = true;
            }
        }
    }

    fn leave(&mut self, subscription: SubscriptionId, entry: &Entry) -> Option<Member> {
        let key = entry.group.as_ref()?;
        let group = self.groups.get_mut(key)?;
        let member = group.remove(&entry.request.uid, subscription);
        if group.is_empty() {
            self.groups.remove(key);
            self.dirty.remove(key);
            self.metrics.groups.dec();
        }
        member
    }

    fn activate(&mut self, subscription: SubscriptionId, init: Frame, snapshot: Option<Arc<Snapshot>>) -> bool {
        let Some(entry) = self.subscriptions.get_mut(&subscription) else { return true };
        let member = match &entry.group {
            Some(key) => self.groups.get_mut(key).and_then(|group| group.member(&entry.request.uid, subscription)),
            None => entry.parked.as_mut(),
        };
        let Some(member) = member else { return true };
        let Some(pending) = member.pending.take() else { return true };
        if pending.overflown {
            member.pending = Some(Pending::default());
            return false;
        }
        member.snapshot = snapshot;
        // A closed connection is removed by its owner.
        let _sent = member.queue.send(init);
        for (transaction, frame) in pending.frames {
            let seen = matches!((&member.snapshot, transaction), (Some(snapshot), Some(xid)) if snapshot.contains(xid));
            if !seen && member.queue.send(frame).is_ok() {
                self.metrics.deliveries.inc();
            }
        }
        true
    }

    async fn regroup(&mut self, subscription: SubscriptionId, planned: Option<Box<Planned>>) {
        let Some(entry) = self.subscriptions.get(&subscription) else { return };
        let request = Arc::clone(&entry.request);
        let same = planned.as_ref().is_some_and(|planned| entry.group.as_ref() == Some(&request.group_key(planned)));
        if same {
            // The schema may still have changed under an equal statement: the group keeps the newest plan.
            return;
        }
        let Some(entry) = self.subscriptions.remove(&subscription) else { return };
        let member = self.leave(subscription, &entry).or(entry.parked);
        let Some(member) = member else { return };
        match planned {
            Some(planned) => {
                self.subscriptions.insert(subscription, Entry { request: Arc::clone(&request), group: None, parked: None });
                self.join(subscription, &request, *planned, member).await;
            }
            None => {
                self.subscriptions.insert(subscription, Entry { request, group: None, parked: Some(member) });
            }
        }
    }

    async fn event(&mut self, event: &Arc<ChangeEvent>) {
        let Some(collection) = self.groups.values().next().map(|group| Arc::clone(&group.planned.collection)) else { return };
        let parsed = ParsedEvent::parse(event, &collection);
        let mut again = HashSet::new();
        self.metrics.events.add(Stage::Evaluated, self.groups.len() as u64);
        for (key, group) in &mut self.groups {
            if matches!(group.view, View::Aggregate { .. }) {
                if group.aggregate_touched(&parsed) {
                    self.dirty.insert(key.clone(), operation_name(event));
                    self.due.get_or_insert_with(|| Instant::now() + self.limits.aggregate_interval);
                }
                continue;
            }
            match group.evaluate(&parsed, &self.reader, self.limits.view_keys).await {
                Ok(Outcome::Frames(frames)) => {
                    for outgoing in frames {
                        let mut message = Message::new(outgoing.kind.name(), Some(&outgoing.data), outgoing.meta.as_deref());
                        let delivered = group.deliver(&mut message, Some(event.transaction), self.limits.pending_bytes);
                        self.metrics.event_delivered(event.written_at, delivered);
                    }
                }
                Ok(Outcome::ReadAgain) => {
                    again.insert(key.clone());
                }
                Err(error) => {
                    tracing::warn!(%error, "a view could not be read after an event; it is read again");
                    again.insert(key.clone());
                }
            }
        }
        for key in again {
            self.read_again(&key, Some(event.transaction)).await;
        }
    }

    /// Reads a whole view and sends it to every member as a fresh `init`, unless all of them saw its cause in theirs.
    async fn read_again(&mut self, key: &GroupKey, cause: Option<TransactionId>) {
        let Some(mut group) = self.groups.remove(key) else { return };
        self.remember_view(&mut group).await;
        if cause.is_some_and(|cause| group.everybody_saw(cause)) {
            self.groups.insert(key.clone(), group);
            return;
        }
        let item = key.item.as_ref().map(|item| vec![item.to_string()]);
        let mut backoff = service_runtime::Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let read = loop {
            match self.reader.view(&group.planned.plan, item.clone()).await {
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
            let data = if key.event.is_some() { None } else { read.data.as_deref().map(str::as_bytes) };
            let meta = read.meta.as_deref().filter(|_| key.event.is_none());
            let mut message = Message::new("init", data, meta);
            let delivered = group.deliver(&mut message, None, self.limits.pending_bytes);
            self.metrics.deliveries.inc_by(delivered);
            if let Some(snapshot) = &read.snapshot {
                group.everybody_has_seen(snapshot);
            }
            if let View::Aggregate { last, .. } = &mut group.view {
                *last = read.data.map(String::into_bytes);
            }
        } else {
            group.close_members();
        }
        self.groups.insert(key.clone(), group);
    }

    /// Reads the aggregates that may have changed and sends those that did.
    async fn push_aggregates(&mut self) {
        self.due = None;
        for (key, event) in std::mem::take(&mut self.dirty) {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let data = match self.reader.aggregate(&group.planned).await {
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
            let mut message = Message::new(event, data.as_deref(), None);
            let delivered = group.deliver(&mut message, None, self.limits.pending_bytes);
            self.metrics.deliveries.inc_by(delivered);
        }
    }
}

fn operation_name(event: &ChangeEvent) -> &'static str {
    match event.operation {
        change_event::Operation::Create => "create",
        change_event::Operation::Update | change_event::Operation::Reset => "update",
        change_event::Operation::Delete => "delete",
    }
}
