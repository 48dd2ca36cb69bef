//! The operations of one connection by the ids that the client gave them.
//!
//! It must never answer an operation that the client has completed, nor one whose id belongs to a newer operation by now.
//! The lock is held while the last frames are queued, so that an id is free exactly when its last frame is on its way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::subscription::SubscriptionId;

/// The operations in work and the subscriptions of a connection.
#[derive(Debug, Default)]
pub(super) struct Operations(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    last: u64,
    entries: HashMap<String, Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Running(u64),
    Subscribed(SubscriptionId),
}

/// One operation in work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) id: String,
    number: u64,
}

impl Operations {
    /// Begins an operation. `None` when its id is in use; `holds` says whether a subscription still exists.
    pub(super) fn begin(&self, id: String, holds: impl Fn(SubscriptionId) -> bool) -> Option<Ticket> {
        let mut book = self.book();
        let taken = match book.entries.get(&id) {
            Some(Entry::Running(_)) => true,
            Some(Entry::Subscribed(subscription)) => holds(*subscription),
            None => false,
        };
        if taken {
            return None;
        }
        book.last += 1;
        let number = book.last;
        book.entries.insert(id.clone(), Entry::Running(number));
        Some(Ticket { id, number })
    }

    /// Ends an operation by its answer, which `send` queues unless the client has completed it.
    pub(super) fn finish(&self, ticket: &Ticket, send: impl FnOnce()) {
        let mut book = self.book();
        if book.is_current(ticket) {
            book.entries.remove(&ticket.id);
            send();
        }
    }

    /// The operation is a subscription that lives on. `false` when the client has completed it.
    pub(super) fn subscribed(&self, ticket: &Ticket, subscription: SubscriptionId) -> bool {
        let mut book = self.book();
        let current = book.is_current(ticket);
        if current {
            book.entries.insert(ticket.id.clone(), Entry::Subscribed(subscription));
        }
        current
    }

    /// The client wants no more of `id`. Returns the subscription that has to end.
    pub(super) fn complete(&self, id: &str) -> Option<SubscriptionId> {
        match self.book().entries.remove(id)? {
            Entry::Subscribed(subscription) => Some(subscription),
            Entry::Running(_) => None,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn is_current(&self, ticket: &Ticket) -> bool {
        self.entries.get(&ticket.id) == Some(&Entry::Running(ticket.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(operations: &Operations, id: &str) -> Option<Ticket> {
        operations.begin(id.to_owned(), |_| true)
    }

    #[test]
    fn an_id_is_used_once_at_a_time() {
        let operations = Operations::default();
        let first = begin(&operations, "a").unwrap();
        assert_eq!(begin(&operations, "a"), None);
        assert!(begin(&operations, "b").is_some());
        let mut answered = 0;
        operations.finish(&first, || answered += 1);
        operations.finish(&first, || answered += 1);
        assert_eq!(answered, 1);
        assert!(begin(&operations, "a").is_some());
    }

    #[test]
    fn what_was_completed_is_not_answered() {
        let operations = Operations::default();
        let old = begin(&operations, "a").unwrap();
        assert_eq!(operations.complete("a"), None);
        assert!(!operations.book().is_current(&old));
        let new = begin(&operations, "a").unwrap();
        operations.finish(&old, || panic!("the id belongs to another operation"));
        assert!(!operations.subscribed(&old, SubscriptionId(1)));
        assert!(operations.subscribed(&new, SubscriptionId(2)));
        assert_eq!(begin(&operations, "a"), None);
        // A subscription that ended by itself frees its id.
        let third = operations.begin("a".to_owned(), |_| false).unwrap();
        assert!(operations.book().is_current(&third));
        assert!(operations.subscribed(&third, SubscriptionId(3)));
        assert_eq!(operations.complete("a"), Some(SubscriptionId(3)));
        assert_eq!(operations.complete("a"), None);
    }
}
