//! What `POST /redrives` may say.

use serde_json::{Map, Value};

use super::parameters;
use super::problem::{Code, Detail, Problem, shown};
use crate::store::Narrowing;

/// The fastest that dead letters are sent again, in notifications a second.
const RATE_MAX: f64 = 10_000.0;

/// The share that may fail again where the request does not say.
const STOP_RATIO: f64 = 0.5;

/// A redrive as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RedriveRequest {
    pub(super) narrowing: Narrowing,
    pub(super) rate: f64,
    pub(super) stop_ratio: Option<f64>,
    pub(super) newest_first: bool,
    pub(super) dry_run: bool,
}

impl RedriveRequest {
    /// Reads a body. Without `ratePerSecond`, it is `rate`.
    pub(super) fn read(body: &[u8], rate: f64) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(Code::InvalidRedrive, detail);
        let value: Value =
            serde_json::from_slice(body).map_err(|error| invalid(format!("the body is no JSON: {error}")))?;
        let Value::Object(members) = value else {
            return Err(invalid(
                "the body must be an object such as {\"filter\":{\"reason\":\"rejected\"}}".to_owned(),
            ));
        };
        let mut reading = Reading {
            asked: Self {
                narrowing: Narrowing::default(),
                rate,
                stop_ratio: Some(STOP_RATIO),
                newest_first: false,
                dry_run: false,
            },
            errors: Vec::new(),
        };
        if !members.contains_key("filter") {
            reading.refuse("/filter", "is missing; it must be an object, and {} means all dead letters");
        }
        for (name, value) in &members {
            reading.member(name, value);
        }
        let Reading { asked, errors } = reading;
        if errors.is_empty() {
            Ok(asked)
        } else {
            Err(invalid("the redrive cannot be made".to_owned()).with_errors(errors))
        }
    }
}

/// A request that is being read.
struct Reading {
    asked: RedriveRequest,
    errors: Vec<Detail>,
}

impl Reading {
    fn member(&mut self, name: &str, value: &Value) {
        let asked = &mut self.asked;
        let refused = match (name, value) {
            ("filter", Value::Object(members)) => return self.filter(members),
            ("filter", _) => "must be an object, and {} means all dead letters",
            ("ratePerSecond", value) => match value.as_f64() {
                Some(rate) if rate > 0.0 && rate <= RATE_MAX => {
                    asked.rate = rate;
                    return;
                }
                _ => "must be a number above 0 and at most 10000",
            },
            ("stopAfterFailureRatio", Value::Null) => {
                asked.stop_ratio = None;
                return;
            }
            ("stopAfterFailureRatio", value) => match value.as_f64() {
                Some(ratio) if (0.0..=1.0).contains(&ratio) => {
                    asked.stop_ratio = Some(ratio);
                    return;
                }
                _ => "must be a number from 0 to 1, or null to go on whatever fails",
            },
            ("order", Value::String(order)) if order == "oldest" || order == "newest" => {
                asked.newest_first = order == "newest";
                return;
            }
            ("order", _) => "must be \"oldest\" or \"newest\"",
            ("dryRun", Value::Bool(dry_run)) => {
                asked.dry_run = *dry_run;
                return;
            }
            ("dryRun", _) => "must be true or false",
            _ => {
                "is not known here; known are filter, ratePerSecond, stopAfterFailureRatio, order and dryRun"
            }
        };
        self.refuse(&format!("/{}", shown(name)), refused);
    }

    fn filter(&mut self, members: &Map<String, Value>) {
        for (name, value) in members {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) if name == "status" => number.to_string(),
                Value::Null => continue,
                _ => {
                    self.refuse(&format!("/filter/{}", shown(name)), "must be a string");
                    continue;
                }
            };
            if let Err(detail) = parameters::narrow(&mut self.asked.narrowing, name, &text, "") {
                self.refuse(&format!("/filter/{}", shown(name)), &format!("{} {detail}", shown(&text)));
            }
        }
        if let Err(detail) = parameters::check_order(&self.asked.narrowing) {
            self.refuse("/filter/from", &detail);
        }
    }

    fn refuse(&mut self, pointer: &str, detail: &str) {
        if self.errors.len() < 8 {
            self.errors.push(Detail {
                code: "invalid_member",
                pointer: pointer.to_owned(),
                detail: detail.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Customer;

    #[test]
    fn what_is_asked_for_is_read_and_the_rest_has_defaults() {
        let read = |body: &str| RedriveRequest::read(body.as_bytes(), 5.0).unwrap();
        let plain = read(r#"{"filter":{}}"#);
        assert_eq!((plain.rate, plain.stop_ratio, plain.newest_first), (5.0, Some(0.5), false));
        let full = read(
            r#"{"filter":{"customer":"acme","status":422,"reason":"rejected","q":null},"ratePerSecond":0.5,
                "stopAfterFailureRatio":null,"order":"newest","dryRun":true}"#,
        );
        let narrowing = Narrowing {
            customer: Some(Customer::parse("acme").unwrap()),
            status: Some(422),
            reason: Some("rejected".to_owned()),
            ..Narrowing::default()
        };
        let right = RedriveRequest {
            narrowing,
            rate: 0.5,
            stop_ratio: None,
            newest_first: true,
            dry_run: true,
        };
        assert_eq!(full, right);
    }
}
