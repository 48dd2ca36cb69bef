//! The field list as a tree of levels: wildcards expanded, aliases resolved, unreadable relations gone.
//!
//! It must never decide whether a plain name may be read ([`super::paths`] does), and never follow a relation into a collection
//! that the session may not read at all: such a member vanishes without a word, as observed.
//!
//! Cost: linear in the names that the query comes to, which are counted against a bound.

use std::sync::{Arc, LazyLock};

use indexmap::{IndexMap, IndexSet};

use super::context::Context;
use super::paths::{FieldMap, join};
use super::sort;
use crate::query::name::{Leaf, Name};
use crate::query::{Deep, LevelQuery};
use crate::refusal::Refusal;
use crate::schema::{Collection, Field, FieldType, Relation, RelationKind};

static NO_QUERY: LazyLock<LevelQuery> = LazyLock::new(LevelQuery::default);

/// One level of the answer.
pub(super) struct Branch<'q> {
    pub(super) collection: Arc<Collection>,
    /// Where it stands, in the words of refusals.
    pub(super) path: String,
    pub(super) query: &'q LevelQuery,
    pub(super) members: IndexMap<String, Member<'q>>,
    /// The fields of this level that the members need.
    pub(super) requested: IndexSet<String>,
}

/// One member of the level's objects.
pub(super) enum Member<'q> {
    Column {
        field: String,
        /// Under another name.
        alias: bool,
    },
    Function(Leaf),
    One {
        relation: Arc<Relation>,
        branch: Box<Branch<'q>>,
    },
    Many {
        relation: Arc<Relation>,
        branch: Box<Branch<'q>>,
    },
    Any {
        relation: Arc<Relation>,
        branches: Vec<Branch<'q>>,
    },
}

/// A relation that names lead through.
#[derive(Default)]
struct Nested {
    field: String,
    names: Vec<Name>,
    scoped: IndexMap<String, Vec<Name>>,
}

enum Slot {
    Leaf(String, Leaf, bool),
    Nested(Nested),
}

/// What the levels below one level need to know.
#[derive(Clone, Copy)]
struct Around<'c, 'q> {
    context: &'c Context<'c>,
    backlink: bool,
    deep: Option<&'q IndexMap<String, Deep>>,
}

/// The tree of a list of fields over `collection`.
pub(super) fn build<'q>(
    context: &Context<'_>,
    collection: &Arc<Collection>,
    fields: Vec<Name>,
    query: &'q LevelQuery,
    deep: &'q IndexMap<String, Deep>,
    backlink: bool,
) -> Result<Branch<'q>, Refusal> {
    level(Around { context, backlink, deep: Some(deep) }, collection, fields, query, None, String::new())
}

impl Branch<'_> {
    /// Whether rows are bare keys: nothing was asked for, or nothing but columns under other names, as observed.
    pub(super) fn collapsed(&self) -> bool {
        self.members.values().all(|member| matches!(member, Member::Column { alias: true, .. }))
    }

    /// Notes the fields of this level and of all below it.
    pub(super) fn note(&self, context: &Context<'_>, map: &mut FieldMap) -> Result<(), Refusal> {
        map.answer(&self.path, &self.collection, self.requested.iter().map(String::as_str));
        for member in self.members.values() {
            match member {
                Member::Column { .. } | Member::Function(_) => {}
                Member::One { branch, .. } | Member::Many { branch, .. } => branch.note(context, map)?,
                Member::Any { branches, .. } => branches.iter().try_for_each(|branch| branch.note(context, map))?,
            }
        }
        if let Some(filter) = &self.query.filter {
            map.filter(context, &self.path, &self.collection, filter)?;
        }
        for key in self.query.sort.iter().flatten() {
            let (key, _) = sort::parse(key, self.query)?;
            map.sort(context, &self.path, &self.collection, &key)?;
        }
        Ok(())
    }
}

