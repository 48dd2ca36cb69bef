//! What arrives slowly, in pieces or in numbers: bodies, fragments, subscriptions and queries that are too large.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{LIMIT, refusals, until_metric};
use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::raw::{RawClient, RawFrame};
use crate::harness::{alone, beside_others, run};

const MEBIBYTE: usize = 1024 * 1024;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const MEMORY: &str = "tidegate_gateway_message_memory_bytes";

async fn node(settings: &[(&str, &str)]) -> Result<(Gateway, Database)> {
    let database = Fixture::database(Baseline::Twelve).await?;
    let program = settings.iter().fold(Program::gateway(&["standalone"]), |program, (name, value)| program.env(name, *value));
    Ok((program.database(&database).listen().await?, database))
}

async fn stop(node: Gateway, database: Database) -> Result<()> {
    ensure!(!node.running.output().contains("panicked"), "{}", node.running.output());
    node.stop().await?;
    database.drop().await
}

/// Many clients, each within its own bound, cannot use up the node's memory: the last to come are sent away.
#[test]
fn messages_in_pieces_have_one_bound_for_the_node() {
    run(async {
        let _machine = alone().await;
        let (node, database) = node(&[("GATEWAY_MESSAGE_MEMORY", "32mb"), ("GATEWAY_MAX_MESSAGE_BYTES", "16mb")]).await?;
        let mut bystander = node.connect(ADMIN_TOKEN).await?;
        ensure!(bystander.ask(json!({"type": "ping"})).await?["type"] == "pong");
        let before = node.running.memory()?;
        let piece = vec![b' '; MEBIBYTE];
        let mut clients = Vec::new();
        for _ in 0..12 {
            let mut client = RawClient::upgraded(node.port, ADMIN_TOKEN, None).await?;
            client.send(&RawFrame::new(BINARY, piece.clone()).more()).await?;
            clients.push(client);
        }
        // Each would send 8 MiB and never end: 96 MiB in all.
        for _ in 1..8 {
            for client in &mut clients {
                // Who was sent away does not read on for ever.
                let _sent_away =
                    tokio::time::timeout(Duration::from_secs(5), client.send(&RawFrame::new(CONTINUATION, piece.clone()).more())).await;
            }
        }
        until_refused(&node, "message_memory", 1.0).await?;
        ensure!(node.metric(MEMORY).await? <= 32.0 * MEBIBYTE as f64);
        let grown = node.running.peak_memory()?.saturating_sub(before);
        ensure!(grown < 96 * MEBIBYTE as u64, "{} MiB more than before", grown / MEBIBYTE as u64);
        // Whoever is within the bound is served, and all of it comes back.
        ensure!(bystander.ask(json!({"type": "ping"})).await?["type"] == "pong");
        let mut sent_away = 0;
        for mut client in clients {
            client.send(&RawFrame::new(CONTINUATION, b"{}".to_vec())).await.ok();
            if client.close_code(Duration::from_millis(300)).await.ok().flatten() == Some(1013) {
                sent_away += 1;
            }
        }
        ensure!(sent_away >= 1, "nobody saw 1013");
        until_metric(&node, MEMORY, |bytes| bytes == 0.0).await?;
        let large = json!({"type": "ping", "uid": "x".repeat(10 * MEBIBYTE)});
        bystander.send(&large).await?;
        ensure!(bystander.take(1, LIMIT).await.pop().is_some_and(|pong| pong["type"] == "pong"), "a large message fits again");
        stop(node, database).await
    });
}

async fn until_refused(node: &Gateway, reason: &str, least: f64) -> Result<()> {
    until_metric(node, &format!("tidegate_gateway_refusals_total{{reason=\"{reason}\"}}"), |count| count >= least).await
}

