//! From one record to the desired objects: the fields of each, then the rules that span several.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::Mapping;
use super::evaluate::Evaluated;
use super::language::{Expression, FieldMapping, Guard, ObjectMapping, Readiness, Term};
use super::readability::{Unreadable, not_readable};
use super::remark::Scales;
use super::row::{Row, RowTree};
use super::rules;
use super::structure::converted;
use super::typed_key::TypedCode;
use crate::domain::catalog::{Catalog, Catalogued};
use crate::domain::desired::{
    DesiredField, DesiredObject, FieldAction, Intent, NaturalKey, OnFound, Resolution, SharedKey,
    WriteBack,
};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::settings::Otherwise;
use crate::domain::warning::{Attention, Warning};

/// What a record is resolved with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What m3ter has, by code.
    pub catalog: &'a Catalog,
    /// In which a Salesforce date begins.
    pub time_zone: &'a TimeZone,
    /// What the mapping names and cannot be read.
    pub unreadable: &'a Unreadable,
    /// How many decimals the org keeps of what is compared.
    pub scales: &'a Scales,
}

/// What has to be looked up before a record can be resolved and compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NaturalKeys {
    /// By what the deal's Accounts can be found.
    pub accounts: Vec<NaturalKey>,
    /// By what the deal's Contracts can be found.
    pub contracts: Vec<NaturalKey>,
    /// By what they are shared with other records.
    pub shared: Vec<SharedKey>,
    /// The codes that become ids, those that m3ter's rules forbid left out.
    pub codes: BTreeMap<Catalogued, BTreeSet<String>>,
    /// All Salesforce rows of the record, also those that take no part.
    pub rows: Vec<SalesforceId>,
}

impl Mapping {
    /// What has to be looked up for a record.
    pub fn keys(&self, record: &Record, unreadable: &Unreadable) -> NaturalKeys {
        let catalog = Catalog::default();
        let context = Context {
            catalog: &catalog,
            time_zone: &TimeZone::UTC,
            unreadable,
            scales: &Scales::default(),
        };
        let tree = RowTree::new(self, record, &context);
        let root = Row::root(self, &tree, &context, &[]);
        let mut keys = NaturalKeys { rows: tree.ids.clone(), ..NaturalKeys::default() };
        for object in &self.mapped.objects {
            for row in root.all_of(object.rows) {
                match object.kind {
                    EntityKind::Account => {
                        keys.accounts.extend(natural_key(row, object));
                        keys.rows.extend(row.row_id(object));
                    }
                    EntityKind::Contract => {
                        keys.contracts.extend(natural_key(row, object));
                        keys.shared.extend(shared_key(row, object));
                    }
                    _ => {}
                }
                for field in &object.fields {
                    let mut found = Vec::new();
                    looked_up(row, object, &field.expression, &mut found);
                    for (catalogued, code) in
                        found.into_iter().filter(|(catalogued, code)| catalogued.allows(code))
                    {
                        keys.codes.entry(catalogued).or_default().insert(code);
                    }
                }
            }
        }
        keys
    }

    /// The desired objects of a record, with findings where the data does not allow them.
    pub fn resolve(&self, record: &Record, context: &Context<'_>) -> Resolution {
        let tree = RowTree::new(self, record, context);
        let root = Row::root(self, &tree, context, &[]);
        let (templates, unclear) = root.observed(|| template_currencies(root));
        tree.templates_unclear.replace(unclear);
        let root = Row::root(self, &tree, context, &templates);
        let mut objects = Vec::new();
        let mut warnings = tree.remarks.clone();
        for object in &self.mapped.objects {
            if let Some(name) = context.unreadable.rows(self, object.rows) {
                let kinds = object.kind.plural();
                let text = format!(
                    "{}: `{name}` cannot be read now: its {kinds} are left as they are",
                    FindingCode::FieldNotReadable
                );
                warnings.push(Warning::of(Attention::FieldNotReadable, text));
            }
            for row in root.all_of(object.rows) {
                let (resolved, mut unclear) = row.observed(|| resolve_object(row, object));
                unclear.extend(row.unclear());
                match resolved {
                    Some(resolved) => objects.push(as_far_as_readable(resolved, &unclear)),
                    None => {
                        warnings.extend(unclear.iter().map(|name| {
                            Warning::of(Attention::FieldNotReadable, not_readable(name).message)
                        }));
                    }
                }
            }
        }
        super::parents::refuse_circles(&mut objects);
        // Several tables of one kind stand beside each other in the results.
        objects.sort_by_key(DesiredObject::kind);
        let mut resolution =
            Resolution { objects, warnings, guarded: guarded(root), unready: unready(root) };
        rules::apply(&mut resolution, root);
        resolution
    }
}

