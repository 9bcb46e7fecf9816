//! An import that was cut short, for the tests of what goes on with it.

use std::sync::Arc;

use openfinance::store::Memory;
use openfinance_sandbox::{Operation, RecordKind};

use super::desk::{self, Desk, Ran, people};
use crate::world::World;

pub(super) struct CutShort {
    pub(super) world: World,
    pub(super) desk: Desk,
    words: Vec<String>,
}

impl CutShort {
    /// An import of customers `row-00001` and so on, one call at a time, that ended like a killed process when `cut` was
    /// so.
    pub(super) async fn customers(rows: usize, cut: impl Fn(&World, &Desk) -> bool) -> Self {
        let text = people("row", rows);
        let file = ("people.csv", text.as_str());
        Self::import(World::start().await, "customers", file, cut).await
    }

    /// One after so many requests for customers.
    pub(super) async fn after(requests: usize, rows: usize) -> Self {
        let reached =
            |world: &World, _: &Desk| world.called(Operation::AddTestingCustomer) >= requests;
        Self::customers(rows, reached).await
    }

    /// One when all customers were made, of which it does not know yet.
    pub(super) async fn when_made(rows: usize) -> Self {
        let made =
            |world: &World, _: &Desk| desk::created(world.sandbox(), RecordKind::Customer) == rows;
        Self::customers(rows, made).await
    }

    /// Any import of a file with this name and text.
    pub(super) async fn import(
        world: World,
        noun: &str,
        (name, text): (&str, &str),
        cut: impl Fn(&World, &Desk) -> bool,
    ) -> Self {
        let desk = Desk::at(world.grpc_address());
        let file = desk.file(name, text);
        let words = ["import", noun, &file, "--parallel", "1"];
        let ran = desk.run_until(&words, || cut(&world, &desk)).await;
        assert!(ran.is_none(), "it came to its end");
        Self {
            words: words.map(str::to_owned).to_vec(),
            world,
            desk,
        }
    }

    /// From now on there is a gateway that knows no request id.
    pub(super) async fn forget(&mut self) {
        let store = Arc::new(Memory::new());
        self.world.replace_gateway(|_| (), store).await;
        self.desk.turn_to(self.world.grpc_address());
    }

    /// Runs the same command.
    pub(super) async fn again(&self) -> Ran {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        self.desk.run(&words).await
    }
}
