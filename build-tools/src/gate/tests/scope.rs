//! Operations in scope that have gone, or do not fit their paths.

use super::*;

/// Whether a document has these operations, in the words of a refusal.
fn in_scope(document: &str, wanted: &[&str]) -> String {
    let parse = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    let wanted = wanted.iter().map(|&id| id.to_owned()).collect();
    scope(&parse(document), &wanted, &parse(WHOLE))
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

#[test]
fn operations_in_scope_that_are_whole_pass() {
    assert_eq!(in_scope(WHOLE, &["ListThings", "AddThing", "GetThing"]), "");
}

#[test]
fn an_operation_in_scope_that_has_gone_is_told_with_what_looks_like_it() {
    for (from, to, hint) in [
        (
            "operationId: GetThing",
            "operationId: getThing",
            "; getThing is there, which differs in case; get /things/{thingId} is now getThing",
        ),
        (
            "operationId: GetThing",
            "operationId: FetchThing",
            "; get /things/{thingId} is now FetchThing",
        ),
        (
            "    get:\n      operationId: GetThing",
            "    put:\n      operationId: PutThing",
            "; its path is there, without the method get",
        ),
        (
            "  /things/{thingId}:\n    parameters:",
            "  /stuff/{thingId}:\n    x-parameters:",
            "",
        ),
    ] {
        let document = WHOLE.replace(from, to);
        let said = in_scope(&document, &["GetThing"]);
        if hint.is_empty() {
            assert!(
                said.contains("the path of GetThing has {thingId}"),
                "{said}"
            );
        } else {
            refused(
                &said,
                "operations in scope that cannot be used (1)",
                &format!("/paths/~1things~1{{thingId}}/get: GetThing is not in the document{hint}"),
            );
        }
    }
    let gone = in_scope(
        &WHOLE
            .replace("GetThing", "Other")
            .replace("/things/{thingId}", "/others"),
        &["GetThing", "Never"],
    );
    assert!(
        gone.contains(
            "\n  /paths/~1things~1{thingId}/get: GetThing is not in the document; nor is its path\n"
        ),
        "{gone}"
    );
    assert!(
        gone.ends_with("\n  /paths: Never is not in the document"),
        "{gone}"
    );
}

#[test]
fn a_path_that_does_not_fit_its_parameters_is_refused_in_scope_only() {
    for (from, to, problem) in [
        (
            "name: thingId",
            "name: thing_id",
            "the path of GetThing has {thingId}, which is not among its parameters",
        ),
        (
            "name: thingId",
            "name: thing_id",
            "GetThing has the path parameter thing_id, which is not in its path",
        ),
        (
            "        required: true",
            "        required: false",
            "GetThing does not require its path parameter thingId",
        ),
        (
            "/things/{thingId}:",
            "/things/{thingId}/{rest:",
            "the path of GetThing has braces that do not match",
        ),
        (
            "/things/{thingId}:",
            "/things/{thingId}/{thingId}:",
            "the path of GetThing has {thingId} twice",
        ),
        (
            "    parameters:\n      - name: thingId",
            "    parameters:\n      - {name: thingId, in: path, required: true}\n      - name: thingId",
            "GetThing has the path parameter thingId twice on its path",
        ),
    ] {
        let document = WHOLE.replace(from, to);
        let said = in_scope(&document, &["GetThing"]);
        assert!(said.contains(problem), "{said}");
        assert_eq!(in_scope(&document, &["ListThings"]), "");
    }
}

#[test]
fn a_parameter_of_the_operation_may_replace_that_of_its_path() {
    let document = WHOLE.replace(
        "      operationId: GetThing\n",
        "      operationId: GetThing\n      parameters: [{name: thingId, in: path, required: true}]\n",
    );
    assert_eq!(in_scope(&document, &["GetThing"]), "");
}
