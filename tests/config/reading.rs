//! Defaults, layers, and how values are said.

use std::path::Path;

use secrecy::ExposeSecret;
use svix_hooks::config::{Config, Key, Level, LogFormat, PayloadForm, UnknownCustomer};
use svix_hooks::domain::Scope;
use svix_hooks::envelope::KeyPart;

use super::{Files, Outcome, complaints, hash, load};

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
