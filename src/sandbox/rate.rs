//! Whether arrivals kept to a rate: at most `burst + per_second × t` in every window of length t.

use std::time::Instant;

/// Returns by how many arrivals the worst of all windows exceeded `burst + per_second × t`; not above 0 where
/// the rate was kept.
///
/// The window from arrival i to arrival j, both counted, holds j − i + 1 of them; the largest excess over all
/// windows is found in one pass. Arrivals need no order. Without any the result is `-burst`.
pub fn max_over_rate(arrivals: impl IntoIterator<Item = Instant>, burst: f64, per_second: f64) -> f64 {
    let mut arrivals: Vec<Instant> = arrivals.into_iter().collect();
    arrivals.sort_unstable();
    let Some(first) = arrivals.first().copied() else {
        return -burst;
    };
    // What each arrival adds to a window that starts before it, less what the rate had allowed until then.
    let mut lowest_start = f64::INFINITY;
    let mut worst = f64::NEG_INFINITY;
    for (index, arrival) in arrivals.iter().enumerate() {
        let lead = index as f64 - per_second * arrival.duration_since(first).as_secs_f64();
        lowest_start = lowest_start.min(lead);
        worst = worst.max(lead + 1.0 - lowest_start);
    }
    worst - burst
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::max_over_rate;

    fn at(millis: &[u64]) -> Vec<Instant> {
        let start = Instant::now();
        millis
            .iter()
            .map(|ms| start + Duration::from_millis(*ms))
            .collect()
    }

    #[test]
    fn a_kept_rate_is_not_above_zero_and_a_broken_one_says_by_how_much() {
        let table: [(&[u64], f64, &str); 5] = [
            (&[0, 0], 0.0, "the whole burst at once"),
            (&[0, 0, 0], 1.0, "one more than the burst"),
            (&[0, 0, 100, 200, 300], 0.0, "the burst, then one in each tenth of a second"),
            (&[1_000, 1_050, 1_050, 1_050], 1.5, "four within half a tenth: 4 - (2 + 0.5)"),
            (&[0, 5_000, 5_000, 5_000], 1.0, "a pause saves up no more than the burst"),
        ];
        for (arrivals, excess, why) in table {
            let found = max_over_rate(at(arrivals), 2.0, 10.0);
            assert!((found - excess).abs() < 1e-9, "{why}: {found}");
        }
        assert!(max_over_rate([], 2.0, 10.0) < 0.0);
    }

    #[test]
    fn one_pass_finds_what_trying_every_window_finds() {
        let millis: Vec<u64> = (0..200_u64)
            .map(|n| n * 40 + super::super::dice::mix(n) % 300)
            .collect();
        let arrivals = at(&millis);
        let mut sorted = arrivals.clone();
        sorted.sort_unstable();
        let mut worst = f64::NEG_INFINITY;
        for (i, from) in sorted.iter().enumerate() {
            for (j, to) in sorted.iter().enumerate().skip(i) {
                worst = worst.max((j - i + 1) as f64 - (3.0 + 25.0 * to.duration_since(*from).as_secs_f64()));
            }
        }
        assert!((max_over_rate(arrivals, 3.0, 25.0) - worst).abs() < 1e-6);
    }
}
