//! Contracts that records of one field's value share: who else has the value, and which Contracts
//! m3ter has for them.
//!
//! Asked beside the look-up of codes, and only for a record that has a value and no Contract of its
//! own yet. Salesforce says who belongs together; links say what m3ter has for them, and codes
//! where the database is new.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use crate::changeset::ended::Ends;
use crate::changeset::shared_contract::{Choice, Sharing, choose};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent, OnFound, SharedKey};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{IdMap, IdSet, M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::value::Value;
use crate::m3ter::ListQuery;
use crate::store::LinkRelation;
use crate::sync::actual::ActualState;
use crate::sync::actual::identify::Identities;
use crate::sync::context::RunContext;
use crate::transport::CalloutError;

/// How long whoever was made first is waited for while it is synced: as long as a deal takes, with
/// time left for this one.
const MAX_WAIT: Duration = Duration::from_secs(20);
const LOOKED_EVERY: Duration = Duration::from_millis(100);

/// What is known of each shared Contract, by the object that would join it.
pub(crate) type Shared = IdMap<ObjectKey, Sharing>;

/// Reads who shares Contracts of a record that it has not yet.
pub(crate) async fn fetch_shared(
    context: &RunContext<'_>,
    keys: &[&SharedKey],
) -> Result<Shared, Failure> {
    let mut shared = Shared::default();
    for key in keys {
        let mut sharing = fetch_sharing(context, key).await?;
        // Of two that are synced at once the one that was made first makes the Contract, and the
        // other one joins it.
        if wait_for(context, &sharing.not_synced).await? {
            sharing = fetch_sharing(context, key).await?;
        }
        shared.insert(key.object.clone(), sharing);
    }
    Ok(shared)
}

/// Waits until none of some records is being synced; whether there was one. Only records that were
/// made before this one are waited for, so that no two wait for each other.
async fn wait_for(context: &RunContext<'_>, records: &[SalesforceId]) -> Result<bool, Failure> {
    let until = Instant::now() + MAX_WAIT.min(context.budget.remaining() / 2);
    let mut has_waited = false;
    while !records.is_empty() && Instant::now() < until {
        if context.store.with(|store| store.load_records_at_work(records)).await?.is_empty() {
            break;
        }
        has_waited = true;
        tokio::time::sleep(LOOKED_EVERY).await;
    }
    Ok(has_waited)
}

async fn fetch_sharing(context: &RunContext<'_>, key: &SharedKey) -> Result<Sharing, Failure> {
    let RunContext { salesforce, store, budget, .. } = *context;
    let (siblings, of_named) = tokio::join!(
        salesforce.find_by_reference(&key.sobject, &key.field, &key.value, budget),
        fetch_contracts(context, std::slice::from_ref(&key.value)),
    );
    let siblings = siblings?;
    let own = siblings.iter().position(|row| *row == key.object.row);
    let others: Vec<SalesforceId> =
        siblings.iter().filter(|row| **row != key.object.row).cloned().collect();
    let mut held = of_named?;
    if !others.is_empty() {
        held.extend(fetch_contracts(context, &others).await?);
    }
    let has_one = |row: &SalesforceId| held.iter().any(|(owner, _)| owner == row);
    let not_synced =
        siblings[..own.unwrap_or_default()].iter().filter(|row| !has_one(row)).cloned().collect();
    let ids: Vec<M3terId> = held.iter().map(|(_, contract)| contract.id.clone()).collect();
    let ends = if ids.is_empty() {
        Ends::new()
    } else {
        store.with(|store| store.load_ends(&ids)).await?
    };
    Ok(Sharing { field: key.render(), value: Some(key.value.clone()), held, ends, not_synced })
}

/// The Contracts that m3ter has for records, in their order.
async fn fetch_contracts(
    context: &RunContext<'_>,
    rows: &[SalesforceId],
) -> Result<Vec<(SalesforceId, ActualObject)>, Failure> {
    let RunContext { m3ter, store, budget, .. } = *context;
    let links = store.with(|store| store.load_links_of_rows(EntityKind::Contract, rows)).await?;
    let linked: Vec<M3terId> = links.iter().map(|link| link.m3ter_id.clone()).collect();
    let is_linked = |row: &SalesforceId| links.iter().any(|link| link.object.row == *row);
    let codes: Vec<String> =
        rows.iter().filter(|row| !is_linked(row)).map(ToString::to_string).collect();
    let list = |query: ListQuery, is_empty: bool| async move {
        if is_empty { Ok(Vec::new()) } else { m3ter.list(&query, budget).await }
    };
    let (no_links, no_codes) = (linked.is_empty(), codes.is_empty());
    let (by_id, by_code) = tokio::join!(
        list(ListQuery::ids(EntityKind::Contract, linked.clone()), no_links),
        list(ListQuery::codes(EntityKind::Contract, codes), no_codes)
    );
    let (mut by_id, by_code) = (by_id?, by_code?);
    // Lists may lag behind what a sync has just made.
    let unlisted = linked.iter().filter(|id| by_id.iter().all(|contract| contract.id != **id));
    for fetched in join_all(unlisted.map(|id| m3ter.fetch(EntityKind::Contract, id, budget))).await
    {
        by_id.extend(fetched?);
    }
    let contract_of = |row: &SalesforceId| {
        let mut own = links.iter().filter(|link| link.object.row == *row);
        let linked =
            own.find_map(|link| by_id.iter().find(|contract| contract.id == link.m3ter_id));
        linked
            .or_else(|| by_code.iter().find(|contract| contract.code() == Some(row.as_str())))
            .cloned()
    };
    Ok(rows.iter().filter_map(|row| Some((row.clone(), contract_of(row)?))).collect())
}

/// The Accounts of the Contracts, which the look-up of codes came too early for.
pub(crate) fn accounts_of(shared: &Shared) -> IdSet<M3terId> {
    let contracts = shared.values().flat_map(|sharing| &sharing.held);
    contracts.filter_map(|(_, contract)| M3terId::parse(contract.text("accountId")?).ok()).collect()
}

/// Who has joined a Contract by a field keeps it, whatever the field holds now.
pub(crate) fn keep_joined(desired: &mut [DesiredObject], state: &ActualState) {
    let is_joined = |object: &DesiredObject| {
        let link = state.link(&object.key).filter(|link| link.relation == LinkRelation::Referred);
        // Under a typed code the link remembers that one.
        object.kind() == EntityKind::Contract
            && link.is_some_and(|link| link.source_key.as_deref() == Some(object.key.row.as_str()))
    };
    for object in desired.iter_mut().filter(|object| is_joined(object)) {
        object.on_found = OnFound::Refer;
    }
}

/// Lets each Contract that m3ter does not have be the one that other records of the same value
/// have.
pub(crate) fn join_shared(
    desired: &mut [DesiredObject],
    shared: &Shared,
    state: &mut ActualState,
    identities: &mut Identities,
) {
    for object in desired.iter_mut().filter(|object| matches!(object.intent, Intent::Sync(_))) {
        let Some(sharing) = shared.get(&object.key) else { continue };
        if !matches!(identities.get(&object.key), Some(Ok(None))) {
            continue;
        }
        let account = match object.value("accountId") {
            Some(Value::Object(key)) => identities.known().get(key),
            Some(Value::Id(id)) => Some(id),
            _ => None,
        };
        match choose(object, sharing, account) {
            Choice::OwnOne(warning) => object.warnings.extend(warning),
            Choice::Joins(contract, warning) => {
                object.on_found = OnFound::Refer;
                object.warnings.push(warning);
                state.take(EntityKind::Contract, Ok::<_, CalloutError>([contract.clone()]));
                identities.set(object.key.clone(), Ok(Some(contract.clone())));
            }
        }
    }
}
