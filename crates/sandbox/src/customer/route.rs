//! Customers as JSON.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Customer, CustomerType, CustomerUpdate, NewCustomer};
use crate::{
    answer::{Answer, OptionalMembers},
    auth::PartnerIndex,
    call::{Call, check_id},
    config::Plan,
    json::Fields,
    quirk::{CreatedDate, FreshLastModified, Quirks},
    refusal::Refusal,
    state::State,
};

/// What a customer may lack.
pub(super) const OPTIONAL: &[&str] = &[
    "firstName",
    "lastName",
    "phone",
    "email",
    "lastModifiedDate",
];
/// The same where its application is told.
const OPTIONAL_WITH_APPLICATION: &OptionalMembers = &[("", OPTIONAL), ("", &["applicationId"])];

/// A customer as it is read; dates are epoch seconds as text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerView<'state> {
    #[serde(serialize_with = "as_text")]
    id: u64,
    username: &'state str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'state str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'state str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'state str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'state str>,
    r#type: &'static str,
    #[serde(serialize_with = "as_text")]
    created_date: i64,
    /// Absent until the first change, unless a quirk says otherwise.
    #[serde(
        serialize_with = "as_optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    last_modified_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<&'state str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_name: Option<&'state str>,
}

/// What a create answers. The date is a number here and text on reads, as in most of the vendor's samples.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedCustomer<'state> {
    #[serde(serialize_with = "as_text")]
    id: u64,
    username: &'state str,
    created_date: Value,
}

fn as_text<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn as_optional_text<S: Serializer>(value: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

impl Customer {
    /// The record as the vendor answers it.
    pub(crate) fn record(&self, id: u64) -> impl Serialize {
        let mut view = self.view(id);
        view.application_id = self.application_id.as_deref();
        view
    }

    /// How the record looks in a list, which has no application.
    pub(super) fn view(&self, id: u64) -> CustomerView<'_> {
        CustomerView {
            id,
            username: &self.username,
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            phone: self.phone.as_deref(),
            email: self.email.as_deref(),
            r#type: self.customer_type.as_str(),
            created_date: self.created.as_second(),
            last_modified_date: self.modified.map(Timestamp::as_second),
            application_id: None,
            application_name: None,
        }
    }
}

impl CustomerView<'_> {
    /// The same as the quirks have it.
    pub(super) fn with(mut self, quirks: &Quirks) -> Self {
        if quirks.fresh_last_modified == FreshLastModified::CreatedDate {
            self.last_modified_date.get_or_insert(self.created_date);
        }
        self
    }
}

impl State {
    pub(crate) fn route_add_testing_customer(
        &mut self,
        caller: PartnerIndex,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        self.route_create_customer(caller, CustomerType::Testing, call)
    }

    pub(crate) fn route_add_customer(
        &mut self,
        caller: PartnerIndex,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        if self.config.plan == Plan::TestDrive {
            return Err(Refusal::PlanNotEntitled);
        }
        self.route_create_customer(caller, CustomerType::Active, call)
    }

    fn route_create_customer(
        &mut self,
        caller: PartnerIndex,
        customer_type: CustomerType,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let new = NewCustomer::read(Fields::of(&call.json()?)?)?;
        let id = self.create_customer(caller, customer_type, new)?;
        let customer = self.customers.get(&id).ok_or(Refusal::NoSuchCustomer)?;
        let date = customer.created.as_second();
        let created = CreatedCustomer {
            id,
            username: &customer.username,
            created_date: match self.config.quirks.created_date {
                CreatedDate::Number => date.into(),
                CreatedDate::Text => date.to_string().into(),
            },
        };
        Ok(Answer::json(StatusCode::CREATED, &created))
    }

    pub(crate) fn route_customer(&self, caller: PartnerIndex, id: &str) -> Result<Answer, Refusal> {
        check_id(id, "customerId")?;
        let (id, customer) = self.customer(caller, id).ok_or(Refusal::NoSuchCustomer)?;
        let mut view = customer.view(id);
        view.application_id = customer.application_id.as_deref();
        Ok(self.customer_answer(view))
    }

    pub(crate) fn route_update_customer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        check_id(id, "customerId")?;
        let body = call.json()?;
        let fields = Fields::of(&body)?;
        let update = CustomerUpdate {
            first_name: fields.owned("firstName")?,
            last_name: fields.owned("lastName")?,
        };
        self.update_customer(caller, id, update)?;
        Ok(Answer::no_content())
    }

    pub(crate) fn route_delete_customer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<Answer, Refusal> {
        check_id(id, "customerId")?;
        self.delete_customer(caller, id)?;
        Ok(Answer::no_content())
    }

    pub(crate) fn route_customer_application(
        &self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<Answer, Refusal> {
        check_id(id, "customerId")?;
        let (id, customer, application_name) = self.customer_application(caller, id)?;
        let mut view = customer.view(id);
        view.application_id = customer.application_id.as_deref();
        view.application_name = Some(application_name);
        Ok(self.customer_answer(view))
    }

    fn customer_answer(&self, view: CustomerView<'_>) -> Answer {
        let quirks = &self.config.quirks;
        Answer::record(
            StatusCode::OK,
            &view.with(quirks),
            quirks.absent_members,
            OPTIONAL_WITH_APPLICATION,
        )
    }
}

impl NewCustomer {
    fn read(fields: Fields<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            username: fields.owned("username")?,
            first_name: fields.owned("firstName")?,
            last_name: fields.owned("lastName")?,
            phone: fields.owned("phone")?,
            email: fields.owned("email")?,
            application_id: fields.owned("applicationId")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{customer, state},
        *,
    };

    #[test]
    fn reads_have_text_dates_and_leave_absent_members_out() {
        let mut state = state();
        let id = customer(&mut state, "customer1");
        let answer = state.route_customer(0, &id).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let expected = serde_json::json!({
            "id": id, "username": "customer1", "type": "testing", "createdDate": "1767225600",
        });
        assert_eq!(body, expected);
        let jane = CustomerUpdate {
            first_name: Some("Jane".to_owned()),
            last_name: None,
        };
        state.update_customer(0, &id, jane).unwrap();
        let answer = state.route_customer(0, &id).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["lastModifiedDate"], "1767225600");
    }
}
