//! The service as a process of its own: the real binary, which can be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::{Client, environment, eventually, secrecy};

/// The running binary.
pub(crate) struct TestProcess {
    pub(crate) child: Child,
    pub(crate) client: Client,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    /// Whether each of its lines is to be a JSON object.
    logs_json: bool,
}

/// How it logs where a test does not say otherwise.
const LOG: &[(&str, &str)] = &[("LOG__FORMAT", "json"), ("LOG__LEVEL", "debug")];

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
        let settings: Vec<_> = LOG.iter().chain(settings).copied().collect();
        let mut environment = environment(&settings);
        let as_text = ("SVIX_HOOKS__LOG__FORMAT".to_owned(), "text".to_owned());
        let logs_json = !environment.contains(&as_text);
        environment.retain(|(name, _)| !left_out.iter().any(|key| name.ends_with(key)));
        command
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut output = BufReader::new(child.stderr.take().expect("it was piped"));
        let sink = lines.clone();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            // What a killed process has begun to write is no line.
            while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
                line.pop();
                sink.lock()
                    .expect("no reader panics")
                    .push(std::mem::take(&mut line));
            }
        });
        let mut process = Self {
            child,
            client: Client::new(String::new()),
            lines,
            reader: Some(reader),
            logs_json,
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

    /// What it has logged so far, each line as it was read.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let read = |line: &String| serde_json::from_str(line).expect("each line is JSON");
        self.log().iter().map(read).collect()
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
        self.reader.take().map(JoinHandle::join);
        let lines = self.log();
        if self.logs_json {
            lines.iter().for_each(|line| secrecy::note_line(line));
        }
        secrecy::note("a log", &lines.join("\n"));
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
