//! Which service is asked, with which key, and what is said where there is no answer to show.

use sha2::{Digest, Sha256};

use crate::command::Operator;
use crate::scripted::Scripted;
use crate::support::TestApp;

const KEY: &str = "shk_0123456789abcdef";

async fn app_with_key(scope: &str) -> TestApp {
    let digest: String = Sha256::digest(KEY)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    TestApp::start(&[("AUTH__KEYS", &format!("ops:{scope}:sha256:{digest}"))]).await
}

#[actix_web::test]
async fn the_service_is_found_and_the_key_is_shown_wherever_either_stands() {
    let app = app_with_key("read").await;
    let url = app.client.url.as_str();
    let listen = url.trim_start_matches("http://");
    let by_environment = Operator::with(&[("SVIX_HOOKS_URL", url), ("SVIX_HOOKS_KEY", KEY)]);
    let by_listen = Operator::with(&[("SVIX_HOOKS__SERVER__LISTEN", listen), ("SVIX_HOOKS_KEY", KEY)]);
    let by_dotenv = Operator::with(&[]);
    let variables = format!("SVIX_HOOKS_URL={url}/\nSVIX_HOOKS_KEY={KEY}\n");
    std::fs::write(by_dotenv.dir.path().join(".env"), variables).unwrap();
    let by_options = Operator::with(&[
        ("SVIX_HOOKS_URL", "http://127.0.0.1:1"),
        ("SVIX_HOOKS_KEY", "shk_x"),
    ]);
    std::fs::write(by_options.dir.path().join("key"), format!("{KEY}\n")).unwrap();
    let options = ["--url", url, "--key-file", "key"];
    let table: [(&Operator, &[&str], &str); 4] = [
        (&by_environment, &[], "the environment"),
        (&by_listen, &[], "the address that the service listens at"),
        (&by_dotenv, &[], "a file .env"),
        (&by_options, &options, "options come before the environment"),
    ];
    for (operator, options, why) in table {
        let ran = operator.run(&[&["redrives", "list"], options].concat()).await;
        assert_eq!(
            (ran.code, ran.said.as_str()),
            (Some(0), "svix-hooks: there are none\n"),
            "{why}: {ran:?}"
        );
    }
}

#[actix_web::test]
async fn what_the_service_refuses_is_said_with_its_code_and_never_with_the_key() {
    let app = app_with_key("read").await;
    let url = app.client.url.as_str();
    let allowed = Operator::with(&[("SVIX_HOOKS_URL", url), ("SVIX_HOOKS_KEY", KEY)]);
    let unknown = Operator::with(&[("SVIX_HOOKS_URL", url), ("SVIX_HOOKS_KEY", "shk_wrong")]);
    let keyless = Operator::of(url);
    let unfit = Operator::with(&[("SVIX_HOOKS_URL", url), ("SVIX_HOOKS_KEY", "shk_wr\u{7}ong")]);
    let id = "0198c0de-0000-7000-8000-000000000000";
    let table: [(&Operator, &[&str], &str); 9] = [
        (&unknown, &["dead-letters", "list"], "unauthorized: "),
        (&keyless, &["dead-letters", "groups"], "unauthorized: "),
        (&unfit, &["redrives", "list"], "the key has characters that no key has"),
        (&allowed, &["dead-letters", "redrive"], "forbidden: this key lacks the scope operate"),
        (&allowed, &["notifications", "show", id], "not_found: there is no notification 0198c0de"),
        (&allowed, &["redrives", "show", id], "not_found: there is no redrive 0198c0de"),
        (&allowed, &["dead-letters", "list", "--status", "12"], "invalid_parameter: "),
        (&allowed, &["dead-letters", "list", "--status", "12"], "\n  status: 12 is no HTTP status"),
        (&allowed, &["redrives", "show", "one"], "is not the id of a redrive"),
    ];
    for (operator, arguments, right) in table {
        for arguments in [arguments.to_vec(), [arguments, &["--json"]].concat()] {
            let ran = operator.run(&arguments).await;
            assert_eq!((ran.code, ran.printed.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
            assert!(ran.said.contains(right), "{arguments:?}: {ran:?}");
            assert!(!ran.said.contains("shk_"), "{arguments:?}: {ran:?}");
        }
    }
}

#[actix_web::test]
async fn silence_and_strangers_are_named_with_the_url() {
    let gone = "http://127.0.0.1:1";
    let html = Scripted::answering(&[(502, "<html>bad gateway</html>")]);
    let stranger = Scripted::answering(&[(200, "<html>hello</html>"), (200, "{}")]);
    let elsewhere = Scripted::answering(&[(301, "")]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let list: &[&str] = &["redrives", "list"];
    let table: [(&str, &[&str], &[&str], &str); 7] = [
        (gone, list, &["127.0.0.1:1/redrives: ", "refused"], "nobody listens"),
        (&html.url, list, &["answered 502", "not as svix-hooks does"], "a proxy"),
        (&stranger.url, &["redrives", "list", "--json"], &["answered 200", "not as svix-hooks"], "no JSON"),
        (&stranger.url, list, &["/redrives: the answer is not as expected"], "other JSON"),
        (&elsewhere.url, list, &["answered 301"], "the key does not follow"),
        (&silent_url, &["redrives", "list", "--timeout-s", "1"], &["no answer within 1 s"], "silence"),
        (
            &silent_url,
            &["dead-letters", "redrive", "--timeout-s", "1"],
            &["no answer within 1 s", "it may have been done all the same"],
            "silence on something to do",
        ),
    ];
    for (url, arguments, right, why) in table {
        let ran = Operator::of(url).run(arguments).await;
        assert_eq!((ran.code, ran.printed.as_str()), (Some(2), ""), "{why}: {ran:?}");
        assert!(right.iter().all(|words| ran.said.contains(words)), "{why}: {ran:?}");
    }
    let password = Operator::of("http://ops:s3cret@host").run(list).await;
    assert!(password.code == Some(2) && !password.said.contains("s3cret"), "{password:?}");
}
