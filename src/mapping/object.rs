//! Which object a row makes: its key, its code, and by what it is found or shared.

use super::evaluated::{Evaluated, Outcome};
use super::lookup::{shared_plan, shared_plan_rule};
use super::mapped::ObjectMapping;
use super::row::Row;
use crate::domain::conversion::Raw;
use crate::domain::desired::{NaturalKey, SharedKey};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::ids::SalesforceId;
use crate::domain::source::Source;
use crate::domain::text::trimmed;
use crate::domain::typed_code::{TypedCode, typed_code};
use crate::domain::value::Value;

/// The Salesforce row that an object comes from; the row itself where the mapping's own is blank.
pub(super) fn row_id(row: Row<'_>, object: &ObjectMapping) -> Option<SalesforceId> {
    let named = object.row.as_ref().and_then(|field| row.id_in(field));
    named.or_else(|| row.own_record().id())
}

/// The text that tells an object of a row from others of the same kind.
fn own_key(row: Row<'_>, object: &ObjectMapping) -> Option<String> {
    let key = object.key.as_ref()?.of(row).ok()??;
    Some(trimmed(&key.raw.text()).to_owned()).filter(|key| !key.is_empty())
}

pub(super) fn key_of(row: Row<'_>, object: &ObjectMapping) -> Option<ObjectKey> {
    let key = own_key(row, object).unwrap_or_default();
    row_id(row, object).map(|row| ObjectKey { kind: object.kind, row, key })
}

/// What refers to an object gets: the object, or the plan that a product rule puts in its place.
pub(super) fn this(row: Row<'_>, object: &ObjectMapping) -> Outcome {
    let this = |row: Row<'_>| {
        let shared = if object.kind == EntityKind::Plan { shared_plan(row)? } else { None };
        let own = || {
            let key = Value::Object(key_of(row, object)?);
            Some(Evaluated::typed(key, Source::This(object.kind)))
        };
        Ok(shared.or_else(own))
    };
    match object.slot {
        Some(slot) => row.cached(slot, this),
        None => this(row),
    }
}

/// Whether a product rule attaches a plan, so that the row makes none.
pub(super) fn has_shared_plan(row: Row<'_>, object: &ObjectMapping) -> bool {
    let plan = object.plan_rows.and_then(|rows| row.up_to(rows));
    plan.is_some_and(|row| matches!(shared_plan_rule(row), Ok(Some(_))))
}

/// m3ter's natural key for the object of a row, with the key that tells it from others of the row.
pub(super) fn code_of(row: Row<'_>, object: &ObjectMapping) -> Option<TypedCode> {
    let code = object.field("code")?.cell.of(row).ok()??;
    Some(with_key(&code.raw, row, object))
}

pub(super) fn with_key(code: &Raw, row: Row<'_>, object: &ObjectMapping) -> TypedCode {
    let TypedCode { code, verbatim } = typed_code(&code.text(), row.all_ids());
    let key = own_key(row, object);
    let with_key = |code: String| match &key {
        Some(key) => format!("{code}-{key}"),
        None => code,
    };
    TypedCode { code: with_key(code), verbatim: verbatim.map(with_key) }
}

/// The code, unless it hangs on what cannot be read: that is not another code, and nothing is
/// looked for under what would come next.
pub(super) fn readable_code_of(row: Row<'_>, object: &ObjectMapping) -> Option<TypedCode> {
    let (code, unclear) = row.observed(|| code_of(row, object));
    let is_certain = unclear.is_empty();
    row.note_unreadable(unclear);
    code.filter(|_| is_certain)
}

/// By what an object can be found that no link tells of.
pub(super) fn natural_key(row: Row<'_>, object: &ObjectMapping) -> Option<NaturalKey> {
    let TypedCode { code, verbatim } = readable_code_of(row, object)?;
    Some(NaturalKey { object: key_of(row, object)?, code, verbatim })
}

/// By what a record shares the object; none where it names one itself.
pub(super) fn shared_key(row: Row<'_>, object: &ObjectMapping) -> Option<SharedKey> {
    let field = object.joins_with.as_ref().filter(|_| !names_its_own(row, object))?;
    let value = row.id_in(field)?;
    let sobject = row.around().sets[field.from].rows.sobject.clone();
    Some(SharedKey { object: key_of(row, object)?, sobject, field: field.path.clone(), value })
}

/// Whether a record names the object of another one as its own.
pub(super) fn names_its_own(row: Row<'_>, object: &ObjectMapping) -> bool {
    object.joins_by.as_ref().is_some_and(|field| row.field(field).is_some())
}
