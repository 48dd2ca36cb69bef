use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::IntGauge;
use tokio::io::AsyncWriteExt as _;

use crate::config::AuthMode;
use crate::connection::endpoint::{EndpointKind, RightsChange};
use crate::connection::testing::{
    BINARY, CLOSE, CONTINUATION, LARGE, PING, PONG, SMALL, Seen, Setting, Stage, TEXT, TestEndpoint, connections, masked, opening, user,
};
use crate::limits::MessageMemory;

const MIB: usize = 1024 * 1024;
const AUTH_TIMEOUT: &str = r#"{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Authentication timed out."}}"#;
const TOKEN_EXPIRED: &str = r#"{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}"#;
const PING_FRAME: &str = r#"{"type":"ping","status":"ok"}"#;

#[tokio::test]
async fn messages_are_whole_whatever_their_frames() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("one").await;
    assert_eq!(stage.client.read_text().await, "one");
    stage.client.frame(true, BINARY, b"\xffbin").await;
    assert_eq!(stage.client.read().await, (TEXT, b"\xffbin".to_vec()));
    // "ü" is cut in two, and a ping comes in between.
    stage.client.frame(false, TEXT, b"a\xc3").await;
    stage.client.frame(true, PING, b"in between").await;
    stage.client.frame(false, CONTINUATION, b"").await;
    stage.client.frame(true, PONG, b"").await;
    stage.client.frame(true, CONTINUATION, b"\xbcb").await;
    assert_eq!(stage.client.read().await, (PONG, b"in between".to_vec()));
    assert_eq!(stage.client.read_text().await, "aüb");
    stage.client.frame(true, TEXT, &vec![b'x'; LARGE]).await;
    assert_eq!(stage.client.read_text().await.len(), LARGE);
    stage.client.frame(true, CLOSE, &3000_u16.to_be_bytes()).await;
    assert_eq!(stage.client.closed().await, Some(3000));
    stage.end().await;
}

#[tokio::test]
async fn bytes_in_any_portions_make_the_same_messages() {
    let mut stage = Stage::set(Setting::default()).await;
    let mut bytes: Vec<u8> = (0..20).flat_map(|number: u32| masked(true, TEXT, format!("message {number}").as_bytes())).collect();
    // A head that is longer than need be.
    bytes.extend_from_slice(&[0x81, 0x80 | 126, 0, 2, 0, 0, 0, 0, b'o', b'k']);
    bytes.extend(masked(true, TEXT, &vec![b'y'; 70_000]));
    for portion in [1, 3, 7, 4096, bytes.len()] {
        for part in bytes.chunks(portion) {
            stage.client.bytes(part).await;
        }
        for number in 0..20 {
            assert_eq!(stage.client.read_text().await, format!("message {number}"));
        }
        assert_eq!(stage.client.read_text().await, "ok");
        assert_eq!(stage.client.read_text().await.len(), 70_000);
    }
    stage.client.frame(true, CLOSE, b"").await;
    assert_eq!(stage.client.closed().await, None);
    stage.end().await;
}

#[tokio::test]
async fn bytes_behind_the_upgrade_are_not_lost() {
    // The mask is zero: "early" as it is, then half a frame.
    let mut stage = Stage::set(Setting { early: b"\x81\x85\0\0\0\0early\x81\x84\0\0", ..Setting::default() }).await;
    assert_eq!(stage.client.read_text().await, "early");
    stage.client.bytes(b"\0\0late").await;
    assert_eq!(stage.client.read_text().await, "late");
}

