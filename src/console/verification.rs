//! One verification: how far it is, what it found, and what can be put right from there.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use strum::VariantArray as _;

use super::answer;
use super::form::{Form, once};
use super::run::ShownObject;
use super::session::Visitor;
use super::shell::Shell;
use super::verifications::{LIVE_MS, address, is_running, needing_somebody, progress, what};
use super::words::{Mark, When, number, time};
use crate::callers::Permission;
use crate::domain::answer::ObjectResult;
use crate::domain::backfill::Backfill;
use crate::domain::ids::SalesforceId;
use crate::domain::page;
use crate::domain::verification::{
    Breadth, Compared, Verification, VerificationState, VerifiedRecord, VerifiedStatus,
};
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::http::query::invalid_parameter;
use crate::http::verifications::{self, find, sees_all};
use crate::sync::Syncs;

/// Objects of a record that are shown.
const MAX_OBJECTS: usize = 20;
/// Records on a page.
pub(super) const ON_A_PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/verification.html")]
struct VerificationPage {
    shell: Shell,
    id: String,
    mark: Mark,
    what: String,
    message: Option<String>,
    facts: Vec<(&'static str, String)>,
    requested: When,
    /// Of a thousand.
    done: u64,
    progress: String,
    counts: Vec<Count>,
    status: Option<&'static str>,
    status_said: &'static str,
    compared: Option<ComparedText>,
    explained: Option<&'static str>,
    records: Vec<ShownRecord>,
    next: Option<String>,
    is_running: bool,
    /// What is said where nothing was found.
    nothing: &'static str,
    /// What can be done with it: the last part of the address, and the word on the button.
    step: Option<(&'static str, &'static str)>,
    may_preview: bool,
    /// The planned syncs of what was found, and whether some have not begun.
    backfill: Option<(String, bool)>,
    /// Whether all of the status that is shown can be synced from here.
    backfills: bool,
}

/// How many records have a status.
struct Count {
    status: &'static str,
    mark: Mark,
    records: String,
    is_shown: bool,
}

/// How it differs from the verification before, which has this id.
struct ComparedText {
    id: String,
    text: String,
}

struct ShownRecord {
    id: String,
    name: Option<String>,
    mark: Mark,
    message: String,
    error_code: Option<String>,
    warnings: Vec<String>,
    /// What the list of its objects is called.
    label: String,
    objects: Vec<ShownObject>,
    more_objects: usize,
    once: String,
}

/// `GET /console/verifications/{verificationId}`: how far it is, and what it found of one status.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    sees_all(&asker, &syncs).await?;
    let verification = find(&syncs, &id).await?;
    let Asked { status, after } = Asked::read(query.as_deref())?;
    let statuses: Vec<VerifiedStatus> = match status {
        Some(status) => vec![status],
        None => needing_somebody(),
    };
    let mut records = syncs.list_verified(&id, &statuses, after.as_ref(), ON_A_PAGE + 1).await?;
    let next = page::cut(&mut records, ON_A_PAGE).map(|last| {
        let status = status.map(|status| format!("status={status}&")).unwrap_or_default();
        format!("{status}cursor={}", last.record_id)
    });
    let backfill = syncs.backfill_of(&id).await?;
    let page = VerificationPage::new(&syncs, &visitor, &verification, status, &records, next)
        .with_backfill(&visitor, &backfill);
    answer::page(&headers, &page)
}

/// `POST /console/verifications/{verificationId}/cancel`.
pub(super) async fn cancel(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    _: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    sees_all(&asker, &syncs).await?;
    let cancelled = verifications::cancelled(&syncs, &asker, &id).await?;
    log_fields::set_outcome(cancelled.state.to_string());
    Ok(Redirect::to(&address(&cancelled.verification_id)).into_response())
}

/// `POST /console/verifications/{verificationId}/resume`.
pub(super) async fn resume(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Path(id): Path<String>,
    _: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    sees_all(&asker, &syncs).await?;
    let resumed = verifications::resumed(&syncs, &id).await?;
    log_fields::set_outcome("accepted".to_owned());
    Ok(Redirect::to(&address(&resumed.verification_id)).into_response())
}

/// What the page of a verification shows of it.
pub(super) struct Asked {
    pub(super) status: Option<VerifiedStatus>,
    after: Option<SalesforceId>,
}

impl Asked {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        let mut asked = Self { status: None, after: None };
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "status" => asked.status = Some(verifications::status(&value)?),
                "cursor" => {
                    let cursor = SalesforceId::parse(&value);
                    asked.after =
                        Some(cursor.map_err(|wrong| invalid_parameter(wrong.to_string()))?);
                }
                _ => {
                    return Err(invalid_parameter(
                        "A verification is shown by `status` and `cursor`",
                    ));
                }
            }
        }
        Ok(asked)
    }
}

