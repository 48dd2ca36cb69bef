//! What stands for a key that is itself a secret.
//!
//! It must agree with `tidegate.digest` of the capture program to the letter: a node finds by it the session that was ended.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// What an event has as key for the row whose key is `key`, without the quotes of JSON. Keys that are secrets are long and
/// random, so nobody finds them by trying; Postgres and this function print such a text alike.
#[must_use]
pub fn key_digest(key: &str) -> String {
    let digest = Sha256::new().chain_update("\"").chain_update(key).chain_update("\"").finalize();
    digest.iter().fold(String::from("sha256:"), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_that_of_the_json_text() {
        // printf '"abc"' | sha256sum
        assert_eq!(key_digest("abc"), "sha256:6cc43f858fbb763301637b5af970e2a46b46f461f27e5a0f41e009c59b827b25");
    }
}
