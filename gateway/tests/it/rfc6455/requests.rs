//! HTTP around the upgrade: nothing can be smuggled past it (RFC 9112, sections 2.2, 3.2.2, 5, 6.3 and 11.2), heads have a
//! bound, and a client that takes its time is not waited for.
//!
//! It must never accept a second reply where a proxy in front of the server would expect one.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, interval, timeout};

use super::Ground;
use super::handshake::{Attempt, Outcome, Upgrade, attempt, play, upgraded};
use super::peer::{Delivery, Peer};
use super::table::{answer, expect_all};
use super::wire::{say, text};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::raw::RawClient;
use crate::harness::{alone, beside_others, run};

/// A request that nobody has sent where it stands inside of another.
const HIDDEN: &str = "GET /server/ping HTTP/1.1\r\nHost: x\r\n\r\n";
const HEADER_TIMEOUT: Duration = Duration::from_millis(1500);

/// An upgrade has no body; whoever says otherwise wants two servers to disagree about where the frames begin.
fn bodies() -> Vec<Attempt> {
    let refused = || Outcome::Refused(&[400, 413], "");
    let frame = text(say("a")).bytes();
    let length = frame.len().to_string();
    let mut rows = vec![
        attempt("a body before the frames", &Upgrade::new().and("Content-Length", "5").behind("hello").behind(&frame), refused()),
        attempt("a frame as the body", &Upgrade::new().and("Content-Length", &length).behind(&frame), refused()),
        attempt("a request as the body", &Upgrade::new().and("Content-Length", &HIDDEN.len().to_string()).behind(HIDDEN), refused()),
        attempt("a body that does not come", &Upgrade::new().and("Content-Length", "5"), refused()),
        attempt("a chunked body", &Upgrade::new().and("Transfer-Encoding", "chunked").behind("5\r\nhello\r\n0\r\n\r\n"), refused()),
        attempt("an empty chunked body", &Upgrade::new().and("Transfer-Encoding", "chunked").behind("0\r\n\r\n").behind(&frame), refused()),
        attempt(
            "length, then chunks",
            &Upgrade::new().and("Content-Length", "4").and("Transfer-Encoding", "chunked").behind("0\r\n\r\n").behind(HIDDEN),
            refused(),
        ),
        attempt(
            "chunks, then length",
            &Upgrade::new().and("Transfer-Encoding", "chunked").and("Content-Length", "4").behind("0\r\n\r\n").behind(HIDDEN),
            refused(),
        ),
        attempt("two lengths", &Upgrade::new().and("Content-Length", "0").and("Content-Length", "5").behind("hello"), refused()),
    ];
    for value in ["+5", "-1", "0x5", "5, 5", "5 5", "5.0", "18446744073709551616", "five"] {
        let upgrade = Upgrade::new().and("Content-Length", value).behind("hello");
        rows.push(attempt(format!("Content-Length: {value}"), &upgrade, refused()));
    }
    for value in ["identity", "xchunked", "chunked, identity", "gzip, chunked", "chunked, chunked", "CHUNKED"] {
        let upgrade = Upgrade::new().and("Transfer-Encoding", value).behind("0\r\n\r\n").behind(HIDDEN);
        rows.push(attempt(format!("Transfer-Encoding: {value}"), &upgrade, refused()));
    }
    rows
}

/// What stands behind a request is either the next request or frames, and never both.
fn pipelines(port: u16) -> Vec<Attempt> {
    let upgrade = String::from_utf8_lossy(&Upgrade::new().bytes()).into_owned();
    let frame = text(say("a")).bytes();
    let raw = |name: &str, bytes: Vec<u8>, outcome: Outcome| (name.to_owned(), bytes, outcome);
    let ping = |headers: &str| format!("GET /server/ping HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n");
    let inside = format!("Content-Length: {}\r\n", upgrade.len());
    let both = "POST /server/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let turned = "POST /server/ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    vec![
        attempt("a request behind an upgrade is a broken frame", &Upgrade::new().behind(HIDDEN), Outcome::UpgradedThenClosed(1002)),
        attempt("an upgrade behind an upgrade is a broken frame", &Upgrade::new().behind(&upgrade), Outcome::UpgradedThenClosed(1002)),
        attempt(
            "a request behind a refused token",
            &Upgrade::to("/websocket?access_token=nope").behind(HIDDEN),
            Outcome::Refused(&[401], ""),
        ),
        attempt(
            "a request behind a refused key",
            &Upgrade::new().without("Sec-WebSocket-Key").behind(HIDDEN),
            Outcome::Refused(&[400], ""),
        ),
        attempt(
            "a request behind a refused version",
            &Upgrade::new().with("Sec-WebSocket-Version", "1").behind(HIDDEN),
            Outcome::Refused(&[400], ""),
        ),
        attempt("a frame behind a refused token", &Upgrade::to("/websocket?access_token=nope").behind(frame), Outcome::Refused(&[401], "")),
        raw(
            "an upgrade as the body of a request is a body",
            format!("{}{upgrade}", ping(&inside)).into_bytes(),
            Outcome::Answered(&[200, 400]),
        ),
        raw(
            "length and chunks: the connection ends with the reply",
            format!("{both}{upgrade}").into_bytes(),
            Outcome::Refused(&[400, 404, 405], ""),
        ),
        raw(
            "chunks and length: the connection ends with the reply",
            format!("{turned}{upgrade}").into_bytes(),
            Outcome::Refused(&[400, 404, 405], ""),
        ),
    ]
}

