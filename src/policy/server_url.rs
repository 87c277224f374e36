//! The base URL of a Svix API: http or https, a host, and a path at most.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A base URL, as far as its checks need it.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerUrl {
    encrypted: bool,
    loopback: bool,
    address: Option<IpAddr>,
}

/// Why a text is no base URL; says what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// There is no scheme, or another.
    #[error("a URL that starts with https:// or http://")]
    Scheme,
    /// It has characters that no URL has.
    #[error("a URL of printable ASCII characters without spaces")]
    Characters,
    /// It has a query.
    #[error("a URL without a query")]
    Query,
    /// It has a fragment.
    #[error("a URL without a fragment")]
    Fragment,
    /// It has a user or a password.
    #[error("a URL without a user or password; the token is set apart from it")]
    UserInfo,
    /// It has no host.
    #[error("a URL with a host, such as https://api.svix.com")]
    Host,
    /// Its port is no port.
    #[error("a URL whose port is a number from 1 to 65535")]
    Port,
}

impl ServerUrl {
    /// Checks a text.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let (encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(ServerUrlError::Scheme),
        };
        let odd = |byte: u8| !byte.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&byte);
        if rest.bytes().any(odd) {
            return Err(ServerUrlError::Characters);
        }
        if rest.contains('#') {
            return Err(ServerUrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(ServerUrlError::Query);
        }
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        if authority.contains('@') {
            return Err(ServerUrlError::UserInfo);
        }
        let (loopback, address, port) = host(authority)?;
        if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return Err(ServerUrlError::Port);
        }
        Ok(Self {
            encrypted,
            loopback,
            address,
        })
    }

    /// Tells whether what is sent cannot be read on the way.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Returns the address that it names, where that is no name.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Tells whether it cannot lead to another machine.
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// What an authority names: whether that is this machine, its address where it is one, and the text of the port.
type Host<'a> = (bool, Option<IpAddr>, Option<&'a str>);

fn host(authority: &str) -> Result<Host<'_>, ServerUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(ServerUrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| ServerUrlError::Host)?;
        let port = after.strip_prefix(':');
        if port.is_none() && !after.is_empty() {
            return Err(ServerUrlError::Host);
        }
        return Ok((address.is_loopback(), Some(address.into()), port));
    }
    let (name, port) = authority
        .split_once(':')
        .map_or((authority, None), |(name, port)| (name, Some(port)));
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !name.bytes().all(letters) || !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ServerUrlError::Host);
    }
    let address = name.parse::<Ipv4Addr>().ok();
    let loopback = address.is_some_and(|address| address.is_loopback());
    Ok((name.eq_ignore_ascii_case("localhost") || loopback, address.map(Into::into), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Result<(bool, bool), ServerUrlError> = Ok((true, false));
    const NEAR: Result<(bool, bool), ServerUrlError> = Ok((false, true));
    const PLAIN: Result<(bool, bool), ServerUrlError> = Ok((false, false));

    #[test]
    fn a_base_url_is_http_or_https_with_a_host_and_a_path_at_most() {
        let table = [
            ("https://api.eu.svix.com", FAR, "as Svix has it"),
            ("https://x.test:8443/svix/", FAR, "a port and a path"),
            ("http://localhost:8071", NEAR, "a development server"),
            ("http://LocalHost", NEAR, "names have no case"),
            ("http://127.8.9.1:1", NEAR, "all of 127.0.0.0/8 is loopback"),
            ("http://[::1]:8071/x", NEAR, "loopback of IPv6"),
            ("http://localhost.evil.test", PLAIN, "only begins like loopback"),
            ("http://127.0.0.1.evil.test", PLAIN, "only begins like loopback"),
            ("http://0.0.0.0", PLAIN, "any address is not loopback"),
            ("http://[2001:db8::1]", PLAIN, "another machine"),
            ("ftp://x.test", Err(ServerUrlError::Scheme), "another protocol"),
            ("api.svix.com", Err(ServerUrlError::Scheme), "no protocol"),
            ("https://", Err(ServerUrlError::Host), "no host"),
            ("https:///path", Err(ServerUrlError::Host), "no host before the path"),
            ("https://:80", Err(ServerUrlError::Host), "no host before the port"),
            ("https://..", Err(ServerUrlError::Host), "dots are no host"),
            ("https://[::1", Err(ServerUrlError::Host), "a bracket that does not end"),
            ("https://[::1]x", Err(ServerUrlError::Host), "text after the bracket"),
            ("https://::1", Err(ServerUrlError::Host), "IPv6 without brackets"),
            ("https://x.test:", Err(ServerUrlError::Port), "no port after the colon"),
            ("https://x.test:0", Err(ServerUrlError::Port), "no one listens on port 0"),
            ("https://x.test:65536", Err(ServerUrlError::Port), "no such port"),
            ("https://x.test:1:2", Err(ServerUrlError::Port), "two ports"),
            ("https://x.test/?a=b", Err(ServerUrlError::Query), "paths are appended to it"),
            ("https://x.test/#a", Err(ServerUrlError::Fragment), "never sent"),
            ("https://u:p@x.test", Err(ServerUrlError::UserInfo), "a second credential"),
            ("http://127.0.0.1@evil.test", Err(ServerUrlError::UserInfo), "looks like loopback"),
            ("https://x.test/a b", Err(ServerUrlError::Characters), "a space"),
            ("https://x.test\r\nx: y", Err(ServerUrlError::Characters), "a header of its own"),
            ("https://bücher.test", Err(ServerUrlError::Characters), "not ASCII"),
            ("http://127.0.0.1\\.evil.test", Err(ServerUrlError::Characters), "read in two ways"),
        ];
        for (text, right, why) in table {
            let url = ServerUrl::parse(text).map(|url| (url.is_encrypted(), url.is_loopback()));
            assert_eq!(url, right, "{text}: {why}");
        }
    }
}
