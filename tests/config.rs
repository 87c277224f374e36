//! What an operator may say in files and variables, and what is said back when it is wrong.
//!
//! A binary of its own: environment variables belong to the whole process.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use secrecy::ExposeSecret;
use svix_hooks::config::{
    Config, ConfigError, Key, Level, LogFormat, Origin, PayloadForm, Problem, UnknownCustomer,
};
use svix_hooks::domain::Scope;
use svix_hooks::envelope::KeyPart;
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// A directory with configuration files in it.
struct Files(TempDir);

impl Files {
    fn new() -> std::io::Result<Self> {
        TempDir::new().map(Self)
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn load(files: &[PathBuf], env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(
        files,
        env.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
    )
}

/// What loading complains about, line by line; empty where it does not.
fn complaints(files: &[PathBuf], env: &[(&str, &str)]) -> String {
    load(files, env)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

fn hash(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

#[test]
fn nothing_said_gives_the_defaults() -> Outcome {
    let config = load(&[], &[])?;
    assert_eq!(config, Config::default());
    assert!(config.validate().is_ok());
    assert_eq!(config.server.listen, "127.0.0.1:8080");
    assert_eq!((config.server.max_body_bytes, config.server.max_connections), (1_048_576, 25_000));
    assert_eq!((config.store.url.expose(), config.store.max_batch), ("sqlite://svix-hooks.db", 512));
    assert!(config.svix.token.is_none() && config.svix.server_url.is_none() && config.svix.app_id.is_none());
    assert_eq!(
        (config.svix.payload, config.svix.requests_per_second, config.svix.burst),
        (PayloadForm::Event, 5.0, 10)
    );
    assert_eq!((config.delivery.actors, config.delivery.batch, config.delivery.max_in_flight), (8, 32, 256));
    assert_eq!((config.retry.max_attempts, config.retry.multiplier, config.retry.jitter), (8, 4.0, 0.2));
    assert_eq!(config.routing.customer_pointers, ["/customer", "/project"]);
    assert_eq!(config.routing.unknown_customer, UnknownCustomer::DefaultApp);
    assert_eq!(config.idempotency.key, [KeyPart::Id]);
    assert!(config.auth.keys.is_empty());
    assert_eq!((config.log.level, config.log.format), (Level::Info, LogFormat::Text));
    Ok(())
}

#[test]
fn the_reference_itself_can_be_given_as_a_file() -> Outcome {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/default.toml");
    assert_eq!(load(&[reference], &[])?, Config::default());
    Ok(())
}

#[test]
fn a_later_file_lies_over_an_earlier_one_and_a_variable_over_both() -> Outcome {
    let files = Files::new()?;
    let text = "[delivery]\nactors = 2\nbatch = 3\n[routing]\ncustomer_pointers = ['/a', '/b']";
    let below = files.write("below.toml", text)?;
    let text = "[delivery]\nbatch = 4\nmax_in_flight = 5\n[routing]\ncustomer_pointers = ['/c']";
    let above = files.write("above.toml", text)?;
    let config = load(&[below, above], &[("SVIX_HOOKS__DELIVERY__MAX_IN_FLIGHT", "6")])?;
    let Config {
        delivery, routing, ..
    } = config;
    assert_eq!((delivery.actors, delivery.batch, delivery.max_in_flight), (2, 4, 6));
    assert_eq!(routing.customer_pointers, ["/c"], "a list is replaced, not joined");
    Ok(())
}

#[test]
fn what_is_set_for_customers_is_read_from_files() -> Outcome {
    let files = Files::new()?;
    let text = "[customers.acme]\nname = 'Acme'\nmax_queued = 5\n[customers.\"Ä.b\".retry]\nmax_attempts = 3";
    let below = files.write("below.toml", text)?;
    let above = files.write("above.toml", "[customers.acme]\npaused = true")?;
    let customers = load(&[below, above], &[])?.customers;
    let read: Vec<_> = customers
        .iter()
        .map(|(customer, settings)| (customer.as_str(), settings.name.as_deref(), settings.paused))
        .collect();
    assert_eq!(
        read,
        [("acme", None, true), ("Ä.b", None, false)],
        "a later table takes the place of an earlier one"
    );
    let wrong =
        files.write("wrong.toml", "[customers.acme]\nmax_queud = 5\n[customers.acme.retry]\njitter = 2")?;
    let error = load(std::slice::from_ref(&wrong), &[]).unwrap_err().to_string();
    for part in [
        "customers.acme.max_queud is not known here; known are name,",
        "customers.acme.retry.jitter is 2",
    ] {
        assert!(error.contains(part) && error.contains("wrong.toml"), "{part}: {error}");
    }
    let variable = load(&[], &[("SVIX_HOOKS__CUSTOMERS__ACME__NAME", "x")]);
    assert!(variable.is_err(), "no variable sets anything for a customer");
    Ok(())
}

#[test]
fn every_kind_of_value_can_be_said_in_a_variable() -> Outcome {
    let keys = format!("ops:read+operate:{}, door:ingest:{}", hash("a"), hash("b"));
    let config = load(
        &[],
        &[
            ("SVIX_HOOKS__SERVER__LISTEN", "[::1]:0"),
            ("SVIX_HOOKS__SERVER__WORKERS", "3"),
            ("SVIX_HOOKS__SVIX__TOKEN", "sk_secret.eu"),
            ("SVIX_HOOKS__SVIX__REQUESTS_PER_SECOND", "50"),
            ("SVIX_HOOKS__SVIX__VERIFY_AMBIGUOUS", "false"),
            ("SVIX_HOOKS__SVIX__PAYLOAD", "data"),
            ("SVIX_HOOKS__ROUTING__CUSTOMER_POINTERS", ""),
            ("SVIX_HOOKS__IDEMPOTENCY__KEY", "id, source"),
            ("SVIX_HOOKS__AUTH__KEYS", keys.as_str()),
            ("SVIX_HOOKS__LOG__LEVEL", "debug"),
        ],
    )?;
    assert_eq!((config.server.listen.as_str(), config.server.workers), ("[::1]:0", 3));
    assert_eq!(config.svix.token.as_ref().map(|token| token.expose_secret()), Some("sk_secret.eu"));
    assert_eq!((config.svix.requests_per_second, config.svix.verify_ambiguous), (50.0, false));
    assert_eq!((config.svix.payload, config.log.level), (PayloadForm::Data, Level::Debug));
    assert!(config.routing.customer_pointers.is_empty());
    assert_eq!(config.idempotency.key, [KeyPart::Id, KeyPart::Source]);
    let key = |name: &str, scopes: &[Scope], digit| Key {
        name: name.into(),
        scopes: scopes.into(),
        hash: hash(digit),
    };
    assert_eq!(
        config.auth.keys,
        [
            key("ops", &[Scope::Read, Scope::Operate], "a"),
            key("door", &[Scope::Ingest], "b")
        ]
    );
    Ok(())
}

#[test]
fn keys_can_be_said_as_tables_of_a_file() -> Outcome {
    let files = Files::new()?;
    let text = format!("[[auth.keys]]\nname = 'ops'\nscopes = ['ingest', 'admin']\nhash = '{}'", hash("0"));
    let config = load(&[files.write("keys.toml", &text)?], &[])?;
    assert_eq!(
        config.auth.keys,
        [Key {
            name: "ops".into(),
            scopes: vec![Scope::Ingest, Scope::Admin],
            hash: hash("0")
        }]
    );
    Ok(())
}

#[test]
fn an_empty_text_unsets_what_may_be_unset() -> Outcome {
    let files = Files::new()?;
    let below =
        files.write("a.toml", "[svix]\ntoken = 'x'\nserver_url = 'https://x.test'\napp_id = 'app'")?;
    let names = [
        "SVIX_HOOKS__SVIX__TOKEN",
        "SVIX_HOOKS__SVIX__SERVER_URL",
        "SVIX_HOOKS__SVIX__APP_ID",
    ];
    assert_ne!(load(std::slice::from_ref(&below), &[])?, Config::default());
    assert_eq!(load(&[below], &names.map(|name| (name, "")))?, Config::default());
    Ok(())
}

#[test]
fn variables_of_others_do_not_matter() -> Outcome {
    let table = [
        ("PATH", "not ours"),
        ("SVIX_HOOKS_PORT", "orchestrators set such names for a service called svix-hooks"),
        ("svix_hooks__server__listen", "names have case"),
    ];
    for (name, why) in table {
        assert_eq!(complaints(&[], &[(name, "x")]), "", "{why}");
    }
    Ok(())
}

#[test]
fn an_unknown_key_of_a_file_is_refused_with_the_nearest_one() -> Outcome {
    let files = Files::new()?;
    let table = [
        (
            "[server]\nlisen = 'x'",
            "unknown key server.lisen; the nearest known one is server.listen",
            "a typing error",
        ),
        (
            "[srever]\nlisten = 'x'",
            "unknown key srever.listen; the nearest known one is server.listen",
            "in the section",
        ),
        (
            "[server]\nbatch = 3",
            "unknown key server.batch; the nearest known one is delivery.batch",
            "another section",
        ),
        ("listen = 'x'", "unknown key listen; the nearest known one is server.listen", "no section"),
        ("[svx]", "unknown key svx; the nearest known one is svix.", "an empty section"),
        ("[[auth.keys]]\nnmae = 'x'", "unknown key auth.keys[0].nmae; the nearest", "in a list"),
    ];
    for (text, right, why) in table {
        let path = files.write("a.toml", text)?;
        let said = complaints(std::slice::from_ref(&path), &[]);
        assert!(said.starts_with(&format!("{}: {right}", path.display())), "{why}: {said}");
    }
    Ok(())
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_one() {
    let table = [
        ("SVIX_HOOKS__SVIX__TOKN", "SVIX_HOOKS__SVIX__TOKEN", "a typing error"),
        ("SVIX_HOOKS__SVIX_TOKEN", "SVIX_HOOKS__SVIX__TOKEN", "one underscore for two"),
        ("SVIX_HOOKS__svix__token", "SVIX_HOOKS__SVIX__TOKEN", "names have case"),
        ("SVIX_HOOKS__SVIX", "SVIX_HOOKS__SVIX__", "a section alone"),
        ("SVIX_HOOKS__", "SVIX_HOOKS__", "nothing at all"),
    ];
    for (name, nearest, why) in table {
        let said = complaints(&[], &[(name, "hush-hush")]);
        assert!(said.starts_with(&format!("environment variable {name}: unknown key ")), "{why}: {said}");
        assert!(said.contains(&format!("the nearest known one is {nearest}")), "{why}: {said}");
        assert!(!said.contains("hush"), "{why}: a value of an unknown key may be a secret");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() -> Outcome {
    let files = Files::new()?;
    let table = [
        (
            "[delivery]\nactors = '8'",
            "delivery.actors is \"8\"; it must be a whole number from 1 to 256",
            "a text",
        ),
        (
            "[delivery]\nactors = 1.5",
            "delivery.actors is 1.5; it must be a whole number from 1 to 256",
            "a fraction",
        ),
        (
            "[delivery]\nactors = -1",
            "delivery.actors is -1; it must be a whole number from 1 to 256",
            "a negative one",
        ),
        (
            "[retry]\nmax_attempts = 4294967297",
            "retry.max_attempts is 4294967297; it must be a whole",
            "too large",
        ),
        (
            "[retry]\njitter = nan",
            "retry.jitter is not a number; it must be a number from 0 to 1",
            "not a number",
        ),
        (
            "[svix]\nverify_ambiguous = 'yes'",
            "svix.verify_ambiguous is \"yes\"; it must be true or false",
            "text for truth",
        ),
        ("[svix]\ntoken = 12345", "svix.token has a wrong value (not shown); it must be a text", "a secret"),
        (
            "[svix]\npayload = 'all'",
            "svix.payload is \"all\"; it must be `event` or `data`",
            "one of two names",
        ),
        (
            "[log]\nlevel = 'loud'",
            "log.level is \"loud\"; it must be one of `off`, `error`,",
            "one of several names",
        ),
        ("[idempotency]\nkey = 'id'", "idempotency.key is \"id\"; it must be a list", "text for list"),
        (
            "[idempotency]\nkey = ['id', 'mood']",
            "idempotency.key[1] is \"mood\"; it must be one of `id`,",
            "a member",
        ),
        (
            "[auth]\nkeys = ['plain']",
            "auth.keys[0] has a wrong value (not shown); it must be a table with",
            "a key in clear",
        ),
        ("[[auth.keys]]\nname = 'x'\nscopes = []", "auth.keys[0] has a wrong value (not shown);", "no hash"),
        ("server = 5", "server is 5; it must be a section, written [server]", "value for section"),
        ("[svix.app_id]\nx = 1", "svix.app_id is a table; it must be a text", "section for value"),
    ];
    for (text, right, why) in table {
        let path = files.write("a.toml", text)?;
        let said = complaints(std::slice::from_ref(&path), &[]);
        assert!(said.starts_with(&format!("{}: {right}", path.display())), "{why}: {said}");
        assert_eq!(said.lines().count(), 1, "{why}: {said}");
    }
    Ok(())
}

#[test]
fn several_problems_are_reported_together() -> Outcome {
    let files = Files::new()?;
    let missing = files.0.path().join("missing.toml");
    let broken = files.write("broken.toml", "[svix]\ntoken = \"hush-hush\nburst = 1")?;
    let wrong =
        files.write("wrong.toml", "[server]\nworkers = 'many'\nlisen = 'x'\n[delivery]\nbatch = 0")?;
    let error =
        load(&[missing.clone(), broken.clone(), wrong.clone()], &[("SVIX_HOOKS__LOG__LEVEL", "loud")]);
    let Err(error) = error else {
        return Err("it was taken".into());
    };
    let said: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(said.len(), 6, "{error}");
    assert!(said[0].starts_with(&format!("{}: cannot be read: ", missing.display())), "{error}");
    assert!(said[1].starts_with(&format!("{}, line 2, column ", broken.display())), "{error}");
    assert!(said[2].contains("unknown key server.lisen"), "{error}");
    assert!(said[3].contains("server.workers is \"many\""), "{error}");
    assert!(said[4].contains("log.level is \"loud\""), "{error}");
    assert!(said[5].contains("delivery.batch is 0"), "{error}");
    assert!(!error.to_string().contains("hush"), "{error}");
    let [
        Problem::Unreadable { .. },
        Problem::Syntax { .. },
        Problem::UnknownKey { origin, .. },
        ..,
    ] = error.problems()
    else {
        return Err(format!("{:?}", error.problems()).into());
    };
    assert_eq!(*origin, Origin::File(wrong));
    Ok(())
}

#[test]
fn no_secret_shows_when_a_configuration_is_printed() -> Outcome {
    let config = load(&[], &[("SVIX_HOOKS__SVIX__TOKEN", "hush-hush.eu")])?;
    let json = serde_json::to_string(&config)?;
    for text in [format!("{config:?}"), format!("{config:#?}"), json] {
        assert!(!text.contains("hush"), "{text}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_file_and_no_variable_brings_it_down(text in "\\PC{0,60}", name in "[A-Z_]{0,20}", value in "\\PC{0,40}") {
        let files = Files::new()?;
        let path = files.write("a.toml", &text)?;
        let _outcome = load(&[path], &[(&format!("SVIX_HOOKS__{name}"), &value)]);
    }

    #[test]
    fn a_token_is_never_repeated(token in "\\PC{8,40}") {
        let files = Files::new()?;
        let path = files.write("a.toml", &format!("[svix]\nburst = 0\ntoken = {token}"))?;
        let mut said = complaints(&[path], &[("SVIX_HOOKS__SVIX__TOKEN", &token), ("SVIX_HOOKS__SVIX__BURST", "0")]);
        said.retain(|letter| !letter.is_whitespace());
        let token: String = token.chars().filter(|letter| !letter.is_whitespace()).collect();
        prop_assert!(token.len() < 8 || !said.contains(&token), "{}", said);
    }
}

#[test]
fn master_keys_are_read_and_never_shown() -> Outcome {
    let key = |letter: &str| letter.repeat(42) + "A";
    let (new, old) = (key("b"), key("c"));
    let files = Files::new()?;
    let file = files.write("secrets.toml", &format!("[secrets]\nkeys = [\"{new}\", \"{old}\"]\n"))?;
    let config = load(&[], &[("SVIX_HOOKS__SECRETS__KEYS", &format!("{new}, {old}="))])?;
    assert_eq!(config.secrets.keys.len(), 2);
    assert_eq!(config.secrets, load(&[file], &[])?.secrets, "a file says the same");
    let shown = serde_json::to_string(&config)? + &format!("{config:?}");
    assert!(shown.contains(&config.secrets.keys[0].id().to_string()), "{shown}");
    assert!(!shown.contains("bbbb") && !shown.contains("cccc"), "{shown}");
    for (keys, says, why) in [
        (format!("{new},{old},{new}="), "a list of different keys", "twice"),
        (format!("{new},bbbb"), "secrets.keys[1]", "too short"),
        ("bbbb".to_owned(), "32 bytes in base64, as `svix-hooks secrets new-key` makes them", "the remedy"),
    ] {
        let error = load(&[], &[("SVIX_HOOKS__SECRETS__KEYS", &keys)])
            .unwrap_err()
            .to_string();
        assert!(error.contains(says) && !error.contains("bbbb"), "{why}: {error}");
    }
    Ok(())
}
