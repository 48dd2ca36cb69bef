//! graphql-transport-ws: what a client says on the GraphQL endpoint, and what it is told.
//!
//! A message that is JSON with a `type` is read here; what is none is refused by the envelope. It must never look into a
//! document: a query is text until the schema is known. The frames of one result differ in their id only: [`next`] puts
//! it in front of a payload that was rendered once.
//!
//! Cost of [`next`]: one allocation and one copy of the payload.

use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::issue;
use super::server::write_text;
use crate::connection::frame::Frame;

/// The subprotocol.
pub const SUBPROTOCOL: &str = "graphql-transport-ws";

/// What a client wants executed, over a socket or by HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The document.
    pub query: String,
    /// `variables`; empty where there are none.
    pub variables: Map<String, Value>,
    /// `operationName`.
    pub name: Option<String>,
}

/// What stands behind the payload of a `next`.
pub const NEXT_TAIL: &[u8] = b"}";

/// A message of the subprotocol.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// `connection_init`.
    Initialise {
        /// `payload`, as sent.
        payload: Option<Value>,
    },
    /// `ping`, with what its answer repeats.
    Ping(Option<Value>),
    /// `subscribe`: any operation.
    Subscribe {
        /// The client's name for it.
        id: String,
        /// What to do.
        operation: Operation,
    },
    /// `complete`.
    Complete {
        /// Which operation.
        id: String,
    },
    /// What only a server has reason to say, and `pong`.
    Nothing,
    /// A type that nobody knows, or members of the wrong kind.
    Invalid,
}

impl ClientMessage {
    /// Reads a message.
    #[must_use]
    pub fn read(message: Envelope) -> Self {
        let Envelope { kind, mut members, .. } = message;
        let payload = members.remove("payload");
        let id = match members.remove("id") {
            Some(Value::String(id)) if !id.is_empty() => Some(id),
            Some(_) | None => None,
        };
        let introduces = payload.as_ref().is_none_or(|payload| payload.is_null() || payload.is_object());
        match (kind.as_str(), id) {
            ("connection_init", _) => Self::Initialise { payload },
            ("ping", _) if introduces => Self::Ping(payload.filter(|payload| !payload.is_null())),
            ("pong" | "connection_ack", _) if introduces => Self::Nothing,
            ("subscribe", Some(id)) => match payload.and_then(operation) {
                Some(operation) => Self::Subscribe { id, operation },
                None => Self::Invalid,
            },
            ("complete", Some(id)) => Self::Complete { id },
            ("next", Some(_)) if payload.as_ref().is_some_and(Value::is_object) => Self::Nothing,
            ("error", Some(_)) if payload.as_ref().is_some_and(is_list_of_errors) => Self::Nothing,
            _ => Self::Invalid,
        }
    }
}

/// The token in the payload of a `connection_init`; `None` where there is none.
///
/// # Errors
/// The text for the client, when the payload is of the wrong kind.
pub fn access_token(payload: Option<Value>) -> Result<Option<String>, String> {
    match payload {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(mut members)) => match members.remove("access_token") {
            None => Ok(None),
            Some(Value::String(token)) => Ok(Some(token)),
            wrong @ Some(_) => Err(issue::all(&[issue::expected("string", wrong.as_ref(), "access_token")])),
        },
        wrong @ Some(_) => Err(issue::all(&[issue::expected("object", wrong.as_ref(), "")])),
    }
}

/// The operation in a payload or in the body of a request; `None` where a member is of the wrong kind.
#[must_use]
pub fn operation(payload: Value) -> Option<Operation> {
    let Value::Object(mut members) = payload else { return None };
    let Some(Value::String(query)) = members.remove("query") else { return None };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => return None,
    };
    let name = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return None,
    };
    match members.get("extensions") {
        None | Some(Value::Null | Value::Object(_)) => Some(Operation { query, variables, name }),
        Some(_) => None,
    }
}

fn is_list_of_errors(payload: &Value) -> bool {
    payload.as_array().is_some_and(|errors| !errors.is_empty() && errors.iter().all(|error| error.get("message").is_some()))
}

