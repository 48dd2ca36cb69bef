//! That the judge finds what it is there to find: each test takes a faultless log and spoils it.
//!
//! It must never need a server.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::client::Subscription;
use crate::rule::Rule;

/// Key 1: red, red, blue, red, gone; all committed at moments 10, 20, 30, 40, 50.
fn versions() -> Keys {
    let row = |stamp: i64, team: &str| Some(row(stamp, team));
    let rows =
        [("create", row(1, "red")), ("update", row(2, "red")), ("update", row(3, "blue")), ("update", row(4, "red")), ("delete", None)];
    let version = |(place, (operation, row)): (i64, (&str, Option<Value>))| Version {
        seq: place + 1,
        committed: (place + 1) * 10,
        writer: "test".to_owned(),
        operation: operation.to_owned(),
        row,
    };
    Keys::from([("1".to_owned(), (0..).zip(rows).map(version).collect())])
}

fn row(stamp: i64, team: &str) -> Value {
    json!({"id": 1, "stamp": stamp, "kind": "row", "team": team})
}

fn red() -> Held {
    Held { from: 0, until: None, grant: Some(Grant { rule: Rule::Team(vec!["red"]), fields: None }) }
}

fn init(at: Moment, rows: &[Value]) -> Entry {
    Entry { at, what: What::Init { asked: Some(at), rows: rows.to_vec() } }
}

fn content(at: Moment, create: bool, row: Value) -> Entry {
    Entry { at, what: What::Content { create, rows: vec![row] } }
}

fn delete(at: Moment) -> Entry {
    Entry { at, what: What::Delete { keys: vec!["1".to_owned()] } }
}

/// Everything that a subscriber from the start hears.
fn whole() -> Vec<Entry> {
    vec![
        init(1, &[]),
        content(11, true, row(1, "red")),
        content(21, false, row(2, "red")),
        delete(31),
        content(41, false, row(4, "red")),
        delete(51),
    ]
}

fn wrongs(log: Vec<Entry>, held: &[Held]) -> Vec<Wrong> {
    let subscription = Subscription { uid: "s".to_owned(), collection: 1, filter: Rule::All, fields: None, aggregate: false, resume: true };
    let watched = Watched::of(subscription, log);
    let user = User::of("u");
    let versions = versions();
    judge(&Case { versions: &versions, user: &user, held, checked: 0, watched: &watched })
        .0
        .into_iter()
        .map(|finding| finding.wrong)
        .collect()
}

#[test]
fn a_faultless_log_is_faultless_from_any_init_on() {
    assert_eq!(wrongs(whole(), &[red()]), []);
    assert_eq!(wrongs(vec![init(25, &[row(2, "red")]), delete(31), content(41, false, row(4, "red")), delete(51)], &[red()]), []);
    assert_eq!(wrongs(vec![init(35, &[]), content(41, false, row(4, "red")), delete(51)], &[red()]), []);
    assert_eq!(wrongs(vec![init(55, &[])], &[red()]), []);
}

#[test]
fn a_resume_goes_on_exactly_where_the_connection_ended() {
    let ended = |resumes| Entry { at: 22, what: What::Ended { why: String::new(), resumes } };
    let resumed = Entry { at: 32, what: What::Resumed };
    for place in 1..6 {
        let mut log = whole();
        log.splice(place..place, [ended(true), resumed.clone()]);
        assert_eq!(wrongs(log.clone(), &[red()]), [], "at entry {place}");
        log.remove(place + 2);
        assert!(wrongs(log, &[red()]).contains(&Wrong::Lost), "at entry {place}");
    }
    let mut log = whole();
    log.push(ended(true));
    assert_eq!(wrongs(log, &[red()]), [Wrong::Lost]);
    let mut log = whole();
    log.extend([ended(false), init(60, &[])]);
    assert_eq!(wrongs(log, &[red()]), []);
}

#[test]
fn every_missing_event_is_lost() {
    for missing in 1..6 {
        let mut log = whole();
        log.remove(missing);
        assert!(wrongs(log, &[red()]).contains(&Wrong::Lost), "without entry {missing}");
    }
    assert_eq!(wrongs(Vec::new(), &[red()]), [Wrong::Lost]);
}

#[test]
fn every_event_that_comes_twice_is_a_duplicate() {
    for twice in 1..6 {
        let mut log = whole();
        log.insert(twice, log[twice].clone());
        let found = wrongs(log, &[red()]);
        // A second delete of two stands for the later one: then that one is one too many, or what lies between is missing.
        assert!(found.contains(&Wrong::Duplicated) || found.contains(&Wrong::Lost), "entry {twice}: {found:?}");
    }
    assert_eq!(wrongs(vec![init(25, &[row(2, "red")]), content(26, false, row(2, "red")), delete(55)], &[red()])[0], Wrong::Duplicated);
    assert_eq!(wrongs(vec![init(55, &[]), delete(56)], &[red()]), [Wrong::Duplicated]);
}

#[test]
fn what_goes_back_in_time_is_out_of_order() {
    let mut log = whole();
    log.swap(1, 2);
    assert!(wrongs(log, &[red()]).contains(&Wrong::OutOfOrder));
    let mut log = whole();
    log.insert(3, init(25, &[row(1, "red")]));
    assert!(wrongs(log, &[red()]).contains(&Wrong::OutOfOrder));
}

#[test]
fn rows_fields_and_keys_that_could_not_be_read_are_leaks() {
    let mut log = whole();
    log.insert(3, content(30, false, row(3, "blue")));
    assert!(wrongs(log, &[red()]).contains(&Wrong::Leaked));
    let fields = BTreeSet::from(["id", "stamp", "kind"]);
    let narrow = Held { grant: Some(Grant { rule: Rule::All, fields: Some(fields) }), ..red() };
    assert!(wrongs(vec![init(25, &[row(2, "red")])], &[narrow]).contains(&Wrong::Leaked));
    let other = Held { grant: Some(Grant { rule: Rule::Team(vec!["grey"]), fields: None }), ..red() };
    assert_eq!(wrongs(vec![init(1, &[]), delete(51)], &[other]), [Wrong::Leaked]);
}

#[test]
fn a_right_counts_only_while_it_holds() {
    let ended = |until| [Held { until: Some(until), ..red() }, Held { from: until - 1, until: None, grant: None }];
    let log = || vec![init(1, &[]), content(60, true, row(1, "red"))];
    // Committed at 10: the right ended behind that, or before it.
    assert_eq!(wrongs(log(), &ended(15)), []);
    assert_eq!(wrongs(log(), &ended(5)), [Wrong::Leaked]);
}

#[test]
fn content_that_no_version_has_is_wrong() {
    for row in [row(9, "red"), json!({"id": 1, "stamp": 1, "kind": "row", "team": "green"}), json!({"id": 2, "stamp": 1})] {
        assert!(wrongs(vec![init(1, &[]), content(11, true, row)], &[red()]).contains(&Wrong::Content));
    }
    let mut log = whole();
    log[1] = content(11, false, row(1, "red"));
    assert_eq!(wrongs(log, &[red()]), [Wrong::Content]);
}
