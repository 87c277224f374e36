//! Every field that a log line may have, with its kind and what it says. A line has no other.

/// What stands in each line before its fields; no field is called so.
pub const HEAD: [&str; 4] = ["time", "level", "target", "message"];

/// What a field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
}

/// A field of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// How it is called.
    pub name: &'static str,
    /// What its value is, in every line.
    pub kind: Kind,
    /// What it says.
    pub meaning: &'static str,
}

const fn text(name: &'static str, meaning: &'static str) -> Field {
    let kind = Kind::Text;
    Field { name, kind, meaning }
}

const fn number(name: &'static str, meaning: &'static str) -> Field {
    let kind = Kind::Number;
    Field { name, kind, meaning }
}

/// All of them, in the order in which they stand in a line.
pub const FIELDS: &[Field] = &[
    text("request", "The id of the request under way, or of the one by which the notification came in."),
    text(
        "accepted_request",
        "The id of the request by which the notification came in, where `request` is another's.",
    ),
    text("notification", "The notification. With it come `customer`, `account` and `attempt`."),
    text("customer", "Whose webhooks it is about."),
    text("account", "The Svix account."),
    number("attempt", "How many requests to Svix were made for the notification, with the one under way."),
    text(
        "whose",
        "On errors only, where the fault is not the service's own: `svix`, `customer` or `operator`.",
    ),
    text("state", "The state that something has now."),
    text("reason", "Why the notification ended so."),
    text("answer", "The outcome of the last request to Svix."),
    text("due", "When the notification is due again."),
    text("until", "Until when Svix limits the account."),
    text("event_id", "The id under which Svix knows the notification."),
    text("duplicate_of", "The notification that the event of a request is already."),
    number("status", "The HTTP status of the answer to the request."),
    text("code", "The code of the problem in that answer."),
    text("redrive", "The redrive."),
    number("total", "The dead letters that it begins with."),
    number("rate", "Its notifications a second."),
    number("settled", "How many of it came to an end."),
    number("dead", "How many of those are dead again."),
    number("deleted", "The dead letters that were deleted."),
    text("filter", "Which dead letters."),
    text("key", "The API key or portal token that the line is about."),
    text("by", "The API key that was shown by whoever did it."),
    number("version", "The version of the settings."),
    number("revision", "The number of the change among those of all settings."),
    text("keys", "Keys of the configuration."),
    number("resealed", "The secrets that were sealed anew."),
    number("failed", "The secrets that could not be."),
    text("actor", "The actor."),
    number("actors", "The delivery actors that there are to be."),
    number("alive", "The delivery actors that run."),
    number("configured", "The delivery actors that there should be."),
    number("count", "How many there are, or how often it happened."),
    number("row", "The store's own number of a notification."),
    text("minute", "The minute of acceptance."),
    number("found", "The differences between ledger and rows that were found."),
    text("differences", "Some of them."),
    number("mended", "The differences that are gone."),
    number("run", "The replica: the number of its run."),
    number("slot", "Its slot in the ledger."),
    text("runs", "The replicas that are gone."),
    number("held", "The notifications that it held."),
    number("freed", "The customers whose notifications are free again."),
    text("url", "Where the service listens."),
    text("svix", "Where the stand-in for Svix listens."),
    text("messages", "Where the stand-in shows its messages."),
    text("faults", "Where the stand-in is told to fail."),
    number("spans", "The spans that were lost."),
    text("thread", "The thread that panicked."),
    text("location", "Where in the source."),
    text("panic", "The words of the panic, without what they quote."),
    number("left_out", "The lines that were summed up in this one."),
    text("of", "The message of those lines."),
    text("error", "What went wrong, with its causes; what Svix said."),
    text("other", "What libraries say beside their message, which has no fixed names."),
];

/// Finds a field, and its place in the order.
pub(super) fn find(name: &str) -> Option<(usize, &'static Field)> {
    FIELDS.iter().enumerate().find(|(_, field)| field.name == name)
}

#[cfg(test)]
mod tests;
