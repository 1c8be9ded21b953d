//! What the outcome of a dry run means for a verification. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::answer::{AnsweredRun, ObjectResult, SyncResult};
use crate::domain::dates::date_at;
use crate::domain::entity::EntityKind;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{Action, ErrorCode, Failure, RunOutcome};
use crate::domain::value::date_in_text;
use crate::domain::verification::{VerifiedRecord, VerifiedStatus};
use crate::domain::warning::Attention;

/// What is known of a record beside what a dry run tells.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Its name.
    pub(super) name: Option<String>,
    /// Whether m3ter has something that it made: a link or a code says so.
    pub(super) is_known: bool,
    /// What m3ter bills for it.
    pub(super) billed: Billed,
    /// Why it is not ready.
    pub(super) not_ready: Option<String>,
    /// What somebody else made under its Contract, in words.
    pub(super) foreign: Vec<String>,
    /// Whether lines that are gone still bill.
    pub(super) has_removed_lines: bool,
    /// Whether Salesforce hides lines that were synced before.
    pub(super) has_hidden_lines: bool,
}

/// What becomes of what m3ter bills for a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Billed {
    /// There is nothing.
    #[default]
    Nothing,
    /// All of it has ended.
    Ended,
    /// Some of it runs, or will.
    Runs,
}

impl Billed {
    /// Adds an object that bills, or that others bill under.
    pub(super) fn add(&mut self, object: &ActualObject, kind: EntityKind, now: Timestamp) {
        *self = match (kind, runs(object, now)) {
            (EntityKind::AccountPlan | EntityKind::Commitment, true) => Self::Runs,
            (EntityKind::AccountPlan | EntityKind::Commitment, false) if *self == Self::Nothing => {
                Self::Ended
            }
            _ => *self,
        };
    }
}

/// Whether an object has no end yet, or one to come.
pub(super) fn runs(object: &ActualObject, now: Timestamp) -> bool {
    let Some(end) = object.text("endDate") else { return true };
    match end.parse::<Timestamp>() {
        Ok(end) => end > now,
        Err(_) => {
            let today: Date = date_at(now, &TimeZone::UTC);
            date_in_text(end).is_none_or(|end| end > today)
        }
    }
}

/// What was found of a record.
pub(super) fn judge(record: &SalesforceId, outcome: &RunOutcome, facts: Facts) -> VerifiedRecord {
    let (status, message) = verdict(outcome, &facts);
    let kept = SyncResult::new(&outcome.for_history(), AnsweredRun::default());
    let differs =
        |result: &ObjectResult| result.action != Action::Unchanged || !result.warnings.is_empty();
    VerifiedRecord {
        record_id: record.clone(),
        name: facts.name,
        status,
        message,
        error_code: kept.error_code,
        retryable: kept.retryable.unwrap_or_default(),
        object_results: kept.object_results.into_iter().filter(differs).collect(),
        warnings: kept.warnings,
    }
}

fn verdict(outcome: &RunOutcome, facts: &Facts) -> (VerifiedStatus, String) {
    if let Some(failure) = &outcome.failure {
        return failed(failure, facts);
    }
    if let Some(reason) = &facts.not_ready {
        return not_ready(reason, facts);
    }
    let counted = Counted::of(outcome);
    if !facts.is_known {
        // That all of it would be created goes without saying.
        let told = if counted.failed > 0 { counted.first_told(outcome) } else { String::new() };
        return (VerifiedStatus::Missing, format!("It is ready and was never synced{told}"));
    }
    let is_left = |attention: &Attention| {
        matches!(attention, Attention::AccountPlanLeft | Attention::CommitmentLeft)
    };
    if facts.has_removed_lines || outcome.attention().iter().any(is_left) {
        let message = "m3ter still bills for a line that is gone or no longer takes part";
        return (VerifiedStatus::Gone, message.to_owned());
    }
    if counted.failed > 0 {
        let all = outcome.objects.len();
        let told = format!(
            "{} of {all} objects cannot be as the record asks{}",
            counted.failed,
            counted.first_told(outcome)
        );
        let status =
            if counted.failed == all { VerifiedStatus::Failed } else { VerifiedStatus::Partial };
        return (status, told);
    }
    if facts.has_hidden_lines {
        let message = "Salesforce does not show a line that m3ter bills for, and does not say that it was deleted";
        return (VerifiedStatus::Partial, message.to_owned());
    }
    if counted.differing > 0 {
        let objects = if counted.differing == 1 { "object differs" } else { "objects differ" };
        let told = format!(
            "{} {objects} from Salesforce{}",
            counted.differing,
            counted.first_told(outcome)
        );
        return (VerifiedStatus::Differs, told);
    }
    if !facts.foreign.is_empty() {
        let message =
            format!("Somebody else made {} under its Contract", facts.foreign.join(" and "));
        return (VerifiedStatus::Foreign, message);
    }
    match facts.billed {
        Billed::Ended => (VerifiedStatus::Ended, "All that it billed has ended".to_owned()),
        _ => (VerifiedStatus::InSync, "m3ter holds what Salesforce says".to_owned()),
    }
}

/// A record that could not be read to its end, or that is no more.
fn failed(failure: &Failure, facts: &Facts) -> (VerifiedStatus, String) {
    let reason = &failure.reason;
    let is_gone = matches!(failure.code, ErrorCode::RecordDeleted | ErrorCode::RecordNotFound);
    match facts.billed {
        Billed::Runs if is_gone => {
            (VerifiedStatus::Gone, format!("{reason}; m3ter still bills for it"))
        }
        _ if is_gone && facts.is_known => {
            (VerifiedStatus::Ended, format!("{reason}; nothing of it is billed any more"))
        }
        _ => (VerifiedStatus::Failed, reason.clone()),
    }
}

