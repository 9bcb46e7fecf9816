//! The rows in the state file: a table for each noun, JSON under each id.

use std::{collections::BTreeMap, error::Error, str::FromStr};

use redb::{
    ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle,
};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{
    Batch, Noun, Row,
    file::{File, StateFileError},
};
use crate::{auth::Partner, snapshot::Content};

impl Noun {
    /// Under which the one row of [`Noun::Meta`] stands.
    pub(crate) const META_KEY: &'static str = "meta";

    const ALL: [Self; 8] = [
        Self::Meta,
        Self::Partner,
        Self::Application,
        Self::Customer,
        Self::Consumer,
        Self::Business,
        Self::InstitutionLogin,
        Self::Token,
    ];

    pub(super) fn table(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(match self {
            Self::Meta => "meta",
            Self::Partner => "partners",
            Self::Application => "applications",
            Self::Customer => "customers",
            Self::Consumer => "consumers",
            Self::Business => "businesses",
            Self::InstitutionLogin => "institutionLogins",
            Self::Token => "tokens",
        })
    }
}

impl File {
    /// What is in the file; `None` if nothing was ever written to it.
    pub(super) fn content(&self) -> Result<Option<Content>, StateFileError> {
        let transaction = self.database.begin_read();
        let transaction = transaction.map_err(|error| self.refused(error))?;
        let meta = transaction.open_table(Noun::Meta.table());
        let meta = meta.map_err(|error| self.refused(error))?;
        let meta = meta.get(Noun::META_KEY);
        let Some(meta) = meta.map_err(|error| self.refused(error))? else {
            return Ok(None);
        };
        let meta = serde_json::from_slice(meta.value());
        let meta = meta.map_err(|_| self.damaged("its numbers cannot be read".to_owned()))?;
        let partners: BTreeMap<usize, Partner> = self.read(&transaction, Noun::Partner)?;
        if !partners.keys().copied().eq(0..partners.len()) {
            return Err(self.damaged("a partner is missing".to_owned()));
        }
        Ok(Some(Content {
            _format: IgnoredAny,
            _version: IgnoredAny,
            meta,
            partners: partners.into_values().collect(),
            applications: self.read(&transaction, Noun::Application)?,
            customers: self.read(&transaction, Noun::Customer)?,
            consumers: self.read(&transaction, Noun::Consumer)?,
            businesses: self.read(&transaction, Noun::Business)?,
            institution_logins: self.read(&transaction, Noun::InstitutionLogin)?,
            tokens: self.read(&transaction, Noun::Token)?,
        }))
    }

    /// All rows of a noun. One that cannot be read is named by its id, unless that is a token.
    fn read<K, V, T>(&self, transaction: &ReadTransaction, noun: Noun) -> Result<T, StateFileError>
    where
        K: FromStr,
        V: DeserializeOwned,
        T: FromIterator<(K, V)>,
    {
        let table = match transaction.open_table(noun.table()) {
            Ok(table) => table,
            // A table is made with its first row.
            Err(TableError::TableDoesNotExist(_)) => return Ok(T::from_iter([])),
            Err(error) => return Err(self.refused(error)),
        };
        let rows = table.iter().map_err(|error| self.refused(error))?;
        let rows = rows.map(|row| {
            let (key, row) = row.map_err(|error| self.refused(error))?;
            let parsed = (key.value().parse().ok()).zip(serde_json::from_slice(row.value()).ok());
            parsed.ok_or_else(|| {
                let table = noun.table();
                let table = table.name();
                self.damaged(if noun == Noun::Token {
                    format!("a row of {table} cannot be read")
                } else {
                    format!("row {} of {table} cannot be read", key.value())
                })
            })
        });
        rows.collect()
    }

    #[cfg(test)]
    pub(super) fn texts(&self, noun: Noun) -> Vec<(String, String)> {
        let transaction = self.database.begin_read().unwrap();
        self.read(&transaction, noun).unwrap()
    }

    /// Writes batches in their order, all or nothing, and returns once they are on disk.
    pub(super) fn write(&self, batches: Vec<Batch>) -> Result<(), Box<dyn Error + Send + Sync>> {
        // A commit is on disk when it returns, unless the transaction is told otherwise.
        let transaction = self.database.begin_write()?;
        for batch in batches {
            if batch.replaces {
                // The one row that every batch has anew stays, beside what tells the format.
                for noun in Noun::ALL.into_iter().filter(|noun| *noun != Noun::Meta) {
                    transaction.delete_table(noun.table())?;
                }
            }
            let mut tables = Noun::ALL.map(|noun| (noun, None));
            for Row { noun, key, value } in batch.rows {
                let Some((_, table)) = tables.iter_mut().find(|(other, _)| *other == noun) else {
                    continue;
                };
                let table = match table {
                    Some(table) => table,
                    None => table.insert(transaction.open_table(noun.table())?),
                };
                match value? {
                    Some(value) => table.insert(key.as_str(), value.as_slice())?,
                    None => table.remove(key.as_str())?,
                };
            }
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_named_unless_its_key_is_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(&folder.path().join("state.redb")).unwrap();
        assert!(file.content().unwrap().is_none());
        for (noun, key, told) in [
            (Noun::Token, "hush", "a row of tokens cannot be read"),
            (Noun::Customer, "7", "row 7 of customers cannot be read"),
            (Noun::Partner, "1", "a partner is missing"),
            (Noun::Meta, Noun::META_KEY, "its numbers cannot be read"),
        ] {
            let mut batch = Batch::new(false);
            batch.put(Noun::Meta, &Noun::META_KEY, &meta());
            if noun == Noun::Partner {
                let credentials = crate::config::Config::for_tests().partner;
                batch.put(noun, &key, &Partner::new(&credentials));
            } else {
                batch.put(noun, &key, &"x");
            }
            file.write(vec![batch]).unwrap();
            let refusal = file.content().err().unwrap().to_string();
            assert!(refusal.ends_with(told), "{refusal}");
            let mut batch = Batch::new(false);
            batch.remove(noun, &key);
            file.write(vec![batch]).unwrap();
        }
    }

    fn meta() -> crate::snapshot::Meta {
        crate::customer::tests::state().meta()
    }
}