/// Why the mapping's `only_when` does not hold.
fn guarded(root: Row<'_>) -> Option<String> {
    let guards = &root.mapping.mapped.only_when;
    guards
        .iter()
        .find_map(|guard| unclear(root, guard))
        .or_else(|| guards.iter().find_map(|guard| unfulfilled(root, guard)))
}

/// Why the mapping's `ready_when` does not hold; what refuses goes before what warns.
fn unready(root: Row<'_>) -> Option<(String, Otherwise)> {
    let why = |readiness: &Readiness| {
        let reason =
            unclear(root, &readiness.guard).or_else(|| unfulfilled(root, &readiness.guard))?;
        Some((reason, readiness.otherwise))
    };
    let mut unready: Vec<_> = root.mapping.mapped.ready_when.iter().filter_map(why).collect();
    unready.sort_by_key(|(_, otherwise)| *otherwise != Otherwise::Refuse);
    unready.into_iter().next()
}

/// What cannot be read of a condition.
fn unclear(root: Row<'_>, guard: &Guard) -> Option<String> {
    let (_, unclear) = root.observed(|| root.holds(&guard.condition));
    let finding = not_readable(unclear.first()?);
    Some(format!("{}. {}", finding.message, finding.remedy))
}

fn unfulfilled(root: Row<'_>, guard: &Guard) -> Option<String> {
    if root.holds(&guard.condition) {
        return None;
    }
    let shown = root.shown_condition(&guard.condition);
    let place = root.mapping.files.shown(guard.line);
    Some(match &guard.message {
        Some(message) => format!("{message} ({shown}; {place})"),
        None => format!("The record is not to be synced as long as {shown} ({place})"),
    })
}

/// The distinct currencies of the lines' plan templates.
fn template_currencies(root: Row<'_>) -> Vec<String> {
    let mut currencies = BTreeSet::new();
    for plan in root.mapping.mapped.objects.iter().filter(|object| object.kind == EntityKind::Plan)
    {
        for row in root.all_of(plan.rows) {
            let Some(template) = plan.field("planTemplateId") else { continue };
            let mut found = Vec::new();
            looked_up(row, plan, &template.expression, &mut found);
            let templates =
                found.iter().filter_map(|(_, code)| root.context.catalog.plan_templates.get(code));
            currencies.extend(templates.map(|template| template.currency.clone()));
        }
    }
    currencies.into_iter().collect()
}

/// The codes that an expression looks up for a row.
fn looked_up(
    row: Row<'_>,
    object: &ObjectMapping,
    expression: &Expression,
    found: &mut Vec<(Catalogued, String)>,
) {
    if expression.when.as_ref().is_some_and(|condition| !row.holds(condition)) {
        return;
    }
    match &expression.term {
        Term::Lookup { catalogued, by_product, code } => {
            let by_rule =
                if *by_product { row.product_choice(object).ok().flatten() } else { None };
            let code = by_rule.or_else(|| row.evaluate(object, code, None).ok().flatten());
            let typed = code.map(|code| row.looked_up_code(*catalogued, &code.raw.text()));
            found.extend(
                typed
                    .into_iter()
                    .flat_map(|typed| typed.verbatim.into_iter().chain([typed.code]))
                    .map(|code| (*catalogued, code)),
            );
        }
        Term::This(EntityKind::Plan) => {
            if let Some((plan_row, plan)) = row.target(EntityKind::Plan)
                && let Ok(Some(rule)) = plan_row.product_rule(plan)
                && rule.target == Catalogued::Plan
            {
                found.push((rule.target, rule.code.clone()));
            }
        }
        Term::First(expressions) => {
            for expression in expressions {
                let before = found.len();
                looked_up(row, object, expression, found);
                if found.len() > before {
                    return;
                }
            }
        }
        Term::Each(set, parts) => {
            row.below(*set).for_each(|row| {
                parts.iter().for_each(|(_, part)| looked_up(row, object, part, found))
            });
        }
        _ => expression.inner().into_iter().for_each(|inner| looked_up(row, object, inner, found)),
    }
}

