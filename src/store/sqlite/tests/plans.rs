//! Which index leads to what is looked up: none of it goes through a whole table.

use serde_json::json;
use sqlx::{AssertSqlSafe, QueryBuilder, Row, SqlSafeStr, Sqlite};

use super::DatabaseInDirectory;
use crate::domain::{State, Timestamp};
use crate::store::narrowing::Span;
use crate::store::sqlite::{DatabaseFile, begin, connect, survey};
use crate::store::survey::SurveyPlace;
use crate::store::{DeadQuery, Filter};

#[tokio::test]
async fn every_look_up_is_led_by_an_index() {
    let database = DatabaseInDirectory::new();
    database.open().await.unwrap().close(true).await.unwrap();
    let file = DatabaseFile::lock(database.path().to_str().unwrap()).unwrap();
    let mut connection = connect(&file, false).await.unwrap();
    let span = Span {
        above: 0,
        below: 1000,
    };
    let (rows, dead) = ("USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", Some(State::Dead));
    let customers = "USING INDEX undelivered_by_customer (customer=? AND rowid>? AND rowid<?)";
    let table = [
        (json!({}), None, rows),
        (json!({"type": "a"}), Some(State::Queued), rows),
        (
            json!({"customer": "acme"}),
            None,
            "USING INDEX notifications_by_customer (customer=? AND rowid>? AND rowid<?)",
        ),
        (json!({"reason": "rejected"}), None, rows),
        (json!({"status": 422}), dead, rows),
        (json!({"customer": "acme", "status": 422}), dead, customers),
        (json!({"q": "object"}), dead, "VIRTUAL TABLE INDEX"),
        (json!({"q": "object", "customer": "acme"}), dead, "VIRTUAL TABLE INDEX"),
        (json!({"from": "2026-01-01T00:00:00Z"}), dead, rows),
    ];
    let mut plans = Vec::new();
    for (narrowing, state, right) in table {
        let what = narrowing.to_string();
        let filter = Filter {
            state,
            narrowing: serde_json::from_value(narrowing).unwrap(),
            limit: 10,
            ..Filter::default()
        };
        let dead = DeadQuery {
            narrowing: filter.narrowing.clone(),
            died_by: Timestamp::default(),
            after: None,
            newest_first: false,
            limit: 10,
            unreadable: false,
        };
        plans.push((format!("page of {what}"), filter.query::<Sqlite>(span), right));
        if let Some(query) = filter.bound_query::<Sqlite>(span, true) {
            plans.push((format!("bound of {what}"), query, ""));
        }
        plans.push((format!("dead letters of {what}"), dead.query::<Sqlite>(span), ""));
    }
    let by_id = Filter {
        event_ids: vec!["evt_1".to_owned()],
        limit: 10,
        ..Filter::default()
    };
    plans.push((
        "an event's id".to_owned(),
        by_id.query::<Sqlite>(span),
        "notifications_by_event (event_key=?",
    ));
    for right in [
        "notifications_by_event (event_key=?",
        "notifications_by_other_id (event_id=?",
    ] {
        plans.push(("keys and digests".to_owned(), QueryBuilder::new(begin::find_statement()), right));
    }
    let (start, place) = (SurveyPlace::start(), SurveyPlace::start());
    let queued = "USING INDEX notifications_due ((customer,due_at)>(?,?) AND (customer,due_at)<(?,?))";
    let end = "USING COVERING INDEX notifications_due ((customer,due_at)>(?,?) AND customer<?)";
    plans.push(("the end of a survey's part".to_owned(), survey::last_place(&start, 10), end));
    plans.push(("a survey's part".to_owned(), survey::groups(&start, Some(&place)), queued));
    for (what, query, right) in plans {
        let statement = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
        let steps = sqlx::query(AssertSqlSafe(statement).into_sql_str()).fetch_all(&mut connection);
        let steps: Vec<String> = steps
            .await
            .unwrap()
            .iter()
            .map(|step| step.get("detail"))
            .collect();
        let plan = steps.join("; ");
        assert!(plan.contains(right), "{what}: {plan}");
        let whole = steps.iter().find(|step| {
            step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE INDEX") && !step.contains("SCAN u")
        });
        assert_eq!(whole, None, "{what}: {plan}");
    }
}
