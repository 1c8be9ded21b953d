//! Planned faults: any error code, any answer, a row of a collection, a page that was cut.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::Emulator;
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};

const DEAL: &str = "006S900000795MMIAY";
const FIVE_LINES: &str = "006S90000079FIVIA2";

struct Client {
    org: Emulator<Salesforce>,
    http: reqwest::Client,
    token: String,
}

impl Client {
    async fn new() -> Self {
        let org = salesforce::start(0).await.unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut client = Self { org, http, token: String::new() };
        let login = client.log_in().await.1;
        login["access_token"].as_str().unwrap().clone_into(&mut client.token);
        client
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        self.http.execute(request.bearer_auth(&self.token).build().unwrap()).await.unwrap()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Json) {
        let answer = self.exchange(request).await;
        (
            answer.status().as_u16(),
            serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default(),
        )
    }

    async fn log_in(&self) -> (u16, Json) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox"),
            ("client_secret", "sandbox"),
        ];
        self.send(
            self.http.post(format!("{}/services/oauth2/token", self.org.base_url())).form(&form),
        )
        .await
    }

    async fn query(&self, soql: &str) -> (u16, Json) {
        self.send(
            self.http
                .get(format!("{}/services/data/v60.0/query", self.org.base_url()))
                .query(&[("q", soql)]),
        )
        .await
    }

    /// Plans a fault as anybody with curl does.
    async fn plan(&self, fault: Json) -> (u16, Json) {
        self.send(self.http.post(format!("{}/sandbox/faults", self.org.base_url())).json(&fault))
            .await
    }

    async fn planned(&self, method: &str, path: &str, fault: Json) {
        assert_eq!(
            self.plan(json!({ "method": method, "path": path, "fault": fault })).await.0,
            200
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_carries_any_code_in_the_shape_of_its_path() {
    let client = Client::new().await;
    client
        .planned(
            "POST",
            "/services/oauth2/token",
            json!({ "kind": "error", "errorCode": "unknown_error", "message": "retry your request" }),
        )
        .await;
    let refused =
        (400, json!({ "error": "unknown_error", "error_description": "retry your request" }));
    assert_eq!(client.log_in().await, refused);
    assert_eq!(client.log_in().await.0, 200);
    client
        .planned(
            "GET",
            "/query",
            json!({ "kind": "error", "status": 410, "errorCode": "UNSUPPORTED_API_VERSION" }),
        )
        .await;
    let (status, body) = client.query("SELECT Id FROM Opportunity").await;
    assert_eq!((status, &body[0]["errorCode"]), (410, &json!("UNSUPPORTED_API_VERSION")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_answers_exactly_what_was_planned() {
    let client = Client::new().await;
    client
        .planned("GET", "/query", json!({ "kind": "answer", "status": 302, "headers": { "Location": "https://elsewhere.example/" } }))
        .await;
    let request =
        client.http.get(format!("{}/services/data/v60.0/query?q=x", client.org.base_url()));
    let answer = client.exchange(request).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, "https://elsewhere.example/")
    );
    client
        .planned(
            "GET",
            "/query",
            json!({ "kind": "answer", "status": 200, "body": { "records": 7 } }),
        )
        .await;
    assert_eq!(client.query("x").await, (200, json!({ "records": 7 })));
    for wrong in [
        json!({ "kind": "answer", "status": 99 }),
        json!({ "kind": "answer", "status": 200, "headers": { "a b": "c" } }),
    ] {
        assert_eq!(
            client.plan(json!({ "method": "GET", "path": "/query", "fault": wrong })).await.0,
            400
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_can_match_the_text_of_a_query_even_in_a_composite_request() {
    let client = Client::new().await;
    let fault = json!({ "method": "GET", "path": "/query", "contains": "FROM Opportunity ", "occurrence": 2, "times": 1,
        "fault": { "kind": "error", "errorCode": "QUERY_TIMEOUT" } });
    client.plan(fault).await;
    for (soql, status) in [
        ("SELECT Id FROM Opportunity LIMIT 1", 200),
        ("SELECT Id FROM Account LIMIT 1", 200),
        ("SELECT Id FROM Opportunity LIMIT 1", 400),
        ("SELECT Id FROM Opportunity LIMIT 1", 200),
    ] {
        assert_eq!(client.query(soql).await.0, status, "{soql}");
    }
    let fault = json!({ "method": "POST", "path": "/composite", "contains": "FROM Opportunity ",
        "fault": { "kind": "cutPage", "rows": 0 } });
    client.plan(fault).await;
    let body = json!({ "compositeRequest": [
        { "method": "GET", "url": "/services/data/v60.0/query?q=SELECT+Id+FROM+Opportunity+LIMIT+1", "referenceId": "query" }
    ] });
    let (_, answer) = client
        .send(
            client
                .http
                .post(format!("{}/services/data/v60.0/composite", client.org.base_url()))
                .json(&body),
        )
        .await;
    assert_eq!(
        answer["compositeResponse"][0]["body"],
        json!({ "totalSize": 1, "done": false, "records": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_page_has_fewer_rows_than_its_total_size() {
    let client = Client::new().await;
    let soql = format!(
        "SELECT Id, (SELECT Id FROM OpportunityLineItems) FROM Opportunity WHERE Id = '{FIVE_LINES}'"
    );
    client.planned("GET", "/query", json!({ "kind": "cutPage", "relationship": "OpportunityLineItems", "rows": 2, "done": false })).await;
    let lines = client.query(&soql).await.1["records"][0]["OpportunityLineItems"].take();
    assert_eq!(
        (&lines["totalSize"], &lines["done"], lines["records"].as_array().unwrap().len()),
        (&json!(5), &json!(false), 2)
    );
    assert!(lines.get("nextRecordsUrl").is_none());
    let cut = json!({ "kind": "cutPage", "rows": 0, "done": true, "nextRecordsUrl": "/services/data/v60.0/query/01g-0" });
    client.planned("GET", "/query", cut).await;
    let page = client.query(&soql).await.1;
    assert_eq!(
        page,
        json!({ "totalSize": 1, "done": true, "nextRecordsUrl": "/services/data/v60.0/query/01g-0", "records": [] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn some_rows_of_a_collection_are_refused_and_the_others_written() {
    let client = Client::new().await;
    let update = async |all_or_none: bool, name: &str| {
        let record =
            |id: &str| json!({ "attributes": { "type": "Opportunity" }, "id": id, "Name": name });
        let body =
            json!({ "allOrNone": all_or_none, "records": [record(DEAL), record(FIVE_LINES)] });
        client
            .send(
                client
                    .http
                    .patch(format!(
                        "{}/services/data/v60.0/composite/sobjects",
                        client.org.base_url()
                    ))
                    .json(&body),
            )
            .await
            .1
    };
    let name = |id: &str| client.org.vendor().record("Opportunity", id).unwrap()["Name"].clone();
    let before = name(DEAL);
    let locked = json!({ "kind": "refuseRows", "rows": [0], "statusCode": "UNABLE_TO_LOCK_ROW" });
    client.planned("PATCH", "/composite/sobjects", locked.clone()).await;
    let results = update(false, "New").await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW", "{results}");
    assert_eq!((&results[1]["success"], results.as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!((name(DEAL), name(FIVE_LINES)), (before.clone(), json!("New")));
    client.planned("PATCH", "/composite/sobjects", locked).await;
    let results = update(true, "Newer").await;
    assert_eq!(
        results[1]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "{results}"
    );
    assert_eq!((name(DEAL), name(FIVE_LINES)), (before, json!("New")));
    client
        .planned(
            "PATCH",
            "/composite/sobjects",
            json!({ "kind": "refuseRows", "statusCode": "UNABLE_TO_LOCK_ROW" }),
        )
        .await;
    assert!(
        update(false, "Newest")
            .await
            .as_array()
            .unwrap()
            .iter()
            .all(|result| result["success"] == false)
    );
}
