//! How Commitments are billed is for somebody to say: as long as nobody has, none is made or
//! changed.
//!
//! An installation that has made Commitments before that was asked for works as it did: recorded
//! as paid, with a warning.

use crate::changeset::{Changeset, Step};
use crate::domain::desired::DesiredObject;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::outcome::Failure;
use crate::domain::value::Value;
use crate::domain::warning::Attention;
use crate::mapping::Mapping;
use crate::sync::context::RunContext;

/// Turns Commitments that would be written by a guess into findings.
pub(crate) async fn keep_billing_unguessed(
    context: &RunContext<'_>,
    mapping: &Mapping,
    changeset: &mut Changeset,
) -> Result<(), Failure> {
    let is_written = |step: &Step| matches!(step, Step::Create | Step::Update { .. });
    let mut guessed: Vec<_> = changeset
        .changes
        .iter_mut()
        .filter(|change| {
            change.desired.kind() == EntityKind::Commitment
                && is_written(&change.step)
                && is_guessed(&change.desired)
        })
        .collect();
    if guessed.is_empty() {
        return Ok(());
    }
    let prefix = Some(context.record.key_prefix());
    if context.store.with(|store| store.has_made_commitments(prefix)).await? {
        return Ok(());
    }
    for change in &mut guessed {
        let findings = vec![not_stated(&change.desired, mapping)];
        change.step = Step::Invalid { findings, existing: change.step.known_id().cloned() };
        change
            .warnings
            .retain(|warning| warning.attention != Some(Attention::CommitmentBillingNotStated));
    }
    Ok(())
}

/// Whether the way it is paid is nobody's word.
fn is_guessed(desired: &DesiredObject) -> bool {
    desired
        .warnings
        .iter()
        .any(|warning| warning.attention == Some(Attention::CommitmentBillingNotStated))
}

fn not_stated(desired: &DesiredObject, mapping: &Mapping) -> Finding {
    let shown = |field: &str| match desired.value(field) {
        Some(Value::Text(text)) => text.clone(),
        Some(value) => value.to_json().to_string(),
        None => String::new(),
    };
    let amount = format!("{} {}", shown("amount"), shown("currency"));
    Finding::new(
        FindingCode::CommitmentBillingNotStated,
        format!(
            "Nothing says how Commitments are billed. `paid_outside` records the {amount} as prepaid: m3ter bills only usage beyond it. `billed_by_plan` has a Plan of the deal bill the {amount}"
        ),
        format!(
            "Set `COMMITMENT_BILLING` to one of the two for the whole service, or `commitment_billing` in {}, then sync again",
            mapping.file_to_state_in()
        ),
    )
}
