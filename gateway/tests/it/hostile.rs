//! Input that no honest client sends: each is answered or closed as documented, memory stays bounded, and a bystander on
//! the same node notices nothing.
//!
//! It must never pass because nothing happened: every test ends with the bystander proving that the node still works.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::conformance::{Baseline, Fixture};
use crate::harness::gateway::{ADMIN_TOKEN, Gateway, Program};
use crate::harness::postgres::Database;
use crate::harness::raw::{RawClient, RawFrame};
use crate::harness::socket::{Ended, Outgoing, Socket};
use crate::harness::{alone, beside_others, run};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// The largest message that is accepted.
const LARGEST: usize = 100 * 1024 * 1024;
const MEBIBYTE: u64 = 1024 * 1024;
/// How long a close may take to come.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// A node, and a client on it that has subscribed and must not be disturbed.
struct Stage {
    gateway: Gateway,
    bystander: Socket,
    database: Database,
    rounds: u32,
}

impl Stage {
    async fn set(program: Program) -> Result<Self> {
        let database = Fixture::database(Baseline::Twelve).await?;
        let gateway = program.database(&database).listen().await?;
        let mut bystander = gateway.connect(ADMIN_TOKEN).await?;
        let init = bystander.ask(json!({"type": "subscribe", "collection": "categories", "uid": "b", "query": {"fields": ["id"]}})).await?;
        ensure!(init["event"] == "init", "{init}");
        Ok(Self { gateway, bystander, database, rounds: 0 })
    }

    async fn standalone() -> Result<Self> {
        Self::set(Program::gateway(&["standalone"])).await
    }

    /// The bystander's messages are answered and its events arrive, each within a second.
    async fn bystander_is_served(&mut self) -> Result<()> {
        self.bystander_is_served_within(Duration::from_secs(10)).await
    }

    async fn bystander_is_served_within(&mut self, limit: Duration) -> Result<()> {
        self.rounds += 1;
        let start = Instant::now();
        let pong = self.bystander.ask(json!({"type": "ping"})).await?;
        ensure!(pong["type"] == "pong", "{pong}");
        let key = format!("round{}", self.rounds);
        self.database.execute(&format!("insert into categories (id, name) values ('{key}', 'x')")).await?;
        let created = self.bystander.next().await?;
        ensure!(created["event"] == "create" && created["data"][0]["id"] == key.as_str(), "{created}");
        ensure!(start.elapsed() < limit, "the bystander waited {:?}", start.elapsed());
        Ok(())
    }

    async fn end(mut self) -> Result<()> {
        self.bystander_is_served().await?;
        let panics = self.gateway.running.output().matches("panicked").count();
        ensure!(panics == 0, "{}", self.gateway.running.output());
        self.gateway.stop().await?;
        self.database.drop().await
    }
}

fn error(code: &str, kind: &str, message: &str) -> Value {
    json!({"type": kind, "status": "error", "error": {"code": code, "message": message}})
}

