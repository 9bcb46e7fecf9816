//! What is deployed: the image and the cluster's files, as far as they can be held against rules without either.

use std::{collections::BTreeSet, path::PathBuf};

use serde_json::Value;

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
    for word in ["--release", "--locked", "--no-default-features"] {
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
        ("readinessProbe", "/readyz"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], "admin");
    }
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
