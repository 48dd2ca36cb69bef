//! Views whose filter reaches into another collection: what a client was shown and is gone is told, whoever else watches.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use service_runtime::CancellationToken;
use service_runtime::guarded_process::Signal;
use service_runtime::testkit::PrivateRedis;
use tokio_postgres::Client;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program, Running};
use crate::harness::postgres::Database;
use crate::harness::run;
use crate::harness::socket::Socket;

/// A worker that can be frozen, a node, and a client's way to look at it all.
struct Stage {
    node: Gateway,
    worker: Running,
    sql: Client,
    redis: PrivateRedis,
    database: Database,
}

/// What a client holds: title by key.
#[derive(Debug, Default)]
struct View(BTreeMap<String, Value>);

impl Stage {
    async fn set() -> Result<Self> {
        let database = Fixture::database(Baseline::Twelve).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = Program::worker(&database, redis.url())?.lead().await?;
        let node = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen().await?;
        let sql = database.connect().await?;
        sql.batch_execute("insert into categories (id, name) values ('a', 'closed'), ('b', 'open')").await?;
        Ok(Self { node, worker, sql, redis, database })
    }

    /// Subscribes to articles of open categories; gives the view that the `init` shows.
    async fn subscribe(&self, socket: &mut Socket) -> Result<View> {
        self.subscribe_where(socket, json!({"category": {"name": {"_eq": "open"}}})).await
    }

    async fn subscribe_where(&self, socket: &mut Socket, filter: Value) -> Result<View> {
        let query = json!({"fields": ["id", "title"], "filter": filter, "limit": -1});
        let init = socket.ask(json!({"type": "subscribe", "collection": "articles", "uid": "s", "query": query})).await?;
        let mut view = View::default();
        view.fold(&init)?;
        Ok(view)
    }

    /// Folds everything up to a change that is made now.
    async fn settle(&self, socket: &mut Socket, view: &mut View, marker: &str) -> Result<()> {
        self.sql.execute("insert into articles (title, category) values ($1, 'b')", &[&marker]).await?;
        while !view.0.values().any(|title| title == marker) {
            let message = socket.next().await?;
            if message["uid"] == "s" {
                view.fold(&message)?;
            }
        }
        Ok(())
    }

    async fn stop(self) -> Result<()> {
        self.node.stop().await?;
        drop((self.worker, self.sql, self.redis));
        self.database.drop().await
    }
}

impl View {
    fn fold(&mut self, message: &Value) -> Result<()> {
        let rows = message["data"].as_array().with_context(|| message.to_string())?;
        match message["event"].as_str() {
            Some("init") => self.0.clear(),
            Some("create" | "update") => {}
            Some("delete") => {
                for key in rows {
                    self.0.remove(&key.to_string()).with_context(|| format!("{key} was never shown"))?;
                }
                return Ok(());
            }
            _ => anyhow::bail!("{message}"),
        }
        self.0.extend(rows.iter().map(|row| (row["id"].to_string(), row["title"].clone())));
        Ok(())
    }

