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
    use super::*;

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
}
