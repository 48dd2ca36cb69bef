use serde_json::{Value, json};

use super::{Reader, Target, forbidden, forbidden_collection, sketch};
use crate::permission::{Action, Permissions};
use crate::plan::{Root, Rows, RuleSet};
use crate::planner::Planner;
use crate::testing::{REPORTER, rule};

/// What the rules of a rule set say.
fn rules(set: &RuleSet) -> Vec<String> {
    set.rules.iter().map(sketch::filter).collect()
}

#[test]
fn fields_must_be_granted() {
    let reader = Reader::of("reader");
    reader.check("articles", json!({}), "articles{0}[id, title, status, author, category, date_created] by id");
    reader.refuse("articles", json!({"fields": ["id", "body"]}), &forbidden("body", "articles", ""));
    reader.refuse(
        "articles",
        json!({"fields": ["id", "body", "secret"]}),
        "You don't have permission to access fields \"body\", \"secret\" in collection \"articles\" or they do not exist. Queried in root.",
    );
    reader.refuse("articles", json!({"fields": ["author.email"]}), &forbidden("email", "authors", "author"));
    reader.refuse("comments", json!({}), &forbidden_collection("comments", ""));
    reader.refuse("articles", json!({"filter": {"body": {"_nnull": true}}}), &forbidden("body", "articles", ""));
    reader.refuse("articles", json!({"sort": ["views"]}), &forbidden("views", "articles", ""));
    reader.refuse("articles", json!({"sort": ["author.email"]}), &forbidden("email", "authors", "author"));
    reader.refuse("articles", json!({"filter": {"author": {"email": {"_nnull": true}}}}), &forbidden("email", "authors", "author"));
    reader.refuse("articles", json!({"filter": {"comments": {"approved": true}}}), &forbidden("comments", "articles", ""));
    reader.refuse("articles", json!({"fields": ["count(comments)"]}), &forbidden("comments", "articles", ""));
    reader.refuse("articles", json!({"fields": ["t"], "alias": {"t": "body"}}), &forbidden("body", "articles", ""));
    reader.refuse("articles", json!({"fields": ["year(published_at)"]}), &forbidden("published_at", "articles", ""));
    reader.refuse("articles", json!({"aggregate": {"sum": ["views"]}}), &forbidden("views", "articles", ""));
    reader.refuse("articles", json!({"aggregate": {"count": "*"}, "groupBy": ["slug"]}), &forbidden("slug", "articles", ""));
    // Names are no oracle: whoever may not read a collection hears the same of every field.
    reader.refuse("comments", json!({"fields": ["nope"]}), &forbidden_collection("comments", ""));
}

#[test]
fn wildcards_give_what_is_granted() {
    let reader = Reader::of("reader");
    reader.check(
        "articles",
        json!({"fields": ["*.*"]}),
        "articles{0}[id, title, status, author: authors[id, name], category: categories[id, name, parent, children: *categories[] by id], \
         date_created] by id",
    );
}

#[test]
fn relations_into_unreadable_collections_vanish() {
    let reader = Reader::of("reader");
    for fields in [json!(["id", "comments.*"]), json!(["id", "comments"]), json!(["id", "user_created.email"])] {
        reader.check("articles", json!({"fields": fields}), "articles{0}[id] by id");
    }
    reader.check("articles", json!({"fields": ["comments.text"]}), "articles{0}[] by id");
    reader.refuse("articles", json!({"fields": ["id", "user_created"]}), &forbidden("user_created", "articles", ""));
    let reporter = Reader::of("reporter");
    for fields in [["category", "category.name"], ["category.name", "category"]] {
        reporter.check("articles", json!({"fields": fields}), "articles{0}[category] by sort,id");
    }
    reporter.refuse("articles", json!({"filter": {"category": {"name": "x"}}}), &forbidden_collection("categories", "category"));
}

#[test]
fn hidden_rows_cannot_be_probed() {
    let reporter = Reader::of("reporter");
    reporter.filter(json!({"comments": {"approved": false}}), "⇉comments{0}.approved = false");
    reporter.filter(json!({"comments": {"_some": {"approved": false}}}), "some ⇉comments{0}(approved = false)");
    reporter.filter(json!({"comments": {"_null": true}}), "⇉comments{0}.id null");
    reporter.filter(json!({"count(comments)": {"_eq": 2}}), "count(⇉comments{0}) = 2");
    // A list whose rows are all hidden is an empty one.
    reporter.filter(json!({"tags": {"_nnull": true}}), "⇉articles_tags{}.id not null");
    reporter.check("articles", json!({"fields": ["id"], "sort": ["comments.text"]}), "articles{0}[id] by ⇉comments{0}.text,id");
    let plan = reporter.plan("articles", &json!({"fields": ["comments.text"]}), Target::Query).unwrap();
    let Root::Items(level) = plan.root else { panic!("items") };
    assert_eq!(rules(&level.access), [format!("(status = 'published' or user_created = '{REPORTER}')")]);
}