fn level<'q>(
    around: Around<'_, 'q>,
    collection: &Arc<Collection>,
    fields: Vec<Name>,
    query: &'q LevelQuery,
    from: Option<&Arc<Relation>>,
    path: String,
) -> Result<Branch<'q>, Refusal> {
    let context = around.context;
    let mut slots: IndexMap<String, Slot> = IndexMap::new();
    for name in fields {
        for name in expanded(around, collection, name, query, from)? {
            place(context, collection, name, query, &mut slots)?;
        }
    }
    let mut members = IndexMap::with_capacity(slots.len());
    let mut requested = IndexSet::new();
    for (key, slot) in slots {
        match slot {
            Slot::Leaf(field, leaf, alias) => {
                requested.insert(field.clone());
                members.insert(key, if matches!(leaf, Leaf::Plain(_)) { Member::Column { field, alias } } else { Member::Function(leaf) });
            }
            Slot::Nested(nested) => {
                let field = nested.field.clone();
                if let Some(member) = member(around, collection, &key, nested, &path)? {
                    requested.insert(field);
                    members.insert(key, member);
                }
            }
        }
    }
    Ok(Branch { collection: Arc::clone(collection), path, query, members, requested })
}

/// What a name stands for once its wildcard is gone.
fn expanded(
    around: Around<'_, '_>,
    collection: &Arc<Collection>,
    name: Name,
    query: &LevelQuery,
    from: Option<&Arc<Relation>>,
) -> Result<Vec<Name>, Refusal> {
    let context = around.context;
    let star = |leaf: &Leaf| matches!(leaf, Leaf::Plain(name) if name == "*");
    let plain = |name: &str| Name { path: Vec::new(), leaf: Leaf::Plain(name.to_owned()) };
    let grants = context.grants(collection);
    let visible = collection.fields.values().filter(|field| grants.allows(&field.name) && selectable(context, collection, field));
    let names: Vec<Name> = match name.path.split_first() {
        None if star(&name.leaf) => visible.map(|field| plain(&field.name)).chain(query.alias.keys().map(|alias| plain(alias))).collect(),
        Some((first, rest)) if first == "*" => {
            let below =
                |key: &str| Name { path: [key.to_owned()].into_iter().chain(rest.iter().cloned()).collect(), leaf: name.leaf.clone() };
            let relational =
                |field: &str| expandable(context, collection, field) && (around.backlink || !leads_back(context, collection, field, from));
            let fields = visible.map(|field| if relational(&field.name) { below(&field.name) } else { plain(&field.name) });
            let aliases = query.alias.iter().map(|(alias, field)| if relational(field) { below(alias) } else { plain(alias) });
            fields.chain(aliases).collect()
        }
        Some(_) | None => vec![name],
    };
    context.count_selected(names.len())?;
    Ok(names)
}

/// Puts a name into its place: a member of this level, or the relation that it leads through.
fn place(
    context: &Context<'_>,
    collection: &Arc<Collection>,
    mut name: Name,
    query: &LevelQuery,
    slots: &mut IndexMap<String, Slot>,
) -> Result<(), Refusal> {
    if name.path.is_empty() {
        let (key, leaf, alias) = match &name.leaf {
            Leaf::Plain(plain) => match query.alias.get(plain) {
                Some(target) => (plain.clone(), Name::parse(target)?.leaf, true),
                None => (plain.clone(), name.leaf, false),
            },
            Leaf::Call { .. } => (name.leaf.key(), name.leaf, false),
        };
        let field = leaf.field().to_owned();
        let to_many = matches!(&leaf, Leaf::Plain(field) if matches!(context.schema.relation(&collection.name, field), Some(RelationKind::OneToMany(_))));
        let slot = || {
            if to_many {
                Slot::Nested(Nested { field: field.clone(), ..Nested::default() })
            } else {
                Slot::Leaf(field.clone(), leaf.clone(), alias)
            }
        };
        slots.entry(key).or_insert_with(slot);
        return Ok(());
    }
    let first = name.path.remove(0);
    let (key, scope) = first.split_once(':').map_or((first.as_str(), None), |(key, scope)| (key, Some(scope)));
    let field = query.alias.get(key).map_or(key, String::as_str);
    // A path through what is no relation, or into what may not be read, is dropped: it must not push the plain name out.
    if context.schema.relation(&collection.name, field).is_none_or(|kind| unreadable(context, &kind)) {
        return Ok(());
    }
    let slot = slots.entry(key.to_owned()).or_insert_with(|| Slot::Nested(Nested { field: field.to_owned(), ..Nested::default() }));
    if matches!(slot, Slot::Leaf(..)) {
        *slot = Slot::Nested(Nested { field: field.to_owned(), ..Nested::default() });
    }
    if let Slot::Nested(nested) = slot {
        match scope {
            Some(scope) => nested.scoped.entry(scope.to_owned()).or_default().push(name),
            None => nested.names.push(name),
        }
    }
    Ok(())
}

