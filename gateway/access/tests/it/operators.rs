//! What the planner lets through, Postgres takes: every operator, sort, function and aggregate on every type of column.
//!
//! It must never excuse a failure of the database but two, which only Postgres can judge: text that is no date, and a json
//! value that is no array but is to be counted.

use access::permission::Permissions;
use access::planner::{Planner, Target};
use access::query::{Query, QueryLimits};
use access::sql::{self, ReadOptions, Shape};
use access::testing::newsroom;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::database::Newsroom;

const OPERATORS: [&str; 32] = [
    "_eq",
    "_neq",
    "_lt",
    "_lte",
    "_gt",
    "_gte",
    "_in",
    "_nin",
    "_between",
    "_nbetween",
    "_null",
    "_nnull",
    "_empty",
    "_nempty",
    "_contains",
    "_ncontains",
    "_icontains",
    "_nicontains",
    "_starts_with",
    "_nstarts_with",
    "_istarts_with",
    "_nistarts_with",
    "_ends_with",
    "_nends_with",
    "_iends_with",
    "_niends_with",
    "_json",
    "_intersects",
    "_some",
    "_regex",
    "_submitted",
    "_foo",
];

fn values() -> Vec<Value> {
    vec![
        json!(1),
        json!("x"),
        json!("1"),
        json!("0x10"),
        json!(-1.5),
        json!("1e300"),
        json!("Infinity"),
        json!(99_999_999_999_u64),
        json!("9223372036854775808"),
        json!("2026-01-01"),
        json!("08:30"),
        json!("A0000000-0000-4000-8000-000000000001"),
        json!(true),
        json!("yes"),
        json!(null),
        json!(["1", null]),
        json!(["a", "b"]),
        json!([1, 2]),
        json!({"k": {"_eq": "v"}}),
        json!({"n": {"_gt": 0}}),
        json!("\\"),
        json!("a\u{0}b"),
    ]
}

struct Run {
    newsroom: Newsroom,
    executed: usize,
    refused: usize,
    faults: Vec<String>,
}

impl Run {
    async fn read(&mut self, collection: &str, query: Value) {
        let (schema, permissions, limits) = (newsroom(), Permissions::administrator(), QueryLimits::default());
        let planner = Planner { schema: &schema, permissions: &permissions, limits: &limits };
        let plan = Query::parse(&query, &limits).and_then(|parsed| planner.read(collection, &parsed, Target::Query));
        let Ok(plan) = plan else {
            self.refused += 1;
            return;
        };
        self.executed += 1;
        let statement = sql::read(&plan, &ReadOptions { shape: Shape::List, snapshot: false, keys: None });
        if let Err(error) = self.newsroom.try_rows(&statement).await {
            let excused = [SqlState::INVALID_DATETIME_FORMAT, SqlState::DATETIME_FIELD_OVERFLOW, SqlState::INVALID_PARAMETER_VALUE];
            if !error.code().is_some_and(|code| excused.contains(code)) {
                self.faults.push(format!("{collection} {query}: {error:?}"));
            }
        }
    }
}

#[tokio::test]
async fn postgres_takes_what_the_planner_lets_through() {
    let mut run = Run { newsroom: Newsroom::start().await, executed: 0, refused: 0, faults: Vec::new() };
    let schema = newsroom();
    for name in ["articles", "authors", "pages_blocks"] {
        let fields: Vec<String> = schema.collection(name).unwrap().fields.keys().map(ToString::to_string).collect();
        for field in &fields {
            let functions = ["year", "hour", "weekday", "count", "json"].map(|function| match function {
                "json" => format!("json({field}, a.b[0])"),
                _ => format!("{function}({field})"),
            });
            for key in [field].into_iter().chain(&functions) {
                run.read(name, json!({"fields": [key]})).await;
                run.read(name, json!({"fields": [], "sort": [key]})).await;
                run.read(name, json!({"fields": [], "sort": [format!("-{key}")]})).await;
                run.read(name, json!({"groupBy": [key], "aggregate": {"count": "*"}})).await;
                for operator in
                    OPERATORS.into_iter().filter(|operator| key == field || matches!(*operator, "_eq" | "_in" | "_between" | "_null"))
                {
                    for value in values() {
                        run.read(name, json!({"fields": [], "filter": {key: {operator: value}}})).await;
                    }
                }
            }
            for function in ["count", "countDistinct", "sum", "sumDistinct", "avg", "avgDistinct", "min", "max"] {
                run.read(name, json!({"aggregate": {function: [field]}})).await;
            }
        }
        for search in ["x", "1", "2.5", "a0000000-0000-4000-8000-000000000001", "%\\", "\u{0}", "1e+300"] {
            run.read(name, json!({"fields": [], "search": search})).await;
        }
    }
    assert!(run.executed > 2_000 && run.refused > 2_000, "{} executed, {} refused", run.executed, run.refused);
    assert!(run.faults.is_empty(), "{} of {}\n{}", run.faults.len(), run.executed, run.faults[..run.faults.len().min(40)].join("\n"));
}
