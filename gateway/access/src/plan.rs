//! What a read really means: every name resolved against the schema, every value checked against its field's type, every
//! permission rule attached to the place where it applies.
//!
//! A plan is the only thing that `sql` and `row` execute, and the planner is the only thing that makes one, with the
//! permissions in hand. Nothing may widen a plan afterwards. Two sessions whose plans are equal see the same data: that is
//! what a subscription group is.

mod judged;

use std::sync::Arc;

use crate::schema::{Collection, Field, Relation};

/// A whole read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPlan {
    /// Rows or aggregates.
    pub root: Root,
    /// `meta.total_count`: counts rows under this access (all read rules of the collection), without filter and search.
    pub total_count: Option<Arc<RuleSet>>,
    /// `meta.filter_count`: the same with [`ReadPlan::count_filter`] and the root's search.
    pub filter_count: Option<Arc<RuleSet>>,
    /// The caller's filter without the keys that the read was asked for: `id` and `ids` do not narrow `filter_count`, as
    /// observed. Its [`Shown`]s index into the same list of rules as the root's.
    pub count_filter: Option<Filter>,
}

/// What a read returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Root {
    /// Items.
    Items(Level),
    /// Groups or totals.
    Aggregate(Aggregate),
}

/// One level of nested rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The table.
    pub collection: Arc<Collection>,
    /// What each row shows, in output order. Empty: rows are bare keys instead of objects.
    pub select: Vec<Selection>,
    /// The caller's filter.
    pub filter: Option<Filter>,
    /// The caller's search.
    pub search: Option<Search>,
    /// The permission rules of this collection that take part here.
    pub access: Arc<RuleSet>,
    /// Never empty for lists: ends with what makes the order the documented one.
    pub sort: Vec<Sort>,
    /// `None` is unlimited.
    pub limit: Option<u64>,
    /// Rows to skip.
    pub offset: u64,
}

/// The item rules of one collection for one session, as they take part at one place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleSet {
    /// Distinct item filters; [`Shown::When`] and [`Rows::Matching`] index into it. Always all of the collection's, in one
    /// order, so that every rule set of a collection within a plan means the same by an index.
    pub rules: Vec<Filter>,
    /// Which rows exist for this session.
    pub rows: Rows,
}

/// Which rows exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Rows {
    /// All.
    #[default]
    All,
    /// Those that match at least one of these rules of the [`RuleSet`]; an empty list is none.
    Matching(Vec<usize>),
}

/// Where a field's value may be seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shown {
    /// On every row that exists.
    Always,
    /// On rows that match at least one of these rules; elsewhere the value is null.
    When(Vec<usize>),
}

/// One member of an output object.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The member's name.
    pub key: String,
    /// What it holds.
    pub value: Selected,
    /// Where it may be seen, by the rules of its level.
    pub shown: Shown,
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// A column in its output form (a bare foreign key included).
    Column(Arc<Field>),
    /// A function of this level's columns, or `count(relation)`.
    Function(Function),
    /// The row that `relation.many_field` points to, as object or null. `level.select` empty: its bare key.
    One {
        /// The relation; this level is its many side.
        relation: Arc<Relation>,
        /// The target; no sort, no limit.
        level: Box<Level>,
    },
    /// The rows that point here, as list. `level.select` empty: bare keys.
    Many {
        /// The relation; this level is its one side.
        relation: Arc<Relation>,
        /// The rows. Its `sort` may be followed by [`Level`]'s documented in-memory re-sort (see `resort`).
        level: Box<Level>,
        /// Re-sort the list by this member of the output, nulls last in both directions.
        resort: Option<Resort>,
    },
    /// Many-to-any: the row that `relation.many_field` points to in the collection named by `relation.one_collection_field`;
    /// null where that collection is neither in `levels` nor in `bare`.
    Any {
        /// The relation; this level is its many side.
        relation: Arc<Relation>,
        /// One level per collection asked for; no sort, no limit. `level.select` empty: its bare key in the key's own type.
        levels: Vec<Level>,
        /// Allowed collections that were not asked for, without any restriction: the bare key is given.
        bare: Vec<Arc<Collection>>,
    },
}

/// The observed second sort of nested lists: by one output member, nulls last.
#[derive(Debug, Clone, PartialEq)]
pub struct Resort {
    /// The column.
    pub field: Arc<Field>,
    /// Descending.
    pub descending: bool,
}

