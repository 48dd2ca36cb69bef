//! Documents that mean harm, by the work they cause: steps are counted, for a clock would say more about the machine.

use std::fmt::Write as _;
use std::sync::Arc;

use access::permission::Permissions;
use access::testing;

use super::*;

/// The messages of a refused document, and the steps that it took.
fn refused_after(document: &str) -> (Vec<String>, usize) {
    let schema = Schema::build(&Arc::new(testing::newsroom()), &Permissions::administrator());
    let mut meter = Meter::new();
    let request = Request { document, variables: None, operation_name: None };
    let Err(Refused::Request(errors)) = metered(&schema, request, &Limits::default(), &mut meter) else {
        panic!("taken: {}", document.chars().take(80).collect::<String>())
    };
    (errors.into_iter().map(|error| error.message).collect(), meter.taken())
}

fn check(document: &str, message: &str, steps: usize) {
    let (messages, taken) = refused_after(document);
    assert!(messages.iter().any(|text| text.contains(message)), "{messages:?}");
    assert!(taken <= steps, "{taken} steps for {}", document.chars().take(80).collect::<String>());
}

#[test]
fn deep_documents() {
    // Nested beyond what is read at all: not one step is taken.
    for (open, close, n) in [("{a", "}", 2_400), ("{articles{author", "}}", 1_200)] {
        check(&format!("{}{}", open.repeat(n), close.repeat(n)), "Failed to parse", 0);
    }
    check(&format!("{{ a(b: {}) }}", "[".repeat(4_900)), "Failed to parse", 0);
    let deep = format!("{{ categories {{ {} id {} }} }}", "parent {".repeat(80), "}".repeat(80));
    check(&deep, "nested deeper than 32 levels", 200);
}

#[test]
fn long_documents() {
    check(&"{ a }".repeat(2_000), "Failed to parse", 0);
    check(&format!("{{ articles(search: \"{}\") {{ id }} {} }}", "x".repeat(1 << 20), "a ".repeat(5_000)), "Failed to parse", 0);
}

#[test]
fn wide_documents() {
    check(&format!("{{ {} }}", "id ".repeat(4_900)), "selects more than 2000 fields", 6_000);
    // A hundred errors are enough, and so are the hints of a few.
    let mut wide = String::new();
    (0..1_900).for_each(|n| write!(wide, "articles_mutate{n} ").unwrap());
    let (messages, taken) = refused_after(&format!("{{ {wide} }}"));
    assert_eq!(messages.len(), 101);
    assert!(messages[100].starts_with("Too many validation errors"));
    assert!(taken < 10_000, "{taken}");
    // Many fields of one key are compared with the first.
    check(&format!("{{ {} nope }}", "__typename ".repeat(1_900)), "Cannot query field \"nope\"", 20_000);
}

#[test]
fn fragments_that_multiply() {
    let mut text = "{ ...F0 }".to_owned();
    for n in 0..200 {
        let next = n + 1;
        write!(text, " fragment F{n} on Query {{ a: articles {{ ...F{next} }} b: articles {{ ...F{next} }} }}").unwrap();
    }
    text.push_str(" fragment F200 on Query { __typename }");
    check(&text, "nested deeper", 5_000);
    // Wide instead of deep: each level spreads the next one ten times.
    let mut text = "{ ...F0 }".to_owned();
    for n in 0..12 {
        write!(text, " fragment F{n} on Query {{ ").unwrap();
        (0..10).for_each(|m| write!(text, "a{m}: articles {{ ...F{} }} ", n + 1).unwrap());
        text.push('}');
    }
    text.push_str(" fragment F12 on Query { __typename }");
    check(&text, "selects more than 2000 fields", 5_000);
}

#[test]
fn fragments_that_contain_themselves() {
    check("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "Cannot spread fragment", 200);
    let mut ring = "{ ...F0 }".to_owned();
    (0..600).for_each(|n| write!(ring, " fragment F{n} on Query {{ ...F{} }}", (n + 1) % 600).unwrap());
    check(&ring, "within itself via", 20_000);
    // Everything spreads everything.
    let mut knot = "{ ...F0 }".to_owned();
    for n in 0..60 {
        write!(knot, " fragment F{n} on Query {{ ").unwrap();
        (0..30).for_each(|m| write!(knot, "...F{} ", (n + m) % 60).unwrap());
        knot.push('}');
    }
    check(&knot, "within itself", 40_000);
}

#[test]
fn operations_and_variables_that_multiply() {
    let mut text = String::new();
    (0..250).for_each(|n| write!(text, "query Q{n}($a: Int) {{ ...F }} ").unwrap());
    text.push_str("fragment F on Query { ");
    (0..300).for_each(|n| write!(text, "a{n}: articles(limit: $a) {{ id }} ").unwrap());
    text.push('}');
    // Too many tokens, or too many steps: never both spent.
    let (messages, taken) = refused_after(&text);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(taken <= 150_000);
    let mut text = String::new();
    (0..200).for_each(|n| write!(text, "query Q{n}($a: Int) {{ ...F }} ").unwrap());
    text.push_str("fragment F on Query { ");
    (0..180).for_each(|n| write!(text, "a{n}: articles(limit: $a) {{ id }} ").unwrap());
    text.push('}');
    let (messages, taken) = refused_after(&text);
    assert!(messages.len() == 1 && taken <= 150_000, "{messages:?} {taken}");
}

#[test]
fn questions_about_the_schema_do_not_multiply() {
    let deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    check(deep, "Maximum introspection depth exceeded", 200);
    let hidden = "{ __schema { types { ...A } } } fragment A on __Type { fields { type { ...B } } } fragment B on __Type { fields { type { ...C } } } \
        fragment C on __Type { inputFields { name } }";
    check(hidden, "Maximum introspection depth exceeded", 300);
}
