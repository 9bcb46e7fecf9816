//! What the fuzz target of audit files holds: whatever stands in a file, reading it does no harm and proves nothing new.

use openfinance_rpc::METHODS;

use super::{
    chain::{Chain, opened, seal},
    file::last_good,
    ids::{Ids, Method},
    query::Query,
    verify::holds,
};
use crate::config::SharedKey;

/// Reads `data` as a file: for a gateway that goes on with it, for a verification and for a query.
pub(crate) fn file(data: &[u8]) {
    let key = SharedKey::new([7; 32]);
    if let Some((_, end)) = last_good(&Chain::new(&key), data) {
        assert!(end <= data.len() && data[..end].ends_with(b"\n"));
    }
    let lines = || data.split_inclusive(|byte| *byte == b'\n');
    let mut torn = 0;
    for line in lines() {
        let whole = line.strip_suffix(b"\n").and_then(opened);
        match whole {
            // A line is written in one way only.
            Some((mut content, mac)) => {
                seal(&mut content, &mac);
                assert_eq!(content, line);
            }
            None => torn += 1,
        }
    }
    if let Some(verified) = holds(&key, data) {
        assert!(verified > 0 && verified + torn >= lines().count());
    }
    let mut out = Vec::new();
    let unreadable = Query::default().bytes(data, &mut out);
    // It tells what is there, and nothing else.
    let told = out.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(
        told + usize::try_from(unreadable).unwrap_or(usize::MAX),
        lines().count()
    );
}

/// Reads `data` as the message of each request and of each answer: what is written down of it can't be personal.
pub(crate) fn message(data: &[u8]) {
    let chain = Chain::new(&SharedKey::new([7; 32]));
    for method in METHODS.iter().filter_map(|method| Method::at(method.path)) {
        let mut found = Ids::default();
        method.request(&chain, data, &mut found);
        method.response(data, &mut found);
        let ids = [
            &found.customers,
            &found.consumers,
            &found.businesses,
            &found.institution_logins,
            &found.usernames,
        ];
        for id in ids.into_iter().flatten().chain(&found.request_id) {
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert!(id.len() <= 50 && id.bytes().all(is_id), "no id");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_files_that_hold_and_one_whose_lines_were_moved() {
        let key = SharedKey::new([7; 32]);
        for (bytes, lines) in [
            (
                &include_bytes!("../../../../tests/fuzz/corpus/audit_file/write")[..],
                Some(4),
            ),
            (
                include_bytes!("../../../../tests/fuzz/corpus/audit_file/torn"),
                Some(3),
            ),
            (
                include_bytes!("../../../../tests/fuzz/corpus/audit_file/moved"),
                None,
            ),
        ] {
            assert_eq!(holds(&key, bytes), lines);
        }
    }
}
