//! Asks Svix what a credential is good for, before anything depends on it.

use serde::Serialize;

use super::transport::Failed;
use super::wire::{ApplicationOut, ListOf, Problem};
use super::{Account, Client, excerpt};
use crate::domain::named;

named! {
    /// What a token was found to be good for.
    Permission {
        /// It may do everything for the organisation.
        Organization = "organization",
        /// Svix knows it and lets it do less, such as post to one application (403).
        Insufficient = "insufficient",
        /// Svix does not know it (401).
        Refused = "refused",
        /// What answered, if anything did, said nothing of it.
        Unknown = "unknown",
    }
}

/// What trying a credential came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// The region that the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether anything answered.
    pub reachable: bool,
    /// What the token is good for.
    pub permission: Permission,
    /// The HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What Svix or the network said where all is not well, at most 1 KiB, without the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Findings {
    /// Says why nothing was asked.
    pub fn untried(why: String) -> Self {
        Self {
            region: None,
            reachable: false,
            permission: Permission::Unknown,
            status: None,
            detail: Some(why),
        }
    }
}

/// Asks for one application, which only a token of the organisation may. It takes the account's request timeout at most.
pub async fn probe(client: &Client, account: &Account) -> Findings {
    let asking = ask(client, account);
    match actix_rt::time::timeout(account.request_timeout, asking).await {
        Ok(findings) => findings,
        Err(_) => {
            let detail = format!("no answer within {} ms", account.request_timeout.as_millis());
            unreachable(account, detail)
        }
    }
}

async fn ask(client: &Client, account: &Account) -> Findings {
    match client.ask(account, "/api/v1/app?limit=1").await {
        Ok(received) => answered(account, received.status.as_u16(), &received.body.bytes),
        Err(Failed { failure, status }) => Findings {
            reachable: status.is_some(),
            status,
            ..unreachable(account, failure.words(account))
        },
    }
}

fn answered(account: &Account, status: u16, body: &[u8]) -> Findings {
    let permission = match status {
        // Something else may answer at a wrong address, and in the best of spirits.
        200 if is_list(body) => Permission::Organization,
        401 => Permission::Refused,
        // Any other is a firewall's.
        403 if Problem::read(body).is_some_and(|problem| problem.is_in_svix_words()) => {
            Permission::Insufficient
        }
        _ => Permission::Unknown,
    };
    let detail = match permission {
        Permission::Organization => None,
        Permission::Unknown if (200..300).contains(&status) => {
            Some("this is not how Svix answers".to_owned())
        }
        _ => Some(excerpt::excerpt(body, account)).filter(|words| !words.is_empty()),
    };
    Findings {
        region: account.region().map(str::to_owned),
        reachable: true,
        permission,
        status: Some(status),
        detail,
    }
}

fn unreachable(account: &Account, detail: String) -> Findings {
    Findings {
        region: account.region().map(str::to_owned),
        reachable: false,
        permission: Permission::Unknown,
        status: None,
        detail: Some(detail),
    }
}

fn is_list(body: &[u8]) -> bool {
    serde_json::from_slice::<ListOf<ApplicationOut>>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::domain::AccountName;

    #[test]
    fn an_answer_tells_what_the_token_is_good_for() {
        let name = AccountName::new("acme");
        let account =
            Account::new(name, "https://x.test".into(), "sk_1.eu".into(), Duration::from_secs(1)).unwrap();
        let table = [
            (200, r#"{"data":[{"id":"app_1"}],"done":true}"#, "organization", None, "an application"),
            (200, r#"{"data":[],"done":true,"iterator":null}"#, "organization", None, "none yet"),
            (
                200,
                "<h1>Welcome</h1>",
                "unknown",
                Some("this is not how Svix answers"),
                "somebody else's server",
            ),
            (
                401,
                r#"{"code":"authentication_failed","detail":"Invalid token sk_1.eu"}"#,
                "refused",
                Some("authentication_failed: Invalid token [token]"),
                "a token that is not known",
            ),
            (
                403,
                r#"{"code":"insufficient access","detail":"Not permitted"}"#,
                "insufficient",
                Some("insufficient access: Not permitted"),
                "a token of one application",
            ),
            (403, "<h1>Blocked</h1>", "unknown", Some("<h1>Blocked</h1>"), "a firewall"),
            (429, "", "unknown", None, "Svix is busy"),
            (302, "", "unknown", None, "a redirect, which is not followed"),
        ];
        for (status, body, permission, detail, why) in table {
            let findings = answered(&account, status, body.as_bytes());
            let mut right =
                json!({"region": "eu", "reachable": true, "permission": permission, "status": status});
            if let Some(detail) = detail {
                right["detail"] = json!(detail);
            }
            assert_eq!(json!(findings), right, "{why}");
        }
        let gone = unreachable(&account, "no route".to_owned());
        let right =
            json!({"region": "eu", "reachable": false, "permission": "unknown", "detail": "no route"});
        assert_eq!(json!(gone), right);
    }
}
