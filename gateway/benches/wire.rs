//! What every message costs at the edge: reading one from a client, and writing one for a group.
//!
//! Sizes are those of a chat: a subscription with a filter in, a row of 150 bytes out.

#![expect(clippy::unwrap_used, missing_docs, reason = "the input is fixed; criterion makes functions without docs")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gateway::connection::frame::Frame;
use gateway::protocol::items::ItemsMessage;
use gateway::protocol::subscribe::SubscribeMessage;
use gateway::protocol::{envelope, subscription};

const SUBSCRIBE: &str = r#"{"type":"subscribe","collection":"messages","uid":"17","query":{"fields":["id","text","user.name"],"filter":{"_and":[{"room":{"_eq":42}},{"user":{"_eq":"$CURRENT_USER"}}]},"sort":["-date_created"],"limit":50}}"#;
const CREATE: &str = r#"{"type":"items","action":"create","collection":"messages","uid":18,"data":{"text":"a text of moderate length, as messages have","room":42}}"#;
const ROWS: &str = r#"[{"id":4711,"text":"a text of moderate length, as messages have","user":"a0000000-0000-4000-8000-000000000001"}]"#;

fn wire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire");
    group.bench_function("read subscribe", |bencher| {
        bencher.iter(|| SubscribeMessage::read(envelope::parse(black_box(SUBSCRIBE.as_bytes())).unwrap()).unwrap());
    });
    group.bench_function("read create", |bencher| {
        bencher.iter(|| ItemsMessage::read(envelope::parse(black_box(CREATE.as_bytes())).unwrap()).unwrap());
    });
    group.bench_function("ping, the shortest message", |bencher| {
        bencher.iter(|| envelope::parse(black_box(br#"{"type":"ping"}"#)).unwrap());
    });
    group.bench_function("write an event, once per group", |bencher| {
        bencher.iter(|| subscription::head("create", Some(black_box(ROWS.as_bytes())), None));
    });
    let head = subscription::head("create", Some(ROWS.as_bytes()), None);
    group.bench_function("write its frame, once per uid", |bencher| {
        bencher.iter(|| Frame::text_of(&[black_box(&head), &subscription::tail(Some("17"))]));
    });
    let frame = Frame::text_of(&[&head, &subscription::tail(Some("17"))]);
    group.bench_function("hand it to a member", |bencher| bencher.iter(|| black_box(&frame).clone()));
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
