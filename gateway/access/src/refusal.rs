//! Every way in which the core refuses a request, with the exact code and text that a client sees.
//!
//! It must never carry internal text (SQL, driver messages): what is in a variant is what the client itself sent or a name
//! of the schema overview.

use serde_json::{Map, Value, json};

use crate::permission::Action;
use crate::query::number;

/// A refusal that is meant for the client.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are what the texts mention")]
pub enum Refusal {
    /// The item is absent or hidden; both look alike.
    Forbidden,
    /// The collection is unknown or not permitted. `path` is empty at the root.
    ForbiddenCollection { collection: String, path: String },
    /// Fields are unknown or not permitted. `path` is empty at the root.
    ForbiddenFields { fields: Vec<String>, collection: String, path: String },
    /// The action on these rows, with these fields of the payload (may be empty), is not permitted.
    ForbiddenAction { action: Action, fields: Vec<String>, collection: String },
    /// The query is malformed; the text is without prefix and full stop.
    InvalidQuery(String),
    /// The query is over a bound of its size; to the client it is malformed like any other. The text is without prefix and
    /// full stop.
    QueryTooCostly(String),
    /// The payload is malformed; the text is without prefix and full stop.
    InvalidPayload(String),
    /// The message is malformed; the text is complete.
    InvalidMessage(String),
    /// The collection exists but is not active.
    CollectionInactive { collection: String },
    /// The payload breaks validation rules.
    FailedValidation(Vec<ValidationFailure>),
    /// The unique constraint of a field.
    NotUnique { collection: String, field: Option<String>, value: Option<Value> },
    /// A foreign key points nowhere, or is still pointed to.
    InvalidForeignKey { collection: Option<String>, field: Option<String>, value: Option<String> },
    /// A number does not fit.
    ValueOutOfRange { collection: String, field: Option<String>, value: Option<Value> },
    /// A text does not fit.
    ValueTooLong { collection: String, field: Option<String>, value: Option<Value> },
    /// NULL where none is allowed.
    NotNull { collection: String, field: String },
    /// A value has a form that its column cannot take.
    InvalidValue { collection: Option<String>, field: Option<String> },
}

/// One broken validation rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidationFailure {
    /// The field.
    pub field: String,
    /// The path of a nested write, outermost first; empty at the root.
    pub path: Vec<String>,
    /// Which rule.
    pub rule: ValidationRule,
    /// The author's own message, if the field has one.
    pub message: Option<String>,
}

