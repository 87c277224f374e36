//! The table of layers, and whether a reference keeps to it.

/// The layers from the top on; a module may import what stands below its own line.
const LAYERS: [&[&str]; 8] = [
    &["main"],
    &["cli"],
    &["app"],
    &["http", "actors", "sandbox"],
    &["store", "svix", "telemetry"],
    &["config"],
    &["envelope", "policy", "secrets"],
    &["domain"],
];

/// The actors, each a file or a family of files of `src/actors`.
const ACTORS: [&str; 6] = ["supervisor", "delivery", "retry", "stats", "audit", "survey"];

/// Tells whether the module `from` may refer to `to`, or why not.
pub(crate) fn check(from: &[String], to: &[String]) -> Result<(), String> {
    let (own, other) = (first(from), first(to));
    if own == other {
        return if own == "actors" {
            check_actors(from, to)
        } else {
            Ok(())
        };
    }
    if own == "main" && other != "cli" {
        return Err("main may use svix_hooks::cli and nothing else".to_owned());
    }
    if own == "http" && other == "actors" {
        return match second(to) {
            "messages" => Ok(()),
            _ => Err("of the actors, http may use actors::messages only".to_owned()),
        };
    }
    let own_layer = layer(own).ok_or_else(|| format!("{own} is in no layer; add it to the table"))?;
    let other_layer = layer(other).ok_or_else(|| format!("{other} is in no layer; add it to the table"))?;
    if other_layer > own_layer {
        Ok(())
    } else {
        Err(format!("{own} may import only what is below it, and {other} is not"))
    }
}

/// Inside `actors`, only `mod.rs` knows the actors; each actor knows itself and the messages.
fn check_actors(from: &[String], to: &[String]) -> Result<(), String> {
    let [_, own, ..] = from else { return Ok(()) };
    let target = second(to);
    // What mod.rs passes on would be a way around.
    if to.len() == 2 && (target == "*" || target.ends_with("Actor")) {
        return Err("actors know each other through actors::messages, not through actors".to_owned());
    }
    match actor(target) {
        Some(other) if actor(own) != Some(other) => {
            Err(format!("{own} may not know the actor {other}; give it a Recipient"))
        }
        _ => Ok(()),
    }
}

/// Returns the actor that a file of `src/actors` belongs to.
fn actor(file: &str) -> Option<&'static str> {
    ACTORS.into_iter().find(|name| {
        file.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn first(path: &[String]) -> &str {
    path.first().map_or("", String::as_str)
}

fn second(path: &[String]) -> &str {
    path.get(1).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::imports::references;
    use super::*;

    fn allowed(from: &str, source: &str) -> bool {
        let module: Vec<String> = from.split("::").map(str::to_owned).collect();
        references(source, &module)
            .iter()
            .all(|reference| check(&module, &reference.path).is_ok())
    }

    #[test]
    fn what_breaks_the_layers_is_found() {
        let table = [
            ("main", "fn main() { svix_hooks::cli::run() }", true, "main hands over"),
            ("main", "use svix_hooks::app::App;", false, "and does nothing else"),
            ("cli", "use crate::{app::App, config::Config};", true, "down"),
            ("app", "use crate::cli::Arguments;", false, "up"),
            ("store::sqlite", "use crate::domain::State;", true, "down, past several layers"),
            (
                "store::sqlite::rows",
                "use crate::{domain::State, svix::Client};",
                false,
                "sideways, in brackets",
            ),
            (
                "store::sqlite::rows",
                "use super::super::port::Store;",
                true,
                "inside of a module anything goes",
            ),
            ("svix::client", "fn f(_: &crate::store::Handle) {}", false, "sideways, inline"),
            ("svix::client", "use super::super::store::Handle;", false, "sideways, by super"),
            ("domain::state", "use crate::policy::Backoff;", false, "the domain knows nobody"),
            (
                "policy::pace",
                "mod tests { use crate::envelope::Envelope; }",
                false,
                "tests keep to it as well",
            ),
            ("config", "use crate::{self as root};", false, "the root is no way around"),
            ("config", "use crate::*;", false, "nor is a glob of it"),
            ("config", "use crate::nowhere::X;", false, "a module must be in the table"),
            ("nowhere", "use crate::domain::State;", false, "its own as well"),
            ("lib", "pub mod domain;", true, "lib declares"),
            ("lib", "pub use crate::domain::State;", false, "and passes nothing on"),
            ("http::stats", "use crate::actors::messages::{GetStats, StatsSnapshot};", true, "the exception"),
            (
                "http::stats",
                "use crate::actors::{messages::GetStats, StatsActor};",
                false,
                "and no more than it",
            ),
            ("http::stats", "use crate::actors;", false, "nor the whole"),
            ("sandbox", "use crate::actors::messages::Notify;", false, "nor for anyone else"),
            ("actors", "use crate::http::Problem;", false, "nor the other way"),
        ];
        for (from, source, right, why) in table {
            assert_eq!(allowed(from, source), right, "{from}: {source}: {why}");
        }
    }

    #[test]
    fn what_couples_the_actors_is_found() {
        let table = [
            (
                "actors",
                "use self::{retry::RetryActor, supervisor::SupervisorActor};",
                true,
                "mod.rs knows all",
            ),
            ("actors::retry", "use super::messages::Redeliver;", true, "the messages are for all"),
            ("actors::retry", "use super::room::Room;", true, "so is what is no actor"),
            ("actors::retry", "use super::supervisor::SupervisorActor;", false, "another actor"),
            ("actors::retry", "use super::{messages::Redeliver, supervisor};", false, "in brackets"),
            (
                "actors::retry",
                "use crate::actors::supervisor_queue::Queue;",
                false,
                "a file of another's family",
            ),
            ("actors::retry", "use super::SupervisorActor;", false, "passed on by mod.rs"),
            ("actors::retry", "use super::*;", false, "passed on with everything"),
            (
                "actors::retry",
                "mod tests { use super::*; use super::super::delivery::X; }",
                false,
                "in a test",
            ),
            ("actors::retry", "mod tests { use super::*; }", true, "a test of its own file"),
            ("actors::room", "use super::stats::StatsActor;", false, "what is no actor knows none"),
            ("actors::messages", "use super::stats::StatsActor;", false, "nor do the messages"),
            ("actors::supervisor", "use super::supervisor_queue::Queue;", true, "one family"),
            (
                "actors::supervisor::settle",
                "use super::queue::Queue; use super::super::messages::Settled;",
                true,
                "one folder",
            ),
            (
                "actors::supervisor::settle",
                "use super::super::retry::RetryActor;",
                false,
                "out of the folder",
            ),
        ];
        for (from, source, right, why) in table {
            assert_eq!(allowed(from, source), right, "{from}: {source}: {why}");
        }
    }
}
