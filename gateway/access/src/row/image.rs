//! One row as the capture trigger saw it: `to_json(row)` with `TimeZone=UTC`, cut into columns.
//!
//! It must never interpret a value: a column is a slice of the JSON text, and a column that is not there is unknown, never
//! NULL.
//!
//! Cost: one pass over the text, one allocation for all columns (plus one per column name with escapes); text with escapes
//! is unescaped at most once, however many groups look at it.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::scan::{Cursor, Json, unescape};
use crate::schema::Collection;

/// A parsed image, shared by all groups that look at the row.
#[derive(Debug)]
pub struct RowImage<'a> {
    columns: Vec<Column<'a>>,
}

/// The image is not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row image that is no JSON object")]
pub struct ImageError;

/// One column of an image.
#[derive(Debug)]
pub(super) struct Column<'a> {
    name: Cow<'a, str>,
    value: Json<'a>,
    /// The unescaped text, made when first needed; `None` where the escapes make no text.
    unescaped: OnceLock<Option<Box<str>>>,
}

impl<'a> RowImage<'a> {
    /// Reads the image `json`. `omitted` are the columns whose values were too large to travel; whatever the text says about
    /// them, they count as unknown.
    ///
    /// # Errors
    /// [`ImageError`] when `json` is not one JSON object.
    pub fn parse(json: &'a str, omitted: &[Box<str>]) -> Result<Self, ImageError> {
        let mut cursor = Cursor::new(json);
        if !cursor.take(b'{') {
            return Err(ImageError);
        }
        let mut columns: Vec<Column<'a>> = Vec::with_capacity(16);
        let mut first = true;
        while let Some((name, value)) = cursor.member(first).ok_or(ImageError)? {
            first = false;
            let inner = name.inner().ok_or(ImageError)?;
            let name = if name.escaped { Cow::Owned(unescape(inner).ok_or(ImageError)?) } else { Cow::Borrowed(inner) };
            if omitted.iter().any(|column| **column == *name) {
                continue;
            }
            columns.push(Column { name, value, unescaped: OnceLock::new() });
        }
        if cursor.at_end() { Ok(Self { columns }) } else { Err(ImageError) }
    }

    /// The JSON text of a column; `None` when the image does not have it.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&'a str> {
        self.column(column, 0).map(|column| column.value.raw)
    }

    /// The JSON text of the primary key.
    #[must_use]
    pub fn key(&self, collection: &Collection) -> Option<&'a str> {
        self.get(&collection.primary_key)
    }

    /// A column by name; `hint` is where it usually stands.
    pub(super) fn column(&self, name: &str, hint: usize) -> Option<&Column<'a>> {
        match self.columns.get(hint) {
            Some(column) if column.name == name => Some(column),
            Some(_) | None => self.columns.iter().find(|column| column.name == name),
        }
    }
}

impl<'a> Column<'a> {
    pub(super) fn json(&self) -> Json<'a> {
        self.value
    }

    /// The JSON value of a column that holds JSON, perhaps as text; `None` for text that is no JSON.
    pub(super) fn document(&self, as_text: bool) -> Option<Json<'_>> {
        if !as_text || self.value.is_null() {
            return Some(self.value);
        }
        let text = self.text()?;
        let _valid: &serde_json::value::RawValue = serde_json::from_str(text).ok()?;
        Cursor::new(text).value()
    }

    /// The text of a JSON string; `None` for other values.
    pub(super) fn text(&self) -> Option<&str> {
        let inner = self.value.inner()?;
        if self.value.escaped { self.unescaped.get_or_init(|| unescape(inner).map(String::into_boxed_str)).as_deref() } else { Some(inner) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{hash_map, vec};
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use serde_json::Value;

    use super::*;

    #[test]
    fn columns_are_slices_and_omitted_ones_are_unknown() {
        let json = r#"{"id":7,"we\"ird":"a\nb","n":null,"j":{"a": [1, "}"]},"big":null}"#;
        let image = RowImage::parse(json, &["big".into()]).unwrap();
        assert_eq!(image.get("id"), Some("7"));
        assert_eq!(image.get("we\"ird"), Some(r#""a\nb""#));
        assert_eq!(image.column("we\"ird", 9).unwrap().text(), Some("a\nb"));
        assert_eq!(image.get("n"), Some("null"));
        assert_eq!(image.get("j"), Some(r#"{"a": [1, "}"]}"#));
        assert_eq!(image.get("big"), None);
        assert_eq!(image.get("other"), None);
        assert!(RowImage::parse("{}", &[]).unwrap().get("id").is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in r#"[ {}\[\]",:\\ab0u\n]{0,40}"#) {
            let _must_return = RowImage::parse(&text, &[]);
        }

        #[test]
        fn every_object_is_cut_where_serde_cuts_it(members in hash_map(any::<String>(), value(), 0..8)) {
            let json = serde_json::to_string_pretty(&members).unwrap();
            let image = RowImage::parse(&json, &[]).unwrap();
            for (name, value) in &members {
                let column = image.column(name, 0).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Value>(column.json().raw).unwrap(), value);
                // Postgres has no U+0000 in text.
                if let Some(text) = value.as_str().filter(|text| !text.contains('\0')) {
                    prop_assert_eq!(column.text(), Some(text));
                }
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                hash_map(any::<String>(), inner, 0..4).prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "null", "[]", "{", r#"{"a"}"#, r#"{"a":1"#, r#"{"a":1,}"#, r#"{"a":1 "b":2}"#, "{} x", r#"{1:2}"#, r#"{"a":}"#] {
            assert!(RowImage::parse(text, &[]).is_err(), "{text}");
        }
    }
}
