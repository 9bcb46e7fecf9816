//! Real documents of the vendor, where they are at hand, and our own.

use std::path::PathBuf;

use super::{same::renamed, *};

/// The folder of the vendor's documents, where there is one.
fn folder() -> Option<PathBuf> {
    std::env::var_os("OPENFINANCE_VENDOR_DOCS").map(PathBuf::from)
}

fn ours() -> Value {
    spec::load(&crate::root().join(spec::DOCUMENT)).unwrap()
}

fn changes(old: &Value, new: &Value) -> Vec<Difference> {
    let root = crate::root();
    let lineage = Lineage::load(&root).unwrap();
    compare(
        old,
        new,
        &spec::ids(&spec::load(&root.join(spec::DOCUMENT)).unwrap()).unwrap(),
        &lineage,
    )
    .unwrap()
}

#[test]
fn our_document_under_other_names_and_in_another_order_is_the_same() {
    let ours = ours();
    assert_eq!(changes(&ours, &renamed(&ours)), []);
}

#[test]
fn a_document_and_itself_are_the_same() {
    let Some(folder) = folder() else { return };
    let files = crate::output::walk(&folder).unwrap().into_iter();
    let documents: Vec<Value> = files
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|file| spec::load(&file).unwrap())
        .collect();
    assert!(documents.len() >= 6);
    for document in &documents {
        assert_eq!(changes(document, document), []);
        assert_eq!(changes(document, &renamed(document)), []);
    }
}

#[test]
fn our_document_is_the_vendors_but_for_words() {
    let Some(folder) = folder() else { return };
    for name in ["open-finance-us", "customer-records"] {
        let vendor = spec::load(&folder.join(format!("{name}-1.42.0.structure.yaml"))).unwrap();
        let found = changes(&ours(), &vendor);
        let others: Vec<&Difference> = found.iter().filter(|told| !told.words).collect();
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(worst(&found), Some(Class::Quiet));
    }
}

#[test]
fn the_operations_on_businesses_appeared() {
    let Some(folder) = folder() else { return };
    let load = |name: &str| spec::load(&folder.join("history").join(name)).unwrap();
    let found = changes(
        &load("1.13.13.structure.yaml"),
        &load("1.14.1.structure.yaml"),
    );
    let others = found.iter().filter(|told| !told.words);
    let appeared: Vec<(&str, &str, Class)> = others
        .map(|told| {
            (
                told.operation.as_deref().unwrap(),
                told.change.as_str(),
                told.class,
            )
        })
        .collect();
    let added = |id| (id, "operation added", Class::Additive);
    assert_eq!(
        appeared,
        [
            added("AddBusinessDetails"),
            added("GetBusinessByCustomer"),
            added("GetBusinessById"),
            added("UpdateBusiness"),
        ]
    );
}

#[test]
fn fields_of_a_new_consumer_became_optional() {
    let Some(folder) = folder() else { return };
    let load = |name: &str| spec::load(&folder.join("history").join(name)).unwrap();
    let found = changes(
        &load("1.38.1.structure.yaml"),
        &load("1.38.2.structure.yaml"),
    );
    assert_eq!(worst(&found), Some(Class::Additive));
    let optional: Vec<(&str, &[String])> = found
        .iter()
        .filter(|told| told.change.ends_with("made optional"))
        .map(|told| (told.change.as_str(), told.fields.as_slice()))
        .collect();
    assert_eq!(optional.len(), 6);
    let ssn = optional.iter().find(|(change, _)| change.contains("`ssn`"));
    let fields = ["Consumer.ssn", "CreateConsumerForBusinessRequest.ein"].map(str::to_owned);
    assert_eq!(ssn.unwrap().1, fields);
}

#[test]
fn whole_documents_are_compared_and_every_pointer_leads_somewhere() {
    let Some(folder) = folder() else { return };
    let load = |name: &str| spec::load(&folder.join(name)).unwrap();
    let old = load("history/1.38.2.structure.yaml");
    let new = load("open-finance-us-1.42.0.structure.yaml");
    let all: BTreeSet<String> = [&old, &new]
        .into_iter()
        .flat_map(|document| spec::operations(document).unwrap())
        .map(|operation| operation.id.to_owned())
        .collect();
    for (old, new) in [(&old, &new), (&new, &old)] {
        let found = compare(old, new, &all, &Lineage::default()).unwrap();
        assert!(found.len() > 100);
        for told in &found {
            let document = match told.document {
                Which::Old => old,
                Which::New => new,
            };
            assert!(document.pointer(&told.pointer).is_some(), "{told:?}");
        }
    }
}

#[test]
fn fields_that_became_optional_break_typed_callers() {
    let Some(folder) = folder() else { return };
    let load = |name: &str| spec::load(&folder.join("history").join(name)).unwrap();
    let (old, new) = (load("1.38.1.structure.yaml"), load("1.38.2.structure.yaml"));
    let root = crate::root();
    let changes = typed::changes(
        &root,
        &old,
        &new,
        &spec::ids(&spec::load(&root.join(spec::DOCUMENT)).unwrap()).unwrap(),
    )
    .unwrap();
    assert_eq!(changes.advice(), crate::api::Advice::Major);
    let text = changes.text();
    assert!(text.contains("NewConsumer"), "{text}");
}
