//! How GraphQL subscriptions come to a collection's groups, move between them and leave.
//!
//! It must never leave a listener in a group whose plan was made with other permissions than its own.

use std::sync::Arc;

use crate::connection::send_queue::SendQueue;
use crate::subscription::collection::CollectionTask;
use crate::subscription::listeners::{Form, Listener};
use crate::subscription::request::{GroupKey, Planned, Request, SubscriptionId};

/// A GraphQL subscription of a collection.
pub(super) struct Listening {
    request: Arc<Request>,
    form: Arc<Form>,
    group: GroupKey,
}

impl CollectionTask {
    pub(super) async fn listen(&mut self, subscription: SubscriptionId, request: Arc<Request>, planned: Planned, queue: Arc<SendQueue>) {
        let Some(form) = request.form.clone() else { return };
        let listener = Listener::new(queue, request.uid.as_deref().unwrap_or_default());
        self.metrics.subscriptions.inc();
        self.enter(subscription, request, form, planned, listener).await;
    }

    /// Returns whether it was one.
    pub(super) fn end_listening(&mut self, subscription: SubscriptionId) -> bool {
        let Some(listening) = self.listening.remove(&subscription) else { return false };
        self.metrics.subscriptions.dec();
        self.leave_group(subscription, &listening);
        true
    }

    /// Its permissions are others than before. Without a plan it hears nothing more; its end follows.
    pub(super) async fn listen_again(&mut self, subscription: SubscriptionId, planned: Option<Box<Planned>>) {
        let Some(listening) = self.listening.get(&subscription) else { return };
        if planned.as_ref().is_some_and(|planned| listening.request.group_key(planned) == listening.group) {
            return;
        }
        let Some(listening) = self.listening.remove(&subscription) else { return };
        let listener = self.leave_group(subscription, &listening);
        match (planned, listener) {
            (Some(planned), Some(listener)) => self.enter(subscription, listening.request, listening.form, *planned, listener).await,
            (None, _) | (_, None) => self.metrics.subscriptions.dec(),
        }
    }

    /// Changes were lost: there is no message for a whole view. Coming again, they read what they need.
    pub(super) fn send_listeners_back(&self, key: &GroupKey) {
        if let Some(group) = self.groups.get(key) {
            group.listeners.close();
        }
    }

    async fn enter(&mut self, subscription: SubscriptionId, request: Arc<Request>, form: Arc<Form>, planned: Planned, listener: Listener) {
        let group = self.open_group(&request, planned).await;
        if let Some(group) = self.groups.get_mut(&group) {
            group.listeners.add(&form, subscription, listener);
        }
        self.listening.insert(subscription, Listening { request, form, group });
    }

    fn leave_group(&mut self, subscription: SubscriptionId, listening: &Listening) -> Option<Listener> {
        let listener = self.groups.get_mut(&listening.group)?.listeners.remove(&listening.form, subscription);
        self.close_group(&listening.group);
        listener
    }
}
