//! What is noted about a request on its way, for the one line that the log has about it and for the
//! audit log.

use std::cell::RefCell;
use std::fmt::Display;
use std::net::IpAddr;

use crate::callers::{Caller, Role};

tokio::task_local! {
    static NOTES: RefCell<LogFields>;
}

/// What is known about a request at its end.
#[derive(Debug, Default)]
pub(super) struct LogFields {
    pub(super) caller: Option<Caller>,
    pub(super) client: Option<IpAddr>,
    pub(super) record: Option<String>,
    pub(super) run: Option<String>,
    /// What was asked for beside the record, each part as `name=value`.
    pub(super) parameters: String,
    /// How that ended, in words of the service's own.
    pub(super) outcome: String,
    /// Why it was refused.
    pub(super) reason: &'static str,
    /// Why the key that came along does not count, where none is needed.
    pub(super) rejected: &'static str,
    pub(super) salesforce_user: Option<String>,
    /// Whether it comes again and again by itself, so that nothing is to be said of it.
    pub(super) is_routine: bool,
}

impl LogFields {
    pub(super) fn caller_name(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.name)
    }

    pub(super) fn key(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| &caller.key)
    }

    pub(super) fn role(&self) -> &'static str {
        self.caller.as_ref().map_or("", |caller| Role::as_str(caller.role))
    }
}

/// Runs what answers a request; its answer and what was noted meanwhile.
pub(super) async fn collect<F: Future>(answering: F) -> (F::Output, LogFields) {
    let collecting = async {
        let answer = answering.await;
        (answer, NOTES.with(RefCell::take))
    };
    NOTES.scope(RefCell::default(), collecting).await
}

fn change(change: impl FnOnce(&mut LogFields)) {
    // Outside a request, in a unit test, there is nobody to tell.
    let _ = NOTES.try_with(|notes| change(&mut notes.borrow_mut()));
}

pub(crate) fn set_caller(caller: &Caller) {
    change(|notes| notes.caller = Some(caller.clone()));
}

pub(crate) fn set_client(client: IpAddr) {
    change(|notes| notes.client = Some(client));
}

/// The record that the request is about: a valid id, for nothing else may stand in a log.
pub(crate) fn set_record(record: &crate::domain::ids::SalesforceId) {
    change(|notes| notes.record = Some(record.to_string()));
}

/// The Salesforce user who asks: a valid id.
pub(crate) fn set_salesforce_user(user: &crate::domain::ids::SalesforceId) {
    change(|notes| notes.salesforce_user = Some(user.to_string()));
}

/// The request comes by itself: a page that keeps up to date, or what a page is made of.
pub(crate) fn set_routine() {
    change(|notes| notes.is_routine = true);
}

/// The run that the request began or asks for.
pub(crate) fn set_run(run: &impl Display) {
    change(|notes| notes.run = Some(run.to_string()));
}

/// What was asked for, for the audit log: values that were read and checked, never a text as it
/// came.
pub(crate) fn set_parameters(parameters: String) {
    change(|notes| notes.parameters = parameters);
}

/// How what was asked for ended.
pub(crate) fn set_outcome(outcome: String) {
    change(|notes| notes.outcome = outcome);
}

/// Why the request is refused.
pub(crate) fn set_reason(reason: &'static str) {
    change(|notes| notes.reason = reason);
}

/// Why the key does not count that came with a request that needs none.
pub(crate) fn set_rejected(reason: &'static str) {
    change(|notes| notes.rejected = reason);
}
