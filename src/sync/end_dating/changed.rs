//! What an end dating changes in m3ter: remembered before m3ter is asked, and settled by what
//! became of each object.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::scope::EndTarget;
use crate::domain::change::{ChangeAction, ChangeId, ChangedField, NewChange};
use crate::domain::ending::BillingEntity;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{Action, Failure, FieldChange, ObjectOutcome};
use crate::store::{ChangeFate, Changes};
use crate::sync::clock::now;
use crate::sync::context::RunContext;
use crate::sync::execute::end_one::End;

/// The changes that a run sets out to make, by their objects.
#[derive(Debug, Default)]
pub(super) struct Changed {
    ids: HashMap<M3terId, ChangeId>,
}

/// Remembers the ends that are about to be made under an Account, of the rows of the objects.
pub(super) async fn intend(
    context: &RunContext<'_>,
    to_end: &[EndTarget],
    account: &M3terId,
    rows: &BTreeMap<M3terId, SalesforceId>,
    end: &End,
) -> Result<Changed, Failure> {
    let change = |target: &EndTarget| {
        let EndTarget { entity, object, .. } = target;
        let own = object.text("accountId").and_then(|id| M3terId::parse(id).ok());
        let row = rows.get(&object.id).unwrap_or(context.record);
        NewChange {
            account: Some(own.unwrap_or_else(|| account.clone())),
            version: Some(object.version),
            ..change(*entity, &object.id, row, target.change(end))
        }
    };
    let changes: Vec<NewChange> = to_end.iter().map(change).collect();
    save(context, &Changes { new: &changes, ..Changes::default() }).await?;
    let ids = changes.into_iter().map(|change| (change.m3ter_id, change.id)).collect();
    Ok(Changed { ids })
}

impl Changed {
    /// Notes what became of each, also of what m3ter ended unasked. Where that fails, or nobody
    /// knows, they stay open.
    pub(super) async fn settle(
        &self,
        context: &RunContext<'_>,
        results: &[ObjectOutcome],
        end: &End,
    ) {
        let (mut settled, mut unasked) = (Vec::new(), Vec::new());
        for result in results {
            let Some(m3ter_id) = &result.m3ter_id else { continue };
            match (result.action, self.ids.get(m3ter_id)) {
                (Action::Updated, Some(id)) => settled.push((*id, ChangeFate::Made)),
                (Action::Updated, None) => unasked.extend(ended_unasked(result, m3ter_id, end)),
                (_, Some(id)) if result.finding == Some(FindingCode::EndDateFailed) => {
                    settled.push((*id, ChangeFate::NotMade));
                }
                _ => {}
            }
        }
        let changes = Changes { new: &unasked, settled: &settled, ..Changes::default() };
        let _ = save(context, &changes).await;
    }
}

/// An end that nobody expected: what was before is not known.
fn ended_unasked(result: &ObjectOutcome, m3ter_id: &M3terId, end: &End) -> Option<NewChange> {
    let entity =
        BillingEntity::ALL.into_iter().find(|entity| entity.object_kind() == result.kind)?;
    let field = FieldChange {
        field: "endDate".to_owned(),
        old_value: None,
        new_value: Some(end.render(entity)),
        source: "`endDate` of the request".to_owned(),
    };
    Some(NewChange { is_made: true, ..change(entity, m3ter_id, &result.row, field) })
}

fn change(
    entity: BillingEntity,
    m3ter_id: &M3terId,
    row: &SalesforceId,
    field: FieldChange,
) -> NewChange {
    let kind = entity.object_kind();
    NewChange {
        id: ChangeId(Uuid::now_v7()),
        kind,
        row: row.clone(),
        m3ter_id: m3ter_id.clone(),
        account: None,
        action: ChangeAction::Updated,
        version: None,
        fields: vec![ChangedField::kept(kind, field)],
        at: now(),
        is_made: false,
    }
}

async fn save(context: &RunContext<'_>, changes: &Changes<'_>) -> Result<(), Failure> {
    context.store.with(|store| store.save_changes(context.claim(), changes)).await
}
