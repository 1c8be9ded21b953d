//! Records by what people call them: Salesforce is asked each time, and no name is kept.

use futures::future::try_join_all;

use crate::domain::outcome::Failure;
use crate::salesforce::NamedRecord;
use crate::sync::syncs::Syncs;
use crate::transport::Budget;

impl Syncs {
    /// The records of all mapped objects that a text names: a part of their own name or of their
    /// Account's.
    pub async fn find_by_name(&self, text: &str) -> Result<Vec<NamedRecord>, Failure> {
        let metadata = &self.shared.metadata;
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        let found = try_join_all(metadata.mappings.iter().map(async |mapping| {
            let root = mapping.root();
            let fields = metadata.known_by.fields(&metadata.salesforce, root, &budget).await?;
            let found = metadata.salesforce.find_by_name(root, &fields, text, &budget).await;
            Ok::<_, Failure>(found?)
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }
}
