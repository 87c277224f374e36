//! What a copy keeps.

use sqlx::AssertSqlSafe;

use super::{assert_same, contents, copied, full};
use crate::domain::State;
use crate::store::check::Database;
use crate::store::check::tests::{Place, fill, filled, on_both, settle};
use crate::store::copy::table::{AT_THE_END, BELONGINGS, NOTIFICATIONS, Table};
use crate::store::copy::{Copying, Counts, LIMITS, Limits, copy};
use crate::store::examples::{accept, accept_leased, customer, delivered, find, new, post_known, with_event};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{Leased, check};

async fn there_and_back_keeps_everything<P: Place>() {
    let (origin, back) = (full::<P>().await, P::fresh().await);
    if P::IS_SHARED {
        let there = DatabaseInDirectory::fresh().await;
        forth_and_back(&origin, &there, &back).await;
    } else {
        let there = TestDatabase::fresh().await;
        forth_and_back(&origin, &there, &back).await;
    }
}

async fn forth_and_back(origin: &impl Place, there: &impl Place, back: &impl Place) {
    let report = copied(&origin.url(), &there.url()).await.unwrap();
    assert!(report.is_equal(), "{report:?}");
    assert_eq!((report.copied, report.found, report.target.notifications), (24, 0, 24));
    let Counts { states, rows, .. } = &report.source;
    assert_eq!((states["dead"], rows["attempts"], rows["redriven"], rows["redrives"]), (3, 21, 3, 6));
    assert_same(origin, there).await;
    let report = copied(&there.url(), &back.url()).await.unwrap();
    assert!(report.is_equal(), "{report:?}");
    assert_same(origin, back).await;
}

async fn a_copy_works_as_a_store<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let target = P::fresh().await;
    copied(&origin.url(), &target.url()).await.unwrap();
    let (old, store) = (origin.open().await, target.open().await);
    let known = post_known(&store, new("acme", "delivered")).await;
    assert_eq!(find(&store, known.id).await.event_id, find(&old, known.id).await.event_id);
    let (notification, lease) = accept_leased(&store, new("acme", "evt_new")).await;
    assert!(find(&store, notification.id).await.row > 24, "it is the last");
    store.settle(delivered(&notification), lease).await.unwrap();
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    let expected = old.claim(customer("acme"), 10).await.unwrap();
    assert_eq!((claimed.len(), expected.len()), (2, 2));
    for (Leased { notification, lease }, expected) in claimed.into_iter().zip(&expected) {
        let right = &expected.notification;
        assert_eq!(notification.event, right.event);
        assert_eq!(notification.progress, right.progress);
        assert_eq!((notification.id, notification.suspect_until), (right.id, None));
        store.settle(delivered(&notification), lease).await.unwrap();
    }
    store.close(true).await.unwrap();
    assert_eq!(check(&target.url()).await.unwrap().findings, []);
}

