//! For any rights and any query: nothing in a plan goes beyond the rights, and nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{Reader, Target};
use crate::permission::{Action, Permissions};
use crate::plan::{AggregateOver, Direction, Filter, Function, Hop, Level, Operand, ReadPlan, Root, Rows, RuleSet, Selected, Shown};
use crate::query::Query;
use crate::schema::Collection;
use crate::testing::{collections, rule};

const ITEMS: [&str; 6] = [
    "null",
    r#"{"id":{"_gt":1}}"#,
    r#"{"id":{"_lt":9}}"#,
    r#"{"author":{"name":"x"}}"#,
    r#"{"comments":{"_some":{"approved":true}}}"#,
    r#"{"nope":1}"#,
];

fn rights() -> impl Strategy<Value = Permissions> {
    let each = collections().into_iter().filter(|collection| !collection.system).map(|collection| {
        let name = collection.name.to_string();
        let fields: Vec<String> = collection.fields.keys().map(ToString::to_string).chain(["*".to_owned()]).collect();
        let rule = (select(ITEMS.to_vec()), subsequence(fields.clone(), 0..=fields.len()));
        vec(rule, 0..3).prop_map(move |rules| (name.clone(), rules))
    });
    each.collect::<Vec<_>>().prop_map(|granted| {
        let mut permissions = Permissions::none();
        for (name, rules) in granted {
            for (items, fields) in rules {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                permissions.add(&name, Action::Read, rule(&serde_json::from_str(items).unwrap(), &fields));
            }
        }
        permissions
    })
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    let pool = vec![
        "id",
        "title",
        "status",
        "secret",
        "views",
        "author",
        "author.name",
        "author.email",
        "author.*",
        "comments",
        "comments.text",
        "comments.article.title",
        "tags.tags_id.label",
        "category.parent.name",
        "count(comments)",
        "year(published_at)",
        "json(meta, a.b)",
        "*",
        "*.*",
        "a",
    ];
    vec(select(pool), 0..5)
}

fn filter() -> impl Strategy<Value = Value> {
    let test =
        select(vec![json!({"_eq": 1}), json!({"_null": true}), json!({"_in": ["1", 2]}), json!({"_nnull": true, "_neq": "2"}), json!(1)]);
    let column =
        select(vec!["id", "title", "status", "secret", "views", "author", "comments", "tags", "count(comments)", "year(published_at)"]);
    let plain = (column, test.clone()).prop_map(|(column, test)| json!({column: test}));
    let below = (select(vec!["name", "email", "active"]), test.clone()).prop_map(|(column, test)| json!({"author": {column: test}}));
    let child = (select(vec!["text", "approved", "id"]), test.clone());
    let many = child.clone().prop_map(|(column, test)| json!({"comments": {column: test}}));
    let some = (select(vec!["_some", "_none"]), child).prop_map(|(word, (column, test))| json!({"comments": {word: {column: test}}}));
    let leaf = prop_oneof![plain, below, many, some, Just(json!({"meta": {"_json": {"a.b": {"_eq": 1}}}}))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        (select(vec!["_and", "_or"]), vec(inner, 0..3)).prop_map(|(word, members)| json!({word: members}))
    })
}

fn query() -> impl Strategy<Value = Value> {
    let sort = vec(select(vec!["id", "-title", "secret", "author.name", "-comments.text", "comments", "count(comments)", "-a"]), 0..3);
    let parts = (names(), proptest::option::of(filter()), proptest::option::of(sort), any::<[bool; 5]>(), filter());
    parts.prop_map(|(fields, filter, sort, [all, search, meta, aggregate, deep], child)| {
        let mut query = json!({"alias": {"a": "secret"}});
        if !all {
            query["fields"] = json!(fields);
        }
        if let Some(filter) = filter {
            query["filter"] = filter;
        }
        if let Some(sort) = sort {
            query["sort"] = json!(sort);
        }
        if search {
            query["search"] = json!("1");
        }
        if meta {
            query["meta"] = json!("*");
        }
        if aggregate {
            query["aggregate"] = json!({"count": "*", "max": ["secret", "title"]});
            query["groupBy"] = json!(["status"]);
            query["sort"] = json!(null);
        }
        if deep {
            query["deep"] = json!({"comments": {"_filter": {"article": child}, "_sort": ["-article.secret"]}});
        }
        query
    })
}

