//! Writes of one shape that come while another is under way: one transaction, and each has its own row, answer and fault.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::items::gathering::Gathering;

const OTHER: &str = "10000000-0000-4000-8000-000000000002";

/// A lab where nobody goes before those who were first.
async fn patient(script: &str) -> Lab {
    let mut lab = Lab::with(&[], script).await;
    lab.service.gathering = Gathering::with_patience(lab.database.clone(), Tasks::new(), 64, Duration::from_secs(3600));
    lab
}

/// Runs the first of `writes` against a table that is locked until all others wait behind it.
async fn together<F: Future>(lab: &Lab, writes: Vec<F>) -> Vec<F::Output> {
    let behind = writes.len() - 1;
    let mut lock = lab.database.transaction().await.unwrap();
    lock.script("lock table articles in share mode").await.unwrap();
    let release = async {
        while lab.service.gathering.waiting() < behind {
            tokio::task::yield_now().await;
        }
        lock.commit().await.unwrap();
    };
    tokio::join!(join_all(writes), release).0
}

/// Somebody else, from somewhere else.
fn other(lab: &Lab) -> ItemsContext {
    let client = ClientOrigin { ip: "10.9.9.9".parse().ok(), user_agent: None, origin: None };
    let accountability = Accountability { user: OTHER.parse().ok(), ..Accountability::public(Arc::new(client)) };
    ItemsContext { accountability: Arc::new(accountability), ..lab.admin.clone() }
}

#[tokio::test]
async fn each_finds_its_own_row_and_is_remembered_by_itself() {
    let lab = patient("").await;
    let other = other(&lab);
    let data = |n: usize| {
        json!({
            "title": format!("together {n} '\"{{}},\\ $1 é"), "views": n, "score": 0.5, "price": format!("{n}.129"), "big": "9007199254740993",
            "published_at": "2024-01-02T03:04:05Z", "event_date": "2024-01-02", "event_time": "03:04:05", "event_datetime": "2024-01-02T03:04:05",
            "meta": {"n": n, "list": [1, null, "x"]}, "labels": ["a", n.to_string()], "featured": n.is_multiple_of(2),
            "body": if n.is_multiple_of(3) { Value::Null } else { json!("text") },
        })
    };
    let write = async |n: usize| {
        let context = if n.is_multiple_of(2) { &lab.admin } else { &other };
        lab.create(context, "articles", data(n)).await.unwrap()
    };
    let answers = together(&lab, (0..12).map(write).collect()).await;
    let alone = lab.create(&lab.admin, "articles", data(12)).await.unwrap();
    for (n, answer) in answers.iter().chain([&alone]).enumerate() {
        let sent = data(n);
        assert_eq!([&answer["title"], &answer["views"], &answer["meta"]], [&sent["title"], &sent["views"], &sent["meta"]]);
        assert_eq!(answer["price"], format!("{n}.13"), "rounded as by one statement alone");
        assert_eq!([&answer["labels"], &answer["body"], &answer["big"]], [&sent["labels"], &sent["body"], &sent["big"]]);
        let id = answer["id"].to_string();
        let stored = lab.rows(&format!("select title, views from articles where id = {id}")).await;
        assert_eq!(stored, json!([{"title": sent["title"], "views": n}]));
        let kept = lab
            .rows(&format!(
                "select a.action, a.user, a.ip, a.user_agent, r.item, r.data, r.delta from directus_activity a
                   join directus_revisions r on r.activity = a.id where a.collection = 'articles' and a.item = '{id}'"
            ))
            .await;
        let (user, ip, agent) = if n.is_multiple_of(2) { (EDITOR, "10.1.2.3", json!("agent")) } else { (OTHER, "10.9.9.9", Value::Null) };
        let row = json!({"action": "create", "user": user, "ip": ip, "user_agent": agent, "item": id, "data": sent, "delta": sent});
        assert_eq!(kept, json!([row]));
    }
    let transactions = lab.rows("select count(distinct xmin::text) as n from articles where title like 'together%'").await;
    assert_eq!(transactions, json!([{"n": 3}]), "the first, those that waited, and the last");
}

#[tokio::test]
async fn whoever_writes_much_is_not_taken_along() {
    let lab = patient("").await;
    let write = async |n: usize| {
        let body = "x".repeat(if n == 2 { 1 << 20 } else { 10 });
        lab.create(&lab.admin, "articles", json!({"title": format!("much {n}"), "body": body})).await.unwrap()
    };
    together(&lab, (0..5).map(write).collect()).await;
    let transactions = lab
        .rows(
            "select string_agg(title, ',' order by title) as titles from articles where title like 'much%' group by xmin::text order by 1",
        )
        .await;
    assert_eq!(transactions, json!([{"titles": "much 0"}, {"titles": "much 1,much 3,much 4"}, {"titles": "much 2"}]));
}

