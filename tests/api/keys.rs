//! Who may do what: keys, from the command that makes them to what they open.
use std::process::{Command, Output};

use crate::support::{Answer, TestApp, World, event, eventually};

/// A key as the command prints it.
pub(crate) struct NewKey {
    pub(crate) key: String,
    /// The table for a configuration file.
    table: String,
    /// The entry for the environment.
    pub(crate) entry: String,
}

fn keys_new(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
    let output = command.args(["keys", "new"]).args(arguments).output();
    output.expect("it runs")
}

/// Makes a key with the binary.
pub(crate) fn new_key(name: &str, scopes: &str) -> NewKey {
    let output = keys_new(&["--name", name, "--scope", scopes]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("it prints text");
    let after = |start: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no {start} in {said}")).to_owned()
    };
    let table = said.lines().skip_while(|line| *line != "[[auth.keys]]");
    NewKey {
        key: after("key (shown only now): "),
        table: table
            .take_while(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n"),
        entry: after("SVIX_HOOKS__AUTH__KEYS="),
    }
}

fn assert_unauthorized(answer: &Answer, why: &str) {
    assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{why}: {}", answer.body);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{why}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{why}");
}

#[actix_web::test]
async fn a_new_key_can_be_used_by_either_line_that_is_printed_with_it() {
    let ci = new_key("ci", "ingest,read");
    assert!(ci.entry.starts_with("ci:ingest+read:sha256:"), "{}", ci.entry);
    assert!(
        !ci.entry.contains(&ci.key) && !ci.table.contains(&ci.key),
        "the configuration has only the hash"
    );
    assert_ne!(ci.key, new_key("ci", "ingest,read").key, "no two keys are the same");
    let mut app = TestApp::start(&[("AUTH__KEYS", &ci.entry)]).await;
    let client = app.client.with_key(&ci.key);
    assert_eq!(client.post(&event("evt_1")).await.status, 202);
    assert_eq!(client.stat("accepted").await, 1);
    app.stop().await.expect("it stops");
    let file = app.dir.path().join("svix-hooks.toml");
    std::fs::write(&file, &ci.table).expect("the file is written");
    app.forget(&["AUTH__KEYS"]);
    app.start_with_files(&[], vec![file]).await;
    assert_unauthorized(&app.client.post(&event("evt_2")).await, "the file has the key as well");
    assert_eq!(app.client.with_key(&ci.key).post(&event("evt_2")).await.status, 202);
}

/// What only those who operate may do, and how that is answered where there is nothing to do it with.
const OPERATING: [(&str, &str, Option<&str>, u16); 5] = [
    ("GET", "/notifications/nothing?include=payload", None, 404),
    ("POST", "/notifications/nothing/redrive", None, 404),
    ("POST", "/redrives", Some(r#"{"filter": {}, "dryRun": true}"#), 200),
    ("POST", "/redrives/nothing/cancel", None, 404),
    ("DELETE", "/dead-letters", None, 400),
];

#[actix_web::test]
async fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let table = [
        ("ingest", 202, 403, false, "who posts need not see what others post"),
        ("read", 403, 200, false, "who looks cannot post"),
        ("ingest,read", 202, 200, false, "both"),
        ("operate", 403, 200, true, "who operates may look"),
        ("admin", 202, 200, true, "admins may do everything"),
    ];
    let keys: Vec<_> = table
        .iter()
        .map(|(scopes, ..)| new_key(&scopes.replace(',', "-"), scopes))
        .collect();
    let entries: Vec<_> = keys.iter().map(|key| key.entry.as_str()).collect();
    let app = TestApp::start(&[("AUTH__KEYS", &entries.join(","))]).await;
    for (key, (scopes, post, get, operates, why)) in keys.iter().zip(table) {
        let client = app.client.with_key(&key.key);
        let answer = client.post(&event(scopes)).await;
        assert_eq!(answer.status, post, "{scopes}: {why}");
        if post == 403 {
            assert_eq!(answer.code(), "forbidden", "{scopes}: {why}");
            assert!(answer.body["detail"].to_string().contains("ingest"), "it names what is missing");
        }
        for path in [
            "/stats",
            "/stats/timeseries",
            "/audit",
            "/health",
            "/notifications",
            "/dead-letters",
            "/dead-letters/groups",
            "/redrives",
        ] {
            assert_eq!(client.get(path).await.status, get, "{scopes} at {path}: {why}");
        }
        for (method, path, body, status) in OPERATING {
            let answer = match body {
                None => client.request(method, path).await,
                Some(body) => {
                    client
                        .send_json(method, path, &serde_json::from_str(body).unwrap())
                        .await
                }
            };
            let status = if operates { status } else { 403 };
            assert_eq!(answer.status, status, "{scopes}, {method} {path}: {why}: {}", answer.body);
            assert!(operates || answer.code() == "forbidden", "{scopes}, {method} {path}");
        }
        // Whether it is there is nothing that such a key may learn.
        let unknown = if get == 200 { 404 } else { 403 };
        assert_eq!(client.get("/notifications/nothing").await.status, unknown, "{scopes}: {why}");
    }
    let reader = app.client.with_key(&keys[1].key);
    assert_eq!(reader.stat("accepted").await, 3, "only who may post has posted");
}

#[actix_web::test]
async fn without_a_key_that_is_known_nothing_opens_but_two_health_checks() {
    let ci = new_key("ci", "ingest,read");
    let app = TestApp::start(&[("AUTH__KEYS", &ci.entry)]).await;
    let hash = ci.entry.trim_start_matches("ci:ingest+read:");
    let table = [
        (String::new(), "an empty header"),
        ("Bearer".to_owned(), "no key"),
        ("Bearer ".to_owned(), "an empty key"),
        (format!("Bearer {}", new_key("ci", "admin").key), "a key that was never let in"),
        (format!("Bearer {}x", ci.key), "a letter more"),
        (format!("Bearer {}", &ci.key[..ci.key.len() - 1]), "a letter less"),
        (format!("Bearer {}", ci.key.to_uppercase()), "in capitals"),
        (format!("Bearer {hash}"), "the hash, which is no secret"),
        (format!("Basic {}", ci.key), "another scheme"),
        (ci.key.clone(), "no scheme"),
    ];
    for (shown, why) in table {
        let body = event("evt_1").to_string();
        let answer = app
            .client
            .try_post(body, &[("authorization", &shown)])
            .await
            .expect(why);
        assert_unauthorized(&answer, why);
    }
    assert_unauthorized(&app.client.post(&event("evt_1")).await, "no header");
    assert_unauthorized(&app.client.try_post("{", &[]).await.unwrap(), "nothing is said about the body");
    for path in [
        "/stats",
        "/health",
        "/notifications",
        "/notifications?limit=0",
        "/notifications/nothing",
        "/dead-letters",
        "/dead-letters/groups",
        "/redrives",
    ] {
        assert_unauthorized(&app.client.get(path).await, path);
    }
    for (method, path, ..) in OPERATING {
        assert_unauthorized(&app.client.request(method, path).await, path);
    }
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.client.get(path).await.status, 200, "{path} is for machines that have no key");
    }
    let known = [("authorization", format!("bearer {}", ci.key))];
    let known = known.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = app.client.try_post(event("evt_1").to_string(), &known).await;
    assert_eq!(answer.expect("it answers").status, 202, "the scheme has no case");
    assert_eq!(app.client.with_key(&ci.key).stat("accepted").await, 1);
}

