//! By which way Postgres reads: a read by key touches nothing but index entries, however deep it is.

use access::plan::{Function, Level, RuleSet, Scalar, Selected, Sort, Test};
use access::sql::{ReadOptions, Shape, read};

use crate::database::Newsroom;
use crate::plans::{Plans, number, options, plan, shown};

const MANY_ROWS: &str = "
    INSERT INTO authors (id, name) SELECT md5(n::text)::uuid, 'n' || n FROM generate_series(1, 5000) n;
    INSERT INTO categories (id, name, parent) SELECT 'c' || n, 'n' || n, 'news' FROM generate_series(1, 5000) n;
    INSERT INTO articles (id, title, author, category, status) SELECT n, 't' || n, md5((n % 5000 + 1)::text)::uuid, 'c' || (n % 5000 + 1), 'draft'
        FROM generate_series(100, 20000) n;
    INSERT INTO comments (id, article, text) SELECT n, 100 + n % 19000, 'c' || n FROM generate_series(100, 60000) n;
    INSERT INTO tags (id, label) SELECT n, 'l' || n FROM generate_series(100, 5000) n;
    INSERT INTO articles_tags (id, articles_id, tags_id) SELECT n, 100 + n % 19000, 100 + n % 4000 FROM generate_series(100, 60000) n;
    CREATE INDEX ON comments (article); CREATE INDEX ON articles_tags (articles_id); CREATE INDEX ON articles (author);
    ANALYZE";

fn deep(plans: &Plans) -> Level {
    let mut tags = plans.level("articles_tags", &["id"]);
    tags.select.push(plans.one("articles_tags", "tags_id", plans.level("tags", &["label"])));
    let mut category = plans.level("categories", &["name"]);
    category.select.push(plans.one("categories", "parent", plans.level("categories", &["name"])));
    let mut article = plans.level("articles", &["title"]);
    article.select.push(plans.one("articles", "author", plans.level("authors", &["name"])));
    article.select.push(plans.one("articles", "category", category));
    article.select.push(plans.many("articles", "tags", tags));
    let mut comments = plans.level("comments", &["text"]);
    comments.limit = Some(100);
    comments.select.push(plans.one("comments", "article", article.clone()));
    article.select.push(plans.many("articles", "comments", comments));
    article
}

#[tokio::test]
async fn a_deep_read_by_key_uses_indexes_only() {
    let (db, plans) = (Newsroom::start().await, Plans::indexed());
    db.script(MANY_ROWS).await;
    let mut level = deep(&plans);
    level.filter = Some(plans.own("articles", "id", Test::Eq(number("777"))));
    for statement in [
        read(&plan(level.clone()), &options(Shape::Object)),
        read(&plan(deep(&plans)), &ReadOptions { shape: Shape::Keyed, snapshot: true, keys: Some(vec!["777".into(), "778".into()]) }),
    ] {
        let way = db.explain(&statement).await;
        assert!(!way.contains("Seq Scan"), "{way}");
        assert!(way.contains("Index Scan") || way.contains("Bitmap Index Scan"), "{way}");
    }
    // The plan that does not know the values is as good: the server falls back to it after a few executions.
    db.script("SET plan_cache_mode = force_generic_plan").await;
    let way = db.explain(&read(&plan(level), &options(Shape::Object))).await;
    assert!(!way.contains("Seq Scan"), "{way}");
}

#[tokio::test]
async fn filters_through_relations_can_start_at_the_other_end() {
    let (db, plans) = (Newsroom::start().await, Plans::indexed());
    db.script(MANY_ROWS).await;
    let mut level = plans.level("articles", &["id"]);
    level.sort.clear();
    level.filter = Some(plans.compare(vec![plans.hop("articles", "comments", "comments")], "comments", "id", Test::Eq(number("4711"))));
    let way = db.explain(&read(&plan(level.clone()), &options(Shape::List))).await;
    assert!(!way.contains("Seq Scan"), "{way}");
    let key = Scalar::Text("c4ca4238-a0b9-2382-0dcc-509a6f75849b".into());
    level.filter = Some(plans.compare(vec![plans.hop("articles", "author", "authors")], "authors", "id", Test::Eq(key)));
    let way = db.explain(&read(&plan(level), &options(Shape::List))).await;
    assert!(!way.contains("Seq Scan"), "{way}");
}

/// What Directus leaves behind has no index on a foreign key: a list must read each table a bounded number of times, not
/// once per parent row.
#[tokio::test]
async fn without_indexes_a_table_is_read_once_per_level() {
    let (db, plans) = (Newsroom::start().await, Plans::new());
    db.script(MANY_ROWS).await;
    db.script("DROP INDEX comments_article_idx; DROP INDEX articles_tags_articles_id_idx; DROP INDEX articles_author_idx; ANALYZE").await;
    let mut level = deep(&plans);
    level.limit = Some(200);
    let count = Function::CountRelated {
        relation: plans.relation("articles", "comments"),
        collection: plans.collection("comments"),
        access: RuleSet::everything(),
    };
    level.select.push(shown("count", Selected::Function(count)));
    let mut sorted = plans.level("articles", &["id"]);
    sorted.sort = vec![Sort { path: vec![plans.hop("articles", "comments", "comments")], ..plans.sort("comments", "text") }];
    sorted.limit = Some(10);
    for level in [level, sorted] {
        for shape in [Shape::List, Shape::Keyed] {
            let statement = read(
                &plan(level.clone()),
                &ReadOptions {
                    shape,
                    snapshot: false,
                    keys: (shape == Shape::Keyed).then(|| (100..300).map(|key: u32| key.to_string()).collect()),
                },
            );
            let way = db.analyze(&statement).await;
            for line in way.lines().filter(|line| line.contains("Seq Scan")) {
                assert!(line.contains("loops=1)"), "{line}\n{way}");
            }
        }
    }
}

#[tokio::test]
async fn both_ways_give_the_same() {
    let db = Newsroom::start().await;
    db.script(MANY_ROWS).await;
    let read_with = async |plans: Plans| {
        let mut level = deep(&plans);
        level.limit = Some(50);
        level.offset = 3;
        db.data(&read(&plan(level), &options(Shape::List))).await.unwrap()
    };
    let (with, without) = (read_with(Plans::indexed()).await, read_with(Plans::new()).await);
    assert!(with.len() > 10_000);
    assert_eq!(with, without);
}
