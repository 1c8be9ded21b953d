//! Two replicas that share m3ter's limit, of which one has work.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sync_to_m3ter_sandbox::control::{Counting, LoggedRequest};

use crate::Figures;
use crate::limit::REQUESTS_PER_SECOND;
use crate::postgres::Server;
use crate::quote::{most_within_a_second, refused};
use crate::world::World;

/// A rest in which both replicas find out that neither needs much.
const REST: Duration = Duration::from_secs(5);
const DEALS: usize = 20;
const LINES: usize = 5;
/// The busy one's places, of all.
const SHARE: f64 = 0.9;
/// From when on it has them, after its work came.
const AFTER_MS: u64 = 1_000;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!(
        "Two replicas, m3ter's limit of {REQUESTS_PER_SECOND} requests a second, one of them idle and then the other one"
    );
    let limit = REQUESTS_PER_SECOND.to_string();
    let settings = [("M3TER_REQUESTS_PER_SECOND", limit.as_str())];
    let mut world = World::with(Some(server.database()), &settings).await;
    let mut other = world.another(&settings).await;
    let products = world.add_products(LINES);
    world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
    world.organization.set_counting(Counting::Sliding);
    for what in ["the first one busy", "the second one busy"] {
        tokio::time::sleep(REST).await;
        let deals: Vec<String> = (0..DEALS).map(|_| world.add_deal(&products)).collect();
        world.take_requests();
        let started = Instant::now();
        join_all(deals.iter().map(|deal| world.sync(deal))).await;
        let took = started.elapsed();
        let (_, m3ter) = world.take_requests();
        let begun = m3ter.iter().map(|request| request.started_at).min().expect("some requests");
        let later: Vec<LoggedRequest> = m3ter
            .iter()
            .filter(|request| request.started_at >= begun + AFTER_MS)
            .cloned()
            .collect();
        let most = count(most_within_a_second(&later)) / f64::from(REQUESTS_PER_SECOND);
        let note = format!("{} callouts in {:.1} s", m3ter.len(), took.as_secs_f64());
        figures.at_least(
            &format!("its share after a second, {what}"),
            most,
            SHARE,
            "of the limit",
            note,
        );
        figures.at_most(
            "together within the worst second",
            count(most_within_a_second(&m3ter)),
            f64::from(REQUESTS_PER_SECOND),
            "callouts",
            "",
        );
        figures.at_most("refused with 429", count(refused(&m3ter)), 0.0, "callouts", "");
        std::mem::swap(&mut world.service, &mut other);
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
