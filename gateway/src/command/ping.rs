//! `ping`: a `pong` with the same uid and nothing else, in the order of the requests.
//!
//! It must never depend on whether the server sends pings of its own.

use crate::connection::session::Session;
use crate::protocol::Uid;
use crate::protocol::server;

/// Answers a ping.
pub(super) fn ping(session: &Session, uid: Option<&Uid>) {
    session.send(server::pong(uid));
}
