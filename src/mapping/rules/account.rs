//! Accounts: each is named, and none is above itself.

use super::resolved::{Deal, Resolved, of_kind};
use crate::domain::desired::Intent;
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{IdSet, SalesforceId};
use crate::domain::rows::ROOT;

/// Accounts that are parents of each other in a circle are refused: m3ter could link none of them
/// first.
pub(super) fn refuse_circles(objects: &mut Vec<Resolved<'_>>) {
    let accounts: Vec<SalesforceId> = of_kind(objects, EntityKind::Account)
        .map(|resolved| resolved.object.key.row.clone())
        .collect();
    let mut kept: IdSet<SalesforceId> = IdSet::default();
    objects.retain(|resolved| {
        !resolved.is(EntityKind::Account) || kept.insert(resolved.object.key.row.clone())
    });
    if kept.len() == accounts.len() {
        return;
    }
    let chain: Vec<&str> = accounts.iter().map(SalesforceId::as_str).collect();
    let finding = Finding::new(
        FindingCode::ParentCycle,
        format!("The Accounts are parents of each other in a circle: {}", chain.join(" → ")),
        "Correct the parent of one of them in Salesforce",
    );
    for account in of_kind(objects, EntityKind::Account) {
        account.object.intent = Intent::Invalid(vec![finding.clone()]);
    }
}

/// Without a Salesforce account there is nothing to bill.
pub(super) fn is_named(objects: &mut [Resolved<'_>], deal: Deal<'_>) {
    let table = deal.mapping.object(EntityKind::Account);
    let of_root = table.and_then(|table| table.row.as_ref()).filter(|field| field.from == ROOT);
    let Some(field) = of_root.filter(|field| deal.root.field(field).is_none()) else { return };
    let name = &field.name;
    let finding = Finding::new(
        FindingCode::RequiredValueBlank,
        format!("The record has no account: `{name}` is blank"),
        format!("Fill in `{name}`"),
    );
    for account in of_kind(objects, EntityKind::Account) {
        // What is missing in the account follows from this one.
        account.object.intent = Intent::Invalid(vec![finding.clone()]);
        account.object.code = None;
    }
}