/// m3ter's natural key for the object of a row, with the key that tells it from others of the row.
fn code_of(row: Row<'_>, object: &ObjectMapping) -> Option<TypedCode> {
    let field = object.field("code")?;
    let code = row.evaluate(object, &field.expression, Some(field.spec)).ok()??.raw.text();
    let typed = row.typed_code(&code);
    let key = row.own_key(object);
    Some(TypedCode {
        code: with_key(&typed.code, key.as_deref()),
        verbatim: typed.verbatim.map(|typed| with_key(&typed, key.as_deref())),
    })
}

/// The code, unless it hangs on what cannot be read: that is not another code, and nothing is
/// looked for under what would come next.
fn readable_code_of(row: Row<'_>, object: &ObjectMapping) -> Option<TypedCode> {
    let (code, unclear) = row.observed(|| code_of(row, object));
    let is_certain = unclear.is_empty();
    row.note_unreadable(unclear);
    code.filter(|_| is_certain)
}

fn natural_key(row: Row<'_>, object: &ObjectMapping) -> Option<NaturalKey> {
    let TypedCode { code, verbatim } = readable_code_of(row, object)?;
    Some(NaturalKey { object: row.key_of(object)?, code, verbatim })
}

/// By what a record shares the object; none where it names one itself.
fn shared_key(row: Row<'_>, object: &ObjectMapping) -> Option<SharedKey> {
    let field = object.joins_with.as_ref().filter(|_| !names_its_own(row, object))?;
    let value = row.field(field)?.as_str().and_then(|id| SalesforceId::parse(id).ok())?;
    let sobject = row.mapping.sobject_of(field).to_owned();
    Some(SharedKey { object: row.key_of(object)?, sobject, field: field.path.clone(), value })
}

fn names_its_own(row: Row<'_>, object: &ObjectMapping) -> bool {
    object.joins_by.as_ref().is_some_and(|field| row.field(field).is_some())
}

fn with_key(code: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{code}-{key}"),
        None => code.to_owned(),
    }
}

fn resolve_object(row: Row<'_>, object: &ObjectMapping) -> Option<DesiredObject> {
    let is_left_out = || {
        object.leave_out.as_ref().is_some_and(|condition| row.holds(condition))
            || row.has_shared_plan(object.kind)
    };
    if row.holds_for_certain(is_left_out) {
        return None;
    }
    if object.level > 0 && object.row.as_ref().is_none_or(|parent| row.field(parent).is_none()) {
        return None;
    }
    let key: ObjectKey = row.key_of(object)?;
    let mut warnings = Vec::new();
    let mut fields = Vec::new();
    let mut findings: Vec<Finding> =
        row.refusals().into_iter().map(|guard| refused(row, guard)).collect();
    if let (Some(expression), true) = (&object.key, key.key.is_empty()) {
        let names = row.shown_fields(expression);
        findings.push(Finding::new(
            FindingCode::RequiredValueBlank,
            format!(
                "The {}'s key, which tells it from others of the same row, is blank: {names}",
                object.kind
            ),
            format!("Fill {names}"),
        ));
    }
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
    let is_flagged = row
        .holds_for_certain(|| object.skip.as_ref().is_some_and(|condition| row.holds(condition)));
    let intent = match (is_flagged, findings.is_empty()) {
        (true, _) => Intent::Flagged,
        (false, true) => Intent::Sync(fields),
        (false, false) => Intent::Invalid(findings),
    };
    let joins = names_its_own(row, object);
    // Whether it joins another one hangs on this field: where that cannot be read, nothing is made.
    let _ = shared_key(row, object);
    let (code, verbatim) =
        readable_code_of(row, object).map(|typed| (typed.code, typed.verbatim)).unzip();
    Some(DesiredObject {
        code,
        verbatim: verbatim.flatten(),
        write_back: write_back(row, object, key.row.clone()),
        key,
        intent,
        on_found: if joins { OnFound::Refer } else { OnFound::Adopt },
        warnings,
    })
}

