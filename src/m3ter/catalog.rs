//! What the organization has before any sync: plan templates, currencies, and whatever a mapping
//! names by its code.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::{Client, list};
use crate::domain::catalog::{CatalogKind, PlanTemplate};
use crate::domain::ids::M3terId;
use crate::transport::{Budget, CalloutError};

impl Client {
    /// All plan templates, by code; those without one cannot be meant by any.
    pub async fn fetch_plan_templates(
        &self,
        budget: &Budget,
    ) -> Result<HashMap<String, PlanTemplate>, CalloutError> {
        let templates =
            self.fetch_all("ListPlanTemplates", &["plantemplates"], &[], budget).await?;
        Ok(templates.iter().filter_map(read_template).collect())
    }

    /// The ids of what has these codes, by code. Where m3ter cannot ask for codes, the list is read
    /// until all are found.
    pub async fn fetch_ids(
        &self,
        catalogued: CatalogKind,
        codes: &[String],
        budget: &Budget,
    ) -> Result<HashMap<String, M3terId>, CalloutError> {
        let (operation, path, can_ask): (_, &[&str], _) = match catalogued {
            CatalogKind::PlanTemplate => ("ListPlanTemplates", &["plantemplates"], false),
            CatalogKind::Plan => ("ListPlans", &["plans"], false),
            CatalogKind::PlanGroup => ("ListPlanGroups", &["plangroups"], false),
            CatalogKind::Product => ("ListProducts", &["products"], false),
            CatalogKind::Aggregation => ("ListAggregations", &["aggregations"], true),
            CatalogKind::CompoundAggregation => {
                ("ListCompoundAggregations", &["compoundaggregations"], true)
            }
            CatalogKind::BillGroupingKey => {
                ("ListBillGroupingKeys", &["picklists", "billgroupingkeys"], true)
            }
            CatalogKind::Account => ("ListAccounts", &["accounts"], true),
        };
        let wanted: HashSet<&str> = codes.iter().map(String::as_str).collect();
        let mut found = HashMap::new();
        let mut take = |json: &Json| {
            let (id, code) =
                (json.get("id").and_then(Json::as_str), json.get("code").and_then(Json::as_str));
            if let (Some(Ok(id)), Some(code)) = (id.map(M3terId::parse), code)
                && wanted.contains(code)
            {
                found.insert(code.to_owned(), id);
            }
            found.len() == wanted.len()
        };
        if can_ask {
            for codes in codes.chunks(list::MAX_VALUES) {
                let parameters: Vec<(&str, &str)> =
                    codes.iter().map(|code| ("codes", code.as_str())).collect();
                for json in self.fetch_all(operation, path, &parameters, budget).await? {
                    take(&json);
                }
            }
        } else {
            self.fetch_until(operation, path, budget, |json| take(json)).await?;
        }
        Ok(found)
    }

    /// The codes of the organization's currencies.
    pub async fn fetch_currencies(&self, budget: &Budget) -> Result<Vec<String>, CalloutError> {
        let currencies =
            self.fetch_all("ListCurrencies", &["picklists", "currency"], &[], budget).await?;
        Ok(currencies
            .iter()
            .filter_map(|json| json.get("code")?.as_str().map(ToOwned::to_owned))
            .collect())
    }
}

/// A plan template with its code; one without cannot be meant by any.
pub(super) fn read_template(json: &Json) -> Option<(String, PlanTemplate)> {
    let text = |field: &str| json.get(field)?.as_str();
    let template = PlanTemplate {
        id: M3terId::parse(text("id")?).ok()?,
        product_id: M3terId::parse(text("productId")?).ok()?,
        currency: text("currency")?.to_owned(),
    };
    Some((text("code")?.to_owned(), template))
}
