//! The syncs: each brings one Salesforce record into m3ter, in a task of its own.
//!
//! [`Syncs::start`] commits the run's row and returns at once; the run begins then, or in its turn.
//! The caller may wait on the receiver or drop it; the sync continues either way, if necessary in
//! another process. It must never run inside the task of a request, nor hold a transaction of the
//! store.
//!
//! - `job` is the walk of one sync: `load`, `plan`, `preview` or `execute`, `closing`. What m3ter
//!   holds is in `actual`, what each step works with in `context`, what a run may write without
//!   a plan in `approval`. `end_dating` is a walk of its own.
//! - `verify` takes many records through the same steps and writes nothing.
//! - `scheduler` says which runs begin when, and sees each to its saved end.
//! - `operator` is what people ask for beside: links, replays, a pause, an overview.

mod actual;
mod approval;
mod clock;
mod closing;
mod context;
mod dry_run;
mod end_dating;
mod execute;
mod job;
mod load;
mod metadata_cache;
mod operator;
mod plan;
mod preview;
mod request;
mod scheduler;
mod settings;
mod shared;
mod syncs;
mod verify;

pub use crate::changeset::unusual::Usual;
pub use crate::store::{
    ChangeFilter, HistorySize, LinkFilter, LinkOrder, NotHandedOver, NotReopened, OpenRuns, Pause,
    PauseAnswer, QueueBounds, QueueFull, QueueWait, Reopening, Replay, RunFilter, StoreError,
};
pub use crate::transport::LimiterGauges;
pub(crate) use metadata_cache::describe;
pub use operator::adopt::{CheckedLink, WantedLink, verdict};
pub use operator::mapping_check::CheckedMapping;
pub(crate) use operator::mapping_check::check_mappings;
pub use request::{RunRequest, StartError, StartedRun};
pub use scheduler::maintenance::{REPLAY_EVERY, Scope};
pub use settings::schedule::Schedule;
pub use settings::{RunSettings, Safety, SyncLimits, SyncMode};
pub use shared::Readiness;
pub use syncs::Syncs;
pub use verify::{InvalidVerification, NotResumed, Verifications, Worker};

// What people look at.
pub use crate::store::{HourOfRuns, Link, LinkRelation, Session, SessionLimits};
pub use operator::concerns::Concern;
pub use operator::overview::Vendors;
