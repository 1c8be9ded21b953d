//! A client of an emulated org of its own.

use reqwest::{Client, Method};
use serde_json::Value as Json;
use sync_to_m3ter_sandbox::Emulator;
use sync_to_m3ter_sandbox::salesforce::{self, Salesforce};

/// An org, and somebody who is logged in.
pub(super) struct Org {
    pub(super) emulator: Emulator<Salesforce>,
    http: Client,
    token: String,
}

impl Org {
    pub(super) async fn new() -> Self {
        let emulator = salesforce::start(0).await.unwrap();
        let mut org = Self { emulator, http: Client::new(), token: String::new() };
        org.log_in().await;
        org
    }

    pub(super) async fn log_in(&mut self) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "sandbox"),
            ("client_secret", "sandbox"),
        ];
        let url = format!("{}/services/oauth2/token", self.emulator.base_url());
        let request = self.http.post(url).form(&form).build().unwrap();
        let answer: Json = self.http.execute(request).await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    /// Status and body of a request below the version of the API.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Json>) -> (u16, Json) {
        let url = format!("{}/services/data/v60.0/{path}", self.emulator.base_url());
        let request = self.http.request(method, url).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let response = self.http.execute(request.build().unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    /// The body of a read, as it is written.
    pub(super) async fn text(&self, path: &str) -> String {
        let url = format!("{}/services/data/v60.0/{path}", self.emulator.base_url());
        let response = self
            .http
            .execute(self.http.get(url).bearer_auth(&self.token).build().unwrap())
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// The answer to a query of records, deleted ones left out.
    pub(super) async fn query(&self, soql: &str) -> Json {
        self.query_by("query", soql).await
    }

    /// The answer to a query of records, deleted ones among them.
    pub(super) async fn query_all(&self, soql: &str) -> Json {
        self.query_by("queryAll", soql).await
    }

    async fn query_by(&self, way: &str, soql: &str) -> Json {
        let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let (status, body) = self.ask(Method::GET, &format!("{way}?q={query}"), None).await;
        assert_eq!(status, 200, "{soql}: {body}");
        body
    }

    /// The records of a query, by one of their fields.
    pub(super) async fn column(&self, soql: &str, field: &str) -> Vec<Json> {
        self.query(soql).await["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record[field].clone())
            .collect()
    }

    /// Creates a record; its id.
    pub(super) async fn create(&self, sobject: &str, fields: Json) -> String {
        let (status, body) =
            self.ask(Method::POST, &format!("sobjects/{sobject}"), Some(&fields)).await;
        assert_eq!(status, 201, "{sobject} {fields}: {body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// One record's stored fields.
    pub(super) async fn record(&self, sobject: &str, id: &str) -> Json {
        let (status, body) = self.ask(Method::GET, &format!("sobjects/{sobject}/{id}"), None).await;
        assert_eq!(status, 200, "{sobject} {id}: {body}");
        body
    }

    /// Status and body of a control.
    pub(super) async fn control(&self, method: Method, path: &str, body: &Json) -> (u16, Json) {
        let url = format!("{}/sandbox/{path}", self.emulator.base_url());
        let request = self.http.request(method, url).json(body).build().unwrap();
        let response = self.http.execute(request).await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Puts rules in place.
    pub(super) async fn rules(&self, rules: Json) {
        assert_eq!(self.control(Method::PUT, "rules", &rules).await.0, 200, "{rules}");
    }

    /// What describe says of an object.
    pub(super) async fn describe(&self, sobject: &str) -> Json {
        let (status, body) =
            self.ask(Method::GET, &format!("sobjects/{sobject}/describe"), None).await;
        assert_eq!(status, 200, "{sobject}: {body}");
        body
    }
}

/// The one field of a describe with this name.
pub(super) fn described<'a>(describe: &'a Json, name: &str) -> &'a Json {
    let mut fields = describe["fields"].as_array().unwrap().iter();
    fields.find(|field| field["name"] == name).unwrap_or_else(|| panic!("{name} is not described"))
}
