//! Customers as a page and as a stream.
//!
//! The vendor pages by position: `start` is the 1-based index of a record, not of a page, and only `moreAvailable` says
//! whether there is another page. A record that comes or goes meanwhile shifts the others.

use std::num::NonZeroU32;

use futures_core::Stream;

use crate::{
    Client, Error,
    customer::{Customer, CustomerType},
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

    /// Half of it; `None` of 1.
    pub(crate) fn half(self) -> Option<Self> {
        NonZeroU32::new(self.get() / 2).map(Self)
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
    pub next: Option<Start>,
    /// How many customers the query finds in all, where the vendor says so.
    pub total: Option<u32>,
}

impl Client {
    /// All customers of `query`, in the vendor's order, fetched a page of 1,000 at a time as the stream is polled.
    ///
    /// # Errors
    /// The stream ends with the first error; see [`Client::customers_page`].
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt as _;
    ///
    /// # async fn example(client: openfinance::Client) -> Result<(), openfinance::Error> {
    /// let mut customers = std::pin::pin!(client.customers(Default::default()));
    /// while let Some(customer) = customers.try_next().await? {
    ///     println!("{}", customer.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn customers(
        &self,
        query: CustomerQuery,
    ) -> impl Stream<Item = Result<Customer, Error>> + Send + 'static {
        let client = self.clone();
        async_stream::try_stream! {
            let mut next = Some(Start::FIRST);
            while let Some(start) = next {
                let page = client.customers_page(&query, start, PageSize::MAX).await?;
                next = page.next;
                for customer in page.customers {
                    yield customer;
                }
            }
        }
    }
}
