//! Step 4 of a sync: which of m3ter's objects are this deal's, and how they differ.
//!
//! What earlier syncs linked was read beside the record. Only for what no link tells are natural
//! keys looked up, level by level: Accounts and Contracts by code, then what lies under the
//! Account, then the Pricings of the Plans that were found.

use crate::changeset::adoption;
use crate::changeset::compare::{CompareContext, compare, compare_referred};
use crate::changeset::identity::Owners;
use crate::changeset::{Change, Changeset, KnownIds, Step, price_end};
use crate::changeset::{FirstPrice, price_start};
use crate::domain::actual::ActualObject;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::Finding;
use crate::domain::ids::{IdMap, IdSet, M3terId};
use crate::domain::outcome::Failure;
use crate::domain::settings::PricingChange;
use crate::domain::warning::Warning;
use crate::store::CommitmentAttempt;
use crate::sync::actual::ActualState;
use crate::sync::actual::fetch::{
    fetch_pricings, fetch_pricings_of, fetch_under_accounts, fetch_unlisted_links,
};
use crate::sync::actual::identify::{Evidence, Identities, judge_key, matters};
use crate::sync::context::RunContext;
use crate::sync::load::sharing::{Shared, join_shared, keep_joined};
use crate::sync::plan::ends::keep_ends;
use crate::sync::plan::merges::follow_merges;

/// Finds each desired object's actual one and compares the two.
pub(crate) async fn compare_all(
    context: &RunContext<'_>,
    state: &mut ActualState,
    mut desired: Vec<DesiredObject>,
    attempts: &[CommitmentAttempt],
    shared: &Shared,
    compare_context: &CompareContext,
) -> Result<Changeset, Failure> {
    let identities = identify_all(context, state, &mut desired, attempts, shared).await?;
    let pricing_change = compare_context.pricing_change;
    let reopened = keep_ends(context, state, &mut desired, &identities, compare_context).await?;
    take_back_early_ends(context, state, &mut desired, &identities, pricing_change).await;
    let mut first_prices =
        first_prices(context, state, &desired, &identities, pricing_change).await;
    let changes = desired.into_iter().map(|object| {
        let first_price = first_prices.remove(&object.key).map(Box::new);
        Change { first_price, ..change(object, state, &identities, compare_context) }
    });
    let mut changeset = Changeset { changes: changes.collect(), reopened, ..Changeset::default() };
    changeset.leave_ended();
    Ok(changeset)
}

/// Level by level: what lies under an object can be looked for once that one is known.
async fn identify_all(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &mut [DesiredObject],
    attempts: &[CommitmentAttempt],
    shared: &Shared,
) -> Result<Identities, Failure> {
    let mut identities = Identities::default();
    fetch_unlisted_links(context, state, desired).await?;
    keep_joined(desired, state);
    let kinds = [EntityKind::Account, EntityKind::Contract];
    identify(context, state, desired, &kinds, attempts, &mut identities).await?;
    follow_merges(context, state, desired, &mut identities).await?;
    join_shared(desired, shared, state, &mut identities);
    fetch_under_accounts(context, state, desired, &identities).await;
    let kinds = [EntityKind::Plan, EntityKind::Commitment, EntityKind::AccountPlan];
    identify(context, state, desired, &kinds, attempts, &mut identities).await?;
    fetch_pricings(context, state, desired, &identities).await;
    identify(context, state, desired, &[EntityKind::Pricing], attempts, &mut identities).await?;
    Ok(identities)
}

async fn identify(
    context: &RunContext<'_>,
    state: &ActualState,
    desired: &[DesiredObject],
    kinds: &[EntityKind],
    attempts: &[CommitmentAttempt],
    identities: &mut Identities,
) -> Result<(), Failure> {
    let mut of_kinds = desired.iter().filter(|object| kinds.contains(&object.kind()));
    // Of what is linked nobody asks whose it is.
    let ids: Vec<M3terId> = if of_kinds.all(|object| state.linked(object).is_some()) {
        Vec::new()
    } else {
        let objects = kinds.iter().flat_map(|kind| state.all(*kind));
        objects.map(|object| object.id.clone()).collect()
    };
    let owners = if ids.is_empty() { Owners::default() } else { context.load_owners(&ids).await? };
    identities.identify(desired, kinds, &Evidence { state, owners: &owners, attempts });
    Ok(())
}