#[tokio::test]
async fn broken_frames_close_with_their_code() {
    let close = |code: u16| masked(true, CLOSE, &code.to_be_bytes());
    let text = |fin: bool, payload: &[u8]| masked(fin, TEXT, payload);
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", b"\x81\x02hi".to_vec(), 1002),
        ("bad UTF-8", text(true, b"\xff\xfe"), 1007),
        ("UTF-8 cut off", [text(false, b"\xe2\x82"), masked(true, CONTINUATION, b"\"")].concat(), 1007),
        ("unknown opcode", masked(true, 3, b""), 1002),
        ("reserved bit", masked(true, TEXT | 0x40, b""), 1002),
        ("continuation of nothing", masked(true, CONTINUATION, b""), 1002),
        ("message in a message", [text(false, b"a"), text(true, b"b")].concat(), 1002),
        ("ping in fragments", masked(false, PING, b""), 1002),
        ("long ping", masked(true, PING, &[b'x'; 126]), 1002),
        ("long pong", masked(true, PONG, &[b'x'; 126]), 1002),
        ("long close", masked(true, CLOSE, &[vec![3, 232], vec![b'x'; 124]].concat()), 1002),
        ("close of one byte", masked(true, CLOSE, b"\x03"), 1002),
        ("close with 1005", close(1005), 1002),
        ("close with 0", close(0), 1002),
        ("close with a reason that is no text", masked(true, CLOSE, b"\x03\xe8\xff"), 1007),
        ("a length of 2^63", [vec![0x82, 0xff], (1_u64 << 63).to_be_bytes().to_vec(), vec![0; 4]].concat(), 1009),
        ("one byte too many", text(true, &vec![b'x'; LARGE + 1]), 1009),
        ("too many in fragments", [text(false, &vec![b'x'; LARGE]), masked(true, CONTINUATION, b"x")].concat(), 1009),
    ];
    for (what, bytes, code) in cases {
        let mut stage = Stage::set(Setting::default()).await;
        stage.client.bytes(&bytes).await;
        assert_eq!(stage.client.closed().await, Some(code), "{what}");
        stage.end().await;
    }
}

#[tokio::test]
async fn who_goes_on_sending_still_sees_the_close() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.frame(true, BINARY, &vec![b'x'; 20_000_000]).await;
    assert_eq!(stage.client.closed().await, Some(1009));
    stage.end().await;
}

#[tokio::test]
async fn a_connection_that_must_authenticate_may_not_send_much() {
    let mut stage = Stage::set(Setting { mode: AuthMode::Handshake, ..Setting::default() }).await;
    stage.client.frame(true, TEXT, &[b'x'; SMALL]).await;
    assert_eq!(stage.client.read_text().await.len(), SMALL);
    stage.client.frame(true, TEXT, &[b'x'; SMALL + 1]).await;
    assert_eq!(stage.client.closed().await, Some(1009));
    stage.end().await;
    let mut stage = Stage::set(Setting { mode: AuthMode::Handshake, ..Setting::default() }).await;
    stage.client.text("auth").await;
    stage.client.frame(true, TEXT, &[b'x'; SMALL + 1]).await;
    assert_eq!(stage.client.read_text().await.len(), SMALL + 1);
}

#[tokio::test]
async fn who_does_not_authenticate_is_told_and_closed() {
    let short = Duration::from_millis(100);
    let mut stage = Stage::set(Setting { mode: AuthMode::Handshake, auth_timeout: short, ..Setting::default() }).await;
    assert_eq!(stage.client.read_text().await, AUTH_TIMEOUT);
    assert_eq!(stage.client.closed().await, None);
    stage.end().await;
}

#[tokio::test]
async fn an_authentication_in_progress_stops_the_clock() {
    let short = Duration::from_millis(100);
    let mut stage = Stage::set(Setting { mode: AuthMode::Handshake, auth_timeout: short, ..Setting::default() }).await;
    stage.client.text("begin").await;
    assert_eq!(stage.next().await, Seen::Message(b"begin".to_vec()));
    assert!(tokio::time::timeout(3 * short, stage.client.read()).await.is_err(), "nothing is sent and nothing closed");
}

#[tokio::test]
async fn nobody_has_to_authenticate_where_it_is_not_asked_for() {
    let short = Duration::from_millis(50);
    let request = Setting { mode: AuthMode::Handshake, identity: Some(user(None)), auth_timeout: short, ..Setting::default() };
    for setting in [Setting { auth_timeout: short, ..Setting::default() }, request] {
        let mut stage = Stage::set(setting).await;
        assert!(tokio::time::timeout(4 * short, stage.client.read()).await.is_err(), "nothing is sent and nothing closed");
        stage.client.text("still here").await;
        assert_eq!(stage.client.read_text().await, "still here");
    }
}

#[tokio::test]
async fn an_expired_token_has_a_time_of_grace() {
    let grace = Duration::from_millis(200);
    let identity = || Some(user(Some(Duration::from_millis(700))));
    for mode in [AuthMode::Handshake, AuthMode::Strict, AuthMode::Public] {
        let mut stage = Stage::set(Setting { mode, identity: identity(), auth_timeout: grace, ..Setting::default() }).await;
        stage.client.text("open").await;
        assert_eq!(stage.client.read_text().await, "open");
        assert_eq!(stage.next().await, Seen::Message(b"open".to_vec()));
        let session = stage.connections.sessions().pop().unwrap();
        assert!(session.accountability().user.is_some());
        assert_eq!(stage.client.read_text().await, TOKEN_EXPIRED);
        let expired = Instant::now();
        assert!(session.accountability().user.is_none(), "public rights from then on");
        assert_eq!(stage.next().await, Seen::Rights(RightsChange::Expired));
        assert_eq!(stage.client.read_text().await, AUTH_TIMEOUT);
        assert!(expired.elapsed() >= grace / 2);
        if mode == AuthMode::Public {
            assert_eq!(stage.next().await, Seen::Rights(RightsChange::Lost));
            stage.client.text("still here").await;
            assert_eq!(stage.client.read_text().await, "still here");
        } else {
            assert_eq!(stage.client.closed().await, None);
        }
    }
}

