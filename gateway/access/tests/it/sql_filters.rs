//! Which rows a filter takes: every operator, and paths through every kind of relation.

use std::sync::Arc;

use access::plan::{
    Comparison, DatePart, Filter, Function, Hop, JsonStep, JsonTest, Operand, RuleSet, Scalar, Shown, Test, TextPlace, TextTest,
};
use access::sql::{Shape, read};

use crate::database::Newsroom;
use crate::plans::{Plans, number, options, plan, rules, text};

async fn check(db: &Newsroom, plans: &Plans, filter: Filter, expect: &str) {
    let mut level = plans.level("articles", &[]);
    level.filter = Some(filter.clone());
    let statement = read(&plan(level), &options(Shape::List));
    let found = db.data(&statement).await.unwrap();
    assert_eq!(found, expect, "{filter:?}\n{}", statement.text);
    // The same rows when the filter is a rule, which a locking select tests without joins.
    let articles = plans.collection("articles");
    let all: Vec<String> = (1..=8).map(|key| key.to_string()).collect();
    let statement = access::sql::matching_keys(&articles, &rules(vec![filter.clone()]), &all, true);
    let found = format!("[{}]", db.keys(&statement).await.join(","));
    assert_eq!(found, expect, "as a rule: {filter:?}\n{}", statement.text);
}

fn like(place: TextPlace, value: &str, ignore_case: bool, negated: bool) -> Test {
    Test::Like(TextTest { place, text: value.to_owned(), ignore_case, negated })
}

#[tokio::test]
async fn operators() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let own = |name: &str, test: Test| plans.own("articles", name, test);
    let cases = [
        (own("slug", Test::Null), "[8]"),
        (own("slug", Test::NotNull), "[1,2,3,4,5,6,7]"),
        (own("labels", Test::Empty), "[2,3,4,5,6,8]"),
        (own("labels", Test::NotEmpty), "[1,7]"),
        (own("title", Test::Eq(text("Heat and fire"))), "[4]"),
        (own("slug", Test::Neq(text("heat"))), "[1,2,3,5,6,7]"),
        (own("slug", Test::Eq(Scalar::Null)), "[]"),
        (own("views", Test::Lt(number("7"))), "[4,5,6]"),
        (own("views", Test::Lte(number("7"))), "[3,4,5,6]"),
        (own("views", Test::Gt(number("250"))), "[7]"),
        (own("views", Test::Gte(number("250"))), "[2,7]"),
        (own("big", Test::Eq(number("9007199254740993"))), "[1]"),
        (own("price", Test::Eq(number("0.1"))), "[3]"),
        (own("score", Test::In(vec![number("2.25"), number("-0.5")])), "[2,3]"),
        (own("title", Test::In(vec![text("Match report"), text("Heat and fire")])), "[4,7]"),
        (own("slug", Test::Nin(vec![text("heat"), text("match")])), "[1,2,3,5,6]"),
        (own("slug", Test::Nin(vec![text("heat"), Scalar::Null])), "[]"),
        (own("author", Test::In(vec![text("a0000000-0000-4000-8000-000000000001"), Scalar::Null])), "[1,5]"),
        (own("slug", Test::In(Vec::new())), "[]"),
        (own("views", Test::Between(number("7"), number("100"))), "[1,3,8]"),
        (own("views", Test::NotBetween(number("1"), number("900"))), "[4,7]"),
        (own("featured", Test::Eq(Scalar::Boolean(true))), "[1,3,8]"),
        (own("published_at", Test::Gt(text("2026-01-02T03:04:05Z"))), "[2,7]"),
        (own("event_date", Test::Eq(text("2026-02-03"))), "[1]"),
        (own("event_time", Test::Lt(text("09:00"))), "[1]"),
        (own("event_datetime", Test::Between(text("2026-02-03 08:00"), text("2026-02-03 09:00"))), "[1]"),
        (own("title", like(TextPlace::Anywhere, "report", false, false)), "[6,7]"),
        (own("title", like(TextPlace::Anywhere, "report", false, true)), "[1,2,3,4,5,8]"),
        (own("title", like(TextPlace::Start, "Draft", false, false)), "[5,6]"),
        (own("title", like(TextPlace::End, "REPORT", true, false)), "[7]"),
        (own("slug", like(TextPlace::Start, "C", true, true)), "[1,4,5,6,7]"),
        (own("body", like(TextPlace::Anywhere, "T_E%W", true, false)), "[1]"),
        (Filter::And(Vec::new()), "[1,2,3,4,5,6,7,8]"),
        (Filter::Or(Vec::new()), "[]"),
        (
            Filter::Or(vec![
                own("id", Test::Eq(number("1"))),
                Filter::And(vec![own("views", Test::Lt(number("9"))), own("slug", Test::Eq(text("heat")))]),
            ]),
            "[1,4]",
        ),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
    let mut level = plans.level("articles", &[]);
    level.filter = Some(own("views", Test::Eq(number("1.5"))));
    let error = db.try_rows(&read(&plan(level), &options(Shape::List))).await.unwrap_err();
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("22P02"));
}

