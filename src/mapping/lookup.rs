//! From codes to what m3ter has under them, by the row itself or by the rule for its product.

use super::convert::Raw;
use super::evaluated::{Evaluated, Outcome, Source};
use super::product::ProductRule;
use super::row::{Row, not_asked_yet};
use super::typed_key::looked_up_code;
use crate::domain::catalog::Catalogued;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::text::nearest;
use crate::domain::value::Value;
use crate::domain::warning::Warning;

/// The codes under which m3ter may have what a text names.
pub(super) fn codes(
    catalogued: Catalogued,
    found: &Evaluated,
    row: Row<'_>,
) -> Vec<(Catalogued, String)> {
    let typed = looked_up_code(catalogued, &found.raw.text(), row.all_ids());
    typed.verbatim.into_iter().chain([typed.code]).map(|code| (catalogued, code)).collect()
}

/// The id under a code.
pub(super) fn look_up(
    catalogued: Catalogued,
    by_product: bool,
    found: Evaluated,
    row: Row<'_>,
) -> Outcome {
    let Evaluated { raw, source, mut warnings } = found;
    let Some(catalog) = row.around().catalog else { return Err(not_asked_yet()) };
    let typed = looked_up_code(catalogued, &raw.text(), row.all_ids());
    // What m3ter has as it was typed is meant so.
    let verbatim = typed.verbatim.and_then(|typed| catalog.id(catalogued, &typed));
    let code = typed.code;
    if !catalogued.allows(&code) {
        return Err(not_allowed(catalogued, &code, &source));
    }
    if by_product && row.around().product_rows.is_some() && !matches!(source, Source::Rule(_)) {
        let text = format!(
            "No product rule applies: the plan template is the one with the code `{code}` from `{source}`"
        );
        warnings.push(text.into());
    }
    match verbatim.or_else(|| catalog.id(catalogued, &code)) {
        Some(id) => Ok(Some(Evaluated { raw: Raw::Typed(Value::Id(id)), source, warnings })),
        None => {
            let what = catalogued.noun();
            let hint = nearest(&code, catalog.codes(catalogued))
                .map_or_else(String::new, |near| format!("; the nearest one is `{near}`"));
            Err(Finding::new(
                FindingCode::CodeNotFound,
                format!("m3ter has no {what} with the code `{code}` from `{source}`{hint}"),
                format!("Create the {what} in m3ter, or correct the code in `{source}`"),
            ))
        }
    }
}

fn not_allowed(catalogued: Catalogued, code: &str, source: &Source) -> Finding {
    let (what, rule) = (catalogued.noun(), catalogued.code_rule());
    Finding::new(
        FindingCode::CodeInvalid,
        format!("`{code}` in `{source}` cannot be the code of a m3ter {what}, which {rule}"),
        format!("Enter the {what}'s code in a separate field that the mapping reads first"),
    )
}

/// The code of the plan template that the rule for a row's product chooses.
pub(super) fn template_by_rule(row: Row<'_>) -> Outcome {
    let rule = row.product_rule()?.filter(|rule| rule.target == Catalogued::PlanTemplate);
    Ok(rule.map(|rule| {
        let raw = Raw::Json(rule.code.clone().into());
        let text = format!("The plan template `{}` was chosen by the {rule}", rule.code);
        by_rule(rule, raw, text.into())
    }))
}

/// The rule that attaches a plan of m3ter in place of a row's own Plan.
pub(super) fn shared_plan_rule(row: Row<'_>) -> Result<Option<&ProductRule>, Finding> {
    Ok(row.product_rule()?.filter(|rule| rule.target == Catalogued::Plan))
}

/// The plan that a rule attaches in place of a row's own Plan.
pub(super) fn shared_plan(row: Row<'_>) -> Outcome {
    let Some(rule) = shared_plan_rule(row)? else { return Ok(None) };
    let Some(catalog) = row.around().catalog else { return Err(not_asked_yet()) };
    let id = catalog.id(Catalogued::Plan, &rule.code).ok_or_else(|| {
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
