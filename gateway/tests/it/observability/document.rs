//! `docs/metrics.md`, read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Documented {
    pub(super) kind: String,
    /// Label name to its values.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
}

/// A file of the repository.
pub(super) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The rows of the sections with these headings, by name.
pub(super) fn metrics(sections: &[&str]) -> Result<BTreeMap<String, Documented>> {
    let text = std::fs::read_to_string(repository("docs/metrics.md"))?;
    let (mut wanted, mut rows) = (false, BTreeMap::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            wanted = sections.contains(&heading.trim_start_matches('#').trim());
        }
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let (true, [name, kind, labels, help]) = (wanted && line.starts_with("| `"), cells.as_slice()) else { continue };
        ensure!(!help.is_empty(), "{name} has no meaning");
        let labels = labels.split("; ").filter(|label| !label.is_empty()).map(|label| {
            let (name, values) = label.split_once(": ").context("a label has values")?;
            Ok((name.replace('`', ""), values.split(", ").map(|value| value.replace('`', "")).collect()))
        });
        rows.insert(name.replace('`', ""), Documented { kind: (*kind).to_owned(), labels: labels.collect::<Result<_>>()? });
    }
    ensure!(!rows.is_empty(), "no rows in {sections:?}");
    Ok(rows)
}
