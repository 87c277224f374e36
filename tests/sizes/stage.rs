//! A store, a Svix stand-in, and the service between them as a process of its own.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use svix_hooks::sandbox::SandboxOptions;

use crate::sized::{LARGEST, Sized, total};
use crate::support::{Client, TestProcess, World, eventually, eventually_within};
use crate::usage::{Moved, Usage, allowed};

/// Requests of clients that are under way together, where a test does not say otherwise.
pub(crate) const CLIENTS: usize = 4;

/// How long a backlog may take that does not get anywhere.
const PATIENCE: Duration = Duration::from_secs(100);

/// How many bytes may be moved in each direction for each byte of an event.
pub(crate) const MOVED: f64 = 4.0;

/// Where events are queued and delivered.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// Bytes of events held in memory.
    room: usize,
    /// Bytes of the largest event.
    largest: usize,
    /// What the service takes without any event, in bytes.
    empty: u64,
}

/// What it took to deliver events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) written: f64,
    pub(crate) read: f64,
}

impl Stage {
    /// Makes one whose service holds so many bytes of events in memory.
    pub(crate) fn new(room: usize) -> Self {
        let world = World::with(SandboxOptions {
            // All of them, so that they can be compared.
            max_payload_bytes: 1 << 30,
            ..SandboxOptions::default()
        });
        Self {
            world,
            room,
            largest: LARGEST,
            empty: 0,
        }
    }

    /// The same where events may have so many bytes.
    pub(crate) fn with_largest(room: usize, largest: usize) -> Self {
        Self {
            largest,
            ..Self::new(room)
        }
    }

    /// Starts the service.
    pub(crate) async fn start(&self, more: &[(&str, &str)]) -> TestProcess {
        let (room, largest) = (self.room.to_string(), self.largest.to_string());
        let own = [
            ("DELIVERY__MAX_READY_BYTES", room.as_str()),
            ("SERVER__MAX_BODY_BYTES", &largest),
            ("SVIX__REQUEST_TIMEOUT_MS", "30000"),
            ("LOG__LEVEL", "info"),
        ];
        let settings: Vec<_> = own.iter().chain(more).copied().collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        if self.largest > LARGEST {
            // What the allocator keeps for each thread would be more than all the rest.
            command.env("MALLOC_MMAP_THRESHOLD_", LARGEST.to_string());
        }
        self.world.spawn(command, &settings).await
    }

    /// Queues events by a service that cannot send any, and ends that.
    pub(crate) async fn queue(&mut self, events: &[Sized]) {
        self.world.sandbox.stop();
        let nothing = [("SVIX__REQUESTS_PER_SECOND", "0.001"), ("SVIX__BURST", "2")];
        let process = self.start(&nothing).await;
        self.empty = Usage::of(&process).resident;
        post(&process.client, events, CLIENTS).await;
        self.check_memory(&Usage::of(&process), self.sending());
        self.end(process).await;
        self.world.sandbox.resume().expect("the stand-in comes back");
    }

    /// Returns how many bytes of requests may be there that clients are sending: the service takes twice what it has
    /// room for, and reads each into a buffer that doubles as it grows.
    pub(crate) fn sending(&self) -> usize {
        2 * 2 * self.room
    }

    /// Notes what a service takes that has just been started on an empty store.
    pub(crate) fn note_empty(&mut self, process: &TestProcess) {
        self.empty = Usage::of(process).resident;
    }

    /// Ends the service.
    pub(crate) async fn end(&self, mut process: TestProcess) {
        process.signal("TERM");
        assert!(process.ended().await.success(), "{:?}", process.log());
    }

    /// Returns what has been moved so far of a store that no service uses. A file's is counted by its process.
    pub(crate) async fn moved(&self) -> Moved {
        match self.world.store.file() {
            Some(_) => Moved { written: 0, read: 0 },
            None => Moved::of_database(&self.world.store).await,
        }
    }

    /// Starts the service on what is queued, waits until all is delivered, and ends it. Fails where something is
    /// missing, changed or twice there, or where it took more memory than it may. Returns what was moved for each
    /// byte of an event.
    pub(crate) async fn drain(&self, events: &[Sized], more: &[(&str, &str)]) -> Cost {
        let before = self.moved().await;
        let process = self.start(more).await;
        self.finish(process, before, 0, events).await
    }

    /// The same where the service runs already, what was moved before is known, and so many bytes were being sent.
    pub(crate) async fn finish(
        &self,
        process: TestProcess,
        before: Moved,
        sending: usize,
        events: &[Sized],
    ) -> Cost {
        let client = &process.client;
        let count = events.len() as u64;
        eventually_within(PATIENCE, "all is delivered", async || {
            self.world.sandbox.message_count() >= count && client.stat("delivered").await >= count as i64
        })
        .await;
        assert_eq!((client.stat("queued").await, client.stat("dead").await), (0, 0));
        let usage = Usage::of(&process);
        self.check_memory(&usage, sending);
        self.end(process).await;
        self.check_messages(events);
        let moved = match self.world.store.file() {
            Some(_) => usage.moved,
            None => self.moved().await.since(before),
        };
        let bytes = total(events) as f64;
        Cost {
            written: moved.written as f64 / bytes,
            read: moved.read as f64 / bytes,
        }
    }

    /// Fails where a service took more than it may, beside so many bytes of requests that clients are sending.
    pub(crate) fn check_memory(&self, usage: &Usage, sending: usize) {
        assert!(self.empty > 0, "what an empty service takes is known");
        let most = self.empty + allowed(self.room, sending, &self.world.store);
        let mebibytes = |bytes| bytes >> 20;
        assert!(
            usage.peak <= most,
            "{} MiB at its peak, {} MiB without any event, {} MiB are allowed",
            mebibytes(usage.peak),
            mebibytes(self.empty),
            mebibytes(most)
        );
    }

    /// Fails where an event is not exactly one message with its bytes unchanged.
    pub(crate) fn check_messages(&self, events: &[Sized]) {
        let messages = self.world.sandbox.messages();
        assert_eq!(messages.len(), events.len());
        let mut payloads = HashMap::new();
        for message in messages {
            let id = message.event_id.expect("it has an id");
            assert!(payloads.insert(id.clone(), message.payload).is_none(), "{id} is there twice");
        }
        for event in events {
            let payload = payloads.get(&event.id()).cloned().flatten();
            let payload = payload.unwrap_or_else(|| panic!("{} is not there", event.id()));
            assert!(payload == event.body(), "{} is not what was posted", event.id());
        }
        assert_eq!(self.world.sandbox.undispatched(), Vec::<String>::new());
    }
}

/// Posts events, so many at a time. One that there is no room for is posted again.
pub(crate) async fn post(client: &Client, events: &[Sized], at_once: usize) {
    let posts = stream::iter(events).map(|event| async {
        eventually("there is room for it", async || {
            // It does not wait for a body that it has no room for, so its answer may not be read.
            let Some(answer) = client.try_post(event.body(), &[]).await else {
                return false;
            };
            let taken = answer.status == 202;
            assert!(taken || answer.code() == "overloaded", "{} bytes: {}", event.bytes, answer.body);
            taken
        })
        .await;
    });
    posts.buffer_unordered(at_once).collect::<()>().await;
}

impl Cost {
    /// Fails where more was moved than may be.
    pub(crate) fn check(self) {
        assert!(self.written <= MOVED && self.read <= MOVED, "moved for each byte: {self:.1?}");
    }
}
