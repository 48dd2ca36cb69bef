//! Passwords, tokens and hidden fields do not leave the database: not in the outbox, not in Redis, not in a node's feed.

use std::sync::Arc;

use change_capture::bus::{BusCapacity, FeedItem, RedisBus};
use change_event::{ChangeEvent, ChannelNames, RowChange, key_digest};
use serde_json::Value;
use service_runtime::testkit::PrivateRedis;
use service_runtime::{CancellationToken, Tasks};

use crate::harness::{Collector, Database, Rig, Worker, eventually, summary};

/// Stands in every secret of these tests.
const SECRET: &str = "Tr0ub4dor";
const FIELDS: &str = "create table directus_fields (id serial primary key, collection varchar(64), field varchar(64), special text)";

/// Everything in the outbox, as text.
async fn outbox(database: &Database) -> String {
    let client = database.client().await;
    client.query_one("select coalesce(string_agg(o::text, e'\\n'), '') from tidegate.outbox o", &[]).await.unwrap().get(0)
}

/// Everything in Redis, as text.
async fn everything_in(redis: &PrivateRedis) -> String {
    let mut client = redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
    let mut text = String::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut client).await.unwrap();
        let mut command = match kind.as_str() {
            "stream" => redis::cmd("XRANGE"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            other => panic!("{key} is a {other}"),
        };
        command.arg(&key);
        if kind == "stream" {
            command.arg("-").arg("+");
        }
        let value: redis::Value = command.query_async(&mut client).await.unwrap();
        text += &format!("{key} {}\n", text_of(&value));
    }
    text
}

