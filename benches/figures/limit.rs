//! New deals under m3ter's real limit, in each way in which m3ter may count its second.

use std::time::{Duration, Instant};

use futures::future::join_all;
use sync_to_m3ter_sandbox::control::Counting;

use crate::Figures;
use crate::baseline;
use crate::quote::{most_within_a_second, refused};
use crate::world::{Setup, World, median};

const LATENCY: Duration = Duration::from_millis(80);
/// m3ter's limit of an organization, which the emulator enforces here.
pub(crate) const REQUESTS_PER_SECOND: u32 = 50;
/// A window as the service counts it is over after this: a caller that waits so long has rested.
const REST: Duration = Duration::from_millis(1_200);
/// The lines of a deal and the most round trips that it may take. By arithmetic 20 lines need 17.5
/// and 40 lines 30.
const DEALS: [(usize, f64); 5] = [(1, 6.5), (5, 6.6), (14, 6.8), (20, 18.5), (40, 32.0)];
/// Of ten deals of three lines at once, until the last one has ended.
const TEN_DEALS_LIMIT_S: f64 = 2.9;
const RUNS: usize = 3;
/// Where the calendar's seconds begin makes a difference: each run has another one.
const OFFSETS_MS: [u64; RUNS] = [0, 333, 666];

/// How m3ter may count.
#[derive(Clone, Copy)]
enum Second {
    Calendar,
    Sliding,
    Bucket,
}

impl Second {
    const ALL: [Self; 3] = [Self::Calendar, Self::Sliding, Self::Bucket];

    fn name(self) -> &'static str {
        match self {
            Self::Calendar => "by the clock",
            Self::Sliding => "any second",
            Self::Bucket => "a bucket",
        }
    }

    fn counting(self, run: usize) -> Counting {
        match self {
            Self::Calendar => Counting::Calendar { offset: Duration::from_millis(OFFSETS_MS[run]) },
            Self::Sliding => Counting::Sliding,
            Self::Bucket => Counting::Bucket,
        }
    }
}

/// What the runs of one kind of deal took, and what m3ter saw.
#[derive(Default)]
struct Seen {
    took: Vec<f64>,
    refused: usize,
    worst_second: usize,
}

pub(crate) async fn measure(figures: &mut Figures) {
    println!(
        "New deals under m3ter's limit of {REQUESTS_PER_SECOND} requests a second, latency of {} ms, rested (the median of {RUNS})",
        LATENCY.as_millis()
    );
    let limit = REQUESTS_PER_SECOND.to_string();
    let settings = [("M3TER_REQUESTS_PER_SECOND", limit.as_str())];
    let today =
        Deals::new(World::of(Setup { settings: &settings, ..Setup::default() }).await).await;
    let before = match baseline::before_turns() {
        Some(program) => Some(
            Deals::new(World::of(Setup { program, settings: &settings, ..Setup::default() }).await)
                .await,
        ),
        None => None,
    };
    for second in Second::ALL {
        println!("  m3ter counts {}", second.name());
        let mut all = Seen::default();
        for (lines, limit) in DEALS {
            let seen = today.one_at_a_time(lines, second).await;
            let note = match &before {
                Some(before) => format!(
                    "before {:.2}",
                    in_round_trips(median(before.one_at_a_time(lines, second).await.took))
                ),
                None => String::new(),
            };
            figures.at_most(
                &format!("new deal, {lines} lines"),
                in_round_trips(median(seen.took.clone())),
                limit,
                "round trips",
                note,
            );
            all.add(&seen);
        }
        let seen = today.ten_at_once(second).await;
        let note = match &before {
            Some(before) => format!("before {:.2}", median(before.ten_at_once(second).await.took)),
            None => String::new(),
        };
        figures.at_most(
            "10 deals of 3 lines at once",
            median(seen.took.clone()),
            TEN_DEALS_LIMIT_S,
            "s",
            note,
        );
        all.add(&seen);
        figures.at_most("refused with 429", count(all.refused), 0.0, "callouts", "");
        figures.at_most(
            "callouts within the worst second",
            count(all.worst_second),
            f64::from(REQUESTS_PER_SECOND),
            "callouts",
            "",
        );
    }
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        self.worst_second = self.worst_second.max(other.worst_second);
    }
}

/// One program with products for the largest deal.
struct Deals {
    world: World,
    products: Vec<String>,
}

impl Deals {
    async fn new(world: World) -> Self {
        let most = DEALS.iter().map(|(lines, _)| *lines).max().expect("a few");
        let products = world.add_products(most);
        world.set_latency(LATENCY);
        // The connections to both vendors are there, as in a service that has run for a moment.
        world.sync(&world.add_deal(&products)).await;
        world.organization.set_requests_per_second(Some(REQUESTS_PER_SECOND));
        Self { world, products }
    }

    async fn one_at_a_time(&self, lines: usize, second: Second) -> Seen {
        self.rested(second, async || {
            let deal = self.world.add_deal(&self.products[..lines]);
            self.world.sync(&deal).await.1
        })
        .await
    }

    async fn ten_at_once(&self, second: Second) -> Seen {
        self.rested(second, async || {
            let deals: Vec<String> =
                (0..10).map(|_| self.world.add_deal(&self.products[..3])).collect();
            let started = Instant::now();
            join_all(deals.iter().map(|deal| self.world.sync(deal))).await;
            started.elapsed()
        })
        .await
    }

    async fn rested(&self, second: Second, sync: impl AsyncFn() -> Duration) -> Seen {
        let mut seen = Seen::default();
        for run in 0..RUNS {
            tokio::time::sleep(REST).await;
            self.world.organization.set_counting(second.counting(run));
            self.world.take_requests();
            seen.took.push(sync().await.as_secs_f64());
            let (_, m3ter) = self.world.take_requests();
            seen.add(&Seen {
                took: Vec::new(),
                refused: refused(&m3ter),
                worst_second: most_within_a_second(&m3ter),
            });
        }
        seen
    }
}

fn in_round_trips(seconds: f64) -> f64 {
    seconds / LATENCY.as_secs_f64()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a few thousand"))
}
