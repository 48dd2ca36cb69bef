//! No value gets into the text of a statement, and the text depends on the shape alone: each input is planted twice with
//! values that nobody else writes, and both plantings have to give the same texts, without a trace of the values.
#![no_main]

use gateway_fuzz::plant::{MARK, Planter};
use gateway_fuzz::stage::{self, STAGE, Stage};
use gateway_fuzz::{lexer, mutate};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate::json(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(message) = stage::message(data) else { return Corpus::Reject };
    let plantings = [Planter::new(0).message(&message), Planter::new(1).message(&message)];
    let mut accepted = false;
    for (user, permissions) in &STAGE.sessions {
        for tight in [false, true] {
            let [first, second] = plantings.each_ref().map(|message| STAGE.plan(permissions, message, tight));
            match (first, second) {
                (Ok(first), Ok(second)) => {
                    accepted = true;
                    let first = Stage::statements(&first, &[format!("{MARK}key")]);
                    let second = Stage::statements(&second, &[format!("{MARK}other"), "1".to_owned()]);
                    for (first, second) in first.iter().zip(&second) {
                        lexer::check(&STAGE.names, first, MARK);
                        assert_eq!(first.text, second.text, "two texts for one shape, asked by {user}: {message:?}");
                        assert_eq!(first.parameters.len(), second.parameters.len());
                    }
                }
                (Err(first), Err(second)) => assert_eq!(first.code(), second.code(), "{message:?}"),
                (first, second) => panic!("{user} is told {:?} and {:?} for one shape: {plantings:?}", first.err(), second.err()),
            }
        }
    }
    if accepted { Corpus::Keep } else { Corpus::Reject }
});
