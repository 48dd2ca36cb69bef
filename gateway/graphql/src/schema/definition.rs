//! Types as plain data: what a schema is made of, small enough to keep one per set of permissions.
//!
//! It must never refer to a type of another table: ids are places in one table and mean nothing elsewhere.
//!
//! Cost: a field is 40 bytes and shares its name with the overview; lists of arguments are shared by all fields that take
//! the same ones.

use std::collections::HashMap;
use std::sync::Arc;

use super::natural;

/// All types of one schema.
#[derive(Debug)]
pub(crate) struct Types {
    all: Vec<Type>,
    by_name: HashMap<Arc<str>, TypeId>,
    pub(crate) query: TypeId,
    pub(crate) mutation: Option<TypeId>,
    pub(crate) subscription: Option<TypeId>,
    /// `__schema` and `__type`, which every query type has without listing them.
    pub(crate) meta_fields: [Field; 2],
    /// `__typename`, which every composite type has.
    pub(crate) type_name: Field,
}

/// A place in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeId(u32);

/// A named type.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: Arc<str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    /// Values in order.
    Enum(&'static [&'static str]),
    Object(Object),
    Union(Box<[TypeId]>),
    Input(Box<[Input]>),
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) role: Role,
    /// In natural order.
    pub(crate) fields: Box<[Field]>,
}

/// What an object type stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    /// An operation's root: what each of its fields calls, in the order of the fields.
    Root(Box<[Root]>),
    /// Items of a collection.
    Item(Arc<str>),
    /// Items of a collection in a version.
    Version(Arc<str>),
    /// A group or the totals of a collection.
    Aggregated(Arc<str>),
    /// A subscription's event.
    Mutated(Arc<str>),
    /// Functions of one field.
    Functions,
    /// A type without a collection.
    Plain,
}

/// What a root field calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) call: RootCall,
    pub(crate) collection: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootCall {
    /// `Query._empty`.
    Nothing,
    Items,
    Singleton,
    ById,
    Aggregated,
    ByVersion,
    CreateItems,
    CreateItem,
    UpdateItems,
    UpdateBatch,
    UpdateItem,
    UpdateSingleton,
    DeleteItems,
    DeleteItem,
    Mutated,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) ty: TypeRef,
    pub(crate) arguments: Arguments,
}

/// The arguments of a field, in natural order.
pub(crate) type Arguments = Option<Arc<[Input]>>;

/// An argument, or a field of an input type.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: Arc<str>,
    pub(crate) ty: TypeRef,
}

/// A type in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeRef {
    pub(crate) base: TypeId,
    pub(crate) wrap: Wrap,
}

/// What is around a named type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// `T`
    Plain,
    /// `T!`
    Required,
    /// `[T]`
    List,
    /// `[T!]`
    ListOfRequired,
    /// `[T]!`
    RequiredList,
    /// `[T!]!`
    RequiredListOfRequired,
}

/// One layer around a named type, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    List,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    Int,
    Float,
    String,
    Boolean,
    Id,
    BigInt,
    StringOrFloat,
    JsonFilter,
    Json,
    GeoJson,
    Date,
    Hash,
    Void,
}

