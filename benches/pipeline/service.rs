//! The service under test: the release binary as a process of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use svix_hooks::sandbox::{DEFAULT_APPLICATION, DEFAULT_TOKEN};

use crate::load::Connection;
use crate::machine::{self, Memory, Moved};

/// How long a start or a stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the file of a store is called.
const FILE: &str = "store.db";

/// What it is told to deliver.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// Next to nothing: one message in a thousand seconds.
    Off,
    /// To the stand-in at this URL, as fast as it can.
    To(String),
}

/// Where a service runs and keeps its notifications; one after the other may have the same.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    directory: PathBuf,
    address: SocketAddr,
    store: String,
}

/// A running service; dropping it kills it.
pub(crate) struct Service {
    child: Child,
    place: Place,
}

/// The numbers that matter here of `GET /stats`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    pub(crate) delivered: u64,
    pub(crate) queued: u64,
    pub(crate) retries: u64,
}

impl Place {
    /// Makes an empty one.
    pub(crate) fn new(parent: &Path, name: &str) -> anyhow::Result<Self> {
        Self::with_store(parent, name, None)
    }

    /// Makes one whose store is at that URL, or else a file.
    pub(crate) fn with_store(parent: &Path, name: &str, store: Option<String>) -> anyhow::Result<Self> {
        let directory = parent.join(name);
        fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        // Free a moment ago, and nobody else here takes ports.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let store = store.unwrap_or_else(|| format!("sqlite://{}", directory.join(FILE).display()));
        Ok(Self {
            directory,
            address,
            store,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where its file is, if its store is one.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Deletes what is kept there.
    pub(crate) fn clear(self) -> anyhow::Result<()> {
        Ok(fs::remove_dir_all(&self.directory)?)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Service {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(place: &Place, delivery: &Delivery) -> anyhow::Result<Self> {
        Self::start_with(place, delivery, &[]).await
    }

    /// Starts one with more settings, and waits until it is ready.
    pub(crate) async fn start_with(
        place: &Place,
        delivery: &Delivery,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let (url, per_second, burst) = match delivery {
            Delivery::Off => ("http://127.0.0.1:9", "0.001", "2"),
            Delivery::To(url) => (url.as_str(), "1000000", "1000000"),
        };
        let log = File::options().create(true).append(true).open(place.log())?;
        let child = Command::new(env!("CARGO_BIN_EXE_svix-hooks"))
            .arg("serve")
            .current_dir(&place.directory)
            .env_clear()
            .env("SVIX_HOOKS__SERVER__LISTEN", place.address.to_string())
            .env("SVIX_HOOKS__STORE__URL", &place.store)
            .env("SVIX_HOOKS__SVIX__TOKEN", DEFAULT_TOKEN)
            .env("SVIX_HOOKS__SVIX__APP_ID", DEFAULT_APPLICATION)
            .env("SVIX_HOOKS__SVIX__SERVER_URL", url)
            .env("SVIX_HOOKS__SVIX__REQUESTS_PER_SECOND", per_second)
            .env("SVIX_HOOKS__SVIX__BURST", burst)
            .env("SVIX_HOOKS__LOG__LEVEL", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start the service")?;
        let mut service = Self {
            child,
            place: place.clone(),
        };
        service.wait_until_ready().await?;
        Ok(service)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !matches!(self.get("/health/ready").await, Ok((200, _))) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended ({status}): {}", self.last_words());
            }
            ensure!(started.elapsed() < PATIENCE, "the service does not become ready: {}", self.last_words());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.pid()]).status()?;
        ensure!(asked.success(), "the service cannot be asked to stop");
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the service did not stop cleanly: {}", self.last_words());
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "the service does not stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for its numbers.
    pub(crate) async fn stats(&self) -> anyhow::Result<Stats> {
        let (status, body) = self.get("/stats").await?;
        ensure!(status == 200, "the stats are answered with {status}: {}", self.last_words());
        Ok(serde_json::from_slice(&body)?)
    }

    /// Returns the memory that it takes.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(&self.pid())
    }

    /// Returns what it has written and read.
    pub(crate) fn moved(&self) -> anyhow::Result<Moved> {
        Moved::of(&self.pid())
    }

    /// Returns the processor time that it has taken.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        machine::processor_time(&format!("/proc/{}/stat", self.pid()))
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    async fn get(&self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        let mut connection = Connection::open(self.place.address).await?;
        let (status, body) = connection.exchange(request.as_bytes()).await?;
        Ok((status, body.to_vec()))
    }

    /// Returns the end of its log.
    fn last_words(&self) -> String {
        let log = fs::read(self.place.log()).unwrap_or_default();
        let end = &log[log.len().saturating_sub(2000)..];
        String::from_utf8_lossy(end).into_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
