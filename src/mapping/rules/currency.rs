//! A price in one currency under a template in another is wrong money: refused before anything is
//! sent.

use super::resolved::{Deal, Resolved, of_kind};
use crate::domain::catalog::PlanTemplate;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdMap, M3terId, SalesforceId};
use crate::domain::value::Value;

/// The currency of the deal and those of plan templates, on each line; that of a Commitment and
/// those of all plan templates.
pub(super) fn currencies(objects: &mut [Resolved<'_>], deal: Deal<'_>) {
    let mismatched = match deal.root.readable(|| Ok(currency_of(deal))) {
        Ok(Some((currency, source))) => mismatched(objects, deal, &currency, &source),
        Ok(None) => IdMap::default(),
        // A currency that cannot be read cannot be compared either.
        Err(finding) => {
            of_kind(objects, EntityKind::Plan).for_each(|plan| plan.object.find(finding.clone()));
            IdMap::default()
        }
    };
    for resolved in objects {
        let is_of_line = matches!(
            resolved.table.kind,
            EntityKind::Plan | EntityKind::Pricing | EntityKind::AccountPlan
        );
        let finding = mismatched.get(&resolved.object.key.row).filter(|_| is_of_line).cloned();
        if let Some(finding) = finding.or_else(|| of_commitment(resolved, deal)) {
            resolved.object.find(finding);
        }
    }
}

fn currency_of(deal: Deal<'_>) -> Option<(String, String)> {
    let currency = deal.mapping.deal_currency.as_ref()?.evaluate(deal.root).ok()??;
    Some((currency.raw.text(), currency.source.to_string()))
}

fn mismatched(
    objects: &mut [Resolved<'_>],
    deal: Deal<'_>,
    currency: &str,
    source: &str,
) -> IdMap<SalesforceId, Finding> {
    let templates: IdMap<&M3terId, &PlanTemplate> =
        deal.catalog.plan_templates.values().map(|template| (&template.id, template)).collect();
    let mut mismatched = IdMap::default();
    for plan in of_kind(objects, EntityKind::Plan) {
        let Some(Value::Id(id)) = plan.object.value("planTemplateId") else { continue };
        let template = templates.get(id).filter(|template| template.currency != currency);
        if let Some(template) = template {
            let finding = || mismatch(currency, source, &template.currency);
            mismatched.entry(plan.object.key.row.clone()).or_insert_with(finding);
        }
    }
    mismatched
}

fn of_commitment(resolved: &Resolved<'_>, deal: Deal<'_>) -> Option<Finding> {
    let templates = deal.template_currencies;
    let Some(Value::Text(currency)) = resolved.object.value("currency") else { return None };
    let is_other = resolved.is(EntityKind::Commitment)
        && !templates.is_empty()
        && !templates.contains(currency);
    is_other
        .then(|| mismatch(currency, &resolved.object.source("currency"), &templates.join(" and ")))
}

fn mismatch(currency: &str, source: &str, template: &str) -> Finding {
    Finding::new(
        FindingCode::CurrencyMismatch,
        format!(
            "The deal is in {currency} (`{source}`), and the plan template's prices are in {template}"
        ),
        format!("Use a product whose plan template is in {currency}, or correct `{source}`"),
    )
}
