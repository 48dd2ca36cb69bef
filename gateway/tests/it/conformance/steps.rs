//! Runs the steps of one case against a server and writes the transcript of what it saw.
//!
//! It must never judge: a step that cannot be done leaves a line in the transcript, and comparing is done elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row};

use super::case::{Case, FixtureIds};
use super::normalise::Normaliser;
use super::sign::sign;
use crate::harness::gateway::{ADMIN_TOKEN, SECRET};
use crate::harness::http::Request;
use crate::harness::postgres::Database;
use crate::harness::socket::{Dial, DialFailure, Dialled, Outgoing, Socket};

/// Steps that need an open connection.
const ON_CONNECTION: [&str; 8] = ["send", "raw", "binary", "recv", "quiet", "closed", "close", "wsping"];
/// Where the random ids of the bootstrapped rows are found.
const BOOTSTRAPPED: &str = "select u.id::text, u.role::text, \
    (select id::text from directus_policies where name = 'Administrator'), \
    (select id::text from directus_policies where name = '$t:public_label') \
    from directus_users u where email = 'admin@example.com'";

/// The state of one running case.
pub(crate) struct Steps {
    base: String,
    port: u16,
    client: Client,
    variables: Map<String, Value>,
    normaliser: Normaliser,
    sockets: HashMap<String, Socket>,
    transcript: Vec<Value>,
    /// The last message, body or rows: what `save` takes from.
    last: Value,
}

impl Steps {
    /// Runs all steps of `case`; connections are closed at the end.
    pub(crate) async fn run(case: &Case, port: u16, database: &Database, ids: &FixtureIds) -> Result<Vec<Value>> {
        let client = database.connect().await?;
        let base = format!("http://127.0.0.1:{port}");
        let (variables, names) = predefined(&client, &base, ids).await?;
        let normaliser = Normaliser::new(ids, names);
        let (sockets, transcript) = (HashMap::new(), Vec::new());
        let mut steps = Self { base, port, client, variables, normaliser, sockets, transcript, last: Value::Null };
        let mut done = Ok(());
        for step in &case.steps {
            done = steps.step(step).await.with_context(|| format!("step {step}"));
            if done.is_err() {
                break;
            }
        }
        join_all(steps.sockets.values_mut().map(|socket| socket.close(1000, ""))).await;
        done.map(|()| steps.transcript)
    }

    async fn step(&mut self, raw: &Value) -> Result<()> {
        let (kind, subject) = raw.as_object().and_then(|step| step.iter().next()).context("a step is an object")?;
        if ON_CONNECTION.contains(&kind.as_str()) && !self.sockets.contains_key(subject.as_str().unwrap_or_default()) {
            self.add(json!({ kind: subject, "failed": "no connection" }));
            return Ok(());
        }
        // What `save` names is not a template.
        let step = if kind == "save" { raw.clone() } else { self.fill(raw)? };
        let name = step[kind].as_str().unwrap_or_default();
        match kind.as_str() {
            "open" => self.open(name, &step).await?,
            "send" => self.send(name, Outgoing::Text(step["msg"].to_string().into())).await?,
            "raw" => self.send(name, raw_frames(&step)?).await?,
            "binary" => self.send(name, Outgoing::Binary(payload(&step)?)).await?,
            "recv" => self.receive(name, &step).await?,
            "quiet" => self.quiet(name, &step).await?,
            "closed" => self.closed(name, &step).await?,
            "close" => {
                let code = u16::try_from(step["code"].as_u64().unwrap_or(1000))?;
                self.socket(name)?.close(code, step["reason"].as_str().unwrap_or_default()).await;
            }
            "wsping" => {
                let limit = seconds(&step, 1.0);
                let pong = self.socket(name)?.ping(step["data"].as_str().unwrap_or("hi"), limit).await;
                self.add(json!({ "wsping": name, "pong": pong }));
            }
            "sleep" => tokio::time::sleep(Duration::from_millis(step["sleep"].as_u64().context("milliseconds")?)).await,
            "rest" => self.rest(&step).await?,
            "sql" => self.sql(&step).await?,
            "mint" => self.mint(&step["mint"])?,
            "save" => self.save(&step["save"])?,
            "set" => self.variables.extend(step["set"].as_object().context("an object")?.clone()),
            unknown => bail!("unknown step {unknown}"),
        }
        Ok(())
    }

