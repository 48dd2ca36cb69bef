//! The hot path of fan-out: reading one image, testing it against a group's condition, printing what the group sees.

#![expect(clippy::unwrap_used, missing_docs, reason = "the input is fixed; criterion makes functions without docs")]

use std::hint::black_box;
use std::sync::Arc;

use access::plan::{
    Comparison, Filter, Level, Operand, Rows, RuleSet, Scalar, Search, SearchTerm, Selected, Selection, Shown, Test, TextPlace, TextTest,
};
use access::row::{Membership, PredicateIndex, Projection, RowImage, Verdict};
use access::schema::Collection;
use access::testing::newsroom;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const REPORTER: &str = access::testing::REPORTER;

fn image() -> String {
    let body = "A paragraph of an article, \\\"quoted\\\" and broken\\nover lines. ".repeat(32);
    format!(
        r#"{{"id":7,"title":"Engines of analysis","slug":"engines","status":"published","body":"{body}","views":100,"score":1.5,"price":19.99,"big":9007199254740993,"published_at":"2026-01-02T03:04:05+00:00","event_date":"2026-02-03","event_time":"08:30:00","event_datetime":"2026-02-03T08:30:00","meta":{{"k": "v", "n": 1, "list": [1, 2]}},"labels":"one,two","featured":true,"secret":"s1","author":"a0000000-0000-4000-8000-000000000001","category":"tech","date_created":"2026-01-01T10:00:00+00:00","date_updated":null,"user_created":"{REPORTER}","user_updated":null,"sort":3}}"#
    )
}

fn compare(articles: &Collection, field: &str, test: Test) -> Filter {
    let operand = Operand::Column(Arc::clone(articles.field(field).unwrap()));
    Filter::Compare(Comparison { path: vec![], operand, shown: Shown::Always, test })
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

/// What a reporter sees: published articles and his own, some columns only of his own.
fn level() -> Level {
    let schema = newsroom();
    let articles = Arc::clone(schema.collection("articles").unwrap());
    let published = compare(&articles, "status", Test::Eq(text("published")));
    let own = compare(&articles, "user_created", Test::Eq(text(REPORTER)));
    let select = articles.columns().map(|field| {
        let shown = if matches!(&*field.name, "price" | "secret") { Shown::When(vec![1]) } else { Shown::Always };
        Selection { key: field.name.to_string(), value: Selected::Column(Arc::clone(field)), shown }
    });
    Level {
        select: select.collect(),
        filter: Some(Filter::And(vec![
            compare(&articles, "views", Test::Gte(Scalar::Number("50".into()))),
            compare(&articles, "price", Test::Lt(Scalar::Number("20".into()))),
            compare(&articles, "published_at", Test::Lte(text("2026-06-01T00:00:00Z"))),
            compare(&articles, "category", Test::In(["tech", "science", "arts"].map(text).into())),
        ])),
        search: None,
        access: Arc::new(RuleSet { rules: vec![published, own], rows: Rows::Matching(vec![0, 1]) }),
        sort: vec![],
        limit: None,
        offset: 0,
        collection: articles,
    }
}

fn rows(criterion: &mut Criterion) {
    let json = image();
    let level = level();
    let mut group = criterion.benchmark_group("row");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(|| RowImage::parse(black_box(&json), &[]).unwrap()));
    group.throughput(Throughput::Elements(1));

    let image = RowImage::parse(&json, &[]).unwrap();
    let membership = Membership::compile(&level).unwrap();
    group.bench_function("membership", |bencher| bencher.iter(|| black_box(&membership).test(black_box(&image))));

    let mut one = Level { access: RuleSet::everything(), ..level.clone() };
    one.filter = Some(compare(&level.collection, "author", Test::Eq(text("a0000000-0000-4000-8000-000000000002"))));
    let membership = Membership::compile(&one).unwrap();
    group.bench_function("membership, one uuid", |bencher| bencher.iter(|| black_box(&membership).test(black_box(&image))));

    let mut search = Level { filter: None, access: RuleSet::everything(), ..level.clone() };
    let test = Test::Like(TextTest { place: TextPlace::Anywhere, text: "nowhere".to_owned(), ignore_case: true, negated: false });
    let terms = ["title", "slug", "status", "body", "category"];
    let terms =
        terms.map(|name| SearchTerm { field: Arc::clone(level.collection.field(name).unwrap()), shown: Shown::Always, test: test.clone() });
    search.search = Some(Search { terms: terms.into() });
    let membership = Membership::compile(&search).unwrap();
    group.bench_function("membership, search in 2 KB of text", |bencher| bencher.iter(|| black_box(&membership).test(black_box(&image))));

    let projection = Projection::compile(&level).unwrap();
    let mut out = Vec::with_capacity(8192);
    group.bench_function("projection of 24 columns", |bencher| {
        bencher.iter(|| {
            out.clear();
            projection.write(black_box(&image), &mut out).unwrap();
        });
    });
    group.bench_function("compile", |bencher| bencher.iter(|| Membership::compile(black_box(&level)).unwrap()));
    group.finish();
}

