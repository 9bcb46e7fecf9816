//! Spans by number, from their beginning until nobody holds them any more.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use opentelemetry_sdk::trace::Span;
use slab::Slab;
use tracing::{Metadata, span::Id};

/// How many parts there are, so that threads are seldom in one another's way. A power of two.
const PARTS: usize = 16;

thread_local! {
    /// The part that this thread puts spans into.
    static PART: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % PARTS
    };
}

/// The number of a span: where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(u64);

impl Number {
    /// That of all spans that are not kept.
    pub(super) const NOBODYS: Self = Self(u64::MAX - 1);

    fn new(place: usize, part: usize) -> Self {
        Self((place * PARTS + part) as u64)
    }

    pub(super) fn of(id: &Id) -> Self {
        Self(id.into_u64() - 1)
    }

    pub(super) fn id(self) -> Id {
        Id::from_u64(self.0 + 1)
    }

    fn part(self) -> usize {
        self.0 as usize % PARTS
    }

    fn place(self) -> usize {
        self.0 as usize / PARTS
    }
}

struct Held {
    span: Box<Span>,
    metadata: &'static Metadata<'static>,
    /// How many hold it.
    holders: usize,
}

type Part = Mutex<Slab<Held>>;

/// All spans that are open.
#[derive(Default)]
pub(super) struct Open([Part; PARTS]);

impl Open {
    fn part(&self, part: usize) -> MutexGuard<'_, Slab<Held>> {
        self.0[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a span that one holds.
    pub(super) fn keep(&self, metadata: &'static Metadata<'static>, span: Span) -> Number {
        let part = PART.with(|part| *part);
        let held = Held {
            span: Box::new(span),
            metadata,
            holders: 1,
        };
        Number::new(self.part(part).insert(held), part)
    }

    /// Looks at a span, or notes something in it. Nothing of that may begin or end one.
    pub(super) fn with<T>(&self, number: Number, look: impl FnOnce(&mut Span) -> T) -> Option<T> {
        let mut part = self.part(number.part());
        part.get_mut(number.place())
            .map(|held| look(&mut held.span))
    }

    pub(super) fn metadata(&self, number: Number) -> Option<&'static Metadata<'static>> {
        let part = self.part(number.part());
        part.get(number.place()).map(|held| held.metadata)
    }

    /// One more holds it.
    pub(super) fn hold(&self, number: Number) {
        if let Some(held) = self.part(number.part()).get_mut(number.place()) {
            held.holders += 1;
        }
    }

    /// One less holds it: the span, if that was the last.
    pub(super) fn release(&self, number: Number) -> Option<Box<Span>> {
        let mut part = self.part(number.part());
        let held = part.get_mut(number.place())?;
        held.holders -= 1;
        (held.holders == 0).then(|| part.remove(number.place()).span)
    }
}
