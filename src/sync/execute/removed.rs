//! Lines that were synced and are gone from Salesforce: what they started in m3ter bills on until
//! someone ends it.

use futures::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::changeset::lines::{LineState, Origin};
use crate::changeset::planned::planned;
use crate::domain::dates::{date_at, midnight};
use crate::domain::ending::BillingEntity;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, Failure, FieldChange, ObjectOutcome};
use crate::domain::plan::{Plan, PlannedAction};
use crate::domain::settings::RemovedLines;
use crate::domain::warning::{Attention, Warning};
use crate::sync::context::RunContext;
use crate::sync::context::report::Report;
use crate::sync::execute::end_one::End;
use crate::sync::execute::pending::end_remembered;
use crate::sync::execute::recorder::Recorder;
use crate::sync::execute::write_outcome::WriteOutcome;
use crate::sync::plan::leftovers::RemovedLine;

/// What is to happen about removed lines.
pub(crate) struct Removal<'a> {
    pub(crate) setting: RemovedLines,
    pub(crate) lines: &'a [RemovedLine],
    pub(crate) now: Timestamp,
    pub(crate) time_zone: &'a TimeZone,
}

/// Removed lines that are over for the record.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Those that it has ended.
    pub(crate) ended: Vec<(ObjectKey, M3terId)>,
    /// Those that are another record's.
    pub(crate) handed_over: Vec<ObjectKey>,
}

/// What became of one removed line.
pub(crate) enum Removed {
    Warning(Warning),
    Result(ObjectOutcome),
    /// It ended; the record decides no more about what is left of the line.
    Ended(ObjectOutcome),
    Unsettled(ObjectOutcome, Failure),
    /// Another record has the line and what it bills: this one forgets it.
    HandedOver,
}

