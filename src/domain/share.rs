//! How replicas share m3ter's request limit: what each one holds, gives and takes, decided from the
//! rows of all of them.
//!
//! Two rules keep the limit, whatever comes late, is lost, stops or dies. **All rows together never
//! say more than the limit**: whoever takes writes its row only if there is still as much, one
//! after the other. **No replica ever has more places in a window than its row says**: whoever
//! gives stops first and writes when the places are over, and whoever takes begins when it knows
//! that its row is written. A row counts until others have seen it unchanged for its lease and a
//! window, at every beat; the replica itself counts its lease from the moment at which it asked for
//! its last write, and so has stopped by then, unless it knows that nobody's beats have worked.
//!
//! All instants are of this process's monotonic clock, which runs while the process is stopped.
//! Nothing here waits or writes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Places that an idle replica keeps: what comes next need not wait until somebody gives.
const MIN_SHARE: u32 = 5;
/// Needs are written in steps of this part of the limit: not each callout is worth a write.
const STEPS: u32 = 10;
/// Writes in each lease, also of a replica whose row stays as it is: two may fail before its share
/// is in danger.
const WRITES_PER_LEASE: u32 = 3;

/// The row of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// The process.
    pub id: String,
    /// Larger after each write.
    pub version: i64,
    /// How long ago that was at least, by the clock of the database.
    pub age: Duration,
    /// What it holds; `None` of an earlier version, which uses the limit divided by the replicas.
    pub held: Option<HeldShare>,
}

/// What a row says that its replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldShare {
    /// Places in a window.
    pub share: u32,
    /// Places that it could use.
    pub need: u32,
    /// How long the row counts without a write; zero of a replica that has ended, whose share is
    /// what it had spent.
    pub lease: Duration,
}

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The row is not there: it begins without places.
    Enter {
        /// What the row says.
        held: HeldShare,
        /// How long a row of an earlier version counts.
        earlier_for: Duration,
    },
    /// The row of this version keeps its share, or has less from now on. Of no use if it comes too
    /// late: it need not be durable.
    Keep {
        /// What the row says from now on.
        held: HeldShare,
        /// What it must be now.
        version: i64,
    },
    /// The row of this version has more from now on, or is sure of what it has. It must be durable:
    /// others must not find these places free after a crash of the database.
    Take {
        /// What the row says from now on.
        held: HeldShare,
        /// What it must be now.
        version: i64,
        /// What all rows together may say afterwards.
        limit: u32,
        /// What a row of an earlier version counts as.
        earlier_version: u32,
        /// Places that the replica may use once this is done.
        places: u32,
    },
}

/// How many places this replica may use, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Places in a window.
    pub count: u32,
    /// From then on it has none.
    pub until: Instant,
}

/// How long what holds without a word to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leases {
    /// A share, before others take it.
    pub share: Duration,
    /// A run: so long a replica continues at most while the database is away.
    pub run: Duration,
}

/// What one replica knows and holds.
#[derive(Debug)]
pub struct Share {
    id: String,
    limit: u32,
    leases: Leases,
    window: Duration,
    /// Places that it may use: never more than its row says.
    places: u32,
    /// Its last write that worked was asked for then.
    written: Instant,
    /// Its row counts until then at least.
    counts_until: Instant,
    /// Its beats have failed for a while.
    is_away: bool,
    /// The last beat that has read the rows; `None` before the first one.
    looked: Option<Instant>,
    /// The versions of the others' rows, and since when each was there at every beat.
    others: HashMap<String, (i64, Instant)>,
    /// All that count, itself among them.
    replicas: u32,
}

impl Share {
    /// Holds nothing yet. `window` is what the limit is counted in.
    pub fn new(id: String, limit: u32, leases: Leases, window: Duration, now: Instant) -> Self {
        let (others, looked) = (HashMap::new(), None);
        Self {
            id,
            limit,
            leases,
            window,
            places: 0,
            written: now,
            counts_until: now,
            is_away: false,
            looked,
            others,
            replicas: 1,
        }
    }

    /// What it may use: its share for a lease from its last write on; while the database is away,
    /// no more of it than the limit divided by the replicas that it saw last.
    pub fn places(&self) -> Places {
        if self.is_away {
            return Places {
                count: self.places.min(self.limit / self.replicas),
                until: self.counts_until,
            };
        }
        Places { count: self.places, until: self.written + self.leases.share }
    }

    /// How many replicas share the limit, as far as it knows.
    pub fn replicas(&self) -> u32 {
        self.replicas
    }

