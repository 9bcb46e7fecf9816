//! `cargo xtask smoke`: the program as the image has it, without the sandbox, run as the container would run it.
//!
//! No container engine is needed: what it would take away is taken away here. The program runs as another user where this
//! one is root, in a folder that it can't write to, with no variable but those that it needs, and with the settings that a
//! gateway other machines may call must have: TLS, callers and their policy, and the audit file.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Write},
    os::unix::{fs::PermissionsExt as _, fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::cargo::cargo;

/// The user of the image.
const NOBODY: u32 = 65_532;

/// How long its log may be silent before it serves, and until it ends: longer than either takes on a busy machine, and
/// than the gateway's own limit for a stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the program is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it ships.
    Release,
    /// Soon, for every commit.
    Debug,
}

/// Builds the program without the sandbox, runs it, and looks at what it says and does.
pub(crate) fn run(build: Build, root: &Path, out: &mut dyn Write) -> Result<()> {
    let image = Image::new(&program(build, root)?)?;

    let answer = image.run(&["--sandbox"])?;
    ensure!(!answer.status.success(), "the image has a sandbox in it");
    ensure!(
        String::from_utf8_lossy(&answer.stderr).contains("built without the sandbox"),
        "it does not say that it has no sandbox"
    );
    let text = fs::read(&image.program)?;
    let control = b"/__sandbox/";
    ensure!(
        !text.windows(control.len()).any(|part| part == control),
        "the sandbox's control plane is in the image"
    );

    let answer = image.run(&["check-config"])?;
    ensure!(answer.status.success(), "check-config: {answer:?}");
    let shown = String::from_utf8_lossy(&answer.stdout).into_owned();
    ensure!(
        shown.contains("[redacted]") && !shown.contains(SECRET),
        "check-config: {shown}"
    );

    let mut gateway = image.start(&[])?;
    let served = serve(&image, &mut gateway);
    if served.is_err() {
        gateway.kill()?;
        gateway.wait()?;
    }
    served?;
    writeln!(out, "the image's program serves, is healthy, and stops")?;
    Ok(())
}

/// Asks a gateway that has been started for its health, and stops it.
fn serve(image: &Image, gateway: &mut Child) -> Result<()> {
    let log = follow(gateway.stderr.take().context("stderr was not piped")?);
    let mut line = String::new();
    while !line.contains("\"message\":\"serving\"") {
        line = log.recv_timeout(PATIENCE).with_context(|| {
            format!("it has ended, or hangs, before it serves; its last line is {line:?}")
        })?;
    }
    let admin = line
        .split_once("\"admin\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .context("it does not say where it serves")?
        .0
        .to_owned();
    let mut healthy = image.command(&["healthcheck"]);
    healthy.env("OPENFINANCE_ADMIN__LISTEN", admin);
    let answer = healthy.output()?;
    ensure!(answer.status.success(), "healthcheck: {answer:?}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.id()))?;
    let core = limits.lines().find(|line| line.contains("core file"));
    ensure!(
        core.is_some_and(|line| line.split_whitespace().filter(|word| *word == "0").count() == 2),
        "core dumps: {limits}"
    );
    let killed = Command::new("kill")
        .arg(gateway.id().to_string())
        .status()?;
    ensure!(killed.success(), "it could not be told to stop");
    let mut rest = String::new();
    loop {
        match log.recv_timeout(PATIENCE) {
            Ok(line) => rest = rest + &line + "\n",
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => bail!("it does not end: {rest}"),
        }
    }
    let status = gateway.wait()?;
    ensure!(status.success(), "{status}: {rest}");
    ensure!(!rest.contains(SECRET), "a secret is in the log");
    let audit = image.folder.path().join(AUDIT).display().to_string();
    let answer = image.run(&["audit", "verify", &audit])?;
    ensure!(answer.status.success(), "audit verify: {answer:?}");
    Ok(())
}

/// The lines of a log as they come, for a reader who does not wait for ever.
fn follow(log: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Builds the program and says where it is.
fn program(build: Build, root: &Path) -> Result<PathBuf> {
    let target = crate::target(root).join("smoke");
    let mut command = cargo();
    command
        .args(["build", "--locked", "--package", "openfinance-gateway"])
        .arg("--no-default-features")
        .current_dir(root);
    let folder = match build {
        Build::Release => {
            command.arg("--release").arg("--target-dir").arg(&target);
            target.join("release")
        }
        // Most of it is there already.
        Build::Debug => crate::target(root).join("debug"),
    };
    ensure!(command.status()?.success(), "it does not build");
    Ok(folder.join("openfinance-gateway"))
}

/// What a secret looks like here.
const SECRET: &str = "CanarySecret1234";

/// The audit file, in the folder of the image.
const AUDIT: &str = "state/audit";

/// What the container has: the program, its settings and secrets, and one folder to write to.
struct Image {
    folder: tempfile::TempDir,
    program: PathBuf,
    is_root: bool,
}

/// Settings as the container has them, with a store of its own beside the audit file.
fn settings(folder: &Path) -> String {
    let at = |name: &str| format!("{:?}", folder.join(name).display().to_string());
    let hash = "0e".repeat(32);
    format!(
        "[partner]\nsecret_file = {}\napp_key_file = {}\n\
         [shared]\nkey_file = {}\nstore_path = {}\n\
         [grpc]\nlisten = \"0.0.0.0:0\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [tls]\ncert = {}\nkey = {}\n\
         [audit]\npath = {}\n\
         [log]\nformat = \"json\"\n\
         [[auth.keys]]\nprincipal = \"books\"\nsha256 = \"{hash}\"\n\
         [[policy]]\nprincipal = \"books\"\nroles = [\"reader\"]\n",
        at("partner-secret"),
        at("app-key"),
        at("shared-key"),
        at("state"),
        at("tls.crt"),
        at("tls.key"),
        at(AUDIT),
    )
}

impl Image {
    fn new(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        fs::copy(program, at("openfinance-gateway"))?;
        fs::create_dir(at("work"))?;
        fs::create_dir(at("state"))?;
        let pair = rcgen::generate_simple_self_signed(["gateway.example.com".to_owned()])?;
        for (name, text) in [
            ("partner-secret", SECRET),
            ("app-key", "5a6e64626f786170706b657930303031"),
            ("shared-key", &"0f".repeat(32)),
            ("tls.crt", &pair.cert.pem()),
            ("tls.key", &pair.signing_key.serialize_pem()),
            ("openfinance.toml", &settings(folder.path())),
        ] {
            fs::write(at(name), text)?;
        }
        let id = Command::new("id").arg("--user").output()?;
        let is_root = id.stdout.trim_ascii() == b"0";
        if is_root {
            chown(at("state"), Some(NOBODY), Some(NOBODY))?;
        }
        fs::set_permissions(at("work"), Permissions::from_mode(0o555))?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        Ok(Self {
            program: at("openfinance-gateway"),
            folder,
            is_root,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let at = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(at("openfinance.toml"))
            .args(arguments)
            .env_clear()
            .env("OPENFINANCE_PARTNER__ID", "2445580000001")
            .current_dir(at("work"))
            .stdin(Stdio::null());
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments).output()?)
    }

    fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    }
}
