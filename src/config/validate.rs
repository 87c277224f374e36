//! What is right for each value and between values, beyond its kind.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sentry::types::Dsn;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::{ConfigError, Origin, Problem, shown};
use super::{Config, rules};
use crate::domain::{Customer, SVIX_ID_MAX, fits_key_name, fits_svix_id};
use crate::policy::ServerUrl;

/// Pointers that are tried on each event at most.
const POINTERS_MAX: usize = 8;

/// Something that is wrong, before it is known where it was said.
pub(super) struct Finding {
    /// The key that is wrong, then others that it does not go with.
    pub(super) keys: Vec<&'static str>,
    /// The key as the message names it, with the place in a list.
    name: String,
    given: Value,
    right: String,
}

impl Finding {
    /// Says where the value came from.
    pub(super) fn at(self, origin: Origin) -> Problem {
        Problem::Wrong {
            origin,
            given: shown(&self.name, &self.given),
            key: self.name,
            right: self.right,
        }
    }
}

impl Config {
    /// Checks a configuration that was made or changed in code; `load` does so by itself.
    ///
    /// # Errors
    /// With every value that is out of its range, malformed, or does not go with the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::of(
            findings(self)
                .into_iter()
                .map(|finding| finding.at(Origin::Unnamed))
                .collect(),
        )
    }
}

