//! The types that no collection makes: scalars, operators of filters, functions, introspection.
//!
//! It must never depend on permissions.

use super::definition::{Scalar, Wrap};

/// A type of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum BuiltIn {
    Scalar(Scalar),
    EventEnum,
    BooleanOperators,
    BigIntOperators,
    NumberOperators,
    DateOperators,
    GeometryOperators,
    HashOperators,
    IdOperators,
    StringOperators,
    JsonOperators,
    DateFunctions,
    TimeFunctions,
    DateTimeFunctions,
    CountFunctions,
    DateFunctionOperators,
    TimeFunctionOperators,
    DateTimeFunctionOperators,
    CountFunctionOperators,
    DeleteOne,
    DeleteMany,
    Introspection(Introspection),
}

/// Types about types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Introspection {
    Schema,
    Type,
    TypeKind,
    Field,
    InputValue,
    EnumValue,
    Directive,
    DirectiveLocation,
}

/// What a built-in type consists of.
pub(super) enum Body {
    Scalar(Scalar),
    Enum(&'static [&'static str]),
    /// Fields in natural order.
    Output(Vec<OutputField>),
    Input(Vec<(&'static str, BuiltIn, Wrap)>),
}

/// Name, type and arguments.
pub(super) type OutputField = (&'static str, BuiltIn, Wrap, &'static [(&'static str, Scalar, Wrap)]);

pub(crate) const EVENTS: [&str; 3] = ["create", "delete", "update"];
pub(crate) const KINDS: [&str; 8] = ["ENUM", "INPUT_OBJECT", "INTERFACE", "LIST", "NON_NULL", "OBJECT", "SCALAR", "UNION"];
const DIRECTIVE_LOCATIONS: [&str; 19] = [
    "ARGUMENT_DEFINITION",
    "ENUM",
    "ENUM_VALUE",
    "FIELD",
    "FIELD_DEFINITION",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "INPUT_FIELD_DEFINITION",
    "INPUT_OBJECT",
    "INTERFACE",
    "MUTATION",
    "OBJECT",
    "QUERY",
    "SCALAR",
    "SCHEMA",
    "SUBSCRIPTION",
    "UNION",
    "VARIABLE_DEFINITION",
];

const EQUALITY: [&str; 2] = ["_eq", "_neq"];
const NULLNESS: [&str; 2] = ["_nnull", "_null"];
const EMPTINESS: [&str; 2] = ["_empty", "_nempty"];
const ORDER: [&str; 4] = ["_gt", "_gte", "_lt", "_lte"];
const SETS: [&str; 2] = ["_in", "_nin"];
const RANGES: [&str; 2] = ["_between", "_nbetween"];
const TEXT: [&str; 11] = [
    "_contains",
    "_ends_with",
    "_icontains",
    "_iends_with",
    "_istarts_with",
    "_ncontains",
    "_nends_with",
    "_niends_with",
    "_nistarts_with",
    "_nstarts_with",
    "_starts_with",
];
const DATE_PARTS: [&str; 5] = ["day", "month", "week", "weekday", "year"];
const TIME_PARTS: [&str; 3] = ["hour", "minute", "second"];
const ALL_PARTS: [&str; 8] = ["day", "hour", "minute", "month", "second", "week", "weekday", "year"];

impl BuiltIn {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.name(),
            Self::EventEnum => "EventEnum",
            Self::BooleanOperators => "boolean_filter_operators",
            Self::BigIntOperators => "big_int_filter_operators",
            Self::NumberOperators => "number_filter_operators",
            Self::DateOperators => "date_filter_operators",
            Self::GeometryOperators => "geometry_filter_operators",
            Self::HashOperators => "hash_filter_operators",
            Self::IdOperators => "id_filter_operators",
            Self::StringOperators => "string_filter_operators",
            Self::JsonOperators => "json_filter_operators",
            Self::DateFunctions => "date_functions",
            Self::TimeFunctions => "time_functions",
            Self::DateTimeFunctions => "datetime_functions",
            Self::CountFunctions => "count_functions",
            Self::DateFunctionOperators => "date_function_filter_operators",
            Self::TimeFunctionOperators => "time_function_filter_operators",
            Self::DateTimeFunctionOperators => "datetime_function_filter_operators",
            Self::CountFunctionOperators => "count_function_filter_operators",
            Self::DeleteOne => "delete_one",
            Self::DeleteMany => "delete_many",
            Self::Introspection(part) => part.name(),
        }
    }

    pub(super) const fn description(self) -> Option<&'static str> {
        if let Self::Scalar(scalar) = self { scalar.description() } else { None }
    }

    /// Whether selections of this type are functions of a field.
    pub(super) const fn is_functions(self) -> bool {
        matches!(self, Self::DateFunctions | Self::TimeFunctions | Self::DateTimeFunctions | Self::CountFunctions)
    }

    pub(super) fn body(self) -> Body {
        let int = |name: &&'static str| (*name, Self::Scalar(Scalar::Int), Wrap::Plain, [].as_slice());
        let number = |name: &&'static str| (*name, Self::NumberOperators, Wrap::Plain);
        match self {
            Self::Scalar(scalar) => Body::Scalar(scalar),
            Self::EventEnum => Body::Enum(&EVENTS),
            Self::BooleanOperators => operators(&[(&EQUALITY, Scalar::Boolean)]),
            Self::BigIntOperators => comparison(Scalar::BigInt, Scalar::BigInt),
            Self::NumberOperators => comparison(Scalar::StringOrFloat, Scalar::StringOrFloat),
            Self::DateOperators => comparison(Scalar::String, Scalar::StringOrFloat),
            Self::GeometryOperators => operators(&[
                (&EQUALITY, Scalar::GeoJson),
                (&["_intersects", "_intersects_bbox", "_nintersects", "_nintersects_bbox"], Scalar::GeoJson),
            ]),
            Self::HashOperators => operators(&[(&EMPTINESS, Scalar::Boolean)]),
            Self::IdOperators => text(Scalar::Id),
            Self::StringOperators => text(Scalar::String),
            Self::JsonOperators => operators(&[(&["_json"], Scalar::JsonFilter)]),
            Self::DateFunctions => Body::Output(DATE_PARTS.iter().map(int).collect()),
            Self::TimeFunctions => Body::Output(TIME_PARTS.iter().map(int).collect()),
            Self::DateTimeFunctions => Body::Output(ALL_PARTS.iter().map(int).collect()),
            Self::CountFunctions => Body::Output(["count"].iter().map(int).collect()),
            Self::DateFunctionOperators => Body::Input(DATE_PARTS.iter().map(number).collect()),
            Self::TimeFunctionOperators => Body::Input(TIME_PARTS.iter().map(number).collect()),
            Self::DateTimeFunctionOperators => Body::Input(ALL_PARTS.iter().map(number).collect()),
            Self::CountFunctionOperators => Body::Input(["count"].iter().map(number).collect()),
            Self::DeleteOne => Body::Output(vec![("id", Self::Scalar(Scalar::Id), Wrap::Required, &[])]),
            Self::DeleteMany => Body::Output(vec![("ids", Self::Scalar(Scalar::Id), Wrap::RequiredList, &[])]),
            Self::Introspection(part) => part.body(),
        }
    }
}

impl Introspection {
    const fn name(self) -> &'static str {
        match self {
            Self::Schema => "__Schema",
            Self::Type => "__Type",
            Self::TypeKind => "__TypeKind",
            Self::Field => "__Field",
            Self::InputValue => "__InputValue",
            Self::EnumValue => "__EnumValue",
            Self::Directive => "__Directive",
            Self::DirectiveLocation => "__DirectiveLocation",
        }
    }

    fn body(self) -> Body {
        const STRING: BuiltIn = BuiltIn::Scalar(Scalar::String);
        const BOOLEAN: BuiltIn = BuiltIn::Scalar(Scalar::Boolean);
        const TYPE: BuiltIn = BuiltIn::Introspection(Introspection::Type);
        const FIELD: BuiltIn = BuiltIn::Introspection(Introspection::Field);
        const INPUT: BuiltIn = BuiltIn::Introspection(Introspection::InputValue);
        const VALUE: BuiltIn = BuiltIn::Introspection(Introspection::EnumValue);
        const DIRECTIVE: BuiltIn = BuiltIn::Introspection(Introspection::Directive);
        const LOCATION: BuiltIn = BuiltIn::Introspection(Introspection::DirectiveLocation);
        const KIND: BuiltIn = BuiltIn::Introspection(Introspection::TypeKind);
        const DEPRECATED: &[(&str, Scalar, Wrap)] = &[("includeDeprecated", Scalar::Boolean, Wrap::Plain)];
        use Wrap::{ListOfRequired, Plain, Required, RequiredListOfRequired};
        match self {
            Self::Schema => Body::Output(vec![
                ("description", STRING, Plain, &[]),
                ("directives", DIRECTIVE, RequiredListOfRequired, &[]),
                ("mutationType", TYPE, Plain, &[]),
                ("queryType", TYPE, Required, &[]),
                ("subscriptionType", TYPE, Plain, &[]),
                ("types", TYPE, RequiredListOfRequired, &[]),
            ]),
            Self::Type => Body::Output(vec![
                ("description", STRING, Plain, &[]),
                ("enumValues", VALUE, ListOfRequired, DEPRECATED),
                ("fields", FIELD, ListOfRequired, DEPRECATED),
                ("inputFields", INPUT, ListOfRequired, DEPRECATED),
                ("interfaces", TYPE, ListOfRequired, &[]),
                ("isOneOf", BOOLEAN, Plain, &[]),
                ("kind", KIND, Required, &[]),
                ("name", STRING, Plain, &[]),
                ("ofType", TYPE, Plain, &[]),
                ("possibleTypes", TYPE, ListOfRequired, &[]),
                ("specifiedByURL", STRING, Plain, &[]),
            ]),
            Self::TypeKind => Body::Enum(&KINDS),
            Self::Field => Body::Output(vec![
                ("args", INPUT, RequiredListOfRequired, DEPRECATED),
                ("deprecationReason", STRING, Plain, &[]),
                ("description", STRING, Plain, &[]),
                ("isDeprecated", BOOLEAN, Required, &[]),
                ("name", STRING, Required, &[]),
                ("type", TYPE, Required, &[]),
            ]),
            Self::InputValue => Body::Output(vec![
                ("defaultValue", STRING, Plain, &[]),
                ("deprecationReason", STRING, Plain, &[]),
                ("description", STRING, Plain, &[]),
                ("isDeprecated", BOOLEAN, Required, &[]),
                ("name", STRING, Required, &[]),
                ("type", TYPE, Required, &[]),
            ]),
            Self::EnumValue => Body::Output(vec![
                ("deprecationReason", STRING, Plain, &[]),
                ("description", STRING, Plain, &[]),
                ("isDeprecated", BOOLEAN, Required, &[]),
                ("name", STRING, Required, &[]),
            ]),
            Self::Directive => Body::Output(vec![
                ("args", INPUT, RequiredListOfRequired, DEPRECATED),
                ("description", STRING, Plain, &[]),
                ("isRepeatable", BOOLEAN, Required, &[]),
                ("locations", LOCATION, RequiredListOfRequired, &[]),
                ("name", STRING, Required, &[]),
            ]),
            Self::DirectiveLocation => Body::Enum(&DIRECTIVE_LOCATIONS),
        }
    }
}

