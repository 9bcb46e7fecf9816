//! Pages of a list that moves, end to end: customers come and go between the pages of a scan.

use std::collections::BTreeSet;

use openfinance_rpc::pb;
use openfinance_sandbox::{Operation, Snapshot};
use serde_json::{Map, Value, json};
use tonic::{Code, Status, Streaming};

use crate::{dice::Dice, world::World};

/// The position of customers on the sandbox's list is that of their ids. These leave room for others to come between.
const FIRST_ID: u64 = 1_000_000_000;
const ROOM: u64 = 1_000_000;

/// The customers of a sandbox, who come and go all at one moment and wherever a test likes.
pub(crate) struct Crowd<'a> {
    world: &'a World,
    document: Value,
    ids: Vec<u64>,
    came: u64,
}

impl<'a> Crowd<'a> {
    /// The world's customers are these many from now on.
    pub(crate) async fn of(world: &'a World, len: u64) -> Self {
        if world.calls() == 0 {
            // The token is in the snapshot too.
            read(world, 1, "").await.unwrap();
        }
        let document = serde_json::from_str(world.sandbox().snapshot().as_json()).unwrap();
        let mut crowd = Self {
            world,
            document,
            ids: (1..=len).map(|place| FIRST_ID + place * ROOM).collect(),
            came: 0,
        };
        crowd.document["meta"]["nextCustomerId"] = json!(FIRST_ID + (len + 2) * ROOM);
        crowd.settle();
        crowd
    }

    /// Somebody comes in front of the customer at `index`. No id is ever used again.
    fn insert(&mut self, index: usize) {
        self.came += 1;
        let behind = index
            .checked_sub(1)
            .map_or(FIRST_ID, |index| self.ids[index]);
        let ahead = self.ids.get(index).copied();
        let end = ahead.unwrap_or(behind + ROOM / 2);
        // Those who come later are to find room on both sides.
        let id = behind + (end - behind) / 2 + self.came % 2;
        if behind < id && ahead.is_none_or(|ahead| id < ahead) {
            self.ids.insert(index, id);
        }
    }

    fn remove(&mut self, index: usize) -> u64 {
        self.ids.remove(index)
    }

    /// Tells the sandbox.
    fn settle(&mut self) {
        let row = |id: &u64| {
            let row = json!({
                "username": format!("member-{id}"), "type": "testing", "createdDate": "2026-01-01T00:00:00Z",
            });
            (id.to_string(), row)
        };
        self.document["customers"] = Value::Object(self.ids.iter().map(row).collect::<Map<_, _>>());
        let snapshot = Snapshot::from_json(self.document.to_string());
        self.world.sandbox().restore(&snapshot).unwrap();
    }
}

