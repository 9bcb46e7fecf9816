//! Customers: creating, reading, changing and deleting one. Lists are in `list`, JSON is in `route`.
//!
//! Rules are from the vendor's documentation page and OpenAPI document unless a comment says otherwise.

mod list;
mod route;

use std::collections::{HashMap, hash_map::Entry};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::{
    auth::{Partner, PartnerIndex, is_first},
    id_list::IdList,
    quirk::{UsernameDot, Usernames},
    refusal::Refusal,
    state::State,
};

pub(crate) use list::without_filter;

/// Which of the two create operations made a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CustomerType {
    Testing,
    Active,
}

impl CustomerType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Testing => "testing",
            Self::Active => "active",
        }
    }
}

/// One customer. No `Debug`: a person is in here.
///
/// Short texts stand in the record itself, so a million of them are read through without a detour for each.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Customer {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) partner: PartnerIndex,
    username: SmolStr,
    #[serde(rename = "type")]
    customer_type: CustomerType,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<SmolStr>,
    #[serde(rename = "createdDate")]
    created: Timestamp,
    #[serde(rename = "lastModifiedDate", skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
    /// At most one, by its id. This and what follows is derived from the records that name the customer.
    #[serde(skip)]
    pub(crate) consumer: Option<String>,
    /// At most one, by its id.
    #[serde(skip)]
    pub(crate) business: Option<u64>,
    #[serde(skip)]
    pub(crate) institution_logins: Vec<i64>,
}

/// What a create request says.
#[derive(Default)]
pub(crate) struct NewCustomer {
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    application_id: Option<String>,
}

/// What a change request says.
#[derive(Default)]
pub(crate) struct CustomerUpdate {
    first_name: Option<String>,
    last_name: Option<String>,
}

impl State {
    /// Creates a customer and answers its id.
    ///
    /// Usernames are unique across plans, and across partners unless a quirk says otherwise; compared letter by letter;
    /// deleting frees them.
    pub(crate) fn create_customer(
        &mut self,
        caller: PartnerIndex,
        customer_type: CustomerType,
        new: NewCustomer,
    ) -> Result<u64, Refusal> {
        let username = new.username.ok_or(Refusal::MissingParameter("username"))?;
        if !is_username(&username, self.config.quirks.username_dot) {
            return Err(Refusal::UsernamePolicy);
        }
        check_names([new.first_name.as_deref(), new.last_name.as_deref()])?;
        let username = SmolStr::from(username);
        let unique = self.config.quirks.usernames;
        if self
            .usernames
            .contains_key(&username_key(unique, caller, &username))
        {
            return Err(Refusal::UsernameTaken);
        }
        let partner = self.partners.derived_mut(caller);
        if customer_type == CustomerType::Testing
            && partner.testing_customers.len() >= self.config.testing_customer_limit
        {
            return Err(Refusal::TestingCustomerLimit);
        }
        let id = self.next_customer;
        self.next_customer += 1;
        let customer = Customer {
            partner: caller,
            username,
            customer_type,
            first_name: new.first_name.map(SmolStr::from),
            last_name: new.last_name.map(SmolStr::from),
            phone: new.phone.map(SmolStr::from),
            email: new.email.map(SmolStr::from),
            application_id: new.application_id.map(SmolStr::from),
            created: self.clock.now(),
            modified: None,
            consumer: None,
            business: None,
            institution_logins: Vec::new(),
        };
        customer.enter(id, unique, &mut self.usernames, partner);
        self.customers.insert(id, customer);
        Ok(id)
    }

    /// The caller's customer with this id. Another partner's customer is not found.
    pub(crate) fn customer(&self, caller: PartnerIndex, id: &str) -> Option<(u64, &Customer)> {
        let id = parse_id(id)?;
        let customer = self.customers.get(&id)?;
        (customer.partner == caller).then_some((id, customer))
    }

