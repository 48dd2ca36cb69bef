//! The roots of operations: what can be asked for at all.
//!
//! It must never offer an action on a collection that its view does not see.

use std::sync::Arc;

use super::{Builder, Wanted, some, sorted};
use crate::schema::builtin::BuiltIn;
use crate::schema::definition::{Arguments, Field, Input, Kind, Object, Role, Root, RootCall, Scalar, TypeRef, Wrap};
use crate::schema::natural;
use crate::schema::view::{Seen, View};

impl<'s> Builder<'s, '_> {
    pub(super) fn query(&mut self) -> Kind {
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
    pub(super) fn has_mutations(&self) -> bool {
        let writes = |view: &View<'_>, singletons: bool| {
            view.sorted().iter().any(|seen| !seen.collection.system && (singletons || !seen.collection.singleton))
        };
        writes(self.create, false) || writes(self.update, true) || writes(self.delete, false)
    }

    pub(super) fn mutation(&mut self) -> Kind {
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

    pub(super) fn subscription(&mut self) -> Kind {
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
