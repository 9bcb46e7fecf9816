//! `auth.*` and `[[policy]]`.

use secrecy::ExposeSecret as _;

use super::*;

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Settings with this in their file.
fn with(file: &str) -> Given {
    let mut given = Given::complete();
    given.file(file);
    given
}

#[test]
fn callers_are_not_told_apart_unless_it_is_set() {
    assert!(!Given::complete().load().unwrap().auth.is_on());
    let mut by_variable = Given::complete();
    by_variable.set("AUTH__MTLS", "on");
    assert_eq!(
        by_variable.problem(),
        "auth.mtls (OPENFINANCE_AUTH__MTLS): knows nobody without tls.client_ca, the authority of the callers' certificates"
    );
    // What the authority's file lacks is told by itself.
    let problems = with("[auth]\nmtls = \"on\"\n[tls]\nclient_ca = \"canary\"\n").problems();
    assert!(
        !problems.iter().any(|problem| problem.starts_with("auth")),
        "{problems:?}"
    );
}

/// What is told of settings with nothing wrong in them.
fn warnings(file: &str) -> Vec<String> {
    let given = with(file);
    let folder = given.folder.path().display().to_string();
    let warnings = given.settings().unwrap().warnings;
    let told = warnings.iter().map(ToString::to_string);
    told.map(|warning| warning.replace(&folder, "DIR"))
        .collect()
}

#[test]
fn the_hash_of_nothing_and_names_of_nobody_are_refused() {
    // What `printf %s "$KEY" | sha256sum` says where KEY is not set.
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let row = |principal: &str, hash: &str| {
        with(&format!(
            "[[auth.keys]]\nprincipal = \"{principal}\"\nsha256 = \"{hash}\"\n[[policy]]\nprincipal = \"batch\"\n"
        ))
    };
    assert_eq!(
        row("batch", nothing).problem(),
        "auth.keys[0].sha256 (DIR/gateway.toml:3): is the hash of nothing: what was hashed was no key"
    );
    for name in ["anonymous", "unknown"] {
        assert_eq!(
            row(name, HASH).problem(),
            "auth.keys[0].principal (DIR/gateway.toml:2): is what the gateway calls those that it does not know: choose \
             another name"
        );
    }
}

#[test]
fn a_name_has_one_grant_or_one_for_each_method() {
    let key = format!("[[auth.keys]]\nprincipal = \"web\"\nsha256 = \"{HASH}\"\n");
    let grant = |rest: &str| format!("[[policy]]\nprincipal = \"web\"\n{rest}");
    let (by_key, by_token) = (grant("method = \"key\"\n"), grant("method = \"jwt\"\n"));
    let settings = with(&format!("{key}{by_key}{by_token}"))
        .settings()
        .unwrap();
    let methods = settings.config.auth.policy.iter().map(|grant| grant.method);
    assert_eq!(
        methods.collect::<Vec<_>>(),
        [Some(auth::Method::Key), Some(auth::Method::Jwt)]
    );
    assert!(
        settings
            .show()
            .contains("principal = \"web\"\nmethod = \"jwt\"\n")
    );
    let any = grant("");
    for twice in [
        format!("{by_key}{by_key}"),
        format!("{any}{by_key}"),
        format!("{by_key}{any}"),
    ] {
        let problem = with(&format!("{key}{twice}")).problem();
        assert!(problem.ends_with("write one for each caller"), "{problem}");
    }
    let problem = with(&format!("{key}{}", grant("method = \"none\"\n"))).problem();
    assert!(problem.ends_with("must be mtls, jwt or key"), "{problem}");
}

#[test]
fn callers_that_can_not_be_or_may_do_nothing_are_told() {
    let key = format!("[[auth.keys]]\nprincipal = \"batch\"\nsha256 = \"{HASH}\"\n");
    let grant = |name: &str| format!("[[policy]]\nprincipal = \"{name}\"\n");
    assert_eq!(warnings(&format!("{key}{}", grant("batch"))), [""; 0]);
    let told = warnings(&key);
    assert!(
        told.len() == 1 && told[0].ends_with("is not there, so no caller may do anything"),
        "{told:?}"
    );
    assert_eq!(
        warnings(&format!("{key}{}", grant("bacth"))),
        ["policy (DIR/gateway.toml:4): bacth can't call: no key has that name, but batch"]
    );
    let by_token = format!("{}method = \"jwt\"\n", grant("batch"));
    assert_eq!(
        warnings(&format!("{key}{by_token}")),
        ["policy (DIR/gateway.toml:4): batch can't call: no tokens are taken"]
    );
}

#[test]
fn keys_and_policy_are_lists_of_tables() {
    let given = with(&format!(
        "[[auth.keys]]\nprincipal = \"batch\"\nsha256 = \"{HASH}\"\n\
         [[policy]]\nprincipal = \"batch\"\nroles = [\"reader\"]\npermissions = [\"pii.read\"]\n\
         [[policy]]\nprincipal = \"spiffe://example.com/web\"\n"
    ));
    let settings = given.settings().unwrap();
    let auth = &settings.config.auth;
    assert!(auth.is_on());
    assert_eq!(auth.keys[0].principal, "batch");
    assert_eq!(auth.keys[0].sha256.expose_secret()[..3], [0, 0x11, 0x22]);
    let [batch, web] = auth.policy.as_slice() else {
        panic!("not two entries");
    };
    let all = ["customers.read", "partner.read", "pii.read"];
    assert!(all.iter().all(|name| batch.permissions.contains(name)));
    assert!(!batch.permissions.contains("tax_id.read"));
    assert!(web.permissions.is_empty());
    let shown = settings.show();
    assert!(
        shown.contains("[[policy]]\nprincipal = \"spiffe://example.com/web\"\npermissions = []\n")
    );
    assert!(!shown.contains(HASH));
    toml::de::DeTable::parse(&shown).unwrap();
}