    fn add(&mut self, entry: Value) {
        let entry = self.normaliser.value(&entry);
        self.transcript.push(entry);
    }

    fn socket(&mut self, name: &str) -> Result<&mut Socket> {
        self.sockets.get_mut(name).context("no such connection")
    }

    async fn open(&mut self, name: &str, step: &Value) -> Result<()> {
        let mut dial = Dial::new(self.port).limit(seconds(step, 10.0)).query(step["query"].as_str().unwrap_or_default());
        if let Some(path) = step["path"].as_str() {
            dial = dial.path(path);
        }
        for (header, value) in step["headers"].as_object().into_iter().flatten() {
            dial = dial.header(header, value.as_str().context("a header is text")?);
        }
        let offered = step["protocols"].as_array().is_some_and(|protocols| !protocols.is_empty());
        if offered {
            dial = dial.protocols(serde_json::from_value(step["protocols"].clone())?);
        }
        let entry = match dial.open().await {
            Dialled::Open(socket) => {
                let mut entry = json!({ "open": name, "ok": true });
                if offered {
                    entry["protocol"] = json!(socket.protocol());
                }
                self.sockets.insert(name.to_owned(), socket);
                entry
            }
            Dialled::Refused(status) => json!({ "open": name, "status": status }),
            Dialled::Failed(DialFailure::Timeout) => json!({ "open": name, "failed": "timeout" }),
            Dialled::Failed(DialFailure::Dropped) => json!({ "open": name, "failed": "dropped" }),
        };
        self.add(entry);
        Ok(())
    }

    async fn send(&mut self, name: &str, frames: Outgoing) -> Result<()> {
        if self.socket(name)?.send_frames(frames).await.is_err() {
            self.add(json!({ "send": name, "failed": "connection is closed" }));
        }
        Ok(())
    }

    async fn receive(&mut self, name: &str, step: &Value) -> Result<()> {
        let wanted = usize::try_from(step["n"].as_u64().unwrap_or(1))?;
        let start = Instant::now();
        let socket = self.socket(name)?;
        let mut got = socket.take(wanted, seconds(step, 2.0)).await;
        let ended = socket.ended().is_some();
        let took = start.elapsed();
        if let Some(last) = got.last() {
            self.last = last.clone();
        }
        let count = got.len();
        for path in step["mask"].as_array().into_iter().flatten() {
            let path: Vec<&str> = path.as_str().unwrap_or_default().split('.').collect();
            got.iter_mut().for_each(|message| mask(message, &path));
        }
        if step["sort_names"].as_bool() == Some(true) {
            got.iter_mut().for_each(sort_names);
        }
        if step["unordered"].as_bool() == Some(true) {
            got = self.normaliser.ordered(got);
        }
        for message in got {
            self.add(json!({ "recv": name, "msg": message }));
        }
        if let Some(ok) = in_window(step, took) {
            self.add(json!({ "window": name, "ok": ok }));
        }
        if count < wanted {
            let mut entry = json!({ "recv": name, "missing": wanted - count });
            if ended {
                entry["ended"] = json!(true);
            }
            self.add(entry);
        }
        Ok(())
    }

