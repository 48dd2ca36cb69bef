//! What a plan returns: the exact JSON of every kind of member, order, limits, rules, and the columns beside it.

use std::sync::Arc;

use access::plan::{
    DatePart, Direction, Filter, Function, JsonStep, Operand, Resort, Rows, RuleSet, Search, SearchTerm, Selected, Selection, Shown, Sort,
    Test, TextPlace, TextTest,
};
use access::schema::FieldType;
use access::sql::{ReadOptions, Shape, keys, matching_keys, read};
use access::testing::{collection, column};

use crate::database::Newsroom;
use crate::plans::{Plans, number, options, plan, rules, shown, text};

const ARTICLE_1: &str = r#"{"id":1,"title":"Engines of analysis","slug":"engines","status":"published","body":"The engine weaves.","views":100,"score":1.5,"price":"19.99","big":"9007199254740993","published_at":"2026-01-02T03:04:05.000Z","event_date":"2026-02-03","event_time":"08:30:00","event_datetime":"2026-02-03T08:30:00","meta":{"k":"v","n":1,"list":[1,2]},"labels":["one","two"],"featured":true,"secret":"s1","author":"a0000000-0000-4000-8000-000000000001","category":"tech","date_created":"2026-01-01T10:00:00.000Z","date_updated":null,"user_created":"10000000-0000-4000-8000-000000000001","user_updated":null,"sort":3,"comments":[1,2],"tags":[1,2]}"#;

const ARTICLE_8: &str = r#"{"id":8,"title":"zeta: lower case title","slug":null,"status":"archived","body":"percent % and _ and 'quote'","views":42,"score":null,"price":null,"big":null,"published_at":null,"event_date":null,"event_time":null,"event_datetime":null,"meta":null,"labels":null,"featured":true,"secret":"s8","author":null,"category":null,"date_created":"2026-01-08T10:00:00.000Z","date_updated":null,"user_created":"10000000-0000-4000-8000-000000000001","user_updated":null,"sort":null,"comments":[],"tags":[]}"#;

#[tokio::test]
async fn every_type_has_its_wire_form() {
    for plans in [Plans::new(), Plans::indexed()] {
        every_type_has_its_wire_form_of(&Newsroom::start().await, &plans).await;
    }
}

async fn every_type_has_its_wire_form_of(db: &Newsroom, plans: &Plans) {
    let columns: Vec<String> = plans.collection("articles").columns().map(|field| field.name.to_string()).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut level = plans.level("articles", &columns);
    level.select.push(plans.many("articles", "comments", plans.level("comments", &[])));
    level.select.push(plans.many("articles", "tags", plans.level("articles_tags", &[])));
    let by_key = |key: &str| {
        let mut level = level.clone();
        level.filter = Some(plans.own("articles", "id", Test::Eq(number(key))));
        plan(level)
    };
    assert_eq!(db.data(&read(&by_key("1"), &options(Shape::Object))).await.unwrap(), ARTICLE_1);
    assert_eq!(db.data(&read(&by_key("8"), &options(Shape::List))).await.unwrap(), format!("[{ARTICLE_8}]"));
    assert_eq!(db.data(&read(&by_key("99"), &options(Shape::Object))).await, None);
    assert_eq!(db.data(&read(&by_key("99"), &options(Shape::List))).await.unwrap(), "[]");
    let authors = plans.level("authors", &["name", "rating", "active", "born", "interests", "settings", "password"]);
    assert_eq!(
        db.data(&read(&plan(authors), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"name":"Ada Lovelace","rating":"4.50","active":true,"born":"1815-12-10","interests":["math","engines"],"settings":{"theme":"dark","size":12},"password":"**********"},"#,
            r#"{"name":"Grace Hopper","rating":"5.00","active":true,"born":"1906-12-09","interests":["navy"],"settings":{"theme":"light","nested":{"a":[1,2,3]}},"password":null},"#,
            r#"{"name":"Alan Turing","rating":"3.25","active":false,"born":"1912-06-23","interests":[],"settings":null,"password":null},"#,
            r#"{"name":"Émilie du Châtelet","rating":null,"active":null,"born":null,"interests":null,"settings":{},"password":null}]"#
        )
    );
}

