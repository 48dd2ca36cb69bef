//! What Tidegate puts into the database: the schema `tidegate`, capture triggers on the tables of `public`, and two event
//! triggers. `install` is what the worker itself runs at every start; `uninstall` removes all of it.
//!
//! It must never wait for a lock of an application longer than `LOCK_TIMEOUT`, because others would queue behind it, and
//! never fail because one table cannot be captured.

mod status;
mod tables;
mod triggers;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::config::NotifyMode;
use crate::database::DatabaseError;

pub(crate) use status::UNPUBLISHED;
pub use status::{Leader, Status, status};
pub use tables::{CapturedTable, SkipReason, SkippedTable, TablesReport, sync_tables, tables_report};
pub(crate) use tables::{fingerprint, guard_secrets};

/// Raised when `tables.sql` changes in a way that existing rows cannot follow; the schema is then made anew, with a new
/// epoch.
pub(crate) const LAYOUT: i32 = 4;
/// The first key of all advisory locks: "TIDE".
pub(crate) const LOCK_SPACE: i32 = 1_414_087_749;
/// Second keys.
pub(crate) const LOCK_LEADER: i32 = 1;
pub(crate) const LOCK_AWAKE: i32 = 2;
const LOCK_INSTALL: i32 = 3;
/// How long DDL on a table of the application may wait; whatever else wants the table waits behind it.
pub(crate) const LOCK_TIMEOUT: &str = "100ms";

const TABLES: &str = include_str!("install/tables.sql");
const PROGRAM: &str = include_str!("install/program.sql");

/// What the triggers are told.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// How writers wake the worker.
    pub notify: NotifyMode,
    /// Statements with more rows become a reset.
    pub max_rows_per_statement: u64,
    /// Larger values are left out of images.
    pub max_value_bytes: u64,
    /// Tables that are not captured, besides the fixed ones.
    pub exclude: Vec<String>,
}

/// What [`install`] did.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Whether event triggers announce schema changes; without the right to create them the worker looks by itself.
    pub event_triggers: bool,
    /// The tables.
    pub tables: TablesReport,
}

/// Creates or repairs everything.
///
/// # Errors
/// [`DatabaseError`]; a table that is locked or cannot be captured is no error but an entry of the report.
pub async fn install(client: &Client, options: &InstallOptions) -> Result<Installed, DatabaseError> {
    ensure_schema(client, options).await?;
    let event_triggers = ensure_event_triggers(client).await?;
    let tables = sync_tables(client, &options.exclude).await?;
    Ok(Installed { event_triggers, tables })
}

/// Removes the triggers, the schema and the event triggers. A table in use is waited for, a little at a time.
///
/// # Errors
/// [`DatabaseError`]; a lock conflict means that a table stayed in use, and running it again continues.
pub async fn uninstall(client: &Client) -> Result<(), DatabaseError> {
    tables::remove_triggers(client).await?;
    // What is left holds no lock on any table of the application.
    client
        .batch_execute(
            "drop event trigger if exists tidegate_ddl; drop event trigger if exists tidegate_drop; drop schema if exists tidegate cascade",
        )
        .await?;
    Ok(())
}

/// The schema, its functions and the control row.
pub(crate) async fn ensure_schema(client: &Client, options: &InstallOptions) -> Result<(), DatabaseError> {
    // All in one transaction: two workers that start at once must not meet half of it.
    client.batch_execute("begin").await?;
    let done = ensure_schema_inside(client, options).await;
    // A statement that fails leaves the transaction to be rolled back; a lost connection has none.
    client.batch_execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
    done
}

