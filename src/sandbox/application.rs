//! An application of the sandbox and the endpoints that its messages go to.

use std::collections::HashMap;
use std::sync::Arc;

/// An endpoint as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointOptions {
    /// Where it would deliver to; nothing is ever sent there.
    pub url: String,
    /// Whether it gets nothing.
    pub disabled: bool,
    /// The only event types that it gets; all where none are named.
    pub filter_types: Option<Vec<String>>,
    /// Whether attempts to deliver to it fail.
    pub failing: bool,
    /// It gets only messages that name one of these channels; all where none are named.
    pub channels: Option<Vec<String>>,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            url: "https://example.com/webhook/".to_owned(),
            disabled: false,
            failing: false,
            filter_types: None,
            channels: None,
        }
    }
}

impl EndpointOptions {
    /// Tells whether a message of this type and with these channels goes to it.
    pub(super) fn gets<T: AsRef<str>>(&self, event_type: &str, channels: &[T]) -> bool {
        let type_fits = self
            .filter_types
            .as_ref()
            .is_none_or(|types| types.iter().any(|known| known == event_type));
        let channel_fits = self.channels.as_ref().is_none_or(|own| {
            channels
                .iter()
                .any(|channel| own.iter().any(|known| known == channel.as_ref()))
        });
        !self.disabled && type_fits && channel_fits
    }
}

/// An endpoint as it stands.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Its id, `ep_…`.
    pub(super) id: String,
    /// When it was created, in milliseconds since the sandbox started.
    pub(super) created_at: u64,
    /// What was asked for.
    pub(super) options: EndpointOptions,
}

/// An application with its endpoints and the event ids that it has seen.
#[derive(Debug)]
pub(super) struct Application {
    /// What it is called: its uid where it has one, else its id.
    pub(super) name: Arc<str>,
    /// Its endpoints, oldest first.
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    /// The number of the message under each event id.
    pub(super) events: HashMap<Arc<str>, u64>,
}

#[cfg(test)]
mod tests {
    use super::EndpointOptions;

    #[test]
    fn an_endpoint_gets_what_its_filters_let_through() {
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let plain = EndpointOptions::default();
        let disabled = EndpointOptions {
            disabled: true,
            ..plain.clone()
        };
        let typed = EndpointOptions {
            filter_types: some(&["a", "b"]),
            ..plain.clone()
        };
        let channelled = EndpointOptions {
            channels: some(&["x"]),
            ..plain.clone()
        };
        let table: [(&EndpointOptions, &str, &[&str], bool, &str); 7] = [
            (&plain, "a", &[], true, "no filter lets all through"),
            (&disabled, "a", &[], false, "a disabled endpoint gets nothing"),
            (&typed, "b", &[], true, "the type is named"),
            (&typed, "c", &[], false, "the type is not named"),
            (&channelled, "a", &["y", "x"], true, "one of the channels is named"),
            (&channelled, "a", &[], false, "a message without channels goes to no endpoint that has them"),
            (&plain, "a", &["y"], true, "an endpoint without channels gets all"),
        ];
        for (endpoint, event_type, channels, expected, why) in table {
            assert_eq!(endpoint.gets(event_type, channels), expected, "{why}");
        }
    }
}
