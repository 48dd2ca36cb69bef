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

fn plain() -> Subscription {
    Subscription {
        uid: "s".to_owned(),
        collection: 1,
        filter: Rule::All,
        fields: None,
        through: false,
        aggregate: false,
        resume: true,
        graphql: false,
    }
}

fn wrongs(log: Vec<Entry>, held: &[Held]) -> Vec<Wrong> {
    wrongs_of(plain(), log, held, &[])
}

fn wrongs_of(subscription: Subscription, log: Vec<Entry>, held: &[Held], deleted: &[Ended]) -> Vec<Wrong> {
    wrongs_known(subscription, log, held, deleted, &Known::default())
}

fn wrongs_known(subscription: Subscription, log: Vec<Entry>, held: &[Held], deleted: &[Ended], known: &Known) -> Vec<Wrong> {
    let history = History::default();
    let watched = Watched::of(subscription, log);
    let user = User::of("u");
    let versions = versions();
    let case = Case {
        history: &history,
        versions: &versions,
        user: &user,
        held,
        related: &[],
        deleted,
        at: 1000,
        known,
        checked: 0,
        watched: &watched,
    };
    kinds(judge(&case).0)
}

fn kinds(findings: Vec<Finding>) -> Vec<Wrong> {
    findings.into_iter().map(|finding| finding.wrong).collect()
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
fn a_node_that_has_told_of_something_knows_all_rights_that_ended_before() {
    let ended = [Held { until: Some(25), ..red() }, Held { from: 24, until: None, grant: None }];
    // What was told on an earlier connection proves nothing about this one.
    let told = |again: Option<Moment>| {
        let other = vec![content(41, false, row(4, "red"))].into_iter();
        let began = again.map(|at| Entry { at, what: What::Began { proven: at } });
        let other = Watched::of(plain(), other.chain(began).collect());
        Known::of([&other].into_iter(), |stamp| Some(stamp * 10))
    };
    let late = || Subscription { collection: 2, ..plain() };
    let asked = |at| vec![Entry { at: at + 2, what: What::Init { asked: Some(at), rows: vec![row(2, "red")] } }];
    let unasked = |at| vec![Entry { at, what: What::Init { asked: None, rows: vec![row(2, "red")] } }];
    let shown = |at| vec![content(at, false, row(4, "red"))];
    for (log, leaks) in
        [(asked(40), false), (asked(43), true), (unasked(41), false), (unasked(43), true), (shown(41), false), (shown(43), true)]
    {
        let expected = if leaks { vec![Wrong::Leaked] } else { Vec::new() };
        assert_eq!(wrongs_known(late(), log.clone(), &ended, &[], &told(None)), expected, "{log:?}");
        assert_eq!(wrongs_known(late(), log, &ended, &[], &told(Some(42))), [], "of another connection");
    }
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

#[test]
fn a_graphql_subscription_hears_everything_from_its_first_event_on() {
    let subscription = || Subscription { graphql: true, resume: false, fields: Some(vec!["id", "stamp", "kind", "team"]), ..plain() };
    let live = |at| Entry { at, what: What::Live };
    let rows = |at, rows: &[Value]| Entry { at, what: What::Rows { asked: at - 1, rows: rows.to_vec() } };
    let log = || {
        vec![
            live(15),
            rows(17, &[row(1, "red")]),
            content(21, false, row(2, "red")),
            delete(31),
            content(41, false, row(4, "red")),
            delete(51),
        ]
    };
    assert_eq!(wrongs_of(subscription(), log(), &[red()], &[]), []);
    for missing in 2..6 {
        let mut log = log();
        log.remove(missing);
        assert!(wrongs_of(subscription(), log, &[red()], &[]).contains(&Wrong::Lost), "without entry {missing}");
    }
    for twice in 2..6 {
        let mut log = log();
        log.insert(twice, log[twice].clone());
        let found = wrongs_of(subscription(), log, &[red()], &[]);
        assert!(found.contains(&Wrong::Duplicated) || found.contains(&Wrong::Lost), "entry {twice}: {found:?}");
    }
    let mut swapped = log();
    swapped.swap(2, 4);
    assert!(wrongs_of(subscription(), swapped, &[red()], &[]).contains(&Wrong::OutOfOrder));
    // What the rows have already may come behind them, once.
    let mut late = log();
    late.insert(2, content(18, true, row(1, "red")));
    assert_eq!(wrongs_of(subscription(), late.clone(), &[red()], &[]), []);
    late.insert(3, content(19, true, row(1, "red")));
    assert_eq!(wrongs_of(subscription(), late, &[red()], &[]), [Wrong::Duplicated]);
    // A row that nobody could read is no better in an answer than in an event.
    let mut leaked = log();
    leaked[1] = rows(31, &[row(3, "blue")]);
    assert!(wrongs_of(subscription(), leaked, &[red()], &[]).contains(&Wrong::Leaked));
    // After a close everything begins anew.
    let mut log = log();
    log.truncate(3);
    log.extend([Entry { at: 25, what: What::Ended { why: String::new(), resumes: false } }, live(45), rows(47, &[row(4, "red")])]);
    assert_eq!(wrongs_of(subscription(), log.clone(), &[red()], &[]), [Wrong::Lost]);
    log.push(delete(51));
    assert_eq!(wrongs_of(subscription(), log, &[red()], &[]), []);
}

#[test]
fn nothing_reaches_a_connection_whose_session_was_deleted() {
    let began = |at| Entry { at, what: What::Began { proven: at } };
    let deleted = Ended { sent: 25, acknowledged: 35 };
    let of = |log: Vec<Entry>| wrongs_of(plain(), log, &[red()], &[deleted]);
    let mut log = whole();
    log.insert(0, began(0));
    assert_eq!(of(log.clone()), [Wrong::Leaked, Wrong::Leaked], "the last content and the last delete");
    log.truncate(5);
    log.extend([
        Entry { at: 36, what: What::Ended { why: String::new(), resumes: true } },
        began(37),
        Entry { at: 38, what: What::Resumed },
    ]);
    log.extend([content(41, false, row(4, "red")), delete(51)]);
    assert_eq!(of(log), []);
}

#[test]
fn nothing_reaches_a_connection_whose_token_has_expired() {
    let second = 1_000_000;
    let versions = Keys::from([(
        "1".to_owned(),
        vec![Version { seq: 1, committed: 5 * second, writer: String::new(), operation: "create".to_owned(), row: Some(row(1, "red")) }],
    )]);
    let of = |collection: usize, told: Moment, renewed: Option<Moment>| {
        let mut log = vec![init(1, &[]), Entry { at: told, what: What::Lapsed }];
        log.extend(renewed.map(|at| Entry { at, what: What::Renewed }));
        log.push(content(6 * second, true, row(1, "red")));
        let (history, user, watched) = (History::default(), User::of("u"), Watched::of(Subscription { collection, ..plain() }, log));
        let held = [red()];
        let case = Case {
            history: &history,
            versions: &versions,
            user: &user,
            held: &held,
            related: &[],
            deleted: &[],
            at: 9 * second,
            known: &Known::default(),
            checked: 0,
            watched: &watched,
        };
        kinds(judge(&case).0)
    };
    // Also where an event may show a newer version than its own.
    for collection in [1, 2] {
        assert_eq!(of(collection, 3 * second, None), [Wrong::Leaked]);
        assert_eq!(of(collection, 3 * second, Some(4 * second)), []);
        assert_eq!(of(collection, 5 * second - 1, None), [], "on its way when it expired");
    }
}

/// Docs 1, 2, 3 lie in folder 1, which is red, from 5 s on blue, from 9 s on red. All docs change at 1, 3, 7 and 11 s.
mod through_a_relation {
    use super::*;
    use crate::relation::Relation;

    const SECOND: Moment = 1_000_000;

    fn doc(stamp: i64) -> Value {
        json!({"id": 1, "stamp": stamp, "kind": "row", "team": "red", "folder": 1})
    }

    fn folder(stamp: i64, team: &str) -> Value {
        json!({"id": 1, "stamp": stamp, "kind": "row", "team": team, "level": null})
    }

    fn with(doc: &Value, folder: &Value) -> Value {
        let mut row = doc.clone();
        row["folder"] = json!({"id": 1, "stamp": folder["stamp"], "team": folder["team"], "level": null});
        row
    }

    fn history() -> History {
        let mut history = History::default();
        for (stamp, at, team) in [(1, 0, "red"), (2, 5, "blue"), (3, 9, "red")] {
            history.note("folders", "1", at * SECOND, Some(folder(stamp, team)));
        }
        for (stamp, at) in [(11, 1), (12, 3), (13, 7), (14, 11)] {
            history.note("docs", "1", at * SECOND, Some(doc(stamp)));
        }
        history
    }

    fn all() -> Held {
        Held { from: 0, until: None, grant: Some(Grant { rule: Rule::All, fields: None }) }
    }

    fn found(subscription: Subscription, rule: Rule, related: Rule, log: Vec<Entry>, view: bool) -> Vec<Wrong> {
        let history = history();
        let (watched, user) = (Watched::of(subscription, log), User::of("u"));
        let held = [Held { grant: Some(Grant { rule, fields: None }), ..all() }];
        let related = [Held { grant: Some(Grant { rule: related, fields: None }), ..all() }];
        let case = Case {
            history: &history,
            versions: history.of("docs").unwrap(),
            user: &user,
            held: &held,
            related: &related,
            deleted: &[],
            at: 15 * SECOND,
            known: &Known::default(),
            checked: 0,
            watched: &watched,
        };
        if view { kinds(judge_view(&case)) } else { kinds(judge(&case).0) }
    }

    fn red_folder() -> Rule {
        Rule::Related(Relation::of("docs"), Box::new(Rule::Team(vec!["red"])))
    }

    fn filtered() -> Subscription {
        Subscription { filter: red_folder(), ..plain() }
    }

    /// What a subscriber hears whose events are dealt with at once.
    fn prompt() -> Vec<Entry> {
        let at = |seconds| seconds * SECOND + 1;
        vec![init(1, &[]), content(at(1), true, doc(11)), content(at(3), false, doc(12)), delete(at(7)), content(at(11), false, doc(14))]
    }

    #[test]
    fn rows_enter_and_leave_with_their_own_change() {
        assert_eq!(found(filtered(), Rule::All, Rule::All, prompt(), false), []);
        assert_eq!(found(plain(), red_folder(), Rule::All, prompt(), false), [], "as a rule");
        // At 8 s the folder was blue, and the row had changed since.
        let mut log = prompt();
        log.insert(4, content(8 * SECOND, false, doc(13)));
        assert!(found(filtered(), Rule::All, Rule::All, log.clone(), false).contains(&Wrong::Content));
        assert!(found(plain(), red_folder(), Rule::All, log, false).contains(&Wrong::Leaked), "as a rule");
        // Nobody may see any folder: no row has a red one.
        assert!(found(filtered(), Rule::All, Rule::Mine, prompt(), false).contains(&Wrong::Content));
        // The rule itself sees all folders.
        assert_eq!(found(plain(), red_folder(), Rule::Mine, prompt(), false), []);
    }

    #[test]
    fn an_event_too_few_or_too_many_is_found_where_it_is_certain() {
        let mut log = prompt();
        log.pop();
        assert!(found(filtered(), Rule::All, Rule::All, log, false).contains(&Wrong::Lost));
        // Behind an `init` with the first version there are three more.
        let mut log = prompt();
        log.splice(0..2, [init(SECOND + 1, &[doc(11)])]);
        log.push(content(12 * SECOND, false, doc(14)));
        assert_eq!(found(filtered(), Rule::All, Rule::All, log, false), [Wrong::Duplicated]);
        let mut log = prompt();
        log.push(content(12 * SECOND, false, doc(12)));
        assert!(found(filtered(), Rule::All, Rule::All, log, false).contains(&Wrong::OutOfOrder));
        // In view for ever from the beginning: each version is told.
        let seen = Subscription { through: true, ..plain() };
        let told = |stamps: &[(i64, i64, &str)]| -> Vec<Entry> {
            let mut log = vec![init(SECOND + 1, &[with(&doc(11), &folder(1, "red"))])];
            log.extend(stamps.iter().map(|(stamp, at, team)| {
                let of = if *team == "blue" {
                    2
                } else if *at > 9 {
                    3
                } else {
                    1
                };
                content(at * SECOND + 1, false, with(&doc(*stamp), &folder(of, team)))
            }));
            log
        };
        let whole = [(12, 3, "red"), (13, 7, "blue"), (14, 11, "red")];
        assert_eq!(found(seen.clone(), Rule::All, Rule::All, told(&whole), false), []);
        assert_eq!(found(seen.clone(), Rule::All, Rule::All, told(&whole[1..]), false), [Wrong::Lost]);
        assert_eq!(found(seen, Rule::All, Rule::All, told(&[whole[0], whole[1], whole[2], whole[2]]), false), [Wrong::Duplicated]);
    }

    #[test]
    fn a_related_row_is_sent_as_it_was_and_to_who_may_read_it() {
        let through = || Subscription { through: true, ..plain() };
        let log = |row: Value| vec![init(1, &[]), content(7 * SECOND + 1, false, row)];
        let wrong = |rule, row| {
            let found = found(through(), Rule::All, rule, log(row), false);
            found.into_iter().filter(|wrong| *wrong != Wrong::Lost).collect::<Vec<_>>()
        };
        assert_eq!(wrong(Rule::All, with(&doc(13), &folder(2, "blue"))), []);
        assert_eq!(wrong(Rule::All, with(&doc(13), &folder(1, "red"))), [Wrong::Content], "as it was before");
        assert_eq!(wrong(Rule::All, with(&doc(13), &folder(2, "red"))), [Wrong::Content]);
        assert_eq!(wrong(Rule::Mine, with(&doc(13), &folder(2, "blue"))), [Wrong::Leaked]);
        let mut without = doc(13);
        without["folder"] = Value::Null;
        assert_eq!(wrong(Rule::All, without.clone()), [Wrong::Content]);
        assert_eq!(wrong(Rule::Mine, without), []);
    }

    #[test]
    fn the_view_is_what_the_last_change_of_the_row_made_it() {
        assert_eq!(found(filtered(), Rule::All, Rule::All, prompt(), true), []);
        let mut log = prompt();
        log.pop();
        assert_eq!(found(filtered(), Rule::All, Rule::All, log, true), [Wrong::Lost], "it has come back");
        let blue = Rule::Related(Relation::of("docs"), Box::new(Rule::Team(vec!["blue"])));
        let log = vec![init(1, &[]), content(7 * SECOND + 1, false, doc(13))];
        assert_eq!(found(Subscription { filter: blue, ..plain() }, Rule::All, Rule::All, log, true), [Wrong::Lost], "it has left");
    }
}
