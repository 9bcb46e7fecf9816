//! A Redis server for a test: started by it, in a folder of its own, on a socket in there, and gone with this value.
//! Needs `redis-server` on the path; `cargo xtask ci` installs it.
#![allow(
    dead_code,
    reason = "the packages that include this file need different parts of it"
)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// How long a server may take to answer first; it takes some milliseconds on a machine that has nothing else to do.
const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// A server without a password that keeps nothing on disk.
pub(crate) struct RedisServer {
    folder: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            process: None,
        };
        server.start_again();
        server
    }

    /// Where it is, as a store or a gateway is told.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Kills it. What it held is lost.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it at the same place, empty.
    pub(crate) fn start_again(&mut self) {
        self.stop();
        let _ = std::fs::remove_file(self.socket());
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--dir".as_ref(), self.folder.path().as_os_str()])
            .args(["--unixsocket".as_ref(), self.socket().as_os_str()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let tries = START.as_millis() / PAUSE.as_millis();
        let answers = (0..tries).any(|_| {
            thread::sleep(PAUSE);
            UnixStream::connect(self.socket()).is_ok()
        });
        assert!(answers, "redis-server does not answer");
    }

    /// Says a command without blanks in its words, and answers the first line of what comes back.
    pub(crate) fn say(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        write!(stream, "{command}\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Whether it was started and not stopped since.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// All that it holds, as it would be on disk.
    pub(crate) fn dump(&self) -> Vec<u8> {
        assert_eq!(self.say("CONFIG SET rdbcompression no"), "+OK");
        assert_eq!(self.say("SAVE"), "+OK");
        std::fs::read(self.folder.path().join("dump.rdb")).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}
