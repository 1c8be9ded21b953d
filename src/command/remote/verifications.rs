//! Verifications and backfills, by a service.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{NoAnswer, PAGE, Query, RUN_TIMEOUT, Remote, TIMEOUT, has_code};
use crate::domain::backfill::{
    Backfill, BackfillCancelled, BackfillPage, BackfillPlan, BackfilledRecord,
};
use crate::domain::ids::SalesforceId;
use crate::domain::page::{VerificationPage, VerifiedRecordPage};
use crate::domain::verification::{
    Verification, VerificationRequest, VerifiedRecord, VerifiedStatus,
};

impl Remote {
    /// Begins a verification that the service works on.
    pub async fn verify(&self, request: &VerificationRequest) -> Result<Verification, NoAnswer> {
        // Its condition is held against what Salesforce describes.
        let body = json!(request);
        self.post("verifications", &[], Some(&body), RUN_TIMEOUT).await
    }

    /// One verification; `None` if there is none with this id.
    pub async fn verification(&self, id: &str) -> Result<Option<Verification>, NoAnswer> {
        let path = format!("verifications/{id}");
        match self.answer(Method::GET, &path, &[], None, TIMEOUT).await? {
            (StatusCode::NOT_FOUND, body) if has_code(&body, "VERIFICATION_NOT_FOUND") => Ok(None),
            (status, body) => self.read(status, &body).await.map(Some),
        }
    }

    /// The newest verifications, as many as a page has.
    pub async fn newest_verifications(&self) -> Result<Vec<Verification>, NoAnswer> {
        let query = [("limit", PAGE.to_string())];
        let page: VerificationPage = self.get("verifications", &query).await?;
        Ok(page.verifications)
    }

    /// Lets a verification go on that was cancelled or failed. One that goes on already, or is
    /// complete, stays as it is.
    pub async fn resume_verification(&self, id: &str) -> Result<(), NoAnswer> {
        let path = format!("verifications/{id}/resume");
        match self.answer(Method::POST, &path, &[], None, TIMEOUT).await? {
            (StatusCode::CONFLICT, body) if has_code(&body, "VERIFICATION_NOT_STOPPED") => Ok(()),
            (status, body) => self.read::<Verification>(status, &body).await.map(drop),
        }
    }

    /// Ends a verification; what it has found stays.
    pub async fn cancel_verification(&self, id: &str) -> Result<Verification, NoAnswer> {
        self.post(&format!("verifications/{id}/cancel"), &[], None, TIMEOUT).await
    }

    /// A page of what a verification found of records with these statuses.
    pub async fn list_verified(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<VerifiedRecord>, NoAnswer> {
        let words: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        let mut query = page_of(after, limit);
        query.push(("status", words.join(",")));
        let page: VerifiedRecordPage =
            self.get(&format!("verifications/{id}/records"), &query).await?;
        Ok(page.records)
    }

    /// Plans syncs of what a verification named, or only says which.
    pub async fn backfill(
        &self,
        id: &str,
        statuses: &[VerifiedStatus],
        limit: u32,
        dry_run: bool,
    ) -> Result<BackfillPlan, NoAnswer> {
        let path = format!("verifications/{id}/backfill");
        let body = json!({"statuses": statuses, "maxRecords": limit});
        self.post(&path, &[("dryRun", dry_run.to_string())], Some(&body), TIMEOUT).await
    }

    /// Takes back the planned syncs that have not begun; how many.
    pub async fn cancel_backfill(&self, id: &str) -> Result<u64, NoAnswer> {
        let path = format!("verifications/{id}/backfill/cancel");
        let taken_back: BackfillCancelled = self.post(&path, &[], None, TIMEOUT).await?;
        Ok(taken_back.cancelled)
    }

    /// How far a backfill is.
    pub async fn load_backfill(&self, id: &str) -> Result<Backfill, NoAnswer> {
        Ok(self.backfilled(id, &page_of(None, 1)).await?.counts)
    }

    /// The records whose syncs were tried and are not `Completed`.
    pub async fn list_backfilled(
        &self,
        id: &str,
        after: Option<&SalesforceId>,
        limit: u32,
    ) -> Result<Vec<BackfilledRecord>, NoAnswer> {
        Ok(self.backfilled(id, &page_of(after, limit)).await?.records)
    }

    async fn backfilled(&self, id: &str, query: &Query<'_>) -> Result<BackfillPage, NoAnswer> {
        self.get(&format!("verifications/{id}/backfill"), query).await
    }
}

fn page_of(after: Option<&SalesforceId>, limit: u32) -> Vec<(&'static str, String)> {
    let cursor = after.map(|record| ("cursor", record.to_string()));
    [Some(("limit", limit.min(PAGE).to_string())), cursor].into_iter().flatten().collect()
}
