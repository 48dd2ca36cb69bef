//! The SQL of a write of one row: row, activity and revision, alone or for many rows of one shape at once.
//!
//! ```text
//! alone   with w (the row written), a (activity), r (revision)               select key, data              from w
//! many    with b (a row per write), w (each with its place), a, r             select key, data, place      from w, b
//! ```
//!
//! Many at once are one statement, so that capture's triggers, the transaction and the wait for the disk are paid for once.
//! Each is captured as a change of its own (`tidegate.apart`), and a lock that somebody holds ends the statement soon: it would
//! hold up people who have nothing to do with that row. It must never put a value into the text.
//!
//! Rows that an INSERT … SELECT … ORDER BY returns come in that order: by this each finds its writer. It does not hold where
//! triggers or rules leave rows out: such tables are written alone, and should rows be missing all the same, nothing is written.

use std::sync::Arc;

use access::sql::Returned;
use access::statement::{GATHERED, Parameter, Statement};

/// The WITH query that returns the written row.
pub(super) const ROW: &str = "w";
/// The table of an UPDATE.
pub(super) const OLD: &str = "t";

/// A write of one row, in pieces that share their parameters.
#[derive(Debug)]
pub(super) struct OneRow {
    pub(super) parameters: Vec<Parameter>,
    pub(super) effect: Effect,
    /// `INSERT INTO activity … SELECT …`, up to its FROM.
    pub(super) activity: Option<String>,
    pub(super) revision: Option<Revision>,
    /// The key of [`ROW`] as text.
    pub(super) key: String,
    /// The answer; `None` where only a read after the commit can tell.
    pub(super) data: Option<Returned>,
    /// The place of the trace that capture is handed.
    pub(super) traceparent: Option<String>,
}

/// What is done to the table.
#[derive(Debug)]
pub(super) enum Effect {
    /// `INSERT INTO …`, and the list of its values; `None`: the defaults.
    Insert { into: String, values: Option<String> },
    /// `UPDATE … SET …`, and which row.
    Update { set: String, chosen: String },
}

/// What is kept of the row.
#[derive(Debug)]
pub(super) struct Revision {
    /// `INSERT INTO revisions … SELECT`, with its first two values.
    pub(super) head: String,
    pub(super) data: RevisionData,
    /// A placeholder.
    pub(super) delta: String,
}

/// What a revision keeps of the row.
#[derive(Debug)]
pub(super) enum RevisionData {
    /// A placeholder.
    Sent(String),
    /// The row as it is then.
    Row(Returned),
}

/// A statement, and its pieces if it may go together with others of its text.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) alone: Arc<Statement>,
    pub(super) pieces: Option<Box<OneRow>>,
}

/// Where the pieces read the row from.
#[derive(Clone, Copy)]
enum Source {
    One,
    Many,
}

impl OneRow {
    /// The write by itself. It may go together with others if `untouched`: no trigger or rule leaves rows out.
    pub(super) fn texts(mut self, untouched: bool) -> Texts {
        let alone = Arc::new(Statement { text: self.alone(), parameters: std::mem::take(&mut self.parameters) });
        // Nothing differs between rows of defaults, and a trace is of one write.
        let gathers = untouched && self.traceparent.is_none() && !matches!(self.effect, Effect::Insert { values: None, .. });
        Texts { alone, pieces: gathers.then(|| Box::new(self)) }
    }

    fn alone(&self) -> String {
        let written = match &self.effect {
            Effect::Insert { into, values: Some(values) } => format!("{into} VALUES ({values}) RETURNING *"),
            Effect::Insert { into, values: None } => format!("{into} DEFAULT VALUES RETURNING *"),
            Effect::Update { set, chosen } => format!("{set} WHERE {chosen} RETURNING {OLD}.*"),
        };
        let mut text = format!("WITH {ROW} AS ({written})");
        if let Some(activity) = &self.activity {
            text.push_str(&format!(", a AS ({activity} FROM {ROW}"));
            if let Some(revision) = &self.revision {
                text.push_str(&format!(" RETURNING \"id\", \"item\"), r AS ({} FROM a", revision.text(Source::One)));
            }
            text.push(')');
        }
        text.push_str(&format!(" SELECT {} AS key, {} AS data", self.key, self.data(Source::One)));
        if let Some(place) = &self.traceparent {
            text.push_str(&format!(", set_config('tidegate.traceparent', {place}::text, true) AS trace"));
        }
        text.push_str(" FROM ");
        text.push_str(ROW);
        text
    }

    /// The template of [`access::statement::gathered`].
    pub(super) fn together(&self) -> String {
        const PLACED: &str = "JOIN b ON b.n = w.\"tidegate place\"";
        // Division by zero, which takes everything back, unless as many rows came back as were sent.
        const ALL_OF_THEM: &str = "+ 0 / ((SELECT count(*) FROM i) = (SELECT count(*) FROM b))::int";
        let mut text = format!(
            "WITH b AS MATERIALIZED (SELECT * FROM {GATHERED} WHERE (SELECT set_config('tidegate.apart', 'on', true)) IS NOT NULL \
             AND (SELECT set_config('lock_timeout', '100ms', true)) IS NOT NULL), "
        );
        match &self.effect {
            Effect::Insert { into, values } => text.push_str(&format!(
                "i AS ({into} SELECT {} FROM b ORDER BY b.n RETURNING *), \
                 {ROW} AS (SELECT i.*, row_number() OVER () - 1 {ALL_OF_THEM} AS \"tidegate place\" FROM i)",
                values.as_deref().unwrap_or_default()
            )),
            Effect::Update { set, chosen } => {
                text.push_str(&format!("{ROW} AS ({set} FROM b WHERE {chosen} RETURNING {OLD}.*, b.n AS \"tidegate place\")"));
            }
        }
        if let Some(activity) = &self.activity {
            text.push_str(&format!(", a AS ({activity} FROM {ROW} {PLACED} ORDER BY b.n"));
            if let Some(revision) = &self.revision {
                text.push_str(&format!(
                    " RETURNING \"id\", \"item\"), r AS ({} FROM a JOIN {ROW} ON {} = a.\"item\" {PLACED} ORDER BY b.n",
                    revision.text(Source::Many),
                    self.key
                ));
            }
            text.push(')');
        }
        text.push_str(&format!(" SELECT {} AS key, {} AS data, b.n FROM {ROW} {PLACED}", self.key, self.data(Source::Many)));
        text
    }

    fn data(&self, source: Source) -> String {
        self.data.as_ref().map_or_else(|| "NULL::text".to_owned(), |data| data.of(source.item()))
    }
}

impl Revision {
    fn text(&self, source: Source) -> String {
        let data = match &self.data {
            RevisionData::Sent(place) => place.clone(),
            RevisionData::Row(row) => row.of(source.item()),
        };
        format!("{}, a.\"item\", {data}::json, {}::json", self.head, self.delta)
    }
}

impl Source {
    const fn item(self) -> &'static str {
        match self {
            Self::One => ROW,
            // The one row that is looked at, of a list in which `w` stands.
            Self::Many => "(SELECT w.*)",
        }
    }
}
