//! The protos as callers get them: the archive of a release, compiled as its README says by tools that are not ours, and
//! held against the release before. Needs `buf`, Go, and Debian's protoc with its plugins of gRPC on the path; `cargo xtask ci`
//! installs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    built::by_hand,
    docs::{
        ROOT,
        block::{Block, blocks},
    },
};

/// What a program said, once it has ended well.
fn said(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        complaint(&output)
    );
    output.stdout
}

fn complaint(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// A release, unpacked.
struct Release {
    _folder: TempDir,
    root: PathBuf,
}

impl Release {
    fn unpacked() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut release = Command::new(env!("CARGO"));
        by_hand(&mut release)
            .args(["xtask", "release", "--out"])
            .arg(folder.path());
        let told = said(release.current_dir(ROOT));
        // A sum and a path, as sha256sum takes them.
        fs::write(folder.path().join("sums"), told).unwrap();
        said(
            Command::new("sha256sum")
                .args(["--check", "sums"])
                .current_dir(folder.path()),
        );
        let name = concat!("openfinance-protos-", env!("CARGO_PKG_VERSION"));
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--file"])
            .arg(format!("{name}.tar.gz"));
        said(tar.current_dir(folder.path()));
        let root = folder.path().join(name);
        Self {
            _folder: folder,
            root,
        }
    }

    /// Runs a line of a shell in it.
    fn run(&self, script: &str) {
        let mut shell = Command::new("bash");
        said(shell.args(["-ec", script]).current_dir(&self.root));
    }

    /// How many files with this ending are below one of its folders.
    fn count(&self, folder: &str, ending: &str) -> usize {
        let mut folders = vec![self.root.join(folder)];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_str().unwrap().ends_with(ending) {
                    count += 1;
                }
            }
        }
        count
    }

    fn readme(&self) -> String {
        fs::read_to_string(self.root.join("README.md")).unwrap()
    }
}

/// The folder of the protos, to be changed.
fn copy_of_the_protos() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-r")
        .arg(Path::new(ROOT).join("proto"))
        .arg(folder.path());
    said(&mut copy);
    folder
}

/// What buf says of changed protos, and whether it refuses them: with 100, its word for what breaks callers.
fn breaks(protos: &TempDir) -> Option<String> {
    let mut buf = Command::new("buf");
    buf.arg("breaking").arg(protos.path().join("proto"));
    buf.arg("--against")
        .arg(Path::new(ROOT).join("proto/released.binpb"));
    let output = buf.output().unwrap();
    match output.status.code() {
        Some(0) => None,
        Some(100) => Some(complaint(&output)),
        _ => panic!("{}", complaint(&output)),
    }
}

#[test]
fn protos_that_would_break_a_caller_of_the_release_are_refused() {
    for (file, before, after, told) in [
        // A field goes.
        (
            "customer.proto",
            "  string username = 2 [",
            "  reserved 2;\n  string user_name = 99 [",
            "Previously present field \"2\"",
        ),
        // A field has another type.
        (
            "common.proto",
            "int32 year = 1",
            "int64 year = 1",
            "changed type from \"int32\" to \"int64\"",
        ),
        // A method goes by another name.
        (
            "gateway.proto",
            "rpc GetGatewayInfo(",
            "rpc GetInfo(",
            "Previously present RPC \"GetGatewayInfo\"",
        ),
        // A method is no longer safe to repeat.
        (
            "customer.proto",
            "option idempotency_level = IDEMPOTENT;",
            "",
            "changed option \"idempotency_level\"",
        ),
        // Generated code is found elsewhere.
        (
            "common.proto",
            "com.openfinance.v1",
            "com.openfinance",
            "java_package",
        ),
    ] {
        let protos = copy_of_the_protos();
        let path = protos.path().join("proto/openfinance/v1").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(before),
            "{file} has no {before}: correct this test"
        );
        fs::write(&path, text.replacen(before, after, 1)).unwrap();
        let refusal = breaks(&protos).unwrap_or_else(|| panic!("{after} is not refused"));
        assert!(refusal.contains(told), "{after}: {refusal}");
    }
    let protos = copy_of_the_protos();
    fs::remove_file(protos.path().join("proto/openfinance/v1/onboarding.proto")).unwrap();
    let refusal = breaks(&protos).unwrap();
    assert!(
        refusal.contains("Previously present file \"openfinance/v1/onboarding.proto\""),
        "{refusal}"
    );
}

#[test]
fn protos_with_something_new_break_no_caller() {
    let protos = copy_of_the_protos();
    let path = protos.path().join("proto/openfinance/v1/common.proto");
    let more = "\n// New.\nmessage Novelty {\n  // New.\n  string name = 1 [(data_class) = DATA_CLASS_INTERNAL];\n}\n";
    let text = fs::read_to_string(&path).unwrap().replacen(
        "int32 year = 1",
        "int32 era = 99;\n  int32 year = 1",
        1,
    );
    fs::write(&path, text + more).unwrap();
    assert_eq!(breaks(&protos), None);
}

