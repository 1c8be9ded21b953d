//! Step 2 of a sync: what is read before anything is decided.
//!
//! The record is read beside what earlier syncs linked and what m3ter has set; then what its codes
//! mean is looked up.

pub(super) mod read;
pub(super) mod sharing;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::catalog::Catalog;
use crate::domain::desired::{NaturalKeys, Resolution, SharedKey};
use crate::domain::entity::EntityKind;
use crate::domain::ids::{IdSet, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::m3ter::OrganizationConfig;
use crate::mapping::{Context, Mapping};
use crate::soql::Query;
use crate::store::{CommitmentAttempt, RecordLinks};
use crate::sync::actual::ActualState;
use crate::sync::actual::fetch::{fetch_accounts, fetch_codes, fetch_linked};
use crate::sync::context::RunContext;
use crate::sync::load::read::{ReadRecord, fetch_record};
use crate::sync::load::sharing::{Shared, accounts_of, fetch_shared};

/// What a sync has read.
pub(super) struct Loaded<'a> {
    pub(super) mapping: &'a Mapping,
    /// The query that brought the record.
    pub(super) query: Arc<Query>,
    /// All Salesforce rows of the record.
    pub(super) rows: IdSet<SalesforceId>,
    /// What m3ter has set.
    pub(super) organization: OrganizationConfig,
    /// Read already where no Commitment is linked yet.
    pub(super) attempts: Option<Vec<CommitmentAttempt>>,
    /// What m3ter has under the codes of the record.
    pub(super) catalog: Catalog,
    /// What the record asks for; the plan takes it.
    pub(super) resolution: Resolution,
    /// Whose Contract the record may join.
    pub(super) shared: Shared,
    /// What m3ter holds of the record.
    pub(super) state: ActualState,
}

/// What earlier syncs left behind.
struct Linked {
    state: ActualState,
    attempts: Option<Vec<CommitmentAttempt>>,
}

/// Reads everything. The record goes to `kept` as soon as it is there: whatever else fails, it is
/// to say so. The rows below it are most of what is read of a record of many lines, and are
/// forgotten once they are resolved.
pub(super) async fn load<'a>(
    context: RunContext<'a>,
    kept: &mut Option<ReadRecord>,
) -> Result<Loaded<'a>, Failure> {
    let mapping = find_mapping(&context).await?;
    let (read, linked, organization) = tokio::join!(
        fetch_record(&context, mapping, context.record),
        Box::pin(load_linked(&context)),
        context.metadata.organization(context.budget),
    );
    let read = kept.insert(read?);
    let (Linked { mut state, attempts }, organization) = (linked?, organization?);
    let time_zone = mapping.time_zone(&organization.time_zone);
    let reading = mapping.read(&read.record, Context::new(&read.query, time_zone));
    let keys = reading.keys();
    let (catalog, shared) = Box::pin(look_up(&context, &mut state, &keys)).await?;
    let resolution = reading.resolve(&catalog);
    let rows = keys.rows.into_iter().collect();
    let query = Arc::clone(&read.query);
    read.record.forget_rows();
    Ok(Loaded { mapping, query, rows, organization, attempts, catalog, resolution, shared, state })
}

async fn find_mapping<'a>(context: &RunContext<'a>) -> Result<&'a Mapping, Failure> {
    let RunContext { record, metadata, budget, .. } = *context;
    let prefix = record.key_prefix();
    let unsupported = |reason| Failure::new(ErrorCode::UnsupportedObject, reason);
    match metadata.sobject_of(prefix, budget).await? {
        None => Err(unsupported(format!(
            "There is no mapping for records whose IDs begin with `{prefix}`, and the org has no such object"
        ))),
        Some(sobject) => metadata
            .mapping(&sobject)
            .ok_or_else(|| unsupported(format!("There is no mapping for `{sobject}` records"))),
    }
}

async fn load_linked(context: &RunContext<'_>) -> Result<Linked, Failure> {
    let RecordLinks { links, has_open_changes } = match &context.run.links {
        Some(links) => links.clone(),
        None => context.store.with(|store| store.load_record_links(context.record)).await?,
    };
    let is_new = links.iter().all(|link| link.object.kind != EntityKind::Commitment);
    // Who takes a run over may find no link of it, and changes all the same.
    let has_open_changes = has_open_changes || context.run.claim.fence > 1;
    let mut state = ActualState::new(links).with_open_changes(has_open_changes);
    let attempts = async { if is_new { load_attempts(context).await.map(Some) } else { Ok(None) } };
    let ((), attempts) = tokio::join!(fetch_linked(context, &mut state), attempts);
    Ok(Linked { state, attempts: attempts? })
}

/// What earlier tries set out to create, for the Commitments that no link tells of.
async fn load_attempts(context: &RunContext<'_>) -> Result<Vec<CommitmentAttempt>, Failure> {
    context.store.with(|store| store.load_commitment_attempts(context.record)).await
}

/// What m3ter has under the codes of the record, and whose Contract it may join.
async fn look_up(
    context: &RunContext<'_>,
    state: &mut ActualState,
    keys: &NaturalKeys,
) -> Result<(Catalog, Shared), Failure> {
    let open: Vec<&SharedKey> =
        keys.shared.iter().filter(|key| !state.has_link(&key.object)).collect();
    let (catalog, by_codes, shared) = tokio::join!(
        context.metadata.catalog(&keys.codes, context.budget),
        fetch_codes(context, state, &keys.accounts, &keys.contracts),
        fetch_shared(context, &open),
    );
    let (catalog, shared) = (catalog?, shared?);
    by_codes?;
    fetch_accounts(context, state, accounts_of(&shared)).await;
    Ok((catalog, shared))
}

impl Loaded<'_> {
    /// In which a Salesforce date begins.
    pub(super) fn time_zone(&self) -> &TimeZone {
        self.mapping.time_zone(&self.organization.time_zone)
    }

    /// What earlier tries set out to create, where one of the Commitments of the record is not
    /// linked.
    pub(super) async fn attempts(
        &mut self,
        context: &RunContext<'_>,
        resolution: &Resolution,
    ) -> Result<Vec<CommitmentAttempt>, Failure> {
        if let Some(attempts) = self.attempts.take() {
            return Ok(attempts);
        }
        let mut commitments =
            resolution.objects.iter().filter(|object| object.kind() == EntityKind::Commitment);
        if commitments.all(|object| self.state.has_link(&object.key)) {
            return Ok(Vec::new());
        }
        load_attempts(context).await
    }
}
