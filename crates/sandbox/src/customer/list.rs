//! GetCustomers: filters and pages. `start` counts records from one; it is no page number.

use http::StatusCode;
use serde::Serialize;

use super::{
    Customer, CustomerType,
    route::{CustomerView, OPTIONAL},
    username_key,
};
use crate::{
    answer::Answer,
    auth::PartnerIndex,
    operation::percent_decode,
    quirk::{FoundCount, Search},
    refusal::Refusal,
    state::State,
};

/// Records on a page when the request does not say.
const DEFAULT_LIMIT: i32 = 25;
/// More is refused. The document has the figure, not the refusal; the generic code is our choice.
const LARGEST_LIMIT: i32 = 1000;

/// What a list request asks for.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
struct Query {
    username: Option<String>,
    customer_type: Option<CustomerType>,
    search: Option<String>,
    /// Position of the first record, from zero.
    skip: usize,
    limit: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'state> {
    /// All that match, on this page or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<usize>,
    displaying: usize,
    more_available: bool,
    customers: Vec<CustomerView<'state>>,
}

impl State {
    /// One page of the caller's customers, in the order of their creation. The vendor promises no order.
    fn customers(&self, caller: PartnerIndex, query: &Query) -> Page<'_> {
        let partner = &self.partners[caller];
        let ids = match query.customer_type {
            None => &partner.customers,
            Some(CustomerType::Testing) => &partner.testing_customers,
            Some(CustomerType::Active) => &partner.active_customers,
        };
        let (found, ids) = if let Some(username) = &query.username {
            let key = username_key(self.config.quirks.usernames, caller, username);
            let hit = self.usernames.get(&key).copied();
            let hits = hit.filter(|id| ids.contains(*id));
            let hits = hits.filter(|id| self.is_searched(*id, query.search.as_deref()));
            page(hits.into_iter(), query)
        } else if query.search.is_some() {
            let hits = ids.iter();
            page(
                hits.filter(|id| self.is_searched(*id, query.search.as_deref())),
                query,
            )
        } else {
            // Without a filter the page is cut out directly, so the last page costs no more than the first.
            let page = ids.starting_at(query.skip).take(query.limit);
            (ids.len(), page.collect())
        };
        let views = ids
            .iter()
            .filter_map(|id| {
                let customer = self.customers.get(id)?;
                Some(customer.view(*id).with(&self.config.quirks))
            })
            .collect::<Vec<_>>();
        let told = match self.config.quirks.found {
            FoundCount::Present => Some(found),
            FoundCount::Absent => None,
        };
        Page {
            found: told,
            displaying: views.len(),
            more_available: query.skip.saturating_add(views.len()) < found && !views.is_empty(),
            customers: views,
        }
    }

    fn is_searched(&self, id: u64, search: Option<&str>) -> bool {
        let Some(search) = search else {
            return true;
        };
        self.customers
            .get(&id)
            .is_some_and(|customer| customer.has_text(search, self.config.quirks.search))
    }

    pub(crate) fn route_customers(
        &self,
        caller: PartnerIndex,
        query: &str,
    ) -> Result<Answer, Refusal> {
        let query = Query::read(query)?;
        Ok(Answer::record(
            StatusCode::OK,
            &self.customers(caller, &query),
            self.config.quirks.absent_members,
            &[("", &["found"]), ("customers", OPTIONAL)],
        ))
    }
}

impl Customer {
    /// Whether `text`, in lower case, is somewhere in a name, in both names with a space between, which is one reading
    /// of the document's "any combination", or in the username. Case does not count; no source speaks of it.
    fn has_text(&self, text: &str, search: Search) -> bool {
        let username = match search {
            Search::WithUsername => Some(&*self.username),
            Search::NamesOnly => None,
        };
        let names = [
            username,
            self.first_name.as_deref(),
            self.last_name.as_deref(),
        ];
        if names.into_iter().flatten().any(|name| contains(name, text)) {
            return true;
        }
        // Only a text with a blank in it can span both names.
        match (&self.first_name, &self.last_name) {
            (Some(first), Some(last)) if text.contains(' ') => {
                contains(&format!("{first} {last}"), text)
            }
            (Some(_) | None, Some(_) | None) => false,
        }
    }
}

