//! Which tables are captured, and keeping their triggers right.
//!
//! It must never hold a lock on more than one table of the application at a time.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::LOCK_TIMEOUT;
use super::triggers::{create_statements, drop_statements, signatures};
use crate::database::DatabaseError;

/// Tables that nobody subscribes to: migration bookkeeping.
const EXCLUDED: &[&str] = &["directus_migrations", "knex_migrations", "knex_migrations_lock"];

/// Tables of `public` with their key, and the signature of every trigger of ours on them. A partition takes the name and
/// the key of its root: a statement fires the triggers of the table that it names.
const CATALOG: &str = "
  select c.oid as relation, (select t.oid from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'tidegate_insert_' || c.oid) as trigger,
         c.relname::text as name, coalesce(root.relname, c.relname)::text as collection, c.relispartition as partition,
         c.relkind = 'f' as foreign,
         array(select t.relid::oid from pg_partition_tree(c.oid) t where c.relkind = 'p' and t.level > 0 order by 1) as partitions,
         coalesce((select array_agg(a.attname::text order by k.n)
            from pg_index i cross join unnest(i.indkey::int2[]) with ordinality k(attnum, n)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
            where i.indrelid = coalesce(root.oid, c.oid) and i.indisprimary and k.n <= i.indnkeyatts), '{}') as key,
         -- A statement's own triggers may change its rows again: directly, through a key that refers to the table itself, or
         -- by way of other tables' triggers that an action on a foreign key sets off.
         exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and (t.tgtype & 2) = 0
                    and t.tgfoid not in (select p.oid from pg_proc p where p.pronamespace = to_regnamespace('tidegate')))
           or exists (select from pg_constraint f where f.confrelid = c.oid and f.contype = 'f'
                         and (f.confupdtype not in ('a', 'r') or f.confdeltype not in ('a', 'r'))
                         and (f.conrelid = c.oid or own.triggers)) as ordered,
         has_table_privilege(c.oid, 'trigger') as allowed,
         exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') as extension,
         coalesce((select array_agg(concat_ws(' ', t.tgname, p.proname, t.tgtype, t.tgenabled, coalesce(t.tgoldtable, '-'),
              coalesce(t.tgnewtable, '-'), encode(t.tgargs, 'hex')) order by t.tgname)
            from pg_trigger t join pg_proc p on p.oid = t.tgfoid
            where t.tgrelid = c.oid and p.pronamespace = to_regnamespace('tidegate')), '{}') as triggers,
         coalesce((select array_agg(t.tgname::text order by t.tgname)
            from pg_trigger t join pg_proc p on p.oid = t.tgfoid
            where t.tgrelid = c.oid and p.pronamespace = to_regnamespace('tidegate')), '{}') as trigger_names
    from pg_class c
    left join pg_class root on c.relispartition and root.oid = pg_partition_root(c.oid)
    cross join (select exists (select from pg_trigger t join pg_class r on r.oid = t.tgrelid
                   where r.relnamespace = to_regnamespace('public') and not t.tgisinternal and (t.tgtype & 2) = 0
                     and t.tgfoid not in (select p.oid from pg_proc p where p.pronamespace = to_regnamespace('tidegate'))
                ) as triggers) own
   where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'f')
   -- A table's reset comes after the triggers of its partitions: nothing may happen there unseen in between.
   order by not c.relispartition, c.relname";

/// What decides whether readers of the catalog must read it again.
const FINGERPRINT: &str = "
  select md5(coalesce(string_agg(line, e'\\n' order by line), '')) from (
    select concat_ws(' ', 'r', c.oid, c.relname, c.relkind, c.relispartition) as line
      from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select concat_ws(' ', 'a', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated,
                     pg_get_expr(d.adbin, d.adrelid))
      from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped
    union all
    select concat_ws(' ', 'c', n.conrelid, n.conname, n.contype, n.conkey, n.confrelid, n.confkey, n.confdeltype)
      from pg_constraint n where n.connamespace = to_regnamespace('public')
    union all
    select concat_ws(' ', 'e', t.typname, e.enumsortorder, e.enumlabel)
      from pg_enum e join pg_type t on t.oid = e.enumtypid where t.typnamespace = to_regnamespace('public')
    union all
    select concat_ws(' ', 't', t.tgrelid, t.tgname, t.tgenabled, t.tgfoid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = to_regnamespace('public') and not t.tgisinternal and t.tgname like 'tidegate%'
  ) lines";

/// A table whose changes are captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedTable {
    /// The table, which is the collection.
    pub collection: String,
    /// Its key column.
    pub key: String,
}

