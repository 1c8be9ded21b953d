//! `/verifications`: many records compared with m3ter, for operators; viewers look at what was
//! found.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use strum::VariantArray as _;

use super::body::{NoBody, Object, invalid_body};
use super::fault::{Fault, RETRY_AFTER_SECONDS};
use super::log_fields;
use super::permit::{Denied, Requester};
use super::query::{invalid_parameter, query_parameters, record_of, unknown};
use crate::domain::excerpt;
use crate::domain::page::{self, VerificationPage, VerifiedRecordPage};
use crate::domain::verification::{MAX_NAMED, Verification, VerificationRequest, VerifiedStatus};
use crate::sync::{InvalidVerification, NotResumed, Syncs, Worker};

/// A page, and the most that one has.
pub(super) const ON_A_PAGE: u32 = 50;
const MAX_ON_A_PAGE: u32 = 200;
/// `POST /verifications`: any replica works on it.
pub(super) async fn begin(
    State(syncs): State<Syncs>,
    asker: Requester,
    Object(request): Object<VerificationRequest>,
) -> Result<Response, Fault> {
    sees_all(&asker, &syncs).await?;
    if request.record_ids.len() > MAX_NAMED {
        return Err(invalid_body(format!(
            "`recordIds` has {} elements; at most {MAX_NAMED} are taken, and `verify --file` takes any number",
            request.record_ids.len()
        )));
    }
    let verification = begun(&syncs, &asker, request).await?;
    let location = [(header::LOCATION, format!("/verifications/{}", verification.verification_id))];
    Ok((StatusCode::ACCEPTED, location, Json(verification)).into_response())
}

/// A new verification, or why there is none.
pub(crate) async fn begun(
    syncs: &Syncs,
    asker: &Requester,
    request: VerificationRequest,
) -> Result<Verification, Fault> {
    let id = Syncs::new_verification_id();
    log_fields::set_parameters(format!("verification={id}"));
    syncs.verify(id, request, asker.name(), Worker::Anyone).await.map_err(|invalid| match invalid {
        InvalidVerification::Request(problem) => invalid_body(problem),
        InvalidVerification::Store(error) => error.into(),
        InvalidVerification::Vendor(failure) => Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "CONDITION_NOT_CHECKED",
            format!("The condition could not be checked: {}", failure.reason),
        )
        .retry_after(RETRY_AFTER_SECONDS),
    })
}

/// `GET /verifications`: the newest first.
pub(super) async fn list(
    State(syncs): State<Syncs>,
    asker: Requester,
    uri: Uri,
) -> Result<Json<VerificationPage>, Fault> {
    sees_all(&asker, &syncs).await?;
    let (mut limit, mut before) = (ON_A_PAGE, None);
    for (name, value) in query_parameters(uri.query())? {
        match name.as_ref() {
            "limit" => limit = page_size(&value)?,
            "cursor" => before = Some(value.into_owned()),
            other => return Err(unknown(other, "there are `limit` and `cursor`")),
        }
    }
    let mut verifications = syncs.list_verifications(before.as_deref(), limit + 1).await?;
    let last = page::cut(&mut verifications, limit);
    let next_cursor = last.map(|verification| verification.verification_id.clone());
    Ok(Json(VerificationPage { verifications, next_cursor }))
}

/// `GET /verifications/{verificationId}`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
) -> Result<Json<Verification>, Fault> {
    sees_all(&asker, &syncs).await?;
    find(&syncs, &id).await.map(Json)
}

/// The verification that a path names.
pub(crate) async fn find(syncs: &Syncs, id: &str) -> Result<Verification, Fault> {
    syncs.verification(id).await?.ok_or_else(|| not_found(id))
}

