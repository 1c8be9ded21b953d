//! What a record says of its own last sync: status, message and time.
//!
//! A Flow may run on every edit of a record, also on this one. So an outcome that is the same is
//! not written again: compared are the status and the first line of the message, which holds codes
//! and names, and nothing that two runs of the same outcome differ in.

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value as Json};

use super::entity::ObjectKind;
use super::finding::FindingCode;
use super::ids::SalesforceId;
use super::outcome::{Action, ObjectOutcome, RunOutcome, SyncStatus};
use super::record::Record;
use super::rows::FieldRef;

/// Names that the first line repeats of one kind of object.
const MAX_NAMES: usize = 10;
/// What stands for a part of a sentence that is left out.
const LEFT_OUT: &str = "…";

/// A field that the integration user may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusField {
    /// Its API name, as the org spells it.
    pub name: String,
    /// Most characters that it holds; 0 where it is no text.
    pub length: usize,
}

/// Where a mapping says that they are. The org need not have them.
#[derive(Debug, Clone)]
pub struct StatusPaths {
    /// The status.
    pub status: FieldRef,
    /// The sentences.
    pub message: Option<FieldRef>,
    /// The time.
    pub synced_at: Option<FieldRef>,
}

impl StatusPaths {
    /// All of them.
    pub fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        std::iter::once(&self.status).chain(&self.message).chain(&self.synced_at)
    }
}

/// The fields of one object that say how the last sync of a record ended, as far as they can be
/// read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusFields {
    /// `Completed`, `Partial Success` or `Failed`. Without it nothing is written.
    pub status: Option<StatusField>,
    /// What the outcome is.
    pub message: Option<StatusField>,
    /// When the last sync ended that reached m3ter.
    pub synced_at: Option<StatusField>,
}

impl StatusFields {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.status, &self.message, &self.synced_at]
            .into_iter()
            .flatten()
            .map(|field| field.name.as_str())
    }

    /// What is to be written onto a record whose sync ended so at `now`; nothing where the record
    /// says it already.
    pub fn changes(
        &self,
        record: &Record,
        outcome: &RunOutcome,
        now: Timestamp,
    ) -> Map<String, Json> {
        let mut changes = Map::new();
        let Some(status) = &self.status else { return changes };
        let held = |field: &StatusField| {
            record.value(&field.name).and_then(Json::as_str).unwrap_or_default().trim()
        };
        let status_now = outcome.status();
        let new_status = status_now.to_string();
        let is_other_status = held(status) != new_status;
        let message = self.message.as_ref().map(|field| (field, message(outcome, field.length)));
        let first_line = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
        let is_other_outcome = message
            .as_ref()
            .is_some_and(|(field, text)| first_line(held(field)) != first_line(text));
        let has_changed_m3ter = outcome
            .objects
            .iter()
            .any(|object| matches!(object.action, Action::Created | Action::Updated));
        // A failed sync that changed nothing in m3ter did not reach it.
        let is_later = has_changed_m3ter || is_other_status && status_now != SyncStatus::Failed;
        let synced_at = self.synced_at.as_ref().filter(|_| is_later);
        if !is_other_status && !is_other_outcome && synced_at.is_none() {
            return changes;
        }
        changes.insert(status.name.clone(), Json::String(new_status));
        if let Some((field, text)) = message {
            changes.insert(field.name.clone(), Json::String(text));
        }
        if let Some(field) = synced_at {
            let moment = now.round(Unit::Second).unwrap_or(now);
            changes.insert(field.name.clone(), Json::String(moment.to_string()));
        }
        changes
    }
}

/// The message about an outcome in so many characters; 0 is any number.
fn message(outcome: &RunOutcome, length: usize) -> String {
    let outcome = outcome.for_history();
    let status = outcome.status().to_string();
    let codes = codes(&outcome);
    let mut lines =
        vec![if codes.is_empty() { status } else { format!("{status}: {}", codes.join("; ")) }];
    for sentence in sentences(&outcome) {
        if !lines.contains(&sentence) {
            lines.push(sentence);
        }
    }
    let text = lines.join("\n");
    if length == 0 || text.chars().count() <= length {
        return text;
    }
    let kept: String = text.chars().take(length - 1).collect();
    format!("{}{LEFT_OUT}", kept.trim_end())
}

