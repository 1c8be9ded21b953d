//! The callouts that wait for a place, and which of them is next.
//!
//! Between classes it is stride scheduling: each class has come so far, a place moves it on by the
//! less the heavier it is, and the one that has come least far is next. Whoever had nothing to ask
//! for begins where the others are, and saves nothing up. Within a class callers take turns, and
//! the runs of a caller among themselves; of a run's callouts the most urgent one is next, and of
//! those the one that came first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::turn::{Class, Turn, Urgency};

/// A multiple of all weights.
const WHOLE: u64 = 8;

/// Those who take turns, the next one first.
type Ring<K, V> = VecDeque<(K, V)>;
/// The callouts of a run, by urgency and arrival.
type Callouts<W> = BTreeMap<(Urgency, u64), W>;

/// Waiting callouts; `W` is how each is told that it has a place.
#[derive(Debug)]
pub(super) struct Queue<W> {
    /// What everybody waits for.
    of_everybody: BTreeMap<u64, W>,
    classes: [Waiting<W>; Class::ALL.len()],
    /// Where the class was that had the last place.
    reached: u64,
    arrivals: u64,
}

/// The callouts of a class.
#[derive(Debug)]
struct Waiting<W> {
    callers: Ring<Option<Arc<str>>, Ring<Uuid, Callouts<W>>>,
    count: u32,
    /// How far the class has come.
    pass: u64,
}

/// Where a callout waits.
#[derive(Debug)]
pub(super) struct Position {
    turn: Turn,
    urgency: Urgency,
    arrival: u64,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        let classes = Class::ALL.map(|_| Waiting { callers: Ring::new(), count: 0, pass: 0 });
        Self { of_everybody: BTreeMap::new(), classes, reached: 0, arrivals: 0 }
    }
}

impl<W> Queue<W> {
    /// Lets one more wait.
    pub(super) fn push(&mut self, turn: &Turn, urgency: Urgency, waiter: W) -> Position {
        self.arrivals += 1;
        let position = Position { turn: turn.clone(), urgency, arrival: self.arrivals };
        if urgency == Urgency::Everybody {
            self.of_everybody.insert(position.arrival, waiter);
            return position;
        }
        let class = &mut self.classes[turn.class as usize];
        if class.count == 0 {
            class.pass = class.pass.max(self.reached);
        }
        class.count += 1;
        of(of(&mut class.callers, &turn.caller), &turn.run)
            .insert((urgency, position.arrival), waiter);
        position
    }

    /// Takes out one that waits no longer; `None` if it was next already.
    pub(super) fn remove(&mut self, position: &Position) -> Option<W> {
        if position.urgency == Urgency::Everybody {
            return self.of_everybody.remove(&position.arrival);
        }
        let class = &mut self.classes[position.turn.class as usize];
        let (_, runs) =
            class.callers.iter_mut().find(|(caller, _)| *caller == position.turn.caller)?;
        let (_, callouts) = runs.iter_mut().find(|(run, _)| *run == position.turn.run)?;
        let waiter = callouts.remove(&(position.urgency, position.arrival))?;
        class.count -= 1;
        runs.retain(|(_, callouts)| !callouts.is_empty());
        class.callers.retain(|(_, runs)| !runs.is_empty());
        Some(waiter)
    }

    /// Takes out the next one, which may be of a class that gets what is left only where `is_left`.
    pub(super) fn next(&mut self, is_left: bool) -> Option<W> {
        if let Some((_, waiter)) = self.of_everybody.pop_first() {
            return Some(waiter);
        }
        let weighted = Class::ALL.into_iter().filter_map(|class| Some((class, class.weight()?)));
        let waiting = weighted.filter(|(class, _)| self.waiting(*class) > 0);
        match waiting.min_by_key(|(class, _)| self.classes[*class as usize].pass) {
            Some((class, weight)) => {
                let class = &mut self.classes[class as usize];
                self.reached = class.pass;
                class.pass += WHOLE / weight;
                class.next()
            }
            None if is_left => self.classes.iter_mut().find_map(Waiting::next),
            None => None,
        }
    }

    /// Whether a callout waits whose answer somebody waits for.
    pub(super) fn is_awaited(&self) -> bool {
        !self.of_everybody.is_empty() || self.waiting(Class::Awaited) > 0
    }

    /// Whether a callout waits whose turn does not depend on what is left.
    pub(super) fn has_weight(&self) -> bool {
        let is_waiting = |class: &Class| class.weight().is_some() && self.waiting(*class) > 0;
        !self.of_everybody.is_empty() || Class::ALL.iter().any(is_waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many callouts wait.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.of_everybody.len()).unwrap_or(u32::MAX)
            + self.classes.iter().map(|class| class.count).sum::<u32>()
    }

    /// How many callouts of a class wait.
    pub(super) fn waiting(&self, class: Class) -> u32 {
        self.classes[class as usize].count
    }
}

