//! Puts numbers into the form that the library writes as text.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily};

use super::names::{Described, Kind};

/// Makes the family of a metric of these numbers, each with the values of its labels in order. Where there are none,
/// the metric is left out.
pub(super) fn family<'a, const LABELS: usize>(
    described: &Described,
    numbers: impl IntoIterator<Item = ([&'a str; LABELS], f64)>,
) -> Option<MetricFamily> {
    let metrics = numbers.into_iter().map(|(values, number)| {
        let pairs = described.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        if described.kind == Kind::Counter {
            let mut counter = Counter::default();
            counter.set_value(number);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(number);
            metric.set_gauge(gauge);
        }
        metric
    });
    of_metrics(described, metrics.collect())
}

/// The same of what the library has made.
pub(super) fn of_metrics(described: &Described, metrics: Vec<Metric>) -> Option<MetricFamily> {
    if metrics.is_empty() {
        return None;
    }
    let mut family = MetricFamily::default();
    family.set_name(described.name.to_owned());
    family.set_help(described.help.to_owned());
    family.set_field_type(described.kind.of_library());
    family.set_metric(metrics);
    Some(family)
}

/// Returns the one number of a metric without labels.
pub(super) fn one(described: &Described, number: f64) -> Option<MetricFamily> {
    family(described, [([], number)])
}
