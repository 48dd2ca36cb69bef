//! Content versions: what a version shows, what it leaves behind (nothing), and that it shows nobody more than the stored rows.

use access::permission::{Action, Rule};
use access::testing::rule;
use serde_json::{Value, json};

use super::{Lab, SPY, everything, value};
use crate::items::{ItemsContext, ReadTarget};

const REPORTER: &str = "10000000-0000-4000-8000-000000000002";

/// `draft` of the articles 1, 3 and 5, and `nested` of article 1.
fn versions() -> String {
    let version = |id: u32, key: &str, item: &str, delta: &Value| {
        format!(
            "insert into directus_versions (id, key, name, collection, item, delta, user_created, date_created, date_updated) values \
             ('d0000000-0000-4000-8000-{id:012}', '{key}', '{key}', '{}', '{item}', '{delta}', '{REPORTER}', '2026-03-01T10:00:00Z', '2026-04-01T10:00:00Z');\n",
            if key == "site" { "site_settings" } else { "articles" },
        )
    };
    let nested = json!({
        "author": {"name": "New author"},
        "category": {"id": "tech", "name": "Technology"},
        "comments": {"create": [{"text": "new"}], "update": [{"id": 1, "text": "changed"}], "delete": [2]},
    });
    [
        version(1, "draft", "1", &json!({"title": "One, drafted", "views": "7", "meta": {"k": [1]}, "labels": ["x", "y"], "gone": 5})),
        version(3, "draft", "3", &json!({"status": "published", "title": "Three, drafted"})),
        version(5, "draft", "5", &Value::Null),
        version(6, "nested", "1", &nested),
        version(7, "broken", "1", &json!({"slug": "compilers"})),
        version(9, "broken", "3", &json!({"slug": "compilers"})),
        version(
            10,
            "keyed",
            "1",
            &json!({"comments": {"create": [{"id": 2_147_483_647, "text": "x"}]}, "user_updated": {"email": "x@example.com"}}),
        ),
        version(11, "secret", "1", &json!({"author": {"name": "n", "password": "p"}})),
        version(8, "site", "1", &json!({"site_name": "Drafts"})),
    ]
    .concat()
}

async fn lab() -> Lab {
    Lab::with(&[], &versions()).await
}

/// With triggers that note what they see: then only administrators read versions.
async fn spied_lab() -> Lab {
    Lab::with(&[], &format!("{}{SPY}", versions())).await
}

impl Lab {
    async fn version(
        &self,
        context: &ItemsContext,
        collection: &str,
        target: ReadTarget,
        version: &str,
        query: Value,
    ) -> Result<Value, String> {
        let Value::Object(mut query) = query else { panic!("a query") };
        query.insert("version".to_owned(), version.into());
        let answer = self.service.read(context, collection, target, &Value::Object(query)).await;
        value(answer).map_err(|refusal| refusal.code().to_owned())
    }

    /// Somebody with these rules who may read versions.
    fn reader(&self, rules: &[(&str, Action, Rule)]) -> ItemsContext {
        let mut rules = rules.to_vec();
        rules.push(("directus_versions", Action::Read, everything()));
        self.with_rules(&rules)
    }
}

