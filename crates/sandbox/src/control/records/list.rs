//! Many records at once: which of them a query means, and in which order.

use serde_json::Value;

use super::{Personal, RecordKind, RecordQuery, Records};
use crate::{auth::PartnerIndex, control::ControlError, mask::mask, state::State};

impl State {
    pub(in crate::control) fn records(&self, query: &RecordQuery) -> Result<Records, ControlError> {
        let partner = match &query.partner {
            Some(id) => Some(self.partner_index(id).ok_or(ControlError::UnknownPartner)?),
            None => None,
        };
        // Where all records are wanted, or all are of one partner, none of them has to be looked at to be counted.
        let partner = partner.filter(|_| self.partners[..].len() > 1);
        let (found, mut records) = match query.kind {
            RecordKind::Customer => {
                let (found, ids) = self.customer_ids(partner, query);
                (found, collect(&ids, |id| self.customer_record(*id)))
            }
            RecordKind::Consumer => {
                let all = self.consumers.iter();
                let all = all.filter(|(_, one)| partner.is_none_or(|of| of == one.partner));
                let (found, ids) = cut(all.map(|(id, one)| (one.customer, id.as_str())), query);
                (found, collect(&ids, |(_, id)| self.consumer_record(id)))
            }
            RecordKind::Business => {
                let all = self.businesses.iter();
                let all =
                    all.filter(|(_, business)| partner.is_none_or(|of| of == business.partner));
                let (found, ids) = cut(all.map(|(id, _)| *id), query);
                (found, collect(&ids, |id| self.business_record(*id)))
            }
            RecordKind::InstitutionLogin => {
                let all = self.institution_logins.iter();
                let all = all.filter(|(_, login)| partner.is_none_or(|of| of == login.partner));
                let (found, ids) = cut(all.map(|(id, _)| *id), query);
                (found, collect(&ids, |id| self.login_record(*id)))
            }
        };
        if query.personal == Personal::Masked {
            records.iter_mut().for_each(mask);
        }
        Ok(Records { found, records })
    }

    fn customer_ids(
        &self,
        partner: Option<PartnerIndex>,
        query: &RecordQuery,
    ) -> (usize, Vec<u64>) {
        let partners = match partner {
            Some(index) => &self.partners[index..=index],
            None => &self.partners[..],
        };
        if let [partner] = partners {
            let ids = partner.customers.starting_at(query.skip);
            return (partner.customers.len(), ids.take(query.limit).collect());
        }
        let ids = partners.iter().flat_map(|partner| partner.customers.iter());
        cut(ids, query)
    }
}

fn collect<K>(ids: &[K], record: impl Fn(&K) -> Option<Value>) -> Vec<Value> {
    ids.iter().filter_map(record).collect()
}

/// How many ids there are, and those that a query asks for in ascending order, without sorting the others.
fn cut<K: Ord>(ids: impl Iterator<Item = K>, query: &RecordQuery) -> (usize, Vec<K>) {
    let mut ids: Vec<K> = ids.collect();
    let found = ids.len();
    let end = query.skip.saturating_add(query.limit);
    if end < found {
        ids.select_nth_unstable(end);
        ids.truncate(end);
    }
    if query.skip >= ids.len() {
        return (found, Vec::new());
    }
    if query.skip > 0 {
        ids.select_nth_unstable(query.skip);
    }
    let mut ids = ids.split_off(query.skip);
    ids.sort_unstable();
    (found, ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        consumer::tests::consumer,
        customer::tests::{customer, second_partner, state},
    };

    fn ids(state: &State, query: &RecordQuery) -> (usize, Vec<String>) {
        let Records { found, records } = state.records(query).unwrap();
        let id = |record: &Value| record["id"].as_str().unwrap().to_owned();
        (found, records.iter().map(id).collect())
    }

    #[test]
    fn pages_are_cut_in_order_from_one_partner_or_all() {
        let mut state = state();
        let other = second_partner(&mut state);
        let mut mine = Vec::new();
        for number in 0..30 {
            mine.push(customer(&mut state, &format!("customer{number}")));
        }
        let theirs = state
            .create_customer(
                other,
                crate::customer::CustomerType::Testing,
                crate::customer::tests::named("theirs"),
            )
            .unwrap()
            .to_string();
        let mut query = RecordQuery::of(RecordKind::Customer);
        assert_eq!(ids(&state, &query), (31, mine[..25].to_vec()));
        query.skip = 29;
        assert_eq!(
            ids(&state, &query),
            (31, vec![mine[29].clone(), theirs.clone()])
        );
        query.partner = Some("2".to_owned());
        assert_eq!(ids(&state, &query), (1, Vec::new()));
        query.skip = 0;
        assert_eq!(ids(&state, &query), (1, vec![theirs]));
        query.skip = usize::MAX;
        query.partner = None;
        assert_eq!(ids(&state, &query), (31, Vec::new()));
        query.partner = Some("nobody".to_owned());
        assert!(matches!(
            state.records(&query),
            Err(ControlError::UnknownPartner)
        ));
    }

    #[test]
    fn consumers_are_in_the_order_of_their_customers_and_outlive_them() {
        let mut state = state();
        let mut expected = Vec::new();
        for number in 0..10 {
            let owner = customer(&mut state, &format!("customer{number}"));
            expected.push(consumer(&mut state, &owner));
        }
        let first = state.usernames["customer0"].to_string();
        state.delete_customer(0, &first).unwrap();
        let mut query = RecordQuery::of(RecordKind::Consumer);
        assert_eq!(ids(&state, &query), (10, expected.clone()));
        query.skip = 3;
        query.limit = 4;
        assert_eq!(ids(&state, &query), (10, expected[3..7].to_vec()));
        query.kind = RecordKind::Business;
        assert_eq!(ids(&state, &query), (0, Vec::new()));
    }
}
