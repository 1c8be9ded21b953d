//! From the rows of a record to the desired objects: the fields of each, then the rules that span
//! several.

use std::collections::BTreeSet;

use super::evaluated::Evaluated;
use super::language::Guard;
use super::mapped::{FieldMapping, Mapping, ObjectMapping, Readiness};
use super::object::{
    has_shared_plan, key_of, names_its_own, readable_code_of, shared_key, with_key,
};
use super::reading::Reading;
use super::row::Row;
use super::rules::{self, Deal, Resolved};
use super::term::{Expression, TEMPLATES};
use crate::domain::catalog::Catalog;
use crate::domain::condition::Condition;
use crate::domain::conversion::{Raw, text};
use crate::domain::desired::{
    DesiredField, DesiredObject, FieldAction, Intent, OnFound, Resolution, WriteBack,
};
use crate::domain::entity::EntityKind;
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::rows::FieldRef;
use crate::domain::settings::Otherwise;
use crate::domain::source::Source;
use crate::domain::value::Value;
use crate::domain::warning::{Attention, Warning};
use crate::soql::not_readable;

impl<'r> Reading<'r> {
    /// The desired objects of the record, with findings where the data does not allow them.
    pub fn resolve(mut self, catalog: &'r Catalog) -> Resolution {
        self.tree.around.catalog = Some(catalog);
        let mut warnings = std::mem::take(&mut self.remarks);
        let currencies = self.template_currencies(catalog);
        self.compute_shared();
        let mut objects = Vec::new();
        for object in &self.mapping.objects {
            self.resolve_table(object, &mut objects, &mut warnings);
        }
        let root = self.tree.root();
        let deal = Deal { mapping: self.mapping, root, catalog, template_currencies: &currencies };
        rules::apply(&mut objects, &mut warnings, deal);
        let objects = objects.into_iter().map(|resolved| resolved.object).collect();
        let (not_allowed, not_ready) =
            (not_allowed(self.mapping, root), not_ready(self.mapping, root));
        Resolution { objects, warnings, not_allowed, not_ready }
    }

    /// The distinct currencies of the lines' plan templates; the only one is kept for the terms
    /// that ask for it.
    pub(super) fn template_currencies(&self, catalog: &Catalog) -> Vec<String> {
        let root = self.tree.root();
        let mut currencies = BTreeSet::new();
        let only = root.cached(TEMPLATES, |_| {
            for plan in self.mapping.of_kind(EntityKind::Plan) {
                let Some(template) = plan.field("planTemplateId") else { continue };
                for row in self.tree.all_of(plan.rows) {
                    let codes = template.cell.expression.codes(row);
                    let templates =
                        codes.iter().filter_map(|(_, code)| catalog.plan_templates.get(code));
                    currencies.extend(templates.map(|template| template.currency.clone()));
                }
            }
            let only = currencies.first().filter(|_| currencies.len() == 1);
            Ok(only.map(|only| Evaluated::typed(Value::Text(only.clone()), Source::PlanTemplates)))
        });
        drop(only);
        currencies.into_iter().collect()
    }

    fn resolve_table<'a>(
        &'a self,
        object: &'a ObjectMapping,
        objects: &mut Vec<Resolved<'a>>,
        warnings: &mut Vec<Warning>,
    ) {
        let context = self.tree.around.context;
        if let Some(name) = context.unreadable.rows(object.rows) {
            let text = format!(
                "{}: `{name}` cannot be read now: its {} are left as they are",
                FindingCode::FieldNotReadable,
                object.kind.plural()
            );
            warnings.push(Warning::of(Attention::FieldNotReadable, text));
        }
        for row in self.tree.all_of(object.rows) {
            let (resolved, mut unclear) = row.observed(|| resolve_object(row, object));
            unclear.extend(row.unclear());
            match resolved {
                Some(resolved) => {
                    let resolved = as_far_as_readable(resolved, &unclear);
                    objects.push(Resolved { row, table: object, object: resolved });
                }
                None => warnings.extend(unclear.iter().map(|name| {
                    Warning::of(Attention::FieldNotReadable, not_readable(name).message)
                })),
            }
        }
    }
}

