//! A thousand requests that wait while m3ter does not answer, and who asks after the service's
//! health meanwhile.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::task::JoinSet;

use crate::Figures;
use crate::baseline;
use crate::world::{Setup, World, send};

const REQUESTS: usize = 1_050;
/// m3ter takes so long that no sync ends meanwhile.
const LATENCY: Duration = Duration::from_mins(1);
/// Until all requests have arrived.
const ARRIVAL: Duration = Duration::from_secs(5);
const CHECKS: usize = 20;
const HEALTH_LIMIT_MS: f64 = 100.0;
/// What a check counts as that is not answered; the others would not be either.
const GIVEN_UP: Duration = Duration::from_secs(5);
const MEMORY_LIMIT_MB: f64 = 64.0;

pub(crate) async fn measure(figures: &mut Figures) {
    println!("{REQUESTS} requests wait for one record of a vendor that does not answer");
    let seen = ask_beside_a_crowd(Setup::default()).await;
    let before = match baseline::before_turns() {
        Some(program) => {
            let seen = ask_beside_a_crowd(Setup { program, ..Setup::default() }).await;
            format!("before {:.0} ms, {:.0} MB", seen.slowest_ms, seen.memory_mb)
        }
        None => String::new(),
    };
    figures.at_most("/livez, the slowest answer", seen.slowest_ms, HEALTH_LIMIT_MS, "ms", before);
    let note =
        format!("{} answered at once, {} of them with their run", seen.answered, seen.recorded);
    figures.at_most("the most memory", seen.memory_mb, MEMORY_LIMIT_MB, "MB", note);
    figures.at_most(
        "answered at once without a run",
        count(seen.answered - seen.recorded),
        0.0,
        "requests",
        "",
    );
}

struct Seen {
    slowest_ms: f64,
    memory_mb: f64,
    answered: usize,
    recorded: usize,
}

async fn ask_beside_a_crowd(setup: Setup<'_>) -> Seen {
    // All of them come through one proxy.
    let world = World::of(Setup { settings: &[("TRUSTED_PROXIES", "127.0.0.1")], ..setup }).await;
    let deal = world.add_deal(&world.add_products(1));
    world.organization.set_latency(LATENCY);
    let mut waiting = JoinSet::new();
    for _ in 0..REQUESTS {
        let request = world.http.post(world.service.url(&format!("/sync-to-m3ter/{deal}")));
        waiting.spawn(async move {
            let answer = send(request).await.ok()?;
            let body = answer.bytes().await.ok()?;
            serde_json::from_slice::<Json>(&body).ok()
        });
    }
    tokio::time::sleep(ARRIVAL).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..CHECKS {
        // A probe has no connection yet.
        let probe = reqwest::Client::builder()
            .tls_certs_only([])
            .timeout(GIVEN_UP)
            .build()
            .expect("a client");
        let asked = Instant::now();
        let is_answered = send(probe.get(world.service.url("/livez")))
            .await
            .is_ok_and(|answer| answer.status().is_success());
        slowest = slowest.max(if is_answered { asked.elapsed() } else { GIVEN_UP });
        if !is_answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let memory_mb = world.service.peak_memory_mb();
    let (mut answered, mut recorded) = (0, 0);
    while let Some(answer) = waiting.try_join_next() {
        answered += 1;
        let answer = answer.expect("no panic");
        recorded += usize::from(answer.is_some_and(|answer| answer["syncRunId"].is_string()));
    }
    Seen { slowest_ms: slowest.as_secs_f64() * 1_000.0, memory_mb, answered, recorded }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