#[test]
fn the_callers_of_the_readme_are_taken_word_for_word() {
    let readme = include_str!("../../../../../README.md");
    let (_, rest) = readme.split_once("```toml\n[[auth.keys]]").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let given = with(&format!("[[auth.keys]]{example}"));
    let auth = given.load().unwrap().auth;
    let [loans] = auth.policy.as_slice() else {
        panic!("not one entry");
    };
    assert_eq!(loans.principal, auth.keys[0].principal);
    for (permission, granted) in [
        ("customers.create", true),
        ("partner.rotate", false),
        ("pii.read", true),
        ("tax_id.read", false),
    ] {
        assert_eq!(loans.permissions.contains(permission), granted);
    }
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let given = with(&format!(
        "[[policy]]\nroles = [\"king\"]\npermissions = [\"customers.forge\"]\n\
         [[policy]]\nprincipal = \"a b\"\nroles = \"reader\"\n\
         [[policy]]\nprincipal = \"batch\"\npolicies = []\n\
         [[policy]]\nprincipal = \"batch\"\nroles = [1]\n\
         [[auth.keys]]\nprincipal = \"\"\nsha256 = \"canary\"\n\
         [[auth.keys]]\nprincipal = \"batch\"\nsha256 = \"{HASH}\"\n\
         [[auth.keys]]\nprincipal = \"batch\"\nsha256 = \"{HASH}\"\n\
         [[auth.keys]]\nprincipal = [\"batch\"]\n"
    ));
    let problems = given.problems();
    let name = "must be 1 to 255 printable ASCII characters without spaces";
    let mut expected = vec![
        "policy[2].policies (DIR/gateway.toml:9): there is no such setting".to_owned(),
        "policy[3].roles (DIR/gateway.toml:12): must be a string in quotes, or a list of them".to_owned(),
        format!("auth.keys[0].principal (DIR/gateway.toml:14): {name}"),
        "auth.keys[0].sha256 (DIR/gateway.toml:15): must be the SHA-256 hash of a key, 64 hexadecimal digits".to_owned(),
        "auth.keys[2].sha256 (DIR/gateway.toml:21): is the hash of another key in the list, too".to_owned(),
        "auth.keys[3].principal (DIR/gateway.toml:23): must be a string in quotes".to_owned(),
        "auth.keys[3].sha256 (DIR/gateway.toml:22): is required".to_owned(),
        "policy[0].principal (DIR/gateway.toml:1): is required".to_owned(),
        "policy[0].roles (DIR/gateway.toml:2): must be of reader, writer and admin".to_owned(),
        format!("policy[1].principal (DIR/gateway.toml:5): {name}"),
        "policy[1].roles (DIR/gateway.toml:6): must be a list of strings in quotes, such as [\"reader\"]".to_owned(),
        "policy[3].principal (DIR/gateway.toml:10): has an entry further up: write one for each caller".to_owned(),
    ];
    let mut told: Vec<_> = problems
        .into_iter()
        .filter(|problem| !problem.contains("must be of authorizations.read"))
        .collect();
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
}

#[test]
fn a_policy_without_a_way_in_is_on_and_told() {
    let given = with("[[policy]]\nprincipal = \"batch\"\n");
    assert!(given.load().unwrap().auth.is_on());
    assert_eq!(
        warnings("[[policy]]\nprincipal = \"batch\"\n"),
        [
            "policy (DIR/gateway.toml:1): nobody can call: callers are told apart by auth.mtls, auth.jwt.* or \
             [[auth.keys]], and there is none of them"
        ]
    );
    // Whoever gets a key wrong is told of the key alone.
    let problem =
        with("[[auth.keys]]\nprincipal = \"batch\"\n[[policy]]\nprincipal = \"batch\"\n").problem();
    assert_eq!(
        problem,
        "auth.keys[0].sha256 (DIR/gateway.toml:1): is required"
    );
}

#[test]
fn a_list_of_tables_stands_in_the_file_alone() {
    let mut given = Given::complete();
    given.set("POLICY", "batch");
    assert_eq!(
        given.problem(),
        "policy (OPENFINANCE_POLICY): only the settings file can hold [[policy]]"
    );
    for (file, name) in [
        ("policy = \"batch\"", "policy"),
        ("[policy]\nprincipal = \"batch\"", "policy"),
        ("[auth]\nkeys = [1]", "auth.keys"),
        ("policy = []", "policy"),
    ] {
        let problem = with(file).problem();
        let rule = format!("is a list of tables: write [[{name}]] above each");
        assert!(
            problem.starts_with(name) && problem.ends_with(&rule),
            "{problem}"
        );
    }
}
