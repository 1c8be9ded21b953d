//! From codes to what m3ter has under them, by the row itself or by the rule for its product.

use super::evaluated::{Evaluated, Outcome};
use super::row::{Row, not_asked_yet};
use crate::domain::catalog::CatalogKind;
use crate::domain::conversion::Raw;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::product_rule::ProductRule;
use crate::domain::source::Source;
use crate::domain::text::nearest;
use crate::domain::typed_code::looked_up_code;
use crate::domain::value::Value;
use crate::domain::warning::Warning;

/// The codes under which m3ter may have what a text names.
pub(super) fn codes(
    catalog_kind: CatalogKind,
    found: &Evaluated,
    row: Row<'_>,
) -> Vec<(CatalogKind, String)> {
    let typed = looked_up_code(catalog_kind, &found.raw.text(), row.all_ids());
    typed.verbatim.into_iter().chain([typed.code]).map(|code| (catalog_kind, code)).collect()
}

pub(super) fn look_up(
    catalog_kind: CatalogKind,
    by_product: bool,
    found: Evaluated,
    row: Row<'_>,
) -> Outcome {
    let Evaluated { raw, source, mut warnings } = found;
    let Some(catalog) = row.around().catalog else { return Err(not_asked_yet()) };
    let typed = looked_up_code(catalog_kind, &raw.text(), row.all_ids());
    // What m3ter has as it was typed is meant so.
    let verbatim = typed.verbatim.and_then(|typed| catalog.id(catalog_kind, &typed));
    let code = typed.code;
    if !catalog_kind.allows(&code) {
        return Err(not_allowed(catalog_kind, &code, &source));
    }
    if by_product && row.around().product_rows.is_some() && !matches!(source, Source::Rule(_)) {
        let text = format!(
            "No product rule applies: the plan template is the one with the code `{code}` from `{source}`"
        );
        warnings.push(text.into());
    }
    match verbatim.or_else(|| catalog.id(catalog_kind, &code)) {
        Some(id) => Ok(Some(Evaluated { raw: Raw::Typed(Value::Id(id)), source, warnings })),
        None => {
            let what = catalog_kind.noun();
            let hint = nearest(&code, catalog.codes(catalog_kind))
                .map_or_else(String::new, |near| format!("; the nearest one is `{near}`"));
            Err(Finding::new(
                FindingCode::CodeNotFound,
                format!("m3ter has no {what} with the code `{code}` from `{source}`{hint}"),
                format!("Create the {what} in m3ter, or correct the code in `{source}`"),
            ))
        }
    }
}

fn not_allowed(catalog_kind: CatalogKind, code: &str, source: &Source) -> Finding {
    let (what, rule) = (catalog_kind.noun(), catalog_kind.code_rule());
    Finding::new(
        FindingCode::CodeInvalid,
        format!("`{code}` in `{source}` cannot be the code of a m3ter {what}, which {rule}"),
        format!("Enter the {what}'s code in a separate field that the mapping reads first"),
    )
}

/// The code of the plan template that the rule for a row's product chooses.
pub(super) fn template_by_rule(row: Row<'_>) -> Outcome {
    let rule = row.product_rule()?.filter(|rule| rule.target == CatalogKind::PlanTemplate);
    Ok(rule.map(|rule| {
        let raw = Raw::Json(rule.code.clone().into());
        let text = format!("The plan template `{}` was chosen by the {rule}", rule.code);
        by_rule(rule, raw, text.into())
    }))
}

/// The rule that attaches a plan of m3ter in place of a row's own Plan.
pub(super) fn shared_plan_rule(row: Row<'_>) -> Result<Option<&ProductRule>, Finding> {
    Ok(row.product_rule()?.filter(|rule| rule.target == CatalogKind::Plan))
}

/// The plan that a rule attaches in place of a row's own Plan.
pub(super) fn shared_plan(row: Row<'_>) -> Outcome {
    let Some(rule) = shared_plan_rule(row)? else { return Ok(None) };
    let Some(catalog) = row.around().catalog else { return Err(not_asked_yet()) };
    let id = catalog.id(CatalogKind::Plan, &rule.code).ok_or_else(|| {
        Finding::new(
            FindingCode::CodeNotFound,
            format!("m3ter has no plan with the code `{}` from the {rule}", rule.code),
            "Create the plan in m3ter, or correct the rule",
        )
    })?;
    let text = format!(
        "The plan `{}` was chosen by the {rule}; the line has no Plan and no Pricing of its own",
        rule.code
    );
    Ok(Some(by_rule(rule, Raw::Typed(Value::Id(id)), text.into())))
}

fn by_rule(rule: &ProductRule, raw: Raw, warning: Warning) -> Evaluated {
    Evaluated { raw, source: Source::Rule(rule.to_string()), warnings: vec![warning] }
}
