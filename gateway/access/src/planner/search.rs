//! The full text search over a level's own columns.
//!
//! It must never search what the session may not read, nor a concealed column.

use std::sync::Arc;

use super::context::Context;
use super::test::fits_real;
use crate::plan::{Scalar, Search, SearchTerm, Test, TextPlace, TextTest};
use crate::query::number;
use crate::schema::{Collection, Field, FieldType};

/// A decimal's range, its precision being unknown.
const DECIMAL_RANGE: f64 = 99_999.999_99;

/// The terms that `text` comes to; none of them matches nothing.
pub(super) fn plan(context: &Context<'_>, collection: &Arc<Collection>, text: &str) -> Search {
    let grants = context.grants(collection);
    let searched = collection.columns().filter(|field| field.searchable && !field.concealed() && grants.allows(&field.name));
    let terms = searched.filter_map(|field| {
        let test = test(field, text)?;
        Some(SearchTerm { field: Arc::clone(field), shown: grants.shown(&field.name), test })
    });
    Search { terms: terms.collect() }
}

fn test(field: &Field, text: &str) -> Option<Test> {
    use FieldType as T;
    let number = || Test::Eq(Scalar::Number(text.to_owned()));
    match field.kind {
        // No text holds NUL.
        T::String | T::Text => (!text.contains('\0'))
            .then(|| Test::Like(TextTest { place: TextPlace::Anywhere, text: text.to_owned(), ignore_case: true, negated: false })),
        T::Integer => {
            let (low, high) = if &*field.database_type == "int2" { (-32_768, 32_767) } else { (i64::from(i32::MIN), i64::from(i32::MAX)) };
            whole(text).filter(|value| (low..=high).contains(value)).map(|_| number())
        }
        T::BigInteger => whole(text).map(|_| number()),
        T::Float => canonical(text).filter(|value| &*field.database_type != "float4" || fits_real(*value)).map(|_| number()),
        T::Decimal => canonical(text).filter(|value| value.abs() <= DECIMAL_RANGE).map(|_| number()),
        T::Uuid => {
            let id = uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
            Some(Test::Eq(Scalar::Text(id.hyphenated().to_string())))
        }
        T::Boolean | T::Date | T::Time | T::DateTime | T::Timestamp | T::Json | T::Csv | T::Hash | T::Binary | T::Geometry => None,
        T::Alias | T::Unknown => None,
    }
}

/// A finite number in the one form that JavaScript prints it in.
fn canonical(text: &str) -> Option<f64> {
    let value = number::parse(text);
    (value.is_finite() && number::text(value) == text).then_some(value)
}

fn whole(text: &str) -> Option<i64> {
    text.parse().ok().filter(|value: &i64| value.to_string() == text)
}
