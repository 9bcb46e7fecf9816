//! Programs as somebody has them who follows the pages.

pub(crate) mod gateway;
mod installed;