#[tokio::test]
async fn a_version_is_the_item_with_its_changes_and_leaves_nothing_behind() {
    let lab = spied_lab().await;
    let article = |key: i32| ReadTarget::Key(json!(key));
    let fields = json!({"fields": ["id", "title", "views", "meta", "labels", "status", "user_updated", "date_updated"]});
    let before = lab.rows("select * from articles order by id").await;
    assert_eq!(
        lab.version(&lab.admin, "articles", article(1), "draft", fields.clone()).await,
        Ok(json!({
            "id": 1, "title": "One, drafted", "views": 7, "meta": {"k": [1]}, "labels": ["x", "y"], "status": "published",
            "user_updated": REPORTER, "date_updated": "2026-04-01T10:00:00.000Z",
        }))
    );
    // Main content by its own names.
    for main in ["main", "published"] {
        assert_eq!(
            lab.version(&lab.admin, "articles", article(1), main, json!({"fields": ["title"]})).await,
            Ok(json!({"title": "Engines of analysis"}))
        );
    }
    assert_eq!(lab.version(&lab.admin, "articles", article(1), "nope", json!({})).await, Err("FORBIDDEN".to_owned()));
    assert_eq!(lab.version(&lab.admin, "articles", article(2), "draft", json!({})).await, Err("FORBIDDEN".to_owned()));
    assert_eq!(lab.version(&lab.admin, "articles", article(1), "\0", json!({})).await, Err("FORBIDDEN".to_owned()));
    // A change that no longer fits is told as what it is.
    assert_eq!(lab.version(&lab.admin, "articles", article(1), "broken", json!({})).await, Err("RECORD_NOT_UNIQUE".to_owned()));
    assert_eq!(lab.rows("select * from articles order by id").await, before);
    assert_eq!(lab.spied().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_is_of_the_items_that_have_the_version() {
    let lab = lab().await;
    let list = async |query: Value| lab.version(&lab.admin, "articles", ReadTarget::Query, "draft", query).await;
    assert_eq!(
        list(json!({"fields": ["id", "title"], "sort": "-id"})).await,
        Ok(json!([{"id": 5, "title": "Draft by editor"}, {"id": 3, "title": "Three, drafted"}, {"id": 1, "title": "One, drafted"}]))
    );
    // Filters see the version.
    assert_eq!(
        list(json!({"fields": ["id"], "filter": {"status": {"_eq": "published"}}, "sort": "id"})).await,
        Ok(json!([{"id": 1}, {"id": 3}]))
    );
    assert_eq!(list(json!({"aggregate": {"count": "*"}})).await, Ok(json!([{"count": "3"}])));
    assert_eq!(lab.version(&lab.admin, "articles", ReadTarget::Query, "nope", json!({})).await, Ok(json!([])));
    let both = ReadTarget::Keys(vec![json!(1), json!(2)]);
    assert_eq!(
        lab.version(&lab.admin, "articles", both, "draft", json!({"fields": ["title"]})).await,
        Ok(json!([{"title": "One, drafted"}]))
    );
    let query = json!({"version": "draft", "fields": ["id"], "limit": 1, "meta": "*", "filter": {"status": {"_eq": "published"}}});
    let answer = lab.service.read(&lab.admin, "articles", ReadTarget::Query, &query).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(answer.meta.unwrap().get()).unwrap()["filter_count"], 2);
    // More than can be applied in one go.
    let many = "insert into directus_versions (id, key, name, collection, item)
        select gen_random_uuid(), 'many', 'many', 'articles', n::text from generate_series(1, 101) n";
    lab.database.execute(&access::statement::Statement { text: many.to_owned(), parameters: Vec::new() }).await.unwrap();
    assert_eq!(lab.version(&lab.admin, "articles", ReadTarget::Query, "many", json!({})).await, Err("INVALID_QUERY".to_owned()));
}

#[tokio::test]
async fn nested_changes_are_applied_and_rows_to_come_have_no_key() {
    let lab = spied_lab().await;
    let fields = json!({"fields": ["author", "category.name", "comments.id", "comments.text"], "deep": {"comments": {"_sort": "text"}}});
    let one = async |query: Value| lab.version(&lab.admin, "articles", ReadTarget::Key(json!(1)), "nested", query).await;
    assert_eq!(
        one(fields).await,
        Ok(json!({
            "author": null, "category": {"name": "Technology"},
            "comments": [{"id": 1, "text": "changed"}, {"id": null, "text": "new"}],
        }))
    );
    assert_eq!(
        one(json!({"fields": ["author.id", "author.name", "comments"]})).await,
        Ok(json!({"author": {"id": null, "name": "New author"}, "comments": [1, null]}))
    );
    assert_eq!(lab.spied().await, Vec::<String>::new());
    assert_eq!(
        lab.rows("select text from comments where article = 1 order by id").await,
        json!([{"text": "Great read"}, {"text": "spam spam"}])
    );
}

#[tokio::test]
async fn a_singleton_has_versions_as_well() {
    let lab = lab().await;
    let read =
        async |version: &str| lab.version(&lab.admin, "site_settings", ReadTarget::Query, version, json!({"fields": ["site_name"]})).await;
    assert_eq!(read("site").await, Ok(json!({"site_name": "Drafts"})));
    assert_eq!(read("nope").await, Err("FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn a_version_shows_nobody_what_the_stored_item_hides() {
    let lab = lab().await;
    let article = |key: i32| ReadTarget::Key(json!(key));
    let published = json!({"status": {"_eq": "published"}});
    let reader = lab.reader(&[("articles", Action::Read, rule(&published, &["*"]))]);
    let title = || json!({"fields": ["title"]});
    // Article 3 is a draft: that its version says otherwise opens nothing.
    assert_eq!(lab.version(&reader, "articles", article(1), "draft", title()).await, Ok(json!({"title": "One, drafted"})));
    assert_eq!(lab.version(&reader, "articles", article(3), "draft", title()).await, Err("FORBIDDEN".to_owned()));
    assert_eq!(lab.version(&reader, "articles", ReadTarget::Query, "draft", title()).await, Ok(json!([{"title": "One, drafted"}])));
    // The same for one field.
    let masked = lab.reader(&[
        ("articles", Action::Read, rule(&Value::Null, &["id", "status"])),
        ("articles", Action::Read, rule(&published, &["title"])),
    ]);
    assert_eq!(
        lab.version(&masked, "articles", ReadTarget::Query, "draft", json!({"fields": ["id", "title"], "sort": "id"})).await,
        Ok(json!([{"id": 1, "title": "One, drafted"}, {"id": 3, "title": null}, {"id": 5, "title": null}]))
    );
    // A rule elsewhere that looks at what the version changes: nothing can be said.
    let of_published = json!({"article": {"status": {"_eq": "published"}}});
    let nested = lab.reader(&[("articles", Action::Read, everything()), ("comments", Action::Read, rule(&of_published, &["*"]))]);
    let comments = || json!({"fields": ["comments.text"]});
    assert_eq!(lab.version(&nested, "articles", article(3), "draft", comments()).await, Err("INVALID_QUERY".to_owned()));
    assert_eq!(lab.version(&nested, "articles", article(3), "draft", title()).await, Ok(json!({"title": "Three, drafted"})));
    for probe in [
        json!({"fields": ["id"], "filter": {"comments": {"_some": {"text": {"_nnull": true}}}}}),
        json!({"fields": ["id"], "sort": "comments.text"}),
        json!({"fields": ["count(comments)"]}),
        json!({"fields": ["id"], "filter": {"count(comments)": {"_gt": 0}}}),
    ] {
        assert_eq!(lab.version(&nested, "articles", article(3), "draft", probe).await, Err("INVALID_QUERY".to_owned()));
    }
    // Fields, and versions themselves, are a matter of permission.
    let few = lab.reader(&[("articles", Action::Read, rule(&Value::Null, &["id", "title"]))]);
    assert_eq!(lab.version(&few, "articles", article(1), "draft", json!({})).await, Ok(json!({"id": 1, "title": "One, drafted"})));
    assert_eq!(lab.version(&few, "articles", article(1), "draft", json!({"fields": ["views"]})).await, Err("FORBIDDEN".to_owned()));
    let none = lab.with_rules(&[("articles", Action::Read, everything())]);
    assert_eq!(lab.version(&none, "articles", article(1), "draft", title()).await, Err("FORBIDDEN".to_owned()));
    assert_eq!(lab.version(&none, "articles", ReadTarget::Query, "draft", title()).await, Ok(json!([])));
    // What triggers of the table's own may do with it is nothing that rules could judge.
    let lab = spied_lab().await;
    let reader = lab.reader(&[("articles", Action::Read, everything())]);
    assert_eq!(lab.version(&reader, "articles", article(1), "draft", title()).await, Err("INVALID_QUERY".to_owned()));
}

#[tokio::test]
async fn faults_of_a_version_tell_nothing_of_other_rows() {
    let lab = lab().await;
    let article = |key: i32| ReadTarget::Key(json!(key));
    let published = json!({"status": {"_eq": "published"}});
    let reader = lab.reader(&[("articles", Action::Read, rule(&published, &["*"]))]);
    let title = || json!({"fields": ["title"]});
    // Taken by a row that may be hidden; the same words as for everything else.
    assert_eq!(lab.version(&reader, "articles", article(1), "broken", title()).await, Err("INVALID_QUERY".to_owned()));
    // Nothing is tried on an item that is hidden.
    assert_eq!(lab.version(&reader, "articles", article(3), "broken", title()).await, Err("FORBIDDEN".to_owned()));
    // What reaches beyond the item is for administrators.
    for version in ["nested", "secret", "keyed"] {
        assert_eq!(lab.version(&reader, "articles", article(1), version, title()).await, Err("INVALID_QUERY".to_owned()), "{version}");
    }
    let related = json!({"author": {"active": {"_eq": true}}});
    let through = lab.reader(&[("articles", Action::Read, rule(&related, &["*"]))]);
    assert_eq!(lab.version(&through, "articles", article(1), "draft", title()).await, Err("INVALID_QUERY".to_owned()));
}

#[tokio::test]
async fn a_trial_moves_no_sequence_and_hashes_nothing() {
    let lab = lab().await;
    let last = async || lab.rows("select last_value as n from comments_id_seq").await;
    let before = last().await;
    let comments = json!({"fields": ["comments.text"], "deep": {"comments": {"_filter": {"text": {"_eq": "x"}}}}});
    assert_eq!(
        lab.version(&lab.admin, "articles", ReadTarget::Key(json!(1)), "keyed", comments).await,
        Ok(json!({"comments": [{"text": "x"}]}))
    );
    assert_eq!(last().await, before);
    assert_eq!(
        lab.version(&lab.admin, "articles", ReadTarget::Key(json!(1)), "secret", json!({"fields": ["author.password"]})).await,
        Ok(json!({"author": {"password": "**********"}}))
    );
}

#[tokio::test]
async fn a_reader_of_versions_does_not_wait_for_a_writer() {
    let lab = lab().await;
    let mut writer = lab.database.transaction().await.unwrap();
    let lock = "select id from articles where id = 1 for update".to_owned();
    writer.query(&access::statement::Statement { text: lock, parameters: Vec::new() }).await.unwrap();
    let read = lab.version(&lab.admin, "articles", ReadTarget::Key(json!(1)), "draft", json!({"fields": ["title"]})).await;
    assert_eq!(read, Err("INVALID_QUERY".to_owned()));
    writer.rollback().await.unwrap();
}
