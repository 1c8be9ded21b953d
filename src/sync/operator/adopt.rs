//! Links that somebody asks for, because m3ter has the objects of a record already. Each is looked
//! at as a dry run with it would: which of the record's objects is meant, whether m3ter has it,
//! whose it is, and what the next sync would do with it.

use futures::future::try_join_all;

use crate::domain::desired::{DesiredObject, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey, ObjectKind};
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::link::{LinkVerdict, ShownLink, Verdict};
use crate::domain::outcome::{Action, Failure, RunOutcome};
use crate::store::{Link, LinkRelation};
use crate::sync::clock::now;
use crate::sync::context::report::Report;
use crate::sync::context::retrying_store::RetryingStore;
use crate::sync::dry_run::DryRun;
use crate::sync::load::load;
use crate::sync::plan::plan;
use crate::sync::preview::preview;
use crate::sync::syncs::Syncs;
use crate::transport::Budget;

/// A link that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLink {
    /// What kind of object it leads to.
    pub kind: EntityKind,
    /// The row that the object is of; `None`: the only one of the record that has such an object.
    pub row: Option<SalesforceId>,
    /// The object in m3ter.
    pub m3ter_id: M3terId,
}

/// A link that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedLink {
    /// The link.
    pub link: Link,
    /// Whether the record has it already.
    pub is_there: bool,
    /// What the next sync would do with the object.
    pub message: String,
}

/// What callers are told of a link that somebody asks for.
pub fn verdict(wanted: &WantedLink, checked: &Result<CheckedLink, String>) -> LinkVerdict {
    let object_name = wanted.kind.name().to_owned();
    let m3ter_id = wanted.m3ter_id.to_string();
    match checked {
        Ok(CheckedLink { link, is_there, message }) => LinkVerdict {
            object_name,
            m3ter_id,
            verdict: if *is_there { Verdict::Linked } else { Verdict::New },
            salesforce_id: Some(link.object.row.to_string()),
            relation: Some(ShownLink::from(link).relation),
            message: message.clone(),
        },
        Err(what) => LinkVerdict {
            object_name,
            m3ter_id,
            verdict: Verdict::Wrong,
            salesforce_id: wanted.row.as_ref().map(ToString::to_string),
            relation: None,
            message: what.clone(),
        },
    }
}

impl Syncs {
    /// Checks the links that somebody asks for of one record: each with what is wrong with it, or
    /// with what the next sync would do. Nothing is written. A failure is one that passes: what is
    /// wrong with the record is wrong with each link.
    pub async fn check_links(
        &self,
        record: &SalesforceId,
        wanted: &[WantedLink],
    ) -> Result<Vec<Result<CheckedLink, String>>, Failure> {
        match self.look_at(record, wanted).await {
            Err(failure) if !failure.code.retryable() => {
                Ok(wanted.iter().map(|_| Err(failure.reason.clone())).collect())
            }
            checked => checked,
        }
    }

    async fn look_at(
        &self,
        record: &SalesforceId,
        wanted: &[WantedLink],
    ) -> Result<Vec<Result<CheckedLink, String>>, Failure> {
        let store = &self.shared.store;
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        let retrying = RetryingStore::new(store, &budget);
        let present = retrying.with(|store| store.load_links(record)).await?;

        let (desired, _) = self.walk(record, present.clone(), &budget).await?;
        let mut asked: Vec<Result<Link, String>> = wanted
            .iter()
            .map(|wanted| {
                link_of(record, wanted, &desired).and_then(|link| is_free(link, &present))
            })
            .collect();
        for (position, link) in asked.clone().into_iter().enumerate() {
            let Ok(link) = link else { continue };
            let is_twice = |earlier: &Result<Link, String>| {
                earlier.as_ref().is_ok_and(|earlier| {
                    earlier.object == link.object || earlier.m3ter_id == link.m3ter_id
                })
            };
            if asked[..position].iter().any(is_twice) {
                asked[position] = Err(format!(
                    "{} {} was named before, or its object was",
                    link.object.kind, link.object.row
                ));
            }
        }
        self.look_up(&mut asked, &budget).await?;

        // With all that is right so far: an object lies under another one of them.
        let right: Vec<Link> = asked.iter().filter_map(|link| link.clone().ok()).collect();
        let is_new = |link: &&Link| right.iter().all(|right| right.object != link.object);
        let links = present.iter().filter(is_new).chain(&right).cloned().collect();
        let (_, outcome) = self.walk(record, links, &budget).await?;
        let judged = asked.into_iter().map(|link| {
            let link = link?;
            let message = judge(&link, &outcome)?;
            let is_there = present.iter().any(|present| is_same(present, &link));
            Ok(CheckedLink { link, is_there, message })
        });
        Ok(judged.collect())
    }

