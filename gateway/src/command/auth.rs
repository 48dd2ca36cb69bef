//! `auth`: the first message of a connection in handshake mode, and any later change of identity.
//!
//! It must never say why an authentication failed, and never mistake a database that is away for a wrong password: a
//! client that is told its credentials are wrong forgets them.

use std::sync::Arc;

use bytes::BytesMut;
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::{AuthError, Identity};
use crate::config::AuthMode;
use crate::connection::endpoint::RightsChange;
use crate::connection::session::Session;
use crate::error::{ClientError, CloseReason};
use crate::protocol::auth::AuthMessage;
use crate::protocol::envelope::{self, Envelope};
use crate::protocol::server::{self, MessageType};
use crate::state::Gateway;

use super::{refuse, rights};

/// The first message of a connection that has to authenticate. Whatever is wrong with it gives the same answer.
pub(super) async fn handshake(state: &Arc<Gateway>, session: &Arc<Session>, bytes: BytesMut) {
    let message = envelope::parse(&bytes).ok().filter(|message| message.kind == "auth");
    let Some(message) = message.and_then(|message| AuthMessage::read(&message).ok()) else {
        return end(state, session);
    };
    drop(bytes);
    match evaluate(state, session, &message).await {
        Outcome::Accepted => {}
        // Nobody could tell: the client may try again on the same socket while its time lasts.
        Outcome::Unavailable(error) => unavailable(state, session, error, &message),
        Outcome::TooManyConnections => full(state, session, &message),
        Outcome::Refused => end(state, session),
    }
}

/// An auth message of a connection that may speak already.
pub(crate) async fn authenticate(state: &Arc<Gateway>, session: &Arc<Session>, message: Envelope) {
    let message = match AuthMessage::read(&message) {
        Ok(message) => message,
        // No authentication: nothing changes, and no clock stops.
        Err(text) => return refuse(state, session, MessageType::Auth, &ClientError::Validation(text), message.uid.as_ref()),
    };
    match evaluate(state, session, &message).await {
        Outcome::Accepted => rights::refresh(state, session).await,
        Outcome::Unavailable(error) => unavailable(state, session, error, &message),
        Outcome::TooManyConnections => full(state, session, &message),
        Outcome::Refused => {
            session.identify(state.authenticator.public(Arc::clone(session.client())));
            refuse(state, session, MessageType::Auth, &ClientError::AuthFailed, message.uid.as_ref());
            if session.mode() == AuthMode::Public {
                rights::changed(state, session, RightsChange::Lost).await;
            } else {
                session.queue().close(CloseReason::AuthenticationFailed);
            }
        }
    }
}

/// What an evaluation came to.
enum Outcome {
    /// The connection has the identity, and the client knows.
    Accepted,
    /// Some credential is wrong.
    Refused,
    /// Nobody could tell; everything is as before.
    Unavailable(ClientError),
    /// The user is who he says, and has as many connections as he may.
    TooManyConnections,
}

async fn evaluate(state: &Gateway, session: &Session, message: &AuthMessage) -> Outcome {
    let attempt = session.begin_authentication();
    let access_changes = state.connections.access_changes();
    match prove(state, session, message).await {
        Ok((identity, refresh_token)) => {
            if session.claim(&state.limits, identity.accountability.user).await.is_err() {
                return Outcome::TooManyConnections;
            }
            session.identify(identity);
            session.send(server::authenticated(message.uid.as_ref(), refresh_token.as_ref().map(SecretString::expose_secret)));
            session.look_again(&state.authenticator, access_changes).await;
            Outcome::Accepted
        }
        Err(AuthError::Unavailable(error)) => {
            session.resume(&attempt);
            Outcome::Unavailable(error.into())
        }
        // The credentials were not looked at.
        Err(AuthError::TooManyFailures { retry_after }) => {
            session.resume(&attempt);
            Outcome::Unavailable(ClientError::TooManyLogins { retry_after })
        }
        Err(
            error @ (AuthError::InvalidCredentials
            | AuthError::InvalidToken
            | AuthError::Expired
            | AuthError::Suspended
            | AuthError::InvalidOtp),
        ) => {
            tracing::debug!(connection = %session.id(), %error, "authentication refused");
            Outcome::Refused
        }
    }
}

/// Everything that the message holds, in order; the last one decides. The refresh token is that of a login or refresh.
async fn prove(state: &Gateway, session: &Session, message: &AuthMessage) -> Result<(Identity, Option<SecretString>), AuthError> {
    let client = || Arc::clone(session.client());
    let mut outcome = None;
    if let Some(login) = &message.login {
        let (identity, tokens) = state.authenticator.login(&login.email, &login.password, None, client()).await?;
        outcome = Some((identity, Some(tokens.refresh_token)));
    }
    if let Some(token) = &message.refresh_token {
        let (identity, tokens) = state.authenticator.refresh(token.expose_secret(), client()).await?;
        outcome = Some((identity, Some(tokens.refresh_token)));
    }
    if let Some(token) = &message.access_token {
        let identity = state.authenticator.token(token.expose_secret(), client()).await?;
        outcome = Some((identity, outcome.and_then(|(_, refresh_token)| refresh_token)));
    }
    outcome.ok_or(AuthError::InvalidCredentials)
}

fn unavailable(state: &Gateway, session: &Session, error: ClientError, message: &AuthMessage) {
    refuse(state, session, MessageType::Auth, &error, message.uid.as_ref());
}

/// The end of a connection that is one too many.
fn full(state: &Gateway, session: &Session, message: &AuthMessage) {
    refuse(state, session, MessageType::Auth, &ClientError::TooManyConnections, message.uid.as_ref());
    session.queue().close(CloseReason::TooManyConnections);
}

/// The end of a handshake that failed.
fn end(state: &Gateway, session: &Session) {
    refuse(state, session, MessageType::Auth, &ClientError::HandshakeFailed, None);
    session.queue().close(CloseReason::AuthenticationFailed);
}
