//! One caller at its limit for two minutes, and another one who asks for one record now and then.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value as Json;
use tokio::task::JoinSet;

use crate::Figures;
use crate::baseline;
use crate::limit::REQUESTS_PER_SECOND;
use crate::world::{KEYS, Setup, World, send};

const LATENCY: Duration = Duration::from_millis(80);
/// How long the busy caller keeps to its limit: what it may ask for at once, and then in a second.
const LASTS: Duration = Duration::from_mins(2);
const AT_ONCE: usize = 200;
const EVERY: Duration = Duration::from_millis(100);
/// Records of the busy caller, of two lines each: no two of its requests that wait are the same.
const RECORDS: usize = 1_500;
/// Between two syncs of the other caller, and how often it syncs while it is alone.
const PAUSE: Duration = Duration::from_millis(500);
const ALONE: usize = 20;
const DELAY_LIMIT_S: f64 = 0.5;
const MEMORY_LIMIT_MB: f64 = 64.0;

pub(crate) async fn measure(figures: &mut Figures) {
    println!(
        "A single sync beside a caller at its limit for {} s, with m3ter's limit, latency of {} ms",
        LASTS.as_secs(),
        LATENCY.as_millis()
    );
    let seen = beside_a_busy_caller(Setup::default()).await;
    let before = match baseline::before_turns() {
        Some(program) => {
            let seen = beside_a_busy_caller(Setup { program, ..Setup::default() }).await;
            format!(
                "before {:.2} s, {} of {} not ended in time, {:.0} MB",
                seen.p99 - seen.alone,
                seen.unended,
                seen.syncs,
                seen.memory_mb
            )
        }
        None => String::new(),
    };
    let note = format!(
        "of {} syncs, {:.2} s and alone {:.2} s; {before}",
        seen.syncs, seen.p99, seen.alone
    );
    figures.at_most(
        "the other caller's p99, minus alone",
        seen.p99 - seen.alone,
        DELAY_LIMIT_S,
        "s",
        note,
    );
    figures.at_most("its syncs that did not end in time", count(seen.unended), 0.0, "syncs", "");
    figures.at_most("refused with 429 by m3ter", count(seen.refused), 0.0, "callouts", "");
    let note = format!(
        "the busy caller's requests: {} accepted, {} refused with 429",
        seen.accepted, seen.turned_away
    );
    figures.at_most("the most memory", seen.memory_mb, MEMORY_LIMIT_MB, "MB", note);
}

struct Seen {
    alone: f64,
    p99: f64,
    syncs: usize,
    unended: usize,
    refused: usize,
    accepted: usize,
    turned_away: usize,
    memory_mb: f64,
}

async fn beside_a_busy_caller(setup: Setup<'_>) -> Seen {
    let limit = REQUESTS_PER_SECOND.to_string();
    // The limit of a caller is the one that the service has unless it is told otherwise.
    let settings = [
        ("M3TER_REQUESTS_PER_SECOND", limit.as_str()),
        ("API_KEYS_FILE", KEYS),
        ("CALLER_REQUESTS_PER_MINUTE", "600"),
    ];
    let world = World::of(Setup { settings: &settings, ..setup }).await;
    let (flow, erp) = (world.caller("flow"), world.caller("erp"));
    let products = world.add_products(2);
    let deals: Vec<String> = (0..RECORDS).map(|_| world.add_deal(&products)).collect();
    let deal = world.add_deal(&products);
    // A key counts within a moment of its being in the file.
    while sync(&world, &erp, &deal).await.0 != 200 || begin(&world, &flow, &deals[0]).await != 202 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.set_latency(LATENCY);
    world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
    let mut alone = Vec::new();
    for _ in 0..ALONE {
        tokio::time::sleep(PAUSE).await;
        alone.push(sync(&world, &erp, &deal).await.2.as_secs_f64());
    }
    world.take_requests();

    let started = Instant::now();
    let mut requests = JoinSet::new();
    let mut next =
        deals.iter().enumerate().skip(1).map(|(number, deal)| {
            (deal.clone(), if number % 2 == 0 { "&dryRun=true" } else { "" })
        });
    let ask_for = |requests: &mut JoinSet<u16>, (deal, more): (String, &'static str)| {
        let (flow, url) = (
            flow.clone(),
            world.service.url(&format!("/sync-to-m3ter/{deal}?waitSeconds=0{more}")),
        );
        requests
            .spawn(async move { send(flow.post(url)).await.expect("an answer").status().as_u16() });
    };
    for request in next.by_ref().take(AT_ONCE) {
        ask_for(&mut requests, request);
    }
    let busy = async {
        let mut ticks = tokio::time::interval(EVERY);
        while started.elapsed() < LASTS {
            ticks.tick().await;
            ask_for(&mut requests, next.next().expect("enough records"));
        }
    };
    let other = async {
        let mut answers = Vec::new();
        while started.elapsed() < LASTS {
            tokio::time::sleep(PAUSE).await;
            answers.push(sync(&world, &erp, &deal).await);
        }
        answers
    };
    let ((), answers) = tokio::join!(busy, other);
    let statuses = requests.join_all().await;
    let (_, m3ter) = world.take_requests();
    let mut took: Vec<f64> = answers.iter().map(|(.., took)| took.as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    Seen {
        alone: percentile_99(alone),
        p99: percentile_99(took),
        syncs: answers.len(),
        unended: answers
            .iter()
            .filter(|(status, result, _)| {
                (*status, &result["syncStatus"]) != (200, &Json::from("Completed"))
            })
            .count(),
        refused: crate::quote::refused(&m3ter),
        accepted: statuses.iter().filter(|status| **status == 202).count(),
        turned_away: statuses.iter().filter(|status| **status == 429).count(),
        memory_mb: world.service.peak_memory_mb(),
    }
}

async fn sync(world: &World, caller: &Client, deal: &str) -> (u16, Json, Duration) {
    let started = Instant::now();
    let answer = send(caller.post(world.service.url(&format!("/sync-to-m3ter/{deal}"))))
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a whole answer");
    (status, serde_json::from_slice(&body).unwrap_or_default(), started.elapsed())
}

async fn begin(world: &World, caller: &Client, deal: &str) -> u16 {
    send(caller.post(world.service.url(&format!("/sync-to-m3ter/{deal}?waitSeconds=0"))))
        .await
        .expect("an answer")
        .status()
        .as_u16()
}

pub(crate) fn percentile_99(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * 99).div_ceil(100) - 1]
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
