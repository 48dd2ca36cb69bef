//! Authentication against a real Postgres.

use std::sync::Arc;
use std::time::Duration;

use access::accountability::ClientOrigin;
use access::statement::{Parameter, Statement};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use service_runtime::Tasks;
use tokio::time::Instant;
use totp_rs::{Algorithm, Builder, Secret};
use uuid::Uuid;

use super::*;
use crate::config::{AuthConfig, CookieConfig, LimitsConfig};
use crate::database::testing::{self, NEWSROOM, NEWSROOM_11};
use crate::database::{Database, Row};
use crate::directory::{Directory, DirectoryOptions};
use crate::limits::Limits;
use crate::metrics::Metrics;

const SECRET: &str = "a-secret-of-the-tests";
const EDITOR: &str = "10000000-0000-4000-8000-000000000001";

struct Fixture {
    database: Database,
    directory: Arc<Directory>,
    authenticator: Authenticator,
    client: Arc<ClientOrigin>,
}

impl Fixture {
    async fn start(script: &str) -> Self {
        Self::with_stall(script, Duration::ZERO).await
    }

    async fn with_stall(script: &str, login_stall: Duration) -> Self {
        let database = testing::database(script).await;
        let directory = Directory::load(database.clone(), DirectoryOptions::default()).await.unwrap();
        let cookie = |name: &str| CookieConfig { name: name.to_owned(), domain: None, secure: false, same_site: "lax".to_owned() };
        let config = AuthConfig {
            hashing: Hashing::default(),
            secret: SECRET.into(),
            access_token_ttl: Duration::from_secs(900),
            refresh_token_ttl: Duration::from_secs(7 * 86_400),
            refresh_cookie: cookie("refresh"),
            session_cookie: cookie("session"),
            session_ttl: Duration::from_secs(86_400),
            login_stall,
        };
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
        let limits = Limits::new(&LimitsConfig::default(), None, metrics);
        let authenticator = Authenticator::new(config, database.clone(), Arc::clone(&directory), limits, Tasks::new());
        let client = Arc::new(ClientOrigin {
            ip: Some("10.0.0.9".parse().unwrap()),
            user_agent: Some("tests".to_owned()),
            origin: Some("https://example.com".to_owned()),
        });
        Self { database, directory, authenticator, client }
    }

    async fn token(&self, token: &str) -> Result<Identity, AuthError> {
        self.authenticator.token(token, Arc::clone(&self.client)).await
    }

    async fn jwt(&self, claims: Value) -> Result<Identity, AuthError> {
        self.token(&mint(claims)).await
    }

    async fn login(&self, email: &str, password: &str, otp: Option<&str>) -> Result<(Identity, Tokens), AuthError> {
        self.authenticator.login(email, &password.into(), otp, Arc::clone(&self.client)).await
    }

    async fn refresh(&self, token: &str) -> Result<(Identity, Tokens), AuthError> {
        self.authenticator.refresh(token, Arc::clone(&self.client)).await
    }

    async fn recheck(&self, identity: &Identity) -> Recheck {
        self.authenticator.recheck(identity).await.unwrap()
    }

    async fn run(&self, sql: &str) {
        self.database.execute(&Statement { text: sql.to_owned(), parameters: vec![] }).await.unwrap();
    }

    async fn row(&self, sql: &str) -> Row {
        self.database.query_one(&Statement { text: sql.to_owned(), parameters: vec![] }).await.unwrap().unwrap()
    }

    async fn count(&self, sql: &str) -> i64 {
        self.row(sql).await.get(0)
    }

    async fn sessions(&self, token: &SecretString) -> i64 {
        let text = "select count(*) from directus_sessions where token = $1 and expires > now()".to_owned();
        let parameters = vec![Parameter::Text(token.expose_secret().to_owned())];
        self.database.query_one(&Statement { text, parameters }).await.unwrap().unwrap().get(0)
    }
}

