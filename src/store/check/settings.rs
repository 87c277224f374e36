//! Looks through what is set: whether the service could read it, and whether its versions and the uses of keys fit.

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::Row;

use super::Database;
use super::connect::either;
use super::findings::Fault;
use super::survey::Survey;
use crate::domain::Customer;
use crate::policy::{CustomerSettings, KeySettings, SettingFault};
use crate::store::fields::Fields;
use crate::store::settings::SettingKind;
use crate::store::{KnownAccount, rows, setting_rows};

const SETTINGS: &str = "SELECT * FROM settings ORDER BY revision";

/// The revisions that more than one change got: whoever follows them would miss one.
const REVISIONS: &str = "SELECT CAST(revision AS BIGINT) FROM settings GROUP BY revision HAVING count(*) > 1";

/// What is not its own newest version, and versions of what is not there. Tokens for pages have none.
const VERSIONS: &str = "SELECT s.kind, s.name FROM settings AS s \
     WHERE (s.kind <> 'portal' AND NOT EXISTS ( \
         SELECT 1 FROM setting_versions AS v WHERE v.kind = s.kind AND v.name = s.name AND v.version = s.version \
           AND v.document IS NOT DISTINCT FROM s.document)) \
       OR EXISTS ( \
         SELECT 1 FROM setting_versions AS v WHERE v.kind = s.kind AND v.name = s.name AND v.version > s.version) \
     UNION \
     SELECT v.kind, v.name FROM setting_versions AS v \
     WHERE NOT EXISTS (SELECT 1 FROM settings AS s WHERE s.kind = v.kind AND s.name = v.name)";

/// Uses of keys that were revoked after them. Others may be of keys of the configuration.
const USES: &str = "SELECT u.name FROM key_uses AS u \
     JOIN settings AS s ON s.kind = 'key' AND s.name = u.name \
     WHERE s.document IS NULL AND u.used_at <= s.changed_at";

/// Shows everything that is set to the survey.
pub(super) async fn all(database: &mut Database, survey: &mut Survey) -> Result<(), sqlx::Error> {
    either!(database, connection => {
        let mut found = sqlx::query(SETTINGS).fetch(&mut *connection);
        while let Some(row) = found.try_next().await? {
            if let Err(why) = read(&row) {
                survey.found(Fault::Unreadable, format!("{}: {why}", name(&row)));
            }
        }
        drop(found);
        let mut twice = sqlx::query_scalar::<_, i64>(REVISIONS).fetch(&mut *connection);
        while let Some(revision) = twice.try_next().await? {
            survey.found(Fault::RevisionTwice, format!("revision {revision}"));
        }
        drop(twice);
        let mut versions = sqlx::query(VERSIONS).fetch(&mut *connection);
        while let Some(row) = versions.try_next().await? {
            survey.found(Fault::SettingVersion, name(&row));
        }
        drop(versions);
        let mut uses = sqlx::query(USES).fetch(connection);
        while let Some(row) = uses.try_next().await? {
            survey.found(Fault::KeyUseOrphaned, row.try_get("name")?);
        }
    });
    Ok(())
}

/// Reads a row as the service does when it hears of it.
fn read(row: &impl Fields) -> Result<(), String> {
    let setting = setting_rows::setting(row).map_err(|error| error.to_string())?;
    let Some(document) = &setting.document else {
        return Ok(());
    };
    let document: Map<String, Value> = serde_json::from_str(document).map_err(|error| error.to_string())?;
    match setting.kind {
        SettingKind::Customer => {
            Customer::parse(&setting.name).map_err(|error| error.to_string())?;
            CustomerSettings::read(&document).map(drop).map_err(words)
        }
        SettingKind::Key | SettingKind::Portal => KeySettings::read(&document).map(drop).map_err(words),
        SettingKind::Account => KnownAccount::of(&setting).map(drop),
    }
}

fn words(faults: Vec<SettingFault>) -> String {
    let faults = faults
        .iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.detail));
    faults.collect::<Vec<_>>().join("; ")
}

/// Names a row by what it is about, as far as that can be read.
fn name(row: &impl Fields) -> String {
    let text = |column| rows::text(row, column).unwrap_or("?");
    format!("{} {}", text("kind"), text("name"))
}