impl VerificationPage {
    fn new(
        syncs: &Syncs,
        visitor: &Visitor,
        verification: &Verification,
        status: Option<VerifiedStatus>,
        records: &[VerifiedRecord],
        next: Option<String>,
    ) -> Self {
        let id = verification.verification_id.clone();
        let is_running = is_running(verification);
        let shell = Shell::new(visitor, "verifications", "Verification");
        let operates = visitor.may(Permission::Operate);
        let may_preview = visitor.may(Permission::Sync) && !is_running;
        let shown = |record| ShownRecord::new(syncs, record, may_preview);
        let all = verification.expected.unwrap_or_default().max(verification.verified).max(1);
        Self {
            shell: if is_running { shell.live(LIVE_MS) } else { shell },
            id,
            mark: Mark::of_verification(verification.state),
            what: what(&verification.request),
            message: verification.message.clone(),
            facts: facts(verification),
            requested: When::new(verification.requested_at, Timestamp::now()),
            done: verification.verified * 1_000 / all,
            progress: progress(verification),
            counts: VerifiedStatus::VARIANTS
                .iter()
                .filter(|of| verification.counts.of(**of) > 0)
                .map(|of| Count {
                    status: (*of).into(),
                    mark: Mark::of_verified(*of),
                    records: number(verification.counts.of(*of)),
                    is_shown: status == Some(*of),
                })
                .collect(),
            status: status.map(Into::into),
            status_said: status.map_or("", |status| Mark::of_verified(status).word),
            compared: verification.compared.as_ref().map(ComparedText::new),
            explained: status.map(explain),
            records: records.iter().map(shown).collect(),
            next,
            is_running,
            nothing: match verification.state {
                VerificationState::Running => "Nothing yet.",
                VerificationState::Completed => {
                    "No record was looked at: none is ready in Salesforce, and none was synced before."
                }
                _ => "No record was looked at before it ended.",
            },
            step: match verification.state {
                _ if !operates => None,
                VerificationState::Running => Some(("cancel", "Cancel it")),
                _ if verification.is_resumable() => Some(("resume", "Continue where it was")),
                _ => None,
            },
            may_preview,
            backfill: None,
            backfills: operates
                && !is_running
                && status.is_some_and(VerifiedStatus::needs_somebody)
                && !records.is_empty(),
        }
    }

    /// With what has become of the syncs that were planned from here.
    fn with_backfill(self, visitor: &Visitor, backfill: &Backfill) -> Self {
        if backfill.all() == 0 {
            return self;
        }
        let parts: Vec<String> =
            backfill.in_words().map(|(word, records)| format!("{records} {word}")).collect();
        let goes_on = backfill.planned + backfill.running > 0;
        Self {
            shell: if goes_on { self.shell.live(LIVE_MS) } else { self.shell },
            backfill: Some((
                parts.join(", "),
                backfill.planned > 0 && visitor.may(Permission::Operate),
            )),
            // A page that looks again has no new number each time.
            may_preview: self.may_preview && !goes_on,
            ..self
        }
    }
}

impl ComparedText {
    fn new(compared: &Compared) -> Self {
        let Compared { previous_verification_id: id, new_since, solved_since } = compared;
        let text = format!(
            "Since the last one that asked the same: {} more need attention, {} no longer do.",
            number(*new_since),
            number(*solved_since)
        );
        Self { id: id.clone(), text }
    }
}

fn facts(verification: &Verification) -> Vec<(&'static str, String)> {
    let took = verification.ended_at.map(|ended| {
        let took = ended.duration_since(verification.requested_at).as_millis();
        time(u64::try_from(took).unwrap_or_default())
    });
    let breadth = verification.breadth.map(|breadth| match breadth {
        Breadth::Lists => {
            "looked for in the lists of all Commitments and of today's AccountPlans".to_owned()
        }
        Breadth::Contracts => "looked for under each Contract".to_owned(),
    });
    [
        ("Asked for by", verification.requested_by.clone()),
        ("Records", Some(progress(verification))),
        ("Took", took),
        ("Objects that nobody linked", breadth),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// What a status means, and what to do about it.
fn explain(status: VerifiedStatus) -> &'static str {
    match status {
        VerifiedStatus::Gone => {
            "m3ter still bills for what Salesforce no longer has. A preview of the record shows what a sync would end; what it does not end, end on the record's page."
        }
        VerifiedStatus::Missing => {
            "These are ready in Salesforce and were never synced: nothing of them is billed. A preview shows what a sync would make."
        }
        VerifiedStatus::Failed => {
            "These could not be compared, or a sync of them would fail. Each says what is wrong; correct it in Salesforce or m3ter."
        }
        VerifiedStatus::Partial => {
            "A part of these cannot be as the record asks. Each object says what is wrong and what to do."
        }
        VerifiedStatus::Differs => {
            "m3ter holds something else than Salesforce says. Each shows the differences; a preview and its sync put them right."
        }
        VerifiedStatus::Foreign => {
            "Somebody else made something under the Contract of these. Link it with `sync-to-m3ter adopt`, or end it in m3ter."
        }
        VerifiedStatus::NotReady => "These are not ready in Salesforce yet, and were never synced.",
        VerifiedStatus::Ended => "Nothing of these is billed any more.",
        VerifiedStatus::InSync => "m3ter holds what Salesforce says.",
    }
}

/// The objects that cannot be as the record asks, then the others.
fn worst_first(objects: &[ObjectResult]) -> impl Iterator<Item = &ObjectResult> {
    let wrong = objects.iter().filter(|object| !object.success);
    wrong.chain(objects.iter().filter(|object| object.success))
}

impl ShownRecord {
    fn new(syncs: &Syncs, record: &VerifiedRecord, may_preview: bool) -> Self {
        Self {
            id: record.record_id.to_string(),
            name: record.name.clone(),
            mark: Mark::of_verified(record.status),
            message: record.message.clone(),
            error_code: record.error_code.clone(),
            warnings: record.warnings.iter().map(ToString::to_string).collect(),
            label: format!("Objects of {}", record.record_id),
            more_objects: record.object_results.len().saturating_sub(MAX_OBJECTS),
            objects: worst_first(&record.object_results)
                .take(MAX_OBJECTS)
                .map(|object| ShownObject::new(syncs, object))
                .collect(),
            once: if may_preview { once() } else { String::new() },
        }
    }
}
