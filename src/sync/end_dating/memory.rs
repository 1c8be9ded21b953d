//! What is remembered of an end: who made it, what was before, and what Salesforce said then. A
//! sync leaves it while that stays so.
//!
//! It is written before m3ter is asked. Salesforce is read for it, but nothing waits for
//! Salesforce: where it cannot be read, the end that m3ter had stands for what it said, which the
//! last sync brought.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::scope::EndTarget;
use crate::changeset::ended::{Ends, counting, said_of};
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::ObjectKind;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::made_end::{MadeEnd, SaidBy, SaidEnd, Until};
use crate::domain::outcome::{Action, Failure, ObjectOutcome};
use crate::domain::warning::Warning;
use crate::store::Link;
use crate::sync::context::RunContext;
use crate::sync::execute::end_one::End;
use crate::sync::load::read::fetch_desired;

/// How long Salesforce is asked what it says.
const ASKED_FOR: Duration = Duration::from_secs(15);
/// Records that are read, and how many at once: an Account may have many deals.
const MAX_RECORDS: usize = 100;
const READ_AT_ONCE: usize = 8;

/// What the records say that objects come from.
pub(super) struct SalesforceEnds {
    records: HashMap<SalesforceId, Vec<DesiredObject>>,
    /// Records that could not be read.
    unread: Vec<SalesforceId>,
}

/// What a run sets out to remember.
pub(super) struct Remembered {
    salesforce_ends: SalesforceEnds,
    ids: BTreeSet<M3terId>,
}

/// Remembers the ends that are about to be made, and those that were made before and nobody
/// remembers.
pub(super) async fn remember(
    context: &RunContext<'_>,
    to_end: &[EndTarget],
    ended: &[EndTarget],
    links: &[Link],
    end: &End,
) -> Result<Remembered, Failure> {
    let salesforce_ends = ask_salesforce(context, links).await;
    let ids: Vec<M3terId> =
        to_end.iter().chain(ended).map(|target| target.object.id.clone()).collect();
    let earlier = context.store.with(|store| store.load_ends(&ids)).await?;
    let mut ends: Vec<MadeEnd> = to_end
        .iter()
        .map(|target| made(context, target, end, links, &salesforce_ends, &earlier))
        .collect();
    let is_forgotten = |target: &&EndTarget| counting(&earlier, &target.object).is_none();
    ends.extend(ended.iter().filter(is_forgotten).filter_map(|target| {
        let made = made(context, target, end, links, &salesforce_ends, &earlier);
        // What was before is not known any more: only Salesforce can tell that it would bill on.
        let goes_on =
            made.until().is_some_and(|end| made.said_until().is_some_and(|said| said > end));
        (made.said.by == SaidBy::Salesforce && goes_on)
            .then_some(MadeEnd { former_end: None, ..made })
    }));
    context.store.with(|store| store.remember_ends(context.claim(), &ends)).await?;
    Ok(Remembered { salesforce_ends, ids: ends.into_iter().map(|made| made.m3ter_id).collect() })
}

impl Remembered {
    /// What a person should know of it.
    pub(super) fn warning(&self) -> Option<Warning> {
        if self.salesforce_ends.unread.is_empty() || self.ids.is_empty() {
            return None;
        }
        let records: Vec<&str> =
            self.salesforce_ends.unread.iter().map(SalesforceId::as_str).collect();
        let text = format!(
            "Salesforce's current ends of {} could not be read; the ends that m3ter had are remembered instead",
            records.join(", ")
        );
        Some(text.into())
    }

    /// Notes what became of the ends, also of those that m3ter made unasked. Where that fails, they
    /// stay noted as ends that are about to be made.
    pub(super) async fn settle(
        &self,
        context: &RunContext<'_>,
        results: &[ObjectOutcome],
        end: &End,
    ) {
        let (mut made, mut not_made, mut unasked) = (Vec::new(), Vec::new(), Vec::new());
        for result in results {
            let Some(id) = result.m3ter_id.clone() else { continue };
            match (result.action, self.ids.contains(&id)) {
                (Action::Updated, true) => made.push(id),
                (Action::Updated, false) => unasked.push((id, result.kind)),
                (_, true) if result.finding == Some(FindingCode::EndDateFailed) => {
                    not_made.push(id);
                }
                _ => {}
            }
        }
        let claim = context.claim();
        let _ = context.store.with(|store| store.settle_ends(claim, &made, &not_made)).await;
        let _ = self.remember_unasked(context, &unasked, end).await;
    }

    async fn remember_unasked(
        &self,
        context: &RunContext<'_>,
        unasked: &[(M3terId, ObjectKind)],
        end: &End,
    ) -> Result<(), Failure> {
        if unasked.is_empty() {
            return Ok(());
        }
        let ids: Vec<M3terId> = unasked.iter().map(|(id, _)| id.clone()).collect();
        let links = context.store.with(|store| store.load_owners(&ids)).await?;
        let made = unasked.iter().filter_map(|(id, kind)| {
            made_unasked(context, id, *kind, &links, &self.salesforce_ends, end)
        });
        let made: Vec<MadeEnd> = made.collect();
        context.store.with(|store| store.remember_ends(context.claim(), &made)).await
    }
}

