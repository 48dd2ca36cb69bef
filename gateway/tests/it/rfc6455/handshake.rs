//! Section 4.2: what the server accepts as an opening handshake, what it answers, and what it refuses how.
//!
//! It must never take a 101 for granted: every upgraded connection has to answer a frame as well.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest as _, Sha1};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::Ground;
use super::peer::{Delivery, Incoming, KEY, LIMIT, Peer};
use super::table::{Expect, answer, closed, expect_all, pong};
use super::wire::{close, ping, say, text};
use crate::harness::gateway::ADMIN_TOKEN;
use crate::harness::raw::RawClient;
use crate::harness::{beside_others, run};

/// An upgrade request that is in order until told otherwise.
#[derive(Clone, Debug)]
pub(super) struct Upgrade {
    line: String,
    headers: Vec<(String, String)>,
    /// What stands behind the head.
    behind: Vec<u8>,
}

/// What has to become of a request.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// 101, this subprotocol, these answers to what stood behind the head, and a connection in order.
    Upgraded(Option<&'static str>, Vec<Expect>),
    /// 101, and then the connection ends with this code.
    UpgradedThenClosed(u16),
    /// One of these statuses and this text, and the end of the connection.
    Refused(&'static [u16], &'static str),
    /// One of these statuses; the connection ends or goes on.
    Answered(&'static [u16]),
    /// The end of the connection, with or without a status of the 400s.
    Dropped,
}

/// One row: its name says what it proves.
pub(super) type Attempt = (String, Vec<u8>, Outcome);

/// What came before the end of the connection, or before it was upgraded.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

const KEY_FAULT: &str = "Missing or invalid Sec-WebSocket-Key header";
const VERSION_FAULT: &str = "Missing or invalid Sec-WebSocket-Version header";
const PROTOCOL_FAULT: &str = "Invalid Sec-WebSocket-Protocol header";
const UPGRADE_FAULT: &str = "Invalid Upgrade header";

impl Upgrade {
    /// An upgrade with the administrator's token.
    pub(super) fn new() -> Self {
        Self::to(&format!("/websocket?access_token={ADMIN_TOKEN}"))
    }

    /// An upgrade at this target.
    pub(super) fn to(target: &str) -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            line: format!("GET {target} HTTP/1.1"),
            headers: vec![
                header("Host", "127.0.0.1"),
                header("Upgrade", "websocket"),
                header("Connection", "Upgrade"),
                header("Sec-WebSocket-Key", KEY),
                header("Sec-WebSocket-Version", "13"),
            ],
            behind: Vec::new(),
        }
    }

    /// Another request line; `{}` stands for the target.
    pub(super) fn line(mut self, line: &str) -> Self {
        self.line = line.replace("{}", &format!("/websocket?access_token={ADMIN_TOKEN}"));
        self
    }

    /// Another value of a header.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.iter_mut().filter(|header| header.0 == name).for_each(|header| value.clone_into(&mut header.1));
        self
    }

    /// One more header.
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|header| header.0 != name);
        self
    }

    /// Other names for all headers.
    fn renamed(mut self, rename: impl Fn(&str) -> String) -> Self {
        self.headers.iter_mut().for_each(|header| header.0 = rename(&header.0));
        self
    }

    /// These bytes behind the head.
    pub(super) fn behind(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.behind.extend(bytes.as_ref());
        self
    }

    /// The bytes on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.behind].concat()
    }
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }
}

/// A row.
pub(super) fn attempt(name: impl Into<String>, upgrade: &Upgrade, outcome: Outcome) -> Attempt {
    (name.into(), upgrade.bytes(), outcome)
}

/// A 101 without a subprotocol.
pub(super) const fn upgraded() -> Outcome {
    Outcome::Upgraded(None, Vec::new())
}

/// Plays every row whole and byte by byte.
pub(super) async fn play(port: u16, attempts: &[Attempt]) -> Result<()> {
    let mut wrong = Vec::new();
    let mut played = 0;
    for (name, bytes, outcome) in attempts {
        let chopped = (bytes.len() <= 4096).then_some(Delivery::Bytes);
        for delivery in [Some(Delivery::Whole), chopped].into_iter().flatten() {
            played += 1;
            if let Err(error) = play_attempt(port, bytes, outcome, delivery).await {
                wrong.push(format!("{name} ({delivery:?}): {error:#}"));
            }
        }
    }
    println!("{} rows, played in {played} ways", attempts.len());
    ensure!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), attempts.len(), wrong.join("\n"));
    Ok(())
}

