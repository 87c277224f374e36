//! Accounts at Svix beside the operator's own.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::policy::Networks;

/// Accounts at Svix beside the operator's own.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Networks beside the public internet that their server URLs may lead into. Default none.
    #[serde(deserialize_with = "networks")]
    pub allowed_networks: Vec<IpNet>,
}

impl Accounts {
    /// Returns where their requests may go.
    pub fn networks(&self) -> Networks {
        Networks::new(self.allowed_networks.clone())
    }
}

/// Reads networks; an address alone is a network of one.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| D::Error::custom("a network, such as 10.0.0.0/8 or fd00::/8"))
    };
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Config, ConfigError};

    #[test]
    fn a_network_can_be_one_address() -> Result<(), ConfigError> {
        let (name, text) = ("SVIX_HOOKS__ACCOUNTS__ALLOWED_NETWORKS", "10.0.0.0/8, 127.0.0.1,::1");
        let variables = [(name.to_owned(), text.to_owned())];
        let accounts = Config::load(&[], variables.into_iter())?.accounts;
        assert_eq!(json!(accounts), json!({"allowed_networks": ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]}));
        let allowed = |address: &str| accounts.networks().allow(address.parse().unwrap());
        assert_eq!((allowed("127.0.0.1"), allowed("127.0.0.2")), (true, false));
        Ok(())
    }
}
