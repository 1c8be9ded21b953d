//! The syncs: each brings one Salesforce record into m3ter, in a task of its own.
//!
//! [`Syncs::start`] commits the run's row and returns at once; the run begins then, or in its turn.
//! The caller may wait on the receiver or drop it; the sync continues either way, if necessary in
//! another process. It must never run inside the task of a request, nor hold a transaction of the
//! store.

mod actual;
mod admission;
mod adopt;
mod applied;
mod apply;
mod approval;
mod backfill;
mod billing_choice;
mod callouts;
mod claims;
mod clock;
mod closing;
mod compare;
mod concerns;
mod context;
mod dry_runs;
mod end_dating;
mod end_one;
mod ends;
mod execute;
mod failure;
mod fetch;
mod identify;
mod job;
mod kept;
mod leftovers;
mod links;
mod load;
mod maintenance;
mod mapping_check;
mod merges;
mod metadata_cache;
mod name_fields;
mod names;
mod organization;
mod organization_config;
mod overlap;
mod overview;
mod pause;
mod pending;
mod plan;
mod portions;
mod preview;
mod progress;
mod queue;
mod read;
mod read_again;
mod read_ahead;
mod record_status;
mod recorder;
mod referred;
mod removed;
mod replay;
mod report;
mod request;
mod retention;
mod retrying_store;
mod running;
mod runs;
mod schedule;
mod sessions;
mod settings;
mod shared;
mod shares;
mod sharing;
mod slots;
mod syncs;
mod unsettled;
mod update;
mod verify;
mod waiting;
mod write;
mod write_back;
mod write_outcome;

pub use crate::changeset::unusual::Usual;
pub use crate::store::{
    ChangeFilter, HistorySize, LinkFilter, LinkOrder, NotHandedOver, NotReopened, OpenRuns, Pause,
    PauseAnswer, QueueBounds, QueueFull, QueueWait, Reopening, Replay, RunFilter, StoreError,
};
pub use crate::transport::LimiterGauges;
pub use adopt::{CheckedLink, WantedLink, verdict};
pub use maintenance::{REPLAY_EVERY, Scope};
pub use mapping_check::CheckedMapping;
pub(crate) use mapping_check::check_mappings;
pub(crate) use metadata_cache::describe;
pub use request::{RunRequest, StartError, StartedRun};
pub use schedule::Schedule;
pub use settings::{RunSettings, Safety, SyncLimits, SyncMode};
pub use shared::Readiness;
pub use syncs::Syncs;
pub use verify::{InvalidVerification, NotResumed, Verifications, Worker};

// What people look at.
pub use crate::store::{HourOfRuns, Link, LinkRelation, Session, SessionLimits};
pub use concerns::Concern;
pub use overview::Vendors;
