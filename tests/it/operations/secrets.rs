//! Secrets in files: read again when they change, on either side and in the middle of syncs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_to_m3ter::salesforce::Credentials;
use sync_to_m3ter::secret::Secret;
use sync_to_m3ter_sandbox::control::{Control, FaultKind};
use tempfile::TempDir;

use crate::operations::commands::run_with;
use crate::support::*;
use crate::sync::refused_login::repeated;

/// A service whose secrets are in files.
struct Sealed {
    world: World,
    directory: TempDir,
}

/// Whose secret is rotated.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Salesforce,
    M3ter,
}

impl Sealed {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["salesforce", "m3ter-key", "m3ter"] {
            std::fs::write(directory.path().join(name), "sandbox\n").unwrap();
        }
        let at = |name: &str| directory.path().join(name);
        let (salesforce, key, m3ter) = (at("salesforce"), at("m3ter-key"), at("m3ter"));
        let world = World::with_config(move |config| {
            let file = |path: &PathBuf| Secret::in_file("A_FILE", path.clone());
            config.runs.lease = Duration::from_secs(3);
            config.salesforce.credentials = Credentials::ClientSecret(file(&salesforce));
            config.m3ter.api_key = file(&key);
            config.m3ter.api_secret = file(&m3ter);
        });
        Self { world: world.await, directory }
    }

    fn file(&self, side: Side) -> PathBuf {
        self.directory.path().join(if side == Side::Salesforce { "salesforce" } else { "m3ter" })
    }

    fn vendor(&self, side: Side) -> &Control {
        if side == Side::Salesforce { &self.world.org } else { &self.world.organization }
    }

    /// The logins that a vendor was asked for so far, with their statuses.
    fn logins(&self, side: Side) -> Vec<u16> {
        let requests = self.vendor(side).requests().into_iter();
        requests
            .filter(|request| request.path.ends_with("/token"))
            .filter_map(|request| request.status)
            .collect()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..600 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} did not come about");
    }

    async fn expire_tokens(&self, side: Side) {
        let url = if side == Side::Salesforce {
            self.world.org.base_url()
        } else {
            self.world.organization.base_url()
        };
        assert_eq!(
            self.world.send(self.world.client().delete(format!("{url}/sandbox/tokens"))).await.0,
            200
        );
    }

    async fn ended(&self, run: &str) -> Option<String> {
        let (_, text) = self.world.get(&format!("/sync-runs/{run}")).await;
        let run: Json = serde_json::from_str(&text).unwrap();
        run["syncStatus"].as_str().filter(|_| run["state"] == "ended").map(ToOwned::to_owned)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_replaces_the_working_one() {
    for side in [Side::Salesforce, Side::M3ter] {
        let sealed = Sealed::new().await;
        assert_all(&sealed.world.sync(DEAL).await, "created");
        // Both are good for a while: the new one is tried although nobody has refused the old one.
        sealed.vendor(side).set_credentials(&[("sandbox", "sandbox"), ("sandbox", "new")]);
        std::fs::write(sealed.file(side), "new\n").unwrap();
        sealed.until("a login with the new secret", async || sealed.logins(side).len() == 2).await;
        sealed.vendor(side).set_credentials(&[("sandbox", "new")]);
        sealed.expire_tokens(side).await;
        assert_all(&sealed.world.sync(DEAL).await, "unchanged");
        assert!(
            sealed.logins(side).iter().all(|status| *status == 200),
            "nothing was refused: {:?}",
            sealed.logins(side)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_that_does_not_log_in_leaves_the_old_one_in_use() {
    for side in [Side::Salesforce, Side::M3ter] {
        let sealed = Sealed::new().await;
        assert_all(&sealed.world.sync(DEAL).await, "created");
        std::fs::write(sealed.file(side), "mistyped").unwrap();
        sealed
            .until("a login with the mistyped secret", async || sealed.logins(side).len() == 2)
            .await;
        // The token ends: the old secret gives another one.
        sealed.expire_tokens(side).await;
        assert_all(&sealed.world.sync(DEAL).await, "unchanged");
        let spoils: [fn(&Path); 2] = [
            |path| std::fs::write(path, "\n").unwrap(),
            |path| std::fs::remove_file(path).unwrap(),
        ];
        for spoil in spoils {
            spoil(&sealed.file(side));
            sealed.expire_tokens(side).await;
            assert_all(&sealed.world.sync(DEAL).await, "unchanged");
        }
        assert_eq!(sealed.world.get("/readyz").await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_vendor_rotated_first_is_picked_up_from_the_file_and_nothing_is_lost() {
    for side in [Side::Salesforce, Side::M3ter] {
        let sealed = Sealed::new().await;
        let world = &sealed.world;
        // In the middle of a sync, the secret and the token of one side go.
        world.fault("POST", "/contracts", FaultKind::Delay { ms: 1_000 });
        let (status, begun) = world.post(&format!("/sync-to-m3ter/{DEAL}?waitSeconds=0"), "").await;
        assert_eq!(status, 202);
        let run = begun["syncRunId"].as_str().unwrap().to_owned();
        sealed
            .until("a contract under way", async || {
                !world.m3ter_writes().iter().all(|write| write.path != "/contracts")
            })
            .await;
        sealed.vendor(side).set_credentials(&[("sandbox", "new")]);
        sealed.expire_tokens(side).await;
        sealed.until("the end of the run", async || sealed.ended(&run).await.is_some()).await;
        let refused = world.sync(FIVE_LINES).await;
        let code =
            if side == Side::Salesforce { "SALESFORCE_AUTH_FAILED" } else { "M3TER_AUTH_FAILED" };
        assert_eq!(refused["errorCode"], code, "{refused:#}");
        std::fs::write(sealed.file(side), "new").unwrap();
        // What the refused login ended is run again by itself.
        let other = refused["syncRunId"].as_str().unwrap();
        let again = repeated(world, other).await;
        assert_eq!(again["syncStatus"], "Completed", "{again:#}");
        assert_eq!(world.sync(DEAL).await["syncStatus"], "Completed");
        // One was there from the beginning.
        assert_eq!(world.objects("contracts").len(), 3, "each is there once");
        assert_all(&world.sync(DEAL).await, "unchanged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_key_that_changes_while_the_service_runs_signs_the_next_login() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key.pem");
    let ((first, first_public), (second, second_public)) =
        (crate::operations::outbound::key_pair(), crate::operations::outbound::key_pair());
    std::fs::write(&file, &first).unwrap();
    let mut world = World::new().await;
    let trusts = |world: &World, public: &str| {
        world.org.vendor().rules(&json!({ "jwtPublicKey": public })).unwrap();
    };
    trusts(&world, &first_public);
    let of_file = file.clone();
    world
        .reconfigure(move |config| {
            config.salesforce.credentials = Credentials::SignedAssertion {
                username: sync_to_m3ter_sandbox::salesforce::INTEGRATION_USERNAME.to_owned(),
                key: Secret::in_file("SALESFORCE_PRIVATE_KEY_FILE", of_file.clone()),
            };
        })
        .await;
    let sealed = Sealed { world, directory };
    sealed.world.org.clear_requests();
    assert_all(&sealed.world.sync(DEAL).await, "created");
    // The org trusts the new one alone, and the token still serves.
    trusts(&sealed.world, &second_public);
    std::fs::write(&file, &second).unwrap();
    sealed
        .until("a login signed with the new key", async || {
            sealed.logins(Side::Salesforce).last() == Some(&200)
        })
        .await;
    sealed.expire_tokens(Side::Salesforce).await;
    assert_all(&sealed.world.sync(DEAL).await, "unchanged");
    // One that is no key is told, and the one before continues.
    std::fs::write(&file, "no key").unwrap();
    sealed.expire_tokens(Side::Salesforce).await;
    assert_all(&sealed.world.sync(DEAL).await, "unchanged");
    let logins = sealed.logins(Side::Salesforce);
    assert!(logins.iter().all(|status| *status == 200), "nothing was refused: {logins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_reported_by_the_refused_login_and_by_the_check() {
    let mut world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = run_with(&world, directory.path(), &["check"], &[]).await;
    assert!(code == 0 && !said.contains("clock"), "{said}");
    world.org.set_clock_offset(600);
    world.organization.set_clock_offset(-45);
    let (code, said) = run_with(&world, directory.path(), &["check"], &[]).await;
    assert!(
        code == 0 && said.contains("the clock of this machine is 10 min behind Salesforce's"),
        "{said}"
    );
    assert!(said.contains("s ahead of m3ter's; correct it"), "{said}");
    let (private, public) = crate::operations::outbound::key_pair();
    world.org.vendor().rules(&json!({ "jwtPublicKey": public })).unwrap();
    let username = sync_to_m3ter_sandbox::salesforce::INTEGRATION_USERNAME.to_owned();
    world
        .reconfigure(move |config| {
            config.salesforce.credentials = Credentials::SignedAssertion {
                username: username.clone(),
                key: private.clone().into(),
            };
        })
        .await;
    let refused = world.sync(DEAL).await;
    assert_eq!(refused["errorCode"], "SALESFORCE_AUTH_FAILED");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains("expired authorization code")
            && message.contains("min behind Salesforce's; correct it"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_requests_do_not_go_through_a_proxy() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    // Nobody listens there: whatever asked it would fail.
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
        .map(|name| (name, "http://127.0.0.1:9"));
    let (code, said) = run_with(&world, directory.path(), &["sync", DEAL], &proxies).await;
    assert!(code == 0 && said.contains("Completed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_in_the_wrong_place_is_shown() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().display().to_string();
    for variables in [
        &[("M3TER_BASE_URL", "https://me:hunter2@api.m3ter.com")][..],
        &[("DATABASE_URL", "postgres://me:hunter2@db.example/x")],
        &[
            ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/x?hunter3=hunter4"),
            ("RUST_LOG", "trace"),
        ],
        &[
            ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/x?sslmode=hunter3"),
            ("RUST_LOG", "trace"),
        ],
        &[("DATABASE_URL", "sqlite://x.db?mode=hunter2"), ("RUST_LOG", "trace")],
        &[("DATABASE_URL", "hunter2hunter2hunter2hunter2")],
        &[
            ("M3TER_ORG_ID", "hunter2"),
            ("SYNC_TIME_LIMIT", "hunter3"),
            ("LISTEN_ADDRESS", "hunter4"),
        ],
        &[("LOG_FORMAT", "hunter2")],
        &[("RUST_LOG", "hunter2=hunter3=hunter4")],
        &[("M3TER_API_SECRET", "hunter2"), ("M3TER_API_SECRET_FILE", folder.as_str())],
        &[("M3TER_API_SECRET", ""), ("M3TER_API_SECRET_FILE", folder.as_str())],
    ] {
        let (code, said) =
            run_with(&world, directory.path(), &["runs", "replay", "abc"], variables).await;
        assert!(code == 2 && !said.contains("hunter"), "{variables:?}: {code} {said}");
        let name = variables[0].0;
        let is_connected = said.contains("127.0.0.1:1/x");
        assert!(said.contains(name) || is_connected, "{name} is not named: {said}");
    }
}