/// A function of a column or relation.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// A part of a date, time or timestamp; timestamps in UTC.
    DatePart {
        /// Which part.
        part: DatePart,
        /// The column.
        field: Arc<Field>,
    },
    /// Array length of a json column.
    CountJson(Arc<Field>),
    /// How many rows point here, under the child's read rules (or all of them, where `access` is everything).
    CountRelated {
        /// The relation; this level is its one side.
        relation: Arc<Relation>,
        /// The child collection.
        collection: Arc<Collection>,
        /// The child's rules.
        access: Arc<RuleSet>,
    },
    /// A value inside a json column; each step is a member name or an index.
    JsonPath {
        /// The column.
        field: Arc<Field>,
        /// The steps.
        path: Vec<JsonStep>,
    },
}

/// `year(…)` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the functions of the same name")]
pub enum DatePart {
    Year,
    Month,
    Week,
    Day,
    Weekday,
    Hour,
    Minute,
    Second,
}

/// One step into a json value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonStep {
    /// An object member.
    Member(String),
    /// An array element.
    Index(u32),
}

/// A condition on rows of one level.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them; empty is true.
    And(Vec<Filter>),
    /// Any of them; empty is false (the planner turns the wire's empty `_or` into `And([])`).
    Or(Vec<Filter>),
    /// One comparison.
    Compare(Comparison),
    /// `_some` / `_none` over rows that point here.
    Related {
        /// From this level to the rows it talks about; empty when the relation starts at this level.
        path: Vec<Hop>,
        /// The hop to the many side.
        hop: Hop,
        /// `_none`.
        negated: bool,
        /// What the related row must satisfy (its own level); the hop's access applies as well.
        filter: Box<Filter>,
    },
}

/// One comparison. Conditions of one filter that go through the same `path` talk about the **same** joined row.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Joins from this level to the row that holds the operand; empty for this level's own columns.
    pub path: Vec<Hop>,
    /// The left side.
    pub operand: Operand,
    /// Where the operand's value counts, by the rules of the row that holds it; elsewhere it is null.
    pub shown: Shown,
    /// The operator and the right side.
    pub test: Test,
}

/// One join.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The relation.
    pub relation: Arc<Relation>,
    /// Which way.
    pub direction: Direction,
    /// Where it leads.
    pub target: Arc<Collection>,
    /// The target's rules: rows hidden from the session do not join. Everything in permission rules themselves.
    pub access: Arc<RuleSet>,
    /// Where the relation may be seen, by the rules of the row that the hop starts from; elsewhere nothing joins.
    pub shown: Shown,
}

/// The direction of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the foreign key to its target.
    ToOne,
    /// From the target to the rows that point to it.
    ToMany,
    /// From a many-to-any key to the target collection of the hop.
    ToAny,
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A column in its raw form.
    Column(Arc<Field>),
    /// A function.
    Function(Function),
}

/// Operator and right side, values already in the form that the operand's type takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `IS NULL`.
    Null,
    /// `IS NOT NULL`.
    NotNull,
    /// NULL or ''.
    Empty,
    /// Neither NULL nor ''.
    NotEmpty,
    /// Equal.
    Eq(Scalar),
    /// Not equal; NULL does not match.
    Neq(Scalar),
    /// Less.
    Lt(Scalar),
    /// Less or equal.
    Lte(Scalar),
    /// Greater.
    Gt(Scalar),
    /// Greater or equal.
    Gte(Scalar),
    /// Among; never matches NULL.
    In(Vec<Scalar>),
    /// Not among; NULL does not match, and a NULL member matches nothing.
    Nin(Vec<Scalar>),
    /// Inclusive range.
    Between(Scalar, Scalar),
    /// Outside the range; NULL does not match.
    NotBetween(Scalar, Scalar),
    /// SQL `LIKE` of a text operand.
    Like(TextTest),
    /// Tests on members of a json column.
    Json(JsonTest),
    /// A geometry predicate on GeoJSON text.
    Geometry {
        /// Which.
        predicate: GeometryPredicate,
        /// GeoJSON.
        geojson: String,
    },
}

/// Geometry operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the operators of the same name")]
pub enum GeometryPredicate {
    Eq,
    Neq,
    Intersects,
    NotIntersects,
    IntersectsBox,
    NotIntersectsBox,
}

