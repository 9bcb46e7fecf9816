//! The bill of materials of the gateway as it ships: CycloneDX 1.6, from `cargo tree` and the checksums in `Cargo.lock`.
//!
//! As it ships: for Linux, without the sandbox. What is only compiled to build it (build scripts, generators) is marked
//! as excluded. The same tree makes the same bytes: there is no time in it, and the serial number comes from the content.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cargo::cargo;

/// The package that ships.
const SHIPPED: &str = "openfinance-gateway";

/// A system that it ships for; the others differ in no crate.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// One crate of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    license: String,
}

impl Crate {
    /// What identifies it, here and elsewhere.
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// A tree of crates: each with what it imports itself.
type Tree = BTreeMap<Crate, BTreeSet<Crate>>;

/// The bill of materials, as text.
pub(crate) fn document(root: &Path) -> Result<String> {
    let shipped = tree(root, "normal")?;
    let all = tree(root, "normal,build")?;
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    let document = render(&all, &shipped, &checksums(&lock)?)?;
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// How many crates the gateway is made of as it ships, ours and the derives included.
#[cfg(test)]
fn count(root: &Path) -> Result<usize> {
    Ok(tree(root, "normal")?.len())
}

fn tree(root: &Path, edges: &str) -> Result<Tree> {
    let output = cargo()
        .args(["tree", "--locked", "--package", SHIPPED])
        .args(["--no-default-features", "--target", TARGET])
        .args(["--edges", edges, "--prefix", "depth", "--no-dedupe"])
        .args(["--format", "\t{p}\t{l}"])
        .current_dir(root)
        .output()
        .context("cannot run cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    parse(&String::from_utf8(output.stdout)?)
}

/// Reads lines of a depth, a crate with its version, and a licence.
fn parse(text: &str) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut columns = line.split('\t');
        let mut column = || columns.next().with_context(|| format!("cut short: {line}"));
        let depth: usize = column()?.parse()?;
        let mut words = column()?.split(' ');
        let name = words.next().context("a crate without a name")?;
        let version = words.next().and_then(|word| word.strip_prefix('v'));
        let one = Crate {
            name: name.to_owned(),
            version: version.context("a crate without a version")?.to_owned(),
            // As crates wrote it before there was an `OR`.
            license: column()?.replace('/', " OR "),
        };
        ensure!(!one.license.is_empty(), "{name} names no licence");
        above.truncate(depth);
        if let Some(importer) = above.last() {
            tree.entry(importer.clone())
                .or_default()
                .insert(one.clone());
        }
        tree.entry(one.clone()).or_default();
        above.push(one);
    }
    Ok(tree)
}

/// The checksums of a lock file, by name and version. Our own crates have none.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let text = |package: &toml::Value, key| package.get(key)?.as_str().map(str::to_owned);
    let checksum = |package: &toml::Value| {
        let id = (text(package, "name")?, text(package, "version")?);
        Some((id, text(package, "checksum")?))
    };
    Ok(packages
        .into_iter()
        .flatten()
        .filter_map(checksum)
        .collect())
}

fn render(
    all: &Tree,
    shipped: &Tree,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value> {
    let component = |one: &Crate, kind: &str| {
        let mut component = json!({
            "type": kind,
            "bom-ref": one.url(),
            "name": one.name,
            "version": one.version,
            "purl": one.url(),
            "licenses": [{ "expression": one.license }],
        });
        if let Some(checksum) = checksums.get(&(one.name.clone(), one.version.clone())) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let product = all
        .keys()
        .find(|one| one.name == SHIPPED)
        .context("the gateway is not in its own tree")?;
    let components: Vec<Value> = all
        .keys()
        .filter(|one| *one != product)
        .map(|one| {
            let mut component = component(one, "library");
            let scope = if shipped.contains_key(one) {
                "required"
            } else {
                "excluded"
            };
            component["scope"] = scope.into();
            component
        })
        .collect();
    let dependencies: Vec<Value> = all
        .iter()
        .map(|(one, imports)| {
            let imports: Vec<String> = imports.iter().map(Crate::url).collect();
            json!({ "ref": one.url(), "dependsOn": imports })
        })
        .collect();
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": component(product, "application") },
        "components": components,
        "dependencies": dependencies,
    });
    document["serialNumber"] = serial(&document.to_string()).into();
    Ok(document)
}

