//! Links from one row to another, by a merge that a sync met or by an operator's hand; and links
//! that an operator forgets.
//!
//! What an operator changes is a run of each record that it concerns: saved in the same
//! transaction, running while it lasts. So no sync of such a record is under way meanwhile, and the
//! history has it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::claims::Claim;
use super::link_order::{Handover, LinkFilter, LinkOrder, NotHandedOver};
use super::links::{insert_links, links};
use super::operator_runs::OperatorOrder;
use super::transaction::{Access, Transaction};
use super::value::Value;
use super::{Link, LinkRelation, Store, StoreError};
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};

/// Links that an operator sees at once.
const MAX_SHOWN: i64 = 1_000;

/// The kind of the runs that tell of what an operator did with links.
pub(super) const LINKS_RUN: &str = "links";

impl Store {
    /// Links by record or by object, in order.
    pub async fn list_links(&self, filter: &LinkFilter) -> Result<Vec<Link>, StoreError> {
        let operation = "list links";
        let sql =
            "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
             WHERE ($1 IS NULL OR row = $1 OR root = $1) AND ($2 IS NULL OR m3ter_id = $2) AND to_confirm >= $3
             ORDER BY root, row, kind, key LIMIT $4";
        let values = vec![
            filter.record.as_ref().map(SalesforceId::as_str).into(),
            filter.m3ter_id.as_ref().map(M3terId::as_str).into(),
            filter.to_confirm.into(),
            MAX_SHOWN.into(),
        ];
        links(&self.database.fetch(operation, sql, values).await?)
    }

    /// What an order would do, without doing it.
    pub async fn plan_links(
        &self,
        order: &LinkOrder,
    ) -> Result<Result<Handover, NotHandedOver>, StoreError> {
        let mut transaction = self.database.begin(Access::Write, "plan a change of links").await?;
        let planned = plan(&mut transaction, order).await?;
        transaction.roll_back().await?;
        Ok(planned.map(|links| Handover { links, runs: Vec::new() }))
    }

    /// Carries out an order, all or nothing, unless a run of a record that it concerns is under
    /// way.
    pub async fn change_links(
        &self,
        order: &LinkOrder,
        requested_by: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<Handover, NotHandedOver>, StoreError> {
        let mut transaction = self.database.begin(Access::Write, "change links").await?;
        let links = match plan(&mut transaction, order).await? {
            Ok(links) => links,
            Err(refused) => {
                transaction.roll_back().await?;
                return Ok(Err(refused));
            }
        };
        let kept =
            OperatorOrder { kind: LINKS_RUN, parameters: parameters(order), requested_by, now };
        let mut runs = Vec::new();
        for record in concerned(order, &links) {
            let Some(run) = kept.begin(&mut transaction, &record).await? else {
                transaction.roll_back().await?;
                return Ok(Err(NotHandedOver::Busy(record)));
            };
            runs.push((record, run));
        }
        match order {
            LinkOrder::Move { from, to } => {
                for kind in links.iter().map(|link| link.object.kind).collect::<BTreeSet<_>>() {
                    move_links(&mut transaction, kind, from, to).await?;
                }
            }
            LinkOrder::Forget { row, kind } => {
                let sql = "DELETE FROM links WHERE row = $1 AND ($2 IS NULL OR kind = $2)";
                transaction
                    .execute(sql, vec![row.as_str().into(), kind.map(EntityKind::name).into()])
                    .await?;
            }
            LinkOrder::Adopt { links, .. } => insert_links(&mut transaction, links).await?,
            LinkOrder::Confirm { row } => {
                let sql = "UPDATE links SET to_confirm = 0 WHERE row = $1 AND kind = 'Account' AND to_confirm = 1";
                transaction.execute(sql, vec![row.as_str().into()]).await?;
            }
        }
        for (record, run) in &runs {
            let of_record =
                links.iter().filter(|link| link.root == *record || link.object.row == *record);
            kept.end(&mut transaction, *run, record, of_record.map(|link| describe(order, link)))
                .await?;
        }
        transaction.commit().await?;
        Ok(Ok(Handover { links, runs }))
    }

    /// Lets the objects of a kind of one row, in all deals, belong to the row that it was merged
    /// into. Their keys are learned anew.
    pub async fn move_merged(
        &self,
        claim: Claim,
        kind: EntityKind,
        from: &SalesforceId,
        to: &SalesforceId,
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "move the links of a merged record").await?;
        transaction.check_fence(claim).await?;
        move_links(&mut transaction, kind, from, to).await?;
        transaction.commit().await
    }
}

