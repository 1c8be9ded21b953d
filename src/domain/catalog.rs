//! What m3ter holds for all deals, by code: plan templates, aggregations, products and the like.

use std::collections::HashMap;
use std::sync::Arc;

use super::field::{is_entity_code, is_identifier_code};
use super::ids::M3terId;

/// What a code is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatalogKind {
    /// What a Plan is made from.
    PlanTemplate,
    /// A Plan that many Accounts may share.
    Plan,
    /// Several Plans that are attached together.
    PlanGroup,
    /// What is priced.
    Aggregation,
    /// What is priced, computed from several aggregations.
    CompoundAggregation,
    /// A product of m3ter.
    Product,
    /// Contracts with the same key come on one bill.
    BillGroupingKey,
    /// An Account that another record made.
    Account,
}

impl CatalogKind {
    /// What the ID in a m3ter field may be looked up in; nothing for a field without such an ID.
    pub fn of_field(name: &str) -> &'static [Self] {
        match name {
            "planTemplateId" => &[Self::PlanTemplate],
            "planId" | "billingPlanId" => &[Self::Plan],
            "planGroupId" => &[Self::PlanGroup],
            "aggregationId" => &[Self::Aggregation],
            "compoundAggregationId" => &[Self::CompoundAggregation],
            "billGroupingKeyId" => &[Self::BillGroupingKey],
            "accountId" | "parentAccountId" => &[Self::Account],
            "productIds" | "item" => &[Self::Product],
            name if name.ends_with("ccountingProductId") => &[Self::Product],
            _ => &[],
        }
    }

    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PlanTemplate,
        Self::Plan,
        Self::PlanGroup,
        Self::Aggregation,
        Self::CompoundAggregation,
        Self::Product,
        Self::BillGroupingKey,
        Self::Account,
    ];

    /// The word in a mapping.
    pub fn word(self) -> &'static str {
        match self {
            Self::PlanTemplate => "plan_template",
            Self::Plan => "plan",
            Self::PlanGroup => "plan_group",
            Self::Aggregation => "aggregation",
            Self::CompoundAggregation => "compound_aggregation",
            Self::Product => "product",
            Self::BillGroupingKey => "bill_grouping_key",
            Self::Account => "account",
        }
    }

    /// The name in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::PlanTemplate => "plan template",
            Self::Plan => "plan",
            Self::PlanGroup => "plan group",
            Self::Aggregation => "aggregation",
            Self::CompoundAggregation => "compound aggregation",
            Self::Product => "product",
            Self::BillGroupingKey => "bill grouping key",
            Self::Account => "account",
        }
    }

    /// What its codes look like: the rest of a sentence about one.
    pub fn code_rule(self) -> &'static str {
        match self {
            Self::Aggregation | Self::CompoundAggregation | Self::BillGroupingKey => {
                "has letters, digits, `_` and `$` only and no digit first"
            }
            _ => "has 1 to 80 characters and no outer spaces",
        }
    }

    /// Whether m3ter can have an object with such a code.
    pub fn allows(self, code: &str) -> bool {
        match self {
            Self::Aggregation | Self::CompoundAggregation | Self::BillGroupingKey => {
                is_identifier_code(code)
            }
            _ => is_entity_code(code),
        }
    }
}

/// What is known to a sync, by code.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// All plan templates.
    pub plan_templates: Arc<HashMap<String, PlanTemplate>>,
    /// The other objects that were looked up and found.
    pub ids: HashMap<CatalogKind, HashMap<String, M3terId>>,
}

impl Catalog {
    /// The id under a code.
    pub fn id(&self, catalog_kind: CatalogKind, code: &str) -> Option<M3terId> {
        match catalog_kind {
            CatalogKind::PlanTemplate => {
                self.plan_templates.get(code).map(|template| template.id.clone())
            }
            _ => self.ids.get(&catalog_kind)?.get(code).cloned(),
        }
    }

    /// All codes that are known.
    pub fn codes(&self, catalog_kind: CatalogKind) -> Vec<&str> {
        match catalog_kind {
            CatalogKind::PlanTemplate => self.plan_templates.keys().map(String::as_str).collect(),
            _ => self
                .ids
                .get(&catalog_kind)
                .into_iter()
                .flat_map(HashMap::keys)
                .map(String::as_str)
                .collect(),
        }
    }
}

/// What a sync needs of a plan template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanTemplate {
    /// Its id.
    pub id: M3terId,
    /// Its product, of which an Account has at most one running AccountPlan.
    pub product_id: M3terId,
    /// The currency of all its plans' prices.
    pub currency: String,
}
