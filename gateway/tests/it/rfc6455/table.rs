//! Rows of frames with what has to come of them, and how they are played.
//!
//! It must never stop at the first row that fails: what else is wrong tells what is wrong.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::peer::{Delivery, Incoming, Peer};
use super::wire::{Frame, close, ping, say, text};
use crate::harness::gateway::ADMIN_TOKEN;

/// Rows longer than this are played in one piece only.
const CHOPPED_MAX: usize = 4096;

/// One thing that has to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// The answer to [`say`] with this `uid`.
    Answer(String),
    /// The error for a message that is no JSON.
    Unparsable,
    /// The answer to an `auth` message that was accepted.
    Authenticated,
    /// A pong with this payload.
    Pong(Vec<u8>),
    /// A close with this code, and nothing but the end of the stream behind it.
    Close(Option<u16>),
}

/// Frames and what has to come of them.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What it proves.
    name: String,
    bytes: Vec<u8>,
    expect: Vec<Expect>,
}

/// How far a connection has come before its row is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Unauthenticated,
    Authenticated,
}

/// A row.
pub(super) fn row(name: impl Into<String>, frames: &[Frame], expect: &[Expect]) -> Row {
    Row { name: name.into(), bytes: frames.iter().flat_map(Frame::bytes).collect(), expect: expect.to_vec() }
}

/// The answer to [`say`].
pub(super) fn answer(uid: &str) -> Expect {
    Expect::Answer(uid.to_owned())
}

/// A pong.
pub(super) fn pong(payload: impl Into<Vec<u8>>) -> Expect {
    Expect::Pong(payload.into())
}

/// A close with a code.
pub(super) const fn closed(code: u16) -> Expect {
    Expect::Close(Some(code))
}

/// Plays every row in every way, each on a connection of its own.
pub(super) async fn play(port: u16, phase: Phase, rows: &[Row]) -> Result<()> {
    let mut wrong = Vec::new();
    let mut played = 0;
    for row in rows {
        let chopped = (row.bytes.len() <= CHOPPED_MAX).then_some(Delivery::Bytes);
        for delivery in [Some(Delivery::Whole), chopped].into_iter().flatten() {
            played += 1;
            if let Err(error) = play_row(port, phase, row, delivery).await {
                wrong.push(format!("{} ({phase:?}, {delivery:?}): {error:#}", row.name));
            }
        }
    }
    println!("{} rows, played in {played} ways", rows.len());
    ensure!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    Ok(())
}

async fn play_row(port: u16, phase: Phase, row: &Row, delivery: Delivery) -> Result<()> {
    let mut peer = match phase {
        Phase::Authenticated => Peer::authenticated(port, ADMIN_TOKEN).await?,
        Phase::Unauthenticated => Peer::unauthenticated(port).await?,
    };
    let ends = matches!(row.expect.last(), Some(Expect::Close(_)));
    let sent = peer.deliver(&row.bytes, delivery).await;
    if !ends {
        // A server that has closed stops reading; only then may a write fail.
        sent?;
    }
    expect_all(&mut peer, &row.expect).await?;
    if !ends {
        let (probe, alive) = match phase {
            Phase::Authenticated => (text(say("alive")), answer("alive")),
            Phase::Unauthenticated => (ping(b"alive".as_slice()), pong(b"alive".as_slice())),
        };
        peer.deliver(&probe.bytes(), Delivery::Whole).await?;
        peer.deliver(&close(1000).bytes(), Delivery::Whole).await?;
        expect_all(&mut peer, &[alive, closed(1000)]).await.context("afterwards")?;
    }
    let end = peer.next().await?;
    ensure!(matches!(end, Incoming::End | Incoming::Reset), "{end:?} behind the close");
    Ok(())
}

/// These things come next, in this order.
pub(super) async fn expect_all(peer: &mut Peer, expected: &[Expect]) -> Result<()> {
    for expected in expected {
        let came = peer.next().await.with_context(|| format!("instead of {expected:?}"))?;
        ensure!(fits(expected, &came), "{} instead of {expected:?}", shown(&came));
    }
    Ok(())
}

fn fits(expected: &Expect, came: &Incoming) -> bool {
    match (expected, came) {
        (Expect::Answer(uid), Incoming::Text(text)) => {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer["type"] == "pong" && answer["uid"] == uid.as_str()
        }
        (Expect::Unparsable, Incoming::Text(text)) => {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer["status"] == "error" && answer["error"]["message"] == "Unable to parse the incoming message."
        }
        (Expect::Authenticated, Incoming::Text(text)) => {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer["type"] == "auth" && answer["status"] == "ok"
        }
        (Expect::Pong(expected), Incoming::Pong(payload)) => payload == expected,
        (Expect::Close(expected), Incoming::Close(code)) => code == expected,
        _ => false,
    }
}

fn shown(came: &Incoming) -> String {
    let mut shown = format!("{came:?}");
    if let Some((end, _)) = shown.char_indices().nth(200) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
