//! A PostgreSQL server of a test's own, which it may stop and start.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::store::variable;

/// A running server; dropping it ends it.
pub(crate) struct TestServer {
    dir: TempDir,
    port: u16,
    /// Whom the server runs as, because it does not run as root.
    user: Option<String>,
}

impl TestServer {
    /// Makes a cluster and starts a server on it.
    pub(crate) fn start() -> Self {
        let server = Self {
            dir: TempDir::new().expect("a directory"),
            port: free_port(),
            user: said("id", &["-u"]).starts_with("0\n").then(|| {
                let known = said("getent", &["passwd", "postgres", "nobody"]);
                let name = known.split(':').next().expect("such a user is known");
                name.to_owned()
            }),
        };
        if let Some(user) = &server.user {
            said("chown", &[user, &server.dir.path().display().to_string()]);
        }
        let data = server.data();
        let arguments = [
            "-D",
            &data,
            "-U",
            "test",
            "--auth=trust",
            "--no-locale",
            "--no-sync",
        ];
        server.run("initdb", &arguments).expect("a cluster is made");
        server.control(&["start"]).expect("the server starts");
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://test@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it, breaking all connections, and starts it again.
    pub(crate) fn restart(&self) {
        self.control(&["restart", "-m", "fast"]).expect("it starts again");
    }

    fn control(&self, arguments: &[&str]) -> Result<(), String> {
        let (data, log) = (self.data(), self.dir.path().join("log").display().to_string());
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories='' -c fsync=off",
            self.port
        );
        let mut all = vec!["-D", &data, "-l", &log, "-w", "-o", &options];
        all.extend(arguments);
        self.run("pg_ctl", &all)
    }

    /// Runs a program of the server; what it and the server said is the error.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let programs = variable("TEST_POSTGRES_PROGRAMS").map(PathBuf::from);
        let program = programs.as_deref().unwrap_or(Path::new("")).join(program);
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command
                    .args([&format!("--reuid={user}"), "--clear-groups"])
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).current_dir(self.dir.path());
        // A server keeps what it inherits open, so nobody may wait for the end of that.
        let output = std::fs::File::create(self.dir.path().join("output")).expect("a file");
        command
            .stdout(output.try_clone().expect("it is open"))
            .stderr(output);
        let status = command.status().expect("it runs");
        let read = |name| std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        let failure = || format!("{command:?}: {}{}", read("output"), read("log"));
        status.success().then_some(()).ok_or_else(failure)
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // One that never started needs no stopping.
        let _ = self.control(&["stop", "-m", "immediate"]);
    }
}

/// Finds a free port among those that the system does not give to whoever asks for any.
fn free_port() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(20_000..30_000))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}
