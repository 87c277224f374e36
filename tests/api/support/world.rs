//! A store and a Svix stand-in that outlive the service, and the service as a process between them.

use std::process::{Command, Output};

use svix_hooks::sandbox::{DEFAULT_TOKEN, Sandbox, SandboxOptions};
use tempfile::TempDir;

use super::{TestProcess, environment};

/// A directory for the store and a stand-in that outlives the service.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) sandbox: Sandbox,
}

impl World {
    /// Makes the directory and starts the stand-in.
    pub(crate) fn new() -> Self {
        Self::with(SandboxOptions::default())
    }

    /// Makes them with a stand-in of these options.
    pub(crate) fn with(options: SandboxOptions) -> Self {
        Self {
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
        let store = format!("sqlite://{}", self.dir.path().join("test.db").display());
        [
            ("STORE__URL", store),
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
