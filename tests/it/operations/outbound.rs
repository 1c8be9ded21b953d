//! Where the service goes, and where it never goes; and what it never says.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};
use sync_to_m3ter::callers::{Role, append, new_key};
use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::salesforce::Credentials;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};
use tokio::net::TcpListener;

use crate::support::*;

const ORG: &str = sync_to_m3ter_sandbox::salesforce::ORGANIZATION;
const METADATA: &str = "http://169.254.169.254/latest/meta-data/";

/// A host that nothing may ever speak to.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, visits) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&visits);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (format!("http://{address}"), visits)
}

/// A private and a public key in PEM.
pub(crate) fn key_pair() -> (String, String) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    let pem = |name: &str, der: &[u8]| {
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", BASE64_STANDARD.encode(der))
    };
    (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
}

async fn expire_tokens(world: &World) {
    for url in [world.org.base_url(), world.organization.base_url()] {
        assert_eq!(world.send(world.client().delete(format!("{url}/sandbox/tokens"))).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_names_another_host_is_not_followed() {
    let world = World::new().await;
    for elsewhere in [
        METADATA,
        "https://evil.example",
        "https://acme.my.salesforce.com.evil.example",
        "https://acme.my.salesforce.com",
    ] {
        world.org.vendor().rules(&json!({ "instanceUrl": elsewhere })).unwrap();
        expire_tokens(&world).await;
        let result = world.sync(DEAL).await;
        assert_eq!(result["errorCode"], "SALESFORCE_AUTH_FAILED", "{result:#}");
        assert!(
            result["message"].as_str().unwrap().contains("which is not a host of Salesforce"),
            "{result:#}"
        );
    }
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_a_next_page_stays_at_home() {
    let world = World::new().await;
    let (elsewhere, visits) = trap().await;
    let redirect = |method: &str, path: &str, location: &str| {
        Fault::new(method, path, FaultKind::Redirect { location: location.to_owned() }).times(20)
    };
    for location in [elsewhere.as_str(), METADATA] {
        for (method, path) in [("GET", "/query"), ("POST", "/services/oauth2/token")] {
            world.org.add_fault(redirect(method, path, location));
            expire_tokens(&world).await;
            let result = world.sync(DEAL).await;
            assert_eq!(result["errorCode"], "SALESFORCE_UNAVAILABLE", "{result:#}");
            assert!(
                result["message"].as_str().unwrap().contains("a redirect, which is not followed"),
                "{result:#}"
            );
            world.org.clear_faults();
        }
        for (method, path) in
            [("GET", "/accounts"), ("POST", "/accounts"), ("POST", "/oauth/token")]
        {
            world.organization.add_fault(redirect(method, path, location));
            expire_tokens(&world).await;
            let result = world.sync(DEAL).await;
            assert_eq!(result["errorCode"], "M3TER_UNAVAILABLE", "{method} {path}: {result:#}");
            world.organization.clear_faults();
        }
    }
    world.org.vendor().rules(&json!({ "nextRecordsUrl": format!("{elsewhere}/services/data/v60.0/query/01gS90000000001AAA-1") })).unwrap();
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Failed");
    world.org.vendor().rules(&json!({ "nextRecordsUrl": format!("{elsewhere}/x?a=b") })).unwrap();
    assert_eq!(world.sync(DEAL).await["syncStatus"], "Failed");
    assert_eq!(visits.load(Ordering::Relaxed), 0, "somebody was visited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_another_org_is_not_synced() {
    let world = World::new().await;
    let path = |organization: &str| {
        format!("/sync-to-m3ter/{DEAL}?dryRun=true&organizationId={organization}")
    };
    for (organization, code) in [
        (ORG, Json::Null),
        (&ORG[..15], Json::Null),
        ("", Json::Null),
        ("00DS90000000002MAA", json!("WRONG_ORGANIZATION")),
        ("abc", json!("WRONG_ORGANIZATION")),
    ] {
        let (status, text) = world.send(world.client().post(world.url(&path(organization)))).await;
        let result: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &result["errorCode"]), (200, &code), "{organization}: {text}");
        let body = json!([{ "parentRecordId": DEAL, "organizationId": organization }]).to_string();
        assert_eq!(
            world.post("/sync-to-m3ter?dryRun=true", &body).await.1[0]["errorCode"],
            code,
            "{organization}"
        );
    }
    let (_, text) = world.send(world.client().post(world.url(&path("00DS90000000002MAA")))).await;
    let expected = format!(
        "Sync process failed: The request comes from the org 00DS90000000002MAA, and this service is for the org {ORG}; nothing was synced"
    );
    assert_eq!(serde_json::from_str::<Json>(&text).unwrap()["message"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_to_another_org_than_the_pinned_one_is_not_used() {
    let mut world = World::with_config(|config| {
        config.salesforce.org_id = Some(SalesforceId::parse(ORG).unwrap());
    })
    .await;
    assert_all(&world.dry_run(DEAL).await, "created");
    world
        .reconfigure(|config| {
            config.salesforce.org_id = Some(SalesforceId::parse("00DS90000000002MAA").unwrap());
        })
        .await;
    world.org.clear_requests();
    let result = world.sync(DEAL).await;
    assert_eq!(result["errorCode"], "SALESFORCE_AUTH_FAILED", "{result:#}");
    assert!(
        result["message"].as_str().unwrap().contains("SALESFORCE_ORG_ID is 00DS90000000002MAA"),
        "{result:#}"
    );
    assert!(
        world.org.requests().iter().all(|request| request.path == "/services/oauth2/token"),
        "the token was used"
    );
    assert_eq!(world.get("/readyz").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_assertion_logs_in_and_a_forged_one_does_not() {
    let mut world = World::new().await;
    let (private, public) = key_pair();
    world.org.vendor().rules(&json!({ "jwtPublicKey": public })).unwrap();
    let user = sync_to_m3ter_sandbox::salesforce::INTEGRATION_USERNAME;
    let credentials = |username: &str, private: &str| Credentials::SignedAssertion {
        username: username.to_owned(),
        key: private.to_owned().into(),
    };
    let good = credentials(user, &private);
    world.reconfigure(move |config| config.salesforce.credentials = good.clone()).await;
    assert_all(&world.dry_run(DEAL).await, "created");
    for (bad, message) in [
        (credentials(user, &key_pair().0), "invalid assertion"),
        (credentials("somebody@sandbox.example", &private), "user hasn't approved this consumer"),
    ] {
        world.reconfigure(move |config| config.salesforce.credentials = bad.clone()).await;
        let result = world.dry_run(DEAL).await;
        assert_eq!(result["errorCode"], "SALESFORCE_AUTH_FAILED");
        assert!(result["message"].as_str().unwrap().contains(message), "{result:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn record_values_never_change_a_query_or_a_path() {
    let world = World::new().await;
    let hostile = "x' OR Id != '&ids=1#/../../%2e%2e?pageSize=1";
    world.org.vendor().update("Product2", "01tS90000000001AAA", &json!({ "ProductCode": hostile }));
    world.org.vendor().update(
        "Opportunity",
        DEAL,
        &json!({ "Name": hostile, "M3ter_PO_Number__c": hostile }),
    );
    for result in [world.dry_run(DEAL).await, world.sync(DEAL).await] {
        assert_ne!(result["errorCode"], "INTERNAL_ERROR", "{result:#}");
    }
    for request in world.organization.requests() {
        let names: Vec<String> = url::form_urlencoded::parse(request.query.as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
        let known = [
            "pageSize",
            "codes",
            "ids",
            "accountId",
            "contractId",
            "planId",
            "contract",
            "account",
            "includeall",
            "nextToken",
        ];
        assert!(
            names.iter().all(|name| known.contains(&name.as_str())),
            "{}?{}",
            request.path,
            request.query
        );
        assert!(!request.path.contains(".."), "{}", request.path);
    }
}

/// Runs the program with everything secret that there can be, at the finest level of its log,
/// through good and bad times.
#[tokio::test(flavor = "multi_thread")]
async fn no_output_contains_a_secret_or_personal_data() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let (private, public) = key_pair();
    let new = new_key();
    let key = secrecy::ExposeSecret::expose_secret(&new.key).to_owned();
    append(&file("keys.toml"), "ops", Role::Operator, &new.hash).unwrap();
    std::fs::write(file("key.pem"), &private).unwrap();
    let (email, person) = ("jane.planted@acme.example", "Jane Planted");
    let org = world.org.vendor();
    org.rules(&json!({ "jwtPublicKey": public })).unwrap();
    org.update("Account", ACCOUNT, &json!({ "Name": person, "M3ter_Billing_Email__c": email }));

    let [port, metrics_port] = [(); 2].map(|()| crate::support::ports::free_port());
    #[cfg(feature = "otel")]
    let (collector, spans) = crate::operations::spans::collector().await;
    #[cfg(not(feature = "otel"))]
    let collector = String::new();
    let log = std::fs::File::create(file("log")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"))
        .env_clear()
        .envs([
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", "json"),
            ("LISTEN_ADDRESS", &format!("127.0.0.1:{port}")),
            ("METRICS_ADDRESS", &format!("127.0.0.1:{metrics_port}")),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector),
            ("DATABASE_URL", &format!("sqlite://{}", file("runs.db").display())),
            ("API_KEYS_FILE", &file("keys.toml").display().to_string()),
            ("SALESFORCE_LOGIN_URL", &world.org.base_url()),
            ("SALESFORCE_CLIENT_ID", "sandbox"),
            ("SALESFORCE_USERNAME", sync_to_m3ter_sandbox::salesforce::INTEGRATION_USERNAME),
            ("SALESFORCE_PRIVATE_KEY_FILE", &file("key.pem").display().to_string()),
            ("M3TER_BASE_URL", &world.organization.base_url()),
            ("M3TER_ORG_ID", sync_to_m3ter_sandbox::m3ter::ORGANIZATION),
            ("COMMITMENT_BILLING", "paid_outside"),
            ("M3TER_API_KEY", "sandbox"),
            ("M3TER_API_SECRET", "sandbox"),
        ])
        .stdout(Stdio::from(log.try_clone().unwrap()))
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    for attempt in 0.. {
        #[expect(clippy::disallowed_methods, reason = "the caller's side of the front door")]
        let ready = world
            .client()
            .get(url("/readyz"))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success());
        if ready {
            break;
        }
        assert!(
            attempt < 400,
            "the program does not get ready: {}",
            std::fs::read_to_string(file("log")).unwrap()
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let sync = |query: &str| {
        world.client().post(url(&format!("/sync-to-m3ter/{DEAL}{query}"))).bearer_auth(&key)
    };
    let mut answers = Vec::new();
    // A dry run shows its caller what would change, and keeps none of it.
    let (_, shown) = world.send(sync("?dryRun=true")).await;
    assert!(shown.contains(email), "{shown}");
    let refused = FaultKind::Status {
        status: 400,
        retry_after: None,
        message: Some(format!("{email} is taken")),
    };
    world.fault("POST", "/accounts", refused);
    answers.push(world.send(sync("")).await.1);
    answers.push(world.send(sync("")).await.1);
    org.update("Account", ACCOUNT, &json!({ "M3ter_Billing_Email__c": person }));
    answers.push(world.send(sync("")).await.1);
    org.update("Account", ACCOUNT, &json!({ "M3ter_Billing_Email__c": email }));
    world.fault("GET", "/accounts", FaultKind::Html);
    answers.push(world.send(sync("")).await.1);
    expire_tokens(&world).await;
    answers.push(world.send(sync("")).await.1);
    answers.push(
        world
            .send(
                world.client().post(url("/sync-to-m3ter")).basic_auth("ops", Some(&key)).body("x"),
            )
            .await
            .1,
    );
    answers.push(
        world.send(world.client().get(url("/nothing")).bearer_auth(format!("{key}x"))).await.1,
    );
    let metrics =
        world.send(world.client().get(format!("http://127.0.0.1:{metrics_port}/metrics"))).await.1;
    assert!(metrics.contains("outcome=\"refused\""), "{metrics}");
    answers.push(metrics);
    let terminated = Command::new("kill").arg(program.id().to_string()).status().unwrap();
    assert!(terminated.success() && program.wait().unwrap().success());

    let mut outputs: Vec<(String, Vec<u8>)> =
        answers.into_iter().map(|answer| ("an answer".to_owned(), answer.into_bytes())).collect();
    #[cfg(feature = "otel")]
    outputs.extend(crate::operations::spans::to_search(&spans, &["m3ter PostAccount", DEAL]));
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("key.pem") {
            outputs.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    let basic = BASE64_STANDARD.encode(format!("ops:{key}"));
    let body = private.lines().nth(1).unwrap();
    let secrets = [
        key.as_str(),
        &basic,
        &body[100..140],
        // The vendors' tokens, the assertion and the m3ter credentials as they are sent.
        "00DS90000000001!",
        "eyJ",
        &BASE64_STANDARD.encode("sandbox:sandbox"),
        "sandbox-",
        email,
        person,
    ];
    search(&secrets, &outputs);
    let log = std::fs::read_to_string(file("log")).unwrap();
    assert!(
        log.contains("\"level\":\"TRACE\"") && log.contains("\"target\":\"audit\""),
        "the log was looked through in vain"
    );
}

/// Fails where one of the secrets stands in an output, and shows the place.
fn search(secrets: &[&str], outputs: &[(String, Vec<u8>)]) {
    for secret in secrets {
        for (name, output) in outputs {
            let found = output.windows(secret.len()).position(|window| window == secret.as_bytes());
            let place = found.map(|at| {
                String::from_utf8_lossy(
                    &output[at.saturating_sub(300)..(at + 100).min(output.len())],
                )
                .into_owned()
            });
            assert_eq!(place, None, "`{secret}` stands in {name}");
        }
    }
}
