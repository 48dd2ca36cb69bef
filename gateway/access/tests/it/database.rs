//! A private Postgres with the newsroom, and statements executed the way the gateway does: prepared, parameters as text.
//!
//! It must never share a database between tests: each has its own.

use std::error::Error;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use access::statement::{Parameter, Statement};
use access::testing::NEWSROOM_SQL;
use service_runtime::Tasks;
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio::sync::OnceCell;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::new);

/// A database of one test.
pub(crate) struct Newsroom {
    client: Client,
}

impl Newsroom {
    /// A new database with the newsroom's tables and rows, in a zone that is not UTC.
    pub(crate) async fn start() -> Self {
        let server = SERVER
            .get_or_init(|| async {
                let settings = [("fsync", "off"), ("autovacuum", "off"), ("log_min_messages", "fatal")];
                let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
                PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap()
            })
            .await;
        let name = format!("newsroom_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&server.config(&name), NoTls).await.unwrap();
        TASKS.spawn("database session", connection);
        client.batch_execute(NEWSROOM_SQL).await.unwrap();
        client.batch_execute("SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'").await.unwrap();
        Self { client }
    }

    /// Runs a script.
    pub(crate) async fn script(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// The rows of `statement`.
    pub(crate) async fn rows(&self, statement: &Statement) -> Vec<Row> {
        self.try_rows(statement).await.unwrap_or_else(|error| panic!("{error:?}\n{:.4000}", statement.text))
    }

    /// The rows of `statement`, or why there are none.
    pub(crate) async fn try_rows(&self, statement: &Statement) -> Result<Vec<Row>, tokio_postgres::Error> {
        let prepared = self.client.prepare(&statement.text).await?;
        let parameters: Vec<AsText> = statement.parameters.iter().map(|parameter| AsText(parameter.clone())).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
        self.client.query(&prepared, &parameters).await
    }

    /// The column `data` of the only row.
    pub(crate) async fn data(&self, statement: &Statement) -> Option<String> {
        let rows = self.rows(statement).await;
        assert_eq!(rows.len(), 1, "{}", statement.text);
        rows[0].get("data")
    }

    /// The column `key` of every row.
    pub(crate) async fn keys(&self, statement: &Statement) -> Vec<String> {
        self.rows(statement).await.iter().map(|row| row.get("key")).collect()
    }

    /// The plan of `statement` as Postgres explains it.
    pub(crate) async fn explain(&self, statement: &Statement) -> String {
        let explain = Statement { text: format!("EXPLAIN {}", statement.text), parameters: statement.parameters.clone() };
        let lines: Vec<String> = self.rows(&explain).await.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    }

    /// The plan of `statement` as Postgres executed it.
    pub(crate) async fn analyze(&self, statement: &Statement) -> String {
        let explain =
            Statement { text: format!("EXPLAIN (ANALYZE, TIMING OFF) {}", statement.text), parameters: statement.parameters.clone() };
        let lines: Vec<String> = self.rows(&explain).await.iter().map(|row| row.get(0)).collect();
        lines.join("\n")
    }
}

/// A parameter in text form, whatever the type of its place.
#[derive(Debug)]
pub(crate) struct AsText(pub(crate) Parameter);

impl ToSql for AsText {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match self.0.literal() {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(kind, out)
    }
}
