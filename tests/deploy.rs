//! What is deployed: the image and the cluster's files, as far as they can be held against rules without either.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use openfinance_gateway::{
    Gateway,
    config::{Flags, Settings},
};
use openfinance_sandbox::Config;
use serde_json::Value;
use tonic::{Code, transport::Channel};

use crate::{
    callers::certificates::{Authority, connect_to, dns, uri, who},
    fleet::Fleet,
    fleet::reason,
};

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy")).join(path)
}

fn read(path: &str) -> String {
    let path = deploy(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files that the kustomization in this folder names, each parsed.
fn resources(folder: &str) -> Vec<Value> {
    let kustomization = yaml(&format!("{folder}/kustomization.yaml"));
    let named: BTreeSet<_> = kustomization["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let there = std::fs::read_dir(deploy(folder)).unwrap();
    let there: BTreeSet<_> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .filter(|name| name != "kustomization.yaml" && !name.contains(".example."))
        .collect();
    assert_eq!(named, there, "a file that is not part of {folder}");
    let files = named.iter().map(|name| yaml(&format!("{folder}/{name}")));
    files.collect()
}

fn of_kind<'a>(resources: &'a [Value], kind: &str) -> &'a Value {
    let mut found = resources.iter().filter(|one| one["kind"] == kind);
    let one = found.next();
    assert!(found.next().is_none(), "more than one {kind}");
    one.unwrap_or_else(|| panic!("no {kind}"))
}

/// An exact version: three numbers at least, and no word that moves.
fn is_pinned(image: &str) -> bool {
    let Some((_, tag)) = image.rsplit_once(':') else {
        return false;
    };
    let version = tag.split('-').next().unwrap_or_default();
    version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok())
}

#[test]
fn the_image_is_built_from_exact_versions_and_runs_as_nobody() {
    let text = read("Containerfile");
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let bases: Vec<_> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("FROM "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
    assert!(is_pinned(bases[0]), "{}", bases[0]);
    assert_eq!(bases[1], "scratch", "nothing else is in the image");
    let build = lines
        .iter()
        .find(|line| line.contains("cargo build"))
        .unwrap();
    for word in ["--profile dist", "--locked", "--no-default-features"] {
        assert!(build.contains(word), "{build}");
    }
    let last = lines
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .unwrap();
    let image = &lines[last..];
    assert!(image.contains(&"USER 65532:65532"));
    assert!(
        image
            .iter()
            .any(|line| line.contains("ca-certificates.crt"))
    );
    // Commands in the form that needs no shell: there is none. No secret is baked in.
    for line in image {
        for word in ["CMD ", "ENTRYPOINT "] {
            let command = line.strip_prefix(word);
            assert!(
                command.is_none_or(|command| command.starts_with('[')),
                "{line}"
            );
        }
        for word in ["ARG ", "ENV ", "ADD ", "RUN "] {
            assert!(!line.starts_with(word), "{line}");
        }
    }
}

#[test]
fn pods_have_no_rights_and_bounded_resources() {
    for (folder, kind) in [
        ("kubernetes/base", "Deployment"),
        ("kubernetes/valkey", "StatefulSet"),
    ] {
        let resources = resources(folder);
        let pod = &of_kind(&resources, kind)["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert!(pod["securityContext"]["runAsUser"].as_u64() > Some(0));
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"]["drop"][0], "ALL");
            assert!(container["resources"]["requests"]["cpu"].is_string());
            assert!(container["resources"]["limits"]["memory"].is_string());
            assert!(container["livenessProbe"].is_object());
            assert!(container["readinessProbe"].is_object());
            let volumes: BTreeSet<_> = ["volumes"]
                .iter()
                .flat_map(|key| pod[key].as_array().unwrap())
                .chain(
                    of_kind(&resources, kind)["spec"]["volumeClaimTemplates"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|claim| &claim["metadata"]),
                )
                .map(|volume| volume["name"].as_str().unwrap())
                .collect();
            for mount in container["volumeMounts"].as_array().unwrap() {
                assert!(volumes.contains(mount["name"].as_str().unwrap()), "{mount}");
            }
        }
    }
    let valkey = resources("kubernetes/valkey");
    let container = &of_kind(&valkey, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    assert!(is_pinned(container["image"].as_str().unwrap()));
    let image = &yaml("kubernetes/base/kustomization.yaml")["images"][0];
    let tag = image["newTag"].as_str().unwrap();
    assert_eq!(tag, env!("CARGO_PKG_VERSION"), "the version that is built");
}

#[test]
fn replicas_are_several_and_all_parts_name_the_same_pods() {
    let resources = resources("kubernetes/base");
    let spec = &of_kind(&resources, "Deployment")["spec"];
    assert!(spec["replicas"].as_u64() >= Some(2));
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(&spec["selector"]["matchLabels"], labels);
    assert_eq!(&of_kind(&resources, "Service")["spec"]["selector"], labels);
    let budget = of_kind(&resources, "PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let policy = of_kind(&resources, "NetworkPolicy");
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], labels);
    // The gateway ends by itself before the cluster ends it.
    let pod = &spec["template"]["spec"];
    let container = &pod["containers"][0];
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
    let limit = openfinance_gateway::config::DRAIN_LIMIT.as_secs();
    assert!(pod["terminationGracePeriodSeconds"].as_u64() > pause.map(|pause| pause + limit));
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        // What all replicas share must not take all of them out of service.
        ("readinessProbe", "/readyz?exclude=store&exclude=guard"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], "admin");
    }
    // One look that fails is no reason to send callers elsewhere.
    assert!(container["readinessProbe"]["failureThreshold"].as_u64() >= Some(3));
}

