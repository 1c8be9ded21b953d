//! Step 2 of a sync: the record with its parents and children, in one query, or the reason why
//! there is none.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::desired::DesiredObject;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::record::Record;
use crate::domain::record_state::RecordState;
use crate::mapping::{Context, Mapping};
use crate::soql::Query;
use crate::sync::context::RunContext;
use crate::sync::metadata_cache::MetadataCache;
use crate::transport::{Budget, CalloutError};

/// A record, and the query that brought it.
#[derive(Debug)]
pub(crate) struct ReadRecord {
    pub(crate) record: Record,
    pub(crate) query: Arc<Query>,
}

/// Reads the record. A field that the org has lost since its describe is looked at once more before
/// the mapping is blamed.
pub(crate) async fn fetch_record(
    context: &RunContext<'_>,
    mapping: &Mapping,
    id: &SalesforceId,
) -> Result<ReadRecord, Failure> {
    if let Some((record, query)) = context.ahead.and_then(|ahead| ahead.take_record(id)) {
        return Ok(ReadRecord { record, query });
    }
    let soql = |query: &Query| query.soql(id);
    let (rows, query) = fetch_rows(context.metadata, mapping, soql, context.budget).await?;
    match rows.into_iter().next() {
        Some(mut record) => {
            record.forget_attributes();
            Ok(ReadRecord { record, query })
        }
        None => Err(why_missing(context, mapping.root(), id).await),
    }
}

/// The rows of a mapping's query, and that.
pub(crate) async fn fetch_rows(
    metadata: &MetadataCache,
    mapping: &Mapping,
    soql: impl Fn(&Query) -> String,
    budget: &Budget,
) -> Result<(Vec<Record>, Arc<Query>), Failure> {
    let salesforce = &metadata.salesforce;
    let mut query = metadata.query(mapping, budget).await?;
    let rows = match salesforce.query(&soql(&query), budget).await {
        Err(error) if names_unknown_field(&error) => {
            metadata.forget_query(mapping);
            query = metadata.query(mapping, budget).await?;
            salesforce.query(&soql(&query), budget).await
        }
        rows => rows,
    };
    match rows {
        Ok(rows) => Ok((rows, query)),
        Err(error) if names_unknown_field(&error) => Err(mapping_invalid(mapping, error)),
        Err(error) => Err(error.into()),
    }
}

/// Reads the record, and what it asks for now.
pub(crate) async fn fetch_desired(
    context: &RunContext<'_>,
    mapping: &Mapping,
    id: &SalesforceId,
    time_zone: &TimeZone,
) -> Result<Vec<DesiredObject>, Failure> {
    let ReadRecord { record, query } = fetch_record(context, mapping, id).await?;
    let reading = mapping.read(&record, Context::new(&query, time_zone));
    let codes = reading.keys().codes;
    let catalog = context.metadata.catalog(&codes, context.budget).await?;
    Ok(reading.resolve(&catalog).objects)
}

fn names_unknown_field(error: &CalloutError) -> bool {
    error.refusal().is_some_and(|refusal| {
        matches!(refusal.code.as_deref(), Some("INVALID_FIELD" | "INVALID_TYPE"))
    })
}

fn mapping_invalid(mapping: &Mapping, error: CalloutError) -> Failure {
    let Some(refusal) = error.refusal() else { return error.into() };
    let reason = match (&refusal.sobject, &refusal.field) {
        (Some(sobject), Some(field)) => {
            let place = mapping
                .locate_field(sobject, field)
                .map_or_else(String::new, |(file, line)| format!(" ({file}, line {line})"));
            format!(
                "`{sobject}.{field}`{place} does not exist in the org or is not visible to the integration user"
            )
        }
        _ => format!(
            "Salesforce refused the query of the {} mapping: {}",
            mapping.root(),
            refusal.message
        ),
    };
    Failure::new(ErrorCode::MappingInvalid, reason).caused_by(error)
}

/// Why a query for an id gave no row. Salesforce hides what a user may not see, so it cannot always
/// tell.
async fn why_missing(context: &RunContext<'_>, sobject: &str, id: &SalesforceId) -> Failure {
    let RunContext { salesforce, budget, .. } = *context;
    let (deleted, access, user) = tokio::join!(
        salesforce.fetch_record_states(sobject, std::slice::from_ref(id), budget),
        salesforce.has_read_access(id, budget),
        salesforce.user_name(budget),
    );
    let deleted = deleted.map(|record_states| {
        record_states.get(id).cloned().filter(|record_state| *record_state != RecordState::Alive)
    });
    // For the log only: a caller has no use for the name of a login.
    let user = user.ok().flatten().unwrap_or_default();
    tracing::info!(parent_record_id = %id, user, "Salesforce does not show the record");
    let (code, reason) = match (deleted, access) {
        (Err(error), _) | (Ok(None), Err(error)) => return error.into(),
        (Ok(Some(RecordState::MergedInto(master))), _) => (
            ErrorCode::RecordDeleted,
            format!(
                "The record {id} was deleted: it was merged into {master}; sync that one instead"
            ),
        ),
        (Ok(Some(_)), _) => (ErrorCode::RecordDeleted, format!("The record {id} was deleted")),
        (Ok(None), Ok(Some(false))) => (
            ErrorCode::RecordNotAccessible,
            format!("The record {id} is not accessible to the integration user"),
        ),
        (Ok(None), Ok(_)) => (
            ErrorCode::RecordNotFound,
            format!("The record {id} does not exist or is not accessible to the integration user"),
        ),
    };
    Failure::new(code, reason)
}
