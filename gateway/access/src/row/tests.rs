//! Whole plans over images, by hand. The property test against Postgres is in `tests/it`.

use super::cover::{Hold, Span, Term};
use std::cmp::Ordering;
use std::sync::Arc;

use super::{IndexValue, Membership, NotLocal, Order, Projection, RowImage, Undecided, Verdict, wire_key};
use crate::plan::{
    Comparison, DatePart, Filter, Function, Level, Operand, Rows, RuleSet, Scalar, Search, SearchTerm, Selected, Selection, Shown, Sort,
    Test, TextPlace, TextTest,
};
use crate::schema::{Collection, Field, FieldType};
use crate::testing;

fn collection() -> Arc<Collection> {
    let fields = vec![
        testing::column("id", FieldType::BigInteger),
        testing::column("title", FieldType::String),
        testing::column("author", FieldType::Uuid),
        testing::column("price", FieldType::Decimal),
        testing::column("at", FieldType::Timestamp),
        testing::column("tags", FieldType::Csv),
        testing::column("meta", FieldType::Json),
        testing::column("secret", FieldType::Hash),
        testing::column("comments", FieldType::Alias),
    ];
    Arc::new(testing::collection("articles", fields))
}

fn level() -> Level {
    Level {
        collection: collection(),
        select: vec![],
        filter: None,
        search: None,
        access: RuleSet::everything(),
        sort: vec![],
        limit: None,
        offset: 0,
    }
}

fn column(name: &str) -> Arc<Field> {
    Arc::clone(collection().field(name).unwrap())
}

fn shown_compare(name: &str, test: Test, shown: Shown) -> Filter {
    Filter::Compare(Comparison { path: vec![], operand: Operand::Column(column(name)), shown, test })
}

