//! What the triggers capture: one test per kind of statement.

use change_event::Operation;

use crate::harness::{Database, Rig, summary};

const ARTICLES: &str = "create table articles (id serial primary key, title text, price numeric(10,2), body text)";

#[tokio::test]
async fn statements_become_events_with_images() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    rig.database
        .run(&[
            "insert into articles (title, price) values ('a', 1.50)",
            "insert into articles (title) select 'x' from generate_series(1, 3)",
            "update articles set price = 2.00 where id = 1",
            "update articles set price = price where id = 1",
            "update articles set title = 'none' where id = 99",
            "delete from articles where id in (2, 3)",
        ])
        .await;
    let events = rig.events().await;
    let short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    assert_eq!(short, ["articles c 1", "articles c 2,3,4", "articles u 1", "articles u 1", "articles d 2,3"]);
    let row = &events[2].rows[0];
    assert_eq!(row.old.as_ref().unwrap().get(), r#"{"id":1,"title":"a","price":1.50,"body":null}"#);
    assert_eq!(row.new.as_ref().unwrap().get(), r#"{"id":1,"title":"a","price":2.00,"body":null}"#);
    assert_eq!(events[3].rows[0].old.as_ref().map(|image| image.get()), events[3].rows[0].new.as_ref().map(|image| image.get()));
    assert!(events[4].rows[0].old.is_some() && events[4].rows[0].new.is_none());
    assert!(events[0].written_at > 1_600_000_000_000_000, "microseconds");
    rig.worker.stop().await;
}

#[tokio::test]
async fn rollback_and_savepoint_rollback_yield_nothing() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    rig.database
        .run(&[
            "begin; insert into articles (title) values ('no'); rollback",
            "begin; insert into articles (title) values ('yes'); savepoint s; insert into articles (title) values ('no');
             rollback to s; insert into articles (title) values ('yes'); commit",
        ])
        .await;
    assert_eq!(rig.summary().await, ["articles c 2", "articles c 4"]);
}

#[tokio::test]
async fn copy_and_upsert_are_seen() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    let client = rig.database.client().await;
    let sink = client.copy_in("copy articles (id, title) from stdin").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    futures_util::SinkExt::send(&mut sink, bytes::Bytes::from_static(b"7\ta\n8\tb\n")).await.unwrap();
    sink.as_mut().finish().await.unwrap();
    client
        .batch_execute(
            "insert into articles (id, title) values (8, 'new b'), (9, 'c') on conflict (id) do update set title = excluded.title;
             insert into articles (id, title) values (9, 'c') on conflict do nothing",
        )
        .await
        .unwrap();
    let events = rig.events().await;
    let mut short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    assert_eq!(short.remove(0), "articles c 7,8");
    short.sort();
    assert_eq!(short, ["articles c 9", "articles u 8"]);
}

#[tokio::test]
async fn cascades_and_a_transaction_over_several_tables_arrive_whole_and_after_the_commit() {
    let schema = [
        "create table authors (id int primary key, name text)",
        "create table books (id int primary key, author int references authors on delete cascade)",
        "create table notes (id int primary key, book int references books on delete set null)",
    ];
    let mut rig = Rig::start(&schema, &["authors", "books", "notes"]).await;
    let client = rig.database.client().await;
    client.batch_execute("begin; insert into authors values (1, 'a'), (2, 'b'); insert into books values (10, 1), (11, 1)").await.unwrap();
    assert!(rig.summary().await.is_empty(), "not committed yet");
    client.batch_execute("insert into notes values (100, 10); update authors set name = 'c' where id = 1; commit").await.unwrap();
    assert_eq!(rig.summary().await, ["authors c 1,2", "books c 10,11", "notes c 100", "authors u 1"]);
    client.batch_execute("delete from authors where id = 1").await.unwrap();
    let events = rig.events().await;
    let mut short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    short.sort();
    assert_eq!(short, ["authors d 1", "books d 10,11", "notes u 100"]);
    assert_eq!(events.iter().map(|event| event.transaction).collect::<std::collections::HashSet<_>>().len(), 1);
}

