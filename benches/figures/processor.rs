//! The processor time of the service, beside an earlier program in the same run, and how it grows
//! with a deal.

use std::path::PathBuf;

use futures::future::join_all;

use crate::Figures;
use crate::baseline;
use crate::postgres::Server;
use crate::world::{Setup, World, median};

const ROUNDS: usize = 5;
const CALLERS: usize = 32;
const LARGE: usize = 800;
const MANY_SYNCS: usize = 10_000;

const SYNC_LIMIT: f64 = 0.5;
const SYNCS_BY_THE_CLOCK_LIMIT: f64 = 1.4;
const SYNCS_BY_THE_PROCESSOR_LIMIT: f64 = 2.0;
const GROWTH_LIMIT: f64 = 2.2;
const IDLE_MEMORY_LIMIT_MB: f64 = 25.0;
const SYNCS_MEMORY_LIMIT_MB: f64 = 30.0;
const LARGE_MEMORY_LIMIT_MB: f64 = 70.0;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!("Processor time of the service (the median of {ROUNDS} rounds)");
    if let Some(program) = baseline::before_the_house() {
        beside(figures, server, program).await;
    }
    growth(figures).await;
    memory(figures).await;
}

/// Today's program and the earlier one in turn.
async fn beside(figures: &mut Figures, server: &Server, program: PathBuf) {
    // The clock of a process counts hundredths of a second.
    for (lines, syncs) in [(1, 1_500), (20, 600)] {
        let now = Repeated::new(Setup::default(), lines, 1).await;
        let before =
            Repeated::new(Setup { program: program.clone(), ..Setup::default() }, lines, 1).await;
        let (mut today, mut earlier) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            today.push(now.round(syncs).await.processor_ms);
            earlier.push(before.round(syncs).await.processor_ms);
        }
        let (today, earlier) = (median(today), median(earlier));
        figures.at_most(
            &format!("a repeated sync of {lines} lines, by before"),
            today / earlier,
            SYNC_LIMIT,
            "times",
            format!("{today:.2} ms of the processor, {earlier:.2} before"),
        );
    }
    for (store, databases) in [
        ("SQLite", [None, None]),
        ("PostgreSQL", [Some(server.database()), Some(server.database())]),
    ] {
        let [today, earlier] = databases;
        let now = Repeated::new(Setup { database_url: today, ..Setup::default() }, 1, CALLERS);
        let setup = Setup { program: program.clone(), database_url: earlier, ..Setup::default() };
        let (now, before) = (now.await, Repeated::new(setup, 1, CALLERS).await);
        let (mut today, mut earlier) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            today.push(now.round(50).await);
            earlier.push(before.round(50).await);
        }
        let middle =
            |rounds: &[Round], of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
        let clock = |rounds: &[Round]| middle(rounds, |round| round.clock_ms);
        let processor = |rounds: &[Round]| middle(rounds, |round| round.processor_ms);
        figures.at_least(
            &format!("syncs of {CALLERS} callers by the clock, {store}"),
            clock(&earlier) / clock(&today),
            SYNCS_BY_THE_CLOCK_LIMIT,
            "times",
            format!(
                "{:.0} a second, {:.0} before",
                1000.0 / clock(&today),
                1000.0 / clock(&earlier)
            ),
        );
        figures.at_least(
            &format!("… for each second of its processor, {store}"),
            processor(&earlier) / processor(&today),
            SYNCS_BY_THE_PROCESSOR_LIMIT,
            "times",
            format!("{:.2} ms a sync, {:.2} before", processor(&today), processor(&earlier)),
        );
    }
}

/// A deal of twice as many lines.
async fn growth(figures: &mut Figures) {
    let (mut new, mut repeated) = (Vec::new(), Vec::new());
    for lines in [LARGE, 2 * LARGE] {
        // In one portion.
        let world = World::with(None, &[("SYNC_CALLOUT_LIMIT", "20000")]).await;
        let products = world.add_products(lines);
        let deal = world.add_deal(&products);
        for measured in [&mut new, &mut repeated] {
            let before = world.service.processor_ms();
            world.sync(&deal).await;
            measured.push(world.service.processor_ms() - before);
        }
        if lines > LARGE {
            figures.at_most(
                "memory during a deal of 1,600 lines",
                world.service.peak_memory_mb(),
                LARGE_MEMORY_LIMIT_MB,
                "MB",
                "",
            );
        }
    }
    for (what, measured) in [("a new deal", new), ("the same again", repeated)] {
        figures.at_most(
            &format!("{what}, {} lines by {LARGE}", 2 * LARGE),
            measured[1] / measured[0],
            GROWTH_LIMIT,
            "times",
            format!("{:.0} ms of the processor, {:.0}", measured[0], measured[1]),
        );
    }
}

async fn memory(figures: &mut Figures) {
    let world = World::start().await;
    let idle = world.service.memory_mb();
    let note = |own: f64| format!("{own:.1} MB of it not the program's file");
    figures.at_most("memory, idle", idle.0, IDLE_MEMORY_LIMIT_MB, "MB", note(idle.1));
    let callers = Repeated::of(world, 1, CALLERS).await;
    callers.round(MANY_SYNCS / CALLERS).await;
    let (resident, own) = callers.world.service.memory_mb();
    figures.at_most(
        &format!("memory after {MANY_SYNCS} syncs"),
        resident,
        SYNCS_MEMORY_LIMIT_MB,
        "MB",
        note(own),
    );
}

/// Deals that are synced already, one for each caller.
struct Repeated {
    world: World,
    deals: Vec<String>,
}

/// What one sync took.
struct Round {
    clock_ms: f64,
    processor_ms: f64,
}

impl Repeated {
    async fn new(setup: Setup<'_>, lines: usize, callers: usize) -> Self {
        Self::of(World::of(setup).await, lines, callers).await
    }

    async fn of(world: World, lines: usize, callers: usize) -> Self {
        let products = world.add_products(lines);
        let deals: Vec<String> = (0..callers).map(|_| world.add_deal(&products)).collect();
        for deal in &deals {
            world.sync(deal).await;
        }
        Self { world, deals }
    }

    /// So many syncs of each caller.
    async fn round(&self, syncs: usize) -> Round {
        let (processor, clock) = (self.world.service.processor_ms(), std::time::Instant::now());
        join_all(self.deals.iter().map(|deal| async move {
            for _ in 0..syncs {
                self.world.sync(deal).await;
            }
        }))
        .await;
        self.world.take_requests();
        let count = f64::from(u32::try_from(syncs * self.deals.len()).expect("some thousands"));
        Round {
            clock_ms: clock.elapsed().as_secs_f64() * 1000.0 / count,
            processor_ms: (self.world.service.processor_ms() - processor) / count,
        }
    }
}
