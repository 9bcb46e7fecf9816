//! What the file holds, what the verifier finds, and what a query answers.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    query::{Kind, Query, time},
    record::{End, Event, Record},
    verify::{checkpoint, verify},
    *,
};

fn key() -> SharedKey {
    SharedKey::new([7; 32])
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

fn open(path: &Path) -> (Audit, Writing) {
    Audit::open(path.to_owned(), &key(), Timestamp::now).unwrap()
}

async fn close(audit: Audit, writing: Writing) {
    let limit = Instant::now() + Duration::from_secs(60);
    audit.close(writing, limit).await;
}

fn read_of(customer: u64) -> Record {
    let ids = ids::Ids {
        customers: vec![customer.to_string()],
        records: 1,
        ..Default::default()
    };
    Record {
        caller: Some("ledger".to_owned()),
        rpc: Some("openfinance.v1.CustomerService/GetCustomer"),
        ids,
        end: Some(End {
            code: "OK",
            ..Default::default()
        }),
        ..Record::new(Event::Read)
    }
}

/// A file of one start of the gateway with this many reads.
async fn written(path: &Path, reads: u64) {
    let (audit, writing) = open(path);
    for customer in 0..reads {
        audit.0.queue.write(read_of(customer)).await.unwrap();
    }
    close(audit, writing).await;
}

fn verdict(path: &Path) -> Result<String, String> {
    match verify(&key(), &[path], None) {
        Ok(verified) => Ok(verified.to_string()),
        Err(broken) => Err(broken.to_string()),
    }
}

#[tokio::test]
async fn several_starts_are_one_chain() {
    let (_folder, path) = folder();
    for _ in 0..3 {
        written(&path, 2).await;
    }
    let text = fs::read_to_string(&path).unwrap();
    let events: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone())
        .collect();
    let rest = ["read", "read", "stop"];
    let expected = [
        &["file"][..],
        &rest[..],
        &["start"],
        &rest[..],
        &["start"],
        &rest[..],
    ]
    .concat();
    assert_eq!(events, expected);
    let verdict = verdict(&path).unwrap();
    assert!(
        verdict.starts_with("12 lines are as they were written: 1 to 12, checkpoint 12:"),
        "{verdict}"
    );
    assert!(!verdict.contains("nothing tells"), "{verdict}");
}

#[tokio::test]
async fn every_one_of_a_thousand_changes_is_found() {
    let (folder, path) = folder();
    for _ in 0..3 {
        written(&path, 8).await;
    }
    let bytes = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let changed = folder.path().join("changed.jsonl");
    fs::copy(
        folder.path().join("audit.jsonl.head"),
        folder.path().join("changed.jsonl.head"),
    )
    .unwrap();
    // Fixed steps, each coprime with what it walks over, so that all of it is visited.
    let mut made = 0;
    for turn in 0..usize::MAX {
        let (at, other) = (turn * 37 % lines.len(), turn * 53 % lines.len());
        let mut flipped = bytes.clone();
        let byte = turn * 7_919 % bytes.len();
        flipped[byte] ^= 1 << (turn % 8);
        let mut dropped = lines.clone();
        dropped.remove(at);
        let mut moved = lines.clone();
        let line = moved.remove(at);
        moved.insert((at + 1 + other % (lines.len() - 1)) % lines.len(), line);
        let mut doubled = lines.clone();
        doubled.insert(other, lines[at]);
        let cut = bytes[..turn * 104_729 % bytes.len()].to_vec();
        // Nothing but the note beside the file tells of this one.
        let without_tail = lines[..1 + turn % (lines.len() - 1)].concat();
        let first_bad = bytes[..byte].iter().filter(|byte| **byte == b'\n').count() + 1;
        for (what, change) in [
            ("flipped", flipped),
            ("dropped", dropped.concat()),
            ("moved", moved.concat()),
            ("doubled", doubled.concat()),
            ("cut", cut),
            ("without tail", without_tail),
        ] {
            if change == bytes {
                continue;
            }
            fs::write(&changed, change).unwrap();
            let found = verdict(&changed).unwrap_err();
            if what == "flipped" {
                let line = format!("changed.jsonl, line {first_bad}: ");
                assert!(found.contains(&line), "{first_bad}: {found}");
            }
            made += 1;
            if made == 1_000 {
                return;
            }
        }
    }
}

