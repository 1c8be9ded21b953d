//! An Account is shared: another deal may change it in m3ter while this sync is on its way, after a
//! later edit in Salesforce. Then what this sync has read is old, and the row is read again before
//! anything of it is written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::Failure;
use crate::mapping::Mapping;
use crate::sync::context::RunContext;
use crate::sync::load::read::fetch_desired;

/// Whether somebody else may know the row of an object better than this sync: m3ter's Account was
/// changed since the row was read, which was at the run's moment or later.
pub(crate) fn may_be_outdated(
    context: &RunContext<'_>,
    desired: &DesiredObject,
    actual: &ActualObject,
) -> bool {
    let changed_at = actual.text("dtLastModified").and_then(|text| text.parse::<Timestamp>().ok());
    desired.kind() == EntityKind::Account
        && changed_at.is_some_and(|changed_at| changed_at >= context.now)
}

/// The object as the record asks for it now, or why it can no longer be written.
pub(crate) async fn read_again(
    context: &RunContext<'_>,
    mapping: &Mapping,
    time_zone: &TimeZone,
    object: &DesiredObject,
) -> Result<Result<DesiredObject, Finding>, Failure> {
    let present = fetch_desired(context, mapping, context.record, time_zone).await?;
    let Some(found) = present.into_iter().find(|found| found.key == object.key) else {
        return Ok(Err(moved_on(context.record, object)));
    };
    Ok(match &found.intent {
        Intent::Sync(_) => Ok(found),
        Intent::Invalid(findings) => {
            Err(findings.first().cloned().unwrap_or_else(|| moved_on(context.record, object)))
        }
        Intent::Flagged => Err(moved_on(context.record, object)),
    })
}

fn moved_on(record: &SalesforceId, object: &DesiredObject) -> Finding {
    Finding::new(
        FindingCode::ChangedMeanwhile,
        format!(
            "The record {record} no longer asks for the {} of {}: Salesforce changed during the sync",
            object.kind(),
            object.key.row
        ),
        "Sync again",
    )
}
