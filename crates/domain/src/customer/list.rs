//! Pages of customers.

use openfinance_rest::{self as rest, types as wire};

use super::Customer;
use crate::{
    Client, Error,
    operation::Operation,
    outcome::TOO_LARGE,
    page::{Cursor, CustomerPage, CustomerQuery, Look, PageSize, Scan, Window},
    read,
    value::Text,
};

impl Client {
    /// Reads the page of customers that starts at `from`, in the vendor's order. It may hold fewer than `size`: an answer
    /// that would be too large is asked for again in smaller parts, and of the 1,000 that the vendor gives at once up to
    /// four belong to the pages beside, by which the place is known. So a page of 1,000 holds 996 where the list goes on,
    /// all but the first. That one has none beside it: whoever deletes each page before the next asks for 999 at most.
    ///
    /// # Errors
    /// [`Error::ListChanged`] if so many customers came or went since the page before that the place where it ended can't
    /// be found within six calls: start again from [`Cursor::FIRST`]. [`Error::Unavailable`] and the like; the vendor
    /// refuses no query that can be made.
    pub async fn customers_page(
        &self,
        query: &CustomerQuery,
        from: &Cursor,
        size: PageSize,
    ) -> Result<CustomerPage, Error> {
        let mut scan = Scan::new(from, size);
        loop {
            let listed = match self.customers_window(query, scan.window()).await {
                Err(Error::Malformed {
                    problem: TOO_LARGE, ..
                }) if scan.narrow() => continue,
                listed => listed?,
            };
            let ids: Vec<_> = listed.customers.iter().map(|found| &found.id).collect();
            match scan.look(&ids, listed.more, listed.total) {
                Look::Again => {}
                Look::Page(cut) => {
                    return Ok(CustomerPage::of(listed.customers, cut, listed.total));
                }
                Look::Lost => return Err(Error::ListChanged),
                Look::Malformed(problem) => {
                    return Err(Operation::GetCustomers.malformed(problem, None));
                }
            }
        }
    }

    async fn customers_window(
        &self,
        query: &CustomerQuery,
        window: Window,
    ) -> Result<Listed<bool>, Error> {
        let customer_type = query
            .customer_type
            .map(|kind| wire::CustomerType::from(kind.as_str().to_owned()));
        let (customer_type, search) = (
            customer_type.as_ref(),
            query.search.as_ref().map(Text::as_str),
        );
        let Window { start, size } = window;
        let send = |rest: rest::Client| async move {
            rest.get_customers(
                Some(size.into()),
                search,
                Some(start.into()),
                customer_type,
                None,
            )
            .await
        };
        self.call(Operation::GetCustomers, send, |page| {
            let Listed {
                customers,
                more,
                total,
            } = customers(page)?;
            if customers.len() > usize::try_from(size.get()).unwrap_or(usize::MAX) {
                return Err("it has more customers than were asked for".into());
            }
            let more = match (more, customers.len()) {
                // Going on from here would never end.
                (Some(true), 0) => return Err("it promises more customers and has none".into()),
                (Some(more), _) => more,
                (None, 0) => false,
                // Taking this for the end could leave customers out.
                (None, _) => return Err("it does not say whether there are more customers".into()),
            };
            Ok(Listed {
                customers,
                more,
                total,
            })
        })
        .await
    }
}

/// What an answer of the vendor's holds.
pub(crate) struct Listed<More> {
    pub(crate) customers: Vec<Customer>,
    /// Whether there are more behind these.
    more: More,
    /// How many there are in all.
    total: Option<u32>,
}

/// Reads an answer. It need not say whether there are more.
pub(crate) fn customers(page: wire::Customers) -> Result<Listed<Option<bool>>, &'static str> {
    let wire::Customers {
        found,
        displaying,
        more_available,
        customers,
    } = page;
    let (found, displaying) = (
        found.and_then(read::number),
        displaying.and_then(read::number),
    );
    let customers = match customers {
        Some(customers) => customers,
        // Old answers leave an empty list out; an answer that does not say that it is empty is something else.
        None if found == Some(0) || displaying == Some(0) => Vec::new(),
        None => return Err("it has no list of customers"),
    };
    Ok(Listed {
        customers: customers
            .into_iter()
            .map(Customer::try_from)
            .collect::<Result<_, _>>()?,
        more: more_available.map(|more| more.0),
        total: found.and_then(|found| u32::try_from(found).ok()),
    })
}
