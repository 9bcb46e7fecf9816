//! Which fields an update changes.
//!
//! A mask names them; without one they are those that are set and can be changed. Whatever else stands in the record is
//! not even looked at, so that a record that was read can be edited and sent back.

use std::{collections::BTreeSet, fmt::Display};

use openfinance::value::Change;
use prost_types::FieldMask;
use tonic::Status;

use crate::{
    convert::{Check, FromPb},
    failure::Failure,
    reason::Reason,
};

/// How many paths a mask may have: more than any record has fields.
const MOST_PATHS: usize = 100;

/// The fields of a record, as a mask may name them.
pub(crate) struct Fields {
    /// The record's name in the request, such as `customer`.
    pub(crate) record: &'static str,
    /// What can be changed. A part of a message is named with it, such as `address.city`; the message alone then
    /// stands for all its parts.
    pub(crate) mutable: &'static [&'static str],
    /// What can't be changed, by itself or at all.
    pub(crate) fixed: &'static [&'static str],
}

/// One update while it is read: its mask, and everything that is wrong with it.
pub(crate) struct Edit {
    fields: &'static Fields,
    /// The fields that the mask names, messages taken apart; `None` without a mask.
    named: Option<BTreeSet<&'static str>>,
    check: Check,
    not_mutable: Vec<&'static str>,
    not_clearable: Vec<&'static str>,
    changes: usize,
}

/// What an update does to a field.
enum Wish {
    Keep,
    Clear,
    Set,
}

impl Edit {
    /// An update of the record with these fields under this mask.
    pub(crate) fn new(fields: &'static Fields, mask: Option<FieldMask>) -> Self {
        let check = Check::new();
        let mut edit = Self {
            fields,
            named: None,
            check,
            not_mutable: Vec::new(),
            not_clearable: Vec::new(),
            changes: 0,
        };
        // A mask without a path is no mask (AIP-134).
        if let Some(FieldMask { paths }) = mask.filter(|mask| !mask.paths.is_empty()) {
            edit.read(&paths);
        }
        edit
    }

    fn read(&mut self, paths: &[String]) {
        let mut named = BTreeSet::new();
        if paths.len() > MOST_PATHS {
            let rule = format_args!("must not have more than {MOST_PATHS} paths");
            self.check.refuse("update_mask", rule);
        } else if paths.iter().all(|path| path == "*") {
            named.extend(self.fields.mutable);
        } else {
            for (index, path) in paths.iter().enumerate() {
                self.read_path(index, path, &mut named);
            }
        }
        self.named = Some(named);
    }