#[tokio::test]
async fn a_changed_key_is_a_delete_and_a_create_of_one_statement() {
    let mut rig = Rig::start(&["create table t (id int primary key deferrable, v text)"], &["t"]).await;
    rig.database
        .run(&[
            "insert into t values (1, 'a'), (2, 'b'), (3, 'c')",
            "update t set id = 20 where id = 2",
            "update t set id = id + 1 where id in (1, 3)",
        ])
        .await;
    let events = rig.events().await;
    let short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    assert_eq!(short, ["t c 1,2,3", "t d 2", "t c 20", "t d 1,3", "t c 2,4"]);
    assert_eq!(events[1].statement, events[2].statement);
    assert_ne!(events[2].statement, events[3].statement);
    // Keys that change hands pair by key.
    rig.database.run(&["delete from t", "insert into t values (1, 'a'), (2, 'b')", "update t set id = 3 - id"]).await;
    let events = rig.events().await;
    let swap = events.last().unwrap();
    assert_eq!((swap.operation, swap.rows.len()), (Operation::Update, 2));
    for row in &swap.rows {
        assert_ne!(row.old.as_ref().unwrap().get(), row.new.as_ref().unwrap().get());
    }
}

#[tokio::test]
async fn truncate_and_a_big_statement_are_resets() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.max_rows_per_statement = 2500;
    let mut rig = Rig::with(database, config, &[ARTICLES], &["articles"]).await;
    rig.database
        .run(&[
            "insert into articles (title) select 'x' from generate_series(1, 2500)",
            "insert into articles (title) select 'x' from generate_series(1, 2501)",
            "update articles set title = 'y'",
            "delete from articles",
            "insert into articles (title) values ('z')",
            "truncate articles",
        ])
        .await;
    let events = rig.events().await;
    let short: Vec<_> = events.iter().map(|event| (event.operation, event.rows.len())).collect();
    let (create, reset) = (Operation::Create, Operation::Reset);
    assert_eq!(short, [(create, 1000), (create, 1000), (create, 500), (reset, 0), (reset, 0), (reset, 0), (create, 1), (reset, 0)]);
    assert_eq!(events[0].statement, events[2].statement, "parts of one statement");
}

#[tokio::test]
async fn rows_of_several_people_in_one_statement_are_told_apart() {
    let mut rig = Rig::start(&["create table t (id integer primary key, v text)"], &["t"]).await;
    rig.database
        .run(&[
            "insert into t values (3, 'x'), (1, 'y'), (2, 'z')",
            "begin; set local tidegate.apart = 'on'; insert into t values (6, 'a'), (4, 'b'), (5, 'c'); update t set v = v || '!' where id in (4, 5);
             update t set id = 7 where id in (6); delete from t where id in (1, 2); commit",
            "delete from t where id in (4, 5)",
        ])
        .await;
    let events = rig.events().await;
    let short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    assert_eq!(short, ["t c 3,1,2", "t c 6", "t c 4", "t c 5", "t u 4", "t u 5", "t d 6", "t c 7", "t d 1", "t d 2", "t d 4,5"]);
    assert_eq!(events[1].transaction, events[9].transaction);
    assert_eq!(events[1].statement, events[3].statement);
}

#[tokio::test]
async fn a_statement_that_changed_nothing_moves_no_later_one_forward() {
    // Tables with triggers of their own number their statements at the start.
    let schema = [
        "create table folders (id integer primary key)",
        "create table docs (id integer primary key, v text, folder integer references folders on delete cascade)",
        "create function touch() returns trigger language plpgsql as $$ begin return coalesce(new, old); end $$",
        "create trigger touch after insert or update or delete on docs for each row execute function touch()",
        "create function clear_out() returns trigger language plpgsql as $$ begin delete from folders where id = new.id; return new; end $$",
        "create table requests (id integer primary key)",
        "create trigger clear_out after insert on requests for each row execute function clear_out()",
    ];
    let mut rig = Rig::start(&schema, &["folders", "docs", "requests"]).await;
    rig.database
        .run(&[
            "insert into folders values (1), (2), (3), (4)",
            "insert into docs values (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4)",
            // By a delete that finds nothing, by a cascade before, and by one within a trigger.
            "begin; delete from docs where id = 99; update docs set v = 'A' where id = 1; delete from folders where id = 1; commit",
            "begin; delete from folders where id = 2; update docs set v = 'C' where id = 3; delete from folders where id = 3; commit",
            "begin; delete from folders where id = 99; delete from docs where id = 98; update docs set v = 'D' where id = 4;
             insert into requests values (4); commit",
        ])
        .await;
    let events = rig.events().await;
    let docs: Vec<_> = events.iter().map(|event| summary(event)).filter(|event| event.starts_with("docs")).collect();
    assert_eq!(docs, ["docs c 1,2,3,4", "docs u 1", "docs d 1", "docs d 2", "docs u 3", "docs d 3", "docs u 4", "docs d 4"]);
}

