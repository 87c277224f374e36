//! Makes sure at the start that every secret in the store can be opened, before one is needed.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, bail};

use crate::secrets::{KeyRing, Owner, Sealed, SecretError};
use crate::store::Store;

/// Accounts that an error names.
const NAMED: usize = 5;

/// Opens each secret of each account once.
///
/// # Errors
/// When one does not open; says which, and which key is missing.
pub(super) async fn check(store: &Store, ring: &KeyRing) -> anyhow::Result<()> {
    let accounts = store
        .sealed_accounts()
        .await
        .context("cannot read the sealed secrets")?;
    let problems = problems(ring, accounts);
    if !problems.is_empty() {
        bail!("not all secrets in the store can be opened:\n  {}", problems.join("\n  "));
    }
    Ok(())
}

/// Says what does not open, one sentence for each cause.
fn problems(ring: &KeyRing, accounts: Vec<(String, Vec<u8>)>) -> Vec<String> {
    let mut by_key: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let mut others = Vec::new();
    for (name, sealed) in accounts {
        match ring.open(Owner::account(&name), &Sealed::from_bytes(sealed)) {
            Ok(_) => {}
            Err(SecretError::UnknownKey { id }) => by_key.entry(id).or_default().push(name),
            Err(error) => others.push(format!("the secret of account {name} does not open: {error}")),
        }
    }
    let unknown = by_key.into_iter().map(|(id, names)| {
        let (secrets, were) = match names.len() {
            1 => ("the secret of 1 account".to_owned(), "was"),
            more => (format!("the secrets of {more} accounts"), "were"),
        };
        format!(
            "{secrets} ({}) {were} sealed under master key {id}, which is not among secrets.keys; add it to \
             SVIX_HOOKS__SECRETS__KEYS",
            listed(&names)
        )
    });
    unknown.chain(others).collect()
}

/// Names the first few.
fn listed(names: &[String]) -> String {
    let mut listed = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        // Writing to a text cannot fail.
        let _ = write!(listed, " and {} more", names.len() - NAMED);
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MasterKey;

    #[test]
    fn each_cause_is_said_once_with_the_accounts_it_concerns() {
        let (key, other) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        let ring = |key: &MasterKey| KeyRing::new(vec![key.clone()]).unwrap();
        let sealed = |name: &str, key: &MasterKey| {
            let sealed = ring(key).seal(Owner::account(name), &"sk_hidden".into());
            (name.to_owned(), sealed.unwrap().as_bytes().to_vec())
        };
        let mut accounts: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .map(|name| sealed(name, &key))
            .into();
        assert_eq!(problems(&ring(&key), accounts.clone()), Vec::<String>::new());
        accounts.push(("taken".to_owned(), accounts[0].1.clone()));
        accounts.push(sealed("fine", &other));
        accounts.push(("cut".to_owned(), vec![1]));
        let said = problems(&ring(&other), accounts.clone());
        let unknown = format!(
            "the secrets of 7 accounts (a, b, c, d, e and 2 more) were sealed under master key {}, which",
            key.id()
        );
        assert!(said[0].starts_with(&unknown), "{said:?}");
        assert_eq!(said[1..], ["the secret of account cut does not open: the sealed secret is not whole"]);
        let said = problems(&ring(&key), accounts.split_off(6));
        assert!(said[0].starts_with("the secret of 1 account (fine) was sealed under"), "{said:?}");
        assert!(said[1].starts_with("the secret of account taken does not open: master key"), "{said:?}");
    }
}
