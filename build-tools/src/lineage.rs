//! `openapi/lineage.yaml`: which of our fields and RPCs carries what of the vendor's document. Held against both sides: no
//! field or operation of the document is forgotten, and no field or RPC of the protos comes from nowhere.

mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

pub(crate) use self::page::page;
use crate::{
    rpc::{self, Protos},
    spec,
};

const LINEAGE: &str = "openapi/lineage.yaml";

/// Where each field of the document goes in the protos, or why it goes nowhere.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// An operation of the document, and the RPCs that need it.
    operations: BTreeMap<String, Vec<String>>,
    /// A place in the document, and the proto fields that carry it.
    mapped: BTreeMap<String, Vec<String>>,
    /// A place in the document that no proto field carries, and why.
    waived: BTreeMap<String, String>,
    /// A proto field or RPC that the document knows nothing of, and why it is there.
    ours: BTreeMap<String, String>,
    /// The messages that an RPC takes and answers, with all that these hold.
    messages: BTreeMap<String, BTreeSet<String>>,
}

impl Lineage {
    /// Reads the file and the protos.
    ///
    /// # Errors
    /// A file that cannot be read or lacks a section, or protos that do not compile.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        Self::of(&Protos::compile(root)?, root)
    }

    /// Reads the file for these protos.
    ///
    /// # Errors
    /// A file that cannot be read or lacks a section.
    pub(crate) fn of(protos: &Protos, root: &Path) -> Result<Self> {
        let mut lineage = read(&spec::load(&root.join(LINEAGE))?)?;
        let pool = &protos.pool;
        for method in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            let mut held = BTreeSet::new();
            for message in [method.input(), method.output()] {
                hold(&message, &mut held);
            }
            lineage.messages.insert(rpc_name(&method), held);
        }
        Ok(lineage)
    }

    /// A small one, for tests: every RPC takes a message of the name that its fields have.
    #[cfg(test)]
    pub(crate) fn small(operations: &[(&str, &[&str])], mapped: &[(&str, &[&str])]) -> Self {
        let owned = |pairs: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
            let pairs = pairs.iter();
            pairs
                .map(|(from, to)| {
                    let to = to.iter().map(|to| (*to).to_owned());
                    ((*from).to_owned(), to.collect())
                })
                .collect()
        };
        let (operations, mapped) = (owned(operations), owned(mapped));
        let message = |field: &String| field.split('.').next().map(str::to_owned);
        let all: BTreeSet<String> = mapped.values().flatten().filter_map(message).collect();
        let rpcs = operations.values().flatten();
        Self {
            messages: rpcs.map(|rpc| (rpc.clone(), all.clone())).collect(),
            operations,
            mapped,
            ..Self::default()
        }
    }

    /// The RPCs that need an operation, as `Service.Method`; none if it is not in our document.
    pub(crate) fn rpcs(&self, operation: &str) -> &[String] {
        self.operations.get(operation).map_or(&[], Vec::as_slice)
    }

    /// The operations that an RPC needs, named as in [`Self::rpcs`].
    pub(crate) fn operations_of(&self, rpc: &str) -> impl Iterator<Item = &str> {
        let operations = self.operations.iter();
        operations
            .filter(move |(_, rpcs)| rpcs.iter().any(|needs| needs == rpc))
            .map(|(operation, _)| operation.as_str())
    }

    /// Why an RPC or a field of ours is there, if the document knows nothing of it.
    pub(crate) fn reason(&self, name: &str) -> Option<&str> {
        self.ours.get(name).map(String::as_str)
    }

    /// The fields that carry the first place which is known, as far as the RPCs of the operation have them. Places are
    /// `Schema.property` and `parameters.name`; the others are what to look for where a schema has a new name or none.
    pub(crate) fn fields(&self, operation: &str, places: &[String]) -> Vec<String> {
        for place in places {
            if self.waived.contains_key(place) {
                return Vec::new();
            }
            if let Some(fields) = self.mapped.get(place) {
                let fields = fields.iter();
                return fields
                    .filter(|field| self.has(operation, field))
                    .cloned()
                    .collect();
            }
        }
        Vec::new()
    }

    /// Whether an RPC of the operation takes or answers the field.
    fn has(&self, operation: &str, field: &str) -> bool {
        let message = field.split_once('.').map_or(field, |(message, _)| message);
        let mut held = self
            .rpcs(operation)
            .iter()
            .filter_map(|rpc| self.messages.get(rpc));
        held.any(|messages| messages.contains(message))
    }
}