#[tokio::test]
async fn json_members() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let member = |name: &str, test: Test| JsonTest::Compare { path: vec![JsonStep::Member(name.into())], test: Box::new(test) };
    let meta = |test: JsonTest| plans.own("articles", "meta", Test::Json(test));
    let item = JsonTest::Compare { path: vec![JsonStep::Member("list".into()), JsonStep::Index(1)], test: Box::new(Test::Eq(number("2"))) };
    let cases = [
        (meta(member("k", Test::Eq(text("v")))), "[1]"),
        (meta(member("n", Test::Gt(number("0.5")))), "[1]"),
        (meta(item), "[1]"),
        (meta(member("k", Test::Null)), "[2,3,4,6,7,8]"),
        (meta(member("k", Test::In(vec![text("v"), text("w")]))), "[1,5]"),
        (meta(member("k", like(TextPlace::Start, "W", true, false))), "[5]"),
        (meta(member("n", Test::Between(number("0"), number("1")))), "[1]"),
        (meta(JsonTest::Or(vec![member("k", Test::Eq(text("w"))), member("n", Test::Eq(number("1")))])), "[1,5]"),
        (meta(JsonTest::And(Vec::new())), "[1,2,3,4,5,6,7,8]"),
        (meta(JsonTest::And(vec![member("k", Test::NotNull), member("n", Test::Null)])), "[5]"),
        (plans.own("articles", "meta", Test::Null), "[2,3,4,6,7,8]"),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
}

#[tokio::test]
async fn functions() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let function = |path: Vec<Hop>, function: Function, test: Test| {
        Filter::Compare(Comparison { path, operand: Operand::Function(function), shown: Shown::Always, test })
    };
    let author = || vec![plans.hop("articles", "author", "authors")];
    let category = || vec![plans.hop("articles", "category", "categories")];
    let comments = || Function::CountRelated {
        relation: plans.relation("articles", "comments"),
        collection: plans.collection("comments"),
        access: RuleSet::everything(),
    };
    let children = Function::CountRelated {
        relation: plans.relation("categories", "children"),
        collection: plans.collection("categories"),
        access: RuleSet::everything(),
    };
    let cases = [
        (function(Vec::new(), plans.part(DatePart::Month, "articles", "published_at"), Test::Eq(number("3"))), "[2]"),
        (function(author(), plans.part(DatePart::Year, "authors", "born"), Test::Lt(number("1900"))), "[1,5]"),
        (function(Vec::new(), comments(), Test::Gte(number("2"))), "[1,2]"),
        (function(Vec::new(), comments(), Test::In(vec![number("0"), number("1")])), "[3,4,5,6,7,8]"),
        // Without a category there is nothing to count: zero, as behind a left join.
        (function(category(), children, Test::Eq(number("0"))), "[3,4,5,6,7,8]"),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
}

