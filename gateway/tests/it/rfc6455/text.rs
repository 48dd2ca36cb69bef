//! Sections 5.6 and 8.1: text is UTF-8, across the borders of frames, and what is not fails the connection at once.
//!
//! It must never send the rest of a message that is already wrong where the point is that nobody waits for it.

use super::Ground;
use super::table::{Expect, Phase, Row, answer, closed, play, pong, row};
use super::wire::{BINARY, TEXT, continuation, frame, in_parts, ping, say, text};
use crate::harness::{beside_others, run};

/// Sequences that are UTF-8.
const VALID: [(&str, &str); 18] = [
    ("Greek", "κόσμε"),
    ("Hello-µ@ßöäüàá-UTF-8!!", "Hello-µ@ßöäüàá-UTF-8!!"),
    ("the first of one byte that JSON takes", "\u{20}"),
    ("the last of one byte", "\u{7f}"),
    ("the first of two bytes", "\u{80}"),
    ("the last of two bytes", "\u{7ff}"),
    ("the first of three bytes", "\u{800}"),
    ("the last of three bytes", "\u{ffff}"),
    ("the first of four bytes", "\u{10000}"),
    ("the last of four bytes", "\u{10ffff}"),
    ("the last before the surrogates", "\u{d7ff}"),
    ("the first behind the surrogates", "\u{e000}"),
    ("the replacement character", "\u{fffd}"),
    ("a byte order mark", "\u{feff}"),
    ("non-characters of the first plane", "\u{fffe}\u{ffff}\u{fdd0}"),
    ("non-characters of all planes", "\u{1fffe}\u{2ffff}\u{afffe}\u{10fffe}"),
    ("line and paragraph separators", "\u{2028}\u{2029}"),
    ("a family of several characters", "👩‍👩‍👧‍👦"),
];

/// Sequences that are not.
const INVALID: [(&str, &[u8]); 32] = [
    ("a continuation byte alone", b"\x80"),
    ("the last continuation byte alone", b"\xbf"),
    ("two continuation bytes", b"\x80\xbf"),
    ("seven continuation bytes", b"\x80\xbf\x80\xbf\x80\xbf\x80"),
    ("a start of two, then a space", b"\xc3 "),
    ("a start of three, then a space", b"\xe2 "),
    ("a start of three and one more, then a space", b"\xe2\x82 "),
    ("a start of four, then a space", b"\xf0 "),
    ("a start of four and one more, then a space", b"\xf0\x9f "),
    ("a start of four and two more, then a space", b"\xf0\x9f\x8e "),
    ("two starts", b"\xc3\xc3"),
    ("an overlong slash in two bytes", b"\xc0\xaf"),
    ("an overlong slash in three bytes", b"\xe0\x80\xaf"),
    ("an overlong slash in four bytes", b"\xf0\x80\x80\xaf"),
    ("an overlong slash in five bytes", b"\xf8\x80\x80\x80\xaf"),
    ("an overlong slash in six bytes", b"\xfc\x80\x80\x80\x80\xaf"),
    ("the largest overlong of two bytes", b"\xc1\xbf"),
    ("the largest overlong of three bytes", b"\xe0\x9f\xbf"),
    ("the largest overlong of four bytes", b"\xf0\x8f\xbf\xbf"),
    ("an overlong NUL", b"\xc0\x80"),
    ("the first high surrogate", b"\xed\xa0\x80"),
    ("the last high surrogate", b"\xed\xaf\xbf"),
    ("the first low surrogate", b"\xed\xb0\x80"),
    ("the last low surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\xbd\xed\xb0\x80"),
    ("one beyond U+10FFFF", b"\xf4\x90\x80\x80"),
    ("the first of five bytes", b"\xf8\x88\x80\x80\x80"),
    ("the last of six bytes", b"\xfd\xbf\xbf\xbf\xbf\xbf"),
    ("0xF5", b"\xf5\x80\x80\x80"),
    ("0xFE", b"\xfe"),
    ("0xFF", b"\xff"),
    ("0xFE 0xFE 0xFF 0xFF", b"\xfe\xfe\xff\xff"),
];

