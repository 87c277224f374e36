//! `store check` and `store copy` as an operator runs them: what they print, and with what they exit.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what a test or its support cannot do fails the test"
)]

use std::process::{Command, Output};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use svix_hooks::domain::{AccountName, Customer, EventId, NotificationId, Origin, Timestamp};
use svix_hooks::store::{NewNotification, Retention, Store, StoreOptions, Unwatched};
use tempfile::TempDir;
use uuid::Uuid;

/// Runs the binary away from anybody's `.env`, with `store.url` set where one is given.
fn run(arguments: &[&str], configured: Option<&str>) -> Output {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
    command.arg("store").args(arguments).current_dir(directory.path());
    if let Some(url) = configured {
        command.env("SVIX_HOOKS__STORE__URL", url);
    }
    command.output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Everything that was said.
fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

fn file(directory: &TempDir) -> String {
    format!("sqlite://{}", directory.path().join("hooks.db").display())
}

async fn open(url: &str) -> Store {
    let options = StoreOptions {
        url: url.to_owned(),
        lease: Duration::from_secs(15),
        max_batch: 512,
        max_waiting: 100,
        retention: Retention::default(),
        watch: Arc::new(Unwatched),
    };
    Store::open(options).await.unwrap()
}

/// Makes a stopped store with notifications of two customers that wait.
async fn filled(directory: &TempDir) -> String {
    let url = file(directory);
    let store = open(&url).await;
    for (customer, id) in [("acme", "evt_1"), ("acme", "evt_2"), ("globex", "evt_1")] {
        let accepted_at = Timestamp::from_millis(1_767_225_600_000);
        let event = format!(r#"{{"id":"{id}","type":"invoice.paid"}}"#);
        let new = NewNotification {
            id: NotificationId::generate(accepted_at),
            customer: Customer::parse(customer).unwrap(),
            account: AccountName::new("default"),
            application: "app".into(),
            create_application: None,
            event_key: EventId::of_caller(id),
            event_type: "invoice.paid".to_owned(),
            occurred_at: None,
            payload: 0..event.len(),
            digest: Sha256::digest(&event).into(),
            event: event.into(),
            accepted_at,
            expires_at: None,
            origin: Origin::default(),
            filtered: false,
        };
        store.accept(new, false).await.unwrap();
    }
    store.close(true).await.unwrap();
    url
}

async fn tamper(directory: &TempDir, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(directory.path().join("hooks.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_check_exits_with_what_it_found() {
    let directory = TempDir::new().unwrap();
    let url = filled(&directory).await;
    let sound = run(&["check", "--url", &url], None);
    assert_eq!(code(&sound), Some(0), "{}", words(&sound));
    assert!(words(&sound).contains("3 notifications of 2 customers"), "{}", words(&sound));
    let configured = run(&["check"], Some(&url));
    assert_eq!((code(&configured), words(&configured)), (Some(0), words(&sound)), "by configuration");

    let store = open(&url).await;
    let running = run(&["check", "--url", &url], None);
    assert_eq!(code(&running), Some(2));
    assert!(words(&running).contains("is used by another process"), "{}", words(&running));
    store.close(true).await.unwrap();

    tamper(&directory, "UPDATE ledger SET queued = 7 WHERE customer = 'globex'").await;
    let broken = run(&["check", "--url", &url], None);
    assert_eq!(code(&broken), Some(1));
    assert!(words(&broken).contains("globex"), "{}", words(&broken));
}

#[tokio::test]
async fn what_cannot_be_checked_or_copied_says_why_and_no_password() {
    let directory = TempDir::new().unwrap();
    let (url, absent) = (filled(&directory).await, TempDir::new().unwrap());
    let unreachable = "postgres://u:s3cret@127.0.0.1:1/hooks";
    let table = [
        (vec!["check", "--url", unreachable], "u:[redacted]@127.0.0.1:1", "no server"),
        (vec!["check", "--url", "mysql://u:s3cret@host/db"], "a store's URL is", "no store of ours"),
        (vec!["copy", "--from", &url, "--to", unreachable], "u:[redacted]@127.0.0.1:1", "no target"),
        (vec!["copy", "--from", unreachable, "--to", &url], "the source cannot be used", "no source"),
    ];
    for (arguments, right, why) in table {
        let output = run(&arguments, None);
        assert_eq!(code(&output), Some(2), "{why}");
        assert!(words(&output).contains(right), "{why}: {}", words(&output));
        assert!(!words(&output).contains("s3cret"), "{why}: {}", words(&output));
    }
    let absent_url = file(&absent);
    let output = run(&["check", "--url", &absent_url], None);
    assert_eq!(code(&output), Some(2));
    assert!(!absent.path().join("hooks.db").exists(), "a check makes no file");
}

#[tokio::test]
async fn a_copy_to_a_server_is_equal_and_checked() {
    let directory = TempDir::new().unwrap();
    let (url, database) = (filled(&directory).await, Database::new().await);
    let target = database.url();
    let copied = run(&["copy", "--from", &url, "--to", &target], None);
    assert_eq!(code(&copied), Some(0), "{}", words(&copied));
    assert!(words(&copied).contains("3 notifications copied"), "{}", words(&copied));
    assert!(copied.stderr.is_empty(), "no bar where there is no terminal: {}", words(&copied));
    let again = run(&["copy", "--quiet", "--from", &url, "--to", &target], None);
    assert_eq!((code(&again), words(&again).as_str()), (Some(0), ""), "there is nothing to say");
    assert_eq!(code(&run(&["check", "--url", &target], None)), Some(0));

    let other = TempDir::new().unwrap();
    let refused = run(&["copy", "--from", &filled(&other).await, "--to", &target], None);
    assert_eq!(code(&refused), Some(2));
    assert!(words(&refused).contains("the target holds something else"), "{}", words(&refused));
    database.delete().await;
}

/// A database of its own on the server for tests.
struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    #[expect(
        clippy::disallowed_methods,
        reason = "the service's own configuration is not concerned"
    )]
    async fn new() -> Self {
        let url = std::env::var("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL names no server; run tests/run, or tests/with-postgres before the command",
        );
        let server = PgConnectOptions::from_str(&url).unwrap();
        let database = Self {
            server,
            name: format!("svix_hooks_{}", Uuid::now_v7().simple()),
        };
        database
            .execute(format!("CREATE DATABASE {}", database.name))
            .await;
        database
    }

    fn url(&self) -> String {
        self.server
            .clone()
            .database(&self.name)
            .to_url_lossy()
            .to_string()
    }

    async fn delete(self) {
        self.execute(format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await;
    }

    async fn execute(&self, statement: String) {
        let mut connection = PgConnection::connect_with(&self.server).await.unwrap();
        // The name in it was made here.
        sqlx::raw_sql(AssertSqlSafe(statement).into_sql_str())
            .execute(&mut connection)
            .await
            .unwrap();
    }
}