/// Adds the name of a message of ours and of all that it holds.
fn hold(message: &MessageDescriptor, held: &mut BTreeSet<String>) {
    if message.package_name() != rpc::PACKAGE || !held.insert(message.name().to_owned()) {
        return;
    }
    for field in message.fields() {
        if let Some(message) = field.kind().as_message() {
            hold(message, held);
        }
    }
}

fn rpc_name(method: &MethodDescriptor) -> String {
    format!("{}.{}", method.parent_service().name(), method.name())
}

/// What is forgotten, doubled, unknown or without a reason, each with its cure.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    problems_with(root, &spec::load(&root.join(spec::DOCUMENT))?)
}

/// As [`problems`], with this document in the place of ours.
pub(crate) fn problems_with(root: &Path, document: &Value) -> Result<Vec<String>> {
    let lineage = read(&spec::load(&root.join(LINEAGE))?)?;
    let document = places(document);
    let protos = names(&Protos::compile(root)?.pool);
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
    let targets = |name: &str| -> Result<BTreeMap<String, Vec<String>>> {
        let list = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
        Ok(section(name)?
            .iter()
            .map(|(place, targets)| (place.clone(), list(targets)))
            .collect())
    };
    Ok(Lineage {
        operations: targets("operations")?,
        mapped: targets("mapped")?,
        waived: reasons("waived")?,
        ours: reasons("ours")?,
        messages: BTreeMap::new(),
    })
}

