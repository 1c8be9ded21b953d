//! The limiter on paused time, with the vendor as the sandbox counts.

use std::sync::Arc;

use sync_to_m3ter_sandbox::control::{Counting, RequestLimit};

use super::super::turn::Class;
use super::*;

impl Limiter {
    /// Takes a place and uses it.
    async fn wait(&self, at_most: Duration) -> bool {
        let place = self.place(&Turn::WITHOUT_RUN, Urgency::Run, at_most).await;
        place.map(|mut place| place.used()).is_some()
    }
}

const MARGIN: Duration = Duration::from_millis(20);
pub(super) const WINDOW: Duration = Duration::from_millis(1_020);

pub(super) fn limited(requests_per_second: u32) -> Limiter {
    Limiter::new(requests_per_second, MARGIN)
}

/// How many pass at once.
async fn burst(limiter: &Limiter) -> usize {
    let mut passed = 0;
    while passed < 100 && limiter.wait(Duration::ZERO).await {
        passed += 1;
    }
    passed
}

#[tokio::test(start_paused = true)]
async fn a_share_is_valid_until_it_expires() {
    let limiter = limited(50);
    let until = Instant::now() + 3 * WINDOW;
    for places in [50, 25, 5, 0] {
        limiter.set_share_until(places, until);
        assert_eq!(burst(&limiter).await, usize::try_from(places).unwrap());
        tokio::time::advance(WINDOW).await;
    }
    limiter.set_share_until(50, until);
    assert_eq!(burst(&limiter).await, 0);
    limiter.set_share_until(50, until + 2 * WINDOW);
    assert_eq!(burst(&limiter).await, 50);
    for unlimited in [Limiter::without_limit(), limited(0)] {
        unlimited.set_share_until(0, Instant::now());
        assert_eq!(burst(&unlimited).await, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn no_second_exceeds_the_limit_and_all_pass_in_order() {
    let limiter = Arc::new(limited(50));
    let started = Instant::now();
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                assert!(limiter.wait(Duration::from_mins(1)).await);
                started.elapsed()
            })
        })
        .collect();
    let mut passed = Vec::new();
    for waiting in waiting {
        passed.push(waiting.await.unwrap());
    }
    assert!(passed.is_sorted(), "whoever came first passes first: {passed:?}");
    let most = passed
        .iter()
        .map(|from| passed.iter().filter(|at| (*from..*from + WINDOW).contains(*at)).count())
        .max();
    assert_eq!(most, Some(50));
    // As early as they may be: all of a window at once, and the next ones when it is over.
    assert_eq!((passed[49], passed[199]), (Duration::ZERO, 3 * WINDOW));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_share_gives_no_second_window() {
    let limiter = limited(50);
    assert_eq!(burst(&limiter).await, 50);
    tokio::time::advance(Duration::from_millis(500)).await;
    limiter.set_share(25);
    assert_eq!(burst(&limiter).await, 0, "what was spent stays spent");
    tokio::time::advance(Duration::from_millis(520)).await;
    assert_eq!(burst(&limiter).await, 25);
    limiter.set_share(50);
    assert_eq!(burst(&limiter).await, 25);
    limiter.set_share(10);
    tokio::time::advance(WINDOW).await;
    assert_eq!(burst(&limiter).await, 10);
}

/// Whatever comes whenever: no window is too full, and no place is withheld without need.
#[tokio::test(start_paused = true)]
async fn places_are_given_as_early_as_the_window_allows() {
    let mut random = fastrand::Rng::with_seed(13);
    for limit in [1, 2, 7, 50] {
        let limiter = limited(limit);
        let limit = usize::try_from(limit).unwrap();
        let mut taken: Vec<Instant> = Vec::new();
        for _ in 0..2_000 {
            tokio::time::advance(Duration::from_micros(random.u64(0..60_000))).await;
            let now = Instant::now();
            let in_window = taken.iter().rev().take_while(|at| now - **at < WINDOW).count();
            let has_place = limiter.wait(Duration::ZERO).await;
            assert_eq!(has_place, in_window < limit, "{in_window} of {limit}");
            if has_place {
                taken.push(now);
            }
        }
    }
}