    /// What a record asks for, and what a dry run with these links would tell.
    async fn walk(
        &self,
        record: &SalesforceId,
        links: Vec<Link>,
        budget: &Budget,
    ) -> Result<(Vec<DesiredObject>, RunOutcome), Failure> {
        let dry_run = DryRun::new(&self.shared, record, links, now());
        let context = dry_run.context(budget, None);
        let (mut read, mut report) = (None, Report::default());
        let loaded = Box::pin(load(context, &mut read)).await?;
        let desired = loaded.resolution.objects.clone();
        let plan = Box::pin(plan(&context, loaded, &mut report)).await?;
        preview(&context, &plan, &mut report).await?;
        let failure = report.failure(None, budget);
        match failure {
            Some(failure) => Err(failure),
            None => Ok((desired, report.outcome(None))),
        }
    }

    /// Looks whether m3ter has the objects, and whose they are.
    async fn look_up(
        &self,
        asked: &mut [Result<Link, String>],
        budget: &Budget,
    ) -> Result<(), Failure> {
        let m3ter = &self.shared.metadata.m3ter;
        let ids: Vec<M3terId> = asked.iter().flatten().map(|link| link.m3ter_id.clone()).collect();
        let store = RetryingStore::new(&self.shared.store, budget);
        let owners = store.with(|store| store.load_owners(&ids)).await?;
        let found = try_join_all(asked.iter().map(|link| async move {
            let Ok(link) = link else { return Ok(true) };
            let found = m3ter.fetch(link.object.kind, &link.m3ter_id, budget).await?;
            Ok::<bool, Failure>(found.is_some())
        }));
        let found = found.await?;
        for (link, is_found) in asked.iter_mut().zip(found) {
            let Ok(right) = link.as_ref() else { continue };
            let (kind, id) = (right.object.kind, &right.m3ter_id);
            let owner = owners.iter().find(|owner| {
                owner.m3ter_id == *id
                    && owner.object.row != right.object.row
                    && right.relation == LinkRelation::Owned
            });
            if !is_found {
                *link = Err(format!("m3ter has no {kind} {id}"));
            } else if let Some(owner) = owner {
                *link = Err(format!(
                    "the {kind} {id} belongs to the Salesforce record {}",
                    owner.object.row
                ));
            }
        }
        Ok(())
    }
}

/// Which of the objects that a record asks for is meant.
fn link_of(
    record: &SalesforceId,
    wanted: &WantedLink,
    desired: &[DesiredObject],
) -> Result<Link, String> {
    let kind = wanted.kind;
    let of_kind: Vec<&DesiredObject> = desired
        .iter()
        .filter(|object| object.kind() == kind)
        .filter(|object| wanted.row.as_ref().is_none_or(|row| object.key.row == *row))
        .collect();
    let object = match of_kind.as_slice() {
        [only] => *only,
        [] => {
            let row =
                wanted.row.as_ref().map_or_else(String::new, |row| format!(" for the row {row}"));
            return Err(format!("{record} asks for no {kind}{row}"));
        }
        [first, second, ..] if first.key.row == second.key.row => {
            return Err(format!(
                "{} has several objects of the kind {kind}: let a sync find them by their codes",
                first.key.row
            ));
        }
        several => {
            let rows: Vec<String> =
                several.iter().map(|object| object.key.row.to_string()).collect();
            return Err(format!(
                "{record} has {} objects of the kind {kind}: name the row in the column `row`, one of {}",
                several.len(),
                rows.join(", ")
            ));
        }
    };
    let relation = match object.on_found {
        OnFound::Adopt => LinkRelation::Owned,
        OnFound::Refer => LinkRelation::Referred,
    };
    Ok(Link {
        root: record.clone(),
        object: object.key.clone(),
        m3ter_id: wanted.m3ter_id.clone(),
        relation,
        source_key: None,
    })
}

/// Whether the record has no other object there.
fn is_free(link: Link, present: &[Link]) -> Result<Link, String> {
    let is_of = |present: &&Link| {
        present.object == link.object && present.relation != LinkRelation::Unconfirmed
    };
    match present.iter().find(is_of) {
        Some(other) if other.m3ter_id != link.m3ter_id => {
            let ObjectKey { kind, row, .. } = &link.object;
            Err(format!(
                "{row} has the {kind} {} already: `sync-to-m3ter links forget {row} --kind {kind}` first",
                other.m3ter_id
            ))
        }
        _ => Ok(link),
    }
}

fn is_same(present: &Link, link: &Link) -> bool {
    present.object == link.object
        && present.m3ter_id == link.m3ter_id
        && present.relation != LinkRelation::Unconfirmed
}

/// What a dry run tells of the object of a link: an error if it is another one's.
fn judge(link: &Link, outcome: &RunOutcome) -> Result<String, String> {
    let kept = outcome.for_history();
    let of_link = kept.objects.iter().find(|object| {
        object.kind == ObjectKind::Entity(link.object.kind)
            && object.row == link.object.row
            && object.m3ter_id.as_ref().is_none_or(|id| *id == link.m3ter_id)
    });
    let Some(object) = of_link else {
        return Ok("The check of this link gave no result".to_owned());
    };
    let is_of_another = matches!(
        object.finding,
        Some(FindingCode::IdentityChanged | FindingCode::CodeInUse | FindingCode::AmbiguousMatch)
    );
    match object.action {
        Action::Failed if is_of_another => Err(object.message.to_string()),
        _ => Ok(object.message.to_string()),
    }
}
