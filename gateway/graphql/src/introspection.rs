//! `__schema` and `__type`: the schema about itself.
//!
//! It must never grow without bound: selections are resolved once, and the answer ends at [`MAX_BYTES`].

use serde_json::Value;

use crate::collect::{Collector, Group, Sets};
use crate::document::print::quoted;
use crate::input;
use crate::meter::Exhausted;
use crate::schema::definition::{Field, Input, Kind, Layer, TypeId, Types};
use crate::validate::directives::{KNOWN, Known};

/// Bytes of one answer. A stock tool's question about a hundred collections takes about a quarter.
const MAX_BYTES: usize = 32 << 20;

/// One member of an answer, fragments put in place.
struct Member<'d> {
    key: &'d str,
    name: &'d str,
    type_name: &'static str,
    below: Vec<Member<'d>>,
}

/// What an object of the answer is about.
#[derive(Clone, Copy)]
enum Node<'t> {
    Schema,
    Type(&'static [Layer], TypeId),
    Field(&'t Field),
    Input(&'t Input),
    EnumValue(&'static str),
    Directive(&'static Known),
    /// Name, type, whether it is required, description, default value.
    DirectiveArgument(&'static (&'static str, &'static str, bool, &'static str, Option<&'static str>)),
}

struct Writer<'t> {
    types: &'t Types,
    sorted: Vec<TypeId>,
    out: String,
}

/// Why there is no answer.
pub(crate) enum Failed {
    Work,
    /// The answer would be too long.
    Size,
}

impl From<Exhausted> for Failed {
    fn from(_: Exhausted) -> Self {
        Self::Work
    }
}

/// The JSON text of a `__schema` or `__type` field.
pub(crate) fn answer<'d>(collector: &mut Collector<'d, '_>, group: &Group<'d>) -> Result<String, Failed> {
    let types = collector.types;
    let node = if group.name() == "__schema" {
        Some(Node::Schema)
    } else {
        let [_, by_name] = &types.meta_fields;
        let name = by_name.arguments().first().and_then(|name| input::argument(types, &group.first.arguments, name, collector.variables));
        name.as_ref().and_then(Value::as_str).and_then(|name| types.find(name)).map(|id| Node::Type(&[], id))
    };
    let Some(ty) = types.field(types.query, group.name()).map(|field| field.ty.base) else { return Ok("null".to_owned()) };
    let members = resolve(collector, ty, &group.below())?;
    let Some(node) = node else { return Ok("null".to_owned()) };
    let mut writer = Writer { types, sorted: types.sorted(), out: String::new() };
    writer.object(node, &members)?;
    Ok(writer.out)
}

fn resolve<'d>(collector: &mut Collector<'d, '_>, ty: TypeId, sets: &Sets<'d>) -> Result<Vec<Member<'d>>, Failed> {
    let mut members = Vec::new();
    for group in collector.collect(ty, sets)? {
        let types = collector.types;
        let below = match types.field(ty, group.name()).map(|field| field.ty.base) {
            Some(base) if types.is_composite(base) => resolve(collector, base, &group.below())?,
            Some(_) | None => Vec::new(),
        };
        let type_name = match &*types.get(ty).name {
            "__Schema" => "__Schema",
            "__Type" => "__Type",
            "__Field" => "__Field",
            "__InputValue" => "__InputValue",
            "__EnumValue" => "__EnumValue",
            _ => "__Directive",
        };
        members.push(Member { key: group.key, name: group.name(), type_name, below });
    }
    Ok(members)
}

impl<'t> Writer<'t> {
    fn object(&mut self, node: Node<'t>, members: &[Member<'_>]) -> Result<(), Failed> {
        if self.out.len() > MAX_BYTES {
            return Err(Failed::Size);
        }
        self.out.push('{');
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            self.out.push_str(&quoted(member.key));
            self.out.push(':');
            if member.name == "__typename" {
                self.text(Some(member.type_name));
            } else {
                self.member(node, member)?;
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn member(&mut self, node: Node<'t>, member: &Member<'_>) -> Result<(), Failed> {
        match node {
            Node::Schema => self.schema(member),
            Node::Type(layers, base) => self.ty(layers, base, member),
            Node::Field(field) => match member.name {
                "name" => self.done(|w| w.text(Some(&field.name))),
                "args" => self.list(field.arguments().iter().map(Node::Input), member),
                "type" => self.object(Node::Type(field.ty.wrap.layers(), field.ty.base), &member.below),
                "isDeprecated" => self.done(|w| w.out.push_str("false")),
                _ => self.done(|w| w.text(None)),
            },
            Node::Input(input) => match member.name {
                "name" => self.done(|w| w.text(Some(&input.name))),
                "type" => self.object(Node::Type(input.ty.wrap.layers(), input.ty.base), &member.below),
                "isDeprecated" => self.done(|w| w.out.push_str("false")),
                _ => self.done(|w| w.text(None)),
            },
            Node::EnumValue(name) => match member.name {
                "name" => self.done(|w| w.text(Some(name))),
                "isDeprecated" => self.done(|w| w.out.push_str("false")),
                _ => self.done(|w| w.text(None)),
            },
            Node::Directive(known) => match member.name {
                "name" => self.done(|w| w.text(Some(known.name))),
                "description" => self.done(|w| w.text(Some(known.description))),
                "isRepeatable" => self.done(|w| w.out.push_str("false")),
                "locations" => self.done(|w| {
                    let locations: Vec<String> = known.locations.iter().map(|location| quoted(location)).collect();
                    w.out.push_str(&format!("[{}]", locations.join(",")));
                }),
                "args" => self.list(known.arguments.iter().map(Node::DirectiveArgument), member),
                _ => self.done(|w| w.text(None)),
            },
            Node::DirectiveArgument((name, ty, required, description, default)) => match member.name {
                "name" => self.done(|w| w.text(Some(name))),
                "description" => self.done(|w| w.text(Some(description))),
                "defaultValue" => self.done(|w| w.text(*default)),
                "isDeprecated" => self.done(|w| w.out.push_str("false")),
                "type" => match self.types.find(ty) {
                    Some(base) => self.object(Node::Type(if *required { &[Layer::Required] } else { &[] }, base), &member.below),
                    None => self.done(|w| w.text(None)),
                },
                _ => self.done(|w| w.text(None)),
            },
        }
    }

    fn schema(&mut self, member: &Member<'_>) -> Result<(), Failed> {
        let types = self.types;
        let root = match member.name {
            "types" => return self.list(self.sorted.clone().into_iter().map(|id| Node::Type(&[], id)), member),
            "directives" => return self.list(KNOWN.iter().map(Node::Directive), member),
            "queryType" => Some(types.query),
            "mutationType" => types.mutation,
            "subscriptionType" => types.subscription,
            _ => None,
        };
        match root {
            Some(root) => self.object(Node::Type(&[], root), &member.below),
            None => self.done(|w| w.text(None)),
        }
    }

    fn ty(&mut self, layers: &'static [Layer], base: TypeId, member: &Member<'_>) -> Result<(), Failed> {
        if let Some((layer, inner)) = layers.split_first() {
            return match (member.name, layer) {
                ("kind", Layer::List) => self.done(|w| w.text(Some("LIST"))),
                ("kind", Layer::Required) => self.done(|w| w.text(Some("NON_NULL"))),
                ("ofType", _) => self.object(Node::Type(inner, base), &member.below),
                _ => self.done(|w| w.text(None)),
            };
        }
        let types = self.types;
        let ty = types.get(base);
        match (member.name, &ty.kind) {
            ("kind", kind) => self.done(|w| w.text(Some(kind_name(kind)))),
            ("name", _) => self.done(|w| w.text(Some(&ty.name))),
            ("description", _) => self.done(|w| w.text(ty.description)),
            ("fields", Kind::Object(object)) => self.list(object.fields.iter().map(Node::Field), member),
            ("interfaces", Kind::Object(_)) => self.done(|w| w.out.push_str("[]")),
            ("possibleTypes", Kind::Union(members)) => self.list(members.iter().map(|id| Node::Type(&[], *id)), member),
            ("enumValues", Kind::Enum(values)) => self.list(values.iter().map(|value| Node::EnumValue(value)), member),
            ("inputFields", Kind::Input(fields)) => self.list(fields.iter().map(Node::Input), member),
            ("isOneOf", Kind::Input(_)) => self.done(|w| w.out.push_str("false")),
            _ => self.done(|w| w.text(None)),
        }
    }

    fn list(&mut self, nodes: impl Iterator<Item = Node<'t>>, member: &Member<'_>) -> Result<(), Failed> {
        self.out.push('[');
        for (place, node) in nodes.enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            self.object(node, &member.below)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.out.push_str(&quoted(text)),
            None => self.out.push_str("null"),
        }
    }

    fn done(&mut self, write: impl FnOnce(&mut Self)) -> Result<(), Failed> {
        write(self);
        Ok(())
    }
}

const fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Scalar(_) => "SCALAR",
        Kind::Enum(_) => "ENUM",
        Kind::Object(_) => "OBJECT",
        Kind::Union(_) => "UNION",
        Kind::Input(_) => "INPUT_OBJECT",
    }
}