async fn play_attempt(port: u16, bytes: &[u8], outcome: &Outcome, delivery: Delivery) -> Result<()> {
    let mut client = RawClient::connect(port, None).await?;
    // A server that has refused stops reading.
    let _cut_off = deliver(&mut client, bytes, delivery).await;
    match outcome {
        Outcome::Upgraded(protocol, answers) => {
            let reply = reply(&mut client).await?.context("no reply")?;
            check_upgraded(&reply, *protocol)?;
            let mut peer = Peer::new(client);
            expect_all(&mut peer, answers).await.context("what stood behind the head")?;
            peer.deliver(&[text(say("alive")).bytes(), close(1000).bytes()].concat(), Delivery::Whole).await?;
            expect_all(&mut peer, &[answer("alive"), closed(1000)]).await?;
            ensure!(peer.next().await? == Incoming::End, "more behind the close");
            Ok(())
        }
        Outcome::UpgradedThenClosed(code) => {
            let reply = reply(&mut client).await?.context("no reply")?;
            check_upgraded(&reply, None)?;
            let mut peer = Peer::new(client);
            expect_all(&mut peer, &[closed(*code)]).await?;
            let end = peer.next().await?;
            ensure!(matches!(end, Incoming::End | Incoming::Reset), "{end:?} behind the close");
            Ok(())
        }
        Outcome::Refused(statuses, body) => {
            let reply = reply(&mut client).await?.context("no reply")?;
            ensure!(statuses.contains(&reply.status), "{} {:?} instead of {statuses:?}", reply.status, reply.body);
            ensure!(body.is_empty() || reply.body == *body, "{:?} instead of {body:?}", reply.body);
            if *body == VERSION_FAULT {
                // Section 4.4: the client learns what would do.
                ensure!(reply.header("sec-websocket-version") == Some("13, 8"), "{:?}", reply.headers);
            }
            ends(&mut client).await
        }
        Outcome::Answered(statuses) => {
            let reply = reply(&mut client).await?.context("no reply")?;
            ensure!(statuses.contains(&reply.status), "{} {:?} instead of {statuses:?}", reply.status, reply.body);
            if reply.header("connection") == Some("close") || reply.header("content-length").is_none() {
                return ends(&mut client).await;
            }
            // A server that has not read a whole body may end the connection without a word.
            let _cut_off = client.write(b"GET /server/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
            let rest = client.rest(LIMIT).await.context("never ended")?;
            let rest = String::from_utf8_lossy(&rest).into_owned();
            let answered = rest.matches("HTTP/1.1 ").count() == 1 && rest.ends_with("\r\n\r\npong");
            ensure!(rest.is_empty() || answered, "the next request was answered {rest:?}");
            Ok(())
        }
        Outcome::Dropped => match reply(&mut client).await? {
            None => Ok(()),
            Some(reply) => {
                ensure!((400..500).contains(&reply.status) || reply.status == 505, "{} {:?}", reply.status, reply.body);
                ends(&mut client).await
            }
        },
    }
}

pub(super) async fn deliver(client: &mut RawClient, bytes: &[u8], delivery: Delivery) -> Result<()> {
    match delivery {
        Delivery::Whole => client.write(bytes).await,
        Delivery::Bytes => {
            for byte in bytes {
                client.write(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    }
}

/// The next reply; `None` when the connection ends without one.
async fn reply(client: &mut RawClient) -> Result<Option<Reply>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < 64 * 1024, "a head without an end");
        match timeout(LIMIT, client.stream.read_u8()).await.context("no reply")? {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error).context("half a head"),
        }
    }
    let head = String::from_utf8(head)?;
    let mut lines = head.lines();
    let line = lines.next().context("no status")?;
    let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
    let status = status.with_context(|| format!("no status: {line}"))?.parse()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut reply = Reply { status, headers, body: String::new() };
    if let Some(length) = reply.header("content-length") {
        ensure!(status >= 200, "a body of {status}");
        let mut body = vec![0; length.parse()?];
        timeout(LIMIT, client.stream.read_exact(&mut body)).await.context("no body")??;
        reply.body = String::from_utf8(body)?;
    }
    ensure!(reply.header("transfer-encoding").is_none(), "a chunked reply: {:?}", reply.headers);
    Ok(Some(reply))
}