#[tokio::test]
async fn a_new_token_ends_the_grace_and_the_old_ones_clock() {
    let grace = Duration::from_millis(200);
    let identity = Some(user(Some(Duration::from_millis(100))));
    let mut stage = Stage::set(Setting { mode: AuthMode::Strict, identity, auth_timeout: grace, ..Setting::default() }).await;
    assert_eq!(stage.client.read_text().await, TOKEN_EXPIRED);
    stage.client.text("auth for 1s").await;
    assert!(tokio::time::timeout(2 * grace, stage.client.read()).await.is_err(), "the grace is over");
    stage.client.text("auth").await;
    assert!(tokio::time::timeout(Duration::from_millis(1200), stage.client.read()).await.is_err(), "the token that ended was not the last");
}

#[tokio::test]
async fn a_silent_client_is_pinged_once_and_closed() {
    let period = Duration::from_millis(300);
    let start = Instant::now();
    let mut stage = Stage::set(Setting { heartbeat: Some(period), ..Setting::default() }).await;
    assert_eq!(stage.client.read_text().await, PING_FRAME);
    assert!(start.elapsed() >= period / 2);
    assert_eq!(stage.client.read().await.0, CLOSE);
    assert!((period.mul_f64(1.5)..period * 3).contains(&start.elapsed()), "{:?}", start.elapsed());
    stage.client.frame(true, CLOSE, b"").await;
    stage.end().await;
}

#[tokio::test]
async fn any_frame_is_a_life_sign() {
    let period = Duration::from_millis(150);
    let mut stage = Stage::set(Setting { heartbeat: Some(period), ..Setting::default() }).await;
    for round in 0..6 {
        assert_eq!(stage.client.read_text().await, PING_FRAME, "{round}");
        let opcode = if round % 2 == 0 { PONG } else { PING };
        stage.client.frame(true, opcode, b"").await;
        if opcode == PING {
            assert_eq!(stage.client.read().await.0, PONG);
        }
    }
    assert_eq!(stage.client.read_text().await, PING_FRAME);
    // Not even a whole frame is needed: a large message may be under way for longer than a period.
    stage.client.bytes(b"\x81").await;
    assert_eq!(stage.client.read_text().await, PING_FRAME);
}

#[tokio::test]
async fn nobody_is_pinged_before_he_may_speak() {
    let period = Duration::from_millis(50);
    let setting = Setting { mode: AuthMode::Handshake, heartbeat: Some(period), ..Setting::default() };
    let mut stage = Stage::set(setting).await;
    assert!(tokio::time::timeout(period * 4, stage.client.read()).await.is_err());
    stage.client.text("auth").await;
    assert_eq!(stage.client.read_text().await, PING_FRAME);
}

