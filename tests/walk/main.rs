//! A random walk against a model: what people, vendors and machines do at once, and what must hold
//! whenever it is quiet.
//!
//! `WALK_SECONDS` says how long each store is walked on, `WALK_SEED` where to begin;
//! CONTRIBUTING.md says how to read a failure.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod amended;
mod calm;
#[expect(dead_code, reason = "the walk has deals of its own")]
#[path = "../processes/cluster.rs"]
mod cluster;
mod completed;
#[path = "../it/support/document.rs"]
mod document;
mod ended;
mod excuses;
mod foretold;
mod judge;
mod keys;
mod model;
mod ops;
mod plan;
#[path = "../it/support/ports.rs"]
mod ports;
#[expect(dead_code, reason = "the walk has a server of its own")]
#[path = "../processes/postgres.rs"]
mod postgres;
mod rest;
mod story;
mod tally;
mod told;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use plan::Plan;
use story::Story;
use tally::Tally;
use world::{Store, World};

/// Of each store; both walk at once.
const SECONDS: u64 = 55;
/// Then the next seed begins, with a world of its own.
const SEED_LASTS: Duration = Duration::from_mins(1);
const ZONES: [&str; 4] = ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"];

/// What a walk must have met at least. The opening of each seed brings it about, whatever chance
/// does then.
const FLOORS: [(&str, &str, u64); 49] = [
    ("operation", "sync", 25),
    ("operation", "edit line", 9),
    ("operation", "clone", 3),
    ("operation", "merge", 1),
    ("operation", "kill -9", 3),
    ("operation", "end dating", 1),
    ("operation", "dry run", 1),
    ("operation", "replay", 1),
    ("operation", "edit in m3ter", 1),
    ("operation", "lagging lists", 1),
    ("checked", "accepted requests", 20),
    ("checked", "dry runs against the sync after", 40),
    ("checked", "fields", 500),
    ("checked", "identities", 100),
    ("checked", "lies at rest", 8),
    ("checked", "objects", 100),
    ("checked", "quiet points", 4),
    ("checked", "promised tries", 1),
    ("checked", "take-overs", 1),
    ("checked", "typed keys", 2),
    ("checked", "amendments", 1),
    ("checked", "completed syncs", 2),
    ("checked", "lines that run already", 1),
    ("checked", "write-backs", 100),
    ("fault", "status", 1),
    ("fault", "error", 1),
    ("fault", "dropBeforeEffect", 1),
    ("fault", "dropAfterEffect", 1),
    ("fault", "html", 1),
    ("fault", "truncated", 1),
    ("fault", "delay", 1),
    ("fault", "hangAfterEffect", 1),
    ("fault", "cutPage", 1),
    ("fault", "refuseRows", 1),
    ("finding", "REQUIRED_VALUE_BLANK", 1),
    ("finding", "END_NOT_AFTER_START", 1),
    ("finding", "PRICING_BANDS_INVALID", 1),
    ("finding", "PRICING_TYPE_MISSING", 1),
    ("finding", "OUTSIDE_CONTRACT_PERIOD", 1),
    ("finding", "FLAGGED", 1),
    ("finding", "ROW_REFUSED", 1),
    ("attention", "NOT_READY", 1),
    ("attention", "ENDED", 1),
    ("attention", "COMMITMENT_LEFT", 1),
    ("root", "Opportunity", 8),
    ("root", "Order", 4),
    ("root", "Contract", 4),
    ("root", "SBQQ__Quote__c", 4),
    ("root", "Account", 4),
];

/// Half of the walks end what a removed line made, the others leave it as the built-in mapping
/// does.
fn ends_lines(seed: u64) -> bool {
    !seed.is_multiple_of(2)
}

fn variable(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever walks by hand says how long, and from where"
    )]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not `{value}`")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_on_sqlite_finds_nothing() {
    walk(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_on_postgres_finds_nothing() {
    walk(Store::Postgres).await;
}

async fn walk(store: Store) {
    let tally = Arc::new(Tally::default());
    let until = Instant::now() + Duration::from_secs(variable("WALK_SECONDS").unwrap_or(SECONDS));
    let first = variable("WALK_SEED").unwrap_or(1);
    let mut failures = Vec::new();
    for seed in first.. {
        let began = Instant::now();
        if let Err(failure) = walk_one(store, seed, until.min(began + SEED_LASTS), &tally).await {
            say(&failure);
            failures.push(failure);
        }
        if Instant::now() >= until {
            break;
        }
    }
    say(&format!("{store:?}, from seed {first}:\n{}", tally.table()));
    let below = tally.below(&FLOORS);
    assert!(failures.is_empty(), "{} seeds failed:\n{}", failures.len(), failures.join("\n"));
    assert!(below.is_empty(), "the walk met too little: {below:#?}");
}

/// One seed until a moment, and to the end of its opening in any case.
async fn walk_one(
    store: Store,
    seed: u64,
    until: Instant,
    tally: &Arc<Tally>,
) -> Result<(), String> {
    let zone = ZONES[usize::try_from(seed % 4).unwrap()];
    let mut world = World::new(store, zone, ends_lines(seed), tally).await;
    let mut plan = Plan::new(seed, if store == Store::Sqlite { 1 } else { 3 });
    let mut history = Story::default();
    let began = Instant::now();
    let mut round = 0;
    while round < plan::OPENING || Instant::now() < until {
        for op in plan.next_round() {
            world.carry_out(&op).await;
            history.tell(round, op);
        }
        let broken = calm::quiet(&mut world, plan.lies()).await;
        if !broken.is_empty() {
            let shown: Vec<String> =
                broken.iter().take(3).map(|broken| history.shortened(&world, broken)).collect();
            let more = broken.len().saturating_sub(3);
            let head = format!(
                "{store:?}, WALK_SEED={seed}, zone {zone}, round {round}, after {:?}, and {more} more",
                began.elapsed()
            );
            return Err(format!("{head}\n{}", shown.join("\n")));
        }
        round += 1;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "what a walk met is for whoever walks")]
fn say(text: &str) {
    eprintln!("{text}");
}
