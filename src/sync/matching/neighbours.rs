//! What lies beside the objects that an update moves: read for a dry run only, which foretells what
//! m3ter will say.

use std::collections::HashSet;

use super::Seen;
use crate::changeset::{Changeset, Step};
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::m3ter::ListFilter;

impl Seen<'_> {
    /// Reads the AccountPlans of the Accounts, and the Commitments of the Contracts, in which
    /// something is updated.
    pub(in crate::sync) async fn fetch_neighbours(&mut self, changeset: &Changeset) {
        let mut lists = HashSet::new();
        for change in &changeset.changes {
            let Step::Update { actual, .. } = &change.step else { continue };
            let id = |field: &str| M3terId::parse(actual.text(field)?).ok();
            match change.desired.kind() {
                kind @ EntityKind::AccountPlan => {
                    lists.extend(id("accountId").map(|account| (kind, account, None)))
                }
                kind @ EntityKind::Commitment => {
                    lists.extend(id("accountId").map(|account| (kind, account, id("contractId"))))
                }
                _ => {}
            }
        }
        let filters = |(kind, account, contract): (EntityKind, M3terId, Option<M3terId>)| match kind
        {
            EntityKind::AccountPlan => {
                (kind, vec![ListFilter::Account(account), ListFilter::IncludeAll])
            }
            _ => (
                kind,
                [ListFilter::AccountId(account)]
                    .into_iter()
                    .chain(contract.map(ListFilter::ContractId))
                    .collect(),
            ),
        };
        self.fetch_lists(lists.into_iter().map(filters).collect()).await;
    }
}
