//! What is never shown.

use proptest::prelude::*;

use super::{Files, Outcome, complaints, load};

#[test]
fn no_secret_shows_when_a_configuration_is_printed() -> Outcome {
    let secrets = [
        ("SVIX_HOOKS__SVIX__TOKEN", "hush-hush.eu"),
        ("SVIX_HOOKS__SENTRY__DSN", "https://hush@sentry.example/1"),
    ];
    let config = load(&[], &secrets)?;
    assert_eq!(config.sentry.plain_dsn(), Some("https://hush@sentry.example/1"));
    let json = serde_json::to_string(&config)?;
    for text in [format!("{config:?}"), format!("{config:#?}"), json] {
        assert!(!text.contains("hush"), "{text}");
    }
    Ok(())
}

proptest! {
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
