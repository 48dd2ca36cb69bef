//! Installing, following schema changes, uninstalling.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use change_capture::bus::{BusCapacity, InProcessBus};
use change_capture::config::NotifyMode;
use change_capture::install::{self, InstallOptions, SkipReason};
use change_event::SCHEMA_COLLECTION;
use tokio::process::Command;

use crate::harness::{Collector, Database, Rig, Worker, eventually, soon, summary};

const T: &str = "create table t (id int primary key, v int)";

fn options() -> InstallOptions {
    InstallOptions {
        notify: NotifyMode::Adaptive,
        max_rows_per_statement: 10_000,
        max_value_bytes: 262_144,
        exclude: vec!["left_out".to_owned()],
    }
}

/// What is in the database besides what Postgres brought: every object with its definition, owner and rights.
async fn inventory(database: &Database) -> String {
    let lines = "
      select string_agg(line, e'\\n' order by line) from (
        select 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || coalesce(c.relacl::text, '') as line
          from pg_class c where c.oid >= 16384
        union all select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^pg_'
        union all select 'function ' || oid::regprocedure || ' ' || md5(prosrc) || coalesce(proacl::text, '') from pg_proc where oid >= 16384
        union all select 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text from pg_trigger
        union all select 'event trigger ' || evtname || ' ' || evtenabled::text from pg_event_trigger
        union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where oid >= 16384
        union all select 'type ' || oid::regtype from pg_type where oid >= 16384
        union all select 'setting ' || setconfig::text from pg_db_role_setting
        union all select 'default rights ' || defaclacl::text from pg_default_acl
      ) lines";
    database.client().await.query_one(lines, &[]).await.unwrap().get(0)
}