/// m3ter does not say how it counts its second. A caller without a pause is not refused in any
/// way of counting, though requests arrive with the delays that the margin is for.
#[tokio::test(start_paused = true)]
async fn no_request_is_refused_however_the_vendor_counts_its_second() {
    let limiter = limited(50);
    let mut random = fastrand::Rng::with_seed(29);
    let started = Instant::now();
    let mut arrivals = Vec::new();
    for round in 0..1_000 {
        // Without a pause at first, then with some.
        if round > 500 {
            tokio::time::advance(Duration::from_micros(random.u64(0..60_000))).await;
        }
        assert!(limiter.wait(Duration::from_mins(1)).await);
        arrivals.push(started.elapsed() + Duration::from_micros(random.u64(0..20_000)));
    }
    arrivals.sort_unstable();
    let calendars = (0..1_000)
        .step_by(50)
        .map(|offset_ms| Counting::Calendar { offset: Duration::from_millis(offset_ms) });
    for counting in calendars.chain([Counting::Sliding, Counting::Bucket]) {
        let mut limit = RequestLimit::new(Some(50), counting);
        let refused = arrivals.iter().filter(|at| !limit.admit(**at)).count();
        assert_eq!(refused, 0, "{counting:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_suspension_of_the_process_missed_places_are_not_made_up_for() {
    let limiter = Arc::new(limited(50));
    assert_eq!(burst(&limiter).await, 50);
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.wait(Duration::from_mins(1)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    // The clock continues while nothing of the process does.
    tokio::time::advance(Duration::from_secs(30)).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.iter().filter(|waiting| waiting.is_finished()).count(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everybody_and_callouts_without_time_for_it_fail_at_once() {
    let limiter = limited(50);
    let place = limiter.place(&Turn::WITHOUT_RUN, Urgency::Run, Duration::ZERO).await.unwrap();
    place.refused(Duration::from_secs(2));
    place.refused(Duration::from_secs(1));
    drop(place);
    assert!(!limiter.wait(Duration::from_secs(1)).await);
    let started = Instant::now();
    assert!(limiter.wait(Duration::from_secs(3)).await);
    assert_eq!(started.elapsed(), Duration::from_secs(2));
}

/// Waits for a place in a task, uses it and says who it was for.
fn spawn(
    limiter: &Arc<Limiter>,
    class: Class,
    caller: &str,
    run: u128,
    order: &Arc<Mutex<Vec<(Class, String)>>>,
) {
    let (limiter, order, caller) = (Arc::clone(limiter), Arc::clone(order), caller.to_owned());
    tokio::spawn(async move {
        let turn =
            Turn { class, caller: Some(caller.as_str().into()), run: uuid::Uuid::from_u128(run) };
        let place = limiter.place(&turn, Urgency::Run, Duration::from_mins(10)).await;
        place.unwrap().used();
        order.lock().unwrap().push((class, caller));
    });
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_many_callouts_does_not_keep_others_waiting() {
    let (limiter, order) = (Arc::new(limited(10)), Arc::default());
    for run in 0..100 {
        spawn(&limiter, Class::Awaited, "many", run, &order);
    }
    tokio::time::sleep(WINDOW / 2).await;
    spawn(&limiter, Class::Awaited, "one", 1_000, &order);
    spawn(&limiter, Class::Replay, "old", 1_001, &order);
    tokio::time::sleep(2 * WINDOW).await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 30);
    for caller in ["one", "old"] {
        let position = order.iter().position(|(_, served)| served == caller);
        assert!(
            position.is_some_and(|position| (10..20).contains(&position)),
            "{caller} has a place in the next window: {position:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_callout_that_gives_up_passes_its_place_on() {
    let (limiter, order) = (Arc::new(limited(1)), Arc::default());
    assert_eq!(burst(&limiter).await, 1);
    // It looks at the clock for all, and goes away.
    let mut first = Box::pin(limiter.wait(Duration::from_mins(1)));
    assert!(futures::poll!(&mut first).is_pending());
    spawn(&limiter, Class::Awaited, "a", 1, &order);
    tokio::task::yield_now().await;
    drop(first);
    tokio::time::sleep(WINDOW + Duration::from_millis(1)).await;
    assert_eq!(order.lock().unwrap().len(), 1);
    // It has a place, and goes away before it takes it.
    let mut given = Box::pin(limiter.wait(Duration::from_mins(1)));
    assert!(futures::poll!(&mut given).is_pending());
    spawn(&limiter, Class::Awaited, "b", 2, &order);
    tokio::time::advance(WINDOW).await;
    limiter.give();
    drop(given);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(order.lock().unwrap().len(), 2);
    // One that does not use what it has taken leaves it to the next one.
    tokio::time::sleep(WINDOW).await;
    drop(limiter.place(&Turn::WITHOUT_RUN, Urgency::Run, Duration::ZERO).await.unwrap());
    assert_eq!(burst(&limiter).await, 1);
    assert_eq!(limiter.need().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_counts_from_when_it_is_taken() {
    let limiter = Arc::new(limited(10));
    assert_eq!(burst(&limiter).await, 10);
    let mut waiting: Vec<_> =
        (0..20).map(|_| Box::pin(limiter.wait(Duration::from_mins(1)))).collect();
    for waiting in &mut waiting {
        assert!(futures::poll!(waiting).is_pending());
    }
    // The places are given, and nobody is there to take them until long after.
    tokio::time::advance(WINDOW).await;
    limiter.give();
    tokio::time::advance(Duration::from_secs(30)).await;
    let mut passed = 0;
    for waiting in &mut waiting {
        passed += usize::from(futures::poll!(waiting).is_ready());
    }
    assert_eq!(passed, 10);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_only_given_if_its_callout_can_start() {
    let limiter = limited(50);
    let mut places = Vec::new();
    for _ in 0..2 {
        while let Some(mut place) =
            limiter.place(&Turn::WITHOUT_RUN, Urgency::Run, Duration::ZERO).await
        {
            place.used();
            places.push(place);
        }
        tokio::time::advance(WINDOW).await;
    }
    assert_eq!(places.len(), CONCURRENT_CALLOUTS, "of 100 places of two windows");
    // What is over makes room for one that waits.
    let waiting = limiter.wait(Duration::from_mins(1));
    let ended = async { drop(places.pop()) };
    assert!(tokio::join!(biased; waiting, ended).0);
    assert_eq!(limiter.need(), Need { in_window: 1, most_in_window: 1, waiting: 0 });
}

#[tokio::test(start_paused = true)]
async fn need_is_measured_over_the_last_window() {
    let limiter = limited(50);
    burst(&limiter).await;
    tokio::time::advance(WINDOW / 2).await;
    assert_eq!(limiter.need(), Need { in_window: 50, most_in_window: 50, waiting: 0 });
    tokio::time::advance(WINDOW / 2).await;
    limiter.set_share(3);
    assert_eq!(burst(&limiter).await, 3);
    assert_eq!(limiter.need(), Need { in_window: 3, most_in_window: 3, waiting: 0 });
    limiter.set_share(0);
    tokio::time::advance(WINDOW).await;
    assert_eq!(burst(&limiter).await, 0);
    let waiting = limiter.wait(Duration::from_mins(1));
    let more = async { limiter.set_share(1) };
    assert!(tokio::join!(biased; waiting, more).0, "whoever waits has it at once");
}

/// Keeps so many callouts of a class waiting from now on; says how many have passed.
pub(super) fn saturate(
    limiter: &Arc<Limiter>,
    class: Class,
    callouts: u128,
) -> Arc<Mutex<Vec<Instant>>> {
    let passed: Arc<Mutex<Vec<Instant>>> = Arc::default();
    for run in 0..callouts {
        let (limiter, passed) = (Arc::clone(limiter), Arc::clone(&passed));
        tokio::spawn(async move {
            let turn = Turn { class, caller: Some("many".into()), run: uuid::Uuid::from_u128(run) };
            while let Some(mut place) =
                limiter.place(&turn, Urgency::Run, Duration::from_mins(10)).await
            {
                place.used();
                passed.lock().unwrap().push(Instant::now());
            }
        });
    }
    passed
}

/// How long a callout that somebody waits for must wait, for each of so many.
async fn waits(limiter: &Limiter, callouts: usize) -> Vec<Duration> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut waits = Vec::new();
    for run in 0..callouts {
        tokio::time::sleep(Duration::from_millis(random.u64(100..2_000))).await;
        let asked = Instant::now();
        let turn = Turn {
            class: Class::Awaited,
            caller: Some("one".into()),
            run: uuid::Uuid::from_u128(1_000 + run as u128),
        };
        limiter.place(&turn, Urgency::Run, Duration::from_mins(1)).await.unwrap().used();
        waits.push(asked.elapsed());
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn beside_others_that_use_the_whole_limit_a_callout_waits_for_one_place_and_not_for_a_second()
{
    for class in [Class::Accepted, Class::Replay, Class::Awaited] {
        let limiter = Arc::new(limited(50));
        let passed = saturate(&limiter, class, 60);
        // Those that somebody waits for may take what there is at once, for a while.
        tokio::time::sleep(6 * WINDOW).await;
        let waits = waits(&limiter, 50).await;
        assert!(
            waits.iter().all(|wait| *wait <= Duration::from_millis(45)),
            "{class:?}: {waits:?}"
        );
        let passed = passed.lock().unwrap();
        let places = passed.len() + waits.len();
        let expected = (passed[passed.len() - 1] - passed[0]).as_millis() * 47 / 1_000;
        assert!(places as u128 > expected, "all places are used: {places}, not {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn background_callouts_are_spread_out_and_awaited_ones_are_not() {
    let limiter = Arc::new(limited(50));
    let passed = saturate(&limiter, Class::Accepted, 10);
    tokio::time::sleep(WINDOW / 2).await;
    assert_eq!(passed.lock().unwrap().len(), 25);
    let order = Arc::default();
    for run in 0..40 {
        spawn(&limiter, Class::Awaited, "one", run, &order);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(order.lock().unwrap().len() >= 16, "with two thirds of what is left");
}

/// Other users take some of m3ter's limit at random, and nobody says how much.
async fn beside_others(others_per_second: u64, seconds: u64) -> (usize, usize, Vec<u32>) {
    let limiter = limited(50);
    let mut vendor = RequestLimit::new(Some(50), Counting::Sliding);
    let mut random = fastrand::Rng::with_seed(17);
    let started = Instant::now();
    let mut other_at = Duration::ZERO;
    let (mut passed, mut refused, mut places) = (0, 0, Vec::new());
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut place =
            limiter.place(&Turn::WITHOUT_RUN, Urgency::Run, Duration::from_mins(1)).await.unwrap();
        place.used();
        while others_per_second > 0 && other_at <= started.elapsed() {
            vendor.admit(other_at);
            other_at += Duration::from_micros(random.u64(1..2_000_000 / others_per_second));
        }
        if vendor.admit(started.elapsed()) {
            passed += 1;
        } else {
            refused += 1;
            place.refused(SECOND);
        }
        places.push(limiter.gauges().places.unwrap()[2]);
    }
    (passed, refused, places)
}

#[tokio::test(start_paused = true)]
async fn other_users_of_the_limit_are_given_room() {
    let (_, refused, places) = beside_others(0, 60).await;
    assert_eq!((refused, places.iter().min()), (0, Some(&50)), "alone");
    for (others, at_least, most_refused) in [(10, 32, 20), (25, 19, 30), (40, 6, 60)] {
        let (passed, refused, places) = beside_others(others, 120).await;
        assert!(
            passed >= at_least * 120 && refused <= most_refused,
            "{others} a second: {passed} passed, {refused} refused"
        );
        assert!(places.iter().all(|places| (5..=50).contains(places)));
    }
}
