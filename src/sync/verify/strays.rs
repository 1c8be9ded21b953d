//! What m3ter has under the Contracts of records, and nobody has linked: found by lists of all
//! Commitments and of today's AccountPlans, where those are fewer pages than there are records.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::dates::date_at;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;
use crate::m3ter::{self, ListQuery};
use crate::sync::context::retrying_store::RetryingStore;
use crate::transport::Budget;

/// Objects that nobody has linked, by their Contract. Only those are kept: an organization has few.
#[derive(Debug, Default)]
pub(super) struct Strays(HashMap<M3terId, Vec<(EntityKind, ActualObject)>>);

impl Strays {
    /// Reads both lists; `None` if they have more than `most_pages`.
    pub(super) async fn read(
        m3ter: &m3ter::Client,
        store: RetryingStore<'_>,
        now: Timestamp,
        mut most_pages: u64,
        budget: &Budget,
    ) -> Result<Option<Self>, Failure> {
        let mut strays = Self::default();
        let today = date_at(now, &TimeZone::UTC);
        for query in [ListQuery::all(EntityKind::Commitment), ListQuery::account_plans_on(today)] {
            let mut next = None;
            loop {
                if most_pages == 0 {
                    return Ok(None);
                }
                most_pages -= 1;
                let (objects, token) = m3ter.list_page(&query, next.as_deref(), budget).await?;
                strays.add(query.kind(), objects, store).await?;
                next = token;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(Some(strays))
    }

    /// Keeps those whose Contract is linked, and that are not.
    async fn add(
        &mut self,
        kind: EntityKind,
        objects: Vec<ActualObject>,
        store: RetryingStore<'_>,
    ) -> Result<(), Failure> {
        let contract = |object: &ActualObject| M3terId::parse(object.text("contractId")?).ok();
        let own = objects.iter().map(|object| object.id.clone());
        let ids: Vec<M3terId> = own.chain(objects.iter().filter_map(contract)).collect();
        let linked = store.with(|store| store.load_linked_of(&ids)).await?;
        let linked: BTreeSet<M3terId> = linked.into_iter().collect();
        for object in objects {
            match contract(&object) {
                Some(contract) if linked.contains(&contract) && !linked.contains(&object.id) => {
                    self.0.entry(contract).or_default().push((kind, object));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Those under a Contract.
    pub(super) fn under(&self, contract: &M3terId) -> &[(EntityKind, ActualObject)] {
        self.0.get(contract).map(Vec::as_slice).unwrap_or_default()
    }
}
