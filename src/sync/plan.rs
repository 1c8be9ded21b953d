//! Steps 3 and 4 of a sync: what the record asks for, compared with what m3ter holds. Reads what
//! the comparison turns out to need; writes nothing.

pub(super) mod billing_choice;
pub(super) mod compare;
pub(super) mod ends;
pub(super) mod leftovers;
pub(super) mod merges;
mod removed_lines;
pub(super) mod running;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::changeset::Changeset;
use crate::changeset::compare::CompareContext;
use crate::changeset::running::Blocked;
use crate::domain::catalog::Catalog;
use crate::domain::desired::Resolution;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::IdSet;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::settings::{Otherwise, OverlappingPlans, Settings};
use crate::domain::warning::{Attention, Warning};
use crate::mapping::Mapping;
use crate::store::CommitmentAttempt;
use crate::sync::actual::ActualState;
use crate::sync::actual::fetch::fetch_neighbours;
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::execute::removed::Removal;
use crate::sync::load::Loaded;
use crate::sync::plan::billing_choice::keep_billing_unguessed;
use crate::sync::plan::compare::compare_all;
use crate::sync::plan::leftovers::{RecordRows, RemovedLine, left_behind};
use crate::sync::plan::removed_lines::find_removed_lines;
use crate::sync::plan::running::leave_out_running;
use crate::sync::settings::SyncMode;

/// What a sync would do, and what doing it needs.
pub(super) struct SyncPlan<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) changeset: Changeset,
    /// New AccountPlans that another one is in the way of.
    pub(super) blocked: Vec<Blocked>,
    pub(super) removed_lines: Vec<RemovedLine>,
    /// The objects that the record asks for.
    pub(super) desired: IdSet<ObjectKey>,
    pub(super) compare_context: CompareContext,
    /// In which m3ter's calendar dates begin.
    pub(super) organization_time_zone: TimeZone,
    pub(super) overlapping_plans: OverlappingPlans,
    pub(super) attempts: Vec<CommitmentAttempt>,
    pub(super) catalog: Catalog,
    /// What m3ter holds of the record.
    pub(super) state: ActualState,
}

/// Compares. Where the run is to know what it would write, what is around the objects is read too.
pub(super) async fn plan<'a>(
    context: &RunContext<'a>,
    mut loaded: Loaded<'a>,
    report: &mut Report,
) -> Result<SyncPlan<'a>, Failure> {
    let resolution = std::mem::take(&mut loaded.resolution);
    let not_ready = check_ready(&resolution, loaded.state.links().is_empty(), context.mode)?;
    let attempts = loaded.attempts(context, &resolution).await?;
    let compare_context = compare_context(&loaded, context.now);
    let Loaded { mapping, query, rows, organization, catalog, shared, mut state, .. } = loaded;
    let Resolution { objects, warnings, .. } = resolution;
    let desired = objects.iter().map(|object| object.key.clone()).collect();
    report.warnings.extend(warnings);
    report.warnings.extend(left_behind(&state, &objects, &rows, context.now));
    report.warnings.extend(not_ready);

    let compared = compare_all(context, &mut state, objects, &attempts, &shared, &compare_context);
    let mut changeset = Box::pin(compared).await?;
    keep_billing_unguessed(context, mapping, &mut changeset).await?;
    if context.looks_ahead() {
        fetch_neighbours(context, &mut state, &changeset).await;
    }
    report.failures.extend(state.failures());
    let overlapping_plans = organization.overlapping_plans;
    keep_to_rules(&mut changeset, &state, &catalog, &compare_context.time_zone, overlapping_plans);

    let record_rows = RecordRows { rows: &rows, lines: &query.lines };
    let removed_lines = find_removed_lines(context, &record_rows, &state, &changeset).await?;
    let mut blocked = Vec::new();
    if overlapping_plans == OverlappingPlans::Refused {
        let settings = mapping.settings();
        let (left_out, others) = Box::pin(leave_out_running(
            context,
            &mut changeset,
            &mut state,
            settings,
            &catalog,
            &removed_lines,
        ))
        .await?;
        report.warnings.extend(left_out);
        blocked = others;
    }
    Ok(SyncPlan {
        mapping,
        changeset,
        blocked,
        removed_lines,
        desired,
        compare_context,
        organization_time_zone: organization.time_zone,
        overlapping_plans,
        attempts,
        catalog,
        state,
    })
}

/// What is to be told of a record that is not ready, unless it is refused: by its mapping's
/// `only_when`, or by `ready_when` before its first sync. What is in m3ter already is kept up to
/// date in any status: a contract that ends must still end there.
fn check_ready(
    Resolution { not_allowed, not_ready, .. }: &Resolution,
    is_new: bool,
    mode: SyncMode,
) -> Result<Option<Warning>, Failure> {
    let refused = match (not_allowed, not_ready) {
        (Some(reason), _) => Some(reason),
        (None, Some((reason, Otherwise::Refuse))) if is_new => Some(reason),
        _ => None,
    };
    let text = match (refused, not_ready, mode) {
        (Some(reason), _, SyncMode::Apply) => {
            return Err(Failure::new(ErrorCode::RecordNotReady, reason.clone()));
        }
        (Some(reason), _, SyncMode::DryRun) => {
            format!("A sync that writes would be refused: {reason}")
        }
        (None, Some((reason, Otherwise::Refuse)), _) => {
            format!("{reason}. It was synced before, and is kept up to date")
        }
        (None, Some((reason, Otherwise::Warn)), _) => {
            format!("{reason}. It is synced anyway")
        }
        (None, None, _) => return Ok(None),
    };
    Ok(Some(Warning::of(Attention::NotReady, text)))
}

fn compare_context(loaded: &Loaded<'_>, now: Timestamp) -> CompareContext {
    let Settings { pricing_change, ended, .. } = *loaded.mapping.settings();
    CompareContext { now, time_zone: loaded.time_zone().clone(), pricing_change, ended }
}

/// Refuses what does not fit to what m3ter holds, to the other lines, or to what can be read.
fn keep_to_rules(
    changeset: &mut Changeset,
    state: &ActualState,
    catalog: &Catalog,
    time_zone: &TimeZone,
    overlapping_plans: OverlappingPlans,
) {
    let held = [EntityKind::Contract, EntityKind::Commitment, EntityKind::AccountPlan]
        .into_iter()
        .flat_map(|kind| state.all(kind));
    changeset.keep_to_contracts(held, time_zone);
    if overlapping_plans == OverlappingPlans::Refused {
        changeset.keep_one_plan_for_each_product(
            catalog.plan_templates.values(),
            state.all(EntityKind::AccountPlan),
        );
    }
    changeset.make_nothing_for_what_cannot_be_read();
}

impl SyncPlan<'_> {
    /// What is to happen about removed lines.
    pub(super) fn removal(&self) -> Removal<'_> {
        Removal {
            setting: self.mapping.settings().removed_lines,
            lines: &self.removed_lines,
            now: self.compare_context.now,
            time_zone: &self.compare_context.time_zone,
        }
    }
}
