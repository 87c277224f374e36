//! What a customer may change itself, as far as an admin lets it.

use serde::Serialize;
use serde_json::Value;

/// What a list of them must be.
pub(super) const OWN: &str = "a list of filter, retry and account, each once";

/// Something that a customer may change itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Own {
    /// Its filter.
    Filter,
    /// Its retries, within what holds for all.
    Retry,
    /// The address and the token of the account that is set for it, where it is no other customer's.
    Account,
}

impl Own {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Filter, Self::Retry, Self::Account];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Retry => "retry",
            Self::Account => "account",
        }
    }

    /// Returns the member of the customer's settings that it lets change; an account is a resource of its own,
    /// and which one it is stays an admin's to say.
    pub const fn member(self) -> Option<&'static str> {
        match self {
            Self::Filter | Self::Retry => Some(self.as_str()),
            Self::Account => None,
        }
    }
}

/// Reads a list of them.
pub(super) fn read(value: &Value) -> Option<Vec<Own>> {
    let mut all = Vec::new();
    for name in value.as_array()? {
        let own = Own::ALL
            .into_iter()
            .find(|own| Some(own.as_str()) == name.as_str())?;
        if all.contains(&own) {
            return None;
        }
        all.push(own);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_names_each_once() {
        let table = [
            (json!([]), Some(vec![]), "nothing"),
            (json!(["account", "filter"]), Some(vec![Own::Account, Own::Filter]), "some"),
            (json!(["filter", "filter"]), None, "the same twice"),
            (json!(["selfService"]), None, "nobody gives oneself more"),
            (json!(["Filter"]), None, "another name"),
            (json!("filter"), None, "no list"),
        ];
        for (list, right, why) in table {
            assert_eq!(read(&list), right, "{why}");
        }
        for own in Own::ALL {
            assert_eq!(json!(own), json!(own.as_str()), "it is written as it is read");
        }
    }
}