/// Whether `text`, in lower case, is in `name` in any case; without allocating for the usual name.
fn contains(name: &str, text: &str) -> bool {
    if !name.is_ascii() {
        return name.to_lowercase().contains(text);
    }
    let text = text.as_bytes();
    let Some(first) = text.first() else {
        return true;
    };
    // The first letter decides most windows, at a fraction of the cost of comparing all.
    name.as_bytes()
        .windows(text.len())
        .any(|window| window[0].to_ascii_lowercase() == *first && window.eq_ignore_ascii_case(text))
}

fn page(hits: impl Iterator<Item = u64>, query: &Query) -> (usize, Vec<u64>) {
    let mut found = 0;
    let mut ids = Vec::new();
    for id in hits {
        if found >= query.skip && ids.len() < query.limit {
            ids.push(id);
        }
        found += 1;
    }
    (found, ids)
}

impl Query {
    /// Reads a query. Empty values count as absent, as the vendor's Postman collection sends them; of a repeated key
    /// the first counts; unknown keys are ignored.
    fn read(query: &str) -> Result<Self, Refusal> {
        let (mut username, mut user_name, mut customer_type, mut search, mut start, mut limit) =
            (None, None, None, None, None, None);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match key {
                "username" => &mut username,
                // The documentation page spells it so.
                "userName" => &mut user_name,
                "type" => &mut customer_type,
                "search" => &mut search,
                "start" => &mut start,
                "limit" => &mut limit,
                _ => continue,
            };
            let value = value.replace('+', " ");
            let value = percent_decode(&value).ok_or(Refusal::BadRequest)?;
            if slot.is_none() && !value.trim().is_empty() {
                *slot = Some(value.into_owned());
            }
        }
        let customer_type = match customer_type.as_deref() {
            None => None,
            Some("testing") => Some(CustomerType::Testing),
            Some("active") => Some(CustomerType::Active),
            Some(_) => return Err(Refusal::UnknownCustomerType),
        };
        let start = number(start.as_deref(), 1)?;
        if start < 1 {
            return Err(Refusal::StartBelowOne);
        }
        let limit = number(limit.as_deref(), DEFAULT_LIMIT)?;
        if limit < 1 {
            return Err(Refusal::LimitBelowOne);
        }
        if limit > LARGEST_LIMIT {
            return Err(Refusal::BadRequest);
        }
        Ok(Self {
            username: username.or(user_name),
            customer_type,
            search: search.map(|search| search.to_lowercase()),
            skip: usize::try_from(start - 1).map_err(|_| Refusal::BadRequest)?,
            limit: usize::try_from(limit).map_err(|_| Refusal::BadRequest)?,
        })
    }
}

/// What is left of a query that filters nothing: which page.
pub(crate) fn without_filter(query: &str) -> String {
    let pages = |pair: &&str| pair.starts_with("start=") || pair.starts_with("limit=");
    query.split('&').filter(pages).collect::<Vec<_>>().join("&")
}

