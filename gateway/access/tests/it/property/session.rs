//! A private Postgres, and statements of the crate executed on it.

use access::statement::Statement;
use service_runtime::Tasks;
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage};

use crate::database::AsText;

/// A server of this test's own, and a session on it in UTC.
pub(crate) struct Database {
    pub(crate) client: Client,
    _tasks: Tasks,
    _server: PrivatePostgres,
}

impl Database {
    pub(crate) async fn start() -> Self {
        Self::of(None).await
    }

    /// With a database whose text follows ICU's rules for `locale`.
    pub(crate) async fn in_locale(locale: &str) -> Self {
        Self::of(Some(locale)).await
    }

    async fn of(locale: Option<&str>) -> Self {
        let settings = [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off"), ("jit", "off"), ("TimeZone", "UTC")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let server = PrivatePostgres::start(PrivatePostgresOptions { settings, ..PrivatePostgresOptions::default() }).await.unwrap();
        let tasks = Tasks::new();
        let (mut client, connection) = tokio_postgres::connect(&server.config("postgres"), NoTls).await.unwrap();
        tasks.spawn("database session", connection);
        if let Some(locale) = locale {
            let create = format!("create database foreign_locale template template0 locale_provider icu icu_locale '{locale}'");
            client.batch_execute(&create).await.unwrap();
            let (other, connection) = tokio_postgres::connect(&server.config("foreign_locale"), NoTls).await.unwrap();
            tasks.spawn("database session", connection);
            client = other;
        }
        Self { client, _tasks: tasks, _server: server }
    }

    /// Executes a statement of the crate.
    pub(crate) async fn query(&self, statement: &Statement) -> Result<Vec<Row>, tokio_postgres::Error> {
        let parameters: Vec<AsText> = statement.parameters.iter().map(|parameter| AsText(parameter.clone())).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|parameter| parameter as _).collect();
        self.client.query(&statement.text, &parameters).await
    }

    /// Executes text of the test itself.
    pub(crate) async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
    }

    /// Rows of text of the test itself, all columns as text.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.client.simple_query(sql).await.unwrap_or_else(|error| panic!("{error:?} in {sql}"));
        messages
            .into_iter()
            .filter_map(|message| {
                let SimpleQueryMessage::Row(row) = message else { return None };
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            })
            .collect()
    }
}

/// Text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
