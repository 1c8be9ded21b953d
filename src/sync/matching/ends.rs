//! Ends that end dating made, for what a record would move beyond them. Only then they are read,
//! after what m3ter has: whoever ends an object writes down the end before.

use std::collections::HashMap;

use super::{Identified, Seen};
use crate::changeset::compare::Circumstances;
use crate::changeset::ended::{Endings, Held, Reopened, keep_ends, may_be_ended};
use crate::domain::desired::DesiredObject;
use crate::domain::ending::BillingEntity;
use crate::domain::entity::ObjectKey;
use crate::domain::ids::M3terId;
use crate::domain::outcome::Failure;

impl Seen<'_> {
    /// Lets objects keep the ends that end dating made; those that Salesforce takes back.
    pub(super) async fn keep_ends(
        &self,
        desired: &mut [DesiredObject],
        identified: &HashMap<ObjectKey, Identified>,
        circumstances: &Circumstances,
    ) -> Result<Vec<Reopened>, Failure> {
        let found = |key: &ObjectKey| identified.get(key)?.as_ref().ok()?.as_ref();
        let joined: Vec<ObjectKey> = desired
            .iter()
            .filter(|object| {
                found(&object.key).is_some_and(|actual| self.is_referred(object, actual))
            })
            .map(|object| object.key.clone())
            .collect();
        let held =
            |key: &ObjectKey| Some(Held { actual: found(key)?, is_joined: joined.contains(key) });
        if !may_be_ended(desired, held, &circumstances.time_zone) {
            return Ok(Vec::new());
        }
        let has_end = |object: &&DesiredObject| BillingEntity::of(object.kind()).is_some();
        let ids: Vec<M3terId> = desired
            .iter()
            .filter(has_end)
            .filter_map(|object| found(&object.key))
            .map(|actual| actual.id.clone())
            .collect();
        let ends = self.context.store.with(|store| store.load_ends(&ids)).await?;
        let endings = Endings {
            ends: &ends,
            rule: circumstances.ended,
            pricing_change: circumstances.pricing_change,
            time_zone: &circumstances.time_zone,
            now: circumstances.now,
        };
        Ok(keep_ends(desired, held, &endings))
    }
}
