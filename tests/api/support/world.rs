//! A store and a Svix stand-in that outlive the service, and the service as a process between them.

use std::process::{Command, Output};

use svix_hooks::sandbox::{DEFAULT_TOKEN, Sandbox, SandboxOptions};
use tempfile::TempDir;

use super::{TestProcess, TestServer, TestStore, environment};

/// A store and a stand-in that outlive the service, and a directory that it may be started in.
pub(crate) struct World {
    pub(crate) store: TestStore,
    dir: TempDir,
    pub(crate) sandbox: Sandbox,
    /// Ends after the store on it.
    server: Option<TestServer>,
}

impl World {
    /// Makes the store and starts the stand-in.
    pub(crate) fn new() -> Self {
        Self::with(SandboxOptions::default())
    }

    /// Makes them with a stand-in of these options.
    pub(crate) fn with(options: SandboxOptions) -> Self {
        Self::of(TestStore::new(), options)
    }

    /// Makes them with a store that is a file, whatever other tests run on.
    pub(crate) fn on_file() -> Self {
        Self::of(TestStore::on_file(), SandboxOptions::default())
    }

    /// Makes them with a store that is a database, whatever other tests run on.
    pub(crate) fn on_postgres() -> Self {
        Self::of(TestStore::on_database(), SandboxOptions::default())
    }

    /// Makes them with a store that is a database on a server of its own.
    pub(crate) fn on_server_of_its_own() -> Self {
        let server = TestServer::start();
        let world = Self::of(TestStore::on_server(&server.url()), SandboxOptions::default());
        Self {
            server: Some(server),
            ..world
        }
    }

    /// Restarts the server of its own, which breaks all connections.
    pub(crate) fn restart_database(&self) {
        let server = self.server.as_ref().expect("the store has a server of its own");
        server.restart();
    }

    fn of(store: TestStore, options: SandboxOptions) -> Self {
        Self {
            server: None,
            store,
            sandbox: Sandbox::start(options).expect("the stand-in starts"),
            dir: TempDir::new().expect("a directory"),
        }
    }

    /// Starts the binary with these settings over those of the world.
    pub(crate) async fn start(&self, more: &[(&str, &str)]) -> TestProcess {
        self.spawn(binary(), more).await
    }

    /// Starts a command that ends in the binary.
    pub(crate) async fn spawn(&self, mut command: Command, more: &[(&str, &str)]) -> TestProcess {
        command.arg("serve");
        TestProcess::spawn(command, &over(&self.settings(), more)).await
    }

    /// Starts the binary where it should be refused, and returns what it says until its end.
    pub(crate) fn output(&self, more: &[(&str, &str)]) -> Output {
        binary()
            .arg("serve")
            .envs(environment(&over(&self.settings(), more)))
            .current_dir(self.dir.path())
            .output()
            .expect("it runs")
    }

    /// Where the store and the stand-in are.
    fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("STORE__URL", self.store.url()),
            ("SVIX__SERVER_URL", self.sandbox.url()),
            ("SVIX__TOKEN", DEFAULT_TOKEN.to_owned()),
        ]
    }
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_svix-hooks"))
}

/// Lays settings over others: where a key is there twice, the later one counts.
fn over<'a>(own: &'a [(&'static str, String)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = own.iter().map(|(key, value)| (*key, value.as_str()));
    own.chain(more.iter().copied()).collect()
}