fn made(
    context: &RunContext<'_>,
    target: &EndTarget,
    end: &End,
    links: &[Link],
    salesforce_ends: &SalesforceEnds,
    earlier: &Ends,
) -> MadeEnd {
    let EndTarget { entity, object, .. } = target;
    let former_end = object.text("endDate").map(ToOwned::to_owned);
    let said = match salesforce_ends.of(target, links) {
        Some(said) => SaidEnd { end: said.text(), by: SaidBy::Salesforce },
        // The end that is there may be one of end dating itself: then what was remembered with it
        // continues.
        None => counting(earlier, object).map_or_else(
            || SaidEnd { end: former_end.clone(), by: SaidBy::M3ter },
            |made| made.said.clone(),
        ),
    };
    MadeEnd {
        m3ter_id: object.id.clone(),
        entity: *entity,
        run: context.run.claim.run,
        record: context.record.clone(),
        by: None,
        at: context.now,
        end: end.render(*entity),
        former_end,
        said,
    }
}

/// An end that m3ter made although nobody expected it to: what was before is not known, and what is
/// not said counts as no end.
fn made_unasked(
    context: &RunContext<'_>,
    id: &M3terId,
    kind: ObjectKind,
    links: &[Link],
    salesforce_ends: &SalesforceEnds,
    end: &End,
) -> Option<MadeEnd> {
    let entity = BillingEntity::ALL.into_iter().find(|entity| entity.object_kind() == kind)?;
    let said = salesforce_ends.of_link(id, links);
    Some(MadeEnd {
        m3ter_id: id.clone(),
        entity,
        run: context.run.claim.run,
        record: context.record.clone(),
        by: None,
        at: context.now,
        end: end.render(entity),
        former_end: None,
        said: SaidEnd {
            by: if said.is_some() { SaidBy::Salesforce } else { SaidBy::M3ter },
            end: said.and_then(Until::text),
        },
    })
}

/// What the record and those that the objects are linked to ask for now.
async fn ask_salesforce(context: &RunContext<'_>, links: &[Link]) -> SalesforceEnds {
    let mut records: BTreeSet<&SalesforceId> = links.iter().map(|link| &link.root).collect();
    records.insert(context.record);
    let until = Instant::now() + ASKED_FOR.min(context.budget.remaining() / 3);
    let records: Vec<SalesforceId> = records.into_iter().cloned().collect();
    let (asked, unread) = records.split_at(records.len().min(MAX_RECORDS));
    let mut salesforce_ends = SalesforceEnds { records: HashMap::new(), unread: unread.to_vec() };
    for records in asked.chunks(READ_AT_ONCE) {
        let answers = join_all(
            records.iter().map(|record| tokio::time::timeout_at(until, ask_for(context, record))),
        )
        .await;
        for (record, answer) in records.iter().zip(answers) {
            match answer {
                Ok(Ok(objects)) => drop(salesforce_ends.records.insert(record.clone(), objects)),
                Ok(Err(failure)) => {
                    tracing::warn!(parent_record_id = %record, reason = failure.reason, "what Salesforce says of an end could not be read");
                    salesforce_ends.unread.push(record.clone());
                }
                Err(_) => salesforce_ends.unread.push(record.clone()),
            }
        }
    }
    salesforce_ends
}

/// The objects that a record asks for; none of one without a mapping.
async fn ask_for(
    context: &RunContext<'_>,
    record: &SalesforceId,
) -> Result<Vec<DesiredObject>, Failure> {
    let RunContext { metadata, budget, .. } = *context;
    let sobject = metadata.sobject_of(record.key_prefix(), budget).await?;
    let Some(mapping) = sobject.as_deref().and_then(|sobject| metadata.mapping(sobject)) else {
        return Ok(Vec::new());
    };
    let organization = metadata.organization(budget).await?;
    let time_zone = mapping.time_zone(&organization.time_zone);
    fetch_desired(context, mapping, record, time_zone).await
}

impl SalesforceEnds {
    /// What is said of the end of an object: by the record that it is linked to, else by the one
    /// that asks for its code.
    fn of(&self, target: &EndTarget, links: &[Link]) -> Option<Until> {
        let EndTarget { entity, object, .. } = target;
        let has_code = |desired: &&DesiredObject| {
            BillingEntity::of(desired.kind()) == Some(*entity)
                && object.code().is_some_and(|code| desired.is_code(code))
        };
        self.of_link(&object.id, links).or_else(|| {
            self.records.values().find_map(|objects| {
                objects.iter().find(has_code).and_then(|desired| said_of(objects, desired))
            })
        })
    }

    fn of_link(&self, id: &M3terId, links: &[Link]) -> Option<Until> {
        links.iter().filter(|link| link.m3ter_id == *id).find_map(|link| {
            let objects = self.records.get(&link.root)?;
            said_of(objects, objects.iter().find(|desired| desired.key == link.object)?)
        })
    }
}
