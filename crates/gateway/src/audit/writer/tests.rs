//! What the writer does when nothing is to be written, and when the disk does not answer. The clock is held.

use std::cell::Cell;

use super::*;
use crate::{
    audit::{file::Head, queue::HANG},
    config::SharedKey,
};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(1_800_000_000_000) };
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(NOW.get()).unwrap()
}

fn pass(time: Duration) {
    NOW.set(NOW.get() + i64::try_from(time.as_millis()).unwrap());
}

fn chain() -> Chain {
    Chain::new(&SharedKey::new([7; 32]))
}

fn writer(folder: &tempfile::TempDir) -> Writer {
    let path = folder.path().join("audit.jsonl");
    Writer::open(Queue::new(now), chain(), path, "one".to_owned()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_counts_as_one_that_can_not_be_written() {
    let queue = Queue::new(now);
    let at_disk = queue.at_disk();
    pass(HANG * 2);
    tokio::time::advance(HANG).await;
    assert!(queue.is_usable(), "whatever the clock on the wall says");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!queue.is_usable(), "calls would wait for it");
    drop(at_disk);
    assert!(queue.is_usable());
}

#[test]
fn a_checkpoint_is_made_although_nothing_is_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder);
    let minute = Duration::try_from(CHECKPOINT_TIME).unwrap();
    assert_eq!(writer.until_checkpoint(), minute);
    pass(minute / 2);
    writer.checkpoint(false);
    assert_eq!(writer.until_checkpoint(), minute / 2);

    pass(minute / 2);
    assert_eq!(writer.until_checkpoint(), RETRY);
    let idle = writer.queue.take(true, Duration::from_millis(1));
    assert!(idle.entries.is_empty());
    writer.checkpoint(false);
    assert_eq!(writer.logged, (writer.place.seq, now()));
    assert_eq!(writer.until_checkpoint(), Duration::MAX, "once is enough");
}

#[test]
fn an_empty_note_is_none_and_no_sign_of_a_change() {
    let folder = tempfile::tempdir().unwrap();
    drop(writer(&folder));
    let head = Head::of(&folder.path().join("audit.jsonl"));
    assert!(head.read(&chain()).is_some());
    std::fs::write(folder.path().join("audit.jsonl.head"), "").unwrap();
    assert!(head.read(&chain()).is_none() && !head.is_foreign(&chain()));
    std::fs::write(folder.path().join("audit.jsonl.head"), "x").unwrap();
    assert!(head.is_foreign(&chain()));
}
