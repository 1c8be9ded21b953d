//! Syncs per second with many callers, on both stores, with vendors that answer at once.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::Figures;
use crate::postgres::Server;
use crate::world::{World, median};

const CALLERS: usize = 32;
/// Syncs of each caller in one round, each of a record of its own.
const SYNCS: usize = 20;
const ROUNDS: usize = 7;
/// How much slower the service may be with `PostgreSQL`, whose server shares the machine here.
const RATE_LIMIT: f64 = 2.0;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!(
        "Syncs per second, {CALLERS} callers, vendors that answer at once (the median of {ROUNDS} rounds of {})",
        CALLERS * SYNCS
    );
    let on_sqlite = Callers::new(World::start().await).await;
    let on_postgres = Callers::new(World::with(Some(server.database()), &[]).await).await;
    let (mut sqlite, mut postgres) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        sqlite.push(on_sqlite.syncs_per_second().await);
        postgres.push(on_postgres.syncs_per_second().await);
    }
    let (sqlite, postgres) = (median(sqlite), median(postgres));
    Figures::note(
        "on SQLite",
        format!("{sqlite:.0}"),
        "repeated syncs a second; the emulators take their part of the machine",
    );
    Figures::note(
        "on PostgreSQL",
        format!("{postgres:.0}"),
        "repeated syncs a second, with its server on the same machine",
    );
    figures.at_most("SQLite's rate by PostgreSQL's", sqlite / postgres, RATE_LIMIT, "times", "");
}

/// Each with a record of its own, which was synced once.
struct Callers {
    world: World,
    deals: Vec<String>,
}

impl Callers {
    async fn new(world: World) -> Self {
        let products = world.add_products(1);
        let deals: Vec<String> = (0..CALLERS).map(|_| world.add_deal(&products)).collect();
        join_all(deals.iter().map(|deal| world.sync(deal))).await;
        Self { world, deals }
    }

    async fn syncs_per_second(&self) -> f64 {
        let started = Instant::now();
        join_all(self.deals.iter().map(|deal| async move {
            for _ in 0..SYNCS {
                self.world.sync(deal).await;
            }
        }))
        .await;
        let syncs = u32::try_from(CALLERS * SYNCS).expect("a few hundred");
        f64::from(syncs) / started.elapsed().max(Duration::from_millis(1)).as_secs_f64()
    }
}