    /// Looks at the rows that a beat has read. Those that count no more are to be deleted, as they
    /// are now, and read again.
    pub fn see(&mut self, rows: &[ReplicaRow], now: Instant) -> Vec<ReplicaRow> {
        if self.looked.is_some_and(|looked| now > looked + self.leases.share / 2) {
            // The database was away, perhaps for the others as well, or this process was stopped
            // and cannot tell: their beats must have time to work again before anything is
            // forgotten.
            self.others.clear();
        }
        // A process that is new takes the database's word: what died long ago keeps it waiting no
        // longer. Half of it, since a crash may have lost the last signs of life; and it must be
        // longer than any replica continues without the database.
        let is_old = |row: &ReplicaRow| {
            let longest = if row.has_ended() { Duration::ZERO } else { self.leases.run };
            self.looked.is_none() && row.age / 2 >= longest + self.window
        };
        let others = rows.iter().filter(|row| row.id != self.id);
        let others: HashMap<_, _> = others
            .map(|row| {
                let known = self.others.get(&row.id).filter(|(version, _)| *version == row.version);
                (row.id.clone(), known.copied().unwrap_or((row.version, now)))
            })
            .collect();
        let has_gone = |row: &&ReplicaRow| {
            let lease = row.held.map_or(self.leases.run, |held| held.lease);
            let unchanged = others.get(&row.id).map(|(_, since)| now.duration_since(*since));
            unchanged.is_some_and(|unchanged| unchanged >= lease + self.window || is_old(row))
        };
        let gone = rows.iter().filter(has_gone).cloned().collect();
        (self.looked, self.others) = (Some(now), others);
        gone
    }

    /// Holds no more from now on than it should have, by what all replicas need: itself as of now,
    /// the others by their rows.
    pub fn give(&mut self, rows: &[ReplicaRow], need: u32) -> Places {
        let others = rows.iter().filter(|row| row.id != self.id && !row.has_ended()).count();
        self.replicas = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        let written = self.row(rows).map_or(0, |(_, held)| held.share);
        self.places = self.places.min(written).min(self.aim(rows, self.in_steps(need)));
        self.places()
    }

    /// What is to be written next, if anything. `spent` are the places of the window that ends now,
    /// after [`Share::give`].
    pub fn step(&self, rows: &[ReplicaRow], need: u32, spent: u32, now: Instant) -> Option<Step> {
        let need = self.in_steps(need);
        let Some((version, held)) = self.row(rows) else {
            let held = HeldShare { share: 0, need, lease: self.leases.share };
            return Some(Step::Enter { held, earlier_for: self.leases.run });
        };
        let earlier_version = self.limit / self.replicas;
        let all: u32 = rows
            .iter()
            .map(|row| row.held.map_or(earlier_version, |held| held.share))
            .fold(0, u32::saturating_add);
        let within_reach = held.share.saturating_add(self.limit.saturating_sub(all));
        let places = self.aim(rows, need).min(within_reach);
        // What is in the window is still spent.
        let share = |places: u32| places.max(spent.min(held.share));
        if places > self.places {
            let held = HeldShare { share: share(places), need, lease: self.leases.share };
            return Some(Step::Take { held, version, limit: self.limit, earlier_version, places });
        }
        let next =
            HeldShare { share: share(self.places).min(held.share), need, lease: self.leases.share };
        let is_due = now >= self.written + self.leases.share / WRITES_PER_LEASE;
        let tells = next.share != held.share || next.need != held.need && self.replicas > 1;
        (is_due || tells).then_some(Step::Keep { held: next, version })
    }

    /// A step was carried out that was asked for at `asked_at`.
    pub fn done(&mut self, step: Step, asked_at: Instant) {
        match step {
            Step::Enter { .. } => self.places = 0,
            Step::Keep { .. } => {}
            Step::Take { places, .. } => self.places = places,
        }
        (self.written, self.counts_until, self.is_away) =
            (asked_at, asked_at + self.leases.share, false);
    }

    /// The database gave no answer, or said no, when it was `asked_at`: perhaps to the others as
    /// well, who then forget nothing before their beats have worked for a lease and a window. A
    /// process that was stopped for so long that they may have forgotten its row learns nothing
    /// from it, and nobody continues for longer than a run may.
    pub fn failed(&mut self, asked_at: Instant, now: Instant) {
        if now < self.counts_until {
            let until = (asked_at + self.leases.share).min(self.written + self.leases.run);
            self.counts_until = self.counts_until.max(until);
        }
        self.is_away = now >= self.written + self.leases.share / 2;
    }

