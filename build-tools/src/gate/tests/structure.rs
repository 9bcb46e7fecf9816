//! What a document says that it may not, and what it names that is not there.

use super::*;

#[test]
fn what_is_not_valid_is_told_with_its_pointer() {
    for (from, to, problem) in [
        (
            "enum: [big, small]",
            "enum: {}",
            "/components/schemas/Thing/properties/kind/enum: want array, but got object",
        ),
        (
            "        kind:\n          type: string",
            "        kind:\n          type: strin",
            "/components/schemas/Thing/properties/kind/type: is none of \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (
            "        required: true\n",
            "",
            "/paths/~1things~1{thingId}/parameters/0: lacks required",
        ),
        (
            "      in: query",
            "      in: qwery",
            "/components/parameters/Page/in: is none of \"path\", \"query\", \"header\", \"cookie\"",
        ),
        (
            "      type: apiKey",
            "      type: apikey",
            "/components/securitySchemes/Key/type: is none of \"apiKey\", \"http\", \"oauth2\", \"openIdConnect\"",
        ),
        (
            "      description: a thing\n",
            "",
            "/components/responses/Thing: lacks description",
        ),
        (
            "        - name\n",
            "        - name\n        - name\n",
            "/components/schemas/Thing/required: items at 0 and 1 are equal",
        ),
        (
            "        - name\n",
            "        name: true\n",
            "/components/schemas/Thing/required: want array, but got object",
        ),
        (
            "          maximum: 10",
            "          maximum: ten",
            "/components/schemas/Thing/properties/name/maximum: want number, but got string",
        ),
        (
            "          maxLength: 10",
            "          maxLenght: 10",
            "/components/schemas/Thing/properties/name: OpenAPI 3.0 has no maxLenght here",
        ),
        (
            "        parent:\n",
            "        parent:\n        other:\n",
            "/components/schemas/Thing/properties/parent: want object, but got null",
        ),
        (
            "    Page:\n",
            "    a/b: {name: a, in: query, schema: {}}\n    Page:\n",
            "/components/parameters/a~1b: has a name with other characters than letters, digits, dots, dashes and \
             underscores",
        ),
        (
            "          type: object\n        parent:",
            "          type: array\n        parent:",
            "/components/schemas/Thing/properties/code: lacks items",
        ),
        (
            "paths:\n",
            "paths:\n  things: {}\n",
            "/paths: OpenAPI 3.0 has no things here",
        ),
        (
            "        '201':",
            "        '2010':",
            "/paths/~1things/post/responses: OpenAPI 3.0 has no 2010 here",
        ),
        (
            "      name: page\n",
            "      name: page\n      content: {a/b: {}}\n",
            "/components/parameters/Page: has both schema and content, of which OpenAPI allows one",
        ),
    ] {
        refused(&changed(from, to), "not valid OpenAPI 3.0 (1)", problem);
    }
}

#[test]
fn oddities_of_the_vendor_pass() {
    // A status without quotes, a limit for numbers on a string and an object without members are in the whole document.
    assert_eq!(changed("        '201':", "        201:"), "");
    assert_eq!(
        changed("          maxLength: 10", "          pattern: '(?=a)[^'"),
        ""
    );
}

#[test]
fn a_reference_to_what_is_not_there_is_refused_wherever_it_is() {
    refused(
        &changed(
            "$ref: '#/components/parameters/Page'",
            "$ref: '#/components/parameters/Pages'",
        ),
        "references to what is not there (1)",
        "/paths/~1things/get/parameters/0/$ref: #/components/parameters/Pages is not in the document",
    );
    // Behind a property that is called as the place for examples is.
    refused(
        &changed(
            "                  example:\n                    $ref: '#/components/schemas/Thing'",
            "                  example:\n                    $ref: '#/components/schemas/Ting'",
        ),
        "references to what is not there (1)",
        "/components/responses/Thing/content/application~1json/schema/allOf/1/properties/example/$ref: \
         #/components/schemas/Ting is not in the document",
    );
    refused(
        &changed(
            "        code:\n",
            "        code:\n          discriminator: {propertyName: a, mapping: {a: Thing, b: '#/components/schemas/B'}}\n",
        ),
        "references to what is not there (1)",
        "/components/schemas/Thing/properties/code/discriminator/mapping/b: #/components/schemas/B is not in the document",
    );
    refused(
        &changed("    Token:\n      type: http\n      scheme: bearer\n", ""),
        "references to what is not there (1)",
        "/paths/~1things/post/security: the security scheme Token is not in the document",
    );
}

#[test]
fn a_reference_to_a_thing_of_another_kind_is_refused() {
    refused(
        &changed(
            "$ref: '#/components/parameters/Page'",
            "$ref: '#/components/schemas/Thing'",
        ),
        "references to something else (1)",
        "/paths/~1things/get/parameters/0/$ref: #/components/schemas/Thing is not among the parameters",
    );
    refused(
        &changed(
            "                  example:\n                    $ref: '#/components/schemas/Thing'",
            "                  example:\n                    $ref: '#/components/responses/Thing'",
        ),
        "references to something else (1)",
        "/components/responses/Thing/content/application~1json/schema/allOf/1/properties/example/$ref: \
         #/components/responses/Thing is not among the schemas",
    );
    assert_eq!(
        changed(
            "                  example:\n                    $ref: '#/components/schemas/Thing'",
            "                  example:\n                    $ref: '#/components/schemas/Thing/properties/kind'",
        ),
        ""
    );
}

#[test]
fn a_reference_to_another_file_is_refused() {
    refused(
        &changed(
            "$ref: '#/components/parameters/Page'",
            "$ref: 'other.yaml#/Page'",
        ),
        "references to other files (1)",
        "/paths/~1things/get/parameters/0/$ref: other.yaml#/Page is not in this document",
    );
}

#[test]
fn references_in_a_circle_are_refused_and_a_type_within_itself_is_not() {
    let circle = "  schemas:\n    One:\n      $ref: '#/components/schemas/Two'\n    Two:\n      allOf:\n        - \
                  $ref: '#/components/schemas/One'\n";
    let said = changed("  schemas:\n", circle);
    assert!(said.starts_with("references in a circle (2): "), "{said}");
    assert!(
        said.contains("\n  /components/schemas/One: leads back to itself\n"),
        "{said}"
    );
}

#[test]
fn an_id_of_two_operations_is_refused() {
    refused(
        &changed("operationId: ListThings", "operationId: AddThing"),
        "operation ids that more than one operation bears (1)",
        "/paths/~1things/get: operationId AddThing is also at /paths/~1things/post",
    );
}