/// Nothing more, and the end of the connection.
async fn ends(client: &mut RawClient) -> Result<()> {
    let rest = client.rest(LIMIT).await.context("the connection does not end")?;
    ensure!(rest.is_empty(), "behind the reply: {:?}", String::from_utf8_lossy(&rest));
    Ok(())
}

/// Section 4.2.2, step 5.
fn check_upgraded(reply: &Reply, protocol: Option<&str>) -> Result<()> {
    ensure!(reply.status == 101, "{} {:?} instead of 101", reply.status, reply.body);
    let upgrade = reply.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let connection = reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade"));
    ensure!(upgrade && connection, "{:?}", reply.headers);
    ensure!(reply.header("sec-websocket-accept") == Some(&accept(KEY)), "{:?}", reply.headers);
    ensure!(reply.header("sec-websocket-extensions").is_none(), "an extension was agreed on: {:?}", reply.headers);
    ensure!(reply.header("sec-websocket-protocol") == protocol, "{:?} instead of {protocol:?}", reply.headers);
    Ok(())
}

fn accept(key: &str) -> String {
    BASE64.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// The request line, Host, Upgrade and Connection (section 4.2.1, items 1 to 4).
fn the_request() -> Vec<Attempt> {
    let new = Upgrade::new;
    let not_upgraded = Outcome::Answered(&[400, 404, 426]);
    let mut rows = vec![
        attempt("4.2.1: a request as in the RFC", &new(), upgraded()),
        attempt("4.2.1: POST", &new().line("POST {} HTTP/1.1"), Outcome::Refused(&[405], "Invalid HTTP method")),
        attempt("4.2.1: OPTIONS", &new().line("OPTIONS {} HTTP/1.1"), Outcome::Refused(&[405], "Invalid HTTP method")),
        attempt("4.2.1: a method in small letters is another method", &new().line("get {} HTTP/1.1"), Outcome::Refused(&[400, 405], "")),
        attempt("4.2.1: HTTP/1.0 cannot be upgraded", &new().line("GET {} HTTP/1.0"), Outcome::Answered(&[400, 404, 426, 505])),
        attempt("4.2.1: HTTP/2.0 in the form of 1.1", &new().line("GET {} HTTP/2.0"), Outcome::Dropped),
        attempt("4.2.1: HTTP/0.9", &new().line("GET {}"), Outcome::Dropped),
        attempt("4.2.1: no Host", &new().without("Host"), Outcome::Refused(&[400], "")),
        attempt("4.2.1: two Hosts", &new().and("Host", "other"), Outcome::Refused(&[400], "")),
        attempt("4.2.1: no Upgrade", &new().without("Upgrade"), not_upgraded.clone()),
        attempt("4.2.1: no Connection", &new().without("Connection"), not_upgraded.clone()),
        attempt("4.2.1: neither", &new().without("Connection").without("Upgrade"), not_upgraded.clone()),
    ];
    for value in ["WebSocket", "WEBSOCKET", "wEbSoCkEt"] {
        rows.push(attempt(format!("4.2.1: Upgrade: {value}"), &new().with("Upgrade", value), upgraded()));
    }
    for value in ["h2c", "websockets", "web socket", "TLS/1.0"] {
        rows.push(attempt(format!("4.2.1: Upgrade: {value}"), &new().with("Upgrade", value), Outcome::Refused(&[400], UPGRADE_FAULT)));
    }
    for value in ["upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade, keep-alive", "keep-alive,upgrade", "keep-alive ,\tUpgrade"] {
        rows.push(attempt(format!("4.2.1: Connection: {value}"), &new().with("Connection", value), upgraded()));
    }
    for value in ["keep-alive", "Upgraded", "x-upgrade", ""] {
        rows.push(attempt(format!("4.2.1: Connection: {value}"), &new().with("Connection", value), not_upgraded.clone()));
    }
    rows.push(attempt("4.2.1: two Connections", &new().with("Connection", "keep-alive").and("Connection", "Upgrade"), upgraded()));
    for path in ["/websocket/", "//websocket", "/WebSocket", "/websocket%2f", "/%77ebsocket", "/websocket/x", "/nope"] {
        let upgrade = Upgrade::to(&format!("{path}?access_token={ADMIN_TOKEN}"));
        rows.push(attempt(format!("4.2.1: the path {path} is another resource"), &upgrade, Outcome::Answered(&[404])));
    }
    rows
}

/// Key and version (section 4.2.1, items 5 and 6; section 4.4).
fn key_and_version() -> Vec<Attempt> {
    let mut rows = vec![
        attempt("4.2.1: no key", &Upgrade::new().without("Sec-WebSocket-Key"), Outcome::Refused(&[400], KEY_FAULT)),
        attempt("11.3.1: two keys", &Upgrade::new().and("Sec-WebSocket-Key", KEY), Outcome::Refused(&[400], KEY_FAULT)),
        attempt(
            "11.3.1: two different keys",
            &Upgrade::new().and("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
            Outcome::Refused(&[400], KEY_FAULT),
        ),
        attempt("4.4: no version", &Upgrade::new().without("Sec-WebSocket-Version"), Outcome::Refused(&[400], VERSION_FAULT)),
        attempt("11.3.5: two versions", &Upgrade::new().and("Sec-WebSocket-Version", "13"), Outcome::Refused(&[400], VERSION_FAULT)),
        attempt("4.4: version 8 speaks the same frames", &Upgrade::new().with("Sec-WebSocket-Version", "8"), upgraded()),
    ];
    let keys = [
        ("empty", ""),
        ("short", "dGhlIHNhbXBsZQ=="),
        ("15 bytes", "dGhlIHNhbXBsZSBub25j"),
        ("17 bytes", "dGhlIHNhbXBsZSBub25jZWU="),
        ("18 bytes", "dGhlIHNhbXBsZSBub25jZWVl"),
        ("without padding", "dGhlIHNhbXBsZSBub25jZQ"),
        ("half the padding", "dGhlIHNhbXBsZSBub25jZQ="),
        ("too much padding", "dGhlIHNhbXBsZSBub25jZQ==="),
        ("a sign that is not of the alphabet", "dGhlIHNhbXBsZSBub25jZ?=="),
        ("of the other alphabet", "-_hlIHNhbXBsZSBub25jZQ=="),
        ("a space inside", "dGhlIHNhbXBs ZSBub25jZQ=="),
        ("text", "sixteen byte key"),
    ];
    for (name, key) in keys {
        let upgrade = Upgrade::new().with("Sec-WebSocket-Key", key);
        rows.push(attempt(format!("4.2.1: a key that is {name}"), &upgrade, Outcome::Refused(&[400], KEY_FAULT)));
    }
    for version in ["", "0", "7", "12", "14", "255", "256", "-13", "1.3", "abc", "13, 8", "13 8", "13;"] {
        let upgrade = Upgrade::new().with("Sec-WebSocket-Version", version);
        rows.push(attempt(format!("4.4: version {version:?}"), &upgrade, Outcome::Refused(&[400], VERSION_FAULT)));
    }
    rows
}

/// Subprotocols and extensions (sections 4.2.2, 1.9, 9.1, 11.3.4).
fn protocols_and_extensions() -> Vec<Attempt> {
    let mut rows = Vec::new();
    for (offer, chosen) in [
        ("chat", "chat"),
        ("chat, superchat", "chat"),
        ("superchat,chat", "superchat"),
        ("CHAT, chat", "CHAT"),
        ("a\t,\tb", "a"),
        ("v1.json!#$%&'*+-.^_`|~", "v1.json!#$%&'*+-.^_`|~"),
    ] {
        let upgrade = Upgrade::new().and("Sec-WebSocket-Protocol", offer);
        rows.push(attempt(format!("4.2.2: of {offer:?} the first"), &upgrade, Outcome::Upgraded(Some(chosen), Vec::new())));
    }
    let upgrade = Upgrade::new().and("Sec-WebSocket-Protocol", "a").and("Sec-WebSocket-Protocol", "b");
    rows.push(attempt("11.3.4: an offer in two headers is one list", &upgrade, Outcome::Upgraded(Some("a"), Vec::new())));
    for offer in ["", ",", "a,", ",a", "a,,b", "a b", "a/b", "a;b", "\"a\"", "a, a", "a, b, a", "é"] {
        let upgrade = Upgrade::new().and("Sec-WebSocket-Protocol", offer);
        rows.push(attempt(format!("4.1: the offer {offer:?} is no list of tokens"), &upgrade, Outcome::Refused(&[400], PROTOCOL_FAULT)));
    }
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=15, x-webkit-deflate-frame",
        "foo, bar; baz=2",
    ] {
        let upgrade = Upgrade::new().and("Sec-WebSocket-Extensions", offer);
        rows.push(attempt(format!("9.1: the extension {offer:?} is not agreed on"), &upgrade, upgraded()));
    }
    rows
}

/// Forms of headers that mean the same.
fn odd_headers() -> Vec<Attempt> {
    let padded = |value: &str| format!(" \t {value} \t ");
    let mut crowd = Upgrade::new();
    for number in 0..60 {
        crowd = crowd.and(&format!("X-Header-{number}"), "value");
    }
    let mut turned = Upgrade::new();
    turned.headers.reverse();
    let mut spaced = Upgrade::new();
    spaced.headers.iter_mut().for_each(|header| header.1 = padded(&header.1));
    let tight = String::from_utf8_lossy(&Upgrade::new().bytes()).replace(": ", ":").into_bytes();
    vec![
        attempt("names in small letters", &Upgrade::new().renamed(str::to_ascii_lowercase), upgraded()),
        attempt("names in capitals", &Upgrade::new().renamed(str::to_ascii_uppercase), upgraded()),
        attempt("headers in another order", &turned, upgraded()),
        attempt("white space around values", &spaced, upgraded()),
        ("no space behind the colon".to_owned(), tight, upgraded()),
        attempt("sixty more headers", &crowd, upgraded()),
        attempt("a cookie of 6 KB", &Upgrade::new().and("Cookie", &format!("a={}", "x".repeat(6000))), upgraded()),
        attempt("an empty header", &Upgrade::new().and("X-Empty", ""), upgraded()),
        attempt("a header beyond ASCII", &Upgrade::new().and("X-Name", "Zoë"), upgraded()),
        attempt("a header twice", &Upgrade::new().and("X-Twice", "1").and("X-Twice", "2"), upgraded()),
    ]
}

/// A client may send as soon as it has sent its handshake: no byte behind the head is lost.
fn right_behind_the_head() -> Vec<Attempt> {
    let names: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
    let many: Vec<u8> = names.iter().flat_map(|name| text(say(name)).bytes()).collect();
    let parts = [text(r#"{"type":"ping","#).more().bytes(), ping("p").bytes(), super::wire::continuation(r#""uid":"a"}"#).bytes()].concat();
    let auth = text(format!(r#"{{"type":"auth","access_token":"{ADMIN_TOKEN}"}}"#)).bytes();
    let unauthenticated = Upgrade::to("/websocket");
    vec![
        attempt("a message", &Upgrade::new().behind(text(say("a")).bytes()), Outcome::Upgraded(None, vec![answer("a")])),
        attempt("a ping", &Upgrade::new().behind(ping("p").bytes()), Outcome::Upgraded(None, vec![pong("p")])),
        attempt("a message in parts", &Upgrade::new().behind(parts), Outcome::Upgraded(None, vec![pong("p"), answer("a")])),
        attempt(
            "a hundred messages",
            &Upgrade::new().behind(many),
            Outcome::Upgraded(None, names.iter().map(|name| answer(name)).collect()),
        ),
        attempt("a close", &Upgrade::new().behind(close(3000).bytes()), Outcome::UpgradedThenClosed(3000)),
        attempt("an unmasked frame", &Upgrade::new().behind(text("{}").unmasked().bytes()), Outcome::UpgradedThenClosed(1002)),
        attempt("the authentication", &unauthenticated.behind(auth), Outcome::Upgraded(None, vec![Expect::Authenticated])),
    ]
}

#[test]
fn rfc6455_4_2_accept_follows_the_key() {
    // The example of section 1.3; what the rows compare with has to be right itself.
    assert_eq!(accept(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        for key in ["AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "x3JJHMbDL1EzLkh9GBhXDw==", "+/+/+/+/+/+/+/+/+/+/+w=="] {
            let mut client = RawClient::connect(ground.port(), None).await?;
            client.write(&Upgrade::new().with("Sec-WebSocket-Key", key).bytes()).await?;
            let reply = reply(&mut client).await?.context("no reply")?;
            ensure!(reply.header("sec-websocket-accept") == Some(&accept(key)), "{key}: {:?}", reply.headers);
        }
        ground.end().await
    });
}

#[test]
fn rfc6455_4_2_the_opening_handshake() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), &[the_request(), key_and_version(), protocols_and_extensions(), odd_headers()].concat()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_4_2_what_stands_behind_the_head_is_not_lost() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), &right_behind_the_head()).await?;
        ground.end().await
    });
}
