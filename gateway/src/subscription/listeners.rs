//! GraphQL subscribers of a group: the same changes as its other members, in another form.
//!
//! There is no `init`: a listener hears every event that is dealt with after it began. Rows are told one by one. What was
//! asked for (aliases, type names, nesting) is its [`Form`]; listeners of equal forms share what was rendered, and only the
//! head of the frame, which holds the id, is their own.
//!
//! It must never decide who hears of a row: the group has. Cost of a delivery: one rendering per form and row, then one
//! frame, a copy of it, per listener.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use graphql::{EventKind as GraphqlEvent, Subscription};
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::connection::frame::Frame;
use crate::connection::send_queue::SendQueue;
use crate::database::DatabaseError;
use crate::error::{ClientError, CloseReason};
use crate::graphql::answer;
use crate::items::refused;
use crate::protocol::graphql as wire;
use crate::protocol::subscribe::EventKind;
use crate::subscription::evaluate::OutgoingRow;
use crate::subscription::request::SubscriptionId;

/// What a row is made into.
#[derive(Debug)]
pub struct Form {
    subscription: Subscription,
    /// Equal forms have equal ones.
    digest: u64,
}

/// The listeners of a group, by form.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    by_digest: HashMap<u64, Vec<Audience>>,
}

#[derive(Debug)]
struct Audience {
    form: Arc<Form>,
    members: IndexMap<SubscriptionId, Listener>,
}

/// One subscriber.
#[derive(Debug)]
pub(super) struct Listener {
    queue: Arc<SendQueue>,
    /// Its frames up to the payload.
    head: Box<[u8]>,
}

impl Form {
    /// The form of a subscription.
    #[must_use]
    pub fn new(subscription: Subscription) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("{subscription:?}").hash(&mut hasher);
        Self { digest: hasher.finish(), subscription }
    }

    /// The end of a subscription that its permissions do not allow any more.
    #[must_use]
    pub fn refused(&self, error: &ClientError, id: Option<&str>) -> Frame {
        wire::error(id.unwrap_or_default(), &answer::errors_at(error, &self.subscription.key, self.subscription.location))
    }

    /// The payload for rows that could not be read.
    fn failure(&self, error: &ClientError) -> Vec<u8> {
        let mut payload = b"{\"data\":null,\"errors\":".to_vec();
        payload.extend(answer::errors_at(error, &self.subscription.key, self.subscription.location));
        payload.push(b'}');
        payload
    }

    /// The payload for one row; `None` where it cannot be told, which the log knows.
    fn render(&self, event: GraphqlEvent, row: &OutgoingRow) -> Option<Vec<u8>> {
        let rendered = || {
            let key: Value = serde_json::from_str(&row.key)?;
            let item: Option<&RawValue> = row.data.as_deref().map(serde_json::from_slice).transpose()?;
            serde_json::to_vec(&self.subscription.respond(&key, event, item))
        };
        rendered().inspect_err(|error| tracing::error!(%error, "a row could not be put into the form of GraphQL")).ok()
    }
}

impl Listener {
    pub(super) fn new(queue: Arc<SendQueue>, id: &str) -> Self {
        Self { queue, head: wire::next_head(id).into() }
    }
}

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    pub(super) fn add(&mut self, form: &Arc<Form>, subscription: SubscriptionId, listener: Listener) {
        let audiences = self.by_digest.entry(form.digest).or_default();
        let same = audiences.iter_mut().find(|audience| audience.form.subscription == form.subscription);
        if let Some(audience) = same {
            audience.members.insert(subscription, listener);
        } else {
            audiences.push(Audience { form: Arc::clone(form), members: IndexMap::from([(subscription, listener)]) });
        }
    }

    pub(super) fn remove(&mut self, form: &Form, subscription: SubscriptionId) -> Option<Listener> {
        let audiences = self.by_digest.get_mut(&form.digest)?;
        let listener = audiences.iter_mut().find_map(|audience| audience.members.swap_remove(&subscription));
        audiences.retain(|audience| !audience.members.is_empty());
        if audiences.is_empty() {
            self.by_digest.remove(&form.digest);
        }
        listener
    }

    /// Tells every listener of `rows`, in order. Returns how many frames were sent.
    pub(super) fn deliver(&self, kind: EventKind, rows: &[OutgoingRow]) -> u64 {
        let event = match kind {
            EventKind::Create => GraphqlEvent::Create,
            EventKind::Update => GraphqlEvent::Update,
            EventKind::Delete => GraphqlEvent::Delete,
        };
        let mut delivered = 0;
        for audience in self.by_digest.values().flatten() {
            for row in rows {
                let Some(payload) = audience.form.render(event, row) else {
                    audience.close();
                    break;
                };
                for listener in audience.members.values() {
                    let frame = Frame::text_of(&[&listener.head, &payload, wire::NEXT_TAIL]);
                    // A closed connection is removed by its owner; its frames are for nobody.
                    delivered += u64::from(listener.queue.send(frame).is_ok());
                }
            }
        }
        delivered
    }

    /// The rows of an event could not be read. Where the database is at fault, what was missed is read after coming back;
    /// where the selection is (the length of a list that is none), each is told so and hears the next event.
    pub(super) fn fail(&self, error: DatabaseError) {
        if self.is_empty() {
            return;
        }
        if error.is_unavailable() {
            return self.close();
        }
        let error = ClientError::from(refused(error));
        error.log();
        for audience in self.by_digest.values().flatten() {
            let payload = audience.form.failure(&error);
            for listener in audience.members.values() {
                // A closed connection is removed by its owner.
                let _told = listener.queue.send(Frame::text_of(&[&listener.head, &payload, wire::NEXT_TAIL]));
            }
        }
    }

    /// Tells every listener to come back: what it missed cannot be told.
    pub(super) fn close(&self) {
        self.by_digest.values().flatten().for_each(Audience::close);
    }
}

impl Audience {
    fn close(&self) {
        self.members.values().for_each(|listener| listener.queue.close(CloseReason::Resynchronise));
    }
}
