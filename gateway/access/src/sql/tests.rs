//! Statements as text: that values stay out of it, and that its shape alone decides it.

use std::sync::Arc;

use super::*;
use crate::plan::{Comparison, Filter, JsonTest, Operand, Scalar, Shown, Test};
use crate::testing::newsroom;

fn plan(values: &[&str], limit: u64) -> ReadPlan {
    let schema = newsroom();
    let articles = schema.collection("articles").unwrap();
    let field = articles.field("title").unwrap();
    let test = Test::In(values.iter().map(|value| Scalar::Text((*value).to_owned())).collect());
    let level = Level {
        collection: articles.clone(),
        select: Vec::new(),
        filter: Some(Filter::Compare(Comparison { path: Vec::new(), operand: Operand::Column(field.clone()), shown: Shown::Always, test })),
        search: None,
        access: RuleSet::everything(),
        sort: Vec::new(),
        limit: Some(limit),
        offset: 0,
    };
    ReadPlan { root: Root::Items(level), total_count: None, filter_count: None, count_filter: None }
}

/// An empty `_json` behind a mask left the mask's parameters without a place, and so without a type.
#[test]
fn every_parameter_has_its_place() {
    let mut plan = plan(&["a"], 1);
    let Root::Items(level) = &mut plan.root else { unreachable!() };
    let rule = level.filter.take().unwrap();
    let meta = level.collection.field("meta").unwrap().clone();
    level.access = Arc::new(RuleSet { rules: vec![rule], ..RuleSet::default() });
    level.filter = Some(Filter::Compare(Comparison {
        path: Vec::new(),
        operand: Operand::Column(meta),
        shown: Shown::When(vec![0]),
        test: Test::Json(JsonTest::And(vec![JsonTest::Or(Vec::new())])),
    }));
    let statement = read(&plan, &ReadOptions { shape: Shape::List, snapshot: false, keys: None });
    for place in 1..=statement.parameters.len() {
        assert!(statement.text.contains(&format!("${place}::")), "${place} in {}", statement.text);
    }
}

#[test]
fn text_depends_on_the_shape_alone() {
    let options = ReadOptions { shape: Shape::List, snapshot: false, keys: None };
    let (short, long) = (read(&plan(&["a"], 1), &options), read(&plan(&["b", "'; drop table x; --", "c"], u64::MAX), &options));
    assert_eq!(short.text, long.text);
    assert_eq!(
        short.text,
        "SELECT '[' || array_to_string(ARRAY(SELECT t1.\"id\"::text FROM \"public\".\"articles\" t1 \
         WHERE t1.\"title\" = ANY($1::text[]) LIMIT $2::int8), ',') || ']' AS data"
    );
    assert_eq!(long.parameters.last().unwrap().literal().unwrap(), i64::MAX.to_string());
}
