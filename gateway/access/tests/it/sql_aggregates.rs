//! Groups and totals: values, their JSON types, order, and joins that must not count twice.

use std::sync::Arc;

use access::plan::{
    Aggregate, AggregateFunction, AggregateKind, AggregateOver, AggregateSort, AggregateSortBy, DatePart, Filter, GroupKey, Operand,
    ReadPlan, Root, RuleSet, Scalar, Shown, Test,
};
use access::sql::{Shape, read};

use crate::database::Newsroom;
use crate::plans::{Plans, number, options, rules, text};

fn over(plans: &Plans, kind: AggregateKind, columns: &[&str]) -> Vec<AggregateFunction> {
    let column = |name: &&str| AggregateOver::Column { field: plans.field("articles", name), shown: Shown::Always };
    columns.iter().map(column).map(|over| AggregateFunction { kind, over }).collect()
}

fn rows() -> Vec<AggregateFunction> {
    vec![AggregateFunction { kind: AggregateKind::Count, over: AggregateOver::Rows }]
}

fn aggregate(plans: &Plans, functions: Vec<AggregateFunction>, group: Vec<GroupKey>) -> Aggregate {
    Aggregate {
        collection: plans.collection("articles"),
        functions,
        group,
        filter: None,
        search: None,
        access: RuleSet::everything(),
        sort: Vec::new(),
        limit: Some(100),
        offset: 0,
    }
}

fn by(plans: &Plans, name: &str) -> GroupKey {
    GroupKey { key: name.to_owned(), operand: Operand::Column(plans.field("articles", name)), shown: Shown::Always }
}

async fn check(db: &Newsroom, aggregate: Aggregate, expect: &str) {
    let plan = ReadPlan { root: Root::Aggregate(aggregate), total_count: None, filter_count: None, count_filter: None };
    assert_eq!(db.data(&read(&plan, &options(Shape::List))).await.unwrap(), expect);
}

