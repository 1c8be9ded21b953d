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

use super::reach::Billed;
use super::{EndDating, Report};
use crate::changeset::ended::{Ends, counting, said_of};
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::finding::FindingCode;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::made_end::{MadeEnd, SaidBy, SaidEnd, Until};
use crate::domain::outcome::{Action, Failure};
use crate::mapping::Context;
use crate::store::Link;
use crate::sync::end_one::End;
use crate::sync::failure;
use crate::sync::patience::Patience;
use crate::sync::read::fetch_record;

/// How long Salesforce is asked what it says.
const ASKED_FOR: Duration = Duration::from_secs(15);
/// Records that are read, and how many at once: an Account may have many deals.
const MOST_RECORDS: usize = 100;
const READ_AT_ONCE: usize = 8;

/// What the records say that objects come from.
pub(super) struct Spoken {
    records: HashMap<SalesforceId, Vec<DesiredObject>>,
    /// Records that could not be read.
    silent: Vec<SalesforceId>,
}

/// What a run sets out to remember.
pub(super) struct Remembered {
    spoken: Spoken,
    ids: BTreeSet<M3terId>,
}

impl EndDating<'_> {
    /// Remembers the ends that are about to be made, and those that were made before and nobody
    /// remembers.
    pub(super) async fn remember(
        &self,
        (meant, ended): (&[Billed], &[Billed]),
        links: &[Link],
        end: &End,
        report: &mut Report,
    ) -> Result<Remembered, Failure> {
        let spoken = self.ask_salesforce(links).await;
        let ids: Vec<M3terId> =
            meant.iter().chain(ended).map(|billed| billed.object.id.clone()).collect();
        let patience = Patience::of(self.budget);
        let earlier = patience
            .with(|| self.store.load_ends(&ids))
            .await
            .map_err(|error| failure::of_store(&error))?;
        let mut ends: Vec<MadeEnd> =
            meant.iter().map(|billed| self.made(billed, end, links, &spoken, &earlier)).collect();
        let is_forgotten = |billed: &&Billed| counting(&earlier, &billed.object).is_none();
        ends.extend(ended.iter().filter(is_forgotten).filter_map(|billed| {
            let made = self.made(billed, end, links, &spoken, &earlier);
            // What was before is not known any more: only Salesforce can tell that it would bill
            // on.
            let goes_on =
                made.until().is_some_and(|end| made.said_until().is_some_and(|said| said > end));
            (made.said.by == SaidBy::Salesforce && goes_on)
                .then_some(MadeEnd { former_end: None, ..made })
        }));
        patience
            .with(|| self.store.remember_ends(self.run.held, &ends))
            .await
            .map_err(|error| failure::of_store(&error))?;
        if !spoken.silent.is_empty() && !ends.is_empty() {
            let records: Vec<&str> = spoken.silent.iter().map(SalesforceId::as_str).collect();
            let text = format!(
                "What Salesforce says now of {} could not be read: the ends that m3ter had until now stand for it",
                records.join(", ")
            );
            report.warnings.push(text.into());
        }
        Ok(Remembered { spoken, ids: ends.into_iter().map(|made| made.m3ter_id).collect() })
    }

    /// Notes what became of the ends, also of those that m3ter made unasked.
    pub(super) async fn settle(&self, remembered: &Remembered, report: &Report, end: &End) {
        let (mut made, mut not_made, mut unasked) = (Vec::new(), Vec::new(), Vec::new());
        for result in &report.results {
            let Some(id) = result.m3ter_id.as_deref().and_then(|id| M3terId::parse(id).ok()) else {
                continue;
            };
            match (result.action, remembered.ids.contains(&id)) {
                (Action::Updated, true) => made.push(id),
                (Action::Updated, false) => unasked.push((id, result.object_name.as_str())),
                (_, true)
                    if result.finding_code.as_deref()
                        == Some(FindingCode::EndDateFailed.as_str()) =>
                {
                    not_made.push(id)
                }
                _ => {}
            }
        }
        let (store, held, patience) = (self.store, self.run.held, Patience::of(self.budget));
        let settled = patience.with(|| store.settle_ends(held, &made, &not_made)).await;
        let unasked = async {
            let ids: Vec<M3terId> = unasked.iter().map(|(id, _)| id.clone()).collect();
            if ids.is_empty() {
                return Ok(());
            }
            let links = patience.with(|| store.load_owners(&ids)).await?;
            let made = unasked.iter().filter_map(|(id, name)| {
                self.made_unasked(id, name, &links, &remembered.spoken, end)
            });
            let made: Vec<MadeEnd> = made.collect();
            patience.with(|| store.remember_ends(held, &made)).await
        };
        for error in [settled.err(), unasked.await.err()].into_iter().flatten() {
            failure::of_store(&error);
        }
    }

    fn made(
        &self,
        billed: &Billed,
        end: &End,
        links: &[Link],
        spoken: &Spoken,
        earlier: &Ends,
    ) -> MadeEnd {
        let Billed { entity, object, .. } = billed;
        let former_end = object.text("endDate").map(ToOwned::to_owned);
        let said = match spoken.of(billed, links) {
            Some(said) => SaidEnd { end: said.text(), by: SaidBy::Salesforce },
            // The end that is there may be one of end dating itself: then what was remembered with
            // it goes on.
            None => counting(earlier, object).map_or_else(
                || SaidEnd { end: former_end.clone(), by: SaidBy::M3ter },
                |made| made.said.clone(),
            ),
        };
        MadeEnd {
            m3ter_id: object.id.clone(),
            entity: *entity,
            run: self.run.held.run,
            record: self.record.clone(),
            by: None,
            at: self.now,
            end: end.shown(*entity),
            former_end,
            said,
        }
    }

    /// An end that m3ter made although nobody expected it to: what was before is not known, and
    /// what is not said counts as no end.
    fn made_unasked(
        &self,
        id: &M3terId,
        name: &str,
        links: &[Link],
        spoken: &Spoken,
        end: &End,
    ) -> Option<MadeEnd> {
        let entity = BillingEntity::ALL.into_iter().find(|entity| entity.object_name() == name)?;
        let said = spoken.of_link(id, links);
        Some(MadeEnd {
            m3ter_id: id.clone(),
            entity,
            run: self.run.held.run,
            record: self.record.clone(),
            by: None,
            at: self.now,
            end: end.shown(entity),
            former_end: None,
            said: SaidEnd {
                by: if said.is_some() { SaidBy::Salesforce } else { SaidBy::M3ter },
                end: said.and_then(Until::text),
            },
        })
    }

    /// What the record and those that the objects are linked to ask for now.
    async fn ask_salesforce(&self, links: &[Link]) -> Spoken {
        let mut records: BTreeSet<&SalesforceId> = links.iter().map(|link| &link.root).collect();
        records.insert(self.record);
        let until = Instant::now() + ASKED_FOR.min(self.budget.remaining() / 3);
        let records: Vec<SalesforceId> = records.into_iter().cloned().collect();
        let (asked, silent) = records.split_at(records.len().min(MOST_RECORDS));
        let mut spoken = Spoken { records: HashMap::new(), silent: silent.to_vec() };
        for records in asked.chunks(READ_AT_ONCE) {
            let answers = join_all(
                records.iter().map(|record| tokio::time::timeout_at(until, self.ask_for(record))),
            )
            .await;
            for (record, answer) in records.iter().zip(answers) {
                match answer {
                    Ok(Ok(objects)) => drop(spoken.records.insert(record.clone(), objects)),
                    Ok(Err(())) | Err(_) => spoken.silent.push(record.clone()),
                }
            }
        }
        spoken
    }

    /// The objects that a record asks for; none of one without a mapping.
    async fn ask_for(&self, record: &SalesforceId) -> Result<Vec<DesiredObject>, ()> {
        let noted = |failure: Failure| {
            tracing::warn!(parent_record_id = %record, reason = failure.reason, "what Salesforce says of an end could not be read");
        };
        let sobject =
            self.knowledge.sobject_of(record.key_prefix(), self.budget).await.map_err(noted)?;
        let Some(mapping) = sobject.as_deref().and_then(|sobject| self.knowledge.mapping(sobject))
        else {
            return Ok(Vec::new());
        };
        let (record, query) =
            fetch_record(self.knowledge, mapping, record, self.budget).await.map_err(noted)?;
        let keys = mapping.keys(&record, &query.unreadable);
        let catalog = self.knowledge.catalog(&keys.codes, self.budget).await.map_err(noted)?;
        let organization = self.knowledge.organization(self.budget).await.map_err(noted)?;
        let time_zone = mapping.settings().time_zone.as_ref().unwrap_or(&organization.time_zone);
        let context = Context {
            catalog: &catalog,
            time_zone,
            unreadable: &query.unreadable,
            scales: &query.scales,
        };
        Ok(mapping.resolve(&record, &context).objects)
    }
}

impl Spoken {
    /// What is said of the end of an object: by the record that it is linked to, else by the one
    /// that asks for its code.
    fn of(&self, billed: &Billed, links: &[Link]) -> Option<Until> {
        let Billed { entity, object, .. } = billed;
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
