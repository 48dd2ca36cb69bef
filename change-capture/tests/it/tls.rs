//! TLS to real servers with certificates of an authority of our own: the right one is accepted, every wrong one refused.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use change_capture::bus::{Bus, BusCapacity, FeedItem, Fence, InProcessBus, RedisBus};
use change_capture::config::{DatabaseAddress, redis_tls_from_reader, redis_url_from_reader, worker_database_from_reader};
use change_capture::worker::WorkerConfig;
use change_event::{ChannelNames, Epoch};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use service_runtime::config::Reader;
use service_runtime::testkit::{PrivatePostgres, PrivatePostgresOptions, PrivateRedis};
use service_runtime::{CancellationToken, Tasks};

use crate::harness::{Collector, Worker, connect, eventually, soon, summary};

/// Files that are gone with it.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("tidegate-tls-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// A certificate for `host`, its key, and the authority that signed it, as files.
    fn certificate(&self, name: &str, host: &str) -> [String; 3] {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        [("crt", certificate.pem()), ("key", key.serialize_pem()), ("ca", authority)]
            .map(|(kind, text)| self.write(&format!("{name}.{kind}"), &text))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _already_gone = std::fs::remove_dir_all(&self.0);
    }
}

fn lookup(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn address(pairs: &[(&str, &str)]) -> DatabaseAddress {
    let lookup = lookup(pairs);
    let mut reader = Reader::new(&lookup);
    let address = worker_database_from_reader(&mut reader);
    reader.finish(address).unwrap().unwrap()
}

/// Makes the server offer TLS with these files.
async fn offer_tls(server: &PrivatePostgres, certificate: &str, key: &str) {
    let owner = std::fs::metadata(format!("/proc/{}", server.pid().unwrap())).unwrap();
    for file in [certificate, key] {
        std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let admin = connect(&server.config("postgres")).await;
    for statement in [
        format!("alter system set ssl_cert_file = '{certificate}'"),
        format!("alter system set ssl_key_file = '{key}'"),
        "alter system set ssl = on".to_owned(),
        "select pg_reload_conf()".to_owned(),
    ] {
        admin.batch_execute(&statement).await.unwrap();
    }
    eventually("the server offers TLS with this certificate", || async {
        let settings = "select current_setting('ssl') || current_setting('ssl_cert_file')";
        let client = connect(&server.config("postgres")).await;
        client.query_one(settings, &[]).await.unwrap().get::<_, String>(0) == format!("on{certificate}")
    })
    .await;
}

async fn outcome(address: &DatabaseAddress) -> Result<(), String> {
    match address.config.connect(address.tls.connector()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

#[tokio::test]
async fn postgres_is_reached_by_tls_and_a_wrong_certificate_is_refused() {
    let files = Files::new();
    let [certificate, key, authority] = files.certificate("right", "127.0.0.1");
    let [other_certificate, other_key, other_authority] = files.certificate("other", "elsewhere.example");
    let settings = vec![("fsync".to_owned(), "off".to_owned())];
    let server = PrivatePostgres::start(PrivatePostgresOptions { settings, ..Default::default() }).await.unwrap();
    let url = |parameters: &str| format!("postgres://postgres:{}@127.0.0.1:{}/postgres{parameters}", server.password(), server.port());
    let by_url = |parameters: String| address(&[("CAPTURE_DB_URL", &url(&parameters))]);
    assert_eq!(outcome(&by_url(String::new())).await, Ok(()), "without TLS as long as nobody asks for it");
    assert!(outcome(&by_url("?sslmode=require".to_owned())).await.unwrap_err().contains("TLS"), "and never where somebody does");

    offer_tls(&server, &certificate, &key).await;
    let port = server.port().to_string();
    let pem = std::fs::read_to_string(&authority).unwrap().replace('\n', "\\n");
    let by_settings = |more: &[(&str, &str)]| {
        let host = [("DB_HOST", "127.0.0.1"), ("DB_PORT", &*port), ("DB_USER", "postgres"), ("DB_PASSWORD", server.password())];
        address(&[&host[..], &[("DB_DATABASE", "postgres")], more].concat())
    };
    for accepted in [
        by_url(String::new()),
        by_url("?sslmode=require".to_owned()),
        by_url("?sslmode=no-verify".to_owned()),
        by_url(format!("?sslmode=require&sslrootcert={authority}")),
        by_url(format!("?sslmode=verify-ca&sslrootcert={authority}")),
        by_url(format!("?sslmode=verify-full&sslrootcert={authority}")),
        by_settings(&[("DB_SSL__CA_FILE", &authority)]),
        by_settings(&[("DB_SSL", "true"), ("DB_SSL__CA", &pem)]),
        by_settings(&[("DB_SSL__REJECT_UNAUTHORIZED", "false")]),
        by_settings(&[]),
    ] {
        assert_eq!(outcome(&accepted).await, Ok(()), "{accepted:?}");
    }
    for refused in [
        by_url("?sslmode=verify-full".to_owned()),
        by_url(format!("?sslmode=require&sslrootcert={other_authority}")),
        by_url(format!("?sslmode=verify-ca&sslrootcert={other_authority}")),
        by_url(format!("?sslmode=verify-full&sslrootcert={other_authority}")),
        by_settings(&[("DB_SSL", "true")]),
        by_settings(&[("DB_SSL__CA_FILE", &other_authority)]),
    ] {
        assert!(outcome(&refused).await.unwrap_err().contains("certificate"), "{refused:?}");
    }

    // Every session of a worker is protected, and capture works.
    connect(&server.config("postgres")).await.batch_execute("create table t (id int primary key)").await.unwrap();
    let bus = InProcessBus::new(BusCapacity::default());
    let config = WorkerConfig::new(by_url(format!("?sslmode=verify-full&sslrootcert={authority}")));
    let worker = Worker::start(config, Arc::new(bus.clone()));
    worker.synchronise().await;
    let mut seen = Collector::subscribe(&bus, &["t"]).await;
    let client = connect(&server.config("postgres")).await;
    client.batch_execute("insert into t values (1)").await.unwrap();
    let FeedItem::Event(event) = seen.next().await else { panic!("an event") };
    assert_eq!(summary(&event), "t c 1");
    let sessions =
        "select count(*), bool_and(s.ssl) from pg_stat_activity a join pg_stat_ssl s using (pid) where a.application_name like 'tidegate%'";
    let row = client.query_one(sessions, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (3, true));
    worker.stop().await;

    // A certificate of another host: whoever looks at the host refuses it, by whichever authority.
    offer_tls(&server, &other_certificate, &other_key).await;
    let [by_authority, by_host] = ["verify-ca", "verify-full"].map(|mode| by_url(format!("?sslmode={mode}&sslrootcert={other_authority}")));
    assert_eq!(outcome(&by_authority).await, Ok(()));
    assert!(outcome(&by_host).await.unwrap_err().contains("not valid for name"));
}

async fn bus(pairs: &[(&str, &str)]) -> Result<RedisBus, String> {
    let lookup = lookup(pairs);
    let mut reader = Reader::new(&lookup);
    let (url, tls) = (redis_url_from_reader(&mut reader), redis_tls_from_reader(&mut reader));
    let (url, tls) = reader.finish((url.unwrap(), tls)).unwrap();
    let names = ChannelNames::new("tls");
    let connecting = RedisBus::connect_with(&url, &tls, names, BusCapacity::default(), Tasks::new(), CancellationToken::new());
    soon("an answer", connecting).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn redis_is_reached_by_tls_and_a_wrong_certificate_is_refused() {
    let files = Files::new();
    let [certificate, key, authority] = files.certificate("right", "127.0.0.1");
    let [_, _, other] = files.certificate("other", "127.0.0.1");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let arguments = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ];
    let _redis = PrivateRedis::start(&arguments).await.unwrap();
    let url = format!("rediss://127.0.0.1:{port}/");
    let right = [("REDIS", &*url), ("REDIS_TLS__CA_FILE", &*authority)];
    let (worker, node) = (bus(&right).await.unwrap(), bus(&right).await.unwrap());
    worker.open(Fence(1), Epoch(7), &[], &[]).await.unwrap();
    let feed = Collector::subscribe(&node, &[]).await;
    assert_eq!(feed.control.subscribe("a").await.unwrap().epoch, Epoch(7), "commands and subscriptions work");
    for accepted in [
        &[("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &*port), ("REDIS_TLS__CA_FILE", &authority)][..],
        &[("REDIS", &url), ("REDIS_TLS__REJECT_UNAUTHORIZED", "false")],
    ] {
        assert!(bus(accepted).await.is_ok(), "{accepted:?}");
    }
    for refused in [&[("REDIS", &*url)][..], &[("REDIS", &url), ("REDIS_TLS__CA_FILE", &other)]] {
        let error = bus(refused).await.err().unwrap();
        assert!(error.contains("certificate") || error.contains("UnknownIssuer"), "{error}");
    }
}
