//! One update of an object, until it is known what became of it.

use std::borrow::Cow;

use crate::changeset::compare::compare;
use crate::changeset::planned::{of_update, updated_fields};
use crate::changeset::{KnownIds, Step, body};
use crate::domain::actual::ActualObject;
use crate::domain::change::ChangeAction;
use crate::domain::desired::DesiredObject;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::M3terId;
use crate::domain::outcome::{Action, Failure};
use crate::sync::context::RunContext;
use crate::sync::execute::pending::Pending;
use crate::sync::execute::read_again::{may_be_outdated, read_again};
use crate::sync::execute::write::{Writer, first};
use crate::sync::execute::write_outcome::{WriteOutcome, Written};
use crate::sync::plan::ends::keeping_its_end;
use crate::transport::{CalloutError, Effect};

/// How often an update starts over because the object changed meanwhile.
const UPDATE_ROUNDS: u32 = 3;

impl Writer<'_> {
    pub(crate) async fn update(
        &self,
        desired: &DesiredObject,
        actual: ActualObject,
        known: &KnownIds,
        action: Action,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let mut pending = Pending::new(self.recorder);
        let written = self.update_in_rounds(desired, actual, known, action, &mut pending).await;
        pending.end(matches!(written, Ok(WriteOutcome::Done(_)))).await;
        written
    }

    async fn update_in_rounds(
        &self,
        desired: &DesiredObject,
        mut actual: ActualObject,
        known: &KnownIds,
        action: Action,
        pending: &mut Pending<'_>,
    ) -> Result<WriteOutcome<Written>, Failure> {
        let RunContext { m3ter, budget, .. } = self.context;
        let kind = desired.kind();
        let mut desired = Cow::Borrowed(desired);
        let mut last_error = None;
        let mut warnings = Vec::new();
        for _ in 0..UPDATE_ROUNDS {
            if may_be_outdated(&self.context, &desired, &actual) {
                let time_zone = &self.compare_context.time_zone;
                match read_again(&self.context, self.mapping, time_zone, &desired).await? {
                    Ok(present) => desired = Cow::Owned(present),
                    Err(finding) => return Ok(WriteOutcome::Refused(finding)),
                }
                // Another deal has brought the latest edit already.
                if let Step::Unchanged { id } =
                    compare(&desired, Some(&actual), known, self.compare_context).0
                {
                    let action = if action == Action::Created { action } else { Action::Unchanged };
                    return Ok(WriteOutcome::done(id, action, Vec::new()));
                }
            }
            let error = match self.send(&desired, &actual, known, pending).await? {
                Ok(id) => return Ok(WriteOutcome::done(id, action, warnings)),
                Err(error) => error,
            };
            let Some(present) = m3ter.fetch(kind, &actual.id, budget).await? else {
                return self.refused(&desired, &error).await;
            };
            if error.effect() == Effect::Refused && present.version == actual.version {
                return self.refused(&desired, &error).await;
            }
            // It changed meanwhile, or the update that gave no answer happened or did not: compare
            // once more.
            if present.text("endDate") != actual.text("endDate") {
                desired = keeping_its_end(&self.context, desired, &present, &mut warnings).await?;
            }
            match compare(&desired, Some(&present), known, self.compare_context).0 {
                Step::Unchanged { id } => return Ok(WriteOutcome::done(id, action, warnings)),
                Step::Invalid { findings, .. } => {
                    return Ok(WriteOutcome::Refused(first(findings)));
                }
                _ => actual = present,
            }
            last_error = Some(error);
        }
        match last_error {
            Some(error) if error.effect() == Effect::Unknown => Err(error.into()),
            _ => Ok(WriteOutcome::Refused(changed_meanwhile(kind, &actual.id))),
        }
    }

    /// Saves what is about to change and sends it once; the error of an answer that leaves open
    /// whether it changed, or says that it did not.
    async fn send(
        &self,
        desired: &DesiredObject,
        actual: &ActualObject,
        known: &KnownIds,
        pending: &mut Pending<'_>,
    ) -> Result<Result<M3terId, CalloutError>, Failure> {
        let RunContext { m3ter, budget, .. } = self.context;
        let changes = updated_fields(desired, actual, known);
        self.keep_to_plan(&of_update(desired, &actual.id, &changes))?;
        let change = self.recorder.change(desired, &actual.id, ChangeAction::Updated, changes);
        pending.intend(change, actual).await?;
        let body = body::update_body(desired, actual, known);
        match m3ter.update(desired.kind(), &actual.id, &body, budget).await {
            Ok(updated) => {
                pending.is_made();
                Ok(Ok(updated.id))
            }
            Err(error) if error.effect() == Effect::None => Err(error.into()),
            Err(error) => {
                pending.answered(error.effect());
                Ok(Err(error))
            }
        }
    }
}

fn changed_meanwhile(kind: EntityKind, id: &M3terId) -> Finding {
    Finding::new(
        FindingCode::ChangedMeanwhile,
        format!(
            "The {kind} {id} changed in m3ter while it was updated, {UPDATE_ROUNDS} times in a row"
        ),
        "Sync again when nobody else is changing it",
    )
}
