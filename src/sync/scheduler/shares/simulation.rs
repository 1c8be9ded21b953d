//! Replicas at random: they start, stop, die and end, the database loses answers, comes late or is
//! away, and each has a real limiter.
//!
//! One clock for all, which runs while a replica is stopped; everything else of a seed is always
//! the same. `SEEDS` says which are tried: a failure names its seed, to be tried alone.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, advance};

use super::BEAT_EVERY;
use crate::domain::share::{HeldShare, Leases, ReplicaRow, Share, Step};
use crate::transport::Limiter;

const SEEDS: Range<u64> = 0..100;
const LIMIT: u32 = 50;
const MARGIN: Duration = Duration::from_millis(20);
const LEASES: Leases = Leases { share: Duration::from_secs(3), run: Duration::from_secs(8) };
/// How long all of it continues at random, and then without faults until nothing moves any more.
const AT_RANDOM: Duration = Duration::from_secs(40);
const AT_REST: Duration = Duration::from_secs(12);

/// The table, with what the statements of `store::replicas` do to it.
struct Database {
    began: Instant,
    rows: BTreeMap<String, ReplicaRow>,
    is_away: bool,
    away_until: Instant,
    /// Messages that are carried out although nobody waits for them any more.
    late: Vec<(Instant, String, Message)>,
}

#[derive(Debug, Clone)]
enum Message {
    Read,
    Save(Step),
    Forget(Vec<ReplicaRow>),
    End(u32),
}

#[derive(Debug, Clone)]
enum Answer {
    Rows(Vec<ReplicaRow>),
    Saved(bool),
    Done,
}

/// What a replica is about: to send a message, or to read the answer.
enum Doing {
    Pausing,
    Sent { message: Message, asked_at: Instant },
    Awaiting { message: Message, asked_at: Instant, answer: Option<Answer> },
}

#[derive(Debug, Clone, Copy)]
enum Work {
    None,
    /// So many callouts now and then.
    Bursts(u32),
    /// As many as it may.
    AllThereIs,
}

struct Replica {
    id: String,
    share: Share,
    limiter: Limiter,
    rows: Vec<ReplicaRow>,
    doing: Doing,
    next: Instant,
    stopped_until: Option<Instant>,
    /// It alone cannot reach the database until then.
    cut_off_until: Option<Instant>,
    /// It was cut off, and has written nothing since.
    is_alone: bool,
    /// A lease from when its last write was asked for.
    leased_until: Instant,
    work: Work,
    waiting: u32,
}

struct World {
    seed: u64,
    random: Rng,
    database: Database,
    replicas: Vec<Replica>,
    started: u32,
    has_faults: bool,
    /// The callouts of all replicas in the window that ends now.
    taken: VecDeque<Instant>,
    most: usize,
    began: Instant,
    /// What happened of late.
    story: VecDeque<String>,
}

