//! Plans as short text, so that tests can say what they expect in a line.
//!
//! `?[0,1]` behind something: it may be seen, or joins, only where one of these rules matches. `{0|1}` behind a collection: the
//! rows that match one of these rules; nothing: all rows.

use crate::plan::{
    Aggregate, AggregateOver, AggregateSortBy, Comparison, Direction, Filter, Function, Hop, JsonStep, JsonTest, Level, Operand, ReadPlan,
    Root, Rows, RuleSet, Scalar, Search, Selected, Selection, Shown, Sort, Test, TextPlace,
};

pub(super) fn plan(plan: &ReadPlan) -> String {
    let mut text = match &plan.root {
        Root::Items(items) => level(items, true),
        Root::Aggregate(groups) => aggregate(groups),
    };
    if let Some(rules) = &plan.total_count {
        text += &format!(" total{}", rows(rules));
    }
    if let Some(rules) = &plan.filter_count {
        let filter = plan.count_filter.as_ref().map(filter).unwrap_or_default();
        text += &format!(" found{}({filter})", rows(rules));
    }
    text
}

fn level(level: &Level, list: bool) -> String {
    let members: Vec<_> = level.select.iter().map(selection).collect();
    let mut text = format!("{}{}[{}]", level.collection.name, rows(&level.access), members.join(", "));
    if let Some(condition) = &level.filter {
        text += &format!(" where {}", filter(condition));
    }
    if let Some(terms) = &level.search {
        text += &format!(" search ({})", search(terms));
    }
    if list {
        text += &format!(" by {}", level.sort.iter().map(sort).collect::<Vec<_>>().join(","));
        text += &window(level.limit, level.offset);
    }
    text
}

fn window(limit: Option<u64>, offset: u64) -> String {
    let mut text = String::new();
    match limit {
        Some(100) => {}
        Some(limit) => text += &format!(" limit {limit}"),
        None => text += " unlimited",
    }
    if offset > 0 {
        text += &format!(" offset {offset}");
    }
    text
}

fn rows(rules: &RuleSet) -> String {
    match &rules.rows {
        Rows::All => String::new(),
        Rows::Matching(rules) => format!("{{{}}}", rules.iter().map(usize::to_string).collect::<Vec<_>>().join("|")),
    }
}

