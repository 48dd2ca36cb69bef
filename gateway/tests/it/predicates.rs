//! Many subscriptions that differ in a constant: a change concerns the right ones, and costs no more for the others.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::run;
use crate::harness::socket::Socket;

const EVALUATED: &str = "tidegate_gateway_events_total{stage=\"evaluated\"}";
const READS: &str = "tidegate_gateway_event_reads_total";

async fn subscribed(gateway: &Gateway, collection: &str, queries: impl Iterator<Item = Value>) -> Result<Socket> {
    let mut socket = gateway.connect(ADMIN_TOKEN).await?;
    for (number, query) in queries.enumerate() {
        let message = json!({"type": "subscribe", "collection": collection, "uid": number.to_string(), "query": query});
        let init = socket.ask(message).await?;
        ensure!(init["event"] == "init", "{init}");
    }
    Ok(socket)
}

/// What came until the answer to a ping, by uid and event. One socket hears in order, so nothing is still on its way.
async fn heard(socket: &mut Socket, expect: usize) -> Result<Vec<(String, String, Value)>> {
    let mut heard = Vec::new();
    for _ in 0..expect {
        let message = socket.next().await?;
        heard.push((
            message["uid"].as_str().unwrap_or_default().into(),
            message["event"].as_str().unwrap_or_default().into(),
            message["data"].clone(),
        ));
    }
    let pong = socket.ask(json!({"type": "ping"})).await?;
    ensure!(pong["type"] == "pong", "more was heard: {pong}");
    heard.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    Ok(heard)
}

#[test]
fn a_change_is_judged_by_the_groups_that_it_can_concern() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let watching = |user: String| json!({"fields": ["text"], "filter": {"user": {"_eq": user}}});
        let mut socket = subscribed(&gateway, "messages", (0..100).map(|number| watching(format!("user {number}")))).await?;
        let sql = database.connect().await?;
        let before = gateway.metric(EVALUATED).await?;
        sql.batch_execute("insert into messages (text, \"user\") values ('one', 'user 7'), ('two', 'user 8'), ('three', 'nobody')").await?;
        let event = |uid: &str, event: &str, data: Value| (uid.to_owned(), event.to_owned(), data);
        let expect = [event("7", "create", json!([{"text": "one"}])), event("8", "create", json!([{"text": "two"}]))];
        ensure!(heard(&mut socket, 2).await? == expect);
        // From one view into another: a delete for those who saw it, an update for those who see it now.
        let id: i32 = sql.query_one("update messages set \"user\" = 'user 9' where text = 'one' returning id", &[]).await?.get(0);
        let expect = [event("7", "delete", json!([id])), event("9", "update", json!([{"text": "one"}]))];
        ensure!(heard(&mut socket, 2).await? == expect);
        sql.batch_execute("update messages set text = 'four' where \"user\" = 'nobody'").await?;
        sql.batch_execute("delete from messages where text in ('one', 'two')").await?;
        let gone = heard(&mut socket, 2).await?;
        ensure!(gone.iter().map(|(uid, event, _)| (uid.as_str(), event.as_str())).eq([("8", "delete"), ("9", "delete")]), "{gone:?}");
        let judged = gateway.metric(EVALUATED).await? - before;
        ensure!(judged == 6.0, "{judged} groups were judged where six were concerned");
        // Who left is not judged any more, and who came back is.
        socket.send(&json!({"type": "unsubscribe", "uid": "7"})).await?;
        ensure!(socket.next().await?["event"] == "unsubscribe");
        sql.batch_execute("insert into messages (text, \"user\") values ('five', 'user 7'), ('six', 'user 6')").await?;
        ensure!(heard(&mut socket, 1).await? == [event("6", "create", json!([{"text": "six"}]))]);
        gateway.stop().await?;
        drop(sql);
        database.drop().await
    });
}

#[test]
fn ranges_and_alternatives_are_found_as_constants_are() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let sql = database.connect().await?;
        let ranges = (0..100).map(|number| json!({"views": {"_between": [1000 + number * 10, 1009 + number * 10]}}));
        let either = (0..100).map(|number| json!({"_or": [{"views": {"_eq": 1000 + number}}, {"title": {"_eq": format!("t {number}")}}]}));
        let queries = ranges.chain(either).map(|filter| json!({"fields": ["title"], "filter": filter}));
        let mut socket = subscribed(&gateway, "articles", queries).await?;
        let before = gateway.metric(EVALUATED).await?;
        sql.batch_execute("insert into articles (id, title, views) values (900, 't 7', 1055)").await?;
        let created = heard(&mut socket, 3).await?;
        ensure!(created.iter().map(|(uid, event, _)| (uid.as_str(), event.as_str())).eq([
            ("107", "create"),
            ("155", "create"),
            ("5", "create")
        ]));
        // Out of one range into another; the title keeps one of the alternatives.
        sql.batch_execute("update articles set views = 1990 where id = 900").await?;
        let moved = heard(&mut socket, 4).await?;
        let moved = moved.iter().map(|(uid, event, _)| (uid.as_str(), event.as_str()));
        ensure!(moved.eq([("107", "update"), ("155", "delete"), ("5", "delete"), ("99", "update")]));
        let judged = gateway.metric(EVALUATED).await? - before;
        ensure!(judged == 7.0, "{judged} groups were judged where seven were concerned");
        gateway.stop().await?;
        drop(sql);
        database.drop().await
    });
}

#[test]
fn groups_of_one_shape_are_read_by_one_statement() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let sql = database.connect().await?;
        sql.batch_execute(
            "insert into categories (id, name) values ('batch', 'Batch'), ('other', 'Other');
             insert into articles (id, title, category, views) values (900, 'before', 'batch', 5)",
        )
        .await?;
        // Half by content of a related row, half by a filter on one: all differ in a constant, and half of those see the row.
        let query = |number: i32| match number % 2 {
            0 => json!({"fields": ["title", "category.name"], "filter": {"_and": [{"id": {"_eq": 900}}, {"views": {"_gt": number - 20}}]}}),
            _ => {
                json!({"fields": ["title"], "filter": {"_and": [{"views": {"_gt": number - 20}}, {"category": {"name": {"_eq": "Batch"}}}]}})
            }
        };
        let mut socket = subscribed(&gateway, "articles", (0..40).map(query)).await?;
        let before = gateway.metric(READS).await?;
        sql.batch_execute("update articles set title = 'after' where id = 900").await?;
        let seeing = (0..40).filter(|number| number - 20 < 5);
        let all = heard(&mut socket, seeing.clone().count()).await?;
        for number in seeing {
            let data =
                if number % 2 == 0 { json!([{"title": "after", "category": {"name": "Batch"}}]) } else { json!([{"title": "after"}]) };
            ensure!(all.contains(&(number.to_string(), "update".into(), data)), "{number} is not among {all:?}");
        }
        let reads = gateway.metric(READS).await? - before;
        ensure!(reads == 2.0, "{reads} statements for two shapes");
        // Out of the views that a related row decides, by one statement again.
        sql.batch_execute("update articles set category = 'other' where id = 900").await?;
        let all = heard(&mut socket, 25).await?;
        for (uid, event, data) in &all {
            let expect = if uid.parse::<i32>()? % 2 == 0 {
                ("update", json!([{"title": "after", "category": {"name": "Other"}}]))
            } else {
                ("delete", json!([900]))
            };
            ensure!((event.as_str(), data) == (expect.0, &expect.1), "{uid}: {event} {data}");
        }
        gateway.stop().await?;
        drop(sql);
        database.drop().await
    });
}
