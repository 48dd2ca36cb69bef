//! Where a plan's field stands in an image.
//!
//! It must never take a missing column for NULL.

use std::sync::Arc;

use super::NotLocal;
use super::image::{Column, RowImage};
use crate::schema::{Collection, Field, FieldType};

/// A column, with the position at which it usually stands: images have the columns in table order, as collections do.
#[derive(Debug, Clone)]
pub(super) struct Place {
    name: Arc<str>,
    hint: usize,
}

impl Place {
    pub(super) fn of(collection: &Collection, field: &Field) -> Result<Self, NotLocal> {
        if field.kind == FieldType::Alias {
            return Err(NotLocal::Relation);
        }
        let hint = collection.fields.get_index_of(&*field.name).unwrap_or_default();
        Ok(Self { name: Arc::clone(&field.name), hint })
    }

    /// The column; `None` when the image does not have it, so that only the database knows the value.
    pub(super) fn find<'i, 'a>(&self, image: &'i RowImage<'a>) -> Option<&'i Column<'a>> {
        image.column(&self.name, self.hint)
    }
}

/// Whether a column that holds JSON is stored as text.
///
/// # Errors
/// [`NotLocal::Type`] for columns of types that hold no JSON.
pub(super) fn holds_json(field: &Field) -> Result<bool, NotLocal> {
    match &*field.database_type {
        "json" | "jsonb" => Ok(false),
        "text" | "varchar" => Ok(true),
        _ => Err(NotLocal::Type(Arc::clone(&field.name))),
    }
}