#[actix_web::test]
async fn an_address_that_others_can_reach_needs_a_key() {
    let world = World::new();
    let reachable = ("SERVER__LISTEN", "0.0.0.0:0");
    let output = world.output(&[reachable]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in ["auth.keys", "0.0.0.0:0", "svix-hooks keys new"] {
        assert!(said.contains(part), "it says {part}: {said}");
    }
    assert!(world.store.is_untouched().await, "nothing was begun");
    let ci = new_key("ci", "ingest,read");
    let process = world.start(&[reachable, ("AUTH__KEYS", &ci.entry)]).await;
    assert_unauthorized(&process.client.post(&event("evt_1")).await, "no key");
    assert_eq!(
        process
            .client
            .with_key(&ci.key)
            .post(&event("evt_1"))
            .await
            .status,
        202
    );
}

#[actix_web::test]
async fn keys_show_in_no_log_answer_or_store() {
    let world = World::new();
    let (poster, reader, stranger) =
        (new_key("poster", "ingest"), new_key("reader", "read"), new_key("stranger", "admin"));
    let settings = [
        ("LOG__LEVEL", "trace"),
        ("AUTH__KEYS", &format!("{},{}", poster.entry, reader.entry)),
    ];
    let mut process = world.start(&settings).await;
    let mut seen = String::new();
    for (key, status) in [(&poster, 202), (&reader, 403), (&stranger, 401)] {
        let client = process.client.with_key(&key.key);
        let answer = client.post(&event("evt_1")).await;
        assert_eq!(answer.status, status);
        seen.push_str(&answer.body.to_string());
        for path in ["/health", "/stats", "/notifications"] {
            seen.push_str(&client.get(path).await.body.to_string());
        }
    }
    let client = process.client.with_key(&reader.key);
    eventually("it is delivered", async || client.stat("delivered").await == 1).await;
    process.signal("TERM");
    assert!(process.ended().await.success(), "{:?}", process.log());
    seen.push_str(&process.log().join("\n"));
    assert!(seen.contains("stopped"), "the log was kept");
    let kept = world.store.contents().await;
    assert!(kept.contains("evt_1"), "the store was read");
    seen.push_str(&kept);
    for NewKey { key, .. } in [poster, reader, stranger] {
        let secret = key.trim_start_matches("shk_");
        assert!(!seen.contains(secret), "a key was shown");
    }
    let requests = format!("{:?}", world.sandbox.requests());
    assert!(!requests.contains("shk_"), "svix is told of no key");
}

#[test]
fn a_key_that_could_not_be_used_is_not_made() {
    let long = "n".repeat(129);
    let table: [(&[&str], &str, &str); 8] = [
        (&["--name", "a,b", "--scope", "read"], "letters, digits", "commas separate keys"),
        (&["--name", "a:b", "--scope", "read"], "letters, digits", "colons separate the parts of one"),
        (&["--name", "", "--scope", "read"], "letters, digits", "logs would be blank"),
        (&["--name", "..", "--scope", "read"], "letters, digits", "the configuration would refuse it"),
        (&["--name", &long, "--scope", "read"], "letters, digits", "and this"),
        (&["--name", "a", "--scope", "write"], "ingest", "no such scope"),
        (&["--name", "a"], "--scope", "it could do nothing"),
        (&["--scope", "read"], "--name", "nobody could tell it from others"),
    ];
    for (arguments, part, why) in table {
        let output = keys_new(arguments);
        assert!(!output.status.success(), "{why}");
        assert!(output.stdout.is_empty(), "{why}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(part), "{why}: {said}");
    }
}
