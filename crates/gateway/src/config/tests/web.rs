//! `grpc.web` and `grpc.web_origins`.

use super::*;

fn warnings(given: &Given) -> Vec<String> {
    let warnings = given.settings().unwrap().warnings;
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn pages_may_not_call_unless_it_is_switched_on() {
    let mut given = Given::complete();
    assert_eq!(given.load().unwrap().web, None);
    for text in ["true", "yes", ""] {
        let problem = given.set("GRPC__WEB", text).problem();
        assert_eq!(
            problem,
            "grpc.web (OPENFINANCE_GRPC__WEB): must be on or off"
        );
    }
    given.set("GRPC__WEB", "on");
    assert_eq!(given.load().unwrap().web, Some(Web::default()));
    assert_eq!(
        warnings(&given),
        ["grpc.web (OPENFINANCE_GRPC__WEB): no page may call: grpc.web_origins names none"]
    );
}

#[test]
fn origins_are_a_list_or_words_with_commas() {
    let origins = ["https://a.example.com", "http://localhost:5173"].map(str::to_owned);
    for text in [
        "[grpc]\nweb = \"on\"\nweb_origins = [\"https://a.example.com\", \"http://localhost:5173\"]\n",
        "[grpc]\nweb = \"on\"\nweb_origins = \"https://a.example.com, http://localhost:5173\"\n",
    ] {
        let mut given = Given::complete();
        given.file(text);
        let settings = given.settings().unwrap();
        let shown = settings.show();
        assert!(
            shown.contains("web_origins = \"https://a.example.com,http://localhost:5173\" # "),
            "{shown}"
        );
        assert_eq!(settings.config.web.unwrap().origins, origins);
        assert!(settings.warnings.is_empty());
    }
    let mut given = Given::complete();
    given.file("[grpc]\nweb_origins = [1]\n");
    assert_eq!(
        given.problem(),
        "grpc.web_origins (DIR/gateway.toml:2): must be a list of strings in quotes"
    );
}

#[test]
fn an_origin_is_written_as_browsers_write_it_and_none_stands_for_all() {
    for (text, told) in [
        ("*", "nothing stands for all pages"),
        ("https://*.example.com", "nothing stands for all pages"),
        ("null", "write the scheme"),
        ("example.com", "write the scheme"),
        ("localhost:5173", "write the scheme"),
        ("ftp://example.com", "write the scheme"),
        (
            "https://example.com/",
            "browsers would write https://example.com",
        ),
        (
            "https://example.com/app",
            "browsers would write https://example.com",
        ),
        (
            "https://Example.com",
            "browsers would write https://example.com",
        ),
        (
            "https://example.com:443",
            "browsers would write https://example.com",
        ),
        (
            "https://user@example.com",
            "browsers would write https://example.com",
        ),
    ] {
        let mut given = Given::complete();
        given.set("GRPC__WEB", "on").set("GRPC__WEB_ORIGINS", text);
        let problem = given.problem();
        assert!(
            problem.starts_with("grpc.web_origins (OPENFINANCE_GRPC__WEB_ORIGINS): entry 1")
                && problem.contains(told),
            "{text}: {problem}"
        );
    }
}

#[test]
fn origins_that_nobody_looks_at_and_pages_that_could_show_a_certificate_alone_are_told() {
    let mut given = Given::complete();
    given.set("GRPC__WEB_ORIGINS", "https://example.com");
    let told = warnings(&given);
    assert!(
        told[0].contains("is of no use while grpc.web is off"),
        "{told:?}"
    );
    let mut given = port::with_tls();
    let ca = port::path(&given, "ca");
    given
        .set("TLS__CLIENT_CA", &ca)
        .set("AUTH__MTLS", "on")
        .set("GRPC__WEB", "on")
        .set("GRPC__WEB_ORIGINS", "https://example.com");
    let told = warnings(&given);
    assert!(
        told.iter().any(|one| one.contains("no page can call")),
        "{told:?}"
    );
}
