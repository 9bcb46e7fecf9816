//! Holds `openapi/lineage.yaml` against both sides: no field of the vendor's document is forgotten, and no field of the
//! protos comes from nowhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result};
use prost_reflect::DescriptorPool;
use serde_json::Value;

use crate::{rpc, spec};

const LINEAGE: &str = "openapi/lineage.yaml";

/// Where each field of the document goes in the protos, or why it goes nowhere.
#[derive(Default)]
struct Lineage {
    /// A place in the document, and the proto fields that carry it.
    mapped: BTreeMap<String, Vec<String>>,
    /// A place in the document that no proto field carries, and why.
    waived: BTreeMap<String, String>,
    /// A proto field that the document knows nothing of, and why it is there.
    ours: BTreeMap<String, String>,
}

/// What is forgotten, doubled, unknown or without a reason, each with its cure.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let lineage = read(&spec::load(&root.join(LINEAGE))?)?;
    let document = places(&spec::load(&root.join(spec::DOCUMENT))?);
    let protos = fields(&DescriptorPool::decode(rpc::compile(root)?.as_slice())?);
    Ok(compare(&lineage, &document, &protos))
}

fn read(yaml: &Value) -> Result<Lineage> {
    let section = |name: &str| {
        let section = yaml.get(name).and_then(Value::as_object);
        section.with_context(|| format!("{LINEAGE} has no section {name}"))
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons = |name: &str| -> Result<BTreeMap<String, String>> {
        Ok(section(name)?
            .iter()
            .map(|(place, reason)| (place.clone(), text(reason)))
            .collect())
    };
    let targets = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    Ok(Lineage {
        mapped: section("mapped")?
            .iter()
            .map(|(place, fields)| (place.clone(), targets(fields)))
            .collect(),
        waived: reasons("waived")?,
        ours: reasons("ours")?,
    })
}

/// Every property of a schema and of a response's own schema, and every parameter, as `Schema.property` and
/// `parameters.name`.
fn places(document: &Value) -> BTreeSet<String> {
    let components = &document["components"];
    let of = |kind: &str| components[kind].as_object().into_iter().flatten();
    let mut places = BTreeSet::new();
    for (name, schema) in of("schemas") {
        properties(name, schema, &mut places);
    }
    for (name, response) in of("responses") {
        for media in response["content"].as_object().into_iter().flatten() {
            properties(name, &media.1["schema"], &mut places);
        }
    }
    for (_, parameter) in of("parameters") {
        places.insert(format!(
            "parameters.{}",
            parameter["name"].as_str().unwrap_or_default()
        ));
    }
    places
}

fn properties(name: &str, schema: &Value, places: &mut BTreeSet<String>) {
    for property in schema["properties"].as_object().into_iter().flatten() {
        places.insert(format!("{name}.{}", property.0));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        properties(name, part, places);
    }
}

/// Every field of every message of ours, as `Message.field`.
fn fields(pool: &DescriptorPool) -> BTreeSet<String> {
    pool.all_messages()
        .filter(|message| message.package_name() == rpc::PACKAGE)
        .flat_map(|message| {
            let name = message.name().to_owned();
            message
                .fields()
                .map(move |field| format!("{name}.{}", field.name()))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn compare(
    lineage: &Lineage,
    document: &BTreeSet<String>,
    protos: &BTreeSet<String>,
) -> Vec<String> {
    let Lineage {
        mapped,
        waived,
        ours,
    } = lineage;
    let mut problems = Vec::new();
    let mut told =
        |subject: &str, problem: &str| problems.push(format!("{LINEAGE}: {subject} {problem}"));
    for place in document {
        match (mapped.contains_key(place), waived.contains_key(place)) {
            (false, false) => told(
                place,
                "is forgotten: map it to a proto field, or waive it with a reason",
            ),
            (true, true) => told(place, "is mapped and waived: decide"),
            (true, false) | (false, true) => {}
        }
    }
    for place in mapped
        .keys()
        .chain(waived.keys())
        .filter(|place| !document.contains(*place))
    {
        told(place, "is not in the document (any more): remove it");
    }
    let targets: BTreeSet<&String> = mapped.values().flatten().collect();
    for field in protos {
        match (targets.contains(field), ours.contains_key(field)) {
            (false, false) => told(
                field,
                "comes from nowhere: map a place of the document to it, or list it as ours",
            ),
            (true, true) => told(field, "is mapped and ours: decide"),
            (true, false) | (false, true) => {}
        }
    }
    for field in targets
        .into_iter()
        .chain(ours.keys())
        .filter(|field| !protos.contains(*field))
    {
        told(field, "is not in the protos (any more): remove it");
    }
    for (place, _) in mapped.iter().filter(|(_, fields)| fields.is_empty()) {
        told(
            place,
            "is mapped to nothing: name the proto field, or waive it with a reason",
        );
    }
    for (place, _) in waived
        .iter()
        .chain(ours)
        .filter(|(_, reason)| reason.trim().is_empty())
    {
        told(place, "has no reason: give one");
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_document_is_in_the_protos_or_waived_with_a_reason() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let problems = problems(root).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn each_kind_of_gap_is_told_by_name() {
        let yaml = serde_json::json!({
            "mapped": {"A.both": ["M.both"], "A.gone": ["M.gone"], "A.empty": []},
            "waived": {"A.both": "because", "A.silent": ""},
            "ours": {"M.both": "because"}
        });
        let document = serde_json::json!({"components": {
            "schemas": {"A": {"allOf": [{"properties": {"both": {}, "new": {}}}], "properties": {"silent": {}, "empty": {}}}},
            "parameters": {"P": {"name": "p"}}
        }});
        let protos = ["M.both", "M.new"].map(str::to_owned).into();
        let problems = compare(&read(&yaml).unwrap(), &places(&document), &protos).join("\n");
        for expected in [
            "A.new is forgotten",
            "parameters.p is forgotten",
            "A.both is mapped and waived",
            "A.gone is not in the document",
            "M.new comes from nowhere",
            "M.both is mapped and ours",
            "M.gone is not in the protos",
            "A.empty is mapped to nothing",
            "A.silent has no reason",
        ] {
            assert!(problems.contains(expected), "{expected}:\n{problems}");
        }
        assert_eq!(problems.lines().count(), 9, "{problems}");
    }
}
