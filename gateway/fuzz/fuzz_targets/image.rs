//! A row image against many compiled plans: none fails, what is printed is JSON, a test and its opposite never both hold,
//! and a row that is in a view is found by the constants that the view is indexed by.
#![no_main]

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use access::plan::{Level, Root, Scalar};
use access::row::{IndexValue, Membership, Order, Projection, RowImage, Verdict};
use access::schema::Field;
use gateway_fuzz::mutate;
use gateway_fuzz::stage::{STAGE, USERS};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

/// A test that holds only where its opposite does not.
struct Opposites {
    what: String,
    test: Membership,
    opposite: Membership,
    keys: Vec<(Arc<Field>, Vec<Scalar>)>,
}

static OPPOSITES: LazyLock<Vec<Opposites>> = LazyLock::new(|| {
    let constants = [
        json!(0),
        json!(42),
        json!(-1.5),
        json!("abc"),
        json!(""),
        json!("2024-01-02"),
        json!("2024-01-02T03:04:05Z"),
        json!("03:04:05"),
        json!(true),
        json!("10000000-0000-4000-8000-000000000002"),
    ];
    let operators = [
        ("_eq", "_neq"),
        ("_lt", "_gte"),
        ("_gt", "_lte"),
        ("_in", "_nin"),
        ("_contains", "_ncontains"),
        ("_icontains", "_nicontains"),
        ("_starts_with", "_nstarts_with"),
        ("_ends_with", "_nends_with"),
        ("_null", "_nnull"),
        ("_empty", "_nempty"),
    ];
    let mut names: Vec<String> =
        STAGE.schema.collection("articles").into_iter().flat_map(|all| all.columns()).map(|field| field.name.to_string()).collect();
    names.extend(
        ["year(date_created)", "hour(published_at)", "weekday(event_date)", "minute(event_time)", "count(labels)"].map(str::to_owned),
    );
    let mut all = Vec::new();
    for name in &names {
        for (operator, opposite) in operators {
            for constant in &constants {
                let level = |operator: &str| level("admin", json!({"filter": {name: {operator: constant}}}));
                let (Some(test), Some(opposite)) = (level(operator), level(opposite)) else { continue };
                let (Ok(test), Ok(opposite)) = (Membership::compile(&test), Membership::compile(&opposite)) else { continue };
                all.push(Opposites { what: format!("{name} {operator} {constant}"), keys: test.equality_keys().to_vec(), test, opposite });
            }
        }
    }
    assert!(all.len() > 500, "{} pairs of tests", all.len());
    all
});

/// What everybody sees of a row: their tests, with the keys that they are found by, and what is shown.
static VIEWS: LazyLock<Vec<(Membership, Option<Projection>, Option<Order>)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for user in USERS {
        for query in [
            json!({}),
            json!({"sort": ["-views", "id"], "filter": {"_or": [{"status": {"_eq": "draft"}}, {"status": {"_eq": "published"}}]}}),
            json!({"fields": ["id", "title", "year(date_created)", "json(meta, a.b)"], "alias": {"t": "title"}, "search": "abc"}),
            json!({"filter": {"meta": {"_json": {"a.b": {"_eq": "x"}, "list[0]": {"_gt": 3}}}}, "sort": "price"}),
            json!({"filter": {"_and": [{"id": {"_in": [1, 2, 3]}}, {"labels": {"_contains": "a"}}]}, "sort": ["-published_at"]}),
        ] {
            let Some(level) = level(user, query) else { continue };
            for membership in [Membership::compile(&level), Membership::prefilter(&level)].into_iter().flatten() {
                all.push((membership, Projection::compile(&level).ok(), Order::compile(&level).ok()));
            }
        }
    }
    all
});

fn level(user: &str, query: Value) -> Option<Level> {
    let message = json!({"collection": "articles", "query": query});
    let (_, permissions) = STAGE.sessions.iter().find(|(name, _)| *name == user)?;
    match STAGE.plan(permissions, message.as_object()?, false).ok()?.root {
        Root::Items(level) => Some(level),
        Root::Aggregate(_) => None,
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let judged = serde_json::from_str::<Value>(text);
    let image = match RowImage::parse(text, &[]) {
        Ok(image) => image,
        Err(_) => {
            assert!(!matches!(judged, Ok(Value::Object(_))), "a JSON object is an image: {text}");
            return Corpus::Reject;
        }
    };
    // Postgres prints every column once; of a text that does not, "the" value of a column is anybody's guess.
    if !serde_json::from_str::<Names>(text).is_ok_and(|names| names.distinct()) {
        return Corpus::Reject;
    }
    let less = RowImage::parse(text, &["title".into(), "views".into(), "status".into()]).expect("what is left out changes nothing");
    for image in [&image, &less] {
        for pair in OPPOSITES.iter() {
            let (test, opposite) = (pair.test.test(image), pair.opposite.test(image));
            assert!((test, opposite) != (Verdict::Yes, Verdict::Yes), "{} holds and does not hold of {text}", pair.what);
            if test == Verdict::Yes {
                found(image, &pair.keys, &pair.what);
            }
        }
        for (membership, projection, order) in VIEWS.iter() {
            if membership.test(image) == Verdict::Yes {
                found(image, membership.equality_keys(), "a view");
            }
            if let Some(projection) = projection {
                let mut out = b"before".to_vec();
                match projection.write(image, &mut out) {
                    Ok(()) => drop(serde_json::from_slice::<Value>(&out[6..]).expect("what is shown is JSON")),
                    Err(_) => assert_eq!(out, b"before"),
                }
            }
            if let Some(order) = order {
                assert!(order.compare(image, image).is_none_or(std::cmp::Ordering::is_eq));
                assert_eq!(order.compare(image, &less), order.compare(&less, image).map(std::cmp::Ordering::reverse));
            }
        }
    }
    Corpus::Keep
});

/// The names of an object's members, as often as they stand there.
struct Names(Vec<String>);

impl Names {
    fn distinct(&self) -> bool {
        self.0.iter().collect::<HashSet<_>>().len() == self.0.len()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = members.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A row of a view has one of the constants that the view is indexed by.
fn found(image: &RowImage<'_>, keys: &[(Arc<Field>, Vec<Scalar>)], what: &str) {
    for (field, constants) in keys {
        let IndexValue::Value(value) = image.index_value(field) else {
            assert_eq!(image.index_value(field), IndexValue::Unknown, "{what}: NULL in {}", field.name);
            continue;
        };
        let equal = constants.iter().any(|constant| match constant {
            Scalar::Number(text) | Scalar::Text(text) => text == value,
            Scalar::Null | Scalar::Boolean(_) => false,
        });
        assert!(equal, "{what} admits {value:?} in {} and is looked up by {constants:?}", field.name);
    }
}
