//! The `subscribe` message.
//!
//! It must never look into `query`: its faults are found where the schema is known.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::{Uid, issue};

/// The kinds of change that a subscription can be limited to, and that an event frame names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// New items.
    Create,
    /// Changed items, and items that enter the view.
    Update,
    /// Deleted items, and items that leave the view.
    Delete,
}

/// A well-formed subscribe message.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscribeMessage {
    /// `uid` as sent, for errors; as text it names the subscription.
    pub uid: Option<Uid>,
    /// `collection`.
    pub collection: String,
    /// `event`: only this kind.
    pub event: Option<EventKind>,
    /// `item`, a number printed as JavaScript prints it.
    pub item: Option<String>,
    /// `query`; empty where there is none.
    pub query: Map<String, Value>,
    /// `resume`, an extension.
    pub resume: Option<Resume>,
}

/// What a client wants to know about its place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// `true`: each message is to carry its position.
    Positions,
    /// A position: what came after it is to be sent first.
    From(String),
}

impl EventKind {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl SubscribeMessage {
    /// Reads a subscribe message.
    ///
    /// # Errors
    /// The text for the client; the answer has no `uid`.
    pub fn read(message: Envelope) -> Result<Self, String> {
        let Envelope { uid, mut members, .. } = message;
        let mut issues = Vec::new();
        let collection = members.remove("collection");
        if !collection.as_ref().is_some_and(Value::is_string) {
            issues.push(issue::expected("string", collection.as_ref(), "collection"));
        }
        let event = members.get("event");
        let known = event.and_then(Value::as_str).and_then(EventKind::parse);
        if event.is_some() && known.is_none() {
            issues.push(EventKind::ALL.map(|event| issue::literal(event.name(), "event")).join(" or "));
        }
        let item = members.get("item");
        let item_text = item.and_then(Uid::from_value).map(|item| item.as_text().into_owned());
        if item.is_some() && item_text.is_none() {
            issues.push(issue::text_or_number(item, "item"));
        }
        let query = match members.remove("query") {
            None => Map::new(),
            Some(Value::Object(query)) => query,
            wrong @ Some(_) => {
                issues.push(issue::expected("record", wrong.as_ref(), "query"));
                Map::new()
            }
        };
        let resume = match members.remove("resume") {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Resume::Positions),
            Some(Value::String(position)) => Some(Resume::From(position)),
            wrong @ Some(_) => {
                let wrong = wrong.as_ref();
                issues.push(format!("{} or {}", issue::expected("boolean", wrong, "resume"), issue::expected("string", wrong, "resume")));
                None
            }
        };
        match collection {
            Some(Value::String(collection)) if issues.is_empty() => {
                Ok(Self { uid, collection, event: known, item: item_text, query, resume })
            }
            _ => Err(issue::all(&issues)),
        }
    }

    /// Names a resume; two that are equal in every member share the name.
    #[must_use]
    pub fn resumes_as(&self) -> Option<u64> {
        let Some(Resume::From(position)) = &self.resume else { return None };
        let mut hasher = DefaultHasher::new();
        (position, self.uid.as_ref().map(Uid::as_text), &self.collection, self.event, &self.item).hash(&mut hasher);
        serde_json::to_string(&self.query).unwrap_or_default().hash(&mut hasher);
        Some(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::envelope;

    fn read(members: Value) -> Result<SubscribeMessage, String> {
        let mut message = json!({"type": "subscribe"});
        message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        SubscribeMessage::read(envelope::parse(message.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn faults_are_named() {
        let check = |members: Value, expect: &str| assert_eq!(read(members).unwrap_err(), format!("Validation error: {expect}"));
        check(json!({}), "Invalid input: expected string, received undefined at \"collection\"");
        check(json!({"collection": 5}), "Invalid input: expected string, received number at \"collection\"");
        check(json!({"collection": null}), "Invalid input: expected string, received null at \"collection\"");
        let event = "Invalid input: expected \"create\" at \"event\" or Invalid input: expected \"update\" at \"event\" or Invalid input: expected \"delete\" at \"event\"";
        check(json!({"collection": "c", "event": "upsert"}), event);
        check(json!({"collection": "c", "event": null}), event);
        for (item, kind) in [(json!(null), "null"), (json!(true), "boolean"), (json!([1]), "array")] {
            let expect = format!(
                "Invalid input: expected string, received {kind} at \"item\" or Invalid input: expected number, received {kind} at \"item\""
            );
            check(json!({"collection": "c", "item": item}), &expect);
        }
        for (query, kind) in [(json!("x"), "string"), (json!([1]), "array"), (json!(null), "null")] {
            check(json!({"collection": "c", "query": query}), &format!("Invalid input: expected record, received {kind} at \"query\""));
        }
        check(
            json!({"collection": "c", "resume": 5}),
            "Invalid input: expected boolean, received number at \"resume\" or Invalid input: expected string, received number at \"resume\"",
        );
    }

    #[test]
    fn a_whole_message() {
        let message =
            read(json!({"collection": "c", "event": "update", "item": 4.0, "query": {"limit": 1}, "uid": 7, "resume": "p"})).unwrap();
        assert_eq!(message.item.as_deref(), Some("4"));
        assert_eq!(message.event, Some(EventKind::Update));
        assert_eq!(message.uid.unwrap().as_text(), "7");
        assert_eq!(message.resume, Some(Resume::From("p".into())));
        assert_eq!(read(json!({"collection": "c", "resume": true})).unwrap().resume, Some(Resume::Positions));
        let name = |members: Value| read(members).unwrap().resumes_as();
        assert_eq!(name(json!({"collection": "c", "resume": true})), None);
        assert_eq!(name(json!({"collection": "c", "resume": "p"})), name(json!({"resume": "p", "collection": "c"})));
        assert_ne!(name(json!({"collection": "c", "resume": "p"})), name(json!({"collection": "c", "resume": "p", "uid": 1})));
    }
}