/// A JWT signed with the fixture's secret; `role`, flags and issuer are there unless given.
fn mint(claims: Value) -> String {
    let mut all = json!({"role": null, "app_access": false, "admin_access": false, "iss": "directus"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &all, &key).unwrap()
}

fn user(identity: &Identity) -> Option<String> {
    identity.accountability.user.map(|user| user.to_string())
}

#[tokio::test]
async fn static_tokens_are_those_of_active_users() {
    let f = Fixture::start(NEWSROOM).await;
    let editor = f.token("tok-editor").await.unwrap();
    assert_eq!(user(&editor).as_deref(), Some(EDITOR));
    assert_eq!((editor.expires_at, editor.accountability.roles.len()), (None, 1));
    assert!(!format!("{editor:?}").contains("tok-editor"));
    assert!(f.token("admin-token-000000000000000000000000").await.unwrap().accountability.admin);
    for unknown in ["", "nope", "TOK-EDITOR", "tok-editor\0", &"x".repeat(300), "a.b.c"] {
        assert!(matches!(f.token(unknown).await, Err(AuthError::InvalidCredentials)), "{unknown}");
    }
    assert!(matches!(f.token("tok-suspended").await, Err(AuthError::Suspended)));
}

#[tokio::test]
async fn the_users_row_decides_and_not_the_claim() {
    let f = Fixture::start(NEWSROOM).await;
    let (reader, writer) = ("10000000-0000-4000-8000-000000000003", "20000000-0000-4000-8000-000000000004");
    let identity = f.jwt(json!({"id": reader, "role": writer, "admin_access": true})).await.unwrap();
    assert_eq!(identity.accountability.role.unwrap().to_string(), "20000000-0000-4000-8000-000000000003");
    assert!(!identity.accountability.admin);
    let gone = f.jwt(json!({"id": "99999999-0000-4000-8000-000000000000", "role": writer})).await;
    assert!(matches!(gone, Err(AuthError::InvalidToken)));
    let suspended = f.jwt(json!({"id": "10000000-0000-4000-8000-000000000008", "role": writer})).await;
    assert!(matches!(suspended, Err(AuthError::Suspended)));
    let role_only = f.jwt(json!({"role": writer})).await.unwrap();
    assert!(role_only.accountability.user.is_none() && !role_only.is_anonymous());
    assert!(f.jwt(json!({})).await.unwrap().is_anonymous());
    assert!(matches!(f.jwt(json!({"id": reader, "exp": 1})).await, Err(AuthError::Expired)));
    assert!(matches!(f.jwt(json!({"id": reader, "iss": "other"})).await, Err(AuthError::InvalidCredentials)));
}

#[tokio::test]
async fn a_token_that_names_a_session_needs_it() {
    for script in [NEWSROOM, NEWSROOM_11] {
        let f = Fixture::start(script).await;
        let claims = json!({"id": EDITOR, "session": "s1"});
        assert!(matches!(f.jwt(claims.clone()).await, Err(AuthError::InvalidToken)));
        f.run(&format!("insert into directus_sessions (token, \"user\", expires) values ('s1', '{EDITOR}', now() + interval '1 day')"))
            .await;
        let identity = f.jwt(claims.clone()).await.unwrap();
        assert!(matches!(f.recheck(&identity).await, Recheck::Same));
        let other = json!({"id": "10000000-0000-4000-8000-000000000003", "session": "s1"});
        assert!(matches!(f.jwt(other).await, Err(AuthError::InvalidToken)));
        f.run("update directus_sessions set expires = now() - interval '1 second'").await;
        assert!(matches!(f.jwt(claims.clone()).await, Err(AuthError::InvalidToken)));
        assert!(matches!(f.recheck(&identity).await, Recheck::Ended));
    }
    let f = Fixture::start(NEWSROOM).await;
    f.run("insert into directus_oauth_clients (client_id, client_name, redirect_uris, grant_types) values ('c', 'c', '[]', '[]')").await;
    f.run(&format!(
        "insert into directus_sessions (token, \"user\", expires, oauth_client) values ('s1', '{EDITOR}', now() + interval '1 day', 'c')"
    ))
    .await;
    assert!(matches!(f.jwt(json!({"id": EDITOR, "session": "s1"})).await, Err(AuthError::InvalidToken)));
    assert!(matches!(f.refresh("s1").await, Err(AuthError::InvalidCredentials)));
}

#[tokio::test]
async fn a_login_opens_a_session() {
    let f = Fixture::start(NEWSROOM).await;
    f.run(
        "insert into directus_sessions (token, \"user\", expires) select 'old', id, now() - interval '1 day' from directus_users limit 1",
    )
    .await;
    let (identity, tokens) = f.login("Editor@Example.COM", "pw-editor", None).await.unwrap();
    assert_eq!(user(&identity).as_deref(), Some(EDITOR));
    assert!(identity.expires_at.is_some());
    assert_eq!(tokens.refresh_token.expose_secret().len(), 64);
    assert_eq!(tokens.expires_in, Duration::from_secs(900));
    let by_token = f.token(tokens.access_token.expose_secret()).await.unwrap();
    assert_eq!(by_token.accountability, identity.accountability);
    let row = f
        .row(
            "select count(*), bool_and(ip is null and user_agent is null and origin is null), \
        bool_and(expires between now() + interval '6 days 23 hours' and now() + interval '7 days') from directus_sessions",
        )
        .await;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1), row.get::<_, bool>(2)), (1, true, true));
    assert_eq!(f.count("select count(*) from directus_activity where action = 'login'").await, 0);
    assert_eq!(
        f.count(&format!("select count(*) from directus_users where id = '{EDITOR}' and last_access > now() - interval '1 minute'")).await,
        1
    );
    assert!(!format!("{tokens:?}").contains(tokens.refresh_token.expose_secret()));
}