    fn in_steps(&self, need: u32) -> u32 {
        need.min(self.limit).next_multiple_of((self.limit / STEPS).max(1))
    }

    /// Version and content of its own row.
    fn row(&self, rows: &[ReplicaRow]) -> Option<(i64, HeldShare)> {
        rows.iter().find(|row| row.id == self.id).and_then(|row| Some((row.version, row.held?)))
    }

    /// The share that this replica should have.
    fn aim(&self, rows: &[ReplicaRow], need: u32) -> u32 {
        let earlier_version = self.limit / self.replicas;
        // Of those that have ended, and of those that know nothing of shares, nothing is to be had.
        let settled = rows.iter().map(|row| match row.held {
            None => earlier_version,
            Some(held) if row.has_ended() => held.share,
            Some(_) => 0,
        });
        let limit = self.limit.saturating_sub(settled.fold(0, u32::saturating_add));
        let mut needs: Vec<(&str, u32)> = vec![(&self.id, need)];
        let others = rows.iter().filter(|row| row.id != self.id && !row.has_ended());
        needs.extend(others.filter_map(|row| Some((row.id.as_str(), row.held?.need))));
        needs.sort_unstable();
        let fair = fair_shares(limit, &needs.iter().map(|(_, need)| *need).collect::<Vec<_>>());
        needs.iter().zip(fair).find(|((id, _), _)| *id == self.id).map_or(0, |(_, share)| share)
    }
}

impl ReplicaRow {
    fn has_ended(&self) -> bool {
        self.held.is_some_and(|held| held.lease.is_zero())
    }
}

/// Divides the limit by need, the same for everybody who asks: each replica has five (or an equal
/// part, if that is less) places, needs are filled evenly, and what nobody needs goes to those who
/// have least.
fn fair_shares(limit: u32, needs: &[u32]) -> Vec<u32> {
    let least = MIN_SHARE.min(limit / u32::try_from(needs.len()).unwrap_or(u32::MAX).max(1));
    let wanted: Vec<u32> = needs.iter().map(|need| *need.max(&least).min(&limit)).collect();
    let is_scarce = wanted.iter().fold(0, |all: u32, wanted| all.saturating_add(*wanted)) > limit;
    let bounds =
        wanted.into_iter().map(|wanted| if is_scarce { (0, wanted) } else { (wanted, limit) });
    at_one_level(limit, &bounds.collect::<Vec<_>>())
}