/// Any JSON at all, with the words of the protocol strewn in.
fn junk() -> impl Strategy<Value = Value> {
    let words = vec![
        "fields",
        "filter",
        "deep",
        "alias",
        "sort",
        "limit",
        "aggregate",
        "groupBy",
        "meta",
        "search",
        "_and",
        "_or",
        "_some",
        "_none",
        "_in",
        "_json",
        "_eq",
        "_filter",
        "_sort",
        "id",
        "title",
        "author",
        "comments",
        "meta",
        "*",
        "*.*",
        "a(b",
        "item:block_text",
        "$NOW(-1 day)",
        "$CURRENT_USER.x",
    ];
    let text = prop_oneof![select(words).prop_map(str::to_owned), ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((text.clone(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Checks a plan against the rights that it was made under.
struct Auditor<'a>(&'a Reader);

impl Auditor<'_> {
    /// The filters of the rules that grant `field` (any field for `None`), planned; `None` is a rule without filter.
    fn granting(&self, collection: &Collection, field: Option<&str>) -> Vec<Option<Filter>> {
        let rules = self.0.permissions.rules(&collection.name, Action::Read).iter();
        let granting = rules.filter(|rule| field.is_none_or(|field| rule.fields.contains(field)));
        let planned = |items: &Value| self.0.planner().rule_filter(collection, items).unwrap_or(Filter::Or(vec![]));
        granting.map(|rule| rule.items.as_deref().map(planned)).collect()
    }

    fn rule_set(&self, collection: &Collection, set: &RuleSet, whole: bool) {
        let all = self.granting(collection, None);
        match &set.rows {
            Rows::All => assert!(all.contains(&None), "{} is open without a rule that opens it", collection.name),
            Rows::Matching(rules) => assert!(rules.iter().all(|rule| all.contains(&Some(set.rules[*rule].clone())))),
        }
        if whole {
            assert_eq!(set.rows == Rows::All, all.contains(&None), "{}", collection.name);
        }
    }

    fn value(&self, collection: &Collection, set: &RuleSet, field: &str, shown: &Shown) {
        let granting = self.granting(collection, Some(field));
        let grants = |rule: &usize| granting.contains(&Some(set.rules[*rule].clone()));
        let fits = match (shown, &set.rows) {
            (Shown::When(rules), _) => rules.iter().all(grants),
            (Shown::Always, _) if granting.contains(&None) => true,
            (Shown::Always, Rows::Matching(rules)) => rules.iter().all(grants),
            (Shown::Always, Rows::All) => false,
        };
        assert!(fits, "{}.{field} is seen where no rule grants it: {shown:?} of {set:?}", collection.name);
    }

    fn operand(&self, collection: &Collection, set: &RuleSet, operand: &Operand, shown: &Shown) {
        match operand {
            Operand::Column(field) => self.value(collection, set, &field.name, shown),
            Operand::Function(function) => self.function(collection, set, function, shown),
        }
    }

    fn function(&self, collection: &Collection, set: &RuleSet, function: &Function, shown: &Shown) {
        match function {
            Function::DatePart { field, .. } | Function::CountJson(field) | Function::JsonPath { field, .. } => {
                self.value(collection, set, &field.name, shown);
            }
            Function::CountRelated { relation, collection: child, access } => {
                self.value(collection, set, relation.one_field.as_deref().unwrap(), shown);
                self.rule_set(child, access, true);
            }
        }
    }

    /// The row at the end of `path`.
    fn hops<'p>(&self, mut collection: &'p Collection, mut set: &'p RuleSet, path: &'p [Hop]) -> (&'p Collection, &'p RuleSet) {
        for hop in path {
            let field = match hop.direction {
                Direction::ToMany => hop.relation.one_field.as_deref().unwrap(),
                Direction::ToOne | Direction::ToAny => &hop.relation.many_field,
            };
            self.value(collection, set, field, &hop.shown);
            self.rule_set(&hop.target, &hop.access, true);
            (collection, set) = (&hop.target, &hop.access);
        }
        (collection, set)
    }

    fn filter(&self, collection: &Collection, set: &RuleSet, filter: &Filter) {
        match filter {
            Filter::And(members) | Filter::Or(members) => members.iter().for_each(|member| self.filter(collection, set, member)),
            Filter::Compare(comparison) => {
                let (collection, set) = self.hops(collection, set, &comparison.path);
                // Whether a list has rows may be known of whoever may see the list.
                let list = comparison.path.last().is_some_and(|hop| hop.direction == Direction::ToMany);
                let key = matches!(&comparison.operand, Operand::Column(field) if field.name == collection.primary_key);
                if !(list && key) {
                    self.operand(collection, set, &comparison.operand, &comparison.shown);
                }
            }
            Filter::Related { path, hop, filter, .. } => {
                assert!(path.is_empty());
                let hop = std::slice::from_ref(hop);
                let (collection, set) = self.hops(collection, set, hop);
                self.filter(collection, set, filter);
            }
        }
    }

    fn level(&self, level: &Level, list: bool) {
        let (collection, set) = (&*level.collection, &*level.access);
        self.rule_set(collection, set, false);
        level.filter.iter().for_each(|filter| self.filter(collection, set, filter));
        for term in level.search.iter().flat_map(|search| &search.terms) {
            self.value(collection, set, &term.field.name, &term.shown);
        }
        assert_eq!(list, !level.sort.is_empty());
        for sort in &level.sort {
            let (collection, set) = self.hops(collection, set, &sort.path);
            // The last key of every list is the row's own, to break ties.
            if !matches!(&sort.operand, Operand::Column(field) if field.name == collection.primary_key) {
                self.operand(collection, set, &sort.operand, &sort.shown);
            }
        }
        for selection in &level.select {
            match &selection.value {
                Selected::Column(field) => self.value(collection, set, &field.name, &selection.shown),
                Selected::Function(function) => self.function(collection, set, function, &selection.shown),
                Selected::One { relation, level } => {
                    self.value(collection, set, &relation.many_field, &selection.shown);
                    self.level(level, false);
                }
                Selected::Many { relation, level, .. } => {
                    self.value(collection, set, relation.one_field.as_deref().unwrap(), &selection.shown);
                    self.level(level, true);
                }
                Selected::Any { relation, levels, .. } => {
                    self.value(collection, set, &relation.many_field, &selection.shown);
                    levels.iter().for_each(|level| self.level(level, false));
                }
            }
        }
    }

    fn plan(&self, plan: &ReadPlan) {
        let (collection, set) = match &plan.root {
            Root::Items(level) => {
                self.level(level, true);
                (&level.collection, &level.access)
            }
            Root::Aggregate(aggregate) => {
                let (collection, set) = (&*aggregate.collection, &*aggregate.access);
                self.rule_set(collection, set, false);
                aggregate.filter.iter().for_each(|filter| self.filter(collection, set, filter));
                aggregate.group.iter().for_each(|key| self.operand(collection, set, &key.operand, &key.shown));
                for function in &aggregate.functions {
                    if let AggregateOver::Column { field, shown } = &function.over {
                        self.value(collection, set, &field.name, shown);
                    }
                }
                (&aggregate.collection, &aggregate.access)
            }
        };
        for counted in [&plan.total_count, &plan.filter_count].into_iter().flatten() {
            self.rule_set(collection, counted, true);
            assert_eq!(counted.rules, set.rules, "one list of rules for all");
            plan.count_filter.iter().for_each(|filter| self.filter(collection, counted, filter));
            if let Root::Items(Level { search: Some(search), .. }) = &plan.root {
                search.terms.iter().for_each(|term| self.value(collection, counted, &term.field.name, &term.shown));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn plans_never_go_beyond_the_rights(permissions in rights(), query in query(), key in proptest::option::of(1..9)) {
        let reader = Reader::with(permissions);
        let key = key.map(Value::from);
        let target = key.as_ref().map_or(Target::Query, Target::Key);
        if let Ok(plan) = reader.plan("articles", &query, target) {
            Auditor(&reader).plan(&plan);
        }
    }

    #[test]
    fn no_query_makes_the_planner_panic(raw in junk(), collection in select(vec!["articles", "pages", "authors", "directus_users"])) {
        let reader = Reader::of("admin");
        if let Ok(query) = Query::parse(&raw, &reader.limits) {
            let _outcome = reader.planner().read(collection, &query, Target::Query);
        }
        let _outcome = reader.planner().rule_filter(reader.schema.collection(collection).unwrap(), &raw);
    }

    #[test]
    fn resolving_is_stable(raw in junk()) {
        let nobody = crate::variables::Variables::anonymous("2026-01-01T00:00:00Z".parse().unwrap());
        if let Ok(mut query) = Query::parse(&json!({"filter": raw}), &Reader::of("admin").limits)
            && query.resolve(&nobody).is_ok()
        {
            let once = query.clone();
            prop_assert!(query.resolve(&nobody).is_ok());
            prop_assert_eq!(query, once);
        }
    }
}
