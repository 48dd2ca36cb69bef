//! Rights and identities that change together: nobody has, even for an instant, what nobody ever granted him.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use service_runtime::guarded_process::Signal;
use service_runtime::testkit::PrivateRedis;
use tokio_postgres::Client;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{Gateway, Program, Running};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::raw::RawClient;
use crate::harness::run;

/// A user in role `from`, who may read article 900, and role `to`, which may read nothing.
const PEOPLE: &str = r#"
    insert into directus_roles (id, name) values ('fa000000-0000-4000-8000-000000000101', 'from'), ('fa000000-0000-4000-8000-000000000102', 'to');
    insert into directus_policies (id, name)
        values ('fa000000-0000-4000-8000-000000000201', 'from'), ('fa000000-0000-4000-8000-000000000202', 'to');
    insert into directus_access (id, role, policy, sort)
        values ('fa000000-0000-4000-8000-000000000301', 'fa000000-0000-4000-8000-000000000101', 'fa000000-0000-4000-8000-000000000201', 1),
               ('fa000000-0000-4000-8000-000000000302', 'fa000000-0000-4000-8000-000000000102', 'fa000000-0000-4000-8000-000000000202', 1);
    insert into directus_permissions (collection, action, fields, permissions, policy)
        values ('articles', 'read', '*', '{"id": {"_eq": 900}}', 'fa000000-0000-4000-8000-000000000201');
    insert into directus_users (id, email, token, status, role)
        values ('fa000000-0000-4000-8000-000000000001', 'x@example.com', 'moved-user-000000', 'active', 'fa000000-0000-4000-8000-000000000101');
    insert into articles (id, title) values (900, 'one'), (901, 'two');"#;

/// A node, its worker, and a client's way to change what they serve.
struct Stage {
    database: Database,
    sql: Client,
    redis: PrivateRedis,
    worker: Running,
    node: Gateway,
}

impl Stage {
    async fn set() -> Result<Self> {
        let database = Fixture::database(Baseline::Twelve).await?;
        let sql = database.connect().await?;
        sql.batch_execute(PEOPLE).await?;
        let redis = PrivateRedis::start(&[]).await.context("redis-server")?;
        let worker = Program::worker(&database, redis.url())?.lead().await?;
        let node = Program::gateway(&["serve"]).database(&database).env("REDIS", redis.url()).listen().await?;
        Ok(Self { database, sql, redis, worker, node })
    }
}

#[test]
fn who_leaves_a_role_does_not_get_what_the_role_gets_afterwards() {
    run(async {
        let Stage { database, sql, redis, worker, node } = Stage::set().await?;
        let mut socket = node.connect("moved-user-000000").await?;
        let query = json!({"fields": ["id", "title"]});
        let init = socket.ask(json!({"type": "subscribe", "collection": "articles", "uid": "s", "query": query})).await?;
        ensure!(init["data"] == json!([{"id": 900, "title": "one"}]), "{init}");
        worker.signal(Signal::STOP)?;
        // What the node hears of first makes it read all rights, the last change among them.
        for change in [
            "insert into directus_permissions (collection, action, fields, policy) values ('tags', 'read', '*', 'fa000000-0000-4000-8000-000000000202')",
            "update directus_users set role = 'fa000000-0000-4000-8000-000000000102' where email = 'x@example.com'",
            "update directus_permissions set permissions = '{}' where policy = 'fa000000-0000-4000-8000-000000000201'",
        ] {
            sql.batch_execute(change).await?;
        }
        worker.signal(Signal::CONT)?;
        loop {
            let message = socket.next().await?;
            if message["uid"] == "s" {
                ensure!(message["error"]["code"] == "FORBIDDEN", "{message}");
                break;
            }
        }
        node.stop().await?;
        drop((worker, sql, redis));
        database.drop().await
    });
}

/// What a request is answered whose body comes when `meanwhile` has happened.
async fn parked(node: &Gateway, path: &str, body: &Value, meanwhile: impl AsyncFn() -> Result<()>) -> Result<String> {
    let body = body.to_string();
    let mut client = RawClient::connect(node.port, None).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer moved-user-000000\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.write(head.as_bytes()).await?;
    meanwhile().await?;
    client.write(body.as_bytes()).await?;
    let answer = client.rest(Duration::from_secs(20)).await.context("no answer")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn who_holds_a_body_back_is_asked_again_who_he_is() {
    run(async {
        let Stage { database, sql, redis, worker, node } = Stage::set().await?;
        let query = json!({"query": "{ articles { id } }"});
        let answer = parked(&node, "/graphql", &query, async || Ok(())).await?;
        ensure!(answer.contains("900"), "{answer}");
        let suspended = async || {
            sql.batch_execute("update directus_users set status = 'suspended' where email = 'x@example.com'").await?;
            let me = Request::new("GET", "/users/me").token("moved-user-000000");
            ensure!(node.request(me).await?.status == 401);
            Ok(())
        };
        for (path, body) in [("/graphql", &query), ("/items/articles", &json!({"title": "three"}))] {
            let answer = parked(&node, path, body, &suspended).await?;
            ensure!(answer.starts_with("HTTP/1.1 401") && !answer.contains("900"), "{path}: {answer}");
        }
        node.stop().await?;
        drop((worker, sql, redis));
        database.drop().await
    });
}
