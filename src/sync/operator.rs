//! What people and callers ask of a service beside syncs: to look at its runs and links, to change
//! them, to run again, to pause.

pub(super) mod adopt;
pub(super) mod backfill;
pub(super) mod concerns;
pub(super) mod links;
pub(super) mod mapping_check;
pub(super) mod names;
pub(super) mod overview;
pub(super) mod pause;
pub(super) mod replay;
pub(super) mod sessions;