fn compare(name: &str, test: Test) -> Filter {
    shown_compare(name, test, Shown::Always)
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn show(key: &str, value: Selected, shown: Shown) -> Selection {
    Selection { key: key.to_owned(), value, shown }
}

const ME: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
const IMAGE: &str = r#"{"id":9007199254740993,"title":"Hello \"World\"","author":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","price":12.50,"at":"2026-01-02T03:04:05.6789+00:00","tags":"a,b\n,","meta":{"k": [1, null]},"secret":"x"}"#;

fn test(level: &Level, json: &str) -> Verdict {
    Membership::compile(level).unwrap().test(&RowImage::parse(json, &[]).unwrap())
}

fn print(level: &Level, json: &str) -> Result<String, Undecided> {
    let mut out = b"before ".to_vec();
    let written = Projection::compile(level).unwrap().write(&RowImage::parse(json, &[]).unwrap(), &mut out);
    let text = String::from_utf8(out).unwrap();
    written.map(|()| text.strip_prefix("before ").unwrap().to_owned()).inspect_err(|_| assert_eq!(text, "before "))
}

#[test]
fn filters_access_and_search_must_all_admit_the_row() {
    let mut level = level();
    level.filter = Some(Filter::And(vec![
        compare("author", Test::Eq(text(&ME.to_uppercase()))),
        compare("price", Test::Eq(Scalar::Number("125e-1".into()))),
        compare("id", Test::Gt(Scalar::Number("9007199254740992".into()))),
    ]));
    assert_eq!(test(&level, IMAGE), Verdict::Yes);
    assert_eq!(test(&level, &IMAGE.replace("740993", "740992")), Verdict::No);
    level.access = Arc::new(RuleSet { rules: vec![compare("title", Test::Null)], rows: Rows::Matching(vec![0]) });
    assert_eq!(test(&level, IMAGE), Verdict::No);
    assert_eq!(test(&level, &IMAGE.replace(r#""Hello \"World\"""#, "null")), Verdict::Yes);
    level.access = RuleSet::everything();
    let like = |text: &str| Test::Like(TextTest { place: TextPlace::Anywhere, text: text.into(), ignore_case: true, negated: false });
    let term = |text| Search { terms: vec![SearchTerm { field: column("title"), shown: Shown::Always, test: like(text) }] };
    level.search = Some(term("\"world"));
    assert_eq!(test(&level, IMAGE), Verdict::Yes);
    level.search = Some(term("word"));
    assert_eq!(test(&level, IMAGE), Verdict::No);
    level.search = Some(Search { terms: vec![] });
    assert_eq!(test(&level, IMAGE), Verdict::No);
}

#[test]
fn what_the_image_does_not_hold_is_undecided_unless_the_rest_decides() {
    let mut level = level();
    let filter = |title| Filter::And(vec![compare("title", title), compare("author", Test::Eq(text(ME)))]);
    let omitted = ["title".into()];
    let image = RowImage::parse(IMAGE, &omitted).unwrap();
    level.filter = Some(filter(Test::Null));
    assert_eq!(Membership::compile(&level).unwrap().test(&image), Verdict::Undecided);
    level.filter = Some(Filter::And(vec![filter(Test::Null), compare("price", Test::Null)]));
    assert_eq!(Membership::compile(&level).unwrap().test(&image), Verdict::No);
    level.filter = Some(Filter::Or(vec![filter(Test::Null), compare("price", Test::NotNull)]));
    assert_eq!(Membership::compile(&level).unwrap().test(&image), Verdict::Yes);
}

#[test]
fn masked_values_are_null_to_conditions_and_to_readers() {
    let mut level = level();
    level.access = Arc::new(RuleSet { rules: vec![compare("price", Test::Gt(Scalar::Number("10".into())))], rows: Rows::All });
    level.filter = Some(shown_compare("title", Test::NotNull, Shown::When(vec![0])));
    level.select = vec![
        show("id", Selected::Column(column("id")), Shown::Always),
        show("t\"", Selected::Column(column("title")), Shown::When(vec![0])),
    ];
    assert_eq!(test(&level, IMAGE), Verdict::Yes);
    assert_eq!(print(&level, IMAGE).unwrap(), r#"{"id":"9007199254740993","t\"":"Hello \"World\""}"#);
    let cheap = IMAGE.replace("12.50", "10.00");
    assert_eq!(test(&level, &cheap), Verdict::No);
    assert_eq!(print(&level, &cheap).unwrap(), r#"{"id":"9007199254740993","t\"":null}"#);
    level.access = Arc::new(RuleSet { rules: vec![], rows: Rows::All });
    assert_eq!(Projection::compile(&level).unwrap_err(), NotLocal::Rules);
    assert_eq!(Membership::compile(&level).unwrap_err(), NotLocal::Rules);
}

#[test]
fn values_have_their_wire_form() {
    let mut level = level();
    level.select = ["price", "at", "tags", "meta", "secret"].map(|name| show(name, Selected::Column(column(name)), Shown::Always)).into();
    level.select.push(show("at_week", Selected::Function(Function::DatePart { part: DatePart::Week, field: column("at") }), Shown::Always));
    level.select.push(show(
        "at_second",
        Selected::Function(Function::DatePart { part: DatePart::Second, field: column("at") }),
        Shown::Always,
    ));
    assert_eq!(
        print(&level, IMAGE).unwrap(),
        r#"{"price":"12.50","at":"2026-01-02T03:04:05.678Z","tags":["a","b\n",""],"meta":{"k": [1, null]},"secret":"**********","at_week":"1","at_second":"5.678900"}"#
    );
    assert_eq!(print(&level, &IMAGE.replace("2026-01-02T03:04:05.6789+00:00", "0044-03-15T00:00:00+00:00 BC")), Err(Undecided));
    level.select.clear();
    assert_eq!(print(&level, IMAGE).unwrap(), r#""9007199254740993""#);
    assert_eq!(wire_key(&level.collection, "5"), r#""5""#);
}

#[test]
fn json_null_is_not_told_from_sql_null() {
    let mut level = level();
    level.filter = Some(compare("meta", Test::NotNull));
    assert_eq!(test(&level, IMAGE), Verdict::Yes);
    assert_eq!(test(&level, r#"{"meta":null}"#), Verdict::Undecided);
}

#[test]
fn plans_that_need_the_database_say_so() {
    let mut level = level();
    level.filter = Some(Filter::And(vec![compare("id", Test::Eq(text("abc"))), compare("author", Test::Eq(text(ME)))]));
    assert_eq!(Membership::compile(&level).unwrap_err(), NotLocal::Constant("id".into()));
    let filter = Membership::prefilter(&level).unwrap();
    assert_eq!(filter.test(&RowImage::parse(IMAGE, &[]).unwrap()), Verdict::Undecided);
    assert_eq!(filter.test(&RowImage::parse(r#"{"author":null}"#, &[]).unwrap()), Verdict::No);
    level.filter = Some(compare("comments", Test::Null));
    assert_eq!(Membership::compile(&level).unwrap_err(), NotLocal::Relation);
}

#[test]
fn covers_never_lose_a_row() {
    let shown = |level: &Level| {
        let term = |term: &Term| match &term.hold {
            Hold::Values(values) => format!("{} is {}", term.field.name, values.join("|")),
            Hold::Range(Span { from, to }) => format!("{} {from}..{to}", term.field.name),
        };
        let covers = Membership::prefilter(level).unwrap().covers().to_vec();
        covers.iter().map(|cover| cover.0.iter().map(term).collect::<Vec<_>>().join(" or ")).collect::<Vec<_>>()
    };
    let mut level = level();
    assert_eq!(shown(&level), Vec::<String>::new());
    level.filter = Some(Filter::And(vec![
        compare("title", Test::NotNull),
        compare("author", Test::Eq(text(&ME.to_uppercase()))),
        compare("id", Test::In(vec![text(" 07 "), Scalar::Null, Scalar::Number("7".into())])),
        compare("price", Test::Gt(text("1.5"))),
        compare("price", Test::Between(text("-3"), text("2"))),
    ]));
    assert_eq!(shown(&level), [format!("author is {ME}"), "id is 7".into(), "price 1.5..2".into()]);
    level.filter = Some(Filter::Or(vec![compare("author", Test::Eq(text(ME))), compare("title", Test::Null)]));
    assert_eq!(shown(&level), Vec::<String>::new());
    level.filter = Some(Filter::Or(vec![
        compare("author", Test::Eq(text(ME))),
        Filter::And(vec![compare("title", Test::Eq(text("a"))), compare("price", Test::Lte(text("1")))]),
        compare("price", Test::Eq(Scalar::Null)),
    ]));
    assert_eq!(shown(&level), [format!("author is {ME} or title is a")]);
    level.filter = Some(Filter::And(vec![compare("price", Test::Lt(text("1"))), compare("price", Test::Gt(text("2")))]));
    assert_eq!(shown(&level), [""], "nothing is admitted");
    level.filter = Some(compare("price", Test::Gt(text("no number"))));
    assert_eq!(shown(&level), Vec::<String>::new());
    level.filter = None;
    let rules = vec![
        compare("title", Test::Eq(text("a"))),
        Filter::And(vec![compare("title", Test::Eq(text("b"))), compare("id", Test::Eq(text("1")))]),
    ];
    level.access = Arc::new(RuleSet { rules, rows: Rows::Matching(vec![0, 1]) });
    assert_eq!(shown(&level), ["title is a|b"]);
    let image = RowImage::parse(r#"{"id":7,"title":"a\nb","author":null}"#, &[]).unwrap();
    assert_eq!(image.index_value(&column("id")), IndexValue::Value("7"));
    assert_eq!(image.index_value(&column("title")), IndexValue::Value("a\nb"));
    assert_eq!(image.index_value(&column("author")), IndexValue::Null);
    assert_eq!(image.index_value(&column("price")), IndexValue::Unknown);
    // A number that Postgres would print otherwise was looked up by how it looks: `-0` did not find `0`.
    for (raw, expect) in [("-0", None), ("07", None), ("7.0", None), ("7e0", None), ("0", Some("0")), ("-12", Some("-12"))] {
        let json = format!(r#"{{"id":{raw}}}"#);
        let Ok(image) = RowImage::parse(&json, &[]) else { continue };
        assert_eq!(image.index_value(&column("id")), expect.map_or(IndexValue::Unknown, IndexValue::Value), "{raw}");
    }
}

#[test]
fn rows_stand_in_the_order_of_the_sort() {
    let mut level = level();
    let sort = |name: &str, descending| Sort { path: vec![], operand: Operand::Column(column(name)), shown: Shown::Always, descending };
    level.sort = vec![sort("price", true), sort("id", false)];
    let order = Order::compile(&level).unwrap();
    let compare = |a: &str, b: &str| order.compare(&RowImage::parse(a, &[]).unwrap(), &RowImage::parse(b, &[]).unwrap());
    assert_eq!(compare(r#"{"id":1,"price":null}"#, r#"{"id":2,"price":5}"#), Some(Ordering::Less));
    assert_eq!(compare(r#"{"id":1,"price":5.0}"#, r#"{"id":2,"price":5}"#), Some(Ordering::Less));
    assert_eq!(compare(r#"{"id":1,"price":5.1}"#, r#"{"id":2,"price":5}"#), Some(Ordering::Less));
    assert_eq!(compare(r#"{"id":1}"#, r#"{"id":2,"price":5}"#), None);
    let decides = |json: &str| order.decides(&RowImage::parse(json, &[]).unwrap());
    assert!(decides(r#"{"id":1,"price":null}"#) && !decides(r#"{"id":1}"#));
    assert_eq!(compare(r#"{"id":1,"price":5}"#, r#"{"id":1,"price":5}"#), Some(Ordering::Equal));
}