async fn read(
    world: &World,
    page_size: i32,
    page_token: &str,
) -> Result<pb::ListCustomersResponse, Status> {
    let request = pb::ListCustomersRequest {
        page_size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let page = world.customers().list_customers(request).await;
    page.map(world.seen())
}

/// A scan in progress, by either method.
enum Scan {
    List { size: i32, token: String },
    Stream(Box<Streaming<pb::StreamCustomersResponse>>),
}

impl Scan {
    fn list(size: i32) -> Self {
        let token = String::new();
        Self::List { size, token }
    }

    async fn stream(world: &World) -> Self {
        let request = pb::StreamCustomersRequest::default();
        let stream = world.customers().stream_customers(request).await;
        Self::Stream(Box::new(stream.unwrap().into_inner()))
    }

    /// The ids on the next page, and whether the scan goes on behind it.
    async fn next(&mut self, world: &World) -> Result<(Vec<u64>, bool), Status> {
        let (customers, more) = match self {
            Self::List { size, token } => {
                let page = read(world, *size, token).await?;
                *token = page.next_page_token;
                (page.customers, !token.is_empty())
            }
            Self::Stream(stream) => {
                let page = stream
                    .message()
                    .await?
                    .expect("only the last page has no token");
                (page.customers, !page.resume_token.is_empty())
            }
        };
        let id = |customer: pb::Customer| customer.customer_id.parse().unwrap();
        Ok((customers.into_iter().map(id).collect(), more))
    }
}

/// Scans a list that moves after every page. Returns whether it was scanned to the end, which it is or LIST_CHANGED is
/// told, and then with all who were there throughout.
async fn is_whole(mut scan: Scan, crowd: &mut Crowd<'_>, moves: usize, dice: &mut Dice) -> bool {
    let world = crowd.world;
    let mut throughout: BTreeSet<u64> = crowd.ids.iter().copied().collect();
    let (mut found, mut before) = (BTreeSet::new(), Vec::new());
    loop {
        let (page, more) = match scan.next(world).await {
            Ok(page) => page,
            Err(status) => {
                assert_eq!(status.code(), Code::Aborted, "{status:?}");
                return false;
            }
        };
        assert!(
            page.iter().all(|id| !before.contains(id)),
            "a page repeats the one before"
        );
        found.extend(page.iter().copied());
        before = page;
        if !more {
            break;
        }
        // Before the place, at it and behind it.
        for _ in 0..dice.roll(moves + 1) {
            if !crowd.ids.is_empty() {
                throughout.remove(&crowd.remove(dice.roll(crowd.ids.len())));
            }
            crowd.insert(dice.roll(crowd.ids.len() + 1));
        }
        crowd.settle();
    }
    let missing: Vec<_> = throughout.difference(&found).collect();
    assert!(missing.is_empty(), "left out without a word: {missing:?}");
    true
}

#[tokio::test]
async fn whoever_stays_is_in_a_scan_while_others_come_and_go() {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = 10_000).await;
    let dice = &mut Dice(7);
    let mut ended = [0; 2];
    for (size, len, moves, scans) in [
        (1, 6, 2, 60),
        (2, 12, 3, 50),
        (3, 15, 3, 45),
        (25, 100, 20, 35),
        (1_000, 2_100, 300, 4),
    ] {
        for _ in 0..scans {
            let mut crowd = Crowd::of(&world, len).await;
            let whole = is_whole(Scan::list(size), &mut crowd, moves, dice).await;
            ended[usize::from(whole)] += 1;
        }
    }
    for _ in 0..6 {
        let mut crowd = Crowd::of(&world, 2_100).await;
        let whole = is_whole(Scan::stream(&world).await, &mut crowd, 300, dice).await;
        ended[usize::from(whole)] += 1;
    }
    let [lost, whole] = ended;
    assert_eq!(lost + whole, 200);
    assert!(whole > 150, "hardly a scan comes to an end: {whole}");
    world.stop().await;
}

#[tokio::test]
async fn a_list_that_stands_still_takes_one_call_a_page() {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = 10_000).await;
    let dice = &mut Dice(7);
    for (size, len, pages) in [
        (Some(1), 5, 5),
        (Some(3), 7, 3),
        (Some(25), 100, 4),
        (Some(1_000), 1_000, 1),
        // 1,000, and then 996 at most.
        (Some(1_000), 2_000, 3),
        (None, 2_000, 3),
    ] {
        let mut crowd = Crowd::of(&world, len).await;
        let calls = world.called(Operation::GetCustomers);
        let scan = match size {
            Some(size) => Scan::list(size),
            None => Scan::stream(&world).await,
        };
        assert!(is_whole(scan, &mut crowd, 0, dice).await);
        let calls = world.called(Operation::GetCustomers) - calls;
        assert_eq!(calls, pages, "{len} by {size:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_caller_may_delete_each_page_before_the_next() {
    let world = World::with(|sandbox| sandbox.testing_customer_limit = 10_000).await;
    for (size, len) in [(1, 4), (3, 12), (25, 90), (999, 2_100)] {
        let mut crowd = Crowd::of(&world, len).await;
        let mut scan = Scan::list(size);
        let mut more = true;
        while more {
            let page;
            (page, more) = scan.next(&world).await.unwrap();
            crowd.ids.retain(|id| !page.contains(id));
            crowd.settle();
        }
        assert_eq!(crowd.ids, [0; 0], "{len} by {size}");
    }
    world.stop().await;
}