/// An object that hangs on what cannot be read is not written. What else is wrong with it may
/// follow from that.
fn as_far_as_readable(mut object: DesiredObject, unclear: &BTreeSet<String>) -> DesiredObject {
    if !unclear.is_empty() && object.intent != Intent::Flagged {
        object.intent = Intent::Invalid(unclear.iter().map(|name| not_readable(name)).collect());
    }
    object
}

fn refused(row: Row<'_>, guard: &super::language::Guard) -> Finding {
    let shown = row.shown_condition(&guard.condition);
    let message =
        guard.message.clone().unwrap_or_else(|| "The mapping refuses such a row".to_owned());
    let remedy =
        format!("Change the row, or the mapping ({})", row.mapping.files.shown(guard.line));
    Finding::new(FindingCode::RowRefused, format!("{message} ({shown})"), remedy)
}

fn resolve_field(
    row: Row<'_>,
    object: &ObjectMapping,
    field: &FieldMapping,
) -> Result<Option<(DesiredField, Vec<Warning>)>, Finding> {
    let spec = field.spec;
    let desired =
        |action, source| DesiredField { name: spec.name, action, once: field.once, source };
    let Some(mut found) = row.evaluate(object, &field.expression, Some(spec))? else {
        if field.clear && !spec.required {
            return Ok(Some((
                desired(FieldAction::Clear, row.shown_fields(&field.expression)),
                Vec::new(),
            )));
        }
        return if spec.required { Err(blank(row, object.kind, field)) } else { Ok(None) };
    };
    if spec.name == "code" {
        found = Evaluated {
            raw: super::convert::Raw::Json(
                with_key(&row.typed_code(&found.raw.text()).code, row.own_key(object).as_deref())
                    .into(),
            ),
            ..found
        };
    }
    let (source, warnings) = (found.source.clone(), found.warnings.clone());
    let value = converted(found, spec, row)?;
    Ok(Some((desired(FieldAction::Set(value), source), warnings)))
}

fn blank(row: Row<'_>, kind: EntityKind, field: &FieldMapping) -> Finding {
    let name = field.spec.name;
    let fields = row.shown_fields(&field.expression);
    let code = if name == "currency" {
        FindingCode::CurrencyMissing
    } else {
        FindingCode::RequiredValueBlank
    };
    let (message, remedy) = match (fields.is_empty(), code) {
        (_, FindingCode::CurrencyMissing) => (
            format!(
                "The {kind} has no currency: the record has none, the mapping states none, and the plan templates of the lines do not share one"
            ),
            "Set `currency` in the mapping".to_owned(),
        ),
        (true, _) => (
            format!("m3ter requires `{name}` of a {kind}, and its source is blank"),
            "Fill in the source field, or change the mapping".to_owned(),
        ),
        (false, _) => (
            format!("m3ter requires `{name}` of a {kind}, and {fields} is blank"),
            format!("Fill {fields}"),
        ),
    };
    Finding::new(code, message, remedy)
}

fn write_back(row: Row<'_>, object: &ObjectMapping, id: SalesforceId) -> Option<WriteBack> {
    let field = object.write_back.as_ref()?;
    if object.kind == EntityKind::Commitment {
        // A Commitment has no code: without a link it is found by the id that stands there, and
        // else made a second time.
        row.note_unreadable(row.context.unreadable.field(field).map(ToOwned::to_owned));
    }
    let record = row.record(field)?;
    if !record.has_field(&field.path) {
        return None;
    }
    Some(WriteBack {
        sobject: object.sobject.clone().unwrap_or_else(|| row.mapping.sobject_of(field).to_owned()),
        record: id,
        field: field.path.rsplit('.').next().unwrap_or(&field.path).to_owned(),
        current: record.value(&field.path).map(super::convert::text),
    })
}