/// A `LIKE` test. `%`, `_` and `\` in the text keep their meaning, as observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextTest {
    /// Where the text must stand.
    pub place: TextPlace,
    /// The text as sent.
    pub text: String,
    /// Compare lower-cased on both sides.
    pub ignore_case: bool,
    /// The negative form; NULL does not match.
    pub negated: bool,
}

/// Where a text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "speaks for itself")]
pub enum TextPlace {
    Anywhere,
    Start,
    End,
}

/// `_json`: tests on values inside a json column.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonTest {
    /// All of them; empty is true.
    And(Vec<JsonTest>),
    /// Any of them.
    Or(Vec<JsonTest>),
    /// The value at `path` as text (as number where the right side is a number).
    Compare {
        /// The steps.
        path: Vec<JsonStep>,
        /// The test; scalars keep whether they were numbers.
        test: Box<Test>,
    },
}

/// A right side. Text is what Postgres gets as parameter; the variant keeps what it was in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// NULL.
    Null,
    /// true, false.
    Boolean(bool),
    /// A number in Postgres' notation.
    Number(String),
    /// Text, dates and uuids included.
    Text(String),
}

/// A search: any of the terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Terms over this level's columns; empty matches nothing.
    pub terms: Vec<SearchTerm>,
}

/// One searched column.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchTerm {
    /// The column.
    pub field: Arc<Field>,
    /// Where it may be seen.
    pub shown: Shown,
    /// `Like` ignoring case, or `Eq`.
    pub test: Test,
}

/// One sort key.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// Joins to the row that holds the key. Through a to-many hop the smallest (descending: largest) related value counts.
    pub path: Vec<Hop>,
    /// What is compared.
    pub operand: Operand,
    /// Where the value counts; elsewhere it is null.
    pub shown: Shown,
    /// Descending; nulls come first then, and last otherwise.
    pub descending: bool,
}

/// An aggregate read. Without functions and without group keys it gives one empty object per row, as observed.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The table.
    pub collection: Arc<Collection>,
    /// What to compute, in output order.
    pub functions: Vec<AggregateFunction>,
    /// Group keys in output order.
    pub group: Vec<GroupKey>,
    /// The caller's filter.
    pub filter: Option<Filter>,
    /// The caller's search.
    pub search: Option<Search>,
    /// The rules that take part.
    pub access: Arc<RuleSet>,
    /// Sort keys over the groups.
    pub sort: Vec<AggregateSort>,
    /// `None` is unlimited.
    pub limit: Option<u64>,
    /// Groups to skip.
    pub offset: u64,
}

/// One aggregate of the output.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateFunction {
    /// Which.
    pub kind: AggregateKind,
    /// Over what.
    pub over: AggregateOver,
}

/// What an aggregate is computed over.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregateOver {
    /// `*`: the member holds the value itself.
    Rows,
    /// All rows, but the value is not part of the output (`countAll`, as observed): it only makes the read an aggregate.
    Discarded,
    /// A column: the member holds an object with the column's name.
    Column {
        /// The column.
        field: Arc<Field>,
        /// Where the value counts.
        shown: Shown,
    },
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the functions of the same name")]
pub enum AggregateKind {
    Count,
    CountDistinct,
    Sum,
    SumDistinct,
    Avg,
    AvgDistinct,
    Min,
    Max,
}

/// One group key.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupKey {
    /// The member's name.
    pub key: String,
    /// What is grouped by.
    pub operand: Operand,
    /// Where the value counts.
    pub shown: Shown,
}

/// One sort key over groups.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSort {
    /// By which.
    pub by: AggregateSortBy,
    /// Descending.
    pub descending: bool,
}

/// What groups are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateSortBy {
    /// The group key at this index.
    Group(usize),
    /// The aggregate at this index.
    Function(usize),
}

impl AggregateKind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountDistinct => "countDistinct",
            Self::Sum => "sum",
            Self::SumDistinct => "sumDistinct",
            Self::Avg => "avg",
            Self::AvgDistinct => "avgDistinct",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl RuleSet {
    /// No restriction: administrators, and the inside of permission rules.
    #[must_use]
    pub fn everything() -> Arc<Self> {
        Arc::new(Self { rules: Vec::new(), rows: Rows::All })
    }
}
