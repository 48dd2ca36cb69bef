//! Nested values: each relation of a payload is a write of its own, with its own permissions, activity and revision.
//!
//! It must never change a child that the caller's rules do not cover, nor unlink one that the caller cannot see.

use std::collections::HashMap;
use std::sync::Arc;

use access::payload::{ColumnValue, Member, Prepared, ToMany, ToManyChange};
use access::permission::Action;
use access::plan::{Comparison, Filter, Operand, Root, Scalar, Shown, Test};
use access::planner::{Planner, Target};
use access::query::Query;
use access::refusal::Refusal;
use access::schema::{Collection, DeselectAction, Field, Relation};
use serde_json::{Map, Value, json};

use crate::database::DatabaseError;
use crate::items::update::keyed;
use crate::items::write::{Write, Written, below, key_texts, only};
use crate::items::{ItemsError, key, statement};

/// The rows that point to one parent through one relation.
struct Children<'a> {
    relation: &'a Relation,
    collection: Arc<Collection>,
    /// The parent's key as text.
    parent: &'a str,
    /// The same in JSON.
    link: Value,
}

impl Write<'_> {
    /// Writes the objects that stand in the place of foreign keys, and returns the keys to store. Their revisions are added
    /// to `revisions`. What is wrong with the row's own values is told after them, as observed.
    pub(super) async fn link(
        &mut self,
        prepared: &Prepared,
        revisions: &mut Vec<i32>,
    ) -> Result<Vec<(Arc<Field>, ColumnValue)>, ItemsError> {
        let mut columns = Vec::new();
        for to_one in &prepared.to_one {
            let Some(target) = &to_one.relation.one_collection else { continue };
            let target = self.related(target, Action::Create)?;
            let written = self.upsert(&target, to_one.item.clone()).await.map_err(below(&to_one.field.name))?;
            revisions.extend(written.revision);
            columns.push((Arc::clone(&to_one.field), ColumnValue::Text(written.key)));
        }
        for to_any in &prepared.to_any {
            let to_any = to_any.clone()?;
            let target = self.related(&to_any.collection.name, Action::Create)?;
            let written = self.upsert(&target, to_any.item).await.map_err(below(&to_any.field.name))?;
            revisions.extend(written.revision);
            columns.push((to_any.field, ColumnValue::Text(written.key)));
        }
        match &prepared.fault {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(columns),
        }
    }

    /// Changes the rows that point to the parent. `created`: the parent is new, so that there are none yet.
    pub(super) async fn change_list(
        &mut self,
        collection: &Collection,
        parent: &str,
        change: ToMany,
        created: bool,
        revisions: &mut Vec<i32>,
    ) -> Result<(), ItemsError> {
        let ToMany { relation, change } = change;
        let change = change?;
        let children = Children {
            relation: &relation,
            collection: self.related(&relation.many_collection, Action::Update)?,
            parent,
            link: key::json(collection, parent),
        };
        let field = relation.one_field.as_deref().unwrap_or_default();
        let result = match change {
            ToManyChange::Replace(members) => self.replace(&children, members, created, revisions).await,
            ToManyChange::Edit { create, update, delete } => self.edit(&children, create, update, &delete, revisions).await,
        };
        result.map_err(below(field))
    }

    /// Updates the row whose key the object holds, if there is one; creates it otherwise. An object with nothing but the key
    /// of an existing row only links.
    async fn upsert(&mut self, collection: &Arc<Collection>, item: Map<String, Value>) -> Result<Written, ItemsError> {
        let given = item.get(&*collection.primary_key).filter(|key| !key.is_null()).cloned();
        if let Some(given) = given {
            let key = Planner::key_text(collection, &given)?;
            let existing = self.values_by_key(collection, &collection.primary_key, std::slice::from_ref(&key)).await?;
            if !existing.is_empty() {
                let (_, rest) = keyed(collection, item)?;
                let written = if rest.is_empty() { Vec::new() } else { self.update_keys(collection, &[given], rest).await? };
                return Ok(Written { key, revision: written.first().and_then(|written| written.revision) });
            }
        }
        self.create(Arc::clone(collection), item).await
    }

    /// Makes `members` the children of the parent, and unlinks all others.
    async fn replace(
        &mut self,
        children: &Children<'_>,
        members: Vec<Member>,
        created: bool,
        revisions: &mut Vec<i32>,
    ) -> Result<(), ItemsError> {
        let collection = &children.collection;
        let keys: Vec<Value> = members.iter().filter_map(|member| member_key(collection, member)).collect();
        let existing = self.values_by_key(collection, &children.relation.many_field, &key_texts(collection, &keys)?).await?;
        let existing: HashMap<String, Option<String>> = existing.into_iter().collect();
        let mut kept = Vec::with_capacity(members.len());
        for member in members {
            let key = member_key(collection, &member);
            let text = key.as_ref().map(|key| Planner::key_text(collection, key)).transpose()?;
            let stored = text.as_ref().and_then(|text| existing.get_key_value(text));
            // An object is a change, even of nothing; a bare key only links.
            let (rest, changes) = match member {
                Member::Key(_) if stored.is_none() => return Err(Refusal::Forbidden.into()),
                Member::Key(_) => (Map::new(), false),
                Member::Item(mut item) => {
                    if stored.is_some() {
                        item.remove(&*collection.primary_key);
                    }
                    (item, true)
                }
            };
            match (stored, key) {
                (Some((text, link)), Some(key)) => {
                    kept.push(text.clone());
                    if changes || link.as_deref() != Some(children.parent) {
                        let written = self.update_keys(collection, &[key], children.linked(rest)).await?;
                        revisions.extend(written.first().and_then(|written| written.revision));
                    }
                }
                (None | Some(_), _) => {
                    let written = self.create(Arc::clone(collection), children.linked(rest)).await?;
                    revisions.extend(written.revision);
                    kept.push(written.key);
                }
            }
        }
        if created {
            return Ok(());
        }
        let kept = kept.into_iter().map(|key| scalar(collection, key)).collect::<Vec<_>>();
        self.unlink(children, (!kept.is_empty()).then_some(Test::Nin(kept)), revisions).await
    }

    /// Creates, changes and unlinks children one by one.
    async fn edit(
        &mut self,
        children: &Children<'_>,
        create: Vec<Map<String, Value>>,
        update: Vec<Map<String, Value>>,
        delete: &[Value],
        revisions: &mut Vec<i32>,
    ) -> Result<(), ItemsError> {
        let collection = &children.collection;
        let mut place = match &children.relation.sort_field {
            Some(sort) if !create.is_empty() => Some((sort, self.last_place(children, sort).await?)),
            Some(_) | None => None,
        };
        for mut item in create {
            if let Some((sort, last)) = &mut place {
                *last = last.saturating_add(1);
                item.entry(sort.to_string()).or_insert_with(|| json!(*last));
            }
            let written = self.create(Arc::clone(collection), children.linked(item)).await?;
            revisions.extend(written.revision);
        }
        for item in update {
            let (key, rest) = keyed(collection, item)?;
            let text = Planner::key_text(collection, &key)?;
            let stored = self.values_by_key(collection, &children.relation.many_field, std::slice::from_ref(&text)).await?;
            let linked = stored.first().is_some_and(|(_, link)| link.as_deref() == Some(children.parent));
            let data = if linked { rest } else { children.linked(rest) };
            let written = self.update_keys(collection, &[key], data).await?;
            revisions.extend(written.first().and_then(|written| written.revision));
        }
        if delete.is_empty() {
            return Ok(());
        }
        let named = key_texts(collection, delete)?.into_iter().map(|key| scalar(collection, key)).collect();
        self.unlink(children, Some(Test::In(named)), revisions).await
    }

    /// Takes those children of the parent that the caller can see and that pass `which` out of the list.
    async fn unlink(&mut self, children: &Children<'_>, which: Option<Test>, revisions: &mut Vec<i32>) -> Result<(), ItemsError> {
        let collection = &children.collection;
        let keys = self.visible(children, which).await?;
        if keys.is_empty() {
            return Ok(());
        }
        match children.relation.one_deselect_action {
            DeselectAction::Delete => self.delete_keys(collection, &keys).await,
            DeselectAction::Nullify => {
                let data = Map::from_iter([(children.relation.many_field.to_string(), Value::Null)]);
                let written = self.update_keys(collection, &keys, data).await?;
                revisions.extend(written.iter().filter_map(|written| written.revision));
                Ok(())
            }
        }
    }

    /// The keys of those children that the caller can see and that pass `which`.
    async fn visible(&mut self, children: &Children<'_>, which: Option<Test>) -> Result<Vec<Value>, ItemsError> {
        let collection = &children.collection;
        let limits = &self.service.unlimited;
        let query = Query::parse(&json!({"fields": [&*collection.primary_key], "limit": -1}), limits)?;
        let planner = Planner { limits, ..self.planner() };
        let mut plan = planner.read(&collection.name, &query, Target::Query)?;
        let own = |name: &str, test: Test| {
            let operand = Operand::Column(Arc::clone(collection.field(name)?));
            Some(Filter::Compare(Comparison { path: Vec::new(), operand, shown: Shown::Always, test }))
        };
        let link = own(&children.relation.many_field, Test::Eq(Scalar::Text(children.parent.to_owned())));
        let which = which.and_then(|which| own(&collection.primary_key, which));
        // A plan may be narrowed: what it lets through stays within what the caller can see.
        match (&mut plan.root, link) {
            (Root::Items(level), Some(link)) => level.filter = Some(Filter::And([Some(link), which].into_iter().flatten().collect())),
            (Root::Items(_) | Root::Aggregate(_), _) => return Ok(Vec::new()),
        }
        self.keys_of_plan(collection, &plan).await
    }

    async fn last_place(&mut self, children: &Children<'_>, sort: &str) -> Result<i64, ItemsError> {
        let statement = statement::largest(&children.collection, sort, &children.relation.many_field, children.parent);
        let rows = self.run(&statement, &children.collection, None).await?;
        let last: Option<i64> = only(&rows)?.try_get("value").map_err(DatabaseError::form)?;
        Ok(last.unwrap_or(0))
    }
}

impl Children<'_> {
    /// `item` as a child of the parent, whatever it says itself.
    fn linked(&self, mut item: Map<String, Value>) -> Map<String, Value> {
        item.insert(self.relation.many_field.to_string(), self.link.clone());
        item
    }
}

/// The key that a member names.
fn member_key(collection: &Collection, member: &Member) -> Option<Value> {
    match member {
        Member::Key(key) => Some(key.clone()),
        Member::Item(item) => item.get(&*collection.primary_key).filter(|key| !key.is_null()).cloned(),
    }
}

/// The key of a row as the right side of a comparison.
pub(super) fn scalar(collection: &Collection, key: String) -> Scalar {
    match key::json(collection, &key) {
        Value::Number(_) => Scalar::Number(key),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Scalar::Text(key),
    }
}