impl Scalar {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Int => "Int",
            Self::Float => "Float",
            Self::String => "String",
            Self::Boolean => "Boolean",
            Self::Id => "ID",
            Self::BigInt => "GraphQLBigInt",
            Self::StringOrFloat => "GraphQLStringOrFloat",
            Self::JsonFilter => "GraphQLJsonFilter",
            Self::Json => "JSON",
            Self::GeoJson => "GraphQLGeoJSON",
            Self::Date => "Date",
            Self::Hash => "Hash",
            Self::Void => "Void",
        }
    }

    /// Part of every schema, never printed.
    pub(super) const fn is_specified(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::String | Self::Boolean | Self::Id)
    }

    const fn description(self) -> Option<&'static str> {
        Some(match self {
            Self::Int => {
                "The `Int` scalar type represents non-fractional signed whole numeric values. Int can represent values between \
                 -(2^31) and 2^31 - 1."
            }
            Self::Float => {
                "The `Float` scalar type represents signed double-precision fractional values as specified by \
                 [IEEE 754](https://en.wikipedia.org/wiki/IEEE_floating_point)."
            }
            Self::String => {
                "The `String` scalar type represents textual data, represented as UTF-8 character sequences. The String type is most \
                 often used by GraphQL to represent free-form human-readable text."
            }
            Self::Boolean => "The `Boolean` scalar type represents `true` or `false`.",
            Self::Id => {
                "The `ID` scalar type represents a unique identifier, often used to refetch an object or as key for a cache. The ID \
                 type appears in a JSON response as a String; however, it is not intended to be human-readable. When expected as an \
                 input type, any string (such as `\"4\"`) or integer (such as `4`) input value will be accepted as an ID."
            }
            Self::BigInt => "BigInt value",
            Self::StringOrFloat => "A Float or a String",
            Self::JsonFilter => {
                "A JSON filter value: a plain object mapping JSON path keys to filter operators (e.g. { \"key\": { \"_eq\": \"value\" } })"
            }
            Self::Json => {
                "The `JSON` scalar type represents JSON values as specified by \
                 [ECMA-404](http://www.ecma-international.org/publications/files/ECMA-ST/ECMA-404.pdf)."
            }
            Self::GeoJson => "GeoJSON value",
            Self::Date => "ISO8601 Date values",
            Self::Hash => "Hashed string values",
            Self::Void => "Represents NULL values",
        })
    }
}

