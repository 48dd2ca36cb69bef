//! Bytes from a socket: the envelope and every type of message. What is accepted is what a JSON parser accepts, and what is
//! answered is valid JSON with the `uid` of the request.
#![no_main]

use access::refusal::Refusal;
use gateway::connection::frame::Frame;
use gateway::error::ClientError;
use gateway::protocol::auth::AuthMessage;
use gateway::protocol::envelope::{self, Envelope, EnvelopeFault};
use gateway::protocol::items::ItemsMessage;
use gateway::protocol::server::{self, MessageType};
use gateway::protocol::subscribe::SubscribeMessage;
use gateway::protocol::unsubscribe::UnsubscribeMessage;
use gateway_fuzz::mutate;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::Value;

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let judged = serde_json::from_slice::<Value>(String::from_utf8_lossy(data).as_bytes());
    match (envelope::parse(data), judged) {
        (Ok(message), Ok(judged)) => {
            assert_eq!(judged["type"], message.kind.as_str());
            assert!(!has_prototype(&Value::Object(message.members.clone())));
            read(&message);
        }
        (Err(EnvelopeFault::Invalid(text)), Ok(_)) => {
            assert!(text.starts_with("Validation error: "), "{text}");
            check(&server::error(MessageType::Server, &ClientError::Refusal(Refusal::InvalidMessage(text)), None), None);
        }
        (Err(EnvelopeFault::Unparsable), Err(_)) | (Err(EnvelopeFault::TooManyValues), _) => {}
        (ours, judged) => panic!("{ours:?}, but a JSON parser says {judged:?}"),
    }
});

/// As a message of every type, whatever its own type is.
fn read(message: &Envelope) {
    let uid = message.uid.as_ref();
    let fault = |kind: MessageType, text: String| {
        assert!(!text.is_empty());
        check(&server::error(kind, &ClientError::Refusal(Refusal::InvalidMessage(text)), uid), Some(message));
    };
    match AuthMessage::read(message) {
        Ok(auth) => assert!(auth.login.is_some() || auth.refresh_token.is_some() || auth.access_token.is_some()),
        Err(text) => fault(MessageType::Auth, text),
    }
    match ItemsMessage::read(message.clone()) {
        Ok(items) => assert_eq!(message.members["action"], items.request.action()),
        Err(text) => fault(MessageType::Items, text),
    }
    match SubscribeMessage::read(message.clone()) {
        Ok(subscribe) => assert_eq!(message.members["collection"], subscribe.collection.as_str()),
        Err(text) => fault(MessageType::Subscribe, text),
    }
    let unsubscribe = UnsubscribeMessage::read(message.clone());
    assert!(unsubscribe.uid.is_none() || uid.is_some());
    check(&server::pong(uid), Some(message));
    check(&server::unsubscribed(uid), Some(message));
}

/// The frame holds one JSON object, with the `uid` as a JavaScript client would have sent it.
fn check(frame: &Frame, request: Option<&Envelope>) {
    let bytes = frame.bytes();
    let head = match bytes[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let answer: Value = serde_json::from_slice(&bytes[head..]).expect("answers are JSON");
    assert!(answer["type"].is_string() && answer["status"].is_string(), "{answer}");
    match request.and_then(|request| request.members.get("uid")) {
        Some(Value::Number(number)) => assert_eq!(answer["uid"].as_f64(), number.as_f64(), "{answer}"),
        Some(uid) => assert_eq!(answer["uid"], *uid),
        None => assert!(answer.get("uid").is_none(), "{answer}"),
    }
}

fn has_prototype(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key("__proto__") || members.values().any(has_prototype),
        Value::Array(items) => items.iter().any(has_prototype),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
