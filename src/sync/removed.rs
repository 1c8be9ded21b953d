//! Lines that were synced and are gone from Salesforce: what they started in m3ter bills on until someone ends it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::dates::{date_at, midnight};
use crate::domain::ending::BillingEntity;
use crate::domain::finding::FindingCode;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{Action, Failure, FieldChange, ObjectResult};
use crate::domain::settings::RemovedLines;
use crate::m3ter;
use crate::store::Link;
use crate::sync::end_one::{End, EndedOne, end_one};
use crate::transport::Budget;

/// A line that is gone, and the AccountPlan that it left.
#[derive(Debug, Clone)]
pub(super) struct RemovedLine {
    pub(super) link: Link,
    pub(super) plan: ActualObject,
}

/// What is to happen about removed lines.
pub(super) struct Removal<'a> {
    pub(super) setting: RemovedLines,
    pub(super) lines: &'a [RemovedLine],
    /// All rows that were read of the record.
    pub(super) rows: &'a std::collections::HashSet<SalesforceId>,
    pub(super) now: Timestamp,
    pub(super) time_zone: &'a TimeZone,
}

/// What became of one removed line.
pub(super) enum Removed {
    Warning(String),
    Result(ObjectResult),
    /// It ended; nothing of the line is left to be remembered.
    Ended(ObjectResult),
    Unsettled(ObjectResult, Failure),
}

impl Removal<'_> {
    /// What would happen, without a write.
    pub(super) fn foresee(&self) -> Vec<Removed> {
        let end = self.end();
        self.lines.iter().map(|line| end.as_ref().map_or_else(|| self.told(line), |end| would_end(line, end))).collect()
    }

    /// Ends what the setting says to end, and tells of the rest.
    pub(super) async fn apply(&self, m3ter: &m3ter::Client, budget: &Budget) -> Vec<Removed> {
        let Some(end) = self.end() else { return self.foresee() };
        let end = &end;
        futures::future::join_all(self.lines.iter().map(|line| async move {
            match end_one(m3ter, BillingEntity::AccountPlan, &line.plan, end, budget).await {
                EndedOne::Done => Removed::Ended(ended(line, end)),
                EndedOne::Refused(message) => Removed::Result(not_ended(line, &message)),
                EndedOne::Unsettled(failure) => Removed::Unsettled(not_ended(line, &failure.reason), failure),
            }
        }))
        .await
    }

    /// The end of the day, so that nothing that was used already loses its price; `None` where nothing is to be ended.
    fn end(&self) -> Option<End> {
        if self.setting != RemovedLines::End || !self.some_line_is_left() {
            return None;
        }
        let tomorrow = date_at(self.now, self.time_zone).tomorrow().ok()?;
        Some(End::at(midnight(tomorrow, self.time_zone)?, self.time_zone.clone()))
    }

    /// A record of which not a single line is shown may be one whose lines the integration user no longer sees: nothing ends then.
    fn some_line_is_left(&self) -> bool {
        self.lines.iter().any(|line| self.rows.iter().any(|row| row.key_prefix() == line.link.object.row.key_prefix()))
    }

    fn told(&self, line: &RemovedLine) -> Removed {
        let plan = &line.plan.id;
        let message = format!(
            "The line {} was synced before and is gone from Salesforce; its AccountPlan {plan} still bills in m3ter",
            line.link.object.row
        );
        let remedy = match self.setting {
            RemovedLines::End => format!(
                "The record shows no line at all, so it was not ended: see whether the integration user may read the lines, or end the AccountPlan {plan}"
            ),
            _ => format!("End the AccountPlan {plan} in m3ter if the line is no longer sold"),
        };
        match self.setting {
            RemovedLines::Warn => Removed::Warning(format!("{}: {message}. {remedy}", FindingCode::LineRemoved)),
            RemovedLines::Fail | RemovedLines::End => {
                let mut result = result(line, Action::Failed, message);
                result.finding_code = Some(FindingCode::LineRemoved.to_string());
                result.remedy = Some(remedy);
                Removed::Result(result)
            }
        }
    }
}

fn would_end(line: &RemovedLine, end: &End) -> Removed {
    let change = FieldChange {
        field: "endDate".to_owned(),
        old_value: line.plan.text("endDate").map(ToOwned::to_owned),
        new_value: Some(end.shown(BillingEntity::AccountPlan)),
        source: "setting `removed_lines`".to_owned(),
    };
    let mut result = result(line, Action::Updated, format!("Would be ended, for its line is gone from Salesforce: {change}"));
    result.changes = Some(vec![change]);
    Removed::Result(result)
}

fn ended(line: &RemovedLine, end: &End) -> ObjectResult {
    let mut result = result(line, Action::Updated, format!("m3ter Identifier: {}", line.plan.id));
    let end = end.shown(BillingEntity::AccountPlan);
    result.warnings.push(format!("Its line is gone from Salesforce: the AccountPlan was ended at {end}"));
    result
}

fn not_ended(line: &RemovedLine, why: &str) -> ObjectResult {
    let mut result = result(line, Action::Failed, format!("Its line is gone from Salesforce, and it was not ended: {why}"));
    result.finding_code = Some(FindingCode::LineRemoved.to_string());
    result.remedy = Some(format!("End the AccountPlan {} in m3ter, or delete it there if it has not begun", line.plan.id));
    result
}

fn result(line: &RemovedLine, action: Action, message: String) -> ObjectResult {
    let mut result = ObjectResult::new(&line.link.object, action, message);
    result.m3ter_id = Some(line.plan.id.to_string());
    result
}
