//! `/server/ping`, `/server/health`, `/server/info`.
//!
//! It must never tell the public more than the project's name and looks.

use std::sync::Arc;

use access::statement::Statement;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::http::caller::Caller;
use crate::http::reply::{self, HttpError};
use crate::logs::Level;
use crate::state::Gateway;

/// Columns of the settings that anybody may see.
const PUBLIC: [&str; 9] = [
    "project_name",
    "project_descriptor",
    "project_color",
    "default_appearance",
    "default_theme_light",
    "default_theme_dark",
    "default_language",
    "public_note",
    "public_registration",
];

/// `GET /server/ping`.
pub(super) async fn ping() -> &'static str {
    "pong"
}

/// `GET /server/health`: whether the database answers.
pub(super) async fn health(State(state): State<Arc<Gateway>>) -> Response {
    let mut statement = Statement::default();
    statement.push("select 1");
    let status = match state.database.query(&statement).await {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "error"),
    };
    (status.0, [("content-type", "application/health+json; charset=utf-8")], json!({"status": status.1}).to_string()).into_response()
}

/// `GET /server/info`.
pub(super) async fn info(State(state): State<Arc<Gateway>>, caller: Caller) -> Result<Response, HttpError> {
    let mut statement = Statement::default();
    statement.push("select row_to_json(s)::text from \"public\".\"directus_settings\" s limit 1");
    let rows = state.database.query(&statement).await?;
    let settings = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
    let settings: Map<String, Value> = settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let project: Map<String, Value> =
        PUBLIC.iter().map(|name| ((*name).to_owned(), settings.get(*name).cloned().unwrap_or(Value::Null))).collect();
    let mut data = Map::new();
    data.insert("project".into(), Value::Object(project));
    if caller.accountability.user.is_some() {
        data.insert(
            "rateLimit".into(),
            state.config.rate_limit.map_or(json!(false), |limit| json!({"points": limit.points, "duration": limit.duration.as_secs()})),
        );
        data.insert("queryLimit".into(), json!({"default": state.config.query.default_limit, "max": state.config.query.max_limit.map_or(-1, |max| i64::try_from(max).unwrap_or(-1))}));
        data.insert("websocket".into(), websocket(&state, caller.accountability.admin));
    }
    Ok(reply::value(&Value::Object(data)))
}

fn websocket(state: &Gateway, admin: bool) -> Value {
    let sockets = &state.config.websockets;
    if !sockets.enabled {
        return json!(false);
    }
    let endpoint = |endpoint: &Option<crate::config::EndpointConfig>| {
        endpoint.as_ref().map_or(json!(false), |endpoint| json!({"authentication": endpoint.mode.name(), "path": endpoint.path}))
    };
    let mut map = Map::new();
    map.insert("rest".into(), endpoint(&sockets.rest));
    map.insert("graphql".into(), endpoint(&sockets.graphql));
    map.insert("heartbeat".into(), sockets.heartbeat.map_or(json!(false), |period| json!(period.as_secs())));
    if admin {
        let levels = |least: Level| -> Map<String, Value> {
            Level::LINES.iter().filter(|level| **level >= least).map(|level| (level.name().to_owned(), json!(level.number()))).collect()
        };
        let logs = sockets.logs.as_ref().map(|logs| levels(Level::parse(&logs.level).unwrap_or(Level::Info)));
        map.insert("logs".into(), logs.map_or(json!(false), |levels| json!({"allowedLogLevels": levels})));
    }
    Value::Object(map)
}