/// A body that trickles in holds its connection for so long, and no longer.
#[test]
fn bodies_have_a_time_and_a_size() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = node(&[("GATEWAY_BODY_TIMEOUT", "700ms"), ("MAX_PAYLOAD_SIZE", "2kb")]).await?;
        let head = |length: usize| {
            format!("POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
        };
        let start = Instant::now();
        let mut slow = RawClient::connect(node.port, None).await?;
        slow.write(format!("{}{{\"email\":", head(1000)).as_bytes()).await?;
        let reply = slow.rest(LIMIT).await.map(|reply| String::from_utf8_lossy(&reply).into_owned()).unwrap_or_default();
        ensure!(reply.starts_with("HTTP/1.1 408 ") && reply.contains("REQUEST_TIMEOUT"), "{reply}");
        ensure!((700..8000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        ensure!(refusals(&node, "body_time").await? == 1.0);
        // The same in chunks without an end.
        let mut chunks = RawClient::connect(node.port, None).await?;
        chunks.write(b"POST /items/tags HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n").await?;
        ensure!(chunks.head().await?.starts_with("HTTP/1.1 408 "));
        // Too large: said in JSON, as every other error.
        let large = json!({"email": "x".repeat(4096), "password": "x"});
        let reply = node.request(Request::new("POST", "/auth/login").json(large)).await?;
        ensure!(reply.status == 413 && reply.body["errors"][0]["extensions"]["code"] == "CONTENT_TOO_LARGE", "{reply:?}");
        ensure!(refusals(&node, "body_size").await? == 1.0);
        // Bytes that are not UTF-8, and JSON that nests without end.
        for body in [b"\xff\xfe{\"email\":1}".to_vec(), b"[".repeat(1900)] {
            let mut client = RawClient::connect(node.port, None).await?;
            client.write(&[head(body.len()).as_bytes(), &body].concat()).await?;
            let reply = client.head().await?;
            ensure!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
        }
        // A compressed body is not unpacked, whatever it would become.
        let mut bomb = RawClient::connect(node.port, None).await?;
        let body = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let head = format!("POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        bomb.write(&[head.as_bytes(), &body].concat()).await?;
        ensure!(bomb.head().await?.starts_with("HTTP/1.1 400 "));
        stop(node, database).await
    });
}

/// Subscriptions that are sent in one burst pass no limit that each of them alone would not.
#[test]
fn a_burst_of_subscriptions_is_limited_like_one_after_the_other() {
    run(async {
        let _machine = beside_others().await;
        let (node, database) = node(&[("GATEWAY_MAX_SUBSCRIPTIONS", "5")]).await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        for number in 0..40 {
            socket.send(&json!({"type": "subscribe", "collection": "tags", "uid": number})).await?;
        }
        let answers = socket.take(40, LIMIT).await;
        let begun = answers.iter().filter(|answer| answer["event"] == "init").count();
        let refused = answers.iter().filter(|answer| answer["error"]["code"] == "LIMIT_EXCEEDED").count();
        ensure!(begun == 5 && refused == 35, "{begun} begun, {refused} refused: {answers:?}");
        ensure!(refusals(&node, "subscriptions").await? == 35.0);
        stop(node, database).await
    });
}

/// What a query may cost: conditions, values, depth and rows, over sockets and HTTP alike.
#[test]
fn costly_queries_are_refused() {
    run(async {
        let _machine = beside_others().await;
        let settings = [
            ("GATEWAY_MAX_FILTER_CONDITIONS", "10"),
            ("GATEWAY_MAX_FILTER_VALUES", "20"),
            ("MAX_RELATIONAL_DEPTH", "2"),
            ("QUERY_LIMIT_MAX", "50"),
        ];
        let (node, database) = node(&settings).await?;
        let mut socket = node.connect(ADMIN_TOKEN).await?;
        let any_of = |count: usize| json!({"filter": {"_or": vec![json!({"id": {"_eq": 1}}); count]}});
        let values = |count: usize| json!({"filter": {"id": {"_in": vec![1; count]}}});
        let fine = [any_of(10), values(20), json!({"fields": ["author.id"]}), json!({"limit": 50})];
        let costly = [any_of(60), values(21), json!({"fields": ["author.role.id"]}), json!({"limit": 51})];
        for query in fine {
            let answer = socket.ask(json!({"type": "items", "action": "read", "collection": "articles", "query": query})).await?;
            ensure!(answer["data"].is_array(), "{query}: {answer}");
        }
        for query in &costly {
            for kind in ["items", "subscribe"] {
                let answer = socket.ask(json!({"type": kind, "action": "read", "collection": "articles", "query": query})).await?;
                ensure!(answer["error"]["code"] == "INVALID_QUERY", "{query}: {answer}");
            }
            let request = Request::new("SEARCH", "/items/articles").token(ADMIN_TOKEN).json(json!({"query": query}));
            let reply = node.request(request).await?;
            ensure!(reply.status == 400 && reply.body["errors"][0]["extensions"]["code"] == "INVALID_QUERY", "{query}: {reply:?}");
        }
        ensure!(refusals(&node, "query_cost").await? == 12.0);
        let other = socket.ask(json!({"type": "items", "action": "read", "collection": "articles", "query": {"limit": "x"}})).await?;
        ensure!(other["error"]["code"] == "INVALID_QUERY" && refusals(&node, "query_cost").await? == 12.0, "malformed is not costly");
        let _: Value = other;
        stop(node, database).await
    });
}