#[tokio::test]
async fn paths_to_one_row() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let author = || vec![plans.hop("articles", "author", "authors")];
    let parent = || vec![plans.hop("articles", "category", "categories"), plans.hop("categories", "parent", "categories")];
    let name = |test| plans.compare(author(), "authors", "name", test);
    let hidden = rules(vec![plans.own("authors", "active", Test::Eq(Scalar::Boolean(true)))]);
    let seen = vec![Hop { access: hidden, ..plans.hop("articles", "author", "authors") }];
    let cases = [
        (name(Test::Eq(text("Ada Lovelace"))), "[1,5]"),
        (name(Test::Null), "[6,8]"),
        (name(Test::Neq(text("Ada Lovelace"))), "[2,3,4,7]"),
        (plans.compare(parent(), "categories", "id", Test::Eq(text("news"))), "[1,2,6,7]"),
        (plans.compare(parent(), "categories", "name", Test::Null), "[4,5,8]"),
        (plans.compare(seen.clone(), "authors", "name", Test::NotNull), "[1,2,5,7]"),
        (plans.compare(seen, "authors", "name", Test::Null), "[3,4,6,8]"),
        (Filter::And(vec![name(Test::NotNull), plans.compare(author(), "authors", "rating", Test::Null)]), "[4]"),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
}

#[tokio::test]
async fn paths_to_many_rows() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let comments = || vec![plans.hop("articles", "comments", "comments")];
    let comment = |name: &str, test| plans.compare(comments(), "comments", name, test);
    let yes = || Test::Eq(Scalar::Boolean(true));
    let no = || Test::Eq(Scalar::Boolean(false));
    let tag = || vec![plans.hop("articles", "tags", "articles_tags"), plans.hop("articles_tags", "tags_id", "tags")];
    let label = |test| plans.compare(tag(), "tags", "label", test);
    let children = || vec![plans.hop("articles", "category", "categories"), plans.hop("categories", "children", "categories")];
    let approved = rules(vec![plans.own("comments", "approved", yes())]);
    let seen = || vec![Hop { access: Arc::clone(&approved), ..plans.hop("articles", "comments", "comments") }];
    let own = |name: &str, test| plans.own("articles", name, test);
    let cases = [
        (comment("approved", yes()), "[1,2,3]"),
        (comment("id", Test::In(vec![number("1"), number("3")])), "[1,2]"),
        (comment("id", Test::Null), "[4,5,6,7,8]"),
        (comment("id", Test::NotNull), "[1,2,3]"),
        // A null row of the left join counts as well as a null of a child.
        (comment("approved", Test::Null), "[2,4,5,6,7,8]"),
        (comment("author_name", Test::Empty), "[2,4,5,6,7,8]"),
        // Both must hold for the same child.
        (Filter::And(vec![comment("approved", yes()), comment("approved", no())]), "[]"),
        (Filter::And(vec![comment("approved", yes()), comment("author_name", Test::Eq(text("bot")))]), "[]"),
        (Filter::And(vec![comment("approved", no()), Filter::And(vec![comment("author_name", Test::Eq(text("bot")))])]), "[1]"),
        (Filter::Or(vec![comment("approved", no()), comment("id", Test::Null)]), "[1,4,5,6,7,8]"),
        (
            Filter::And(vec![
                Filter::Or(vec![comment("approved", no()), own("views", Test::Gt(number("900")))]),
                comment("id", Test::Null),
            ]),
            "[7]",
        ),
        // Different paths are independent.
        (Filter::And(vec![comment("approved", yes()), label(Test::Eq(text("gamma")))]), "[2]"),
        (Filter::And(vec![comment("approved", yes()), label(Test::Null), own("id", Test::Gt(number("0")))]), "[3]"),
        (label(Test::Eq(text("beta"))), "[1,2]"),
        (plans.compare(children(), "categories", "id", Test::Eq(text("ai"))), "[1,2]"),
        (plans.compare(children(), "categories", "id", Test::NotNull), "[1,2]"),
        (plans.compare(children(), "categories", "id", Test::Null), "[3,4,5,6,7,8]"),
        (plans.compare(children(), "categories", "name", Test::Null), "[3,4,5,6,7,8]"),
        // Hidden children do not join.
        (plans.compare(seen(), "comments", "text", Test::Eq(text("spam spam"))), "[]"),
        (plans.compare(seen(), "comments", "id", Test::NotNull), "[1,2,3]"),
        // Shared and unshared paths in one AND.
        (
            Filter::And(vec![
                Filter::Or(vec![comment("author_name", Test::Eq(text("bot"))), label(Test::Eq(text("gamma")))]),
                comment("approved", yes()),
                label(Test::Neq(text("alpha"))),
            ]),
            "[2]",
        ),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
}

