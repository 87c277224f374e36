//! The tokens of accounts: taken out of what is written and sealed, and tried with Svix.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::document_bodies::{self, Document};
use super::documents::Checked;
use super::gateway::Gateway;
use super::problem::{Code, Problem};
use crate::domain::AccountName;
use crate::policy::{SettingFault, SvixAccount};
use crate::secrets::{Owner, Tokens, last_four};
use crate::store::{KnownAccount, Setting};
use crate::svix::{Client, Findings, probe};

/// The longest token, in bytes.
const TOKEN_MAX: usize = 4096;

/// What the end of a token begins with where it is shown. Who writes it back says nothing new of the token.
const SHOWN: char = '…';

/// Reads what an account is to be, in place of what is there. A token in it is sealed, and its end alone is kept in the
/// document.
pub(super) fn check(
    gateway: &Gateway,
    name: &AccountName,
    document: &Document,
    there: Option<&Setting>,
) -> Result<Checked, Problem> {
    let intake = gateway.intake();
    let mut document = document.clone();
    let given = token(document.remove("token"));
    let read = SvixAccount::check(&document, &intake.client.networks);
    let (given, mut account) = match (given, read) {
        (Ok(given), Ok(account)) => (given, account),
        (given, read) => {
            let faults = given.err().into_iter().chain(read.err().unwrap_or_default());
            return Err(document_bodies::refuse(faults.collect()));
        }
    };
    let before = there.and_then(|there| KnownAccount::of(there).ok());
    let stays = before
        .as_ref()
        .is_some_and(|before| before.settings.server_url == account.server_url);
    let Some(given) = given else {
        let Some(before) = before.filter(|_| stays) else {
            let detail = match there {
                Some(_) => "must be given again where serverUrl changes, so that it goes nowhere by mistake",
                None => "must be given",
            };
            return Err(refuse_token(detail.to_owned()));
        };
        account.token = before.settings.token;
        return Ok(Checked {
            document: json!(account),
            sealed: None,
            moves: Vec::new(),
        });
    };
    account.token = Some(last_four(&given));
    let ring = &intake.own_accounts.ring;
    // Tokens that cannot be opened any more are of no use, and are no reason not to take a new one.
    let known = before
        .filter(|_| stays)
        .and_then(|before| before.tokens(name.as_str(), ring).ok());
    let is_known = known
        .as_ref()
        .is_some_and(|known| known.present.expose_secret() == given.expose_secret());
    let tokens = match known {
        Some(known) => known.replaced_by(given),
        None => Tokens::new(given),
    };
    let sealed = ring.seal(Owner::account(name.as_str()), &tokens.to_secret());
    let sealed = sealed.map_err(|error| refuse_token(format!("cannot be kept: {error}")))?;
    Ok(Checked {
        document: json!(account),
        sealed: (!is_known).then_some(sealed),
        moves: Vec::new(),
    })
}

/// Reads a token, where one is given. No error shows any of it.
fn token(given: Option<Value>) -> Result<Option<SecretString>, SettingFault> {
    let fault = |detail: &str| SettingFault {
        pointer: "/token".to_owned(),
        detail: detail.to_owned(),
    };
    match given {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.starts_with(SHOWN) => Ok(None),
        Some(Value::String(text)) => {
            let text = SecretString::from(text);
            let bytes = text.expose_secret().as_bytes();
            let fits = (1..=TOKEN_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
            fits.then_some(Some(text))
                .ok_or_else(|| fault("is no token: 1 to 4096 visible characters of ASCII"))
        }
        Some(_) => Err(fault("must be a text")),
    }
}

fn refuse_token(detail: String) -> Problem {
    document_bodies::refuse(vec![SettingFault {
        pointer: "/token".to_owned(),
        detail,
    }])
}

/// Asks Svix what the token of an account is good for.
pub(super) async fn try_out(
    gateway: &Gateway,
    name: &AccountName,
    setting: &Setting,
) -> Result<Findings, Problem> {
    let Ok(_trying) = gateway.tries.try_acquire() else {
        let detail = "others are being tried; ask again with POST /accounts/{id}/check";
        return Err(Problem::new(Code::Overloaded, detail).retry_after(1));
    };
    let intake = gateway.intake();
    let known = KnownAccount::of(setting).map_err(|why| unusable(name, &why))?;
    let tokens = known
        .tokens(name.as_str(), &intake.own_accounts.ring)
        .map_err(|error| unusable(name, &error.to_string()))?;
    let account = intake
        .own_accounts
        .account(name, &known.settings, tokens.present)
        .map_err(|error| unusable(name, &error.to_string()))?;
    let client = Client::new(&intake.client, 1).map_err(|error| unusable(name, &error.to_string()))?;
    Ok(probe(&client, &account).await)
}

fn unusable(name: &AccountName, why: &str) -> Problem {
    Problem::new(Code::AccountUnusable, format!("account {name} cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_where_one_is_given_and_never_shown() {
        let table = [
            (json!(null), Ok(false), "not given"),
            (json!("…abcd"), Ok(false), "what an answer showed, written back"),
            (json!("testsk_abc.eu"), Ok(true), "a token"),
            (json!(""), Err(()), "an empty one"),
            (json!("a b"), Err(()), "no header can carry a blank in it"),
            (json!("sk_é"), Err(()), "nor this"),
            (json!("x".repeat(4097)), Err(()), "no token is as long"),
            (json!(12_345_678), Err(()), "not a text"),
        ];
        for (given, right, why) in table {
            let read = token(Some(given.clone()));
            if let Err(fault) = &read {
                assert!(
                    !fault.detail.contains("sk_") && !fault.detail.contains("1234"),
                    "{why}: {}",
                    fault.detail
                );
            }
            let read = read.map(|token| token.is_some()).map_err(|_| ());
            assert_eq!(read, right, "{why}");
        }
        assert!(token(None).unwrap().is_none());
    }
}