impl<W> Waiting<W> {
    fn next(&mut self) -> Option<W> {
        let (caller, mut runs) = self.callers.pop_front()?;
        let (run, mut callouts) = runs.pop_front()?;
        let (_, waiter) = callouts.pop_first()?;
        self.count -= 1;
        // The one that was served goes behind all others.
        if !callouts.is_empty() {
            runs.push_back((run, callouts));
        }
        if !runs.is_empty() {
            self.callers.push_back((caller, runs));
        }
        Some(waiter)
    }
}

/// What belongs to `key`, which is the last in turn if it is new.
fn of<'a, K: PartialEq + Clone, V: Default>(ring: &'a mut Ring<K, V>, key: &K) -> &'a mut V {
    let position = ring.iter().position(|(present, _)| present == key).unwrap_or_else(|| {
        ring.push_back((key.clone(), V::default()));
        ring.len() - 1
    });
    &mut ring[position].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(class: Class, caller: &str, run: u128) -> Turn {
        Turn { class, caller: Some(caller.into()), run: Uuid::from_u128(run) }
    }

    fn rest<W>(queue: &mut Queue<W>) -> Vec<W> {
        std::iter::from_fn(|| queue.next(true)).collect()
    }

    #[test]
    fn each_class_gets_its_part_and_none_starves() {
        let mut queue = Queue::default();
        for class in Class::ALL {
            for run in 0..300 {
                queue.push(&turn(class, "a", run), Urgency::Run, class);
            }
        }
        let served: Vec<Class> = (0..150).filter_map(|_| queue.next(true)).collect();
        let count = |class| served.iter().filter(|served| **served == class).count();
        assert_eq!(Class::ALL.map(count), [80, 40, 20, 10, 0]);
        assert!(served[..15].contains(&Class::Replay), "within one round of all weights");
    }

    #[test]
    fn an_idle_class_saves_up_no_turns() {
        let mut queue = Queue::default();
        for _ in 0..1_000 {
            queue.push(&turn(Class::Replay, "a", 0), Urgency::Run, Class::Replay);
            queue.push(&turn(Class::Awaited, "a", 1), Urgency::Run, Class::Awaited);
        }
        for _ in 0..500 {
            queue.next(false);
        }
        for _ in 0..1_000 {
            queue.push(&turn(Class::Accepted, "a", 2), Urgency::Run, Class::Accepted);
        }
        let served: Vec<Class> = (0..130).filter_map(|_| queue.next(false)).collect();
        let count = |class| served.iter().filter(|served| **served == class).count();
        assert_eq!([Class::Awaited, Class::Accepted, Class::Replay].map(count), [80, 40, 10]);
    }

    #[test]
    fn callers_take_turns_and_the_runs_of_each_among_themselves() {
        let mut queue = Queue::default();
        for (caller, run) in
            [("a", 1), ("a", 1), ("a", 1), ("a", 2), ("a", 2), ("b", 3), ("b", 3), ("c", 4)]
        {
            queue.push(&turn(Class::Awaited, caller, run), Urgency::Run, (caller, run));
        }
        let expected =
            [("a", 1), ("b", 3), ("c", 4), ("a", 2), ("b", 3), ("a", 1), ("a", 2), ("a", 1)];
        assert_eq!(rest(&mut queue), expected);
        assert!(queue.is_empty() && !queue.has_weight());
    }

    #[test]
    fn the_callout_that_most_others_need_goes_first_in_its_run_and_a_login_before_all() {
        let mut queue = Queue::default();
        let run = turn(Class::Awaited, "a", 1);
        for (urgency, name) in [
            (Urgency::End, "pricing"),
            (Urgency::Others, "plan"),
            (Urgency::Others, "plan 2"),
            (Urgency::Run, "account"),
        ] {
            queue.push(&run, urgency, name);
        }
        queue.push(&turn(Class::Replay, "b", 2), Urgency::Everybody, "login");
        assert_eq!(rest(&mut queue), ["login", "account", "plan", "plan 2", "pricing"]);
    }

    #[test]
    fn a_caller_that_gives_up_leaves_nothing_behind() {
        let mut queue = Queue::default();
        let positions: Vec<Position> = [
            ("a", 1, Urgency::Run),
            ("a", 1, Urgency::End),
            ("a", 2, Urgency::Run),
            ("b", 3, Urgency::Run),
            ("a", 1, Urgency::Everybody),
        ]
        .map(|(caller, run, urgency)| queue.push(&turn(Class::Retry, caller, run), urgency, run))
        .into();
        assert_eq!(
            [4, 1, 3, 0].map(|position| queue.remove(&positions[position])),
            [Some(1), Some(1), Some(3), Some(1)]
        );
        assert_eq!((queue.remove(&positions[0]), queue.waiting(Class::Retry)), (None, 1));
        assert_eq!(
            (queue.next(false), queue.remove(&positions[2]), queue.is_empty()),
            (Some(2), None, true)
        );
        assert!(queue.classes.iter().all(|class| class.callers.is_empty()));
    }

    #[test]
    fn classes_without_a_weight_get_what_is_left() {
        let mut queue = Queue::default();
        queue.push(&turn(Class::Verification, "a", 1), Urgency::Run, 1);
        assert_eq!((queue.next(false), queue.has_weight()), (None, false));
        queue.push(&turn(Class::Replay, "a", 2), Urgency::End, 2);
        assert_eq!(
            [queue.next(true), queue.next(true), queue.next(true)],
            [Some(2), Some(1), None]
        );
    }

    /// A callout as the model has it.
    #[derive(Debug, Clone, PartialEq)]
    struct Model {
        turn: Turn,
        urgency: Urgency,
        arrival: usize,
    }

    /// Of those that one of `key` was served before, all that waited since had to be served since.
    fn in_turn<K: PartialEq>(
        served: &[(usize, Model)],
        now: &Model,
        waiting: &[(usize, Model)],
        group: impl Fn(&Model) -> bool,
        key: impl Fn(&Model) -> K,
    ) -> bool {
        let of_group: Vec<&(usize, Model)> =
            served.iter().filter(|(_, model)| group(model)).collect();
        let Some(before) = of_group.iter().rposition(|(_, model)| key(model) == key(now)) else {
            return true;
        };
        let since = of_group[before].0;
        waiting
            .iter()
            .filter(|(pushed, model)| group(model) && *pushed < since && key(model) != key(now))
            .all(|(_, model)| {
                of_group[before + 1..].iter().any(|(_, served)| key(served) == key(model))
            })
    }

    #[test]
    fn under_any_load_classes_get_their_part_and_callers_and_runs_take_turns() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut queue, mut waiting, mut positions) =
                (Queue::default(), Vec::<(usize, Model)>::new(), Vec::new());
            let mut served: Vec<(usize, Model)> = Vec::new();
            // How many places were given since a class waits without a break, and how many of them
            // to it.
            let mut parts = [(0_u64, 0_u64); 4];
            for step in 0..600 {
                match random.u8(0..10) {
                    0..5 => {
                        let class = Class::ALL[random.usize(0..4)];
                        let caller = ["a", "b", "c"][random.usize(0..3)];
                        let urgency =
                            [Urgency::Run, Urgency::Others, Urgency::End][random.usize(0..3)];
                        let model = Model {
                            turn: turn(class, caller, random.u128(0..3)),
                            urgency,
                            arrival: step,
                        };
                        positions.push((queue.push(&model.turn, urgency, model.clone()), step));
                        waiting.push((step, model));
                    }
                    5 if !positions.is_empty() => {
                        let (position, arrival) =
                            positions.swap_remove(random.usize(0..positions.len()));
                        let is_there = waiting.iter().any(|(_, model)| model.arrival == arrival);
                        assert_eq!(
                            queue.remove(&position).is_some(),
                            is_there,
                            "seed {seed}, step {step}"
                        );
                        waiting.retain(|(_, model)| model.arrival != arrival);
                    }
                    _ => {
                        let Some(next) = queue.next(false) else {
                            assert!(waiting.is_empty(), "seed {seed}, step {step}");
                            continue;
                        };
                        let is_waiting = |class: Class| {
                            waiting.iter().any(|(_, model)| model.turn.class == class)
                        };
                        for (class, part) in Class::ALL
                            .into_iter()
                            .zip(&mut parts)
                            .filter(|(class, _)| is_waiting(*class))
                        {
                            part.0 += 1;
                            part.1 += u64::from(class == next.turn.class);
                            let due = part.0 * class.weight().unwrap() / 15;
                            assert!(
                                part.1 + 2 >= due,
                                "seed {seed}, step {step}: {class:?} has {part:?}"
                            );
                        }
                        let same_class = |model: &Model| model.turn.class == next.turn.class;
                        let same_caller = |model: &Model| {
                            same_class(model) && model.turn.caller == next.turn.caller
                        };
                        let same_run = |model: &&(usize, Model)| model.1.turn == next.turn;
                        assert!(
                            in_turn(&served, &next, &waiting, same_class, |model| model
                                .turn
                                .caller
                                .clone()),
                            "seed {seed}, step {step}"
                        );
                        assert!(
                            in_turn(&served, &next, &waiting, same_caller, |model| model.turn.run),
                            "seed {seed}, step {step}"
                        );
                        let first = waiting
                            .iter()
                            .filter(same_run)
                            .map(|(_, model)| (model.urgency, model.arrival))
                            .min();
                        assert_eq!(
                            first,
                            Some((next.urgency, next.arrival)),
                            "seed {seed}, step {step}"
                        );
                        waiting.retain(|(_, model)| model.arrival != next.arrival);
                        served.push((step, next));
                    }
                }
                for (class, part) in Class::ALL.into_iter().zip(&mut parts) {
                    if !waiting.iter().any(|(_, model)| model.turn.class == class) {
                        *part = (0, 0);
                    }
                }
            }
        }
    }
}