/// The forms of a request's target (RFC 9112, section 3.2).
fn targets() -> Vec<Attempt> {
    let new = Upgrade::new;
    let absolute = format!("GET http://127.0.0.1/websocket?access_token={ADMIN_TOKEN} HTTP/1.1");
    let elsewhere = format!("GET http://example.com/elsewhere?access_token={ADMIN_TOKEN} HTTP/1.1");
    vec![
        attempt("the absolute form", &new().line(&absolute), upgraded()),
        attempt("the absolute form of another path", &new().line(&elsewhere), Outcome::Answered(&[404])),
        attempt("the asterisk form", &new().line("GET * HTTP/1.1"), Outcome::Answered(&[400, 404])),
        attempt("a target without a slash", &new().line("GET websocket HTTP/1.1"), Outcome::Answered(&[400, 404])),
        attempt("a target with a space", &new().line("GET /websocket ?x HTTP/1.1"), Outcome::Dropped),
        attempt("an empty target", &new().line("GET  HTTP/1.1"), Outcome::Dropped),
        attempt("CONNECT", &new().line("CONNECT 127.0.0.1:80 HTTP/1.1"), Outcome::Answered(&[400, 404, 405])),
        attempt("an encoded NUL in the query", &new().line("GET {}&x=%00%ff HTTP/1.1"), upgraded()),
    ]
}