#[tokio::test]
async fn odd_values_stay_json() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    db.script(
        "CREATE TABLE odd (id text PRIMARY KEY, f float8, b bytea, a int4[], j jsonb, n numeric, t timestamp, c char(4), s int2);
         INSERT INTO odd VALUES (E'a\"b\\\\c\\n', 'NaN', '\\x00ff', '{1,2}', '{\"k\": [1, 2]}', 'NaN', 'infinity', 'x', 1),
            ('plain', '-Infinity', NULL, '{}', 'null', 1e-7, '0033-04-05 06:07:08.999999', NULL, 0), ('z', 1e300, NULL, NULL, '7', 0, NULL, NULL, 2)",
    )
    .await;
    let kind = |name: &str, kind: FieldType, database_type: &str| {
        let mut field = column(name, kind);
        field.database_type = database_type.into();
        field
    };
    let mut flag = kind("s", FieldType::Integer, "int2");
    flag.special = vec![access::schema::Special::CastBoolean];
    let odd = Arc::new(collection(
        "odd",
        vec![
            kind("id", FieldType::Text, "text"),
            kind("f", FieldType::Float, "float8"),
            kind("b", FieldType::Binary, "bytea"),
            kind("a", FieldType::Unknown, "_int4"),
            kind("j", FieldType::Json, "jsonb"),
            kind("n", FieldType::Decimal, "numeric"),
            kind("t", FieldType::Timestamp, "timestamp"),
            kind("c", FieldType::String, "bpchar"),
            flag,
        ],
    ));
    let mut level = plans.level("articles", &[]);
    level.sort = vec![Sort {
        path: Vec::new(),
        operand: Operand::Column(Arc::clone(odd.field("id").unwrap())),
        shown: Shown::Always,
        descending: false,
    }];
    level.select = odd.columns().map(|field| shown(&field.name, Selected::Column(Arc::clone(field)))).collect();
    level.collection = odd;
    let data = db.data(&read(&plan(level), &options(Shape::List))).await.unwrap();
    let value: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(
        value,
        serde_json::json!([
            {"id": "a\"b\\c\n", "f": null, "b": "\\x00ff", "a": [1, 2], "j": {"k": [1, 2]}, "n": "NaN", "t": null, "c": "x   ", "s": true},
            {"id": "plain", "f": null, "b": null, "a": [], "j": null, "n": "0.0000001", "t": "0033-04-05T06:07:08.999Z", "c": null, "s": false},
            {"id": "z", "f": 1e300, "b": null, "a": null, "j": 7, "n": "0", "t": null, "c": null, "s": 2},
        ])
    );
}

#[tokio::test]
async fn member_names_are_data() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let mut level = plans.level("tags", &[]);
    let long = "n".repeat(200);
    let odd = "a\"b\\'; drop table tags; --\u{1}";
    level.select =
        vec![shown(odd, Selected::Column(plans.field("tags", "label"))), shown(&long, Selected::Column(plans.field("tags", "id")))];
    level.limit = Some(1);
    let statement = read(&plan(level), &options(Shape::Object));
    assert!(!statement.text.contains("drop"));
    let value: serde_json::Value = serde_json::from_str(&db.data(&statement).await.unwrap()).unwrap();
    assert_eq!(value, serde_json::json!({odd: "alpha", long: 1}));
}

#[tokio::test]
async fn more_members_than_a_function_has_arguments() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let mut level = plans.level("tags", &[]);
    level.select = (0..9000).map(|n| shown(&format!("k{n}"), Selected::Column(plans.field("tags", "id")))).collect();
    level.limit = Some(1);
    let data = db.data(&read(&plan(level), &options(Shape::Object))).await.unwrap();
    let value: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 9000);
    assert_eq!(value["k8999"], 1);
}

