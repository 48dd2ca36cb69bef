//! Who is asking: identity, roles, flags and where the request came from.
//!
//! It must never hold a token or a password.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

/// The identity under which an operation runs. Made by the gateway's `auth`, consumed everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accountability {
    /// The user; `None` for the public and for tokens that name only a role.
    pub user: Option<Uuid>,
    /// The user's own role.
    pub role: Option<Uuid>,
    /// The chain of roles from the root to [`Accountability::role`], inclusive.
    pub roles: Vec<Uuid>,
    /// The policies that apply to this session, by role position root to own, the user's own last, filtered by address.
    pub policies: Vec<Uuid>,
    /// Some applicable policy grants everything.
    pub admin: bool,
    /// Some applicable policy grants the use of the app, which brings the minimal app permissions.
    pub app: bool,
    /// The share that the token belongs to.
    pub share: Option<Uuid>,
    /// What is remembered of the upgrade or HTTP request.
    pub client: Arc<ClientOrigin>,
}

/// What is remembered of a request, for `ip_access` and for activity rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientOrigin {
    /// The client's address after proxy rules.
    pub ip: Option<IpAddr>,
    /// At most 1024 characters.
    pub user_agent: Option<String>,
    /// The `Origin` header.
    pub origin: Option<String>,
}

impl Accountability {
    /// The identity of nobody: no user, no role, public rights from `client`.
    #[must_use]
    pub fn public(client: Arc<ClientOrigin>) -> Self {
        Self { client, ..Self::default() }
    }
}