impl Removal<'_> {
    /// What would happen, without a write.
    pub(crate) fn foresee(&self) -> Vec<Removed> {
        let end = self.end();
        let would_end = |line: &RemovedLine, end: &End| match cannot_end(line, end) {
            Some(removed) => removed,
            None => would_end(line, end),
        };
        self.lines
            .iter()
            .map(|line| self.left_as_it_is(line).unwrap_or_else(|| would_end(line, &end)))
            .collect()
    }

    /// The object results of what would end.
    pub(crate) fn foreseen_ends(&self) -> impl Iterator<Item = ObjectOutcome> {
        self.foresee().into_iter().filter_map(|removed| match removed {
            Removed::Result(result) => Some(result),
            _ => None,
        })
    }

    /// How many objects would end.
    pub(crate) fn ends(&self) -> usize {
        self.foreseen_ends().filter(|result| result.action == Action::Updated).count()
    }

    /// What would be written.
    pub(crate) fn plan(&self) -> Plan {
        let (end, mut plan) = (self.end(), Plan::default());
        for line in self
            .lines
            .iter()
            .filter(|line| self.left_as_it_is(line).is_none() && cannot_end(line, &end).is_none())
        {
            // It may have its end already, from a try that was interrupted.
            if end.comes_before_that_of(BillingEntity::AccountPlan, &line.plan) {
                plan.add(&planned(
                    &line.object,
                    line.plan.id.as_str(),
                    PlannedAction::Update,
                    &change(line, &end),
                ));
            }
        }
        plan
    }

    /// Ends what the setting says to end, and tells of the rest.
    pub(crate) async fn apply(
        &self,
        context: &RunContext<'_>,
        recorder: &Recorder<'_>,
    ) -> Vec<Removed> {
        let end = &self.end();
        join_all(self.lines.iter().map(|line| async move {
            if let Some(removed) = self.left_as_it_is(line).or_else(|| cannot_end(line, end)) {
                return removed;
            }
            // An end is only ever brought forward.
            if !end.comes_before_that_of(BillingEntity::AccountPlan, &line.plan) {
                return Removed::Ended(ended(line, end));
            }
            let change = recorder.change_of(
                EntityKind::AccountPlan,
                &line.object.row,
                &line.plan.id,
                vec![change(line, end)],
            );
            let (entity, plan) = (BillingEntity::AccountPlan, &line.plan);
            match end_remembered(context, recorder, change, entity, plan, end).await {
                Ok(WriteOutcome::Done(())) => Removed::Ended(ended(line, end)),
                Ok(WriteOutcome::Refused(message)) => Removed::Result(not_ended(line, &message)),
                Err(failure) => Removed::Unsettled(not_ended(line, &failure.reason), failure),
            }
        }))
        .await
    }

    /// The end of the day, so that nothing that was used already loses its price.
    fn end(&self) -> End {
        let tomorrow = date_at(self.now, self.time_zone)
            .tomorrow()
            .ok()
            .and_then(|day| midnight(day, self.time_zone));
        End::at(tomorrow.unwrap_or(self.now), self.time_zone.clone())
    }

    /// What is said about a line that is not to be ended; `None` for one that is.
    fn left_as_it_is(&self, line: &RemovedLine) -> Option<Removed> {
        match &line.line_state {
            LineState::Moved(_) if line.is_linked_elsewhere => Some(Removed::HandedOver),
            LineState::Moved(parent) => {
                Some(Removed::Warning(Warning::of(Attention::LineRemoved, moved(line, parent))))
            }
            LineState::NotVisible | LineState::Present => Some(self.not_visible(line)),
            LineState::Removed if self.setting == RemovedLines::End => None,
            LineState::Removed => Some(self.removed(line)),
        }
    }

    fn removed(&self, line: &RemovedLine) -> Removed {
        let plan = &line.plan.id;
        let message = format!(
            "The line {} was synced before and is gone from Salesforce; its AccountPlan {plan} still bills in m3ter",
            line.object.row
        );
        let remedy = format!("End the AccountPlan {plan} in m3ter if the line is no longer sold");
        self.warned_or_failed(line, FindingCode::LineRemoved, message, remedy)
    }

    /// Salesforce does not show the row, and that says nothing about what was sold.
    fn not_visible(&self, line: &RemovedLine) -> Removed {
        let (row, plan) = (&line.object.row, &line.plan.id);
        if line.origin == Origin::UnderContract {
            // Nobody knows whose it was: it fails no record.
            return Removed::Warning(Warning::of(
                Attention::RowNotVisible,
                format!(
                    "{}: The AccountPlan {plan} under this record's Contract bills for the line {row}, which Salesforce does not show and no sync remembers. End it in m3ter if the line is no longer sold",
                    FindingCode::RowNotVisible
                ),
            ));
        }
        let message = format!(
            "Salesforce does not show the line {row}, which was synced before, and does not say that it was deleted: the integration user may no longer see it. Its AccountPlan {plan} still bills in m3ter"
        );
        let remedy = format!(
            "Give the integration user access to the line; if it is no longer sold, end the AccountPlan {plan} in m3ter, or have the service forget it with `sync-to-m3ter links forget {row}`"
        );
        self.warned_or_failed(line, FindingCode::RowNotVisible, message, remedy)
    }

    fn warned_or_failed(
        &self,
        line: &RemovedLine,
        code: FindingCode,
        message: String,
        remedy: String,
    ) -> Removed {
        match self.setting {
            RemovedLines::Warn => {
                let attention = if code == FindingCode::RowNotVisible {
                    Attention::RowNotVisible
                } else {
                    Attention::LineRemoved
                };
                Removed::Warning(Warning::of(attention, format!("{code}: {message}. {remedy}")))
            }
            RemovedLines::Fail | RemovedLines::End => {
                let mut result = result(line, Action::Failed, message);
                result.finding = Some(code);
                result.remedy = Some(remedy);
                Removed::Result(result)
            }
        }
    }
}

