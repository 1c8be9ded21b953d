//! What needs somebody's attention, with the words of one answer that says it.

use crate::domain::answer::SyncResult;
use crate::store::SaidCode;

/// Something that needs attention, and the records that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// Its code, and of which records the last run says it.
    pub said: SaidCode,
    /// What is wrong, of one of them; empty if it is something to look at.
    pub message: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
}

impl Concern {
    /// What is said, in the words of one answer that says it.
    pub(crate) fn new(said: SaidCode, answer: Option<&SyncResult>) -> Self {
        let words = answer.and_then(|answer| message_of(answer, &said.code));
        let (message, remedy) = words.unwrap_or_default();
        Self { said, message, remedy }
    }

    /// How many records are not named.
    pub fn more(&self) -> Option<u64> {
        let named = u64::try_from(self.said.newest.len()).unwrap_or(u64::MAX);
        self.said.records.checked_sub(named).filter(|more| *more > 0)
    }
}

/// What an answer says about one of its codes, and what to do about it.
fn message_of(answer: &SyncResult, code: &str) -> Option<(String, Option<String>)> {
    let mut objects = answer.object_results.iter();
    let finding = objects.find(|object| object.finding_code.as_deref() == Some(code));
    let finding = finding.map(|object| (object.message.clone(), object.remedy.clone()));
    let is_failure = answer.error_code.as_deref() == Some(code);
    finding.or_else(|| is_failure.then(|| (answer.message.clone(), None)))
}