#[tokio::test]
async fn a_trigger_that_leaves_a_row_out_mixes_nothing_up() {
    // On a partition, where nobody may look for it, and on a table that was known without.
    let script = "create table parts (id integer primary key, name text) partition by range (id);
        create table parts_low partition of parts for values from (0) to (10);
        create function skip() returns trigger language plpgsql as $$ begin if new.name = 'skipped' then return null; end if; return new; end $$;
        create trigger skip before insert on parts_low for each row execute function skip();";
    let lab = patient(script).await;
    assert!(lab.admin.schema.collection("parts").unwrap().triggered);
    let skip = "create function leave_out() returns trigger language plpgsql as $$ begin if new.title = 'left out' then return null; end if; return new; end $$";
    for text in [skip, "create trigger leave_out before insert on articles for each row execute function leave_out()"] {
        lab.database.execute(&Statement { text: text.to_owned(), parameters: Vec::new() }).await.unwrap();
    }
    let write = async |title: &'static str| lab.service.create(&lab.admin, "articles", &json!({"title": title}), &Value::Null).await;
    let answers = together(&lab, ["first", "in a", "left out", "in b"].map(write).into_iter().collect()).await;
    let titles: Vec<Value> = answers
        .into_iter()
        .map(|answer| answer.map_or(Value::Null, |it| serde_json::from_str::<Value>(it.data.get()).unwrap()["title"].clone()))
        .collect();
    assert_eq!(titles, [json!("first"), json!("in a"), Value::Null, json!("in b")]);
    let stored = lab.rows("select title from articles where title like 'in %' or title in ('first', 'left out') order by 1").await;
    assert_eq!(stored, json!([{"title": "first"}, {"title": "in a"}, {"title": "in b"}]));
}

#[tokio::test]
async fn values_mean_what_they_mean_alone() {
    let script = "create domain code as varchar(3); create type mood as enum ('glad', 'sad');
        create table articles_kinds (id integer primary key generated always as identity, n integer, b text, place varchar(4), code code, mood mood,
            fixed char(3), bits bit(3), list integer[], exact numeric(4,1), twice integer generated always as (n * 2) stored, blob bytea, deep jsonb, gone interval);";
    let lab = patient(script).await;
    let values = json!({"n": 7, "b": "{x,\"y}", "place": "abcd", "code": "abc", "mood": "sad", "fixed": "a", "bits": "101", "list": "{1,NULL,3}",
        "exact": "12.34", "blob": "\\x00ff", "deep": {"a": [1, "é"]}, "gone": "1 day"});
    let write = async |wrong: Option<(&'static str, &'static str)>| {
        let mut values = values.clone();
        if let Some((name, value)) = wrong {
            values[name] = json!(value);
        }
        lab.create(&lab.admin, "articles_kinds", values).await.map_err(|refusal| refusal.code())
    };
    let alone = write(None).await.unwrap();
    let hold = "lock table articles_kinds in share mode";
    let run = async |writes: Vec<Option<(&'static str, &'static str)>>| {
        let mut lock = lab.database.transaction().await.unwrap();
        lock.script(hold).await.unwrap();
        let behind = writes.len() - 1;
        let release = async {
            while lab.service.gathering.waiting() < behind {
                tokio::task::yield_now().await;
            }
            lock.commit().await.unwrap();
        };
        tokio::join!(join_all(writes.into_iter().map(write)), release).0
    };
    for mut row in run(vec![None; 4]).await.into_iter().map(Result::unwrap) {
        row["id"] = alone["id"].clone();
        assert_eq!(row, alone);
    }
    let gathered = lab.rows("select count(distinct xmin::text) as n from articles_kinds").await;
    assert_eq!(gathered, json!([{"n": 3}]), "alone, the first, and the three behind it");
    // What is too long is refused, and not cut off, by whatever is its bound.
    for wrong in [("code", "abcd"), ("place", "abcde"), ("fixed", "abcd"), ("bits", "1010"), ("exact", "1234.5"), ("mood", "mad")] {
        let refused = write(Some(wrong)).await.unwrap_err();
        lab.service.gathering.forget();
        assert_eq!(run(vec![None, Some(wrong), Some(wrong)]).await.split_off(1), [Err(refused), Err(refused)], "{wrong:?}");
        lab.service.gathering.forget();
    }
}

#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    let lab = patient("create unique index on articles (slug);").await;
    let write = async |slug: &'static str| lab.create(&lab.admin, "articles", json!({"slug": slug})).await;
    let answers = together(&lab, ["a", "b", "b", "c"].map(write).into_iter().collect()).await;
    let slugs: Vec<Result<Value, &str>> =
        answers.into_iter().map(|answer| answer.map(|row| row["slug"].clone()).map_err(|r| r.code())).collect();
    assert_eq!(slugs.iter().filter(|slug| **slug == Err("RECORD_NOT_UNIQUE")).count(), 1, "{slugs:?}");
    assert_eq!(slugs.iter().filter(|slug| slug.is_ok()).count(), 3, "{slugs:?}");
    assert_eq!(
        lab.rows("select slug from articles where slug <= 'c' order by 1").await,
        json!([{"slug": "a"}, {"slug": "b"}, {"slug": "c"}])
    );
    let noted = lab.rows("select count(*) as n from directus_activity where timestamp > now() - interval '1 minute'").await;
    assert_eq!(noted, json!([{"n": 3}]));
}

