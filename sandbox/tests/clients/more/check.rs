//! What the client that progenitor makes does with the answers of a running sandbox, and behind a proxy.

progenitor::generate_api!("openapi.json");

const DEAL: &str = "006S900000795MMIAY";

#[tokio::main]
async fn main() {
    let client = Client::new(&std::env::var("SYNC_URL").unwrap());
    let request = |id: &str| types::SyncRequest {
        parent_record_id: Some(id.to_owned()),
        ..Default::default()
    };
    let synced = client.sync_to_m3ter(None, None, &vec![request(DEAL)]).await.unwrap();
    assert_eq!(synced[0].sync_status, "Completed");
    let dry_run = client
        .sync_record_to_m3ter(DEAL, Some(true), None, None, None, None)
        .await
        .unwrap();
    assert!(dry_run.success && dry_run.dry_run);
    let refused = client.begin_sync(None, &request("abc")).await.unwrap_err();
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(400));
    let absent = client.get_sync_run("00000000-0000-0000-0000-000000000000").await.unwrap_err();
    assert_eq!(absent.status().map(|status| status.as_u16()), Some(404));
    let behind = Client::new(&std::env::var("PROXY_URL").unwrap());
    let lost = behind.begin_sync(None, &request(DEAL)).await.unwrap_err();
    assert_eq!(lost.status().map(|status| status.as_u16()), Some(502));
    println!("progenitor: 200, dry run, 400, 404 and an empty 502");
}
