//! What an end reaches: the billing entities of the Account, its children or one Contract, as m3ter
//! holds them before anything ends.

use std::collections::HashSet;

use futures::future::try_join_all;

use super::owner::Owner;
use crate::domain::actual::ActualObject;
use crate::domain::ending::{BillingEntity, Children, EndDateOrder};
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::domain::outcome::{ErrorCode, Failure, FieldChange};
use crate::m3ter::{ListQuery, OwnerIds};
use crate::sync::context::RunContext;
use crate::sync::execute::end_one::End;
use crate::transport::CalloutError;

/// Accounts below the record's that one order reaches; a hierarchy that is larger is ended in
/// parts.
const MAX_ACCOUNTS: usize = 500;

/// One billing entity.
#[derive(Debug, Clone)]
pub(super) struct EndTarget {
    pub(super) entity: BillingEntity,
    pub(super) object: ActualObject,
    /// Whether the order means it. What lies under the same Account and not under the order's
    /// Contract is looked at only to be spared.
    pub(super) in_scope: bool,
}

impl EndTarget {
    /// What ending it changes.
    pub(super) fn change(&self, end: &End) -> FieldChange {
        FieldChange {
            field: "endDate".to_owned(),
            old_value: self.object.text("endDate").map(ToOwned::to_owned),
            new_value: Some(end.render(self.entity)),
            source: "`endDate` of the request".to_owned(),
        }
    }
}

/// What one Account has.
struct Holdings {
    contracts: Vec<ActualObject>,
    account_plans: Vec<ActualObject>,
    commitments: Vec<ActualObject>,
    /// Those of bespoke Plans, each with its Plan.
    pricings: Vec<(M3terId, BillingEntity, ActualObject)>,
}

/// Everything that runs beyond the end, in the order of results; and what is meant and ends there
/// already.
pub(super) async fn fetch_scope(
    context: &RunContext<'_>,
    order: &EndDateOrder,
    owner: &Owner,
    end: &End,
) -> Result<(Vec<EndTarget>, Vec<EndTarget>), Failure> {
    let accounts = fetch_accounts(context, order, &owner.account).await?;
    let holdings =
        try_join_all(accounts.iter().map(|account| fetch_holdings(context, order, account, owner)));
    let target = holdings.await?.into_iter().flat_map(|holdings| holdings.target(owner, end));
    let target = target.filter(|target| order.entities.contains(&target.entity));
    let (mut scope, mut ended): (Vec<EndTarget>, Vec<EndTarget>) =
        target.partition(|target| end.comes_before_that_of(target.entity, &target.object));
    scope.sort_by_key(|target| target.entity);
    ended.retain(|target| target.in_scope && end.is_that_of(target.entity, &target.object));
    Ok((scope, ended))
}

async fn fetch_accounts(
    context: &RunContext<'_>,
    order: &EndDateOrder,
    account: &M3terId,
) -> Result<Vec<M3terId>, Failure> {
    let RunContext { m3ter, budget, .. } = *context;
    let mut accounts = vec![account.clone()];
    let mut next = 0;
    while order.children == Children::Included && next < accounts.len() {
        let level = accounts[next..].to_vec();
        next = accounts.len();
        let children =
            try_join_all(level.iter().map(|account| m3ter.list_children(account, budget)));
        for child in children.await?.into_iter().flatten() {
            // A circle of parents is walked once.
            if !accounts.contains(&child.id) {
                accounts.push(child.id);
            }
        }
        if accounts.len() > MAX_ACCOUNTS {
            let reason = format!(
                "The Account has more than {MAX_ACCOUNTS} Accounts below it; end them in parts"
            );
            return Err(Failure::new(ErrorCode::CalloutLimitExceeded, reason));
        }
    }
    Ok(accounts)
}

