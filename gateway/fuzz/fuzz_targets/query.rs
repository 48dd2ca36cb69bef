//! A message's `query`, read, resolved and planned for everybody; what the planner accepts becomes statements that are
//! well-formed, name only what the schema has, and read no column that the session was not granted.
#![no_main]

use std::sync::LazyLock;

use access::testing;
use gateway_fuzz::grants::Granted;
use gateway_fuzz::stage::{self, STAGE, Stage};
use gateway_fuzz::{lexer, mutate};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};

/// What nobody would write by chance; it stands in some of the mutator's words.
const MARK: &str = "zq7";

static GRANTED: LazyLock<Vec<Option<Granted>>> = LazyLock::new(|| {
    let granted = |permissions: &access::permission::Permissions| (!permissions.admin).then(|| Granted::new(&STAGE.schema, permissions));
    STAGE.sessions.iter().map(|(_, permissions)| granted(permissions)).collect()
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(message) = stage::message(data) else { return Corpus::Reject };
    for ((user, permissions), granted) in STAGE.sessions.iter().zip(GRANTED.iter()) {
        for tight in [false, true] {
            match STAGE.plan(permissions, &message, tight) {
                Ok(plan) => {
                    for statement in Stage::statements(&plan, &["1".to_owned(), testing::REPORTER.to_owned()]) {
                        let tokens = lexer::check(&STAGE.names, &statement, MARK);
                        if let Some(granted) = granted {
                            granted.check(user, &statement.text, &tokens);
                        }
                    }
                }
                Err(refusal) => stage::check_refusal(&refusal),
            }
        }
    }
    Corpus::Keep
});
