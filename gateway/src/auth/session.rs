//! Rows of `directus_sessions`: their tokens, making them, ending them.
//!
//! It must never use a token that could be guessed: 64 characters from the system's generator, 384 bits.

use std::sync::Arc;

use access::accountability::ClientOrigin;
use rand::seq::IndexedRandom as _;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::AuthError;
use super::authenticator::{Authenticator, optional, statement, text};
use super::claims::Signer;
use crate::database::DatabaseError;

const TOKEN_LENGTH: usize = 64;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// Longer texts are no session tokens.
pub(super) const MAX_TOKEN: usize = 64;

impl Authenticator {
    /// Ends the session of a refresh token. An unknown one is no error: it is ended already.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn logout(&self, refresh_token: &str) -> Result<(), DatabaseError> {
        if refresh_token.len() > MAX_TOKEN || refresh_token.contains('\0') {
            return Ok(());
        }
        self.database.execute(&statement("delete from directus_sessions where token = $1", [text(refresh_token)])).await.map(|_| ())
    }

    /// Ends the session that a session cookie names. A cookie that is no genuine, current token ends nothing.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn logout_session(&self, cookie: &str) -> Result<(), DatabaseError> {
        match self.session_of(cookie) {
            Ok(session) => self.logout(session.expose_secret()).await,
            Err(_) => Ok(()),
        }
    }

    /// The session token in a session cookie.
    pub(super) fn session_of(&self, cookie: &str) -> Result<SecretString, AuthError> {
        if !Signer::is_own(cookie) {
            return Err(AuthError::InvalidCredentials);
        }
        let claims = self.signer.verify(cookie, jiff::Timestamp::now())?;
        claims.session.map(SecretString::from).ok_or(AuthError::InvalidCredentials)
    }

    /// A new session row for a user who has just logged in; notes the access. `origin` is kept where there is one.
    pub(super) async fn open_session(&self, user: Uuid, origin: Option<&Arc<ClientOrigin>>) -> Result<SecretString, DatabaseError> {
        let token = new_token();
        let insert = statement(
            r#"with seen as (update directus_users set last_access = now() where id = $2)
            insert into directus_sessions (token, "user", expires, ip, user_agent, origin)
            values ($1, $2, now() + make_interval(secs => $3), $4, $5, $6)"#,
            [
                text(token.expose_secret()),
                text(user),
                self.session_life(),
                optional(origin.and_then(|origin| origin.ip)),
                optional(origin.and_then(|origin| origin.user_agent.as_deref())),
                optional(origin.and_then(|origin| origin.origin.as_deref()).map(|origin| origin.chars().take(255).collect::<String>())),
            ],
        );
        self.database.execute(&insert).await?;
        Ok(token)
    }
}

/// A new session token.
pub(super) fn new_token() -> SecretString {
    let mut rng = rand::rng();
    let token: String = (0..TOKEN_LENGTH).filter_map(|_| ALPHABET.choose(&mut rng)).map(|byte| char::from(*byte)).collect();
    token.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_twice_the_same() {
        let (a, b) = (new_token(), new_token());
        assert_eq!(a.expose_secret().len(), 64);
        assert!(a.expose_secret().bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(a.expose_secret(), b.expose_secret());
    }
}
