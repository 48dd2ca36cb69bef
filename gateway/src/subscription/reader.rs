//! The database reads that an event may cause: for all groups of one shape together, never per subscriber.
//!
//! It must never widen a plan: it restricts the group's plan to keys, or lifts the caller's own limit.

use std::collections::HashSet;
use std::sync::Arc;

use access::plan::{ReadPlan, Root};
use access::sql::{self, ReadOptions, Shape};
use access::statement::Statement;
use change_event::Snapshot;
use prometheus::IntCounter;

use crate::database::{Cause, Database, DatabaseError, Row};
use crate::subscription::request::Planned;

/// Reads for groups; cheap to clone.
#[derive(Clone)]
pub(super) struct Reader {
    database: Database,
    events: Database,
    reads: IntCounter,
}

/// One item of a keyed read.
pub(super) struct KeyedItem {
    pub(super) key: String,
    pub(super) data: String,
}

/// The whole view at one moment.
pub struct ViewRead {
    /// A JSON array, or one object; `None` when the one item is absent or hidden.
    pub data: Option<String>,
    /// The `meta` member, where the query asks for it.
    pub meta: Option<Vec<u8>>,
    /// What the read has seen.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The keys of the rows in `data`, where the group remembers them.
    pub shown: Arc<[String]>,
}

impl Reader {
    pub(super) fn new(database: Database, reads: IntCounter) -> Self {
        Self { events: database.caused_by(Cause::Event), database, reads }
    }

    /// The same, for reads that an event causes.
    fn for_event(&self) -> Self {
        Self { database: self.events.clone(), ..self.clone() }
    }

    /// The items of the view among `keys`, in the view's order.
    pub(super) async fn items(&self, planned: &Planned, keys: Vec<String>) -> Result<Vec<KeyedItem>, DatabaseError> {
        self.reads.inc();
        keyed_items(&self.events.query(&keyed(planned, keys)).await?)
    }

    /// The items of each view among its keys; views of one shape are read by one statement.
    pub(super) async fn items_of(&self, wanted: Vec<(Planned, Vec<String>)>) -> Vec<Result<Vec<KeyedItem>, DatabaseError>> {
        let statements = wanted.into_iter().map(|(planned, keys)| keyed(&planned, keys)).collect();
        let answers = self.each(statements).await;
        answers.into_iter().map(|rows| rows.and_then(|rows| keyed_items(&rows))).collect()
    }

    /// The values of aggregates; those of one shape are read by one statement.
    pub(super) async fn aggregates(&self, wanted: &[Planned]) -> Vec<Result<Option<Vec<u8>>, DatabaseError>> {
        let read = |planned: &Planned| sql::read(&planned.plan, &ReadOptions { shape: Shape::List, snapshot: false, keys: None });
        let answers = self.each(wanted.iter().map(read).collect()).await;
        let value = |rows: Vec<Row>| match rows.first() {
            Some(row) => Ok(row.try_get::<_, Option<String>>(0)?.map(String::into_bytes)),
            None => Ok(None),
        };
        answers.into_iter().map(|rows| rows.and_then(value)).collect()
    }

    /// Runs statements, those of one text together; the answers are in their order.
    async fn each(&self, statements: Vec<Statement>) -> Vec<Result<Vec<Row>, DatabaseError>> {
        let mut asked: Vec<(usize, Statement)> = statements.into_iter().enumerate().collect();
        asked.sort_by(|(_, one), (_, other)| one.text.cmp(&other.text));
        let (places, statements): (Vec<usize>, Vec<Statement>) = asked.into_iter().unzip();
        let mut answers = Vec::with_capacity(statements.len());
        for same in statements.chunk_by(|one, other| one.text == other.text) {
            answers.extend(self.same(same).await);
        }
        let mut answers: Vec<_> = places.into_iter().zip(answers).collect();
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Runs statements of one text.
    async fn same(&self, statements: &[Statement]) -> Vec<Result<Vec<Row>, DatabaseError>> {
        let mut lost = false;
        if statements.len() > 1 {
            self.reads.inc();
            match self.events.query_together(statements).await {
                Ok(Some(answers)) => return answers.into_iter().map(Ok).collect(),
                Ok(None) => {}
                Err(error) => {
                    lost = error.is_unavailable();
                    tracing::debug!(%error, statements = statements.len(), "reads for several groups failed together");
                }
            }
        }
        // One of them may be at fault, and only it shall hear of that. Without a database they are not tried in turn.
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            if lost {
                answers.push(Err(DatabaseError::Unavailable(None)));
                continue;
            }
            self.reads.inc();
            let answer = self.events.query(statement).await;
            lost = answer.as_ref().is_err_and(DatabaseError::is_unavailable);
            answers.push(answer);
        }
        answers
    }

