//! The command line: what the binary does and how it ends.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    audit::{self, query::Query},
    banner,
    config::{self, Flags, Settings},
    gateway::Gateway,
    harden::NotHardened,
    log,
    reload::Reloader,
    trace::Traces,
};

/// gRPC gateway to the customer records of Mastercard Open Finance US.
#[derive(Debug, Parser)]
#[command(name = "openfinance-gateway", version)]
struct Arguments {
    /// Settings file in TOML; the environment (OPENFINANCE_PARTNER__ID ...) wins over it.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Run against an embedded sandbox of the vendor: no account, no credentials (partner.* and upstream.* are
    /// ignored), nothing is kept.
    #[arg(long, global = true)]
    sandbox: bool,
    /// Serve other machines although nothing protects or identifies callers.
    #[arg(long, global = true)]
    insecure: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the effective settings with secrets masked, or everything that is wrong with them.
    CheckConfig,
    /// Ask the gateway that runs with these settings whether it is ready.
    Healthcheck,
    /// Read the audit file.
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Say whether every line is as it was written, or which is the first that is not. Needs shared.key.
    Verify {
        /// The file; or several that follow one another, the oldest first.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A line that must be there, as the log told it: SEQUENCE:MAC. Shows lines that are missing at the end.
        #[arg(long, value_name = "SEQUENCE:MAC", value_parser = audit::verify::checkpoint)]
        checkpoint: Option<audit::verify::Checkpoint>,
    },
    /// Print the lines that match.
    Query {
        /// The file, or several.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only those of this caller.
        #[arg(long)]
        caller: Option<String>,
        /// Only those that name this record: a customer, a consumer, a business or an institution login.
        #[arg(long, value_name = "ID")]
        record: Option<String>,
        /// Only those from this time on: 2026-03-01, or 2026-03-01T12:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = audit::query::time)]
        since: Option<jiff::Timestamp>,
        /// Only those before this time.
        #[arg(long, value_name = "TIME", value_parser = audit::query::time)]
        until: Option<jiff::Timestamp>,
        /// Print the ids of the records of this kind, each once, that were read or written with success.
        #[arg(long, value_name = "KIND")]
        distinct: Option<audit::query::Kind>,
    },
}

/// Runs the command line `arguments` under the variables of `environment`, writing what was asked for to `out` and what
/// went wrong to `err`. What became of hardening the process is logged where there is a log.
///
/// The exit code is 0 when all went well, 1 when the gateway could not start or is not ready, and 2 when the command
/// line or the settings are wrong.
pub fn run(
    hardened: Result<(), NotHardened>,
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => {
            let _ = if answer.use_stderr() {
                write!(err, "{answer}")
            } else {
                write!(out, "{answer}")
            };
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    let Arguments {
        config,
        sandbox,
        insecure,
        command,
    } = arguments;
    let flags = Flags {
        file: config,
        sandbox,
        insecure,
    };
    // What is no text is told like any other wrong name or value.
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let environment = environment
        .into_iter()
        .map(|(name, value)| (text(name), text(value)));
    let environment: Vec<_> = environment.collect();
    let done = match command {
        None => settings(&flags, environment.clone(), err)
            .and_then(|settings| serve(settings, flags, environment, hardened, out)),
        Some(Command::CheckConfig) => settings(&flags, environment, err).and_then(|settings| {
            out.write_all(settings.show().as_bytes())
                .map_err(Exit::failure)
        }),
        Some(Command::Healthcheck) => {
            let admin = config::admin_listen(&flags, environment).map_err(Exit::usage);
            admin.and_then(|admin| ask(reachable(admin)).map_err(Exit::failure))
        }
        Some(Command::Audit(command)) => read_audit(command, &flags, environment, out, err),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit { code, message }) => {
            let _ = writeln!(err, "openfinance-gateway: {message}");
            ExitCode::from(code)
        }
    }
}

/// How the process ends when something went wrong.
struct Exit {
    code: u8,
    message: String,
}

impl Exit {
    fn usage(error: impl ToString) -> Self {
        Self {
            code: 2,
            message: error.to_string(),
        }
    }

    fn failure(error: impl ToString) -> Self {
        Self {
            code: 1,
            message: error.to_string(),
        }
    }
}

/// The settings; what is ignored of them is told to `err`.
fn settings(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
    err: &mut dyn Write,
) -> Result<Settings, Exit> {
    let settings = Settings::load(flags, environment).map_err(Exit::usage)?;
    if !settings.ignored.is_empty() {
        let ignored = settings.ignored.join(", ");
        let _ = writeln!(
            err,
            "openfinance-gateway: warning: --sandbox brings a vendor and a partner of its own, so this is ignored: {ignored}"
        );
    }
    for warning in &settings.warnings {
        let _ = writeln!(err, "openfinance-gateway: warning: {warning}");
    }
    Ok(settings)
}

