//! What a run may do and spend, and how runs are kept.

pub(super) mod schedule;

use std::time::Duration;

use crate::changeset::unusual::Usual;
use crate::store::QueueBounds;
use crate::sync::settings::schedule::Schedule;

/// Whether a sync writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// It writes what differs.
    Apply,
    /// It only says what it would write.
    DryRun,
}

/// What one sync may spend.
#[derive(Debug, Clone, Copy)]
pub struct SyncLimits {
    /// Time from its start.
    pub time: Duration,
    /// Callouts to both vendors.
    pub callouts: u32,
}

/// How runs are kept.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// How long a claim is good without a renewal: as long goes by until a run is taken over whose
    /// process has died.
    pub lease: Duration,
    /// After which times a run that failed is tried again by itself; none: never.
    pub retry_after: Vec<Duration>,
    /// How long runs are kept that have ended; `None`: for ever.
    pub retention: Option<Duration>,
    /// How long dry runs are kept, whatever the others are: they write nothing that anybody would
    /// ask about later.
    pub dry_run_retention: Duration,
    /// How long changes are kept, however long runs are; `None`: for ever.
    pub change_retention: Option<Duration>,
    /// How many ended runs are kept at most, of all kinds; `None`: as many as there are.
    pub history_rows: Option<u64>,
    /// How many runs may be under way in this process at once; a caller may have as many as are
    /// free then, alone half of them.
    pub at_once: u32,
    /// How many runs may wait for their turn in all processes together; half of them of one caller.
    pub waiting: u32,
    /// How long syncs and connections may take to end after the service was told to stop.
    pub shutdown_grace: Duration,
    /// How much of that goes by before no connection is taken any more: whoever sends requests sees
    /// that this process is not ready.
    pub shutdown_drain: Duration,
    /// How long m3ter's `OrganizationConfig` is believed: what somebody switches there counts so
    /// soon.
    pub organization_config_for: Duration,
    /// Whether who waits for a run that is worked off in portions is answered after the last one,
    /// not after the first one.
    pub answers_at_the_end: bool,
    /// When all records are compared with m3ter by themselves; `None`: never.
    pub verify_schedule: Option<Schedule>,
    /// What keeps a run from doing more than somebody meant.
    pub safety: Safety,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            retry_after: [1, 5, 15, 60].map(Duration::from_mins).to_vec(),
            retention: Some(Duration::from_hours(90 * 24)),
            dry_run_retention: Duration::from_hours(24),
            change_retention: Some(Duration::from_hours(730 * 24)),
            history_rows: Some(500_000),
            at_once: 64,
            waiting: 10_000,
            shutdown_grace: Duration::from_secs(25),
            shutdown_drain: Duration::ZERO,
            organization_config_for: Duration::from_mins(1),
            answers_at_the_end: false,
            verify_schedule: None,
            safety: Safety::default(),
        }
    }
}

impl RunSettings {
    /// How many runs may wait.
    pub fn queue_bounds(&self) -> QueueBounds {
        QueueBounds { of_caller: self.waiting.div_ceil(2), all: self.waiting }
    }
}

/// What keeps a run from doing more than somebody meant. All of it is off unless it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Safety {
    /// Whether nothing is ended that nobody has seen as a plan.
    pub end_date_needs_plan: bool,
    /// How many objects end dating may end within an hour, in all processes together.
    pub end_dates_per_hour: Option<u32>,
    /// What a run may change without a plan.
    pub usual: Usual,
}