fn member<'q>(
    around: Around<'_, 'q>,
    collection: &Arc<Collection>,
    key: &str,
    nested: Nested,
    path: &str,
) -> Result<Option<Member<'q>>, Refusal> {
    let context = around.context;
    let Some(kind) = context.schema.relation(&collection.name, &nested.field) else { return Ok(None) };
    let (relation, target) = match &kind {
        RelationKind::ManyToAny(relation) => return any(around, relation, key, nested, path).map(Some),
        RelationKind::ManyToOne(relation) => (relation, relation.one_collection.as_ref()),
        RelationKind::OneToMany(relation) => (relation, Some(&relation.many_collection)),
    };
    let Some(target) = target.and_then(|name| context.schema.collection(name)) else { return Ok(None) };
    if !context.grants(target).readable() {
        return Ok(None);
    }
    let path = join(path, key);
    let target = context.target(&target.name, &path)?;
    let branch = Box::new(below(around, relation, &target, nested.names, key, path)?);
    let relation = Arc::clone(relation);
    Ok(Some(if matches!(kind, RelationKind::ManyToOne(_)) { Member::One { relation, branch } } else { Member::Many { relation, branch } }))
}

fn any<'q>(around: Around<'_, 'q>, relation: &Arc<Relation>, key: &str, nested: Nested, path: &str) -> Result<Member<'q>, Refusal> {
    let context = around.context;
    let mut branches = Vec::new();
    for allowed in &relation.one_allowed_collections {
        let Some(target) = context.schema.collection(allowed) else { continue };
        let scoped = nested.scoped.get(&**allowed);
        if !context.grants(target).readable() || (!target.active && scoped.is_none()) {
            continue;
        }
        let key = format!("{key}:{allowed}");
        let path = join(path, &key);
        let target = context.target(allowed, &path)?;
        let names: Vec<Name> = nested.names.iter().chain(scoped.into_iter().flatten()).cloned().collect();
        branches.push(below(around, relation, &target, names, &key, path)?);
    }
    Ok(Member::Any { relation: Arc::clone(relation), branches })
}

fn below<'q>(
    around: Around<'_, 'q>,
    relation: &Arc<Relation>,
    target: &Arc<Collection>,
    names: Vec<Name>,
    key: &str,
    path: String,
) -> Result<Branch<'q>, Refusal> {
    // Levels count too: a many-to-any member has one for every allowed collection.
    around.context.count_selected(1)?;
    let deep = around.deep.and_then(|deep| deep.get(key));
    let query = deep.map_or_else(|| &*NO_QUERY, |deep| &deep.level);
    level(Around { deep: deep.map(|deep| &deep.below), ..around }, target, names, query, Some(relation), path)
}

/// Whether a wildcard gives the field: aliases only where they lead to rows that can be used.
fn selectable(context: &Context<'_>, collection: &Collection, field: &Field) -> bool {
    field.kind != FieldType::Alias || expandable(context, collection, &field.name)
}

/// Whether `field` leads to rows of collections that exist and are active.
fn expandable(context: &Context<'_>, collection: &Collection, field: &str) -> bool {
    match context.schema.relation(&collection.name, field) {
        Some(RelationKind::ManyToOne(relation)) => context.usable(relation.one_collection.as_ref()),
        Some(RelationKind::OneToMany(relation)) => context.usable(Some(&relation.many_collection)),
        Some(RelationKind::ManyToAny(_)) => true,
        None => false,
    }
}

fn leads_back(context: &Context<'_>, collection: &Collection, field: &str, from: Option<&Arc<Relation>>) -> bool {
    let kind = context.schema.relation(&collection.name, field);
    let relation = kind.as_ref().map(|kind| match kind {
        RelationKind::ManyToOne(relation) | RelationKind::OneToMany(relation) | RelationKind::ManyToAny(relation) => relation,
    });
    relation.zip(from).is_some_and(|(relation, from)| Arc::ptr_eq(relation, from))
}

fn unreadable(context: &Context<'_>, kind: &RelationKind) -> bool {
    let target = match kind {
        RelationKind::ManyToAny(_) => return false,
        RelationKind::ManyToOne(relation) => relation.one_collection.as_ref(),
        RelationKind::OneToMany(relation) => Some(&relation.many_collection),
    };
    target.and_then(|name| context.schema.collection(name)).is_none_or(|target| !context.grants(target).readable())
}
