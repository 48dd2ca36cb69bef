//! The `items` message: which operation on which items.
//!
//! It must never look at `data` or `query`: their faults have texts of their own, found where the schema is known.

use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::{Uid, issue};

/// The forms of a message, in the order in which their issues are listed.
const ACTIONS: [&str; 4] = ["create", "read", "update", "delete"];

/// A well-formed items message.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemsMessage {
    /// `uid`.
    pub uid: Option<Uid>,
    /// `collection`.
    pub collection: String,
    /// What to do.
    pub request: ItemsRequest,
}

/// One operation. `query` is as sent; `None` where the member is absent.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemsRequest {
    /// Insert `data`: an object, or a list of objects; anything else acts as `{}`.
    Create {
        /// `data`.
        data: Option<Value>,
        /// Shapes the reply.
        query: Option<Value>,
    },
    /// Read.
    Read {
        /// Which items.
        selector: Selector,
        /// `query`.
        query: Option<Value>,
    },
    /// Change items; without a selector by a list in `data`, else by `query`.
    Update {
        /// Which items.
        selector: Selector,
        /// `data`.
        data: Option<Value>,
        /// Which items, where the selector names none; shapes the reply else.
        query: Option<Value>,
    },
    /// Delete items.
    Delete {
        /// Which items.
        selector: Selector,
        /// Which items, where the selector names none.
        query: Option<Value>,
    },
}

/// What `id` and `ids` name; keys are text or numbers as sent. `id` wins over `ids`.
#[derive(Debug, Clone, PartialEq)]
pub enum Selector {
    /// `id`.
    One(Value),
    /// `ids`.
    Many(Vec<Value>),
    /// Neither is present.
    None,
}

impl ItemsMessage {
    /// Reads an items message.
    ///
    /// # Errors
    /// The text for the client: the issues of all four forms.
    pub fn read(message: Envelope) -> Result<Self, String> {
        let Envelope { uid, mut members, .. } = message;
        let action = members.get("action").and_then(Value::as_str).and_then(|action| ACTIONS.iter().position(|known| *known == action));
        let variants = ACTIONS.iter().enumerate().map(|(place, name)| issues(&members, name, action == Some(place))).collect::<Vec<_>>();
        let fits = action.filter(|action| variants.get(*action).is_some_and(Vec::is_empty));
        let collection = take_text(&mut members, "collection");
        let (Some(action), Some(collection)) = (fits, collection) else { return Err(issue::any(&variants)) };
        let (data, query) = (members.remove("data"), members.remove("query"));
        let request = match action {
            0 => ItemsRequest::Create { data, query },
            1 => ItemsRequest::Read { selector: selector(&mut members), query },
            2 => ItemsRequest::Update { selector: selector(&mut members), data, query },
            _ => ItemsRequest::Delete { selector: selector(&mut members), query },
        };
        Ok(Self { uid, collection, request })
    }
}

impl ItemsRequest {
    /// The name of the action.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Read { .. } => "read",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
        }
    }
}

