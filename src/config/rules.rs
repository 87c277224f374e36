//! The range of every number, one row each; `config/default.toml` repeats it in words.

use super::Config;

/// What a bucket of one permit is missing.
const BURST_WHY: &str = ": a bucket of one cannot both refill and keep to the burst over every window";

/// A whole number that must be within bounds.
pub(super) struct Whole {
    pub(super) key: &'static str,
    pub(super) value: u64,
    least: u64,
    most: u64,
    why: &'static str,
}

impl Whole {
    pub(super) fn is_kept(&self) -> bool {
        (self.least..=self.most).contains(&self.value)
    }

    pub(super) fn right(&self) -> String {
        format!("a whole number from {} to {}{}", self.least, self.most, self.why)
    }
}

/// A number that must be within bounds.
pub(super) struct Real {
    pub(super) key: &'static str,
    pub(super) value: f64,
    least: f64,
    most: f64,
}

impl Real {
    /// Tells whether the number is within its bounds; one that is not a number never is.
    pub(super) fn is_kept(&self) -> bool {
        (self.least..=self.most).contains(&self.value)
    }

    pub(super) fn right(&self) -> String {
        format!("a number from {} to {}", self.least, self.most)
    }
}

/// Returns what a number must be, by its key.
pub(super) fn range_of(key: &str) -> Option<String> {
    let config = Config::default();
    let whole = wholes(&config)
        .into_iter()
        .find(|row| row.key == key)
        .map(|row| row.right());
    whole.or_else(|| {
        reals(&config)
            .into_iter()
            .find(|row| row.key == key)
            .map(|row| row.right())
    })
}

/// Returns every whole number of a configuration with its bounds.
pub(super) fn wholes(config: &Config) -> Vec<Whole> {
    let Config {
        server,
        store,
        svix,
        delivery,
        retry,
        metrics,
        health,
        traces,
        ..
    } = config;
    [
        ("server.workers", wide(server.workers), 0, 256),
        ("server.max_body_bytes", wide(server.max_body_bytes), 1024, 16 << 20),
        ("server.shutdown_grace_s", server.shutdown_grace_s, 0, 3600),
        ("server.head_timeout_ms", server.head_timeout_ms, 1, 600_000),
        ("server.body_timeout_ms", server.body_timeout_ms, 1, 600_000),
        ("server.keep_alive_s", server.keep_alive_s, 1, 3600),
        ("server.max_connections", wide(server.max_connections), 1, 1_000_000),
        ("store.lease_ms", store.lease_ms, 1000, 600_000),
        ("store.retention_days", store.retention_days.into(), 1, 36_500),
        ("store.dead_retention_days", store.dead_retention_days.into(), 0, 36_500),
        ("store.attempts_retention_days", store.attempts_retention_days.into(), 1, 36_500),
        ("store.ledger_retention_days", store.ledger_retention_days.into(), 1, 36_500),
        ("store.max_batch", wide(store.max_batch), 1, 4096),
        ("store.max_waiting", wide(store.max_waiting), 1, 1_000_000),
        ("svix.burst", svix.burst.into(), 2, 1_000_000),
        ("svix.connect_timeout_ms", svix.connect_timeout_ms, 1, 600_000),
        ("svix.request_timeout_ms", svix.request_timeout_ms, 1, 600_000),
        ("svix.settle_ms", svix.settle_ms, 1, 86_400_000),
        ("svix.max_resends", svix.max_resends.into(), 0, 100),
        ("svix.resend_backoff_ms", svix.resend_backoff_ms, 1, 86_400_000),
        ("svix.confirm_after_s", svix.confirm_after_s, 1, 31_536_000),
        ("svix.circuit_threshold", svix.circuit_threshold.into(), 1, 1_000_000),
        ("svix.probe_interval_ms", svix.probe_interval_ms, 1, 3_600_000),
        ("svix.max_probe_interval_ms", svix.max_probe_interval_ms, 1, 86_400_000),
        ("svix.max_retry_after_ms", svix.max_retry_after_ms, 1, 604_800_000),
        ("delivery.actors", wide(delivery.actors), 1, 256),
        ("delivery.batch", wide(delivery.batch), 1, 1024),
        ("delivery.max_in_flight", wide(delivery.max_in_flight), 1, 65_536),
        ("delivery.max_ready", wide(delivery.max_ready), 1, 1_000_000),
        ("delivery.max_ready_bytes", wide(delivery.max_ready_bytes), 1024, 16 << 30),
        ("retry.max_attempts", retry.max_attempts.into(), 1, 1000),
        ("retry.initial_backoff_ms", retry.initial_backoff_ms, 1, 604_800_000),
        ("retry.max_backoff_ms", retry.max_backoff_ms, 1, 604_800_000),
        ("retry.max_age_s", retry.max_age_s, 0, 315_360_000),
        ("retry.max_timers", wide(retry.max_timers), 1, 10_000_000),
        ("retry.timer_horizon_ms", retry.timer_horizon_ms, 1, 86_400_000),
        ("metrics.accounts", wide(metrics.accounts), 1, 1000),
        ("metrics.customers", wide(metrics.customers), 0, 1000),
        ("health.max_backlog_age_s", health.max_backlog_age_s, 1, 31_536_000),
        ("traces.max_per_second", traces.max_per_second.into(), 1, 10_000),
    ]
    .map(|(key, value, least, most)| {
        let why = if key == "svix.burst" { BURST_WHY } else { "" };
        Whole {
            key,
            value,
            least,
            most,
            why,
        }
    })
    .into()
}

/// Returns every other number of a configuration with its bounds.
pub(super) fn reals(config: &Config) -> Vec<Real> {
    [
        ("svix.requests_per_second", config.svix.requests_per_second, 0.001, 1e6),
        ("retry.multiplier", config.retry.multiplier, 1.0, 1000.0),
        ("retry.jitter", config.retry.jitter, 0.0, 1.0),
        ("health.min_free_percent", config.health.min_free_percent, 0.0, 100.0),
        ("traces.ratio", config.traces.ratio, 0.0, 1.0),
    ]
    .map(|(key, value, least, most)| Real {
        key,
        value,
        least,
        most,
    })
    .into()
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::known;
    use super::*;

    #[test]
    fn the_reference_says_the_range_of_every_number() {
        let config = Config::default();
        let wholes = wholes(&config)
            .into_iter()
            .map(|row| (row.key, row.least.to_string(), row.most.to_string()));
        let reals = reals(&config)
            .into_iter()
            .map(|row| (row.key, row.least.to_string(), row.most.to_string()));
        let mut keys = Vec::new();
        for (key, least, most) in wholes.chain(reals) {
            let (section, name) = key.split_once('.').unwrap_or_default();
            let part = known::DEFAULT_TOML
                .split_once(&format!("[{section}]\n"))
                .unwrap_or_default()
                .1;
            let before = part.split_once(&format!("\n{name} = ")).unwrap_or_default().0;
            let comment = before.lines().last().unwrap_or_default();
            assert!(comment.contains(&format!("{least} to {most}")), "{key}: {comment}");
            keys.push(key.to_owned());
        }
        let numbers = known::defaults()
            .into_iter()
            .filter(|(_, value)| value.is_number());
        for (key, _) in numbers {
            assert!(keys.contains(&key), "{key} has no range");
        }
    }
}