#[test]
fn no_command_has_a_secret_in_it_and_the_store_takes_its_users_from_a_file() {
    for (folder, kind) in [
        ("kubernetes/base", "Deployment"),
        ("kubernetes/valkey", "StatefulSet"),
    ] {
        let resources = resources(folder);
        let container = &of_kind(&resources, kind)["spec"]["template"]["spec"]["containers"][0];
        for words in ["command", "args"] {
            let words = container[words].as_array();
            let refers = |word: &Value| word.as_str().unwrap().contains("$(");
            assert!(!words.into_iter().flatten().any(refers), "{folder}");
        }
    }
    let valkey = resources("kubernetes/valkey");
    let pod = &of_kind(&valkey, "StatefulSet")["spec"]["template"]["spec"];
    let settings = read("kubernetes/valkey/valkey.conf");
    let users = settings
        .lines()
        .find_map(|line| line.strip_prefix("aclfile "));
    let (folder, file) = users.unwrap().rsplit_once('/').unwrap();
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts
        .iter()
        .find(|mount| mount["mountPath"] == folder)
        .unwrap();
    let volumes = pod["volumes"].as_array().unwrap();
    let volume = volumes
        .iter()
        .find(|volume| volume["name"] == mount["name"]);
    let template = yaml("kubernetes/valkey/secret.example.yaml");
    assert_eq!(
        volume.unwrap()["secret"]["secretName"],
        template["metadata"]["name"]
    );
    let there = template["stringData"].as_object().unwrap();
    assert_eq!(there.keys().collect::<Vec<_>>(), [file]);
    assert_eq!(there[file], "user default on >REPLACE-ME ~* &* +@all\n");
}

/// A gateway with the settings of the cluster, its Secrets as files, and those who know it.
pub(crate) struct Cluster {
    pub(crate) gateway: Gateway,
    authority: Authority,
    _secrets: tempfile::TempDir,
}

