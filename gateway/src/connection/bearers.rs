//! All open identities, looked at again at once, before new access rules are put in force.
//!
//! It must never ask the database once per connection.
//! Cost: two statements for ten thousand connections.

use std::sync::{Arc, Weak};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::auth::{Authenticator, Identity, Recheck};
use crate::connection::open::OpenConnections;
use crate::connection::session::Session;
use crate::database::DatabaseError;
use crate::directory::{Bearers, Conclusion};

/// The connections of a node. They do not keep it alive.
pub struct OpenIdentities {
    connections: Weak<OpenConnections>,
    authenticator: Weak<Authenticator>,
}

impl OpenIdentities {
    /// Those of `connections`.
    #[must_use]
    pub fn new(connections: &Arc<OpenConnections>, authenticator: &Arc<Authenticator>) -> Self {
        Self { connections: Arc::downgrade(connections), authenticator: Arc::downgrade(authenticator) }
    }

    async fn look(&self) -> Result<Conclusion, DatabaseError> {
        let nothing: Conclusion = Box::new(|| ());
        let (Some(connections), Some(authenticator)) = (self.connections.upgrade(), self.authenticator.upgrade()) else {
            return Ok(nothing);
        };
        // First, so that an authentication that is under way right now looks again too.
        connections.access_changed();
        let sessions = connections.sessions();
        let (identities, revisions): (Vec<Identity>, Vec<u64>) = sessions.iter().map(|session| session.present()).unzip();
        let mut found = Vec::new();
        for (place, outcome) in authenticator.look_at_all(&identities).await? {
            if let (Some(session), Some(identity), Some(revision)) = (sessions.get(place), identities.get(place), revisions.get(place)) {
                found.push((Arc::clone(session), identity.clone(), *revision, outcome));
            }
        }
        Ok(Box::new(move || {
            for (session, identity, revision, outcome) in found {
                conclude(&session, &identity, revision, &outcome);
                // The look compared with the rules before.
                session.revise(&authenticator);
            }
        }))
    }
}

/// Puts the outcome of a look at `identity` into effect, unless the connection has proved to be somebody else meanwhile: that was
/// after the look began, and whoever proves something then looks again for himself.
fn conclude(session: &Session, identity: &Identity, mut revision: u64, outcome: &Recheck) {
    while !session.conclude(revision, outcome.clone()) {
        let (present, number) = session.present();
        if !present.rests_on_the_same(identity) {
            return;
        }
        revision = number;
    }
}

impl Bearers for OpenIdentities {
    fn look_again(&self) -> BoxFuture<'_, Result<Conclusion, DatabaseError>> {
        self.look().boxed()
    }
}
