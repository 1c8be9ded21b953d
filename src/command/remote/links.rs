//! Links, by a service.

use serde_json::{Value as Json, json};

use super::{NoAnswer, RUN_TIMEOUT, Remote, TIMEOUT, given};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::SalesforceId;
use crate::domain::link::{ChangedLinks, LinkList, LinkVerdict, LinkVerdicts, ShownLink, Verdict};
use crate::store::{Link, LinkFilter, LinkOrder, LinkRelation};
use crate::sync::{CheckedLink, WantedLink};

impl Remote {
    /// Links, as many as one answer has.
    pub async fn list_links(&self, filter: &LinkFilter) -> Result<Vec<ShownLink>, NoAnswer> {
        let named = [
            ("parentRecordId", filter.record.as_ref().map(ToString::to_string)),
            ("m3terId", filter.m3ter_id.as_ref().map(ToString::to_string)),
            ("toConfirm", filter.to_confirm.then(|| "true".to_owned())),
        ];
        let list: LinkList = self.get("links", &given(named)).await?;
        Ok(list.links)
    }

    /// Changes links, or only says which.
    pub async fn change_links(
        &self,
        order: &LinkOrder,
        dry_run: bool,
    ) -> Result<ChangedLinks, NoAnswer> {
        let (path, body) = match order {
            LinkOrder::Move { from, to } => {
                ("links/move", json!({"fromSalesforceId": from, "toSalesforceId": to}))
            }
            LinkOrder::Forget { row, kind: None } => ("links/forget", json!({"salesforceId": row})),
            LinkOrder::Forget { row, kind: Some(kind) } => {
                ("links/forget", json!({"salesforceId": row, "objectName": kind.name()}))
            }
            LinkOrder::Confirm { row } => ("links/confirm", json!({"salesforceId": row})),
            LinkOrder::Adopt { record, links } => {
                let links = links.iter().map(|link| {
                    let ObjectKey { kind, row, .. } = &link.object;
                    asked(*kind, Some(row), link.m3ter_id.as_str())
                });
                ("links/adopt", asked_of(record, links.collect()))
            }
        };
        // Links that are adopted are looked at in m3ter.
        let timeout = match order {
            LinkOrder::Adopt { .. } => RUN_TIMEOUT,
            _ => TIMEOUT,
        };
        self.post(path, &[("dryRun", dry_run.to_string())], Some(&body), timeout).await
    }

    /// Checks the links that somebody asks for of one record: each with what is wrong with it, or
    /// with what the next sync would do.
    pub async fn check_links(
        &self,
        record: &SalesforceId,
        wanted: &[WantedLink],
    ) -> Result<Vec<Result<CheckedLink, String>>, NoAnswer> {
        let links = wanted
            .iter()
            .map(|wanted| asked(wanted.kind, wanted.row.as_ref(), wanted.m3ter_id.as_str()));
        let body = asked_of(record, links.collect());
        let verdicts: LinkVerdicts =
            self.post("links/check", &[], Some(&body), RUN_TIMEOUT).await?;
        if verdicts.links.len() != wanted.len() {
            return Err(self.no_use().await);
        }
        let mut checked = Vec::new();
        for (wanted, verdict) in wanted.iter().zip(verdicts.links) {
            checked.push(match read(record, wanted, verdict) {
                Some(checked) => checked,
                None => return Err(self.no_use().await),
            });
        }
        Ok(checked)
    }
}

fn asked_of(record: &SalesforceId, links: Vec<Json>) -> Json {
    let mut body = json!({ "parentRecordId": record });
    body["links"] = links.into();
    body
}

fn asked(kind: EntityKind, row: Option<&SalesforceId>, m3ter_id: &str) -> Json {
    let mut link = json!({"objectName": kind.name(), "m3terId": m3ter_id});
    if let Some(row) = row {
        link["salesforceId"] = row.as_str().into();
    }
    link
}

/// A link as the service found it; `None` if it lacks what a right one has.
fn read(
    record: &SalesforceId,
    wanted: &WantedLink,
    verdict: LinkVerdict,
) -> Option<Result<CheckedLink, String>> {
    if verdict.verdict == Verdict::Wrong {
        return Some(Err(verdict.message));
    }
    let row = SalesforceId::parse(verdict.salesforce_id.as_deref()?).ok()?;
    let relation = match verdict.relation.as_deref()? {
        relation if relation == LinkRelation::Referred.as_str() => LinkRelation::Referred,
        _ => LinkRelation::Owned,
    };
    let link = Link {
        root: record.clone(),
        object: ObjectKey::only(wanted.kind, row),
        m3ter_id: wanted.m3ter_id.clone(),
        relation,
        source_key: None,
    };
    let is_there = verdict.verdict == Verdict::Linked;
    Some(Ok(CheckedLink { link, is_there, message: verdict.message }))
}
