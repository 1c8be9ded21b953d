//! The vendors' official clients are the judges of the emulators. `scripts/test` installs them.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

use std::path::{Path, PathBuf};
use std::process::Output;

use sync_to_m3ter_sandbox::{m3ter, salesforce};
use tokio::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn python() -> PathBuf {
    let python = root().join(".venv/bin/python");
    assert!(python.exists(), "the Python clients are not installed; run scripts/test once");
    python
}

async fn run(program: impl AsRef<std::ffi::OsStr>, script: &str, arguments: &[&str]) {
    let directory = root().join("sandbox/tests/clients");
    let Output { status, stdout, stderr } = Command::new(program)
        .current_dir(directory)
        .arg(script)
        .args(arguments)
        .output()
        .await
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(
        status.success() && stdout.contains("is content"),
        "{script}: {status}\n{stdout}\n{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_m3ter_sdk_accepts_the_emulated_organization() {
    let organization = m3ter::start(0).await.unwrap();
    organization.set_requests_per_second(None);
    run(python(), "m3ter_sdk.py", &[&organization.base_url(), m3ter::ORGANIZATION]).await;
    assert_eq!(organization.unexpected_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_salesforce_accepts_the_emulated_org() {
    let org = salesforce::start(0).await.unwrap();
    run(python(), "simple_salesforce_client.py", &[&org.base_url()]).await;
    assert_eq!(org.unexpected_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn jsforce_accepts_the_emulated_org() {
    let modules = root().join("sandbox/tests/clients/node_modules/jsforce");
    assert!(modules.exists(), "the Node clients are not installed; run scripts/test once");
    let org = salesforce::start(0).await.unwrap();
    run("node", "jsforce_client.mjs", &[&org.base_url()]).await;
    assert_eq!(org.unexpected_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_salesforce_cli_accepts_the_emulated_org() {
    let modules = root().join("sandbox/tests/clients/cli/node_modules/@salesforce/cli");
    assert!(modules.exists(), "the Salesforce CLI is not installed; run scripts/test once");
    let org = salesforce::start(0).await.unwrap();
    run("bash", "cli/deal.sh", &[&org.base_url()]).await;
    assert_eq!(org.unexpected_requests(), 0);
}
