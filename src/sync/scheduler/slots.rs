//! The slots: how many runs may be under way in this process at once, and whose turn it is when one
//! gets free.
//!
//! A run holds a [`Slot`] while it works. What cannot begin waits in the database, and
//! [`Slots::choose`] says which of the heads of that queue is next: classes by their weights,
//! within a class the callers in turn, within a caller the oldest. A run that keeps its claim but
//! lets others go first drops its slot and waits for another one in the same order:
//!
//! ```ignore
//! drop(slot);
//! slot = slots.acquire(turn).await; // a run that stops must not wait on: select on its lease as well
//! ```
//!
//! A caller may begin another run if it has fewer under way than slots are free. So a lone
//! caller fills half of them, two a third each, and the next caller finds a free one, however long
//! the others take. What nobody asked for at this moment, a retry or a replay, leaves twice as
//! many free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use crate::store::{QueueClass, QueueHead};
use crate::sync::clock::now;
use crate::transport::{Class, Turn};

/// Who asked for a run; all without a name count as one.
pub(crate) type Caller = Option<Arc<str>>;

/// The slots of this process.
pub(crate) struct Slots {
    at_once: usize,
    state: Mutex<State>,
    changed: Notify,
}

/// The right to have a run under way, until it is dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    /// Whose run it is; `None` before that is known.
    caller: Option<Caller>,
    is_held: bool,
}

#[derive(Default)]
struct State {
    under_way: HashMap<Caller, usize>,
    taken: usize,
    /// There are waiting runs that could not begin. A new run may have to wait behind them.
    has_queue: bool,
    /// A slot is free, and it is not known yet who is next.
    is_undecided: bool,
    /// Something changed since this process began to look who is next.
    has_changed: bool,
    /// So many runs of other processes may be taken over before the next look.
    takeovers: u32,
    /// Runs of this process that wait for another slot.
    again: Vec<Again>,
    turns: Turns,
}

struct Again {
    turn: Turn,
    since: Timestamp,
    sender: oneshot::Sender<Slot>,
}

/// One of those that could begin.
struct Candidate {
    class: Class,
    caller: Caller,
    since: Timestamp,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    /// Of the heads.
    Queue(usize),
    /// Of the runs that wait for another slot.
    Again(usize),
}