fn shown(shown: &Shown) -> String {
    match shown {
        Shown::Always => String::new(),
        Shown::When(rules) => format!("?[{}]", rules.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
    }
}

fn selection(selection: &Selection) -> String {
    let key = &selection.key;
    let mask = shown(&selection.shown);
    let value = match &selection.value {
        Selected::Column(field) if *field.name == **key => return format!("{key}{mask}"),
        Selected::Column(field) => field.name.to_string(),
        Selected::Function(called) => function(called),
        Selected::One { level: below, .. } => level(below, false),
        Selected::Many { level: below, resort, .. } => {
            let again = resort.as_ref().map(|resort| format!(" again by -{}", resort.field.name)).unwrap_or_default();
            format!("*{}{again}", level(below, true))
        }
        Selected::Any { levels, bare, .. } => {
            let levels = levels.iter().map(|below| level(below, false));
            let bare = bare.iter().map(|collection| collection.name.to_string());
            format!("({})", levels.chain(bare).collect::<Vec<_>>().join(" / "))
        }
    };
    format!("{key}{mask}: {value}")
}

pub(super) fn filter(condition: &Filter) -> String {
    let each = |members: &[Filter], word: &str| members.iter().map(filter).collect::<Vec<_>>().join(word);
    match condition {
        Filter::And(members) if members.is_empty() => "true".into(),
        Filter::Or(members) if members.is_empty() => "false".into(),
        Filter::And(members) => format!("({})", each(members, " and ")),
        Filter::Or(members) => format!("({})", each(members, " or ")),
        Filter::Compare(Comparison { path, operand: of, shown: mask, test: how }) => {
            format!("{}{}{} {}", hops(path), operand(of), shown(mask), test(how))
        }
        Filter::Related { hop, negated, filter: inner, .. } => {
            format!("{} {}({})", if *negated { "none" } else { "some" }, one_hop(hop), filter(inner))
        }
    }
}

fn hops(path: &[Hop]) -> String {
    path.iter().map(|hop| one_hop(hop) + ".").collect()
}

fn one_hop(hop: &Hop) -> String {
    let arrow = match hop.direction {
        Direction::ToOne => "→",
        Direction::ToMany => "⇉",
        Direction::ToAny => "↝",
    };
    format!("{arrow}{}{}{}", hop.target.name, rows(&hop.access), shown(&hop.shown))
}

fn operand(operand: &Operand) -> String {
    match operand {
        Operand::Column(field) => field.name.to_string(),
        Operand::Function(called) => function(called),
    }
}

fn function(called: &Function) -> String {
    match called {
        Function::DatePart { part, field } => format!("{part:?}({})", field.name),
        Function::CountJson(field) => format!("count({})", field.name),
        Function::CountRelated { collection, access, .. } => format!("count(⇉{}{})", collection.name, rows(access)),
        Function::JsonPath { field, path } => format!("{}{}", field.name, steps(path)),
    }
}

fn steps(path: &[JsonStep]) -> String {
    let step = |step: &JsonStep| match step {
        JsonStep::Member(name) => format!(".{name}"),
        JsonStep::Index(index) => format!("[{index}]"),
    };
    path.iter().map(step).collect()
}

fn test(how: &Test) -> String {
    let list = |values: &[Scalar]| values.iter().map(scalar).collect::<Vec<_>>().join(",");
    match how {
        Test::Null => "null".into(),
        Test::NotNull => "not null".into(),
        Test::Empty => "empty".into(),
        Test::NotEmpty => "not empty".into(),
        Test::Eq(value) => format!("= {}", scalar(value)),
        Test::Neq(value) => format!("<> {}", scalar(value)),
        Test::Lt(value) => format!("< {}", scalar(value)),
        Test::Lte(value) => format!("<= {}", scalar(value)),
        Test::Gt(value) => format!("> {}", scalar(value)),
        Test::Gte(value) => format!(">= {}", scalar(value)),
        Test::In(values) => format!("in ({})", list(values)),
        Test::Nin(values) => format!("not in ({})", list(values)),
        Test::Between(low, high) => format!("{}..{}", scalar(low), scalar(high)),
        Test::NotBetween(low, high) => format!("not {}..{}", scalar(low), scalar(high)),
        Test::Like(like) => {
            let (before, behind) = match like.place {
                TextPlace::Anywhere => ("*", "*"),
                TextPlace::Start => ("", "*"),
                TextPlace::End => ("*", ""),
            };
            let word = match (like.negated, like.ignore_case) {
                (false, false) => "~",
                (false, true) => "~~",
                (true, false) => "!~",
                (true, true) => "!~~",
            };
            format!("{word} {before}{}{behind}", like.text)
        }
        Test::Json(json) => json_test(json),
        Test::Geometry { predicate, geojson } => format!("{predicate:?} {geojson}"),
    }
}

fn json_test(json: &JsonTest) -> String {
    let each = |members: &[JsonTest], word: &str| members.iter().map(json_test).collect::<Vec<_>>().join(word);
    match json {
        JsonTest::And(members) => format!("({})", each(members, " and ")),
        JsonTest::Or(members) => format!("({})", each(members, " or ")),
        JsonTest::Compare { path, test: how } => format!("{} {}", steps(path), test(how)),
    }
}

fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Null => "null".into(),
        Scalar::Boolean(flag) => flag.to_string(),
        Scalar::Number(number) => number.clone(),
        Scalar::Text(text) => format!("'{text}'"),
    }
}

fn search(search: &Search) -> String {
    let terms = search.terms.iter().map(|term| format!("{}{} {}", term.field.name, shown(&term.shown), test(&term.test)));
    terms.collect::<Vec<_>>().join(" or ")
}

fn sort(key: &Sort) -> String {
    format!("{}{}{}{}", if key.descending { "-" } else { "" }, hops(&key.path), operand(&key.operand), shown(&key.shown))
}

fn aggregate(groups: &Aggregate) -> String {
    let functions = groups.functions.iter().map(|function| match &function.over {
        AggregateOver::Rows => format!("{}(*)", function.kind.name()),
        AggregateOver::Discarded => format!("{}(nothing)", function.kind.name()),
        AggregateOver::Column { field, shown: mask } => format!("{}({}{})", function.kind.name(), field.name, shown(mask)),
    });
    let keys = groups.group.iter().map(|key| format!("{}={}{}", key.key, operand(&key.operand), shown(&key.shown)));
    let members: Vec<_> = functions.chain(keys).collect();
    let mut text = format!("{}{}<{}>", groups.collection.name, rows(&groups.access), members.join(", "));
    if let Some(condition) = &groups.filter {
        text += &format!(" where {}", filter(condition));
    }
    if let Some(terms) = &groups.search {
        text += &format!(" search ({})", search(terms));
    }
    let sort = groups.sort.iter().map(|sort| {
        let by = match sort.by {
            AggregateSortBy::Group(index) => format!("g{index}"),
            AggregateSortBy::Function(index) => format!("f{index}"),
        };
        if sort.descending { format!("-{by}") } else { by }
    });
    let sort: Vec<_> = sort.collect();
    if !sort.is_empty() {
        text += &format!(" by {}", sort.join(","));
    }
    text + &window(groups.limit, groups.offset)
}
