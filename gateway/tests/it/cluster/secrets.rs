//! What a node must know of secrets, it knows without their travelling.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use redis::Value as Stored;
use serde_json::json;

use super::Cluster;
use crate::harness::http::Request;
use crate::harness::run;

/// Every entry of every stream in Redis, as text.
async fn streams(url: &str) -> Result<String> {
    let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("tidegate:stream:*").query_async(&mut redis).await?;
    let mut text = String::new();
    for key in keys {
        let entries: Vec<(String, Vec<Stored>)> = redis::cmd("XRANGE").arg(&key).arg("-").arg("+").query_async(&mut redis).await?;
        for field in entries.into_iter().flat_map(|(_, fields)| fields) {
            if let Stored::BulkString(bytes) = field {
                text += &String::from_utf8_lossy(&bytes);
            }
        }
        text += &key;
    }
    Ok(text)
}

#[test]
fn a_deleted_session_ends_its_connection_on_another_node_and_no_secret_reaches_redis() {
    run(async {
        let cluster = Cluster::start().await?;
        let login = json!({"email": "editor@example.com", "password": "pw-editor", "mode": "session"});
        let reply = cluster.a.request(Request::new("POST", "/auth/login").json(login)).await?;
        let (_, token) = reply.cookies().find(|(name, _)| *name == "directus_session_token").with_context(|| format!("{reply:?}"))?;
        let mut stays = cluster.b.connect("tok-editor").await?;
        let mut socket = cluster.b.connect(token).await?;
        let pong = socket.ask(json!({"type": "ping", "uid": "p"})).await?;
        ensure!(pong["type"] == "pong", "{pong}");
        let secrets = "select s.token, u.password, u.token from directus_sessions s join directus_users u on u.id = s.user
                        where u.email = 'editor@example.com'";
        let row = cluster.sql.query_one(secrets, &[]).await?;
        let (session, password, static_token): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        cluster.sql.batch_execute("update directus_users set title = 'shown' where email = 'editor@example.com'").await?;
        ensure!(socket.ask(json!({"type": "ping"})).await?["type"] == "pong" && socket.ended().is_none(), "nothing has happened to it");
        cluster.sql.execute("delete from directus_sessions where token = $1", &[&session]).await?;
        let ended = socket.until_ended(Duration::from_secs(10)).await;
        ensure!(ended.is_some(), "the session is gone, and its connection is not");
        ensure!(stays.ask(json!({"type": "ping"})).await?["type"] == "pong", "a connection that does not rest on it stays");
        let text = streams(&cluster.redis.url()).await?;
        ensure!(text.contains("shown") && text.contains("stream:{directus_sessions}"), "the search works: {text}");
        for secret in [&session, &password, &static_token] {
            ensure!(!text.contains(secret.as_str()), "{secret} reached Redis");
        }
        cluster.stop().await
    });
}
