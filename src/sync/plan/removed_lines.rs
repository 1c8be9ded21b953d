//! Which lines were synced and are gone from Salesforce. What the record did not show is looked for
//! by its ids before anybody says so.

use std::collections::BTreeMap;

use futures::future::try_join_all;

use crate::changeset::Changeset;
use crate::changeset::lines::{Origin, ShownRow};
use crate::domain::ids::{IdMap, IdSet, M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::salesforce::FoundRow;
use crate::soql::LineObject;
use crate::sync::actual::ActualState;
use crate::sync::context::RunContext;
use crate::sync::plan::leftovers::{RecordRows, RemovedLine};
use crate::transport::CalloutError;

/// The lines that are gone from the record and still bill. Salesforce is asked for their rows by
/// their ids.
pub(crate) async fn find_removed_lines(
    context: &RunContext<'_>,
    rows: &RecordRows<'_>,
    state: &ActualState,
    changeset: &Changeset,
) -> Result<Vec<RemovedLine>, Failure> {
    let mut unseen = rows.unseen(state, changeset, context.now);
    if unseen.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<M3terId> = unseen.iter().map(|unseen| unseen.plan.id.clone()).collect();
    let owners = context.store.with(|store| store.load_owners(&ids)).await?;
    let others = owners.into_iter().filter(|link| link.root != *context.record);
    let elsewhere: IdSet<M3terId> = others.map(|link| link.m3ter_id).collect();
    // What another record has linked is that record's.
    unseen.retain(|unseen| unseen.origin == Origin::Linked || !elsewhere.contains(&unseen.plan.id));
    let shown = fetch_rows(context, rows, unseen.iter().map(|unseen| &unseen.object.row)).await?;
    Ok(rows.removed_lines(unseen, &shown, &elsewhere))
}

/// The rows as Salesforce shows them by their ids, deleted ones among them, one query for each
/// object.
async fn fetch_rows<'r>(
    context: &RunContext<'_>,
    record_rows: &RecordRows<'_>,
    rows: impl Iterator<Item = &'r SalesforceId>,
) -> Result<IdMap<SalesforceId, ShownRow>, CalloutError> {
    let RunContext { salesforce, budget, .. } = *context;
    let mut by_object: BTreeMap<&str, (&LineObject, Vec<&SalesforceId>)> = BTreeMap::new();
    for row in rows {
        if let Some(line) = record_rows.line_object(row) {
            by_object.entry(&line.sobject).or_insert_with(|| (line, Vec::new())).1.push(row);
        }
    }
    let queries = by_object
        .values()
        .map(|(line, ids)| salesforce.find_rows(&line.sobject, &line.parent_field, ids, budget));
    let found = try_join_all(queries).await?;
    let shown =
        |row: FoundRow| (row.id, ShownRow { is_deleted: row.is_deleted, parent: row.parent });
    Ok(found.into_iter().flatten().map(shown).collect())
}
