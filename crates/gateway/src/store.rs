//! Where what must survive is kept, as the settings say.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use openfinance::store::{Memory, Redb, Redis, Store};
use secrecy::ExposeSecret as _;

use crate::{
    config::{Shared, Upstream},
    gateway::StartError,
};

/// The name of the store's file where the settings name its folder.
const FILE: &str = "openfinance.redb";

/// Opens the store that the settings name. In sandbox mode nothing need survive, since the records do not.
///
/// # Errors
/// [`StartError::Store`] if the file is damaged, in use or can't be written.
pub(crate) fn open(shared: &Shared, upstream: &Upstream) -> Result<Arc<dyn Store>, StartError> {
    match (upstream, &shared.redis_url, &shared.store_path) {
        (Upstream::Sandbox { .. }, _, _) | (Upstream::Vendor(_), None, None) => {
            Ok(Arc::new(Memory::new()))
        }
        (Upstream::Vendor(_), Some(url), _) => match Redis::connect(url.expose_secret()) {
            Ok(redis) => Ok(Arc::new(redis)),
            Err(source) => Err(StartError::Store {
                key: "shared.redis_url",
                source: Box::new(source),
            }),
        },
        (Upstream::Vendor(_), None, Some(path)) => match Redb::open(&file(path), Timestamp::now) {
            Ok(file) => Ok(Arc::new(file)),
            Err(source) => Err(StartError::Store {
                key: "shared.store_path",
                source: Box::new(source),
            }),
        },
    }
}

fn file(path: &Path) -> std::path::PathBuf {
    if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_path_buf()
    }
}
