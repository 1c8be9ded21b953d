//! Two replicas behind a real Caddy, with the project's own file, restarted one after the other
//! under load, and killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Figures;
use crate::postgres::Server;
use crate::world::{KEYS, World, free_address, send};

const LATENCY: Duration = Duration::from_millis(80);
/// Between two requests, each for a record of its own.
const EVERY: Duration = Duration::from_millis(40);
/// Before, between and after what happens to the replicas.
const PAUSE: Duration = Duration::from_secs(4);
/// Records: as many as are asked for while all that happens.
const RECORDS: usize = 2_500;
/// Until the runs of a process that was killed have ended in the other one.
const TAKEN_OVER: Duration = Duration::from_secs(20);
const SETTINGS: [(&str, &str); 3] =
    [("API_KEYS_FILE", KEYS), ("TRUSTED_PROXIES", "127.0.0.1"), ("RUN_LEASE", "3")];
/// Where the packages of systems and `scripts/test` put it.
const CADDY: [&str; 2] =
    ["/usr/bin/caddy", concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/caddy/usr/bin/caddy")];

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!("Two replicas behind Caddy under load: a request each {} ms", EVERY.as_millis());
    let mut world = World::with(Some(server.database()), &SETTINGS).await;
    let mut other = world.another(&SETTINGS).await;
    let products = world.add_products(1);
    let deals: Vec<String> = (0..RECORDS).map(|_| world.add_deal(&products)).collect();
    let caddy = Caddy::before(&world, [&world.service.address, &other.address]).await;
    world.set_latency(LATENCY);
    world.take_requests();
    let load = Load::begin(&world, &caddy, deals);

    tokio::time::sleep(PAUSE).await;
    tokio::task::block_in_place(|| world.service.stop());
    world.service = world.at(&world.service.address, &SETTINGS).await;
    tokio::time::sleep(PAUSE).await;
    tokio::task::block_in_place(|| other.stop());
    other = world.at(&other.address, &SETTINGS).await;
    tokio::time::sleep(PAUSE).await;
    let restarted = Instant::now();
    other.kill();
    let killed = Instant::now();
    tokio::time::sleep(PAUSE).await;
    let asked = load.end().await;
    let restarts: Vec<&Asked> = asked.iter().filter(|asked| asked.ended <= restarted).collect();
    let kill: Vec<&Asked> = asked.iter().filter(|asked| asked.ended > restarted).collect();
    let note = format!("of {}", restarts.len());
    figures.at_most("lost while both are restarted", count(lost(&restarts)), 0.0, "requests", note);
    let after: Vec<&Asked> = kill.iter().copied().filter(|asked| asked.begun > killed).collect();
    let note = format!(
        "of {}; {} of those that were under way are lost",
        after.len(),
        lost(&kill) - lost(&after)
    );
    figures.at_most("lost that came after a SIGKILL", count(lost(&after)), 0.0, "requests", note);

    // A request that the process had not recorded when it was killed was never accepted.
    let mut recorded = 0;
    for asked in &asked {
        let is_recorded = asked.status == Some(200) || has_run(&world, &caddy, &asked.record).await;
        recorded += usize::from(is_recorded);
    }
    let waited = Instant::now();
    while made(&world) < recorded && waited.elapsed() < TAKEN_OVER {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let note = format!("{} were lost before they were recorded", asked.len() - recorded);
    figures.at_least("carried out", count(made(&world)), count(recorded), "of as many", note);
    let twice = count(made(&world).saturating_sub(recorded));
    figures.at_most("carried out twice", twice, 0.0, "requests", "");
}

/// Whether the service knows a run of the record.
async fn has_run(world: &World, caddy: &Caddy, record: &str) -> bool {
    let url = format!("{}/sync-runs?parentRecordId={record}", caddy.url);
    let answer = send(world.http.get(url)).await.expect("an answer");
    let runs: serde_json::Value = answer.json().await.expect("a page of runs");
    !runs["syncRuns"].as_array().expect("a list of runs").is_empty()
}

/// How many contracts m3ter has made, one for each record.
fn made(world: &World) -> usize {
    let is_made = |request: &&sync_to_m3ter_sandbox::control::LoggedRequest| {
        request.method == "POST"
            && request.path.ends_with("/contracts")
            && request.status.is_some_and(|status| status < 300)
    };
    world.organization.requests().iter().filter(is_made).count()
}

fn lost(asked: &[&Asked]) -> usize {
    asked.iter().filter(|asked| asked.status != Some(200)).count()
}

/// One request.
struct Asked {
    record: String,
    begun: Instant,
    ended: Instant,
    /// Nothing if there was no answer.
    status: Option<u16>,
}

/// Requests one after the other, until it is ended.
struct Load {
    end: tokio::sync::oneshot::Sender<()>,
    asked: tokio::task::JoinHandle<Vec<Asked>>,
}

impl Load {
    fn begin(world: &World, caddy: &Caddy, deals: Vec<String>) -> Self {
        let (end, mut ended) = tokio::sync::oneshot::channel();
        let (http, url) = (world.http.clone(), caddy.url.clone());
        let asked = tokio::spawn(async move {
            let mut requests = JoinSet::new();
            let mut ticks = tokio::time::interval(EVERY);
            for deal in deals {
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = &mut ended => break,
                }
                let request = http.post(format!("{url}/sync-to-m3ter/{deal}"));
                requests.spawn(async move {
                    let begun = Instant::now();
                    let status = send(request).await.ok().map(|answer| answer.status().as_u16());
                    Asked { record: deal, begun, ended: Instant::now(), status }
                });
            }
            requests.join_all().await
        });
        Self { end, asked }
    }

    async fn end(self) -> Vec<Asked> {
        self.end.send(()).expect("there are enough records");
        self.asked.await.expect("no panic")
    }
}

/// A Caddy with deploy/Caddyfile. It ends with this.
struct Caddy {
    url: String,
    process: Child,
}

impl Caddy {
    async fn before(world: &World, replicas: [&String; 2]) -> Self {
        let program = CADDY.map(PathBuf::from).into_iter().find(|path| path.exists());
        let program = program.expect("Caddy is not installed: `scripts/test` fetches it");
        let url = format!("http://{}", free_address());
        let file = include_str!("../../deploy/Caddyfile")
            .replace("sync-1:8080 sync-2:8080", &format!("{} {}", replicas[0], replicas[1]));
        let path = world.path("Caddyfile");
        std::fs::write(&path, file).expect("a file");
        let process = Command::new(program)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&path)
            .env("SITE_ADDRESS", &url)
            .env("HOME", world.path(""))
            .stderr(Stdio::null())
            .spawn()
            .expect("Caddy starts");
        let caddy = Self { url, process };
        while !send(world.http.get(format!("{}/readyz", caddy.url)))
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        caddy
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
