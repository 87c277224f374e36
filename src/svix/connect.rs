//! Opens connections: looks the name up, leaves out what is forbidden, connects, encrypts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::failure::Failure;
use super::guard;
use super::origin::Origin;
use super::socket::{Socket, Wire};
use crate::policy::Networks;

/// Opens connections.
pub(super) struct Connector {
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// Where guarded accounts may lead.
    pub(super) networks: Networks,
    /// How long the look-up and the connection may take, and again the TLS handshake.
    pub(super) patience: Duration,
}

impl Connector {
    /// Opens a connection, to an allowed address only where it is for a guarded account.
    pub(super) async fn connect(&self, origin: &Origin, guarded: bool) -> Result<Connection, Failure> {
        let connected = timeout(self.patience, self.reach(origin, guarded)).await;
        let stream = connected.map_err(|_| Failure::ConnectTimeout)??;
        // A request is written as one, and nothing is gained by holding it back.
        stream.set_nodelay(true).map_err(Failure::Connect)?;
        let socket = Socket::new(stream);
        let wire = if origin.encrypted {
            self.encrypt(origin, socket).await?
        } else {
            Wire::plain(socket)
        };
        Connection::new(wire).await
    }

    async fn reach(&self, origin: &Origin, guarded: bool) -> Result<TcpStream, Failure> {
        let found = look_up(&origin.host, origin.port).await?;
        // The connection goes to one of the addresses that were looked at: a name that leads elsewhere a moment
        // later leads nowhere here.
        let found = if guarded {
            guard::allowed(&self.networks, found)
        } else {
            found
        };
        let mut failure = Failure::NoAddress;
        for address in found {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Failure::Connect(error),
            }
        }
        Err(failure)
    }

    async fn encrypt(&self, origin: &Origin, socket: Socket) -> Result<Wire, Failure> {
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|error| Failure::Encrypt(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let handshake = TlsConnector::from(self.tls.clone()).connect(name, socket.clone());
        let encrypted = timeout(self.patience, handshake).await;
        let stream = encrypted
            .map_err(|_| Failure::EncryptTimeout)?
            .map_err(Failure::Encrypt)?;
        Ok(Wire::encrypted(stream, socket))
    }
}

/// Finds the addresses of a name, or the one that it is.
async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await;
    Ok(found.map_err(Failure::LookUp)?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn an_address_needs_no_looking_up() {
        for (host, right) in [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")] {
            let found = look_up(host, 7).await.unwrap();
            assert_eq!(found, [right.parse().unwrap()], "{host}");
        }
    }
}
