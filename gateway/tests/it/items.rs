//! Items in forms that recordings do not have.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::http::Request;
use crate::harness::run;
use crate::harness::socket::Socket;

async fn ask(socket: &mut Socket, members: Value) -> Result<Value> {
    let mut message = json!({"type": "items", "collection": "articles"});
    if let (Some(message), Some(members)) = (message.as_object_mut(), members.as_object()) {
        message.extend(members.clone());
    }
    socket.ask(message).await
}

/// Many languages write whole numbers as `10.0`; to JavaScript that is 10.
#[test]
fn whole_numbers_are_integers_however_they_are_written() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        let written = json!({"title": 10.0, "views": 1e2, "meta": {"a": [1.0, -0.0, 2.5]}});
        let changed = ask(&mut socket, json!({"action": "update", "id": 1.0, "data": written})).await?;
        ensure!(changed["data"]["views"] == json!(100) && changed["data"]["title"] == "10", "{changed}");
        ensure!(changed["data"]["meta"] == json!({"a": [1, 0, 2.5]}), "{changed}");
        let created = ask(&mut socket, json!({"action": "create", "data": {"id": 5000.0, "title": "x"}})).await?;
        ensure!(created["data"]["id"] == json!(5000), "{created}");
        let deleted = ask(&mut socket, json!({"action": "delete", "ids": [5000.0]})).await?;
        ensure!(deleted["data"] == json!([5000]), "{deleted}");
        gateway.stop().await?;
        database.drop().await
    });
}

#[test]
fn faulty_queries_are_refused_before_anything_is_written() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        for query in [json!({"limit": -5}), json!({"fields": 5}), json!({"filter": "{x"}), json!({"version": 5})] {
            let refused = ask(&mut socket, json!({"action": "update", "id": 1, "data": {"title": "changed"}, "query": query})).await?;
            ensure!(refused["error"]["code"] == "INVALID_QUERY", "{query}: {refused}");
        }
        let title = ask(&mut socket, json!({"action": "read", "id": 1, "query": {"fields": ["title"]}})).await?;
        ensure!(title["data"]["title"] != "changed", "{title}");
        // Nothing is named by NUL, and nothing is found by it.
        let version = ask(&mut socket, json!({"action": "read", "query": {"version": "\u{0}"}})).await?;
        ensure!(version["data"] == json!([]), "{version}");
        let searched = ask(&mut socket, json!({"action": "read", "query": {"search": "a\u{0}", "fields": ["id"]}})).await?;
        ensure!(searched["data"] == json!([]), "{searched}");
        // Only `{}` widens an `_or`.
        for (member, count) in [(json!({}), None), (json!({"_and": []}), Some(1)), (json!({"_or": []}), Some(1))] {
            let filter = json!({"_or": [{"id": 1}, member]});
            let found = ask(&mut socket, json!({"action": "read", "query": {"filter": filter, "fields": ["id"]}})).await?;
            let found = found["data"].as_array().map_or(0, Vec::len);
            ensure!(count.map_or(found > 1, |count| count == found), "{filter}: {found}");
        }
        gateway.stop().await?;
        database.drop().await
    });
}

/// A subscription to a content version is never one to the main content.
#[test]
fn subscriptions_to_content_versions_are_refused() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        for mut subscribe in
            [json!({"type": "subscribe", "collection": "articles"}), json!({"type": "subscribe", "collection": "articles", "item": 1})]
        {
            subscribe["query"] = json!({"version": "draft"});
            let refused = socket.ask(subscribe).await?;
            ensure!(refused["error"]["code"] == "INVALID_QUERY", "{refused}");
        }
        let main = socket.ask(json!({"type": "subscribe", "collection": "articles", "query": {"version": "main"}})).await?;
        ensure!(main["event"] == "init", "{main}");
        gateway.stop().await?;
        database.drop().await
    });
}

/// Whoever has several subscriptions hears of a change in the order in which they were made, whatever index finds them. (What
/// has to be read from related tables comes when it is read.)
#[test]
fn subscriptions_of_one_connection_are_told_in_their_order() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        let views = [
            ("a", json!({"fields": ["name"]}), None),
            ("b", json!({"fields": ["name"], "filter": {"id": {"_eq": "tech"}}}), None),
            ("c", json!({"fields": ["name"]}), Some("tech")),
            ("d", json!({"fields": ["id"]}), None),
            ("e", json!({"fields": ["name"], "filter": {"name": {"_nnull": true}}}), None),
            ("f", json!({"fields": ["id"], "filter": {"id": "tech"}}), None),
            ("g", json!({"fields": ["id", "name"], "limit": -1}), None),
        ];
        // And several that share a view.
        let shared = ["s1", "s2", "s3", "s4"].map(|uid| (uid, json!({"fields": ["name"], "sort": "name"}), None));
        let views: Vec<_> = views.into_iter().chain(shared).collect();
        for (uid, query, item) in &views {
            let mut subscribe = json!({"type": "subscribe", "collection": "categories", "uid": uid, "query": query});
            if let Some(item) = item {
                subscribe["item"] = json!(item);
            }
            ensure!(socket.ask(subscribe).await?["event"] == "init", "{uid}");
        }
        for round in 0..3 {
            database.execute(&format!("update categories set name = 'Round {round}' where id = 'tech'")).await?;
            for (uid, _, _) in &views {
                let event = socket.next().await?;
                ensure!(event["uid"] == *uid && event["event"] == "update", "{uid} in round {round}: {event}");
            }
        }
        socket.close(4000, "that is all").await;
        let ended = socket.until_ended(std::time::Duration::from_secs(10)).await;
        ensure!(ended.as_ref().is_some_and(|ended| ended.code == 4000 && ended.reason == "that is all"), "{ended:?}");
        gateway.stop().await?;
        database.drop().await
    });
}

