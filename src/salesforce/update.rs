//! `PATCH /composite/sobjects`: changes of many records in few calls.

use serde_json::{Map, Value as Json, json};

use super::{Client, text};
use crate::domain::ids::SalesforceId;
use crate::domain::personal::without_emails;
use crate::domain::shown;
use crate::transport::{Budget, Call, CalloutError, Repeatable};

/// Records in one call.
const MOST_RECORDS: usize = 200;

/// New values for some fields of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordUpdate {
    /// The sObject's API name.
    pub sobject: String,
    /// The record.
    pub id: SalesforceId,
    /// The fields.
    pub fields: Map<String, Json>,
}

/// What became of one record: nothing more to say, or Salesforce's reason against it.
pub type UpdateOutcome = Result<(), String>;

impl Client {
    /// Updates records, each for itself; the outcomes come in the order of the records. Sort them by sObject: Salesforce works in
    /// runs of one type. Writing the same values again is harmless, so a lost answer is tried again.
    pub async fn update_collection(&self, records: Vec<RecordUpdate>, budget: &Budget) -> Result<Vec<UpdateOutcome>, CalloutError> {
        let call = Call { operation: "UpdateCollection", repeatable: Repeatable::Yes };
        let mut outcomes = Vec::with_capacity(records.len());
        for records in records.chunks(MOST_RECORDS) {
            let body = json!({ "allOrNone": false, "records": records.iter().map(RecordUpdate::to_json).collect::<Vec<_>>() });
            let answer = self.send(call, budget, |http, url| http.patch(url("/composite/sobjects")).json(&body)).await?;
            let read = read_outcomes(&answer.body, records.len());
            outcomes.extend(read.ok_or_else(|| self.unusable(call, "not one result for each record"))?);
        }
        Ok(outcomes)
    }
}

impl RecordUpdate {
    fn to_json(&self) -> Json {
        let mut record = self.fields.clone();
        record.insert("attributes".to_owned(), json!({ "type": self.sobject }));
        record.insert("id".to_owned(), json!(self.id.as_str()));
        Json::Object(record)
    }
}

/// What became of each of so many records; `None` when the answer is about others.
pub(super) fn read_outcomes(body: &Json, records: usize) -> Option<Vec<UpdateOutcome>> {
    let results = body.as_array().filter(|results| results.len() == records)?;
    Some(results.iter().map(outcome).collect())
}

fn outcome(result: &Json) -> UpdateOutcome {
    if result.get("success").and_then(Json::as_bool) == Some(true) {
        return Ok(());
    }
    let error = result.pointer("/errors/0").unwrap_or(&Json::Null);
    let (message, code) = (text(error, "message").unwrap_or("no reason given"), text(error, "statusCode").unwrap_or("no code"));
    let in_words = |text: &str| shown::sentence(&without_emails(text));
    Err(format!("{} ({})", in_words(message), in_words(code)))
}
