//! What a client may know of the server's errors: the SQLSTATE as a refusal with the names of the schema overview.
//!
//! It must never pass the server's own words on: names are looked up in the overview, values come from what the client sent.

use access::refusal::Refusal;
use access::schema::{Collection, Schema};
use serde_json::{Map, Value};

use super::{DatabaseError, SqlError};

/// The refusal that `error` means for a request on `collection` with `payload`; `None` when the client is not to blame
/// or the error is nothing that a client could act on.
#[must_use]
pub fn to_refusal(error: &DatabaseError, collection: &str, payload: Option<&Map<String, Value>>, schema: &Schema) -> Option<Refusal> {
    let error = match error {
        DatabaseError::Sql(error) => error,
        DatabaseError::Unavailable(_) | DatabaseError::Busy | DatabaseError::Timeout | DatabaseError::Form(_) => return None,
    };
    // Nested writes fail on a table that is not the request's own.
    let table = error.table().and_then(|table| schema.collection(table));
    let own = schema.collection(collection);
    let subject = Subject { collection: table.or(own)?, payload: payload.filter(|_| table.is_none() || table == own) };
    let name = subject.collection.name.to_string();
    Some(match error.state() {
        "23505" => {
            let field = subject.constrained_field(error);
            let value = field.as_deref().and_then(|field| subject.sent(field));
            Refusal::NotUnique { collection: name, field, value }
        }
        // The row is still pointed to: the table of the error is the one that points, the key is the row's own.
        "23503" if error.detail().is_some_and(|detail| detail.contains(") is still referenced from table")) => {
            let subject = Subject { collection: own?, payload: None };
            let field = subject.constrained_field(error);
            let value = field.as_ref().and_then(|_| key_values(error));
            Refusal::InvalidForeignKey { collection: Some(collection.to_owned()), field, value }
        }
        "23503" => {
            let field = subject.constrained_field(error);
            let sent = field.as_deref().and_then(|field| subject.sent(field)).as_ref().and_then(scalar_text);
            // A nested row's value is in the detail: it is what the client sent.
            let value = sent.or_else(|| field.as_ref().and_then(|_| key_values(error)));
            Refusal::InvalidForeignKey { collection: Some(name), field, value }
        }
        "22003" => {
            let (field, value) = subject.only_field();
            Refusal::ValueOutOfRange { collection: name, field, value }
        }
        "22001" => {
            let (field, value) = subject.only_field();
            Refusal::ValueTooLong { collection: name, field, value }
        }
        "23502" => match error.column().filter(|column| subject.collection.field(column).is_some()) {
            Some(column) => Refusal::NotNull { collection: name, field: column.to_owned() },
            None => Refusal::InvalidValue { collection: Some(name), field: None },
        },
        // Malformed text for the column's type, dates out of the calendar, bytes that no text can hold, a broken CHECK.
        "22P02" | "22007" | "22008" | "22009" | "22021" | "22023" | "22026" | "22P05" | "2200N" | "22030" | "22032" | "23514" | "23P01"
        | "54000" => Refusal::InvalidValue { collection: Some(name), field: subject.field_of_value(error) },
        _ => return None,
    })
}

/// The collection that an error is about, and the part of the payload that went there.
struct Subject<'a> {
    collection: &'a Collection,
    payload: Option<&'a Map<String, Value>>,
}

