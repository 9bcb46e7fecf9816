//! The binary as a process: what it prints where, and that it stops when it is told to.
#![cfg(feature = "sandbox")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

#[test]
fn the_sandbox_starts_beside_settings_of_the_vendor_and_stops_at_a_signal() {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_openfinance-gateway"))
        .arg("--sandbox")
        .env_clear()
        .envs([
            ("OPENFINANCE_PARTNER__SECRET", "canary"),
            ("OPENFINANCE_UPSTREAM__BASE_URL", "https://canary.example"),
            ("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0"),
            ("OPENFINANCE_ADMIN__LISTEN", "127.0.0.1:0"),
            ("OPENFINANCE_SANDBOX__LISTEN", "127.0.0.1:0"),
            ("OPENFINANCE_LOG__FORMAT", "text"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let mut banner = String::new();
    let mut out = BufReader::new(gateway.stdout.take().unwrap());
    while !banner.contains("buf curl") {
        assert!(out.read_line(&mut banner).unwrap() > 0, "{banner}");
    }
    assert!(banner.contains("grpcurl -plaintext"), "{banner}");

    let pid = gateway.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    let mut log = String::new();
    let mut err = gateway.stderr.take().unwrap();
    err.read_to_string(&mut log).unwrap();
    assert!(gateway.wait().unwrap().success(), "{log}");

    let warning = log.lines().next().unwrap();
    assert!(
        warning.ends_with("is ignored: partner.secret, upstream.base_url"),
        "{log}"
    );
    assert!(log.contains("INFO") && log.contains("stopped"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    // A pipe is no terminal: no colours.
    assert!(!log.contains('\u{1b}'), "{log:?}");
}
