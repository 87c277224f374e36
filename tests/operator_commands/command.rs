//! Runs the binary as an operator does, and keeps what it says apart from what it prints.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::secrecy;

/// What a command printed, what it said beside that, and with what it exited.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) printed: String,
    pub(crate) said: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        let ran = Self {
            code: output.status.code(),
            printed: String::from_utf8(output.stdout).expect("it prints text"),
            said: String::from_utf8(output.stderr).expect("it says text"),
        };
        secrecy::search("a command", &format!("{} {}", ran.printed, ran.said));
        ran
    }

    /// What it printed, which is one document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.printed).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A command line against one service, away from anybody's `.env`.
pub(crate) struct Operator {
    pub(crate) dir: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Operator {
    /// Of the service there, by the environment.
    pub(crate) fn of(url: &str) -> Self {
        Self::with(&[("SVIX_HOOKS_URL", url)])
    }

    pub(crate) fn with(environment: &[(&'static str, &str)]) -> Self {
        for (_, key) in environment.iter().filter(|(name, _)| *name == "SVIX_HOOKS_KEY") {
            secrecy::keep(key);
        }
        let owned = environment
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            dir: TempDir::new().expect("a directory"),
            environment: owned.collect(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        command
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let output = actix_web::web::block(move || command.output()).await;
        Ran::new(output.expect("it runs").expect("it runs"))
    }

    /// Runs a command that does well, and returns what it printed.
    pub(crate) async fn printed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.printed
    }

    /// Starts a command and sends it Ctrl-C once it has printed a line.
    pub(crate) async fn interrupted(&self, arguments: &[&str]) -> Ran {
        use std::io::{BufRead, BufReader, Read};
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = actix_web::web::block(move || {
            let mut child = command.spawn().expect("it starts");
            let mut out = BufReader::new(child.stdout.take().expect("it was piped"));
            let mut printed = String::new();
            out.read_line(&mut printed).expect("it prints a line");
            let sent = Command::new("kill")
                .args(["-s", "INT", &child.id().to_string()])
                .status();
            assert!(sent.expect("kill runs").success());
            out.read_to_string(&mut printed).expect("it prints text");
            let mut output = child.wait_with_output().expect("it ends");
            output.stdout = printed.into_bytes();
            output
        });
        Ran::new(ran.await.expect("it runs"))
    }
}
