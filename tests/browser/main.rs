//! The console in a real browser: `walk.mjs` goes through every page as a stranger, a viewer and an
//! operator, on two replicas that share a database, and axe-core looks at each.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, PgPool};
use sync_to_m3ter::app::App;
use sync_to_m3ter::callers::{Callers, Role, append, new_key};
use sync_to_m3ter::command::sandbox;
use sync_to_m3ter::sync::{Readiness, Scope};
use sync_to_m3ter_sandbox::{m3ter, salesforce};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A new, empty database on the server of `scripts/test`.
async fn database() -> anyhow::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "only the test script knows where its server is")]
    let url = std::env::var("TEST_POSTGRES_URL").expect("run the tests with `scripts/test`");
    let server = PgPool::connect(&url).await?;
    let name = format!("test_{}", Uuid::new_v4().simple());
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&server).await?;
    server.close().await;
    let (server, _) = url.rsplit_once('/').context("the URL names a database")?;
    Ok(format!("{server}/{name}"))
}

fn add_key(file: &Path, name: &str, role: Role) -> anyhow::Result<String> {
    let new = new_key();
    append(file, name, role, &new.hash)?;
    Ok(new.key.expose_secret().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_walks_through_the_console_and_axe_finds_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let modules = folder.join("node_modules/playwright-core");
    assert!(modules.exists(), "playwright-core is not installed; run scripts/test once");
    let org = salesforce::start(0).await.unwrap();
    let organization = m3ter::start(0).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.toml");
    let viewer = add_key(&keys, "watch", Role::Viewer).unwrap();
    let operator = add_key(&keys, "ops", Role::Operator).unwrap();
    let database_url = database().await.unwrap();
    let shutdown = CancellationToken::new();
    let (mut addresses, mut serving) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let mut config =
            sandbox::config(&org.base_url(), &organization.base_url(), "unused", address).unwrap();
        config.database_url.clone_from(&database_url);
        config.access.callers = Some(Callers::from_file(keys.clone()).unwrap());
        let app = App::new(&config, Scope::Everything).await.unwrap();
        while app.syncs.load().await != Readiness::Ready {}
        let shutdown = shutdown.clone();
        serving.push(tokio::spawn(async move { app.serve(listener, shutdown).await.unwrap() }));
        addresses.push(format!("http://{address}"));
    }
    let walk = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("node");
        command.arg(folder.join("walk.mjs")).args(&addresses).args([viewer, operator]);
        command.output().unwrap()
    });
    let walk = walk.await.unwrap();
    shutdown.cancel();
    for served in serving {
        served.await.unwrap();
    }
    let (told, failed) =
        (String::from_utf8_lossy(&walk.stdout), String::from_utf8_lossy(&walk.stderr));
    assert!(walk.status.success(), "{told}\n{failed}");
}