fn number(value: Option<&str>, default: i32) -> Result<i32, Refusal> {
    value.map_or(Ok(default), |value| {
        value.parse().map_err(|_| Refusal::BadRequest)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{
        super::tests::{customer, named, person, second_partner, state},
        *,
    };

    fn list(state: &State, query: &str) -> Value {
        let answer = state.route_customers(0, query).unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn usernames(state: &State, query: &str) -> Vec<String> {
        let page = list(state, query);
        let customers = page["customers"].as_array().unwrap();
        assert_eq!(page["displaying"], customers.len());
        customers
            .iter()
            .map(|customer| customer["username"].as_str().unwrap().to_owned())
            .collect()
    }

    fn people() -> State {
        let mut state = state();
        for (username, first, last) in [
            ("smith_j", "John", "Smith"),
            ("doe.jane", "Jane", "Doe"),
            ("johnny5", "Élodie", "Ångström"),
        ] {
            state
                .create_customer(0, CustomerType::Testing, person(username, first, last))
                .unwrap();
        }
        state
            .create_customer(0, CustomerType::Active, named("active1"))
            .unwrap();
        state
    }

    #[test]
    fn nobody_is_an_empty_page() {
        let expected = serde_json::json!({
            "found": 0, "displaying": 0, "moreAvailable": false, "customers": [],
        });
        assert_eq!(list(&state(), ""), expected);
        assert_eq!(list(&people(), "username=1234"), expected);
        assert_eq!(list(&people(), "search=nobody"), expected);
    }

    #[test]
    fn start_counts_records_and_more_is_told() {
        let mut state = state();
        for number in 0..31 {
            customer(&mut state, &format!("customer{number}"));
        }
        let page = list(&state, "");
        assert_eq!(
            (&page["found"], &page["displaying"]),
            (&31.into(), &25.into())
        );
        assert_eq!(page["moreAvailable"], true);
        let names = usernames(&state, "start=16&limit=15");
        assert_eq!(
            (names[0].as_str(), names[14].as_str()),
            ("customer15", "customer29")
        );
        let page = list(&state, "start=17&limit=15");
        assert_eq!(
            (&page["displaying"], &page["moreAvailable"]),
            (&15.into(), &false.into())
        );
        let page = list(&state, "start=32");
        assert_eq!(
            (&page["found"], &page["displaying"]),
            (&31.into(), &0.into())
        );
        assert_eq!(page["moreAvailable"], false);
        let page = list(&state, "start=2147483647&limit=1000&search=customer");
        assert_eq!(
            (&page["found"], &page["displaying"]),
            (&31.into(), &0.into())
        );
    }

    #[test]
    fn search_takes_usernames_and_names_in_any_case() {
        let state = people();
        assert_eq!(usernames(&state, "search=john"), ["smith_j", "johnny5"]);
        assert_eq!(usernames(&state, "search=N+SMI"), ["smith_j"]);
        assert_eq!(usernames(&state, "search=n%20smi"), ["smith_j"]);
        assert_eq!(usernames(&state, "search=%C3%A5ng"), ["johnny5"]);
        assert_eq!(usernames(&state, "search=LODIE+%C3%85"), ["johnny5"]);
        assert_eq!(usernames(&state, "search=%C3%A9").len(), 1);
        assert_eq!(
            usernames(&state, &format!("search={}", "j".repeat(300))).len(),
            0
        );
        assert_eq!(usernames(&state, "search=doe.&type=testing"), ["doe.jane"]);
        assert_eq!(
            usernames(&state, "search=john&start=2&limit=1"),
            ["johnny5"]
        );
    }

    #[test]
    fn a_username_is_matched_exactly_under_either_spelling() {
        let state = people();
        assert_eq!(usernames(&state, "username=doe.jane"), ["doe.jane"]);
        assert_eq!(usernames(&state, "userName=doe.jane"), ["doe.jane"]);
        assert_eq!(usernames(&state, "username=Doe.jane"), Vec::<String>::new());
        assert_eq!(
            usernames(&state, "username=doe.jane&type=active"),
            Vec::<String>::new()
        );
        assert_eq!(
            usernames(&state, "username=doe.jane&start=2"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn types_filter_and_empty_values_do_not() {
        let state = people();
        assert_eq!(usernames(&state, "type=active"), ["active1"]);
        assert_eq!(
            usernames(&state, "username=&type=&search=&start=&limit=").len(),
            4
        );
        assert_eq!(usernames(&state, "x=y&&username").len(), 4);
    }

    #[test]
    fn illegal_queries_are_refused() {
        for (query, refusal) in [
            ("type=Testing", Refusal::UnknownCustomerType),
            ("start=0", Refusal::StartBelowOne),
            ("start=-1", Refusal::StartBelowOne),
            ("limit=0", Refusal::LimitBelowOne),
            ("limit=1001", Refusal::BadRequest),
            ("start=x", Refusal::BadRequest),
            ("start=2147483648", Refusal::BadRequest),
            ("search=%zz", Refusal::BadRequest),
            ("search=%ff", Refusal::BadRequest),
        ] {
            assert_eq!(Query::read(query), Err(refusal), "{query}");
        }
        assert_eq!(Query::read("limit=1000").unwrap().limit, 1000);
    }

    #[test]
    fn a_partner_sees_its_own_customers_only() {
        let mut state = people();
        let other = second_partner(&mut state);
        state
            .create_customer(other, CustomerType::Testing, named("theirs"))
            .unwrap();
        assert_eq!(usernames(&state, "").len(), 4);
        assert_eq!(usernames(&state, "username=theirs"), Vec::<String>::new());
        assert_eq!(usernames(&state, "search=theirs"), Vec::<String>::new());
    }

    #[test]
    fn deleted_customers_leave_the_list() {
        let mut state = people();
        let id = state.usernames["doe.jane"].to_string();
        state.delete_customer(0, &id).unwrap();
        assert_eq!(usernames(&state, ""), ["smith_j", "johnny5", "active1"]);
        assert_eq!(usernames(&state, "type=testing"), ["smith_j", "johnny5"]);
    }
}
