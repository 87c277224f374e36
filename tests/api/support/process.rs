//! The service as a process of its own: the real binary, which can be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use super::{Client, environment, eventually, secrecy};

/// The running binary.
pub(crate) struct TestProcess {
    pub(crate) child: Child,
    pub(crate) client: Client,
    lines: Arc<Mutex<Vec<String>>>,
}

impl TestProcess {
    /// Starts a command that ends in the binary, with these settings over the quick ones.
    pub(crate) async fn spawn(command: Command, settings: &[(&str, &str)]) -> Self {
        Self::spawn_without(command, settings, &[]).await
    }

    /// Starts such a command, with some of the quick settings left out.
    pub(crate) async fn spawn_without(
        mut command: Command,
        settings: &[(&str, &str)],
        left_out: &[&str],
    ) -> Self {
        let mut environment = environment(settings);
        environment.retain(|(name, _)| !left_out.iter().any(|key| name.ends_with(key)));
        command
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stderr.take().expect("it was piped"));
        let sink = lines.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                sink.lock().expect("no reader panics").push(line);
            }
        });
        let mut process = Self {
            child,
            client: Client::new(String::new()),
            lines,
        };
        eventually("the process listens", async || {
            let url = process.log().iter().find_map(|line| listening_url(line));
            let exited = process.child.try_wait().expect("it can be waited for");
            assert!(exited.is_none(), "it ended with {exited:?}: {:?}", process.log());
            url.is_some_and(|url| {
                process.client = Client::new(url.replace("0.0.0.0", "127.0.0.1"));
                true
            })
        })
        .await;
        process
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lines.lock().expect("no writer panics").clone()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", async || {
            status = self.child.try_wait().expect("it can be waited for");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
        secrecy::note("a log", &self.log().join("\n"));
        secrecy::settle();
    }
}

/// Finds the address in the line that says where it listens, in either format.
fn listening_url(line: &str) -> Option<String> {
    let url = line
        .split(r#""url":""#)
        .nth(1)
        .or_else(|| line.split("url=").nth(1))?;
    Some(url.split('"').next()?.to_owned())
}
