//! What is refused, and what is said of it.

use proptest::prelude::*;
use svix_hooks::config::{Origin, Problem};

use super::{Files, Outcome, complaints, load};

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

proptest! {
    #[test]
    fn no_file_and_no_variable_brings_it_down(text in "\\PC{0,60}", name in "[A-Z_]{0,20}", value in "\\PC{0,40}") {
        let files = Files::new()?;
        let path = files.write("a.toml", &text)?;
        let _outcome = load(&[path], &[(&format!("SVIX_HOOKS__{name}"), &value)]);
    }
}
