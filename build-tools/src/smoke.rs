//! `cargo xtask smoke`: the program as the image has it, without the sandbox, run as the container would run it.
//!
//! No container engine is needed: what it would take away is taken away here. The program runs as another user where this
//! one is root, in a folder that it can't write to, with no variable but those that it needs.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Read as _, Write},
    os::unix::{fs::PermissionsExt as _, fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The user of the image.
const NOBODY: u32 = 65_532;

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
    let mut log = BufReader::new(gateway.stderr.take().context("stderr was not piped")?);
    let mut line = String::new();
    while !line.contains("\"message\":\"serving\"") {
        line.clear();
        ensure!(log.read_line(&mut line)? > 0, "it ended before it served");
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
    log.read_to_string(&mut rest)?;
    let status = gateway.wait()?;
    ensure!(status.success(), "{status}: {rest}");
    ensure!(!rest.contains(SECRET), "a secret is in the log");
    Ok(())
}

/// Builds the program and says where it is.
fn program(build: Build, root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = crate::target(root).join("smoke");
    let mut command = Command::new(cargo);
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

/// What the container has: the program, its settings and secrets, and one folder to write to.
struct Image {
    folder: tempfile::TempDir,
    program: PathBuf,
    is_root: bool,
}

impl Image {
    fn new(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        fs::copy(program, at("openfinance-gateway"))?;
        fs::create_dir(at("work"))?;
        fs::create_dir(at("state"))?;
        for (name, text) in [
            ("partner-secret", SECRET),
            ("app-key", "5a6e64626f786170706b657930303031"),
            ("shared-key", &"0f".repeat(32)),
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
            .args(arguments)
            .env_clear()
            .env("OPENFINANCE_PARTNER__ID", "2445580000001")
            .env("OPENFINANCE_PARTNER__SECRET_FILE", at("partner-secret"))
            .env("OPENFINANCE_PARTNER__APP_KEY_FILE", at("app-key"))
            .env("OPENFINANCE_SHARED__KEY_FILE", at("shared-key"))
            .env("OPENFINANCE_SHARED__STORE_PATH", at("state"))
            .env("OPENFINANCE_GRPC__LISTEN", "127.0.0.1:0")
            .env("OPENFINANCE_ADMIN__LISTEN", "127.0.0.1:0")
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
