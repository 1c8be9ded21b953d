//! What m3ter holds for all deals, by code: plan templates and aggregations.

use std::collections::HashMap;

use super::ids::M3terId;

/// The plan templates and aggregations known to a sync, by code.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// All plan templates.
    pub plan_templates: HashMap<String, PlanTemplate>,
    /// The aggregations that were looked up and found.
    pub aggregations: HashMap<String, M3terId>,
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