#[tokio::test]
async fn totals_have_their_json_types() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    use AggregateKind as K;
    let cases = [
        (rows(), r#"[{"count":"8"}]"#),
        (over(&plans, K::Count, &["id", "slug"]), r#"[{"count":{"id":"8","slug":"7"}}]"#),
        ([rows(), over(&plans, K::Count, &["id"])].concat(), r#"[{"count":{"id":"8"}}]"#),
        (
            over(&plans, K::Sum, &["views", "score", "price", "big"]),
            r#"[{"sum":{"views":"1401","score":13.25,"price":"25.09","big":"9007199254741005"}}]"#,
        ),
        (
            over(&plans, K::Avg, &["views", "score", "price"]),
            r#"[{"avg":{"views":"175.1250000000000000","score":3.3125,"price":"8.3633333333333333"}}]"#,
        ),
        (
            [
                over(&plans, K::Min, &["views", "published_at", "event_date"]),
                over(&plans, K::Max, &["big", "event_time", "event_datetime", "title"]),
            ]
            .concat(),
            r#"[{"min":{"views":0,"published_at":"2026-01-02T03:04:05.000Z","event_date":"2026-02-03"},"max":{"big":"9007199254740993","event_time":"08:30:00","event_datetime":"2026-02-03T08:30:00","title":"zeta: lower case title"}}]"#,
        ),
        (
            [
                over(&plans, K::AvgDistinct, &["views"]),
                over(&plans, K::SumDistinct, &["featured"].map(|_| "views")),
                over(&plans, K::CountDistinct, &["status", "id"]),
            ]
            .concat(),
            r#"[{"avgDistinct":{"views":"175.1250000000000000"},"sumDistinct":{"views":"1401"},"countDistinct":{"status":"3","id":"8"}}]"#,
        ),
        // Read casts of the field apply to what is computed over it.
        (over(&plans, K::Count, &["labels", "meta"]), r#"[{"count":{"labels":["3"],"meta":2}}]"#),
    ];
    for (functions, expect) in cases {
        check(&db, aggregate(&plans, functions, Vec::new()), expect).await;
    }
    let mut none = aggregate(&plans, over(&plans, K::Sum, &["views"]), Vec::new());
    none.filter = Some(Filter::Or(Vec::new()));
    check(&db, none, r#"[{"sum":{"views":null}}]"#).await;
    let mut empty = aggregate(&plans, Vec::new(), Vec::new());
    empty.limit = Some(2);
    check(&db, empty.clone(), "[{},{}]").await;
    empty.functions = vec![AggregateFunction { kind: K::Count, over: AggregateOver::Discarded }];
    check(&db, empty, "[{}]").await;
}

#[tokio::test]
async fn groups_are_keyed_sorted_and_limited() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let sort = |by, descending| AggregateSort { by, descending };
    let mut groups = aggregate(&plans, rows(), vec![by(&plans, "status")]);
    groups.sort = vec![sort(AggregateSortBy::Group(0), false)];
    check(&db, groups.clone(), r#"[{"status":"archived","count":"2"},{"status":"draft","count":"3"},{"status":"published","count":"3"}]"#)
        .await;
    groups.sort = vec![sort(AggregateSortBy::Function(0), true), sort(AggregateSortBy::Group(0), true)];
    groups.limit = Some(1);
    groups.offset = 1;
    check(&db, groups, r#"[{"status":"draft","count":"3"}]"#).await;
    let mut sums = aggregate(&plans, over(&plans, AggregateKind::Sum, &["views"]), vec![by(&plans, "status"), by(&plans, "featured")]);
    sums.sort = vec![sort(AggregateSortBy::Function(0), true)];
    sums.filter = Some(plans.own("articles", "views", Test::Gt(number("6"))));
    check(
        &db,
        sums,
        r#"[{"status":"published","featured":false,"sum":{"views":"1249"}},{"status":"published","featured":true,"sum":{"views":"100"}},{"status":"archived","featured":true,"sum":{"views":"42"}},{"status":"draft","featured":true,"sum":{"views":"7"}}]"#,
    )
    .await;
    let year = GroupKey {
        key: "published_at_year".into(),
        operand: Operand::Function(plans.part(DatePart::Year, "articles", "published_at")),
        shown: Shown::Always,
    };
    let mut years = aggregate(&plans, Vec::new(), vec![year]);
    years.sort = vec![sort(AggregateSortBy::Group(0), false)];
    check(&db, years, r#"[{"published_at_year":"2026"},{"published_at_year":null}]"#).await;
}

#[tokio::test]
async fn related_rows_do_not_count_twice() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let comments = || plans.compare(vec![plans.hop("articles", "comments", "comments")], "comments", "text", Test::NotNull);
    let mut counted = aggregate(&plans, [rows(), over(&plans, AggregateKind::Sum, &["views"])].concat(), Vec::new());
    counted.filter = Some(comments());
    check(&db, counted.clone(), r#"[{"count":"3","sum":{"views":"707"}}]"#).await;
    // A rule only chooses rows.
    counted.filter = None;
    counted.access = rules(vec![comments()]);
    check(&db, counted, r#"[{"count":"3","sum":{"views":"357"}}]"#).await;
}

#[tokio::test]
async fn masked_columns_and_group_keys() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let featured = plans.own("articles", "featured", Test::Eq(Scalar::Boolean(true)));
    let mut masked = aggregate(&plans, rows(), vec![GroupKey { shown: Shown::When(vec![0]), ..by(&plans, "status") }]);
    masked.access = Arc::new(RuleSet { rules: vec![featured], rows: access::plan::Rows::All });
    masked.sort = vec![AggregateSort { by: AggregateSortBy::Group(0), descending: false }];
    check(
        &db,
        masked.clone(),
        r#"[{"status":"archived","count":"1"},{"status":"draft","count":"1"},{"status":"published","count":"1"},{"status":null,"count":"5"}]"#,
    )
    .await;
    masked.group.clear();
    masked.sort.clear();
    let shown = AggregateOver::Column { field: plans.field("articles", "status"), shown: Shown::When(vec![0]) };
    masked.functions = vec![AggregateFunction { kind: AggregateKind::Count, over: shown }];
    masked.filter = Some(plans.own("articles", "status", Test::Neq(text("archived"))));
    check(&db, masked, r#"[{"count":{"status":"2"}}]"#).await;
}
