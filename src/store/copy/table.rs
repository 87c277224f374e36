//! The tables that a copy carries over, each described once.
//!
//! A file knows a notification by its number alone, and has no slots; the shared store's tables have columns
//! for that. So each is read as if it were the shared store's, and a file is given what it has columns for.

use std::sync::LazyLock;

use crate::store::Totals;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Int,
    Text,
    Bytes,
    /// A truth value, which a file has as 0 or 1.
    Flag,
    Real,
}

impl Kind {
    /// Returns PostgreSQL's name of it.
    pub(super) const fn of_server(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Text => "TEXT",
            Self::Bytes => "BYTEA",
            Self::Flag => "BOOLEAN",
            Self::Real => "DOUBLE PRECISION",
        }
    }
}

/// One column, with the expressions by which it is read from either database.
#[derive(Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a file has it too.
    pub(super) in_file: bool,
    pub(super) from_file: String,
    pub(super) from_server: String,
}

/// One table. In statements it is `t`, and the notification that a row belongs to is `n`.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    /// The columns by which its rows are in order.
    pub(super) key: &'static [&'static str],
    /// Whether rows with the same key, of several slots, are one.
    pub(super) summed: bool,
}

/// Until when everything that is queued is suspect, where that is so, is `$3`. What a run that is gone still
/// owns is as suspect as if another had taken it over.
const SUSPECT_IN_FILE: &str = "CASE WHEN t.state = 'queued' THEN $3 END";
const SUSPECT_AT_SERVER: &str = "CASE \
       WHEN EXISTS (SELECT 1 FROM queue AS q WHERE q.customer = t.customer AND q.seq = t.seq \
         AND q.owner IS NOT NULL) THEN now_ms() \
       WHEN t.state = 'queued' AND t.accepted_at <= $3 THEN $3 \
       ELSE t.suspect_at END";

/// Why a notification was not delivered. A file can search for the words and cannot show them.
pub(super) const WORDS: &str = "coalesce(n.reason, '') || ' ' || coalesce(n.detail, '')";

/// The table of when keys were used. A target that was looked at has some of its own, and they mean nothing.
pub(super) const KEY_USES: &str = "key_uses";

const SLOT: &str = "CAST(0 AS BIGINT)";

pub(super) static NOTIFICATIONS: LazyLock<Table> = LazyLock::new(|| {
    Table::new("notifications", &["seq"])
        .with(
            Kind::Int,
            &[
                "seq",
                "occurred_at",
                "payload_start",
                "payload_end",
                "accepted_at",
                "expires_at",
            ],
        )
        .with(
            Kind::Int,
            &[
                "due_at",
                "stage_since",
                "resends",
                "attempts",
                "spent",
                "status",
                "redrives",
                "settings_version",
                "credential",
                "doubt_since",
                "doubt_until",
            ],
        )
        .with(Kind::Int, &["settled_at", "sent_at", "sent_ms"])
        .with(
            Kind::Text,
            &[
                "customer",
                "event_key",
                "event_id",
                "account",
                "application",
                "event_type",
            ],
        )
        .with(
            Kind::Text,
            &[
                "accepted_by",
                "customer_rule",
                "application_rule",
                "application_name",
                "filter",
                "state",
                "stage",
            ],
        )
        .with(Kind::Text, &["message_id", "reason", "detail", "replica", "request", "trace"])
        .with(Kind::Bytes, &["id", "digest", "redrive"])
        .with(Kind::Flag, &["create_application", "ambiguous"])
        .with_shared("suspect_at", Kind::Int, SUSPECT_IN_FILE, SUSPECT_AT_SERVER)
});

/// What belongs to notifications, and is carried over with them.
pub(super) static BELONGINGS: LazyLock<[Table; 4]> = LazyLock::new(|| {
    [
        Table::new("events", &["seq"])
            .of_notifications()
            .with(Kind::Bytes, &["body"]),
        Table::new("attempts", &["seq", "number"])
            .of_notifications()
            .with(Kind::Int, &["number", "due_at", "started_at", "duration_ms", "status"])
            .with(Kind::Text, &["step", "answer", "detail", "replica"]),
        Table::new("redriven", &["seq", "number"])
            .of_notifications()
            .with(Kind::Int, &["number", "at", "died_at", "status"])
            .with(Kind::Text, &["by_key", "reason", "detail"])
            .with(Kind::Bytes, &["redrive"]),
        Table::new("undelivered", &["seq"])
            .with(Kind::Int, &["seq", "status", "settled_at"])
            .with(Kind::Text, &["customer", "event_type", "state", "reason", "outcome"])
            .with_shared("words", Kind::Text, WORDS, "t.words"),
    ]
});

