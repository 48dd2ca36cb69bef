//! Selections on items: one level of the engine's `fields`, `alias` and `deep`, and the object that it becomes.
//!
//! It must never give two different things one name: the second use of a relation and names that a column has already are
//! read under an alias. Columns never are, for the engine shows rows without other members as bare keys.

use std::collections::{HashMap, HashSet};

use access::schema::RelationKind;
use serde_json::{Map, Value, json};

use super::{Translator, Untranslated, name};
use crate::collect::{Group, Sets};
use crate::schema::definition::{Field, Kind, Role, TypeId};
use crate::shape::{Form, Leaf, Member, Object, Shape, Source};

/// One level of a query.
#[derive(Default)]
pub(super) struct Level {
    pub(super) fields: Vec<String>,
    pub(super) alias: Map<String, Value>,
    pub(super) deep: Map<String, Value>,
    pub(super) members: Vec<Member>,
    listed: HashSet<String>,
    /// How often each name was used.
    used: HashMap<String, usize>,
}

impl Level {
    pub(super) fn list(&mut self, field: impl Into<String>) {
        let field = field.into();
        if self.listed.insert(field.clone()) {
            self.fields.push(field);
        }
    }

    /// The level as a query of the engine.
    pub(super) fn query(self, mut query: Map<String, Value>) -> Value {
        query.insert("fields".to_owned(), self.fields.into());
        if !self.alias.is_empty() {
            query.insert("alias".to_owned(), self.alias.into());
        }
        if !self.deep.is_empty() {
            query.insert("deep".to_owned(), self.deep.into());
        }
        Value::Object(query)
    }

    /// Puts a level below this one, as `slot`.
    fn attach(&mut self, slot: &str, below: &mut Level, mut arguments: Map<String, Value>) {
        for field in std::mem::take(&mut below.fields) {
            self.list(format!("{slot}.{field}"));
        }
        if !below.alias.is_empty() {
            arguments.insert("_alias".to_owned(), std::mem::take(&mut below.alias).into());
        }
        arguments.extend(std::mem::take(&mut below.deep));
        if !arguments.is_empty() {
            self.deep.insert(slot.to_owned(), arguments.into());
        }
    }
}

