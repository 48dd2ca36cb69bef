//! `gateway bootstrap`: from an empty database to a served one, and hands off a database that Directus manages.
//!
//! It must never look at how the tables are made: only what they hold and what the gateway then does counts.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::time::Instant;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::http::Request;
use crate::harness::postgres::{Database, postgres};
use crate::harness::{beside_others, run};

/// Every table of `public` with a digest of its rows, and every column, index and trigger.
async fn contents(database: &Database) -> Result<Vec<String>> {
    let sql = database.connect().await?;
    let tables = sql
        .query("select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1", &[])
        .await?;
    let mut contents = Vec::new();
    for table in tables {
        let name: String = table.get(0);
        let digest = format!("select md5(coalesce(string_agg(t::text, e'\\n' order by t::text), '')) from public.\"{name}\" t");
        contents.push(format!("{name} {}", sql.query_one(&digest, &[]).await?.get::<_, String>(0)));
    }
    let shape = "select concat_ws(' ', table_name, column_name, data_type, column_default, is_nullable) from information_schema.columns \
        where table_schema = 'public' union all select indexdef from pg_indexes where schemaname = 'public' order by 1";
    contents.extend(sql.query(shape, &[]).await?.iter().map(|row| row.get::<_, String>(0)));
    Ok(contents)
}

async fn bootstrap(database: &Database) -> Result<String> {
    let running = Program::gateway(&["bootstrap"]).database(database).start()?;
    let code = running.ended(Duration::from_secs(60)).await?;
    ensure!(code == Some(0), "{code:?}\n{}", running.output());
    Ok(running.output())
}

#[test]
fn an_empty_database_is_made_ready_once() {
    run(async {
        let _machine = beside_others().await;
        let database = postgres().await?.create_database("empty", None).await?;
        bootstrap(&database).await?;
        let first = contents(&database).await?;
        ensure!(first.iter().any(|line| line.starts_with("directus_users ")), "{first:?}");
        bootstrap(&database).await?;
        ensure!(contents(&database).await? == first, "the second time changed something");
        database
            .execute("create table messages (id serial primary key, text text, \"user\" text, date_created timestamptz default now())")
            .await?;
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        let login = Request::new("POST", "/auth/login").json(json!({"email": "admin@example.com", "password": "password"}));
        let login = gateway.request(login).await?;
        ensure!(login.status == 200, "{login:?}");
        let mut socket = gateway.connect(ADMIN_TOKEN).await?;
        let init = socket.ask(json!({"type": "subscribe", "collection": "messages", "uid": "m"})).await?;
        ensure!(init["event"] == "init" && init["data"] == json!([]), "{init}");
        database.execute("insert into messages (text) values ('from psql')").await?;
        let created = socket.next().await?;
        ensure!(created["event"] == "create" && created["data"][0]["text"] == "from psql", "{created}");
        // A table that comes while the gateway runs is served as well.
        database.execute("create table later (id serial primary key, label text)").await?;
        database.execute("insert into later (label) values ('new')").await?;
        let mut other = gateway.connect(ADMIN_TOKEN).await?;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = other.ask(json!({"type": "items", "action": "read", "collection": "later", "uid": "l"})).await?;
            if answer["data"][0]["label"] == "new" {
                break;
            }
            ensure!(Instant::now() < deadline, "{answer}");
        }
        gateway.stop().await?;
        database.drop().await
    });
}

#[test]
fn a_database_of_directus_is_left_as_it_is() {
    run(async {
        let _machine = beside_others().await;
        let database = Fixture::database(Baseline::Twelve).await?;
        let before = contents(&database).await?;
        let output = bootstrap(&database).await?;
        ensure!(output.contains("Directus"), "it says why it did nothing: {output}");
        ensure!(contents(&database).await? == before, "bootstrap changed a database that Directus manages");
        // Serving it adds a schema of its own and nothing to the tables.
        let gateway = Program::gateway(&["standalone"]).database(&database).listen().await?;
        gateway.connect(ADMIN_TOKEN).await?.ask(json!({"type": "ping"})).await.context("served")?;
        ensure!(contents(&database).await? == before, "serving changed the tables");
        gateway.stop().await?;
        database.drop().await
    });
}