/// Bytes that are no HTTP, or only to some.
fn line_ends() -> Vec<Attempt> {
    let good = String::from_utf8_lossy(&Upgrade::new().bytes()).into_owned();
    let put = |name: &str, from: &str, to: &str, outcome: Outcome| (name.to_owned(), good.replacen(from, to, 1).into_bytes(), outcome);
    let bad = |name: &str, to: &str| put(name, "\r\nUpgrade", to, Outcome::Dropped);
    vec![
        put("an empty line before the request", "GET", "\r\nGET", upgraded()),
        bad("a bare CR in a value", "\r\nX-A: a\rb\r\nUpgrade"),
        bad("a bare CR before a name", "\r\nX-A: a\r\rUpgrade"),
        bad("a CR LF that a value hides", "\r\nX-A: a\r\rGET /server/ping HTTP/1.1\r\nUpgrade"),
        bad("a NUL in a value", "\r\nX-A: a\0b\r\nUpgrade"),
        bad("a control character in a value", "\r\nX-A: a\x01b\r\nUpgrade"),
        bad("a DEL in a value", "\r\nX-A: a\x7fb\r\nUpgrade"),
        bad("a folded value", "\r\nX-A: a\r\n b\r\nUpgrade"),
        bad("a value folded by a tab", "\r\nX-A: a\r\n\tb\r\nUpgrade"),
        bad("a space before the colon", "\r\nX-A : a\r\nUpgrade"),
        bad("a space before the colon of Transfer-Encoding", "\r\nTransfer-Encoding : chunked\r\nUpgrade"),
        bad("a tab before the colon of Content-Length", "\r\nContent-Length\t: 5\r\nUpgrade"),
        bad("a header without a colon", "\r\nX-A\r\nUpgrade"),
        bad("a header without a name", "\r\n: a\r\nUpgrade"),
        bad("a name with a space", "\r\nX A: a\r\nUpgrade"),
        bad("a name beyond ASCII", "\r\nX-é: a\r\nUpgrade"),
        put("white space before the first header", "\r\nHost", "\r\n Host", Outcome::Dropped),
        put("a CR in the request line", "HTTP/1.1", "HTTP\r/1.1", Outcome::Dropped),
        put("two spaces in the request line", "GET ", "GET  ", Outcome::Dropped),
        ("the preface of HTTP/2".to_owned(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Outcome::Dropped),
    ]
}

/// How much a head may hold.
fn bounds() -> Vec<Attempt> {
    let cookie = |length: usize| format!("a={}", "x".repeat(length));
    let mut crowd = Upgrade::new();
    for number in 0..1000 {
        crowd = crowd.and(&format!("X-Header-{number}"), "value");
    }
    let long = format!("/websocket?access_token={ADMIN_TOKEN}&x={}", "x".repeat(100_000));
    let endless = String::from_utf8_lossy(&Upgrade::new().bytes()).trim_end().to_owned() + "\r\nX-Endless: " + &"x".repeat(3_000_000);
    vec![
        attempt("a head of 8 KB", &Upgrade::new().and("Cookie", &cookie(8000)), upgraded()),
        attempt("a head of 500 KB", &Upgrade::new().and("Cookie", &cookie(500_000)), Outcome::Refused(&[431], "")),
        attempt("a thousand headers", &crowd, Outcome::Refused(&[431], "")),
        attempt("a target of 100 KB", &Upgrade::to(&long), Outcome::Refused(&[414, 431], "")),
        ("a head without an end".to_owned(), endless.into_bytes(), Outcome::Refused(&[431], "")),
    ]
}

/// Sends `start`, then one byte of `drip` at a time (the last one forever), until the server ends the connection.
/// Gives how long that took and what it said.
async fn drip(port: u16, start: &[u8], drip: &[u8]) -> Result<(Duration, Vec<u8>)> {
    let mut client = RawClient::connect(port, None).await?;
    let began = Instant::now();
    client.write(start).await?;
    let mut said = Vec::new();
    let mut pace = interval(Duration::from_millis(50));
    let mut bytes = drip.iter().chain(drip.last().into_iter().cycle());
    while began.elapsed() < HEADER_TIMEOUT * 6 {
        pace.tick().await;
        if let Some(byte) = bytes.next() {
            // A server that has given up stops reading.
            let _cut_off = client.write(&[*byte]).await;
        }
        let mut chunk = [0; 4096];
        match timeout(Duration::from_millis(1), client.stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return Ok((began.elapsed(), said)),
            Ok(Ok(count)) => said.extend(&chunk[..count]),
            Err(_) => {}
        }
    }
    anyhow::bail!("still open after {:?}", began.elapsed())
}

#[test]
fn rfc6455_requests_cannot_be_smuggled_past_the_upgrade() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        let port = ground.port();
        play(port, &[bodies(), pipelines(port), targets(), line_ends()].concat()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_a_request_may_go_before_the_upgrade() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        let mut client = RawClient::connect(ground.port(), None).await?;
        client.write(&[HIDDEN.as_bytes(), &Upgrade::new().behind(text(say("a")).bytes()).bytes()].concat()).await?;
        let first = client.head().await?;
        ensure!(first.starts_with("HTTP/1.1 200") && first.to_ascii_lowercase().contains("content-length: 4\r\n"), "{first}");
        let mut body = [0; 4];
        client.stream.read_exact(&mut body).await?;
        ensure!(&body == b"pong");
        let second = client.head().await?;
        ensure!(second.starts_with("HTTP/1.1 101"), "{second}");
        expect_all(&mut Peer::new(client), &[answer("a")]).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_10_4_heads_have_a_bound() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), &bounds()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_slow_heads_are_not_waited_for() {
    run(async {
        let _machine = alone().await;
        let ground =
            Ground::of(Program::gateway(&["standalone"]).env("GATEWAY_HEADER_TIMEOUT", HEADER_TIMEOUT.as_millis().to_string())).await?;
        let port = ground.port();
        let mut idle = Peer::authenticated(port, ADMIN_TOKEN).await?;
        let head = Upgrade::new().bytes();
        let (unended, _) = head.split_at(head.len() - 2);
        let cases: [(&str, &[u8], &[u8]); 5] = [
            ("says nothing", b"", b""),
            ("sends its request line byte by byte", b"", &head),
            ("sends its headers byte by byte", b"GET /websocket HTTP/1.1\r\n", b"X-Slow: xxxxxxxx"),
            (
                "sends header behind header",
                unended,
                b"X-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX-A: a\r\nX",
            ),
            ("never ends its head", unended, b""),
        ];
        try_join_all(cases.map(async |(name, start, rest)| {
            let (took, said) = drip(port, start, rest).await.with_context(|| format!("a client that {name}"))?;
            let said = String::from_utf8_lossy(&said).into_owned();
            ensure!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "a client that {name} was told {said:?}");
            ensure!(took >= HEADER_TIMEOUT / 2, "a client that {name} had only {took:?}");
            ensure!(took < HEADER_TIMEOUT * 3, "a client that {name} had {took:?}");
            Ok(())
        }))
        .await?;
        // The time is one for heads: a connection that was upgraded before has outlived it.
        idle.deliver(&text(say("alive")).bytes(), Delivery::Whole).await?;
        expect_all(&mut idle, &[answer("alive")]).await?;
        ground.end().await
    });
}