/// Prices last as long as what they bill. Only where one has ended too early the other Pricings of
/// its Plan are read.
async fn take_back_early_ends(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &mut [DesiredObject],
    identities: &Identities,
    pricing_change: PricingChange,
) {
    let early = price_end::early_ends(desired, |key| identities.actual(key));
    if early.is_empty() {
        return;
    }
    fetch_pricings_of(context, state, plans(early.iter().map(price_end::EarlyEnd::plan))).await;
    price_end::take_back(desired, &early, &state.all(EntityKind::Pricing), pricing_change);
}

/// The first Pricings of rows that have several, where an AccountPlan starts earlier from now on;
/// only then they are read.
async fn first_prices(
    context: &RunContext<'_>,
    state: &mut ActualState,
    desired: &[DesiredObject],
    identities: &Identities,
    pricing_change: PricingChange,
) -> IdMap<ObjectKey, FirstPrice> {
    let earlier = price_start::earlier_starts(desired, |key| identities.actual(key));
    fetch_pricings_of(context, state, plans(earlier.iter().map(price_start::EarlierStart::plan)))
        .await;
    let pricings = state.all(EntityKind::Pricing);
    let first_price = |start: price_start::EarlierStart<'_>| {
        let first_price = start.first_price(&pricings, pricing_change)?;
        Some((start.account_plan.clone(), first_price))
    };
    earlier.into_iter().filter_map(first_price).collect()
}

fn plans<'a>(ids: impl Iterator<Item = Option<&'a str>>) -> IdSet<M3terId> {
    ids.filter_map(|id| M3terId::parse(id?).ok()).collect()
}

fn change(
    object: DesiredObject,
    state: &ActualState,
    identities: &Identities,
    compare_context: &CompareContext,
) -> Change {
    let identified = identities.get(&object.key);
    let verdict = judge_key(state, &object, identified);
    let mut warnings = object.warnings.clone();
    let invalid = |finding: Finding, existing| {
        (Step::Invalid { findings: vec![finding], existing }, Vec::new())
    };
    let (step, more) = match (state.unread(object.kind()), identified) {
        (Some(unread), _) if matters(&object) => {
            invalid(unread, identities.known().get(&object.key).cloned())
        }
        (_, Some(Err(finding))) if matters(&object) => invalid(finding.clone(), None),
        _ => match (identities.actual(&object.key), verdict.finding) {
            (Some(actual), Some(finding)) => {
                (Step::Kept { id: actual.id.clone(), finding }, Vec::new())
            }
            (None, Some(finding)) => invalid(finding, None),
            (actual, None) => {
                compare_with(actual, &object, state, identities.known(), compare_context)
            }
        },
    };
    warnings.extend(more);
    warnings.extend(verdict.warning);
    Change { remembered_key: verdict.remembered, ..Change::new(object, step, warnings) }
}

fn compare_with(
    actual: Option<&ActualObject>,
    object: &DesiredObject,
    state: &ActualState,
    known: &KnownIds,
    compare_context: &CompareContext,
) -> (Step, Vec<Warning>) {
    match actual {
        Some(actual) if state.is_referred(object, actual) => {
            let text = format!(
                "The {} {} was made by another record; this one joins it and does not change it",
                object.kind(),
                actual.id
            );
            (compare_referred(object, actual, known), vec![text.into()])
        }
        Some(actual) if !state.is_confirmed(object, actual) => {
            let (step, mut warnings) = compare(object, Some(actual), known, compare_context);
            let (step, unproven) = adoption::hold_back(object, actual, known, step);
            warnings.extend(unproven);
            (step, warnings)
        }
        _ => compare(object, actual, known, compare_context),
    }
}