/// A table whose changes are not captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedTable {
    /// The table.
    pub collection: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a table is not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It has no primary key.
    NoPrimaryKey,
    /// Its primary key has several columns.
    CompositeKey,
    /// It is bookkeeping, or named in `CAPTURE_EXCLUDE`.
    Excluded,
    /// It belongs to an extension.
    Extension,
    /// Its rows live in another server.
    Foreign,
    /// This role may not create triggers on it.
    NoPrivilege,
    /// It was in use for too long; the worker tries again.
    Locked,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPrimaryKey => "no primary key",
            Self::CompositeKey => "a primary key of several columns",
            Self::Excluded => "excluded",
            Self::Extension => "belongs to an extension",
            Self::Foreign => "a foreign table",
            Self::NoPrivilege => "this role may not create triggers on it",
            Self::Locked => "in use; will be tried again",
        })
    }
}

/// The tables and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TablesReport {
    /// Tables with triggers, partitions left out.
    pub captured: Vec<CapturedTable>,
    /// Tables without.
    pub skipped: Vec<SkippedTable>,
    /// How many tables got or lost triggers in this pass.
    #[serde(skip)]
    pub changed: usize,
}

impl TablesReport {
    /// Whether a table still waits for its triggers.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.skipped.iter().any(|table| table.reason == SkipReason::Locked)
    }
}

pub(super) struct Table {
    pub(super) relation: u32,
    /// The oid of the insert trigger stands for all four.
    trigger: Option<u32>,
    pub(super) name: String,
    pub(super) collection: String,
    partition: bool,
    /// Its partitions, at every level.
    partitions: Vec<u32>,
    plan: Result<Plan, SkipReason>,
    /// What [`signatures`] should equal.
    triggers: Vec<String>,
    pub(super) trigger_names: Vec<String>,
}

/// How a table is captured.
pub(super) struct Plan {
    pub(super) key: String,
    /// Whether statements are numbered at their start.
    pub(super) ordered: bool,
}

/// The tables as they are now, without changing anything; a table that still lacks its triggers counts as locked.
///
/// # Errors
/// [`DatabaseError`].
pub async fn tables_report(client: &Client, exclude: &[String]) -> Result<TablesReport, DatabaseError> {
    let mut report = TablesReport::default();
    for table in read_tables(client, exclude).await? {
        let up_to_date = table.plan.as_ref().is_ok_and(|plan| table.triggers == signatures(table.relation, &table.collection, plan));
        report.note(&table, up_to_date);
    }
    Ok(report)
}