#[test]
fn hidden_values_cannot_be_probed() {
    let multi = Reader::of("multi");
    multi.filter(json!({"status": "draft"}), "status?[0] = 'draft'");
    multi.filter(json!({"secret": {"_starts_with": "s"}}), "secret?[1] ~ s*");
    multi.filter(json!({"title": "x"}), "title = 'x'");
    multi.check("articles", json!({"fields": ["id"], "sort": ["-secret"]}), "articles{0|1}[id] by -secret?[1],id");
    multi.check(
        "articles",
        json!({"fields": ["id"], "search": "s1"}),
        "articles{0|1}[id] search (title ~~ *s1* or status?[0] ~~ *s1* or body?[0] ~~ *s1* or secret?[1] ~~ *s1*) by id",
    );
    multi.check("articles", json!({"aggregate": {"max": "secret", "count": "*"}}), "articles{0|1}<max(secret?[1]), count(*)>");
}

#[test]
fn relation_fields_that_are_hidden_do_not_join() {
    let mut permissions = Permissions::none();
    permissions.add("articles", Action::Read, rule(&json!({"status": "published"}), &["id", "title", "author", "comments"]));
    permissions.add("articles", Action::Read, rule(&json!({"featured": true}), &["id", "title"]));
    permissions.add("authors", Action::Read, rule(&json!({"active": true}), &["id", "name"]));
    permissions.add("authors", Action::Read, rule(&json!({"name": "Ada"}), &["id", "email"]));
    permissions.add("comments", Action::Read, rule(&Value::Null, &["*"]));
    let session = Reader::with(permissions);
    session.filter(json!({"author": {"name": "x"}}), "→authors{0|1}?[0].name?[0] = 'x'");
    session.filter(json!({"comments": {"_some": {"text": "x"}}}), "some ⇉comments?[0](text = 'x')");
    session.check("articles", json!({"fields": ["id"], "sort": ["author.email"]}), "articles{0|1}[id] by →authors{0|1}?[0].email?[1],id");
    session.check("articles", json!({"fields": ["id", "author.name"]}), "articles{0|1}[id, author?[0]: authors{0}[name]] by id");
}

#[test]
fn fields_asked_for_decide_the_rules() {
    let multi = Reader::of("multi");
    multi.check("articles", json!({}), "articles{0|1}[id, title, status?[0], body?[0], secret?[1]] by id");
    multi.check("articles", json!({"fields": ["status"]}), "articles{0}[status] by id");
    multi.check("articles", json!({"fields": ["secret"]}), "articles{1}[secret] by id");
    multi.check("articles", json!({"fields": ["body", "status"]}), "articles{0}[body, status] by id");
    multi.check("articles", json!({"fields": ["id", "secret"]}), "articles{0|1}[id, secret?[1]] by id");
    multi.check("articles", json!({"fields": []}), "articles{0|1}[] by id");
    multi.check("articles", json!({"fields": ["s"], "alias": {"s": "status"}}), "articles{0}[] by id");
    // Counts use all rules, and so do the filter and the search behind them.
    multi.check(
        "articles",
        json!({"fields": ["secret"], "meta": "*", "filter": {"status": "draft"}}),
        "articles{1}[secret] where status?[0] = 'draft' by id total{0|1} found{0|1}(status?[0] = 'draft')",
    );
    multi.check("articles", json!({"aggregate": {"count": "*"}, "groupBy": ["status"]}), "articles{0}<count(*), status=status> by g0");
}

#[test]
fn rules_are_merged_by_their_filter() {
    let mut permissions = Permissions::none();
    permissions.add("tags", Action::Read, rule(&json!({"label": {"_eq": "a"}}), &["id"]));
    permissions.add("tags", Action::Read, rule(&json!({"label": {"_eq": "a"}}), &["label"]));
    Reader::with(permissions.clone()).check("tags", json!({}), "tags{0}[id, label] by id");
    // A rule without filter lifts the restriction, but not the mask of what it does not grant.
    permissions.add("tags", Action::Read, rule(&json!({}), &["id"]));
    Reader::with(permissions.clone()).check("tags", json!({}), "tags[id, label?[0]] by id");
    Reader::with(permissions.clone()).check("tags", json!({"fields": ["label"]}), "tags{0}[label] by id");
    permissions.add("tags", Action::Read, rule(&Value::Null, &["label"]));
    Reader::with(permissions).check("tags", json!({}), "tags[id, label] by id");
}

