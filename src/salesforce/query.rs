//! `GET /query` and `/queryAll` with all pages, also those of child relationships.

use std::pin::Pin;

use serde_json::{Map, Value as Json, json};

use super::{Client, refusal, text};
use crate::domain::record::Record;
use crate::transport::{Budget, Call, CalloutError, CalloutErrorKind, Repeatable, Vendor, meaning};

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
            let Page { records, next } = read_page(page).map_err(|what| self.unusable(call, what))?;
            for mut record in records {
                if has_children(&record) {
                    self.complete(call, &mut record, budget).await?;
                }
                rows.push(record);
            }
            let Some(cursor) = next else { return Ok(rows) };
            page = self.next_page(call, &cursor, budget).await?;
        }
        Err(self.unusable(call, &format!("a query of more than {MOST_PAGES} pages")))
    }

    /// The next page lies on the same instance, below the same version.
    fn next_page<'a>(
        &'a self,
        call: Call,
        cursor: &'a str,
        budget: &'a Budget,
    ) -> Pin<Box<dyn Future<Output = Result<Json, CalloutError>> + Send + 'a>> {
        Box::pin(async move {
            let path = format!("/query/{cursor}");
            Ok(self.send(call, budget, |http, url| http.get(url(&path))).await?.body)
        })
    }

    async fn composite_query(&self, call: Call, soql: &str, budget: &Budget) -> Result<Json, CalloutError> {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
        let target = format!("/services/data/v{}/query?{query}", self.config.api_version);
        let body = json!({ "allOrNone": false, "compositeRequest": [{ "method": "GET", "url": target, "referenceId": "query" }] });
        let answer = self.send(call, budget, |http, url| http.post(url("/composite")).json(&body)).await?.body;
        let answer = read_composite(answer).ok_or_else(|| self.unusable(call, "a composite answer without a response"))?;
        answer.map_err(|kind| CalloutError { kind, ..self.unusable(call, "") })
    }
}

/// The answer within a composite answer; `None` where there is none.
pub(super) fn read_composite(mut answer: Json) -> Option<Result<Json, CalloutErrorKind>> {
    let response = answer.pointer_mut("/compositeResponse/0")?;
    let status = response.get("httpStatusCode").and_then(Json::as_u64).and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
    let body = response.get_mut("body").map(Json::take).unwrap_or_default();
    Some(meaning(Vendor::Salesforce, refusal::read, status, Ok(body)))
}

/// The rows of a page, and where the next one is.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub records: Vec<Map<String, Json>>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Reads a page, or says what is wrong with it. Of the next one's URL only the cursor is taken: it leads nowhere else.
pub(super) fn read_page(mut page: Json) -> Result<Page, &'static str> {
    let Some(Json::Array(records)) = page.get_mut("records").map(Json::take) else { return Err("a query answer without records") };
    let record = |record| match record {
        Json::Object(record) => Ok(record),
        _ => Err("a row that is not an object"),
    };
    let records = records.into_iter().map(record).collect::<Result<_, _>>()?;
    let cursor = |next: &str| {
        let cursor = next.rsplit('/').next().unwrap_or_default();
        let is_cursor = !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_cursor { Ok(cursor.to_owned()) } else { Err("a cursor that cannot be followed") }
    };
    let next = text(&page, "nextRecordsUrl").map(cursor).transpose()?;
    Ok(Page { records, next })
}

fn has_children(row: &Map<String, Json>) -> bool {
    row.values().any(|value| value.get("records").is_some())
}