/// What keeps a message from being of one form.
fn issues(members: &Map<String, Value>, action: &str, is_action: bool) -> Vec<String> {
    let mut issues = Vec::new();
    let collection = members.get("collection");
    if !collection.is_some_and(Value::is_string) {
        issues.push(issue::expected("string", collection, "collection"));
    }
    if !is_action {
        issues.push(issue::literal(action, "action"));
    }
    if action == "create" {
        return issues;
    }
    match members.get("ids") {
        None => {}
        Some(Value::Array(ids)) => {
            let wrong = ids.iter().enumerate().filter(|(_, id)| !issue::is_text_or_number(id));
            issues.extend(wrong.take(issue::MOST_ISSUES).map(|(place, id)| issue::text_or_number(Some(id), &format!("ids[{place}]"))));
        }
        wrong @ Some(_) => issues.push(issue::expected("array", wrong, "ids")),
    }
    if let Some(id) = members.get("id").filter(|id| !issue::is_text_or_number(id)) {
        issues.push(issue::text_or_number(Some(id), "id"));
    }
    issues
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn selector(members: &mut Map<String, Value>) -> Selector {
    if let Some(id) = members.remove("id") {
        return Selector::One(id);
    }
    match members.remove("ids") {
        Some(Value::Array(ids)) => Selector::Many(ids),
        _ => Selector::None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::envelope;

    fn read(value: &Value) -> Result<ItemsMessage, String> {
        ItemsMessage::read(envelope::parse(value.to_string().as_bytes()).unwrap())
    }

    fn refused(mut value: Value) -> String {
        value["type"] = "items".into();
        read(&value).unwrap_err()
    }

    #[test]
    fn issues_of_all_forms_are_listed() {
        // What follows each action's own issue; "= " stands for a form whose action fits.
        let literals = |rest: [&str; 4]| {
            let issues = ACTIONS.iter().zip(rest).map(|(action, rest)| match rest.strip_prefix("= ") {
                Some(alone) => alone.to_owned(),
                None => format!("Invalid input: expected \"{action}\" at \"action\"{rest}"),
            });
            format!("Validation error: {}", issues.collect::<Vec<_>>().join(" or "))
        };
        let none = ["", "", "", ""];
        assert_eq!(refused(json!({"action": "upsert", "collection": "tags", "data": {}})), literals(none));
        assert_eq!(refused(json!({"collection": "tags"})), literals(none));
        let both = |kind: &str, path: &str| {
            format!(
                "Invalid input: expected string, received {kind} at \"{path}\" or Invalid input: expected number, received {kind} at \"{path}\""
            )
        };
        for (id, kind) in [(json!(null), "null"), (json!(true), "boolean"), (json!({"a": 1}), "object")] {
            let (plain, after) = (format!("= {}", both(kind, "id")), format!("; {}", both(kind, "id")));
            assert_eq!(refused(json!({"action": "read", "collection": "tags", "id": id})), literals(["", &plain, &after, &after]));
        }
        let (plain, after) =
            ("= Invalid input: expected array, received number at \"ids\"", "; Invalid input: expected array, received number at \"ids\"");
        assert_eq!(refused(json!({"action": "read", "collection": "tags", "ids": 5})), literals(["", plain, after, after]));
        let (plain, after) = (format!("= {}", both("null", "ids[0]")), format!("; {}", both("null", "ids[0]")));
        assert_eq!(refused(json!({"action": "delete", "collection": "tags", "ids": [null]})), literals(["", &after, &after, &plain]));
    }

    #[test]
    fn a_missing_collection_comes_first() {
        for (value, kind) in [(json!({"action": "read"}), "undefined"), (json!({"action": "read", "collection": 5}), "number")] {
            let collection = format!("Invalid input: expected string, received {kind} at \"collection\"");
            let with = |action: &str| format!("{collection}; Invalid input: expected \"{action}\" at \"action\"");
            let expect = format!("Validation error: {} or {collection} or {} or {}", with("create"), with("update"), with("delete"));
            assert_eq!(refused(value), expect);
        }
    }

    #[test]
    fn a_long_list_of_faults_is_cut() {
        let text = refused(json!({"action": "read", "collection": "c", "ids": vec![Value::Null; 100_000]}));
        assert!(text.len() < 20_000, "{}", text.len());
    }

    #[test]
    fn an_id_that_is_present_selects() {
        let selector = |members: Value| {
            let mut message = json!({"type": "items", "action": "read", "collection": "c"});
            message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let ItemsRequest::Read { selector, .. } = read(&message).unwrap().request else { panic!("a read was asked for") };
            selector
        };
        assert_eq!(selector(json!({"id": 0, "ids": [1]})), Selector::One(json!(0)));
        assert_eq!(selector(json!({"id": ""})), Selector::One(json!("")));
        assert_eq!(selector(json!({"ids": [1, "2"]})), Selector::Many(vec![json!(1), json!("2")]));
        assert_eq!(selector(json!({"ids": []})), Selector::Many(vec![]));
        assert_eq!(selector(json!({})), Selector::None);
    }

    #[test]
    fn create_ignores_ids_and_takes_any_data() {
        let message =
            read(&json!({"type": "items", "uid": 4, "action": "create", "collection": "c", "id": null, "data": [1], "query": "x"}))
                .unwrap();
        assert_eq!(message.uid, Some(Uid::Number(4.0)));
        assert_eq!(message.request, ItemsRequest::Create { data: Some(json!([1])), query: Some(json!("x")) });
        assert_eq!(message.request.action(), "create");
    }
}
