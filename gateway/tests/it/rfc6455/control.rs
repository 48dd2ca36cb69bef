//! Sections 5.5 and 7: pings, pongs and the closing handshake.
//!
//! It must never leave open who ends the connection: after a close it is the server, and nothing follows it.

use anyhow::{Context as _, Result, ensure};

use super::Ground;
use super::peer::{Delivery, Incoming, Peer};
use super::table::{Expect, Phase, Row, answer, closed, expect_all, play, pong, row};
use super::wire::{CLOSE, PONG, close, close_because, continuation, frame, ping, say, say_at_length, text};
use crate::harness::gateway::ADMIN_TOKEN;
use crate::harness::{beside_others, run};

/// Codes that an endpoint may send.
const VALID: [u16; 16] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
/// Codes that none may send.
const INVALID: [u16; 17] = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 9999, 32_768, 65_535];

fn pings() -> Vec<Row> {
    let full = vec![0xfe; 125];
    let ten: Vec<String> = (0..10).map(|number| format!("ping {number}")).collect();
    vec![
        row("5.5.2: an empty ping", &[ping("")], &[pong("")]),
        row("5.5.3: the payload comes back", &[ping("hello")], &[pong("hello")]),
        row(
            "5.5.3: a payload that is no text comes back",
            &[ping(b"\x00\xff\xfe\xfd\x00".as_slice())],
            &[pong(b"\x00\xff\xfe\xfd\x00".as_slice())],
        ),
        row("5.5.3: 125 bytes come back", &[ping(full.clone())], &[pong(full)]),
        row("5.5: a ping of 126 bytes", &[ping(vec![b'x'; 126])], &[closed(1002)]),
        row("5.5: a ping of 65,536 bytes", &[ping(vec![b'x'; 65_536])], &[closed(1002)]),
        row("5.5: a pong of 126 bytes", &[frame(PONG, vec![b'x'; 126])], &[closed(1002)]),
        row(
            "5.5.3: ten pings in a row",
            &ten.iter().map(|payload| ping(payload.as_str())).collect::<Vec<_>>(),
            &ten.iter().map(|payload| pong(payload.as_str())).collect::<Vec<_>>(),
        ),
        row("5.5.3: an unsolicited pong is ignored", &[frame(PONG, "")], &[]),
        row("5.5.3: an unsolicited pong with payload is ignored", &[frame(PONG, "hello")], &[]),
        row("5.5.3: an unsolicited pong before a ping", &[frame(PONG, "a"), ping("b")], &[pong("b")]),
        row("5.5.3: ten unsolicited pongs", &vec![frame(PONG, "x"); 10], &[]),
        row("5.5.2: a ping between messages", &[text(say("a")), ping("b"), text(say("c"))], &[answer("a"), pong("b"), answer("c")]),
    ]
}

fn closes() -> Vec<Row> {
    let mut rows: Vec<Row> = VALID.iter().map(|code| row(format!("7.1.5: {code} comes back"), &[close(*code)], &[closed(*code)])).collect();
    rows.extend(INVALID.iter().map(|code| row(format!("7.4: none may send {code}"), &[close(*code)], &[closed(1002)])));
    let because = |name: &str, reason: &[u8], code: u16| row(name, &[close_because(1000, reason)], &[closed(code)]);
    rows.extend([
        row("7.1.5: a close without a code comes back so", &[frame(CLOSE, "")], &[Expect::Close(None)]),
        row("5.5.1: a close of one byte", &[frame(CLOSE, b"\x03".as_slice())], &[closed(1002)]),
        because("5.5.1: a reason", b"done", 1000),
        because("5.5.1: a reason of 123 bytes", &[b'x'; 123], 1000),
        because("5.5: a reason of 124 bytes", &[b'x'; 124], 1002),
        because("5.5.1: a reason beyond ASCII", "κόσμε 🎈".as_bytes(), 1000),
        because("5.5.1: a reason that is no UTF-8", b"\xce\xba\xff", 1007),
        because("5.5.1: a reason that is cut off", b"\xf0\x9f\x8e", 1007),
        because("5.5.1: a reason with half a surrogate pair", b"\xed\xa0\x80", 1007),
    ]);
    rows
}