#[tokio::test]
async fn a_panic_closes_one_connection_and_leaves_nothing() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("panic").await;
    stage.client.ended().await;
    stage.end().await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("hello").await;
    assert_eq!(stage.next().await, Seen::Message(b"hello".to_vec()));
    let Stage { client, mut seen, connections, tasks } = stage;
    drop(client);
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), seen.recv()).await.unwrap(), Some(Seen::Closed));
    assert!(connections.is_empty());
    assert_eq!(tasks.finish(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_a_slow_consumer() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("flood").await;
    assert_eq!(stage.next().await, Seen::Message(b"flood".to_vec()));
    assert_eq!(stage.client.closed().await, Some(4008));
    stage.end().await;
}

#[tokio::test]
async fn an_idle_connection_costs_little() {
    let (open, metrics) = connections(1, None);
    let place = open.reserve(crate::connection::endpoint::EndpointKind::Rest).unwrap();
    let (_client, opening) = opening(Setting::default(), place).await;
    let (sender, _seen) = tokio::sync::mpsc::channel(1);
    let endpoint = TestEndpoint(sender);
    let task = std::mem::size_of_val(&super::run(&endpoint, &metrics, super::open(&metrics, opening)));
    let session = std::mem::size_of::<crate::connection::session::Session>();
    println!("task {task} bytes, session {session} bytes");
    assert!(task < 1536 && session < 512, "what every idle connection holds");
}

#[tokio::test]
async fn a_drain_tells_everybody_to_reconnect() {
    let (open, metrics) = connections(10, None);
    let mut stages = Vec::new();
    for _ in 0..120 {
        stages.push(Stage::join(Setting::default(), Arc::clone(&open), Arc::clone(&metrics)).await);
    }
    // A connection is open once it answers.
    for stage in &mut stages {
        stage.client.text("x").await;
        assert_eq!(stage.client.read_text().await, "x");
    }
    assert_eq!(open.len(), 120);
    let deadline = Duration::from_secs(2);
    let start = Instant::now();
    let draining = Arc::clone(&open);
    let drain = stages[0].tasks.spawn("drain", async move { draining.drain(tokio::time::Instant::now() + deadline, 50).await });
    for stage in &mut stages {
        assert_eq!(stage.client.closed().await, Some(1012));
    }
    assert_eq!(drain.await.unwrap(), Some(0), "nobody had to be cut off");
    assert!(start.elapsed() > deadline / 5 && start.elapsed() < deadline, "in batches: {:?}", start.elapsed());
    assert!(open.reserve(crate::connection::endpoint::EndpointKind::Rest).is_err(), "nothing new");
}

/// What was taken up is answered before the close, and nothing more is taken up.
#[tokio::test]
async fn a_drain_waits_for_what_is_in_work() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("hello").await;
    assert_eq!(stage.client.read_text().await, "hello");
    let session = stage.connections.sessions().pop().unwrap();
    let work = Arc::clone(session.operations()).acquire_owned().await.unwrap();
    let open = Arc::clone(&stage.connections);
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    let drain = stage.tasks.spawn("drain", async move { open.drain(end, 50).await });
    // The drain has begun once nobody gets a permit any more, though one is free.
    while session.operations().try_acquire().is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!session.queue().is_closed());
    session.send(crate::connection::frame::Frame::text(b"the answer"));
    drop(work);
    assert_eq!(stage.client.read_text().await, "the answer");
    assert_eq!(stage.client.closed().await, Some(1012));
    assert!(Arc::clone(session.operations()).acquire_owned().await.is_err(), "nothing more is taken up");
    assert!(stage.connections.reserve(EndpointKind::Rest).is_err());
    drop(session);
    assert_eq!(drain.await.unwrap(), Some(0));
    stage.end().await;
}

/// Messages that are not whole yet count against the whole node: whoever comes last is sent away, and the rest goes on.
#[tokio::test]
async fn what_arrives_in_pieces_has_a_bound_for_all() {
    let memory = MessageMemory::new(3 * MIB, IntGauge::new("memory", "memory").unwrap());
    let setting = || Setting { memory: Arc::clone(&memory), ..Setting::default() };
    let (mut one, mut other) = (Stage::set_with(setting(), 2 * MIB).await, Stage::set_with(setting(), 2 * MIB).await);
    let piece = vec![b'x'; MIB];
    one.client.frame(false, BINARY, &piece).await;
    one.client.frame(false, CONTINUATION, &piece[..MIB / 2]).await;
    one.client.frame(true, PING, b"there").await;
    assert_eq!(one.client.read().await, (PONG, b"there".to_vec()));
    // Half a frame counts like a fragment.
    let frame = masked(true, BINARY, &vec![b'y'; 2 * MIB - 1]);
    let _cut_off = other.client.0.write_all(&frame[..frame.len() - 1]).await;
    assert_eq!(other.client.closed().await, Some(1013));
    other.end().await;
    one.client.frame(true, CONTINUATION, b"").await;
    let Seen::Message(message) = one.next().await else { panic!("a message") };
    assert_eq!(message.len(), MIB + MIB / 2);
    one.end().await;
    assert!(memory.share().resize(3 * MIB).is_ok(), "everything is given back");
}

#[tokio::test]
async fn a_drain_cuts_off_who_does_not_answer() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("x").await;
    assert_eq!(stage.client.read_text().await, "x");
    assert_eq!(stage.connections.drain(tokio::time::Instant::now() + Duration::from_millis(100), 50).await, 1);
    assert_eq!(stage.client.read().await.0, CLOSE);
    // It never answers the close and keeps its side open, and is gone all the same.
    while stage.next().await != Seen::Closed {}
    assert!(stage.connections.is_empty());
}