#[tokio::test]
async fn what_is_told_apart_is_no_bulk_change() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.max_rows_per_statement = 2;
    let mut rig = Rig::with(database, config, &["create table t (id integer primary key)"], &["t"]).await;
    rig.database
        .run(&[
            "begin; set local tidegate.apart = 'on'; insert into t select generate_series(1, 3); update t set id = id; delete from t; commit",
            "insert into t select generate_series(1, 3)",
            "begin; set local tidegate.apart = 'on'; insert into t select generate_series(11, 1011); commit",
        ])
        .await;
    let events = rig.events().await;
    let short: Vec<_> = events.iter().map(|event| summary(event)).collect();
    assert_eq!(short, ["t c 1", "t c 2", "t c 3", "t u 1", "t u 2", "t u 3", "t d 1", "t d 2", "t d 3", "t r", "t r"]);
}

#[tokio::test]
async fn a_wide_statement_is_cut_by_size_and_a_big_value_is_left_out_of_both_images() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    rig.database
        .run(&[
            "insert into articles (title) select repeat('x', 100000) from generate_series(1, 25)",
            "insert into articles (id, title, body) values (100, 't', repeat('z', 300000))",
            "update articles set body = 'short' where id = 100",
            "update articles set title = repeat(E'\\u0001', 100000) where id = 100",
        ])
        .await;
    let events = rig.events().await;
    let count = events.len();
    assert!(count > 4, "the first statement has several parts");
    assert!(events[..count - 3].iter().all(|event| event.encode().unwrap().len() < 1_400_000));
    assert_eq!(events[..count - 3].iter().map(|event| event.rows.len()).sum::<usize>(), 25);
    let rows: Vec<_> = events[count - 3..].iter().map(|event| &event.rows[0]).collect();
    let omitted = |index: usize| rows[index].omitted.iter().map(|name| &**name).collect::<Vec<_>>();
    assert_eq!((omitted(0), omitted(1), omitted(2)), (vec!["body"], vec!["body"], vec!["title"]));
    let new = |index: usize| rows[index].new.as_ref().unwrap().get();
    assert_eq!(new(0), r#"{"id":100,"title":"t","price":null}"#);
    assert_eq!(rows[1].old.as_ref().unwrap().get(), new(1));
    assert_eq!(new(2), r#"{"id":100,"price":null,"body":"short"}"#);
}

#[tokio::test]
async fn writer_settings_travel_and_nonsense_in_them_harms_nobody() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = rig.database.client().await;
    client
        .batch_execute(&format!(
            "begin; select set_config('tidegate.keys', '[\"1\"]', true), set_config('tidegate.traceparent', '{trace}', true);
             insert into articles (title) values ('a');
             select set_config('tidegate.keys', '', true), set_config('tidegate.traceparent', '', true);
             insert into articles (title) values ('b');
             select set_config('tidegate.keys', '{{not json', true), set_config('tidegate.traceparent', 'x', true);
             insert into articles (title) values ('c'); commit; insert into articles (title) values ('d')"
        ))
        .await
        .unwrap();
    let events = rig.events().await;
    assert_eq!(events[0].writer_keys.as_ref().map(|keys| keys.get()), Some(r#"["1"]"#));
    assert_eq!(events[0].traceparent.as_deref(), Some(trace));
    assert_eq!(events.len(), 4);
    assert!(events[1..].iter().all(|event| event.writer_keys.is_none() && event.traceparent.is_none()));
}

#[tokio::test]
async fn images_print_alike_whatever_the_session_says() {
    let schema = ["create table t (id int primary key, at timestamptz, f float8, i interval, b bytea, d date)"];
    let mut rig = Rig::start(&schema, &["t"]).await;
    let values = "'2024-03-01 12:00:00+00', 0.1::float8 + 0.2, '1 day 2 hours', '\\xdeadbeef', '2024-02-03'";
    let odd = "set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set intervalstyle = 'iso_8601'; set extra_float_digits = -5;
               set bytea_output = 'escape'; set search_path = ''";
    rig.database
        .run(&[&format!("insert into t values (1, {values})"), &format!("{odd}; insert into public.t values (1 + 1, {values})")])
        .await;
    let events = rig.events().await;
    let image = |index: usize| events[index].rows[0].new.as_ref().unwrap().get().split_once(',').unwrap().1.to_owned();
    assert_eq!(image(0), image(1));
    assert!(image(0).contains(r#""at":"2024-03-01T12:00:00+00:00","f":0.30000000000000004"#), "{}", image(0));
}

#[tokio::test]
async fn a_partitioned_table_is_one_collection_whoever_writes_to_it() {
    let schema = [
        "create table p (id int primary key, v text) partition by range (id)",
        "create table p1 partition of p for values from (0) to (100)",
        "create table p2 partition of p for values from (100) to (200)",
    ];
    let mut rig = Rig::start(&schema, &["p", "p1", "p2"]).await;
    rig.database
        .run(&[
            "insert into p values (1, 'a'), (101, 'b')",
            "insert into p2 values (102, 'c')",
            "update p set id = 150 where id = 1",
            "delete from p1",
            "truncate p",
        ])
        .await;
    assert_eq!(rig.summary().await, ["p c 1,101", "p c 102", "p d 1", "p c 150", "p r", "p r", "p r"]);
    rig.database.run(&["create table p3 partition of p for values from (200) to (300)"]).await;
    rig.worker.synchronise().await;
    rig.database.run(&["insert into p3 values (201, 'd')"]).await;
    // Whoever wrote to the partition before its triggers stood was seen by nobody.
    assert_eq!(rig.summary().await, ["p r", "p c 201"]);
}

#[tokio::test]
async fn a_renamed_key_never_fails_the_writer() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    rig.database
        .run(&["insert into articles (title) values ('a')", "begin; alter table articles rename id to number; insert into articles (title) values ('b'); update articles set title = 'c'; delete from articles; commit"])
        .await;
    let short = rig.summary().await;
    assert_eq!(short[..4], ["articles c 1", "articles r", "articles r", "articles r"]);
    rig.worker.synchronise().await;
    rig.seen.take();
    rig.database.run(&["insert into articles (title) values ('d')"]).await;
    assert_eq!(rig.summary().await, ["articles c 3"]);
}

#[tokio::test]
async fn a_session_survives_every_alter_between_its_writes() {
    let mut rig = Rig::start(&[ARTICLES], &["articles"]).await;
    let client = rig.database.client().await;
    for alteration in [
        "",
        "alter table articles add extra int default 5",
        "alter table articles drop body",
        "alter table articles alter title type varchar(50)",
    ] {
        client
            .batch_execute(&format!(
                "{alteration}; insert into articles (title) values ('x'); update articles set title = 'y'; delete from articles"
            ))
            .await
            .unwrap();
    }
    let events = rig.events().await;
    let images: Vec<_> =
        events.iter().filter(|event| event.operation == Operation::Create).map(|event| event.rows[0].new.as_ref().unwrap().get()).collect();
    assert_eq!(
        images,
        [
            r#"{"id":1,"title":"x","price":null,"body":null}"#,
            r#"{"id":2,"title":"x","price":null,"body":null,"extra":5}"#,
            r#"{"id":3,"title":"x","price":null,"extra":5}"#,
            r#"{"id":4,"title":"x","price":null,"extra":5}"#
        ]
    );
}

#[tokio::test]
async fn what_a_tables_own_triggers_change_follows_the_statement_that_caused_it() {
    let schema = [
        "create table t (id int primary key, v text, n int not null default 0)",
        "create table log (id serial primary key, t int)",
        "create function twice() returns trigger language plpgsql as $$ begin
           insert into log (t) values (new.id);
           if new.n < 2 then update t set n = new.n + 1 where id = new.id; end if; return null; end $$",
        "create trigger z_twice after insert or update on t for each row execute function twice()",
        "create table tree (id int primary key, parent int references tree on update cascade on delete cascade)",
    ];
    let mut rig = Rig::start(&schema, &["t", "tree"]).await;
    rig.database
        .run(&[
            "insert into t values (1, 'a'), (2, 'b')",
            "begin; update t set v = 'c', n = 0 where id = 1; savepoint s; update t set v = 'no'; rollback to s; update t set v = 'd', n = 2 where id = 2; commit",
            "insert into tree values (1, null), (2, 1), (3, 3)",
            "update tree set id = 10 where id = 1",
            "select set_config('tidegate.start_0_INSERT_0', 'nonsense', false)",
        ])
        .await;
    let mut rows = std::collections::HashMap::new();
    for event in rig.events().await {
        for row in &event.rows {
            let text = |image: &Option<Box<serde_json::value::RawValue>>| image.as_ref().map(|image| image.get().to_owned());
            let place = rows.entry((event.collection.to_string(), row.key.get().to_owned())).or_insert(None);
            assert_eq!(*place, text(&row.old), "{}", summary(&event));
            *place = text(&row.new);
        }
    }
    let now = |table: &str, key: &str| rows[&(table.to_owned(), key.to_owned())].clone().unwrap();
    assert_eq!(now("t", "1"), r#"{"id":1,"v":"c","n":2}"#);
    assert_eq!(now("t", "2"), r#"{"id":2,"v":"d","n":2}"#);
    assert_eq!(now("tree", "10"), r#"{"id":10,"parent":null}"#);
    assert_eq!(now("tree", "2"), r#"{"id":2,"parent":10}"#);
    // A row that refers to itself is changed twice by one statement: nobody can say more than "read again".
    rig.database.run(&["update tree set id = 30 where id = 3"]).await;
    assert_eq!(rig.summary().await, ["tree r"]);
}

/// A `json` column takes what Postgres itself then refuses to look into. Whoever writes it must not pay for being watched.
#[tokio::test]
async fn json_with_nul_never_fails_the_writer() {
    let database = Database::create().await;
    let mut config = database.worker_config();
    config.max_value_bytes = 1000;
    let schema = [
        "create table directus_fields (id serial primary key, collection varchar(64), field varchar(64), special text)",
        "insert into directus_fields (collection, field, special) values ('hidden', 'secret', 'conceal')",
        "create table plain (id text primary key, doc json, note text)",
        "create table hidden (id int primary key, doc json, secret text)",
    ];
    let mut rig = Rig::with(database, config, &schema, &["plain", "hidden"]).await;
    let nul = r#"{"a":"x\u0000y"}"#;
    let client = rig.database.client().await;
    // One row, several, another column, the key that looks like one, back and away, for plain and guarded tables.
    for table in ["plain", "hidden"] {
        let note = if table == "plain" { "note" } else { "secret" };
        let statements = [
            format!("insert into {table} (id, doc) values ('1', '{nul}')"),
            format!("insert into {table} (id, doc) values ('2', '{nul}'), ('3', '{{\"b\":1}}')"),
            format!("update {table} set {note} = 'changed' where id = '1'"),
            format!("update {table} set {note} = repeat('w', 2000), doc = '[1]'"),
            format!("update {table} set doc = '{nul}'"),
            format!("update {table} set id = '4' where id = '1'"),
            format!("delete from {table}"),
        ];
        for statement in statements {
            client.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }
    let literal = r#"insert into plain (id, doc, note) values ('a\u0000b', '"\\u0000"', '\u0000')"#;
    client.batch_execute(literal).await.unwrap();
    let events = rig.events().await;
    assert!(events.iter().all(|event| event.operation != Operation::Reset), "{events:?}");
    let short: Vec<String> = events.iter().map(|event| summary(event)).collect();
    let expect = |table: &str, key: fn(u8) -> String| {
        let [one, two, three, four] = [1, 2, 3, 4].map(key);
        [
            format!("{table} c {one}"),
            format!("{table} c {two},{three}"),
            format!("{table} u {one}"),
            format!("{table} u {two},{three},{one}"),
            format!("{table} u {two},{three},{one}"),
            format!("{table} d {one}"),
            format!("{table} c {four}"),
            format!("{table} d {two},{three},{four}"),
        ]
    };
    let quoted = expect("plain", |number| format!("\"{number}\""));
    let bare = expect("hidden", |number| number.to_string());
    let last = [r#"plain c "a\\u0000b""#.to_owned()];
    assert_eq!(short, [quoted.as_slice(), &bare, &last].concat());
    // Plain images are as they are; of others the column is left out, for readers to fetch.
    let first = |collection: &str| &events.iter().find(|event| &*event.collection == collection).unwrap().rows[0];
    assert!(first("plain").omitted.is_empty() && first("plain").new.as_ref().unwrap().get().contains(nul));
    assert!(first("hidden").omitted.iter().map(|name| &**name).eq(["doc"]));
    assert_eq!(events.last().unwrap().rows[0].new.as_ref().unwrap().get(), r#"{"id":"a\\u0000b","doc":"\\u0000","note":"\\u0000"}"#);
    rig.worker.stop().await;
}
