//! What the service took: memory at its peak, and bytes that it moved to and from its store.

use crate::support::{TestProcess, TestStore, eventually};

const MEBIBYTE: u64 = 1 << 20;

/// What SQLite keeps of its file: the writer's pages, and those of three readers and of the one that folds the log
/// into the file.
const PAGES: u64 = 32 * MEBIBYTE + 4 * 2 * MEBIBYTE;

/// A batch of the writer; on its way to a server it is there once more.
const BATCH: u64 = 8 * MEBIBYTE;

/// Answers, connections, rows without their events, and what the allocator does not give back: for each of a dozen
/// threads up to twice the largest event.
const SLACK: u64 = 32 * MEBIBYTE;

/// What one row of the table has in which PostgreSQL keeps what is too long for a row.
const CHUNK: u64 = 1996;

/// Returns what a service may take beyond what it takes without any event, in bytes: the room for events, twice
/// that in requests to Svix and in what is read from the store, a batch of the writer, the database's own
/// pages, and so many bytes of requests that clients are sending.
pub(crate) fn allowed(room: usize, sending: usize, store: &TestStore) -> u64 {
    let (pages, batches) = match store.file() {
        Some(_) => (PAGES, BATCH),
        None => (0, 2 * BATCH),
    };
    3 * room as u64 + sending as u64 + batches + pages + SLACK
}

/// What a process has taken since its start, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// What it has in memory.
    pub(crate) resident: u64,
    /// The most that it ever had.
    pub(crate) peak: u64,
    /// What it moved by calls on files. What goes over sockets is no part of it.
    pub(crate) moved: Moved,
}

/// Bytes that went to a store and came from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) written: u64,
    pub(crate) read: u64,
}

impl Usage {
    pub(crate) fn of(process: &TestProcess) -> Self {
        let read = |name| {
            let path = format!("/proc/{}/{name}", process.child.id());
            std::fs::read_to_string(path).expect("it runs")
        };
        let (status, io) = (read("status"), read("io"));
        Self {
            resident: value(&status, "VmRSS:") * 1024,
            peak: value(&status, "VmHWM:") * 1024,
            moved: Moved {
                written: value(&io, "wchar:"),
                read: value(&io, "rchar:"),
            },
        }
    }
}

impl Moved {
    /// Returns what was moved since then.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            written: self.written - before.written,
            read: self.read - before.read,
        }
    }

    /// Returns what the server of a database has moved of events since it was made. What has fitted into its rows
    /// does not count.
    pub(crate) async fn of_database(store: &TestStore) -> Self {
        // Its processes tell what they did when they end, if not before.
        eventually("the server's processes have ended", async || {
            let others = "SELECT count(*) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
            store.number(others).await == 0
        })
        .await;
        let number = async |query| u64::try_from(store.number(query).await).expect("it is a count") * CHUNK;
        Self {
            written: number(
                "SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0)::BIGINT FROM pg_stat_all_tables \
                WHERE relid = (SELECT reltoastrelid FROM pg_class WHERE oid = to_regclass('events'))",
            )
            .await,
            read: number(
                "SELECT coalesce(sum(idx_tup_fetch), 0)::BIGINT FROM pg_stat_all_tables \
                WHERE relid = (SELECT reltoastrelid FROM pg_class WHERE oid = to_regclass('events'))",
            )
            .await,
        }
    }
}

/// Reads a number from a line that begins so.
fn value(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number
        .expect("the system shows it")
        .parse()
        .expect("it is a number")
}
