//! Section 10.4: sizes. The bound is one of messages, however many frames they come in, and it is smaller before a client
//! has authenticated.
//!
//! It must never send a whole message where its header alone has to be enough.

use anyhow::Result;

use super::Ground;
use super::peer::{Delivery, Peer};
use super::table::{Expect, Phase, Row, answer, closed, expect_all, play, pong, row};
use super::wire::{BINARY, Frame, TEXT, continuation, frame, in_parts, ping, say, say_at_length, text};
use crate::harness::gateway::{ADMIN_TOKEN, Program};
use crate::harness::{beside_others, run};

const LARGEST: usize = 20_000;
const LARGEST_BEFORE: usize = 1000;

/// An `auth` message of this length.
fn auth_at_length(length: usize) -> String {
    let head = format!(r#"{{"type":"auth","access_token":"{ADMIN_TOKEN}","pad":""#);
    format!("{head}{}\"}}", "a".repeat(length.saturating_sub(head.len() + 2)))
}

fn authenticated() -> Vec<Row> {
    let most = say_at_length("a", LARGEST);
    let more = say_at_length("a", LARGEST + 1);
    let with_pings = |parts: Vec<Frame>| -> Vec<Frame> { parts.into_iter().flat_map(|part| [part, ping(vec![b'p'; 125])]).collect() };
    let parts = in_parts(TEXT, most.as_bytes(), 5000);
    let pings = parts.len();
    // The last ping stands behind the whole message.
    let mut answers = vec![pong(vec![b'p'; 125]); pings];
    answers.insert(pings - 1, answer("a"));
    vec![
        row("the largest message", &[text(most.as_str())], &[answer("a")]),
        row("the largest binary message", &[frame(BINARY, most.as_str())], &[answer("a")]),
        row("the largest message in parts", &in_parts(TEXT, most.as_bytes(), 7000), &[answer("a")]),
        row("the largest message in parts of one byte", &in_parts(TEXT, most.as_bytes(), 1), &[answer("a")]),
        row("control frames between the parts do not count", &with_pings(parts), &answers),
        row("every message has the whole bound", &vec![text(most.as_str()); 3], &[answer("a"), answer("a"), answer("a")]),
        row(
            "every message in parts has the whole bound",
            &[in_parts(TEXT, most.as_bytes(), 9999), in_parts(TEXT, most.as_bytes(), 9999)].concat(),
            &[answer("a"), answer("a")],
        ),
        row(
            "ten thousand empty parts are a message",
            &[vec![text(say("a")).more()], vec![continuation("").more(); 10_000], vec![continuation("")]].concat(),
            &[answer("a")],
        ),
        row("one byte too many", &[text(more.as_str())], &[closed(1009)]),
        row("one byte too many as binary", &[frame(BINARY, more.as_str())], &[closed(1009)]),
        row("one byte too many, of which only the header comes", &[text("").declaring(LARGEST as u64 + 1)], &[closed(1009)]),
        row("one byte too many in two parts", &in_parts(TEXT, more.as_bytes(), LARGEST), &[closed(1009)]),
        row("one byte too many in parts", &in_parts(TEXT, more.as_bytes(), 3000), &[closed(1009)]),
        row("one byte too many in parts of one byte", &in_parts(BINARY, more.as_bytes(), 1), &[closed(1009)]),
        row(
            "two parts that are too much together, of which the second is a header only",
            &[text(vec![b'a'; 15_000]).more(), continuation("").declaring(70_000)],
            &[closed(1009)],
        ),
        row(
            "parts that are too much, and no last one",
            &[text(vec![b'a'; 10_000]).more(), continuation(vec![b'a'; 10_000]).more(), continuation("a").more()],
            &[closed(1009)],
        ),
        row("what came before is answered", &[text(say("a")), text(more)], &[answer("a"), closed(1009)]),
    ]
}

fn unauthenticated() -> Vec<Row> {
    vec![
        row("one byte too many", &[text(auth_at_length(LARGEST_BEFORE + 1))], &[closed(1009)]),
        row("one byte too many, of which only the header comes", &[text("").declaring(LARGEST_BEFORE as u64 + 1)], &[closed(1009)]),
        row("one byte too many in parts", &in_parts(TEXT, auth_at_length(LARGEST_BEFORE + 1).as_bytes(), 400), &[closed(1009)]),
        row(
            "parts that are too much, and no last one",
            &[text(vec![b'a'; 600]).more(), continuation(vec![b'a'; 401]).more()],
            &[closed(1009)],
        ),
        row("as much as is allowed later", &[text("").declaring(LARGEST as u64)], &[closed(1009)]),
    ]
}

/// The largest `auth` message opens the door, and the larger bound counts from then on.
async fn authentication_raises_the_bound(port: u16) -> Result<()> {
    for parts in [vec![text(auth_at_length(LARGEST_BEFORE))], in_parts(TEXT, auth_at_length(LARGEST_BEFORE).as_bytes(), 300)] {
        let mut peer = Peer::unauthenticated(port).await?;
        let auth: Vec<u8> = parts.iter().flat_map(Frame::bytes).collect();
        peer.deliver(&auth, Delivery::Whole).await?;
        expect_all(&mut peer, &[Expect::Authenticated]).await?;
        peer.deliver(&text(say_at_length("a", LARGEST)).bytes(), Delivery::Whole).await?;
        expect_all(&mut peer, &[answer("a")]).await?;
        peer.deliver(&text(say_at_length("a", LARGEST + 1)).bytes(), Delivery::Whole).await?;
        expect_all(&mut peer, &[closed(1009)]).await?;
    }
    Ok(())
}

#[test]
fn rfc6455_10_4_messages_have_a_bound() {
    run(async {
        let _machine = beside_others().await;
        let program = Program::gateway(&["standalone"])
            .env("GATEWAY_MAX_MESSAGE_BYTES", LARGEST.to_string())
            .env("GATEWAY_MAX_MESSAGE_BYTES_UNAUTHENTICATED", LARGEST_BEFORE.to_string());
        let ground = Ground::of(program).await?;
        play(ground.port(), Phase::Authenticated, &authenticated()).await?;
        play(ground.port(), Phase::Unauthenticated, &unauthenticated()).await?;
        authentication_raises_the_bound(ground.port()).await?;
        ground.end().await
    });
}
