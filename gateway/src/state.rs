//! What every part of a node shares.
//!
//! It must never hold anything that a reconnect cannot rebuild, and never be mutated: each part guards its own state.

use std::sync::Arc;

use access::accountability::Accountability;
use access::permission::Permissions;
use change_capture::worker::WorkerControl;
use service_runtime::{CancellationToken, Tasks};

use crate::auth::Authenticator;
use crate::config::Config;
use crate::connection::open::OpenConnections;
use crate::connection::session::Session;
use crate::database::{Database, DatabaseError};
use crate::directory::Directory;
use crate::graphql::Schemas;
use crate::items::ItemsService;
use crate::limits::Limits;
use crate::logs::Hub;
use crate::metrics::Metrics;
use crate::subscription::{Queries, Registry};

/// How often rights are worked out because they were replaced meanwhile; rules that never rest must not keep anybody waiting.
pub(crate) const ATTEMPTS: u32 = 10;

/// A node's parts.
pub struct Gateway {
    /// The configuration.
    pub config: Arc<Config>,
    /// The database.
    pub database: Database,
    /// Schema and access rules.
    pub directory: Arc<Directory>,
    /// Proves identities.
    pub authenticator: Arc<Authenticator>,
    /// Reads and writes items.
    pub items: ItemsService,
    /// What GraphQL documents are read against.
    pub graphql: Schemas,
    /// Who hears of what.
    pub subscriptions: Arc<Registry>,
    /// What they asked for.
    pub queries: Queries,
    /// Who is connected.
    pub connections: Arc<OpenConnections>,
    /// What several connections together may do.
    pub limits: Arc<Limits>,
    /// Who listens to log lines.
    pub logs: Hub,
    /// The embedded worker, where there is one.
    pub capture: Option<WorkerControl>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Spawns.
    pub tasks: Tasks,
    /// Cancelled when the node's own parts end.
    pub shutdown: CancellationToken,
}

impl Gateway {
    /// Under whose rights `session` acts now, and what these are: both of one moment.
    ///
    /// # Errors
    /// [`DatabaseError`], when a rule's `.field` variable has to be looked up.
    pub async fn rights(&self, session: &Session) -> Result<(Arc<Accountability>, Arc<Permissions>), DatabaseError> {
        let mut attempts = 0;
        loop {
            let epoch = self.directory.epoch().await;
            let accountability = session.accountability();
            let permissions = self.directory.permissions(&accountability).await?;
            attempts += 1;
            if self.directory.is_of(epoch) || attempts >= ATTEMPTS {
                return Ok((accountability, permissions));
            }
        }
    }
}
