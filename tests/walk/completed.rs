//! What a sync called done stays done: whoever asks again, before anything else is edited or
//! synced, is told that nothing would be written.
//!
//! The syncs of the quiet point would put right what was lost, and hide it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::calm::ask;
use crate::judge::Broken;
use crate::ops::{Op, Target};
use crate::rest::deal_of;
use crate::told::Completed;
use crate::world::World;

/// What an operation does to the syncs before it.
#[derive(Debug, Clone, Copy)]
enum Reach {
    Nothing,
    /// Those of the record, or of a line's record, are out of date; those of an Account as far as
    /// they are about it.
    Of(Target),
    /// All are out of date.
    All,
    /// It may have its effect later, or while it lasts only: nothing can be said of this round.
    Unclear,
}

/// What has changed since the last quiet point, each by the number of the operation.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) now: u64,
    records: BTreeMap<String, u64>,
    all: u64,
    is_unclear: bool,
}

impl Op {
    fn reach(&self) -> Reach {
        match self {
            Self::Add { target, .. }
            | Self::Edit { target, .. }
            | Self::Clone { copy: target, .. }
            | Self::Delete(target)
            | Self::Undelete(target)
            | Self::Purge(target)
            | Self::ChangeInM3ter { row: target, .. }
            | Self::DeleteInM3ter { row: target, .. } => match target {
                Target::Deal(_) | Target::Line(_) | Target::Account(_) => Reach::Of(*target),
                _ => Reach::All,
            },
            Self::Merge { .. } => Reach::All,
            Self::EndDate { .. }
            | Self::Replay { .. }
            | Self::ReplayFailed { .. }
            | Self::ListLag(_)
            | Self::Behind(_)
            | Self::HideField(_)
            | Self::HideObject(_)
            | Self::HideRecord(_)
            | Self::Show => Reach::Unclear,
            _ => Reach::Nothing,
        }
    }
}

impl World {
    /// The record whose syncs an operation makes out of date; it may be known only before it is
    /// carried out, or only after.
    pub(crate) fn record_changed_by(&self, op: &Op) -> Option<String> {
        match op.reach() {
            Reach::Of(target) => deal_of(self, self.id(target)?),
            _ => None,
        }
    }

    pub(crate) fn note_change(&mut self, op: &Op, record: Option<String>) {
        let changes = &mut self.changes;
        match (op.reach(), record) {
            (Reach::Nothing, _) => {}
            (Reach::Of(_), Some(record)) => {
                changes.records.insert(record, changes.now);
            }
            (Reach::Of(_) | Reach::All, _) => changes.all = changes.now,
            (Reach::Unclear, _) => changes.is_unclear = true,
        }
    }
}

/// The objects of completed syncs that another sync would write once more.
pub(crate) async fn stays_done(world: &mut World) -> Vec<Broken> {
    let changes = std::mem::take(&mut world.changes);
    let completed = std::mem::take(&mut world.told.lock().unwrap().completed);
    let mut broken = Vec::new();
    if changes.is_unclear {
        return broken;
    }
    let deals: BTreeMap<u32, String> = world
        .ids
        .iter()
        .filter_map(|(target, (_, id))| match target {
            Target::Deal(deal) => Some((*deal, id.clone())),
            _ => None,
        })
        .collect();
    let last_change = |record: &str| changes.records.get(record).copied().unwrap_or(changes.all);
    for (deal, id) in deals {
        let is_current = |done: &&Completed| done.asked > last_change(&id).max(changes.all);
        let Some(done) = completed.get(&id).filter(is_current) else { continue };
        world.tally.count("checked", "completed syncs");
        let answer = ask(world, deal, "?dryRun=true").await;
        let is_open = |result: &&Json| {
            let object = (result["objectName"].clone(), result["salesforceId"].clone());
            let row = result["salesforceId"].as_str().unwrap_or_default();
            matches!(result["action"].as_str(), Some("created" | "updated"))
                && done.objects.contains(&object)
                && done.asked > last_change(row)
        };
        for result in answer["objectResults"].as_array().into_iter().flatten().filter(is_open) {
            broken.push(Broken::new(
                "what a sync completed stays so",
                format!("nothing was edited since, and {result:#}"),
                &[&id],
            ));
        }
    }
    broken
}