#[tokio::test]
async fn functions() {
    for plans in [Plans::new(), Plans::indexed()] {
        functions_of(&Newsroom::start().await, &plans).await;
    }
}

async fn functions_of(db: &Newsroom, plans: &Plans) {
    let mut level = plans.level("articles", &[]);
    level.filter = Some(plans.own("articles", "id", Test::In(vec![number("1"), number("7")])));
    use DatePart as P;
    level.select = [P::Year, P::Month, P::Week, P::Day, P::Weekday, P::Hour, P::Minute, P::Second]
        .into_iter()
        .map(|part| shown(&format!("{part:?}"), Selected::Function(plans.part(part, "articles", "published_at"))))
        .collect();
    assert_eq!(
        db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"Year":"2026","Month":"1","Week":"1","Day":"2","Weekday":"5","Hour":"3","Minute":"4","Second":"5.000000"},"#,
            r#"{"Year":"2026","Month":"5","Week":"19","Day":"5","Weekday":"2","Hour":"12","Minute":"0","Second":"0.123000"}]"#
        )
    );
    let json = |path: Vec<JsonStep>| Selected::Function(Function::JsonPath { field: plans.field("articles", "meta"), path });
    let count = |access: Arc<RuleSet>| {
        let relation = plans.relation("articles", "comments");
        Selected::Function(Function::CountRelated { relation, collection: plans.collection("comments"), access })
    };
    let approved = plans.own("comments", "approved", Test::Eq(access::plan::Scalar::Boolean(true)));
    level.select = vec![
        shown("date", Selected::Function(plans.part(P::Weekday, "articles", "event_date"))),
        shown("time", Selected::Function(plans.part(P::Second, "articles", "event_time"))),
        shown("datetime", Selected::Function(plans.part(P::Hour, "articles", "event_datetime"))),
        shown("k", json(vec![JsonStep::Member("k".into())])),
        shown("item", json(vec![JsonStep::Member("list".into()), JsonStep::Index(1)])),
        shown("list", json(vec![JsonStep::Member("list".into())])),
        shown("none", json(vec![JsonStep::Member("zzz".into()), JsonStep::Index(3)])),
        shown("count", count(RuleSet::everything())),
        shown("allowed", count(rules(vec![approved]))),
    ];
    assert_eq!(
        db.data(&read(&plan(level), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"date":"2","time":"0.000000","datetime":"8","k":"v","item":2,"list":[1,2],"none":null,"count":"2","allowed":"1"},"#,
            r#"{"date":null,"time":null,"datetime":null,"k":null,"item":null,"list":null,"none":null,"count":"0","allowed":"0"}]"#
        )
    );
}

#[tokio::test]
async fn relations_of_every_kind() {
    for plans in [Plans::new(), Plans::indexed()] {
        relations_of_every_kind_of(&Newsroom::start().await, &plans).await;
    }
}