fn resolve_object(row: Row<'_>, object: &ObjectMapping) -> Option<DesiredObject> {
    let holds = |condition: &Option<Condition>| {
        condition.as_ref().is_some_and(|condition| condition.holds(row))
    };
    let is_left_out = || holds(&object.leave_out) || has_shared_plan(row, object);
    let is_above = |parent: &FieldRef| row.field(parent).is_some();
    if row.holds_for_certain(is_left_out)
        || object.level > 0 && !object.row.as_ref().is_some_and(is_above)
    {
        return None;
    }
    let key = key_of(row, object)?;
    let no_key = object.key.as_ref().filter(|_| key.key.is_empty());
    let (fields, warnings, findings) = resolve_fields(row, object);
    let findings: Vec<Finding> = refusals(row)
        .chain(no_key.map(|cell| key_is_blank(object.kind, &cell.expression)))
        .chain(findings)
        .collect();
    let is_flagged = row.holds_for_certain(|| holds(&object.skip));
    let intent = match (is_flagged, findings.is_empty()) {
        (true, _) => Intent::Flagged,
        (false, true) => Intent::Sync(fields),
        (false, false) => Intent::Invalid(findings),
    };
    let on_found = if names_its_own(row, object) { OnFound::Refer } else { OnFound::Adopt };
    // Whether it joins another one hangs on this field: where that cannot be read, nothing is made.
    let _ = shared_key(row, object);
    let (code, verbatim) =
        readable_code_of(row, object).map(|typed| (typed.code, typed.verbatim)).unzip();
    let write_back = write_back(row, object, key.row.clone());
    Some(DesiredObject {
        key,
        code,
        verbatim: verbatim.flatten(),
        intent,
        on_found,
        warnings,
        write_back,
    })
}