impl Slots {
    pub(crate) fn new(at_once: u32) -> Arc<Self> {
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).max(1);
        Arc::new(Self { at_once, state: Mutex::default(), changed: Notify::new() })
    }

    /// How many are taken, and how many there are.
    pub(crate) fn gauges(&self) -> (usize, usize) {
        (self.state().taken, self.at_once)
    }

    /// A slot for a run that is asked for now; none if its caller has as many as it may, or others
    /// come first.
    pub(crate) fn try_take(self: &Arc<Self>, class: Class, caller: &Caller) -> Option<Slot> {
        let mut state = self.state();
        if state.is_undecided || !state.may_take(self.at_once, class, caller) {
            return None;
        }
        Some(self.take(&mut state, Some(caller.clone())))
    }

    /// A run began that was asked for now: its caller had a turn.
    pub(crate) fn had_turn(&self, class: Class, caller: &Caller) {
        self.state().turns.note(class, caller);
    }

    /// A slot for a run that was under way elsewhere, whose caller is not known yet. It asks for no
    /// caller's part: a claim on a record must not stand still.
    pub(crate) fn try_take_over(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state();
        if state.takeovers == 0 || state.taken >= self.at_once {
            return None;
        }
        state.takeovers -= 1;
        Some(self.take(&mut state, None))
    }

    /// Nothing is to be taken over any more.
    pub(crate) fn nothing_to_take_over(&self) {
        self.state().takeovers = 0;
    }

    /// Waits for a slot, in turn with what waits in the database and with others that do this.
    /// Dropped, it waits no more.
    pub(crate) async fn acquire(&self, turn: Turn) -> Slot {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            state.again.push(Again { turn, since: now(), sender });
            state.decide_anew(&self.changed);
        }
        match receiver.await {
            Ok(slot) => slot,
            // Nobody gives slots any more: the process stops.
            Err(_) => std::future::pending().await,
        }
    }

    /// A run was recorded that waits for its turn.
    pub(crate) fn queued(&self, class: Class, caller: &Caller) {
        let mut state = self.state();
        state.has_queue = true;
        // It may be its turn by now; mostly its caller has all that it may have.
        if state.may_take(self.at_once, class, caller) {
            state.decide_anew(&self.changed);
        }
    }

    /// What a look at the database has found: whether runs wait, and how many may be taken over.
    pub(crate) fn found(&self, has_queue: bool, takeovers: u32) {
        let mut state = self.state();
        state.takeovers = takeovers;
        state.has_queue |= has_queue;
        if (has_queue || takeovers > 0) && state.taken < self.at_once {
            state.decide_anew(&self.changed);
        }
    }

    /// Whether others wait who may have their turn before whoever waits for the record of a run
    /// that ends.
    pub(crate) fn has_queue(&self) -> bool {
        let state = self.state();
        state.has_queue || !state.again.is_empty()
    }

    /// Waits until somebody is to be chosen.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Begins to choose; `false` if no slot is free.
    pub(crate) fn begin_choosing(&self) -> bool {
        let mut state = self.state();
        let is_free = state.taken < self.at_once;
        (state.is_undecided, state.has_changed) = (is_free, false);
        is_free
    }

    /// Ends choosing, with what is left of the queue; `true` if there is to be chosen again,
    /// because something changed meanwhile.
    pub(crate) fn end_choosing(&self, has_queue: bool) -> bool {
        let mut state = self.state();
        if state.has_changed {
            return true;
        }
        (state.has_queue, state.is_undecided) = (has_queue, false);
        false
    }

    /// Chooses who is next of the heads of the queue, which leaves them, and gives slots to the
    /// runs of this process whose turn comes before. `None` if nobody may begin.
    pub(crate) fn choose(
        self: &Arc<Self>,
        heads: &mut Vec<QueueHead>,
    ) -> Option<(QueueHead, Slot)> {
        loop {
            let mut state = self.state();
            state.again.retain(|waiting| !waiting.sender.is_closed());
            let mut candidates: Vec<Candidate> = heads
                .iter()
                .enumerate()
                .map(|(place, head)| Candidate::of_queue(place, head))
                .collect();
            candidates.extend(
                state
                    .again
                    .iter()
                    .enumerate()
                    .map(|(place, waiting)| Candidate::again(place, waiting)),
            );
            candidates.retain(|candidate| {
                state.may_take(self.at_once, candidate.class, &candidate.caller)
            });
            let chosen = state.turns.next(candidates)?;
            let slot = self.take(&mut state, Some(chosen.caller));
            match chosen.place {
                Place::Queue(place) => return Some((heads.remove(place), slot)),
                Place::Again(place) => {
                    let waiting = state.again.swap_remove(place);
                    drop(state);
                    // Who does not wait any more gives it back.
                    let _ = waiting.sender.send(slot);
                }
            }
        }
    }

    fn take(self: &Arc<Self>, state: &mut State, caller: Option<Caller>) -> Slot {
        state.taken += 1;
        if let Some(caller) = &caller {
            state.begin_of(caller);
        }
        Slot { slots: Arc::clone(self), caller, is_held: true }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_take(&self, at_once: usize, class: Class, caller: &Caller) -> bool {
        let free = at_once.saturating_sub(self.taken);
        let held = self.under_way.get(caller).copied().unwrap_or(0);
        match class {
            Class::Awaited | Class::Accepted => held < free,
            Class::Retry | Class::Replay | Class::Verification => 2 * held < free,
        }
    }

    fn begin_of(&mut self, caller: &Caller) {
        *self.under_way.entry(caller.clone()).or_default() += 1;
    }

    fn end_of(&mut self, caller: &Caller) {
        if let Some(held) = self.under_way.get_mut(caller) {
            *held -= 1;
            if *held == 0 {
                self.under_way.remove(caller);
            }
        }
    }

    fn decide_anew(&mut self, changed: &Notify) {
        (self.is_undecided, self.has_changed) = (true, true);
        changed.notify_one();
    }
}

