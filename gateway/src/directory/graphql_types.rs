//! What GraphQL makes of both fixtures, against the schemas that were recorded: eight users, two versions.
//!
//! It must never pass over a difference: each is in `graphql/sdl/differences.txt` with its reason, and each line there stands
//! for at least one.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::accountability::{Accountability, ClientOrigin};
use access::permission::Permissions;
use uuid::Uuid;

use super::{Directory, DirectoryOptions};
use crate::database::testing::{self, NEWSROOM, NEWSROOM_11};

const DIFFERENCES: &str = include_str!("../../graphql/sdl/differences.txt");

macro_rules! recorded {
    ($version:literal) => {
        [
            ("admin", include_str!(concat!("../../graphql/sdl/", $version, "/admin.sdl"))),
            ("editor", include_str!(concat!("../../graphql/sdl/", $version, "/editor.sdl"))),
            ("multi", include_str!(concat!("../../graphql/sdl/", $version, "/multi.sdl"))),
            ("norole", include_str!(concat!("../../graphql/sdl/", $version, "/norole.sdl"))),
            ("public", include_str!(concat!("../../graphql/sdl/", $version, "/public.sdl"))),
            ("reader", include_str!(concat!("../../graphql/sdl/", $version, "/reader.sdl"))),
            ("reporter", include_str!(concat!("../../graphql/sdl/", $version, "/reporter.sdl"))),
            ("writer", include_str!(concat!("../../graphql/sdl/", $version, "/writer.sdl"))),
        ]
    };
}

/// One line of the list: where it holds, and which facts it is about. `*` stands for any text.
struct Difference {
    version: &'static str,
    user: &'static str,
    fact: &'static str,
}

#[tokio::test]
async fn schemas_are_the_recorded_ones() {
    let listed = differences();
    let mut used = vec![false; listed.len()];
    let mut unexplained = Vec::new();
    for (version, script, files) in [("12", NEWSROOM, recorded!("12")), ("11", NEWSROOM_11, recorded!("11"))] {
        let directory = Directory::load(testing::database(script).await, DirectoryOptions::default()).await.unwrap();
        for (user, recorded) in files {
            let permissions = permissions(&directory, user).await;
            let sdl = graphql::Schema::build(&directory.schema(), &permissions).sdl();
            let (ours, theirs) = (facts(&sdl), facts(recorded));
            let missing = theirs.difference(&ours).map(|fact| format!("- {fact}"));
            for fact in missing.chain(ours.difference(&theirs).map(|fact| format!("+ {fact}"))) {
                let matching = |line: &Difference| matches(line.version, version) && matches(line.user, user) && matches(line.fact, &fact);
                let mut explained = false;
                for (line, used) in listed.iter().zip(&mut used).filter(|(line, _)| matching(line)) {
                    (*used, explained) = (true, true);
                    let _ = line;
                }
                if !explained {
                    unexplained.push(format!("{version} {user} {fact}"));
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{} differences without a reason:\n{}", unexplained.len(), unexplained.join("\n"));
    let unused: Vec<String> = listed
        .iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|(line, _)| format!("{} {} {}", line.version, line.user, line.fact))
        .collect();
    assert!(unused.is_empty(), "listed, but there is no such difference:\n{}", unused.join("\n"));
}

/// Every SDL text is already in our order and layout, so that facts are all that can differ.
#[tokio::test]
async fn schemas_are_printed_as_recorded() {
    let directory = Directory::load(testing::database(NEWSROOM).await, DirectoryOptions::default()).await.unwrap();
    for (user, recorded) in recorded!("12").into_iter().filter(|(user, _)| !["admin"].contains(user)) {
        let permissions = permissions(&directory, user).await;
        let sdl = graphql::Schema::build(&directory.schema(), &permissions).sdl();
        assert_eq!(sdl.trim_end(), recorded.trim_end(), "{user}");
    }
}

async fn permissions(directory: &Directory, user: &str) -> Arc<Permissions> {
    if user == "admin" {
        return Arc::new(Permissions::administrator());
    }
    let client = Arc::new(ClientOrigin { ip: Some("127.0.0.1".parse().unwrap()), ..ClientOrigin::default() });
    let id = |group: u32, number: u32| -> Uuid { format!("{group}0000000-0000-4000-8000-{number:012}").parse().unwrap() };
    let (number, has_role) = match user {
        "editor" => (1, true),
        "reporter" => (2, true),
        "reader" => (3, true),
        "writer" => (4, true),
        "multi" => (5, false),
        "norole" => (7, false),
        _ => return directory.permissions(&Accountability::public(client)).await.unwrap(),
    };
    let accountability = directory.accountability(Some(id(1, number)), has_role.then(|| id(2, number)), None, client);
    directory.permissions(&accountability).await.unwrap()
}

/// A schema as a set of statements: `type articles`, `articles.title: String`, `articles.title "a note"`.
fn facts(sdl: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let (mut owner, mut note) = (String::new(), None::<String>);
    let mut lines = sdl.lines();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if let Some(start) = text.strip_prefix("\"\"\"") {
            let mut whole = start.to_owned();
            while !whole.ends_with("\"\"\"") {
                whole.push_str(lines.next().unwrap().trim());
            }
            note = Some(whole.trim_end_matches("\"\"\"").to_owned());
            continue;
        }
        let place = if line.starts_with(' ') {
            facts.insert(format!("{owner}.{text}"));
            format!("{owner}.{}", text.split(['(', ':']).next().unwrap_or_default())
        } else if text.is_empty() || text == "}" {
            continue;
        } else {
            owner = text.split_whitespace().nth(1).unwrap_or_default().to_owned();
            facts.insert(text.trim_end_matches(" {").to_owned());
            owner.clone()
        };
        if let Some(note) = note.take() {
            facts.insert(format!("{place} \"{note}\""));
        }
    }
    facts
}

fn differences() -> Vec<Difference> {
    let mut reason = None;
    let mut differences = Vec::new();
    for line in DIFFERENCES.lines().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("# ") {
            reason = Some(text);
            continue;
        }
        assert!(reason.is_some(), "`{line}` stands below no reason");
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("version, user, fact");
        differences.push(Difference { version: word(), user: word(), fact: word() });
    }
    differences
}

/// Whether `text` is what `pattern` says, where `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|cut| rest.is_char_boundary(*cut)).any(|cut| matches(tail, &rest[cut..]))
}
