//! Who is asking: tokens, logins, refreshes and the check whether an identity still holds.
//!
//! It must never log or keep a password or a token in readable form, tell an unknown user from a wrong password (by text
//! or by time), or let a suspended or deleted user in, whatever the token says: the user's row decides, not the claim.
//!
//! ```text
//! token ─┬─ JWT with issuer "directus" ─claims─▶ row of directus_users (and of directus_sessions) ─┐
//!        └─ anything else ─▶ directus_users.token ────────────────────────────────────────────────┼─▶ Identity
//! e-mail + password ─login─▶ directus_sessions row + tokens ──────────────────────────────────────┤
//! refresh token ─refresh─▶ rotated row + tokens ──────────────────────────────────────────────────┘
//! ```

mod authenticator;
mod claims;
mod encrypted;
mod identity;
mod login;
mod password;
mod recheck;
mod refresh;
mod session;
#[cfg(test)]
mod tests;
mod token;
#[cfg(feature = "testing")]
mod token_check;

pub use authenticator::Authenticator;
pub use encrypted::encrypt_value;
pub use identity::{AuthError, Identity, Proof, Tokens};
pub use password::{Hashing, hash_password};
pub use recheck::Recheck;
#[cfg(feature = "testing")]
pub use token_check::TokenCheck;
