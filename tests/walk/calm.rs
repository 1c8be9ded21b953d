//! The quiet point: everything that was wrong is over, each deal is synced until nothing is written
//! any more, and then the judge looks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sync_to_m3ter_sandbox::control::LoggedRequest;

use crate::completed::{self, Changes};
use crate::foretold;
use crate::judge::{Broken, judge};
use crate::ops::{Op, Target};
use crate::rest;
use crate::world::World;

/// Runs end much earlier, take-overs and their time among it; a machine may be busy.
const RUNS_END_WITHIN: Duration = Duration::from_secs(30);
/// A sync that meets what another one left behind may need a second one, and its write-back a
/// third.
const MAX_PASSES: usize = 5;

/// The last answer of each deal.
pub(crate) type Answers = BTreeMap<u32, Json>;

/// Lets the world come to rest and judges it.
pub(crate) async fn quiet(world: &mut World, lies: Vec<(Vec<Op>, u32)>) -> Vec<Broken> {
    for fault in world.cluster.requests().iter().filter_map(|request| request.fault) {
        world.tally.count("fault", fault);
    }
    calm(world).await;
    clear(world);
    let mut broken = ended(world).await;
    if !broken.is_empty() {
        return broken;
    }
    world.look_again().await;
    world.look_at_ends();
    let wrong = std::mem::take(&mut world.told.lock().unwrap().wrong);
    broken.extend(wrong.into_iter().map(|what| Broken::new("answer", what, &[])));
    broken.extend(rest::others_lines(world));
    broken.extend(completed::stays_done(world).await);
    let (answers, unrest) = settle(world).await;
    broken.extend(unrest);
    broken.extend(judge(world, &answers));
    broken.extend(rest::who_is_who(world, &answers));
    broken.extend(rest::removed_lines(world, &answers));
    if broken.is_empty() {
        broken.extend(rest::lies(world, lies, &answers).await);
        broken.extend(ended(world).await);
        world.look_again().await;
    }
    world.tally.count("checked", "quiet points");
    // The lies were no changes.
    world.changes = Changes::default();
    broken
}

/// Ends all that is wrong.
async fn calm(world: &mut World) {
    world.calm_down();
    world.start_all().await;
    world.answered().await;
}

/// Every run has ended: those that callers were told of, and all others.
async fn ended(world: &mut World) -> Vec<Broken> {
    let deadline = Instant::now() + RUNS_END_WITHIN;
    let told: Vec<String> = world.told.lock().unwrap().kept_runs();
    world.tally.add("checked", "accepted requests", told.len() as u64);
    let mut open = vec!["unknown".to_owned()];
    while !open.is_empty() && Instant::now() < deadline {
        let mut pages = "/sync-runs?limit=200".to_owned();
        let mut runs: Vec<Json> = Vec::new();
        loop {
            let url = world.url(0).expect("all processes live");
            let Some((200, page)) = world.cluster.get_from(&url, &pages).await else { break };
            runs.extend(page["syncRuns"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(cursor) => pages = format!("/sync-runs?limit=200&cursor={cursor}"),
                None => break,
            }
        }
        let by_id: BTreeMap<&str, &Json> =
            runs.iter().map(|run| (run["syncRunId"].as_str().unwrap(), run)).collect();
        open = runs.iter().filter(|run| run["state"] != "ended").map(ToString::to_string).collect();
        open.extend(
            told.iter()
                .filter(|run| !by_id.contains_key(run.as_str()))
                .map(|run| format!("{run} is not in the list")),
        );
        if open.is_empty() {
            world.count_takeovers(&runs);
            let mut told = world.told.lock().unwrap();
            told.forget_runs(&runs);
            let mut broken = told.broken_promises(&world.tally, &runs);
            let silent =
                runs.iter().filter(|run| run.get("syncStatus").is_none() && run["kind"] != "links");
            broken.extend(silent.map(|run| {
                Broken::new(
                    "every run has an end",
                    format!("it ended without a status: {run}"),
                    &[],
                )
            }));
            return broken;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    open.into_iter()
        .map(|run| Broken::new("every run ends", format!("it has not ended: {run}"), &[]))
        .collect()
}

/// Syncs each deal again and again until nothing is written: the last answers, and what was not as
/// it must be.
async fn settle(world: &mut World) -> (Answers, Vec<Broken>) {
    let deals: Vec<u32> = world
        .ids
        .keys()
        .filter_map(|target| if let Target::Deal(deal) = target { Some(*deal) } else { None })
        .collect();
    let mut answers = Answers::new();
    let mut broken = Vec::new();
    for pass in 0..MAX_PASSES {
        let mut written = Vec::new();
        for deal in &deals {
            let id = world.id(Target::Deal(*deal)).unwrap().to_owned();
            clear(world);
            let dry = if pass == 0 {
                Some((ask(world, *deal, "?dryRun=true").await, writes(world)))
            } else {
                None
            };
            clear(world);
            let answer = ask(world, *deal, "").await;
            let writes = writes(world);
            if let Some((dry, dry_writes)) = dry {
                broken.extend(
                    dry_writes
                        .into_iter()
                        .map(|write| Broken::new("a dry run writes nothing", write, &[&id])),
                );
                broken.extend(
                    foretold::compare(&dry, &answer)
                        .into_iter()
                        .map(|what| Broken::new("dry runs foretell", what, &[&id])),
                );
                world.tally.count("checked", "dry runs against the sync after");
            }
            broken.extend(rest::astray(world, &id, &writes));
            if !writes.is_empty() {
                written.push((id, writes));
            }
            answers.insert(*deal, answer);
        }
        if written.is_empty() {
            world.tally.count("passes", &(pass + 1).to_string());
            return (answers, broken);
        }
        if pass + 1 == MAX_PASSES {
            for (id, writes) in written {
                broken.push(Broken::new(
                    "a further sync writes nothing",
                    format!("{writes:#?}"),
                    &[&id],
                ));
            }
        }
    }
    (answers, broken)
}

pub(crate) async fn ask(world: &mut World, deal: u32, query: &str) -> Json {
    let id = world.id(Target::Deal(deal)).unwrap().to_owned();
    let url = world.url(usize::try_from(deal).unwrap()).expect("all processes live");
    let path = format!("/sync-to-m3ter/{id}{query}");
    let (_, answer) =
        world.cluster.ask(&url, &path, &Json::Null).await.expect("a living process answers");
    world.note(&path, &answer);
    answer
}

fn clear(world: &World) {
    world.cluster.org.clear_requests();
    world.cluster.organization.clear_requests();
}

/// What was written at both vendors since the logs were cleared; what a vendor refused was not.
pub(crate) fn writes(world: &World) -> Vec<String> {
    let is_write = |request: &LoggedRequest| {
        matches!(request.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
            && !request.path.contains("token")
            && request.status.is_none_or(|status| status < 300)
    };
    let shown =
        |request: LoggedRequest| format!("{} {} {}", request.method, request.path, request.body);
    world.cluster.requests().into_iter().filter(is_write).map(shown).collect()
}
