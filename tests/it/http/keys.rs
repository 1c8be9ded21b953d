//! What each key may do, and what becomes of it when its file changes.

mod open_to;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::Value as Json;
use sync_to_m3ter::callers::new_key;
use sync_to_m3ter_sandbox::control::FaultKind;
use sync_to_m3ter_sandbox::salesforce::ORGANIZATION;

use self::open_to::{Row, documented, table};
use crate::http::access::{Guarded, program};
use crate::support::*;

/// Who asks: a name for the columns of the table, the role, and what the entry has beside it.
const KEYS: [(&str, &str, &str); 9] = [
    ("caller", "caller", ""),
    ("viewer", "viewer", ""),
    ("operator", "operator", ""),
    ("dry caller", "caller", "scopes = [\"dry_run\"]"),
    ("dry operator", "operator", "scopes = [\"dry_run\"]"),
    ("ender", "operator", "scopes = [\"end_date\"]"),
    ("dry ender", "operator", "scopes = [\"end_date\", \"dry_run\"]"),
    ("of opportunities", "operator", "objects = [\"Opportunity\"]"),
    ("of orders", "operator", "objects = [\"801\"]"),
];
/// Keys that get nowhere: how they are refused, and what the entry has.
const LOCKED: [(u16, &str); 3] = [
    (401, "expires = \"2026-01-31\""),
    (403, "addresses = [\"203.0.113.0/24\"]"),
    (403, "org = \"00D000000000009EAA\""),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_path_method_role_and_scope_is_allowed_as_the_table_says() {
    let (guarded, operator) = Guarded::new(600_000, &[]).await;
    let world = &guarded.world;
    let mut keys = Vec::new();
    for (name, role, more) in KEYS {
        keys.push((name, guarded.add_entry(&name.replace(' ', "-"), role, more).await));
    }
    let locked: Vec<(u16, String)> = {
        let mut locked = Vec::new();
        for (number, (status, more)) in LOCKED.into_iter().enumerate() {
            locked.push((
                status,
                guarded.append_entry(&format!("locked-{number}"), "operator", more),
            ));
        }
        guarded.add_entry("last", "viewer", "").await;
        locked
    };
    let (status, text) = world
        .send(
            world
                .client()
                .post(world.url(&format!("/sync-to-m3ter/{DEAL}")))
                .bearer_auth(&operator),
        )
        .await;
    assert_eq!(status, 200);
    let run =
        serde_json::from_str::<Json>(&text).unwrap()["syncRunId"].as_str().unwrap().to_owned();
    let ask = async |method: &str, path: &str, body: &str, key: Option<&str>| {
        let request = world.client().request(method.parse().unwrap(), world.url(path));
        let request = if body.is_empty() {
            request
        } else {
            request.header("content-type", "application/json").body(body.to_owned())
        };
        world.send(if let Some(key) = key { request.bearer_auth(key) } else { request }).await.0
    };
    let table = table(&run);
    for Row { method, path, body, open_to } in &table {
        let is_public = matches!(path.as_str(), "/livez" | "/readyz" | "/openapi.yaml");
        for (name, key) in &keys {
            let status = ask(method, path, body, Some(key)).await;
            assert_ne!(status, 401, "{method} {path} of {name}");
            assert_eq!(
                status != 403,
                open_to.contains(name),
                "{method} {path} of {name}: {status}"
            );
        }
        assert_eq!(
            ask(method, path, body, None).await,
            if is_public { 200 } else { 401 },
            "{method} {path} of nobody"
        );
        for (refused, key) in &locked {
            assert_eq!(
                ask(method, path, body, Some(key)).await,
                if is_public { 200 } else { *refused },
                "{method} {path}"
            );
        }
    }
    // Everything else is an operator's alone, what the document gains tomorrow included.
    let named: BTreeSet<(&str, String)> = table
        .iter()
        .map(|row| (row.method, row.path.split('?').next().unwrap().to_owned()))
        .collect();
    for path in
        documented().iter().chain(["/sync-to-m3ter/".to_owned(), "/openapi.yaml".to_owned()].iter())
    {
        let path = path.replace("{parentRecordId}", DEAL).replace("{syncRunId}", &run);
        let path = path.replace("{verificationId}", "x");
        assert!(!path.contains('{'), "{path} has a parameter that the table does not know");
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "FOO"] {
            // HEAD is GET without a body.
            if named.contains(&(if method == "HEAD" { "GET" } else { method }, path.clone())) {
                continue;
            }
            for (name, key) in &keys {
                let status = ask(method, &path, "", Some(key)).await;
                assert_eq!(
                    status != 403,
                    *name == "operator",
                    "{method} {path} of {name}: {status}"
                );
            }
            assert_eq!(ask(method, &path, "", None).await, 401, "{method} {path} of nobody");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_limit_of_the_key() {
    let (guarded, _) = Guarded::new(600, &["127.0.0.0/8"]).await;
    let world = &guarded.world;
    let own = format!("org = \"{ORGANIZATION}\"");
    let sync = format!("/sync-to-m3ter/{DEAL}");
    for (role, more, path, status, part) in [
        (
            "caller",
            "scopes = [\"dry_run\"]",
            sync.as_str(),
            403,
            "is for dry runs only (scope `dry_run`): send `dryRun=true`",
        ),
        (
            "operator",
            "scopes = [\"end_date\"]",
            &sync,
            403,
            "is for end dating only (scope `end_date`)",
        ),
        (
            "caller",
            "objects = [\"Order\", \"800\"]",
            &sync,
            403,
            "is for records of Order, 800 only",
        ),
        ("caller", "objects = [\"opportunity\"]", &format!("{sync}?dryRun=true"), 200, ""),
        (
            "caller",
            "objects = [\"SBQQ__Quote__c\"]",
            &sync,
            403,
            "is for records of SBQQ__Quote__c only",
        ),
        (
            "caller",
            "org = \"00D000000000009EAA\"",
            &sync,
            403,
            "is for the org 00D000000000009EAA only",
        ),
        ("caller", &own, &format!("{sync}?dryRun=true"), 200, ""),
        (
            "caller",
            &own,
            &format!("{sync}?organizationId=00D000000000009EAA"),
            403,
            "is for the org",
        ),
        (
            "caller",
            "addresses = [\"198.51.100.0/24\"]",
            &sync,
            403,
            "may not be used from the address 203.0.113.7",
        ),
        ("caller", "addresses = [\"203.0.113.7\"]", &format!("{sync}?dryRun=true"), 200, ""),
        ("caller", "expires = 2026-01-31", &sync, 401, "expired on 2026-01-31; ask for a new one"),
    ] {
        let key = guarded.append_entry("flow", role, more);
        guarded
            .until_answers(&key, "203.0.113.7", |status, text| {
                !matches!(status, 401 | 429) || text.contains("expired on")
            })
            .await;
        let request = world
            .client()
            .post(world.url(path))
            .bearer_auth(&key)
            .header("x-forwarded-for", "203.0.113.7");
        let (answered, text) = world.send(request).await;
        assert!(answered == status && text.contains(part), "{more} {path}: {answered} {text}");
        guarded.empty();
    }
    assert!(world.m3ter_writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_request_limit_of_its_own() {
    let (guarded, operator) = Guarded::new(600, &[]).await;
    let key = guarded.append_entry("slow", "caller", "requests_per_minute = 3");
    guarded.add_entry("next", "caller", "").await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(guarded.status("GET", "/nothing", Some(&key)).await);
    }
    assert_eq!(statuses, [404, 404, 404, 429, 429]);
    assert_eq!(guarded.status("GET", "/nothing", Some(&operator)).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_keys_file_during_syncs_loses_nothing_and_lets_nobody_in() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let flow = guarded.add_entry("flow", "caller", "").await;
    let erp = guarded.add_entry("erp", "caller", "").await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    let brief = guarded.add_entry("brief", "caller", &format!("expires = \"{soon}\"")).await;
    world.fault("POST", "/contracts", FaultKind::Delay { ms: 3_000 });
    let begin = async |key: &str, record: &str| {
        let request = world
            .client()
            .post(world.url(&format!("/sync-to-m3ter/{record}?waitSeconds=0")))
            .bearer_auth(key);
        let (status, text) = world.send(request).await;
        assert_eq!(status, 202, "{text}");
        serde_json::from_str::<Json>(&text).unwrap()["syncRunId"].as_str().unwrap().to_owned()
    };
    let runs = [
        begin(&flow, DEAL).await,
        begin(&erp, FIVE_LINES).await,
        begin(&brief, SECOND_SAMPLE).await,
    ];
    // One key is taken out, and a line of another one's entry is broken at the same time.
    let path = guarded.keys_file.display().to_string();
    let text = guarded.text().replace("name = \"erp\"", "name = \"erp");
    guarded.write(&text);
    let (code, said, _) =
        program(&["keys", "revoke", "flow", "--yes"], &[("API_KEYS_FILE", &path)]);
    assert!(code == 0 && said.contains("1 key of `flow` removed"), "{said}");
    guarded.until(&flow, |status| status != 404).await;
    for key in [&flow, &erp] {
        assert!(
            matches!(guarded.status("GET", "/nothing", Some(key)).await, 401 | 429),
            "nobody is in who should not be"
        );
    }
    guarded.until(&brief, |status| status == 401).await;
    assert_eq!(
        guarded.status("GET", "/nothing", Some(&operator)).await,
        404,
        "the right entry counts"
    );
    let (_, health) =
        world.send(world.client().get(world.url("/readyz")).bearer_auth(&operator)).await;
    assert!(
        health.contains("An API key is ignored")
            && health.contains("key `erp`")
            && health.contains("line "),
        "{health}"
    );
    let (status, of_nobody) = world.get("/readyz").await;
    assert!(status == 200 && !of_nobody.contains("erp"), "{of_nobody}");
    for run in &runs {
        guarded.until_ended(run, &operator).await;
        let (_, text) = world
            .send(
                world.client().get(world.url(&format!("/sync-runs/{run}"))).bearer_auth(&operator),
            )
            .await;
        assert!(!text.contains(r#""syncStatus":"Failed""#), "{text}");
    }
    assert_eq!(world.objects("contracts").len(), 3, "nothing is lost, and nothing is there twice");
    // The line is put right: the key counts again.
    guarded.write(&guarded.text().replace("name = \"erp", "name = \"erp\""));
    guarded.until(&erp, |status| status == 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_world_writable_keys_file_is_reported_and_locks_out_only_if_configured() {
    for lock_out_after in [None, Some(Duration::from_millis(500))] {
        let (guarded, operator) = Guarded::locking_out_after(lock_out_after).await;
        let world = &guarded.world;
        let text = guarded.text();
        for problem in ["No such file", "chmod go-w"] {
            let gone = problem == "No such file";
            if gone {
                std::fs::remove_file(&guarded.keys_file).unwrap();
            } else {
                std::fs::set_permissions(
                    &guarded.keys_file,
                    std::fs::Permissions::from_mode(0o666),
                )
                .unwrap();
            }
            let asks = async || {
                world.send(world.client().get(world.url("/readyz")).bearer_auth(&operator)).await
            };
            if lock_out_after.is_some() {
                guarded.until(&operator, |status| status == 401).await;
                assert_eq!(asks().await.0, 503, "no replica that lets nobody in is asked");
            } else {
                guarded.until_operator_reads(&operator, problem).await;
                assert_eq!(guarded.status("GET", "/nothing", Some(&operator)).await, 404);
                assert_eq!(asks().await.0, 200);
            }
            guarded.write(&text);
            std::fs::set_permissions(&guarded.keys_file, std::fs::Permissions::from_mode(0o600))
                .unwrap();
            guarded.until(&operator, |status| status == 404).await;
            guarded.until_ready().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_checked_and_revoked_at_the_terminal() {
    let mut world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml").display().to_string();
    let database = world.database_url();
    let variables = [("API_KEYS_FILE", path.as_str()), ("DATABASE_URL", &database)];
    let keys = |arguments: &str| {
        program(&[&["keys"][..], &arguments.split(' ').collect::<Vec<_>>()].concat(), &variables)
    };
    let new = "new --name flow --role operator --scope dry_run --scope end_date --org 00D000000000001EAA --object Opportunity --object 801 \
               --address 203.0.113.0/24 --requests-per-minute 60 --expires 2099-12-31";
    let (code, key, said) = keys(new);
    assert!(
        code == 0
            && key.starts_with("s2m_")
            && said.contains("an API key was made")
            && said.contains("cli:"),
        "{said}"
    );
    let (code, _, _) = keys("new --name ops --role operator --address 127.0.0.1");
    assert_eq!(code, 0);
    for (arguments, part) in [
        ("new --name x --role caller --scope all", "`all` is not a scope"),
        ("new --name x --role caller --scope end_date", "only an `operator` may end billing"),
        ("new --name x --role caller --address 10.0.0.0/40", "neither an address nor a network"),
        ("new --name x --role caller --org 001000000000001", "not an organization ID"),
        ("new --name x --role caller --object O'Hara", "is not an object"),
        ("new --name x --role caller --expires soon", "is not a day"),
        ("new --name x --role caller --expires 2026-01-01", "is in the past"),
        ("new --name ops --role viewer", "the name has another role further up"),
        ("revoke ops", "this cannot be taken back, and nobody can be asked here"),
        ("revoke nobody --yes", "has no key `nobody`; it has `flow`, `ops`"),
        ("revoke ops --key 000000000000 --yes", "has no key `ops 000000000000`"),
    ] {
        let before = std::fs::read_to_string(&path).unwrap();
        let (code, _, said) = keys(arguments);
        assert!(code == 2 && said.contains(part), "{arguments}: {code} {said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "nothing was written");
    }
    let (code, said, _) = keys("check");
    assert!(code == 0 && said.contains("green ") && said.contains("has 2 valid keys"), "{said}");
    // What a service lets in, it remembers: also when it stops before the minute is over.
    let secret = key.trim().to_owned();
    let file = path.clone();
    world
        .reconfigure(move |config| {
            let callers = sync_to_m3ter::callers::Callers::from_file(file.clone().into()).unwrap();
            config.access.callers = Some(callers);
            config.access.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .await;
    let request = world
        .client()
        .get(world.url("/nothing"))
        .bearer_auth(&secret)
        .header("x-forwarded-for", "203.0.113.7");
    // The org of the key is not the emulator's: it is known, and turned away.
    assert_eq!(world.send(request).await.0, 403);
    world.restart(100).await;
    let (code, listed, said) = keys("list");
    assert_eq!(code, 0, "{said}");
    let words: Vec<&str> = listed.split_whitespace().collect();
    for word in ["flow", "ops", "dry_run,", "2099-12-31", "203.0.113.0/24;", "never"] {
        assert!(words.contains(&word), "{word} is not in\n{listed}");
    }
    assert!(!listed.contains("s2m_") && listed.matches("never").count() == 1, "{listed}");
    // A broken line, a key that has ended: each with its line.
    let text = std::fs::read_to_string(&path).unwrap();
    let old = format!(
        "[[key]]\nname = \"old\"\nrole = \"caller\"\nexpires = 2026-01-31\nhash = \"{}\"\n",
        new_key().hash
    );
    std::fs::write(
        &path,
        format!("{}{old}", text.replace("\"operator\"\naddresses", "\"boss\"\naddresses")),
    )
    .unwrap();
    let (code, said, _) = keys("check");
    let line = |part: &str| text.lines().position(|line| line == part).unwrap() + 1;
    let wrong = format!("line {}: key `ops`: `boss` is not a role", line("name = \"ops\"") + 1);
    assert!(
        code == 1
            && said.contains(&wrong)
            && said.contains("key `old`: it expired (`expires = \"2026-01-31\"`)"),
        "{said}"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o602)).unwrap();
    let (code, said, _) = keys("check");
    assert!(code == 1 && said.contains("chmod go-w"), "{said}");
}