/// Every property of a schema and of a response's own schema, every parameter and every operation, as `Schema.property`,
/// `parameters.name` and the operation's id.
fn places(document: &Value) -> BTreeSet<String> {
    let components = &document["components"];
    let of = |kind: &str| components[kind].as_object().into_iter().flatten();
    let mut places = BTreeSet::new();
    for (_, item) in document["paths"].as_object().into_iter().flatten() {
        for (_, operation) in item.as_object().into_iter().flatten() {
            places.extend(operation["operationId"].as_str().map(str::to_owned));
        }
    }
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

/// Every field of every message of ours and every RPC, as `Message.field` and `Service.Method`.
fn names(pool: &DescriptorPool) -> BTreeSet<String> {
    let services = pool.services();
    let rpcs = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    pool.all_messages()
        .filter(|message| message.package_name() == rpc::PACKAGE)
        .flat_map(|message| {
            let name = message.name().to_owned();
            message
                .fields()
                .map(move |field| format!("{name}.{}", field.name()))
                .collect::<Vec<_>>()
        })
        .chain(rpcs.map(|method| rpc_name(&method)))
        .collect()
}

fn compare(
    lineage: &Lineage,
    document: &BTreeSet<String>,
    protos: &BTreeSet<String>,
) -> Vec<String> {
    let Lineage { waived, ours, .. } = lineage;
    let mapped: BTreeMap<&String, &Vec<String>> =
        lineage.mapped.iter().chain(&lineage.operations).collect();
    let mut problems = Vec::new();
    let mut told =
        |subject: &str, problem: &str| problems.push(format!("{LINEAGE}: {subject} {problem}"));
    for place in document {
        match (mapped.contains_key(place), waived.contains_key(place)) {
            (false, false) => told(
                place,
                "is forgotten: map it to a proto field (an operation to RPCs), or waive it with a reason",
            ),
            (true, true) => told(place, "is mapped and waived: decide"),
            (true, false) | (false, true) => {}
        }
    }
    for place in mapped
        .keys()
        .copied()
        .chain(waived.keys())
        .filter(|place| !document.contains(*place))
    {
        told(place, "is not in the document (any more): remove it");
    }
    let targets: BTreeSet<&String> = mapped.values().copied().flatten().collect();
    for field in protos {
        match (targets.contains(field), ours.contains_key(field)) {
            (false, false) => told(
                field,
                "comes from nowhere: map a place of the document (an operation, for an RPC) to it, or list it as ours",
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
            "is mapped to nothing: name the proto field or RPC, or waive it with a reason",
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
            "operations": {"GetA": ["S.GetA"], "GetGone": ["S.GetGone"]},
            "mapped": {"A.both": ["M.both"], "A.gone": ["M.gone"], "A.empty": []},
            "waived": {"A.both": "because", "A.silent": ""},
            "ours": {"M.both": "because"}
        });
        let document = serde_json::json!({"paths": {"/a": {"get": {"operationId": "GetA"}, "put": {"operationId": "PutA"}}}, "components": {
            "schemas": {"A": {"allOf": [{"properties": {"both": {}, "new": {}}}], "properties": {"silent": {}, "empty": {}}}},
            "parameters": {"P": {"name": "p"}}
        }});
        let protos = ["M.both", "M.new", "S.GetA", "S.New"]
            .map(str::to_owned)
            .into();
        let problems = compare(&read(&yaml).unwrap(), &places(&document), &protos).join("\n");
        for expected in [
            "A.new is forgotten",
            "PutA is forgotten",
            "GetGone is not in the document",
            "S.New comes from nowhere",
            "S.GetGone is not in the protos",
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
        assert_eq!(problems.lines().count(), 13, "{problems}");
    }

    #[test]
    fn a_place_touches_the_fields_that_the_rpcs_of_the_operation_have() {
        let lineage = Lineage::load(&crate::root()).unwrap();
        let fields = |operation: &str, places: &[&str]| {
            let places: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
            lineage.fields(operation, &places)
        };
        assert_eq!(
            lineage.rpcs("ModifyConsumer"),
            ["ConsumerService.UpdateConsumer"]
        );
        assert_eq!(
            fields("GetCustomer", &["parameters.customerId"]),
            ["GetCustomerRequest.customer_id", "Customer.customer_id"]
        );
        assert_eq!(
            fields("CreateConsumer", &["NewConsumer.ssn"]),
            ["Consumer.ssn", "CreateConsumerForBusinessRequest.ein"]
        );
        // A new name is unknown, the old one is not; what is waived touches nothing, whatever is around it.
        assert_eq!(
            fields("GetCustomer", &["Record.email", "Customer.email"]),
            ["Customer.email"]
        );
        let waived = ["Customers.displaying", "Customers.customers"];
        assert_eq!(fields("GetCustomers", &waived), [""; 0]);
        assert_eq!(fields("GetConsumer", &["Customer.email"]), [""; 0]);
        assert_eq!(lineage.rpcs("Unknown"), [""; 0]);
    }

    #[test]
    fn the_page_tells_of_every_field_where_it_is_from_or_why_it_is_there() {
        let root = crate::root();
        let protos = Protos::compile(&root).unwrap();
        let page = page(&protos, &Lineage::of(&protos, &root).unwrap());
        let page = String::from_utf8(page.contents).unwrap();
        for line in [
            "| `CustomerService.UpdateCustomer` | `GetCustomer`, `ModifyCustomer` |  |",
            "| `birthday` | `Consumer.birthday`, `ConsumerUpdate.birthday`, `NewConsumer.birthday` |  |",
            "| `allow_missing` |  | Takes a record that is gone for success (AIP-135). |",
            "| `PartnerCredentials.partnerSecret` | A setting of the gateway, and a secret. |",
        ] {
            assert!(page.contains(line), "{line}");
        }
        let empty = page.lines().find(|line| line.ends_with("|  |  |"));
        assert_eq!(empty, None);
    }
}
