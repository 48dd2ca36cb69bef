//! Writes of one shape that come while another one is under way go together when it is done.
//!
//! A write that finds nobody waits for nobody. Those that come meanwhile become one statement, each with its own rights, which
//! were checked before: under load a write costs PostgreSQL a third or less, since capture and the commit are paid for once.
//! Whoever would write the same row waits for the next turn. Nobody waits long for one that waits for a lock.
//!
//! It must never let one of them spoil it for the others: when all together fail, each goes by itself and is told its own fault,
//! and for a while such writes do not go together. Nor may it run one twice: what nobody knows the outcome of is told as such.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::statement::Statement;
use service_runtime::Tasks;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::database::{Database, DatabaseError, Row};
use crate::items::one_row::{OneRow, Texts};

/// How long writes of a shape go alone after one that failed together with others.
const ALONE: Duration = Duration::from_secs(1);
/// Values of one turn: whoever writes much goes alone.
const BYTES: usize = 1 << 20;
/// How long anybody waits for what is under way before the next turn goes beside it: a commit that takes its time, or one that
/// waits for somebody's lock.
const PATIENCE: Duration = Duration::from_millis(1);

/// The writes that are under way; cheap to clone.
#[derive(Clone)]
pub(super) struct Gathering(Arc<Inner>);

struct Inner {
    database: Database,
    tasks: Tasks,
    /// Rows of one statement at most; 1: nothing goes together.
    most: usize,
    patience: Duration,
    /// By the text of a single one. Guards the map only.
    shapes: Mutex<HashMap<Arc<str>, Shape>>,
    turns: AtomicU64,
}

/// Writes of one shape; here while one is under way, or while they go alone.
#[derive(Default)]
struct Shape {
    /// The turn that others wait for. One that was overtaken is not waited for any more.
    current: Option<TurnId>,
    waiting: VecDeque<Waiting>,
    alone_until: Option<Instant>,
}

type TurnId = u64;

struct Waiting {
    statement: Arc<Statement>,
    pieces: Box<OneRow>,
    /// What only one of a turn may write.
    row: Option<String>,
    /// Of its values.
    bytes: usize,
    since: Instant,
    /// Dropped when its turn has come: from then on there is nothing to overtake.
    queued: Option<oneshot::Sender<()>>,
    done: oneshot::Sender<Turn>,
}

/// What somebody who waited gets.
enum Turn {
    Written(Vec<Row>),
    Failed(DatabaseError),
    /// It was not written: by itself, then.
    Alone,
}

/// One write is under way; however it ends, the next ones follow.
struct Underway {
    gathering: Gathering,
    shape: Arc<str>,
    id: TurnId,
}

impl Gathering {
    pub(super) fn new(database: Database, tasks: Tasks, most: usize) -> Self {
        Self::with_patience(database, tasks, most, PATIENCE)
    }

    pub(super) fn with_patience(database: Database, tasks: Tasks, most: usize, patience: Duration) -> Self {
        Self(Arc::new(Inner { database, tasks, most, patience, shapes: Mutex::default(), turns: AtomicU64::new(0) }))
    }

