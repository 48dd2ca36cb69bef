//! The order of lists.
//!
//! It must never sort by a value that the session may not see: keys carry where they may be seen, and hops the target's rules.
//! Every list ends with its key, so that equal rows stand in one order: the protocol leaves ties to the disk.

use std::rc::Rc;
use std::sync::Arc;

use super::context::Context;
use super::place::{Place, function};
use crate::plan::{Operand, Rows, Shown, Sort};
use crate::query::LevelQuery;
use crate::query::name::{Leaf, Name};
use crate::refusal::Refusal;
use crate::schema::{Collection, Field, FieldType, Relation, RelationKind};

/// A sort key as written: its name, aliases resolved, and whether it is descending.
pub(super) fn parse(key: &str, query: &LevelQuery) -> Result<(Name, bool), Refusal> {
    let (text, descending) = key.strip_prefix('-').map_or((key, false), |rest| (rest, true));
    let mut name = Name::parse(text)?;
    match (name.path.first_mut(), &name.leaf) {
        (None, Leaf::Plain(alias)) => {
            if let Some(target) = query.alias.get(alias) {
                name = Name::parse(target)?;
            }
        }
        (Some(first), _) => {
            if let Some(target) = query.alias.get(first.as_str()) {
                target.clone_into(first);
            }
        }
        (None, Leaf::Call { .. }) => {}
    }
    Ok((name, descending))
}

/// The order of a level's rows; `relation` is the one that a nested list comes by.
pub(super) fn plan(
    context: &Context<'_>,
    collection: &Arc<Collection>,
    query: &LevelQuery,
    relation: Option<&Relation>,
    rows: &Rows,
) -> Result<Vec<Sort>, Refusal> {
    let place = Place::root(context, collection);
    let mut keys = match &query.sort {
        Some(keys) => keys
            .iter()
            .map(|key| {
                let (name, descending) = parse(key, query)?;
                one(context, &place, &name, descending, rows)
            })
            .collect::<Result<Vec<_>, _>>()?,
        None => default(&place, relation).map(|field| column(&place, field, false, rows)).into_iter().collect(),
    };
    let key = collection.key_field();
    let ends = keys.iter().any(|sort| sort.path.is_empty() && matches!(&sort.operand, Operand::Column(field) if Some(field) == key));
    if let (Some(key), false) = (key, ends) {
        keys.push(Sort { path: Vec::new(), operand: Operand::Column(Arc::clone(key)), shown: Shown::Always, descending: false });
    }
    Ok(keys)
}

/// The documented order of a list without sort: the relation's column, the collection's, the key; for a session that may not
/// read it, the first field that its rules name.
fn default<'p>(place: &'p Place, relation: Option<&Relation>) -> Option<&'p Arc<Field>> {
    let collection = &place.collection;
    let named = [relation.and_then(|relation| relation.sort_field.as_ref()), collection.sort_field.as_ref()];
    let documented = named.into_iter().flatten().find_map(|name| collection.field(name)).or_else(|| collection.key_field())?;
    if place.grants.allows(&documented.name) {
        return Some(documented);
    }
    place.grants.first(collection, |field| field.kind != FieldType::Alias && sortable(field))
}

fn column(place: &Place, field: &Arc<Field>, descending: bool, rows: &Rows) -> Sort {
    let shown = if place.path.is_empty() { place.grants.shown_within(&field.name, rows) } else { place.grants.shown(&field.name) };
    Sort { path: place.path.clone(), operand: Operand::Column(Arc::clone(field)), shown, descending }
}

fn one(context: &Context<'_>, root: &Place, name: &Name, descending: bool, rows: &Rows) -> Result<Sort, Refusal> {
    let mut place = Place { collection: Arc::clone(&root.collection), grants: Rc::clone(&root.grants), path: Vec::new() };
    let unknown = |place: &Place, field: &str| Refusal::ForbiddenFields {
        fields: vec![field.to_owned()],
        collection: place.collection.name.to_string(),
        path: String::new(),
    };
    for segment in &name.path {
        let (field, scope) = segment.split_once(':').map_or((segment.as_str(), None), |(field, scope)| (field, Some(scope)));
        let field = Arc::clone(place.collection.field(field).ok_or_else(|| unknown(&place, field))?);
        if context.schema.relation(&place.collection.name, &field.name).is_none() {
            return Err(unsortable(&field));
        }
        place = place.step(context, &field, scope)?;
    }
    match &name.leaf {
        Leaf::Plain(plain) => {
            let field = Arc::clone(place.collection.field(plain).ok_or_else(|| unknown(&place, plain))?);
            if field.kind == FieldType::Alias {
                // The list itself: its smallest or largest key.
                if !matches!(context.schema.relation(&place.collection.name, plain), Some(RelationKind::OneToMany(_))) {
                    return Err(unsortable(&field));
                }
                let target = place.step(context, &field, None)?;
                let key = Arc::clone(target.collection.key_field().ok_or_else(|| unsortable(&field))?);
                return Ok(column(&target, &key, descending, rows));
            }
            if !sortable(&field) { Err(unsortable(&field)) } else { Ok(column(&place, &field, descending, rows)) }
        }
        Leaf::Call { function: called, field, path } => {
            let function = function(context, &place.collection, called, field, path.as_deref())?;
            let function = function.ok_or_else(|| Refusal::InvalidQuery(format!("Invalid function specified \"{called}\"")))?;
            let shown = if place.path.is_empty() { place.grants.shown_within(field, rows) } else { place.grants.shown(field) };
            Ok(Sort { path: place.path, operand: Operand::Function(function), shown, descending })
        }
    }
}

/// Whether Postgres has an order for the column's type. What is concealed has none: it would tell of what is hidden.
pub(super) fn sortable(field: &Field) -> bool {
    !field.concealed() && &*field.database_type != "json"
}

fn unsortable(field: &Field) -> Refusal {
    Refusal::InvalidQuery(format!("\"sort\" can't be applied to the field \"{}\"", field.name))
}