fn behind_a_close() -> Vec<Row> {
    let half = say_at_length("x", 256 * 1024);
    vec![
        row("5.5.1: a second close", &[close(1000), close(1001)], &[closed(1000)]),
        row("5.5.1: a ping behind a close has no answer", &[close(1000), ping("x")], &[closed(1000)]),
        row("5.5.1: a message behind a close has no answer", &[close(1000), text(say("x"))], &[closed(1000)]),
        row(
            "1.4: the rest of a message behind a close",
            &[text("{").more(), close(1000), continuation("}"), text(say("x"))],
            &[closed(1000)],
        ),
        row("1.4: nonsense behind a close is not looked at", &[close(1000), frame(3, "x").reserved(0x70).unmasked()], &[closed(1000)]),
        row(
            "5.5.1: what came before a close is answered",
            &[text(say("a")), ping("b"), close(1000)],
            &[answer("a"), pong("b"), closed(1000)],
        ),
        row("5.5.1: a large message before a close", &[text(half), close(1000), ping("x")], &[answer("x"), closed(1000)]),
        row("7.1.7: nothing behind a failure is answered", &[frame(3, ""), ping("x"), text(say("x")), close(1000)], &[closed(1002)]),
    ]
}

/// A server that closes with unread bytes before it resets the connection, and a reset may destroy the close frame on its
/// way to the client (section 7.1.1).
async fn a_failure_reaches_a_client_that_still_sends(port: u16) -> Result<()> {
    for size in [1, 1000, 300_000] {
        let mut peer = Peer::authenticated(port, ADMIN_TOKEN).await?;
        let bytes = [frame(3, "x").bytes(), vec![0xaa; size]].concat();
        // The server may end first; the close frame is what counts.
        let _cut_off = peer.deliver(&bytes, Delivery::Whole).await;
        expect_all(&mut peer, &[closed(1002)]).await.with_context(|| format!("{size} bytes behind the failure"))?;
        let end = peer.next().await?;
        ensure!(end == Incoming::End, "{size} bytes behind the failure: {end:?} instead of the end of the stream");
    }
    Ok(())
}

/// A client that is gone without a close gets no frame out of the server, and the connection ends.
async fn a_broken_connection_ends(port: u16) -> Result<()> {
    let message = text(say("x")).bytes();
    let cases: [(&str, Vec<u8>); 5] = [
        ("between messages", Vec::new()),
        ("in a header", message[..1].to_vec()),
        ("in a mask", message[..4].to_vec()),
        ("in a payload", message[..12].to_vec()),
        ("in a message of parts", text("{").more().bytes()),
    ];
    for (place, bytes) in cases {
        let mut peer = Peer::authenticated(port, ADMIN_TOKEN).await?;
        peer.deliver(&bytes, Delivery::Whole).await?;
        peer.end().await?;
        let end = loop {
            match peer.next().await.with_context(|| format!("the stream ended {place}"))? {
                // Nobody is to read it, but a close is no harm.
                Incoming::Close(_) => {}
                end @ (Incoming::Text(_) | Incoming::Pong(_) | Incoming::End | Incoming::Reset) => break end,
            }
        };
        ensure!(matches!(end, Incoming::End | Incoming::Reset), "the stream ended {place}: {end:?}");
    }
    Ok(())
}

#[test]
fn rfc6455_5_5_pings_get_their_pongs() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &pings()).await?;
        let before = [
            row("5.5.2: an empty ping", &[ping("")], &[pong("")]),
            row("5.5.3: the payload comes back", &[ping("hello")], &[pong("hello")]),
            row("5.5.2: a ping inside the first message", &[text("{").more(), ping("p"), close(1000)], &[pong("p"), closed(1000)]),
            row("5.5.3: an unsolicited pong is ignored", &[frame(PONG, "x")], &[]),
            row("5.5: a ping of 126 bytes", &[ping(vec![b'x'; 126])], &[closed(1002)]),
        ];
        play(ground.port(), Phase::Unauthenticated, &before).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_7_closing_handshake() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &[closes(), behind_a_close()].concat()).await?;
        play(ground.port(), Phase::Unauthenticated, &closes()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_7_1_connections_end_cleanly() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        a_failure_reaches_a_client_that_still_sends(ground.port()).await?;
        a_broken_connection_ends(ground.port()).await?;
        ground.end().await
    });
}