impl Subject<'_> {
    /// The one column of the violated constraint, by the detail `Key (column)=(value) …`.
    fn constrained_field(&self, error: &SqlError) -> Option<String> {
        let columns = error.detail()?.strip_prefix("Key (")?.split(")=(").next()?;
        let name = columns.trim_matches('"');
        self.collection.field(name).map(|field| field.name.to_string())
    }

    /// What the client sent for `field`, if it is worth naming; nothing for values that never leave the server.
    fn sent(&self, field: &str) -> Option<Value> {
        let known = self.collection.field(field).filter(|field| !field.concealed())?;
        self.payload?.get(&*known.name).filter(|value| scalar_text(value).is_some()).cloned()
    }

    /// The only member of the payload; of several nobody knows which is meant.
    fn only_field(&self) -> (Option<String>, Option<Value>) {
        let mut members = self.payload.into_iter().flatten();
        match (members.next(), members.next()) {
            (Some((name, _)), None) if self.collection.field(name).is_some() => (Some(name.clone()), self.sent(name)),
            _ => (None, None),
        }
    }

    /// The member of the payload whose value the message quotes at its end (`invalid input syntax for type uuid: "x"`).
    fn field_of_value(&self, error: &SqlError) -> Option<String> {
        if let (Some(field), _) = self.only_field() {
            return Some(field);
        }
        let quoted = error.message().split_once(": \"")?.1.strip_suffix('"')?;
        let known = |(name, value): &(&String, &Value)| {
            self.collection.field(name).is_some() && scalar_text(value).is_some_and(|text| text == quoted)
        };
        let mut members = self.payload?.iter().filter(known);
        match (members.next(), members.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        }
    }
}

/// The values of the detail `Key (column)=(value) is not present…` (or `is still referenced…`).
fn key_values(error: &SqlError) -> Option<String> {
    let (_, rest) = error.detail()?.split_once(")=(")?;
    rest.rsplit_once(") is ").map(|(value, _)| value.to_owned())
}

/// The text of a scalar; empty and false values are not worth naming.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()).filter(|text| text != "0"),
        Value::Bool(true) => Some("true".to_owned()),
        Value::Bool(false) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use access::refusal::Refusal;
    use access::statement::Statement;
    use serde_json::{Value, json};

    use super::*;
    use crate::database::testing;
    use crate::directory::{Directory, DirectoryOptions};

    #[tokio::test]
    async fn what_postgres_refuses_becomes_what_a_client_may_know() {
        let database = testing::database(testing::NEWSROOM).await;
        let directory = Directory::load(database.clone(), DirectoryOptions::default()).await.unwrap();
        let cases: &[(&str, &str, Value, Option<&str>)] = &[
            (
                "tags",
                "insert into tags (label) select label from tags limit 1",
                json!({"label": "alpha"}),
                Some("Value \"alpha\" for field \"label\" in collection \"tags\" has to be unique."),
            ),
            (
                "tags",
                "insert into tags (label) select label from tags limit 1",
                json!({}),
                Some("Value for field \"label\" in collection \"tags\" has to be unique."),
            ),
            (
                "comments",
                "insert into comments (article) values (999)",
                json!({"article": 999}),
                Some("Invalid foreign key \"999\" for field \"article\" in collection \"comments\"."),
            ),
            (
                "articles",
                "insert into comments (article) values (999)",
                json!({"title": "x"}),
                Some("Invalid foreign key \"999\" for field \"article\" in collection \"comments\"."),
            ),
            (
                "articles",
                "update articles set views = 99999999999::int8",
                json!({"views": 99_999_999_999_i64, "title": "t"}),
                Some("Numeric value in collection \"articles\" is out of range."),
            ),
            (
                "tags",
                "insert into tags (label) values (repeat('x', 300))",
                json!({"label": "xx"}),
                Some("Value \"xx\" for field \"label\" in collection \"tags\" is too long."),
            ),
            (
                "tags",
                "insert into directus_notifications (subject, recipient) select null, id from directus_users",
                json!({}),
                Some("Value for field \"subject\" in collection \"directus_notifications\" can't be null."),
            ),
            (
                "articles",
                "select 'abc'::uuid",
                json!({"author": "abc", "title": "t"}),
                Some("Invalid payload. Invalid value for field \"author\" in collection \"articles\"."),
            ),
            (
                "articles",
                "select '2026-13-01'::date",
                json!({"title": "t", "slug": "s"}),
                Some("Invalid payload. A value has the wrong form for collection \"articles\"."),
            ),
            ("articles", "select 1/0", json!({}), None),
        ];
        for (collection, sql, payload, expect) in cases {
            let error = database.execute(&Statement { text: (*sql).to_owned(), parameters: vec![] }).await.unwrap_err();
            let refusal = to_refusal(&error, collection, payload.as_object(), &directory.schema());
            assert_eq!(refusal.map(|refusal: Refusal| refusal.message()).as_deref(), *expect, "{sql}: {error}");
        }
    }
}
