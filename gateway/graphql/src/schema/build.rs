//! From an overview and permissions to types.
//!
//! It must never build what no root leads to: a type exists because a field refers to it. Work is a queue, not a recursion:
//! chains of relations may be as long as there are collections.
//!
//! ```text
//! views (read, create, update, delete) ─▶ root fields ─want─▶ queue of types ─fill─▶ fields ─want─▶ …
//! ```

mod column;
mod roots;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use access::permission::{Action, Permissions};
use access::schema::{Field as Column, FieldType, Schema, Special};

use super::builtin::{Body, BuiltIn, Introspection};
use super::definition::{Arguments, Field, Input, Kind, Object, Role, Scalar, Type, TypeId, TypeRef, Types, Wrap};
use super::natural;
use super::view::{Granted, Link, Seen, View};
use column::{Functions, falsy, functions, operators, scalar};

/// A type that something refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Wanted<'s> {
    BuiltIn(BuiltIn),
    Query,
    Mutation,
    Subscription,
    Item(&'s str),
    Version(&'s str),
    Filter(&'s str),
    Quantifier(&'s str),
    Aggregated(&'s str),
    AggregatedCount(&'s str),
    AggregatedFields(&'s str),
    Mutated(&'s str),
    CreateInput(&'s str),
    UpdateInput(&'s str),
    JsonFunctions(&'s str, &'s str),
    Union(&'s str, &'s str),
}

struct Builder<'s, 'v> {
    read: &'v View<'s>,
    create: &'v View<'s>,
    update: &'v View<'s>,
    delete: &'v View<'s>,
    types: Vec<Type>,
    places: HashMap<Wanted<'s>, TypeId>,
    names: HashSet<Arc<str>>,
    queue: VecDeque<(Wanted<'s>, TypeId)>,
    /// Names that several types use.
    words: HashMap<String, Arc<str>>,
    lists: HashMap<&'s str, Arguments>,
}

/// The types that a session with `permissions` sees.
pub(super) fn build(schema: &Schema, permissions: &Permissions) -> Types {
    let view = |action| View::new(schema, permissions, action);
    let (read, create, update, delete) = (view(Action::Read), view(Action::Create), view(Action::Update), view(Action::Delete));
    let mut builder = Builder {
        read: &read,
        create: &create,
        update: &update,
        delete: &delete,
        types: Vec::new(),
        places: HashMap::new(),
        names: HashSet::new(),
        queue: VecDeque::new(),
        words: HashMap::new(),
        lists: HashMap::new(),
    };
    let query = builder.want(Wanted::Query);
    // Introspection and every document need these two.
    builder.scalar(Scalar::String);
    builder.scalar(Scalar::Boolean);
    let meta = builder.meta_fields();
    let mutation = builder.has_mutations().then(|| builder.want(Wanted::Mutation));
    let subscription = (!read.sorted().is_empty()).then(|| builder.want(Wanted::Subscription));
    while let Some((wanted, id)) = builder.queue.pop_front() {
        let kind = builder.fill(&wanted);
        builder.put(id, kind);
    }
    builder.types.shrink_to_fit();
    Types::new(builder.types, query, mutation, subscription, meta)
}

impl<'s> Builder<'s, '_> {
    /// The id of a type that will be filled when its turn comes.
    fn want(&mut self, wanted: Wanted<'s>) -> TypeId {
        if let Some(id) = self.places.get(&wanted) {
            return *id;
        }
        let mut name = wanted.name();
        // Two collections can ask for one name (`a` with its filter, and `a_filter`); the later one gives way.
        while self.names.contains(&*name) {
            name.push('_');
        }
        let name = self.word(&name);
        self.names.insert(Arc::clone(&name));
        let place = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
        let id = TypeId::at(place);
        self.types.push(Type { name, description: wanted.description(), kind: Kind::Enum(&[]) });
        self.places.insert(wanted.clone(), id);
        self.queue.push_back((wanted, id));
        id
    }

    #[expect(clippy::indexing_slicing, reason = "the id was made by `want`, which has pushed the type")]
    fn put(&mut self, id: TypeId, kind: Kind) {
        self.types[id.place()].kind = kind;
    }

    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(word) = self.words.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        self.words.insert(text.to_owned(), Arc::clone(&word));
        word
    }

    fn scalar(&mut self, scalar: Scalar) -> TypeId {
        self.want(Wanted::BuiltIn(BuiltIn::Scalar(scalar)))
    }

    fn fill(&mut self, wanted: &Wanted<'s>) -> Kind {
        match *wanted {
            Wanted::BuiltIn(built_in) => self.built_in(built_in),
            Wanted::Query => self.query(),
            Wanted::Mutation => self.mutation(),
            Wanted::Subscription => self.subscription(),
            Wanted::Item(name) => self.item(name),
            Wanted::Version(name) => self.version(name),
            Wanted::Filter(name) => Kind::Input(self.filter(name, false)),
            Wanted::Quantifier(name) => Kind::Input(self.filter(name, true)),
            Wanted::Aggregated(name) => self.aggregated(name),
            Wanted::AggregatedCount(name) => self.aggregated_count(name),
            Wanted::AggregatedFields(name) => self.aggregated_fields(name),
            Wanted::Mutated(name) => self.mutated(name),
            Wanted::CreateInput(name) => Kind::Input(self.payload(self.create, name)),
            Wanted::UpdateInput(name) => Kind::Input(self.payload(self.update, name)),
            Wanted::JsonFunctions(..) => self.json_functions(),
            Wanted::Union(collection, field) => self.union(collection, field),
        }
    }

    fn built_in(&mut self, built_in: BuiltIn) -> Kind {
        match built_in.body() {
            Body::Scalar(scalar) => Kind::Scalar(scalar),
            Body::Enum(values) => Kind::Enum(values),
            Body::Input(fields) => Kind::Input(
                fields
                    .into_iter()
                    .map(|(name, ty, wrap)| {
                        let base = self.want(Wanted::BuiltIn(ty));
                        Input { name: self.word(name), ty: TypeRef { base, wrap } }
                    })
                    .collect(),
            ),
            Body::Output(fields) => {
                let fields = fields
                    .into_iter()
                    .map(|(name, ty, wrap, arguments)| {
                        let base = self.want(Wanted::BuiltIn(ty));
                        let arguments: Vec<Input> = arguments
                            .iter()
                            .map(|(name, scalar, wrap)| {
                                let base = self.scalar(*scalar);
                                Input { name: self.word(name), ty: TypeRef { base, wrap: *wrap } }
                            })
                            .collect();
                        self.field(name, TypeRef { base, wrap }, some(arguments))
                    })
                    .collect();
                let role = if built_in.is_functions() { Role::Functions } else { Role::Plain };
                Kind::Object(Object { role, fields })
            }
        }
    }

    /// `__schema`, `__type`, `__typename`.
    fn meta_fields(&mut self) -> [Field; 3] {
        let schema = self.want(Wanted::BuiltIn(BuiltIn::Introspection(Introspection::Schema)));
        let ty = self.want(Wanted::BuiltIn(BuiltIn::Introspection(Introspection::Type)));
        let string = self.scalar(Scalar::String);
        let name = self.argument("name", TypeRef::required(string));
        [
            self.field("__schema", TypeRef::required(schema), None),
            self.field("__type", TypeRef::plain(ty), some(vec![name])),
            self.field("__typename", TypeRef::required(string), None),
        ]
    }

    fn mutated(&mut self, name: &'s str) -> Kind {
        let data = TypeRef::plain(self.want(Wanted::Item(name)));
        let event = TypeRef::plain(self.want(Wanted::BuiltIn(BuiltIn::EventEnum)));
        let key = TypeRef::required(self.scalar(Scalar::Id));
        let fields = [self.field("data", data, None), self.field("event", event, None), self.field("key", key, None)];
        Kind::Object(Object { role: Role::Mutated(self.word(name)), fields: fields.into() })
    }

    fn item(&mut self, name: &'s str) -> Kind {
        let read = self.read;
        let mut fields = Vec::new();
        if let Some(seen) = read.get(name) {
            for granted in &seen.fields {
                let field = granted.field;
                let (ty, arguments) = match read.relation(name, &field.name) {
                    Some(Link::One(target)) => (TypeRef::plain(self.want(Wanted::Item(target))), self.list_arguments(target)),
                    Some(Link::Many(target)) => {
                        (TypeRef { base: self.want(Wanted::Item(target)), wrap: Wrap::List }, self.list_arguments(target))
                    }
                    Some(Link::Any(_)) => (TypeRef::plain(self.want(Wanted::Union(name, &field.name))), None),
                    None => (self.column(read, seen, granted), None),
                };
                fields.push(Field { name: Arc::clone(&field.name), ty, arguments });
                if let Some(functions) = self.functions(name, field) {
                    fields.push(self.field(&format!("{}_func", field.name), TypeRef::plain(functions), None));
                }
            }
        }
        Kind::Object(Object { role: Role::Item(self.word(name)), fields: unique(fields) })
    }

    /// The form in which the last action that sees the collection knows it: what can be written, if anything can.
    fn version(&mut self, name: &'s str) -> Kind {
        let view = [self.update, self.create, self.read].into_iter().find(|view| view.get(name).is_some()).unwrap_or(self.read);
        let mut fields = Vec::new();
        if let Some(seen) = view.get(name) {
            for granted in &seen.fields {
                let field = granted.field;
                let ty = match view.relation(name, &field.name) {
                    Some(Link::One(_) | Link::Many(_)) => TypeRef::plain(self.scalar(Scalar::Json)),
                    Some(Link::Any(_)) | None => self.column(view, seen, granted),
                };
                fields.push(Field { name: Arc::clone(&field.name), ty, arguments: None });
                if view.action == Action::Read
                    && let Some(functions) = self.functions(name, field)
                {
                    fields.push(self.field(&format!("{}_func", field.name), TypeRef::plain(functions), None));
                }
            }
        }
        Kind::Object(Object { role: Role::Version(self.word(name)), fields: unique(fields) })
    }

    /// The functions of a field's type.
    fn functions(&mut self, collection: &'s str, field: &'s Column) -> Option<TypeId> {
        let functions = functions(field)?;
        Some(if field.kind == FieldType::Json {
            self.want(Wanted::JsonFunctions(collection, &field.name))
        } else {
            self.want(Wanted::BuiltIn(functions.output()))
        })
    }

    fn json_functions(&mut self) -> Kind {
        let (int, json, string) = (self.scalar(Scalar::Int), self.scalar(Scalar::Json), self.scalar(Scalar::String));
        let path = self.argument("path", TypeRef::required(string));
        let fields = [self.field("count", TypeRef::plain(int), None), self.field("json", TypeRef::plain(json), some(vec![path]))];
        Kind::Object(Object { role: Role::Functions, fields: fields.into() })
    }

    fn union(&mut self, collection: &'s str, field: &'s str) -> Kind {
        let Some(Link::Any(relation)) = self.read.relation(collection, field) else { return Kind::Union(Box::default()) };
        let mut names: Vec<&'s Arc<str>> = relation.one_allowed_collections.iter().collect();
        names.sort_by(|a, b| natural::compare(a, b));
        names.dedup();
        Kind::Union(names.into_iter().map(|name| self.want(Wanted::Item(name))).collect())
    }

    fn filter(&mut self, name: &'s str, quantified: bool) -> Box<[Input]> {
        let read = self.read;
        let own = self.want(Wanted::Filter(name));
        let mut fields = Vec::new();
        for word in ["_and", "_or"] {
            fields.push(self.argument(word, TypeRef { base: own, wrap: Wrap::List }));
        }
        for word in ["_some", "_none"].into_iter().filter(|_| quantified) {
            fields.push(self.argument(word, TypeRef::plain(own)));
        }
        for granted in read.get(name).map(|seen| seen.fields.as_slice()).unwrap_or_default() {
            let field = granted.field;
            match read.relation(name, &field.name) {
                Some(Link::One(target)) => {
                    let ty = self.want(Wanted::Filter(target));
                    fields.push(self.argument(&field.name, TypeRef::plain(ty)));
                }
                Some(Link::Many(target)) => {
                    let ty = self.want(Wanted::Quantifier(target));
                    fields.push(self.argument(&field.name, TypeRef::plain(ty)));
                }
                Some(Link::Any(relation)) => {
                    for target in &relation.one_allowed_collections {
                        let ty = self.want(Wanted::Filter(target));
                        fields.push(self.argument(&format!("{}__{target}", field.name), TypeRef::plain(ty)));
                    }
                }
                None => {
                    let operators = self.want(Wanted::BuiltIn(operators(field)));
                    fields.push(self.argument(&field.name, TypeRef::plain(operators)));
                }
            }
            let of_functions = functions(field).map(Functions::operators);
            if let Some(operators) = of_functions {
                let ty = self.want(Wanted::BuiltIn(operators));
                fields.push(self.argument(&format!("{}_func", field.name), TypeRef::plain(ty)));
            }
        }
        unique_inputs(fields)
    }

    fn aggregated(&mut self, name: &'s str) -> Kind {
        let (json, int) = (self.scalar(Scalar::Json), self.scalar(Scalar::Int));
        let count = self.want(Wanted::AggregatedCount(name));
        let mut fields = vec![
            self.field("count", TypeRef::plain(count), None),
            self.field("countAll", TypeRef::plain(int), None),
            self.field("countDistinct", TypeRef::plain(count), None),
            self.field("group", TypeRef::plain(json), None),
        ];
        // A many-to-any key is a text, whatever it points to.
        let has_numbers = self.read.get(name).is_some_and(|seen| {
            seen.fields.iter().any(|granted| matches!(scalar(granted.field), (Scalar::Int | Scalar::Float, Wrap::Plain)))
        });
        if has_numbers {
            let numbers = self.want(Wanted::AggregatedFields(name));
            for word in ["avg", "avgDistinct", "max", "min", "sum", "sumDistinct"] {
                fields.push(self.field(word, TypeRef::plain(numbers), None));
            }
        }
        Kind::Object(Object { role: Role::Aggregated(self.word(name)), fields: unique(fields) })
    }

    fn aggregated_count(&mut self, name: &'s str) -> Kind {
        let int = TypeRef::plain(self.scalar(Scalar::Int));
        let granted = self.read.get(name).map(|seen| seen.fields.as_slice()).unwrap_or_default();
        let fields = granted.iter().map(|granted| self.field(&granted.field.name, int, None)).collect();
        Kind::Object(Object { role: Role::Plain, fields })
    }

    fn aggregated_fields(&mut self, name: &'s str) -> Kind {
        let float = TypeRef::plain(self.scalar(Scalar::Float));
        let granted = self.read.get(name).map(|seen| seen.fields.as_slice()).unwrap_or_default();
        let numbers =
            granted.iter().filter(|granted| matches!(scalar(granted.field), (Scalar::Int | Scalar::Float | Scalar::BigInt, Wrap::Plain)));
        let fields = numbers.map(|granted| self.field(&granted.field.name, float, None)).collect();
        Kind::Object(Object { role: Role::Plain, fields })
    }

    fn payload(&mut self, view: &View<'s>, name: &'s str) -> Box<[Input]> {
        let nested = |target: &'s str| match view.action {
            Action::Update => Wanted::UpdateInput(target),
            Action::Create | Action::Read | Action::Delete | Action::Share => Wanted::CreateInput(target),
        };
        let Some(seen) = view.get(name) else { return Box::default() };
        let mut fields = Vec::with_capacity(seen.fields.len());
        for granted in &seen.fields {
            let ty = match view.relation(name, &granted.field.name) {
                Some(Link::One(target)) => TypeRef::plain(self.want(nested(target))),
                Some(Link::Many(target)) => TypeRef { base: self.want(nested(target)), wrap: Wrap::List },
                Some(Link::Any(_)) | None => self.column(view, seen, granted),
            };
            fields.push(Input { name: Arc::clone(&granted.field.name), ty });
        }
        fields.into()
    }

    /// The type of a field that leads nowhere.
    fn column(&mut self, view: &View<'_>, seen: &Seen<'_>, granted: &Granted<'_>) -> TypeRef {
        let field = granted.field;
        let given = !falsy(&field.default);
        if seen.collection.primary_key == field.name && granted.consistent {
            let id = self.scalar(Scalar::Id);
            let optional = match view.action {
                Action::Create => given || field.has(Special::Uuid),
                Action::Update => true,
                Action::Read | Action::Delete | Action::Share => false,
            };
            // Rules that only exist in code have no key.
            let unstored = &*seen.collection.name == "directus_permissions";
            return if optional || unstored { TypeRef::plain(id) } else { TypeRef::required(id) };
        }
        let (scalar, wrap) = scalar(field);
        let generated = [Special::Uuid, Special::DateCreated, Special::UserCreated, Special::RoleCreated];
        let required = !field.nullable
            && !given
            && granted.consistent
            && view.action != Action::Update
            && !generated.iter().any(|special| field.has(*special));
        let wrap = match (wrap, required) {
            (Wrap::List, true) => Wrap::RequiredList,
            (Wrap::Plain, true) => Wrap::Required,
            (wrap, _) => wrap,
        };
        TypeRef { base: self.scalar(scalar), wrap }
    }

    /// What every list of a collection's items takes.
    fn list_arguments(&mut self, name: &'s str) -> Arguments {
        if let Some(list) = self.lists.get(name) {
            return list.clone();
        }
        let filter = self.want(Wanted::Filter(name));
        let (int, string) = (self.scalar(Scalar::Int), self.scalar(Scalar::String));
        let list = some(vec![
            self.argument("filter", TypeRef::plain(filter)),
            self.argument("limit", TypeRef::plain(int)),
            self.argument("offset", TypeRef::plain(int)),
            self.argument("page", TypeRef::plain(int)),
            self.argument("search", TypeRef::plain(string)),
            self.argument("sort", TypeRef { base: string, wrap: Wrap::List }),
        ]);
        self.lists.insert(name, list.clone());
        list
    }

    fn field(&mut self, name: &str, ty: TypeRef, arguments: Arguments) -> Field {
        Field { name: self.word(name), ty, arguments }
    }

    fn argument(&mut self, name: &str, ty: TypeRef) -> Input {
        Input { name: self.word(name), ty }
    }
}

impl Wanted<'_> {
    fn name(&self) -> String {
        match self {
            Self::BuiltIn(built_in) => built_in.name().to_owned(),
            Self::Query => "Query".to_owned(),
            Self::Mutation => "Mutation".to_owned(),
            Self::Subscription => "Subscription".to_owned(),
            Self::Item(name) => (*name).to_owned(),
            Self::Version(name) => format!("version_{name}"),
            Self::Filter(name) => format!("{name}_filter"),
            Self::Quantifier(name) => format!("{name}_quantifier_filter"),
            Self::Aggregated(name) => format!("{name}_aggregated"),
            Self::AggregatedCount(name) => format!("{name}_aggregated_count"),
            Self::AggregatedFields(name) => format!("{name}_aggregated_fields"),
            Self::Mutated(name) => format!("{name}_mutated"),
            Self::CreateInput(name) => format!("create_{name}_input"),
            Self::UpdateInput(name) => format!("update_{name}_input"),
            Self::JsonFunctions(collection, field) => format!("{collection}_{field}_func"),
            Self::Union(collection, field) => format!("{collection}_{field}_union"),
        }
    }

    /// Types that are made as copies of others have an empty one, as observed.
    const fn description(&self) -> Option<&'static str> {
        match self {
            Self::BuiltIn(built_in) => built_in.description(),
            Self::Version(_) | Self::Quantifier(_) => Some(""),
            Self::Query
            | Self::Mutation
            | Self::Subscription
            | Self::Item(_)
            | Self::Filter(_)
            | Self::Aggregated(_)
            | Self::AggregatedCount(_)
            | Self::AggregatedFields(_)
            | Self::Mutated(_)
            | Self::CreateInput(_)
            | Self::UpdateInput(_)
            | Self::JsonFunctions(..)
            | Self::Union(..) => None,
        }
    }
}

fn some(arguments: Vec<Input>) -> Arguments {
    if arguments.is_empty() { None } else { Some(arguments.into()) }
}

fn sorted(mut inputs: Vec<Input>) -> Vec<Input> {
    inputs.sort_by(|a, b| natural::compare(&a.name, &b.name));
    inputs
}

/// In natural order, each name once: a column called `born_func` stays a column.
fn unique(mut fields: Vec<Field>) -> Box<[Field]> {
    fields.sort_by(|a, b| natural::compare(&a.name, &b.name));
    fields.dedup_by(|later, first| later.name == first.name);
    fields.into()
}

fn unique_inputs(fields: Vec<Input>) -> Box<[Input]> {
    let mut fields = sorted(fields);
    fields.dedup_by(|later, first| later.name == first.name);
    fields.into()
}