#[tokio::test]
async fn lines_that_were_cut_off_are_found_by_the_note_or_by_a_checkpoint() {
    let (folder, path) = folder();
    written(&path, 5).await;
    let whole = verdict(&path).unwrap();
    let (_, known) = whole.rsplit_once(' ').unwrap();
    let known = checkpoint(known).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let kept: String = text.split_inclusive('\n').take(4).collect();
    fs::write(&path, kept).unwrap();
    assert!(
        verdict(&path)
            .unwrap_err()
            .ends_with("ends with sequence 4, and 7 was written: lines are missing at the end")
    );
    fs::remove_file(folder.path().join("audit.jsonl.head")).unwrap();
    assert!(verdict(&path).unwrap().contains("nothing tells whether"));
    assert!(verify(&key(), &[&path], Some(known)).is_err());
    // A gateway that goes on with such a file does not hide it, since what it knows itself is in the chain.
    fs::write(&path, text).unwrap();
    assert!(verify(&key(), &[&path], Some(known)).is_ok());
}

#[tokio::test]
async fn a_gateway_that_goes_on_with_a_file_that_was_cut_does_not_hide_it() {
    let (_folder, path) = folder();
    written(&path, 5).await;
    let text = fs::read_to_string(&path).unwrap();
    let kept: String = text.split_inclusive('\n').take(4).collect();
    fs::write(&path, kept).unwrap();
    written(&path, 1).await;
    let found = verdict(&path).unwrap_err();
    assert!(found.contains("line 5: "), "{found}");
}