/// The rule that a value broke, with what the message mentions.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the filter operator of the same name")]
pub enum ValidationRule {
    Required,
    Null,
    NotNull,
    Eq(Value),
    Neq(Value),
    Lt(Value),
    Lte(Value),
    Gt(Value),
    Gte(Value),
    In(Vec<Value>),
    Nin(Vec<Value>),
    Contains(String),
    NotContains(String),
    StartsWith(String),
    NotStartsWith(String),
    EndsWith(String),
    NotEndsWith(String),
    Empty,
    NotEmpty,
    Regex(String),
    Other(String),
}

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Forbidden | Self::ForbiddenCollection { .. } | Self::ForbiddenFields { .. } | Self::ForbiddenAction { .. } => "FORBIDDEN",
            Self::InvalidQuery(_) | Self::QueryTooCostly(_) => "INVALID_QUERY",
            Self::InvalidPayload(_) | Self::InvalidMessage(_) | Self::InvalidValue { .. } => "INVALID_PAYLOAD",
            Self::CollectionInactive { .. } => "COLLECTION_INACTIVE",
            Self::FailedValidation(_) => "FAILED_VALIDATION",
            Self::NotUnique { .. } => "RECORD_NOT_UNIQUE",
            Self::InvalidForeignKey { .. } => "INVALID_FOREIGN_KEY",
            Self::ValueOutOfRange { .. } => "VALUE_OUT_OF_RANGE",
            Self::ValueTooLong { .. } => "VALUE_TOO_LONG",
            Self::NotNull { .. } => "NOT_NULL_VIOLATION",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Forbidden
            | Self::ForbiddenCollection { .. }
            | Self::ForbiddenFields { .. }
            | Self::ForbiddenAction { .. }
            | Self::CollectionInactive { .. } => 403,
            Self::InvalidQuery(_)
            | Self::QueryTooCostly(_)
            | Self::InvalidPayload(_)
            | Self::InvalidMessage(_)
            | Self::InvalidValue { .. }
            | Self::FailedValidation(_)
            | Self::NotUnique { .. }
            | Self::InvalidForeignKey { .. }
            | Self::ValueOutOfRange { .. }
            | Self::ValueTooLong { .. }
            | Self::NotNull { .. } => 400,
        }
    }

    /// The text on the wire. Several validation failures are joined by a space.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Forbidden => "You don't have permission to access this.".to_owned(),
            Self::FailedValidation(failures) => failures.iter().map(ValidationFailure::message).collect::<Vec<_>>().join(" "),
            Self::InvalidQuery(reason) | Self::QueryTooCostly(reason) => format!("Invalid query. {reason}."),
            Self::InvalidPayload(reason) => format!("Invalid payload. {reason}."),
            Self::InvalidMessage(text) => text.clone(),
            Self::CollectionInactive { collection } => format!("Collection \"{collection}\" is inactive."),
            Self::ForbiddenCollection { .. } | Self::ForbiddenFields { .. } | Self::ForbiddenAction { .. } => {
                self.reason().unwrap_or_default()
            }
            Self::NotUnique { collection, field, value } => format!("{}has to be unique.", subject(value, field, Some(collection))),
            Self::InvalidForeignKey { collection, field, value } => {
                invalid_foreign_key(collection.as_deref(), field.as_deref(), value.as_deref())
            }
            Self::ValueOutOfRange { collection, field, value } => {
                format!("Numeric {}is out of range.", lower(&subject(value, field, Some(collection))))
            }
            Self::ValueTooLong { collection, field, value } => format!("{}is too long.", subject(value, field, Some(collection))),
            Self::NotNull { collection, field } => format!("Value for field \"{field}\" in collection \"{collection}\" can't be null."),
            Self::InvalidValue { collection, field } => match (field, collection) {
                (Some(field), Some(collection)) => {
                    format!("Invalid payload. Invalid value for field \"{field}\" in collection \"{collection}\".")
                }
                (None, Some(collection)) => format!("Invalid payload. A value has the wrong form for collection \"{collection}\"."),
                (_, None) => "Invalid payload. A value has the wrong form for its field.".to_owned(),
            },
        }
    }

    /// `extensions` of an HTTP error, the code included.
    #[must_use]
    pub fn extensions(&self) -> Value {
        let mut map = Map::new();
        match self {
            Self::Forbidden => {}
            Self::ForbiddenCollection { .. } | Self::ForbiddenFields { .. } | Self::ForbiddenAction { .. } => {
                map.insert("reason".into(), json!(self.reason().unwrap_or_default()));
            }
            Self::InvalidQuery(reason) | Self::QueryTooCostly(reason) | Self::InvalidPayload(reason) => {
                map.insert("reason".into(), json!(reason));
            }
            Self::InvalidMessage(_) | Self::FailedValidation(_) | Self::InvalidValue { .. } => {}
            Self::CollectionInactive { collection } => {
                map.insert("collection".into(), json!(collection));
            }
            Self::NotUnique { collection, field, value }
            | Self::ValueOutOfRange { collection, field, value }
            | Self::ValueTooLong { collection, field, value } => {
                map.insert("collection".into(), json!(collection));
                map.insert("field".into(), json!(field));
                map.insert("value".into(), json!(value));
            }
            Self::InvalidForeignKey { collection, field, value } => {
                map.insert("collection".into(), json!(collection));
                map.insert("field".into(), json!(field));
                map.insert("value".into(), json!(value));
            }
            Self::NotNull { collection, field } => {
                map.insert("collection".into(), json!(collection));
                map.insert("field".into(), json!(field));
            }
        }
        map.insert("code".into(), json!(self.code()));
        Value::Object(map)
    }

    fn reason(&self) -> Option<String> {
        let place = |path: &str| if path.is_empty() { "Queried in root.".to_owned() } else { format!("Queried in \"{path}\".") };
        let list = |fields: &[String]| fields.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(", ");
        if let Self::ForbiddenCollection { collection, path } = self {
            return Some(format!("You don't have permission to access collection \"{collection}\" or it does not exist. {}", place(path)));
        }
        if let Self::ForbiddenFields { fields, collection, path } = self {
            let (noun, verb) = if fields.len() == 1 { ("field", "it does") } else { ("fields", "they do") };
            let fields = list(fields);
            return Some(format!(
                "You don't have permission to access {noun} {fields} in collection \"{collection}\" or {verb} not exist. {}",
                place(path)
            ));
        }
        if let Self::ForbiddenAction { action, fields, collection } = self {
            let action = action.name();
            return Some(if fields.is_empty() {
                format!("You don't have permission to perform \"{action}\" for collection \"{collection}\" or it does not exist.")
            } else {
                let fields = list(fields);
                format!(
                    "You don't have permissions to perform \"{action}\" for the field(s) {fields} in collection \"{collection}\" or it does not exist."
                )
            });
        }
        None
    }
}

