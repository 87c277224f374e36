//! Connects only where the operator lets requests go whose target somebody has written over HTTP.
//!
//! What a name leads to is looked up once for each connection, and the connection goes to one of the addresses that
//! were looked at: a name that leads elsewhere a moment later leads nowhere here.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;

use actix_rt::net::TcpStream;
use actix_service::{Service, always_ready};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService, Resolver};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;

use crate::policy::Networks;

/// Opens connections to addresses that are allowed.
#[derive(Clone)]
pub(super) struct GuardedConnector {
    networks: Rc<Networks>,
    within: ConnectorService,
}

/// Everything that a name leads to is forbidden.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    host: String,
}

impl GuardedConnector {
    pub(super) fn new(networks: Networks) -> Self {
        Self {
            networks: Rc::new(networks),
            within: Connector::new(Resolver::default()).service(),
        }
    }
}

impl Service<ConnectInfo<Uri>> for GuardedConnector {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let Self { networks, within } = self.clone();
        Box::pin(async move {
            let found = look_up(info.hostname().to_owned(), info.port()).await?;
            let allowed = allowed(&networks, info.hostname(), found)
                .map_err(|forbidden| ConnectError::Resolver(Box::new(forbidden)))?;
            // Without addresses the name would be looked up again, and nobody would look at what comes of that.
            if allowed.is_empty() {
                return Err(ConnectError::NoRecords);
            }
            within.call(info.set_addrs(allowed)).await
        })
    }
}

/// Finds the addresses of a name, or the one that it is.
async fn look_up(host: String, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let asked = actix_rt::task::spawn_blocking(move || {
        // In a URL, an address of IPv6 stands in brackets.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let found = (bare.unwrap_or(&host), port).to_socket_addrs();
        found.map(Iterator::collect::<Vec<_>>)
    });
    let found = asked.await.map_err(|ended| ConnectError::Io(ended.into()))?;
    found.map_err(|error| ConnectError::Resolver(Box::new(error)))
}

/// Leaves out what is forbidden.
fn allowed(networks: &Networks, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
    let any = !found.is_empty();
    let mut allowed = found;
    allowed.retain(|address| networks.allow(address.ip()));
    if any && allowed.is_empty() {
        return Err(Forbidden {
            host: host.to_owned(),
        });
    }
    Ok(allowed)
}

impl fmt::Display for Forbidden {
    /// Does not tell which address it is: whoever wrote the name may not know that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} leads to an address that is not allowed: it is not public, nor in accounts.allowed_networks",
            self.host
        )
    }
}

impl std::error::Error for Forbidden {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_name_leads_to_only_what_is_allowed_is_tried() {
        let addresses =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let lab = Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let all = [
            "1.1.1.1:443",
            "10.0.0.1:443",
            "[::1]:443",
            "[::ffff:169.254.169.254]:443",
        ];
        let forbidden = Forbidden {
            host: "x.test".to_owned(),
        };
        let table: [(&[&str], _, &str); 4] = [
            (&all, Ok(addresses(&all[..2])), "a mixed answer"),
            (&all[1..2], Ok(addresses(&all[1..2])), "what the operator allows"),
            (&all[2..], Err(forbidden), "nothing but this machine and its cloud"),
            (&[], Ok(Vec::new()), "nothing at all, which is said otherwise"),
        ];
        for (found, right, why) in table {
            assert_eq!(allowed(&lab, "x.test", addresses(found)), right, "{why}");
        }
    }

    #[actix_web::test]
    async fn an_address_needs_no_looking_up_in_either_spelling() {
        for (host, right) in [
            ("127.0.0.1", "127.0.0.1:7"),
            ("[::1]", "[::1]:7"),
            ("::1", "[::1]:7"),
        ] {
            let found = look_up(host.to_owned(), 7).await.unwrap();
            assert_eq!(found, [right.parse().unwrap()], "{host}");
        }
    }
}
