//! What Sentry asks of those who send it more than it takes: a pause.

use std::time::{Duration, SystemTime};

/// The pause after a refusal that names none.
const USUAL: Duration = Duration::from_secs(60);

/// The longest pause that is kept, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(3600);

/// Returns how long nothing is to be sent, by the answer's status, its `X-Sentry-Rate-Limits` and its `Retry-After`.
pub(super) fn asked_for(status: u16, limits: Option<&str>, retry_after: Option<&str>) -> Option<Duration> {
    if let Some(limits) = limits {
        return limits.split(',').filter_map(of_group).max();
    }
    match retry_after {
        Some(text) => Some(of_retry_after(text.trim())),
        None => (status == 429).then_some(USUAL),
    }
}

/// Reads `seconds:categories:scope:…` where it is about errors, or about everything.
fn of_group(group: &str) -> Option<Duration> {
    let mut parts = group.trim().split(':');
    let seconds = parts.next()?.parse::<f64>().ok()?;
    let categories = parts.next()?;
    let ours = categories.is_empty() || categories.split(';').any(|category| category == "error");
    ours.then(|| bounded(seconds))
}

fn of_retry_after(text: &str) -> Duration {
    if let Ok(seconds) = text.parse::<f64>() {
        return bounded(seconds);
    }
    let Ok(until) = httpdate::parse_http_date(text) else {
        return USUAL;
    };
    let wait = until.duration_since(SystemTime::now()).unwrap_or_default();
    wait.min(LONGEST)
}

fn bounded(seconds: f64) -> Duration {
    if seconds >= LONGEST.as_secs_f64() {
        return LONGEST;
    }
    Duration::try_from_secs_f64(seconds).unwrap_or(USUAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_kept_as_it_is_asked_for_up_to_an_hour() {
        let table = [
            (200, None, None, None, "it takes what it gets"),
            (429, None, None, Some(60), "no time is named"),
            (429, None, Some("7"), Some(7), "seconds"),
            (503, None, Some("1e300"), Some(3600), "a lie"),
            (503, None, Some("-1"), Some(60), "nonsense"),
            (503, None, Some("soon"), Some(60), "words"),
            (429, None, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0), "a time that is over"),
            (429, None, Some("Tue, 01 Jan 2199 00:00:00 GMT"), Some(3600), "a time far off"),
            (429, Some("5:error:org, 9:transaction:org"), None, Some(5), "about errors"),
            (200, Some("5:transaction;session:org"), None, None, "about what is not sent"),
            (200, Some("8::org"), Some("99"), Some(8), "about everything"),
            (200, Some("x:y, ::"), None, None, "nonsense"),
        ];
        for (status, limits, retry_after, seconds, why) in table {
            let pause = asked_for(status, limits, retry_after).map(|pause| pause.as_secs());
            assert_eq!(pause, seconds, "{why}");
        }
    }
}