/// `GET /verifications/{verificationId}/records`: in the order of their ids.
pub(super) async fn records(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<VerifiedRecordPage>, Fault> {
    sees_all(&asker, &syncs).await?;
    let (mut limit, mut after, mut statuses) = (ON_A_PAGE, None, VerifiedStatus::VARIANTS.to_vec());
    for (name, value) in query_parameters(uri.query())? {
        match name.as_ref() {
            "limit" => limit = page_size(&value)?,
            "cursor" => after = Some(record_of(&value)?),
            "status" => {
                statuses = value.split(',').map(status).collect::<Result<_, _>>()?;
            }
            other => return Err(unknown(other, "there are `status`, `limit` and `cursor`")),
        }
    }
    find(&syncs, &id).await?;
    let mut records = syncs.list_verified(&id, &statuses, after.as_ref(), limit + 1).await?;
    let last = page::cut(&mut records, limit);
    let next_cursor = last.map(|record| record.record_id.to_string());
    Ok(Json(VerifiedRecordPage { records, next_cursor }))
}

/// `POST /verifications/{verificationId}/cancel`: what was found stays.
pub(super) async fn cancel(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<Verification>, Fault> {
    sees_all(&asker, &syncs).await?;
    cancelled(&syncs, &asker, &id).await.map(Json)
}

/// A verification that was ended.
pub(crate) async fn cancelled(
    syncs: &Syncs,
    asker: &Requester,
    id: &str,
) -> Result<Verification, Fault> {
    let cancelled = syncs.cancel_verification(id, asker.name().as_deref()).await?;
    let cancelled = cancelled.ok_or_else(|| not_found(id))?;
    log_fields::set_parameters(format!("verification={}", cancelled.verification_id));
    Ok(cancelled)
}

/// `POST /verifications/{verificationId}/resume`: it continues where it was.
pub(super) async fn resume(
    State(syncs): State<Syncs>,
    asker: Requester,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<Verification>, Fault> {
    sees_all(&asker, &syncs).await?;
    resumed(&syncs, &id).await.map(Json)
}

/// A verification in progress again.
pub(crate) async fn resumed(syncs: &Syncs, id: &str) -> Result<Verification, Fault> {
    match syncs.resume_verification(id, Worker::Anyone).await? {
        Ok(resumed) => {
            log_fields::set_parameters(format!("verification={}", resumed.verification_id));
            Ok(resumed)
        }
        Err(NotResumed::Unknown) => Err(not_found(id)),
        Err(NotResumed::NotStopped) => {
            let message = "Only a verification that was cancelled or failed can be resumed; this one is complete, or still running";
            Err(Fault::new(StatusCode::CONFLICT, "VERIFICATION_NOT_STOPPED", message))
        }
    }
}

/// A verification is of all objects: a key that is for some is not let in.
pub(crate) async fn sees_all(asker: &Requester, syncs: &Syncs) -> Result<(), Fault> {
    asker.check_list(syncs, None).await.map_err(|denied| match denied {
        Denied::Refused(fault) => fault,
        Denied::Failed(request) => {
            Fault::new(StatusCode::SERVICE_UNAVAILABLE, "OBJECT_NOT_KNOWN", request.reason)
        }
    })
}

pub(super) fn page_size(value: &str) -> Result<u32, Fault> {
    let size = value.parse().ok().filter(|size| (1..=MAX_ON_A_PAGE).contains(size));
    size.ok_or_else(|| {
        invalid_parameter(format!("`limit` takes whole numbers from 1 to {MAX_ON_A_PAGE}"))
    })
}

pub(crate) fn status(word: &str) -> Result<VerifiedStatus, Fault> {
    word.parse().map_err(|_| {
        let known: Vec<&str> =
            VerifiedStatus::VARIANTS.iter().map(|status| status.as_str()).collect();
        invalid_parameter(format!(
            "`status` is `{}`; it takes `{}`, several joined by commas",
            excerpt::word(word),
            known.join("`, `")
        ))
    })
}

fn not_found(id: &str) -> Fault {
    let message = format!(
        "There is no verification `{}`; old ones are deleted after a while",
        excerpt::word(id)
    );
    Fault::new(StatusCode::NOT_FOUND, "VERIFICATION_NOT_FOUND", message)
}