    fn holds(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

#[test]
fn a_row_that_came_by_a_related_change_is_known_to_who_was_shown_it() {
    run(async {
        let stage = Stage::set().await?;
        stage.sql.batch_execute("insert into articles (id, title, category) values (900, 'one', 'a'), (901, 'two', 'a')").await?;
        let (mut first, mut second) = (stage.node.connect(ADMIN_TOKEN).await?, stage.node.connect(ADMIN_TOKEN).await?);
        let mut of_first = stage.subscribe(&mut first).await?;
        // Nobody is told: no article changed.
        stage.sql.batch_execute("update categories set name = 'open' where id = 'a'").await?;
        let mut of_second = stage.subscribe(&mut second).await?;
        ensure!(!of_first.holds("900") && of_second.holds("900"), "{of_first:?} {of_second:?}");
        stage.sql.batch_execute("delete from articles where id = 900; update articles set title = 'changed' where id = 901").await?;
        stage.settle(&mut second, &mut of_second, "marker").await?;
        ensure!(!of_second.holds("900") && of_second.0["901"] == "changed", "{of_second:?}");
        while !of_first.0.values().any(|title| title == "marker") {
            let message = first.next().await?;
            // Who never held the row may hear that it is gone: it was in the view.
            if message["event"] != "delete" {
                of_first.fold(&message)?;
            }
        }
        ensure!(of_first.0 == of_second.0, "{of_first:?} {of_second:?}");
        stage.stop().await
    });
}

#[test]
fn a_row_that_goes_while_changes_are_on_their_way_is_told() {
    run(async {
        let stage = Stage::set().await?;
        stage.sql.batch_execute("insert into articles (id, title, category) values (900, 'one', 'b'), (901, 'two', 'b')").await?;
        let mut first = stage.node.connect(ADMIN_TOKEN).await?;
        let mut of_first = stage.subscribe(&mut first).await?;
        stage.worker.signal(Signal::STOP)?;
        stage.sql.batch_execute("update articles set title = 'changed' where id in (900, 901)").await?;
        // Its init contains the change that is on its way, and not what comes after.
        let mut second = stage.node.connect(ADMIN_TOKEN).await?;
        let mut of_second = stage.subscribe(&mut second).await?;
        ensure!(of_second.0["900"] == "changed", "{of_second:?}");
        stage.sql.batch_execute("delete from articles where id = 900; update articles set category = 'a' where id = 901").await?;
        stage.worker.signal(Signal::CONT)?;
        stage.settle(&mut second, &mut of_second, "marker").await?;
        ensure!(!of_second.holds("900") && !of_second.holds("901"), "{of_second:?}");
        stage.settle(&mut first, &mut of_first, "another").await?;
        ensure!(!of_first.holds("900") && !of_first.holds("901"), "{of_first:?}");
        stage.stop().await
    });
}

#[test]
fn who_had_no_rights_for_a_while_is_shown_the_view_anew() {
    run(async {
        let stage = Stage::set().await?;
        stage
            .sql
            .batch_execute(
                "insert into articles (id, title, category) values (900, 'one', 'b');
                 insert into directus_users (id, email, token, status)
                   values ('fa000000-0000-4000-8000-0000000000aa', 'x@example.com', 'nobody-token-00000', 'active')",
            )
            .await?;
        let mut socket = stage.node.connect(ADMIN_TOKEN).await?;
        let mut view = stage.subscribe(&mut socket).await?;
        ensure!(view.holds("900"), "{view:?}");
        stage.settle(&mut socket, &mut view, "before").await?;
        stage.worker.signal(Signal::STOP)?;
        stage.sql.batch_execute("delete from articles where id = 900").await?;
        for token in ["nobody-token-00000", ADMIN_TOKEN] {
            socket.send(&json!({"type": "auth", "access_token": token})).await?;
            while socket.next().await?["type"] != "auth" {}
        }
        stage.worker.signal(Signal::CONT)?;
        stage.settle(&mut socket, &mut view, "after").await?;
        ensure!(!view.holds("900"), "{view:?}");
        stage.stop().await
    });
}

#[test]
fn what_a_truncation_took_is_not_known_any_more() {
    run(async {
        let stage = Stage::set().await?;
        // Rows with other titles are nothing to this view, and it does not look at them.
        let filter = json!({"title": {"_in": ["one", "marker"]}, "category": {"name": {"_eq": "open"}}});
        stage.sql.batch_execute("insert into articles (id, title, category) values (900, 'one', 'b')").await?;
        let (mut first, mut second) = (stage.node.connect(ADMIN_TOKEN).await?, stage.node.connect(ADMIN_TOKEN).await?);
        let of_first = stage.subscribe_where(&mut first, filter.clone()).await?;
        ensure!(of_first.holds("900"), "{of_first:?}");
        stage.worker.signal(Signal::STOP)?;
        stage.sql.batch_execute("truncate articles cascade").await?;
        // Shares what the node knows of the view, and has the truncation in its init.
        let mut of_second = stage.subscribe_where(&mut second, filter).await?;
        ensure!(!of_second.holds("900"), "{of_second:?}");
        first.ask(json!({"type": "unsubscribe", "uid": "s"})).await?;
        stage.worker.signal(Signal::CONT)?;
        stage
            .sql
            .batch_execute(
                "insert into articles (id, title, category) values (900, 'two', 'a'); update articles set title = 'one' where id = 900",
            )
            .await?;
        // It never saw this row: hearing that it is gone would give its key away.
        stage.settle(&mut second, &mut of_second, "marker").await?;
        stage.stop().await
    });
}

#[test]
fn a_view_that_never_rests_begins_all_the_same() {
    run(async {
        let stage = Stage::set().await?;
        stage.sql.batch_execute("insert into articles (id, title, category) select n, 'x', 'b' from generate_series(900, 939) n").await?;
        // Rows come and go by their own changes and by the category's, far faster than a view is read.
        let ended = CancellationToken::new();
        let write = async |writer: i32| {
            let sql = stage.database.connect().await?;
            while !ended.is_cancelled() {
                let from = 900 + 20 * writer;
                sql.batch_execute(&format!(
                    "update articles set category = case category when 'a' then 'b' else 'a' end where id between {from} and {from} + 19"
                ))
                .await?;
                sql.batch_execute("update categories set name = case name when 'open' then 'closed' else 'open' end where id = 'a'")
                    .await?;
            }
            anyhow::Ok(())
        };
        let subscribe = async {
            let mut socket = stage.node.connect(ADMIN_TOKEN).await?;
            for round in 0..40 {
                let uid = round.to_string();
                let query = json!({"fields": ["id", "title"], "filter": {"category": {"name": {"_eq": "open"}}}, "limit": -1});
                socket.send(&json!({"type": "subscribe", "collection": "articles", "uid": uid, "query": query})).await?;
                loop {
                    let message = socket.next().await?;
                    ensure!(message["type"] == "subscription", "{message}");
                    if message["uid"] == uid.as_str() && message["event"] == "init" {
                        break;
                    }
                }
                socket.send(&json!({"type": "unsubscribe", "uid": uid})).await?;
            }
            ended.cancel();
            Ok(())
        };
        tokio::try_join!(subscribe, write(0), write(1))?;
        stage.stop().await
    });
}
