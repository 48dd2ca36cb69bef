//! The database door against a real Postgres.

use std::time::Duration;

use access::statement::{Parameter, Statement};
use service_runtime::private_postgres::{PrivatePostgres, PrivatePostgresOptions};
use tokio::time::timeout;

use super::testing;
use super::*;
use crate::config::DatabaseConfig;

fn sql(text: &str) -> Statement {
    Statement { text: text.to_owned(), parameters: Vec::new() }
}

fn with(text: &str, parameters: Vec<Parameter>) -> Statement {
    Statement { text: text.to_owned(), parameters }
}

fn text(value: &str) -> Parameter {
    Parameter::Text(value.to_owned())
}

async fn narrow(statement_timeout: Duration) -> Database {
    let config = DatabaseConfig { pool_max: 1, statement_timeout, ..testing::config("").await };
    Database::new(&config).unwrap()
}

async fn number(database: &Database, text: &str) -> i64 {
    database.query_one(&sql(text)).await.unwrap().unwrap().get(0)
}

#[tokio::test]
async fn parameters_travel_as_text_into_any_type() {
    let database = testing::database("").await;
    let statement = with(
        "select ($1::int8 + 1)::int8, ($2::uuid)::text, to_jsonb($3::timestamptz), $4::int4 = any ($5::int4[]), $6::text is null, $7::numeric::text",
        vec![
            text("41"),
            text("00000000-0000-4000-8000-000000000001"),
            text("2026-01-01T00:00:00Z"),
            text("3"),
            Parameter::Array(vec![Some("1".into()), None, Some("3".into())]),
            Parameter::Null,
            text("1.50"),
        ],
    );
    let row = database.query_one(&statement).await.unwrap().unwrap();
    assert_eq!(row.get::<_, i64>(0), 42);
    assert_eq!(row.get::<_, &str>(1), "00000000-0000-4000-8000-000000000001");
    assert_eq!(row.get::<_, RawText<'_>>(2), RawText("\"2026-01-01T00:00:00+00:00\""));
    assert!(row.get::<_, bool>(3) && row.get::<_, bool>(4));
    assert_eq!(row.get::<_, &str>(5), "1.50");
}

#[tokio::test]
async fn a_value_that_looks_like_sql_stays_a_value() {
    let database = testing::database("").await;
    let hostile = "'; drop table x; -- \" \\ $1";
    let row = database.query_one(&with("select $1::text", vec![text(hostile)])).await.unwrap().unwrap();
    assert_eq!(row.get::<_, &str>(0), hostile);
}

#[tokio::test]
async fn connections_are_set_up() {
    let database = narrow(Duration::from_millis(1500)).await;
    let names = ["timezone", "statement_timeout", "idle_in_transaction_session_timeout", "application_name"];
    let show = names.map(|name| format!("current_setting('{name}')")).join(", ");
    let row = database.query_one(&sql(&format!("select {show}"))).await.unwrap().unwrap();
    assert_eq!([0, 1, 2, 3].map(|place| row.get::<_, &str>(place)), ["UTC", "1500ms", "6500ms", "tidegate-gateway"]);
}

#[tokio::test]
async fn many_shapes_do_not_grow_a_connection() {
    let database = narrow(Duration::from_secs(20)).await;
    for shape in 0..300 {
        database.query(&sql(&format!("select {shape}"))).await.unwrap();
    }
    let on_server = number(&database, "select count(*) from pg_prepared_statements").await;
    assert!((1..=256).contains(&on_server), "{on_server}");
    assert_eq!(database.statements(Cause::Request), 301);
    assert_eq!(database.caused_by(Cause::Event).statements(Cause::Event), 0);
}

#[tokio::test]
async fn a_lost_connection_is_not_noticed_by_a_read() {
    let config = DatabaseConfig { pool_max: 1, ..testing::config("").await };
    let (database, other) = (Database::new(&config).unwrap(), Database::new(&config).unwrap());
    for _ in 0..5 {
        let pid: i32 = database.query_one(&sql("select pg_backend_pid()")).await.unwrap().unwrap().get(0);
        other.query(&with("select pg_terminate_backend($1::int4, 5000)", vec![text(&pid.to_string())])).await.unwrap();
        database.ping().await.unwrap();
    }
    // What kills its connection each time is told so, and the pool lives on.
    let suicide = database.query(&sql("select pg_terminate_backend(pg_backend_pid())")).await;
    assert!(matches!(suicide, Err(DatabaseError::Unavailable(_))), "{suicide:?}");
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_restart_of_postgres_costs_no_read() {
    let mut server = PrivatePostgres::start(PrivatePostgresOptions::default()).await.unwrap();
    server.create_database("restarts").await.unwrap();
    let connection = server.config("restarts").parse::<tokio_postgres::Config>().unwrap();
    let config =
        DatabaseConfig { connection: connection.into(), pool_max: 4, statement_timeout: Duration::from_secs(20), exclude_tables: vec![] };
    let database = Database::new(&config).unwrap();
    let together = || futures_util::future::join_all((0..8).map(|_| database.ping()));
    assert!(together().await.into_iter().all(|read| read.is_ok()));
    assert_eq!(database.pool_state().connections, 4);
    server.crash().unwrap();
    assert!(together().await.into_iter().all(|read| read.is_err_and(|error| error.is_unavailable())));
    server.restart().await.unwrap();
    assert!(together().await.into_iter().all(|read| read.is_ok()));
    let transaction = database.transaction().await.unwrap();
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn nobody_home_is_unavailable() {
    let mut config = testing::config("").await;
    config.connection = "host=127.0.0.1 port=1 user=postgres dbname=x".parse::<tokio_postgres::Config>().unwrap().into();
    let refused = Database::new(&config).unwrap().ping().await;
    assert!(matches!(&refused, Err(error) if error.is_unavailable()), "{refused:?}");
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let database = narrow(Duration::from_secs(20)).await;
    database.execute(&sql("create table t (id int primary key)")).await.unwrap();
    let mut transaction = database.transaction().await.unwrap();
    assert_eq!(transaction.execute(&sql("insert into t values (1)")).await.unwrap(), 1);
    drop(transaction);
    assert_eq!(number(&database, "select count(*) from t").await, 0);
    // Dropped in the middle of a statement.
    let mut transaction = database.transaction().await.unwrap();
    transaction.execute(&sql("insert into t values (2)")).await.unwrap();
    let slow = sql("select pg_sleep(0.2)");
    assert!(timeout(Duration::from_millis(20), transaction.query(&slow)).await.is_err());
    assert!(transaction.execute(&sql("insert into t values (3)")).await.is_err());
    drop(transaction);
    assert_eq!(number(&database, "select count(*) from t").await, 0);
    // Dropped while it begins.
    assert!(database.transaction().now_or_never_begins().await);
    assert_eq!(number(&database, "select count(*) from t").await, 0);
    let mut transaction = database.transaction().await.unwrap();
    transaction.execute(&sql("insert into t values (4)")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(number(&database, "select count(*) from t").await, 1);
}

/// Polls a future once and drops it.
trait PollOnce: Sized + Future {
    async fn now_or_never_begins(self) -> bool {
        futures_util::FutureExt::now_or_never(self).is_none()
    }
}

impl<F: Future> PollOnce for F {}

#[tokio::test]
async fn a_failed_transaction_is_never_reported_as_committed() {
    let database = narrow(Duration::from_secs(20)).await;
    database.execute(&sql("create table t (id int primary key, c int references t deferrable initially deferred)")).await.unwrap();
    let mut transaction = database.transaction().await.unwrap();
    transaction.execute(&sql("insert into t values (1)")).await.unwrap();
    assert_eq!(transaction.execute(&sql("insert into t values (1)")).await.unwrap_err().state(), Some("23505"));
    assert_eq!(transaction.execute(&sql("insert into t values (2)")).await.unwrap_err().state(), Some("25P02"));
    assert_eq!(transaction.commit().await.unwrap_err().state(), Some("25P02"));
    let mut transaction = database.transaction().await.unwrap();
    transaction.execute(&sql("insert into t values (1, 9)")).await.unwrap();
    assert_eq!(transaction.commit().await.unwrap_err().state(), Some("23503"));
    assert_eq!(number(&database, "select count(*) from t").await, 0);
}

#[tokio::test]
async fn waits_are_bounded() {
    let database = narrow(Duration::from_millis(200)).await;
    assert!(matches!(database.query(&sql("select pg_sleep(30)")).await, Err(DatabaseError::Timeout)));
    let transaction = database.transaction().await.unwrap();
    assert!(matches!(database.ping().await, Err(DatabaseError::Busy)));
    transaction.rollback().await.unwrap();
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_changed_table_needs_no_new_connection() {
    let database = narrow(Duration::from_secs(20)).await;
    database.execute(&sql("create table t (id int, name text)")).await.unwrap();
    let (all, some) = (sql("select * from t"), with("select id from t where id = $1", vec![text("1")]));
    assert!(database.query(&all).await.unwrap().is_empty());
    database.query(&some).await.unwrap();
    database.execute(&sql("alter table t add extra int")).await.unwrap();
    database.execute(&sql("insert into t values (1, 'a', 2)")).await.unwrap();
    assert_eq!(database.query(&all).await.unwrap().first().unwrap().len(), 3);
    database.execute(&sql("alter table t alter id type text")).await.unwrap();
    assert_eq!(database.query(&some).await.unwrap().len(), 1);
    database.forget_statements();
    assert_eq!(database.query(&some).await.unwrap().len(), 1);
    assert_eq!(number(&database, "select count(*) from pg_prepared_statements").await, 2);
}

#[tokio::test]
async fn errors_do_not_print_what_the_server_said() {
    let database = testing::database("create table t (id int, secret text unique); insert into t values (1, 'hunter2');").await;
    let error = database.execute(&sql("insert into t values (2, 'hunter2')")).await.unwrap_err();
    let DatabaseError::Sql(parts) = &error else { panic!("{error:?}") };
    assert!(parts.detail().unwrap().contains("hunter2"));
    assert_eq!((parts.table(), parts.constraint()), (Some("t"), Some("t_secret_key")));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_catalog_is_read() {
    let script = "create domain short as varchar(3); create type mood as enum ('a');
        create table parent (a int, b int, primary key (a, b));
        create table t (id int generated always as identity primary key, s short default 'x', n numeric(10, 2) not null,
            up int generated always as (id * 2) stored, l text[], m mood, c text collate \"C\", b char(3), other int references t);
        create view v as select * from t; create schema hidden; create table hidden.h (id int primary key);";
    let database = testing::database(script).await;
    let tables = catalog::tables(&database).await.unwrap();
    assert_eq!(tables.iter().map(|table| &*table.name).collect::<Vec<_>>(), ["parent", "t"]);
    assert_eq!(tables[0].primary_key.len(), 2);
    let column = |name: &str| tables[1].columns.iter().find(|column| &*column.name == name).unwrap();
    assert!(column("id").identity && column("id").not_null);
    assert_eq!(
        (&*column("s").database_type, column("s").modifier, column("s").default.as_deref()),
        ("varchar", 7, Some("'x'::character varying"))
    );
    assert!(column("n").not_null && !column("s").not_null);
    assert!(column("up").generated && column("up").default.is_none());
    assert_eq!((&*column("l").database_type, &*column("m").database_type), ("_text", "mood"));
    assert!(!column("c").collated && column("b").collated && !column("n").collated);
    let keys = catalog::foreign_keys(&database).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((&*keys[0].column, &*keys[0].target, &*keys[0].target_column), ("other", "t", "id"));
}
