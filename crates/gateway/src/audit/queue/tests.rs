//! Who waits for whom: calls for the writer, the writer for lines that are on their way, and nobody for ever.

use std::thread::{self, JoinHandle};

use super::*;
use crate::audit::record::Event;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

fn read() -> Record {
    Record::new(Event::Read)
}

/// A queue of which something was taken just now.
fn taken_from(gather: Duration) -> Arc<Queue> {
    let queue = Queue::gathering(gather, Timestamp::now);
    queue.lock().taken = Some(Instant::now());
    queue
}

/// Takes, in a thread of its own, and answers how many lines there were.
fn taking(queue: &Arc<Queue>) -> JoinHandle<usize> {
    let queue = Arc::clone(queue);
    thread::spawn(move || queue.take(true, Duration::MAX).entries.len())
}

/// Returns when the writer waits for lines that are on their way.
fn gathers(queue: &Queue, taking: &JoinHandle<usize>) {
    while queue.lock().sleep != Sleep::Gathering {
        assert!(
            !taking.is_finished(),
            "a line was taken alone, although another was on its way: each would cost a sync"
        );
        thread::yield_now();
    }
}

#[test]
fn lines_wait_for_those_that_are_on_their_way() {
    let queue = taken_from(LONG);
    let (mut first, second) = (queue.announce(), queue.announce());
    let _written = queue.begin(read(), 0);
    let taking = taking(&queue);
    gathers(&queue, &taking);
    let _written = first.begin(read());
    gathers(&queue, &taking);
    // This one has nothing to say in the end.
    drop(second);
    assert_eq!(taking.join().unwrap(), 2);
}

#[test]
fn a_line_waits_for_nobody_where_none_was_taken_just_now_or_none_is_on_its_way() {
    let queue = Queue::gathering(LONG, Timestamp::now);
    let announced = queue.announce();
    let _written = queue.begin(read(), 0);
    assert_eq!(taking(&queue).join().unwrap(), 1, "the first one");

    drop(announced);
    let _written = queue.begin(read(), 0);
    assert_eq!(taking(&queue).join().unwrap(), 1, "the only one");
}

#[test]
fn lines_wait_for_a_slow_call_no_longer_than_they_should() {
    let queue = taken_from(Duration::from_millis(1));
    let _slow = queue.announce();
    let _written = queue.begin(read(), 0);
    assert_eq!(taking(&queue).join().unwrap(), 1);
}

#[test]
fn many_lines_wait_for_no_more() {
    let queue = taken_from(LONG);
    let _slow = queue.announce();
    for _ in 0..MOST_GATHERED {
        let _written = queue.begin(read(), 0);
    }
    assert_eq!(taking(&queue).join().unwrap(), MOST_GATHERED);
}

#[test]
fn the_end_waits_for_nobody() {
    let queue = taken_from(LONG);
    let _slow = queue.announce();
    let _written = queue.begin(read(), 0);
    let taking = taking(&queue);
    gathers(&queue, &taking);
    queue.close();
    assert_eq!(taking.join().unwrap(), 1);
}

#[test]
fn refusals_without_a_line_are_told_although_no_line_follows() {
    let queue = Queue::new(Timestamp::now);
    let waiting = thread::spawn({
        let queue = Arc::clone(&queue);
        move || queue.take(true, Duration::MAX).untold
    });
    queue.pass_over();
    assert_ne!(waiting.join().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_a_writer_that_nobody_woke() {
    let queue = Queue::new(Timestamp::now);
    let writer = thread::spawn({
        let queue = Arc::clone(&queue);
        move || {
            let mut told = 0;
            loop {
                // It may sleep for ever: only who comes with a line wakes it.
                let waiting = queue.take(true, Duration::MAX);
                for mut entry in waiting.entries {
                    entry.tell(Ok(()));
                    told += 1;
                }
                if waiting.closed {
                    return told;
                }
            }
        }
    });
    let callers = (0..8).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move {
            for _ in 0..500 {
                queue.write(read()).await.unwrap();
            }
        })
    });
    let written = futures_util::future::join_all(callers);
    let written = tokio::time::timeout(Duration::from_secs(60), written).await;
    queue.close();
    assert!(
        written.is_ok(),
        "a line came while the writer went to sleep, and did not wake it"
    );
    assert_eq!(writer.join().unwrap(), 8 * 500);
}