    async fn quiet(&mut self, name: &str, step: &Value) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(step["ms"].as_u64().unwrap_or(400))).await;
        let got = self.socket(name)?.drain();
        let mut entry = json!({ "quiet": name });
        if !got.is_empty() {
            entry["got"] = Value::Array(self.normaliser.ordered(got));
        }
        self.add(entry);
        Ok(())
    }

    async fn closed(&mut self, name: &str, step: &Value) -> Result<()> {
        let start = Instant::now();
        let socket = self.socket(name)?;
        let mut entry = match socket.until_ended(seconds(step, 5.0)).await {
            Some(how) => json!({ "closed": name, "code": how.code, "reason": how.reason }),
            None => json!({ "closed": name, "still_open": true }),
        };
        let took = start.elapsed();
        let unread = socket.drain();
        if !unread.is_empty() {
            entry["unread"] = Value::Array(unread);
        }
        if let Some(ok) = in_window(step, took) {
            entry["in_window"] = json!(ok);
        }
        self.add(entry);
        Ok(())
    }

    async fn rest(&mut self, step: &Value) -> Result<()> {
        let wanted = &step["rest"];
        let method = wanted["method"].as_str().unwrap_or("GET");
        let path = wanted["path"].as_str().context("a path")?;
        let mut request = Request::new(method, path);
        for (header, value) in wanted["headers"].as_object().into_iter().flatten() {
            request = request.header(header, value.as_str().context("a header is text")?);
        }
        if let Some(token) = wanted["token"].as_str().filter(|token| !token.is_empty()) {
            request = request.token(token);
        }
        if let Some(body) = wanted.get("body").filter(|body| !body.is_null()) {
            request = request.json(body.clone());
        }
        anyhow::ensure!(wanted.get("files").is_none(), "uploads are not served");
        let reply = request.send(&self.base).await?;
        for (name, value) in reply.cookies() {
            self.variables.insert(format!("cookie_{name}"), json!(value));
        }
        let mut entry = json!({ "rest": format!("{method} {path}"), "status": reply.status });
        if step["show"].as_bool() == Some(true) {
            entry["body"] = reply.body.clone();
        }
        self.last = reply.body;
        self.add(entry);
        Ok(())
    }

    async fn sql(&mut self, step: &Value) -> Result<()> {
        let statement = step["sql"].as_str().context("a statement")?;
        let rows = self.client.query(statement, &[]).await?;
        self.last = rows.iter().map(row_as_json).collect::<Result<Value>>()?;
        let Some(label) = step["show"].as_str().or_else(|| step["show"].as_bool().unwrap_or_default().then_some(statement)) else {
            return Ok(());
        };
        self.add(json!({ "sql": label, "rows": self.last.clone() }));
        Ok(())
    }

    /// Signs a token: the claims with `iat`, and `exp` and `iss` unless they are null.
    fn mint(&mut self, wanted: &Value) -> Result<()> {
        let now = Timestamp::now().as_second();
        let mut claims = Map::from_iter([("iat".to_owned(), json!(now))]);
        claims.extend(wanted["claims"].as_object().cloned().unwrap_or_default());
        if let Some(seconds) = wanted.get("exp_in").map_or(Some(900), Value::as_i64) {
            claims.insert("exp".to_owned(), json!(now + seconds));
        }
        if let Some(issuer) = wanted.get("iss").map_or(Some("directus"), Value::as_str) {
            claims.insert("iss".to_owned(), json!(issuer));
        }
        let token = sign(wanted["alg"].as_str().unwrap_or("HS256"), wanted["secret"].as_str().unwrap_or(SECRET), &claims)?;
        self.variables.insert(wanted["var"].as_str().context("a variable")?.to_owned(), json!(token));
        Ok(())
    }

    fn save(&mut self, wanted: &Value) -> Result<()> {
        let variable = wanted["var"].as_str().context("a variable")?;
        let path = wanted["path"].as_str().unwrap_or_default();
        let found = path.split('.').filter(|part| !part.is_empty()).try_fold(&self.last, |value, part| match value.as_array() {
            Some(items) => items.get(part.parse::<usize>().ok()?),
            None => value.get(part),
        });
        let value = found.cloned();
        if value.is_none() {
            self.add(json!({ "save": variable, "failed": path }));
        }
        self.variables.insert(variable.to_owned(), value.unwrap_or_else(|| json!("")));
        Ok(())
    }

    /// Puts variables in: a string that is nothing but `${name}` becomes the value itself.
    fn fill(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => fill_text(text, &self.variables)?,
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_>>()?),
            Value::Object(members) => {
                let mut out = Map::new();
                for (key, item) in members {
                    let key = fill_text(key, &self.variables)?;
                    out.insert(key.as_str().context("a key is text")?.to_owned(), self.fill(item)?);
                }
                Value::Object(out)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }
}

/// The variables that every case may use, and the placeholders of the ids that differ between databases.
async fn predefined(client: &Client, base: &str, ids: &FixtureIds) -> Result<(Map<String, Value>, Vec<(String, String)>)> {
    let mut variables = Map::new();
    let mut names = Vec::new();
    for (kind, members) in &ids.named {
        let kind = if kind == "policies" { "policy" } else { kind.trim_end_matches('s') };
        variables.extend(members.iter().map(|(name, id)| (format!("{kind}_{name}"), json!(id))));
    }
    let row = client.query_opt(BOOTSTRAPPED, &[]).await?;
    for (place, name) in ["admin_user", "admin_role", "admin_policy", "public_policy"].into_iter().enumerate() {
        if let Some(id) = row.as_ref().and_then(|row| row.get::<_, Option<String>>(place)) {
            names.push((id.clone(), format!("<{}>", name.replace('_', "-"))));
            variables.insert(name.to_owned(), json!(id));
        }
    }
    let host = base.trim_start_matches("http://");
    let fixed = [("admin_token", ADMIN_TOKEN), ("base", base), ("host", host)];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), json!(value))));
    Ok((variables, names))
}

