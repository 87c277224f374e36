//! Connects only where the operator lets requests go whose target somebody has written over HTTP.
//!
//! What a name leads to is looked up once for each connection, and the connection goes to one of the addresses that
//! were looked at: a name that leads elsewhere a moment later leads nowhere here.

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
            let allowed = allowed(&networks, found);
            // As for a name that leads nowhere: whoever wrote it may not know which there are inside. Without addresses the name would be looked up again, and nobody would look at what comes of that.
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
fn allowed(networks: &Networks, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    found.retain(|address| networks.allow(address.ip()));
    found
}

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
        let table: [(&[&str], &[&str], &str); 4] = [
            (&all, &all[..2], "a mixed answer"),
            (&all[1..2], &all[1..2], "what the operator allows"),
            (&all[2..], &[], "nothing but this machine and its cloud"),
            (&[], &[], "nothing at all"),
        ];
        for (found, right, why) in table {
            assert_eq!(allowed(&lab, addresses(found)), addresses(right), "{why}");
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
