//! Reads of one shape for many askers, in one round trip.
//!
//! It must never let one of them spoil the others' answers for long: the caller asks each by itself when all together fail.

use access::statement::{Statement, together};
use tokio_postgres::Row;

use super::execute::query;
use super::pool::Connection;
use super::{Database, DatabaseError};

impl Database {
    /// The rows of each of `statements`, which have one text, by one statement. `None` where they do not fit together.
    ///
    /// # Errors
    /// [`DatabaseError`]; it can be the fault of one of them.
    pub async fn query_together(&self, statements: &[Statement]) -> Result<Option<Vec<Vec<Row>>>, DatabaseError> {
        let Some(first) = statements.first() else { return Ok(Some(Vec::new())) };
        let all = async |connection: &Connection| {
            let prepared = connection.prepare(&first.text).await?;
            let types: Vec<_> = prepared.params().iter().map(|ty| (ty.schema().to_owned(), ty.name().to_owned())).collect();
            match together(statements, &types) {
                Some(statement) => query(connection, &statement).await.map(Some),
                None => Ok(None),
            }
        };
        let Some(rows) = self.on_connection(all).await? else { return Ok(None) };
        let mut answers: Vec<Vec<Row>> = statements.iter().map(|_| Vec::new()).collect();
        for row in rows {
            let place: i32 = row.try_get(row.len().saturating_sub(1))?;
            if let Some(answer) = usize::try_from(place).ok().and_then(|place| answers.get_mut(place)) {
                answer.push(row);
            }
        }
        Ok(Some(answers))
    }
}
