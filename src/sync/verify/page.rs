//! One page of records: each goes through the steps of a dry run, over what was read for all of
//! them.

use std::collections::{BTreeMap, HashSet};

use futures::future::try_join_all;
use jiff::Timestamp;

use super::bulk::{Bulk, Reader};
use super::candidates::Candidate;
use super::judge::{Billed, Facts, judge, runs};
use super::strays::Strays;
use crate::domain::actual::ActualObject;
use crate::domain::desired::OnFound;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::verification::{VerifiedRecord, VerifiedStatus};
use crate::m3ter::{ListQuery, OwnerIds};
use crate::mapping::Mapping;
use crate::store::Link;
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::dry_run::DryRun;
use crate::sync::load::load;
use crate::sync::plan::leftovers::RemovedLine;
use crate::sync::plan::{SyncPlan, plan};
use crate::sync::preview::preview;
use crate::sync::shared::Shared;
use crate::transport::{Budget, Turn};

/// Records that go through their steps at the same time.
const AT_ONCE: usize = 8;

/// A page, and with what it is looked at.
pub(super) struct Page<'a> {
    pub(super) shared: &'a Shared,
    pub(super) candidates: &'a [Candidate],
    /// Whether the records were named: of one that is not ready and was never synced it is told
    /// only then.
    pub(super) are_named: bool,
    pub(super) strays: Option<&'a Strays>,
    pub(super) now: Timestamp,
    pub(super) turn: &'a Turn,
    /// Whether a record that a vendor gives no answer about is left so, after the page was tried
    /// before.
    pub(super) is_last_try: bool,
}

impl Page<'_> {
    /// What is found of the records. A failure is of the whole page: it is to be tried again.
    pub(super) async fn verify(&self) -> Result<Vec<VerifiedRecord>, Failure> {
        let budget = self.budget();
        let bulk = self.read(&budget).await?;
        let mut verified = Vec::with_capacity(self.candidates.len());
        for candidates in self.candidates.chunks(AT_ONCE) {
            let records = candidates.iter().map(|candidate| self.verify_one(candidate, &bulk));
            verified.extend(try_join_all(records).await?.into_iter().flatten());
        }
        Ok(verified)
    }

    fn budget(&self) -> Budget {
        let limits = self.shared.limits;
        Budget::new(limits.time, limits.callouts).in_turn(self.turn.clone())
    }

    async fn read(&self, budget: &Budget) -> Result<Bulk, Failure> {
        let metadata = &self.shared.metadata;
        let mut by_root: BTreeMap<&str, (&Mapping, Vec<SalesforceId>)> = BTreeMap::new();
        for Candidate { id, .. } in self.candidates {
            // Of what has no mapping its own steps tell.
            let sobject = metadata.sobject_of(id.key_prefix(), budget).await?;
            if let Some(mapping) = sobject.and_then(|sobject| metadata.mapping(&sobject)) {
                let of_root = by_root.entry(mapping.root());
                of_root.or_insert_with(|| (mapping, Vec::new())).1.push(id.clone());
            }
        }
        let by_mapping: Vec<_> = by_root.into_values().collect();
        let store = RetryingStore::new(&self.shared.store, budget);
        Reader { metadata, store, budget, strays: self.strays }.read(&by_mapping).await
    }

    async fn verify_one(
        &self,
        candidate: &Candidate,
        bulk: &Bulk,
    ) -> Result<Option<VerifiedRecord>, Failure> {
        let links = bulk.links.get(&candidate.id).map(Vec::as_slice).unwrap_or_default();
        let budget = self.budget();
        let dry_run = DryRun::new(self.shared, &candidate.id, links.to_vec(), self.now);
        let context = dry_run.context(&budget, Some(&bulk.ahead));
        let mut facts = Facts {
            name: candidate.name.clone(),
            is_known: !links.is_empty(),
            billed: billed(links, bulk, self.now),
            ..Facts::default()
        };
        let mut report = Report::default();
        let ended_by = Box::pin(walk(context, &mut report, &mut facts)).await.err();
        let failure = report.failure(ended_by, &budget);
        if let Some(failure) =
            failure.as_ref().filter(|failure| !self.is_last_try && passes(failure))
        {
            return Err(failure.clone());
        }
        let verified = judge(&candidate.id, &report.outcome(failure), facts);
        let is_told = self.are_named || verified.status != VerifiedStatus::NotReady;
        Ok(is_told.then_some(verified))
    }
}

