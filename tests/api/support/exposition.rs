//! A strict reader of the text format of Prometheus, version 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// What one scrape says.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) families: BTreeMap<String, Family>,
}

/// One metric.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Scrape {
    /// Reads a text; fails where it is not exactly as it should be.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has its end");
        let (mut scrape, mut current) = (Self::default(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a text of help");
                assert!(is_name(name, true), "{line}");
                let family = Family {
                    help: help.to_owned(),
                    ..Family::default()
                };
                assert!(scrape.families.insert(name.to_owned(), family).is_none(), "{name} comes twice");
                name.clone_into(&mut current);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(name, current, "the type follows the help");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                let family = scrape.families.get_mut(name).expect("its help came");
                assert!(family.kind.is_empty(), "{name} has two types");
                kind.clone_into(&mut family.kind);
            } else {
                let sample = sample(line);
                let family = scrape.families.get_mut(&current).expect("a family");
                let of_histogram = family.kind == "histogram";
                let ends = ["_bucket", "_sum", "_count"].map(|end| format!("{current}{end}"));
                let is_right = if of_histogram {
                    ends.contains(&sample.name)
                } else {
                    sample.name == current
                };
                assert!(is_right && !family.kind.is_empty(), "{line} is among {current}");
                family.samples.push(sample);
            }
        }
        for (name, family) in &scrape.families {
            family.check(name);
        }
        scrape
    }

    /// Returns the number with exactly these labels.
    pub(crate) fn number(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter();
        let labels: BTreeMap<_, _> = labels
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| self.families.get(name.strip_suffix(end)?));
        let family = family.or_else(|| self.families.get(name))?;
        let found = family
            .samples
            .iter()
            .find(|sample| sample.name == name && sample.labels == labels);
        found.map(|sample| sample.value)
    }

    /// Returns the values of a label.
    pub(crate) fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let family = self.families.get(name);
        let samples = family.into_iter().flat_map(|family| &family.samples);
        samples
            .filter_map(|sample| sample.labels.get(label))
            .map(String::as_str)
            .collect()
    }

    /// Returns how many series there are.
    pub(crate) fn len(&self) -> usize {
        self.families.values().map(|family| family.samples.len()).sum()
    }
}

impl Family {
    fn check(&self, name: &str) {
        assert!(!self.help.is_empty() && !self.samples.is_empty(), "{name} says nothing");
        assert_eq!(self.kind == "counter", name.ends_with("_total"), "{name}: counters end in _total");
        let mut known = BTreeSet::new();
        for sample in &self.samples {
            let new = known.insert((sample.name.clone(), sample.labels.clone()));
            assert!(new, "{sample:?} comes twice");
            assert!(
                self.kind == "gauge" || sample.value >= 0.0 || sample.name.ends_with("_sum"),
                "{sample:?}"
            );
            let names: Vec<_> = sample.labels.keys().filter(|name| *name != "le").collect();
            assert_eq!(names, self.labels(), "{name} has other labels elsewhere");
        }
        if self.kind == "histogram" {
            self.check_buckets(name);
        }
    }

    /// Returns the names of its labels.
    pub(crate) fn labels(&self) -> Vec<&String> {
        let first = self.samples.first();
        let labels = first.into_iter().flat_map(|sample| sample.labels.keys());
        labels.filter(|name| *name != "le").collect()
    }

    fn check_buckets(&self, name: &str) {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in self
            .samples
            .iter()
            .filter(|sample| sample.name.ends_with("_bucket"))
        {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").expect("a bucket has its bound");
            let bound = number(&bound);
            series.entry(labels).or_default().push((bound, sample.value));
        }
        for (labels, buckets) in series {
            let grow = |two: &[(f64, f64)]| two[0].0 < two[1].0 && two[0].1 <= two[1].1;
            assert!(buckets.windows(2).all(grow), "{name}: {buckets:?}");
            let last = buckets.last().expect("there are some");
            let count = self
                .samples
                .iter()
                .find(|sample| sample.name.ends_with("_count") && sample.labels == labels);
            assert_eq!(*last, (f64::INFINITY, count.expect("a count").value), "{name}");
        }
    }
}

/// Reads one line that is no comment.
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a name and a number");
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label, false), "{line}");
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{label} comes twice: {line}");
            match after.split_at(1) {
                (",", after) => rest = after,
                ("}", after) => {
                    rest = after;
                    break;
                }
                _ => panic!("neither another label nor the end: {line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("a space before the number");
    Sample {
        name: name.to_owned(),
        labels,
        value: number(value),
    }
}

/// Reads the value of a label up to its closing quote; returns what follows that.
fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next() {
                Some((_, 'n')) => '\n',
                Some((_, escaped @ ('\\' | '"'))) => escaped,
                other => panic!("{other:?} is no escape in {text}"),
            }),
            other => value.push(other),
        }
    }
    panic!("{text} has no end")
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        text => {
            let plain = text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".-e".contains(&byte));
            assert!(plain, "{text} is no number");
            text.parse().expect("a number")
        }
    }
}

fn is_name(name: &str, may_have_colon: bool) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (may_have_colon && byte == b':');
    name.bytes().all(fits) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
