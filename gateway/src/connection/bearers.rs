//! All open identities, looked at again at once, before new access rules are put in force.
//!
//! It must never ask the database once per connection: only those whose rows say something else are looked at by themselves.
//! Cost: two statements for ten thousand connections.

use std::sync::{Arc, Weak};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::auth::{Authenticator, Identity};
use crate::connection::open::OpenConnections;
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
        for place in authenticator.differing(&identities).await? {
            let (Some(session), Some(identity), Some(revision)) = (sessions.get(place), identities.get(place), revisions.get(place)) else {
                continue;
            };
            found.push((Arc::clone(session), *revision, authenticator.look(identity).await?.0));
        }
        Ok(Box::new(move || {
            for (session, revision, outcome) in found {
                // Who has another identity by now was authenticated after the look began, and looks again for itself.
                let _current = session.conclude(revision, outcome);
            }
        }))
    }
}

impl Bearers for OpenIdentities {
    fn look_again(&self) -> BoxFuture<'_, Result<Conclusion, DatabaseError>> {
        self.look().boxed()
    }
}
