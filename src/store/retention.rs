//! How long what has come to an end is kept, and what of it is over.

use std::time::Duration;

use super::fields::Fields;
use super::rows;
use crate::domain::{Customer, PORTAL_LIFE_S, State, Timestamp};

/// Bytes of events that one step deletes at most, unless one alone is larger: each page that it takes is work.
const HEAVIEST: i64 = 2 << 20;

/// How long what has come to an end is kept; zero keeps it for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Notifications that were delivered, filtered, or expired, and redrives, each since its end.
    pub settled: Duration,
    /// Dead letters, since they died.
    pub dead: Duration,
    /// Requests that were recorded; they leave with their notification at the latest.
    pub attempts: Duration,
    /// The counts by minute; those of customers stay.
    pub minutes: Duration,
}

impl Retention {
    /// Returns before which moments things are over.
    pub(super) fn cutoffs(&self, now: Timestamp) -> Cutoffs {
        Cutoffs {
            settled: cutoff(now, self.settled),
            dead: cutoff(now, self.dead),
            attempts: cutoff(now, self.attempts),
            minute: cutoff(now, self.minutes).minute(),
            portals: now.before(Duration::from_secs(*PORTAL_LIFE_S.end())),
        }
    }
}

/// Returns before which moment something is over that is kept so long: before the start of time where that is
/// for ever.
fn cutoff(now: Timestamp, kept: Duration) -> Timestamp {
    if kept.is_zero() {
        Timestamp::from_millis(i64::MIN)
    } else {
        now.before(kept)
    }
}

/// Before which moments things are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cutoffs {
    pub(super) settled: Timestamp,
    pub(super) dead: Timestamp,
    pub(super) attempts: Timestamp,
    /// The oldest minute whose counts are kept.
    pub(super) minute: i64,
    /// Whatever the operator keeps: no token for a page that was made before is good any more.
    pub(super) portals: Timestamp,
}

impl Cutoffs {
    /// Tells whether anything of a notification can be over. Nothing happens to it before it is accepted.
    fn concern(&self, accepted_at: Timestamp) -> bool {
        accepted_at < self.settled.max(self.dead).max(self.attempts)
    }

    /// Tells whether a notification is over that stands so since then.
    fn are_past(&self, state: State, settled_at: Option<Timestamp>) -> bool {
        let cutoff = match state {
            State::Queued => return false,
            State::Dead => self.dead,
            State::Delivered | State::Filtered | State::Expired => self.settled,
        };
        settled_at.is_some_and(|at| at < cutoff)
    }
}

/// The columns that a look for old rows needs.
pub(super) const LOOK_COLUMNS: &str = "seq, customer, CAST(accepted_at AS BIGINT) AS accepted_at, state, \
    settled_at, attempts, payload_end";

/// What a look at some rows, in order, has found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The last row of which something could be over; of those after it nothing is.
    pub(super) last: Option<i64>,
    /// Rows that are over.
    pub(super) over: Vec<(Customer, i64)>,
    /// Rows that stay, and that requests were made for.
    pub(super) stay: Vec<(Customer, i64)>,
}

impl Look {
    /// Judges rows. Those that cannot be read stay as they are.
    pub(super) fn at<R: Fields>(rows: &[R], cutoffs: &Cutoffs) -> Self {
        let mut look = Self::default();
        let mut weight = 0;
        for row in rows {
            let (Ok(number), Ok(accepted_at)) = (rows::int(row, "seq"), rows::time(row, "accepted_at"))
            else {
                continue;
            };
            if !cutoffs.concern(accepted_at) {
                continue;
            }
            let Ok(seen) = Seen::read(row) else {
                look.last = Some(number);
                continue;
            };
            let is_over = cutoffs.are_past(seen.state, seen.settled_at);
            if is_over {
                weight += seen.weight;
                if weight > HEAVIEST && !look.over.is_empty() {
                    break;
                }
            }
            look.last = Some(number);
            if is_over {
                look.over.push((seen.customer, number));
            } else if seen.attempts > 0 {
                look.stay.push((seen.customer, number));
            }
        }
        look
    }

    /// Tells whether there is nothing to write.
    pub(super) fn is_idle(&self) -> bool {
        self.over.is_empty() && self.stay.is_empty()
    }
}

/// What matters here of a row.
struct Seen {
    customer: Customer,
    state: State,
    settled_at: Option<Timestamp>,
    attempts: i64,
    weight: i64,
}