async fn relations_of_every_kind_of(db: &Newsroom, plans: &Plans) {
    let mut tags = plans.level("articles_tags", &[]);
    tags.select = vec![plans.one("articles_tags", "tags_id", plans.level("tags", &["label"]))];
    let mut back = plans.level("comments", &["id"]);
    back.select.push(plans.one("comments", "article", plans.level("articles", &["title"])));
    let mut articles = plans.level("articles", &["id"]);
    articles.filter = Some(plans.own("articles", "id", Test::In(vec![number("2"), number("6")])));
    articles.select.push(plans.one("articles", "author", plans.level("authors", &["name"])));
    articles.select.push(plans.one("articles", "category", plans.level("categories", &[])));
    articles.select.push(plans.many("articles", "comments", back));
    articles.select.push(plans.many("articles", "tags", tags));
    assert_eq!(
        db.data(&read(&plan(articles), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"id":2,"author":{"name":"Grace Hopper"},"category":"tech","comments":[{"id":3,"article":{"title":"Compilers for all"}},{"id":4,"article":{"title":"Compilers for all"}}],"tags":[{"tags_id":{"label":"beta"}},{"tags_id":{"label":"gamma"}}]},"#,
            r#"{"id":6,"author":null,"category":"sports","comments":[],"tags":[]}]"#
        )
    );
    // Many-to-any: expanded, bare in the key's own type, and junk that names no row.
    db.script("INSERT INTO pages_blocks VALUES (4, 2, 'junk', 'block_text', 2), (5, 2, '99', 'block_image', 3), (6, 2, '1', 'nowhere', 4), (7, 2, NULL, NULL, 5)").await;
    let mut blocks = plans.level("pages_blocks", &["collection", "item"]);
    blocks.select.push(shown(
        "any",
        Selected::Any {
            relation: plans.relation("pages_blocks", "item"),
            levels: vec![plans.level("block_text", &["body"])],
            bare: vec![plans.collection("block_image")],
        },
    ));
    let mut pages = plans.level("pages", &["title"]);
    pages.select.push(plans.many("pages", "blocks", blocks));
    assert_eq!(
        db.data(&read(&plan(pages), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"title":"Home","blocks":[{"collection":"block_text","item":"1","any":{"body":"Welcome"}},{"collection":"block_image","item":"1","any":1}]},"#,
            r#"{"title":"About","blocks":[{"collection":"block_text","item":"2","any":{"body":"About us"}},{"collection":"block_text","item":"junk","any":null},"#,
            r#"{"collection":"block_image","item":"99","any":null},{"collection":"nowhere","item":"1","any":null},{"collection":null,"item":null,"any":null}]}]"#
        )
    );
}

#[tokio::test]
async fn bare_keys_and_limits_per_parent() {
    for plans in [Plans::new(), Plans::indexed()] {
        bare_keys_and_limits_per_parent_of(&Newsroom::start().await, &plans).await;
    }
}

async fn bare_keys_and_limits_per_parent_of(db: &Newsroom, plans: &Plans) {
    let mut authors = plans.level("authors", &[]);
    authors.limit = Some(2);
    authors.offset = 1;
    assert_eq!(
        db.data(&read(&plan(authors), &options(Shape::List))).await.unwrap(),
        r#"["a0000000-0000-4000-8000-000000000002","a0000000-0000-4000-8000-000000000003"]"#
    );
    let mut comments = plans.level("comments", &[]);
    comments.limit = Some(1);
    let mut articles = plans.level("articles", &["id"]);
    articles.limit = Some(3);
    articles.select.push(plans.many("articles", "comments", comments.clone()));
    comments.offset = 1;
    articles.select.push(Selection { key: "second".into(), ..plans.many("articles", "comments", comments.clone()) });
    comments.limit = Some(0);
    articles.select.push(Selection { key: "none".into(), ..plans.many("articles", "comments", comments) });
    assert_eq!(
        db.data(&read(&plan(articles), &options(Shape::List))).await.unwrap(),
        r#"[{"id":1,"comments":[1],"second":[2],"none":[]},{"id":2,"comments":[3],"second":[4],"none":[]},{"id":3,"comments":[5],"second":[],"none":[]}]"#
    );
}

#[tokio::test]
async fn order_through_relations() {
    for plans in [Plans::new(), Plans::indexed()] {
        order_through_relations_of(&Newsroom::start().await, &plans).await;
    }
}

