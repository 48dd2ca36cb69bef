//! GraphQL subscriptions in the registry: as the others, but that they have no `init`.
//!
//! It must never register a subscription of a connection that is closed: nobody would take it out again.

use std::sync::Arc;

use change_capture::bus::BusError;
use tokio::sync::oneshot;

use super::{Connection, Held, Registry};
use crate::connection::session::Session;
use crate::subscription::collection::Command;
use crate::subscription::request::{Planned, Request, SubscriptionId};

impl Registry {
    /// Registers a subscription with a [`Request::form`]: when this returns, every event that is dealt with later reaches
    /// it. One that was ended since it was announced is not registered.
    ///
    /// # Errors
    /// When the bus cannot be subscribed to.
    pub async fn listen(
        &self,
        session: &Arc<Session>,
        id: SubscriptionId,
        request: &Arc<Request>,
        planned: Planned,
    ) -> Result<(), BusError> {
        let task = self.task(&request.collection).await?;
        let announced = {
            let mut connections = self.connections();
            let connection = connections.entry(session.id()).or_insert_with(|| Connection::new(session));
            let announced = connection.announced(id).is_some();
            if announced {
                connection.held.insert(id, Held { request: Arc::clone(request), refused: false, live: true, resumes_as: None });
            }
            announced
        };
        if !announced {
            return Ok(());
        }
        if session.queue().is_closed() {
            // The connection ended while this was on its way; its clean-up may have come before the insertion above.
            self.close(session.id()).await;
            return Ok(());
        }
        let (done, listening) = oneshot::channel();
        let queue = Arc::clone(session.queue());
        let command = Command::Listen { subscription: id, request: Arc::clone(request), planned: Box::new(planned), queue, done };
        task.command(command).await;
        // The task answers unless the process is ending.
        let _listening = listening.await;
        Ok(())
    }
}
