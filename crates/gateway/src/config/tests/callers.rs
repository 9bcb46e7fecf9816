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
fn the_callers_of_the_page_are_taken_word_for_word() {
    let page = include_str!("../../../../../docs/how-to/run-for-real.md");
    let (_, rest) = page.split_once("```toml\n[[auth.keys]]").unwrap();
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

const ISSUER: &str =
    "[auth.jwt]\nissuer = \"https://login.example.com\"\naudience = \"openfinance\"\n";

/// A set with one key.
const SET: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn an_issuers_keys_come_over_https_or_from_this_machine_and_with_no_credential() {
    for url in [
        "https://login.example.com/keys",
        "https://login.example.com:8443/keys?p=policy",
        "http://localhost:8080/keys",
        "http://127.0.0.1/keys",
        "http://[::1]/keys",
    ] {
        let given = with(&format!("{ISSUER}jwks_url = \"{url}\"\n"));
        let jwt = given.load().unwrap().auth.jwt.unwrap();
        assert_eq!(jwt.issuer, "https://login.example.com");
        assert!(matches!(jwt.keys, auth::KeySource::Url(kept) if kept.as_str() == url));
    }
    for url in [
        "http://login.example.com/keys",
        "http://localhost.example.com/keys",
        "http://127.0.0.1.example.com/keys",
        "http://192.0.2.1/keys",
        "https://user@login.example.com/keys",
        "https://user:canary@login.example.com/keys",
        "https://:canary@login.example.com/keys",
        "file:///keys",
        "data:,keys",
        "keys",
        "",
    ] {
        let problem = with(&format!("{ISSUER}jwks_url = \"{url}\"\n")).problem();
        assert!(
            problem.ends_with("must be a URL with https, or http to this machine itself"),
            "{url}: {problem}"
        );
        assert!(!problem.contains("canary"), "{problem}");
    }
}

#[test]
fn what_is_missing_or_too_much_of_an_issuer_is_told() {
    let url = "jwks_url = \"https://login.example.com/keys\"\n";
    let has = |file: &str, expected: &[&str]| {
        let problems = with(file).problems();
        let keys: Vec<_> = problems
            .iter()
            .map(|problem| problem.split(' ').next().unwrap())
            .collect();
        assert_eq!(keys, expected, "{problems:?}");
    };
    has(
        &format!("[auth.jwt]\n{url}"),
        &["auth.jwt.issuer", "auth.jwt.audience"],
    );
    has(ISSUER, &["auth.jwt.jwks_file"]);
    let given = with("");
    let path = given.write("jwks.json", SET);
    let file = format!("jwks_file = \"{}\"\n", path.display());
    has(&format!("{ISSUER}{file}{url}"), &["auth.jwt.jwks_url"]);
    let alone = with(&format!("{ISSUER}{file}"));
    assert!(alone.load().unwrap().auth.is_on());
}

#[test]
fn a_secret_in_the_query_of_an_address_is_not_printed_and_a_change_of_it_is_seen() {
    let settings = |token: &str| {
        let url = format!("https://login.example.com/keys?token={token}");
        with(&format!("{ISSUER}jwks_url = \"{url}\"\n"))
            .settings()
            .unwrap()
    };
    let (one, other) = (settings("canary1"), settings("canary2"));
    let shown = one.show();
    assert!(
        shown.contains("jwks_url = \"https://login.example.com/keys?redacted\""),
        "{shown}"
    );
    assert!(!shown.contains("canary") && !format!("{one:?}").contains("canary"));
    let changed = one.state().differences(&other.state());
    assert!(changed.contains(&"auth.jwt.jwks_url"), "{changed:?}");
}

#[test]
fn a_key_set_that_is_broken_keeps_a_gateway_from_starting_and_not_from_taking_a_key_away() {
    let given = with("");
    let path = given.write("jwks.json", "canary");
    let given = with(&format!("{ISSUER}jwks_file = \"{}\"\n", path.display()));
    assert!(given.problem().ends_with("is no JSON Web Key Set"));
    let again = Settings::load_again(&given.flags, given.variables.clone()).unwrap();
    assert!(again.config.auth.jwt.is_some());
    let told = again.warnings.iter().map(ToString::to_string);
    let told: Vec<_> = told
        .filter(|warning| warning.starts_with("auth.jwt.jwks_file"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn off_loopback_needs_both_encryption_and_callers_that_are_told_apart() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = format!("[[auth.keys]]\nprincipal = \"batch\"\nsha256 = \"{HASH}\"\n");
    for (tls, auth, starts) in [
        (false, false, false),
        (false, true, false),
        (true, false, false),
        (true, true, true),
    ] {
        let mut given = with(if auth { &key } else { "" });
        given.set("GRPC__LISTEN", "192.0.2.1:50051");
        if tls {
            let cert = given.write("tls.pem", &signed.cert.pem());
            let private = given.write("tls.key", &signed.signing_key.serialize_pem());
            given.set("TLS__CERT", &cert.display().to_string());
            given.set("TLS__KEY", &private.display().to_string());
        }
        match given.load() {
            Ok(config) => {
                assert!(starts, "tls {tls}, callers {auth}");
                assert_eq!(config.grpc_listen.to_string(), "192.0.2.1:50051");
            }
            Err(problems) => {
                assert!(!starts, "tls {tls}, callers {auth}: {problems}");
                assert!(problems.to_string().contains("grpc.listen"), "{problems}");
            }
        }
    }
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
