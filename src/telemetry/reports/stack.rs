//! Stack traces: taken where something panics, which is quick; read on the thread that carries reports, which is not.
//!
//! Whoever panics is not to be held up by the reading: an actor's death is told only once it has unwound.

use std::backtrace::Backtrace;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sentry::Envelope;
use sentry::protocol::{EnvelopeItem, Frame, Stacktrace};
use sentry::types::Uuid;

/// Stacks that wait to be read: as many as reports may wait, and some that are on their way into the queue.
const KEPT: usize = 64;

/// Frames of a stack trace, from where it panicked outwards.
const FRAMES: usize = 100;

/// What every panic runs through on its way here.
const TOLD_BY: [&str; 3] = ["rust_begin_unwind", "begin_panic", "panic_with_hook"];

/// What it runs through before that.
const PANICKING: [&str; 3] = ["core::panicking::", "std::panicking::", "std::sys::backtrace::"];

/// How the service's own functions are called, where they are called by their full names.
const OWN_NAMES: [&str; 2] = ["svix_hooks::", "<svix_hooks::"];

static STACKS: Mutex<VecDeque<(Uuid, Backtrace)>> = Mutex::new(VecDeque::new());

fn lock() -> MutexGuard<'static, VecDeque<(Uuid, Backtrace)>> {
    STACKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps where this thread is, for the report with this id.
pub(super) fn keep(report: Uuid) {
    let stack = Backtrace::force_capture();
    let mut stacks = lock();
    if stacks.len() >= KEPT {
        stacks.pop_front();
    }
    stacks.push_back((report, stack));
}

/// Reads the way to here once. What all that follow need is ready then.
pub(super) fn prepare() {
    read(&Backtrace::force_capture());
}

/// Puts the stack trace of a report into it, where one is kept.
pub(super) fn put_in(envelope: Envelope) -> Envelope {
    let Some(stack) = envelope.uuid().and_then(take) else {
        return envelope;
    };
    let mut whole = Envelope::new().with_headers(envelope.headers().clone());
    for item in envelope.into_items() {
        match item {
            EnvelopeItem::Event(mut event) => {
                if let Some(exception) = event.exception.values.first_mut() {
                    exception.stacktrace = read(&stack).map(from_the_panic);
                }
                whole.add_item(*event);
            }
            other => whole.add_item(other),
        }
    }
    whole
}

fn take(report: &Uuid) -> Option<Backtrace> {
    let mut stacks = lock();
    let place = stacks.iter().position(|(id, _)| id == report)?;
    stacks.remove(place).map(|(_, stack)| stack)
}

fn read(stack: &Backtrace) -> Option<Stacktrace> {
    Stacktrace::from_frames_reversed(frames(&stack.to_string()))
}

/// Reads what the standard library writes of a stack, the innermost first: `1: name`, then ` at path:line:column`.
fn frames(text: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("at "), frames.last_mut()) {
            (Some(place), Some(frame)) => put_place(frame, place),
            _ => {
                let numbered = line
                    .split_once(": ")
                    .filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
                let name = numbered.map_or(line, |(_, name)| name);
                frames.push(Frame {
                    in_app: Some(OWN_NAMES.iter().any(|start| name.starts_with(start))),
                    function: Some(name.to_owned()),
                    ..Frame::default()
                });
            }
        }
    }
    frames
}

/// Says where in the source a frame is, without where that lay when it was compiled.
fn put_place(frame: &mut Frame, place: &str) {
    let mut parts = place.rsplitn(3, ':');
    frame.colno = parts.next().and_then(|column| column.parse().ok());
    frame.lineno = parts.next().and_then(|line| line.parse().ok());
    let Some(path) = parts.next() else { return };
    let own = path
        .strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .or_else(|| path.strip_prefix('.'));
    let own = own
        .and_then(|path| path.strip_prefix('/'))
        .filter(|path| path.starts_with("src/"));
    if own.is_some() {
        frame.in_app = Some(true);
    }
    // Of a library there is its name with its version, and what is in it.
    let of_library = path
        .split_once("/registry/src/")
        .and_then(|(_, path)| path.split_once('/'));
    let of_library = of_library.map(|(_, path)| path);
    frame.filename = Some(own.or(of_library).unwrap_or(path).to_owned());
}

