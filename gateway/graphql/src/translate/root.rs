//! Root fields: what each calls.
//!
//! It must never call anything for a question about the schema: those are answered here.

use serde_json::{Map, Value, json};

use super::{Translator, Untranslated, name};
use crate::collect::Group;
use crate::document::location;
use crate::introspection::{self, Failed};
use crate::prepared::{Call, EventKind, RootField, Subscription};
use crate::schema::definition::{Field, Role, RootCall, TypeId};
use crate::shape::{Form, Leaf, Member, Object, Shape, Source};

impl<'d> Translator<'d, '_> {
    pub(super) fn root_field(&mut self, root: TypeId, group: &Group<'d>) -> Result<RootField, Untranslated> {
        let types = self.collector.types;
        let known = |text: String| (Call::Known(text.into()), Shape::new(Form::Known, false));
        let (call, shape) = match group.name() {
            "__typename" => known(Value::from(&*types.get(root).name).to_string()),
            "__schema" | "__type" => match introspection::answer(&mut self.collector, group) {
                Ok(text) => known(text),
                Err(Failed::Work) => return Err(Untranslated::Work),
                Err(Failed::Size) => return Err(self.told(group, "The answer would be too large.")),
            },
            _ => match types.field(root, group.name()) {
                Some(field) => self.call(root, field, group)?,
                None => known("null".to_owned()),
            },
        };
        Ok(RootField {
            key: name(group.key),
            field: name(group.name()),
            type_name: types.get(root).name.clone(),
            location: location(self.text, group.first.at),
            call,
            shape,
        })
    }

    fn call(&mut self, root: TypeId, field: &Field, group: &Group<'d>) -> Result<(Call, Shape), Untranslated> {
        let types = self.collector.types;
        let Some(target) = types.object(root).and_then(|object| object.root(group.name())) else {
            return Ok((Call::Known("null".into()), Shape::new(Form::Known, false)));
        };
        let collection = target.collection.clone();
        Ok(match target.call {
            RootCall::Nothing => (Call::Known("null".into()), Shape::new(Form::Known, false)),
            RootCall::Items => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::ReadMany { collection, query: query.unwrap_or(Value::Null) }, shape)
            }
            RootCall::Singleton => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::ReadSingleton { collection, query: query.unwrap_or(Value::Null) }, shape)
            }
            RootCall::ById => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::ReadOne { collection, key: self.key(field, group), query: query.unwrap_or(Value::Null) }, shape)
            }
            RootCall::ByVersion => {
                let (query, shape) = self.items(field, group, &collection)?;
                let query = query.unwrap_or(Value::Null);
                match self.argument(field, group, "id") {
                    Some(key) => (Call::ReadOne { collection, key, query }, shape),
                    None => (Call::ReadSingleton { collection, query }, shape),
                }
            }
            RootCall::Aggregated => {
                let mut query = self.list_arguments(field, group, &collection, "");
                if let Some(group_by) = self.argument(field, group, "groupBy") {
                    query.insert("groupBy".to_owned(), group_by);
                }
                let object = self.aggregate(field.ty.base, group, &mut query)?;
                (Call::Aggregate { collection, query: Value::Object(query) }, self.wrapped(field, Form::Object(object)))
            }
            RootCall::CreateItem | RootCall::CreateItems => {
                let (query, shape) = self.items(field, group, &collection)?;
                let absent = if target.call == RootCall::CreateItem { json!({}) } else { json!([]) };
                (Call::Create { collection, data: self.argument(field, group, "data").unwrap_or(absent), query }, shape)
            }
            RootCall::UpdateItem => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::UpdateOne { collection, key: self.key(field, group), data: self.object(field, group), query }, shape)
            }
            RootCall::UpdateItems => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::UpdateMany { collection, keys: self.keys(field, group), data: self.object(field, group), query }, shape)
            }
            RootCall::UpdateBatch => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::UpdateBatch { collection, data: self.argument(field, group, "data").unwrap_or_else(|| json!([])), query }, shape)
            }
            RootCall::UpdateSingleton => {
                let (query, shape) = self.items(field, group, &collection)?;
                (Call::UpdateSingleton { collection, data: self.object(field, group), query }, shape)
            }
            RootCall::DeleteItem => {
                let shape = self.deleted(field, group)?;
                (Call::DeleteOne { collection, key: self.key(field, group) }, shape)
            }
            RootCall::DeleteItems => {
                let shape = self.deleted(field, group)?;
                (Call::DeleteMany { collection, keys: self.keys(field, group) }, shape)
            }
            // Roots of subscriptions have one field and their own way.
            RootCall::Mutated => (Call::Known("null".into()), Shape::new(Form::Known, false)),
        })
    }

    /// What to read of a collection, and the shape of it; no query where the field is a mere `true`.
    fn items(&mut self, field: &Field, group: &Group<'d>, collection: &str) -> Result<(Option<Value>, Shape), Untranslated> {
        let types = self.collector.types;
        if !types.is_composite(field.ty.base) {
            return Ok((None, Shape::new(Form::True, false)));
        }
        let mut query = self.list_arguments(field, group, collection, "");
        if let Some(version) = self.argument(field, group, "version") {
            query.insert("version".to_owned(), version);
        }
        let mut level = self.level(field.ty.base, &group.below())?;
        let members = std::mem::take(&mut level.members);
        let object = Form::Object(Object { type_name: types.get(field.ty.base).name.clone(), members });
        Ok((Some(level.query(query)), self.wrapped(field, object)))
    }

    fn key(&self, field: &Field, group: &Group<'d>) -> Value {
        self.argument(field, group, "id").unwrap_or(Value::Null)
    }

    fn keys(&self, field: &Field, group: &Group<'d>) -> Vec<Value> {
        match self.argument(field, group, "ids") {
            Some(Value::Array(keys)) => keys,
            Some(_) | None => Vec::new(),
        }
    }

    fn object(&self, field: &Field, group: &Group<'d>) -> Map<String, Value> {
        match self.argument(field, group, "data") {
            Some(Value::Object(data)) => data,
            Some(_) | None => Map::new(),
        }
    }

    /// `delete_one` and `delete_many`: the answer itself is the value.
    fn deleted(&mut self, field: &Field, group: &Group<'d>) -> Result<Shape, Untranslated> {
        let types = self.collector.types;
        let mut members = Vec::new();
        for inner in self.collector.collect(field.ty.base, &group.below())? {
            let Some(definition) = types.field(field.ty.base, inner.name()) else { continue };
            let source = if inner.name() == "__typename" { Source::TypeName } else { Source::Row };
            members.push(self.member(&inner, source, self.leaf(definition)));
        }
        let object = Object { type_name: types.get(field.ty.base).name.clone(), members };
        Ok(self.wrapped(field, Form::Object(object)))
    }

    pub(super) fn subscription(&mut self, root: TypeId, group: &Group<'d>) -> Result<Subscription, Untranslated> {
        let types = self.collector.types;
        let (Some(field), Some(target)) =
            (types.field(root, group.name()), types.object(root).and_then(|object| object.root(group.name())))
        else {
            return Err(self.told(group, "The subscription selects nothing."));
        };
        let collection = target.collection.clone();
        let event = self.argument(field, group, "event").as_ref().and_then(Value::as_str).and_then(EventKind::parse);
        let mut members: Vec<Member> = Vec::new();
        let mut items: Vec<crate::collect::Sets<'d>> = Vec::new();
        let mut item_type = None;
        let groups = self.collector.collect(field.ty.base, &group.below())?;
        // Several fields may show the item, each in its own way; it is read once, with everything that they need.
        for inner in &groups {
            let Some(definition) = types.field(field.ty.base, inner.name()) else { continue };
            if inner.name() == "data" {
                items.push(inner.below());
                item_type = Some(definition.ty.base);
            }
        }
        let mut level = super::level::Level::default();
        for inner in &groups {
            let Some(definition) = types.field(field.ty.base, inner.name()) else { continue };
            let member = match (inner.name(), item_type) {
                ("__typename", _) => self.member(inner, Source::TypeName, self.leaf(definition)),
                ("data", Some(ty)) => {
                    let members = self.level_into(&mut level, ty, &inner.below())?;
                    let object = Form::Object(Object { type_name: types.get(ty).name.clone(), members });
                    self.member(inner, Source::Member("data".to_owned()), Shape::new(object, false))
                }
                ("event", _) => self.member(inner, Source::Member("event".to_owned()), Shape::new(Form::Leaf(Leaf::Text), false)),
                _ => self.member(inner, Source::Member(inner.name().to_owned()), self.leaf(definition)),
            };
            members.push(member);
        }
        let key_is_granted = types
            .find(&collection)
            .filter(|id| matches!(types.object(*id).map(|object| &object.role), Some(Role::Item(_))))
            .and_then(|id| types.object(id))
            .zip(self.overview.collection(&collection))
            .is_some_and(|(object, collection)| object.field(&collection.primary_key).is_some());
        if let Some(collection) = self.overview.collection(&collection)
            && (key_is_granted || level.fields.is_empty())
        {
            level.list(&*collection.primary_key);
        }
        let object = Object { type_name: types.get(field.ty.base).name.clone(), members };
        Ok(Subscription {
            key: name(group.key),
            field: name(group.name()),
            location: location(self.text, group.first.at),
            collection,
            event,
            selects_item: !items.is_empty(),
            query: level.query(Map::new()),
            shape: Shape::new(Form::Object(object), false),
        })
    }
}