    fn read_path(&mut self, index: usize, path: &str, named: &mut BTreeSet<&'static str>) {
        let Fields {
            record,
            mutable,
            fixed,
        } = self.fields;
        let is_part = |field: &&&str| {
            field
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut parts = mutable.iter().filter(is_part).peekable();
        if parts.peek().is_some() {
            named.extend(parts);
            return;
        }
        match fixed.iter().find(|field| **field == path) {
            Some(field) if self.not_mutable.contains(field) => {}
            Some(field) => self.not_mutable.push(field),
            None if path == "*" => self.check.refuse(
                "update_mask",
                format_args!("paths[{index}]: * stands alone or not at all"),
            ),
            // The path itself is not told: it may hold anything.
            None => self.check.refuse(
                "update_mask",
                format_args!("paths[{index}] names no field of the {record}"),
            ),
        }
    }

    /// Checks what is not part of the record, or tells the record apart: its id.
    pub(crate) fn check(&mut self) -> &mut Check {
        &mut self.check
    }

    /// A text that the vendor can't clear.
    pub(crate) fn set<T>(&mut self, field: &'static str, text: String) -> Option<T>
    where
        T: TryFrom<String, Error: Display>,
    {
        match self.wish(field, !text.is_empty()) {
            Wish::Keep => None,
            Wish::Clear => self.refuse_to_clear(field),
            Wish::Set => self.text(field, text),
        }
    }

    /// A text that the vendor can clear.
    pub(crate) fn change<T>(&mut self, field: &'static str, text: String) -> Change<T>
    where
        T: TryFrom<String, Error: Display>,
    {
        match self.wish(field, !text.is_empty()) {
            Wish::Keep => Change::Keep,
            Wish::Clear => Change::Clear,
            Wish::Set => self.text(field, text).map_or(Change::Keep, Change::Set),
        }
    }

    /// Whether a mask says which fields change, and not the record itself.
    pub(crate) fn has_mask(&self) -> bool {
        self.named.is_some()
    }

    /// A message that is always given whole and that the vendor can't clear.
    pub(crate) fn set_message<T: FromPb<P>, P>(
        &mut self,
        field: &'static str,
        message: Option<P>,
    ) -> Option<T> {
        match self.wish(field, message.is_some()) {
            Wish::Keep => None,
            Wish::Clear => self.refuse_to_clear(field),
            Wish::Set => self.check.optional_message(&self.path(field), message),
        }
    }

    /// A yes or no that the vendor can't clear.
    pub(crate) fn set_bool(&mut self, field: &'static str, value: Option<bool>) -> Option<bool> {
        match self.wish(field, value.is_some()) {
            Wish::Keep => None,
            Wish::Clear => self.refuse_to_clear(field),
            Wish::Set => value,
        }
    }

    fn wish(&mut self, field: &'static str, is_set: bool) -> Wish {
        debug_assert!(
            self.fields.mutable.contains(&field),
            "{field} is not in the table"
        );
        let wish = match &self.named {
            Some(named) if !named.contains(field) => Wish::Keep,
            None if !is_set => Wish::Keep,
            Some(_) if !is_set => Wish::Clear,
            Some(_) | None => Wish::Set,
        };
        self.changes += usize::from(!matches!(wish, Wish::Keep));
        wish
    }

    fn text<T>(&mut self, field: &'static str, text: String) -> Option<T>
    where
        T: TryFrom<String, Error: Display>,
    {
        self.check.optional(&self.path(field), text)
    }

    fn refuse_to_clear<T>(&mut self, field: &'static str) -> Option<T> {
        self.not_clearable.push(field);
        None
    }

    fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.fields.record)
    }

    /// The update that `build` makes of the fields, if nothing was wrong.
    ///
    /// # Errors
    /// The reason is the first that applies of: malformed fields and unknown paths, fields that can't be changed,
    /// fields that can't be cleared, no change at all. Whichever it is, the fields of all of them are told.
    pub(crate) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Status> {
        let Self {
            fields: Fields { record, .. },
            named: _,
            mut check,
            not_mutable,
            not_clearable,
            changes,
        } = self;
        let reason = [
            (check.has_refused(), Reason::InvalidField),
            (!not_mutable.is_empty(), Reason::FieldNotMutable),
            (!not_clearable.is_empty(), Reason::FieldNotClearable),
        ];
        let reason = reason.into_iter().find(|(applies, _)| *applies);
        for field in not_mutable {
            check.refuse(format!("{record}.{field}"), "can't be changed");
        }
        for field in not_clearable {
            check.refuse(format!("{record}.{field}"), "can't be cleared");
        }
        if let Some((_, reason)) = reason {
            return Err(check.into_bad().status(reason));
        }
        if changes == 0 {
            return Err(Failure::new(Reason::NothingToUpdate, "there is nothing to update").into());
        }
        // Nothing was refused, so everything is there.
        build().ok_or_else(|| Failure::internal().into())
    }
}

#[cfg(test)]
mod tests {
    use openfinance::value::Text;
    use tonic_types::StatusExt as _;

    use super::*;

    static FIELDS: Fields = Fields {
        record: "business",
        mutable: &["name", "url", "address.city", "address.state", "liable"],
        fixed: &["business_id", "create_time"],
    };

    type Read = (Option<Text>, Change<Text>, Change<Text>, Change<Text>);

    /// Reads a record with the name, url, city and state given, under the mask `paths`.
    fn read(paths: &[&str], values: [&str; 4]) -> Result<Read, Status> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut edit = Edit::new(&FIELDS, Some(FieldMask { paths }));
        let [name, url, city, state] = values.map(str::to_owned);
        let name = edit.set("name", name);
        let url = edit.change("url", url);
        let city = edit.change("address.city", city);
        let state = edit.change("address.state", state);
        edit.finish(|| Some((name, url, city, state)))
    }

    fn refusal(paths: &[&str], values: [&str; 4]) -> (String, Vec<String>) {
        let status = read(paths, values).unwrap_err();
        let details = status.get_error_details();
        let fields = details.bad_request().map(|bad| {
            bad.field_violations
                .iter()
                .map(|one| one.field.clone())
                .collect()
        });
        assert_eq!(details.error_info().unwrap().domain, "openfinance");
        (
            details.error_info().unwrap().reason.clone(),
            fields.unwrap_or_default(),
        )
    }

    fn set(text: &str) -> Change<Text> {
        Change::Set(text.parse().unwrap())
    }

    #[test]
    fn without_a_mask_what_is_set_is_changed() {
        let (name, url, city, state) = read(&[], ["Acme", "", "Salt Lake City", ""]).unwrap();
        assert_eq!(name, "Acme".parse().ok());
        assert_eq!(
            (url, city, state),
            (Change::Keep, set("Salt Lake City"), Change::Keep)
        );
    }

    #[test]
    fn a_mask_changes_what_it_names_and_clears_what_is_empty() {
        let (name, url, city, state) =
            read(&["url", "address.city", "url"], ["Acme", "", "Ogden", "UT"]).unwrap();
        assert_eq!(
            (name, url, city, state),
            (None, Change::Clear, set("Ogden"), Change::Keep)
        );
    }

    #[test]
    fn a_message_stands_for_its_parts() {
        let (_, _, city, state) = read(&["address"], ["", "", "Ogden", ""]).unwrap();
        assert_eq!((city, state), (set("Ogden"), Change::Clear));
    }

    #[test]
    fn a_star_stands_for_everything_that_can_be_changed() {
        let (name, url, city, state) = read(&["*"], ["Acme", "", "", "UT"]).unwrap();
        assert_eq!((name, url), ("Acme".parse().ok(), Change::Clear));
        assert_eq!((city, state), (Change::Clear, set("UT")));
    }

    #[test]
    fn a_value_that_the_mask_leaves_out_is_not_checked() {
        assert!(read(&["name"], ["Acme", "\u{1}", "\u{1}", ""]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        let all = ["a", "b", "c", "d"];
        for (paths, values, reason, fields) in [
            (vec!["nam"], all, "INVALID_FIELD", vec!["update_mask"]),
            (vec!["address."], all, "INVALID_FIELD", vec!["update_mask"]),
            (vec!["addr"], all, "INVALID_FIELD", vec!["update_mask"]),
            (vec![""], all, "INVALID_FIELD", vec!["update_mask"]),
            (vec!["*", "name"], all, "INVALID_FIELD", vec!["update_mask"]),
            (
                vec!["name", "x", "y"],
                ["\u{1}", "", "", ""],
                "INVALID_FIELD",
                vec!["update_mask", "update_mask", "business.name"],
            ),
            (
                vec!["create_time", "name", "business_id"],
                all,
                "FIELD_NOT_MUTABLE",
                vec!["business.create_time", "business.business_id"],
            ),
            (
                vec!["name"],
                ["", "b", "c", "d"],
                "FIELD_NOT_CLEARABLE",
                vec!["business.name"],
            ),
            (
                vec!["create_time", "name", "url"],
                ["", "b", "c", "d"],
                "FIELD_NOT_MUTABLE",
                vec!["business.create_time", "business.name"],
            ),
            (
                vec!["name", "business_id", "x", "url"],
                ["", "\u{1}", "c", "d"],
                "INVALID_FIELD",
                vec![
                    "update_mask",
                    "business.url",
                    "business.business_id",
                    "business.name",
                ],
            ),
            (vec![], ["", "", "", ""], "NOTHING_TO_UPDATE", vec![]),
        ] {
            assert_eq!(
                refusal(&paths, values),
                (
                    reason.to_owned(),
                    fields.iter().map(|field| (*field).to_owned()).collect()
                ),
                "{paths:?}"
            );
        }
    }

    #[test]
    fn a_mask_of_more_paths_than_a_record_could_have_is_refused_unread() {
        for path in ["*", "name", "x", "create_time"] {
            assert_eq!(
                refusal(&vec![path; 101], ["\u{1}", "", "", ""]),
                ("INVALID_FIELD".to_owned(), vec!["update_mask".to_owned()]),
                "{path}"
            );
        }
        assert!(read(&["name"; 100], ["Acme", "", "", ""]).is_ok());
        let (_, fields) = refusal(&["x"; 100], ["", "", "", ""]);
        assert_eq!(fields, vec!["update_mask"; 25]);
    }
}
