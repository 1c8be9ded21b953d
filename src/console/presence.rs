//! Whether a record is in m3ter, and why not: in the words of its last sync.

use jiff::Timestamp;

use super::words::{Mark, When, sentence};
use crate::domain::answer::ObjectResult;
use crate::domain::finding::FindingCode;
use crate::domain::run::{RunState, SyncRun};

/// Reasons that are told, and rows that are named of each; the page of the run has all.
const MAX_REASONS: usize = 10;
const MAX_ROWS: usize = 5;

/// How a record stands.
pub(super) struct Presence {
    pub(super) mark: Mark,
    pub(super) sentence: String,
    /// Why objects are not as the record asks.
    pub(super) reasons: Vec<Reason>,
    /// How many more reasons there are.
    pub(super) more: usize,
    /// How many objects wait for those.
    pub(super) not_attempted: usize,
    /// When its last sync is tried again by itself.
    pub(super) next_try: Option<When>,
}

/// Why objects of a kind are not as the record asks.
pub(super) struct Reason {
    pub(super) object: String,
    pub(super) rows: Vec<String>,
    /// How many more rows it is true of.
    pub(super) more: usize,
    pub(super) message: String,
    pub(super) remedy: Option<String>,
}

impl Presence {
    /// By the last sync of which a try has ended, and whether m3ter has anything of the record.
    pub(super) fn new(last: Option<&SyncRun>, is_linked: bool, now: Timestamp) -> Self {
        let Some(run) = last else { return Self::unknown(is_linked) };
        if run.state == RunState::Retrying {
            let message = run.tries.last().map(|last| sentence(&last.message));
            let next_try = run.next_try_at.map(|at| When::new(at, now));
            let presence = Self::with(Mark::TRIED_AGAIN, message.unwrap_or_default());
            return Self { next_try, ..presence };
        }
        let Some(result) = &run.result else { return Self::unknown(is_linked) };
        let presence = match (result.sync_status.as_str(), is_linked) {
            ("Completed", _) => {
                let all = "m3ter holds every object as the record asked at its last sync.";
                Self::with(Mark::IN_M3TER, all)
            }
            ("Partial Success", true) => {
                let part = "m3ter holds a part of it. What is not as the record asks:";
                Self::with(Mark::IN_PART, part)
            }
            ("Partial Success", false) => {
                Self::with(Mark::NOT_IN_M3TER, "m3ter holds nothing of it:")
            }
            (_, true) => {
                let failed = sentence(&result.message);
                Self::with(Mark::SYNC_FAILED, format!("{failed} What earlier syncs made is below."))
            }
            (_, false) => Self::with(Mark::NOT_IN_M3TER, sentence(&result.message)),
        };
        let wrong = result.object_results.iter().filter(|object| !object.success);
        let waits = FindingCode::DependencyFailed.to_string();
        let (waiting, wrong): (Vec<_>, Vec<_>) =
            wrong.partition(|object| object.finding_code.as_ref() == Some(&waits));
        let mut reasons = reasons(&wrong);
        let more = reasons.len().saturating_sub(MAX_REASONS);
        reasons.truncate(MAX_REASONS);
        Self { reasons, more, not_attempted: waiting.len(), ..presence }
    }

    fn unknown(is_linked: bool) -> Self {
        if is_linked {
            let known = "m3ter has objects of this record; the runs that made them are deleted by now. A preview compares.";
            return Self::with(Mark::KNOWN, known);
        }
        let unknown = "No sync of this record is known. A preview shows what one would write.";
        Self::with(Mark::NEVER_SYNCED, unknown)
    }

    fn with(mark: Mark, sentence: impl Into<String>) -> Self {
        Self {
            mark,
            sentence: sentence.into(),
            reasons: Vec::new(),
            more: 0,
            not_attempted: 0,
            next_try: None,
        }
    }
}

/// What is wrong with objects, each thing once.
fn reasons(wrong: &[&ObjectResult]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for object in wrong {
        let message = sentence(&object.message);
        let same = reasons
            .iter_mut()
            .find(|reason| reason.object == object.object_name && reason.message == message);
        match same {
            Some(reason) if reason.rows.len() < MAX_ROWS => {
                reason.rows.push(object.salesforce_id.clone());
            }
            Some(reason) => reason.more += 1,
            None => reasons.push(Reason {
                object: object.object_name.clone(),
                rows: vec![object.salesforce_id.clone()],
                more: 0,
                message,
                remedy: object.remedy.as_deref().map(sentence),
            }),
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(row: usize, code: &str, message: &str) -> ObjectResult {
        let result = json!({"objectName": "Plan", "success": code.is_empty(), "message": message, "salesforceId": format!("00k{row}"),
            "action": "failed", "findingCode": code, "remedy": "Correct it", "warnings": []});
        serde_json::from_value(result).unwrap()
    }

    fn run(status: &str, objects: &[ObjectResult]) -> SyncRun {
        let run = json!({"syncRunId": "019f0000-0000-7000-8000-000000000000", "parentRecordId": "006", "kind": "sync", "state": "ended",
            "dryRun": false, "requestedAt": "2026-01-01T00:00:00Z", "takeovers": 0, "tries": [], "replays": [],
            "result": {"success": false, "syncStatus": status, "message": "m3ter is away", "dryRun": false, "objectResults": objects,
                "concatenatedResults": "", "warnings": []}});
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn the_same_reason_is_told_once_and_what_waits_for_it_is_counted() {
        let mut objects: Vec<_> =
            (0..7).map(|row| result(row, "INVALID_VALUE", "The price is negative")).collect();
        objects.push(result(7, "INVALID_VALUE", "Another"));
        objects.push(result(8, "DEPENDENCY_FAILED", "Not attempted because Plan failed"));
        objects.push(result(9, "", "Unchanged"));
        let run = run("Partial Success", &objects);
        let presence = Presence::new(Some(&run), true, Timestamp::UNIX_EPOCH);
        assert_eq!(presence.mark.word, "Partly in m3ter");
        let told: Vec<_> = presence
            .reasons
            .iter()
            .map(|reason| (reason.message.as_str(), reason.rows.len(), reason.more))
            .collect();
        assert_eq!(told, [("The price is negative.", 5, 2), ("Another.", 1, 0)]);
        assert_eq!((presence.more, presence.not_attempted), (0, 1));
    }

    #[test]
    fn a_record_is_in_m3ter_only_if_m3ter_has_something_of_it() {
        for (status, is_linked, word) in [
            ("Completed", true, "In m3ter"),
            ("Partial Success", true, "Partly in m3ter"),
            ("Partial Success", false, "Not in m3ter"),
            ("Failed", true, "Last sync failed"),
            ("Failed", false, "Not in m3ter"),
        ] {
            let presence = Presence::new(Some(&run(status, &[])), is_linked, Timestamp::UNIX_EPOCH);
            assert_eq!(presence.mark.word, word, "{status} {is_linked}");
        }
        let word = |is_linked| Presence::new(None, is_linked, Timestamp::UNIX_EPOCH).mark.word;
        assert_eq!([word(false), word(true)], ["Never synced", "In m3ter"]);
    }
}