#[tokio::test]
async fn a_line_that_a_crash_cut_off_is_accounted_for_and_nothing_else_is() {
    let (_folder, path) = folder();
    written(&path, 3).await;
    let whole = fs::read(&path).unwrap();
    // Where the note was not written any more, too.
    for cut in [1, 2, 60, 100] {
        let mut torn = whole.clone();
        torn.extend(&whole[..whole.len() - cut].to_vec()[whole.len() - 200..]);
        torn.pop();
        fs::write(&path, &torn).unwrap();
        written(&path, 1).await;
        let told = verdict(&path).unwrap();
        assert!(told.contains("1 that a crash cut off"), "{told}");
        // A second start finds its place behind it.
        written(&path, 1).await;
        assert!(verdict(&path).is_ok());
        let mut changed = fs::read(&path).unwrap();
        changed[whole.len() + 3] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(verdict(&path).is_err());
        fs::write(&path, &whole).unwrap();
        fs::remove_file(path.with_extension("jsonl.head")).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_gets_another_name_is_followed_by_a_new_one() {
    let (folder, path) = folder();
    let (audit, writing) = open(&path);
    audit.0.queue.write(read_of(1)).await.unwrap();
    let old = folder.path().join("audit-1.jsonl");
    fs::rename(&path, &old).unwrap();
    audit.0.queue.write(read_of(2)).await.unwrap();
    close(audit, writing).await;
    assert!(fs::read_to_string(&old).unwrap().contains("\"rotated\""));
    assert!(verdict(&old).is_ok() && verdict(&path).is_ok());
    let both = verify(&key(), &[&old, &path], None).unwrap().to_string();
    assert!(both.starts_with("6 lines"), "{both}");
    assert!(verify(&key(), &[&path, &old], None).is_err());
    assert!(verify(&SharedKey::new([8; 32]), &[&old], None).is_err());
    // Without the last line of the first, the second does not follow.
    let text = fs::read_to_string(&old).unwrap();
    let kept: String = text.split_inclusive('\n').take(2).collect();
    fs::write(&old, kept).unwrap();
    assert!(verify(&key(), &[&old, &path], None).is_err());
}

async fn until_usable(audit: &Audit, usable: bool) {
    while audit.is_usable() != usable {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_lines_keeps_outcomes_and_is_recovered_from() {
    let (folder, path) = folder();
    let (audit, writing) = open(&path);
    let queue = &audit.0.queue;
    queue.write(read_of(1)).await.unwrap();
    // Every write to it fails for want of room.
    let old = folder.path().join("audit-1.jsonl");
    fs::rename(&path, &old).unwrap();
    symlink("/dev/full", &path).unwrap();
    assert!(queue.write(read_of(2)).await.is_err());
    assert!(!audit.is_usable());
    assert!(queue.write(read_of(3)).await.is_err());
    let outcome = Record {
        event: Event::Outcome,
        ..read_of(4)
    };
    queue.conclude(outcome).await;
    queue.mention(read_of(5)).await;
    fs::remove_file(&path).unwrap();
    until_usable(&audit, true).await;
    queue.write(read_of(6)).await.unwrap();
    close(audit, writing).await;
    let text = fs::read_to_string(&path).unwrap();
    for (customer, there) in [(2, false), (3, false), (4, true), (5, false), (6, true)] {
        let id = format!("\"customers\":[\"{customer}\"]");
        assert_eq!(text.contains(&id), there, "{customer}: {text}");
    }
    assert!(text.contains("\"event\":\"untold\",\"untold\":1"), "{text}");
    verify(&key(), &[&old, &path], None).unwrap();
}

#[tokio::test]
async fn a_file_that_is_in_use_or_somebody_elses_is_refused() {
    let (_folder, path) = folder();
    let first = open(&path);
    let Err(error) = Audit::open(path.clone(), &key(), Timestamp::now) else {
        panic!("two gateways write to one file");
    };
    assert!(error.to_string().contains("another gateway"), "{error}");
    close(first.0, first.1).await;
    let Err(error) = Audit::open(path.clone(), &SharedKey::new([8; 32]), Timestamp::now) else {
        panic!("the file is of another key");
    };
    assert!(error.to_string().contains("shared.key"), "{error}");
    fs::write(&path, "Dear diary\n").unwrap();
    assert!(Audit::open(path.clone(), &key(), Timestamp::now).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "Dear diary\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_share_syncs_and_make_one_chain() {
    let (_folder, path) = folder();
    let (audit, writing) = open(&path);
    let calls: Vec<_> = (0..2_000_u64)
        .map(|customer| {
            let audit = audit.clone();
            tokio::spawn(async move { audit.0.queue.write(read_of(customer)).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for call in calls {
        made += u64::from(call.await.unwrap());
    }
    close(audit, writing).await;
    let told = verdict(&path).unwrap();
    assert!(told.starts_with(&format!("{} lines", made + 2)), "{told}");
    assert!(made >= 1_024, "{made}");
}

/// A file with a line for each minute from the first of March 2026 on, unsealed: nobody asks a query for seals.
fn minutes(path: &Path, lines: u64) {
    let start: i64 = 1_772_323_200;
    let mut text = String::new();
    for line in 0..lines {
        let at = Timestamp::from_second(start + 60 * i64::try_from(line).unwrap()).unwrap();
        let caller = ["ledger", "lending"][usize::try_from(line % 2).unwrap()];
        let code = if line % 5 == 0 { "NOT_FOUND" } else { "OK" };
        text += &format!(
            "{{\"seq\":{line},\"at\":\"{at}\",\"replica\":\"5f0c9a0d1b2c3d4e\",\"event\":\"read\",\
             \"caller\":\"{caller}\",\"rpc\":\"openfinance.v1.ConsumerService/GetConsumer\",\
             \"customers\":[\"{}\"],\"consumers\":[\"{:032x}\"],\"records\":2,\"code\":\"{code}\",\"mac\":\"{:064x}\"}}\n",
            1_005_000_000 + line % 1_000,
            line % 1_000,
            line
        );
    }
    fs::write(path, text).unwrap();
}

fn found(query: &Query, path: &Path) -> Vec<String> {
    let mut out = Vec::new();
    assert_eq!(query.run(&[path.to_owned()], &mut out).unwrap(), 0);
    let text = String::from_utf8(out).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_query_tells_who_read_which_records_and_when() {
    let (_folder, path) = folder();
    minutes(&path, 20_000);
    let all = Query::default();
    assert_eq!(found(&all, &path).len(), 20_000);
    let of_ledger = Query {
        caller: Some("ledger".to_owned()),
        since: Some(time("2026-03-02").unwrap()),
        until: Some(time("2026-03-02T01:00:00Z").unwrap()),
        ..Query::default()
    };
    assert_eq!(found(&of_ledger, &path).len(), 30);
    let consumers = Query {
        distinct: Some(Kind::Consumers),
        ..of_ledger.clone()
    };
    // Those that were not found were not read.
    assert_eq!(found(&consumers, &path).len(), 24);
    let one = Query {
        record: Some("1005000007".to_owned()),
        ..Query::default()
    };
    assert_eq!(found(&one, &path).len(), 20);
    assert!(time("yesterday").is_err());
}

/// How long a query over a million lines takes; `cargo test --release -p openfinance-gateway --lib million -- --nocapture`.
#[test]
fn a_million_lines_are_not_too_many_for_a_query() {
    // A hundredth of it where nothing is optimised.
    let lines = if cfg!(debug_assertions) {
        10_000
    } else {
        1_000_000
    };
    let (_folder, path) = folder();
    minutes(&path, lines);
    let march = Query {
        caller: Some("ledger".to_owned()),
        since: Some(time("2026-03-01").unwrap()),
        until: Some(time("2026-04-01").unwrap()),
        distinct: Some(Kind::Consumers),
        ..Query::default()
    };
    let started = tokio::time::Instant::now();
    assert_eq!(found(&march, &path).len(), 400);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let figures = format!("a query over {lines} lines took {took:?}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), figures.as_bytes());
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_hold_up_the_stop() {
    let (_folder, path) = folder();
    let (audit, _writing) = open(&path);
    let (_at_work, hangs) = oneshot::channel();
    audit.close(Writing(hangs), Instant::now()).await;
}