/// The steps of a dry run, with what a verification wants to know beside its outcome.
async fn walk(
    context: RunContext<'_>,
    report: &mut Report,
    facts: &mut Facts,
) -> Result<(), Failure> {
    let mut read = None;
    let loaded = load(context, &mut read).await?;
    let resolution = &loaded.resolution;
    let not_ready = resolution.not_ready.as_ref().map(|(reason, _)| reason);
    facts.not_ready = resolution.not_allowed.as_ref().or(not_ready).cloned();
    if facts.name.is_none() {
        let name = read.as_ref().and_then(|read| read.record.name());
        facts.name = name.map(ToOwned::to_owned);
    }
    let plan = plan(&context, loaded, report).await?;
    facts.is_known |= has_own(&plan, context.record);
    facts.has_hidden_lines = plan.removed_lines.iter().any(RemovedLine::is_hidden);
    let is_gone = |line: &RemovedLine| !line.is_hidden() && !line.is_handed_over();
    facts.has_removed_lines = plan.removed_lines.iter().any(is_gone);
    facts.foreign = foreign(&context, &plan).await?;
    preview(&context, &plan, report).await
}

/// Whether m3ter has something that the record made, whatever the links say: its codes are ids of
/// its own rows. An Account is shared with other records.
fn has_own(plan: &SyncPlan<'_>, record: &SalesforceId) -> bool {
    plan.changeset.changes.iter().any(|change| {
        let is_own =
            change.desired.kind() != EntityKind::Account || change.desired.key.row == *record;
        is_own && change.desired.on_found == OnFound::Adopt && change.step.known_id().is_some()
    })
}

/// What runs under the Contract of a record and was made by nobody whom a link or a code names.
async fn foreign(context: &RunContext<'_>, plan: &SyncPlan<'_>) -> Result<Vec<String>, Failure> {
    let changes = || plan.changeset.changes.iter();
    let contracts: Vec<&M3terId> = changes()
        .filter(|change| change.desired.kind() == EntityKind::Contract)
        .filter_map(|change| change.step.known_id())
        .collect();
    let own: HashSet<&M3terId> = changes()
        .filter_map(|change| change.step.known_id())
        .chain(plan.state.links().iter().map(|link| &link.m3ter_id))
        .chain(plan.removed_lines.iter().map(|line| &line.plan.id))
        .collect();
    let mut strange = Vec::new();
    for kind in [EntityKind::Commitment, EntityKind::AccountPlan] {
        let mut objects: Vec<ActualObject> = plan.state.all(kind).into_iter().cloned().collect();
        if !plan.state.is_listed(kind) {
            for contract in &contracts {
                let under = ListQuery::under(kind, OwnerIds::contract((*contract).clone()));
                objects.extend(context.list(&under).await?);
            }
        }
        for object in objects {
            let contract = object.text("contractId");
            let is_under = contracts.iter().any(|own| contract == Some(own.as_str()));
            let is_of_a_row = object.code().is_some_and(|code| SalesforceId::parse(code).is_ok());
            if is_under && !is_of_a_row && !own.contains(&object.id) && runs(&object, context.now) {
                strange.push((kind, object.id.clone()));
            }
        }
    }
    if strange.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<M3terId> = strange.iter().map(|(_, id)| id.clone()).collect();
    let linked = context.store.with(|store| store.load_linked_of(&ids)).await?;
    strange.retain(|(_, id)| !linked.contains(id));
    strange.sort();
    Ok(strange.into_iter().map(|(kind, id)| format!("the {kind} {id}")).collect())
}

fn billed(links: &[Link], bulk: &Bulk, now: Timestamp) -> Billed {
    let mut billed = Billed::default();
    for link in links {
        if let Some(object) = bulk.ahead.object(link.object.kind, &link.m3ter_id) {
            billed.add(object, link.object.kind, now);
        }
    }
    billed
}

/// Whether a failure is of the vendors or the database, and not of the record.
fn passes(failure: &Failure) -> bool {
    failure.code.retryable()
        || matches!(failure.code, ErrorCode::SalesforceAuthFailed | ErrorCode::M3terAuthFailed)
}