#[tokio::test]
async fn a_login_over_http_says_where_from() {
    let f = Fixture::start(NEWSROOM).await;
    let client = || Arc::clone(&f.client);
    f.authenticator.login_recorded("editor@example.com", &"pw-editor".into(), None, client()).await.unwrap();
    let row = f.row("select ip, user_agent, origin from directus_sessions").await;
    assert_eq!((row.get(0), row.get(1), row.get(2)), (Some("10.0.0.9"), Some("tests"), Some("https://example.com")));
    let row = f.row("select ip, item, collection from directus_activity where action = 'login'").await;
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("10.0.0.9", EDITOR, "directus_users"));
}

#[tokio::test]
async fn refused_logins_look_alike_and_take_as_long() {
    let stall = Duration::from_millis(700);
    let f = Fixture::with_stall(NEWSROOM, stall).await;
    let long = "x".repeat(5000);
    for (email, password) in [
        ("editor@example.com", "wrong"),
        ("nobody@example.com", "wrong"),
        ("suspended@example.com", "wrong"),
        ("editor@example.com", ""),
        ("editor@example.com", long.as_str()),
        ("a\0b@example.com", "x"),
        ("", ""),
    ] {
        let start = Instant::now();
        let refused = f.login(email, password, None).await;
        assert!(matches!(refused, Err(AuthError::InvalidCredentials)), "{email}");
        assert!(start.elapsed() >= stall, "{email}");
    }
    assert!(matches!(f.login("suspended@example.com", "pw-suspended", None).await, Err(AuthError::Suspended)));
    f.run("update directus_users set provider = 'github' where email = 'editor@example.com'").await;
    assert!(matches!(f.login("editor@example.com", "pw-editor", None).await, Err(AuthError::InvalidCredentials)));
    assert_eq!(f.count("select count(*) from directus_sessions").await, 0);
}

