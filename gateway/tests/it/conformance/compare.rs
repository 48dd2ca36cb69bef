//! When two transcripts count as equal, and how their difference is shown.
//!
//! It must never forgive more than is written here: a rule that is too mild hides a wrong answer from every test.

use serde_json::{Map, Value, json};
use similar::TextDiff;

use super::case::{Baseline, Case};

/// What a replayed case came to.
pub(crate) enum Verdict {
    /// The transcripts are equal.
    Same,
    /// They are not; a unified diff tells where.
    Differs(String),
}

/// Compares what was recorded with what was seen.
pub(crate) fn compare(case: &Case, seen: &[Value]) -> Verdict {
    let expected = tolerate(case.baseline, &case.expect);
    let seen = louder(&expected, &tolerate(case.baseline, seen));
    let (expected, seen) = (printed(&expected), printed(&seen));
    if expected == seen {
        return Verdict::Same;
    }
    let diff = TextDiff::from_lines(&expected, &seen);
    Verdict::Differs(diff.unified_diff().context_radius(2).header("recorded", "seen").to_string())
}

/// JSON with sorted keys, and with `", "` and `": "` between its parts: the form by which unordered messages were sorted
/// when they were recorded (`ascii`: everything else is escaped).
pub(crate) fn canonical(value: &Value, ascii: bool) -> String {
    let mut out = String::new();
    write(value, ascii, &mut out);
    out
}

fn printed(transcript: &[Value]) -> String {
    transcript.iter().map(|entry| canonical(entry, false) + "\n").collect()
}

/// Differences that need no judgement: any frame may carry `"status":"ok"`, which the guides promise, and the errors of
/// the older baseline had no uid.
fn tolerate(baseline: Baseline, transcript: &[Value]) -> Vec<Value> {
    let mut transcript = transcript.to_vec();
    for entry in &mut transcript {
        for member in ["msg", "unread", "got"] {
            match entry.get_mut(member) {
                Some(Value::Array(frames)) => frames.iter_mut().for_each(|frame| tolerate_frame(baseline, frame)),
                Some(frame) => tolerate_frame(baseline, frame),
                None => {}
            }
        }
    }
    transcript
}

fn tolerate_frame(baseline: Baseline, frame: &mut Value) {
    let Some(frame) = frame.as_object_mut() else { return };
    if frame.get("type") != Some(&json!("auth")) && frame.get("status") == Some(&json!("ok")) {
        frame.shift_remove("status");
    }
    if baseline == Baseline::Eleven && frame.get("error").is_some_and(Value::is_object) {
        frame.shift_remove("uid");
    }
}

/// Some bad requests were met with silence. An error frame, and nothing else, is taken as equal to that silence.
fn louder(expected: &[Value], seen: &[Value]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut rest = seen.iter().peekable();
    for wanted in expected {
        let Some(found) = rest.next() else { break };
        let same_client = |kind: &str| wanted.get(kind).is_some() && wanted.get(kind) == found.get(kind);
        let answered = wanted.get("missing").is_some() && same_client("recv") && found.get("msg").is_some_and(is_error);
        if answered {
            rest.next_if(|after| after.get("recv") == wanted.get("recv") && after.get("missing").is_some());
            out.push(wanted.clone());
            continue;
        }
        let heard = found.get("got").and_then(Value::as_array).filter(|frames| !frames.is_empty());
        let spoke = wanted.get("got").is_none() && same_client("quiet") && heard.is_some_and(|frames| frames.iter().all(is_error));
        out.push(if spoke { wanted.clone() } else { found.clone() });
    }
    out.extend(rest.cloned());
    out
}

fn is_error(frame: &Value) -> bool {
    frame.get("status") == Some(&json!("error"))
        && frame.pointer("/error/code").and_then(Value::as_str).is_some_and(|code| !code.is_empty())
}

