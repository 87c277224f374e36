//! Settings as rows of either database.

use std::marker::PhantomData;

use futures_util::TryStreamExt;
use sqlx::{Database, Encode, Executor, IntoArguments, QueryBuilder, Type};

use super::fields::Fields;
use super::key_uses::KeyUseRows;
use super::portal_rows::PortalRows;
use super::settings::{
    Expected, Setting, SettingChange, SettingChanged, SettingChanges, SettingKind, SettingQuery,
    SettingVersion,
};
use super::{StoreError, known_keys, rows};
use crate::domain::Timestamp;

/// Versions of each that are kept.
const VERSIONS: i64 = 100;

/// The rows of one kind of database.
pub(super) struct SettingRows<DB>(PhantomData<fn() -> DB>);

impl<DB> SettingRows<DB>
where
    DB: Database<Row: Fields, Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Option<String>: for<'q> Encode<'q, DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: for<'q> Encode<'q, DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Writes settings, within a transaction beside which no other writes any.
    pub(super) async fn change(
        connection: &mut DB::Connection,
        change: &SettingChange,
        now: Timestamp,
    ) -> Result<SettingChanged, StoreError> {
        let one = SettingQuery::One(change.kind, change.name.clone());
        let last = Self::find(connection, one).await?.pop();
        let there = last.as_ref().filter(|setting| setting.document.is_some());
        if !change.expected.holds(there) || (there.is_none() && change.document.is_none()) {
            return Ok(SettingChanged::Refused(there.cloned()));
        }
        if change.expected == Expected::NotLastAdmin
            && let Some(there) = there
            && known_keys::may_change_keys(there).is_some_and(|end| end.is_none_or(|end| now < end))
            && !Self::has_lasting_admin(connection, &there.name).await?
        {
            return Ok(SettingChanged::Refused(Some(there.clone())));
        }
        if change.expected == Expected::PortalRoom
            && let Some(first) = PortalRows::<DB>::make_room(connection, &change.name, now).await?
        {
            return Ok(SettingChanged::Refused(Some(first)));
        }
        if let Some(there) = there
            && there.document == change.document
            && change.sealed.is_none()
        {
            return Ok(SettingChanged::Unchanged(there.clone()));
        }
        let version = last.as_ref().map_or(1, |last| last.version + 1);
        let written = Self::write(connection, change, version, now).await?;
        if change.kind != SettingKind::Portal {
            Self::keep_version(connection, change, version, now).await?;
        }
        if change.kind == SettingKind::Key && change.document.is_none() {
            KeyUseRows::<DB>::forget(connection, change.name.clone()).await?;
        }
        Ok(SettingChanged::Written {
            created: there.is_none(),
            now: written,
        })
    }

    /// Tells whether another key than this one may change keys, and has no end.
    async fn has_lasting_admin(connection: &mut DB::Connection, name: &str) -> Result<bool, StoreError> {
        let mut keys = sqlx::query::<DB>(
            "SELECT * FROM settings WHERE kind = 'key' AND name <> $1 AND document IS NOT NULL",
        )
        .bind(name.to_owned())
        .fetch(connection);
        while let Some(row) = keys.try_next().await? {
            // What cannot be read opens nothing.
            if setting(&row).is_ok_and(|key| known_keys::may_change_keys(&key) == Some(None)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn write(
        connection: &mut DB::Connection,
        change: &SettingChange,
        version: i64,
        now: Timestamp,
    ) -> Result<Setting, StoreError> {
        let written = sqlx::query::<DB>(
            "INSERT INTO settings (kind, name, version, revision, document, sealed, created_at, changed_at, by_key) \
             VALUES ($1, $2, $3, (SELECT coalesce(max(revision), 0) + 1 FROM settings), $4, $5, $6, $6, $7) \
             ON CONFLICT (kind, name) DO UPDATE SET version = excluded.version, revision = excluded.revision, \
               document = excluded.document, changed_at = excluded.changed_at, by_key = excluded.by_key, \
               sealed = CASE WHEN excluded.document IS NULL THEN NULL \
                 ELSE coalesce(excluded.sealed, settings.sealed) END, \
               created_at = CASE WHEN settings.document IS NULL THEN excluded.created_at \
                 ELSE settings.created_at END \
             RETURNING *",
        )
        .bind(change.kind.as_str().to_owned())
        .bind(change.name.clone())
        .bind(version)
        .bind(change.document.clone())
        .bind(change.sealed.clone())
        .bind(now.as_millis())
        .bind(change.key.clone())
        .fetch_one(connection)
        .await?;
        Ok(setting(&written)?)
    }

    async fn keep_version(
        connection: &mut DB::Connection,
        change: &SettingChange,
        version: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query::<DB>(
            "INSERT INTO setting_versions (kind, name, version, at, by_key, change, document) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(change.kind.as_str().to_owned())
        .bind(change.name.clone())
        .bind(version)
        .bind(now.as_millis())
        .bind(change.key.clone())
        .bind(change.cause.as_str().to_owned())
        .bind(change.document.clone())
        .execute(&mut *connection)
        .await?;
        sqlx::query::<DB>("DELETE FROM setting_versions WHERE kind = $1 AND name = $2 AND version <= $3")
            .bind(change.kind.as_str().to_owned())
            .bind(change.name.clone())
            .bind(version - VERSIONS)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Finds settings.
    pub(super) async fn find(
        connection: &mut DB::Connection,
        which: SettingQuery,
    ) -> Result<Vec<Setting>, StoreError> {
        let mut query = QueryBuilder::<DB>::new("SELECT * FROM settings WHERE ");
        match which {
            SettingQuery::One(kind, name) => {
                query.push("kind = ").push_bind(kind.as_str().to_owned());
                query.push(" AND name = ").push_bind(name)
            }
            SettingQuery::Page(kind, after, limit) => {
                query.push("kind = ").push_bind(kind.as_str().to_owned());
                query.push(" AND name > ").push_bind(after.unwrap_or_default());
                query.push(" AND document IS NOT NULL ORDER BY name LIMIT ");
                query.push_bind(i64::from(limit))
            }
        };
        let found = query.build().fetch_all(connection).await?;
        Ok(found.iter().map(setting).collect::<Result<_, _>>()?)
    }

    /// Finds what was changed after a revision, up to `limit` of it. What cannot be read holds up nothing.
    pub(super) async fn changed(
        connection: &mut DB::Connection,
        after: i64,
        limit: u32,
    ) -> Result<SettingChanges, StoreError> {
        let found =
            sqlx::query::<DB>("SELECT * FROM settings WHERE revision > $1 ORDER BY revision LIMIT $2")
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
        let mut changes = SettingChanges {
            revision: after,
            more: found.len() >= limit as usize,
            ..SettingChanges::default()
        };
        for row in &found {
            changes.revision = rows::int(row, "revision")?;
            match setting(row) {
                Ok(setting) => changes.settings.push(setting),
                Err(why) => changes.unreadable.push((changes.revision, why.to_string())),
            }
        }
        Ok(changes)
    }

    /// Finds the versions of settings before this one, the newest first.
    pub(super) async fn versions(
        connection: &mut DB::Connection,
        kind: SettingKind,
        name: String,
        before: i64,
    ) -> Result<Vec<SettingVersion>, StoreError> {
        let found = sqlx::query::<DB>(
            "SELECT * FROM setting_versions WHERE kind = $1 AND name = $2 AND version < $3 \
             ORDER BY version DESC LIMIT $4",
        )
        .bind(kind.as_str().to_owned())
        .bind(name)
        .bind(before)
        .bind(VERSIONS)
        .fetch_all(connection)
        .await?;
        Ok(found.iter().map(version).collect::<Result<_, _>>()?)
    }
}

/// Reads a row.
pub(super) fn setting(row: &impl Fields) -> Result<Setting, sqlx::Error> {
    let time = |column| rows::int(row, column).map(Timestamp::from_millis);
    let owned = |column| row.text(column).map(|text| text.map(str::to_owned));
    Ok(Setting {
        kind: rows::named(row, "kind")?,
        name: rows::text(row, "name")?.to_owned(),
        version: rows::int(row, "version")?,
        revision: rows::int(row, "revision")?,
        document: owned("document")?,
        sealed: row.bytes("sealed")?.map(<[u8]>::to_vec),
        created_at: time("created_at")?,
        changed_at: time("changed_at")?,
        key: owned("by_key")?,
    })
}

fn version(row: &impl Fields) -> Result<SettingVersion, sqlx::Error> {
    let owned = |column| row.text(column).map(|text| text.map(str::to_owned));
    Ok(SettingVersion {
        version: rows::int(row, "version")?,
        at: Timestamp::from_millis(rows::int(row, "at")?),
        key: owned("by_key")?,
        cause: rows::named(row, "change")?,
        document: owned("document")?,
    })
}