/// What is compared beside the status: codes, with the fields and codes that they are about.
fn codes(outcome: &RunOutcome) -> Vec<String> {
    if let Some(failure) = &outcome.failure {
        // What a failure that passes had reached differs from run to run.
        let is_passing = outcome.is_retryable();
        let sentences: Vec<String> =
            (!is_passing).then(|| failure.sentence()).into_iter().collect();
        return vec![with_names(failure.code.as_str(), &sentences)];
    }
    let mut outcomes: Vec<(ObjectKind, &str)> = Vec::new();
    for object in failed(outcome) {
        let outcome = (object.kind, code(object));
        if !outcomes.contains(&outcome) {
            outcomes.push(outcome);
        }
    }
    let of_objects = outcomes.into_iter().map(|(kind, word)| {
        let alike = failed(outcome).filter(|other| (other.kind, code(other)) == (kind, word));
        let sentences: Vec<String> = alike.map(|object| object.message.to_string()).collect();
        format!("{} {}", kind.name(), with_names(word, &sentences))
    });
    // The next sync does not say again what only this one did.
    let lasting = outcome.attention().into_iter().filter(|attention| attention.lasts());
    of_objects.chain(lasting.map(|attention| attention.to_string())).collect()
}

/// What a person reads below that.
fn sentences(outcome: &RunOutcome) -> Vec<String> {
    let failure = outcome.failure.iter().map(|failure| stable(&failure.sentence()));
    let objects = failed(outcome).map(|object| {
        let words = [Some(object.message.to_string()), object.remedy.clone()];
        let words: Vec<String> = words.iter().flatten().map(|words| stable(words)).collect();
        format!("{}: {}", object.kind.name(), words.join(". "))
    });
    let watched = outcome
        .all_warnings()
        .filter_map(|warning| Some(format!("{}: {}", warning.attention?, stable(warning))));
    failure.chain(objects).chain(watched).collect()
}

fn failed(outcome: &RunOutcome) -> impl Iterator<Item = &ObjectOutcome> {
    outcome.objects.iter().filter(|object| !object.is_success())
}

/// What is wrong with an object.
fn code(object: &ObjectOutcome) -> &'static str {
    object.finding.map_or_else(|| object.action.as_str(), FindingCode::as_str)
}

/// A code with the names that sentences hold in backticks: of fields, or of what they hold.
fn with_names(code: &str, sentences: &[String]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for quoted in sentences.iter().flat_map(|sentence| sentence.split('`').skip(1).step_by(2)) {
        let is_name =
            !quoted.is_empty() && !quoted.contains(char::is_whitespace) && !passes(quoted, true);
        if is_name && !names.contains(&quoted) && names.len() < MAX_NAMES {
            names.push(quoted);
        }
    }
    if names.is_empty() { code.to_owned() } else { format!("{code} ({})", names.join(", ")) }
}

/// The sentence without what two runs of the same outcome differ in: ids, numbers, times.
fn stable(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    for (position, part) in sentence.split('`').enumerate() {
        let is_quoted = position % 2 == 1;
        if position > 0 {
            text.push('`');
        }
        for (index, word) in part.split(' ').enumerate() {
            if index > 0 {
                text.push(' ');
            }
            let is_edge = |c: char| !c.is_alphanumeric() && c != '-' && c != '_';
            let core = word.trim_matches(is_edge);
            if passes(core, is_quoted) {
                text.push_str(&word.replacen(core, LEFT_OUT, 1));
            } else {
                text.push_str(word);
            }
        }
    }
    text
}

