//! Whether a request comes from the org that the service is for.
//!
//! A refreshed Salesforce sandbox keeps the ids of its records and may still point at production:
//! only the org's own id tells.

use crate::domain::ids::SalesforceId;
use crate::domain::outcome::{ErrorCode, Failure};
use crate::sync::syncs::Syncs;
use crate::transport::Budget;

impl Syncs {
    /// The name of the object that a record is of; `None` where the org has none with its key
    /// prefix.
    pub async fn object_of(&self, record: &SalesforceId) -> Result<Option<String>, Failure> {
        let limits = self.shared.limits;
        self.shared
            .metadata
            .sobject_of(record.key_prefix(), &Budget::new(limits.time, limits.callouts))
            .await
    }

    /// Compares the org that a request names with that of the login. A login that does not name its
    /// org fits none.
    pub async fn check_organization(&self, named: &str) -> Result<(), Failure> {
        let wrong = |reason: String| Failure::new(ErrorCode::WrongOrganization, reason);
        let Some(named) = SalesforceId::parse(named).ok().filter(|id| id.key_prefix() == "00D")
        else {
            return Err(wrong(
                "`organizationId` is not an organization ID (00D…, 15 or 18 characters)".to_owned(),
            ));
        };
        let limits = self.shared.limits;
        let budget = Budget::new(limits.time, limits.callouts);
        match self.shared.metadata.salesforce.organization(&budget).await? {
            Some(own) if own == named => Ok(()),
            Some(own) => {
                let reason = format!(
                    "The request comes from the org {named}, and this service is for the org {own}; nothing was synced"
                );
                Err(wrong(reason))
            }
            None => Err(wrong(format!(
                "Salesforce does not say whether this service is for the org {named}; nothing was synced"
            ))),
        }
    }
}