#[test]
fn unplannable_rules_match_nothing() {
    for broken in [
        json!({"nope": 1}),
        json!("{bad"),
        json!({"label": {"_gt": 1}}),
        json!({"id": {"_between": [1]}}),
        json!({"label": null}),
        json!([1]),
    ] {
        let mut permissions = Permissions::none();
        permissions.add("tags", Action::Read, rule(&broken, &["*"]));
        let session = Reader::with(permissions);
        let plan = session.plan("tags", &json!({"meta": "*"}), Target::Query).unwrap();
        let Root::Items(level) = plan.root else { panic!("items") };
        assert_eq!((rules(&level.access), &level.access.rows), (vec!["false".to_owned()], &Rows::Matching(vec![0])), "{broken}");
        assert_eq!(plan.total_count, Some(level.access));
    }
}

#[test]
fn keys_count_as_filters() {
    let writer = Reader::of("writer");
    writer.check("messages", json!({"sort": ["text"]}), "messages[text, user] by text,id");
    writer.check("messages", json!({}), "messages[text, user] by text,id");
    let one = writer.plan("messages", &json!({}), Target::Key(&json!(1))).map(|_| ());
    assert_eq!(one, Err(forbidden("id", "messages", "")));
    let many = writer.plan("messages", &json!({}), Target::Keys(&[json!(1), json!(2)])).map(|_| ());
    assert_eq!(many, Err(forbidden("id", "messages", "")));
}

#[test]
fn bare_keys_of_restricted_targets_keep_their_rules() {
    let mut permissions = Permissions::none();
    for collection in ["pages", "pages_blocks", "block_text"] {
        permissions.add(collection, Action::Read, rule(&Value::Null, &["*"]));
    }
    Reader::with(permissions.clone()).check(
        "pages",
        json!({"fields": ["blocks.item:block_text.body"]}),
        // The images cannot be read at all: null.
        "pages[blocks: *pages_blocks[item: (block_text[body])] by sort,id] by id",
    );
    permissions.add("block_image", Action::Read, rule(&json!({"url": "x"}), &["*"]));
    Reader::with(permissions).check(
        "pages",
        json!({"fields": ["blocks.item:block_text.body"]}),
        "pages[blocks: *pages_blocks[item: (block_text[body] / block_image{0}[])] by sort,id] by id",
    );
}

#[test]
fn writes() {
    let multi = Reader::of("multi");
    let articles = multi.schema.collection("articles").unwrap();
    let access = |session: &Reader, action: Action, fields: Option<&[&str]>| {
        let fields: Option<Vec<String>> = fields.map(|fields| fields.iter().map(|&field| field.to_owned()).collect());
        let planner: Planner<'_> = session.planner();
        planner
            .write_access(articles, action, fields.as_deref())
            .map(|set| (rules(&set), set.rows.clone()))
            .map_err(|refusal| refusal.message())
    };
    let matching = |rule: &str| Ok((vec![rule.to_owned()], Rows::Matching(vec![0])));
    assert_eq!(access(&multi, Action::Update, Some(&["title"])), matching("featured = true"));
    assert_eq!(access(&multi, Action::Update, Some(&[])), matching("featured = true"));
    assert_eq!(access(&multi, Action::Update, Some(&["secret"])), Err(forbidden("secret", "articles", "")));
    assert_eq!(access(&multi, Action::Delete, None), Err(forbidden_collection("articles", "")));
    assert_eq!(access(&Reader::of("admin"), Action::Delete, None), Ok((vec![], Rows::All)));
    assert_eq!(access(&Reader::of("editor"), Action::Delete, None), Ok((vec![], Rows::All)));
    assert_eq!(
        access(&Reader::of("editor"), Action::Update, Some(&["anything"])),
        matching("user_created = '10000000-0000-4000-8000-000000000001'")
    );
    // Every field needs a rule that matches and grants it.
    let mut permissions = Permissions::none();
    permissions.add("articles", Action::Update, rule(&json!({"status": "draft"}), &["title", "body"]));
    permissions.add("articles", Action::Update, rule(&json!({"featured": true}), &["title", "secret"]));
    permissions.add("articles", Action::Update, rule(&Value::Null, &["slug"]));
    let session = Reader::with(permissions);
    assert_eq!(access(&session, Action::Update, Some(&["title"])), matching("(status = 'draft' or featured = true)"));
    assert_eq!(access(&session, Action::Update, Some(&["body", "secret", "slug"])), matching("(status = 'draft' and featured = true)"));
    assert_eq!(access(&session, Action::Update, Some(&["slug"])), Ok((vec![], Rows::All)));
    assert_eq!(access(&session, Action::Update, None).map(|(_, rows)| rows), Ok(Rows::All));
}

#[test]
fn equal_rights_give_equal_plans() {
    let query = json!({"fields": ["id", "comments.text", "author.name"], "filter": {"comments": {"approved": true}}, "meta": "*"});
    let plan = || Reader::of("reporter").plan("articles", &query, Target::Query);
    assert_eq!(plan(), plan());
    assert_ne!(plan(), Reader::of("editor").plan("articles", &query, Target::Query));
}
