//! Hiding what is personal in a record, for the journal and the page that people look at.
//!
//! A member is shown only if it is named here, so a member that is added to a record later is hidden until somebody
//! decides otherwise. The names of members stay, the values below them become a word.

use serde_json::Value;

/// What stands where a value was.
pub(crate) const MASK: &str = "***";

/// Members of a record that tell nothing about a person: ids, links, dates, and what the sandbox decided itself.
const SHOWN: [&str; 17] = [
    "id",
    "partnerId",
    "customerId",
    "consumerId",
    "businessId",
    "institutionLoginId",
    "institutionLoginIds",
    "applicationId",
    "applicationName",
    "createdDate",
    "lastModifiedDate",
    "modifiedDate",
    "authorizationStartDate",
    "authorizationEndDate",
    "personallyLiable",
    "connection",
    "expired",
];
/// The types of customers. The type of a business is free text and hidden.
const CUSTOMER_TYPES: [&str; 2] = ["testing", "active"];

/// Hides every value in one record but those of the members that may be shown.
///
/// Only the record's own members are ever shown: an `id` inside an address is hidden like the rest of it, and so is an
/// object that stands where an id should be. Numbers, truth values and `null` are hidden as text is.
pub(crate) fn mask(record: &mut Value) {
    let Value::Object(members) = record else {
        return hide(record);
    };
    for (name, value) in members {
        if !is_shown(name, value) {
            hide(value);
        }
    }
}

fn is_shown(name: &str, value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(values) => {
            SHOWN.contains(&name)
                && !values
                    .iter()
                    .any(|value| value.is_array() || value.is_object())
        }
        Value::String(word) if name == "type" => CUSTOMER_TYPES.contains(&word.as_str()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => SHOWN.contains(&name),
    }
}

/// Hides all values below this one.
fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(hide),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            *value = Value::from(MASK);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(mut record: Value) -> Value {
        mask(&mut record);
        record
    }

    #[test]
    fn ids_links_dates_and_decisions_are_shown_and_people_are_not() {
        let record = json!({
            "id": "1005822465", "partnerId": "2445580000001", "consumerId": null, "institutionLoginIds": [1, 2],
            "type": "testing", "createdDate": "1767225600", "personallyLiable": true, "expired": false,
            "username": "household", "firstName": "Ada", "ssn": "6789",
        });
        let mut expected = record.clone();
        for name in ["username", "firstName", "ssn"] {
            expected[name] = json!(MASK);
        }
        assert_eq!(masked(record), expected);
    }

    #[test]
    fn nested_members_keep_their_names_and_lose_every_value() {
        let record = json!({
            "birthday": {"year": 1990, "month": 12, "dayOfMonth": 10},
            "endUser": {"id": 1, "address": {"city": "Murray"}, "createdDate": null},
            "notes": [true, {"id": "x"}, []],
        });
        let expected = json!({
            "birthday": {"year": MASK, "month": MASK, "dayOfMonth": MASK},
            "endUser": {"id": MASK, "address": {"city": MASK}, "createdDate": MASK},
            "notes": [MASK, {"id": MASK}, []],
        });
        assert_eq!(masked(record), expected);
    }

    #[test]
    fn an_unknown_member_and_a_shown_name_with_something_else_in_it_are_hidden() {
        assert_eq!(masked(json!({"nickname": 7})), json!({"nickname": MASK}));
        assert_eq!(masked(json!({"Id": "x"})), json!({"Id": MASK}));
        let odd = json!({"id": {"name": "Ada"}, "customerId": [["Ada"]]});
        assert_eq!(
            masked(odd),
            json!({"id": {"name": MASK}, "customerId": [[MASK]]})
        );
        for record in [json!("Ada"), json!(1), json!(null)] {
            assert_eq!(masked(record), json!(MASK));
        }
    }

    #[test]
    fn the_type_of_a_customer_is_shown_and_that_of_a_business_is_not() {
        for shown in ["testing", "active"] {
            assert_eq!(masked(json!({ "type": shown })), json!({ "type": shown }));
        }
        for hidden in [json!("Ada's LLC"), json!(1), json!(null)] {
            assert_eq!(masked(json!({ "type": hidden })), json!({ "type": MASK }));
        }
    }
}