/// The message that [`say`] would make of these bytes.
fn say_bytes(uid: &[u8]) -> Vec<u8> {
    [br#"{"type":"ping","uid":""#.as_slice(), uid, br#""}"#].concat()
}

fn valid() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, uid) in VALID {
        rows.extend([
            row(format!("valid: {name}"), &[text(say(uid))], &[answer(uid)]),
            row(format!("valid, a frame for each byte: {name}"), &in_parts(TEXT, say(uid).as_bytes(), 1), &[answer(uid)]),
            row(format!("valid as binary: {name}"), &in_parts(BINARY, say(uid).as_bytes(), 3), &[answer(uid)]),
        ]);
    }
    let (uid, message) = ("κ🎈", say("κ🎈"));
    rows.extend((1..message.len()).map(|cut| {
        let (head, tail) = message.as_bytes().split_at(cut);
        let parts = [text(head).more(), ping("p"), continuation(tail)];
        row(format!("valid, cut at byte {cut} with a ping in the cut"), &parts, &[pong("p"), answer(uid)])
    }));
    rows
}

fn invalid() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, bytes) in INVALID {
        rows.extend([
            row(format!("invalid: {name}"), &[text(bytes)], &[closed(1007)]),
            row(format!("invalid inside a message: {name}"), &[text(say_bytes(bytes))], &[closed(1007)]),
            row(format!("invalid, a frame for each byte: {name}"), &in_parts(TEXT, &say_bytes(bytes), 1), &[closed(1007)]),
            row(format!("invalid, and the message never ends: {name}"), &[text(say_bytes(bytes)).more()], &[closed(1007)]),
            row(
                format!("invalid in a continuation, and the message never ends: {name}"),
                &[text("{").more(), continuation(say_bytes(bytes)).more()],
                &[closed(1007)],
            ),
        ]);
    }
    for (name, bytes) in [("two", b"\xc3".as_slice()), ("three", b"\xe2\x82"), ("four", b"\xf0\x9f\x8e")] {
        rows.extend([
            row(format!("a character of {name} bytes cut off at the end"), &[text(bytes)], &[closed(1007)]),
            row(
                format!("a character of {name} bytes cut off at the end of a continuation"),
                &[text(r#""a"#).more(), continuation(bytes)],
                &[closed(1007)],
            ),
            row(
                format!("a character of {name} bytes that an empty part ends"),
                &[text(bytes).more(), continuation("").more(), continuation("")],
                &[closed(1007)],
            ),
            row(
                format!("a character of {name} bytes that goes on wrongly in the next part, and the message never ends"),
                &[text(bytes).more(), continuation("x").more()],
                &[closed(1007)],
            ),
        ]);
    }
    rows.push(row(
        "a character over two parts, then a wrong one",
        &[text(b"\"\xf0\x9f".as_slice()).more(), continuation(b"\x8e\x88\xff".as_slice()).more()],
        &[closed(1007)],
    ));
    rows.push(row("what came before bad text is answered", &[text(say("a")), text(b"\xff".as_slice())], &[answer("a"), closed(1007)]));
    rows
}

/// Binary messages are no text: bytes that are no UTF-8 become replacement characters.
fn binary() -> Vec<Row> {
    vec![
        row("bad UTF-8 in a binary message", &[frame(BINARY, say_bytes(b"\xff"))], &[answer("\u{fffd}")]),
        row("bad UTF-8 in a binary message of parts", &in_parts(BINARY, &say_bytes(b"\xff"), 5), &[answer("\u{fffd}")]),
        row("a binary message that is nothing else", &[frame(BINARY, b"\xff\xfe".as_slice())], &[Expect::Unparsable]),
    ]
}

#[test]
fn rfc6455_8_1_text_is_utf_8() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &[valid(), binary()].concat()).await?;
        ground.end().await
    });
}

#[test]
fn rfc6455_8_1_bad_utf_8_fails_the_connection_at_once() {
    run(async {
        let _machine = beside_others().await;
        let ground = Ground::new().await?;
        play(ground.port(), Phase::Authenticated, &invalid()).await?;
        let before = [
            row("bad UTF-8", &[text(b"\xff".as_slice())], &[closed(1007)]),
            row("bad UTF-8, and the message never ends", &[text(b"\xff".as_slice()).more()], &[closed(1007)]),
        ];
        play(ground.port(), Phase::Unauthenticated, &before).await?;
        ground.end().await
    });
}
