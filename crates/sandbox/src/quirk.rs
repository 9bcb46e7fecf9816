//! What the vendor's sources disagree on, as switches, and everything else that may surprise, as a table.
//!
//! Each switch is written once, in `choices`: its name, its choices, who says which, and the operations that show it.
//! What has no switch stands in `behaviours`. [`table`] lays both out.

mod behaviours;
mod choices;
mod print;

use std::fmt;

use crate::operation::Operation;

pub use choices::*;
pub use print::table;

/// Where a behaviour is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The page "Customer Records" of the vendor's documentation.
    Page,
    /// The vendor's published OpenAPI document in the version that the sandbox follows.
    OpenApi,
    /// Earlier versions of that document, and the messages of the commits to it.
    OpenApiHistory,
    /// The vendor's Java tests, which are written to pass against the live service.
    JavaTests,
    /// The vendor's Postman collection: its scripts and the answers saved in it.
    Postman,
    /// The vendor's setup script, with answers of the live service in its comments.
    SetupScript,
    /// The vendor's pages on its error codes.
    ErrorPages,
    /// The glossary of the vendor's documentation.
    Glossary,
    /// The glossary of the vendor's Australian product.
    AustralianGlossary,
    /// The vendor's older documentation and support pages.
    SupportPages,
    /// The reference of 2022, from which clients were generated.
    FormerReference,
    /// Clients that others have published.
    Clients,
    /// Nobody; somebody had to choose.
    Ours,
}

impl Source {
    /// Every source, in the order of the legend.
    pub const ALL: [Self; 13] = [
        Self::Page,
        Self::OpenApi,
        Self::OpenApiHistory,
        Self::JavaTests,
        Self::Postman,
        Self::SetupScript,
        Self::ErrorPages,
        Self::Glossary,
        Self::AustralianGlossary,
        Self::SupportPages,
        Self::FormerReference,
        Self::Clients,
        Self::Ours,
    ];

    fn meaning(self) -> &'static str {
        match self {
            Self::Page => "the page \"Customer Records\" of the vendor's documentation",
            Self::OpenApi => {
                "the vendor's published document, in the version that the sandbox follows"
            }
            Self::OpenApiHistory => {
                "earlier versions of that document, and the messages of the commits to it"
            }
            Self::JavaTests => {
                "the vendor's tests in Java, written to pass against the live service"
            }
            Self::Postman => {
                "the vendor's collection for Postman: its scripts and its saved answers"
            }
            Self::SetupScript => {
                "the vendor's setup script, with answers of the live service in its comments"
            }
            Self::ErrorPages => "the vendor's pages on its error codes",
            Self::Glossary => "the glossary of the vendor's documentation",
            Self::AustralianGlossary => "the same of the vendor's Australian product",
            Self::SupportPages => "the vendor's older documentation and support pages",
            Self::FormerReference => {
                "the vendor's reference of 2022, from which clients were generated"
            }
            Self::Clients => "clients that others have published",
            Self::Ours => "no source says; the sandbox had to choose, or adds it for tests",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Page => "documentation page",
            Self::OpenApi => "OpenAPI 1.42.0",
            Self::OpenApiHistory => "OpenAPI history",
            Self::JavaTests => "Java tests",
            Self::Postman => "Postman collection",
            Self::SetupScript => "setup script",
            Self::ErrorPages => "error-code pages",
            Self::Glossary => "glossary",
            Self::AustralianGlossary => "Australian glossary",
            Self::SupportPages => "support pages",
            Self::FormerReference => "former reference",
            Self::Clients => "other clients",
            Self::Ours => "ours",
        })
    }
}

/// One line of the table.
struct Row {
    /// Which operations show it, in the vendor's order; none means all.
    operations: &'static [Operation],
    behaviour: &'static str,
    claims: &'static [Claim],
    /// What changes it, if anything does: a flag, or a name for `--quirk`. The first claim is then the default.
    switch: Option<&'static str>,
}

/// Who says something, and what if there is a choice.
struct Claim {
    /// The word after the switch; empty where there is none.
    choice: &'static str,
    sources: &'static [Source],
}

/// Why a `NAME=VALUE` is no setting.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSetting {
    /// There is no `=` in it.
    #[error("a quirk is set as NAME=VALUE")]
    NoValue,
    /// No switch has this name.
    #[error("no quirk has this name; there are {}", names().join(", "))]
    UnknownName,
    /// The switch has no such choice.
    #[error("{name} is one of {}", .choices.join(", "))]
    UnknownValue {
        /// The name of the switch.
        name: &'static str,
        /// What it may be.
        choices: &'static [&'static str],
    },
}

fn names() -> Vec<&'static str> {
    SWITCHES.iter().filter_map(|row| row.switch).collect()
}

/// Every choice of every switch, for tests that go through all of them.
pub fn settings() -> impl Iterator<Item = Setting> {
    SWITCHES.iter().flat_map(|row| {
        let name = row.switch.unwrap_or_default();
        let words = row
            .claims
            .iter()
            .map(move |claim| format!("{name}={}", claim.choice));
        words.filter_map(|words| words.parse().ok())
    })
}