#[test]
fn protos_of_the_release_compile_as_its_readme_says() {
    let release = Release::unpacked();
    for Block { kind, text, .. } in blocks(&release.root.join("README.md")) {
        match kind.as_str() {
            "sh" => release.run(&text),
            "yaml" => fs::write(release.root.join("buf.gen.yaml"), text).unwrap(),
            kind => panic!("nothing holds a block of {kind}"),
        }
    }
    let protos = release.count("proto", ".proto");
    assert_eq!(release.count("gen", "_pb2.py"), protos);
    assert_eq!(release.count("gen-from-set", ".pb.h"), 1);
    assert!(release.count("gen-by-buf", ".java") > protos);
}

#[test]
fn protos_of_the_release_compile_in_every_language_that_protoc_knows() {
    let release = Release::unpacked();
    let readme = release.readme();
    let protos = release.count("proto", ".proto");
    // The ending of what is made for each file, and whether Debian has what makes the services too.
    let known = [
        ("C++", ".pb.cc", true),
        ("C#", ".cs", false),
        ("Java", "Proto.java", false),
        ("Objective-C", ".pbobjc.m", false),
        ("PHP", ".php", true),
        ("Python", "_pb2.py", true),
        ("Ruby", "_pb.rb", true),
    ];
    let mut languages: Vec<&str> = Vec::new();
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| language |"));
    for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        let (language, messages, services) = (cells[1], cells[2], cells[3]);
        languages.push(language);
        // Its plugins come from elsewhere: the test below has them.
        if language == "Go" {
            continue;
        }
        let (_, ending, all) = known.iter().find(|(name, ..)| *name == language).unwrap();
        let services = if *all { services } else { "" };
        release.run(&format!(
            "rm -rf gen; mkdir gen; protoc --proto_path=proto {messages} {services} proto/openfinance/v1/*.proto"
        ));
        assert!(release.count("gen", ending) >= protos, "{language}");
    }
    assert_eq!(
        languages,
        [
            "C++",
            "C#",
            "Go",
            "Java",
            "Objective-C",
            "PHP",
            "Python",
            "Ruby"
        ]
    );
}

/// With the plugins that the client in Go pins.
#[test]
fn protos_of_the_release_compile_in_go_below_any_module_as_its_readme_says() {
    let release = Release::unpacked();
    let readme = release.readme();
    let row = readme.lines().find(|line| line.starts_with("| Go |"));
    let cells: Vec<_> = row.unwrap().split('|').map(str::trim).collect();
    let flags = [cells[2], cells[3]].map(|cell| cell.trim_matches('`'));
    let client = Path::new(ROOT).join("tests/clients/go");
    let plugins = release.root.join("plugins");
    fs::create_dir(&plugins).unwrap();
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&plugins).args([
        "google.golang.org/protobuf/cmd/protoc-gen-go",
        "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    ]);
    said(build.current_dir(&client));
    let protos = release.count("proto", ".proto");
    let services = fs::read_dir(release.root.join("proto/openfinance/v1")).unwrap();
    let services = services
        .filter(|entry| {
            let text = fs::read_to_string(entry.as_ref().unwrap().path()).unwrap();
            text.lines().any(|line| line.starts_with("service "))
        })
        .count();
    release.run(&format!(
        "PATH=\"$PWD/plugins:$PATH\"; mkdir gen; protoc --proto_path=proto {} {} proto/openfinance/v1/*.proto",
        flags[0], flags[1]
    ));
    assert_eq!(release.count("gen", ".pb.go"), protos + services);
    let module = fs::read_to_string(client.join("go.mod")).unwrap();
    let module = module.replacen("module openfinance-client", "module example.com/you", 1);
    fs::write(release.root.join("go.mod"), module).unwrap();
    fs::copy(client.join("go.sum"), release.root.join("go.sum")).unwrap();
    release.run("go build ./gen/...");
}

#[test]
fn protos_of_the_release_say_the_same_to_protoc_and_in_the_descriptor_set() {
    let release = Release::unpacked();
    release.run("protoc --proto_path=proto --include_imports --descriptor_set_out=protoc.binpb proto/openfinance/v1/*.proto");
    // By buf, which knows our options by the set itself. The imports differ as versions of protoc do.
    let ours = |set: &str| -> Vec<Value> {
        let mut buf = Command::new("buf");
        buf.args([
            "build",
            set,
            "--exclude-source-info",
            "--output",
            "-#format=json",
        ]);
        let json: Value = serde_json::from_slice(&said(buf.current_dir(&release.root))).unwrap();
        let mut files = json["file"].as_array().unwrap().clone();
        files.retain(|file| file["package"] == "openfinance.v1");
        files.sort_by_key(|file| file["name"].to_string());
        files
    };
    let (shipped, compiled) = (ours("openfinance.binpb"), ours("protoc.binpb"));
    assert_eq!(shipped.len(), release.count("proto", ".proto"));
    assert!(
        shipped == compiled,
        "what protoc makes of the protos differs from the descriptor set"
    );
    let text = serde_json::to_string(&shipped).unwrap();
    for option in ["permission", "data_class", "idempotencyLevel"] {
        assert!(text.contains(option), "{option}");
    }
}