    /// The keys of the whole view; `None` when there are more than `most`.
    pub(super) async fn keys(&self, planned: &Planned, most: usize) -> Result<Option<HashSet<String>>, DatabaseError> {
        let mut plan = unlimited(&planned.plan);
        if let Root::Items(level) = &mut plan.root {
            level.limit = Some(most as u64 + 1);
            level.sort.clear();
        }
        let rows = self.database.query(&sql::keys(&plan)).await?;
        let keys = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<String>, _>>()?;
        Ok((keys.len() <= most).then_some(keys))
    }

    /// The whole view, or the one item in `item`, with its counts, the snapshot it was read under and, where the group
    /// remembers them, the keys of its rows.
    pub(super) async fn view(&self, planned: &Planned, item: Option<&str>) -> Result<ViewRead, DatabaseError> {
        self.read_view(&planned.plan, item, planned.remembered).await
    }

    async fn read_view(&self, plan: &ReadPlan, item: Option<&str>, remembered: bool) -> Result<ViewRead, DatabaseError> {
        let shape = if item.is_some() { Shape::Object } else { Shape::List };
        let options = ReadOptions { shape, snapshot: true, keys: item.map(|item| vec![item.to_owned()]) };
        let with_keys = remembered && item.is_none();
        let statement = if with_keys { sql::read_with_keys(plan, &options) } else { sql::read(plan, &options) };
        let rows = self.database.query(&statement).await?;
        let Some(row) = rows.first() else { return Ok(ViewRead { data: None, meta: None, snapshot: None, shown: Arc::default() }) };
        let data = row.try_get::<_, Option<String>>(0)?;
        let mut column = 1;
        let mut counts = Vec::new();
        for (name, wanted) in [("total_count", plan.total_count.is_some()), ("filter_count", plan.filter_count.is_some())] {
            if wanted {
                counts.push(format!("\"{name}\":{}", row.try_get::<_, i64>(column)?));
                column += 1;
            }
        }
        let snapshot: String = row.try_get(column)?;
        let shown = match item {
            Some(item) if remembered && data.is_some() => vec![item.to_owned()],
            None if with_keys => row.try_get(column + 1)?,
            Some(_) | None => Vec::new(),
        };
        let meta = (!counts.is_empty()).then(|| format!("{{{}}}", counts.join(",")).into_bytes());
        Ok(ViewRead { data, meta, snapshot: snapshot.parse().ok().map(Arc::new), shown: shown.into() })
    }

    /// What is committed now.
    pub(super) async fn snapshot(&self) -> Result<Option<Arc<Snapshot>>, DatabaseError> {
        let mut statement = Statement::default();
        statement.push("select pg_current_snapshot()::text || '@' || (extract(epoch from clock_timestamp()) * 1000000)::int8");
        let rows = self.database.query(&statement).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(row.try_get::<_, String>(0)?.parse().ok().map(Arc::new))
    }

    /// The counts alone.
    pub(super) async fn meta(&self, planned: &Planned) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.reads.inc();
        let mut plan = (*planned.plan).clone();
        if let Root::Items(level) = &mut plan.root {
            level.limit = Some(0);
            level.select.clear();
        }
        Ok(self.for_event().read_view(&plan, None, false).await?.meta)
    }
}

fn keyed(planned: &Planned, keys: Vec<String>) -> Statement {
    sql::read(&unlimited(&planned.plan), &ReadOptions { shape: Shape::Keyed, snapshot: false, keys: Some(keys) })
}

fn keyed_items(rows: &[Row]) -> Result<Vec<KeyedItem>, DatabaseError> {
    rows.iter().map(|row| Ok(KeyedItem { key: row.try_get(0)?, data: row.try_get(1)? })).collect()
}

fn unlimited(plan: &ReadPlan) -> ReadPlan {
    let mut plan = plan.clone();
    plan.total_count = None;
    plan.filter_count = None;
    if let Root::Items(level) = &mut plan.root {
        level.limit = None;
        level.offset = 0;
    }
    plan
}
