//! What authentication gives: an identity with its proof, tokens, or the reason why not.
//!
//! It must never show a token: proofs are secrets without a readable form.

use std::sync::Arc;
use std::time::Duration;

use access::accountability::{Accountability, ClientOrigin};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::database::DatabaseError;

/// Who someone turned out to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// User, roles, policies and origin.
    pub accountability: Arc<Accountability>,
    /// When the access token ends; `None` for static tokens, tokens without `exp` and the public.
    pub expires_at: Option<Timestamp>,
    /// What the identity rests on.
    pub proof: Proof,
}

/// What an identity rests on, and what has to remain for it to hold.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Nothing: the public.
    Public,
    /// The static token of a user.
    StaticToken(Arc<SecretString>),
    /// An access token; with `session` it needs that row of `directus_sessions`.
    AccessToken {
        /// The session's token.
        session: Option<Arc<SecretString>>,
    },
}

/// What a login or refresh hands out.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// A signed JWT. In session mode it is what the cookie holds.
    pub access_token: SecretString,
    /// The token of the `directus_sessions` row; not for the client in session mode.
    pub refresh_token: SecretString,
    /// Life of the access token.
    pub expires_in: Duration,
}

/// Why someone is nobody.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No user has this e-mail and password, this static token or this refresh token.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The access token is malformed, has a wrong signature, or names a user or session that is gone.
    #[error("invalid token")]
    InvalidToken,
    /// The access token has ended.
    #[error("token expired")]
    Expired,
    /// The user is not active. Only told to those who proved to be that user.
    #[error("user suspended")]
    Suspended,
    /// The one-time password is missing or wrong.
    #[error("invalid one-time password")]
    InvalidOtp,
    /// Too many logins of this address have failed; this one was not looked at.
    #[error("too many failed logins")]
    TooManyFailures {
        /// Until trying again can help.
        retry_after: Duration,
    },
    /// Nobody can tell at the moment.
    #[error("authentication is unavailable")]
    Unavailable(#[from] DatabaseError),
}

impl Identity {
    /// Nobody: public rights from `client`.
    #[must_use]
    pub fn public(accountability: Accountability) -> Self {
        Self { accountability: Arc::new(accountability), expires_at: None, proof: Proof::Public }
    }

    /// The token of the session that it rests on.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match &self.proof {
            Proof::AccessToken { session } => session.as_ref().map(|session| session.expose_secret()),
            Proof::StaticToken(_) | Proof::Public => None,
        }
    }

    /// Whether both are the same person by the same proof.
    #[must_use]
    pub fn rests_on_the_same(&self, other: &Self) -> bool {
        let (one, another) = (&self.accountability, &other.accountability);
        let proof = match (&self.proof, &other.proof) {
            (Proof::Public, Proof::Public) => true,
            (Proof::StaticToken(one), Proof::StaticToken(other)) => one.expose_secret() == other.expose_secret(),
            (Proof::AccessToken { .. }, Proof::AccessToken { .. }) => self.session() == other.session(),
            (Proof::Public | Proof::StaticToken(_) | Proof::AccessToken { .. }, _) => false,
        };
        one.user == another.user && one.share == another.share && self.expires_at == other.expires_at && proof
    }

    /// Whether neither a user nor a role stands behind it.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.accountability.user.is_none() && self.accountability.role.is_none()
    }

    /// What is remembered of the request.
    #[must_use]
    pub fn client(&self) -> &Arc<ClientOrigin> {
        &self.accountability.client
    }
}