async fn a_copy_that_was_cut_off_goes_on<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let target = P::fresh().await;
    let limits = Limits { rows: 5, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    copying.close().await.unwrap();

    // Events that are larger than a batch may be go one by one.
    let limits = Limits { bytes: 1, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    assert_eq!((copying.found, copying.copied), (5, 1));
    copying.close().await.unwrap();

    let mut seen = Vec::new();
    let report = copy(&origin.url(), &target.url(), |progress| seen.push((progress.done, progress.total)))
        .await
        .unwrap();
    assert_eq!((report.found, report.copied, report.is_equal()), (6, 18, true));
    assert_eq!(seen, [(6, 24), (24, 24)]);
    assert_same(&origin, &target).await;

    let again = copied(&origin.url(), &target.url()).await.unwrap();
    assert_eq!((again.found, again.copied, again.is_equal()), (24, 0, true));
    assert_same(&origin, &target).await;
}

async fn an_empty_store_is_copied_too<P: Place>() {
    let (origin, target) = (P::fresh().await, P::fresh().await);
    origin.open().await.close(true).await.unwrap();
    for _ in 0..2 {
        let report = copied(&origin.url(), &target.url()).await.unwrap();
        assert_eq!((report.copied, report.found, report.is_equal()), (0, 0, true));
    }
    let store = target.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    assert_eq!(find(&store, first.id).await.row, 1);
}

on_both!(
    there_and_back_keeps_everything,
    a_copy_works_as_a_store,
    a_copy_that_was_cut_off_goes_on,
    an_empty_store_is_copied_too,
);

/// What a store has and a copy makes anew, or does without.
const OF_A_FILE: &str = "'runs', '_sqlx_migrations', 'undelivered_words'";
const OF_A_SERVER: &str = "'replicas', 'accounts', 'queue', '_sqlx_migrations'";

#[tokio::test]
async fn no_column_is_forgotten() {
    let (file, server) = (filled::<DatabaseInDirectory>().await, filled::<TestDatabase>().await);
    let mut file = Database::for_reading(&file.url()).await.unwrap();
    let mut server = Database::for_reading(&server.url()).await.unwrap();
    let described = || {
        BELONGINGS
            .iter()
            .chain(AT_THE_END.iter())
            .chain([&*NOTIFICATIONS])
    };
    for table in described() {
        let Table { name, columns, .. } = table;
        let in_file = columns.iter().filter(|column| column.in_file).count();
        let query = format!("SELECT count(*) FROM pragma_table_info('{name}')");
        let found = file.number(AssertSqlSafe(query)).await.unwrap();
        assert_eq!(usize::try_from(found), Ok(in_file), "{name} in a file");
        let query = format!(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = '{name}' \
                             AND is_generated = 'NEVER'"
        );
        let found = server.number(AssertSqlSafe(query)).await.unwrap();
        assert_eq!(usize::try_from(found), Ok(columns.len()), "{name} in the shared store");
    }
    let names: Vec<String> = described().map(|table| format!("'{}'", table.name)).collect();
    let names = names.join(", ");
    let others = format!(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT IN ({names}, {OF_A_FILE}) \
         AND name NOT GLOB 'undelivered_words_*'"
    );
    assert_eq!(file.number(AssertSqlSafe(others)).await.unwrap(), 0, "tables of a file");
    let others = format!(
        "SELECT count(*) FROM information_schema.tables \
         WHERE table_schema = 'public' AND table_name NOT IN ({names}, {OF_A_SERVER})"
    );
    assert_eq!(server.number(AssertSqlSafe(others)).await.unwrap(), 0, "tables of the shared store");
}

#[tokio::test]
async fn slots_are_added_up() {
    let server = TestDatabase::fresh().await;
    let (one, other) = (Place::open(&server).await, Place::open(&server).await);
    fill(&one).await;
    let (notification, lease) = accept_leased(&other, new("acme", "evt_other")).await;
    settle(&other, &notification, lease, State::Dead).await;
    one.close(true).await.unwrap();
    other.close(true).await.unwrap();
    for (query, why) in [
        ("SELECT count(*) FROM ledger WHERE customer = 'acme'", "two slots"),
        ("SELECT count(*) FROM dead_groups WHERE customer = 'acme'", "and two of a kind"),
        ("SELECT count(DISTINCT slot) FROM ledger_minutes WHERE customer = 'acme'", "and of minutes"),
    ] {
        assert_eq!(server.number(query).await, 2, "{why}");
    }
    let file = DatabaseInDirectory::fresh().await;
    assert!(copied(&server.url(), &file.url()).await.unwrap().is_equal());
    assert_same(&server, &file).await;
    assert_eq!(
        file.number("SELECT dead FROM dead_groups WHERE customer = 'acme'")
            .await,
        2
    );
}

#[tokio::test]
async fn many_minutes_go_over_some_at_a_time() {
    let file = filled::<DatabaseInDirectory>().await;
    let minutes = "INSERT INTO ledger_minutes (customer, minute, duplicates) \
                   WITH RECURSIVE m (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < 4500) \
                   SELECT 'acme', n, n FROM m";
    assert_eq!(file.tamper(minutes).await, 4500);
    let server = TestDatabase::fresh().await;
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    assert_same(&file, &server).await;
    let (_, rest) = contents(&server).await;
    let of_minutes = rest.iter().filter(|rows| rows.table.name == "ledger_minutes");
    assert!(of_minutes.map(|rows| rows.len()).all(|rows| rows <= 2000));
}

#[tokio::test]
async fn what_was_not_delivered_is_found_by_its_words() {
    let origin = filled::<TestDatabase>().await;
    let file = DatabaseInDirectory::fresh().await;
    copied(&origin.url(), &file.url()).await.unwrap();
    let found = "SELECT count(*) FROM undelivered_words AS w JOIN undelivered AS u ON u.seq = w.rowid \
                 WHERE undelivered_words MATCH 'rejected attempt' AND state = 'dead'";
    assert_eq!(file.number(found).await, 3);
    let server = TestDatabase::fresh().await;
    copied(&file.url(), &server.url()).await.unwrap();
    let found = "SELECT count(*) FROM undelivered WHERE words = 'rejected attempt 1'";
    assert_eq!(server.number(found).await, 3);
}

#[tokio::test]
async fn a_character_that_the_server_cannot_hold_is_replaced() {
    let file = filled::<DatabaseInDirectory>().await;
    let statement = "UPDATE notifications SET detail = 'a' || char(0) || 'b' WHERE event_key = 'dead'";
    assert_eq!(file.tamper(statement).await, 3);
    let server = TestDatabase::fresh().await;
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let replaced = "SELECT count(*) FROM notifications WHERE detail = 'a' || chr(65533) || 'b'";
    assert_eq!(server.number(replaced).await, 3);
    let in_words = "SELECT count(*) FROM undelivered WHERE words = 'rejected a' || chr(65533) || 'b'";
    assert_eq!(server.number(in_words).await, 3);
}

#[tokio::test]
async fn large_events_go_over_in_batches_that_fit() {
    let file = DatabaseInDirectory::fresh().await;
    let store = Place::open(&file).await;
    for number in 0..5_u8 {
        let event = vec![number; 5 << 20];
        accept(&store, with_event(new("acme", &format!("evt_{number}")), event)).await;
    }
    store.close(true).await.unwrap();
    let server = TestDatabase::fresh().await;
    let mut seen = Vec::new();
    let report = copy(&file.url(), &server.url(), |progress| seen.push(progress.done)).await;
    assert!(report.unwrap().is_equal());
    assert_eq!(seen, [0, 3, 5]);
}
