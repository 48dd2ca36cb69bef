//! From an overview and permissions to types.
//!
//! It must never build what no root leads to: a type exists because a field refers to it. Work is a queue, not a recursion:
//! chains of relations may be as long as there are collections.
//!
//! ```text
//! views (read, create, update, delete) ─▶ root fields ─want─▶ queue of types ─fill─▶ fields ─want─▶ …
//! ```

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use access::permission::{Action, Permissions};
use access::schema::{ColumnDefault, Field as Column, FieldType, Schema, Special};

use super::builtin::{Body, BuiltIn, Introspection};
use super::definition::{Arguments, Field, Input, Kind, Object, Role, Root, RootCall, Scalar, Type, TypeId, TypeRef, Types, Wrap};
use super::natural;
use super::view::{Granted, Link, Seen, View};

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

/// The functions that a field's type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Functions {
    Date,
    Time,
    DateTime,
    Count,
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

    fn query(&mut self) -> Kind {
        let mut fields = Vec::new();
        let read = self.read;
        for seen in read.sorted() {
            if seen.collection.system {
                continue;
            }
            let name = &*seen.collection.name;
            let (item, version) = (self.want(Wanted::Item(name)), self.want(Wanted::Version(name)));
            let (string, id) = (self.scalar(Scalar::String), self.scalar(Scalar::Id));
            let of_version = self.argument("version", TypeRef::required(string));
            let in_version = self.argument("version", TypeRef::plain(string));
            if seen.collection.singleton {
                fields.push((self.field(name, TypeRef::plain(item), some(vec![in_version])), root(RootCall::Singleton, seen)));
                let by_version = self.field(&format!("{name}_by_version"), TypeRef::plain(version), some(vec![of_version]));
                fields.push((by_version, root(RootCall::ByVersion, seen)));
                continue;
            }
            let by_id = self.argument("id", TypeRef::required(id));
            let list = self.list_arguments(name);
            let items = TypeRef { base: item, wrap: Wrap::RequiredListOfRequired };
            fields.push((self.field(name, items, list.clone()), root(RootCall::Items, seen)));
            let arguments = some(vec![by_id.clone(), in_version]);
            fields.push((self.field(&format!("{name}_by_id"), TypeRef::plain(item), arguments), root(RootCall::ById, seen)));
            let arguments = some(vec![by_id, of_version]);
            let by_version = self.field(&format!("{name}_by_version"), TypeRef::plain(version), arguments);
            fields.push((by_version, root(RootCall::ByVersion, seen)));
            let groups = TypeRef { base: self.want(Wanted::Aggregated(name)), wrap: Wrap::RequiredListOfRequired };
            let group_by = self.argument("groupBy", TypeRef { base: string, wrap: Wrap::List });
            let arguments = sorted(list.iter().flat_map(|list| list.iter().cloned()).chain([group_by]).collect());
            fields.push((self.field(&format!("{name}_aggregated"), groups, some(arguments)), root(RootCall::Aggregated, seen)));
        }
        if fields.is_empty() {
            let void = self.scalar(Scalar::Void);
            let nothing = Root { call: RootCall::Nothing, collection: "".into() };
            fields.push((self.field("_empty", TypeRef::plain(void), None), nothing));
        }
        roots(fields)
    }

    /// Whether anything can be written.
    fn has_mutations(&self) -> bool {
        let writes = |view: &View<'_>, singletons: bool| {
            view.sorted().iter().any(|seen| !seen.collection.system && (singletons || !seen.collection.singleton))
        };
        writes(self.create, false) || writes(self.update, true) || writes(self.delete, false)
    }

    fn mutation(&mut self) -> Kind {
        let mut fields = Vec::new();
        self.creates(&mut fields);
        self.updates(&mut fields);
        let delete = self.delete;
        for seen in delete.sorted().into_iter().filter(|seen| !seen.collection.system && !seen.collection.singleton) {
            let name = &*seen.collection.name;
            let id = self.scalar(Scalar::Id);
            let one = TypeRef::plain(self.want(Wanted::BuiltIn(BuiltIn::DeleteOne)));
            let many = TypeRef::plain(self.want(Wanted::BuiltIn(BuiltIn::DeleteMany)));
            let key = self.argument("id", TypeRef::required(id));
            let keys = self.argument("ids", TypeRef { base: id, wrap: Wrap::RequiredList });
            fields.push((self.field(&format!("delete_{name}_item"), one, some(vec![key])), root(RootCall::DeleteItem, seen)));
            fields.push((self.field(&format!("delete_{name}_items"), many, some(vec![keys])), root(RootCall::DeleteItems, seen)));
        }
        roots(fields)
    }

    fn creates(&mut self, fields: &mut Vec<(Field, Root)>) {
        let create = self.create;
        for seen in create.sorted().into_iter().filter(|seen| !seen.collection.system && !seen.collection.singleton) {
            let name = &*seen.collection.name;
            let input = self.want(Wanted::CreateInput(name));
            let (one, many, list) = self.written(name);
            let item = self.argument("data", TypeRef::required(input));
            let items = self.argument("data", TypeRef { base: input, wrap: Wrap::ListOfRequired });
            fields.push((self.field(&format!("create_{name}_item"), one, some(vec![item])), root(RootCall::CreateItem, seen)));
            let arguments = some(sorted([items].into_iter().chain(list).collect()));
            fields.push((self.field(&format!("create_{name}_items"), many, arguments), root(RootCall::CreateItems, seen)));
        }
    }

    fn updates(&mut self, fields: &mut Vec<(Field, Root)>) {
        let update = self.update;
        for seen in update.sorted().into_iter().filter(|seen| !seen.collection.system) {
            let name = &*seen.collection.name;
            let input = self.want(Wanted::UpdateInput(name));
            let id = self.scalar(Scalar::Id);
            let data = self.argument("data", TypeRef::required(input));
            if seen.collection.singleton {
                let one = match self.read.get(name) {
                    Some(_) => self.want(Wanted::Item(name)),
                    None => self.scalar(Scalar::Boolean),
                };
                let field = self.field(&format!("update_{name}"), TypeRef::plain(one), some(vec![data]));
                fields.push((field, root(RootCall::UpdateSingleton, seen)));
                continue;
            }
            let (one, many, list) = self.written(name);
            let batch = self.argument("data", TypeRef { base: input, wrap: Wrap::ListOfRequired });
            let key = self.argument("id", TypeRef::required(id));
            let keys = self.argument("ids", TypeRef { base: id, wrap: Wrap::RequiredList });
            let arguments = some(sorted([batch].into_iter().chain(list.clone()).collect()));
            fields.push((self.field(&format!("update_{name}_batch"), many, arguments), root(RootCall::UpdateBatch, seen)));
            let arguments = some(sorted([data.clone(), keys].into_iter().chain(list).collect()));
            fields.push((self.field(&format!("update_{name}_items"), many, arguments), root(RootCall::UpdateItems, seen)));
            let arguments = some(vec![data, key]);
            fields.push((self.field(&format!("update_{name}_item"), one, arguments), root(RootCall::UpdateItem, seen)));
        }
    }

    /// What a write of one and of several items returns, and the arguments of the list that is read back.
    fn written(&mut self, name: &'s str) -> (TypeRef, TypeRef, Vec<Input>) {
        if self.read.get(name).is_none() {
            let boolean = TypeRef::plain(self.scalar(Scalar::Boolean));
            return (boolean, boolean, Vec::new());
        }
        let item = self.want(Wanted::Item(name));
        let list = self.list_arguments(name).iter().flat_map(|list| list.iter().cloned()).collect();
        (TypeRef::plain(item), TypeRef { base: item, wrap: Wrap::RequiredListOfRequired }, list)
    }

    fn subscription(&mut self) -> Kind {
        let events = self.want(Wanted::BuiltIn(BuiltIn::EventEnum));
        let event: Arguments = some(vec![self.argument("event", TypeRef::plain(events))]);
        let read = self.read;
        let fields = read.sorted().into_iter().map(|seen| {
            let name = &*seen.collection.name;
            let ty = TypeRef::plain(self.want(Wanted::Mutated(name)));
            (self.field(&format!("{name}_mutated"), ty, event.clone()), root(RootCall::Mutated, seen))
        });
        roots(fields.collect())
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

impl Functions {
    const fn output(self) -> BuiltIn {
        match self {
            Self::Date => BuiltIn::DateFunctions,
            Self::Time => BuiltIn::TimeFunctions,
            Self::DateTime => BuiltIn::DateTimeFunctions,
            Self::Count => BuiltIn::CountFunctions,
        }
    }

    const fn operators(self) -> BuiltIn {
        match self {
            Self::Date => BuiltIn::DateFunctionOperators,
            Self::Time => BuiltIn::TimeFunctionOperators,
            Self::DateTime => BuiltIn::DateTimeFunctionOperators,
            Self::Count => BuiltIn::CountFunctionOperators,
        }
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

fn root(call: RootCall, seen: &Seen<'_>) -> Root {
    Root { call, collection: Arc::clone(&seen.collection.name) }
}

fn roots(mut fields: Vec<(Field, Root)>) -> Kind {
    fields.sort_by(|(a, _), (b, _)| natural::compare(&a.name, &b.name));
    // A collection called `articles_by_id` meets the field of `articles`; the first stays.
    fields.dedup_by(|(later, _), (first, _)| later.name == first.name);
    let (fields, roots): (Vec<Field>, Vec<Root>) = fields.into_iter().unzip();
    Kind::Object(Object { role: Role::Root(roots.into()), fields: fields.into() })
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

/// The scalar of a field that leads nowhere.
fn scalar(field: &Column) -> (Scalar, Wrap) {
    if field.has(Special::Conceal) {
        return (Scalar::Hash, Wrap::Plain);
    }
    let scalar = match field.kind {
        FieldType::Boolean => Scalar::Boolean,
        FieldType::BigInteger => Scalar::BigInt,
        FieldType::Integer => Scalar::Int,
        FieldType::Float | FieldType::Decimal => Scalar::Float,
        FieldType::Csv => return (Scalar::String, Wrap::List),
        FieldType::Json => Scalar::Json,
        FieldType::Geometry => Scalar::GeoJson,
        FieldType::Date | FieldType::Time | FieldType::DateTime | FieldType::Timestamp => Scalar::Date,
        FieldType::Hash => Scalar::Hash,
        FieldType::Uuid => Scalar::Id,
        FieldType::String | FieldType::Text | FieldType::Binary | FieldType::Alias | FieldType::Unknown => Scalar::String,
    };
    (scalar, Wrap::Plain)
}

fn operators(field: &Column) -> BuiltIn {
    match scalar(field) {
        (_, Wrap::List) => BuiltIn::StringOperators,
        (Scalar::Boolean, _) => BuiltIn::BooleanOperators,
        (Scalar::BigInt, _) => BuiltIn::BigIntOperators,
        (Scalar::Int | Scalar::Float, _) => BuiltIn::NumberOperators,
        (Scalar::Json, _) => BuiltIn::JsonOperators,
        (Scalar::GeoJson, _) => BuiltIn::GeometryOperators,
        (Scalar::Date, _) => BuiltIn::DateOperators,
        (Scalar::Hash, _) => BuiltIn::HashOperators,
        (Scalar::Id, _) => BuiltIn::IdOperators,
        (Scalar::String | Scalar::StringOrFloat | Scalar::JsonFilter | Scalar::Void, _) => BuiltIn::StringOperators,
    }
}

fn functions(field: &Column) -> Option<Functions> {
    match field.kind {
        FieldType::Date => Some(Functions::Date),
        FieldType::Time => Some(Functions::Time),
        FieldType::DateTime | FieldType::Timestamp => Some(Functions::DateTime),
        FieldType::Json | FieldType::Alias => Some(Functions::Count),
        FieldType::String
        | FieldType::Text
        | FieldType::Integer
        | FieldType::BigInteger
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Boolean
        | FieldType::Csv
        | FieldType::Uuid
        | FieldType::Hash
        | FieldType::Binary
        | FieldType::Geometry
        | FieldType::Unknown => None,
    }
}

/// Defaults that count as none when it is asked whether a value must be given, as observed.
fn falsy(default: &ColumnDefault) -> bool {
    match default {
        ColumnDefault::None => true,
        ColumnDefault::AutoIncrement | ColumnDefault::Expression(_) => false,
        ColumnDefault::Value(value) => match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => true,
            serde_json::Value::Number(number) => number.as_f64() == Some(0.0),
            serde_json::Value::String(text) => text.is_empty(),
            serde_json::Value::Bool(true) | serde_json::Value::Array(_) | serde_json::Value::Object(_) => false,
        },
    }
}