/// The same version over the socket, HTTP and GraphQL; and of it nothing stays.
#[test]
fn a_content_version_is_read_everywhere() {
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        let subscribe =
            json!({"type": "subscribe", "collection": "articles", "uid": "all", "query": {"fields": ["title"], "filter": {"id": 1}}});
        ensure!(socket.ask(subscribe).await?["event"] == "init");
        database
            .execute(
                r#"insert into directus_versions (id, key, name, collection, item, delta) values (gen_random_uuid(), 'draft', 'Draft',
                   'articles', '1', '{"title": "Drafted", "comments": {"create": [{"text": "to come"}], "update": [], "delete": [1, 2]}}')"#,
            )
            .await?;
        let query = json!({"version": "draft", "fields": ["title", "comments.id", "comments.text"]});
        let drafted = json!({"title": "Drafted", "comments": [{"id": null, "text": "to come"}]});
        let read = json!({"type": "items", "action": "read", "collection": "articles", "id": 1, "query": query, "uid": "1"});
        let over_socket = socket.ask(read).await?;
        ensure!(over_socket["data"] == drafted, "{over_socket}");
        let path = "/items/articles/1?version=draft&fields=title,comments.id,comments.text";
        let over_http = gateway.request(Request::new("GET", path).token(ADMIN_TOKEN)).await?;
        ensure!(over_http.body["data"] == drafted, "{over_http:?}");
        let document = r#"{ articles_by_id(id: 1, version: "draft") { title comments { text } } articles_by_version(id: 1, version: "draft") { title } }"#;
        let over_graphql = gateway.request(Request::new("POST", "/graphql").token(ADMIN_TOKEN).json(json!({"query": document}))).await?;
        let expect = json!({
            "articles_by_id": {"title": "Drafted", "comments": [{"text": "to come"}]},
            "articles_by_version": {"title": "Drafted"},
        });
        ensure!(over_graphql.body["data"] == expect, "{over_graphql:?}");
        // The next event is a real one.
        database.execute("update articles set title = 'Changed' where id = 1").await?;
        let event = socket.next().await?;
        ensure!(event["event"] == "update" && event["data"] == json!([{"title": "Changed"}]), "{event}");
        gateway.stop().await?;
        database.drop().await
    });
}

/// Under load the node writes the rows of several people by one statement; nobody who listens can tell.
#[test]
fn what_many_write_at_once_is_told_one_by_one() {
    const WRITERS: usize = 12;
    const EACH: usize = 20;
    run(async {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let mut watcher = gateway.connect(ADMIN_TOKEN).await?;
        let query = json!({"fields": ["id", "title", "views"], "filter": {"title": {"_starts_with": "writer"}}});
        let subscribe = json!({"type": "subscribe", "collection": "articles", "query": query});
        ensure!(watcher.ask(subscribe).await?["event"] == "init");
        let write = async |writer: usize| {
            let mut socket = gateway.connect(ADMIN_TOKEN).await?;
            let mut made = Vec::new();
            for n in 0..EACH {
                let title = format!("writer {writer} {n}");
                let created = ask(&mut socket, json!({"action": "create", "data": {"title": title, "views": 0}})).await?;
                ensure!(created["data"]["title"] == title.as_str(), "{created}");
                let id = created["data"]["id"].clone();
                let changed = ask(&mut socket, json!({"action": "update", "id": id, "data": {"views": n}})).await?;
                ensure!(changed["data"]["id"] == id && changed["data"]["views"] == n, "{changed}");
                made.push((id, title, n));
            }
            anyhow::Ok(made)
        };
        let made = futures_util::future::try_join_all((0..WRITERS).map(write)).await?;
        let mut heard = std::collections::BTreeMap::new();
        for _ in 0..2 * WRITERS * EACH {
            let message = watcher.next().await?;
            let rows = message["data"].as_array().filter(|rows| rows.len() == 1);
            let row = rows.and_then(|rows| rows.first()).ok_or_else(|| anyhow::anyhow!("not one row: {message}"))?;
            let before = heard.insert(row["id"].to_string(), row.clone());
            ensure!(before.is_none() == (message["event"] == "create"), "{message}");
        }
        for (id, title, views) in made.into_iter().flatten() {
            ensure!(heard.get(&id.to_string()) == Some(&json!({"id": id, "title": title, "views": views})), "{title}");
        }
        gateway.stop().await?;
        database.drop().await
    });
}