impl Types {
    pub(super) fn new(all: Vec<Type>, query: TypeId, mutation: Option<TypeId>, subscription: Option<TypeId>, meta: [Field; 3]) -> Self {
        let by_name = all.iter().zip(0..).map(|(ty, place)| (Arc::clone(&ty.name), TypeId(place))).collect();
        let [schema, by_type_name, type_name] = meta;
        Self { all, by_name, query, mutation, subscription, meta_fields: [schema, by_type_name], type_name }
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made for places of this very table, which never shrinks")]
    pub(crate) fn get(&self, id: TypeId) -> &Type {
        &self.all[id.0 as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// In natural order of their names.
    pub(crate) fn sorted(&self) -> Vec<TypeId> {
        let mut ids: Vec<TypeId> = self.by_name.values().copied().collect();
        ids.sort_by(|a, b| natural::compare(&self.get(*a).name, &self.get(*b).name));
        ids
    }

    pub(crate) fn object(&self, id: TypeId) -> Option<&Object> {
        if let Kind::Object(object) = &self.get(id).kind { Some(object) } else { None }
    }

    /// The fields of an input type.
    pub(crate) fn inputs(&self, id: TypeId) -> Option<&[Input]> {
        if let Kind::Input(fields) = &self.get(id).kind { Some(fields) } else { None }
    }

    /// A field of a composite type, `__typename` and the like included.
    pub(crate) fn field(&self, parent: TypeId, name: &str) -> Option<&Field> {
        if name == "__typename" && self.is_composite(parent) {
            return Some(&self.type_name);
        }
        if parent == self.query
            && let Some(field) = self.meta_fields.iter().find(|field| *field.name == *name)
        {
            return Some(field);
        }
        self.object(parent)?.field(name)
    }

    /// Has selections.
    pub(crate) fn is_composite(&self, id: TypeId) -> bool {
        matches!(self.get(id).kind, Kind::Object(_) | Kind::Union(_))
    }

    /// May be the type of a variable.
    pub(crate) fn is_input(&self, id: TypeId) -> bool {
        matches!(self.get(id).kind, Kind::Scalar(_) | Kind::Enum(_) | Kind::Input(_))
    }

    /// The object types that values of a composite type may have.
    pub(crate) fn possible<'t>(&'t self, id: &'t TypeId) -> &'t [TypeId] {
        match &self.get(*id).kind {
            Kind::Union(members) => members,
            Kind::Object(_) => std::slice::from_ref(id),
            Kind::Scalar(_) | Kind::Enum(_) | Kind::Input(_) => &[],
        }
    }

    /// `[T!]!`
    pub(crate) fn written(&self, layers: &[Layer], base: TypeId) -> String {
        written(layers, &self.get(base).name)
    }

    pub(crate) fn written_ref(&self, ty: TypeRef) -> String {
        self.written(ty.wrap.layers(), ty.base)
    }

    /// Bytes on the heap, shared names not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        let lists: usize = self
            .all
            .iter()
            .map(|ty| match &ty.kind {
                Kind::Object(object) => {
                    let roots = if let Role::Root(roots) = &object.role { size_of_val(&**roots) } else { 0 };
                    size_of_val(&*object.fields) + roots
                }
                Kind::Input(fields) => size_of_val(&**fields),
                Kind::Union(members) => size_of_val(&**members),
                Kind::Scalar(_) | Kind::Enum(_) => 0,
            })
            .sum();
        let names: usize = self.all.iter().map(|ty| ty.name.len() + 16).sum();
        self.all.capacity() * size_of::<Type>() + lists + names + self.by_name.capacity() * (size_of::<(Arc<str>, TypeId)>() + 1)
    }
}

/// `[T!]!`
pub(crate) fn written(layers: &[Layer], base: &str) -> String {
    match layers.split_first() {
        None => base.to_owned(),
        Some((Layer::List, rest)) => format!("[{}]", written(rest, base)),
        Some((Layer::Required, rest)) => format!("{}!", written(rest, base)),
    }
}

impl TypeId {
    pub(super) const fn place(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn at(place: u32) -> Self {
        Self(place)
    }
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let place = self.fields.binary_search_by(|field| natural::compare(&field.name, name)).ok()?;
        self.fields.get(place)
    }

    /// What a root field calls.
    pub(crate) fn root(&self, name: &str) -> Option<&Root> {
        let Role::Root(roots) = &self.role else { return None };
        let place = self.fields.binary_search_by(|field| natural::compare(&field.name, name)).ok()?;
        roots.get(place)
    }
}

impl Field {
    pub(crate) fn arguments(&self) -> &[Input] {
        self.arguments.as_deref().unwrap_or_default()
    }
}

impl TypeRef {
    pub(crate) const fn plain(base: TypeId) -> Self {
        Self { base, wrap: Wrap::Plain }
    }

    pub(crate) const fn required(base: TypeId) -> Self {
        Self { base, wrap: Wrap::Required }
    }

    pub(crate) fn is_required(self) -> bool {
        matches!(self.wrap.layers(), [Layer::Required, ..])
    }
}

impl Wrap {
    pub(crate) const fn layers(self) -> &'static [Layer] {
        match self {
            Self::Plain => &[],
            Self::Required => &[Layer::Required],
            Self::List => &[Layer::List],
            Self::ListOfRequired => &[Layer::List, Layer::Required],
            Self::RequiredList => &[Layer::Required, Layer::List],
            Self::RequiredListOfRequired => &[Layer::Required, Layer::List, Layer::Required],
        }
    }
}
