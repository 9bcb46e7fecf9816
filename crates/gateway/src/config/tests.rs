//! Every rule that settings must keep, and that all breaches are told at once.

use std::{fs, path::PathBuf};

use super::*;

mod callers;
mod limits;
mod port;
mod web;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

/// Settings that are right, as variables; `changes` replaces, adds, or with an empty name's value removes.
struct Given {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    flags: Flags,
}

impl Given {
    fn nothing() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            flags: Flags::default(),
        }
    }

    fn complete() -> Self {
        let mut given = Self::nothing();
        let folder = given.folder.path().display().to_string();
        given
            .set("PARTNER__ID", "2445580000001")
            .set("PARTNER__SECRET", "canary-secret")
            .set("PARTNER__APP_KEY", "canary-app-key")
            .set("SHARED__STORE_PATH", &folder)
            .set("SHARED__KEY", KEY);
        given
    }

    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        let name = format!("OPENFINANCE_{name}");
        self.variables.retain(|(other, _)| *other != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    fn unset(&mut self, name: &str) -> &mut Self {
        let name = format!("OPENFINANCE_{name}");
        self.variables.retain(|(other, _)| *other != name);
        self
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn file(&mut self, text: &str) -> &mut Self {
        self.flags.file = Some(self.write("gateway.toml", text));
        self
    }

    fn settings(&self) -> Result<Settings, Problems> {
        Settings::load(&self.flags, self.variables.clone())
    }

    fn load(&self) -> Result<Config, Problems> {
        self.settings().map(|settings| settings.config)
    }

    fn problems(&self) -> Vec<String> {
        let problems = self.load().expect_err("the settings are wrong");
        let folder = self.folder.path().display().to_string();
        problems
            .0
            .iter()
            .map(|problem| problem.to_string().replace(&folder, "DIR"))
            .collect()
    }

    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems[0].clone()
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = Given::complete().load().unwrap();
    assert_eq!(config.grpc_listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9464");
    assert_eq!(
        config.deadline,
        Deadlines {
            default: Duration::from_secs(20),
            max: Duration::from_secs(60)
        }
    );
    assert_eq!(config.drain_grace, Duration::from_secs(10));
    assert_eq!(config.log.level, "info");
    let Upstream::Vendor(vendor) = config.upstream else {
        panic!("not the vendor")
    };
    assert_eq!(vendor.base_url.as_str(), "https://api.finicity.com");
}

#[test]
fn what_is_missing_is_told_all_at_once() {
    assert_eq!(
        Given::nothing().problems(),
        [
            "partner.id (in the file, or OPENFINANCE_PARTNER__ID): is required, except with --sandbox",
            "partner.secret (in the file, or OPENFINANCE_PARTNER__SECRET): is required, except with --sandbox",
            "partner.app_key (in the file, or OPENFINANCE_PARTNER__APP_KEY): is required, except with --sandbox",
            "shared.store_path (in the file, or OPENFINANCE_SHARED__STORE_PATH): is required, or shared.redis_url: a file in a folder that \
             the gateway may write to",
            "shared.key (in the file, or OPENFINANCE_SHARED__KEY): is required: 64 random hexadecimal digits, as \
             `openssl rand -hex 32` makes",
        ]
    );
}

#[test]
fn all_kinds_of_problems_are_told_at_once_with_key_and_source() {
    let mut given = Given::complete();
    given
        .file(
            "unknown = 1\n\
             [deadline]\n\
             default = \"soon\"\n\
             max = 60\n\
             [grpc]\n\
             listen = \"0.0.0.0:50051\"\n\
             wide = true\n\
             [partner.id]\n\
             x = \"y\"\n",
        )
        .set("LOG__FORMAT", "yaml")
        .set("LOG_LEVEL", "info")
        .set("SHARED__REDIS_URL", "canary")
        .set("admin__listen", "127.0.0.1:1");
    let problems = given.problems();
    for expected in [
        "unknown (DIR/gateway.toml:1): there is no such setting",
        "deadline.default (DIR/gateway.toml:3): must be a duration such as 500ms, 20s or 2m",
        "deadline.max (DIR/gateway.toml:4): must be a string in quotes",
        "grpc.wide (DIR/gateway.toml:7): there is no such setting",
        "log.format (OPENFINANCE_LOG__FORMAT): must be text or json",
        "log_level (OPENFINANCE_LOG_LEVEL): there is no such setting",
        "shared.redis_url (OPENFINANCE_SHARED__REDIS_URL): must be a URL such as redis://127.0.0.1:6379 or rediss://user:password@redis.example.com",
        "admin__listen (OPENFINANCE_admin__listen): there is no such setting",
    ] {
        assert!(
            problems.iter().any(|problem| problem == expected),
            "{expected} is not in {problems:#?}"
        );
    }
    assert!(
        problems
            .iter()
            .any(|problem| problem.starts_with("grpc.listen (DIR/gateway.toml:6): other machines"))
    );
    assert!(problems.iter().any(|problem| problem.starts_with("partner.id (DIR/gateway.toml:8): must be a string")));
    assert_eq!(problems.len(), 10, "{problems:#?}");
}

#[test]
fn no_time_is_longer_than_thirty_days() {
    let mut given = Given::complete();
    given.file(
        "[limits]\n\
         connection_age = \"5000000000000000000s\"\n\
         idle_timeout = \"721h\"\n\
         handshake_timeout = \"720h\"\n\
         [retry]\n\
         quiet_time = \"43201m\"\n",
    );
    let problems = given.problems();
    for expected in [
        "limits.connection_age (DIR/gateway.toml:2): must not be longer than 720h",
        "limits.idle_timeout (DIR/gateway.toml:3): must not be longer than 720h",
        "retry.quiet_time (DIR/gateway.toml:6): must not be longer than 720h",
    ] {
        assert!(
            problems.iter().any(|problem| problem == expected),
            "{problems:#?}"
        );
    }
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let mut given = Given::complete();
    given
        .file("[deadline]\ndefault = \"1s\"\nmax = \"2s\"\n")
        .set("DEADLINE__DEFAULT", "500ms");
    let config = given.load().unwrap();
    assert_eq!(config.deadline.default, Duration::from_millis(500));
    assert_eq!(config.deadline.max, Duration::from_secs(2));
}

#[test]
fn toml_that_can_not_be_read_is_told_by_line_and_without_the_line() {
    let mut given = Given::complete();
    given.file("[partner]\nsecret = \"canary-secret\n");
    let problem = given.problems().join("\n");
    assert!(problem.contains("DIR/gateway.toml:2: "), "{problem}");
    assert!(!problem.contains("canary"), "{problem}");
}

#[test]
fn a_settings_file_that_is_not_there_is_an_error() {
    let mut given = Given::complete();
    given.flags.file = Some(given.folder.path().join("none.toml"));
    assert!(
        given
            .problem()
            .starts_with("the settings file DIR/none.toml can't be read: ")
    );
}

#[test]
fn a_secret_may_be_the_content_of_a_file() {
    let mut given = Given::complete();
    let path = given.write("secret", "from-a-file\n").display().to_string();
    given
        .unset("PARTNER__SECRET")
        .set("PARTNER__SECRET_FILE", &path);
    let Upstream::Vendor(vendor) = given.load().unwrap().upstream else {
        panic!("not the vendor")
    };
    assert_eq!(
        secrecy::ExposeSecret::expose_secret(&vendor.partner_secret),
        "from-a-file"
    );
}

#[test]
fn a_secret_and_its_file_are_an_error_wherever_they_stand() {
    let mut given = Given::complete();
    let path = given.write("secret", "from-a-file\n").display().to_string();
    given.set("PARTNER__SECRET_FILE", &path);
    assert_eq!(
        given.problem(),
        "partner.secret_file (OPENFINANCE_PARTNER__SECRET_FILE): partner.secret is given too \
         (OPENFINANCE_PARTNER__SECRET): give one of them"
    );
    given
        .unset("PARTNER__SECRET_FILE")
        .file(&format!("[partner]\nsecret_file = {path:?}\n"));
    assert!(
        given
            .problem()
            .starts_with("partner.secret_file (DIR/gateway.toml:2): partner.secret is given too")
    );
}

#[test]
fn a_secret_file_that_can_not_be_read_is_told_by_its_own_key() {
    let mut given = Given::complete();
    given
        .unset("SHARED__KEY")
        .set("SHARED__KEY_FILE", "/none/of/these");
    assert!(
        given
            .problem()
            .starts_with("shared.key_file (OPENFINANCE_SHARED__KEY_FILE): the file /none/of/these")
    );
}

#[test]
fn the_shared_key_is_64_hexadecimal_digits() {
    for key in [
        "",
        "00",
        &KEY[1..],
        &format!("{KEY}0"),
        &KEY.replace('a', "g"),
    ] {
        let problem = Given::complete().set("SHARED__KEY", key).problem();
        assert_eq!(
            problem,
            "shared.key (OPENFINANCE_SHARED__KEY): must be 64 hexadecimal digits"
        );
    }
}

#[test]
fn a_gateway_that_runs_reads_its_settings_although_nothing_can_be_written_beside_its_store() {
    let mut given = Given::complete();
    // Nobody can make a file there, as on a disk that is full.
    given.set("SHARED__STORE_PATH", "/proc/store");
    assert!(given.problem().contains("can't be written to"));
    let again = Settings::load_again(&given.flags, given.variables.clone());
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn the_store_path_is_a_file_where_files_can_be_made() {
    let mut given = Given::complete();
    let file = given.write("file", "").display().to_string();
    for good in [file.clone(), format!("{file}.redb")] {
        assert!(
            given.set("SHARED__STORE_PATH", &good).load().is_ok(),
            "{good}"
        );
    }
    for bad in ["/none/of/these", &format!("{file}/store.redb")] {
        let problem = given.set("SHARED__STORE_PATH", bad).problem();
        let expected = "shared.store_path (OPENFINANCE_SHARED__STORE_PATH): can't be used";
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn the_base_url_is_https_or_this_machine_and_nothing_more() {
    for good in [
        "https://api.finicity.com",
        "https://example.com:8443/",
        "http://127.0.0.1:8080",
        "http://[::1]:1",
        "http://localhost:1",
    ] {
        assert!(
            Given::complete()
                .set("UPSTREAM__BASE_URL", good)
                .load()
                .is_ok(),
            "{good}"
        );
    }
    for bad in [
        "api.finicity.com",
        "http://api.finicity.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://example.com/v1",
        "https://example.com?x=y",
        "https://user:password@example.com",
        "https://example.com#x",
        "",
    ] {
        let problem = Given::complete().set("UPSTREAM__BASE_URL", bad).problem();
        assert!(
            problem.starts_with("upstream.base_url (OPENFINANCE_UPSTREAM__BASE_URL): must "),
            "{bad}: {problem}"
        );
    }
}

#[test]
fn the_default_deadline_is_within_the_longest_and_the_grace_within_the_limit() {
    let mut given = Given::complete();
    given
        .set("DEADLINE__DEFAULT", "2m")
        .set("DRAIN__GRACE", "31s");
    assert_eq!(
        given.problems(),
        [
            "deadline.default (OPENFINANCE_DEADLINE__DEFAULT): must not be longer than deadline.max, 1m",
            "drain.grace (OPENFINANCE_DRAIN__GRACE): must not be longer than 30s",
        ]
    );
}

#[test]
fn clients_with_the_service_config_allow_a_read_the_default_and_a_create_the_longest_time() {
    let config: serde_json::Value = serde_json::from_str(openfinance_rpc::SERVICE_CONFIG).unwrap();
    let timeout = |service: &str, method: &str| {
        let name =
            serde_json::json!({"service": format!("openfinance.v1.{service}"), "method": method});
        let mut entries = config["methodConfig"].as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["name"].as_array().unwrap().contains(&name));
        let seconds = entry.unwrap()["timeout"].as_str()?.strip_suffix('s')?;
        Some(Duration::from_secs(seconds.parse().unwrap()))
    };
    let Deadlines { default, max } = Deadlines::default();
    assert_eq!(timeout("CustomerService", "GetCustomer"), Some(default));
    assert_eq!(timeout("CustomerService", "CreateCustomer"), Some(max));
    assert_eq!(timeout("CustomerService", "StreamCustomers"), None);
}

#[test]
fn a_longest_deadline_below_the_default_one_is_the_default_too() {
    let seconds = |default, max| Deadlines {
        default: Duration::from_secs(default),
        max: Duration::from_secs(max),
    };
    let mut given = Given::complete();
    given.set("DEADLINE__MAX", "5s");
    assert_eq!(given.load().unwrap().deadline, seconds(5, 5));
    given.set("DEADLINE__DEFAULT", "2s");
    assert_eq!(given.load().unwrap().deadline, seconds(2, 5));
    // What was asked for is not changed in silence.
    assert_eq!(
        given.set("DEADLINE__DEFAULT", "6s").problem(),
        "deadline.default (OPENFINANCE_DEADLINE__DEFAULT): must not be longer than deadline.max, 5s"
    );
    // Against a limit that is wrong itself nothing is held.
    given
        .set("DEADLINE__DEFAULT", "2m")
        .set("DEADLINE__MAX", "x");
    assert!(given.problem().starts_with("deadline.max "));
}

#[test]
fn what_is_given_and_wrong_is_not_missing_too() {
    for (name, text, expected) in [
        (
            "PARTNER__ID",
            "[partner]\nid = 5\n",
            "partner.id (DIR/gateway.toml:2): must be a string in quotes",
        ),
        (
            "PARTNER__SECRET",
            "[partner]\nsecret_file = 5\n",
            "partner.secret_file (DIR/gateway.toml:2): must be a string in quotes",
        ),
        (
            "SHARED__STORE_PATH",
            "[shared]\nstore_path = 5\n",
            "shared.store_path (DIR/gateway.toml:2): must be a string in quotes",
        ),
        (
            "SHARED__KEY",
            "[shared.key]\nx = 5\n",
            "shared.key (DIR/gateway.toml:1): must be a string in quotes",
        ),
    ] {
        let mut given = Given::complete();
        assert_eq!(given.unset(name).file(text).problem(), expected);
    }
    let mut given = Given::nothing();
    let problems = given.file("partner = 5\nshared = 5\n").problems();
    assert_eq!(
        problems,
        [
            "partner (DIR/gateway.toml:1): is a section: write its settings below it",
            "shared (DIR/gateway.toml:2): is a section: write its settings below it"
        ]
    );
}

#[test]
fn a_file_that_can_not_be_read_is_the_only_problem_that_it_makes() {
    let mut given = Given::nothing();
    given.flags.file = Some(given.folder.path().join("none.toml"));
    assert!(
        given
            .problem()
            .starts_with("the settings file DIR/none.toml can't be read: ")
    );
    for text in [
        "[partner]\nid = 1 2\n",
        "[partner]\nid = \"1\nsecret = 5\n",
        "[deadline]\nmax = 5s\n",
        "[deadline]\nmax = \"5m\"\nx\n",
    ] {
        let mut given = Given::nothing();
        given.file(text).set("DEADLINE__DEFAULT", "2m");
        let problems = given.problems();
        assert!(
            problems
                .iter()
                .all(|problem| problem.starts_with("DIR/gateway.toml:")),
            "{problems:#?}"
        );
        // What is wrong elsewhere is told all the same.
        given.set("LOG__FORMAT", "yaml");
        assert_eq!(given.problems().len(), problems.len() + 1);
    }
}

#[test]
fn off_loopback_needs_insecure() {
    let mut given = Given::complete();
    given.set("GRPC__LISTEN", "[::]:50051");
    assert!(given.problem().contains("--insecure"));
    given.flags.insecure = true;
    assert!(given.load().is_ok());
    assert!(
        Given::complete()
            .set("ADMIN__LISTEN", "0.0.0.0:9464")
            .load()
            .is_ok()
    );
}

#[test]
fn the_sandbox_needs_no_setting_and_ignores_the_vendors() {
    let mut given = Given::nothing();
    given.flags.sandbox = true;
    let settings = given.settings().unwrap();
    assert!(
        matches!(settings.config.upstream, Upstream::Sandbox { listen } if listen.to_string() == "127.0.0.1:8080")
    );
    assert!(settings.ignored.is_empty());
    // Right or wrong, from wherever.
    given
        .set("PARTNER__ID", "1")
        .set("PARTNER__SECRET", "canary")
        .set("UPSTREAM__BASE_URL", "no url")
        .file("[partner]\nid = 5\nsecret_file = \"/none/of/these\"\napp_key = 5\n");
    let settings = given.settings().unwrap();
    assert_eq!(
        settings.ignored,
        [
            "partner.id",
            "partner.secret",
            "partner.app_key",
            "upstream.base_url"
        ]
    );
    assert!(matches!(settings.config.upstream, Upstream::Sandbox { .. }));
    // A name that does not exist is a slip there too.
    let problem = given.set("PARTNER__NAME", "1").problem();
    assert!(problem.contains("there is no such setting"), "{problem}");
}

#[test]
fn variables_of_other_tools_are_left_alone() {
    let mut given = Given::complete();
    given.set("VENDOR_DOCS", "/somewhere");
    given
        .variables
        .push(("OTEL_SERVICE_NAME".to_owned(), "gateway".to_owned()));
    assert!(given.load().is_ok());
}

#[test]
fn no_secret_is_printed() {
    let given = Given::complete();
    let printed = format!("{:?}", given.load().unwrap());
    let shown = given.settings().unwrap().show();
    for text in [printed, shown] {
        assert!(
            !text.contains("canary") && !text.to_lowercase().contains(&KEY.to_lowercase()),
            "{text}"
        );
    }
}

#[test]
fn the_settings_shown_are_toml_with_sources() {
    let mut given = Given::complete();
    given.file("[deadline]\nmax = \"90s\"\n");
    let shown = given.settings().unwrap().show();
    assert!(toml::de::DeTable::parse(&shown).is_ok(), "{shown}");
    for line in [
        "secret = \"[redacted]\" # OPENFINANCE_PARTNER__SECRET",
        "base_url = \"https://api.finicity.com\" # default",
        "default = \"20s\" # default",
    ] {
        assert!(
            shown.lines().any(|other| other == line),
            "{line} is not in\n{shown}"
        );
    }
    assert!(
        shown.contains("max = \"90s\" # ") && shown.contains("gateway.toml:2\n"),
        "{shown}"
    );
}

#[test]
fn a_health_check_needs_the_admin_address_only() {
    let variables = |value: &str| vec![("OPENFINANCE_ADMIN__LISTEN".to_owned(), value.to_owned())];
    assert_eq!(
        admin_listen(&Flags::default(), variables("0.0.0.0:1"))
            .unwrap()
            .to_string(),
        "0.0.0.0:1"
    );
    assert!(admin_listen(&Flags::default(), variables("here")).is_err());
    assert_eq!(
        admin_listen(&Flags::default(), []).unwrap().to_string(),
        "127.0.0.1:9464"
    );
}