async fn order_through_relations_of(db: &Newsroom, plans: &Plans) {
    let ordered = |sort: Vec<Sort>| {
        let mut level = plans.level("articles", &[]);
        level.sort = sort;
        read(&plan(level), &options(Shape::List))
    };
    let id = || plans.sort("articles", "id");
    let author = |descending| Sort { path: vec![plans.hop("articles", "author", "authors")], descending, ..plans.sort("authors", "name") };
    assert_eq!(db.data(&ordered(vec![author(false), id()])).await.unwrap(), "[1,5,3,2,7,4,6,8]");
    assert_eq!(db.data(&ordered(vec![author(true), id()])).await.unwrap(), "[6,8,4,2,7,3,1,5]");
    // A parent stands once, where its smallest (largest) child puts it.
    let comments =
        |descending| Sort { path: vec![plans.hop("articles", "comments", "comments")], descending, ..plans.sort("comments", "text") };
    assert_eq!(db.data(&ordered(vec![comments(false), id()])).await.unwrap(), "[1,2,3,4,5,6,7,8]");
    assert_eq!(db.data(&ordered(vec![comments(true), id()])).await.unwrap(), "[4,5,6,7,8,1,3,2]");
    let label = Sort {
        path: vec![plans.hop("articles", "tags", "articles_tags"), plans.hop("articles_tags", "tags_id", "tags")],
        descending: true,
        ..plans.sort("tags", "label")
    };
    assert_eq!(db.data(&ordered(vec![label, id()])).await.unwrap(), "[3,4,5,6,7,8,2,1]");
    let count = Operand::Function(Function::CountRelated {
        relation: plans.relation("articles", "comments"),
        collection: plans.collection("comments"),
        access: RuleSet::everything(),
    });
    let count = Sort { path: Vec::new(), operand: count, shown: Shown::Always, descending: true };
    assert_eq!(db.data(&ordered(vec![count, id()])).await.unwrap(), "[1,2,3,4,5,6,7,8]");
    let hop = plans.hop("pages_blocks", "item", "block_text");
    assert_eq!(hop.direction, Direction::ToAny);
    let body = Sort { path: vec![hop], ..plans.sort("block_text", "body") };
    let mut level = plans.level("pages_blocks", &[]);
    level.sort = vec![body, plans.sort("pages_blocks", "id")];
    assert_eq!(db.data(&read(&plan(level), &options(Shape::List))).await.unwrap(), "[3,1,2]");
}

#[tokio::test]
async fn nested_lists_are_sorted_again() {
    for plans in [Plans::new(), Plans::indexed()] {
        nested_lists_are_sorted_again_of(&Newsroom::start().await, &plans).await;
    }
}

async fn nested_lists_are_sorted_again_of(db: &Newsroom, plans: &Plans) {
    let list = |limit, access: Arc<RuleSet>, shown_where: Shown| {
        let mut comments = plans.level("comments", &["id", "author_name"]);
        comments.select[1].shown = shown_where;
        comments.access = access;
        comments.sort = vec![Sort { descending: true, ..plans.sort("comments", "author_name") }];
        comments.limit = limit;
        let mut articles = plans.level("articles", &[]);
        articles.filter = Some(plans.own("articles", "id", Test::Lte(number("2"))));
        let resort = Some(Resort { field: plans.field("comments", "author_name"), descending: true });
        let relation = plans.relation("articles", "comments");
        articles.select = vec![shown("c", Selected::Many { relation, level: Box::new(comments), resort })];
        read(&plan(articles), &options(Shape::List))
    };
    assert_eq!(
        db.data(&list(None, RuleSet::everything(), Shown::Always)).await.unwrap(),
        r#"[{"c":[{"id":2,"author_name":"bot"},{"id":1,"author_name":"ann"}]},{"c":[{"id":3,"author_name":"bob"},{"id":4,"author_name":null}]}]"#
    );
    // The limit takes by the first order, where nulls come first.
    assert_eq!(
        db.data(&list(Some(1), RuleSet::everything(), Shown::Always)).await.unwrap(),
        r#"[{"c":[{"id":2,"author_name":"bot"}]},{"c":[{"id":4,"author_name":null}]}]"#
    );
    // What is masked is null for the second sort.
    let rule = plans.own("comments", "id", Test::Neq(number("2")));
    let access = Arc::new(RuleSet { rules: vec![rule], rows: Rows::All });
    assert_eq!(
        db.data(&list(None, access, Shown::When(vec![0]))).await.unwrap(),
        r#"[{"c":[{"id":1,"author_name":"ann"},{"id":2,"author_name":null}]},{"c":[{"id":3,"author_name":"bob"},{"id":4,"author_name":null}]}]"#
    );
}