impl FromIterator<Setting> for Quirks {
    /// The defaults with these settings; of two settings of one switch the later counts.
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        let mut quirks = Self::default();
        for setting in settings {
            quirks.set(setting);
        }
        quirks
    }
}

/// Writes the enums, [`Quirks`], [`Setting`] and the rows of the table from one list.
///
/// A switch is `field: Enum = "name" on [operations] { choices }`, a choice `Variant = "word" in [sources]`; the doc
/// comment of the switch is the behaviour in the table, and the first choice is the default.
macro_rules! switches {
    ($(
        $(#[doc = $behaviour:literal])+
        $field:ident: $switch:ident = $name:literal on [$($operation:ident),*] {
            $(
                $(#[doc = $meaning:literal])+
                $choice:ident = $word:literal in [$($source:ident),+],
            )+
        }
    )+) => {
        $(
            $(#[doc = $behaviour])+
            #[doc = concat!("\n\n`--quirk ", $name, "=...`; the first choice is the default.")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $switch {
                $(
                    $(#[doc = $meaning])+
                    #[doc = concat!("\n\nWord: `", $word, "`. From: " $(, "[`", stringify!($source), "`](Source::", stringify!($source), ") ")+)]
                    $choice,
                )+
            }

            impl Default for $switch {
                fn default() -> Self {
                    [$(Self::$choice),+][0]
                }
            }
        )+

        /// One choice for every switch; the defaults are what the sandbox's authors take for likeliest.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Quirks {
            $(
                $(#[doc = $behaviour])+
                pub $field: $switch,
            )+
        }

        /// One choice for one switch, read from `NAME=VALUE`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named after the switch that it holds")]
        pub enum Setting {
            $($switch($switch),)+
        }

        impl Quirks {
            /// Chooses.
            pub fn set(&mut self, setting: Setting) {
                match setting {
                    $(Setting::$switch(choice) => self.$field = choice,)+
                }
            }
        }

        impl FromStr for Setting {
            type Err = InvalidSetting;

            fn from_str(text: &str) -> Result<Self, InvalidSetting> {
                let (name, value) = text.split_once('=').ok_or(InvalidSetting::NoValue)?;
                match name {
                    $(
                        $name => match value {
                            $($word => Ok(Self::$switch($switch::$choice)),)+
                            _ => Err(InvalidSetting::UnknownValue { name: $name, choices: &[$($word),+] }),
                        },
                    )+
                    _ => Err(InvalidSetting::UnknownName),
                }
            }
        }

        pub(super) static SWITCHES: &[Row] = &[
            $(
                Row {
                    operations: &[$(Operation::$operation),*],
                    behaviour: concat!($($behaviour),+),
                    claims: &[$(Claim { choice: $word, sources: &[$(Source::$source),+] }),+],
                    switch: Some($name),
                },
            )+
        ];
    };
}
use switches;

#[cfg(test)]
mod answers;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_every_switch_can_be_set_and_the_first_changes_nothing() {
        for row in SWITCHES {
            let name = row.switch.unwrap();
            for (position, claim) in row.claims.iter().enumerate() {
                let setting: Setting = format!("{name}={}", claim.choice).parse().unwrap();
                let quirks = Quirks::from_iter([setting]);
                assert_eq!(
                    quirks == Quirks::default(),
                    position == 0,
                    "{name}={}",
                    claim.choice
                );
            }
            assert!(row.claims.len() > 1, "{name} is no choice");
        }
    }

    #[test]
    fn every_member_of_the_settings_has_one_row_of_its_own_name() {
        // Debug names the members, which nothing else can list.
        let debug = format!("{:?}", Quirks::default());
        let members: Vec<String> = debug
            .split(['{', ',', '}'])
            .filter_map(|member| member.split_once(':'))
            .map(|(member, _)| member.trim().replace('_', "-"))
            .collect();
        assert_eq!(members, names());
    }

    #[test]
    fn the_later_of_two_settings_counts() {
        let settings = [
            "search=names-only",
            "search=with-username",
            "lock-after=sixth-failure",
        ];
        let quirks: Quirks = settings
            .iter()
            .map(|text| text.parse::<Setting>().unwrap())
            .collect();
        let expected = Quirks {
            lock_after: LockAfter::SixthFailure,
            ..Quirks::default()
        };
        assert_eq!(quirks, expected);
    }

    #[test]
    fn a_wrong_setting_is_told_the_right_ones() {
        let refusal = |text: &str| text.parse::<Setting>().unwrap_err().to_string();
        assert_eq!(refusal("search"), "a quirk is set as NAME=VALUE");
        assert_eq!(
            refusal("search=all"),
            "search is one of with-username, names-only"
        );
        let unknown = refusal("serach=names-only");
        assert!(
            names().iter().all(|name| unknown.contains(name)),
            "{unknown}"
        );
    }

    #[test]
    fn every_source_is_in_the_legend_once() {
        for (position, source) in Source::ALL.into_iter().enumerate() {
            assert_eq!(
                source as usize, position,
                "{source} is out of order in Source::ALL"
            );
        }
    }
}
