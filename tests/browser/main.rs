//! The console in a real browser: `walk.mjs` goes through every page as a stranger, a viewer and an
//! operator, on two replicas that share a database; `ugly_walk.mjs` looks at every page with data as
//! no example has it. axe-core and `judge.mjs` look at each page, in both themes and every width.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, PgPool};
use sync_to_m3ter::app::App;
use sync_to_m3ter::callers::{Callers, Role, append, new_key};
use sync_to_m3ter::command::sandbox;
use sync_to_m3ter::sync::{Readiness, Scope};
use sync_to_m3ter_sandbox::{Emulator, m3ter, salesforce};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
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

/// What a sync may take: a vendor that is away is given up after a while.
const SYNC_TIME: Duration = Duration::from_secs(20);

fn add_key(file: &Path, name: &str, role: Role) -> anyhow::Result<String> {
    let new = new_key();
    append(file, name, role, &new.hash)?;
    Ok(new.key.expose_secret().to_owned())
}

/// The service between two emulators, with a key for each who looks.
struct World {
    org: Emulator<salesforce::Salesforce>,
    organization: Emulator<m3ter::M3ter>,
    viewer: String,
    operator: String,
    addresses: Vec<String>,
    serving: Vec<JoinHandle<anyhow::Result<()>>>,
    shutdown: CancellationToken,
    _keys: TempDir,
}

impl World {
    /// With so many replicas, which share a database.
    async fn new(replicas: usize) -> anyhow::Result<Self> {
        let org = salesforce::start(0).await?;
        let organization = m3ter::start(0).await?;
        let directory = tempfile::tempdir()?;
        let keys = directory.path().join("keys.toml");
        let viewer = add_key(&keys, "watch", Role::Viewer)?;
        let operator = add_key(&keys, "ops", Role::Operator)?;
        // A key that nobody uses, with a name as long as one may be.
        add_key(&keys, &"a-key.of_".repeat(7), Role::Caller)?;
        let database_url = database().await?;
        let shutdown = CancellationToken::new();
        let (mut addresses, mut serving) = (Vec::new(), Vec::new());
        for _ in 0..replicas {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address: SocketAddr = listener.local_addr()?;
            let mut config =
                sandbox::config(&org.base_url(), &organization.base_url(), "unused", address)?;
            config.database_url.clone_from(&database_url);
            config.access.callers = Some(Callers::from_file(keys.clone())?);
            config.limits.time = SYNC_TIME;
            let app = App::new(&config, Scope::Everything).await?;
            while app.syncs.load().await != Readiness::Ready {}
            let shutdown = shutdown.clone();
            serving.push(tokio::spawn(async move { app.serve(listener, shutdown).await }));
            addresses.push(format!("http://{address}"));
        }
        Ok(Self {
            org,
            organization,
            viewer,
            operator,
            addresses,
            serving,
            shutdown,
            _keys: directory,
        })
    }

    /// Lets a script look in a browser, which prints what is wrong.
    async fn look(self, script: &str, arguments: Vec<String>) -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let modules = folder.join("node_modules/playwright-core");
        assert!(modules.exists(), "playwright-core is not installed; run scripts/test once");
        let script = folder.join(script);
        let looking = tokio::task::spawn_blocking(move || {
            Command::new("node").arg(script).args(arguments).output()
        });
        let looked = looking.await??;
        self.shutdown.cancel();
        for served in self.serving {
            served.await??;
        }
        let (told, failed) =
            (String::from_utf8_lossy(&looked.stdout), String::from_utf8_lossy(&looked.stderr));
        assert!(looked.status.success(), "{told}\n{failed}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_walks_through_the_console_and_axe_finds_nothing() {
    let world = World::new(2).await.unwrap();
    let keys = [world.viewer.clone(), world.operator.clone()];
    let arguments = world.addresses.iter().cloned().chain(keys).collect();
    world.look("walk.mjs", arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_the_console_is_too_wide_or_breaks_an_id_however_ugly_its_data() {
    let world = World::new(1).await.unwrap();
    let vendors = [world.org.base_url(), world.organization.base_url()];
    let operator = world.operator.clone();
    let arguments = world.addresses.iter().cloned().chain(vendors).chain([operator]).collect();
    world.look("ugly_walk.mjs", arguments).await.unwrap();
}