/// A UUID of the kind that is free in its content, made from the hash of the document.
fn serial(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mut digits: Vec<char> = hash
        .iter()
        .take(16)
        .flat_map(|byte| format!("{byte:02x}").chars().collect::<Vec<_>>())
        .collect();
    digits[12] = '8';
    digits[16] = 'a';
    let part = |from: usize, to: usize| digits[from..to].iter().collect::<String>();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The crates that the gateway may be made of. Each one more is somebody else's code beside every borrower's record.
    const MOST_CRATES: usize = 250;

    const TREE: &str = "0\topenfinance-gateway v0.1.0 (/somewhere)\tApache-2.0\n\
        1\ta v1.0.0\tMIT/Apache-2.0\n\
        2\tb v2.0.0 (proc-macro)\tMIT\n\
        1\tb v2.0.0 (proc-macro)\tMIT\n";

    #[test]
    fn the_gateway_is_made_of_no_more_crates_than_allowed() {
        let count = count(&crate::root()).unwrap();
        assert!(count <= MOST_CRATES, "{count} crates: leave one out");
    }

    #[test]
    fn every_crate_is_told_with_its_licence_its_checksum_and_what_it_imports() {
        let tree = parse(TREE).unwrap();
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"12\"\n";
        let only_a = parse(&TREE.replace("\tb", "\ta")).unwrap();
        let document = render(&tree, &only_a, &checksums(lock).unwrap()).unwrap();
        assert_eq!(
            document["components"],
            json!([
                {
                    "type": "library", "bom-ref": "pkg:cargo/a@1.0.0", "name": "a", "version": "1.0.0",
                    "purl": "pkg:cargo/a@1.0.0", "licenses": [{ "expression": "MIT OR Apache-2.0" }],
                    "hashes": [{ "alg": "SHA-256", "content": "12" }], "scope": "required",
                },
                {
                    "type": "library", "bom-ref": "pkg:cargo/b@2.0.0", "name": "b", "version": "2.0.0",
                    "purl": "pkg:cargo/b@2.0.0", "licenses": [{ "expression": "MIT" }], "scope": "excluded",
                },
            ])
        );
        assert_eq!(
            document["dependencies"],
            json!([
                { "ref": "pkg:cargo/a@1.0.0", "dependsOn": ["pkg:cargo/b@2.0.0"] },
                { "ref": "pkg:cargo/b@2.0.0", "dependsOn": [] },
                {
                    "ref": "pkg:cargo/openfinance-gateway@0.1.0",
                    "dependsOn": ["pkg:cargo/a@1.0.0", "pkg:cargo/b@2.0.0"],
                },
            ])
        );
    }

    #[test]
    fn the_bill_of_the_gateway_names_what_ships_and_nothing_of_the_sandbox() {
        let text = document(&crate::root()).unwrap();
        assert_eq!(text, document(&crate::root()).unwrap());
        let bill: Value = serde_json::from_str(&text).unwrap();
        let scope = |name: &str| {
            let components = bill["components"].as_array().unwrap();
            let found = components.iter().find(|one| one["name"] == name);
            found.map(|one| one["scope"].as_str().unwrap())
        };
        assert_eq!(scope("ring"), Some("required"));
        assert_eq!(scope("cc"), Some("excluded"));
        assert_eq!(scope("openfinance-sandbox"), None);
        let serial = bill["serialNumber"].as_str().unwrap();
        assert_eq!(serial.len(), 45, "{serial}");
        // Others' crates come with a checksum, ours are told apart by having none.
        for one in bill["components"].as_array().unwrap() {
            let ours = one["name"].as_str().unwrap().starts_with("openfinance");
            assert_eq!(one.get("hashes").is_none(), ours, "{}", one["name"]);
        }
    }

    #[test]
    fn a_crate_without_a_licence_is_refused() {
        assert!(parse("0\ta v1.0.0\t\n").is_err());
    }
}