/// Returns everything that is wrong with the values of a configuration.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    findings.numbers(config);
    findings.pairs(config);
    findings.texts(config);
    findings.svix(config);
    findings.lists(config);
    findings.keys(config);
    findings.master_keys(config);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn check(&mut self, fine: bool, key: &'static str, given: impl Serialize, right: impl Into<String>) {
        self.check_part(fine, key, key.to_owned(), given, right);
    }

    fn check_part(
        &mut self,
        fine: bool,
        key: &'static str,
        name: String,
        given: impl Serialize,
        right: impl Into<String>,
    ) {
        if !fine {
            self.0.push(Finding {
                keys: vec![key],
                name,
                given: json!(given),
                right: right.into(),
            });
        }
    }

    fn numbers(&mut self, config: &Config) {
        for row in rules::wholes(config) {
            self.check(row.is_kept(), row.key, row.value, row.right());
        }
        for row in rules::reals(config) {
            self.check(row.is_kept(), row.key, row.value, row.right());
        }
    }

    fn pairs(
        &mut self,
        Config {
            server,
            svix,
            delivery,
            retry,
            ..
        }: &Config,
    ) {
        self.at_most(
            ("retry.initial_backoff_ms", retry.initial_backoff_ms),
            ("retry.max_backoff_ms", retry.max_backoff_ms),
        );
        self.at_most(
            ("svix.probe_interval_ms", svix.probe_interval_ms),
            ("svix.max_probe_interval_ms", svix.max_probe_interval_ms),
        );
        // Else the largest event could never be dispatched.
        self.at_most(
            ("server.max_body_bytes", server.max_body_bytes),
            ("delivery.max_ready_bytes", delivery.max_ready_bytes),
        );
    }

    fn at_most<N: PartialOrd + Serialize + std::fmt::Display>(
        &mut self,
        (key, value): (&'static str, N),
        (other, most): (&'static str, N),
    ) {
        if value > most {
            let right = format!("at most {other}, which is {most}");
            self.0.push(Finding {
                keys: vec![key, other],
                name: key.to_owned(),
                given: json!(value),
                right,
            });
        }
    }

    fn texts(
        &mut self,
        Config {
            server,
            store,
            routing,
            sentry,
            traces,
            ..
        }: &Config,
    ) {
        self.check(
            server.listen.parse::<SocketAddr>().is_ok(),
            "server.listen",
            &server.listen,
            "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        );
        self.check(
            server.name.len() <= 128 && !server.name.chars().any(char::is_control),
            "server.name",
            &server.name,
            "at most 128 bytes without control characters",
        );
        self.check(
            store.url.file().is_some() || store.url.is_postgres(),
            "store.url",
            &store.url,
            "sqlite:// and the path of a file, such as sqlite://svix-hooks.db, or postgres:// and the place of a \
             database, such as postgres://user@host/database",
        );
        let dsn = sentry.plain_dsn().map(str::parse::<Dsn>);
        self.check(
            dsn.is_none_or(|dsn| dsn.is_ok()),
            "sentry.dsn",
            (),
            "a DSN as Sentry shows it in the settings of a project, such as https://key@host/1",
        );
        self.check(
            (1..=64).contains(&sentry.environment.chars().count())
                && !sentry
                    .environment
                    .chars()
                    .any(|c| c.is_control() || c.is_whitespace() || c == '/'),
            "sentry.environment",
            &sentry.environment,
            "1 to 64 characters without spaces, slashes and control characters",
        );
        if let Some(endpoint) = &traces.endpoint
            && let Err(error) = ServerUrl::parse(endpoint)
        {
            self.check(false, "traces.endpoint", endpoint, error.to_string());
        }
        if let Err(error) = Customer::parse(&routing.default_customer) {
            let right = format!("the name of a customer, but it {error}");
            self.check(false, "routing.default_customer", &routing.default_customer, right);
        }
    }

    fn svix(&mut self, Config { svix, .. }: &Config) {
        let printable = svix
            .plain_token()
            .is_none_or(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        self.check(printable, "svix.token", (), "a token as Svix shows it: printable ASCII without spaces");
        if let Some(app_id) = &svix.app_id {
            let right = format!("1 to {SVIX_ID_MAX} ASCII letters, digits, \"-\", \"_\" and \".\"");
            self.check(fits_svix_id(app_id), "svix.app_id", app_id, right);
        }
        let Some(text) = &svix.server_url else { return };
        match ServerUrl::parse(text) {
            Err(error) => self.check(false, "svix.server_url", text, error.to_string()),
            Ok(url) => self.check(
                url.is_encrypted() || url.is_loopback() || svix.allow_plain_http,
                "svix.server_url",
                text,
                "https://, for http:// would send the token in clear to another machine; \
                 svix.allow_plain_http = true allows it",
            ),
        }
    }

    fn lists(
        &mut self,
        Config {
            routing, idempotency, ..
        }: &Config,
    ) {
        self.pointers("routing.customer_pointers", &routing.customer_pointers);
        self.pointers("routing.application_pointers", &routing.application_pointers);
        let parts = &idempotency.key;
        let repeats = parts
            .iter()
            .enumerate()
            .any(|(place, part)| parts.iter().take(place).any(|other| other == part));
        let right = "one or more of `id`, `source` and `time`, none of them twice";
        self.check(!parts.is_empty() && !repeats, "idempotency.key", parts, right);
    }

    fn master_keys(&mut self, Config { secrets, .. }: &Config) {
        if let Err(error) = secrets.ring() {
            self.check(false, "secrets.keys", (), format!("a list of different keys, but {error}"));
        }
    }

    fn pointers(&mut self, key: &'static str, pointers: &Vec<String>) {
        let few = format!("at most {POINTERS_MAX} pointers, not {}", pointers.len());
        self.check(pointers.len() <= POINTERS_MAX, key, pointers, few);
        for (place, pointer) in pointers.iter().enumerate() {
            let right = "a JSON pointer (RFC 6901), such as /customer, in which ~ stands only in ~0 and ~1";
            let name = format!("{key}[{place}]");
            self.check_part(is_pointer(pointer), key, name, pointer, right);
        }
    }

    fn keys(&mut self, Config { auth, .. }: &Config) {
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        for (place, key) in auth.keys.iter().enumerate() {
            let mut check = |fine, member: &str, right: &str| {
                self.check_part(fine, "auth.keys", format!("auth.keys[{place}].{member}"), (), right);
            };
            check(fits_key_name(&key.name), "name", "a name of 1 to 128 bytes without control characters");
            check(names.insert(&key.name), "name", "another name than those of the keys before it");
            check(!key.scopes.is_empty(), "scopes", "one or more of `ingest`, `read`, `operate` and `admin`");
            match key.digest() {
                None => {
                    check(false, "hash", "sha256: and 64 hex digits, as printed by `svix-hooks keys new`")
                }
                Some(digest) => {
                    check(digests.insert(digest), "hash", "that of another key than those before it")
                }
            }
        }
    }
}

/// Tells whether a text is a JSON pointer to something inside a document.
fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(
            &[],
            env.iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        )
    }

    fn hash(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    #[test]
    fn a_value_that_is_out_of_its_range_or_malformed_is_refused() {
        let twice = format!("a:read:{0},b:read:{0}", hash("1"));
        let same = format!("a:read:{},a:read:{}", hash("1"), hash("2"));
        let dots = format!("..:read:{}", hash("1"));
        let nameless = format!(":read:{}", hash("1"));
        let pointers = ["/a"; 9].join(",");
        let table = [
            ("DELIVERY__ACTORS", "0", "from 1 to 256", "no one would send"),
            ("DELIVERY__ACTORS", "257", "from 1 to 256", "threads are not free"),
            ("DELIVERY__BATCH", "1025", "from 1 to 1024", "a batch is held in memory"),
            ("DELIVERY__MAX_IN_FLIGHT", "65537", "from 1 to 65536", "more than there are ports"),
            (
                "DELIVERY__MAX_READY_BYTES",
                "2048",
                "at most delivery.max_ready_bytes, which is 2048",
                "large events would be stuck",
            ),
            ("SVIX__BURST", "1", "a bucket of one cannot both refill", "a bucket of one"),
            ("SVIX__REQUESTS_PER_SECOND", "0", "from 0.001 to 1000000", "nothing would ever go out"),
            ("SVIX__REQUESTS_PER_SECOND", "inf", "from 0.001 to 1000000", "no rate at all"),
            ("SVIX__REQUESTS_PER_SECOND", "nan", "from 0.001 to 1000000", "not a number"),
            ("SVIX__REQUEST_TIMEOUT_MS", "0", "from 1 to 600000", "every request would fail"),
            (
                "SVIX__MAX_PROBE_INTERVAL_MS",
                "10",
                "at most svix.max_probe_interval_ms, which is 10",
                "it would shrink",
            ),
            ("SVIX__APP_ID", "my app", "ASCII letters, digits", "Svix does not take a space"),
            ("SVIX__SERVER_URL", "api.svix.com", "starts with https://", "no scheme"),
            (
                "SVIX__SERVER_URL",
                "http://svix.internal",
                "svix.allow_plain_http = true allows it",
                "a token in clear",
            ),
            ("SVIX__SERVER_URL", "https://x.test?a", "without a query", "paths are appended"),
            ("RETRY__JITTER", "1.1", "from 0 to 1", "a wait below zero"),
            ("RETRY__MULTIPLIER", "0.9", "from 1 to 1000", "waits would shrink"),
            ("RETRY__MAX_ATTEMPTS", "0", "from 1 to 1000", "nothing would be tried"),
            (
                "RETRY__MAX_BACKOFF_MS",
                "10",
                "at most retry.max_backoff_ms, which is 10",
                "they contradict each other",
            ),
            ("SERVER__MAX_BODY_BYTES", "1023", "from 1024 to 16777216", "no event fits"),
            ("SERVER__MAX_BODY_BYTES", "16777217", "from 1024 to 16777216", "memory is bounded"),
            (
                "SERVER__LISTEN",
                "localhost:8080",
                "an IP address and a port",
                "a name may mean several addresses",
            ),
            ("STORE__URL", "hooks.db", "sqlite:// and the path", "no scheme"),
            ("STORE__URL", "sqlite://", "sqlite:// and the path", "no file"),
            ("STORE__URL", "postgres://", "postgres:// and the place of a database", "no host"),
            ("STORE__LEASE_MS", "999", "from 1000 to 600000", "a pause would end all leases"),
            ("STORE__RETENTION_DAYS", "0", "from 1 to 36500", "it would forget at once"),
            ("STORE__DEAD_RETENTION_DAYS", "36501", "from 0 to 36500", "0 is for ever"),
            ("STORE__ATTEMPTS_RETENTION_DAYS", "0", "from 1 to 36500", "nobody could look them up"),
            ("STORE__LEDGER_RETENTION_DAYS", "0", "from 1 to 36500", "nobody could look them up"),
            ("STORE__MAX_BATCH", "0", "from 1 to 4096", "nothing would be stored"),
            ("STORE__MAX_WAITING", "0", "from 1 to 1000000", "nothing would be stored"),
            ("ROUTING__CUSTOMER_POINTERS", "/a,b", "routing.customer_pointers[1] is \"b\"", "no slash"),
            ("ROUTING__CUSTOMER_POINTERS", "/a~2", "JSON pointer", "no such escape"),
            ("ROUTING__CUSTOMER_POINTERS", pointers.as_str(), "at most 8 pointers, not 9", "each costs time"),
            ("ROUTING__DEFAULT_CUSTOMER", "", "it is empty", "nothing to route by"),
            ("IDEMPOTENCY__KEY", "", "one or more of", "all events would be one"),
            ("IDEMPOTENCY__KEY", "id,id", "none of them twice", "says nothing more"),
            (
                "ACCOUNTS__ALLOWED_NETWORKS",
                "10.0.0.0/8,10.0.0.0/33",
                "accounts.allowed_networks[1] is \"10.0.0.0/33\"; it must be a network, such as 10.0.0.0/8",
                "no such network",
            ),
            ("SENTRY__DSN", "plain-key", "a DSN as Sentry shows it", "no URL"),
            ("SENTRY__DSN", "https://sentry.test/plain-key", "a DSN as Sentry shows it", "no key"),
            ("SENTRY__DSN", "https://plain-key@sentry.test/", "a DSN as Sentry shows it", "no project"),
            ("SENTRY__DSN", "udp://plain-key@sentry.test/1", "a DSN as Sentry shows it", "no HTTP"),
            ("AUTH__KEYS", "plain-key", "name:scope+scope:hash", "a key in clear"),
            ("AUTH__KEYS", "a:read:plain-key", "64 hex digits", "a key in clear"),
            ("AUTH__KEYS", "a:rule:sha256:00", "one of `ingest`", "no such scope"),
            ("AUTH__KEYS", same.as_str(), "another name", "the audit trail could not tell them apart"),
            ("AUTH__KEYS", twice.as_str(), "another key", "one key with two names"),
            ("AUTH__KEYS", dots.as_str(), "a name of 1 to 128 bytes", "/keys/.. is another path"),
            ("AUTH__KEYS", nameless.as_str(), "a name of 1 to 128 bytes", "the audit trail would be blank"),
        ];
        for (name, text, right, why) in table {
            let name = format!("SVIX_HOOKS__{name}");
            let said = load(&[(&name, text)])
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(said.starts_with(&format!("environment variable {name}: ")), "{why}: {said}");
            assert!(said.contains(right), "{why}: {said}");
            assert_eq!(said.lines().count(), 1, "{why}: {said}");
            assert!(!said.contains("plain-key"), "{why}: {said}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_it_is_allowed() {
        let table = [
            ("http://localhost:8071", "false", true, "a development server"),
            ("http://127.1.2.3", "false", true, "loopback is a whole network"),
            ("http://[::1]:8071", "false", true, "loopback of IPv6"),
            ("http://10.0.0.1", "false", false, "another machine"),
            ("http://10.0.0.1", "true", true, "the operator knows the network"),
            ("https://10.0.0.1", "false", true, "encrypted"),
        ];
        for (url, allow, fine, why) in table {
            let env = [
                ("SVIX_HOOKS__SVIX__SERVER_URL", url),
                ("SVIX_HOOKS__SVIX__ALLOW_PLAIN_HTTP", allow),
            ];
            assert_eq!(load(&env).is_ok(), fine, "{url}: {why}");
        }
    }
}
