//! `GET /query` and `/queryAll` with all pages, also those of child relationships.

use std::pin::Pin;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::answer::text;
use super::{Client, refusal};
use crate::domain::record::Record;
use crate::transport::{
    Budget, Call, CalloutError, CalloutErrorKind, Meaning, Repeatable, meaning,
};

/// A URI of at most 16,384 bytes with its headers is taken; a longer query goes as the body of a
/// composite request.
const MAX_QUERY_BYTES: usize = 12_000;
/// Pages of one query or child relationship: 400,000 rows.
const MAX_PAGES: usize = 200;
/// How often a query is sent whose further pages cannot be read.
const MAX_RUNS: u32 = 3;
/// What does not stand for itself in the value of a query, and what [`Url`] leaves out.
const READ_OTHERWISE: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'+').add(b'#');

impl Client {
    /// The rows of a SOQL query.
    pub async fn query(&self, soql: &str, budget: &Budget) -> Result<Vec<Record>, CalloutError> {
        self.run(Call::read("Query"), "/query", soql, budget).await
    }

    /// How many rows a query has that counts them.
    pub async fn count(&self, soql: &str, budget: &Budget) -> Result<u64, CalloutError> {
        let call = Call::read("Query");
        let answer = self.send(call, budget, |http, url| http.get(with_soql(url("/query"), soql)));
        let count = answer.await?.body.get("totalSize").and_then(Json::as_u64);
        count.ok_or_else(|| self.unusable(call, "a count without a number"))
    }

    /// The rows of a SOQL query, deleted ones among them.
    pub async fn query_all(
        &self,
        soql: &str,
        budget: &Budget,
    ) -> Result<Vec<Record>, CalloutError> {
        self.run(Call::read("QueryAll"), "/queryAll", soql, budget).await
    }