impl Cluster {
    /// A gateway that shares this Redis, as a replica of the cluster does. Only the ports and the folders of the
    /// Secrets are others, and the vendor is a sandbox.
    pub(crate) async fn start(fleet: &Fleet, redis_url: &str) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.signs(vec![dns("localhost")]);
        let partner = Config::for_tests().partner;
        let secrets = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("partner-secret", partner.secret.as_str()),
            ("app-key", &partner.app_key),
            ("shared-key", &"0f".repeat(32)),
            ("redis-url", redis_url),
            ("tls.crt", &certificate),
            ("tls.key", &key),
            ("ca.crt", &authority.certificate),
        ] {
            std::fs::write(secrets.path().join(name), text).unwrap();
        }
        let folder = format!("{}/", secrets.path().display());
        let settings = read("kubernetes/base/openfinance.toml")
            .replace("/run/secrets/openfinance/", &folder)
            .replace("/run/secrets/tls/", &folder)
            .replace(":50051", ":0")
            .replace(":9464", ":0");
        assert!(!settings.contains("/run/"), "{settings}");
        let file = secrets.path().join("openfinance.toml");
        std::fs::write(&file, settings).unwrap();
        let flags = Flags {
            file: Some(file),
            ..Flags::default()
        };
        let variables = [
            ("OPENFINANCE_PARTNER__ID", partner.id),
            ("OPENFINANCE_UPSTREAM__BASE_URL", fleet.sandbox_url()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::load(&flags, variables).unwrap_or_else(|wrong| panic!("{wrong}"));
        Self {
            gateway: Gateway::start(settings.config).await.unwrap(),
            authority,
            _secrets: secrets,
        }
    }

    /// A connection of the caller with this name.
    pub(crate) async fn connect(&self, name: &str) -> Channel {
        let own = self.authority.signs(vec![uri(name)]);
        let address = here(self.gateway.grpc_address());
        connect_to(address, &self.authority, Some(own))
            .await
            .unwrap()
    }

    /// What the admin port answers.
    pub(crate) async fn status(&self, path: &str) -> u16 {
        let address = here(self.gateway.admin_address());
        let answer = reqwest::get(format!("http://{address}{path}")).await;
        answer.unwrap().status().as_u16()
    }
}

/// It listens everywhere, so here too.
fn here(listener: SocketAddr) -> SocketAddr {
    assert!(listener.ip().is_unspecified(), "{listener}");
    SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()))
}

/// The caller that the policy of the shipped settings names.
pub(crate) const CALLER: &str = "spiffe://cluster.local/ns/lending/sa/underwriting";

#[tokio::test]
async fn the_clusters_settings_start_a_gateway_that_knows_its_callers() {
    let fleet = Fleet::start().await;
    // Nobody listens there: it lives, and is not ready.
    let cluster = Cluster::start(&fleet, "redis://127.0.0.1:1").await;
    assert_eq!(cluster.status("/livez").await, 200);
    assert_eq!(cluster.status("/readyz").await, 503);
    let known = who(cluster.connect(CALLER).await).await.unwrap();
    assert_eq!(known.principal, CALLER);
    assert!(!known.permissions.iter().any(|word| word == "pii.read"));
    let other = who(cluster
        .connect("spiffe://cluster.local/ns/other/sa/any")
        .await)
    .await;
    let other = other.unwrap_err();
    assert_eq!(other.code(), Code::PermissionDenied);
    assert_eq!(reason(&other), "CALLER_FORBIDDEN");
    cluster.gateway.stop().await;
    fleet.stop().await;
}

/// Images are named by exact version, and where the digest goes is said beside it.
#[test]
fn where_an_image_is_named_it_is_said_how_to_find_its_digest() {
    for file in [
        "Containerfile",
        "kubernetes/base/kustomization.yaml",
        "kubernetes/valkey/kustomization.yaml",
    ] {
        let text = read(file);
        assert!(
            text.contains("skopeo inspect --format '{{.Digest}}' docker://"),
            "{file}"
        );
    }
    let valkey = &yaml("kubernetes/valkey/kustomization.yaml")["images"][0];
    let stateful = resources("kubernetes/valkey");
    let container = &of_kind(&stateful, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let named = format!(
        "{}:{}",
        valkey["name"].as_str().unwrap(),
        valkey["newTag"].as_str().unwrap()
    );
    assert_eq!(container["image"], named.as_str());
}

#[test]
fn every_secret_that_is_used_is_in_the_template_and_the_template_has_none() {
    let template = yaml("kubernetes/base/secret.example.yaml");
    let there = template["stringData"].as_object().unwrap();
    assert!(there.values().all(|value| value == "REPLACE-ME"));
    let settings = read("kubernetes/base/openfinance.toml");
    let folder = "/run/secrets/openfinance/";
    let mut used: BTreeSet<_> = settings
        .lines()
        .filter_map(|line| line.split_once(folder))
        .map(|(_, name)| name.trim_end_matches('"').to_owned())
        .collect();
    used.insert("partner-id".to_owned());
    assert_eq!(used, there.keys().cloned().collect());
}