async fn ensure_schema_inside(client: &Client, options: &InstallOptions) -> Result<(), DatabaseError> {
    client.execute("select pg_advisory_xact_lock($1, $2)", &[&LOCK_SPACE, &LOCK_INSTALL]).await?;
    let layout = match client.query_one("select to_regclass('tidegate.control') is not null", &[]).await?.try_get(0)? {
        true => client.query_opt("select layout from tidegate.control", &[]).await?.map(|row| row.try_get::<_, i32>(0)).transpose()?,
        false => None,
    };
    if let Some(newer) = layout.filter(|layout| *layout > LAYOUT) {
        return Err(DatabaseError::Newer(newer));
    }
    if layout != Some(LAYOUT) {
        // A schema without its control row, or of another layout: what it holds cannot be trusted to be whole.
        client.batch_execute("drop schema if exists tidegate cascade").await?;
        client.batch_execute(TABLES).await?;
        client
            .execute(
                "insert into tidegate.control (layout, epoch) values ($1, (extract(epoch from clock_timestamp()) * 1000)::bigint)",
                &[&LAYOUT],
            )
            .await?;
    }
    let same: bool = client.query_one("select program = md5($1) from tidegate.control", &[&PROGRAM]).await?.try_get(0)?;
    if !same {
        client.batch_execute(PROGRAM).await?;
        client.execute("update tidegate.control set program = md5($1)", &[&PROGRAM]).await?;
    }
    let limit = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    client
        .execute(
            "update tidegate.control set notify = $1, max_rows = $2, max_value_bytes = $3
             where (notify, max_rows, max_value_bytes) is distinct from ($1, $2, $3)",
            &[&options.notify.as_str(), &limit(options.max_rows_per_statement), &limit(options.max_value_bytes)],
        )
        .await?;
    adopt_cluster(client).await
}

/// Transaction ids mean something in one cluster only. After a logical restore into another one, everything that was
/// stored with them is worthless: the outbox is emptied and a new epoch begins.
async fn adopt_cluster(client: &Client) -> Result<(), DatabaseError> {
    let allowed: bool = client.query_one("select has_function_privilege('pg_control_system()', 'execute')", &[]).await?.try_get(0)?;
    if !allowed {
        return Ok(());
    }
    let known: Option<i64> = client.query_one("select system_identifier from tidegate.control", &[]).await?.try_get(0)?;
    let actual: i64 = client.query_one("select system_identifier from pg_control_system()", &[]).await?.try_get(0)?;
    if known == Some(actual) {
        return Ok(());
    }
    if known.is_some() {
        tracing::warn!("the database was restored into another cluster: a new epoch begins");
        client
            .batch_execute(
                "truncate tidegate.outbox, tidegate.ledger_0, tidegate.ledger_1, tidegate.tables;
                 select setval('tidegate.fence', greatest(nextval('tidegate.fence'), (extract(epoch from clock_timestamp()) * 1000)::bigint));
                 update tidegate.control set slot = 0,
                   epoch = greatest(epoch + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)",
            )
            .await?;
    }
    client.execute("update tidegate.control set system_identifier = $1", &[&actual]).await?;
    Ok(())
}

/// Event triggers need a superuser (or its like); without them the worker's periodic look does the same, later.
async fn ensure_event_triggers(client: &Client) -> Result<bool, DatabaseError> {
    for (name, event) in [("tidegate_ddl", "ddl_command_end"), ("tidegate_drop", "sql_drop")] {
        let present: bool = client
            .query_one(
                "select exists (select from pg_event_trigger t where t.evtname = $1 and t.evtenabled = 'O'
                   and t.evtfoid = to_regprocedure('tidegate.schema_changed()')::oid)",
                &[&name],
            )
            .await?
            .try_get(0)?;
        if present {
            continue;
        }
        let made = client
            .batch_execute(&format!(
                "drop event trigger if exists {name}; create event trigger {name} on {event} execute function tidegate.schema_changed()"
            ))
            .await;
        match made.map_err(DatabaseError::from) {
            Ok(()) => {}
            // Another worker was faster.
            Err(error) if error.state() == Some(&SqlState::DUPLICATE_OBJECT) || error.is_lock_conflict() => {}
            Err(error) if error.state() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
