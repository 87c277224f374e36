//! The table, and the floors that must hold.

use std::io::Write;
use std::time::Duration;

use crate::event::EVENT_BYTES;
use crate::machine::Given;
use crate::settings::Settings;

/// The share of the machine that others may take.
const QUIET: f64 = 0.03;

/// Everything that was found.
pub(crate) struct Report {
    opening: String,
    /// As of the last line.
    given: Given,
    rows: Vec<Row>,
    floors: Vec<Floor>,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) compared_with: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) remark: String,
}

/// A bound that must hold.
struct Floor {
    what: &'static str,
    value: f64,
    bound: f64,
    at_most: bool,
}

impl Floor {
    fn holds(&self) -> bool {
        if self.at_most {
            self.value <= self.bound
        } else {
            self.value >= self.bound
        }
    }
}

impl Report {
    pub(crate) fn new(facts: &str, settings: &Settings) -> anyhow::Result<Self> {
        let ids = if settings.ids.ordered {
            "ascending"
        } else {
            "scattered"
        };
        let opening = format!(
            "{facts}.\nEvents of {EVENT_BYTES} bytes with {ids} ids, of {} customers; {} connections; fsync on; \
             service, load generator and stand-in on the same cores.",
            settings.ids.customers, settings.connections
        );
        Ok(Self {
            opening,
            given: Given::so_far()?,
            rows: Vec::new(),
            floors: Vec::new(),
        })
    }

    /// Notes a line, and whether others took of the machine since the one before.
    pub(crate) fn row(&mut self, mut row: Row) -> anyhow::Result<()> {
        let elsewhere = self.given.elsewhere_since()?;
        if elsewhere > QUIET {
            row.remark.push_str(&format!(
                "; **disturbed: {:.0} % of the machine went elsewhere**",
                elsewhere * 100.0
            ));
        }
        self.given = Given::so_far()?;
        self.rows.push(row);
        Ok(())
    }

    /// Notes a value that must not be below its bound.
    pub(crate) fn at_least(&mut self, what: &'static str, value: f64, bound: f64) {
        self.floors.push(Floor {
            what,
            value,
            bound,
            at_most: false,
        });
    }

    /// Notes a value that must not be above its bound.
    pub(crate) fn at_most(&mut self, what: &'static str, value: f64, bound: f64) {
        self.floors.push(Floor {
            what,
            value,
            bound,
            at_most: true,
        });
    }

    pub(crate) fn floors_hold(&self) -> bool {
        self.floors.iter().all(Floor::holds)
    }

    pub(crate) fn print(&self) {
        let mut text = format!("\n{}\n\n", self.opening);
        text.push_str("| | measured | compared with | ratio | |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let Row {
                what,
                measured,
                compared_with,
                remark,
                ..
            } = row;
            text.push_str(&format!("| {what} | {measured} | {compared_with} | {ratio} | {remark} |\n"));
        }
        text.push('\n');
        for floor in &self.floors {
            let verdict = if floor.holds() { "PASS" } else { "FAIL" };
            let sign = if floor.at_most { "<=" } else { ">=" };
            let Floor {
                what, value, bound, ..
            } = floor;
            text.push_str(&format!("{verdict} {what}: {value:.2} {sign} {bound}\n"));
        }
        print(&text);
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the benchmark is for")]
fn print(text: &str) {
    print!("{text}");
}

/// Says what is being done, apart from the table.
pub(crate) fn progress(text: &str) {
    // Nobody misses it who cannot see it.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Returns the middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the time per event, in microseconds.
pub(crate) fn micros_each(time: Duration, events: u64) -> f64 {
    time.as_secs_f64() * 1e6 / events.max(1) as f64
}
