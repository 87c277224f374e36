//! Makes the report of a log line: what it may tell, by name, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use log::Record;
use sentry::protocol::{Event, Exception, Level, Mechanism};

use super::super::panics::{self, without_quotes};
use super::super::subject;
use super::fields::{EXTRAS, Fields, TAGS};
use super::limiter::Site;
use super::stack;

/// Where in the source a line stands.
const AT: &str = "at";

/// What surrounds a fault, of what the SDK knows.
const CONTEXTS: [&str; 3] = ["os", "rust", "trace"];

/// The longest tag, in characters: Sentry takes no longer ones.
const TAG: usize = 200;

/// The longest text beside the tags, in characters.
const TEXT: usize = 512;

/// Returns the place in the code that a line tells of.
pub(super) fn site(record: &Record<'_>, fields: &Fields) -> Site {
    if is_panic(record) {
        let location = fields.get("location").unwrap_or_default();
        return (Cow::Owned(location.to_owned()), 0);
    }
    let file = match record.file_static() {
        Some(file) => Cow::Borrowed(file),
        None => Cow::Owned(record.file().unwrap_or_default().to_owned()),
    };
    (file, record.line().unwrap_or_default())
}

/// Makes the report of a line.
pub(super) fn of(record: &Record<'_>, fields: &Fields) -> Event<'static> {
    let message = bounded(&record.args().to_string(), TEXT);
    let mut event = Event {
        logger: Some(record.target().to_owned()),
        platform: Cow::Borrowed("native"),
        ..Event::default()
    };
    if is_panic(record) {
        let location = fields.get("location").unwrap_or_default();
        // A line moves from release to release, the file and the words stay.
        let file = location.split(':').next().unwrap_or_default().to_owned();
        let words = match fields.get("panic").unwrap_or_default() {
            "" => message,
            words => without_quotes(words, TEXT),
        };
        stack::keep(event.event_id);
        event.level = Level::Fatal;
        event.fingerprint = fingerprint(["panic".to_owned(), file, words.clone()]);
        event.exception.values.push(Exception {
            ty: "panic".to_owned(),
            value: Some(words),
            mechanism: Some(Mechanism {
                ty: "panic".to_owned(),
                handled: Some(false),
                ..Mechanism::default()
            }),
            ..Exception::default()
        });
    } else {
        event.level = Level::Error;
        event.fingerprint = fingerprint(["error".to_owned(), record.target().to_owned(), message.clone()]);
        event.message = Some(message);
        let at = format!("{}:{}", record.file().unwrap_or_default(), record.line().unwrap_or_default());
        event.extra.insert(AT.to_owned(), at.into());
    }
    event.tags = tags(fields);
    for (name, text) in fields.among(&EXTRAS) {
        event
            .extra
            .insert(name.to_owned(), without_quotes(text, TEXT).into());
    }
    event
}

/// Takes out what must not be told, whoever has put it in.
pub(super) fn guard(mut event: Event<'static>) -> Option<Event<'static>> {
    event.request = None;
    event.user = None;
    event.template = None;
    event.breadcrumbs.values.clear();
    event.modules.clear();
    event.tags.retain(|name, _| TAGS.contains(&name.as_str()));
    event
        .extra
        .retain(|name, _| name == AT || EXTRAS.contains(&name.as_str()));
    event.contexts.retain(|name, _| CONTEXTS.contains(&name.as_str()));
    Some(event)
}

fn is_panic(record: &Record<'_>) -> bool {
    record.target() == panics::TARGET
}

fn fingerprint(parts: [String; 3]) -> Cow<'static, [Cow<'static, str>]> {
    parts.into_iter().map(Cow::Owned).collect::<Vec<_>>().into()
}

/// Finds the tags: in the line, else in what the work under way is about.
fn tags(fields: &Fields) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut tag = |name: &str, value: &str| {
        tags.entry(name.to_owned()).or_insert_with(|| bounded(value, TAG));
    };
    for (name, value) in fields.among(&TAGS) {
        tag(name, value);
    }
    for (name, value) in subject().fields() {
        tag(name, &value);
    }
    tag("thread", std::thread::current().name().unwrap_or("unnamed"));
    tags
}

