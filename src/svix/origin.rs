//! The server of a base URL, and where on it the API is.

use hyper::Uri;
use hyper::header::HeaderValue;

/// A server, as requests name it.
#[derive(Debug)]
pub(super) struct Origin {
    /// Whether it is spoken to over TLS.
    pub(super) encrypted: bool,
    /// Its name or address, without the brackets that an address of IPv6 has in a URL.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// The same as a header: with the port where that is not the usual one.
    pub(super) header: HeaderValue,
    /// The path that everything is below, without a slash at its end.
    pub(super) prefix: String,
}

impl Origin {
    /// Reads a base URL; `None` where no request can go there.
    pub(super) fn parse(base_url: &str) -> Option<Self> {
        let uri: Uri = base_url.parse().ok()?;
        let (encrypted, usual) = match uri.scheme_str()? {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return None,
        };
        let host = uri.host()?;
        let port = uri.port_u16().unwrap_or(usual);
        let header = if port == usual {
            HeaderValue::from_str(host)
        } else {
            HeaderValue::from_str(&format!("{host}:{port}"))
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Some(Self {
            encrypted,
            host: bare.unwrap_or(host).to_owned(),
            port,
            header: header.ok()?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Tells whether a connection to one is a connection to the other.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        self.port == other.port && self.encrypted == other.encrypted && self.host == other.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_says_which_server_and_where_on_it() {
        let table = [
            ("https://api.svix.com", true, "api.svix.com", 443, "api.svix.com", ""),
            ("https://api.svix.com:443/", true, "api.svix.com", 443, "api.svix.com", ""),
            ("http://svix:8071/a/b", false, "svix", 8071, "svix:8071", "/a/b"),
            ("https://svix:80/a/", true, "svix", 80, "svix:80", "/a"),
            ("http://[::1]:8071", false, "::1", 8071, "[::1]:8071", ""),
        ];
        for (url, encrypted, host, port, header, prefix) in table {
            let origin = Origin::parse(url).unwrap();
            assert_eq!((origin.encrypted, origin.port), (encrypted, port), "{url}");
            assert_eq!((origin.host.as_str(), origin.header.to_str().unwrap()), (host, header), "{url}");
            assert_eq!(origin.prefix, prefix, "{url}");
        }
        for url in ["", "api.svix.com", "ftp://x", "/x", "http://"] {
            assert!(Origin::parse(url).is_none(), "{url}");
        }
    }
}
