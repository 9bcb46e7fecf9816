//! The architecture rules that no compiler knows.

use std::path::Path;

use anyhow::Result;

/// Everything that breaks a rule, each with its cure.
pub(crate) fn problems(_root: &Path) -> Result<Vec<String>> {
    Ok(Vec::new())
}
