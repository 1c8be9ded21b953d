//! What all runs of this process share.

mod cached;

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::mapping::Mappings;
use crate::store::{HistorySize, HourOfRuns, Store};
use crate::sync::clock::now;
use crate::sync::context::progress::{HeldByOthers, Meters};
use crate::sync::metadata_cache::MetadataCache;
use crate::sync::operator::concerns::Concern;
use crate::sync::scheduler::claims::Claims;
use crate::sync::scheduler::dry_runs::DryRuns;
use crate::sync::scheduler::slots::Slots;
use crate::sync::scheduler::waiting::Waiting;
use crate::sync::settings::{RunSettings, SyncLimits};
use crate::sync::shared::cached::Cached;
use crate::{m3ter, salesforce};

/// How many runs are recorded at one moment: thousands of requests that come at once would each
/// hold what recording one takes.
const ADMITTED_AT_ONCE: usize = 64;

/// Whether syncs can be started with a prospect of success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Logged in on both sides, plan templates loaded.
    Ready,
    /// What is still missing, one sentence each.
    NotReady(Vec<String>),
}

/// What is under way in this process, and what it needs.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) tasks: TaskTracker,
    pub(super) metadata: MetadataCache,
    pub(super) limits: SyncLimits,
    pub(super) settings: RunSettings,
    pub(super) readiness: Mutex<Readiness>,
    /// Who has all of m3ter's limit, while this process has none of it for that reason.
    pub(super) held_by_others: Mutex<Option<HeldByOthers>>,
    pub(super) claims: Claims,
    pub(super) waiting: Waiting,
    pub(super) slots: Arc<Slots>,
    pub(super) dry_runs: DryRuns,
    /// How far the syncs of this process are.
    pub(super) meters: Meters,
    /// Places for runs that are being recorded.
    pub(super) admitting: Semaphore,
    /// How large the history was when it was measured last.
    pub(super) history: Mutex<Option<HistorySize>>,
    /// What needs attention, and how the runs ended since a moment, for all who look.
    pub(super) concerns: Cached<Arc<[Concern]>>,
    pub(super) ended_runs: Cached<(Timestamp, Arc<[HourOfRuns]>)>,
    /// This process begins only what it is asked for: another one begins what waits.
    pub(super) draining: CancellationToken,
    /// No run begins any more in this process.
    pub(super) stopping: CancellationToken,
    /// Nothing is held any more, or nothing can be waited for.
    pub(super) ended: CancellationToken,
    /// When this process began.
    pub(super) began_at: Timestamp,
}

impl Shared {
    pub(super) fn new(
        salesforce: salesforce::Client,
        m3ter: m3ter::Client,
        mappings: Mappings,
        store: Store,
        limits: SyncLimits,
        settings: RunSettings,
        tasks: TaskTracker,
    ) -> Self {
        let readiness = Readiness::NotReady(vec![
            "The service has not connected to Salesforce and m3ter yet".to_owned(),
        ]);
        let metadata = MetadataCache::new(
            salesforce,
            m3ter,
            mappings,
            store.clone(),
            settings.organization_config_for,
        );
        Self {
            store: store.bounded(settings.queue_bounds()),
            tasks,
            metadata,
            limits,
            readiness: Mutex::new(readiness),
            held_by_others: Mutex::default(),
            claims: Claims::new(settings.lease),
            waiting: Waiting::default(),
            slots: Slots::new(settings.at_once),
            settings,
            dry_runs: DryRuns::default(),
            meters: Meters::default(),
            admitting: Semaphore::new(ADMITTED_AT_ONCE),
            history: Mutex::default(),
            concerns: Cached::default(),
            ended_runs: Cached::default(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            ended: CancellationToken::new(),
            began_at: now(),
        }
    }
}