impl ValidationFailure {
    /// The text of this failure.
    #[must_use]
    pub fn message(&self) -> String {
        let place = if self.path.is_empty() { String::new() } else { format!(" at \"{}\"", self.path.join(".")) };
        let sentence = self.message.clone().or_else(|| self.rule.sentence());
        let sentence = sentence.map_or_else(String::new, |sentence| format!(" {sentence}"));
        format!("Validation failed for field \"{}\"{place}.{sentence}", self.field)
    }

    /// `extensions` of this failure as one HTTP error, the code included.
    #[must_use]
    pub fn extensions(&self) -> Value {
        let mut map = Map::new();
        map.insert("field".into(), json!(self.field));
        map.insert("path".into(), json!(self.path));
        map.insert("type".into(), json!(self.rule.name()));
        match &self.rule {
            ValidationRule::Eq(value)
            | ValidationRule::Lt(value)
            | ValidationRule::Lte(value)
            | ValidationRule::Gt(value)
            | ValidationRule::Gte(value) => {
                map.insert("valid".into(), value.clone());
            }
            ValidationRule::Neq(value) => {
                map.insert("invalid".into(), value.clone());
            }
            ValidationRule::In(values) => {
                map.insert("valid".into(), json!(values));
            }
            ValidationRule::Nin(values) => {
                map.insert("invalid".into(), json!(values));
            }
            ValidationRule::Contains(text)
            | ValidationRule::NotContains(text)
            | ValidationRule::StartsWith(text)
            | ValidationRule::NotStartsWith(text)
            | ValidationRule::EndsWith(text)
            | ValidationRule::NotEndsWith(text) => {
                map.insert("substring".into(), json!(text));
            }
            ValidationRule::Regex(_)
            | ValidationRule::Required
            | ValidationRule::Null
            | ValidationRule::NotNull
            | ValidationRule::Empty
            | ValidationRule::NotEmpty
            | ValidationRule::Other(_) => {}
        }
        map.insert("code".into(), json!("FAILED_VALIDATION"));
        Value::Object(map)
    }
}