impl Database {
    fn carry_out(&mut self, id: &str, message: &Message) -> Answer {
        let now = self.now();
        match message {
            Message::Read => {
                let age = |row: &ReplicaRow| {
                    Duration::from_millis(u64::try_from(now - row.version - 1).unwrap_or(0))
                };
                Answer::Rows(
                    self.rows
                        .values()
                        .map(|row| ReplicaRow { age: age(row), ..row.clone() })
                        .collect(),
                )
            }
            Message::Save(step) => Answer::Saved(self.save(id, step)),
            Message::Forget(rows) => {
                self.rows.retain(|id, row| {
                    !rows.iter().any(|gone| gone.id == *id && gone.version == row.version)
                });
                Answer::Done
            }
            Message::End(0) => {
                self.rows.remove(id);
                Answer::Done
            }
            Message::End(spent) => {
                if let Some(row) = self.rows.get_mut(id)
                    && let Some(held) = &mut row.held
                {
                    *held =
                        HeldShare { share: held.share.min(*spent), need: 0, lease: Duration::ZERO };
                    row.version = now.max(row.version + 1);
                }
                Answer::Done
            }
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn save(&mut self, id: &str, step: &Step) -> bool {
        let now = self.now();
        let others = self.rows.iter().filter(|(other, _)| *other != id);
        let others: u32 = others.filter_map(|(_, row)| Some(row.held?.share)).sum();
        let is = |held: &HeldShare, version: i64, may: &dyn Fn(u32) -> bool| {
            self.rows
                .get(id)
                .is_some_and(|row| {
                    row.version == version && row.held.is_some_and(|held| may(held.share))
                })
                .then_some((*held, now.max(version + 1)))
        };
        let written = match step {
            Step::Enter { held, .. } => (!self.rows.contains_key(id)).then_some((*held, now)),
            Step::Keep { held, version } => is(held, *version, &|share| share >= held.share),
            Step::Take { held, version, limit, .. } => {
                is(held, *version, &|_| others + held.share <= *limit)
            }
        };
        if let Some((held, version)) = written {
            self.rows.insert(
                id.to_owned(),
                ReplicaRow { id: id.to_owned(), version, age: Duration::ZERO, held: Some(held) },
            );
        }
        written.is_some()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            seed,
            random: Rng::with_seed(seed),
            database: Database {
                began: Instant::now(),
                rows: BTreeMap::new(),
                is_away: false,
                away_until: Instant::now(),
                late: Vec::new(),
            },
            replicas: Vec::new(),
            started: 0,
            has_faults: true,
            taken: VecDeque::new(),
            most: 0,
            began: Instant::now(),
            story: VecDeque::new(),
        };
        for _ in 0..world.random.u32(1..4) {
            world.start();
        }
        world
    }

    fn start(&mut self) {
        let now = Instant::now();
        let id = format!("{:04}-{}", self.random.u32(0..10_000), self.started);
        self.started += 1;
        let limiter = Limiter::new(LIMIT, MARGIN);
        super::wait_for_share(&limiter);
        let share = Share::new(id.clone(), LIMIT, LEASES, limiter.window(), now.into_std());
        let work = self.some_work();
        self.replicas.push(Replica {
            id,
            share,
            limiter,
            rows: Vec::new(),
            doing: Doing::Pausing,
            next: now,
            stopped_until: None,
            cut_off_until: None,
            is_alone: false,
            leased_until: now,
            work,
            waiting: 0,
        });
    }

    fn some_work(&mut self) -> Work {
        match self.random.u32(0..4) {
            0 => Work::None,
            1 => Work::Bursts(self.random.u32(1..LIMIT)),
            _ => Work::AllThereIs,
        }
    }

    fn record(&mut self, id: &str, what: std::fmt::Arguments<'_>) {
        if self.story.len() == 60 {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:?} {id} {what}", self.began.elapsed()));
    }

    fn chance(&mut self, of: u32) -> bool {
        self.random.u32(0..of) == 0
    }

    fn ms(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }

    async fn go_on(&mut self, how_long: Duration, mut each: impl FnMut(&mut Self)) {
        let end = Instant::now() + how_long;
        while Instant::now() < end {
            advance(Duration::from_micros(self.random.u64(500..25_000))).await;
            each(self);
            let now = Instant::now();
            if !self.database.is_away {
                let (due, late) = std::mem::take(&mut self.database.late)
                    .into_iter()
                    .partition(|(at, ..)| *at <= now);
                self.database.late = late;
                let due: Vec<(Instant, String, Message)> = due;
                for (_, id, message) in due {
                    let answer = self.database.carry_out(&id, &message);
                    self.record(&id, format_args!("late {message:?}: {answer:?}"));
                }
            }
            for index in 0..self.replicas.len() {
                let mut replica = self.replicas.swap_remove(index);
                if replica.stopped_until.is_none_or(|until| until <= now) {
                    // After a stop a replica calls out first: the limiter alone knows.
                    self.call_out(&mut replica).await;
                    while replica.next <= now {
                        self.beat(&mut replica, now);
                    }
                    self.call_out(&mut replica).await;
                }
                self.replicas.push(replica);
                let last = self.replicas.len() - 1;
                self.replicas.swap(index, last);
            }
        }
    }

    fn happen(&mut self) {
        let now = Instant::now();
        if self.chance(400) && self.replicas.len() < 5 {
            self.start();
        }
        // For a moment, or for longer than a share or a run is leased.
        let for_ms = if self.chance(2) { 0..1_000 } else { 0..14_000 };
        if self.chance(1_000) {
            self.database.away_until = now + self.ms(for_ms);
        }
        let was_away =
            std::mem::replace(&mut self.database.is_away, now < self.database.away_until);
        if was_away && !self.database.is_away && self.chance(2) {
            // Somebody has waited for it.
            self.start();
        }
        for index in 0..self.replicas.len() {
            if self.chance(300) {
                self.replicas[index].work = self.some_work();
            }
            if self.chance(600) {
                self.replicas[index].stopped_until = Some(now + self.ms(1..9_000));
            }
            if self.chance(1_500) {
                self.replicas[index].cut_off_until = Some(now + self.ms(1..9_000));
                self.replicas[index].is_alone = true;
            }
        }
        // It dies, or is told to end.
        if self.chance(600) && self.replicas.len() > 1 {
            let index = self.random.usize(0..self.replicas.len());
            let replica = self.replicas.swap_remove(index);
            let is_stopped = replica.stopped_until.is_some_and(|until| until > now);
            if self.random.bool() && !is_stopped && !self.database.is_away {
                replica.limiter.set_share_until(0, now);
                self.database
                    .carry_out(&replica.id, &Message::End(replica.limiter.need().in_window));
            }
        }
    }

    async fn call_out(&mut self, replica: &mut Replica) {
        let now = Instant::now();
        let wanted = match replica.work {
            Work::None => 0,
            Work::Bursts(callouts) => {
                if self.chance(40) {
                    replica.waiting = callouts;
                }
                replica.waiting
            }
            Work::AllThereIs => LIMIT,
        };
        replica.waiting = wanted;
        while replica.waiting > 0 && replica.limiter.passes().await {
            replica.waiting -= 1;
            if replica.is_alone && now >= replica.leased_until {
                // The one case in which there may be more: nobody tells it from one that the
                // database is away for all.
                continue;
            }
            while self.taken.front().is_some_and(|taken| *taken + replica.limiter.window() <= now) {
                self.taken.pop_front();
            }
            self.taken.push_back(now);
            self.most = self.most.max(self.taken.len());
            assert!(
                self.taken.len() <= LIMIT as usize,
                "seed {}: {} callouts in a window, the last one by {}; {:#?}",
                self.seed,
                self.taken.len(),
                replica.id,
                self.story
            );
        }
    }

    /// What `Beats` does, one message after the other.
    fn beat(&mut self, replica: &mut Replica, now: Instant) {
        let at_once = Instant::now() + self.ms(0..20);
        match std::mem::replace(&mut replica.doing, Doing::Pausing) {
            Doing::Pausing => {
                replica.doing = Doing::Sent { message: Message::Read, asked_at: now };
                replica.next = at_once;
            }
            Doing::Sent { message, asked_at } => {
                let is_lost = self.has_faults && self.chance(30);
                let is_cut_off = replica.cut_off_until.is_some_and(|until| until > now);
                let answer = if self.database.is_away || is_cut_off || is_lost && self.random.bool()
                {
                    if self.chance(3) {
                        let at = now + self.ms(0..8_000);
                        self.database.late.push((at, replica.id.clone(), message.clone()));
                    }
                    None
                } else {
                    let answer = self.database.carry_out(&replica.id, &message);
                    (!is_lost).then_some(answer)
                };
                self.record(
                    &replica.id,
                    format_args!("{message:?} asked at {:?}: {answer:?}", asked_at - self.began),
                );
                let (late_by, most) = (self.ms(0..2_000), LEASES.share / super::BEAT_TIME);
                let is_slow = self.has_faults && self.chance(20);
                replica.next = if is_slow { now + late_by.min(most) } else { at_once };
                replica.doing = Doing::Awaiting {
                    message,
                    asked_at,
                    answer: answer.filter(|_| !is_slow || late_by < most),
                };
            }
            Doing::Awaiting { message, asked_at, answer } => {
                let need = replica.limiter.need();
                let need =
                    need.in_window.max(need.most_in_window) + need.waiting.max(replica.waiting);
                replica.next = now + BEAT_EVERY;
                match (message, answer) {
                    (_, None) => replica.share.failed(asked_at.into_std(), now.into_std()),
                    (Message::Read, Some(Answer::Rows(rows))) => {
                        let gone = replica.share.see(&rows, now.into_std());
                        if gone.is_empty() {
                            let places = replica.share.give(&rows, need);
                            replica
                                .limiter
                                .set_share_until(places.count, Instant::from_std(places.until));
                            let spent = replica.limiter.need().in_window;
                            if let Some(step) =
                                replica.share.step(&rows, need, spent, now.into_std())
                            {
                                replica.doing =
                                    Doing::Sent { message: Message::Save(step), asked_at: now };
                                replica.next = at_once;
                            }
                        } else {
                            replica.doing =
                                Doing::Sent { message: Message::Forget(gone), asked_at: now };
                            replica.next = at_once;
                        }
                        replica.rows = rows;
                    }
                    (Message::Save(step), Some(Answer::Saved(true))) => {
                        replica.is_alone &= replica.cut_off_until.is_some_and(|until| until > now);
                        replica.leased_until = asked_at + LEASES.share;
                        replica.share.done(step, asked_at.into_std());
                    }
                    _ => {}
                }
                let places = replica.share.places();
                self.record(
                    &replica.id,
                    format_args!(
                        "may use {} until {:?}",
                        places.count,
                        Instant::from_std(places.until) - self.began
                    ),
                );
                replica.limiter.set_share_until(places.count, Instant::from_std(places.until));
            }
        }
    }

    /// The faults are over, and everybody continues.
    fn calm_down(&mut self) {
        self.has_faults = false;
        self.database.is_away = false;
        self.database.late.clear();
        for replica in &mut self.replicas {
            (replica.stopped_until, replica.cut_off_until, replica.work) = (None, None, Work::None);
        }
    }

    fn shares(&self) -> Vec<u32> {
        let now = Instant::now().into_std();
        self.replicas
            .iter()
            .map(|replica| replica.share.places())
            .map(|places| if places.until > now { places.count } else { 0 })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn no_window_across_replicas_is_too_full_and_no_place_is_lost() {
    let mut fullest = 0;
    for seed in SEEDS {
        let mut world = World::new(seed);
        world.go_on(AT_RANDOM, World::happen).await;
        world.calm_down();
        world.go_on(AT_REST, |_| {}).await;
        let shares = world.shares();
        assert_eq!(
            shares.iter().sum::<u32>(),
            LIMIT,
            "seed {seed}: {shares:?}, {:#?}",
            world.database.rows
        );
        let most = shares.iter().max().unwrap() - shares.iter().min().unwrap();
        assert!(most <= 1, "seed {seed}: nobody needs more than another one: {shares:?}");
        // One of them is busy now.
        let busy = world.random.usize(0..shares.len());
        world.replicas[busy].work = Work::AllThereIs;
        world.go_on(Duration::from_secs(1), |_| {}).await;
        let left = 5 * u32::try_from(shares.len() - 1).unwrap();
        assert_eq!(world.shares()[busy], LIMIT - left, "seed {seed}: {:?}", world.shares());
        fullest += usize::from(world.most == LIMIT as usize);
    }
    assert!(fullest > 60, "a test that never fills a window shows nothing: {fullest}");
}
