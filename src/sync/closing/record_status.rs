//! A run whose walk did not come to its end lets the record say so all the same, by a query of its
//! own for these fields alone.

use jiff::Timestamp;

use crate::domain::outcome::RunOutcome;
use crate::sync::closing::write_back::WriteBack;
use crate::sync::context::RunContext;

/// Writes onto the record how its sync ended, and notes in the outcome whether it could; not while
/// Salesforce is away.
pub(crate) async fn write_record_status(context: &RunContext<'_>, outcome: &mut RunOutcome) {
    let RunContext { record, metadata, salesforce, budget, .. } = *context;
    let Ok(Some(sobject)) = metadata.sobject_of(record.key_prefix(), budget).await else { return };
    let Some(mapping) = metadata.mapping(&sobject) else { return };
    let Ok(query) = metadata.query(mapping, budget).await else { return };
    let Some(soql) = query.status_soql(record) else { return };
    let Ok(rows) = salesforce.query(&soql, budget).await else { return };
    let Some(held) = rows.first() else { return };
    let mut write_back = WriteBack::default();
    write_back.add_status(
        query.root(),
        record,
        query.status.changes(held, outcome, Timestamp::now()),
    );
    outcome.status_written = write_back.apply(salesforce, budget, outcome).await;
}
