//! The recorded cases as data: reading them, and grouping those that can share a server.
//!
//! It must never run anything.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// Which recording a case comes from, and so which fixture it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
pub(crate) enum Baseline {
    /// Directus 12 on `newsroom`.
    #[default]
    #[serde(rename = "12")]
    Twelve,
    /// Directus 11 on `newsroom11`: the one with custom permission rules.
    #[serde(rename = "11")]
    Eleven,
}

impl Baseline {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Twelve => Self::Eleven,
            Self::Eleven => Self::Twelve,
        }
    }

    /// The name of the fixture.
    pub(crate) fn fixture(self) -> &'static str {
        match self {
            Self::Twelve => "newsroom",
            Self::Eleven => "newsroom11",
        }
    }
}

/// One recorded exchange: what is done, and what the transcript of it was.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) area: String,
    #[serde(default)]
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) baseline: Baseline,
    /// Settings of the server on top of `base.env`.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) steps: Vec<Value>,
    #[serde(default)]
    pub(crate) expect: Vec<Value>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

impl Case {
    /// `area/name`, by which every list names the case.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }

    /// The HTTP requests among the steps, as method and path.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| step.get("rest")).map(|request| {
            let method = request.get("method").and_then(Value::as_str).unwrap_or("GET");
            (method, request.get("path").and_then(Value::as_str).unwrap_or_default())
        })
    }

    /// Whether a request is about the columns of a table.
    pub(crate) fn changes_columns(&self) -> bool {
        self.steps.iter().any(|step| step.pointer("/rest/body/schema").is_some())
    }

    /// A case of which only the transcript matters.
    #[cfg(test)]
    pub(crate) fn of_transcript(baseline: Baseline, expect: Vec<Value>) -> Self {
        let (name, area, about) = ("case".to_owned(), "area".to_owned(), String::new());
        Self { name, area, about, baseline, env: BTreeMap::new(), steps: Vec::new(), expect, tags: Vec::new() }
    }
}

/// The ids that the fixtures share, and from when on a time counts as fresh.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FixtureIds {
    /// RFC 3339.
    pub(crate) volatile_since: String,
    /// Id to placeholder; `None` keeps the id.
    pub(crate) uuids: HashMap<String, Option<String>>,
    /// Kind (`users`, `roles`, ...) to name to id.
    pub(crate) named: HashMap<String, HashMap<String, String>>,
}

/// Where the recorded data lies in the repository.
pub(crate) fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// All cases below `folder`, in the order of their file names.
pub(crate) fn load(folder: &Path) -> Result<Vec<Case>> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("{}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    entries.sort();
    let mut cases = Vec::new();
    for path in entries {
        if path.is_dir() {
            cases.extend(load(&path)?);
        } else if path.extension().is_some_and(|end| end == "json") {
            let text = std::fs::read_to_string(&path)?;
            cases.push(serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?);
        }
    }
    Ok(cases)
}

/// Reads one of the JSON files beside the cases.
pub(crate) fn read_data<T: serde::de::DeserializeOwned>(name: &str) -> Result<T> {
    let path = data_folder().join(name);
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}

/// Cases that can share one server, each group at most `limit` long so that groups can run side by side.
pub(crate) fn groups(cases: Vec<Case>, limit: usize) -> Vec<Vec<Case>> {
    let mut by_server: BTreeMap<(Baseline, BTreeMap<String, String>), Vec<Case>> = BTreeMap::new();
    for case in cases {
        by_server.entry((case.baseline, case.env.clone())).or_default().push(case);
    }
    by_server.into_values().flat_map(|group| group.chunks(limit).map(<[Case]>::to_vec).collect::<Vec<_>>()).collect()
}