async fn fetch_holdings(
    context: &RunContext<'_>,
    order: &EndDateOrder,
    account: &M3terId,
    owner: &Owner,
) -> Result<Holdings, CalloutError> {
    let RunContext { m3ter, budget, .. } = *context;
    let wants =
        |entities: &[BillingEntity]| entities.iter().any(|entity| order.entities.contains(entity));
    let prices = wants(&[BillingEntity::Pricings, BillingEntity::CounterPricings]);
    let list = async |wanted: bool, kind: EntityKind| {
        if !wanted {
            return Ok(Vec::new());
        }
        m3ter.list(&ListQuery::under(kind, OwnerIds::account(account.clone())), budget).await
    };
    let (contracts, account_plans, commitments, plans) = tokio::try_join!(
        list(wants(&[BillingEntity::Contract]) && owner.contract.is_none(), EntityKind::Contract),
        list(prices || wants(&[BillingEntity::AccountPlan]), EntityKind::AccountPlan),
        list(wants(&[BillingEntity::Prepayment]), EntityKind::Commitment),
        list(prices, EntityKind::Plan),
    )?;
    let pricings =
        try_join_all(plans.iter().map(|plan| fetch_prices(context, order, &plan.id))).await?;
    Ok(Holdings {
        contracts,
        account_plans,
        commitments,
        pricings: pricings.into_iter().flatten().collect(),
    })
}

async fn fetch_prices(
    context: &RunContext<'_>,
    order: &EndDateOrder,
    plan: &M3terId,
) -> Result<Vec<(M3terId, BillingEntity, ActualObject)>, CalloutError> {
    let RunContext { m3ter, budget, .. } = *context;
    let usage = async {
        if order.entities.contains(&BillingEntity::Pricings) {
            let of_plan = OwnerIds::plan(plan.clone());
            m3ter.list(&ListQuery::under(EntityKind::Pricing, of_plan), budget).await
        } else {
            Ok(Vec::new())
        }
    };
    let counters = async {
        if order.entities.contains(&BillingEntity::CounterPricings) {
            m3ter.list_counter_pricings(plan, budget).await
        } else {
            Ok(Vec::new())
        }
    };
    let (usage, counters) = tokio::try_join!(usage, counters)?;
    let of_plan = |entity| move |pricing| (plan.clone(), entity, pricing);
    Ok(usage
        .into_iter()
        .map(of_plan(BillingEntity::Pricings))
        .chain(counters.into_iter().map(of_plan(BillingEntity::CounterPricings)))
        .collect())
}

impl Holdings {
    fn target(self, owner: &Owner, end: &End) -> Vec<EndTarget> {
        let contract = owner.contract.as_ref().map(|contract| contract.id.as_str());
        let is_under = |object: &ActualObject| {
            contract.is_none_or(|contract| object.text("contractId") == Some(contract))
        };
        // The prices of a Plan end with the order only if nothing else keeps using them.
        let attached = |under: bool| -> HashSet<String> {
            self.account_plans
                .iter()
                .filter(|plan| {
                    is_under(plan) == under
                        && (under || end.comes_before_that_of(BillingEntity::AccountPlan, plan))
                })
                .filter_map(|plan| plan.text("planId").map(ToOwned::to_owned))
                .collect()
        };
        let (under, elsewhere) = (attached(true), attached(false));
        let is_priced_here = |plan: &M3terId| {
            contract.is_none()
                || under.contains(plan.as_str()) && !elsewhere.contains(plan.as_str())
        };
        let target = |entity, object, in_scope| EndTarget { entity, object, in_scope };
        let of_contract = owner
            .contract
            .iter()
            .cloned()
            .map(|object| target(BillingEntity::Contract, object, true));
        let mut all: Vec<EndTarget> = of_contract.collect();
        all.extend(
            self.contracts.into_iter().map(|object| target(BillingEntity::Contract, object, true)),
        );
        all.extend(self.commitments.into_iter().map(|object| {
            let in_scope = is_under(&object);
            target(BillingEntity::Prepayment, object, in_scope)
        }));
        all.extend(
            self.pricings.iter().map(|(plan, entity, object)| {
                target(*entity, object.clone(), is_priced_here(plan))
            }),
        );
        all.extend(
            self.account_plans
                .iter()
                .map(|object| target(BillingEntity::AccountPlan, object.clone(), is_under(object))),
        );
        all
    }
}
