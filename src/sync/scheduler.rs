//! How runs begin, take turns, keep their leases and end, in this process and beside others.

pub(super) mod admission;
pub(super) mod claims;
pub(super) mod dry_runs;
pub(super) mod maintenance;
pub(super) mod organization;
pub(super) mod portions;
pub(super) mod queue;
pub(super) mod retention;
pub(super) mod run;
pub(super) mod shares;
pub(super) mod slots;
pub(super) mod waiting;