    /// A query with all its pages is read in one go or not at all: a cursor ends with its session,
    /// and when the user has too many of them. Then the query is sent again from its start, and
    /// nothing of the first run is kept.
    async fn run(
        &self,
        call: Call,
        path: &str,
        soql: &str,
        budget: &Budget,
    ) -> Result<Vec<Record>, CalloutError> {
        let mut runs = 1;
        loop {
            let first = if soql.len() > MAX_QUERY_BYTES && path == "/query" {
                self.composite_query(call, soql, budget).await?
            } else {
                self.send(call, budget, |http, url| http.get(with_soql(url(path), soql)))
                    .await?
                    .body
            };
            match self.all_rows(call, first, budget).await {
                Ok(rows) => {
                    for row in &rows {
                        self.record(call.operation, || Json::Object(row.clone()));
                    }
                    return Ok(rows.into_iter().map(Record::new).collect());
                }
                Err(error)
                    if runs < MAX_RUNS
                        && is_dead_cursor(&error)
                        && self.transport.wait_before_attempt(runs + 1, budget).await =>
                {
                    runs += 1;
                }
                Err(error) => {
                    return Err(CalloutError { attempts: error.attempts.max(runs), ..error });
                }
            }
        }
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
                let total = child.get("totalSize").and_then(Json::as_u64);
                if child.get("nextRecordsUrl").is_some()
                    || child.get("done") == Some(&Json::Bool(false))
                {
                    let records = self.all_rows(call, child.take(), budget).await?;
                    *child =
                        json!({ "totalSize": records.len(), "done": true, "records": records });
                } else if let Some(records) = child.get_mut("records").and_then(Json::as_array_mut)
                {
                    self.check_count(call, records.len(), total)?;
                    for record in records
                        .iter_mut()
                        .filter_map(Json::as_object_mut)
                        .filter(|record| has_children(record))
                    {
                        self.complete(call, record, budget).await?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The rows of a page and of all pages after it.
    async fn all_rows(
        &self,
        call: Call,
        mut page: Json,
        budget: &Budget,
    ) -> Result<Vec<Map<String, Json>>, CalloutError> {
        let mut rows = Vec::new();
        let total = page.get("totalSize").and_then(Json::as_u64);
        for _ in 0..MAX_PAGES {
            let Page { records, next } =
                read_page(page).map_err(|what| self.unusable(call, what))?;
            for mut record in records {
                if has_children(&record) {
                    self.complete(call, &mut record, budget).await?;
                }
                rows.push(record);
            }
            let Some(cursor) = next else {
                self.check_count(call, rows.len(), total)?;
                return Ok(rows);
            };
            page = self.next_page(call, &cursor, budget).await?;
        }
        Err(self.unusable(call, &format!("a query of more than {MAX_PAGES} pages")))
    }

    /// A part must not pass for the whole: what was not read would be taken for what is not there.
    fn check_count(&self, call: Call, rows: usize, total: Option<u64>) -> Result<(), CalloutError> {
        match total {
            Some(total) if u64::try_from(rows).is_ok_and(|rows| rows < total) => {
                Err(self.unusable(call, &format!("an answer with {rows} of {total} rows")))
            }
            _ => Ok(()),
        }
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
            let call = Call { repeatable: Repeatable::InSession, ..call };
            Ok(self.send(call, budget, |http, url| http.get(url(&path))).await?.body)
        })
    }

    async fn composite_query(
        &self,
        call: Call,
        soql: &str,
        budget: &Budget,
    ) -> Result<Json, CalloutError> {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
        let target = format!("/services/data/v{}/query?{query}", self.config.api_version);
        let body = json!({ "allOrNone": false, "compositeRequest": [{ "method": "GET", "url": target, "referenceId": "query" }] });
        let request = |http: &reqwest::Client, url: &dyn Fn(&str) -> url::Url| {
            http.post(url("/composite")).json(&body)
        };
        Ok(self.send_and_unwrap(call, budget, request, read_composite).await?.body)
    }
}

/// Whether a further page was refused for what only a new run of the query can help against.
fn is_dead_cursor(error: &CalloutError) -> bool {
    match &error.kind {
        CalloutErrorKind::AuthFailed { .. }
        | CalloutErrorKind::Moved { .. }
        | CalloutErrorKind::NotSent { .. } => true,
        CalloutErrorKind::Refused(refusal) => refusal.meaning == Meaning::Passing,
        _ => false,
    }
}

/// The answer within a composite answer.
pub(super) fn read_composite(mut answer: Json) -> Result<Json, CalloutErrorKind> {
    let Some(response) = answer.pointer_mut("/compositeResponse/0") else {
        return Err(CalloutErrorKind::Unavailable {
            status: Some(200),
            cause: "a composite answer without a response".to_owned(),
        });
    };
    let status = response
        .get("httpStatusCode")
        .and_then(Json::as_u64)
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or_default();
    let body = response.get_mut("body").map(Json::take).unwrap_or_default();
    meaning(refusal::read, status, Ok(body))
}

/// The rows of a page, and where the next one is.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub records: Vec<Map<String, Json>>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Reads a page, or says what is wrong with it. Of the next one's URL only the cursor is taken: it
/// leads nowhere else.
pub(super) fn read_page(mut page: Json) -> Result<Page, &'static str> {
    let Some(Json::Array(records)) = page.get_mut("records").map(Json::take) else {
        return Err("a query answer without records");
    };
    let record = |record| match record {
        Json::Object(record) => Ok(record),
        _ => Err("a row that is not an object"),
    };
    let records = records.into_iter().map(record).collect::<Result<_, _>>()?;
    let cursor = |next: &str| {
        let cursor = next.rsplit('/').next().unwrap_or_default();
        let is_cursor = !cursor.is_empty()
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_cursor { Ok(cursor.to_owned()) } else { Err("a cursor that cannot be followed") }
    };
    let next = text(&page, "nextRecordsUrl").map(cursor).transpose()?;
    if next.is_none() && page.get("done") == Some(&Json::Bool(false)) {
        return Err("a page that is not the last one and names no next one");
    }
    Ok(Page { records, next })
}

/// The address of a query. Of its text only what an address would read otherwise is escaped here,
/// the rest by [`Url`]: an address is read several times on its way out.
fn with_soql(mut url: Url, soql: &str) -> Url {
    let soql = utf8_percent_encode(soql, READ_OTHERWISE);
    url.set_query(Some(&format!("q={soql}")));
    url
}

fn has_children(row: &Map<String, Json>) -> bool {
    row.values().any(|value| value.get("records").is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_query_is_read_as_it_was_written(soql in "[ -~\\t\\r\\n]{0,60}|\\PC{0,20}|.{0,20}") {
            let url = Url::parse("https://acme.my.salesforce.com/services/data/v60.0/query").unwrap();
            let url = with_soql(url, &soql);
            let read: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(read, [("q".into(), soql.into())]);
            prop_assert_eq!(url.fragment(), None);
        }
    }
}