/// One event against groups that differ in one equality constant: found by the index, and asked one by one.
fn predicates(criterion: &mut Criterion) {
    let json = image();
    let image = RowImage::parse(&json, &[]).unwrap();
    let level = level();
    let of = |number: u32| {
        let mut own = Level { access: RuleSet::everything(), ..level.clone() };
        own.filter = Some(compare(&level.collection, "author", Test::Eq(text(&format!("a0000000-0000-4000-8000-{number:012}")))));
        Membership::compile(&own).unwrap()
    };
    let mut group = criterion.benchmark_group("predicates");
    for groups in [1_000_u32, 10_000, 100_000, 1_000_000] {
        let mut index = PredicateIndex::default();
        for number in 0..groups {
            index.insert(number, of(number).covers());
        }
        let image = black_box(&image);
        group.bench_function(format!("index, {groups} groups"), |bencher| {
            bencher.iter(|| index.candidates([[Some(image), Some(image)]]).len())
        });
    }
    // Ranges of one column, of which ten hold the row's value; alternatives of two columns, of which one does.
    let between = |number: u32, groups: u32| {
        let mut own = Level { access: RuleSet::everything(), ..level.clone() };
        let from = f64::from(number) / f64::from(groups) * 1000.0;
        let test = Test::Between(text(&format!("{from:.6}")), text(&format!("{:.6}", from + 10_000.0 / f64::from(groups))));
        own.filter = Some(compare(&level.collection, "price", test));
        Membership::compile(&own).unwrap()
    };
    let either = |number: u32| {
        let mut own = Level { access: RuleSet::everything(), ..level.clone() };
        let author = compare(&level.collection, "author", Test::Eq(text(&format!("a0000000-0000-4000-8000-{number:012}"))));
        own.filter = Some(Filter::Or(vec![author, compare(&level.collection, "slug", Test::Eq(text(&format!("slug {number}"))))]));
        Membership::compile(&own).unwrap()
    };
    for groups in [1_000_u32, 100_000] {
        let (mut ranges, mut alternatives) = (PredicateIndex::default(), PredicateIndex::default());
        for number in 0..groups {
            ranges.insert(number, between(number, groups).covers());
            alternatives.insert(number, either(number).covers());
        }
        assert!(ranges.others().next().is_none() && alternatives.others().next().is_none(), "every group has its place");
        let image = black_box(&image);
        assert!((10..=11).contains(&ranges.candidates([[Some(image), Some(image)]]).len()), "so many ranges hold the value");
        group.bench_function(format!("ranges, {groups} groups"), |bencher| {
            bencher.iter(|| ranges.candidates([[Some(image), Some(image)]]).len())
        });
        group.bench_function(format!("alternatives, {groups} groups"), |bencher| {
            bencher.iter(|| alternatives.candidates([[Some(image), Some(image)]]).len())
        });
    }
    let linear: Vec<Membership> = (0..10_000).map(of).collect();
    group.bench_function("linear, 10000 groups", |bencher| {
        bencher.iter(|| linear.iter().filter(|membership| membership.test(black_box(&image)) != Verdict::No).count());
    });
    group.finish();
}

criterion_group!(benches, rows, predicates);
criterion_main!(benches);