/// Reads an audit file, and writes what was asked for to `out`.
fn read_audit(
    command: AuditCommand,
    flags: &Flags,
    environment: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Exit> {
    match command {
        AuditCommand::Verify { files, checkpoint } => {
            let key = config::shared_key(flags, environment).map_err(Exit::usage)?;
            let verified =
                audit::verify::verify(&key, &files, checkpoint).map_err(Exit::failure)?;
            writeln!(out, "{verified}").map_err(Exit::failure)
        }
        AuditCommand::Query {
            files,
            caller,
            record,
            since,
            until,
            distinct,
        } => {
            let query = Query {
                caller,
                record,
                since,
                until,
                distinct,
            };
            let unreadable = query.run(&files, out).map_err(Exit::failure)?;
            if unreadable > 0 {
                let _ = writeln!(
                    err,
                    "openfinance-gateway: warning: {unreadable} lines are none of an audit file: `audit verify` says which"
                );
            }
            Ok(())
        }
    }
}

fn serve(
    settings: Settings,
    flags: Flags,
    environment: Vec<(String, String)>,
    hardened: Result<(), NotHardened>,
    out: &mut dyn Write,
) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Exit::failure)?;
    let served = runtime.block_on(async {
        let traces = Traces::of(|name| std::env::var(name).ok()).map_err(Exit::failure)?;
        let (level, _end) = log::start(&settings.config.log, traces.as_ref());
        if let Err(error) = hardened {
            tracing::warn!(%error, "the system refuses what the program asked of it first");
        }
        let mut stop = Stop::listen().map_err(Exit::failure)?;
        let hangup = signal(SignalKind::hangup()).map_err(Exit::failure)?;
        let reloader = Reloader::new(flags, environment, &settings, level);
        let gateway = Gateway::start(settings.config)
            .await
            .map_err(Exit::failure)?;
        tracing::info!(grpc = %gateway.grpc_address(), admin = %gateway.admin_address(), "serving");
        banner::print(&gateway, out).map_err(Exit::failure)?;
        let reloading = tokio::spawn(reloader(gateway.changeable()).run(hangup));
        stop.told().await;
        tracing::info!("stopping");
        // It would hold on to the store.
        reloading.abort();
        let _ = reloading.await;
        gateway.stop_or_hurry(stop.told()).await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        tracing::info!("stopped");
        Ok(())
    });
    // Whatever has not ended by now is not waited for.
    runtime.shutdown_background();
    served
}

/// SIGTERM and SIGINT, which from now on no longer end the process by themselves.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How long a health check waits for each step.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the admin port whether the gateway is ready.
fn ask(admin: SocketAddr) -> Result<(), String> {
    let answer = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(
            format!("GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = answer().map_err(|error| format!("no answer from {admin}: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err("the gateway is not ready".to_owned())
    }
}

/// The address at which this machine reaches a listener: one that listens everywhere listens on loopback too.
fn reachable(mut listener: SocketAddr) -> SocketAddr {
    if listener.ip().is_unspecified() {
        listener.set_ip(match listener {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listener
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exit code and both outputs of a command line.
    fn told(arguments: &[&str], environment: &[(&str, &str)]) -> (ExitCode, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["openfinance-gateway"]
            .iter()
            .chain(arguments)
            .map(OsString::from);
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let code = run(Ok(()), arguments, environment, &mut out, &mut err);
        (
            code,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn check_config_prints_the_settings_or_all_that_is_wrong() {
        let (code, out, err) = told(
            &["--sandbox", "check-config"],
            &[("OPENFINANCE_LOG__LEVEL", "debug")],
        );
        assert_eq!(
            (format!("{code:?}"), err.as_str()),
            (format!("{:?}", ExitCode::SUCCESS), "")
        );
        assert!(
            out.contains("level = \"debug\" # OPENFINANCE_LOG__LEVEL"),
            "{out}"
        );

        let (code, out, err) = told(&["check-config"], &[("OPENFINANCE_LOG__LEVE", "debug")]);
        assert_eq!(
            (format!("{code:?}"), out.as_str()),
            (format!("{:?}", ExitCode::from(2)), "")
        );
        assert!(
            err.starts_with("openfinance-gateway: 6 settings are wrong\n"),
            "{err}"
        );
    }

    #[test]
    fn the_sandbox_says_in_one_line_what_it_ignores() {
        let (code, out, err) = told(
            &["--sandbox", "check-config"],
            &[
                ("OPENFINANCE_PARTNER__ID", "canary"),
                ("OPENFINANCE_PARTNER__SECRET_FILE", "/none/of/canary"),
                ("OPENFINANCE_UPSTREAM__BASE_URL", "canary"),
                ("OPENFINANCE_VENDOR_DOCS", "canary"),
            ],
        );
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(
            err.ends_with(": partner.id, partner.secret, upstream.base_url\n"),
            "{err}"
        );
        assert!(!out.contains("partner") && !out.contains("canary"), "{out}");
        assert!(
            out.contains("[sandbox]\nlisten = \"127.0.0.1:8080\" # default"),
            "{out}"
        );
    }

    #[test]
    fn a_wrong_command_line_is_told_as_such() {
        let (code, _, err) = told(&["--no-such-flag"], &[]);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
        assert!(err.contains("--no-such-flag"), "{err}");
    }

    #[test]
    fn a_health_check_of_nobody_fails() {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let (code, _, err) = told(&["healthcheck"], &[("OPENFINANCE_ADMIN__LISTEN", &free)]);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        assert!(err.contains("no answer from 127.0.0.1"), "{err}");
    }

    #[test]
    fn a_listener_everywhere_is_reached_on_loopback() {
        assert_eq!(
            reachable("0.0.0.0:9464".parse().unwrap()).to_string(),
            "127.0.0.1:9464"
        );
        assert_eq!(
            reachable("[::]:9464".parse().unwrap()).to_string(),
            "[::1]:9464"
        );
        assert_eq!(
            reachable("10.0.0.1:9464".parse().unwrap()).to_string(),
            "10.0.0.1:9464"
        );
    }
}