fn write(value: &Value, ascii: bool, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => write_text(text, ascii, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                write(item, ascii, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (place, (key, item)) in sorted(members).into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                write_text(key, ascii, out);
                out.push_str(": ");
                write(item, ascii, out);
            }
            out.push('}');
        }
    }
}

fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

fn write_text(text: &str, ascii: bool, out: &mut String) {
    let quoted = Value::String(text.to_owned()).to_string();
    if !ascii {
        return out.push_str(&quoted);
    }
    for character in quoted.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(baseline: Baseline, recorded: Value, seen: Value) -> bool {
        let case = Case::of_transcript(baseline, recorded.as_array().unwrap().clone());
        matches!(compare(&case, seen.as_array().unwrap()), Verdict::Same)
    }

    #[test]
    fn the_canonical_form_sorts_keys_and_escapes() {
        let value = json!({"b": [1, 1.5, "é😀\n"], "a": {"y": null, "x": true}});
        assert_eq!(canonical(&value, true), r#"{"a": {"x": true, "y": null}, "b": [1, 1.5, "\u00e9\ud83d\ude00\n"]}"#);
        assert_eq!(canonical(&value, false), r#"{"a": {"x": true, "y": null}, "b": [1, 1.5, "é😀\n"]}"#);
    }

    #[test]
    fn what_counts_as_equal() {
        let twelve = Baseline::Twelve;
        let pong = json!([{"recv": "c", "msg": {"type": "pong"}}]);
        assert!(verdict(twelve, pong.clone(), json!([{"recv": "c", "msg": {"status": "ok", "type": "pong"}}])));
        assert!(!verdict(twelve, pong.clone(), json!([{"recv": "c", "msg": {"type": "pong", "uid": 1}}])));
        assert!(!verdict(twelve, pong.clone(), json!([])));
        assert!(!verdict(twelve, pong, json!([{"recv": "d", "msg": {"type": "pong"}}])));
        let auth = json!([{"recv": "c", "msg": {"type": "auth", "status": "ok"}}]);
        assert!(!verdict(twelve, auth, json!([{"recv": "c", "msg": {"type": "auth"}}])));
        assert!(!verdict(twelve, json!([{"rows": [[1]]}]), json!([{"rows": [[1.0]]}])));
    }

    #[test]
    fn an_error_may_stand_where_silence_was_recorded_but_data_may_not() {
        let twelve = Baseline::Twelve;
        let error = json!({"type": "items", "status": "error", "error": {"code": "X", "message": "m"}});
        let silence = json!([{"recv": "c", "missing": 1}, {"quiet": "c"}]);
        assert!(verdict(twelve, silence.clone(), json!([{"recv": "c", "msg": error}, {"quiet": "c"}])));
        assert!(verdict(twelve, silence.clone(), json!([{"recv": "c", "msg": error}, {"recv": "c", "missing": 1}, {"quiet": "c"}])));
        assert!(verdict(twelve, silence.clone(), json!([{"recv": "c", "missing": 1}, {"quiet": "c", "got": [error]}])));
        assert!(!verdict(twelve, silence.clone(), json!([{"recv": "c", "msg": {"type": "items", "data": 1}}, {"quiet": "c"}])));
        assert!(!verdict(twelve, silence, json!([{"recv": "c", "missing": 1}, {"quiet": "c", "got": [error, {"type": "x"}]}])));
        let reply = json!([{"recv": "c", "msg": {"type": "items"}}]);
        assert!(!verdict(twelve, reply, json!([{"recv": "c", "msg": error}])));
    }

    #[test]
    fn errors_of_the_older_baseline_have_no_uid() {
        let recorded = json!([{"recv": "c", "msg": {"type": "items", "error": {"code": "X"}}}]);
        let seen = json!([{"recv": "c", "msg": {"type": "items", "error": {"code": "X"}, "uid": 1}}]);
        assert!(verdict(Baseline::Eleven, recorded.clone(), seen.clone()));
        assert!(!verdict(Baseline::Twelve, recorded, seen));
    }
}
