//! What holds for every mapping beyond the fields of one object: terms, currencies, the commitment,
//! lines of one product.

mod account;
mod commitment;
mod currency;
mod resolved;

use self::resolved::of_kind;
pub(super) use self::resolved::{Deal, Resolved};
use crate::domain::entity::EntityKind;
use crate::domain::object_rules::{
    each_for_itself, ends_after_start, only_what_m3ter_takes, pricing_type,
};
use crate::domain::warning::{Attention, Warning};

/// Applies all rules to what the fields gave. Each sees what those before it found.
pub(super) fn apply(objects: &mut Vec<Resolved<'_>>, warnings: &mut Vec<Warning>, deal: Deal<'_>) {
    account::refuse_circles(objects);
    account::is_named(objects, deal);
    for resolved in objects.iter_mut() {
        ends_after_start(&mut resolved.object);
    }
    commitment::commitments(objects, deal);
    currency::currencies(objects, deal);
    of_kind(objects, EntityKind::Pricing).for_each(|pricing| pricing_type(&mut pricing.object));
    for Resolved { table, object, .. } in objects.iter_mut() {
        only_what_m3ter_takes(object, |field| table.names(field));
    }
    each_for_itself(objects.iter_mut().map(|resolved| &mut resolved.object));
    warnings.extend(no_lines(objects, warnings, deal));
}

fn no_lines(objects: &[Resolved<'_>], warnings: &[Warning], deal: Deal<'_>) -> Option<Warning> {
    let has = |kind: EntityKind| objects.iter().any(|resolved| resolved.is(kind));
    let is_unread = |warning: &Warning| warning.attention == Some(Attention::FieldNotReadable);
    if has(EntityKind::AccountPlan)
        || deal.mapping.object(EntityKind::AccountPlan).is_none()
        || warnings.iter().any(is_unread)
    {
        return None;
    }
    let also = if has(EntityKind::Commitment) {
        ", and nothing will draw down the commitment"
    } else {
        ""
    };
    let root = &deal.mapping.root;
    let text = format!("The {root} has no lines to bill: nothing will be billed{also}");
    Some(Warning::of(Attention::NoLines, text))
}
