//! A change from the moment before it is sent until it is known what became of it.
//!
//! It is saved before: a process that dies in between loses none. Whoever takes the run over looks
//! what m3ter holds ([`unsettled`](super::unsettled)).

use crate::domain::actual::ActualObject;
use crate::domain::change::{ChangeId, NewChange};
use crate::domain::ending::BillingEntity;
use crate::domain::outcome::Failure;
use crate::store::ChangeFate;
use crate::sync::context::RunContext;
use crate::sync::execute::end_one::{End, end_one};
use crate::sync::execute::recorder::Recorder;
use crate::sync::execute::write_outcome::{EndOutcome, WriteOutcome};
use crate::transport::Effect;

/// One write of one object, which may be sent more than once.
pub(crate) struct Pending<'a> {
    recorder: &'a Recorder<'a>,
    /// Once it is saved.
    id: Option<ChangeId>,
    /// What became of it, as far as answers say.
    effect: Effect,
    is_made: bool,
}

impl<'a> Pending<'a> {
    pub(crate) fn new(recorder: &'a Recorder<'a>) -> Self {
        Self { recorder, id: None, effect: Effect::None, is_made: false }
    }

    /// Saves what is about to be sent; in the place of what was saved before, which m3ter refused.
    pub(crate) async fn intend(
        &mut self,
        change: NewChange,
        actual: &ActualObject,
    ) -> Result<(), Failure> {
        if change.fields.is_empty() {
            return Ok(());
        }
        let id = self.id.unwrap_or(change.id);
        let change = NewChange { id, version: Some(actual.version), ..change };
        self.recorder.intend(change).await?;
        self.id = Some(id);
        Ok(())
    }

    /// m3ter has said that it is made.
    pub(crate) fn is_made(&mut self) {
        self.is_made = true;
    }

    /// Takes what an answer that says no says, or one that never came.
    pub(crate) fn answered(&mut self, effect: Effect) {
        if effect == Effect::Unknown {
            self.effect = effect;
        }
    }

    /// Notes what became of it, where `is_as_asked` says whether m3ter holds by now what was sent.
    /// What nobody knows stays open.
    pub(crate) async fn end(self, is_as_asked: bool) {
        let Some(id) = self.id else { return };
        let may_be_made = self.effect == Effect::Unknown;
        let fate = match (self.is_made, may_be_made, is_as_asked) {
            (true, ..) | (_, true, true) => ChangeFate::Made,
            (_, false, _) => ChangeFate::NotMade,
            (_, true, false) => return,
        };
        self.recorder.settle(id, fate).await;
    }
}

/// Ends an object, which is remembered before.
pub(crate) async fn end_remembered(
    context: &RunContext<'_>,
    recorder: &Recorder<'_>,
    change: NewChange,
    entity: BillingEntity,
    object: &ActualObject,
    end: &End,
) -> Result<EndOutcome, Failure> {
    let mut pending = Pending::new(recorder);
    pending.intend(change, object).await?;
    let ended = end_one(context.m3ter, entity, object, end, context.budget).await;
    match &ended {
        Ok(WriteOutcome::Done(())) => pending.is_made(),
        Ok(WriteOutcome::Refused(_)) => {}
        Err(_) => pending.answered(Effect::Unknown),
    }
    pending.end(false).await;
    ended
}
