//! The path of a token up to the point at which the database is asked, on its own: what the fuzzer holds on to.
//!
//! It must never be part of a program: only the feature `testing` compiles it.

use jiff::Timestamp;
use secrecy::SecretString;

use super::AuthError;
use super::claims::Signer;

/// Checks tokens of one secret.
pub struct TokenCheck(Signer);

impl TokenCheck {
    /// With this `SECRET`.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        Self(Signer::new(secret))
    }

    /// Whether `token` is genuine and in its time at `now`; `None` where it is a static token, which only the database knows.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Result<(), AuthError>> {
        Signer::is_own(token).then(|| self.0.verify(token, now).map(drop))
    }
}
