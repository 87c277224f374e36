//! The service inside this process, with a store and a Svix stand-in of its own.

use std::path::PathBuf;
use std::thread::JoinHandle;

use svix_hooks::app::{App, ConfigSource, Signal};
use svix_hooks::config::Config;
use svix_hooks::sandbox::{DEFAULT_TOKEN, Sandbox, SandboxOptions};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::{Client, TestStore, environment, secrecy};

/// One service that is traced at a time: what becomes of spans is counted for the whole process, which tests may share.
static TRACED: Mutex<()> = Mutex::const_new(());

/// The running service.
pub(crate) struct TestApp {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    pub(crate) store: TestStore,
    /// Where its configuration files may lie.
    pub(crate) dir: TempDir,
    environment: Vec<(String, String)>,
    signals: mpsc::UnboundedSender<Signal>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    /// Let go once the service has ended.
    _traced: Option<MutexGuard<'static, ()>>,
}

impl TestApp {
    /// Starts the service with these settings over the quick ones.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(SandboxOptions::default(), settings).await
    }

    pub(crate) async fn start_with(options: SandboxOptions, settings: &[(&str, &str)]) -> Self {
        let traced = match settings.iter().any(|(key, _)| *key == "TRACES__ENDPOINT") {
            true => Some(TRACED.lock().await),
            false => None,
        };
        secrecy::watch_log();
        let sandbox = Sandbox::start(options).expect("the stand-in starts");
        let store = TestStore::new();
        let own = [
            ("STORE__URL", store.url()),
            ("SVIX__SERVER_URL", sandbox.url()),
            ("SVIX__TOKEN", DEFAULT_TOKEN.to_owned()),
        ];
        let own = own.iter().map(|(key, value)| (*key, value.as_str()));
        let all: Vec<(&str, &str)> = own.chain(settings.iter().copied()).collect();
        let environment = environment(&all);
        let (client, signals, thread) = run(environment.clone(), Vec::new()).await;
        Self {
            sandbox,
            client,
            store,
            dir: TempDir::new().expect("a directory"),
            environment,
            signals,
            thread: Some(thread),
            _traced: traced,
        }
    }

    /// Stops the service as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let _ = self.signals.send(Signal::Stop);
        self.ended().await
    }

    /// Waits for the end that it comes to.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        let thread = self.thread.take().expect("it runs");
        tokio::task::spawn_blocking(move || thread.join())
            .await?
            .expect("it does not panic")
    }

    /// Starts the service again, on the same store unless it was given another.
    pub(crate) async fn start_again(&mut self, settings: &[(&str, &str)]) {
        self.start_with_files(settings, Vec::new()).await;
    }

    /// Starts the service again with configuration files that it watches.
    pub(crate) async fn start_with_files(&mut self, settings: &[(&str, &str)], files: Vec<PathBuf>) {
        let url = self.store.url();
        for (key, value) in settings.iter().copied().chain([("STORE__URL", url.as_str())]) {
            let name = format!("SVIX_HOOKS__{key}");
            self.environment.retain(|(known, _)| *known != name);
            self.environment.push((name, value.to_owned()));
        }
        let (client, signals, thread) = run(self.environment.clone(), files).await;
        (self.client, self.signals, self.thread) = (client, signals, Some(thread));
    }

    /// Takes settings out of the environment, so that a file can give them.
    pub(crate) fn forget(&mut self, keys: &[&str]) {
        self.environment
            .retain(|(name, _)| !keys.iter().any(|key| *name == format!("SVIX_HOOKS__{key}")));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let _ = self.signals.send(signal);
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // The second one ends it at once.
        let _ = self.signals.send(Signal::Stop);
        let _ = self.signals.send(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        secrecy::settle();
    }
}

type Running = (Client, mpsc::UnboundedSender<Signal>, JoinHandle<anyhow::Result<()>>);

async fn run(environment: Vec<(String, String)>, files: Vec<PathBuf>) -> Running {
    let (signals, signal_queue) = mpsc::unbounded_channel();
    let (started, address) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let load = {
                let files = files.clone();
                move || Ok(Config::load(&files, environment.clone().into_iter())?)
            };
            let config = load()?;
            let app = App::build(
                config,
                ConfigSource {
                    files,
                    load: Box::new(load),
                },
            )
            .await?;
            let _ = started.send(app.address());
            app.run_until_stopped(signal_queue).await
        })
    });
    match address.await {
        Ok(address) => (Client::new(format!("http://{address}")), signals, thread),
        Err(_) => panic!("the service does not start: {:?}", thread.join()),
    }
}
