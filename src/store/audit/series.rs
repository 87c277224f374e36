//! The ledger's minutes as a series of points.

use std::ops::Range;

use crate::domain::Customer;
use crate::store::fields::Fields;
use crate::store::{Totals, rows};

/// Which points a series has.
#[derive(Debug, Clone)]
pub struct SeriesScope {
    /// One customer, or all.
    pub customer: Option<Customer>,
    /// The minutes of acceptance since 1970.
    pub minutes: Range<i64>,
    /// How many minutes one point stands for; at least one.
    pub step: i64,
}

impl SeriesScope {
    /// Returns how many points there are; the last one may stand for fewer minutes.
    pub fn points(&self) -> usize {
        let minutes = self.minutes.end.saturating_sub(self.minutes.start).max(0);
        let step = self.step.max(1);
        usize::try_from(minutes / step + i64::from(minutes % step > 0)).unwrap_or(usize::MAX)
    }

    /// Puts sums in their places; where there are none, all counts are zero.
    pub(in crate::store) fn fill(&self, found: &[impl Fields]) -> Result<Vec<Totals>, sqlx::Error> {
        let mut points = vec![Totals::default(); self.points()];
        for row in found {
            let place = usize::try_from(rows::int(row, "place")?).unwrap_or(usize::MAX);
            if let Some(point) = points.get_mut(place) {
                *point = Totals::of(|column| row.int(column))?;
            }
        }
        Ok(points)
    }
}
