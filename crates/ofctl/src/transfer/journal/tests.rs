//! Journals that are cut off, changed, or of another import.

use super::*;

fn open(path: &Path) -> Result<(Journal, Past), Failure> {
    Journal::open(path, Noun::Customers, "sandbox", Timestamp::UNIX_EPOCH)
}

fn reason(word: &str) -> Reason {
    Reason {
        code: "ALREADY_EXISTS".to_owned(),
        reason: word.to_owned(),
        fields: vec!["customer.username".to_owned()],
    }
}

/// The lines of an import, of which two rows were sent twice.
fn lines(journal: &Journal) -> Vec<Line> {
    let sending = |row: u32| Line::Sending {
        row,
        line: u64::from(row) + 1,
        request_id: journal.request_id(row, &row.to_be_bytes()),
        at: Timestamp::UNIX_EPOCH,
    };
    let done = |row: u32| Line::Done {
        row,
        record_id: format!("1005{row}"),
    };
    let partly = Partly {
        customer_id: "1005".to_owned(),
        consumer_id: String::new(),
    };
    vec![
        sending(1),
        sending(2),
        sending(3),
        done(2),
        Line::Failed {
            row: 3,
            line: 4,
            reason: reason("USERNAME_TAKEN"),
            partly,
        },
        sending(4),
        Line::Unsent { row: 4 },
        sending(1),
        sending(4),
        done(4),
        Line::Reported {
            name: "people.failed.csv".to_owned(),
            digest: "00".to_owned(),
        },
    ]
}

#[test]
fn a_journal_cut_off_at_any_byte_is_read_up_to_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (mut journal, _) = open(&path).unwrap();
    let mut pasts = vec![Past::default()];
    for line in lines(&journal) {
        journal.add(&line).unwrap();
    }
    journal.sync().unwrap();
    for count in 1..=lines(&journal).len() {
        let mut past = Past::default();
        lines(&journal)
            .into_iter()
            .take(count)
            .for_each(|line| past.add(line));
        pasts.push(past);
    }
    let key = journal.key.clone();
    drop(journal);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (journal, past) = open(&path).unwrap();
        let ends = whole[..length]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert_eq!(past, pasts[ends.saturating_sub(1)], "cut at {length}");
        assert_eq!(journal.key == key, ends > 0, "cut at {length}");
    }
}

#[test]
fn rows_that_were_sent_are_told_from_changed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, mut past) = open(&folder.path().join("journal")).unwrap();
    lines(&journal).into_iter().for_each(|line| past.add(line));
    let compared = |rows: u32, content: fn(u32) -> u32| {
        let mut comparison = Comparison::default();
        for row in 1..=rows {
            comparison.add(&past, row, || {
                journal.request_id(row, &content(row).to_be_bytes())
            });
        }
        comparison.changed(&past)
    };
    assert_eq!(compared(4, |row| row), None);
    assert_eq!(compared(5000, |row| row), None, "rows may come behind");
    assert_eq!(compared(3, |row| row), Some((1, 1023)));
    for changed in [1, 2, 3, 4] {
        let content = match changed {
            1 => |row| if row == 1 { 9 } else { row },
            2 => |row| if row == 2 { 9 } else { row },
            3 => |row| if row == 3 { 9 } else { row },
            _ => |row| if row == 4 { 9 } else { row },
        };
        assert_eq!(compared(9, content), Some((1, 1023)), "row {changed}");
    }
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    for text in ["a line without an end", "two\nlines\n", "{\"state\":"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(open(&path).is_ok(), text.starts_with('{'), "{text}");
        if !text.starts_with('{') {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}

#[test]
fn a_journal_belongs_to_one_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    drop(open(&path).unwrap());
    let open_for = |environment| {
        Journal::open(&path, Noun::Customers, environment, Timestamp::UNIX_EPOCH).is_ok()
    };
    assert!(open_for("sandbox") && open_for(""));
    assert!(!open_for("api.finicity.com"));
}

#[test]
fn a_row_sent_again_is_in_doubt_since_the_first_time() {
    let mut past = Past::default();
    for second in [100, 90_000] {
        past.add(Line::Sending {
            row: 1,
            line: 2,
            request_id: Uuid::nil(),
            at: Timestamp::from_second(second).unwrap(),
        });
    }
    let since = past.doubt[&1].since;
    assert_eq!(since, Timestamp::from_second(100).unwrap());
}

#[test]
fn a_request_id_is_bound_to_its_row_its_content_and_its_import() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = open(&folder.path().join("one")).unwrap();
    let (two, _) = open(&folder.path().join("two")).unwrap();
    let id = one.request_id(1, b"Jane");
    assert_eq!(id, one.request_id(1, b"Jane"));
    assert_ne!(id, one.request_id(2, b"Jane"));
    assert_ne!(id, one.request_id(1, b"John"));
    assert_ne!(id, two.request_id(1, b"Jane"));
}

#[test]
fn the_key_is_gone_when_the_import_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (mut journal, _) = open(&path).unwrap();
    let key = journal.key.clone();
    let finished = Finished {
        at: Timestamp::UNIX_EPOCH,
        size: 1,
        modified: None,
        done: 2,
        failed: 3,
    };
    journal.finish(finished).unwrap();
    drop(journal);
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&key));
    assert_eq!(open(&path).unwrap().1.finished, Some(finished));
}
