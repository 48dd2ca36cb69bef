//! Sections 5.1 to 5.3: masks, reserved bits, opcodes and lengths.
//!
//! It must never send a message in parts for its own sake; that is `fragments`.

use anyhow::{Context as _, Result, ensure};

use super::Ground;
use super::peer::{Delivery, Incoming, Peer};
use super::table::{Expect, Phase, Row, answer, closed, play, row};
use super::wire::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, continuation, frame, ping, say, say_at_length, text};
use crate::harness::gateway::ADMIN_TOKEN;
use crate::harness::{beside_others, run};

const OPCODES: [(u8, &str); 6] =
    [(TEXT, "text"), (BINARY, "binary"), (CONTINUATION, "continuation"), (PING, "ping"), (PONG, "pong"), (CLOSE, "close")];
/// Opcodes that section 5.2 reserves.
const RESERVED: [u8; 10] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];

/// A payload that is in order for this opcode.
fn payload(opcode: u8) -> Vec<u8> {
    if opcode == CLOSE { 1000_u16.to_be_bytes().to_vec() } else { say("x").into_bytes() }
}

fn masks() -> Vec<Row> {
    let key = |key: [u8; 4]| row(format!("5.3: the mask {key:02x?}"), &[text(say("a")).key(key)], &[answer("a")]);
    let mut rows: Vec<Row> = OPCODES
        .iter()
        .map(|(opcode, name)| {
            row(format!("5.1: a {name} frame without mask"), &[frame(*opcode, payload(*opcode)).unmasked()], &[closed(1002)])
        })
        .collect();
    rows.extend([
        row("5.1: an empty frame without mask", &[text("").unmasked()], &[closed(1002)]),
        row("5.1: an unmasked frame behind a masked one", &[text(say("a")), text(say("b")).unmasked()], &[answer("a"), closed(1002)]),
        row(
            "5.1: an unmasked fragment of a masked message",
            &[text(r#"{"type":"ping","uid":"#).more(), continuation(r#""a"}"#).unmasked()],
            &[closed(1002)],
        ),
        row(
            "5.3: every frame has a mask of its own",
            &[
                text(r#"{"type":"ping","#).more().key([1, 2, 3, 4]),
                continuation(r#""uid":"#).more().key([0xff, 0, 0xff, 0]),
                continuation(r#""a"}"#).key([9, 9, 9, 9]),
            ],
            &[answer("a")],
        ),
        key([0; 4]),
        key([0xff; 4]),
        key([0x80, 0, 0, 1]),
    ]);
    rows
}

fn reserved_bits() -> Vec<Row> {
    let mut rows = Vec::new();
    for (opcode, name) in OPCODES {
        for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
            rows.push(row(
                format!("5.2: reserved bits {bits:#x} on a {name} frame"),
                &[frame(opcode, payload(opcode)).reserved(bits)],
                &[closed(1002)],
            ));
        }
    }
    rows.extend([
        row("5.2: a reserved bit on the second fragment", &[text(say("a")).more(), continuation("").reserved(0x40)], &[closed(1002)]),
        row(
            "5.2: what came before a reserved bit is answered, what comes behind is not",
            &[text(say("a")), text(say("b")).reserved(0x20), text(say("c")), ping("d")],
            &[answer("a"), closed(1002)],
        ),
        row("5.2: a reserved bit on an empty frame", &[text("").reserved(0x10)], &[closed(1002)]),
        row("9: no compression was agreed on, so RSV1 is an error", &[text(b"\xaa\x56\x2a".as_slice()).reserved(0x40)], &[closed(1002)]),
    ]);
    rows
}

fn reserved_opcodes() -> Vec<Row> {
    let mut rows = Vec::new();
    for opcode in RESERVED {
        let name = |what: &str| format!("5.2: reserved opcode {opcode} {what}");
        rows.extend([
            row(name("without payload"), &[frame(opcode, "")], &[closed(1002)]),
            row(name("with payload"), &[frame(opcode, say("x"))], &[closed(1002)]),
            row(name("as a fragment"), &[frame(opcode, say("x")).more()], &[closed(1002)]),
            row(name("behind a message"), &[text(say("a")), frame(opcode, "x"), ping("b")], &[answer("a"), closed(1002)]),
            row(name("inside a message"), &[text(say("a")).more(), frame(opcode, "x"), continuation("")], &[closed(1002)]),
        ]);
    }
    rows
}

fn lengths() -> Vec<Row> {
    let mut rows = Vec::new();
    for length in [124, 125, 126, 127, 128, 255, 256, 32_767, 32_768, 65_534, 65_535, 65_536, 65_537, 1_000_000] {
        for (opcode, name) in [(TEXT, "text"), (BINARY, "binary")] {
            let message = say_at_length("a", length);
            rows.push(row(format!("5.2: a {name} message of {length} bytes"), &[frame(opcode, message)], &[answer("a")]));
        }
    }
    rows.extend([
        row("5.2: an empty text message", &[text("")], &[Expect::Unparsable]),
        row("5.2: an empty binary message", &[frame(BINARY, "")], &[Expect::Unparsable]),
        // A sender must use the shortest form; nothing obliges the other side to be strict, and Directus is not.
        row("5.2: 26 bytes in the 16-bit form", &[text(say("a")).sixteen()], &[answer("a")]),
        row("5.2: 125 bytes in the 16-bit form", &[text(say_at_length("a", 125)).sixteen()], &[answer("a")]),
        row("5.2: 0 bytes in the 64-bit form", &[text("").sixty_four()], &[Expect::Unparsable]),
        row("5.2: 126 bytes in the 64-bit form", &[text(say_at_length("a", 126)).sixty_four()], &[answer("a")]),
        row("5.2: 65535 bytes in the 64-bit form", &[text(say_at_length("a", 65_535)).sixty_four()], &[answer("a")]),
        row("5.2: a message in two long forms", &[text("{").more().sixty_four(), continuation(&say("a")[1..]).sixteen()], &[answer("a")]),
    ]);
    // A length with the highest bit set is no length at all; both ways to say so end the connection before a byte of it.
    for declared in [1 << 63, (1 << 63) | 5, u64::MAX, 1 << 62, 1 << 53, 1 << 32, 104_857_601] {
        rows.push(row(format!("5.2: a declared length of {declared}"), &[text(say("a")).declaring(declared)], &[closed(1009)]));
    }
    rows
}

/// Lengths of answers around the borders of the three forms; the peer accepts the shortest form only.
async fn answers_are_measured(port: u16) -> Result<()> {
    let mut peer = Peer::authenticated(port, ADMIN_TOKEN).await?;
    let mut ask = async |length: usize| {
        let uid = "u".repeat(length);
        peer.deliver(&text(say(&uid)).bytes(), Delivery::Whole).await?;
        let Incoming::Text(answer) = peer.next().await? else { anyhow::bail!("no answer to a uid of {length} bytes") };
        ensure!(answer.contains(&format!("\"{uid}\"")), "another uid");
        Ok(answer.len())
    };
    let around = ask(0).await?;
    for wanted in [124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 200_000] {
        let length = wanted - around;
        let came = ask(length).await.with_context(|| format!("an answer of {wanted} bytes"))?;
        ensure!(came == wanted, "{came} bytes instead of {wanted}");
    }
    Ok(())
}

#[test]
fn rfc6455_5_1_client_frames_are_masked() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &masks()).await?;
        play(ground.port(), Phase::Unauthenticated, &[row("5.1: an unmasked ping", &[ping("x").unmasked()], &[closed(1002)])]).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_5_2_reserved_bits_and_opcodes_fail_the_connection() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &[reserved_bits(), reserved_opcodes()].concat()).await?;
        let before = [
            row("5.2: a reserved bit", &[text("{}").reserved(0x40)], &[closed(1002)]),
            row("5.2: a reserved opcode", &[frame(3, "{}")], &[closed(1002)]),
        ];
        play(ground.port(), Phase::Unauthenticated, &before).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_5_2_lengths_have_three_forms() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &lengths()).await?;
        answers_are_measured(ground.port()).await?;
        ground.end().await
    });
}
