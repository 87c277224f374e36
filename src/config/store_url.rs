//! Where notifications are kept, as a URL that shows no password.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The schemes of a PostgreSQL database.
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

/// The URL of a store. Shown or serialized, it has no password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// Returns the URL of a file.
    pub fn of_file(path: &str) -> Self {
        Self(format!("sqlite://{path}"))
    }

    /// Returns the whole URL, with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the path, where it names a file.
    pub fn file(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite://").filter(|path| !path.is_empty())
    }

    /// Tells whether it names a database server and a host.
    pub fn is_postgres(&self) -> bool {
        POSTGRES
            .iter()
            .filter_map(|scheme| self.0.strip_prefix(scheme))
            .any(|rest| !rest.is_empty())
    }

    fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return self.0.clone();
        };
        if !self.is_postgres() {
            return self.0.clone();
        }
        // A password may hold an @; hosts and paths do not.
        let shown = match rest.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                format!("{user}:[redacted]@{host}")
            }
            None => rest.to_owned(),
        };
        // It may also be given as a parameter.
        match shown.split_once("password=") {
            Some((before, _)) => format!("{scheme}://{before}password=[redacted]"),
            None => format!("{scheme}://{shown}"),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.redacted(), f)
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let table = [
            ("sqlite://a@b.db", "sqlite://a@b.db", "a file has none"),
            ("postgres://db/hooks", "postgres://db/hooks", "none is given"),
            ("postgres://u:s3cret@db/hooks", "postgres://u:[redacted]@db/hooks", "the usual place"),
            ("postgres://u:s3@cret@db/hooks", "postgres://u:[redacted]@db/hooks", "one with an @"),
            (
                "postgresql://u@db/hooks?sslmode=require&password=s3cret",
                "postgresql://u:[redacted]@db/hooks?sslmode=require&password=[redacted]",
                "a parameter",
            ),
        ];
        for (url, shown, why) in table {
            let url = StoreUrl(url.to_owned());
            assert_eq!(url.to_string(), shown, "{why}");
            assert!(!format!("{url:?}").contains("s3"), "{why}");
        }
    }
}
