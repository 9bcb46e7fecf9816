//! How long it takes from the start of the program until it serves, with the sandbox in its own process.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::figures::{Figure, Findings, Limit, Spread};

/// How often it is started.
const STARTS: usize = 20;

/// How long after a question that had no answer the next one is asked.
const PAUSE: Duration = Duration::from_micros(200);

/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(findings: &mut Findings) {
    // The program is read from the disk once, which is not what is measured.
    start();
    let starts = (0..STARTS).map(|_| start().as_secs_f64() * 1_000.0);
    let figure = Figure::of("Start", "until it serves", Spread::of(starts), "ms");
    findings.add(figure.bar(Limit::AtMost(100.0)).note(format!(
        "From the start of `openfinance-gateway --sandbox` to the first yes of /readyz; {STARTS} starts."
    )));
}

/// Starts it, and answers how long it took.
fn start() -> Duration {
    let admin = free_port();
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_openfinance-gateway"))
        .arg("--sandbox")
        .env_clear()
        .envs([
            ("OPENFINANCE_ADMIN__LISTEN", admin.to_string().as_str()),
            ("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0"),
            ("OPENFINANCE_SANDBOX__LISTEN", "127.0.0.1:0"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !is_ready(admin) {
        assert!(started.elapsed() < PATIENCE, "it does not start");
        thread::sleep(PAUSE);
    }
    let took = started.elapsed();
    end(&mut child);
    took
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn end(child: &mut Child) {
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
}
