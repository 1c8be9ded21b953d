//! A thousand callers for one record: what they cost, in the callouts of one sync.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value as Json;

use crate::Figures;
use crate::postgres::Server;
use crate::world::World;

const CALLERS: usize = 1_000;
/// The first sync lasts six of these: long enough for all callers to come while it runs.
const LATENCY: Duration = Duration::from_millis(500);
/// The one that runs and the one that waits.
const RUNS_LIMIT: f64 = 2.0;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!("{CALLERS} callers at once for one record");
    for (name, database) in [("SQLite", None), ("PostgreSQL", Some(server.database()))] {
        // All of them come from one address.
        let world = World::with(database, &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
        let products = world.add_products(1);
        let (one, shared) = (world.add_deal(&products), world.add_deal(&products));
        world.take_requests();
        world.sync(&one).await;
        let new = world.take_callouts();
        world.sync(&one).await;
        let repeated = world.take_callouts();

        world.set_latency(LATENCY);
        let results: Vec<Json> = join_all((0..CALLERS).map(|_| world.ask_for(&shared))).await;
        let made = world.take_callouts();
        let runs: BTreeSet<&str> =
            results.iter().map(|result| result["syncRunId"].as_str().expect("a run")).collect();
        // Those for whom there is no place to wait hear at once that the sync continues.
        let waited = results.iter().filter(|result| result["syncStatus"] == "Completed").count();
        let others = results
            .iter()
            .filter(|result| {
                result["errorCode"] == "TIME_LIMIT_EXCEEDED" && result["retryable"] == true
            })
            .count();
        assert_eq!(waited + others, CALLERS, "no other answers");
        let note =
            format!("for {CALLERS} answers, {others} of them at once: look at the run later");
        figures.at_most(&format!("syncs, {name}"), count(runs.len()), RUNS_LIMIT, "runs", note);
        let note = format!("one sync takes {new} of a new deal, {repeated} of the same again");
        figures.at_most(
            &format!("callouts, {name}"),
            count(made),
            count(new + repeated),
            "callouts",
            note,
        );
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
