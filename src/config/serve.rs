//! What serving needs beyond a valid configuration.

use std::net::SocketAddr;

use super::{Config, UnknownCustomer};

impl Config {
    /// Returns what must be set before the service can be started, one sentence each.
    ///
    /// It is empty when nothing is missing.
    pub fn missing_for_serve(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.svix.token.is_none() {
            missing.push(
                "svix.token is not set: set SVIX_HOOKS__SVIX__TOKEN to an API token \
                 from the Svix dashboard, or try the service without an account with --sandbox"
                    .to_owned(),
            );
        }
        if self.svix.app_id.is_none() && self.routing.unknown_customer == UnknownCustomer::DefaultApp {
            missing.push(
                "svix.app_id is not set: set SVIX_HOOKS__SVIX__APP_ID to the \
                 application that receives the events, or give each customer one with \
                 routing.unknown_customer = \"app_per_customer\""
                    .to_owned(),
            );
        }
        if self.auth.keys.is_empty() && !self.listens_on_loopback() {
            missing.push(format!(
                "auth.keys is empty and server.listen is {}, which other machines can reach: \
                 make a key with `svix-hooks keys new` and add it, or listen on 127.0.0.1",
                self.server.listen
            ));
        }
        missing
    }

    fn listens_on_loopback(&self) -> bool {
        let address = self.server.listen.parse::<SocketAddr>();
        address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigError;
    use super::*;

    fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(
            &[],
            env.iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        )
    }

    #[test]
    fn serving_says_what_it_is_missing() -> Result<(), ConfigError> {
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
        const TOKEN: (&str, &str) = ("SVIX_HOOKS__SVIX__TOKEN", "sk.eu");
        const APP: (&str, &str) = ("SVIX_HOOKS__SVIX__APP_ID", "app");
        const UNKNOWN: &str = "SVIX_HOOKS__ROUTING__UNKNOWN_CUSTOMER";
        const OPEN: (&str, &str) = ("SVIX_HOOKS__SERVER__LISTEN", "0.0.0.0:8080");
        let keys = format!("a:ingest:sha256:{}", "0".repeat(64));
        let table: [Row<'_>; 7] = [
            (&[], &["svix.token", "svix.app_id"], "a fresh start"),
            (&[TOKEN, APP], &[], "the least that is needed"),
            (&[TOKEN, (UNKNOWN, "app_per_customer")], &[], "each customer has an application"),
            (&[TOKEN, (UNKNOWN, "reject")], &[], "only registered customers"),
            (&[TOKEN, APP, OPEN], &["svix-hooks keys new"], "open to the network without a key"),
            (&[TOKEN, APP, OPEN, ("SVIX_HOOKS__AUTH__KEYS", &keys)], &[], "open to the network with a key"),
            (&[TOKEN, APP, ("SVIX_HOOKS__SERVER__LISTEN", "[::1]:1")], &[], "loopback of IPv6"),
        ];
        for (env, needed, why) in table {
            let missing = load(env)?.missing_for_serve();
            assert_eq!(missing.len(), needed.len(), "{why}: {missing:?}");
            for (sentence, part) in missing.iter().zip(needed) {
                assert!(sentence.contains(part), "{why}: {sentence}");
            }
        }
        Ok(())
    }
}
