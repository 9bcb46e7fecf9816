//! Settings that a page shows: the gateway takes them. The files that they name are made for it.

use std::{fs, path::Path};

use openfinance_gateway::{
    cli,
    config::{Flags, Key, Settings},
};

/// What every gateway outside sandbox mode must be told, for pages that show a part of the settings.
const REQUIRED: [(&str, &str); 2] = [
    (
        "[partner]",
        "[partner]\nid = \"2445580000001\"\nsecret = \"SandboxSecret1234\"\napp_key = \"an-application-key\"\n",
    ),
    (
        "[shared]",
        "[shared]\nstore_path = \"/var/lib/openfinance/store.redb\"\nkey = \"0707070707070707070707070707070707070707070707070707070707070707\"\n",
    ),
];

/// Whether `check-config` takes these settings; if not, what it says.
pub(super) fn taken(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = text.to_owned();
    for (table, required) in REQUIRED {
        if !text.contains(table) {
            settings = format!("{settings}\n{required}");
        }
    }
    let files = Files::new(folder.path());
    let settings: String = settings
        .split('"')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            // Every second part is inside quotes.
            1 if part.starts_with('/') => format!("\"{}\"", files.place(part)),
            1 => format!("\"{part}\""),
            _ => part.to_owned(),
        })
        .collect();
    let file = folder.path().join("openfinance.toml");
    fs::write(&file, settings).unwrap();
    let arguments = ["openfinance-gateway", "check-config", "--config"].map(Into::into);
    let arguments = arguments.into_iter().chain([file.into_os_string()]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::run(Ok(()), arguments, [], &mut out, &mut err);
    if code == std::process::ExitCode::SUCCESS {
        return Ok(());
    }
    Err(format!(
        "is refused by check-config:\n{}",
        String::from_utf8_lossy(&err)
    ))
}

/// Makes the files that settings name.
struct Files<'a> {
    folder: &'a Path,
    certificate: String,
    key: String,
}

impl<'a> Files<'a> {
    fn new(folder: &'a Path) -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            folder,
            certificate: pair.cert.pem(),
            key: pair.signing_key.serialize_pem(),
        }
    }

    /// The path below the folder that stands for this absolute one, with a file there that fits its name.
    fn place(&self, path: &str) -> String {
        let place = self.folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let name = place.file_name().unwrap().to_str().unwrap();
        let content = match name {
            "shared-key" => Some("07".repeat(32)),
            "redis-url" => Some("rediss://redis.example.com".to_owned()),
            "callers.jwks" => Some("{\"keys\": []}".to_owned()),
            name if name.ends_with("key.pem") || name.ends_with(".key") => Some(self.key.clone()),
            name if name.ends_with(".pem") || name.ends_with(".crt") => {
                Some(self.certificate.clone())
            }
            name if name.ends_with("secret") || name.ends_with("app-key") => {
                Some("SandboxSecret1234".to_owned())
            }
            // What the gateway makes itself.
            _ => None,
        };
        if let Some(content) = content {
            fs::write(&place, content).unwrap();
        }
        place.to_str().unwrap().to_owned()
    }
}

#[test]
fn every_setting_is_on_the_page_of_operations_with_its_default() {
    let page = fs::read_to_string(Path::new(super::ROOT).join("docs/operations.md")).unwrap();
    for key in Key::ALL {
        let name = format!("`{}`", key.name);
        assert!(
            page.contains(&name),
            "docs/operations.md does not have {name}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openfinance.toml");
    let store = folder.path().join("store.redb");
    let shared = REQUIRED[1]
        .1
        .replace("/var/lib/openfinance/store.redb", store.to_str().unwrap());
    fs::write(&file, format!("{}{shared}", REQUIRED[0].1)).unwrap();
    let flags = Flags {
        file: Some(file),
        ..Flags::default()
    };
    let shown = Settings::load(&flags, []).unwrap().show();
    let (mut section, mut defaults) = ("", 0);
    for line in shown.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let Some(line) = line.strip_suffix(" # default") else {
            continue;
        };
        let (name, value) = line.split_once(" = ").unwrap();
        // What it is depends on where the log goes.
        if (section, name) == ("log", "format") {
            continue;
        }
        defaults += 1;
        let row = format!("| `{section}.{name}` | {}", value.trim_matches('"'));
        let there = page.lines().any(|line| {
            line.strip_prefix(&row)
                .is_some_and(|rest| rest.starts_with([' ', ',', '`']))
        });
        assert!(there, "docs/operations.md has no row {row}");
    }
    assert!(defaults > 30, "{shown}");
}

#[test]
fn settings_that_are_none_are_told() {
    assert_eq!(taken("[limits]\nin_flight = \"16\"\n"), Ok(()));
    let refused = taken("[limits]\nin_fligth = \"16\"\n").unwrap_err();
    assert!(refused.contains("limits.in_fligth"), "{refused}");
}