impl Seen {
    fn read(row: &impl Fields) -> Result<Self, sqlx::Error> {
        Ok(Self {
            customer: rows::customer(row)?,
            state: rows::named(row, "state")?,
            settled_at: row.int("settled_at")?.map(Timestamp::from_millis),
            attempts: row.int("attempts").ok().flatten().unwrap_or_default(),
            // The payload is the event, or nearly all of it.
            weight: row.int("payload_end").ok().flatten().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_millis(400 * 86_400_000);

    fn retention() -> Retention {
        Retention {
            settled: 30 * DAY,
            dead: 365 * DAY,
            attempts: 10 * DAY,
            minutes: 90 * DAY,
        }
    }

    fn days_ago(days: u32) -> Timestamp {
        NOW.before(days * DAY)
    }

    #[test]
    fn each_state_has_its_own_time() {
        let cutoffs = retention().cutoffs(NOW);
        let table = [
            (State::Delivered, 31, true, "over"),
            (State::Delivered, 30, false, "on the very day"),
            (State::Filtered, 31, true, "settled like what was delivered"),
            (State::Expired, 31, true, "settled like what was delivered"),
            (State::Dead, 31, false, "somebody may want to send it again"),
            (State::Dead, 366, true, "nobody wanted to for a year"),
            (State::Queued, 399, false, "it waits, however long"),
        ];
        for (state, days, over, why) in table {
            assert_eq!(cutoffs.are_past(state, Some(days_ago(days))), over, "{state}, {days} days: {why}");
            assert!(!cutoffs.are_past(state, None), "{state}: nobody knows since when");
        }
    }

    #[test]
    fn what_was_accepted_too_late_for_every_cutoff_is_not_looked_at() {
        let cutoffs = retention().cutoffs(NOW);
        assert!(cutoffs.concern(days_ago(11)), "its requests may be over");
        assert!(!cutoffs.concern(days_ago(10)));
        assert!(
            !Retention::default()
                .cutoffs(NOW)
                .concern(Timestamp::from_millis(0)),
            "kept for ever"
        );
    }

    #[test]
    fn minutes_are_kept_from_a_whole_minute_on() {
        assert_eq!(retention().cutoffs(NOW).minute, days_ago(90).minute());
        assert!(Retention::default().cutoffs(NOW).minute < i64::from(i32::MIN), "all of them");
    }

    /// A row as either database would give it.
    struct Example {
        row: i64,
        state: &'static str,
        settled_at: Option<i64>,
        attempts: i64,
        weight: i64,
    }

    impl Fields for Example {
        fn int(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
            Ok(match column {
                "seq" => Some(self.row),
                "accepted_at" => Some(0),
                "settled_at" => self.settled_at,
                "attempts" => Some(self.attempts),
                "payload_end" => Some(self.weight),
                other => return Err(sqlx::Error::ColumnNotFound(other.to_owned())),
            })
        }

        fn text(&self, column: &str) -> Result<Option<&str>, sqlx::Error> {
            Ok(match column {
                "customer" => Some("acme"),
                "state" => Some(self.state),
                other => return Err(sqlx::Error::ColumnNotFound(other.to_owned())),
            })
        }

        fn bytes(&self, column: &str) -> Result<Option<&[u8]>, sqlx::Error> {
            Err(sqlx::Error::ColumnNotFound(column.to_owned()))
        }

        fn real(&self, column: &str) -> Result<Option<f64>, sqlx::Error> {
            Err(sqlx::Error::ColumnNotFound(column.to_owned()))
        }

        fn flag(&self, column: &str) -> Result<bool, sqlx::Error> {
            Err(sqlx::Error::ColumnNotFound(column.to_owned()))
        }
    }

    fn delivered(row: i64, weight: i64) -> Example {
        Example {
            row,
            state: "delivered",
            settled_at: Some(0),
            attempts: 1,
            weight,
        }
    }

    #[test]
    fn a_step_ends_before_it_becomes_too_heavy_and_always_gets_on() {
        let cutoffs = retention().cutoffs(NOW);
        let numbers = |rows: &[(Customer, i64)]| rows.iter().map(|(_, row)| *row).collect::<Vec<_>>();
        let light: Vec<Example> = (1..=9).map(|row| delivered(row, 1000)).collect();
        let look = Look::at(&light, &cutoffs);
        assert_eq!((look.last, numbers(&look.over)), (Some(9), (1..=9).collect()));
        let heavy: Vec<Example> = (1..=9).map(|row| delivered(row, HEAVIEST / 3)).collect();
        let look = Look::at(&heavy, &cutoffs);
        assert_eq!((look.last, numbers(&look.over)), (Some(3), vec![1, 2, 3]));
        let giants: Vec<Example> = (1..=9).map(|row| delivered(row, 2 * HEAVIEST)).collect();
        let look = Look::at(&giants, &cutoffs);
        assert_eq!((look.last, numbers(&look.over)), (Some(1), vec![1]));
    }

    #[test]
    fn rows_that_stay_or_cannot_be_read_are_passed_over() {
        let rows = [
            Example {
                state: "dead",
                ..delivered(1, 1)
            },
            Example {
                state: "queued",
                settled_at: None,
                ..delivered(2, 1)
            },
            Example {
                state: "queued",
                settled_at: None,
                attempts: 0,
                ..delivered(3, 1)
            },
            Example {
                state: "nonsense",
                ..delivered(4, 1)
            },
        ];
        let retention = Retention {
            dead: Duration::ZERO,
            ..retention()
        };
        let look = Look::at(&rows, &retention.cutoffs(NOW));
        assert!(look.over.is_empty() && !look.is_idle());
        assert_eq!(look.stay.iter().map(|(_, row)| *row).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(look.last, Some(4), "nobody looks at them twice");
    }
}