/// `public` as pg_dump writes it: by itself where there is one for this server, else the same statements put together here.
async fn dump(database: &Database, arguments: &[&str]) -> String {
    let output = Command::new(database.server().program("pg_dump"))
        .args(arguments)
        .arg("-d")
        .arg(database.connection_string())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    if output.status.success() {
        return String::from_utf8(output.stdout).unwrap();
    }
    let refusal = String::from_utf8_lossy(&output.stderr);
    assert!(refusal.contains("server version mismatch"), "{refusal}");
    let client = database.client().await;
    let triggers: String = client
        .query_one(
            "select coalesce(string_agg(pg_get_triggerdef(oid), ';' order by tgname), 'select') from pg_trigger
              where tgrelid = 'public.t'::regclass and not tgisinternal",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    let rows: String =
        client.query_one("select string_agg(id || e'\\t' || v || e'\\n', '' order by id) from public.t", &[]).await.unwrap().get(0);
    let data = format!("copy public.t (id, v) from stdin;\n{rows}\\.\n");
    if arguments.contains(&"--data-only") {
        return format!("alter table public.t disable trigger all;\n{data}alter table public.t enable trigger all;\n");
    }
    format!(
        "select pg_catalog.set_config('search_path', '', false);\ncreate schema public;\n\
         create table public.t (id integer not null, v integer);\n{data}\
         alter table only public.t add constraint t_pkey primary key (id);\n{triggers};\n"
    )
}

#[tokio::test]
async fn install_and_uninstall_leave_no_trace() {
    let database = Database::create().await;
    database.run(&[T, r#"create table "we""ird'" ("Ke'y" int primary key)"#]).await;
    let before = inventory(&database).await;
    let client = database.client().await;
    for _ in 0..2 {
        let installed = install::install(&client, &options()).await.unwrap();
        assert!(installed.event_triggers);
        assert_eq!(installed.tables.captured.len(), 2);
    }
    let during = inventory(&database).await;
    assert!(during.contains("CREATE TRIGGER tidegate_update") && during.contains("event trigger tidegate_ddl"));
    assert_eq!(install::install(&client, &options()).await.unwrap().tables.changed, 0, "a second run changes nothing");
    install::uninstall(&client).await.unwrap();
    assert_eq!(inventory(&database).await, before);
    install::uninstall(&client).await.unwrap();
}

#[tokio::test]
async fn tables_that_cannot_be_captured_are_named_with_the_reason() {
    let database = Database::create().await;
    database
        .run(&[
            T,
            "create table keyless (v int)",
            "create table pair (a int, b int, primary key (a, b))",
            "create table directus_migrations (version text primary key)",
            "create table left_out (id int primary key)",
            "create table directus_users (id uuid primary key)",
            "create view v as select * from t",
        ])
        .await;
    let report = install::install(&database.client().await, &options()).await.unwrap().tables;
    let captured: Vec<_> = report.captured.iter().map(|table| (&*table.collection, &*table.key)).collect();
    assert_eq!(captured, [("directus_users", "id"), ("t", "id")]);
    let skipped: Vec<_> = report.skipped.iter().map(|table| (&*table.collection, table.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("directus_migrations", SkipReason::Excluded),
            ("keyless", SkipReason::NoPrimaryKey),
            ("left_out", SkipReason::Excluded),
            ("pair", SkipReason::CompositeKey)
        ]
    );
}

#[tokio::test]
async fn nobody_else_can_read_or_call_what_is_installed() {
    let database = Database::create().await;
    database.run(&[T, "create role nosy login password 'x'", "grant all on schema public to nosy; grant all on t to nosy"]).await;
    install::install(&database.client().await, &options()).await.unwrap();
    let nosy = database.client().await;
    nosy.batch_execute("set role nosy").await.unwrap();
    for forbidden in
        ["select * from tidegate.outbox", "select * from tidegate.control", "select tidegate.reset('t')", "select * from tidegate.ledger"]
    {
        let error = nosy.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{forbidden}");
    }
    // And yet its writes are captured.
    nosy.batch_execute("insert into t values (1, 0); update t set v = 1; delete from t").await.unwrap();
    let count: i64 =
        database.client().await.query_one("select count(*) from tidegate.outbox where collection = 't'", &[]).await.unwrap().get(0);
    assert_eq!(count, 1 + 3, "the first reset, and one per statement");
    database.run(&["drop owned by nosy; drop role nosy"]).await;
}

#[tokio::test]
async fn schema_changes_are_announced_and_new_tables_captured_at_once() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.catalog_interval = Duration::from_secs(3600);
    let mut rig = Rig::with(database, config, &[T], &["t", "u", SCHEMA_COLLECTION]).await;
    rig.database.run(&["create table u (id int primary key)"]).await;
    assert_eq!(summary_of(&mut rig).await, "tidegate:schema r");
    // The triggers follow the announcement; the reset says that rows may have come before them.
    assert_eq!(summary_of(&mut rig).await, "u r");
    rig.database.run(&["insert into u values (1)"]).await;
    assert_eq!(summary_of(&mut rig).await, "u c 1");
    for change in
        ["alter table t add w int", "alter table t drop w", "drop table u", "create temp table x (id int)", "create unique index on t (v)"]
    {
        rig.database.run(&[change]).await;
        if !change.contains("temp") {
            assert_eq!(summary_of(&mut rig).await, "tidegate:schema r", "{change}");
        }
    }
    assert!(rig.events().await.is_empty());
}

async fn summary_of(rig: &mut Rig) -> String {
    match rig.seen.next().await {
        change_capture::bus::FeedItem::Event(event) => summary(&event),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_role_without_event_triggers_looks_by_itself() {
    let database = Database::create().await;
    database
        .run(&[
            &format!("create role plain_{0} login password 'secret' nosuperuser; grant create on database {0} to plain_{0}", database.name),
            &format!("grant all on schema public to plain_{0}; set role plain_{0}; create table t (id int primary key)", database.name),
            "create table foreign_owner (id int primary key)",
        ])
        .await;
    let mut config = database.worker_config();
    config.database.user(format!("plain_{}", database.name)).password("secret");
    let bus = InProcessBus::new(BusCapacity::default());
    let worker = Worker::start(config, Arc::new(bus.clone()));
    soon("ready", worker.control.ready()).await;
    worker.synchronise().await;
    let client = database.client().await;
    let status = install::status(&client, &[]).await.unwrap();
    assert!(!status.event_triggers && status.leader.is_some());
    let mut seen = Collector::subscribe(&bus, &["t", SCHEMA_COLLECTION]).await;
    database.run(&[&format!("set role plain_{}; alter table t add v int", database.name)]).await;
    let change_capture::bus::FeedItem::Event(event) = seen.next().await else { panic!("an event") };
    assert_eq!(summary(&event), "tidegate:schema r");
    worker.stop().await;
}

#[tokio::test]
async fn a_dump_restored_over_a_dropped_schema_is_captured_again() {
    let mut rig = Rig::start(&[T, "insert into t select i, i from generate_series(1, 100) i"], &["t"]).await;
    // With the triggers in the dump and without them: what an application restores is its own business.
    for arguments in [&["--schema=public"][..], &["--schema=public", "--data-only", "--disable-triggers"]] {
        let text = dump(&rig.database, arguments).await;
        let prepare = if arguments.len() == 1 { "drop schema public cascade" } else { "truncate t" };
        rig.database.run(&[prepare]).await;
        // A dump of a schema creates it itself.
        let client = rig.database.client().await;
        rig.events().await;
        restore(&rig.database, &text).await;
        rig.worker.synchronise().await;
        let count: i64 = client.query_one("select count(*) from public.t", &[]).await.unwrap().get(0);
        assert_eq!(count, 100);
        let events = rig.events().await;
        assert!(events.iter().any(|event| summary(event) == "t r"), "{arguments:?}");
        rig.database.run(&["update public.t set v = 0 where id = 5"]).await;
        assert_eq!(rig.summary().await, ["t u 5"], "{arguments:?}");
    }
}

async fn restore(database: &Database, text: &str) {
    use tokio::io::AsyncWriteExt as _;
    let mut child = Command::new(database.server().program("psql"))
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", &database.connection_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(text.as_bytes()).await.unwrap();
    drop(pipe);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_bulk_load_as_replica_breaks_nothing() {
    let mut rig = Rig::start(&[T], &["t"]).await;
    rig.database
        .run(&[
            "set session_replication_role = replica; insert into t select i, i from generate_series(1, 1000) i; set session_replication_role = origin",
            "insert into t values (5000, 0)",
        ])
        .await;
    assert_eq!(rig.summary().await, ["t c 5000"], "triggers do not fire for a replica");
}

#[tokio::test]
async fn a_table_in_use_is_not_blocked_and_gets_its_triggers_later() {
    let database = Database::create().await;
    database.run(&[T, "create table free (id int primary key)"]).await;
    let busy = database.client().await;
    busy.batch_execute("begin; insert into t values (1, 0)").await.unwrap();
    let bus = InProcessBus::new(BusCapacity::default());
    let worker = Worker::start(database.worker_config(), Arc::new(bus.clone()));
    soon("ready without the busy table", worker.control.ready()).await;
    eventually("one table is captured", || async { worker.metrics.tables_captured.get() == 1 }).await;
    // Others write to it meanwhile: nobody queues behind the installer for long.
    let other = database.client().await;
    soon("another writer", other.batch_execute("insert into t values (2, 0)")).await.unwrap();
    busy.batch_execute("commit").await.unwrap();
    worker.synchronise().await;
    assert_eq!(worker.metrics.tables_captured.get(), 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_dropped_tidegate_schema_is_made_again_with_a_new_epoch() {
    let mut rig = Rig::start(&[T], &["t"]).await;
    rig.database.run(&["insert into t values (1, 0)"]).await;
    let before = rig.events().await[0].epoch;
    rig.database.run(&["drop schema tidegate cascade"]).await;
    eventually("it is back", || async {
        rig.database.client().await.query_one("select to_regclass('tidegate.control') is not null", &[]).await.unwrap().get(0)
    })
    .await;
    eventually("synchronised", || async { rig.worker.control.synchronise().await.is_ok() }).await;
    rig.database.run(&["insert into t values (2, 0)"]).await;
    rig.worker.synchronise().await;
    let mut gap = false;
    loop {
        match rig.seen.next().await {
            change_capture::bus::FeedItem::Gap { .. } => gap = true,
            change_capture::bus::FeedItem::Event(event) if summary(&event) == "t c 2" => {
                assert!(event.epoch > before && gap);
                break;
            }
            change_capture::bus::FeedItem::Event(event) => assert_eq!(summary(&event), "t r"),
            other => panic!("{other:?}"),
        }
    }
}
