//! What a run that did not come to its end left open: whether its changes were made is told by what
//! m3ter holds.
//!
//! A run that takes another one over asks for it, and one whose record has open changes: a repeated
//! sync has none, and asks nothing.

use futures::future::try_join_all;

use crate::changeset::render::shown_field;
use crate::changeset::{Changeset, Step};
use crate::domain::actual::ActualObject;
use crate::domain::change::{ChangeId, OpenChange};
use crate::domain::ending::BillingEntity;
use crate::domain::entity::{EntityKind, ObjectKind};
use crate::domain::ids::{IdMap, M3terId};
use crate::domain::outcome::Failure;
use crate::store::{ChangeFate, Changes};
use crate::sync::actual::ActualState;
use crate::sync::context::RunContext;

/// Settles what earlier runs of the record left open, before anything is written.
pub(crate) async fn settle_open(
    context: &RunContext<'_>,
    state: &ActualState,
    changeset: &Changeset,
) -> Result<(), Failure> {
    let differing: IdMap<&M3terId, Vec<&str>> = changeset
        .changes
        .iter()
        .filter_map(|change| match &change.step {
            Step::Update { actual, changes } => {
                Some((&actual.id, changes.iter().map(|change| change.field.as_str()).collect()))
            }
            Step::Unchanged { id } => Some((id, Vec::new())),
            _ => None,
        })
        .collect();
    let differs = |id: &M3terId, field: &str| Some(differing.get(id)?.contains(&field));
    settle(context, Some(state), differs).await
}

/// The same for an end dating, which asks for nothing of a person.
pub(crate) async fn settle_open_ends(context: &RunContext<'_>) -> Result<(), Failure> {
    settle(context, None, |_, _| None).await
}

async fn settle(
    context: &RunContext<'_>,
    state: Option<&ActualState>,
    differs: impl Fn(&M3terId, &str) -> Option<bool>,
) -> Result<(), Failure> {
    let open = context.store.with(|store| store.load_open_changes(context.record)).await?;
    if open.is_empty() {
        return Ok(());
    }
    let present = try_join_all(open.iter().map(|change| present(context, state, change))).await?;
    let settled: Vec<(ChangeId, ChangeFate)> = open
        .iter()
        .zip(&present)
        .map(|(change, present)| {
            let differs = |field: &str| differs(&change.m3ter_id, field);
            let made = present.as_ref().and_then(|present| {
                let shown = |field: &str| shown_field(kind(change)?, present, field);
                change.was_made(present.version, shown, differs)
            });
            let fate = match made {
                Some(true) => ChangeFate::Made,
                Some(false) => ChangeFate::NotMade,
                None => ChangeFate::Unknown,
            };
            (change.id, fate)
        })
        .collect();
    let changes = Changes { settled: &settled, ..Changes::default() };
    context.store.with(|store| store.save_changes(context.claim(), &changes)).await
}

/// The object of a change as m3ter has it: as it was read, or else as it is read now.
async fn present(
    context: &RunContext<'_>,
    state: Option<&ActualState>,
    change: &OpenChange,
) -> Result<Option<ActualObject>, Failure> {
    let RunContext { m3ter, budget, .. } = *context;
    let id = &change.m3ter_id;
    Ok(match kind(change) {
        None => None,
        Some(ObjectKind::CounterPricing) => {
            m3ter.fetch_billing_entity(BillingEntity::CounterPricings, id, budget).await?
        }
        Some(ObjectKind::Entity(kind)) => match state.and_then(|state| state.object(kind, id)) {
            Some(read) => Some(read.clone()),
            None => m3ter.fetch(kind, id, budget).await?,
        },
    })
}

fn kind(change: &OpenChange) -> Option<ObjectKind> {
    match EntityKind::from_name(&change.object_name) {
        Some(kind) => Some(kind.into()),
        None => (change.object_name == ObjectKind::CounterPricing.name())
            .then_some(ObjectKind::CounterPricing),
    }
}
