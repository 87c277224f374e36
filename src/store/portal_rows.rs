//! Tokens for the pages of customers, as rows of either database. They are settings without versions that leave by
//! themselves.
//!
//! The row with the newest revision of all stays: who is to write next would give its revision away again, and
//! nobody would hear of that change.

use std::marker::PhantomData;

use sqlx::{Database, Encode, Executor, IntoArguments, Type};

use super::fields::Fields;
use super::settings::Setting;
use super::{StoreError, known_portals, rows, setting_rows};
use crate::domain::{Timestamp, portal_family};

/// Tokens that one customer may have at a time.
pub(super) const MOST: usize = 100;

/// The rows of one kind of database.
pub(super) struct PortalRows<DB>(PhantomData<fn() -> DB>);

impl<DB> PortalRows<DB>
where
    DB: Database<Row: Fields, Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Makes room for one more token of a customer, which is to have this name: those that are over go. Where there are as many as there may be,
    /// returns the one that ends first.
    pub(super) async fn make_room(
        connection: &mut DB::Connection,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Setting>, StoreError> {
        let family = portal_family(name);
        let found = sqlx::query::<DB>(
            "SELECT * FROM settings WHERE kind = 'portal' AND name > $1 AND name < $2 AND document IS NOT NULL",
        )
        .bind(family.to_owned())
        // No hexadecimal digit comes after this one.
        .bind(format!("{family}g"))
        .fetch_all(&mut *connection)
        .await?;
        let mut living = Vec::new();
        for row in &found {
            let Ok(token) = setting_rows::setting(row) else {
                continue;
            };
            match known_portals::end(&token) {
                Some(end) if end > now => living.push((end, token)),
                Some(_) => Self::delete(connection, token.name).await?,
                None => {}
            }
        }
        if living.len() < MOST {
            return Ok(None);
        }
        let first = living.into_iter().min_by_key(|(end, _)| *end);
        Ok(first.map(|(_, token)| token))
    }

    async fn delete(connection: &mut DB::Connection, name: String) -> Result<(), StoreError> {
        sqlx::query::<DB>(
            "DELETE FROM settings WHERE kind = 'portal' AND name = $1 \
             AND revision < (SELECT max(revision) FROM settings)",
        )
        .bind(name)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Deletes up to `limit` of those that were made or revoked before this time, when none that lives can have been.
    /// Returns whether there may be more.
    pub(super) async fn prune(
        connection: &mut DB::Connection,
        before: Timestamp,
        limit: u32,
    ) -> Result<bool, StoreError> {
        let names = sqlx::query::<DB>(
            "SELECT * FROM settings WHERE kind = 'portal' AND changed_at < $1 \
             AND revision < (SELECT max(revision) FROM settings) LIMIT $2",
        )
        .bind(before.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
        for row in &names {
            Self::delete(connection, rows::text(row, "name")?.to_owned()).await?;
        }
        Ok(u32::try_from(names.len()).is_ok_and(|found| found >= limit))
    }
}