#[tokio::test]
async fn some_and_none() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let related = |negated: bool, access: Arc<RuleSet>, filter: Filter| Filter::Related {
        path: Vec::new(),
        hop: Hop { access, ..plans.hop("articles", "comments", "comments") },
        negated,
        filter: Box::new(filter),
    };
    let approved = |value| plans.own("comments", "approved", Test::Eq(Scalar::Boolean(value)));
    let visible = || rules(vec![approved(true)]);
    let all = RuleSet::everything;
    let tagged = |negated| Filter::Related {
        path: Vec::new(),
        hop: plans.hop("articles", "tags", "articles_tags"),
        negated,
        filter: Box::new(plans.compare(vec![plans.hop("articles_tags", "tags_id", "tags")], "tags", "label", Test::Eq(text("beta")))),
    };
    let child_of_category = Filter::Related {
        path: vec![plans.hop("articles", "category", "categories")],
        hop: plans.hop("categories", "children", "categories"),
        negated: false,
        filter: Box::new(plans.own("categories", "id", Test::Eq(text("ai")))),
    };
    let cases = [
        (related(false, all(), approved(false)), "[1]"),
        (related(true, all(), approved(true)), "[4,5,6,7,8]"),
        (related(false, visible(), approved(false)), "[]"),
        (related(true, visible(), approved(false)), "[1,2,3,4,5,6,7,8]"),
        (Filter::And(vec![related(false, all(), approved(true)), related(false, all(), approved(false))]), "[1]"),
        (tagged(false), "[1,2]"),
        (tagged(true), "[3,4,5,6,7,8]"),
        (child_of_category, "[1,2]"),
    ];
    for (filter, expect) in cases {
        check(&db, &plans, filter, expect).await;
    }
}

#[tokio::test]
async fn hidden_relations_do_not_join() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let draft = plans.own("articles", "status", Test::Eq(text("draft")));
    let mut level = plans.level("articles", &[]);
    level.access = Arc::new(RuleSet { rules: vec![draft], rows: access::plan::Rows::All });
    let author = Hop { shown: Shown::When(vec![0]), ..plans.hop("articles", "author", "authors") };
    let comments = Hop { shown: Shown::When(vec![0]), ..plans.hop("articles", "comments", "comments") };
    for (filter, expect) in [
        (plans.compare(vec![author.clone()], "authors", "name", Test::NotNull), "[3,5]"),
        (plans.compare(vec![author], "authors", "name", Test::Null), "[1,2,4,6,7,8]"),
        (plans.compare(vec![comments.clone()], "comments", "approved", Test::NotNull), "[3]"),
        (plans.compare(vec![comments.clone()], "comments", "id", Test::Null), "[1,2,4,5,6,7,8]"),
        (
            Filter::Related {
                path: Vec::new(),
                hop: comments,
                negated: true,
                filter: Box::new(plans.own("comments", "id", Test::NotNull)),
            },
            "[1,2,4,5,6,7,8]",
        ),
    ] {
        level.filter = Some(filter);
        assert_eq!(db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(), expect, "{:?}", level.filter);
    }
}

#[tokio::test]
async fn hidden_values_are_null() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    let draft = plans.own("articles", "status", Test::Eq(text("draft")));
    let mut level = plans.level("articles", &[]);
    level.access = Arc::new(RuleSet { rules: vec![draft], rows: access::plan::Rows::All });
    let secret = |test| {
        Filter::Compare(Comparison {
            path: Vec::new(),
            operand: Operand::Column(plans.field("articles", "secret")),
            shown: Shown::When(vec![0]),
            test,
        })
    };
    level.filter = Some(secret(Test::NotNull));
    assert_eq!(db.data(&read(&plan(level.clone()), &options(Shape::List))).await.unwrap(), "[3,6]");
    level.filter = Some(secret(Test::Eq(text("s1"))));
    assert_eq!(db.data(&read(&plan(level), &options(Shape::List))).await.unwrap(), "[]");
}