/// Reports what became of removed lines; those that are over for the record.
pub(crate) fn note_removed(
    report: &mut Report,
    removed: Vec<Removed>,
    lines: &[RemovedLine],
) -> Settled {
    let mut settled = Settled::default();
    for (removed, line) in removed.into_iter().zip(lines) {
        match removed {
            Removed::Warning(warning) => report.warnings.push(warning),
            Removed::Result(result) => report.results.push(result),
            Removed::Ended(result) => {
                report.results.push(result);
                settled.ended.push((line.object.clone(), line.plan.id.clone()));
            }
            Removed::Unsettled(result, failure) => {
                report.results.push(result);
                report.failures.push(failure);
            }
            Removed::HandedOver => settled.handed_over.push(line.object.clone()),
        }
    }
    settled
}

/// An end before its start is never sent: m3ter may take it, and what it bills then nobody knows.
fn cannot_end(line: &RemovedLine, end: &End) -> Option<Removed> {
    let begins_later = end.comes_before_the_start_of(BillingEntity::AccountPlan, &line.plan);
    begins_later.then(|| Removed::Result(not_ended(line, "it has not begun")))
}

fn moved(line: &RemovedLine, parent: &SalesforceId) -> String {
    format!(
        "The line {} belongs to {parent} now; its AccountPlan {} bills under this record's Contract until {parent} is synced",
        line.object.row, line.plan.id
    )
}

fn change(line: &RemovedLine, end: &End) -> FieldChange {
    FieldChange {
        field: "endDate".to_owned(),
        old_value: line.plan.text("endDate").map(ToOwned::to_owned),
        new_value: Some(end.render(BillingEntity::AccountPlan)),
        source: "setting `removed_lines`".to_owned(),
    }
}

fn would_end(line: &RemovedLine, end: &End) -> Removed {
    let change = change(line, end);
    let mut result = result(
        line,
        Action::Updated,
        format!("Would be ended, because its line is gone from Salesforce: {change}"),
    );
    result.changes = Some(vec![change]);
    Removed::Result(result)
}

fn ended(line: &RemovedLine, end: &End) -> ObjectOutcome {
    let mut result = result(line, Action::Updated, format!("m3ter Identifier: {}", line.plan.id));
    let end = end.render(BillingEntity::AccountPlan);
    result.warnings.push(
        format!("Its line is gone from Salesforce: the AccountPlan was ended at {end}").into(),
    );
    result
}

fn not_ended(line: &RemovedLine, why: &str) -> ObjectOutcome {
    let mut result = result(
        line,
        Action::Failed,
        format!("Its line is gone from Salesforce, but it was not ended: {why}"),
    );
    result.finding = Some(FindingCode::LineRemoved);
    result.remedy = Some(format!(
        "End the AccountPlan {} in m3ter, or delete it there if it has not begun",
        line.plan.id
    ));
    result
}

fn result(line: &RemovedLine, action: Action, message: String) -> ObjectOutcome {
    let mut result = ObjectOutcome::new(&line.object, action, message);
    result.m3ter_id = Some(line.plan.id.clone());
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::actual::ActualObject;

    #[test]
    fn a_plan_that_ends_a_removed_line_is_valid_on_its_day_only() {
        let row = SalesforceId::parse("00kS9000001Nxy5").unwrap();
        let plan = json!({"id": "544ecdae-54a5-4654-b0fb-b503a7ed58b2", "version": 1, "startDate": "2026-01-01T00:00:00Z"});
        let lines = [RemovedLine {
            object: ObjectKey::only(EntityKind::AccountPlan, row),
            plan: ActualObject::from_json(plan).unwrap(),
            origin: Origin::Linked,
            line_state: LineState::Removed,
            is_linked_elsewhere: false,
        }];
        let hash_at = |now: &str| {
            let removal = Removal {
                setting: RemovedLines::End,
                lines: &lines,
                now: now.parse().unwrap(),
                time_zone: &TimeZone::UTC,
            };
            removal.plan().hash()
        };
        assert_eq!(hash_at("2026-06-15T00:00:00Z"), hash_at("2026-06-15T23:59:59Z"));
        assert_ne!(hash_at("2026-06-15T23:59:59Z"), hash_at("2026-06-16T00:00:00Z"));
    }
}
