//! What can go wrong with the database.
//!
//! It must never print what the server said about values: messages and details quote rows, and logs are no place for them.

use std::fmt;

use tokio_postgres::error::SqlState;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The server cannot be reached, or the connection was lost.
    #[error("the database is unavailable")]
    Unavailable(#[source] Option<tokio_postgres::Error>),
    /// Every connection is in use, and none became free in time.
    #[error("no database connection became free in time")]
    Busy,
    /// The statement took longer than it may.
    #[error("the statement ran out of time")]
    Timeout,
    /// The server refused the statement.
    #[error("the database refused a statement: {0}")]
    Sql(Box<SqlError>),
    /// A result has another form than the code that asked for it expects.
    #[error("the database gave an unexpected result")]
    Form(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What several waited for had another form than expected.
#[derive(Debug, thiserror::Error)]
#[error("the result for several had an unexpected form")]
struct OfOthers;

/// An error of the server, in parts.
#[derive(Clone)]
pub struct SqlError {
    state: SqlState,
    message: String,
    detail: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
}

impl SqlError {
    /// A statement of this transaction failed before.
    pub(super) fn aborted() -> Self {
        let message = "a statement of this transaction failed".to_owned();
        Self { state: SqlState::IN_FAILED_SQL_TRANSACTION, message, detail: None, table: None, column: None, constraint: None }
    }

    /// The five-character SQLSTATE.
    #[must_use]
    pub fn state(&self) -> &str {
        self.state.code()
    }

    /// The server's message. It may quote values: neither for clients nor for logs above debug level.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The server's detail; quotes values.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The table whose constraint or column is meant.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The column.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The constraint's name.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlstate {}", self.state.code())?;
        for (name, part) in [("table", &self.table), ("column", &self.column), ("constraint", &self.constraint)] {
            if let Some(part) = part {
                write!(f, ", {name} {part}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DatabaseError {
    /// The SQLSTATE, where the server gave one.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Sql(error) => Some(error.state()),
            Self::Unavailable(_) | Self::Busy | Self::Timeout | Self::Form(_) => None,
        }
    }

    /// Whether the database, not the statement, is at fault: asking again later may help.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Busy => true,
            Self::Timeout | Self::Sql(_) | Self::Form(_) => false,
        }
    }

    /// The same for somebody else who waited for it.
    pub(crate) fn alike(&self) -> Self {
        match self {
            Self::Unavailable(_) => Self::Unavailable(None),
            Self::Busy => Self::Busy,
            Self::Timeout => Self::Timeout,
            Self::Sql(error) => Self::Sql(error.clone()),
            Self::Form(_) => Self::form(OfOthers),
        }
    }

    /// A result that does not have the promised form.
    pub(crate) fn form(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Form(Box::new(error))
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(server) = error.as_db_error() else {
            // What is left are conversions of parameters and results, and everything that ends a connection.
            return if error.is_closed() || is_transport(&error) { Self::Unavailable(Some(error)) } else { Self::form(error) };
        };
        let state = server.code();
        // Class 57P: the server goes down, starts up, or an administrator ended the session. 53300: too many clients.
        if state.code().starts_with("57P") || *state == SqlState::TOO_MANY_CONNECTIONS {
            return Self::Unavailable(Some(error));
        }
        if *state == SqlState::QUERY_CANCELED {
            return Self::Timeout;
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self::Sql(Box::new(SqlError {
            state: state.clone(),
            message: server.message().to_owned(),
            detail: owned(server.detail()),
            table: owned(server.table()),
            column: owned(server.column()),
            constraint: owned(server.constraint()),
        }))
    }
}

impl From<serde_json::Error> for DatabaseError {
    fn from(error: serde_json::Error) -> Self {
        Self::form(error)
    }
}

fn is_transport(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}