    /// Changes the names that are given.
    pub(crate) fn update_customer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
        update: CustomerUpdate,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        let unknown = Refusal::NoCustomerToModify;
        let (id, _) = self.customer(caller, id).ok_or(unknown.clone())?;
        if update.first_name.is_none() && update.last_name.is_none() {
            return Err(Refusal::NothingToUpdate);
        }
        check_names([update.first_name.as_deref(), update.last_name.as_deref()])?;
        let customer = self.customers.get_mut(&id).ok_or(unknown)?;
        if update.first_name.is_some() {
            customer.first_name = update.first_name.map(SmolStr::from);
        }
        if update.last_name.is_some() {
            customer.last_name = update.last_name.map(SmolStr::from);
        }
        customer.modified = Some(now);
        Ok(())
    }

    /// Deletes a customer with its institution logins.
    ///
    /// The consumer record stays, readable by its own id, as the documentation page demands. No source says what
    /// becomes of the business record; ours loses its link to the customer and stays readable by its own id too.
    pub(crate) fn delete_customer(
        &mut self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<(), Refusal> {
        // No source says what a malformed id gets beyond the code that exists for it.
        let number = parse_id(id).ok_or_else(|| Refusal::MalformedCustomerId(id.to_owned()))?;
        if self.customer(caller, id).is_none() {
            return Err(Refusal::NoCustomerToDelete);
        }
        let Some(customer) = self.customers.remove(&number) else {
            return Err(Refusal::NoCustomerToDelete);
        };
        for login in &customer.institution_logins {
            self.institution_logins.remove(login);
        }
        let unique = self.config.quirks.usernames;
        let partner = self.partners.derived_mut(caller);
        customer.leave(number, unique, &mut self.usernames, partner);
        Ok(())
    }

    /// A customer and the name of its application.
    ///
    /// A create takes any application id, since no source has a code for a wrong one; here only registered ones count.
    pub(crate) fn customer_application(
        &self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<(u64, &Customer, &str), Refusal> {
        if parse_id(id).is_none() {
            return Err(Refusal::MalformedCustomerId(id.to_owned()));
        }
        let (id, customer) = self.customer(caller, id).ok_or(Refusal::NoSuchCustomer)?;
        if self.applications.is_empty() {
            return Err(Refusal::NoApplications);
        }
        let application = customer.application_id.as_ref();
        let name = application
            .and_then(|application| self.applications.get(application.as_str()))
            .ok_or(Refusal::NoApplicationAssigned)?;
        Ok((id, customer, name))
    }
}

impl Customer {
    /// Enters a customer under its username and into its partner's lists. If another has the username, nothing is
    /// changed, and the other one answered.
    pub(crate) fn enter(
        &self,
        id: u64,
        unique: Usernames,
        usernames: &mut HashMap<SmolStr, u64>,
        partner: &mut Partner,
    ) -> Option<u64> {
        match usernames.entry(username_key(unique, self.partner, &self.username)) {
            Entry::Occupied(other) => return Some(*other.get()),
            Entry::Vacant(free) => free.insert(id),
        };
        for list in self.lists(partner) {
            list.push(id);
        }
        None
    }

    /// Undoes [`Customer::enter`]. A username that another customer has by now stays that one's.
    pub(crate) fn leave(
        &self,
        id: u64,
        unique: Usernames,
        usernames: &mut HashMap<SmolStr, u64>,
        partner: &mut Partner,
    ) {
        let key = username_key(unique, self.partner, &self.username);
        if usernames.get(&key) == Some(&id) {
            usernames.remove(&key);
        }
        for list in self.lists(partner) {
            list.remove(id);
        }
    }

    /// Takes over the links of another version of the same customer.
    pub(crate) fn link_like(&mut self, other: &Self) {
        self.consumer.clone_from(&other.consumer);
        self.business = other.business;
        self.institution_logins
            .clone_from(&other.institution_logins);
    }

    /// The lists of the partner that a customer is in.
    fn lists<'partner>(&self, partner: &'partner mut Partner) -> [&'partner mut IdList; 2] {
        let of_type = match self.customer_type {
            CustomerType::Testing => &mut partner.testing_customers,
            CustomerType::Active => &mut partner.active_customers,
        };
        [of_type, &mut partner.customers]
    }
}

/// What a username is kept under among those that must differ: itself, or with the partner before a slash, which no
/// username has.
fn username_key(unique: Usernames, partner: PartnerIndex, username: &str) -> SmolStr {
    match unique {
        Usernames::Platform => username.into(),
        Usernames::Partner => format_smolstr!("{partner}/{username}"),
    }
}

/// A customer or business id as the sandbox writes it: digits, no sign, no leading zero.
pub(crate) fn parse_id(id: &str) -> Option<u64> {
    let plain = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    plain.then(|| id.parse().ok()).flatten()
}

/// 6 to 255 letters, digits and `! @ . # $ % & * _ - +`. The vendor says that other letters may fail; here they do.
fn is_username(username: &str, dot: UsernameDot) -> bool {
    let signs: &[u8] = match dot {
        UsernameDot::Allowed => b"!@.#$%&*_-+",
        UsernameDot::Refused => b"!@#$%&*_-+",
    };
    (6..=255).contains(&username.len())
        && username
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

/// The vendor refuses some characters in names without telling which. Ours: control characters and
/// `< > { } [ ] ^ \ |`, which no name has and much broken input does.
fn check_names(names: [Option<&str>; 2]) -> Result<(), Refusal> {
    let illegal = |letter: char| letter.is_control() || "<>{}[]^\\|".contains(letter);
    if names
        .into_iter()
        .flatten()
        .any(|name| name.contains(illegal))
    {
        return Err(Refusal::NameCharacters);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
