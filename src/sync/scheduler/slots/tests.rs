//! Who may begin, and whose turn it is.

use uuid::Uuid;

use super::*;
use crate::domain::ids::SyncRunId;

#[expect(clippy::unnecessary_wraps, reason = "callers are optional")]
fn caller(name: &str) -> Caller {
    Some(name.into())
}

fn head(name: &str, class: QueueClass) -> QueueHead {
    QueueHead { run: SyncRunId(Uuid::now_v7()), caller: Some(name.to_owned()), class }
}

/// As many slots as a caller gets one after the other.
fn take_all(slots: &Arc<Slots>, class: Class, name: &str) -> Vec<Slot> {
    std::iter::from_fn(|| slots.try_take(class, &caller(name))).collect()
}

#[test]
fn a_caller_may_have_as_many_runs_in_progress_as_slots_are_free() {
    for (at_once, expected) in [(1, [1, 0, 0]), (2, [1, 1, 0]), (4, [2, 1, 1]), (64, [32, 16, 8])] {
        let slots = Slots::new(at_once);
        let held = ["flow", "erp", "crm"].map(|name| take_all(&slots, Class::Accepted, name));
        assert_eq!(held.each_ref().map(Vec::len), expected, "{at_once}");
        drop(held);
        assert_eq!(slots.gauges().0, 0);
    }
    let slots = Slots::new(64);
    let retries = take_all(&slots, Class::Retry, "flow");
    assert_eq!(retries.len(), 22, "they leave more free");
    assert_eq!(
        take_all(&slots, Class::Awaited, "flow").len(),
        10,
        "for what somebody asks for now"
    );
}

#[test]
fn a_new_request_comes_after_those_waiting_for_the_freed_slot() {
    let slots = Slots::new(1);
    let slot = slots.try_take(Class::Awaited, &caller("flow")).unwrap();
    slots.queued(Class::Accepted, &caller("flow"));
    drop(slot);
    assert!(
        slots.try_take(Class::Awaited, &caller("erp")).is_none(),
        "it is not known yet who is next"
    );
    assert!(slots.begin_choosing() && slots.has_queue());
    let mut heads = vec![head("flow", QueueClass::Accepted)];
    let (_, slot) = slots.choose(&mut heads).unwrap();
    assert!(!slots.end_choosing(false));
    assert!(heads.is_empty() && !slots.has_queue());
    drop(slot);
    assert!(slots.try_take(Class::Awaited, &caller("erp")).is_some(), "nobody waits");
}

#[test]
fn a_caller_blocked_by_its_own_runs_blocks_nobody_else() {
    let slots = Slots::new(4);
    let held = take_all(&slots, Class::Accepted, "flow");
    slots.queued(Class::Accepted, &caller("flow"));
    assert!(slots.begin_choosing());
    let mut heads = vec![head("flow", QueueClass::Accepted), head("flow", QueueClass::Awaited)];
    assert!(slots.choose(&mut heads).is_none());
    assert!(!slots.end_choosing(!heads.is_empty()));
    assert!(slots.has_queue());
    assert!(slots.try_take(Class::Accepted, &caller("erp")).is_some());
    drop(held);
}

/// Begins one run after the other out of heads that never end; who had how many.
fn share(heads: &[(&str, QueueClass)], runs: usize) -> Vec<usize> {
    let slots = Slots::new(1);
    let mut had = vec![0; heads.len()];
    for _ in 0..runs {
        let mut offered: Vec<QueueHead> =
            heads.iter().map(|(name, class)| head(name, *class)).collect();
        let ids: Vec<SyncRunId> = offered.iter().map(|head| head.run).collect();
        let (chosen, slot) = slots.choose(&mut offered).unwrap();
        had[ids.iter().position(|id| *id == chosen.run).unwrap()] += 1;
        slot.unused();
    }
    had
}