/// Pours the limit into vessels that hold at least and at most so much, until all are at one level;
/// what cannot be divided goes to the first ones.
fn at_one_level(limit: u32, bounds: &[(u32, u32)]) -> Vec<u32> {
    let at = |level: u32| bounds.iter().map(move |(least, most)| level.clamp(*least, *most));
    let sum = |level: u32| at(level).map(u64::from).sum::<u64>();
    let (mut level, mut too_high) = (0, limit.saturating_add(1));
    while too_high - level > 1 {
        let middle = level + (too_high - level) / 2;
        *(if sum(middle) <= u64::from(limit) { &mut level } else { &mut too_high }) = middle;
    }
    let mut left = u64::from(limit).saturating_sub(sum(level));
    at(level)
        .zip(at(level + 1))
        .map(|(here, above)| {
            let one_more = u32::from(above > here && left > 0);
            left -= u64::from(one_more);
            here + one_more
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_met_evenly_and_the_rest_goes_to_whoever_has_least() {
        for (limit, needs, expected) in [
            (50, vec![0], vec![50]),
            (50, vec![0, 0], vec![25, 25]),
            (50, vec![50, 0], vec![45, 5]),
            (50, vec![500, 500], vec![25, 25]),
            (50, vec![30, 0], vec![30, 20]),
            (50, vec![10, 20], vec![25, 25]),
            (50, vec![0, 50, 12], vec![5, 33, 12]),
            (50, vec![40, 40, 40], vec![17, 17, 16]),
            (50, vec![0, 0, 40], vec![5, 5, 40]),
            (4, vec![9, 0], vec![2, 2]),
            (3, vec![9, 9, 9, 9], vec![1, 1, 1, 0]),
            (0, vec![9, 0], vec![0, 0]),
            (50, vec![], vec![]),
        ] {
            assert_eq!(fair_shares(limit, &needs), expected, "{limit} for {needs:?}");
        }
    }

    #[test]
    fn a_row_is_removed_a_window_after_its_lease_and_a_new_process_trusts_half_of_its_age() {
        const SECOND: Duration = Duration::from_secs(1);
        let row = |id: &str, age, lease| {
            let held = HeldShare { share: 20, need: 0, lease };
            ReplicaRow { id: id.to_owned(), version: 1, age, held: Some(held) }
        };
        let now = Instant::now();
        let leases = Leases { share: 5 * SECOND, run: 30 * SECOND };
        let mut share = Share::new("this".to_owned(), 50, leases, SECOND, now);
        let gone = |rows: Vec<ReplicaRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let rows = [
            row("died", 62 * SECOND, 5 * SECOND),
            row("ended", 2 * SECOND, Duration::ZERO),
            row("away", 60 * SECOND, 5 * SECOND),
        ];
        assert_eq!(gone(share.see(&rows, now)), ["died", "ended"]);
        // From the first look on its own clock counts, and a version that is another one.
        let rows = [row("away", 300 * SECOND, 5 * SECOND), row("came", 300 * SECOND, SECOND)];
        let mut after =
            |seconds, rows: &[ReplicaRow]| gone(share.see(rows, now + seconds * SECOND));
        assert_eq!((after(2, &rows), after(4, &rows)), (vec![], vec!["came".to_owned()]));
        assert_eq!(
            (after(5, &rows), after(6, &rows[..1])),
            (vec!["came".to_owned()], vec!["away".to_owned()])
        );
        assert_eq!(after(9, &rows[..1]), [""; 0], "it was stopped, or the database away");
        assert_eq!((after(11, &rows[..1]), after(13, &rows[..1])), (vec![], vec![]));
        let later = [ReplicaRow { version: 2, ..row("away", SECOND, 5 * SECOND) }];
        for (seconds, expected) in
            [(14, vec![]), (16, vec![]), (18, vec![]), (20, vec!["away".to_owned()])]
        {
            assert_eq!(after(seconds, &later), expected, "after {seconds} s");
        }
    }

    #[test]
    fn without_the_database_a_share_shrinks_and_lasts_no_longer_than_the_lease_of_a_run() {
        const SECOND: Duration = Duration::from_secs(1);
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let other = HeldShare { share: 5, need: 0, lease: 5 * SECOND };
        let row = |id: &str, held| ReplicaRow {
            id: id.to_owned(),
            version: 1,
            age: SECOND,
            held: Some(held),
        };
        let rows = [row("other", other), row("this", HeldShare { share: 0, ..other })];
        let holds_45 = || {
            let mut share = Share::new(
                "this".to_owned(),
                50,
                Leases { share: 5 * SECOND, run: 30 * SECOND },
                SECOND,
                start,
            );
            share.see(&rows, start);
            share.give(&rows, 50);
            let step = share.step(&rows, 50, 0, start).unwrap();
            share.done(step, start);
            share
        };
        let mut share = holds_45();
        let mut after = |asked: f64, failed: f64| {
            share.failed(at(asked), at(failed));
            (share.places().count, share.places().until.duration_since(start))
        };
        assert_eq!(after(1.0, 2.0), (45, 5 * SECOND), "one failure is not the end");
        assert_eq!(after(2.0, 3.0), (25, 7 * SECOND));
        assert_eq!(after(6.0, 6.5), (25, 11 * SECOND));
        for second in 7..40 {
            after(f64::from(second), f64::from(second) + 0.5);
        }
        assert_eq!(after(40.0, 40.5), (25, 30 * SECOND), "runs have no lease by then");
        // One that was stopped does not know what became of its row.
        let mut share = holds_45();
        share.failed(at(4.0), at(5.5));
        assert_eq!(share.places().until, at(5.0));
    }

    #[test]
    fn the_whole_limit_is_divided_whatever_is_needed() {
        let mut random = fastrand::Rng::with_seed(20);
        for _ in 0..2_000 {
            let limit = random.u32(0..10_000);
            let needs: Vec<u32> =
                (0..random.usize(1..12)).map(|_| random.u32(0..limit + 2)).collect();
            let shares = fair_shares(limit, &needs);
            assert_eq!(shares.iter().sum::<u32>(), limit, "{limit} for {needs:?}");
            let least = MIN_SHARE.min(limit / u32::try_from(needs.len()).unwrap());
            assert!(
                shares.iter().all(|share| *share >= least),
                "{limit} for {needs:?}: {shares:?}"
            );
        }
    }
}
