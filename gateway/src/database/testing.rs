//! A Postgres for the tests of this crate: one server per test process, one database per test.
//!
//! It must never be compiled into a product.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio::sync::OnceCell;

use super::Database;
use crate::config::DatabaseConfig;

/// The fixture of version 12: plain permissions.
pub(crate) const NEWSROOM: &str = include_str!("../../tests/conformance/newsroom.sql");
/// The fixture of version 11: custom permission rules.
pub(crate) const NEWSROOM_11: &str = include_str!("../../tests/conformance/newsroom11.sql");

static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A new database with `script` run in it (a dump or nothing), and its handle.
pub(crate) async fn database(script: &str) -> Database {
    Database::new(&config(script).await).unwrap()
}

/// The configuration for a new database with `script` run in it.
pub(crate) async fn config(script: &str) -> DatabaseConfig {
    let settings = [("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "200")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = SERVER
        .get_or_init(|| async { PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap() })
        .await;
    let name = format!("unit_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.unwrap();
    let connection: tokio_postgres::Config = server.config(&name).parse().unwrap();
    if !script.is_empty() {
        run_script(&connection, script).await;
    }
    DatabaseConfig { connection: connection.into(), pool_max: 4, statement_timeout: Duration::from_secs(20), exclude_tables: Vec::new() }
}

/// Runs a dump as `pg_dump` writes it, `COPY … FROM stdin` blocks included.
async fn run_script(config: &tokio_postgres::Config, script: &str) {
    use futures_util::SinkExt as _;
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let tasks = service_runtime::Tasks::new();
    let connection = tasks.spawn("fixture", async move { connection.await.unwrap() });
    let mut sql = String::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        // Commands of newer versions of psql.
        if line.starts_with('\\') {
            continue;
        }
        if line.starts_with("COPY ") && line.ends_with("FROM stdin;") {
            client.batch_execute(&std::mem::take(&mut sql)).await.unwrap();
            let sink = client.copy_in(line.trim_end_matches(';')).await.unwrap();
            let mut sink = std::pin::pin!(sink);
            let rows: String = lines.by_ref().take_while(|line| *line != "\\.").map(|line| format!("{line}\n")).collect();
            sink.send(bytes::Bytes::from(rows)).await.unwrap();
            sink.finish().await.unwrap();
        } else {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    client.batch_execute(&sql).await.unwrap();
    drop(client);
    connection.await.unwrap();
}