/// Leaves out what a panic runs through on its way here, and what is far out.
fn from_the_panic(mut trace: Stacktrace) -> Stacktrace {
    let name = |frame: &Frame| frame.function.clone().unwrap_or_default();
    let tells = |name: &str| TOLD_BY.iter().any(|part| name.contains(part));
    // The innermost comes last. What else panicked earlier is further out and stays.
    if let Some(told) = trace.frames.iter().rposition(|frame| tells(&name(frame))) {
        trace.frames.truncate(told);
        while let Some(name) = trace.frames.last().map(name)
            && (tells(&name) || PANICKING.iter().any(|start| name.starts_with(start)))
        {
            trace.frames.pop();
        }
    }
    let far = trace.frames.len().saturating_sub(FRAMES);
    trace.frames.drain(..far);
    trace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_ends_where_it_panicked() {
        let frame = |name: &str| Frame {
            function: Some(name.to_owned()),
            ..Frame::default()
        };
        let names = [
            "main",
            "std::panicking::catch_unwind",
            "svix_hooks::a",
            "rust_begin_unwind",
            "svix_hooks::drop_of_a",
            "core::panicking::panic_fmt",
            "__rustc::rust_begin_unwind",
            "std::sys::backtrace::__rust_end_short_backtrace",
            "std::panicking::panic_with_hook",
            "svix_hooks::telemetry::panics::tell",
            "sentry::capture",
        ];
        let trace = from_the_panic(Stacktrace {
            frames: names.into_iter().map(frame).collect(),
            ..Stacktrace::default()
        });
        let left: Vec<_> = trace
            .frames
            .iter()
            .filter_map(|frame| frame.function.as_deref())
            .collect();
        assert_eq!(left, names[..5]);
    }

    #[test]
    fn a_stack_is_read_as_it_is_written() {
        let text = concat!(
            "   0: svix_hooks::a::{{closure}}\n             at ./src/a.rs:7:9\n",
            "   1: <(A,B) as core::b::C(D)>::e\n      handle<svix_hooks::F>\n             at ",
            env!("CARGO_MANIFEST_DIR"),
            "/src/g.rs:8:1\n   2: tokio::h\n             at /home/x/.cargo/registry/src/index-1/tokio-1.0.0/src/h.rs:9:5\n",
        );
        let read: Vec<_> = frames(text)
            .into_iter()
            .map(|frame| (frame.function.unwrap(), frame.filename, frame.lineno, frame.in_app))
            .collect();
        let frame = |name: &str, file: Option<&str>, line, own| {
            (name.to_owned(), file.map(ToOwned::to_owned), line, Some(own))
        };
        let expected = [
            frame("svix_hooks::a::{{closure}}", Some("src/a.rs"), Some(7), true),
            frame("<(A,B) as core::b::C(D)>::e", None, None, false),
            frame("handle<svix_hooks::F>", Some("src/g.rs"), Some(8), true),
            frame("tokio::h", Some("tokio-1.0.0/src/h.rs"), Some(9), false),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn stacks_are_kept_for_their_report_and_not_without_end() {
        let ids: Vec<Uuid> = (1..=200).map(Uuid::from_u128).collect();
        ids.iter().for_each(|id| keep(*id));
        assert!(lock().len() <= KEPT);
        assert!(take(&ids[0]).is_none(), "the oldest give way");
        let stack = take(&ids[199]).unwrap();
        let trace = read(&stack).unwrap();
        let known = |frame: &Frame| frame.filename.is_some() && frame.function.is_some();
        assert!(trace.frames.iter().any(known), "{trace:?}");
        assert!(take(&ids[199]).is_none(), "each is taken once");
    }
}