#[tokio::test]
async fn too_many_attempts_suspend() {
    let f = Fixture::start(NEWSROOM).await;
    f.run("update directus_settings set auth_login_attempts = 2").await;
    let email = "editor@example.com";
    for _ in 0..2 {
        assert!(f.login(email, "wrong", None).await.is_err());
    }
    assert_eq!(f.count("select count(*) from directus_users where status = 'suspended'").await, 1, "only the fixture's");
    assert!(matches!(f.login(email, "pw-editor", None).await, Err(AuthError::Suspended)));
    assert_eq!(f.count("select count(*) from directus_users where status = 'suspended'").await, 2);
    f.run("update directus_users set status = 'active' where email = 'editor@example.com'").await;
    f.login(email, "pw-editor", None).await.unwrap();
    for _ in 0..3 {
        assert!(f.login(email, "wrong", None).await.is_err());
        f.login(email, "pw-editor", None).await.unwrap();
    }
    f.run("update directus_settings set auth_login_attempts = null").await;
    for _ in 0..4 {
        assert!(f.login(email, "wrong", None).await.is_err());
    }
    f.login(email, "pw-editor", None).await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_works_once() {
    let f = Fixture::start(NEWSROOM).await;
    let secret = "GEZDGNBVGY3TQOJQ";
    f.run(&format!("update directus_users set tfa_secret = '{secret}' where id = '{EDITOR}'")).await;
    let email = "editor@example.com";
    assert!(matches!(f.login(email, "pw-editor", None).await, Err(AuthError::InvalidOtp)));
    assert!(matches!(f.login(email, "pw-editor", Some("12")).await, Err(AuthError::InvalidOtp)));
    assert!(matches!(f.login(email, "wrong", Some("123456")).await, Err(AuthError::InvalidCredentials)));
    let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_step_duration(30);
    let totp = totp.with_secret(Secret::try_from_base32(secret).unwrap()).build_noncompliant();
    let code = totp.generate_current().to_string();
    f.login(email, "pw-editor", Some(&code)).await.unwrap();
    assert!(matches!(f.login(email, "pw-editor", Some(&code)).await, Err(AuthError::InvalidOtp)));
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let f = Fixture::start(NEWSROOM).await;
    let (_, first) = f.login("editor@example.com", "pw-editor", None).await.unwrap();
    let (identity, second) = f.refresh(first.refresh_token.expose_secret()).await.unwrap();
    assert_eq!(user(&identity).as_deref(), Some(EDITOR));
    assert!(matches!(f.refresh(first.refresh_token.expose_secret()).await, Err(AuthError::InvalidCredentials)));
    // Of two at once one gets through.
    let token = second.refresh_token.expose_secret();
    let (one, other) = tokio::join!(f.refresh(token), f.refresh(token));
    assert_eq!([&one, &other].iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(f.count("select count(*) from directus_sessions").await, 1);
    let (_, last) = one.or(other).unwrap();
    f.run(&format!("update directus_users set status = 'suspended' where id = '{EDITOR}'")).await;
    assert!(matches!(f.refresh(last.refresh_token.expose_secret()).await, Err(AuthError::Suspended)));
    assert_eq!(f.count("select count(*) from directus_sessions").await, 0);
    for unknown in ["", "nope", "x\0", &"x".repeat(65)] {
        assert!(matches!(f.refresh(unknown).await, Err(AuthError::InvalidCredentials)));
    }
}

#[tokio::test]
async fn a_prepared_next_token_is_the_one_handed_out() {
    let f = Fixture::start(NEWSROOM_11).await;
    let insert = |token: &str, next: &str| {
        format!(
            "insert into directus_sessions (token, \"user\", expires, next_token) values ('{token}', '{EDITOR}', now() + interval '1 day', {next})"
        )
    };
    f.run(&insert("r1", "'n1'")).await;
    assert_eq!(f.refresh("r1").await.unwrap().1.refresh_token.expose_secret(), "n1");
    assert_eq!(f.count("select count(*) from directus_sessions where token = 'n1' and next_token is null").await, 1);
    // The next session is open already.
    f.run(&insert("r2", "'n2'")).await;
    f.run(&insert("n2", "null")).await;
    assert_eq!(f.refresh("r2").await.unwrap().1.refresh_token.expose_secret(), "n2");
    assert_eq!(f.count("select count(*) from directus_sessions where token in ('r2', 'n2')").await, 1);
    f.run("update directus_sessions set expires = now() - interval '1 second'").await;
    assert!(matches!(f.refresh("n2").await, Err(AuthError::InvalidCredentials)));
}

#[tokio::test]
async fn a_session_cookie_is_renewed_with_grace_and_ends_by_logout() {
    let f = Fixture::start(NEWSROOM).await;
    let client = || Arc::clone(&f.client);
    let (identity, first) = f.authenticator.login_session("editor@example.com", &"pw-editor".into(), None, client()).await.unwrap();
    assert_eq!(first.expires_in, Duration::from_secs(86_400));
    assert!(matches!(identity.proof, Proof::AccessToken { session: Some(_) }));
    let cookie = first.access_token.expose_secret();
    assert_eq!(user(&f.token(cookie).await.unwrap()).as_deref(), Some(EDITOR));
    let (_, second) = f.authenticator.refresh_session(cookie, client()).await.unwrap();
    // For some seconds the old cookie goes on, and leads to the same new session.
    assert!(f.token(cookie).await.is_ok());
    let (_, again) = f.authenticator.refresh_session(cookie, client()).await.unwrap();
    assert_eq!(again.refresh_token.expose_secret(), second.refresh_token.expose_secret());
    let left = "select count(*) from directus_sessions where next_token is not null and expires <= now() + interval '10 seconds'";
    assert_eq!((f.count(left).await, f.sessions(&second.refresh_token).await), (1, 1));
    f.authenticator.logout_session(second.access_token.expose_secret()).await.unwrap();
    assert!(matches!(f.token(second.access_token.expose_secret()).await, Err(AuthError::InvalidToken)));
    assert_eq!(f.sessions(&second.refresh_token).await, 0);
    f.authenticator.logout_session("tok-editor").await.unwrap();
    f.authenticator.logout("nope").await.unwrap();
    assert!(matches!(f.authenticator.refresh_session("tok-editor", client()).await, Err(AuthError::InvalidCredentials)));
}

#[tokio::test]
async fn identities_hold_as_long_as_their_ground() {
    let f = Fixture::start(NEWSROOM).await;
    let identity = f.token("tok-editor").await.unwrap();
    let jwt = f.jwt(json!({"id": EDITOR})).await.unwrap();
    let public = f.authenticator.public(Arc::clone(&f.client));
    for identity in [&identity, &jwt, &public] {
        assert!(matches!(f.recheck(identity).await, Recheck::Same));
    }
    // Another role.
    f.run(&format!("update directus_users set role = '20000000-0000-4000-8000-000000000003' where id = '{EDITOR}'")).await;
    for identity in [&identity, &jwt] {
        let Recheck::Changed(changed) = f.recheck(identity).await else { panic!("the role is another") };
        assert_eq!(changed.accountability.role, Some("20000000-0000-4000-8000-000000000003".parse().unwrap()));
        assert!(matches!(f.recheck(&changed).await, Recheck::Same));
    }
    f.run(&format!("update directus_users set role = '20000000-0000-4000-8000-000000000001' where id = '{EDITOR}'")).await;
    // Another policy.
    f.run("update directus_policies set admin_access = true where id = '30000000-0000-4000-8000-000000000001'").await;
    f.directory.apply("directus_policies").await.unwrap();
    assert!(matches!(f.authenticator.revise(&identity), Recheck::Changed(changed) if changed.accountability.admin));
    assert!(matches!(f.authenticator.revise(&public), Recheck::Same));
    // Another token ends the static one and nothing else.
    f.run(&format!("update directus_users set token = 'new' where id = '{EDITOR}'")).await;
    assert!(matches!(f.recheck(&identity).await, Recheck::Ended));
    assert!(!matches!(f.recheck(&jwt).await, Recheck::Ended));
    f.run(&format!("update directus_users set status = 'suspended' where id = '{EDITOR}'")).await;
    assert!(matches!(f.recheck(&jwt).await, Recheck::Ended));
    f.run("update articles set user_created = null, user_updated = null").await;
    f.run(&format!("delete from directus_users where id = '{EDITOR}'")).await;
    assert!(matches!(f.recheck(&jwt).await, Recheck::Ended));
}

#[tokio::test]
async fn who_somebody_is_and_what_his_role_may_are_of_one_moment() {
    let moved = format!("update directus_users set role = '20000000-0000-4000-8000-000000000003' where id = '{EDITOR}'");
    for second_look in [false, true] {
        let f = Fixture::start(NEWSROOM).await;
        let identity = f.token("tok-editor").await.unwrap();
        // Nobody tells the directory, which reads on when somebody comes whose row is younger than its rules.
        f.run("delete from directus_permissions where policy = '30000000-0000-4000-8000-000000000003'").await;
        f.run(&moved).await;
        let identity = if second_look {
            let Recheck::Changed(changed) = f.recheck(&identity).await else { panic!("the role is another") };
            changed
        } else {
            f.token("tok-editor").await.unwrap()
        };
        assert_eq!(identity.accountability.role, Some("20000000-0000-4000-8000-000000000003".parse().unwrap()));
        let permissions = f.directory.permissions(&identity.accountability).await.unwrap();
        assert!(!permissions.allows("articles", access::permission::Action::Read), "its role lost that before");
    }
}

#[tokio::test]
async fn those_whose_rows_changed_are_found_among_all() {
    let f = Fixture::start(NEWSROOM).await;
    let (_, session) = f.authenticator.login_session("editor@example.com", &"pw-editor".into(), None, Arc::clone(&f.client)).await.unwrap();
    let editor = f.token("tok-editor").await.unwrap();
    let jwt = f.jwt(json!({"id": EDITOR})).await.unwrap();
    let cookie = f.token(session.access_token.expose_secret()).await.unwrap();
    let public = f.authenticator.public(Arc::clone(&f.client));
    let identities = [editor, jwt, cookie, public];
    let differing = async || {
        let found = f.authenticator.look_at_all(&identities).await.unwrap();
        found.into_iter().map(|(place, outcome)| (place, matches!(outcome, Recheck::Ended))).collect::<Vec<_>>()
    };
    assert!(differing().await.is_empty());
    f.run(&format!("update directus_users set token = 'another' where id = '{EDITOR}'")).await;
    assert_eq!(differing().await, [(0, true)]);
    f.run(&format!("update directus_users set token = 'tok-editor' where id = '{EDITOR}'")).await;
    f.run(&format!(r#"delete from directus_sessions where "user" = '{EDITOR}'"#)).await;
    assert_eq!(differing().await, [(2, true)]);
    f.run(&format!("update directus_users set role = null where id = '{EDITOR}'")).await;
    assert_eq!(differing().await, [(0, false), (1, false), (2, true)]);
    f.run(&format!("update directus_users set status = 'suspended' where id = '{EDITOR}'")).await;
    assert_eq!(differing().await, [(0, true), (1, true), (2, true)]);
}

#[tokio::test]
async fn shares_are_open_in_their_time_and_grant_nothing_here() {
    let f = Fixture::start(NEWSROOM).await;
    let share = Uuid::new_v4();
    f.run(&format!("insert into directus_shares (id, collection, item, role) values ('{share}', 'articles', '1', '20000000-0000-4000-8000-000000000001')")).await;
    f.run(&format!("insert into directus_sessions (token, share, expires) values ('share-token', '{share}', now() + interval '1 day')"))
        .await;
    let (identity, tokens) = f.refresh("share-token").await.unwrap();
    assert_eq!(identity.accountability.share, Some(share));
    let by_token = f.token(tokens.access_token.expose_secret()).await.unwrap();
    assert!(!f.directory.permissions(&by_token.accountability).await.unwrap().allows("articles", access::permission::Action::Read));
    f.run("update directus_shares set date_end = now() - interval '1 day'").await;
    assert!(matches!(f.token(tokens.access_token.expose_secret()).await, Err(AuthError::InvalidToken)));
    assert!(matches!(f.refresh(tokens.refresh_token.expose_secret()).await, Err(AuthError::InvalidCredentials)));
}
