//! The private Postgres of the tests, and databases in it.
//!
//! It must never be slowed by safety that nobody needs: fsync is off in the shared server, as nothing in it outlives the run.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{Client, NoTls};

use super::TASKS;

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A server and what the tests need to know of it.
pub(crate) struct Postgres {
    server: PrivatePostgres,
    /// Two copies of one template cannot be made at the same moment.
    creating: Mutex<()>,
    created: AtomicU32,
}

/// One database of a private Postgres.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) password: String,
    config: String,
}

/// The server that all tests of this run share; it ends with the process.
pub(crate) async fn postgres() -> Result<&'static Postgres> {
    SHARED.get_or_try_init(Postgres::start).await
}

impl Postgres {
    async fn start() -> Result<Self> {
        let fast =
            [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off"), ("autovacuum", "off"), ("max_wal_size", "2GB")];
        Self::start_with(&fast).await
    }

    /// A server of its own that keeps what was committed, for a test that stops it or lets it crash.
    pub(crate) async fn start_durable() -> Result<Self> {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        let quiet = [("max_connections", "400"), ("log_min_messages", "fatal")];
        let settings = settings.iter().chain(&quiet).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let server =
            PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.context("a private Postgres")?;
        Ok(Self { server, creating: Mutex::new(()), created: AtomicU32::new(0) })
    }

    /// A new database, empty or a copy of `template`, which nobody may be connected to.
    pub(crate) async fn create_database(&self, label: &str, template: Option<&Database>) -> Result<Database> {
        let name = format!("{label}_{}", self.created.fetch_add(1, Ordering::Relaxed));
        let admin = self.database("postgres").connect().await?;
        let template = template.map_or("template0", |template| &template.name);
        let _one_at_a_time = self.creating.lock().await;
        admin
            .batch_execute(&format!("create database \"{name}\" template \"{template}\""))
            .await
            .with_context(|| format!("creating {name}"))?;
        Ok(self.database(&name))
    }

    /// Ends the server, in order or as a crash does, and starts it again on its port.
    pub(crate) async fn restart(&mut self, crash: bool) -> Result<()> {
        if crash {
            self.server.crash()?;
        }
        Ok(self.server.restart().await?)
    }

    /// The path of a client program of the same installation.
    pub(crate) fn program(&self, name: &str) -> String {
        self.server.program(name).to_string_lossy().into_owned()
    }

    fn database(&self, name: &str) -> Database {
        Database {
            name: name.to_owned(),
            port: self.server.port(),
            password: self.server.password().to_owned(),
            config: self.server.config(name),
        }
    }
}

impl Database {
    /// A session of its own; it ends when the client is dropped.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let (client, connection) =
            tokio_postgres::connect(&self.config, NoTls).await.with_context(|| format!("connecting to {}", self.name))?;
        TASKS.spawn("database session", connection);
        Ok(client)
    }

    /// Runs statements on a session of their own.
    pub(crate) async fn execute(&self, statements: &str) -> Result<()> {
        Ok(self.connect().await?.batch_execute(statements).await?)
    }

    /// Ends every session and removes the database: frees its space and the files that autovacuum would visit.
    pub(crate) async fn drop(self) -> Result<()> {
        let admin = Self { config: self.config.replace(&format!("dbname='{}'", self.name), "dbname='postgres'"), ..self.clone() };
        admin.connect().await?.batch_execute(&format!("drop database if exists \"{}\" with (force)", self.name)).await?;
        Ok(())
    }
}
