//! `Retry-After` in both its forms (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

/// Reads the header's value: seconds, or a date that is taken relative to the answer's own `Date`
/// where it has one, so that clocks which differ do not matter.
pub(super) fn parse(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = date
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let table = [
            ("120", Some(120), "seconds"),
            (" 0 ", Some(0), "none at all"),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60), "a date"),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0), "a date that has passed"),
            ("-5", None, "not of either form"),
            ("soon", None, "not of either form"),
        ];
        for (value, seconds, why) in table {
            assert_eq!(parse(value, date), seconds.map(Duration::from_secs), "{why}");
        }
    }
}
