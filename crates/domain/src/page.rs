//! Customers as a page and as a stream.
//!
//! The vendor pages by position: `start` is the 1-based index of a record, not of a page, and only `moreAvailable` says
//! whether there is another page. A record that comes or goes meanwhile shifts the others, so a page goes on from a
//! [`Cursor`], which knows the customers around its place and finds them again.
//!
//! What a scan from page to page promises: whoever is in the list from its beginning to its end is returned at least
//! once, or it ends with [`Error::ListChanged`]; and no page has a customer of the page before. It relies on the vendor
//! to keep the order of those who stay.

mod cursor;
mod scan;

use std::num::NonZeroU32;

use futures_core::Stream;

pub use self::cursor::Cursor;
pub(crate) use self::scan::{Cut, Look, Scan, Window};
use crate::{
    Client, Error,
    customer::{Customer, CustomerType},
    id::CustomerId,
    value::Text,
};

/// Which customers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerQuery {
    /// Only those of this type.
    pub customer_type: Option<CustomerType>,
    /// Only those with this text anywhere in username, first name or last name.
    pub search: Option<Text>,
}

/// Where a page starts: the 1-based index of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start(NonZeroU32);

impl Start {
    /// The first record.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The record with this index; `None` for 0 and for more than the vendor's signed 32-bit parameter takes.
    pub fn new(index: u32) -> Option<Self> {
        i32::try_from(index).ok()?;
        NonZeroU32::new(index).map(Self)
    }

    /// The index.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The record `count` records on.
    pub(crate) fn after(self, count: usize) -> Option<Self> {
        Self::new(self.get().checked_add(u32::try_from(count).ok()?)?)
    }
}

/// How many records a page has at most: 1 to 1,000 (the vendor's document).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(NonZeroU32);

impl PageSize {
    /// What the vendor takes where nothing is said.
    pub const DEFAULT: Self = Self(NonZeroU32::new(25).unwrap());
    /// The most that the vendor takes.
    pub const MAX: Self = Self(NonZeroU32::new(1_000).unwrap());

    /// `size`, coerced to 1 to 1,000.
    pub fn new(size: u32) -> Self {
        Self(
            NonZeroU32::new(size)
                .unwrap_or(NonZeroU32::MIN)
                .min(Self::MAX.0),
        )
    }

    /// The size.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl From<Start> for NonZeroU32 {
    fn from(start: Start) -> Self {
        start.0
    }
}

impl From<PageSize> for NonZeroU32 {
    fn from(size: PageSize) -> Self {
        size.0
    }
}

/// A page of customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerPage {
    /// The customers, in the vendor's order.
    pub customers: Vec<Customer>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
    /// How many customers the query finds in all, where the vendor says so.
    pub total: Option<u32>,
    /// Position of the first customer.
    first: Start,
    /// The last customers in front of the first.
    lead: Vec<CustomerId>,
}

impl CustomerPage {
    /// The page that is this part of an answer's customers.
    pub(crate) fn of(mut customers: Vec<Customer>, cut: Cut, total: Option<u32>) -> Self {
        let Cut {
            rows,
            first,
            lead,
            next,
        } = cut;
        customers.truncate(rows.end);
        customers.drain(..rows.start);
        Self {
            customers,
            next,
            total,
            first,
            lead,
        }
    }

    /// Keeps the first `len` customers, one at least; the next page then starts with the others. Does nothing where there
    /// are no others.
    pub fn truncate(&mut self, len: usize) {
        let len = len.max(1);
        let (Some(other), Some(at)) = (self.customers.get(len), self.first.after(len)) else {
            return;
        };
        let kept = self.customers[..len].iter().map(|customer| &customer.id);
        let mut before: Vec<_> = self.lead.iter().chain(kept).cloned().collect();
        before.drain(..before.len().saturating_sub(Cursor::MOST_BEFORE));
        if let Some(next) = Cursor::new(at, before, Some(other.id.clone())) {
            self.next = Some(next);
            self.customers.truncate(len);
        }
    }
}

impl Client {
    /// All customers of `query`, in the vendor's order, fetched a page of 1,000 at a time as the stream is polled.
    ///
    /// # Errors
    /// The stream ends with the first error; see [`Client::customers_page`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
    /// # let partner = openfinance_sandbox::Config::for_tests().partner;
    /// # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
    /// # let client = openfinance::Client::new(config)?;
    /// # let customer = client.create_customer(openfinance::customer::NewCustomer {
    /// #     customer_type: openfinance::customer::CustomerType::Testing, username: "household-4711".parse()?,
    /// #     first_name: None, last_name: None, phone: None, email: None, application_id: None,
    /// # }).await?;
    /// use futures_util::TryStreamExt as _;
    /// use openfinance::{customer::CustomerType, page::CustomerQuery};
    ///
    /// let query = CustomerQuery { customer_type: Some(CustomerType::Testing), search: Some("household".parse()?) };
    /// let mut customers = std::pin::pin!(client.customers(query));
    /// let mut count = 0;
    /// while let Some(customer) = customers.try_next().await? {
    ///     println!("{}", customer.id);
    ///     count += 1;
    /// }
    /// assert_eq!(count, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn customers(
        &self,
        query: CustomerQuery,
    ) -> impl Stream<Item = Result<Customer, Error>> + Send + 'static {
        let client = self.clone();
        async_stream::try_stream! {
            let mut next = Some(Cursor::FIRST);
            while let Some(from) = next {
                let page = client.customers_page(&query, &from, PageSize::MAX).await?;
                next = page.next;
                for customer in page.customers {
                    yield customer;
                }
            }
        }
    }
}
