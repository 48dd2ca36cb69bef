//! What a client asked to hear, planned under its permissions.
//!
//! It must never be planned without permissions: [`Planned`] is made by the planner only.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use access::plan::{ReadPlan, Root};
use access::query::Query;
use access::schema::Collection;
use access::statement::Statement;

use crate::protocol::subscribe::EventKind;
use crate::subscription::listeners::Form;

/// Names one subscription of one connection on this node; grows in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u64);

/// A subscription as asked for; dynamic variables of the query are resolved once, when it was made.
#[derive(Debug, Clone)]
pub struct Request {
    /// The collection.
    pub collection: Arc<str>,
    /// Only this kind of event.
    pub event: Option<EventKind>,
    /// Only this item, by its key as text.
    pub item: Option<Arc<str>>,
    /// The query, resolved; shared where [`crate::subscription::Queries`] knows it.
    pub query: Arc<Query>,
    /// The client set a limit itself: it applies to the rows of each event.
    pub explicit_limit: bool,
    /// The uid as text; every frame carries it.
    pub uid: Option<Arc<str>>,
    /// Each message carries its position.
    pub positions: bool,
    /// What each row is made into for a GraphQL client; `None` for the messages of `/websocket`.
    pub form: Option<Arc<Form>>,
}

/// A request under the permissions of now.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The collection's overview.
    pub collection: Arc<Collection>,
    /// The view: all rows of the query, permissions applied.
    pub plan: Arc<ReadPlan>,
    /// The statement that reads the view; its text and parameters identify the view.
    pub statement: Arc<Statement>,
    /// Images do not tell which rows belong to the view: the group remembers the keys of those that it has shown.
    pub remembered: bool,
}

/// What makes two subscriptions see the same frames. Cheap to clone, and to look up: its hash is made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupKey {
    /// First, so that most of what differs is told by it.
    digest: u64,
    pub(super) event: Option<EventKind>,
    pub(super) item: Option<Arc<str>>,
    pub(super) explicit_limit: bool,
    pub(super) statement: Arc<Statement>,
}

impl Hash for GroupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
    }
}

impl GroupKey {
    fn new(statement: &Arc<Statement>, event: Option<EventKind>, item: Option<&Arc<str>>, explicit_limit: bool) -> Self {
        // With its fixed keys, not the random ones of a map: positions carry it to other nodes.
        let mut hasher = DefaultHasher::new();
        (statement, event, item, explicit_limit).hash(&mut hasher);
        Self { digest: hasher.finish(), event, item: item.cloned(), explicit_limit, statement: Arc::clone(statement) }
    }

    /// Names the view in positions: equal on every node of one release, different for other rights or another query.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }
}

impl Request {
    /// Names the view in positions.
    #[must_use]
    pub fn view_digest(&self, planned: &Planned) -> u64 {
        self.group_key(planned).digest()
    }

    pub(super) fn group_key(&self, planned: &Planned) -> GroupKey {
        GroupKey::new(&planned.statement, self.event, self.item.as_ref(), self.explicit_limit)
    }
}

impl Planned {
    /// Whether the view is one of aggregates.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.plan.root, Root::Aggregate(_))
    }
}