fn bounded(text: &str, most: usize) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests {
    use sentry::protocol::{Breadcrumb, Request, User};

    use super::*;
    use crate::domain::AccountName;
    use crate::telemetry::{Subject, about};

    fn report(target: &str, message: &str, fields: &[(&str, &str)]) -> Event<'static> {
        let kvs: &dyn log::kv::Source = &fields;
        let mut builder = Record::builder();
        builder.level(log::Level::Error).target(target).key_values(kvs);
        builder.file_static(Some("src/a.rs")).line(Some(7));
        let make = |record: &Record<'_>| of(record, &Fields::of(record));
        make(&builder.args(format_args!("{message}")).build())
    }

    #[test]
    fn only_fields_that_are_named_here_are_told_and_nothing_that_they_quote() {
        let event = report(
            "svix_hooks::store",
            "a row cannot be read",
            &[
                ("customer", "acme"),
                ("payload", "card 42"),
                ("error", "invalid value: string \"4111\", expected a number"),
                ("row", "12"),
            ],
        );
        assert_eq!((event.level, event.message.as_deref()), (Level::Error, Some("a row cannot be read")));
        assert_eq!(event.tags.get("customer").map(String::as_str), Some("acme"));
        assert!(event.tags.contains_key("thread"));
        let mut extra: Vec<(&str, &str)> = event
            .extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        extra.sort_unstable();
        let error = "invalid value: string \"…\", expected a number";
        assert_eq!(extra, [("at", "src/a.rs:7"), ("error", error), ("row", "12")]);
    }

    #[test]
    fn what_is_huge_or_has_lines_is_cut_to_one() {
        let huge = "x\n".repeat(100_000);
        let event = report("svix_hooks", &huge, &[("customer", &huge), ("error", &huge)]);
        let told = event.message.unwrap();
        assert!(told.len() <= 512 && !told.contains('\n'));
        assert!(event.tags["customer"].len() <= 200 && !event.tags["customer"].contains('\n'));
        assert!(event.extra["error"].as_str().unwrap().len() <= 1024);
    }

    #[tokio::test]
    async fn a_panic_is_fatal_and_names_what_the_work_was_about() {
        let subject = Subject {
            account: Some(AccountName::new("operator")),
            attempt: Some(3),
            ..Subject::default()
        };
        let fields = [("location", "src/a.rs:7:9"), ("panic", "no such thing")];
        let event = about(subject, async { report("panic", "something panicked", &fields) }).await;
        assert_eq!(event.level, Level::Fatal);
        assert_eq!((event.tags["account"].as_str(), event.tags["attempt"].as_str()), ("operator", "3"));
        assert_eq!(*event.fingerprint, ["panic", "src/a.rs", "no such thing"]);
        assert_eq!(event.exception.values[0].value.as_deref(), Some("no such thing"));
    }

    #[test]
    fn what_is_quoted_is_told_in_no_part_of_a_report() {
        let json = r#"called `Result::unwrap()` on an `Err` value: "{\"card\":\"4111\"}""#;
        let error = format!(r#"invalid value "{}\"4111\"": `4111` is odd"#, "x".repeat(490));
        let fields = [("location", "src/a.rs:7:9"), ("panic", json), ("error", &error)];
        for target in ["panic", "svix_hooks"] {
            let event = report(target, "something panicked", &fields);
            let text = serde_json::to_string(&event).unwrap();
            assert!(!text.contains("4111") && !text.contains("card"), "{text}");
            assert_eq!(event.extra["panic"], "called `Result::unwrap()` on an `Err` value: \"…\"");
        }
    }

    #[test]
    fn what_others_put_into_a_report_is_taken_out() {
        let mut event = report("svix_hooks", "a fault", &[("customer", "acme")]);
        event.request = Some(Request::default());
        event.user = Some(User::default());
        event.breadcrumbs.values.push(Breadcrumb::default());
        event
            .tags
            .insert("authorization".to_owned(), "Bearer x".to_owned());
        event.extra.insert("body".to_owned(), "{}".into());
        let event = guard(event).unwrap();
        assert!(event.request.is_none() && event.user.is_none() && event.breadcrumbs.values.is_empty());
        assert_eq!(event.tags.len(), 2, "{:?}", event.tags);
        assert_eq!(event.extra.keys().collect::<Vec<_>>(), ["at"]);
    }
}