impl ValidationRule {
    /// The rule's name in `extensions.type`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Required => "required",
            Self::Null => "null",
            Self::NotNull => "nnull",
            Self::Eq(_) => "eq",
            Self::Neq(_) => "neq",
            Self::Lt(_) => "lt",
            Self::Lte(_) => "lte",
            Self::Gt(_) => "gt",
            Self::Gte(_) => "gte",
            Self::In(_) => "in",
            Self::Nin(_) => "nin",
            Self::Contains(_) => "contains",
            Self::NotContains(_) => "ncontains",
            Self::StartsWith(_) => "starts_with",
            Self::NotStartsWith(_) => "nstarts_with",
            Self::EndsWith(_) => "ends_with",
            Self::NotEndsWith(_) => "nends_with",
            Self::Empty => "empty",
            Self::NotEmpty => "nempty",
            Self::Regex(_) => "regex",
            Self::Other(name) => name,
        }
    }

    fn sentence(&self) -> Option<String> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let list = |values: &[Value]| values.iter().map(|value| format!("\"{}\"", plain(value))).collect::<Vec<_>>().join(", ");
        Some(match self {
            Self::Required => "Value is required.".to_owned(),
            Self::Null => "Value has to be null.".to_owned(),
            Self::NotNull => "Value can't be null.".to_owned(),
            Self::Eq(value) => format!("Value has to be \"{}\".", plain(value)),
            Self::Neq(value) => format!("Value can't be \"{}\".", plain(value)),
            Self::Lt(value) => format!("Value has to be less than \"{}\".", plain(value)),
            Self::Lte(value) => format!("Value has to be less than or equal to \"{}\".", plain(value)),
            Self::Gt(value) => format!("Value has to be greater than \"{}\".", plain(value)),
            Self::Gte(value) => format!("Value has to be greater than or equal to \"{}\".", plain(value)),
            Self::In(values) => format!("Value has to be one of {}.", list(values)),
            Self::Nin(values) => format!("Value can't be one of {}.", list(values)),
            Self::Contains(text) => format!("Value has to contain \"{text}\"."),
            Self::NotContains(text) => format!("Value can't contain \"{text}\"."),
            Self::Empty => "Value has to be empty.".to_owned(),
            Self::NotEmpty => "Value can't be empty.".to_owned(),
            Self::Regex(_) => "Value doesn't have the correct format.".to_owned(),
            Self::StartsWith(_) | Self::NotStartsWith(_) | Self::EndsWith(_) | Self::NotEndsWith(_) | Self::Other(_) => return None,
        })
    }
}

/// `Value "V" for field "F" in collection "C" ` with the parts that are known.
fn subject(value: &Option<Value>, field: &Option<String>, collection: Option<&String>) -> String {
    let mut text = String::from("Value ");
    if let Some(value) = value {
        let value = number::scalar_text(value).unwrap_or_else(|| value.to_string());
        text.push_str(&format!("\"{value}\" "));
    }
    if let Some(field) = field {
        text.push_str(&format!("for field \"{field}\" "));
    }
    if let Some(collection) = collection {
        text.push_str(&format!("in collection \"{collection}\" "));
    }
    text
}

fn lower(text: &str) -> String {
    text.replacen("Value", "value", 1)
}

fn invalid_foreign_key(collection: Option<&str>, field: Option<&str>, value: Option<&str>) -> String {
    let mut text = String::from("Invalid foreign key");
    if let Some(value) = value {
        text.push_str(&format!(" \"{value}\""));
    }
    if let Some(field) = field {
        text.push_str(&format!(" for field \"{field}\""));
    }
    if let Some(collection) = collection {
        text.push_str(&format!(" in collection \"{collection}\""));
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_exact() {
        let check = |refusal: Refusal, expect: &str| assert_eq!(refusal.message(), expect);
        check(
            Refusal::ForbiddenCollection { collection: "nope".into(), path: String::new() },
            "You don't have permission to access collection \"nope\" or it does not exist. Queried in root.",
        );
        check(
            Refusal::ForbiddenFields { fields: vec!["a".into(), "b".into()], collection: "c".into(), path: "author".into() },
            "You don't have permission to access fields \"a\", \"b\" in collection \"c\" or they do not exist. Queried in \"author\".",
        );
        check(
            Refusal::ForbiddenAction { action: Action::Update, fields: vec!["title".into()], collection: "articles".into() },
            "You don't have permissions to perform \"update\" for the field(s) \"title\" in collection \"articles\" or it does not exist.",
        );
        check(
            Refusal::NotUnique { collection: "tags".into(), field: Some("label".into()), value: Some(json!("alpha")) },
            "Value \"alpha\" for field \"label\" in collection \"tags\" has to be unique.",
        );
        check(
            Refusal::ValueOutOfRange { collection: "articles".into(), field: None, value: None },
            "Numeric value in collection \"articles\" is out of range.",
        );
        check(
            Refusal::InvalidForeignKey { collection: Some("comments".into()), field: Some("article".into()), value: Some("999".into()) },
            "Invalid foreign key \"999\" for field \"article\" in collection \"comments\".",
        );
    }
}
