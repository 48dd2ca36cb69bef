//! Access tokens up to the point at which the database is asked: as they come, and with arbitrary header and claims under a
//! genuine signature. Whatever is accepted carries an HMAC of our secret, and claims that say what they must.
#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use gateway::auth::TokenCheck;
use gateway_fuzz::stage::moment;
use hmac::{Hmac, Mac as _};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

const SECRET: &str = "a secret of the fuzzer, long enough for anybody";

static CHECK: LazyLock<TokenCheck> = LazyLock::new(|| TokenCheck::new(&SECRET.into()));

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    check(&text);
    // A line of header, then the claims.
    let (header, claims) = text.split_once('\n').unwrap_or((r#"{"alg":"HS256","typ":"JWT"}"#, &text));
    for algorithm in ["HS256", "HS384", "HS512"] {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        check(&format!("{signed}.{}", BASE64.encode(sign(algorithm, &signed))));
    }
    let unsigned = format!("{}.{}.", BASE64.encode(header), BASE64.encode(claims));
    assert!(!check(&unsigned), "no signature at all: {unsigned}");
});

/// Whether the token is accepted, which is held against what it says.
fn check(token: &str) -> bool {
    if !matches!(CHECK.check(token, moment()), Some(Ok(()))) {
        return false;
    }
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let (header, claims) = (members(header), members(claims));
    let algorithm = header["alg"].as_str().expect("an algorithm");
    assert!(["HS256", "HS384", "HS512"].contains(&algorithm), "{header:?}");
    assert_eq!(BASE64.decode(signature).expect("base64"), sign(algorithm, signed), "another signature: {token}");
    assert_eq!(claims["iss"], "directus", "{claims:?}");
    for name in ["role", "app_access", "admin_access"] {
        assert!(claims.get(name).is_some(), "{claims:?}");
    }
    let now = moment().as_second() as f64;
    assert!(claims.get("exp").is_none_or(|end| end.is_null() || end.as_f64().is_some_and(|end| end > now)), "{claims:?}");
    assert!(claims.get("nbf").is_none_or(|start| start.is_null() || start.as_f64().is_some_and(|start| start < now + 1.0)), "{claims:?}");
    true
}

/// The members of an object. One that nobody asks for may hold a number that no type holds.
fn members(part: &str) -> HashMap<String, Value> {
    let raw: HashMap<String, Box<RawValue>> = serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("JSON");
    raw.into_iter().filter_map(|(name, value)| Some((name, serde_json::from_str(value.get()).ok()?))).collect()
}

fn sign(algorithm: &str, signed: &str) -> Vec<u8> {
    macro_rules! mac {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(SECRET.as_bytes()).expect("any length").chain_update(signed).finalize().into_bytes().to_vec()
        };
    }
    match algorithm {
        "HS384" => mac!(sha2::Sha384),
        "HS512" => mac!(sha2::Sha512),
        _ => mac!(sha2::Sha256),
    }
}
