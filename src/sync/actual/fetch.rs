//! Reads from m3ter into [`ActualState`]: what earlier syncs linked, and only for what no link tells
//! what lies under codes, under an Account, under a Plan.
//!
//! A read that gives no answer is noted there; what depends on it is not decided.

use std::collections::BTreeSet;

use futures::future::{join_all, try_join, try_join_all};

use crate::changeset::{Changeset, Step};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, NaturalKey, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::{IdSet, M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::m3ter::{ListQuery, OwnerIds};
use crate::sync::actual::ActualState;
use crate::sync::actual::identify::{Identities, matters};
use crate::sync::actual::referred::{Referred, plan_of};
use crate::sync::context::RunContext;
use crate::transport::CalloutError;

async fn fetch_lists(
    context: &RunContext<'_>,
    state: &mut ActualState,
    queries: impl IntoIterator<Item = ListQuery>,
) {
    let answers =
        queries.into_iter().map(|query| async move { (query.kind(), context.list(&query).await) });
    for (kind, answer) in join_all(answers).await {
        state.take(kind, answer);
    }
}

/// Reads all linked objects, one list for each kind: what runs beside the query of the record.
pub(crate) async fn fetch_linked(context: &RunContext<'_>, state: &mut ActualState) {
    let ids_of = |kind: EntityKind| -> Vec<M3terId> {
        let links = state.links().iter().filter(|link| link.object.kind == kind);
        links.map(|link| link.m3ter_id.clone()).collect()
    };
    // With parents among the Accounts it is not known yet which one is the deal's own.
    let only_of = |kind: EntityKind| match ids_of(kind).as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let (account, contract) = (only_of(EntityKind::Account), only_of(EntityKind::Contract));
    let query = |kind: EntityKind| {
        let ids = ids_of(kind);
        match (kind, &account, &contract) {
            // What lies under the Contract tells of lines that nobody remembers.
            (EntityKind::AccountPlan, _, Some(contract)) => {
                Some(ListQuery::under(kind, OwnerIds::contract(contract.clone())))
            }
            _ if ids.is_empty() => None,
            (EntityKind::Commitment, Some(_), Some(_)) => {
                let (account, contract) = (account.clone(), contract.clone());
                Some(ListQuery::under(kind, OwnerIds { account, contract, plan: None }))
            }
            _ => Some(ListQuery::ids(kind, ids)),
        }
    };
    let queries: Vec<ListQuery> = EntityKind::ALL.into_iter().filter_map(query).collect();
    fetch_lists(context, state, queries).await;
}

/// Reads Accounts and Contracts by code, where no link tells which they are or the code is another
/// one than it was. Runs beside the look-up of other codes.
pub(crate) async fn fetch_codes(
    context: &RunContext<'_>,
    state: &mut ActualState,
    accounts: &[NaturalKey],
    contracts: &[NaturalKey],
) -> Result<(), Failure> {
    let mut queries = Vec::new();
    for (kind, keys) in [(EntityKind::Account, accounts), (EntityKind::Contract, contracts)] {
        let open = keys.iter().filter(|key| !state.is_settled(key));
        let codes: BTreeSet<String> = open.flat_map(NaturalKey::codes_and_own).collect();
        if !codes.is_empty() {
            queries.push(ListQuery::codes(kind, codes.into_iter().collect()));
        }
    }
    // An Account is shared: another deal's link tells of it as well.
    let unlinked = accounts.iter().filter(|key| state.link(&key.object).is_none());
    let rows: BTreeSet<SalesforceId> = unlinked.map(|key| key.object.row.clone()).collect();
    let store = context.store;
    let elsewhere = try_join_all(
        rows.iter()
            .map(|row| store.with(move |store| store.load_links_of_row(EntityKind::Account, row))),
    );
    let ((), elsewhere) = tokio::join!(fetch_lists(context, state, queries), elsewhere);
    state.note_elsewhere(elsewhere?.into_iter().flatten().collect());
    let ids = state.unread_elsewhere(|row| {
        let keys = accounts.iter().filter(|key| key.object.row == *row);
        let codes: BTreeSet<String> = keys.flat_map(NaturalKey::codes).collect();
        let has_code =
            |account: &ActualObject| account.code().is_some_and(|code| codes.contains(code));
        !state.all(EntityKind::Account).into_iter().any(has_code)
    });
    if !ids.is_empty() {
        let query = ListQuery::ids(EntityKind::Account, ids.into_iter().collect());
        fetch_lists(context, state, [query]).await;
    }
    Ok(())
}

/// A linked object that no list showed counts as gone only after its own GET says so: lists may
/// lag.
pub(crate) async fn fetch_unlisted_links(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &[DesiredObject],
) -> Result<(), Failure> {
    let wanted: IdSet<&ObjectKey> = desired.iter().map(|object| &object.key).collect();
    let unlisted: Vec<(EntityKind, M3terId)> = state
        .links()
        .iter()
        .filter(|link| {
            wanted.contains(&link.object)
                && state.object(link.object.kind, &link.m3ter_id).is_none()
        })
        .map(|link| (link.object.kind, link.m3ter_id.clone()))
        .collect();
    let mut is_lost = false;
    for (kind, id, answer) in fetch_each(context, unlisted).await {
        match answer {
            Ok(None) => {
                is_lost |= matches!(kind, EntityKind::Account | EntityKind::Contract);
                state.note_gone(id);
            }
            found => state.take(kind, found),
        }
    }
    if is_lost {
        let keys = |kind| -> Vec<NaturalKey> {
            let of_kind = desired.iter().filter(|object| object.kind() == kind);
            of_kind.filter_map(DesiredObject::natural_key).collect()
        };
        let (accounts, contracts) = (keys(EntityKind::Account), keys(EntityKind::Contract));
        fetch_codes(context, state, &accounts, &contracts).await?;
    }
    Ok(())
}

async fn fetch_each(
    context: &RunContext<'_>,
    objects: Vec<(EntityKind, M3terId)>,
) -> Vec<(EntityKind, M3terId, Result<Option<ActualObject>, CalloutError>)> {
    let answers = objects.into_iter().map(|(kind, id)| async move {
        let answer = context.fetch(kind, &id).await;
        (kind, id, answer)
    });
    join_all(answers).await
}

/// Reads Accounts, as far as they were not read yet.
pub(crate) async fn fetch_accounts(
    context: &RunContext<'_>,
    state: &mut ActualState,
    ids: IdSet<M3terId>,
) {
    let kind = EntityKind::Account;
    let unknown = ids.into_iter().filter(|id| state.object(kind, id).is_none());
    let unknown: Vec<(EntityKind, M3terId)> = unknown.map(|id| (kind, id)).collect();
    for (kind, _, answer) in fetch_each(context, unknown).await {
        state.take(kind, answer);
    }
}

/// Lists what lies under each Account, for the kinds of which some object of it is not linked.
pub(crate) async fn fetch_under_accounts(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &[DesiredObject],
    identities: &Identities,
) {
    let known = identities.known();
    let referred = Referred::new(desired);
    let mut queries: Vec<ListQuery> = Vec::new();
    for object in desired.iter().filter(|object| matters(object) && state.is_open(object)) {
        let kind = object.kind();
        let Some(account) = referred.account(object, known) else { continue };
        let mut owners = OwnerIds::account(account);
        match kind {
            EntityKind::Plan | EntityKind::AccountPlan => {}
            // What it names is not there: its neighbours tell what may be meant.
            EntityKind::Contract
                if object.on_found == OnFound::Refer && !known.contains_key(&object.key) => {}
            // A Contract that is still to come has none.
            EntityKind::Commitment => match referred.contract(object, known) {
                Some(contract) => owners.contract = Some(contract),
                None => continue,
            },
            EntityKind::Account | EntityKind::Contract | EntityKind::Pricing => continue,
        }
        let query = ListQuery::under(kind, owners);
        if !queries.contains(&query) {
            queries.push(query);
        }
    }
    // A record whose lines are all gone, and that nobody remembers, has its AccountPlans under its
    // Contract.
    let kind = EntityKind::AccountPlan;
    let is_listed = state.is_listed(kind) || queries.iter().any(|query| query.kind() == kind);
    let contract = referred.only_contract.and_then(|key| known.get(key));
    if let Some(contract) = contract.filter(|_| !is_listed) {
        queries.push(ListQuery::under(kind, OwnerIds::contract(contract.clone())));
    }
    fetch_lists(context, state, queries).await;
}

/// Lists the Pricings of each Plan that m3ter has and whose Pricing is not linked.
pub(crate) async fn fetch_pricings(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &[DesiredObject],
    identities: &Identities,
) {
    let is_open = |object: &&DesiredObject| {
        object.kind() == EntityKind::Pricing && matters(object) && state.is_open(object)
    };
    let plan = |object: &DesiredObject| plan_of(object, identities.known());
    let plans = desired.iter().filter(is_open).filter_map(plan).collect();
    fetch_pricings_of(context, state, plans).await;
}

/// Lists the Pricings of Plans.
pub(crate) async fn fetch_pricings_of(
    context: &RunContext<'_>,
    state: &mut ActualState,
    plans: IdSet<M3terId>,
) {
    fetch_lists(context, state, plans.into_iter().map(pricings_of)).await;
}

fn pricings_of(plan: M3terId) -> ListQuery {
    ListQuery::under(EntityKind::Pricing, OwnerIds::plan(plan))
}

/// Reads what lies beside the objects that an update moves, for whoever foretells what m3ter will
/// say: the AccountPlans of their Accounts, the Commitments of their Contracts.
pub(crate) async fn fetch_neighbours(
    context: &RunContext<'_>,
    state: &mut ActualState,
    changeset: &Changeset,
) {
    let mut queries = IdSet::default();
    for change in &changeset.changes {
        let (Step::Update { actual, .. }, kind) = (&change.step, change.desired.kind()) else {
            continue;
        };
        let owners = OwnerIds::of(&actual.fields);
        if matches!(kind, EntityKind::AccountPlan | EntityKind::Commitment)
            && owners.account.is_some()
        {
            queries.insert(ListQuery::under(kind, owners));
        }
    }
    fetch_lists(context, state, queries).await;
}

/// Reads some AccountPlans each by itself, and the Pricings of some Plans, once more before
/// something is decided by them: lists may lag behind what somebody has just done.
pub(crate) async fn fetch_running(
    context: &RunContext<'_>,
    state: &mut ActualState,
    account_plans: IdSet<M3terId>,
    plans: IdSet<M3terId>,
) -> Result<(), CalloutError> {
    let RunContext { m3ter, budget, .. } = *context;
    let kind = EntityKind::AccountPlan;
    let again = try_join_all(account_plans.iter().map(|id| m3ter.fetch(kind, id, budget)));
    let queries: Vec<ListQuery> = plans.into_iter().map(pricings_of).collect();
    let pricings = try_join_all(queries.iter().map(|query| m3ter.list(query, budget)));
    let (again, pricings) = try_join(again, pricings).await?;
    for (id, found) in account_plans.iter().zip(again) {
        match found {
            Some(found) => state.take(kind, Ok::<_, CalloutError>([found])),
            None => state.drop_object(kind, id),
        }
    }
    let pricings = pricings.into_iter().flatten();
    state.take(EntityKind::Pricing, Ok::<_, CalloutError>(pricings));
    Ok(())
}