/// The links that an order concerns, or why it cannot be carried out.
async fn plan(
    transaction: &mut Transaction,
    order: &LinkOrder,
) -> Result<Result<Vec<Link>, NotHandedOver>, StoreError> {
    let (row, kind) = match order {
        LinkOrder::Confirm { row } => return plan_confirmation(transaction, row).await,
        LinkOrder::Adopt { record, links } => {
            return plan_adoption(transaction, record, links).await;
        }
        LinkOrder::Move { from, .. } => (from, None),
        LinkOrder::Forget { row, kind } => (row, *kind),
    };
    let concerned = links_of(transaction, row, kind).await?;
    if concerned.is_empty() {
        return Ok(Err(NotHandedOver::NoLinks(row.clone())));
    }
    if let LinkOrder::Move { from, to } = order {
        let theirs = links_of(transaction, to, None).await?;
        let taken = theirs.iter().find_map(|own| {
            let is_like = |link: &&Link| {
                link.object.kind == own.object.kind && link.object.key == own.object.key
            };
            concerned
                .iter()
                .find(|link| is_like(link) && link.m3ter_id != own.m3ter_id)
                .map(|link| (own, link))
        });
        if let Some((own, link)) = taken {
            return Ok(Err(NotHandedOver::Taken {
                row: to.clone(),
                from: from.clone(),
                kind: own.object.kind,
                m3ter_id: own.m3ter_id.clone(),
                theirs: link.m3ter_id.clone(),
            }));
        }
    }
    Ok(Ok(concerned))
}

/// The links by which one Account waits to be confirmed as a row's.
async fn plan_confirmation(
    transaction: &mut Transaction,
    row: &SalesforceId,
) -> Result<Result<Vec<Link>, NotHandedOver>, StoreError> {
    let mut waiting = links_of(transaction, row, Some(EntityKind::Account)).await?;
    waiting.retain(|link| link.relation == LinkRelation::Unconfirmed);
    let Some(first) = waiting.first().map(|link| link.m3ter_id.clone()) else {
        return Ok(Err(NotHandedOver::NothingToConfirm(row.clone())));
    };
    if let Some(other) = waiting.iter().find(|link| link.m3ter_id != first) {
        return Ok(Err(NotHandedOver::Undecided {
            row: row.clone(),
            first,
            second: other.m3ter_id.clone(),
        }));
    }
    let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
         WHERE m3ter_id = $1 AND relation = 'owned' AND to_confirm = 0 AND row <> $2";
    let owners = transaction.fetch(sql, vec![first.as_str().into(), row.as_str().into()]).await?;
    Ok(match links(&owners)?.into_iter().next() {
        Some(owner) => Err(NotHandedOver::OwnedByAnother {
            row: row.clone(),
            owner: owner.object.row,
            kind: EntityKind::Account,
            m3ter_id: first,
        }),
        None => Ok(waiting),
    })
}

/// The links that a record gets, unless one of the objects is another row's, or the record has
/// another one for it.
async fn plan_adoption(
    transaction: &mut Transaction,
    record: &SalesforceId,
    wanted: &[Link],
) -> Result<Result<Vec<Link>, NotHandedOver>, StoreError> {
    let ids: Vec<&M3terId> = wanted.iter().map(|link| &link.m3ter_id).collect();
    let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links
         WHERE root = $1 OR m3ter_id IN (SELECT value FROM {texts:$2})";
    let ids = serde_json::to_string(&ids).expect("ids are texts");
    let present = links(&transaction.fetch(sql, vec![record.as_str().into(), ids.into()]).await?)?;
    for link in wanted {
        let kind = link.object.kind;
        let is_other_row = |other: &&Link| {
            other.m3ter_id == link.m3ter_id
                && other.object.row != link.object.row
                && other.relation == LinkRelation::Owned
                && link.relation == LinkRelation::Owned
        };
        if let Some(other) = present.iter().find(is_other_row) {
            let (row, owner) = (link.object.row.clone(), other.object.row.clone());
            let m3ter_id = link.m3ter_id.clone();
            return Ok(Err(NotHandedOver::OwnedByAnother { row, owner, kind, m3ter_id }));
        }
        let is_other_object = |other: &&Link| {
            other.root == *record && other.object == link.object && other.m3ter_id != link.m3ter_id
        };
        if let Some(other) = present.iter().find(is_other_object) {
            let (row, m3ter_id) = (link.object.row.clone(), other.m3ter_id.clone());
            return Ok(Err(NotHandedOver::HasAnother { row, kind, m3ter_id }));
        }
    }
    Ok(Ok(wanted.to_vec()))
}

