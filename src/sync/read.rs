//! Step 1 of a sync: the record with its parents and children, in one query, or the reason why
//! there is none.

use std::sync::Arc;

use crate::domain::fate::Fate;
use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::domain::record::Record;
use crate::mapping::{Mapping, Query};
use crate::sync::failure;
use crate::sync::knowledge::Knowledge;
use crate::transport::{Budget, CalloutError};

/// Reads the record. A field that the org has lost since its describe is looked at once more before
/// the mapping is blamed.
pub(super) async fn fetch_record(
    knowledge: &Knowledge,
    mapping: &Mapping,
    id: &SalesforceId,
    budget: &Budget,
) -> Result<(Record, Arc<Query>), Failure> {
    let mut query = knowledge.query(mapping, budget).await?;
    let rows = match knowledge.salesforce.query(&query.soql(id), budget).await {
        Err(error) if names_unknown_field(&error) => {
            knowledge.forget_query(mapping);
            query = knowledge.query(mapping, budget).await?;
            knowledge.salesforce.query(&query.soql(id), budget).await
        }
        rows => rows,
    };
    match rows {
        Ok(rows) => match rows.into_iter().next() {
            Some(record) => Ok((record, query)),
            None => Err(why_missing(knowledge, mapping.root(), id, budget).await),
        },
        Err(error) if names_unknown_field(&error) => Err(mapping_invalid(mapping, &error)),
        Err(error) => Err(failure::of_callout(&error)),
    }
}

fn names_unknown_field(error: &CalloutError) -> bool {
    error.refusal().is_some_and(|refusal| {
        matches!(refusal.code.as_deref(), Some("INVALID_FIELD" | "INVALID_TYPE"))
    })
}

fn mapping_invalid(mapping: &Mapping, error: &CalloutError) -> Failure {
    let Some(refusal) = error.refusal() else { return failure::of_callout(error) };
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
    Failure { code: ErrorCode::MappingInvalid, reason }
}

/// Why a query for an id gave no row. Salesforce hides what a user may not see, so it cannot always
/// tell.
async fn why_missing(
    knowledge: &Knowledge,
    sobject: &str,
    id: &SalesforceId,
    budget: &Budget,
) -> Failure {
    let (deleted, access, user) = tokio::join!(
        knowledge.salesforce.fetch_fates(sobject, std::slice::from_ref(id), budget),
        knowledge.salesforce.has_read_access(id, budget),
        knowledge.salesforce.user_name(budget),
    );
    let deleted = deleted.map(|fates| fates.get(id).cloned().filter(|fate| *fate != Fate::Alive));
    // For whoever reads the log: a caller has no use for the name of a login.
    let user = user.ok().flatten().unwrap_or_default();
    tracing::info!(parent_record_id = %id, user, "Salesforce does not show the record");
    match (deleted, access) {
        (Err(error), _) | (Ok(None), Err(error)) => failure::of_callout(&error),
        (Ok(Some(Fate::MergedInto(master))), _) => Failure {
            code: ErrorCode::RecordDeleted,
            reason: format!(
                "The record {id} was deleted: it was merged into {master}; sync that one instead"
            ),
        },
        (Ok(Some(_)), _) => Failure {
            code: ErrorCode::RecordDeleted,
            reason: format!("The record {id} was deleted"),
        },
        (Ok(None), Ok(Some(false))) => Failure {
            code: ErrorCode::RecordNotAccessible,
            reason: format!("The record {id} is not accessible to the integration user"),
        },
        (Ok(None), Ok(_)) => Failure {
            code: ErrorCode::RecordNotFound,
            reason: format!(
                "The record {id} does not exist or is not accessible to the integration user"
            ),
        },
    }
}
