//! The Rust example of docs/clients.md: what follows the next line stands there word for word.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it is a caller of its own")]

use std::error::Error;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

/// Syncs a record and waits for the result, however long it takes.
async fn sync(http: &Client, url: &str, key: &str, record: &str) -> reqwest::Result<Value> {
    let request = http.post(format!("{url}/sync-runs")).bearer_auth(key);
    let begun = request.json(&json!({ "parentRecordId": record })).send().await?;
    let begun: Value = begun.error_for_status()?.json().await?;
    let run = format!("{url}/sync-runs/{}", begun["syncRunId"].as_str().unwrap_or_default());
    loop {
        let answer = http.get(&run).bearer_auth(key).send().await?;
        let run: Value = answer.error_for_status()?.json().await?;
        if run["state"] == "ended" {
            return Ok(run["result"].clone());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, key) = (std::env::var("SYNC_URL")?, std::env::var("SYNC_KEY")?);
    let result = sync(&Client::new(), &url, &key, "006S900000795MMIAY").await?;
    println!("{}", result["syncStatus"].as_str().unwrap_or("no result was kept"));
    Ok(())
}