async fn links_of(
    transaction: &mut Transaction,
    row: &SalesforceId,
    kind: Option<EntityKind>,
) -> Result<Vec<Link>, StoreError> {
    let sql = "SELECT root, row, kind, key, m3ter_id, relation, source_key, to_confirm FROM links WHERE row = $1 AND ($2 IS NULL OR kind = $2)";
    let rows = transaction
        .fetch(sql, vec![row.as_str().into(), kind.map(EntityKind::name).into()])
        .await?;
    links(&rows)
}

/// The records whose syncs must not be under way: those that were synced, and the rows themselves.
fn concerned(order: &LinkOrder, links: &[Link]) -> BTreeSet<SalesforceId> {
    let rows = match order {
        LinkOrder::Move { from, to } => vec![from.clone(), to.clone()],
        LinkOrder::Forget { row, .. } | LinkOrder::Confirm { row } => vec![row.clone()],
        LinkOrder::Adopt { record, .. } => vec![record.clone()],
    };
    links.iter().map(|link| link.root.clone()).chain(rows).collect()
}

/// What a link was for stays in a deal that has one of the other row already.
async fn move_links(
    transaction: &mut Transaction,
    kind: EntityKind,
    from: &SalesforceId,
    to: &SalesforceId,
) -> Result<(), StoreError> {
    let values =
        || -> Vec<Value> { vec![kind.name().into(), from.as_str().into(), to.as_str().into()] };
    let sql = "DELETE FROM links WHERE kind = $1 AND row = $2 AND EXISTS (
             SELECT 1 FROM links AS own WHERE own.root = links.root AND own.row = $3 AND own.kind = links.kind AND own.key = links.key
         )";
    transaction.execute(sql, values()).await?;
    let sql = "UPDATE links SET row = $3, source_key = NULL WHERE kind = $1 AND row = $2";
    transaction.execute(sql, values()).await.map(drop)
}

/// What is wanted, as its runs keep it.
fn parameters(order: &LinkOrder) -> Json {
    match order {
        LinkOrder::Move { from, to } => json!({"move": {"from": from, "to": to}}),
        LinkOrder::Forget { row, kind } => {
            json!({"forget": {"row": row, "kind": kind.map(EntityKind::name)}})
        }
        LinkOrder::Confirm { row } => json!({"confirm": {"row": row}}),
        LinkOrder::Adopt { links, .. } => {
            let adopted = |link: &Link| json!({"row": link.object.row, "kind": link.object.kind.name(), "m3terId": link.m3ter_id});
            json!({"adopt": links.iter().map(adopted).collect::<Vec<_>>()})
        }
    }
}

/// What became of a link.
fn describe(order: &LinkOrder, link: &Link) -> String {
    match order {
        LinkOrder::Move { to, .. } => {
            format!(
                "The m3ter {} {} of {} was handed over to {to}",
                link.object.kind, link.m3ter_id, link.object.row
            )
        }
        LinkOrder::Forget { .. } => {
            format!(
                "The link from the m3ter {} {} to {} was forgotten",
                link.object.kind, link.m3ter_id, link.object.row
            )
        }
        LinkOrder::Adopt { .. } => {
            format!(
                "The m3ter {} {} was linked to {}",
                link.object.kind, link.m3ter_id, link.object.row
            )
        }
        LinkOrder::Confirm { row } => {
            format!(
                "The m3ter {} {} was confirmed for {row}; the next sync writes it",
                link.object.kind, link.m3ter_id
            )
        }
    }
}
