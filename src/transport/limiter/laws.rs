//! What holds of the limiter whatever comes: random arrivals of all classes, callers and runs,
//! callouts that give up, places that are not used, refusals, shares that change, a process that is
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use tokio::task::JoinHandle;

use super::tests::{WINDOW, limited};
use super::*;

/// Timers are as exact as this.
const TICK: Duration = Duration::from_millis(3);

/// The limiter, and what the callouts through it have seen.
struct World {
    limiter: Arc<Limiter>,
    seen: Arc<Mutex<Vec<Taken>>>,
    given_up: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
    arrived: usize,
    stopped: usize,
}

/// A place that was taken and used, and how many there were in a window then.
#[derive(Debug, Clone, Copy)]
struct Taken {
    at: Instant,
    places: usize,
}

impl World {
    fn new(limit: u32) -> Self {
        let limiter = Arc::new(limited(limit));
        Self {
            limiter,
            seen: Arc::default(),
            given_up: Arc::default(),
            tasks: Vec::new(),
            arrived: 0,
            stopped: 0,
        }
    }

    fn places(&self) -> usize {
        places(&self.limiter)
    }

    /// One more callout: it waits as long as it can, uses its place or does not, is refused at
    /// times, and takes its time.
    fn arrive(&mut self, random: &mut Rng) {
        let class = Class::ALL[random.usize(0..Class::ALL.len())];
        let caller = ["a", "b", "c"][random.usize(0..3)];
        let turn = Turn {
            class,
            caller: Some(caller.into()),
            run: uuid::Uuid::from_u128(random.u128(0..4)),
        };
        let urgency =
            [Urgency::Everybody, Urgency::Run, Urgency::Others, Urgency::End][random.usize(0..4)];
        let patience = Duration::from_millis(if random.u8(0..4) == 0 {
            random.u64(0..2_000)
        } else {
            10_000_000
        });
        let (is_used, is_refused) = (random.u8(0..10) > 0, random.u16(0..200) == 0);
        let (pause, takes) = (
            Duration::from_millis(random.u64(100..1_500)),
            Duration::from_millis(random.u64(1..300)),
        );
        let (limiter, seen, given_up) =
            (Arc::clone(&self.limiter), Arc::clone(&self.seen), Arc::clone(&self.given_up));
        self.arrived += 1;
        self.tasks.push(tokio::spawn(async move {
            let Some(mut place) = limiter.place(&turn, urgency, patience).await else {
                given_up.fetch_add(1, Ordering::Relaxed);
                return;
            };
            if !is_used {
                return;
            }
            place.used();
            seen.lock().unwrap().push(Taken { at: place.taken_at, places: places(&limiter) });
            tokio::time::sleep(takes).await;
            if is_refused {
                place.refused(pause);
            }
        }));
    }

    /// Whether somebody waits who could have a place now.
    fn withholds(&self) -> bool {
        let now = Instant::now();
        let places = self.places();
        let state = self.limiter.state();
        let is_paused = state.paused_until.is_some_and(|until| until > now);
        let is_free = state.window.free_at(places, Duration::ZERO, now) <= now
            && state.under_way < CONCURRENT_CALLOUTS
            && places > 0;
        let is_left = state.window.free_at(places, LEFT_AFTER, now) <= now;
        let is_in_a_burst = state.queue.is_awaited() && state.given_in_a_row < BURSTS * places;
        // Where places are given evenly, the next one is due one part of a window after the last
        // one, as many as there were then.
        let seen = self.seen.lock().unwrap();
        let fewest = seen.iter().rev().take(10).map(|taken| taken.places.max(1)).min().unwrap_or(1);
        let is_due =
            seen.last().is_none_or(|last| last.at + WINDOW / u32::try_from(fewest).unwrap() <= now);
        let is_wanted = state.queue.has_weight() || (is_left && !state.queue.is_empty());
        !is_paused && is_free && is_wanted && (is_in_a_burst || is_due)
    }
}

fn places(limiter: &Limiter) -> usize {
    usize::try_from(limiter.gauges().places.unwrap()[2]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_window_is_too_full_no_place_is_withheld_and_nothing_is_left_behind() {
    for seed in 0..60 {
        let mut random = Rng::with_seed(seed);
        let limit = [1, 3, 10, 50][random.usize(0..4)];
        let mut world = World::new(limit);
        for step in 0..400 {
            match random.u8(0..20) {
                0..8 => (0..random.u32(0..=limit / 2 + 1)).for_each(|_| world.arrive(&mut random)),
                8 => world.limiter.set_share(random.u32(0..=limit)),
                9 => world.limiter.set_share(limit),
                10 => tokio::time::advance(Duration::from_millis(random.u64(0..5_000))).await,
                11 => {
                    let at = random.usize(0..world.tasks.len().max(1));
                    if let Some(task) = world.tasks.get(at).filter(|task| !task.is_finished()) {
                        task.abort();
                        world.stopped += 1;
                    }
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(random.u64(1..60))).await;
            let before = world.seen.lock().unwrap().len();
            if world.withholds() {
                tokio::time::sleep(TICK).await;
                let is_withheld = world.withholds() && world.seen.lock().unwrap().len() == before;
                assert!(
                    !is_withheld,
                    "seed {seed}, step {step}: somebody waits for a place that is free"
                );
            }
        }
        world.limiter.set_share(limit);
        tokio::time::sleep(Duration::from_hours(1)).await;
        let mut seen = world.seen.lock().unwrap().clone();
        seen.sort_by_key(|taken| taken.at);
        for (position, taken) in seen.iter().enumerate() {
            let in_window =
                seen[..=position].iter().filter(|earlier| earlier.at + WINDOW > taken.at).count();
            assert!(
                in_window <= taken.places,
                "seed {seed}: {in_window} in a window of {}",
                taken.places
            );
        }
        let state = world.limiter.state();
        assert_eq!((state.queue.len(), state.under_way), (0, 0), "seed {seed}");
        assert!(
            world.tasks.iter().all(JoinHandle::is_finished),
            "seed {seed}: all who could wait have had a place"
        );
        let (given_up, stopped) = (world.given_up.load(Ordering::Relaxed), world.stopped);
        assert!(
            seen.len() + given_up + stopped <= world.arrived && given_up < world.arrived / 2,
            "seed {seed}: {given_up} gave up"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_class_gets_its_part_of_the_places_while_all_wait() {
    let limiter = Arc::new(limited(50));
    let passed = Class::ALL.map(|class| super::tests::saturate(&limiter, class, 30));
    let all_wait_from = Instant::now() + WINDOW;
    tokio::time::sleep(31 * WINDOW).await;
    let since = |passed: Arc<Mutex<Vec<Instant>>>| {
        passed.lock().unwrap().iter().filter(|at| **at >= all_wait_from).count()
    };
    let [awaited, accepted, retry, replay, verification] = passed.map(since);
    let all = awaited + accepted + retry + replay;
    assert!(all > 29 * 48 && verification == 0, "{all} places, and nothing is left");
    for (places, weight) in [(awaited, 8), (accepted, 4), (retry, 2), (replay, 1)] {
        let part = all * weight / 15;
        assert!(places.abs_diff(part) <= 4, "{places}, and its part is {part}");
    }
}