#[tokio::test]
async fn updates_of_one_row_take_turns_and_rules_hold_for_each() {
    let lab = patient("").await;
    let own = lab.with_rules(&[
        ("articles", Action::Read, everything()),
        ("articles", Action::Update, rule(&json!({"user_created": {"_eq": EDITOR}}), &["views"])),
    ]);
    let write = async |(key, views): (u32, u32)| lab.update(&own, "articles", UpdateTarget::Key(json!(key)), json!({"views": views})).await;
    let owned = lab.rows("select id from articles where user_created = '10000000-0000-4000-8000-000000000001' order by id").await;
    assert!(owned.as_array().unwrap().contains(&json!({"id": 1})), "{owned}");
    // 6 is somebody else's, 99 is not there, and 1 is written three times.
    let answers = together(&lab, [(1, 71), (1, 72), (6, 73), (99, 74), (1, 75)].map(write).into_iter().collect()).await;
    let views: Vec<Result<Value, &str>> =
        answers.into_iter().map(|answer| answer.map(|row| row["views"].clone()).map_err(|r| r.code())).collect();
    assert_eq!(views, [Ok(json!(71)), Ok(json!(72)), Err("FORBIDDEN"), Err("FORBIDDEN"), Ok(json!(75))]);
    let noted = lab
        .rows("select item, (delta->>'views')::int as views, (data->>'views')::int as whole from directus_revisions where (delta->>'views')::int between 71 and 75 order by id")
        .await;
    let row = |views: u32| json!({"item": "1", "views": views, "whole": views});
    assert_eq!(noted, json!([row(71), row(72), row(75)]));
}

#[tokio::test]
async fn a_row_that_is_locked_holds_nobody_else_up() {
    let lab = Lab::start().await;
    let write =
        async |key: u32| lab.update(&lab.admin, "articles", UpdateTarget::Key(json!(key)), json!({"views": 80 + key})).await.unwrap();
    let mut holder = lab.database.transaction().await.unwrap();
    holder.script("update articles set sort = sort where id = 3").await.unwrap();
    // The first of all is the one that cannot go on.
    let mut held = std::pin::pin!(write(3));
    assert!(futures_util::poll!(&mut held).is_pending());
    let others = join_all([1, 2, 4].map(write));
    tokio::select! {
        row = &mut held => panic!("somebody else holds {row}"),
        rows = others => assert_eq!(rows.iter().map(|row| row["views"].clone()).collect::<Vec<_>>(), [81, 82, 84]),
    }
    // And now one in the middle.
    let again = join_all([5, 3, 6].map(write));
    let mut again = std::pin::pin!(again);
    let one = async { while lab.rows("select views from articles where id = 6").await != json!([{"views": 86}]) {} };
    tokio::select! {
        rows = &mut again => panic!("somebody else holds one of {rows:?}"),
        () = one => {}
    }
    holder.rollback().await.unwrap();
    assert_eq!(again.await.len(), 3);
    assert_eq!(held.await["views"], 83);
}

#[tokio::test]
async fn whoever_goes_away_leaves_the_others_to_go_on() {
    let lab = patient("").await;
    let write = async |n: usize| lab.create(&lab.admin, "articles", json!({"title": format!("left {n}")})).await.unwrap()["title"].clone();
    let mut lock = lab.database.transaction().await.unwrap();
    lock.script("lock table articles in share mode").await.unwrap();
    let mut writes: Vec<_> = (0..4).map(|n| Box::pin(write(n))).collect();
    while lab.service.gathering.waiting() < 3 {
        assert!(futures_util::poll!(join_all(&mut writes)).is_pending());
        tokio::task::yield_now().await;
    }
    // One of those who wait, and the first, whose write is under way.
    drop((writes.remove(2), writes.remove(0)));
    let (answers, ()) = tokio::join!(join_all(writes), async { lock.commit().await.unwrap() });
    assert_eq!(answers, [json!("left 1"), json!("left 3")]);
    assert_eq!(lab.rows("select count(*) as n from articles where title = 'left 2'").await, json!([{"n": 0}]));
}

#[tokio::test]
async fn together_can_be_turned_off() {
    let lab = Lab::with(&[("GATEWAY_WRITES_TOGETHER", "1")], "").await;
    let write = async |n: usize| lab.create(&lab.admin, "articles", json!({"title": format!("apart {n}")})).await.unwrap();
    join_all((0..8).map(write)).await;
    let transactions = lab.rows("select count(distinct xmin::text) as n from articles where title like 'apart%'").await;
    assert_eq!(transactions, json!([{"n": 8}]));
}