/// Whether a word is one of those that the next run may say otherwise. A name in backticks stays:
/// letters, digits and underscores, with a letter first.
fn passes(word: &str, is_quoted: bool) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b));
    let is_ours = word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("m3ter"));
    has_digit && !is_ours && (!(is_quoted && is_name) || SalesforceId::parse(word).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use strum::VariantArray as _;

    use super::*;
    use crate::domain::entity::{EntityKind, ObjectKey};
    use crate::domain::outcome::{ErrorCode, Failure};
    use crate::domain::warning::{Attention, Warning};

    const NOW: &str = "2026-05-01T10:00:00.25Z";

    fn fields(length: usize) -> StatusFields {
        let field = |name: &str, length| Some(StatusField { name: name.to_owned(), length });
        StatusFields {
            status: field("Status__c", 20),
            message: field("Message__c", length),
            synced_at: field("At__c", 0),
        }
    }

    fn record(status: &str, message: &str) -> Record {
        Record::new(
            json!({"Status__c": status, "Message__c": message, "At__c": "2026-01-01T00:00:00.000+0000"}).as_object().cloned().unwrap(),
        )
    }

    fn object(kind: EntityKind, action: Action, message: &str, code: &str) -> ObjectOutcome {
        let key = ObjectKey {
            kind,
            row: SalesforceId::parse("001S900000RzsIU").unwrap(),
            key: String::new(),
        };
        let finding = FindingCode::VARIANTS.iter().copied().find(|known| known.as_str() == code);
        assert_eq!(finding.is_none(), code.is_empty(), "{code}");
        ObjectOutcome { finding, ..ObjectOutcome::new(&key, action, message) }
    }

    fn ended(objects: Vec<ObjectOutcome>) -> RunOutcome {
        RunOutcome::ended(objects, Vec::new())
    }

    fn failed(code: ErrorCode, reason: &str) -> RunOutcome {
        RunOutcome::failed(Failure::new(code, reason))
    }

    /// The names of what is written onto a record.
    fn written(record: &Record, outcome: &RunOutcome) -> String {
        let changes = fields(32_768).changes(record, outcome, NOW.parse().unwrap());
        let mut names: Vec<&str> =
            changes.keys().map(|name| name.trim_end_matches("__c")).collect();
        names.sort_unstable();
        names.join(" ")
    }

    #[test]
    fn an_outcome_is_written_once() {
        use Action::{Created, Failed, Unchanged, Updated};
        use EntityKind::{Account, Commitment, Plan};
        let unchanged = || object(Account, Unchanged, "m3ter Identifier: 1", "");
        let overlap = |id: &str| {
            object(
                Commitment,
                Failed,
                &format!("Commitment would overlap with existing Commitment {id}"),
                "COMMITMENT_OVERLAP",
            )
        };
        let blank = |field: &str| {
            object(Plan, Failed, &format!("`{field}` is blank"), "REQUIRED_VALUE_BLANK")
        };
        let away = |reason: &str| failed(ErrorCode::M3terUnavailable, reason);
        for (before, result, expected) in [
            (record("", ""), ended(vec![unchanged()]), "At Message Status"),
            (record("Completed", "Completed"), ended(vec![unchanged()]), ""),
            (record("Completed", "Completed\r\nby hand"), ended(vec![unchanged()]), ""),
            (
                record("Completed", "Sync process completed successfully"),
                ended(vec![unchanged()]),
                "Message Status",
            ),
            // m3ter has changed: the time moves, and all three say so.
            (
                record("Completed", "Completed"),
                ended(vec![object(Account, Updated, "m3ter Identifier: 1", "")]),
                "At Message Status",
            ),
            (
                record("Failed", "Failed: M3TER_UNAVAILABLE"),
                ended(vec![unchanged()]),
                "At Message Status",
            ),
            (
                record("Completed", "Completed"),
                ended(vec![unchanged(), overlap("1")]),
                "At Message Status",
            ),
            (
                record("Partial Success", "Partial Success: Commitment COMMITMENT_OVERLAP"),
                ended(vec![unchanged(), overlap("2")]),
                "",
            ),
            (
                record("Partial Success", "Partial Success: Commitment COMMITMENT_OVERLAP"),
                ended(vec![blank("A.B__c"), overlap("2")]),
                "Message Status",
            ),
            // The first field was filled, the next one is blank: the reader is to know.
            (
                record("Partial Success", "Partial Success: Plan REQUIRED_VALUE_BLANK (A.B__c)"),
                ended(vec![blank("A.B__c")]),
                "",
            ),
            (
                record("Partial Success", "Partial Success: Plan REQUIRED_VALUE_BLANK (A.B__c)"),
                ended(vec![blank("A.C__c")]),
                "Message Status",
            ),
            // A failure leaves the time of the last sync that reached m3ter.
            (
                record("Completed", "Completed"),
                away("`ListPlans` failed 4 times in 3.1 s"),
                "Message Status",
            ),
            (
                record("Failed", "Failed: M3TER_UNAVAILABLE"),
                away("`CreatePlan` failed 2 times in 9 s"),
                "",
            ),
            (
                record("Failed", "Failed: M3TER_UNAVAILABLE"),
                failed(ErrorCode::TimeLimitExceeded, "100 s"),
                "Message Status",
            ),
            (
                record("Failed", "Failed: MAPPING_INVALID (A.B__c)"),
                failed(ErrorCode::MappingInvalid, "`A.C__c` is not there"),
                "Message Status",
            ),
        ] {
            assert_eq!(written(&before, &result), expected, "{before:?}\n{result:#?}");
        }
        // What lasts is compared; what one sync did is told with the rest.
        let mut removed = ended(vec![unchanged()]);
        removed
            .warn(None, Warning::of(Attention::LineRemoved, "The line 00kS9000001Nxy5IAC is gone"));
        removed.warn(
            Some(0),
            Warning::of(Attention::ForeignId, "`A.B__c` held 7; it was overwritten"),
        );
        removed.warn(None, "nothing to look at".into());
        assert_eq!(written(&record("Completed", "Completed"), &removed), "Message Status");
        assert_eq!(written(&record("Completed", "Completed: LINE_REMOVED"), &removed), "");
        assert_eq!(
            message(&removed, 0),
            "Completed: LINE_REMOVED\nFOREIGN_ID: `A.B__c` held …; it was overwritten\nLINE_REMOVED: The line … is gone"
        );
        let mut half = away("m3ter is away");
        half.objects.push(object(Account, Created, "m3ter Identifier: 1", ""));
        assert_eq!(
            written(&record("Failed", "Failed: M3TER_UNAVAILABLE"), &half),
            "At Message Status"
        );
    }

    #[test]
    fn what_the_org_lacks_is_not_written() {
        let at = NOW.parse().unwrap();
        let only_status = StatusFields { message: None, synced_at: None, ..fields(0) };
        let result = ended(Vec::new());
        assert_eq!(
            Json::Object(only_status.changes(&record("", ""), &result, at)),
            json!({"Status__c": "Completed"})
        );
        assert!(only_status.changes(&record("Completed", "anything"), &result, at).is_empty());
        assert!(
            StatusFields { status: None, ..fields(0) }
                .changes(&record("", ""), &result, at)
                .is_empty()
        );
        let all = fields(0).changes(&record("", ""), &result, at);
        assert_eq!(
            Json::Object(all),
            json!({"Status__c": "Completed", "Message__c": "Completed", "At__c": "2026-05-01T10:00:00Z"})
        );
    }

    #[test]
    fn the_message_names_what_to_do_and_nothing_temporary() {
        let mut overlap = object(
            EntityKind::AccountPlan,
            Action::Failed,
            "AccountPlan would overlap with AccountPlan 544ecdae-54a5-4654-b0fb-b503a7ed58b2 of 00kS9000001Nxy5IAC, ask jane@acme.example",
            "ACCOUNT_PLAN_OVERLAP",
        );
        overlap.remedy = Some(
            "End it on 2026-05-01, or set `overlap` in `[account_plan]` of m3ter's mapping"
                .to_owned(),
        );
        let amount = object(
            EntityKind::Commitment,
            Action::Failed,
            "`Opportunity.Amount` is `-5`, `X2.Y__c` of `006S900000795MNIAY`",
            "VALUE_INVALID",
        );
        assert_eq!(
            message(&ended(vec![amount, overlap.clone(), overlap]), 0),
            "Partial Success: Commitment VALUE_INVALID (Opportunity.Amount, X2.Y__c); AccountPlan ACCOUNT_PLAN_OVERLAP\n\
             Commitment: `Opportunity.Amount` is `…`, `X2.Y__c` of `…`\n\
             AccountPlan: AccountPlan would overlap with AccountPlan … of …, ask (an e-mail address). End it on …, or set `overlap` in `[account_plan]` of m3ter's mapping"
        );
        let away = failed(
            ErrorCode::M3terUnavailable,
            "m3ter answered `ListPlans` with 503, 4 times in 3.1 s; it is safe to sync again",
        );
        assert_eq!(
            message(&away, 0),
            "Failed: M3TER_UNAVAILABLE\nSync process failed: m3ter answered `ListPlans` with …, … times in … s; it is safe to sync again"
        );
    }

    #[test]
    fn a_message_is_cut_to_the_field_by_characters() {
        let result = failed(ErrorCode::RecordNotReady, "größer");
        let whole = "Failed: RECORD_NOT_READY\nSync process failed: größer";
        for (length, expected) in [
            (0, whole),
            (52, whole),
            (49, "Failed: RECORD_NOT_READY\nSync process failed: gr…"),
            (5, "Fail…"),
            (1, "…"),
        ] {
            assert_eq!(message(&result, length), expected, "{length}");
            assert!(length == 0 || message(&result, length).chars().count() <= length);
        }
        // What was cut is compared as it was cut.
        let cut = fields(12);
        let before = record("Failed", &message(&result, 12));
        assert!(cut.changes(&before, &result, NOW.parse().unwrap()).is_empty());
    }
}