#[test]
fn classes_have_their_weights_and_callers_of_a_class_their_turns() {
    use QueueClass::{Accepted, Awaited, Replay, Retry};
    assert_eq!(
        share(&[("flow", Awaited), ("flow", Accepted), ("flow", Retry), ("flow", Replay)], 150),
        [80, 40, 20, 10]
    );
    assert_eq!(share(&[("flow", Accepted), ("flow", Retry)], 30), [20, 10]);
    // However many callers a class has, it has its part, and each of them the same of it.
    assert_eq!(
        share(&[("a", Awaited), ("b", Accepted), ("c", Accepted), ("d", Accepted)], 90),
        [60, 10, 10, 10]
    );
}

#[test]
fn a_new_caller_is_next_and_turns_cannot_be_saved() {
    let slots = Slots::new(1);
    let next = |names: &[&str]| {
        let mut heads: Vec<QueueHead> =
            names.iter().map(|name| head(name, QueueClass::Accepted)).collect();
        let (chosen, slot) = slots.choose(&mut heads).unwrap();
        slot.unused();
        chosen.caller.unwrap()
    };
    for _ in 0..200 {
        assert_eq!(next(&["flow"]), "flow");
    }
    assert_eq!(next(&["flow", "erp"]), "erp");
    assert_eq!(
        [next(&["flow", "erp"]), next(&["flow", "erp"]), next(&["flow", "erp"])],
        ["flow", "erp", "flow"]
    );
}

#[tokio::test]
async fn a_run_that_lets_others_go_first_gets_its_turn_among_them() {
    let slots = Slots::new(1);
    let mut slot = slots.try_take(Class::Awaited, &caller("flow")).unwrap();
    slots.had_turn(Class::Awaited, &caller("flow"));
    slot.pass_to(caller("flow"));
    let mut heads = vec![head("flow", QueueClass::Awaited), head("erp", QueueClass::Awaited)];
    drop(slot);
    let turn = Turn { class: Class::Awaited, caller: caller("flow"), run: Uuid::nil() };
    let (begun, mut order) = (Arc::clone(&slots), Vec::new());
    let again = tokio::spawn(async move { begun.acquire(turn).await });
    while !slots.has_queue() {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        assert!(slots.begin_choosing());
        let (head, slot) = slots.choose(&mut heads).unwrap();
        order.push(head.caller.unwrap());
        drop(slot);
    }
    assert_eq!(order, ["erp", "flow"], "flow's other run has waited longer");
    assert!(!again.is_finished() && slots.begin_choosing());
    assert!(slots.choose(&mut heads).is_none(), "the slot went to the run that waited");
    drop(again.await.unwrap());
    assert_eq!(slots.gauges(), (0, 1));
}

#[tokio::test]
async fn a_run_that_no_longer_waits_for_its_slot_leaves_it_to_others() {
    let slots = Slots::new(1);
    let turn = Turn { class: Class::Awaited, caller: None, run: Uuid::nil() };
    let mut waiting = Box::pin(slots.acquire(turn));
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(waiting);
    assert!(slots.begin_choosing());
    assert!(slots.choose(&mut Vec::new()).is_none());
    assert_eq!(slots.gauges(), (0, 1));
}

#[test]
fn a_takeover_only_needs_a_free_slot_and_comes_first() {
    let slots = Slots::new(4);
    let mut held = take_all(&slots, Class::Accepted, "flow");
    assert!(slots.try_take_over().is_none(), "there is nothing to take over");
    slots.found(false, 2);
    for _ in 0..2 {
        let mut slot = slots.try_take_over().unwrap();
        slot.pass_to(caller("flow"));
        held.push(slot);
    }
    assert_eq!(slots.gauges(), (4, 4));
    slots.found(false, 2);
    assert!(slots.try_take_over().is_none(), "no slot is free");
    held.pop();
    assert!(slots.begin_choosing() && slots.try_take_over().is_some());
}