fn text_of(value: &redis::Value) -> String {
    match value {
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        redis::Value::Array(list) | redis::Value::Set(list) => list.iter().map(text_of).collect::<Vec<_>>().join(" "),
        redis::Value::Map(pairs) => pairs.iter().map(|(key, value)| text_of(key) + " " + &text_of(value)).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

fn images(row: &RowChange) -> (Value, Value) {
    let parse = |image: &Option<Box<serde_json::value::RawValue>>| {
        image.as_ref().map_or(Value::Null, |image| serde_json::from_str(image.get()).unwrap())
    };
    (parse(&row.old), parse(&row.new))
}

fn digest(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 71 && text.starts_with("sha256:"))
}

#[tokio::test]
async fn no_secret_reaches_outbox_or_redis_and_a_change_still_shows() {
    let database = Database::create().await;
    database
        .run(&[
            FIELDS,
            "create table directus_users (id uuid primary key, email text, password text, token text, tfa_secret text, auth_data json)",
            "create table directus_sessions (token varchar(64) primary key, next_token varchar(64), \"user\" uuid)",
            "create table directus_settings (id int primary key, project_name text, ai_openai_api_key text)",
            "create table directus_shares (id uuid primary key, password text)",
            "create table vault (id int primary key, title text, pin text, number int, hashed text, document json)",
            "insert into directus_fields (collection, field, special) values ('vault', 'pin', 'conceal'), ('vault', 'number', 'cast-x,conceal'),
               ('vault', 'hashed', 'hash'), ('vault', 'document', 'cast-json,conceal'), ('vault', 'title', null)",
        ])
        .await;
    let redis = PrivateRedis::start(&[]).await.unwrap();
    let connect = async || {
        let names = ChannelNames::new("secrets");
        RedisBus::connect(&redis.url().into(), names, BusCapacity::default(), Tasks::new(), CancellationToken::new()).await.unwrap()
    };
    let worker = Worker::start(database.worker_config(), Arc::new(connect().await));
    worker.synchronise().await;
    let collections = ["directus_users", "directus_sessions", "directus_settings", "directus_shares", "vault"];
    let mut seen = Collector::subscribe(&connect().await, &collections).await;
    let user = "11111111-1111-1111-1111-111111111111";
    let token = format!("{SECRET}-session-{}", "x".repeat(20));
    database
        .run(&[
            &format!("insert into directus_users values ('{user}', 'visible@example.com', '{SECRET}', '{SECRET}', null, '{{\"refresh\":\"{SECRET}\"}}')"),
            &format!("update directus_users set password = '{SECRET}2'"),
            &format!("insert into directus_sessions values ('{token}', null, '{user}'), ('{token}2', '{SECRET}', '{user}')"),
            &format!("update directus_sessions set token = '{token}3' where token = '{token}2'"),
            &format!("delete from directus_sessions where token = '{token}'"),
            &format!("insert into directus_settings values (1, 'visible', '{SECRET}')"),
            &format!("insert into directus_shares values ('{user}', '{SECRET}')"),
            &format!("insert into vault select i, 'visible', '{SECRET}', 7777777, '{SECRET}', '{{\"{SECRET}\":1}}' from generate_series(1, 3) i"),
            "update vault set pin = '' where id = 1",
            "delete from vault",
        ])
        .await;
    worker.synchronise().await;
    let mut events: Vec<Arc<ChangeEvent>> = Vec::new();
    while events.last().is_none_or(|event| !summary(event).starts_with("vault d")) {
        match seen.next().await {
            FeedItem::Event(event) => events.push(event),
            other => panic!("{other:?}"),
        }
    }
    let delivered: String = events.iter().map(|event| String::from_utf8(event.encode().unwrap()).unwrap()).collect();
    for (place, text) in [("outbox", outbox(&database).await), ("redis", everything_in(&redis).await), ("feed", delivered)] {
        assert!(text.contains("visible@example.com"), "the search works: {place}");
        for secret in [SECRET, "7777777"] {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
    let of = |collection: &str| -> Vec<&RowChange> {
        events.iter().filter(|event| &*event.collection == collection).flat_map(|event| &event.rows).collect()
    };
    let users = of("directus_users");
    let (before, after) = images(users[1]);
    assert!(digest(&after["password"]) && before["password"] != after["password"], "a changed password is seen as a change: {after}");
    assert_eq!((&before["token"], digest(&after["token"])), (&after["token"], true), "and an unchanged token as none");
    assert_ne!(after["password"], before["token"], "equal secrets of different columns look different");
    assert!(after["tfa_secret"].is_null() && after.get("auth_data").is_none());
    assert_eq!(users[1].omitted.iter().map(|name| &**name).collect::<Vec<_>>(), ["auth_data"]);
    let sessions = of("directus_sessions");
    let keys: Vec<String> = sessions.iter().map(|row| serde_json::from_str(row.key.get()).unwrap()).collect();
    let expect = [&*token, &format!("{token}2"), &format!("{token}2"), &format!("{token}3"), &token].map(key_digest);
    assert_eq!(keys, expect, "a node that holds the token finds the session");
    let vault = of("vault");
    let (_, first) = images(vault[0]);
    assert!(digest(&first["pin"]) && first.get("number").is_none() && first.get("hashed").is_none(), "{first}");
    assert_eq!(vault[0].omitted.iter().map(|name| &**name).collect::<Vec<_>>(), ["document", "hashed", "number"]);
    assert_eq!(images(vault[3]).1["pin"], "", "an empty secret is none, and views may ask for it");
    worker.stop().await;
}

#[tokio::test]
async fn a_field_is_guarded_by_the_transaction_that_hides_it() {
    let schema = [FIELDS, "create table t (id int primary key, a text, b text, open text)"];
    let mut rig = Rig::start(&schema, &["t"]).await;
    let (first, second) = (rig.database.client().await, rig.database.client().await);
    let hide = |field: &str| format!("insert into directus_fields (collection, field, special) values ('t', '{field}', 'conceal')");
    let guarded = "select digested from tidegate.guarded where collection = 't'";
    first.batch_execute(&format!("begin; {}; insert into t values (1, '{SECRET}', 'plain', 'visible')", hide("a"))).await.unwrap();
    // The second sees nothing of the first, waits for it, and must not undo it.
    let hide_second = hide("b");
    let waiting = second.batch_execute(&hide_second);
    let commit = async {
        eventually("the second waits for the first", || async {
            let client = rig.database.client().await;
            client.query_one("select exists (select from pg_locks where not granted)", &[]).await.unwrap().get(0)
        })
        .await;
        first.batch_execute("commit").await.unwrap();
    };
    let (hidden, ()) = tokio::join!(waiting, commit);
    hidden.unwrap();
    let mut columns: Vec<String> = first.query_one(guarded, &[]).await.unwrap().get(0);
    columns.sort();
    assert_eq!(columns, ["a", "b"]);
    rig.database.run(&[&format!("insert into t values (2, '{SECRET}', '{SECRET}', 'visible')")]).await;
    assert_eq!(rig.summary().await, ["t c 1", "t c 2"]);
    let text = outbox(&rig.database).await;
    assert!(text.contains("visible") && !text.contains(SECRET), "{text}");
    // What is hidden no more travels again, once the worker has looked.
    rig.database.run(&["update directus_fields set special = null where field = 'a'"]).await;
    rig.worker.synchronise().await;
    rig.database.run(&["insert into t values (3, 'shown', 'hidden', '')"]).await;
    let events = rig.events().await;
    let (_, image) = images(&events[0].rows[0]);
    assert!(image["a"] == "shown" && digest(&image["b"]), "{image}");
    rig.worker.stop().await;
}

#[tokio::test]
async fn a_role_that_may_not_read_the_model_still_guards_what_directus_hides() {
    let database = Database::create().await;
    let role = format!("blind_{}", database.name);
    database
        .run(&[
            &format!("create role {role} login password 'secret' nosuperuser; grant create on database {0} to {role}", database.name),
            FIELDS,
            "create table directus_users (id uuid primary key, password text)",
            &format!("grant trigger on directus_users to {role}"),
        ])
        .await;
    let mut config = database.worker_config();
    config.database.user(&role).password("secret");
    let worker = Worker::start(config, Arc::new(change_capture::bus::InProcessBus::new(BusCapacity::default())));
    worker.synchronise().await;
    database.run(&[&format!("insert into directus_users values ('11111111-1111-1111-1111-111111111111', '{SECRET}')")]).await;
    let text = outbox(&database).await;
    assert!(text.contains("sha256:") && !text.contains(SECRET), "{text}");
    worker.stop().await;
}

/// Transition tables hold no virtual columns: an image would say NULL where readers see a value.
#[tokio::test]
async fn virtual_columns_are_left_to_readers() {
    let mut rig = Rig::start(&["create table t (id int primary key, v int)"], &["t"]).await;
    if rig.database.server().major() < 18 {
        let refused = rig.database.client().await.batch_execute("alter table t add w int generated always as (v * 2) virtual").await;
        assert!(refused.is_err(), "there are none before 18");
        return;
    }
    rig.database.run(&["alter table t add w int generated always as (v * 2) virtual", "insert into t values (1, 2)"]).await;
    let events = rig.events().await;
    let row = &events.last().unwrap().rows[0];
    assert_eq!((row.new.as_ref().unwrap().get(), &*row.omitted[0]), (r#"{"id":1,"v":2}"#, "w"));
}