fn comparison(value: Scalar, range: Scalar) -> Body {
    let mut fields = plain(&EQUALITY, value);
    fields.extend(plain(&ORDER, value));
    fields.extend(lists(&SETS, value));
    fields.extend(lists(&RANGES, range));
    sorted(fields)
}

fn text(value: Scalar) -> Body {
    let mut fields = plain(&EQUALITY, value);
    fields.extend(plain(&TEXT, value));
    fields.extend(lists(&SETS, value));
    fields.extend(plain(&EMPTINESS, Scalar::Boolean));
    sorted(fields)
}

fn operators(groups: &[(&[&'static str], Scalar)]) -> Body {
    sorted(groups.iter().flat_map(|(names, scalar)| plain(names, *scalar)).collect())
}

fn plain(names: &[&'static str], scalar: Scalar) -> Vec<(&'static str, BuiltIn, Wrap)> {
    names.iter().map(|name| (*name, BuiltIn::Scalar(scalar), Wrap::Plain)).collect()
}

fn lists(names: &[&'static str], scalar: Scalar) -> Vec<(&'static str, BuiltIn, Wrap)> {
    names.iter().map(|name| (*name, BuiltIn::Scalar(scalar), Wrap::List)).collect()
}

/// Every value can be tested for being there at all.
fn sorted(mut fields: Vec<(&'static str, BuiltIn, Wrap)>) -> Body {
    fields.extend(plain(&NULLNESS, Scalar::Boolean));
    fields.sort_by(|a, b| super::natural::compare(a.0, b.0));
    Body::Input(fields)
}