/// The answer to a good `connection_init`.
#[must_use]
pub fn acknowledged() -> Frame {
    Frame::text(br#"{"type":"connection_ack"}"#)
}

/// The answer to a `connection_init` whose payload is of the wrong kind.
#[must_use]
pub fn malformed_initialisation(text: &str) -> Frame {
    let mut json = br#"{"type":"error","status":"error","error":{"code":"INVALID_PAYLOAD","message":"#.to_vec();
    write_text(&mut json, text);
    json.extend_from_slice(b"}}");
    Frame::text(&json)
}

/// The answer to a `ping`.
#[must_use]
pub fn pong(payload: Option<&Value>) -> Frame {
    match payload {
        None => Frame::text(br#"{"type":"pong"}"#),
        Some(payload) => Frame::text(format!("{{\"type\":\"pong\",\"payload\":{payload}}}").as_bytes()),
    }
}

/// One result of an operation. `payload` is JSON: `{"data":…}`, with `errors` where there are any.
#[must_use]
pub fn next(id: &str, payload: &[u8]) -> Frame {
    Frame::text_of(&[&next_head(id), payload, NEXT_TAIL])
}

/// What stands before the payload of a `next` for `id`.
#[must_use]
pub fn next_head(id: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(id.len() + 40);
    head.extend_from_slice(b"{\"id\":");
    write_text(&mut head, id);
    head.extend_from_slice(b",\"type\":\"next\",\"payload\":");
    head
}

/// The end of an operation by an error that came before its execution. `errors` is a JSON list.
#[must_use]
pub fn error(id: &str, errors: &[u8]) -> Frame {
    let mut head = Vec::with_capacity(id.len() + 40);
    head.extend_from_slice(b"{\"id\":");
    write_text(&mut head, id);
    head.extend_from_slice(b",\"type\":\"error\",\"payload\":");
    Frame::text_of(&[&head, errors, b"}"])
}

/// The end of an operation.
#[must_use]
pub fn complete(id: &str) -> Frame {
    let mut json = b"{\"id\":".to_vec();
    write_text(&mut json, id);
    json.extend_from_slice(b",\"type\":\"complete\"}");
    Frame::text(&json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::envelope;

    fn read(message: &Value) -> ClientMessage {
        ClientMessage::read(envelope::parse(message.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn operations_are_read() {
        let payload = json!({"query": "q", "variables": {"a": 1}, "operationName": "n", "extensions": {}});
        let operation = Operation { query: "q".into(), variables: json!({"a": 1}).as_object().unwrap().clone(), name: Some("n".into()) };
        assert_eq!(
            read(&json!({"type": "subscribe", "id": "1", "payload": payload})),
            ClientMessage::Subscribe { id: "1".into(), operation }
        );
        let bare = Operation { query: String::new(), variables: Map::new(), name: None };
        let nulls = json!({"query": "", "variables": null, "operationName": null, "extensions": null});
        assert_eq!(
            read(&json!({"type": "subscribe", "id": "1", "payload": nulls})),
            ClientMessage::Subscribe { id: "1".into(), operation: bare }
        );
    }

    #[test]
    fn what_is_malformed_is_invalid() {
        for message in [
            json!({"type": "subscribe", "payload": {"query": "q"}}),
            json!({"type": "subscribe", "id": 1, "payload": {"query": "q"}}),
            json!({"type": "subscribe", "id": "", "payload": {"query": "q"}}),
            json!({"type": "subscribe", "id": "1"}),
            json!({"type": "subscribe", "id": "1", "payload": []}),
            json!({"type": "subscribe", "id": "1", "payload": {}}),
            json!({"type": "subscribe", "id": "1", "payload": {"query": 5}}),
            json!({"type": "subscribe", "id": "1", "payload": {"query": "q", "variables": []}}),
            json!({"type": "subscribe", "id": "1", "payload": {"query": "q", "operationName": 5}}),
            json!({"type": "subscribe", "id": "1", "payload": {"query": "q", "extensions": "x"}}),
            json!({"type": "complete"}),
            json!({"type": "next"}),
            json!({"type": "error", "id": "a", "payload": []}),
            json!({"type": "ping", "payload": "x"}),
            json!({"type": "items", "action": "read", "collection": "messages"}),
            json!({"type": "Subscribe", "id": "1", "payload": {"query": "q"}}),
        ] {
            assert_eq!(read(&message), ClientMessage::Invalid, "{message}");
        }
        for message in [
            json!({"type": "pong"}),
            json!({"type": "connection_ack", "payload": {}}),
            json!({"type": "next", "id": "a", "payload": {"data": {}}}),
            json!({"type": "error", "id": "a", "payload": [{"message": "m"}]}),
        ] {
            assert_eq!(read(&message), ClientMessage::Nothing, "{message}");
        }
        assert_eq!(read(&json!({"type": "ping", "payload": null})), ClientMessage::Ping(None));
        assert_eq!(read(&json!({"type": "complete", "id": "a"})), ClientMessage::Complete { id: "a".into() });
    }

    #[test]
    fn the_token_of_an_initialisation() {
        assert_eq!(access_token(None), Ok(None));
        assert_eq!(access_token(Some(json!({}))), Ok(None));
        assert_eq!(access_token(Some(json!({"access_token": "t"}))), Ok(Some("t".to_owned())));
        for (payload, text) in [
            (json!({"access_token": 5}), "expected string, received number at \"access_token\""),
            (json!({"access_token": null}), "expected string, received null at \"access_token\""),
            (json!("x"), "expected object, received string"),
            (json!([]), "expected object, received array"),
        ] {
            assert_eq!(access_token(Some(payload)), Err(format!("Validation error: Invalid input: {text}")));
        }
    }

    #[test]
    fn frames_are_exact() {
        let check =
            |frame: &Frame, expect: &str| assert_eq!(*frame, Frame::text(expect.as_bytes()), "{}", String::from_utf8_lossy(frame.bytes()));
        check(&next("a\"", br#"{"data":null}"#), r#"{"id":"a\"","type":"next","payload":{"data":null}}"#);
        check(&error("a", br#"[{"message":"m"}]"#), r#"{"id":"a","type":"error","payload":[{"message":"m"}]}"#);
        check(&complete("a"), r#"{"id":"a","type":"complete"}"#);
        check(&pong(None), r#"{"type":"pong"}"#);
        check(&pong(Some(&json!({"a": 1}))), r#"{"type":"pong","payload":{"a":1}}"#);
        check(&malformed_initialisation("x"), r#"{"type":"error","status":"error","error":{"code":"INVALID_PAYLOAD","message":"x"}}"#);
    }
}
