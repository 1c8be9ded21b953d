//! The critical path: a sync's time divided by the latency of both vendors, and the callouts that
//! it makes.

use std::time::Duration;

use crate::Figures;
use crate::world::{World, median};

/// Far above what the program itself takes, so that the quotient counts round trips.
const LATENCY: Duration = Duration::from_millis(100);
const RUNS: usize = 5;
/// One query, one list, Account, Contract beside Plans, what lies under them, the write-back.
const NEW_DEAL_LIMIT: f64 = 6.5;
/// The query, beside it a list of each kind.
const REPEATED_DEAL_LIMIT: f64 = 1.3;

pub(crate) async fn measure(figures: &mut Figures) {
    println!(
        "Round trips: time of a sync / latency of {} ms, the median of {RUNS}",
        LATENCY.as_millis()
    );
    let world = World::start().await;
    world.set_latency(LATENCY);
    let products = world.add_products(20);
    // The connections to both vendors are there, as in a service that has run for a moment.
    world.sync(&world.add_deal(&products)).await;
    for lines in [1, 5, 20] {
        let (mut first, mut again) = (Vec::new(), Vec::new());
        let (mut first_callouts, mut again_callouts) = (0, 0);
        for _ in 0..RUNS {
            let deal = world.add_deal(&products[..lines]);
            world.take_requests();
            first.push(in_round_trips(world.sync(&deal).await.1));
            first_callouts = world.take_callouts();
            again.push(in_round_trips(world.sync(&deal).await.1));
            again_callouts = world.take_callouts();
        }
        figures.at_most(
            &format!("new deal, {lines} lines"),
            median(first),
            NEW_DEAL_LIMIT,
            "round trips",
            format!("{first_callouts} callouts"),
        );
        figures.at_most(
            &format!("the same deal again, {lines} lines"),
            median(again),
            REPEATED_DEAL_LIMIT,
            "round trips",
            format!("{again_callouts} callouts"),
        );
    }
}

fn in_round_trips(took: Duration) -> f64 {
    took.as_secs_f64() / LATENCY.as_secs_f64()
}
