//! Bodies that are JSON in another form than the service reads.

use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_another_form_than_plain_utf_8_is_told_which() {
    let world = World::new().await;
    let text = json!([{ "parentRecordId": DEAL }]).to_string();
    let utf_16: Vec<u8> =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (body, part) in [
        // Some editors and shells of Windows write these.
        (format!("\u{feff}{text}").into_bytes(), "The body begins with a byte order mark; send"),
        (utf_16, "The body is in UTF-16; send UTF-8"),
        (b"\x1f\x8b\x08\0".to_vec(), "The body is compressed; send it as it is"),
    ] {
        let request = world.client().post(world.url("/sync-to-m3ter?dryRun=true"));
        let (status, answer) =
            world.send(request.header("content-type", "application/json").body(body)).await;
        assert!(status == 400 && answer.contains(part), "{status} {answer}");
    }
    assert!(world.m3ter_writes().is_empty());
}