/// What is carried over at the end.
pub(super) static AT_THE_END: LazyLock<[Table; 7]> = LazyLock::new(|| {
    [
        Table::new("settings", &["kind", "name"])
            .with(Kind::Text, &["kind", "name", "document", "by_key"])
            .with(Kind::Int, &["version", "revision", "created_at", "changed_at"])
            .with(Kind::Bytes, &["sealed"]),
        Table::new("setting_versions", &["kind", "name", "version"])
            .with(Kind::Text, &["kind", "name", "change", "document", "by_key"])
            .with(Kind::Int, &["version", "at"]),
        Table::new(KEY_USES, &["name"])
            .with(Kind::Text, &["name"])
            .with(Kind::Int, &["used_at"]),
        Table::new("redrives", &["id"])
            .with(Kind::Int, &["created_at", "changed_at", "finished_at", "paced_to_us", "cursor"])
            .with(Kind::Int, &["total", "sent", "delivered", "dead", "expired"])
            .with(Kind::Int, &["forgiven_dead", "forgiven_settled"])
            .with(Kind::Text, &["filter", "by_key", "state", "why", "customer"])
            .with(Kind::Bytes, &["id"])
            .with(Kind::Real, &["rate", "stop_ratio"])
            .with(Kind::Flag, &["newest_first"]),
        Table::new("dead_groups", &["customer", "event_type", "reason", "status", "outcome"])
            .with(Kind::Text, &["customer", "event_type", "reason", "outcome"])
            .with(Kind::Int, &["status"])
            .with_sum_of_slots(&["dead"])
            .with_each("min", &["first_at"])
            .with_each("max", &["last_at"]),
        Table::new("ledger_minutes", &["customer", "minute"])
            .with(Kind::Text, &["customer"])
            .with(Kind::Int, &["minute"])
            .with_sum_of_slots(Totals::COLUMNS),
        Table::new("ledger", &["customer"])
            .with(Kind::Text, &["customer"])
            .with_sum_of_slots(Totals::COLUMNS),
    ]
});

impl Table {
    const fn new(name: &'static str, key: &'static [&'static str]) -> Self {
        Self {
            name,
            columns: Vec::new(),
            key,
            summed: false,
        }
    }

    fn with(self, kind: Kind, names: &[&'static str]) -> Self {
        self.with_read(kind, names, |name| format!("t.{name}"))
    }

    fn with_read(mut self, kind: Kind, names: &[&'static str], read: impl Fn(&str) -> String) -> Self {
        self.columns.extend(names.iter().map(|name| Column {
            name,
            kind,
            in_file: true,
            from_file: read(name),
            from_server: read(name),
        }));
        self
    }

    /// Adds a column that only the shared store has.
    fn with_shared(mut self, name: &'static str, kind: Kind, from_file: &str, from_server: &str) -> Self {
        self.columns.push(Column {
            name,
            kind,
            in_file: false,
            from_file: from_file.to_owned(),
            from_server: from_server.to_owned(),
        });
        self
    }

    /// Adds the columns that say whose a row is.
    fn of_notifications(self) -> Self {
        self.with(Kind::Int, &["seq"])
            .with_shared("customer", Kind::Text, "n.customer", "n.customer")
    }

    /// Adds counts, of which each slot has a part.
    fn with_sum_of_slots(mut self, names: &[&'static str]) -> Self {
        self.summed = true;
        self.with_shared("slot", Kind::Int, SLOT, SLOT)
            .with_read(Kind::Int, names, |name| format!("CAST(sum(t.{name}) AS BIGINT)"))
    }

    /// Adds numbers of which one slot has the right one.
    fn with_each(self, function: &str, names: &[&'static str]) -> Self {
        self.with_read(Kind::Int, names, |name| format!("{function}(t.{name})"))
    }
}
