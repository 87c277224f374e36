//! Which changes a running service takes up, and which wait for a restart.

use serde_json::Value;

use super::{Config, toml};

/// The sections and keys whose change applies while running; every other waits for a restart.
///
/// The token shows no difference here (it is redacted), so the section that holds it must stay listed.
const APPLIES_WHILE_RUNNING: [&str; 10] = [
    "svix",
    "accounts",
    "delivery.actors",
    "delivery.batch",
    "delivery.max_in_flight",
    "retry",
    "routing",
    "auth",
    "log.level",
    "health",
];

impl Config {
    /// Returns the keys, such as `server.listen`, that are other in `new` and apply only after a restart.
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<String> {
        let [old, new] =
            [self, new].map(|config| toml::flatten(serde_json::to_value(config).unwrap_or(Value::Null)));
        let changed = new.into_iter().filter(|(key, value)| old.get(key) != Some(value));
        changed
            .map(|(key, _)| key)
            .filter(|key| !applies_while_running(key))
            .collect()
    }
}

fn applies_while_running(key: &str) -> bool {
    let section = key.split_once('.').map_or(key, |(section, _)| section);
    APPLIES_WHILE_RUNNING.contains(&section) || APPLIES_WHILE_RUNNING.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::super::{ConfigError, known};
    use super::*;

    fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(
            &[],
            env.iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        )
    }

    #[test]
    fn what_is_bound_at_the_start_needs_a_restart() {
        let table = [
            ("accounts", true, "the pool is replaced"),
            ("auth", true, "keys are looked up on each request"),
            ("delivery.actors", true, "the pool is replaced"),
            ("delivery.batch", true, "counts for the next batch"),
            ("delivery.max_in_flight", true, "counts for the next dispatch"),
            ("delivery", false, "the ready queues are sized once"),
            ("health", true, "asked each time"),
            ("idempotency", false, "the identity of what is stored must not shift unnoticed"),
            ("log.level", true, "a switch"),
            ("log", false, "the form is chosen once"),
            ("metrics", false, "series are not to change their meaning"),
            ("retry", true, "asked after each failure"),
            ("routing", true, "asked for each event"),
            ("secrets", false, "what is sealed was opened at the start"),
            ("sentry", false, "the client is made once"),
            ("server", false, "the socket is bound once"),
            ("store", false, "the store is opened once"),
            ("svix", true, "the account is replaced"),
            ("traces", false, "the exporter is made once"),
        ];
        for key in known::defaults().keys() {
            let rows = || {
                table
                    .iter()
                    .filter(|(name, ..)| key == name || key.starts_with(&format!("{name}.")))
            };
            let row = rows().max_by_key(|(name, ..)| name.len());
            let right = row.map(|(_, right, _)| *right);
            assert_eq!(Some(applies_while_running(key)), right, "{key}: {row:?}");
        }
    }

    #[test]
    fn a_reload_names_the_keys_that_wait_for_a_restart() -> Result<(), ConfigError> {
        let old = load(&[])?;
        let env = [
            ("SVIX_HOOKS__SERVER__LISTEN", "127.0.0.1:1"),
            ("SVIX_HOOKS__DELIVERY__ACTORS", "1"),
            ("SVIX_HOOKS__DELIVERY__MAX_READY", "1"),
            ("SVIX_HOOKS__SVIX__TOKEN", "x"),
            ("SVIX_HOOKS__IDEMPOTENCY__KEY", "source,id"),
            ("SVIX_HOOKS__LOG__LEVEL", "off"),
            ("SVIX_HOOKS__LOG__FORMAT", "json"),
        ];
        let new = load(&env)?;
        let waiting = [
            "delivery.max_ready",
            "idempotency.key",
            "log.format",
            "server.listen",
        ];
        assert_eq!(old.changes_needing_restart(&new), waiting);
        assert_eq!(new.changes_needing_restart(&old), waiting);
        assert!(new.changes_needing_restart(&new).is_empty());
        Ok(())
    }
}
