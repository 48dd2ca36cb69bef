//! The step engine against a small server that answers in known ways.

use futures_util::{SinkExt as _, StreamExt as _};
use jsonwebtoken::{DecodingKey, Validation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::conformance::case::{Baseline, read_data};
use crate::conformance::compare::{Verdict, compare};
use crate::conformance::fixture::Fixture;
use crate::harness::TASKS;

/// Answers `ping`, closes on `bye`, repeats anything else twice, and says `{"data":[{"id":7}]}` over HTTP.
async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        TASKS.spawn("fake connection", answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Result<(), Error> {
    let mut start = [0; 6];
    stream.peek(&mut start).await?;
    if &start == b"POST /" {
        let body = r#"{"data":[{"id":7}]}"#;
        let head = format!("HTTP/1.1 200 OK\r\nset-cookie: s=abc; Path=/\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.read(&mut [0; 4096]).await? == 0 {
            return Ok(());
        }
        return Ok(stream.write_all((head + body).as_bytes()).await?);
    }
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(Ok(message)) = socket.next().await {
        let Ok(text) = message.to_text() else { continue };
        match text {
            r#"{"type":"ping"}"# => socket.send(Message::text(r#"{"type":"pong"}"#)).await?,
            "bye" => socket.close(Some(CloseFrame { code: 4000.into(), reason: "bye".into() })).await?,
            _ => {
                socket.send(message.clone()).await?;
                socket.send(message).await?;
            }
        }
    }
    Ok(())
}

fn case() -> Case {
    let mut case = Case::of_transcript(Baseline::Twelve, Vec::new());
    let steps = json!([
        {"open": "a", "path": "/websocket"},
        {"wsping": "a", "timeout": 1},
        {"send": "a", "msg": {"type": "ping"}},
        {"recv": "a"},
        {"recv": "a", "timeout": 0.05, "max_ms": 1000},
        {"rest": {"method": "POST", "path": "/x", "token": "t", "body": {}}, "show": true},
        {"save": {"var": "id", "path": "data.0.id"}},
        {"save": {"var": "none", "path": "data.9"}},
        {"send": "a", "msg": {"id": "${id}", "text": "<${id}> ${cookie_s}", "${user_editor}": "${admin_user}"}},
        {"recv": "a", "n": 2, "mask": ["id"]},
        {"raw": "a", "parts": ["{\"time\":", "\"2099-01-01T00:00:00Z\"}"]},
        {"quiet": "a", "ms": 100},
        {"sql": "select 1, 2::bigint, true, null::text, 'x'::varchar, 'b0000000-0000-4000-8000-000000000001'::uuid", "show": "values"},
        {"mint": {"var": "j", "claims": {"id": "${user_editor}"}, "exp_in": 60}},
        {"send": "a", "msg": {"token": "${j}"}},
        {"recv": "a", "n": 2},
        {"raw": "a", "text": "bye"},
        {"closed": "a"},
        {"send": "a", "msg": 1},
        {"send": "b", "msg": 1},
    ]);
    case.steps = steps.as_array().unwrap().clone();
    let editor = "10000000-0000-4000-8000-000000000001";
    let expect = json!([
        {"open": "a", "ok": true},
        {"wsping": "a", "pong": true},
        {"recv": "a", "msg": {"type": "pong"}},
        {"window": "a", "ok": true},
        {"recv": "a", "missing": 1},
        {"rest": "POST /x", "status": 200, "body": {"data": [{"id": 7}]}},
        {"save": "none", "failed": "data.9"},
        {"recv": "a", "msg": {"id": "<int>", "text": "<7> abc", editor: "<admin-user>"}},
        {"recv": "a", "msg": {"id": "<int>", "text": "<7> abc", editor: "<admin-user>"}},
        {"quiet": "a", "got": [{"time": "<ts>"}, {"time": "<ts>"}]},
        {"sql": "values", "rows": [[1, 2, true, null, "x", "b0000000-0000-4000-8000-000000000001"]]},
        {"recv": "a", "msg": {"token": "<jwt>"}},
        {"recv": "a", "msg": {"token": "<jwt>"}},
        {"closed": "a", "code": 4000, "reason": "bye"},
        {"send": "a", "failed": "connection is closed"},
        {"send": "b", "failed": "no connection"},
    ]);
    case.expect = expect.as_array().unwrap().clone();
    case
}

#[test]
fn every_step_leaves_its_line() {
    crate::harness::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let server = TASKS.spawn("fake server", serve(listener));
        let database = Fixture::database(Baseline::Twelve).await?;
        let case = case();
        let transcript = Steps::run(&case, port, &database, &read_data("fixture_ids.json")?).await?;
        server.abort();
        if let Verdict::Differs(diff) = compare(&case, &transcript) {
            bail!("{diff}");
        }
        Ok(())
    });
}

#[test]
fn tokens_verify_with_their_secret() {
    let claims = Map::from_iter([("iss".to_owned(), json!("directus")), ("exp".to_owned(), json!(9_999_999_999_u64))]);
    for (name, algorithm) in [("HS256", jsonwebtoken::Algorithm::HS256), ("HS512", jsonwebtoken::Algorithm::HS512)] {
        let token = sign(name, "secret", &claims).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_secret(b"secret"), &Validation::new(algorithm)).unwrap();
        assert_eq!(decoded.claims["iss"], "directus");
    }
    assert!(sign("none", "secret", &claims).unwrap().ends_with('.'));
}