fn not_ready(reason: &str, facts: &Facts) -> (VerifiedStatus, String) {
    match (facts.is_known, facts.billed) {
        (false, _) => (VerifiedStatus::NotReady, reason.to_owned()),
        (true, Billed::Runs) => {
            (VerifiedStatus::Gone, format!("{reason}; m3ter still bills for it"))
        }
        (true, _) => (VerifiedStatus::Ended, format!("{reason}; nothing of it is billed any more")),
    }
}

/// How many objects of an outcome are not as the record asks.
struct Counted {
    failed: usize,
    differing: usize,
}

impl Counted {
    fn of(outcome: &RunOutcome) -> Self {
        let count = |wanted: &[Action]| {
            outcome.objects.iter().filter(|object| wanted.contains(&object.action)).count()
        };
        Self {
            failed: count(&[Action::Failed]),
            differing: count(&[Action::Created, Action::Updated]),
        }
    }

    /// The first of what is to be told of the objects: findings before differences.
    fn first_told(&self, outcome: &RunOutcome) -> String {
        let wanted: &[Action] =
            if self.failed > 0 { &[Action::Failed] } else { &[Action::Created, Action::Updated] };
        let kept = outcome.for_history();
        let first = kept.objects.iter().find(|object| wanted.contains(&object.action));
        first.map_or_else(String::new, |object| {
            format!(": {} of {}: {}", object.kind.name(), object.row, object.message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entity::ObjectKey;
    use crate::domain::outcome::ObjectOutcome;
    use crate::domain::warning::Warning;

    fn record() -> SalesforceId {
        SalesforceId::parse("006S900000795MM").unwrap()
    }

    fn outcome(actions: &[Action]) -> RunOutcome {
        let object = |action: &Action| {
            ObjectOutcome::new(&ObjectKey::only(EntityKind::Plan, record()), *action, "told")
        };
        RunOutcome::ended(actions.iter().map(object).collect(), Vec::new())
    }

    fn known(billed: Billed) -> Facts {
        Facts { is_known: true, billed, ..Facts::default() }
    }

    #[test]
    fn the_worst_finding_is_the_status() {
        use Action::{Created, Failed, Skipped, Unchanged, Updated};
        use Billed::{Ended, Nothing, Runs};
        let deleted = RunOutcome::failed(Failure::new(ErrorCode::RecordDeleted, "deleted"));
        let away = RunOutcome::failed(Failure::new(ErrorCode::M3terUnavailable, "away"));
        let left = RunOutcome {
            warnings: vec![Warning::of(Attention::AccountPlanLeft, "left")],
            ..outcome(&[Unchanged, Failed])
        };
        let not_ready = |facts| Facts { not_ready: Some("not won".to_owned()), ..facts };
        let foreign = Facts { foreign: vec!["an AccountPlan".to_owned()], ..known(Runs) };
        for (outcome, facts, status) in [
            (outcome(&[Unchanged, Skipped]), known(Runs), "in_sync"),
            (outcome(&[Unchanged]), known(Nothing), "in_sync"),
            (outcome(&[Unchanged]), known(Ended), "ended"),
            (outcome(&[Unchanged, Updated]), known(Ended), "differs"),
            (outcome(&[Unchanged, Created]), known(Runs), "differs"),
            (outcome(&[Unchanged, Updated, Failed]), known(Runs), "partial"),
            (outcome(&[Failed, Failed]), known(Runs), "failed"),
            (outcome(&[Created, Failed]), Facts::default(), "missing"),
            (outcome(&[Unchanged]), foreign, "foreign"),
            (outcome(&[Created]), not_ready(Facts::default()), "not_ready"),
            (outcome(&[Unchanged]), not_ready(known(Runs)), "gone"),
            (outcome(&[Updated]), not_ready(known(Ended)), "ended"),
            (left, known(Runs), "gone"),
            (outcome(&[Updated]), Facts { has_removed_lines: true, ..known(Runs) }, "gone"),
            (outcome(&[Updated]), Facts { has_hidden_lines: true, ..known(Runs) }, "partial"),
            (deleted.clone(), known(Runs), "gone"),
            (deleted.clone(), known(Ended), "ended"),
            (deleted, Facts::default(), "failed"),
            (away, known(Runs), "failed"),
        ] {
            let verified = judge(&record(), &outcome, facts);
            assert_eq!(verified.status.as_str(), status, "{verified:?}");
        }
    }

    #[test]
    fn a_running_verification_has_no_end_yet() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let object = |end: Option<&str>| {
            let mut json =
                serde_json::json!({ "id": "5a9d3b1e-0c0a-4f0e-8d1f-2b3c4d5e6f70", "version": 1 });
            if let Some(end) = end {
                json["endDate"] = end.into();
            }
            ActualObject::from_json(json).unwrap()
        };
        for (end, expected) in [
            (None, true),
            (Some("2026-06-01T12:00:00Z"), false),
            (Some("2026-06-01T12:00:01Z"), true),
            (Some("2026-06-01"), false),
            (Some("2026-06-02"), true),
        ] {
            assert_eq!(runs(&object(end), now), expected, "{end:?}");
        }
        let mut billed = Billed::default();
        billed.add(&object(None), EntityKind::Contract, now);
        assert_eq!(billed, Billed::Nothing);
        billed.add(&object(Some("2026-05-01")), EntityKind::Commitment, now);
        assert_eq!(billed, Billed::Ended);
        billed.add(&object(None), EntityKind::AccountPlan, now);
        billed.add(&object(Some("2026-05-01")), EntityKind::AccountPlan, now);
        assert_eq!(billed, Billed::Runs);
    }
}