fn resolve_fields(
    row: Row<'_>,
    object: &ObjectMapping,
) -> (Vec<DesiredField>, Vec<Warning>, Vec<Finding>) {
    let (mut fields, mut warnings, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for field in &object.fields {
        match resolve_field(row, object, field) {
            Ok(Some((field, more))) => {
                fields.push(field);
                warnings.extend(more);
            }
            Ok(None) => {}
            Err(finding) => findings.push(finding),
        }
    }
    // There are as many of these as objects, for as long as the sync lasts.
    fields.shrink_to_fit();
    (fields, warnings, findings)
}

pub(super) fn resolve_field(
    row: Row<'_>,
    object: &ObjectMapping,
    field: &FieldMapping,
) -> Result<Option<(DesiredField, Vec<Warning>)>, Finding> {
    let FieldMapping { spec, cell, once, clear, .. } = field;
    let desired = |action, source| DesiredField { name: spec.name, action, once: *once, source };
    let Some(mut found) = cell.of(row)? else {
        let names = || cell.expression.names();
        return match (spec.required, clear) {
            (true, _) => Err(blank(object.kind, spec.name, &names())),
            (false, true) => Ok(Some((desired(FieldAction::Clear, names().into()), Vec::new()))),
            (false, false) => Ok(None),
        };
    };
    if spec.name == "code" {
        found.raw = Raw::Json(with_key(&found.raw, row, object).code.into());
    }
    let (source, warnings) = (found.source.shown(), std::mem::take(&mut found.warnings));
    let value = found.into_field(spec, row.time_zone())?;
    Ok(Some((desired(FieldAction::Set(value), source), warnings)))
}

/// An object that hangs on what cannot be read is not written. What else is wrong with it may
/// follow from that.
fn as_far_as_readable(mut object: DesiredObject, unclear: &BTreeSet<String>) -> DesiredObject {
    if !unclear.is_empty() && object.intent != Intent::Flagged {
        object.intent = Intent::Invalid(unclear.iter().map(|name| not_readable(name)).collect());
    }
    object
}

fn key_is_blank(kind: EntityKind, key: &Expression) -> Finding {
    let names = key.names();
    Finding::new(
        FindingCode::RequiredValueBlank,
        format!(
            "The {kind}'s key, which distinguishes it from others of the same row, is blank: {names}"
        ),
        format!("Fill in {names}"),
    )
}

/// What the guards that refuse a row or one above it say.
fn refusals(row: Row<'_>) -> impl Iterator<Item = Finding> {
    let guards = row
        .upwards()
        .flat_map(|row| row.set().refuse.iter().filter(move |guard| guard.condition.holds(row)));
    guards.map(move |guard| {
        let message = guard.message.as_deref().unwrap_or("The mapping refuses such a row");
        let shown = guard.condition.render(row);
        let remedy = format!("Change the row, or the mapping ({})", guard.place);
        Finding::new(FindingCode::RowRefused, format!("{message} ({shown})"), remedy)
    })
}

fn blank(kind: EntityKind, field: &str, names: &str) -> Finding {
    if field == "currency" {
        return Finding::new(
            FindingCode::CurrencyMissing,
            format!(
                "The {kind} has no currency: the record has none, the mapping states none, and the plan templates of the lines do not share one"
            ),
            "Set `currency` in the mapping",
        );
    }
    let (source, remedy) = if names.is_empty() {
        ("its source", "Fill in the source field, or change the mapping".to_owned())
    } else {
        (names, format!("Fill in {names}"))
    };
    Finding::new(
        FindingCode::RequiredValueBlank,
        format!("m3ter requires `{field}` of {}, and {source} is blank", kind.with_article()),
        remedy,
    )
}

fn write_back(row: Row<'_>, object: &ObjectMapping, id: SalesforceId) -> Option<WriteBack> {
    let field = object.write_back.as_ref()?;
    let around = row.around();
    if object.kind == EntityKind::Commitment {
        // A Commitment has no code: without a link it is found by the id that stands there, and
        // else made a second time.
        row.note_unreadable(around.context.unreadable.field(field).map(ToOwned::to_owned));
    }
    let record = row.record(field)?;
    if !record.has_field(&field.path) {
        return None;
    }
    let sobject = object.sobject.as_ref().unwrap_or(&around.sets[field.from].rows.sobject);
    Some(WriteBack {
        sobject: sobject.clone(),
        record: id,
        field: field.last().to_owned(),
        current: record.value(&field.path).map(text),
    })
}

fn not_allowed(mapping: &Mapping, root: Row<'_>) -> Option<String> {
    let guards = &mapping.only_when;
    guards
        .iter()
        .find_map(|guard| unclear(root, guard))
        .or_else(|| guards.iter().find_map(|guard| unfulfilled(root, guard)))
}

/// Why the mapping's `ready_when` does not hold; what refuses goes before what warns.
fn not_ready(mapping: &Mapping, root: Row<'_>) -> Option<(String, Otherwise)> {
    let why = |Readiness { guard, otherwise }: &Readiness| {
        let reason = unclear(root, guard).or_else(|| unfulfilled(root, guard))?;
        Some((reason, *otherwise))
    };
    let not_ready = mapping.ready_when.iter().filter_map(why);
    not_ready.min_by_key(|(_, otherwise)| *otherwise != Otherwise::Refuse)
}

fn unclear(root: Row<'_>, guard: &Guard) -> Option<String> {
    let (_, unclear) = root.observed(|| guard.condition.holds(root));
    let finding = not_readable(unclear.first()?);
    Some(format!("{}. {}", finding.message, finding.remedy))
}

fn unfulfilled(root: Row<'_>, guard: &Guard) -> Option<String> {
    if guard.condition.holds(root) {
        return None;
    }
    let (shown, place) = (guard.condition.render(root), &guard.place);
    Some(match &guard.message {
        Some(message) => format!("{message} ({shown}; {place})"),
        None => format!("The record must not be synced as long as {shown} ({place})"),
    })
}
