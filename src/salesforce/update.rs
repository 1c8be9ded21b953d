//! `PATCH /composite/sobjects`: changes of many records in few calls.

use serde_json::{Map, Value as Json, json};

use super::answer::text;
use super::{Client, codes};
use crate::domain::excerpt;
use crate::domain::ids::SalesforceId;
use crate::domain::personal::without_emails;
use crate::transport::{Budget, Call, CalloutError, Meaning, Repeatable, Urgency};

/// Records in one call.
const MAX_RECORDS: usize = 200;
/// How often a record is sent that is refused for the moment: what locks it is mostly over within a
/// second.
const MAX_ATTEMPTS: u32 = 4;

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

/// What became of one record.
pub type UpdateOutcome = Result<(), RowRefused>;

/// Salesforce's reason against one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowRefused {
    /// In its words, with its code.
    pub reason: String,
    /// What the code means.
    pub meaning: Meaning,
}

impl Client {
    /// Updates records, each for itself; the outcomes come in the order of the records. Sort them
    /// by sObject: Salesforce works in runs of one type. Writing the same values again is harmless,
    /// so a lost answer is tried again, and so are the records among them that were refused for the
    /// moment.
    pub async fn update_collection(
        &self,
        records: Vec<RecordUpdate>,
        budget: &Budget,
    ) -> Result<Vec<UpdateOutcome>, CalloutError> {
        let call = Call {
            operation: "UpdateCollection",
            repeatable: Repeatable::Yes,
            urgency: Urgency::End,
        };
        let mut outcomes = Vec::with_capacity(records.len());
        for records in records.chunks(MAX_RECORDS) {
            let mut read = self.update_once(call, records, budget).await?;
            for attempt in 2..=MAX_ATTEMPTS {
                let passing: Vec<usize> =
                    (0..records.len()).filter(|row| is_passing(&read[*row])).collect();
                if passing.is_empty() || !self.transport.wait_before_attempt(attempt, budget).await
                {
                    break;
                }
                let again: Vec<RecordUpdate> =
                    passing.iter().map(|row| records[*row].clone()).collect();
                // The others were written: an error now is none of theirs.
                let Ok(results) = self.update_once(call, &again, budget).await else { break };
                for (row, result) in passing.into_iter().zip(results) {
                    read[row] = result;
                }
            }
            outcomes.extend(read);
        }
        Ok(outcomes)
    }

    async fn update_once(
        &self,
        call: Call,
        records: &[RecordUpdate],
        budget: &Budget,
    ) -> Result<Vec<UpdateOutcome>, CalloutError> {
        let body = json!({ "allOrNone": false, "records": records.iter().map(RecordUpdate::to_json).collect::<Vec<_>>() });
        let answer = self
            .send(call, budget, |http, url| http.patch(url("/composite/sobjects")).json(&body))
            .await?;
        read_outcomes(&answer.body, records.len())
            .ok_or_else(|| self.unusable(call, "not one result for each record"))
    }
}

fn is_passing(outcome: &UpdateOutcome) -> bool {
    outcome.as_ref().is_err_and(|refused| refused.meaning == Meaning::Passing)
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
    let (message, code) =
        (text(error, "message").unwrap_or("no reason given"), text(error, "statusCode"));
    let in_words = |text: &str| excerpt::sentence(&without_emails(text));
    let meaning = codes::meaning(REFUSED_ROW, code, message);
    Err(RowRefused {
        reason: format!("{} ({})", in_words(message), in_words(code.unwrap_or("no code"))),
        meaning,
    })
}

/// The status that a single request for the row would have had.
const REFUSED_ROW: u16 = 400;