#[test]
fn malformed_messages_are_answered() {
    run(async {
        let _machine = beside_others().await;
        let mut stage = Stage::standalone().await?;
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        let unparsable = error("INVALID_PAYLOAD", "server", "Unable to parse the incoming message.");
        let invalid = |issue: &str| error("INVALID_PAYLOAD", "server", &format!("Validation error: Invalid input: {issue}"));
        let uid = |kind: &str| {
            invalid(&format!("expected string, received {kind} at \"uid\" or Invalid input: expected number, received {kind} at \"uid\""))
        };
        let cases: Vec<(Vec<u8>, Value)> = vec![
            (b"".to_vec(), unparsable.clone()),
            (b"nonsense".to_vec(), unparsable.clone()),
            (b"{\"type\":\"ping\"".to_vec(), unparsable.clone()),
            (b"{\"type\":\"ping\"}}".to_vec(), unparsable.clone()),
            (b"{'type':'ping'}".to_vec(), unparsable.clone()),
            (b"\xef\xbb\xbf{\"type\":\"ping\"}".to_vec(), unparsable.clone()),
            (b"NaN".to_vec(), unparsable.clone()),
            (b"{\"type\":\"ping\",\"uid\":\"\\ud8\"}".to_vec(), unparsable.clone()),
            (b"\0".to_vec(), unparsable.clone()),
            ("[".repeat(200_000).into_bytes(), unparsable.clone()),
            (b"5".to_vec(), invalid("expected object, received number")),
            (b"\"ping\"".to_vec(), invalid("expected object, received string")),
            (b"[]".to_vec(), invalid("expected object, received array")),
            (b"null".to_vec(), invalid("expected object, received null")),
            (b"true".to_vec(), invalid("expected object, received boolean")),
            (b"{}".to_vec(), invalid("expected string, received undefined at \"type\"")),
            (b"{\"type\":1}".to_vec(), invalid("expected string, received number at \"type\"")),
            (b"{\"type\":null}".to_vec(), invalid("expected string, received null at \"type\"")),
            (b"{\"type\":\"ping\",\"uid\":true}".to_vec(), uid("boolean")),
            (b"{\"type\":\"ping\",\"uid\":null}".to_vec(), uid("null")),
            (b"{\"type\":\"ping\",\"uid\":{}}".to_vec(), uid("object")),
            (b"{\"type\":\"ping\",\"uid\":[]}".to_vec(), uid("array")),
        ];
        for (bytes, expected) in cases {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
            client.send_frames(Outgoing::Text(bytes.into())).await?;
            let answer = client.next().await.with_context(|| format!("after {shown:?}"))?;
            ensure!(answer == expected, "{shown:?} was answered\n{answer}\nexpected\n{expected}");
        }
        // Bytes that are not UTF-8 become replacement characters in a binary frame, which may still be JSON.
        client.send_frames(Outgoing::Binary(b"{\"type\":\"ping\",\"uid\":\"\xff\"}".as_slice().into())).await?;
        ensure!(client.next().await?["uid"] == "\u{fffd}");
        ensure!(client.ask(json!({"type": "ping"})).await?["type"] == "pong", "the connection is still in order");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// JSON that is valid and absurd gets an error of its own kind, and none of it takes the node down.
#[test]
fn absurd_requests_are_answered() {
    run(async {
        let _machine = beside_others().await;
        let mut stage = Stage::standalone().await?;
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        let nested = |depth: usize| {
            let filter = format!("{}{{\"id\":{{\"_eq\":1}}}}{}", "{\"_and\":[".repeat(depth), "]}".repeat(depth));
            format!("{{\"type\":\"items\",\"uid\":\"n\",\"action\":\"read\",\"collection\":\"tags\",\"query\":{{\"filter\":{filter}}}}}")
        };
        let wide: Vec<Value> = (0..50_000).map(|id| json!({"id": {"_eq": id}})).collect();
        let read = |query: Value| json!({"type": "items", "uid": "n", "action": "read", "collection": "tags", "query": query}).to_string();
        let path = "a.".repeat(5_000);
        let requests = [
            nested(40),
            nested(5_000),
            nested(100_000),
            read(json!({"filter": {"_or": wide}})),
            read(json!({"fields": vec!["id"; 100_000]})),
            read(json!({"fields": [path]})),
            read(json!({"sort": vec!["-id"; 10_000]})),
            read(json!({"limit": 1e300, "offset": -1e300, "page": 1e19})),
            read(json!({"search": "%".repeat(1_000_000)})),
            read(json!({"alias": {"id": "id; drop table tags"}})),
            read(json!({"filter": {"id": {"_eq": "1; drop table tags"}}})),
            read(json!({"deep": {"a": {"_limit": {}}}})),
            json!({"type": "items", "uid": "n", "action": "read", "collection": "tags\"; drop table tags; --"}).to_string(),
            json!({"type": "items", "uid": "n", "action": "read", "collection": "x".repeat(1_000_000)}).to_string(),
            json!({"type": "items", "uid": "n", "action": "create", "collection": "tags", "data": {"label": "\0"}}).to_string(),
        ];
        for request in requests {
            let shown: String = request.chars().take(120).collect();
            client.send_frames(Outgoing::Text(request.into())).await?;
            let answer = client.next().await.with_context(|| format!("after {shown}"))?;
            let answered = answer["type"] == "items" || answer["status"] == "error";
            ensure!(answered && !answer.to_string().contains("syntax error"), "{shown} was answered {answer}");
        }
        ensure!(client.ask(json!({"type": "ping"})).await?["type"] == "pong", "the connection is still in order");
        let tags: i64 = stage.database.connect().await?.query_one("select count(*) from tags", &[]).await?.get(0);
        ensure!(tags >= 4);
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// Frames that break RFC 6455 end their connection with the code that the RFC names.
#[test]
fn broken_frames_close_with_their_code() {
    run(async {
        let _machine = beside_others().await;
        let mut stage = Stage::standalone().await?;
        let ping = br#"{"type":"ping"}"#.as_slice();
        let close = |code: u16| RawFrame::new(CLOSE, code.to_be_bytes());
        let cases: Vec<(&str, Vec<RawFrame>, u16)> = vec![
            ("an unmasked frame", vec![RawFrame::new(TEXT, ping).unmasked()], 1002),
            ("bad UTF-8", vec![RawFrame::new(TEXT, b"\xff\xfe".as_slice())], 1007),
            ("bad UTF-8 inside JSON", vec![RawFrame::new(TEXT, b"{\"type\":\"ping\",\"uid\":\"\xc3\x28\"}".as_slice())], 1007),
            (
                "UTF-8 cut off at the end",
                vec![RawFrame::new(TEXT, b"\"\xe2\x82".as_slice()).more(), RawFrame::new(CONTINUATION, b"\"".as_slice())],
                1007,
            ),
            ("an unknown data opcode", vec![RawFrame::new(3, ping)], 1002),
            ("an unknown control opcode", vec![RawFrame::new(11, b"".as_slice())], 1002),
            ("a reserved bit", vec![RawFrame::new(TEXT, ping).reserved(0x40)], 1002),
            ("all reserved bits", vec![RawFrame::new(TEXT, ping).reserved(0x70)], 1002),
            ("a continuation of nothing", vec![RawFrame::new(CONTINUATION, ping)], 1002),
            ("a new message inside another", vec![RawFrame::new(TEXT, ping).more(), RawFrame::new(TEXT, ping)], 1002),
            ("a ping in fragments", vec![RawFrame::new(PING, b"x".as_slice()).more()], 1002),
            ("a ping that is too long", vec![RawFrame::new(PING, vec![b'x'; 126])], 1002),
            ("a close of one byte", vec![RawFrame::new(CLOSE, b"\x03".as_slice())], 1002),
            ("a close with a code that none may send", vec![close(1005)], 1002),
            ("a close with code 0", vec![close(0)], 1002),
            ("a close with a reason that is not UTF-8", vec![RawFrame::new(CLOSE, b"\x03\xe8\xff".as_slice())], 1007),
            ("a length of 2^63", vec![RawFrame::new(TEXT, ping).declaring(1 << 63)], 1009),
            ("a length of 4 GiB", vec![RawFrame::new(BINARY, ping).declaring(1 << 32)], 1009),
        ];
        let before = stage.gateway.running.memory()?;
        let mut wrong = Vec::new();
        for (what, frames, expected) in cases {
            let mut client = RawClient::upgraded(stage.gateway.port, ADMIN_TOKEN, None).await?;
            for frame in &frames {
                client.send(frame).await?;
            }
            let code = client.close_code(CLOSE_LIMIT).await.with_context(|| what.to_owned())?;
            if code != Some(expected) {
                wrong.push(format!("{what}: {code:?} instead of {expected}"));
            }
            if client.rest(CLOSE_LIMIT).await.is_none() {
                wrong.push(format!("{what}: the connection is never ended"));
            }
        }
        ensure!(wrong.is_empty(), "{wrong:#?}");
        let grown = stage.gateway.running.memory()?.saturating_sub(before);
        ensure!(grown < 32 * MEBIBYTE, "declared lengths cost {grown} bytes");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

#[test]
fn a_message_of_100_mebibytes_is_accepted_and_one_byte_more_is_not() {
    run(async {
        let _machine = alone().await;
        let mut stage = Stage::standalone().await?;
        let before = stage.gateway.running.memory()?;
        let padded = |length: usize| {
            let (head, tail) = ("{\"type\":\"ping\",\"uid\":\"big\",\"pad\":\"", "\"}");
            format!("{head}{}{tail}", "a".repeat(length - head.len() - tail.len()))
        };
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        client.send_frames(Outgoing::Text(padded(LARGEST).into())).await?;
        let pong = client.take(1, Duration::from_secs(60)).await;
        ensure!(pong.first().is_some_and(|pong| pong["uid"] == "big"), "{pong:?} (ended: {:?})", client.ended());
        // The write may fail under the close; the close is what counts.
        let _cut_off = client.send_frames(Outgoing::Text(padded(LARGEST + 1).into())).await;
        let ended = client.until_ended(Duration::from_secs(60)).await;
        ensure!(ended.as_ref().is_some_and(|ended| ended.code == 1009), "{ended:?}");
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        let parts = (0..5).map(|_| "a".repeat(LARGEST / 4).into()).collect();
        let _cut_off = client.send_frames(Outgoing::Fragments(parts)).await;
        let ended = client.until_ended(Duration::from_secs(60)).await;
        ensure!(ended.as_ref().is_some_and(|ended| ended.code == 1009), "in fragments: {ended:?}");
        let grown = stage.gateway.running.peak_memory()?.saturating_sub(before);
        println!("one message of 100 MiB at a time: {} MiB at the most", grown / MEBIBYTE);
        ensure!(grown < 450 * MEBIBYTE, "{grown} bytes for a message of 100 MiB");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

#[test]
fn a_message_of_200_mebibytes_is_refused_and_costs_no_memory() {
    run(async {
        let _machine = alone().await;
        let mut stage = Stage::standalone().await?;
        let before = stage.gateway.running.memory()?;
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        let _cut_off = client.send_frames(Outgoing::Binary(vec![b'a'; 2 * LARGEST].into())).await;
        let ended = client.until_ended(Duration::from_secs(60)).await;
        ensure!(ended.as_ref().is_some_and(|ended| ended.code == 1009), "{ended:?}");
        let grown = stage.gateway.running.peak_memory()?.saturating_sub(before);
        println!("refusing a message of 200 MiB: {} MiB at the most", grown / MEBIBYTE);
        ensure!(grown < 16 * MEBIBYTE, "{grown} bytes");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// Before a client has authenticated it cannot make the node hold more than a small message.
#[test]
fn large_messages_before_authentication_are_refused() {
    run(async {
        let _machine = beside_others().await;
        let mut stage = Stage::standalone().await?;
        let before = stage.gateway.running.memory()?;
        let dial = crate::harness::socket::Dial::new(stage.gateway.port);
        let mut client = stage.gateway.dial(&dial).await?;
        let _cut_off = client.send_frames(Outgoing::Text(vec![b'a'; 10 * 1024 * 1024].into())).await;
        let ended = client.until_ended(CLOSE_LIMIT).await;
        ensure!(ended.as_ref().is_some_and(|ended| ended.code == 1009), "{ended:?}");
        let grown = stage.gateway.running.peak_memory()?.saturating_sub(before);
        ensure!(grown < 8 * MEBIBYTE, "{grown} bytes");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// A client that never reads is closed as a slow consumer; the others get everything, and what waits for it is bounded.
#[test]
fn a_client_that_never_reads_is_closed_and_the_others_go_on() {
    run(async {
        let _machine = alone().await;
        let mut stage = Stage::standalone().await?;
        let subscribe = json!({"type": "subscribe", "collection": "pages", "uid": "p", "query": {"fields": ["title"], "limit": 1}});
        let mut reader = stage.gateway.connect(ADMIN_TOKEN).await?;
        ensure!(reader.ask(subscribe.clone()).await?["event"] == "init");
        let mut sleepers = try_join_all((0..10).map(|_| RawClient::upgraded(stage.gateway.port, ADMIN_TOKEN, Some(4096)))).await?;
        for sleeper in &mut sleepers {
            sleeper.send(&RawFrame::new(TEXT, subscribe.to_string())).await?;
            let init = sleeper.frame().await?.context("init")?;
            ensure!(String::from_utf8_lossy(&init.payload).contains("\"init\""));
        }
        let before = stage.gateway.running.memory()?;
        let sql = stage.database.connect().await?;
        sql.batch_execute("alter table pages alter column title type text").await?;
        // 400 events of 100 kB: far more than a queue and all the kernel's buffers hold.
        let (count, size) = (400, 100_000);
        for number in 0..count {
            sql.batch_execute(&format!("insert into pages (title) values (repeat('x', {size}) || '{number}')")).await?;
            let created = reader.next().await?;
            ensure!(
                created["event"] == "create"
                    && created["data"][0]["title"].as_str().is_some_and(|title| title.ends_with(&number.to_string()))
            );
        }
        let grown = stage.gateway.running.peak_memory()?.saturating_sub(before);
        println!("ten clients that never read {} MB: {} MiB at the most", count * size / 1_000_000, grown / MEBIBYTE);
        // Ten queues of 1 MiB, and what the bus keeps of a stream for nodes that come late.
        ensure!(grown < 128 * MEBIBYTE, "{grown} bytes");
        let slow = stage.gateway.metric("tidegate_gateway_slow_consumers_total").await?;
        ensure!(slow == 10.0, "{slow} of ten were closed as slow consumers");
        for mut sleeper in sleepers {
            let bytes = sleeper.rest(CLOSE_LIMIT).await.context("the client that never read was not closed")?;
            ensure!(bytes.len() < count * size / 2, "{} bytes were sent to a client that did not read", bytes.len());
        }
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// Connections that never become sockets cost little and go away by themselves.
#[test]
fn two_thousand_half_open_upgrades_disturb_nobody() {
    run(async {
        let _machine = alone().await;
        let program = Program::gateway(&["standalone"]).env("GATEWAY_HEADER_TIMEOUT", "5000").env("WEBSOCKETS_REST_AUTH_TIMEOUT", "8");
        let mut stage = Stage::set(program).await?;
        let before = stage.gateway.running.memory()?;
        let port = stage.gateway.port;
        let mut clients = try_join_all((0..2000).map(|_| RawClient::connect(port, None))).await?;
        let halves: [&[u8]; 4] = [
            b"",
            b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: webso",
            b"G",
            b"GET /websocket?access_token=admin-token-000000000000000000000000 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        ];
        for (place, client) in clients.iter_mut().enumerate() {
            client.write(halves[place % halves.len()]).await?;
        }
        stage.bystander_is_served().await?;
        let mut newcomer = stage.gateway.connect(ADMIN_TOKEN).await?;
        ensure!(newcomer.ask(json!({"type": "ping"})).await?["type"] == "pong");
        let grown = stage.gateway.running.peak_memory()?.saturating_sub(before);
        println!("2,000 half-open upgrades: {} KiB each", grown / 1024 / 2000);
        ensure!(grown < 128 * MEBIBYTE, "{grown} bytes");
        let ended =
            try_join_all(clients.iter_mut().map(|client| async { client.rest(Duration::from_secs(20)).await.context("never ended") }))
                .await?;
        let upgraded = ended.iter().filter(|bytes| bytes.starts_with(b"HTTP/1.1 101")).count();
        ensure!(upgraded == 0, "{upgraded} were upgraded on half a request");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// Sockets that are open and never authenticate are closed after the time that the mode gives them.
#[test]
fn sockets_that_never_authenticate_are_closed() {
    run(async {
        let _machine = alone().await;
        let mut stage = Stage::set(Program::gateway(&["standalone"]).env("WEBSOCKETS_REST_AUTH_TIMEOUT", "2")).await?;
        let dial = crate::harness::socket::Dial::new(stage.gateway.port);
        let mut sockets = try_join_all((0..500).map(|_| stage.gateway.dial(&dial))).await?;
        stage.bystander_is_served().await?;
        for socket in &mut sockets {
            let ended = socket.until_ended(Duration::from_secs(10)).await;
            ensure!(ended == Some(Ended { code: 1005, reason: String::new() }), "{ended:?}");
        }
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// The faults of an upgrade request and the replies to them.
#[test]
fn faulty_upgrade_requests_are_refused() {
    run(async {
        let _machine = beside_others().await;
        let mut stage = Stage::standalone().await?;
        let request = |first: &str, headers: &[&str]| format!("{first}\r\nHost: x\r\n{}\r\n\r\n", headers.join("\r\n"));
        let (upgrade, connection) = ("Upgrade: websocket", "Connection: Upgrade");
        let (key, version) = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13");
        let get = "GET /websocket HTTP/1.1";
        let cases: Vec<(&str, String, &str, &str)> = vec![
            ("another method", request("POST /websocket HTTP/1.1", &[upgrade, connection, key, version]), "405", "Invalid HTTP method"),
            ("no key", request(get, &[upgrade, connection, version]), "400", "Missing or invalid Sec-WebSocket-Key header"),
            (
                "a short key",
                request(get, &[upgrade, connection, "Sec-WebSocket-Key: abc", version]),
                "400",
                "Missing or invalid Sec-WebSocket-Key header",
            ),
            ("no version", request(get, &[upgrade, connection, key]), "400", "Missing or invalid Sec-WebSocket-Version header"),
            (
                "another version",
                request(get, &[upgrade, connection, key, "Sec-WebSocket-Version: 7"]),
                "400",
                "Missing or invalid Sec-WebSocket-Version header",
            ),
            ("another protocol", request(get, &["Upgrade: h2c", connection, key, version]), "400", "Invalid Upgrade header"),
            (
                "a wrong subprotocol",
                request(get, &[upgrade, connection, key, version, "Sec-WebSocket-Protocol: a,,b"]),
                "400",
                "Invalid Sec-WebSocket-Protocol header",
            ),
            ("an unknown path", request("GET /nope HTTP/1.1", &[upgrade, connection, key, version]), "404", ""),
            ("a bad token", request("GET /websocket?access_token=nope HTTP/1.1", &[upgrade, connection, key, version]), "401", ""),
            ("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n".to_owned(), "", ""),
            (
                "a head of 2 MB",
                request(get, &[upgrade, connection, key, version, &format!("X-Large: {}", "x".repeat(2_000_000))]),
                "431",
                "",
            ),
            ("10,000 headers", request(get, &vec!["X-Many: 1"; 10_000]), "431", ""),
        ];
        let mut wrong = Vec::new();
        for (what, bytes, status, body) in cases {
            let mut client = RawClient::connect(stage.gateway.port, None).await?;
            let _cut_off = client.write(bytes.as_bytes()).await;
            let Some(reply) = client.rest(Duration::from_secs(20)).await else {
                wrong.push(format!("{what}: never ended"));
                continue;
            };
            let reply = String::from_utf8_lossy(&reply).into_owned();
            // What is no HTTP may be dropped without a word.
            let fits = (status.is_empty() || reply.starts_with(&format!("HTTP/1.1 {status}"))) && reply.ends_with(body);
            if !fits || reply.starts_with("HTTP/1.1 101") {
                wrong.push(format!("{what}: {reply:?} instead of {status} {body:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{wrong:#?}");
        stage.bystander_is_served().await?;
        stage.end().await
    });
}

/// One connection cannot make itself a burden: its subscriptions are limited and its floods wait their turn.
#[test]
fn one_connection_has_its_bounds() {
    run(async {
        let _machine = alone().await;
        let mut stage = Stage::set(Program::gateway(&["standalone"]).env("GATEWAY_MAX_SUBSCRIPTIONS", "20")).await?;
        let mut client = stage.gateway.connect(ADMIN_TOKEN).await?;
        for number in 0..20 {
            let init = client.ask(json!({"type": "subscribe", "collection": "tags", "uid": number})).await?;
            ensure!(init["event"] == "init", "{init}");
        }
        let refused = client.ask(json!({"type": "subscribe", "collection": "tags", "uid": "one too many"})).await?;
        ensure!(refused["type"] == "subscribe" && refused["status"] == "error" && refused["uid"] == "one too many", "{refused}");
        client.send(&json!({"type": "unsubscribe"})).await?;
        ensure!(client.next().await?["event"] == "unsubscribe");
        // A flood of reads: every one is answered, and the bystander does not wait for them.
        let mut flooder = stage.gateway.connect(ADMIN_TOKEN).await?;
        for number in 0..2000 {
            flooder.send(&json!({"type": "items", "action": "read", "collection": "articles", "uid": number})).await?;
        }
        stage.bystander_is_served_within(Duration::from_secs(10)).await?;
        let before = flooder.drain().len();
        ensure!(before < 2000, "the bystander had to wait for the whole flood");
        let answers = before + flooder.take(2000 - before, Duration::from_secs(60)).await.len();
        ensure!(answers == 2000, "{answers} answers (ended: {:?})", flooder.ended());
        stage.end().await
    });
}
