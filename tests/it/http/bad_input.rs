//! What the service refuses, and what it says.

use serde_json::{Value as Json, json};

use crate::support::*;

async fn answer(world: &World, body: &str) -> (u16, Json) {
    world.post("/sync-to-m3ter", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_a_list_of_objects_is_a_400_that_says_where() {
    let world = World::new().await;
    for (body, part) in [
        ("", "The body is empty"),
        ("not json", "line 1 column 2"),
        ("{\"parentRecordId\": \"006\"}", "The body is an object; send a list with one object"),
        ("[\"006S900000795MMIAY\"]", "at `[0]`"),
        ("[{\"parentRecordId\": 6}]", "at `[0].parentRecordId`"),
        ("[{\"parentRecordID\": \"006S900000795MMIAY\"}]", "unknown field `parentRecordID`"),
        ("[{\"parentRecordId\": \"a\", \"parentRecordId\": \"b\"}]", "duplicate field"),
        ("[{\"parentRecordId\": \"006S900000795MMIAY\"}] x", "has trailing characters"),
        ("[1, [2, [3, [4]]]]", "at `[0]`"),
        ("null", "invalid type: null, expected a list"),
        ("[[\"006S900000795MMIAY\"]]", "at `[0]`: invalid type: sequence, expected an object"),
    ] {
        let (status, fault) = answer(&world, body).await;
        let message = fault["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(part), "{body}: {status} {message}");
        assert_fields!(fault, {
            "success": false,
            "syncStatus": "Failed",
            "errorCode": "INVALID_BODY",
            "status": 400,
        });
        assert!(!fault["requestId"].as_str().unwrap().is_empty());
    }
    let deep = "[".repeat(10_000);
    assert_eq!(answer(&world, &deep).await.0, 400);
    let many = format!("[{}]", vec!["{}"; 201].join(","));
    assert!(answer(&world, &many).await.1["message"].as_str().unwrap().contains("201 elements"));
    assert!(
        world
            .organization
            .requests()
            .iter()
            .all(|request| request.method == "GET" || request.path == "/oauth/token")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_exactly_one_good_id_is_a_failed_result() {
    let world = World::new().await;
    let before = world.org.requests().len();
    for (body, code, reason) in [
        ("[]", "EMPTY_REQUEST", "The request holds no record; send exactly one"),
        ("[{}]", "MISSING_RECORD_ID", "`parentRecordId` is required"),
        ("[{\"parentRecordId\": null}]", "MISSING_RECORD_ID", "`parentRecordId` is required"),
        ("[{\"parentRecordId\": \"  \"}]", "MISSING_RECORD_ID", "`parentRecordId` is required"),
        (
            "[{\"parentRecordId\": \"abc\"}]",
            "INVALID_RECORD_ID",
            "`abc` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)",
        ),
        (
            "[{\"parentRecordId\": \"006S900000795MMIA\"}]",
            "INVALID_RECORD_ID",
            "`006S900000795MMIA` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)",
        ),
        (
            "[{\"parentRecordId\": \"006S900000795MMIAZ\"}]",
            "INVALID_RECORD_ID",
            "`006S900000795MMIAZ` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)",
        ),
        (
            "[{\"parentRecordId\": \"' OR Id != '\"}]",
            "INVALID_RECORD_ID",
            "`' OR Id != '` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)",
        ),
    ] {
        let (status, results) = answer(&world, body).await;
        assert_eq!((status, results.as_array().unwrap().len()), (200, 1), "{body}");
        let result = &results[0];
        assert_fields!(result, { "syncStatus": "Failed", "errorCode": code, "retryable": false });
        assert_eq!(result["message"], format!("Sync process failed: {reason}"));
        assert_fields!(result, { "objectResults": [], "concatenatedResults": "" });
    }
    assert_eq!(world.org.requests().len(), before, "no callout was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_give_as_many_failed_results_and_no_callout() {
    let world = World::new().await;
    let before = world.org.requests().len();
    let (status, results) = answer(
        &world,
        &json!([{"parentRecordId": DEAL}, {"parentRecordId": SECOND_SAMPLE}]).to_string(),
    )
    .await;
    assert_eq!((status, results.as_array().unwrap().len()), (200, 2));
    for (result, id) in results.as_array().unwrap().iter().zip([DEAL, SECOND_SAMPLE]) {
        assert_fields!(result, { "parentRecordId": id, "errorCode": "MULTIPLE_REQUESTS" });
        assert_eq!(
            result["message"],
            "Sync process failed: Only one record can be synced per request, but 2 were sent"
        );
    }
    assert_eq!(world.org.requests().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_says_why() {
    let world = World::new().await;
    let user = "the integration user";
    for (id, code, reason) in [
        ("006S90000079ZZZIA2", "RECORD_NOT_FOUND", format!("The record 006S90000079ZZZIA2 does not exist or is not accessible to {user}")),
        (DELETED, "RECORD_DELETED", format!("The record {DELETED} was deleted")),
        (HIDDEN, "RECORD_NOT_ACCESSIBLE", format!("The record {HIDDEN} is not accessible to {user}")),
        (
            "00QS90000000001AAA",
            "INVALID_RECORD_ID",
            "`00QS90000000001AAA` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)".to_owned(),
        ),
        ("00QS90000000001", "UNSUPPORTED_OBJECT", "There is no mapping for `Lead` records".to_owned()),
        (
            "ZZZS90000000001",
            "UNSUPPORTED_OBJECT",
            "There is no mapping for records whose IDs begin with `ZZZ`, and the org has no such object".to_owned(),
        ),
    ] {
        let result = world.sync(id).await;
        assert_fields!(result, {
            "errorCode": code,
            "message": format!("Sync process failed: {reason}"),
        });
    }
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_missing_in_the_org_is_reported_with_its_line_in_the_mapping() {
    let world = World::new().await;
    assert_all(&world.dry_run(DEAL).await, "created");
    world.org.vendor().rules(&json!({"hiddenFields": ["Opportunity.M3ter_PO_Number__c"]})).unwrap();
    let optional = world.dry_run(DEAL).await;
    let contract = object_result(&optional, "Contract");
    assert_eq!(contract["findingCode"], "FIELD_NOT_READABLE", "{optional:#}");
    assert!(
        contract["message"].as_str().unwrap().contains("`Opportunity.M3ter_PO_Number__c`"),
        "{contract:#}"
    );
    world.org.vendor().rules(&json!({"hiddenFields": ["Account.M3ter_Billing_Email__c"]})).unwrap();
    let result = world.dry_run(DEAL).await;
    let line = include_str!("../../../mappings/opportunity.toml")
        .lines()
        .position(|line| line.starts_with("emailAddress"))
        .unwrap()
        + 1;
    assert_eq!(result["errorCode"], "MAPPING_INVALID");
    let message = result["message"].as_str().unwrap();
    let expected = format!(
        "`Account.M3ter_Billing_Email__c` (mappings/opportunity.toml, line {line}) does not exist in the org or is not visible to the integration user"
    );
    assert!(message.contains(&expected), "{message}");
    assert_eq!(message.matches("opportunity.toml").count(), 1, "its place is told once: {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn transport_faults_have_json_bodies_and_their_own_status() {
    let world = World::new().await;
    let url = |path: &str| world.url(path);
    let client = world.client();
    let json_type = ("content-type", "application/json");
    let large = "x".repeat(1024 * 1024);
    for (request, expected, code) in [
        (client.post(url("/sync-to-m3ter")).body("[]"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            client.post(url("/sync-to-m3ter")).header("content-type", "text/plain").body("[]"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            client.post(url("/sync-to-m3ter")).header(json_type.0, json_type.1).body(large),
            413,
            "BODY_TOO_LARGE",
        ),
        (client.get(url("/sync-to-m3ter")), 405, "METHOD_NOT_ALLOWED"),
        (client.get(url("/nothing")), 404, "NOT_FOUND"),
        (
            client
                .post(url("/sync-to-m3ter?dryrun=true"))
                .header(json_type.0, json_type.1)
                .body("[]"),
            400,
            "INVALID_PARAMETER",
        ),
        (
            client
                .post(url("/sync-to-m3ter?dryRun=yes"))
                .header(json_type.0, json_type.1)
                .body("[]"),
            400,
            "INVALID_PARAMETER",
        ),
        (
            client
                .post(url("/sync-to-m3ter?waitSeconds=106"))
                .header(json_type.0, json_type.1)
                .body("[]"),
            400,
            "INVALID_PARAMETER",
        ),
        (
            client
                .post(url(&format!("/sync-to-m3ter/{DEAL}")))
                .header(json_type.0, json_type.1)
                .body("{\"a\":1}"),
            400,
            "INVALID_BODY",
        ),
    ] {
        let (status, text) = world.send(request).await;
        let fault: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status, &fault["errorCode"], &fault["syncStatus"]),
            (expected, &json!(code), &json!("Failed")),
            "{text}"
        );
    }
    let (_, text) = world
        .send(
            client
                .get(url("/nothing"))
                .header("accept", "application/problem+json")
                .header("x-request-id", "my-id"),
        )
        .await;
    let problem: Json = serde_json::from_str(&text).unwrap();
    assert_fields!(problem, {
        "title": "Not Found",
        "requestId": "my-id",
        "type": "urn:sync-to-m3ter:not-found",
    });
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_id_in_the_path_is_a_failed_result() {
    let world = World::new().await;
    for (path, code) in [
        ("/sync-to-m3ter/", "MISSING_RECORD_ID"),
        ("/sync-to-m3ter/abc", "INVALID_RECORD_ID"),
        ("/sync-to-m3ter/%FF%FE", "INVALID_RECORD_ID"),
        ("/sync-to-m3ter/..%2F..%2Fetc", "INVALID_RECORD_ID"),
    ] {
        let (status, text) = world.send(world.client().post(world.url(path))).await;
        let result: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &result["errorCode"]), (200, &json!(code)), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_answered_in_this_order_of_properties() {
    let world = World::new().await;
    let result = |message: &str, code: &str, id: &str| {
        format!(
            r#"{{"success":false,"syncStatus":"Failed","message":"Sync process failed: {message}","errorCode":"{code}","retryable":false,{id}"dryRun":true,"statusWritten":false,"objectResults":[],"concatenatedResults":"","warnings":[],"attention":[],"counts":{{"created":0,"updated":0,"unchanged":0,"skipped":0,"failed":0}}}}"#
        )
    };
    let missing = result("`parentRecordId` is required", "MISSING_RECORD_ID", "");
    let entity = result(
        "`X` is not a billing entity; they are `CONTRACT`, `PREPAYMENT`, `PRICINGS`, `COUNTER_PRICINGS`, `ACCOUNTPLAN`",
        "UNKNOWN_BILLING_ENTITY",
        &format!(r#""parentRecordId":"{DEAL}","#),
    );
    let user = result(
        "`salesforceUserId` is `006`, which is not the ID of a Salesforce user (they begin with 005)",
        "INVALID_USER_ID",
        &format!(r#""parentRecordId":"{DEAL}","#),
    );
    let end_date = json!([{"parentRecordId": DEAL, "endDate": "2026-12-31", "billingEntities": ["CONTRACT", "X"]}]);
    for (path, body, expected) in [
        ("/sync-to-m3ter/?dryRun=true".to_owned(), String::new(), missing.clone()),
        ("/sync-to-m3ter?dryRun=true".to_owned(), "[{}]".to_owned(), format!("[{missing}]")),
        (format!("/sync-to-m3ter/{DEAL}?dryRun=true&salesforceUserId=006"), String::new(), user),
        (
            "/end-date-billing-entities?dryRun=true".to_owned(),
            end_date.to_string(),
            format!("[{entity}]"),
        ),
    ] {
        let request =
            world.client().post(world.url(&path)).header("content-type", "application/json");
        assert_eq!(world.send(request.body(body)).await, (200, expected), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_does_not_allow_an_object_is_a_finding_with_its_field() {
    let world = World::new().await;
    let org = world.org.vendor();
    for (sobject, id, change, object, code, field) in [
        (
            "Account",
            ACCOUNT,
            json!({"M3ter_Billing_Email__c": null}),
            "Account",
            "REQUIRED_VALUE_BLANK",
            "`Account.M3ter_Billing_Email__c`",
        ),
        (
            "Account",
            ACCOUNT,
            json!({"M3ter_Billing_Email__c": "nobody"}),
            "Account",
            "VALUE_INVALID",
            "`Account.M3ter_Billing_Email__c`",
        ),
        (
            "Opportunity",
            DEAL,
            json!({"End_Date__c": null}),
            "Contract",
            "REQUIRED_VALUE_BLANK",
            "`Opportunity.End_Date__c`",
        ),
        (
            "Opportunity",
            DEAL,
            json!({"End_Date__c": "2025-06-30"}),
            "Contract",
            "END_NOT_AFTER_START",
            "`Opportunity.End_Date__c`",
        ),
        (
            "Opportunity",
            DEAL,
            json!({"M3ter_Commitment_Amount__c": -5}),
            "Commitment",
            "VALUE_OUT_OF_RANGE",
            "`Opportunity.M3ter_Commitment_Amount__c`",
        ),
        (
            "Opportunity",
            DEAL,
            json!({"AccountId": null}),
            "Account",
            "REQUIRED_VALUE_BLANK",
            "`Opportunity.AccountId`",
        ),
        (
            "OpportunityLineItem",
            LINE,
            json!({"M3ter_Price_Bands__c": "0 ; 0.05\n10 ; 0,04"}),
            "Pricing",
            "PRICING_BANDS_INVALID",
            "Line 2 of `OpportunityLineItem.M3ter_Price_Bands__c`",
        ),
        (
            "OpportunityLineItem",
            LINE,
            json!({"M3ter_Price_Bands__c": "0;1\n10;2"}),
            "Pricing",
            "PRICING_TYPE_MISSING",
            "2 price bands",
        ),
        (
            "OpportunityLineItem",
            LINE,
            json!({"ServiceDate": "2025-06-01"}),
            "AccountPlan",
            "OUTSIDE_CONTRACT_PERIOD",
            "`OpportunityLineItem.ServiceDate`",
        ),
    ] {
        org.update(sobject, id, &change);
        let result = world.dry_run(DEAL).await;
        let object = object_result(&result, object);
        assert_fields!(object, { "success": false, "findingCode": code }, "{change}: {result:#}");
        assert!(object["message"].as_str().unwrap().contains(field), "{object:#}");
        assert!(!object["remedy"].as_str().unwrap().is_empty());
        let reset = world.client().post(format!("{}/sandbox/reset", world.org.base_url()));
        assert_eq!(world.send(reset).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_request_is_told_what_would_be_valid() {
    let world = World::new().await;
    let deal = format!("/sync-to-m3ter/{DEAL}");
    for (method, path, body, status, part) in [
        (
            "POST",
            format!("{deal}?dryRun=true&dryRun=false"),
            "",
            400,
            "`dryRun` was given more than once",
        ),
        ("POST", format!("{deal}?dryRun"), "", 400, "`dryRun` is ``; it takes `true` or `false`"),
        (
            "POST",
            format!("{deal}?dry_run=true"),
            "",
            400,
            "`dry_run` is not a parameter here; there are `dryRun`",
        ),
        ("POST", format!("{deal}?waitSeconds=-1"), "", 400, "whole seconds from 0 to 105"),
        ("GET", deal.clone(), "", 405, "send POST"),
        ("PUT", "/changes".to_owned(), "", 405, "send GET"),
        ("GET", "/changes?parentRecordId=abc".to_owned(), "", 400, "abc"),
        ("GET", "/changes?field=end%20date".to_owned(), "", 400, "`endDate`"),
        ("GET", "/changes?m3terId=x".to_owned(), "", 400, "`m3terId`: `x` is not a m3ter ID"),
        ("GET", "/changes?since=yesterday".to_owned(), "", 400, "`since` is `yesterday`"),
        ("GET", "/changes?limit=0".to_owned(), "", 400, "1 to 200"),
        ("GET", "/changes?cursor=x".to_owned(), "", 400, "`nextCursor`"),
        ("GET", "/changes?syncRunId=x".to_owned(), "", 400, "not the ID of a run"),
        ("GET", "/changes?record=x".to_owned(), "", 400, "`parentRecordId`"),
        (
            "GET",
            "/sync-runs?state=asleep".to_owned(),
            "",
            400,
            "`waiting`, `running`, `retrying`, `ended`",
        ),
        (
            "GET",
            "/sync-runs?kind=backup".to_owned(),
            "",
            400,
            "`sync`, `endDate`, `links`, `reopen`",
        ),
        (
            "GET",
            "/sync-runs?unresolved=1".to_owned(),
            "",
            400,
            "`unresolved` is `1`; it takes `true`, `false`",
        ),
        ("GET", "/sync-runs?dryRun=no".to_owned(), "", 400, "it takes `true`, `false`"),
        ("GET", "/sync-runs?until=now".to_owned(), "", 400, "`until` is `now`"),
        ("PUT", "/sync-runs".to_owned(), "", 405, "send GET"),
        ("POST", format!("{deal}/"), "", 404, "; see `/openapi.yaml`"),
        (
            "GET",
            "/sync-runs?syncStatus=failed".to_owned(),
            "",
            400,
            "it takes `Completed`, `Partial Success`, `Failed`",
        ),
        (
            "GET",
            "/sync-runs?limit=1&limit=2".to_owned(),
            "",
            400,
            "`limit` was given more than once",
        ),
        ("GET", "/sync-runs?limit=0".to_owned(), "", 400, "whole numbers from 1 to 200"),
        ("GET", "/sync-runs?since=yesterday".to_owned(), "", 400, "such as `2026-12-31T00:00:00Z`"),
        ("GET", "/sync-runs/abc".to_owned(), "", 404, "There is no run `abc`"),
        (
            "POST",
            "/sync-runs/replay".to_owned(),
            "{}",
            400,
            "by `errorCode`, `since` or `parentRecordId`",
        ),
        ("POST", "/sync-runs/replay".to_owned(), "[]", 400, "expected an object"),
        (
            "POST",
            "/sync-runs/replay".to_owned(),
            r#"{"maxRuns": "5"}"#,
            400,
            "at `maxRuns`: invalid type: string \"5\", expected a whole number",
        ),
        ("POST", "/end-date-billing-entities".to_owned(), "{}", 400, "send a list with one object"),
        (
            "POST",
            "/end-date-billing-entities".to_owned(),
            r#"[{"billingEntities": "CONTRACT"}]"#,
            400,
            "expected a list",
        ),
    ] {
        let request = world
            .client()
            .request(method.parse().unwrap(), world.url(&path))
            .header("content-type", "application/json");
        let (answered, text) = world.send(request.body(body)).await;
        let fault: Json = serde_json::from_str(&text).unwrap();
        assert!(
            answered == status && fault["message"].as_str().unwrap().contains(part),
            "{method} {path} {body}: {text}"
        );
    }
    assert!(world.m3ter_writes().is_empty());
}
