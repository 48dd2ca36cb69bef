//! Section 5.4: messages in parts, and what may stand between the parts.
//!
//! It must never test what a single frame is; that is `framing`.

use super::Ground;
use super::table::{Expect, Phase, Row, answer, closed, play, pong, row};
use super::wire::{BINARY, CLOSE, Frame, PING, PONG, TEXT, close, continuation, frame, in_parts, ping, say, say_at_length, text};
use crate::harness::{beside_others, run};

/// `[first, ...]` with one frame between each two of `parts`.
fn between(parts: &[Frame], stranger: &Frame) -> Vec<Frame> {
    let mut all = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            all.push(stranger.clone());
        }
        all.push(part.clone());
    }
    all
}

fn whole_messages() -> Vec<Row> {
    let message = say("a");
    let mut rows = Vec::new();
    for (opcode, name) in [(TEXT, "text"), (BINARY, "binary")] {
        for size in [1, 2, 5, 20] {
            let parts = in_parts(opcode, message.as_bytes(), size);
            rows.push(row(format!("a {name} message in {} parts", parts.len()), &parts, &[answer("a")]));
        }
        let large = say_at_length("a", 65_536);
        for size in [64, 256, 1300, 4096, 65_535] {
            let parts = in_parts(opcode, large.as_bytes(), size);
            rows.push(row(format!("a {name} message of 64 KiB in parts of {size}"), &parts, &[answer("a")]));
        }
    }
    let million = say_at_length("a", 1 << 20);
    rows.extend([
        row("a message of 1 MiB in parts of 64 bytes", &in_parts(TEXT, million.as_bytes(), 64), &[answer("a")]),
        row("an empty part first", &[text("").more(), continuation(say("a"))], &[answer("a")]),
        row("an empty part last", &[text(say("a")).more(), continuation("")], &[answer("a")]),
        row("empty parts only", &[text("").more(), continuation("").more(), continuation("")], &[Expect::Unparsable]),
        row(
            "empty parts between full ones",
            &[text(r#"{"type":"ping","#).more(), continuation("").more(), continuation("").more(), continuation(r#""uid":"a"}"#)],
            &[answer("a")],
        ),
        row(
            "two messages in parts, one behind the other",
            &[in_parts(TEXT, say("a").as_bytes(), 7), in_parts(BINARY, say("b").as_bytes(), 3)].concat(),
            &[answer("a"), answer("b")],
        ),
        row(
            "messages whole, in parts, whole",
            &[vec![text(say("a"))], in_parts(TEXT, say("b").as_bytes(), 4), vec![text(say("c"))]].concat(),
            &[answer("a"), answer("b"), answer("c")],
        ),
    ]);
    rows
}

fn control_in_between() -> Vec<Row> {
    let parts = in_parts(TEXT, say("a").as_bytes(), 7);
    let gaps = parts.len() - 1;
    let pongs = |payload: &str| vec![pong(payload); gaps];
    vec![
        row("pings between all parts are answered at once", &between(&parts, &ping("p")), &[pongs("p"), vec![answer("a")]].concat()),
        row("empty pings between all parts", &between(&parts, &ping("")), &[pongs(""), vec![answer("a")]].concat()),
        row("a ping is answered while its message is unfinished", &[text("{").more(), ping("p"), text("x")], &[pong("p"), closed(1002)]),
        row("pongs between all parts are ignored", &between(&parts, &frame(PONG, "p")), &[answer("a")]),
        row("a close between two parts", &[text("{").more(), close(1000), continuation("}")], &[closed(1000)]),
        row("an empty close between two parts", &[text("{").more(), frame(CLOSE, ""), continuation("}")], &[Expect::Close(None)]),
    ]
}

fn against_the_rules() -> Vec<Row> {
    let mut rows = vec![
        row("a continuation of nothing", &[continuation(say("x"))], &[closed(1002)]),
        row("an unfinished continuation of nothing", &[continuation(say("x")).more()], &[closed(1002)]),
        row("an empty continuation of nothing", &[continuation("")], &[closed(1002)]),
        row("a continuation behind a whole message", &[text(say("a")), continuation(say("x"))], &[answer("a"), closed(1002)]),
        row(
            "a continuation behind a finished message",
            &[in_parts(TEXT, say("a").as_bytes(), 9), vec![continuation(say("x")), text(say("x"))]].concat(),
            &[answer("a"), closed(1002)],
        ),
        row("text inside an open text message", &[text("{").more(), text(say("x"))], &[closed(1002)]),
        row("binary inside an open text message", &[text("{").more(), frame(BINARY, say("x"))], &[closed(1002)]),
        row("text inside an open binary message", &[frame(BINARY, "{").more(), text(say("x"))], &[closed(1002)]),
        row("a new message in parts inside an open one", &[text("{").more(), text("{").more()], &[closed(1002)]),
        row(
            "a new message inside an open one, behind a ping",
            &[text("{").more(), continuation("}").more(), ping("p"), text(say("x"))],
            &[pong("p"), closed(1002)],
        ),
        row("an empty message inside an open one", &[text("").more(), text("")], &[closed(1002)]),
    ];
    for (opcode, name) in [(PING, "ping"), (PONG, "pong"), (CLOSE, "close")] {
        rows.extend([
            row(format!("5.5: a {name} in parts"), &[frame(opcode, "").more()], &[closed(1002)]),
            row(format!("5.5: a {name} in parts with its continuation"), &[frame(opcode, "").more(), continuation("")], &[closed(1002)]),
            row(
                format!("5.5: a {name} in parts inside a message"),
                &[text("{").more(), frame(opcode, "").more(), continuation("}")],
                &[closed(1002)],
            ),
        ]);
    }
    rows
}

#[test]
fn rfc6455_5_4_messages_come_in_parts() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &whole_messages()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_5_4_control_frames_may_stand_between_parts() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &control_in_between()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_5_4_parts_out_of_order_fail_the_connection() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &against_the_rules()).await?;
        let before = [
            row("a continuation of nothing", &[continuation("x")], &[closed(1002)]),
            row("a message inside a message", &[text("{").more(), text("{}")], &[closed(1002)]),
        ];
        play(ground.port(), Phase::Unauthenticated, &before).await?;
        ground.end().await
    });
}