/// Creates missing triggers, repairs changed ones, removes those that must not be. A collection that was not captured
/// without a break starts with a reset, because nobody knows what happened to it until then.
///
/// # Errors
/// [`DatabaseError`]; a table that stays locked is no error but an entry of the report.
pub async fn sync_tables(client: &Client, exclude: &[String]) -> Result<TablesReport, DatabaseError> {
    // Before a table is captured, what it must not tell is known.
    guard_secrets(client).await?;
    let mut report = TablesReport::default();
    let tables = read_tables(client, exclude).await?;
    let known = read_known(client).await?;
    // Collections of which a partition was in use.
    let mut waiting = HashSet::new();
    for table in &tables {
        let (statements, captured) = match &table.plan {
            Ok(plan) if table.triggers != signatures(table.relation, &table.collection, plan) => (create_statements(table, plan), true),
            // The triggers are right, but they may not always have been: a restored table brings them along.
            Ok(_) => (String::new(), true),
            Err(_) if !table.triggers.is_empty() => (drop_statements(table), false),
            Err(_) => (String::new(), false),
        };
        let identity = (table.relation, table.trigger, table.partitions.clone());
        let unbroken = table.partition || !captured || known.get(&table.collection) == Some(&identity);
        if !unbroken && waiting.contains(&table.collection) {
            report.note(table, false);
            continue;
        }
        if statements.is_empty() && unbroken {
            report.note(table, true);
            continue;
        }
        match alter(client, &statements, (captured && !table.partition).then_some(table)).await {
            Ok(()) => {
                report.changed += 1;
                report.note(table, true);
            }
            Err(error) if error.is_lock_conflict() => {
                waiting.insert(table.collection.clone());
                report.note(table, false);
            }
            // Another role's trigger on it, or one that was disabled: its owner alone can change that.
            Err(error) if error.state() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => report.refuse(table, SkipReason::NoPrivilege),
            // Dropped in between: the next look will not see it.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if report.changed > 0 {
        // A field may have become a secret before the trigger on directus_fields stood.
        guard_secrets(client).await?;
    }
    let gone: Vec<&String> = known.keys().filter(|name| !report.captured.iter().any(|table| table.collection == **name)).collect();
    if !gone.is_empty() && !report.is_incomplete() {
        client.execute("delete from tidegate.tables where collection = any ($1)", &[&gone]).await?;
    }
    Ok(report)
}

/// Drops every trigger of ours; retries tables that are in use.
pub(super) async fn remove_triggers(client: &Client) -> Result<(), DatabaseError> {
    for attempt in 0.. {
        let mut locked = None;
        for table in read_tables(client, &[]).await?.iter().filter(|table| !table.triggers.is_empty()) {
            match alter(client, &drop_statements(table), None).await {
                Ok(()) => {}
                Err(error) if error.is_lock_conflict() => locked = Some(error),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        match locked {
            None => break,
            Some(error) if attempt >= 50 => return Err(error),
            Some(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    Ok(())
}

/// Brings the list of secrets up to date. Somebody who is about to hide a field may be in the way: the field's own trigger
/// has added it by then, and the next look does the rest.
pub(crate) async fn guard_secrets(client: &Client) -> Result<(), DatabaseError> {
    client.batch_execute(&format!("begin; set local lock_timeout = '{LOCK_TIMEOUT}'")).await?;
    let done = client.query_one("select tidegate.set_guarded()", &[]).await.map_err(DatabaseError::from);
    client.batch_execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
    match done {
        Ok(row) => {
            if !row.try_get::<_, bool>(0)? {
                tracing::warn!("this role may not read directus_fields: values of hidden fields travel as they are");
            }
            Ok(())
        }
        Err(error) if error.is_lock_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}

/// A digest of the catalog.
pub(crate) async fn fingerprint(client: &Client) -> Result<String, DatabaseError> {
    Ok(client.query_one(FINGERPRINT, &[]).await?.try_get(0)?)
}

impl TablesReport {
    fn note(&mut self, table: &Table, done: bool) {
        match &table.plan {
            Ok(plan) if done => {
                if !table.partition {
                    self.captured.push(CapturedTable { collection: table.collection.clone(), key: plan.key.clone() });
                }
            }
            Ok(_) => self.skipped.push(SkippedTable { collection: table.name.clone(), reason: SkipReason::Locked }),
            Err(reason) => {
                if !table.partition {
                    self.refuse(table, *reason);
                }
            }
        }
    }

    fn refuse(&mut self, table: &Table, reason: SkipReason) {
        self.skipped.push(SkippedTable { collection: table.name.clone(), reason });
    }
}

async fn read_tables(client: &Client, exclude: &[String]) -> Result<Vec<Table>, DatabaseError> {
    client.query(CATALOG, &[]).await?.iter().map(|row| read_table(row, exclude)).collect()
}

fn read_table(row: &Row, exclude: &[String]) -> Result<Table, DatabaseError> {
    let (name, collection): (String, String) = (row.try_get("name")?, row.try_get("collection")?);
    let mut key: Vec<String> = row.try_get("key")?;
    let plan = if EXCLUDED.contains(&&*collection) || exclude.contains(&collection) {
        Err(SkipReason::Excluded)
    } else if row.try_get("extension")? {
        Err(SkipReason::Extension)
    } else if row.try_get("foreign")? {
        Err(SkipReason::Foreign)
    } else if key.len() > 1 {
        Err(SkipReason::CompositeKey)
    } else if !row.try_get::<_, bool>("allowed")? {
        Err(SkipReason::NoPrivilege)
    } else {
        let ordered = row.try_get("ordered")?;
        key.pop().map(|key| Plan { key, ordered }).ok_or(SkipReason::NoPrimaryKey)
    };
    Ok(Table {
        relation: row.try_get("relation")?,
        trigger: row.try_get("trigger")?,
        name,
        collection,
        partition: row.try_get("partition")?,
        partitions: row.try_get("partitions")?,
        plan,
        triggers: row.try_get("triggers")?,
        trigger_names: row.try_get("trigger_names")?,
    })
}

/// One table's DDL; with `captured`, its registration and first reset.
async fn alter(client: &Client, statements: &str, captured: Option<&Table>) -> Result<(), DatabaseError> {
    client.batch_execute(&format!("begin; set local lock_timeout = '{LOCK_TIMEOUT}'")).await?;
    let done = async {
        client.batch_execute(statements).await?;
        if let Some(table) = captured {
            client
                .execute(
                    "insert into tidegate.tables (collection, relation, trigger, partitions)
                     select $1, t.tgrelid, t.oid, $3 from pg_trigger t where t.tgrelid = $2 and t.tgname = 'tidegate_insert_' || t.tgrelid
                     on conflict (collection) do update
                       set relation = excluded.relation, trigger = excluded.trigger, partitions = excluded.partitions, lapsed = false",
                    &[&table.collection, &table.relation, &table.partitions],
                )
                .await?;
            client.execute("select tidegate.reset($1)", &[&table.collection]).await?;
        }
        Ok(())
    }
    .await;
    client.batch_execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
    done
}

/// The oids of a table, of its insert trigger and of its partitions.
type Identity = (u32, Option<u32>, Vec<u32>);

/// Collections that have been captured without a break.
async fn read_known(client: &Client) -> Result<HashMap<String, Identity>, DatabaseError> {
    let rows = client.query("select collection, relation, trigger, partitions from tidegate.tables where not lapsed", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, Some(row.try_get(2)?), row.try_get(3)?)))).collect()
}

fn is_gone(error: &DatabaseError) -> bool {
    matches!(error.state(), Some(&(SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME)))
}
