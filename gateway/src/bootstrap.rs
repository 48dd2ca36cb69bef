//! Makes an empty database one that the gateway can serve: system tables, an administrator, the public policy.
//!
//! It must never touch a database that Directus manages, drop or change what exists, or print a password that it was given.

mod admin;
mod demo;

use std::fmt;

use access::statement::{Parameter, Statement};
use secrecy::{ExposeSecret as _, SecretString};
use service_runtime::Tasks;
use service_runtime::config::Lookup;

use crate::auth::{Hashing, hash_password};
use crate::database::{Database, DatabaseError, Transaction};

pub use demo::create_demo;

/// `directus_*` as far as the protocol needs them.
const TABLES: &str = include_str!("bootstrap/tables.sql");
/// The settings row and the public policy.
const ROWS: &str = include_str!("bootstrap/rows.sql");
/// The demo collection.
const DEMO: &str = include_str!("bootstrap/demo.sql");
/// Two bootstraps at once go one after the other.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('tidegate:bootstrap', 0))";
/// What an administrator is called who was given no address.
const DEFAULT_EMAIL: &str = "admin@example.com";

/// The administrator to create.
#[derive(Debug, Clone, Default)]
pub struct AdminSettings {
    /// `ADMIN_EMAIL`; without it `DEFAULT_EMAIL`.
    pub email: Option<String>,
    /// `ADMIN_PASSWORD`; without it one is made up and told once.
    pub password: Option<SecretString>,
    /// `ADMIN_TOKEN`.
    pub token: Option<SecretString>,
}

/// What a bootstrap did.
#[derive(Debug)]
pub enum Outcome {
    /// Directus manages this database; nothing was changed.
    Managed,
    /// Everything was there already.
    Complete,
    /// Tables and rows were made.
    Created {
        /// The administrator, where one was made.
        admin: Option<NewAdmin>,
    },
}

/// An administrator that has just been made.
#[derive(Debug)]
pub struct NewAdmin {
    /// The address to log in with.
    pub email: String,
    /// The password, if it was made up.
    pub made_up_password: Option<SecretString>,
}

/// Why a database is not ready.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The database refused or is away.
    #[error("cannot prepare the database")]
    Database(#[from] DatabaseError),
    /// The password could not be hashed.
    #[error("cannot hash the password (ADMIN_PASSWORD)")]
    Password,
}

impl AdminSettings {
    /// Reads `ADMIN_EMAIL`, `ADMIN_PASSWORD` and `ADMIN_TOKEN`.
    #[must_use]
    pub fn read(lookup: &dyn Lookup) -> Self {
        let secret = |name: &str| lookup.get(name).map(SecretString::from);
        Self { email: lookup.get("ADMIN_EMAIL"), password: secret("ADMIN_PASSWORD"), token: secret("ADMIN_TOKEN") }
    }
}

/// Prepares `database`, in one transaction; doing it again changes nothing.
///
/// # Errors
/// [`BootstrapError`]; nothing is left half-made.
pub async fn bootstrap(database: &Database, admin: AdminSettings) -> Result<Outcome, BootstrapError> {
    let made_up = admin.password.is_none().then(admin::make_up_password);
    let password = admin.password.or_else(|| made_up.clone()).ok_or(BootstrapError::Password)?;
    let mut transaction = database.transaction().await?;
    transaction.query(&plain(LOCK)).await?;
    if is_managed(&mut transaction).await? {
        transaction.rollback().await?;
        return Ok(Outcome::Managed);
    }
    let before = objects(&mut transaction).await?;
    transaction.script(TABLES).await?;
    transaction.script(ROWS).await?;
    let mut new_admin = None;
    if !admin::exists(&mut transaction).await? {
        // A few tenths of a second inside the transaction, once in the life of a database.
        let hash = hash_password(&Tasks::new(), &Hashing::default(), &password).await.ok_or(BootstrapError::Password)?;
        let email = admin.email.unwrap_or_else(|| DEFAULT_EMAIL.to_owned());
        admin::create(&mut transaction, &email, &hash, admin.token.as_ref().map(|token| token.expose_secret())).await?;
        new_admin = Some(NewAdmin { email, made_up_password: made_up });
    }
    let changed = new_admin.is_some() || objects(&mut transaction).await? != before;
    transaction.commit().await?;
    Ok(if changed { Outcome::Created { admin: new_admin } } else { Outcome::Complete })
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed => f.write_str("This database is managed by Directus; nothing was changed."),
            Self::Complete => f.write_str("Everything was there already; nothing was changed."),
            Self::Created { admin: None } => f.write_str("The missing system tables were created."),
            Self::Created { admin: Some(admin) } => {
                write!(f, "The system tables were created, with the administrator {}.", admin.email)?;
                match &admin.made_up_password {
                    None => Ok(()),
                    Some(password) => write!(f, "\nThe password, shown this once: {}", password.expose_secret()),
                }
            }
        }
    }
}

/// Directus keeps a row for each migration that it has run.
async fn is_managed(transaction: &mut Transaction) -> Result<bool, DatabaseError> {
    let exists = transaction.query(&plain("select to_regclass('directus_migrations') is not null")).await?;
    if !first_flag(&exists)? {
        return Ok(false);
    }
    first_flag(&transaction.query(&plain("select exists (select from directus_migrations)")).await?)
}

/// How many tables, columns and rows of ours there are: whether a run made anything.
async fn objects(transaction: &mut Transaction) -> Result<i64, DatabaseError> {
    let columns = "select count(*) from information_schema.columns where table_schema = any (current_schemas(false)) \
        and table_name like 'directus\\_%'";
    let rows = transaction.query(&plain(columns)).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

fn first_flag(rows: &[crate::database::Row]) -> Result<bool, DatabaseError> {
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

fn plain(text: &str) -> Statement {
    Statement { text: text.to_owned(), parameters: Vec::new() }
}

fn with<const N: usize>(text: &str, parameters: [Option<&str>; N]) -> Statement {
    let parameter = |value: Option<&str>| value.map_or(Parameter::Null, |value| Parameter::Text(value.to_owned()));
    Statement { text: text.to_owned(), parameters: parameters.map(parameter).into() }
}

#[cfg(test)]
mod tests;
