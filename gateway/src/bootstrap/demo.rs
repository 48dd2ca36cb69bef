//! The `messages` collection of the guides, with a user who may do everything with it.
//!
//! It must never be made on a database that somebody else uses: only `dev` calls it, on its own Postgres.

use secrecy::{ExposeSecret as _, SecretString};

use super::{BootstrapError, DEMO, LOCK, plain, with};
use crate::database::Database;

/// The demo user; fixed, so that a second run finds it.
const USER: &str = "7de00000-0000-4000-8000-000000000001";
const ROLE: &str = "7de00000-0000-4000-8000-000000000002";

/// Makes collection, role, policy and user; `token` is the user's static token. Doing it again changes nothing but the
/// token.
///
/// # Errors
/// [`BootstrapError`].
pub async fn create_demo(database: &Database, token: &SecretString) -> Result<(), BootstrapError> {
    let mut transaction = database.transaction().await?;
    transaction.query(&plain(LOCK)).await?;
    transaction.script(DEMO).await?;
    let user = "insert into directus_users (id, first_name, email, token, role) values ($1, 'Demo', 'demo@example.com', $2, $3) \
        on conflict (id) do update set token = excluded.token where directus_users.token is distinct from excluded.token";
    transaction.execute(&with(user, [Some(USER), Some(token.expose_secret()), Some(ROLE)])).await?;
    transaction.commit().await?;
    Ok(())
}
