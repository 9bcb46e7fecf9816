//! Reads a file once before anything is sent: how many rows it has, whether two of them have the same key, and whether
//! those that were sent are still what they were.

use super::{Plan, content};
use crate::{
    exit::Failure,
    io::Io,
    transfer::{
        journal::{Comparison, Journal, Past},
        keys::{Keys, Pair},
        rows::Rows,
    },
};

/// This many repeated keys are told one by one.
const TOLD: usize = 20;

/// What a file has.
pub(super) struct Checked {
    pub(super) rows: u64,
}

/// Reads the whole file.
///
/// # Errors
///
/// [`Failure::Usage`] with what to do if it can't be imported, or not as a continuation; [`Failure::Local`] if it can't
/// be read.
pub(super) fn whole_file(
    plan: &Plan,
    io: &Io,
    journal: Option<&Journal>,
    past: &Past,
) -> Result<Checked, Failure> {
    let file = plan.file.display();
    let interrupts = *io.interrupts.borrow();
    let mut rows = Rows::open(&plan.file, plan.format, plan.noun)?;
    let (mut keys, mut comparison, mut count) = (Keys::new(), Comparison::default(), 0);
    let disk =
        |error: std::io::Error| Failure::Local(format!("a temporary file can't be used: {error}"));
    let random =
        ring::hmac::Key::generate(ring::hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .map_err(|_| Failure::Local("the system has no random numbers".to_owned()))?;
    while let Some(row) = rows.next()? {
        count = row.number;
        if *io.interrupts.borrow() > interrupts {
            return Err(Failure::Interrupted(None));
        }
        let Ok(message) = &row.content else {
            // Without content it can't have been sent; if it was, its digest is missing now.
            comparison.add(past, row.number, uuid::Uuid::nil);
            continue;
        };
        if let Some(journal) = journal {
            comparison.add(past, row.number, || {
                journal.request_id(row.number, &content(message))
            });
        }
        let key = rows.layout().key(message);
        if !key.is_empty() {
            let tag = ring::hmac::sign(&random, key.as_bytes());
            let mut digest = [0; 16];
            digest
                .iter_mut()
                .zip(tag.as_ref())
                .for_each(|(to, from)| *to = *from);
            keys.add(u128::from_be_bytes(digest), row.number)
                .map_err(disk)?;
        }
    }
    if let (Some((first, last)), Some(journal)) = (comparison.changed(past), journal) {
        return Err(Failure::Usage(format!(
            "{file} has changed since the import began: one of the rows {first} to {last}, which was sent already, is not what it was; restore the file to go on, or move {} away to begin anew (rows whose records are there are refused then)",
            journal.path().display()
        )));
    }
    let (mut pairs, mut repeated) = (Vec::new(), 0_u64);
    keys.repeated(|pair| {
        repeated += 1;
        if pairs.len() < TOLD {
            pairs.push(pair);
        }
    })
    .map_err(disk)?;
    if repeated > 0 {
        let key = plan.noun.key();
        let rows: Vec<String> = pairs
            .iter()
            .map(|Pair { first, again }| format!("{first} and {again}"))
            .collect();
        let more = repeated.saturating_sub(pairs.len() as u64);
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        return Err(Failure::Usage(format!(
            "{file}: rows have the same `{key}`, of which there can be one alone; nothing was sent: rows {}{more}",
            rows.join(", ")
        )));
    }
    Ok(Checked { rows: count.into() })
}
