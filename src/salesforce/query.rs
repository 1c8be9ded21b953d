//! `GET /query` and `/queryAll` with all pages, also those of child relationships.

use std::pin::Pin;

use serde_json::{Map, Value as Json, json};

use super::{Client, text};
use crate::domain::record::Record;
use crate::transport::{Budget, Call, CalloutError, Repeatable};

/// A URI of at most 16,384 bytes with its headers is taken; a longer query goes as the body of a composite request.
const LONGEST_QUERY_BYTES: usize = 12_000;
/// Pages of one query or child relationship: 400,000 rows.
const MOST_PAGES: usize = 200;

impl Client {
    /// The rows of a SOQL query.
    pub async fn query(&self, soql: &str, budget: &Budget) -> Result<Vec<Record>, CalloutError> {
        self.run(Call { operation: "Query", repeatable: Repeatable::Yes }, "/query", soql, budget).await
    }

    /// The rows of a SOQL query, deleted ones among them.
    pub async fn query_all(&self, soql: &str, budget: &Budget) -> Result<Vec<Record>, CalloutError> {
        self.run(Call { operation: "QueryAll", repeatable: Repeatable::Yes }, "/queryAll", soql, budget).await
    }

    async fn run(&self, call: Call, path: &str, soql: &str, budget: &Budget) -> Result<Vec<Record>, CalloutError> {
        let first = if soql.len() > LONGEST_QUERY_BYTES && path == "/query" {
            self.composite_query(call, soql, budget).await?
        } else {
            self.send(call, budget, |http, url| http.get(url(path)).query(&[("q", soql)])).await?.body
        };
        Ok(self.all_rows(call, first, budget).await?.into_iter().map(Record::new).collect())
    }

    /// Reads the further pages of the child relationships of a row, and of their rows.
    fn complete<'a>(
        &'a self,
        call: Call,
        row: &'a mut Map<String, Json>,
        budget: &'a Budget,
    ) -> Pin<Box<dyn Future<Output = Result<(), CalloutError>> + Send + 'a>> {
        Box::pin(async move {
            for child in row.values_mut() {
                if child.get("nextRecordsUrl").is_some() {
                    let records = self.all_rows(call, child.take(), budget).await?;
                    *child = json!({ "totalSize": records.len(), "done": true, "records": records });
                } else if let Some(records) = child.get_mut("records").and_then(Json::as_array_mut) {
                    for record in records.iter_mut().filter_map(Json::as_object_mut).filter(|record| has_children(record)) {
                        self.complete(call, record, budget).await?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The rows of a page and of all pages after it.
    async fn all_rows(&self, call: Call, mut page: Json, budget: &Budget) -> Result<Vec<Map<String, Json>>, CalloutError> {
        let mut rows = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(Json::Array(records)) = page.get_mut("records").map(Json::take) else {
                return Err(self.unusable(call, "a query answer without records"));
            };
            for record in records {
                let Json::Object(mut record) = record else { return Err(self.unusable(call, "a row that is not an object")) };
                if has_children(&record) {
                    self.complete(call, &mut record, budget).await?;
                }
                rows.push(record);
            }
            let Some(next) = text(&page, "nextRecordsUrl") else { return Ok(rows) };
            page = self.next_page(call, next, budget).await?;
        }
        Err(self.unusable(call, &format!("a query of more than {MOST_PAGES} pages")))
    }

    /// The next page lies on the same instance, below the same version: only the cursor is taken from the answer.
    fn next_page<'a>(
        &'a self,
        call: Call,
        next: &'a str,
        budget: &'a Budget,
    ) -> Pin<Box<dyn Future<Output = Result<Json, CalloutError>> + Send + 'a>> {
        Box::pin(async move {
            let cursor = next.rsplit('/').next().filter(|cursor| cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else {
                return Err(self.unusable(call, "a cursor that cannot be followed"));
            };
            let path = format!("/query/{cursor}");
            Ok(self.send(call, budget, |http, url| http.get(url(&path))).await?.body)
        })
    }

    async fn composite_query(&self, call: Call, soql: &str, budget: &Budget) -> Result<Json, CalloutError> {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
        let target = format!("/services/data/v{}/query?{query}", self.config.api_version);
        let body = json!({ "allOrNone": false, "compositeRequest": [{ "method": "GET", "url": target, "referenceId": "query" }] });
        let mut answer = self.send(call, budget, |http, url| http.post(url("/composite")).json(&body)).await?.body;
        let Some(response) = answer.pointer_mut("/compositeResponse/0") else {
            return Err(self.unusable(call, "a composite answer without a response"));
        };
        let status =
            response.get("httpStatusCode").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
        let body = response.get_mut("body").map(Json::take).unwrap_or_default();
        if status == 200 {
            return Ok(body);
        }
        let mut error = self.unusable(call, "");
        error.kind = crate::transport::CalloutErrorKind::Refused(Box::new(super::refusal::read(status, &body)));
        Err(error)
    }
}

fn has_children(row: &Map<String, Json>) -> bool {
    row.values().any(|value| value.get("records").is_some())
}