fn fill_text(text: &str, variables: &Map<String, Value>) -> Result<Value> {
    let pattern = Regex::new(r"\$\{(\w+)\}")?;
    for found in pattern.captures_iter(text) {
        let value = variables.get(&found[1]).with_context(|| format!("no variable {}", &found[1]))?;
        if found[0].len() == text.len() {
            return Ok(value.clone());
        }
    }
    let filled = pattern.replace_all(text, |found: &Captures<'_>| {
        let value = &variables[&found[1]];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    });
    Ok(Value::String(filled.into_owned()))
}

fn raw_frames(step: &Value) -> Result<Outgoing> {
    if let Some(parts) = step["parts"].as_array() {
        return Ok(Outgoing::Fragments(parts.iter().map(|part| Bytes::from(part.as_str().unwrap_or_default().to_owned())).collect()));
    }
    Ok(Outgoing::Text(payload(step)?))
}

fn payload(step: &Value) -> Result<Bytes> {
    if let Some(hex) = step["hex"].as_str() {
        let digits = hex.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
        return digits.collect::<Result<Vec<u8>>>().map(Bytes::from);
    }
    if let Some(fill) = step.get("fill") {
        let part = |name: &str| fill[name].as_str().unwrap_or_default();
        let count = usize::try_from(fill["count"].as_u64().context("a count")?)?;
        return Ok(format!("{}{}{}", part("prefix"), part("char").repeat(count), part("suffix")).into());
    }
    Ok(step["text"].as_str().context("a text")?.to_owned().into())
}

fn seconds(step: &Value, default: f64) -> Duration {
    Duration::from_secs_f64(step["timeout"].as_f64().unwrap_or(default))
}

fn in_window(step: &Value, took: Duration) -> Option<bool> {
    let bounds = (step["min_ms"].as_u64(), step["max_ms"].as_u64());
    if bounds == (None, None) {
        return None;
    }
    let took = took.as_millis();
    Some(u128::from(bounds.0.unwrap_or(0)) <= took && bounds.1.is_none_or(|most| took <= u128::from(most)))
}

/// Sorts lists of `{"name": …}`: introspection has no defined order.
fn sort_names(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(sort_names);
            if items.iter().all(|item| item["name"].is_string()) {
                items.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
            }
        }
        Value::Object(members) => members.values_mut().for_each(sort_names),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keeps only the type of a volatile member.
fn mask(message: &mut Value, path: &[&str]) {
    let [name, rest @ ..] = path else { return };
    let Some(member) = message.get_mut(*name) else { return };
    if !rest.is_empty() {
        return mask(member, rest);
    }
    let kind = match member {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) => {
            if number.is_f64() {
                "float"
            } else {
                "int"
            }
        }
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    *member = json!(format!("<{kind}>"));
}

fn row_as_json(row: &Row) -> Result<Value> {
    let cells = row.columns().iter().enumerate().map(|(place, column)| {
        Ok(match *column.type_() {
            Type::BOOL => cell::<bool>(row, place)?.map_or(Value::Null, Value::from),
            Type::INT2 => cell::<i16>(row, place)?.map_or(Value::Null, Value::from),
            Type::INT4 => cell::<i32>(row, place)?.map_or(Value::Null, Value::from),
            Type::INT8 => cell::<i64>(row, place)?.map_or(Value::Null, Value::from),
            Type::UUID => cell::<uuid::Uuid>(row, place)?.map_or(Value::Null, |id| Value::from(id.to_string())),
            _ => cell::<String>(row, place).with_context(|| format!("column {}", column.name()))?.map_or(Value::Null, Value::from),
        })
    });
    cells.collect::<Result<Vec<_>>>().map(Value::Array)
}

fn cell<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<Option<T>> {
    Ok(row.try_get(place)?)
}

#[cfg(test)]
mod tests;
