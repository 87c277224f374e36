//! TLS towards servers on the internet, and those whose authority the operator names.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Authorities that certificates of servers may come from beside the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots(Vec<CertificateDer<'static>>);

/// Why something holds no authorities.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It has none.
    #[error("there is no certificate in it; it must be PEM, such as -----BEGIN CERTIFICATE-----")]
    None,
    /// One cannot be read.
    #[error("a certificate in it cannot be read")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// One is not an authority's.
    #[error("a certificate in it cannot be used")]
    Unusable(#[from] rustls::Error),
}

impl Roots {
    /// Reads certificates in the form of PEM.
    ///
    /// # Errors
    /// When there are none, or one cannot be used.
    pub fn read(pem: &[u8]) -> Result<Self, RootsError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(RootsError::None);
        }
        let roots = Self(certificates);
        tls_config(&roots)?;
        Ok(roots)
    }
}

/// Makes the side of a client that trusts the usual roots and these, and shows no certificate.
///
/// # Errors
/// When no usual version of TLS can be spoken, or one of the roots cannot be used.
pub fn tls_config(more: &Roots) -> Result<Arc<rustls::ClientConfig>, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in &more.0 {
        roots.add(certificate.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Duration;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::domain::AccountName;
    use crate::policy::Networks;
    use crate::svix::{Account, Client, ClientOptions, Permission, probe};

    #[test]
    fn what_holds_no_authority_is_refused() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert_eq!(Roots::read(own.cert.pem().as_bytes()).unwrap().0.len(), 1);
        let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, why) in [
            ("", "nothing"),
            ("words", "something else"),
            (odd, "no certificate"),
        ] {
            assert!(Roots::read(pem.as_bytes()).is_err(), "{why}");
        }
    }

    /// Answers each connection as Svix lists applications, encrypted; returns its port and its certificate.
    fn serve() -> (u16, String) {
        let own =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(config.clone()).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).is_err() {
                        break;
                    }
                    head.extend(byte);
                }
                let body = r#"{"data":[],"done":true}"#;
                // Who does not trust it hangs up.
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        (port, own.cert.pem())
    }

    #[actix_web::test]
    async fn every_account_is_spoken_to_encrypted_by_whom_it_is_trusted() {
        let (port, certificate) = serve();
        let name = AccountName::new("a");
        let patience = Duration::from_secs(5);
        for (roots, trusted) in [
            (Roots::read(certificate.as_bytes()).unwrap(), true),
            (Roots::default(), false),
        ] {
            let options = ClientOptions {
                connect_timeout: patience,
                networks: Networks::new(vec!["127.0.0.1/32".parse().unwrap()]),
                roots,
            };
            let client = Client::new(&options, 4).unwrap();
            for host in ["127.0.0.1", "localhost"] {
                let url = format!("https://{host}:{port}");
                let plain = Account::new(name.clone(), url, "sk_1".into(), patience).unwrap();
                for account in [plain.clone(), plain.guarded()] {
                    let found = probe(&client, &account).await;
                    assert_eq!(found.permission == Permission::Organization, trusted, "{host}: {found:?}");
                }
            }
        }
    }
}
