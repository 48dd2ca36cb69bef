//! `auth`: the first message of a handshake, and a new identity at any time later.
//!
//! Messages behind it wait for its outcome. It must never leave an identity in place whose renewal failed, and never tell
//! why it failed.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use secrecy::SecretString;

use crate::auth::{AuthError, Identity};
use crate::command::dispatch::FAILED;
use crate::config::AuthMode;
use crate::connection::session::Session;
use crate::error::{Cause, ClientError, CloseReason};
use crate::protocol::auth::AuthMessage;
use crate::protocol::envelope::{self, Envelope};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;
use crate::subscription;

/// The first message of a connection that has to authenticate. Whatever is wrong with it has one answer.
pub(super) async fn handshake(state: &Arc<Gateway>, session: &Arc<Session>, bytes: &[u8]) {
    let message = envelope::parse(bytes).ok().filter(|message| message.kind == "auth");
    let credentials = message.as_ref().and_then(|message| AuthMessage::read(message).ok());
    let Some(credentials) = credentials else {
        count(state, "refused");
        session.send(server::error(MessageType::Auth, &ClientError::HandshakeFailed, None));
        session.queue().close(FAILED);
        return;
    };
    let attempt = session.begin_authentication();
    match authenticate(state, session, &credentials).await {
        Ok((identity, refresh_token)) => accept(state, session, identity, refresh_token, &credentials).await,
        Err(AuthError::Unavailable(error)) => {
            // Nobody could tell: the client may try again on the same socket.
            session.resume(&attempt);
            unavailable(state, session, error, &credentials);
        }
        Err(
            AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Expired | AuthError::Suspended | AuthError::InvalidOtp,
        ) => {
            count(state, "refused");
            session.send(server::error(MessageType::Auth, &ClientError::HandshakeFailed, None));
            session.queue().close(FAILED);
        }
    }
}

/// An auth message of a connection that may speak already.
pub(super) async fn again(state: &Arc<Gateway>, session: &Arc<Session>, message: &Envelope) {
    let credentials = match AuthMessage::read(message) {
        Ok(credentials) => credentials,
        Err(text) => {
            // Not an authentication: nothing changes, and no clock stops.
            session.send(server::error(MessageType::Auth, &ClientError::Validation(text), message.uid.as_ref()));
            return;
        }
    };
    let attempt = session.begin_authentication();
    match authenticate(state, session, &credentials).await {
        Ok((identity, refresh_token)) => accept(state, session, identity, refresh_token, &credentials).await,
        Err(AuthError::Unavailable(error)) => {
            session.resume(&attempt);
            unavailable(state, session, error, &credentials);
        }
        Err(
            AuthError::InvalidCredentials | AuthError::InvalidToken | AuthError::Expired | AuthError::Suspended | AuthError::InvalidOtp,
        ) => {
            count(state, "refused");
            session.identify(state.authenticator.public(Arc::clone(session.client())));
            session.send(server::error(MessageType::Auth, &ClientError::AuthFailed, credentials.uid.as_ref()));
            if session.mode() == AuthMode::Public {
                subscription::refresh(state, Some(session.id())).await;
            } else {
                session.queue().close(CloseReason::AuthenticationFailed);
            }
        }
    }
}

/// All credentials are evaluated in order; the last identity counts, the last tokens are handed over.
async fn authenticate(state: &Gateway, session: &Session, message: &AuthMessage) -> Result<(Identity, Option<SecretString>), AuthError> {
    let client = || Arc::clone(session.client());
    let (mut identity, mut refresh_token) = (None, None);
    if let Some(login) = &message.login {
        let (proven, tokens) = state.authenticator.login(&login.email, &login.password, None, client()).await?;
        (identity, refresh_token) = (Some(proven), Some(tokens.refresh_token));
    }
    if let Some(token) = &message.refresh_token {
        let (proven, tokens) = state.authenticator.refresh(token.expose_secret(), client()).await?;
        (identity, refresh_token) = (Some(proven), Some(tokens.refresh_token));
    }
    if let Some(token) = &message.access_token {
        identity = Some(state.authenticator.token(token.expose_secret(), client()).await?);
    }
    // The schema demands one of them.
    identity.map(|identity| (identity, refresh_token)).ok_or(AuthError::InvalidCredentials)
}

async fn accept(
    state: &Arc<Gateway>,
    session: &Arc<Session>,
    identity: Identity,
    refresh_token: Option<SecretString>,
    message: &AuthMessage,
) {
    count(state, "accepted");
    session.identify(identity);
    session.send(server::authenticated(message.uid.as_ref(), refresh_token.as_ref().map(|token| token.expose_secret())));
    subscription::refresh(state, Some(session.id())).await;
}

fn unavailable(state: &Gateway, session: &Session, error: crate::database::DatabaseError, message: &AuthMessage) {
    count(state, "unavailable");
    let error = ClientError::StoreUnavailable(Cause::new(error));
    error.log();
    session.send(server::error(MessageType::Auth, &error, message.uid.as_ref()));
}

fn count(state: &Gateway, outcome: &str) {
    state.metrics.authentications.with_label_values(&[outcome]).inc();
}
