//! The authenticator: what all ways of proving an identity share.
//!
//! It must never decide rights: it finds user and role, and the directory says what they mean.

use std::sync::Arc;

use access::accountability::ClientOrigin;
use access::statement::{Parameter, Statement};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::Tasks;
use tracing::Instrument as _;
use tracing::field::Empty;
use uuid::Uuid;

use super::claims::{NewToken, Signer};
use super::{AuthError, Identity, Proof, Recheck, Tokens};
use crate::config::AuthConfig;
use crate::database::{Cause, Database, DatabaseError, Row};
use crate::directory::Directory;
use crate::limits::Limits;
use crate::metrics::{AuthMetrics, Method};

/// Proves identities against the database.
pub struct Authenticator {
    pub(super) database: Database,
    pub(super) directory: Arc<Directory>,
    pub(super) config: AuthConfig,
    pub(super) signer: Signer,
    pub(super) limits: Arc<Limits>,
    pub(super) tasks: Tasks,
    metrics: AuthMetrics,
}

/// Whom a token is for, as the rows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: Option<Uuid>,
    pub(super) role: Option<Uuid>,
    pub(super) share: Option<Uuid>,
}

/// How the access token of a login or refresh is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenUse {
    /// Beside a refresh token.
    Refreshable,
    /// In the session cookie: it names the session, and lives as long.
    Session,
}

impl Authenticator {
    /// An authenticator on `database`; `tasks` runs the password hashes.
    #[must_use]
    pub fn new(config: AuthConfig, database: Database, directory: Arc<Directory>, limits: Arc<Limits>, tasks: Tasks) -> Self {
        let (signer, metrics) = (Signer::new(&config.secret), AuthMetrics::detached());
        Self { database: database.caused_by(Cause::Authentication), directory, config, signer, limits, tasks, metrics }
    }

    /// What it tells Prometheus.
    #[must_use]
    pub const fn metrics(&self) -> &AuthMetrics {
        &self.metrics
    }

    /// Times and counts one proof of an identity.
    pub(super) async fn observed<T>(&self, method: Method, proof: impl Future<Output = Result<T, AuthError>>) -> Result<T, AuthError> {
        let _timed = self.metrics.timed(method);
        let span = service_runtime::span!("authenticate", "tidegate.method" = method.label(), "tidegate.outcome" = Empty);
        let outcome = proof.instrument(span.clone()).await;
        span.record("tidegate.outcome", AuthMetrics::outcome(&outcome));
        self.metrics.count(method, &outcome);
        outcome
    }

    /// Nobody in particular, with public rights.
    #[must_use]
    pub fn public(&self, client: Arc<ClientOrigin>) -> Identity {
        Identity::public(self.directory.accountability(None, None, None, client))
    }

    /// The identity of `person` under the rules of this moment.
    pub(super) fn identity(&self, person: Person, client: Arc<ClientOrigin>, expires_at: Option<Timestamp>, proof: Proof) -> Identity {
        let accountability = self.directory.accountability(person.user, person.role, person.share, client);
        Identity { accountability: Arc::new(accountability), expires_at, proof }
    }

    /// Identity and tokens of a person whose session row has `session` as token, and was written just now.
    ///
    /// # Errors
    /// [`AuthError::InvalidCredentials`], when the session has ended again.
    pub(super) async fn issue(
        &self,
        person: Person,
        session: SecretString,
        how: TokenUse,
        client: Arc<ClientOrigin>,
    ) -> Result<(Identity, Tokens), AuthError> {
        let accountability = self.directory.accountability(person.user, person.role, person.share, Arc::clone(&client));
        let life = match how {
            TokenUse::Refreshable => self.config.access_token_ttl,
            TokenUse::Session => self.config.session_ttl,
        };
        let named = (how == TokenUse::Session).then(|| session.expose_secret());
        let token = NewToken {
            user: person.user,
            role: person.role,
            share: person.share,
            session: named,
            admin: accountability.admin,
            app: accountability.app,
            life,
        };
        let (access_token, end) = self.signer.sign(&token, Timestamp::now())?;
        let proof = Proof::AccessToken { session: (how == TokenUse::Session).then(|| Arc::new(session.clone())) };
        let identity = Identity { accountability: Arc::new(accountability), expires_at: Some(end), proof };
        // What it rests on was read a while ago.
        let identity = match self.recheck(&identity).await {
            Ok(Recheck::Same) => identity,
            Ok(Recheck::Changed(changed)) => changed,
            Ok(Recheck::Ended) => return Err(AuthError::InvalidCredentials),
            Err(error) => {
                // The session is there, and the token that it was got for is gone: without this answer the client would have neither.
                tracing::warn!(%error, "an identity could not be looked at again");
                identity
            }
        };
        Ok((identity, Tokens { access_token, refresh_token: session, expires_in: life }))
    }

    /// How long a session row lives, in seconds as text.
    pub(super) fn session_life(&self) -> Parameter {
        Parameter::Text(self.config.refresh_token_ttl.as_secs().to_string())
    }

    /// Sessions that have ended go, a bounded number at a time and none that somebody else is deleting.
    pub(super) async fn sweep_sessions(&self) {
        let text = "delete from directus_sessions where token in \
            (select token from directus_sessions where expires < now() limit 1000 for update skip locked)";
        if let Err(error) = self.database.execute(&statement(text, [])).await {
            tracing::warn!(%error, "ended sessions were not deleted");
        }
    }
}

pub(super) fn statement<const N: usize>(text: &str, parameters: [Parameter; N]) -> Statement {
    Statement { text: text.to_owned(), parameters: parameters.into() }
}

pub(super) fn text(value: impl ToString) -> Parameter {
    Parameter::Text(value.to_string())
}

pub(super) fn optional(value: Option<impl ToString>) -> Parameter {
    value.map_or(Parameter::Null, text)
}

/// A column of type uuid.
pub(super) fn uuid(row: &Row, column: &str) -> Result<Option<Uuid>, DatabaseError> {
    Ok(row.try_get(column)?)
}