#[tokio::test]
async fn rules_choose_rows_and_mask_fields() {
    for plans in [Plans::new(), Plans::indexed()] {
        rules_choose_rows_and_mask_fields_of(&Newsroom::start().await, &plans).await;
    }
}

async fn rules_choose_rows_and_mask_fields_of(db: &Newsroom, plans: &Plans) {
    let draft = plans.own("articles", "status", Test::Eq(text("draft")));
    let ada = plans.compare(
        vec![plans.hop("articles", "author", "authors")],
        "authors",
        "name",
        Test::Like(TextTest { place: TextPlace::Start, text: "Ada".into(), ignore_case: false, negated: false }),
    );
    let mut level = plans.level("articles", &["id", "status", "title", "secret"]);
    level.access = rules(vec![draft, ada]);
    level.select[1].shown = Shown::When(vec![0]);
    level.select[2].shown = Shown::When(vec![0]);
    level.select[3].shown = Shown::When(vec![1]);
    level.select.push(Selection { shown: Shown::When(vec![1]), ..plans.many("articles", "comments", plans.level("comments", &[])) });
    assert_eq!(
        db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(),
        concat!(
            r#"[{"id":1,"status":null,"title":null,"secret":"s1","comments":[1,2]},"#,
            r#"{"id":3,"status":"draft","title":"On computable numbers","secret":null,"comments":null},"#,
            r#"{"id":5,"status":"draft","title":"Draft by editor","secret":null,"comments":[]},"#,
            r#"{"id":6,"status":"draft","title":"Draft by reporter","secret":null,"comments":null}]"#
        )
    );
    level.access = Arc::new(RuleSet { rules: Vec::new(), rows: Rows::Matching(Vec::new()) });
    level.select.truncate(1);
    assert_eq!(db.data(&read(&plan(level), &options(Shape::List))).await.unwrap(), "[]");
    // A hidden target is null, a hidden child is left out.
    let mut authors = plans.level("authors", &["name"]);
    authors.access = rules(vec![plans.own("authors", "active", Test::Eq(access::plan::Scalar::Boolean(true)))]);
    let mut comments = plans.level("comments", &[]);
    comments.access = rules(vec![plans.own("comments", "approved", Test::Eq(access::plan::Scalar::Boolean(true)))]);
    let mut articles = plans.level("articles", &["id"]);
    articles.filter = Some(plans.own("articles", "id", Test::In(vec![number("1"), number("3")])));
    articles.select.push(plans.one("articles", "author", authors));
    articles.select.push(plans.many("articles", "comments", comments));
    assert_eq!(
        db.data(&read(&plan(articles), &options(Shape::List))).await.unwrap(),
        r#"[{"id":1,"author":{"name":"Ada Lovelace"},"comments":[1]},{"id":3,"author":null,"comments":[5]}]"#
    );
}

#[tokio::test]
async fn search_takes_any_term() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let like = |name: &str| SearchTerm {
        field: plans.field("articles", name),
        shown: Shown::Always,
        test: Test::Like(TextTest { place: TextPlace::Anywhere, text: "RePort".into(), ignore_case: true, negated: false }),
    };
    let mut level = plans.level("articles", &[]);
    let equal = SearchTerm { field: plans.field("articles", "views"), shown: Shown::Always, test: Test::Eq(number("42")) };
    level.search = Some(Search { terms: vec![like("title"), like("slug"), equal] });
    assert_eq!(db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(), "[6,7,8]");
    let rule = plans.own("articles", "status", Test::Eq(text("draft")));
    level.access = Arc::new(RuleSet { rules: vec![rule], rows: Rows::All });
    level.search = Some(Search { terms: vec![SearchTerm { shown: Shown::When(vec![0]), ..like("title") }] });
    assert_eq!(db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(), "[6]");
    level.search = Some(Search { terms: Vec::new() });
    assert_eq!(db.data(&read(&plan(level), &options(Shape::List))).await.unwrap(), "[]");
}

#[tokio::test]
async fn counts_and_snapshot_come_along() {
    for plans in [Plans::new(), Plans::indexed()] {
        counts_and_snapshot_come_along_of(&Newsroom::start().await, &plans).await;
    }
}

