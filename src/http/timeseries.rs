//! `GET /stats/timeseries`: the numbers by the time of acceptance.

use std::ops::Range;
use std::time::Duration;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::problem::Problem;
use super::span::Asked;
use crate::domain::{Customer, Timestamp};
use crate::store::{SeriesScope, Totals};

/// The time where the query names none.
const DEFAULT_LENGTH: Duration = Duration::from_secs(3600);

/// How many points there are at most where the query does not say how long a step is.
const DEFAULT_POINTS: i64 = 120;

/// How many points there may be.
const MOST_POINTS: i64 = 1500;

/// Steps that are chosen, in minutes; beyond the last one whole days.
const STEPS: [i64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

#[derive(Serialize)]
struct Series {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer>,
    from: Timestamp,
    to: Timestamp,
    /// In seconds.
    step: i64,
    points: Vec<Point>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    at: Timestamp,
    accepted: i64,
    duplicates: i64,
    delivered: i64,
    filtered: i64,
    dead: i64,
    expired: i64,
    queued: i64,
    retries: i64,
    failed_attempts: i64,
    redriven: i64,
}

impl Point {
    fn new(at: Timestamp, totals: &Totals) -> Self {
        Self {
            at,
            accepted: totals.accepted,
            duplicates: totals.duplicates,
            delivered: totals.delivered,
            filtered: totals.filtered,
            dead: totals.dead,
            expired: totals.expired,
            queued: totals.queued,
            retries: totals.retries,
            failed_attempts: totals.failed_attempts,
            redriven: totals.redriven,
        }
    }
}

pub(super) async fn timeseries(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let mut scope = read(&query, gateway.store.now())?;
    caller.narrow(&mut scope.customer)?;
    let totals = gateway.store.series(scope.clone()).await?;
    let SeriesScope {
        customer,
        minutes,
        step,
    } = scope;
    let starts = (0..).map(|place| Timestamp::of_minute(minutes.start + place * step));
    let points = starts
        .zip(&totals)
        .map(|(at, totals)| Point::new(at, totals))
        .collect();
    Ok(HttpResponse::Ok().json(Series {
        customer,
        from: Timestamp::of_minute(minutes.start),
        to: Timestamp::of_minute(minutes.end),
        step: step * 60,
        points,
    }))
}

fn read(query: &[(String, String)], now: Timestamp) -> Result<SeriesScope, Problem> {
    let mut step = None;
    let mut asked = Asked::read(query, "customer, from, to and step", |name, value| {
        (name == "step").then(|| {
            let seconds: i64 = value.parse().unwrap_or_default();
            if seconds <= 0 || seconds % 60 != 0 {
                return Err("is no number of seconds that makes whole minutes".to_owned());
            }
            step = Some(seconds / 60);
            Ok(())
        })
    });
    let minutes = asked.minutes(now, Some(DEFAULT_LENGTH)).unwrap_or_default();
    let step = step.unwrap_or_else(|| default_step(&minutes));
    let length = minutes.end - minutes.start;
    let (points, least) = (rounded_up(length, step), rounded_up(length, MOST_POINTS));
    if points > MOST_POINTS {
        let detail = format!(
            "{} would make {points} points, and at most {MOST_POINTS} are given; the least step is {}",
            step * 60,
            least * 60
        );
        asked.fault("step", detail);
    }
    let asked = asked.refuse()?;
    Ok(SeriesScope {
        customer: asked.customer,
        minutes,
        step,
    })
}

/// Returns the least of the usual steps, in minutes, with which there are not too many points.
fn default_step(minutes: &Range<i64>) -> i64 {
    let least = rounded_up(minutes.end - minutes.start, DEFAULT_POINTS);
    let usual = STEPS.into_iter().find(|step| *step >= least);
    usual.unwrap_or_else(|| rounded_up(least, 1440) * 1440)
}

fn rounded_up(length: i64, step: i64) -> i64 {
    (length + step - 1) / step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_that_is_chosen_gives_a_number_of_points_that_can_be_shown() {
        for length in [0, 1, 60, 120, 121, 1440, 10_080, 43_200, 527_040] {
            let step = default_step(&(7..7 + length));
            assert!(step >= 1 && rounded_up(length, step) <= DEFAULT_POINTS, "{length}: {step}");
        }
        assert_eq!(default_step(&(0..60)), 1);
        assert_eq!(default_step(&(0..1440)), 15);
        assert_eq!(default_step(&(0..527_040)), 4 * 1440);
    }
}