impl Slot {
    /// The slot passes to a run of this caller.
    pub(crate) fn pass_to(&mut self, caller: Caller) {
        let mut state = self.slots.state();
        if let Some(former) = &self.caller {
            state.end_of(former);
        }
        state.begin_of(&caller);
        self.caller = Some(caller);
    }

    /// Gives it back as if it had not been taken: nobody else's turn comes by that.
    pub(crate) fn unused(mut self) {
        let slots = Arc::clone(&self.slots);
        self.give_back(&mut slots.state());
    }

    fn give_back(&mut self, state: &mut State) -> bool {
        if !std::mem::take(&mut self.is_held) {
            return false;
        }
        if let Some(caller) = &self.caller {
            state.end_of(caller);
        }
        state.taken -= 1;
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let slots = Arc::clone(&self.slots);
        let mut state = slots.state();
        if self.give_back(&mut state)
            && (state.has_queue || !state.again.is_empty() || state.takeovers > 0)
        {
            state.decide_anew(&slots.changed);
        }
    }
}

impl Candidate {
    fn of_queue(place: usize, head: &QueueHead) -> Self {
        let class = class(head.class);
        let asked_at = head.run.0.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
        let since = Timestamp::new(
            i64::try_from(asked_at.0).unwrap_or(0),
            i32::try_from(asked_at.1).unwrap_or(0),
        );
        let caller = head.caller.as_deref().map(Arc::from);
        Self {
            class,
            caller,
            since: since.unwrap_or(Timestamp::UNIX_EPOCH),
            place: Place::Queue(place),
        }
    }

    fn again(place: usize, waiting: &Again) -> Self {
        Self {
            class: waiting.turn.class,
            caller: waiting.turn.caller.clone(),
            since: waiting.since,
            place: Place::Again(place),
        }
    }
}

/// The class of a run's callouts, as the queue has it.
pub(crate) fn class(class: QueueClass) -> Class {
    match class {
        QueueClass::Awaited => Class::Awaited,
        QueueClass::Accepted => Class::Accepted,
        QueueClass::Retry => Class::Retry,
        QueueClass::Replay => Class::Replay,
    }
}

/// What a class is charged for a run, times its weight; all weights divide it.
const RUN: u64 = 840;
/// Callers that are remembered; beyond that all count as new, which matters for a moment only.
const MAX_REMEMBERED: usize = 10_000;

/// Whose turn it is. A class is charged for each run by its weight, and the one that was charged
/// least is next; one that had nothing to do saves nothing up. Within a class the caller is next
/// whose last turn is longest ago.
#[derive(Default)]
struct Turns {
    charged: [u64; Class::ALL.len()],
    /// What the class was charged that had the last turn.
    present: u64,
    served: HashMap<(usize, Caller), u64>,
    count: u64,
}

impl Turns {
    /// Who is next; the turn is his.
    fn next(&mut self, candidates: Vec<Candidate>) -> Option<Candidate> {
        let next = candidates.into_iter().min_by_key(|candidate| {
            let last_turn = self
                .served
                .get(&(candidate.class as usize, candidate.caller.clone()))
                .copied()
                .unwrap_or(0);
            (self.charged(candidate.class), candidate.class as usize, last_turn, candidate.since)
        })?;
        self.present = self.charged(next.class);
        self.note(next.class, &next.caller);
        Some(next)
    }

    /// Notes that a caller had a turn.
    fn note(&mut self, class: Class, caller: &Caller) {
        self.charged[class as usize] = self.charged(class) + RUN / class.weight().unwrap_or(1);
        if self.served.len() >= MAX_REMEMBERED {
            self.served.clear();
        }
        self.count += 1;
        self.served.insert((class as usize, caller.clone()), self.count);
    }

    fn charged(&self, class: Class) -> u64 {
        self.charged[class as usize].max(self.present)
    }
}

#[cfg(test)]
mod tests;
