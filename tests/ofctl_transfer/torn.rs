//! A journal of which the end is lost: no customer is made twice, and the import comes to its end.

use ofctl::Exit;
use openfinance_sandbox::{Operation, RecordKind};

use super::{
    cut_short::CutShort,
    desk::{self, usernames},
};

const ROWS: usize = 5;

#[tokio::test]
async fn a_journal_cut_off_makes_no_customer_twice() {
    let import = CutShort::when_made(ROWS).await;
    let CutShort { world, desk, .. } = &import;
    let whole = std::fs::read(desk.path("people.csv.import.jsonl")).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert!(whole.len() > head + 600);
    let ends = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    // Around the end of each line and within it; the journal's own tests cut at every byte.
    for length in ends
        .flat_map(|end| [end - 25, end - 1, end, end + 1])
        .filter(|length| *length <= whole.len())
    {
        std::fs::write(desk.path("people.csv.import.jsonl"), &whole[..length]).unwrap();
        let _ = std::fs::remove_file(desk.path("people.failed.csv"));
        let ran = import.again().await;
        if length >= head {
            // The same rows have the same request ids, so the gateway knows them all.
            assert_eq!(
                ran.exit,
                Exit::Done,
                "cut at {length}: {}{}",
                ran.out,
                ran.err
            );
        } else {
            // Nobody knows any more that they were this import's.
            assert_eq!(
                ran.exit,
                Exit::FailedRows,
                "cut at {length}: {}{}",
                ran.out,
                ran.err
            );
            assert!(ran.out.contains("USERNAME_TAKEN"));
        }
    }
    assert_eq!(desk::created(world.sandbox(), RecordKind::Customer), ROWS);
    assert_eq!(desk::names(world.sandbox()), usernames("row", ROWS));
    import.world.stop().await;
}

#[tokio::test]
async fn a_journal_damaged_in_its_middle_is_refused() {
    let import = CutShort::when_made(ROWS).await;
    let CutShort { world, desk, .. } = &import;
    let calls = world.called(Operation::AddTestingCustomer);
    let journal = desk
        .read("people.csv.import.jsonl")
        .replacen("\"row\":2", "\"row\":two", 1);
    desk.file("people.csv.import.jsonl", &journal);
    let ran = import.again().await;
    assert_eq!(ran.exit, Exit::Local);
    assert!(
        ran.err.contains("line 3: is no line of a journal"),
        "{}",
        ran.err
    );
    assert_eq!(world.called(Operation::AddTestingCustomer), calls);
    import.world.stop().await;
}
