//! Links as an operator looks at them and changes them by hand.

use crate::domain::link::{ChangedLinks, ShownLink};
use crate::store::{LinkFilter, LinkOrder, NotHandedOver, StoreError};
use crate::sync::clock::now;
use crate::sync::settings::SyncMode;
use crate::sync::syncs::Syncs;

impl Syncs {
    /// Links by record or by object, in order.
    pub async fn list_links(&self, filter: &LinkFilter) -> Result<Vec<ShownLink>, StoreError> {
        let links = self.shared.store.list_links(filter).await?;
        Ok(links.iter().map(ShownLink::from).collect())
    }

    /// Carries out an order, all or nothing; a dry run only says which links it concerns.
    pub async fn change_links(
        &self,
        order: &LinkOrder,
        mode: SyncMode,
        requested_by: Option<&str>,
    ) -> Result<Result<ChangedLinks, NotHandedOver>, StoreError> {
        let store = &self.shared.store;
        let handover = match mode {
            SyncMode::DryRun => store.plan_links(order).await?,
            SyncMode::Apply => store.change_links(order, requested_by, now()).await?,
        };
        Ok(handover.map(|handover| handover.answer(mode == SyncMode::DryRun)))
    }
}