    /// Runs a write in a transaction of its own, or with others. `row` names the row that it changes.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub(super) async fn write(&self, texts: Texts, row: Option<String>) -> Result<Vec<Row>, DatabaseError> {
        let Texts { alone: statement, pieces } = texts;
        let Some(pieces) = pieces.filter(|_| self.0.most > 1) else { return self.0.database.write(&statement).await };
        let shape: Arc<str> = statement.text.as_str().into();
        let (mut taken, turn) = match self.enter(&shape, &statement, pieces, row) {
            Entered::Alone => return self.0.database.write(&statement).await,
            Entered::First(id) => {
                let _underway = Underway { gathering: self.clone(), shape, id };
                return self.0.database.write(&statement).await;
            }
            Entered::Waits(taken, turn) => (taken, turn),
        };
        while tokio::time::timeout(self.0.patience, &mut taken).await.is_err() {
            self.overtake(&shape);
        }
        match turn.await {
            Ok(Turn::Written(rows)) => Ok(rows),
            Ok(Turn::Failed(error)) => Err(error),
            Ok(Turn::Alone) => self.0.database.write(&statement).await,
            // The process is ending.
            Err(_) => Err(DatabaseError::Unavailable(None)),
        }
    }

    fn enter(&self, name: &Arc<str>, statement: &Arc<Statement>, pieces: Box<OneRow>, row: Option<String>) -> Entered {
        let mut shapes = self.shapes();
        let shape = shapes.entry(Arc::clone(name)).or_default();
        if shape.alone_until.is_some_and(|until| Instant::now() < until) {
            return Entered::Alone;
        }
        if shape.current.is_none() {
            return Entered::First(*shape.current.insert(self.turn()));
        }
        let ((done, turn), (queued, taken)) = (oneshot::channel(), oneshot::channel());
        let bytes = statement.bytes();
        shape.waiting.push_back(Waiting {
            statement: Arc::clone(statement),
            pieces,
            row,
            bytes,
            since: Instant::now(),
            queued: Some(queued),
            done,
        });
        Entered::Waits(taken, turn)
    }

    /// The next turn begins beside what is under way, if somebody has waited long enough.
    fn overtake(&self, name: &Arc<str>) {
        self.follow(name, |shape| shape.waiting.front().is_some_and(|first| first.since.elapsed() >= self.0.patience));
    }

    /// A turn has ended; the next follows.
    fn ended(&self, name: &Arc<str>, id: TurnId) {
        self.follow(name, |shape| shape.current == Some(id));
    }

    /// Begins the next turn, where it is `due`. When nobody waits nothing is under way any more.
    fn follow(&self, name: &Arc<str>, due: impl FnOnce(&Shape) -> bool) {
        let turn = {
            let mut shapes = self.shapes();
            let Some(shape) = shapes.get_mut(name).filter(|shape| due(shape)) else { return };
            let turn = shape.next(self.0.most);
            shape.current = (!turn.is_empty()).then(|| self.turn());
            let id = shape.current;
            if id.is_none() && shape.alone_until.is_none() {
                shapes.remove(name);
            }
            id.map(|id| (id, turn))
        };
        if let Some((id, turn)) = turn {
            // Not by whoever was there: he may go away at any moment, and others depend on it.
            self.0.tasks.spawn("writes", self.clone().run(Arc::clone(name), id, turn));
        }
    }

    fn turn(&self) -> TurnId {
        self.0.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs one turn; the next follows.
    async fn run(self, shape: Arc<str>, id: TurnId, turn: Vec<Waiting>) {
        let underway = Underway { gathering: self, shape, id };
        underway.gathering.take(&underway.shape, turn).await;
    }

    async fn take(&self, shape: &str, mut turn: Vec<Waiting>) {
        if turn.len() == 1
            && let Some(waiting) = turn.pop()
        {
            let outcome = self.0.database.write(&waiting.statement).await;
            return waiting.tell(outcome.map_or_else(Turn::Failed, Turn::Written));
        }
        // Turns beside each other lock rows in one order.
        turn.sort_by(|one, other| one.row.cmp(&other.row));
        let Some(first) = turn.first() else { return };
        let statements: Vec<&Statement> = turn.iter().map(|waiting| &*waiting.statement).collect();
        match self.0.database.write_together(&first.pieces.together(), &statements).await {
            Ok(Some(written)) => {
                for (waiting, rows) in turn.into_iter().zip(written) {
                    // Whoever found no row to change looks again: of two for one row the statement serves one.
                    let again = rows.is_empty() && waiting.row.is_some();
                    waiting.tell(if again { Turn::Alone } else { Turn::Written(rows) });
                }
            }
            // Nothing was written.
            Ok(None) | Err(DatabaseError::Sql(_)) => {
                self.part(shape);
                turn.into_iter().for_each(|waiting| waiting.tell(Turn::Alone));
            }
            Err(error) => turn.into_iter().for_each(|waiting| waiting.tell(Turn::Failed(error.alike()))),
        }
    }

    /// Writes of this shape go alone for a while.
    fn part(&self, name: &str) {
        let (mut shapes, now) = (self.shapes(), Instant::now());
        shapes.entry(name.into()).or_default().alone_until = Some(now + ALONE);
        shapes.retain(|_, shape| shape.current.is_some() || shape.alone_until.is_some_and(|until| now < until));
    }

    /// Nothing goes alone any more.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.shapes().retain(|_, shape| shape.current.is_some());
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.shapes().values().map(|shape| shape.waiting.len()).sum()
    }

    fn shapes(&self) -> MutexGuard<'_, HashMap<Arc<str>, Shape>> {
        self.0.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shape {
    /// Those who go next, `most` of them, in the order in which they came.
    fn next(&mut self, most: usize) -> Vec<Waiting> {
        let (mut rows, mut bytes) = (HashSet::new(), 0_usize);
        let (mut next, mut later) = (Vec::new(), VecDeque::new());
        for mut waiting in self.waiting.drain(..).filter(|waiting| !waiting.done.is_closed()) {
            let free = waiting.row.as_ref().is_none_or(|row| !rows.contains(row));
            let fits = next.is_empty() || bytes.saturating_add(waiting.bytes) <= BYTES;
            if next.len() < most && free && fits {
                bytes = bytes.saturating_add(waiting.bytes);
                rows.extend(waiting.row.clone());
                waiting.queued = None;
                next.push(waiting);
            } else {
                later.push_back(waiting);
            }
        }
        self.waiting = later;
        next
    }
}

/// How a write begins.
enum Entered {
    Alone,
    First(TurnId),
    Waits(oneshot::Receiver<()>, oneshot::Receiver<Turn>),
}

impl Waiting {
    fn tell(self, turn: Turn) {
        // Its connection may be gone.
        let _told = self.done.send(turn);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.gathering.ended(&self.shape, self.id);
    }
}