impl<'d> Translator<'d, '_> {
    /// Selections on an item type, or on a version of one.
    pub(super) fn level(&mut self, ty: TypeId, sets: &Sets<'d>) -> Result<Level, Untranslated> {
        let mut level = Level::default();
        level.members = self.level_into(&mut level, ty, sets)?;
        Ok(level)
    }

    /// Adds selections to what is read already; the members are those of the new ones alone.
    pub(super) fn level_into(&mut self, level: &mut Level, ty: TypeId, sets: &Sets<'d>) -> Result<Vec<Member>, Untranslated> {
        let types = self.collector.types;
        let collection = match types.object(ty).map(|object| &object.role) {
            Some(Role::Item(collection) | Role::Version(collection)) => collection.clone(),
            Some(Role::Root(_) | Role::Aggregated(_) | Role::Mutated(_) | Role::Functions | Role::Plain) | None => name(""),
        };
        for group in self.collector.collect(ty, sets)? {
            if group.name() == "__typename" {
                let member = self.member(&group, Source::TypeName, Shape::new(Form::Leaf(Leaf::Text), true));
                level.members.push(member);
                continue;
            }
            let Some(field) = types.field(ty, group.name()) else { continue };
            let base = types.get(field.ty.base);
            match &base.kind {
                Kind::Object(object) if object.role == Role::Functions => {
                    self.functions(level, &collection, &group, field)?;
                }
                Kind::Object(_) => self.relation(level, &collection, &group, field)?,
                Kind::Union(_) => self.any(level, &collection, &group, field)?,
                Kind::Scalar(_) | Kind::Enum(_) | Kind::Input(_) => {
                    level.list(group.name());
                    let member = self.member(&group, Source::Member(group.name().to_owned()), self.leaf(field));
                    level.members.push(member);
                }
            }
        }
        if level.fields.is_empty() {
            level.list(self.anchor(ty, &collection));
        }
        Ok(std::mem::take(&mut level.members))
    }

    /// A field that can always be asked for, so that rows are objects: the key, or whatever is granted.
    fn anchor(&self, ty: TypeId, collection: &str) -> String {
        let types = self.collector.types;
        let key = self.overview.collection(collection).map(|collection| &collection.primary_key);
        let object = types.object(ty);
        let key = key.filter(|key| object.is_some_and(|object| object.field(key).is_some()));
        let leaf = || {
            let mut fields = object.into_iter().flat_map(|object| object.fields.iter());
            fields.find(|field| matches!(types.get(field.ty.base).kind, Kind::Scalar(_))).map(|field| &field.name)
        };
        key.or_else(leaf).map(|name| name.to_string()).unwrap_or_default()
    }

    /// Where something of `field` can be read that is not the column itself.
    fn slot(&self, level: &mut Level, collection: &str, wanted: &str, field: &str, target: Option<&str>) -> String {
        let known = |name: &str| self.overview.collection(collection).is_some_and(|collection| collection.field(name).is_some());
        let uses = level.used.entry(wanted.to_owned()).or_default();
        *uses += 1;
        // A relation's own name is free for its first use.
        if *uses == 1 && target.is_none() {
            return wanted.to_owned();
        }
        let mut number = *uses;
        let slot = loop {
            let slot = format!("{wanted}__{number}");
            if !known(&slot) && !level.alias.contains_key(&slot) {
                break slot;
            }
            number += 1;
        };
        level.alias.insert(slot.clone(), Value::from(target.unwrap_or(field)));
        slot
    }

    fn relation(&mut self, level: &mut Level, collection: &str, group: &Group<'d>, field: &Field) -> Result<(), Untranslated> {
        let types = self.collector.types;
        let target = match types.object(field.ty.base).map(|object| &object.role) {
            Some(Role::Item(target)) => target.clone(),
            _ => name(""),
        };
        let slot = self.slot(level, collection, group.name(), group.name(), None);
        let arguments = self.list_arguments(field, group, &target, "_");
        let mut below = self.level(field.ty.base, &group.below())?;
        level.attach(&slot, &mut below, arguments);
        let object = Form::Object(Object { type_name: types.get(field.ty.base).name.clone(), members: below.members });
        let shape = self.wrapped(field, object);
        let member = self.member(group, Source::Member(slot), shape);
        level.members.push(member);
        Ok(())
    }

    fn any(&mut self, level: &mut Level, collection: &str, group: &Group<'d>, field: &Field) -> Result<(), Untranslated> {
        let types = self.collector.types;
        let Some(RelationKind::ManyToAny(relation)) = self.overview.relation(collection, group.name()) else { return Ok(()) };
        let tag = relation.one_collection_field.as_deref().unwrap_or_default().to_owned();
        level.list(tag.clone());
        let slot = self.slot(level, collection, group.name(), group.name(), None);
        let mut variants = Vec::new();
        for member in types.possible(&field.ty.base) {
            let Some(Role::Item(target)) = types.object(*member).map(|object| &object.role) else { continue };
            let mut below = self.level(*member, &group.below())?;
            level.attach(&format!("{slot}:{target}"), &mut below, Map::new());
            variants.push(Object { type_name: types.get(*member).name.clone(), members: below.members });
        }
        let member = self.member(group, Source::Member(slot), Shape::new(Form::Union { tag, variants }, false));
        level.members.push(member);
        Ok(())
    }

    /// `published_at_func { year }` and `meta_func { json(path: "a.b") }`.
    fn functions(&mut self, level: &mut Level, collection: &str, group: &Group<'d>, field: &Field) -> Result<(), Untranslated> {
        let types = self.collector.types;
        let column = group.name().strip_suffix("_func").unwrap_or(group.name());
        let known = |name: &str| self.overview.collection(collection).is_some_and(|collection| collection.field(name).is_some());
        let mut members = Vec::new();
        for inner in self.collector.collect(field.ty.base, &group.below())? {
            let function = inner.name();
            if function == "__typename" {
                members.push(self.member(&inner, Source::TypeName, Shape::new(Form::Leaf(Leaf::Text), true)));
                continue;
            }
            let Some(definition) = types.field(field.ty.base, function) else { continue };
            let path = self.argument(definition, &inner, "path");
            let source = match path.as_ref().and_then(Value::as_str) {
                Some(path) => {
                    let call = format!("json({column}, {path})");
                    let alias = level.alias.iter().find(|(_, target)| **target == call).map(|(alias, _)| alias.clone());
                    let slot = alias.unwrap_or_else(|| self.slot(level, collection, &format!("{column}_json"), column, Some(&call)));
                    level.list(slot.clone());
                    slot
                }
                None => {
                    let call = format!("{function}({column})");
                    let key = format!("{column}_{function}");
                    if known(&key) {
                        let alias = level.alias.iter().find(|(_, target)| **target == call).map(|(alias, _)| alias.clone());
                        let slot = alias.unwrap_or_else(|| self.slot(level, collection, &key, column, Some(&call)));
                        level.list(slot.clone());
                        slot
                    } else {
                        level.list(call);
                        key
                    }
                }
            };
            let shape = self.leaf(definition);
            members.push(self.member(&inner, Source::Member(source), shape));
        }
        let object = Form::Object(Object { type_name: types.get(field.ty.base).name.clone(), members });
        let member = self.member(group, Source::Row, Shape::new(object, false));
        level.members.push(member);
        Ok(())
    }

    pub(super) fn member(&self, group: &Group<'d>, source: Source, shape: Shape) -> Member {
        Member { key: name(group.key), field: name(group.name()), places: self.places(group), source, shape }
    }

    /// The shape of a field without selections.
    pub(super) fn leaf(&self, field: &Field) -> Shape {
        let leaf = match self.collector.types.get(field.ty.base).kind {
            Kind::Scalar(scalar) => Leaf::of(scalar),
            Kind::Enum(_) => Leaf::Text,
            Kind::Object(_) | Kind::Union(_) | Kind::Input(_) => Leaf::Json,
        };
        self.wrapped(field, Form::Leaf(leaf))
    }

    /// A form with the lists around it that the field's type says.
    pub(super) fn wrapped(&self, field: &Field, form: Form) -> Shape {
        use crate::schema::definition::Wrap;
        let list = |form, required| Form::List(Box::new(Shape::new(form, required)));
        match field.ty.wrap {
            Wrap::Plain => Shape::new(form, false),
            Wrap::Required => Shape::new(form, true),
            Wrap::List => Shape::new(list(form, false), false),
            Wrap::ListOfRequired => Shape::new(list(form, true), false),
            Wrap::RequiredList => Shape::new(list(form, false), true),
            Wrap::RequiredListOfRequired => Shape::new(list(form, true), true),
        }
    }

    /// Selections on a group: what to aggregate, and the object that it becomes.
    pub(super) fn aggregate(&mut self, ty: TypeId, group: &Group<'d>, query: &mut Map<String, Value>) -> Result<Object, Untranslated> {
        let types = self.collector.types;
        let key = match types.object(ty).map(|object| &object.role) {
            Some(Role::Aggregated(collection)) => self.overview.collection(collection).map(|collection| collection.primary_key.clone()),
            _ => None,
        };
        let mut aggregate: Map<String, Value> = Map::new();
        let mut add = |function: &str, column: &str| {
            let columns = aggregate.entry(function.to_owned()).or_insert_with(|| json!([]));
            if let Value::Array(columns) = columns
                && !columns.iter().any(|known| known == column)
            {
                columns.push(column.into());
            }
        };
        let groups = self.collector.collect(ty, &group.below())?;
        let counts_columns = groups.iter().any(|group| group.name() == "count");
        let mut members = Vec::new();
        for group in &groups {
            let Some(field) = types.field(ty, group.name()) else { continue };
            let (source, shape) = match group.name() {
                "__typename" => (Source::TypeName, self.leaf(field)),
                "group" => (Source::Rest(AGGREGATES.iter().map(|name| (*name).to_owned()).collect()), self.leaf(field)),
                "countAll" => {
                    let of_key = types
                        .field(ty, "count")
                        .and_then(|count| types.object(count.ty.base))
                        .and_then(|columns| key.as_ref().filter(|key| columns.field(key).is_some()));
                    let source = match of_key {
                        // Counting keys is counting rows.
                        Some(key) => {
                            add("count", key);
                            Source::Below("count".to_owned(), key.to_string())
                        }
                        None if counts_columns => {
                            return Err(self.told(group, "\"countAll\" and \"count\" can't be combined where the key may not be read."));
                        }
                        None => {
                            add("count", "*");
                            Source::Member("count".to_owned())
                        }
                    };
                    (source, self.leaf(field))
                }
                function => {
                    let mut columns = Vec::new();
                    for column in self.collector.collect(field.ty.base, &group.below())? {
                        let Some(definition) = types.field(field.ty.base, column.name()) else { continue };
                        if column.name() == "__typename" {
                            columns.push(self.member(&column, Source::TypeName, self.leaf(definition)));
                            continue;
                        }
                        add(function, column.name());
                        columns.push(self.member(&column, Source::Member(column.name().to_owned()), self.leaf(definition)));
                    }
                    let object = Object { type_name: types.get(field.ty.base).name.clone(), members: columns };
                    (Source::Member(function.to_owned()), Shape::new(Form::Object(object), false))
                }
            };
            members.push(self.member(group, source, shape));
        }
        // Something must be asked for, or the answer would be items.
        if aggregate.is_empty() && !query.contains_key("groupBy") {
            aggregate.insert("count".to_owned(), json!(["*"]));
        }
        if !aggregate.is_empty() {
            query.insert("aggregate".to_owned(), aggregate.into());
        }
        Ok(Object { type_name: types.get(ty).name.clone(), members })
    }
}

/// The members of a group that are not its keys.
const AGGREGATES: [&str; 8] = ["count", "countDistinct", "sum", "sumDistinct", "avg", "avgDistinct", "min", "max"];