async fn counts_and_snapshot_come_along_of(db: &Newsroom, plans: &Plans) {
    let mut level = plans.level("articles", &["id"]);
    level.filter = Some(plans.own("articles", "id", Test::Eq(number("1"))));
    let mut counted = plan(level);
    counted.count_filter = Some(plans.compare(vec![plans.hop("articles", "comments", "comments")], "comments", "text", Test::NotNull));
    counted.total_count = Some(rules(vec![plans.own("articles", "status", Test::Neq(text("archived")))]));
    counted.filter_count = Some(RuleSet::everything());
    let rows = db.rows(&read(&counted, &ReadOptions { shape: Shape::List, snapshot: true, keys: None })).await;
    let names: Vec<&str> = rows[0].columns().iter().map(tokio_postgres::Column::name).collect();
    assert_eq!(names, ["data", "total_count", "filter_count", "snapshot"]);
    assert_eq!(rows[0].get::<_, String>("data"), r#"[{"id":1}]"#);
    assert_eq!(rows[0].get::<_, i64>("total_count"), 6);
    assert_eq!(rows[0].get::<_, i64>("filter_count"), 3);
    assert!(rows[0].get::<_, String>("snapshot").contains(':'));
}

#[tokio::test]
async fn rows_by_keys() {
    for plans in [Plans::new(), Plans::indexed()] {
        rows_by_keys_of(&Newsroom::start().await, &plans).await;
    }
}

async fn rows_by_keys_of(db: &Newsroom, plans: &Plans) {
    let mut level = plans.level("articles", &["title"]);
    level.filter = Some(plans.own("articles", "status", Test::Eq(text("published"))));
    level.limit = Some(1);
    let chosen = |shape| ReadOptions { shape, snapshot: false, keys: Some(vec!["7".into(), "1".into(), "3".into()]) };
    let mut rows: Vec<(String, String)> =
        db.rows(&read(&plan(level.clone()), &chosen(Shape::Keyed))).await.iter().map(|row| (row.get("key"), row.get("data"))).collect();
    rows.sort();
    let expect = [("1", r#"{"title":"Engines of analysis"}"#), ("7", r#"{"title":"Match report"}"#)];
    assert_eq!(rows, expect.map(|(key, data)| (key.to_owned(), data.to_owned())));
    assert_eq!(db.data(&read(&plan(level.clone()), &chosen(Shape::List))).await.unwrap(), r#"[{"title":"Engines of analysis"}]"#);
    level.limit = Some(2);
    level.sort[0].descending = true;
    assert_eq!(db.keys(&keys(&plan(level))).await, ["7", "2"]);
}

#[tokio::test]
async fn keys_that_match_rules() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let articles = plans.collection("articles");
    let of = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let editor = plans.compare(
        vec![plans.hop("articles", "user_created", "directus_users")],
        "directus_users",
        "first_name",
        Test::Eq(text("editor")),
    );
    let spammed = plans.compare(vec![plans.hop("articles", "comments", "comments")], "comments", "text", Test::Eq(text("spam spam")));
    let all = of(&["6", "2", "1", "99", "1"]);
    assert_eq!(db.keys(&matching_keys(&articles, &RuleSet::everything(), &all, true)).await, ["1", "2", "6"]);
    assert_eq!(db.keys(&matching_keys(&articles, &rules(vec![editor.clone()]), &all, true)).await, ["1", "2"]);
    assert_eq!(db.keys(&matching_keys(&articles, &rules(vec![Filter::And(vec![editor, spammed])]), &all, true)).await, ["1"]);
    assert!(db.keys(&matching_keys(&articles, &RuleSet::everything(), &[], false)).await.is_empty());
    let authors = plans.collection("authors");
    let key = of(&["a0000000-0000-4000-8000-000000000003"]);
    assert_eq!(db.keys(&matching_keys(&authors, &RuleSet::everything(), &key, false)).await, key);
}
