//! Statements of one shape for many askers, in one round trip.
//!
//! It must never let one of them spoil the others' answers for long: the caller asks each by itself when all together fail.

use access::statement::{ParameterType, Statement, gathered, together};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Kind;

use super::execute::{query, unless_stale};
use super::pool::Connection;
use super::{Database, DatabaseError};

impl Database {
    /// The rows of each of `statements`, which have one text, by one statement. `None` where they do not fit together.
    ///
    /// # Errors
    /// [`DatabaseError`]; it can be the fault of one of them.
    pub async fn query_together(&self, statements: &[Statement]) -> Result<Option<Vec<Vec<Row>>>, DatabaseError> {
        let Some(first) = statements.first() else { return Ok(Some(Vec::new())) };
        let all = async |connection: &Connection| match together(statements, &types(connection, first).await?) {
            Some(statement) => query(connection, &statement).await.map(Some),
            None => Ok(None),
        };
        self.on_connection(all).await?.map(|rows| by_place(rows, statements.len())).transpose()
    }

    /// The rows of each of `statements`, which write one row each and have one text, by one statement of `template` (see
    /// [`gathered`]) in a transaction of its own. `None` where they do not fit together, or take too long: nothing was written. Never
    /// runs twice.
    ///
    /// # Errors
    /// As [`Database::write`], for all of them; it can be the fault of one.
    pub async fn write_together(&self, template: &str, statements: &[&Statement]) -> Result<Option<Vec<Vec<Row>>>, DatabaseError> {
        let Some(first) = statements.first() else { return Ok(Some(Vec::new())) };
        let all = async |connection: &Connection| {
            let Some(statement) = gathered(template, statements, &types(connection, first).await?) else { return Ok(None) };
            match unless_stale(connection, &statement, query).await {
                // Too long for all of them, and taken back.
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => Ok(None),
                result => result.map(Some),
            }
        };
        let Some(rows) = self.on_connection(all).await? else { return Ok(None) };
        self.metrics().gathered(statements.len());
        by_place(rows, statements.len()).map(Some)
    }
}

/// The types of a statement's parameters.
async fn types(connection: &Connection, statement: &Statement) -> Result<Vec<ParameterType>, tokio_postgres::Error> {
    let prepared = connection.prepare(&statement.text).await?;
    let of = |ty: &tokio_postgres::types::Type| ParameterType {
        schema: ty.schema().to_owned(),
        name: ty.name().to_owned(),
        is_array: matches!(ty.kind(), Kind::Array(_)),
    };
    Ok(prepared.params().iter().map(of).collect())
}

/// Rows by the place in their last column.
fn by_place(rows: Vec<Row>, places: usize) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let mut answers: Vec<Vec<Row>> = (0..places).map(|_| Vec::new()).collect();
    for row in rows {
        let place: i32 = row.try_get(row.len().saturating_sub(1))?;
        if let Some(answer) = usize::try_from(place).ok().and_then(|place| answers.get_mut(place)) {
            answer.push(row);
        }
    }
    Ok(answers)
}
