//! From one record to the desired objects: the fields of each, then the rules that span several.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::Mapping;
use super::convert::{Problem, Raw, convert, text};
use super::evaluate::{Evaluated, Row};
use super::language::{Catalogued, Expression, FieldMapping, ObjectMapping, Rows, Term};
use super::rules;
use crate::domain::catalog::Catalog;
use crate::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent, OnFound, Resolution, WriteBack};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::field::{FieldType, is_identifier_code};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::domain::value::Value;

/// What a record is resolved with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The plan templates and aggregations that m3ter has.
    pub catalog: &'a Catalog,
    /// In which a Salesforce date begins.
    pub time_zone: &'a TimeZone,
}

/// What has to be looked up before a record can be resolved and compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NaturalKeys {
    /// The codes of the deal's Accounts.
    pub account_codes: Vec<String>,
    /// The codes of the deal's Contracts.
    pub contract_codes: Vec<String>,
    /// The codes of plan templates.
    pub plan_template_codes: BTreeSet<String>,
    /// The codes of aggregations, those that m3ter's rule forbids left out.
    pub aggregation_codes: BTreeSet<String>,
    /// All Salesforce rows of the record, also lines that take no part.
    pub rows: Vec<SalesforceId>,
}

impl Mapping {
    /// What has to be looked up for a record.
    pub fn keys(&self, record: &Record) -> NaturalKeys {
        let catalog = Catalog::default();
        let context = Context { catalog: &catalog, time_zone: &TimeZone::UTC };
        let lines = self.lines(record);
        let root = Row { mapping: self, root: record, line: None, context: &context, template_currencies: &[] };
        let mut keys =
            NaturalKeys { rows: record.id().into_iter().chain(lines.iter().filter_map(Record::id)).collect(), ..NaturalKeys::default() };
        for object in &self.mapped.objects {
            for row in rows_of(object, root, &lines) {
                let code = object.field("code").and_then(|field| code_of(&row, object, field));
                match object.kind {
                    EntityKind::Account => keys.account_codes.extend(code),
                    EntityKind::Contract => keys.contract_codes.extend(code),
                    _ => {}
                }
                if object.kind == EntityKind::Account {
                    keys.rows.extend(row.row_id(object));
                }
                for (catalogued, code) in object.fields.iter().filter_map(|field| lookup_code(&row, object, &field.expression)) {
                    match catalogued {
                        Catalogued::PlanTemplate => keys.plan_template_codes.insert(code),
                        Catalogued::Aggregation if is_identifier_code(&code) => keys.aggregation_codes.insert(code),
                        Catalogued::Aggregation => false,
                    };
                }
            }
        }
        keys
    }

    /// The desired objects of a record, with findings where the data does not allow them.
    pub fn resolve(&self, record: &Record, context: &Context<'_>) -> Resolution {
        let lines: Vec<Record> = self.lines(record).into_iter().filter(|line| !self.is_left_out(record, line, context)).collect();
        let templates = self.template_currencies(record, &lines, context);
        let root = Row { mapping: self, root: record, line: None, context, template_currencies: &templates };
        let mut objects = Vec::new();
        for object in &self.mapped.objects {
            for row in rows_of(object, root, &lines) {
                objects.extend(resolve_object(&row, object));
            }
        }
        let mut resolution = Resolution { objects, warnings: Vec::new() };
        rules::apply(&mut resolution, root, &lines);
        resolution
    }

    fn lines(&self, record: &Record) -> Vec<Record> {
        self.mapped.lines.as_ref().map(|lines| record.children(&lines.relationship)).unwrap_or_default()
    }

    fn is_left_out(&self, record: &Record, line: &Record, context: &Context<'_>) -> bool {
        let row = Row { mapping: self, root: record, line: Some(line), context, template_currencies: &[] };
        row.is_on(self.mapped.lines.as_ref().and_then(|lines| lines.leave_out.as_ref()))
    }

    /// The distinct currencies of the lines' plan templates.
    fn template_currencies(&self, record: &Record, lines: &[Record], context: &Context<'_>) -> Vec<String> {
        let Some(plan) = self.mapped.object(EntityKind::Plan) else { return Vec::new() };
        let currencies: BTreeSet<String> = lines
            .iter()
            .filter_map(|line| {
                let row = Row { mapping: self, root: record, line: Some(line), context, template_currencies: &[] };
                let (_, code) = plan.field("planTemplateId").and_then(|field| lookup_code(&row, plan, &field.expression))?;
                context.catalog.plan_templates.get(&code).map(|template| template.currency.clone())
            })
            .collect();
        currencies.into_iter().collect()
    }
}

/// The rows that one object mapping applies to.
fn rows_of<'a>(object: &ObjectMapping, root: Row<'a>, lines: &'a [Record]) -> Vec<Row<'a>> {
    match object.rows {
        Rows::Root => vec![root],
        Rows::Lines => lines.iter().map(|line| Row { line: Some(line), ..root }).collect(),
    }
}

/// The code that an expression looks up, where it is a look-up.
fn lookup_code(row: &Row<'_>, object: &ObjectMapping, expression: &Expression) -> Option<(Catalogued, String)> {
    let Term::Lookup(catalogued, code) = &expression.term else { return None };
    match row.evaluate(object, code, None) {
        Ok(Some(Evaluated { raw: Raw::Json(json), .. })) => Some((*catalogued, text(&json).trim().to_owned())),
        _ => None,
    }
}

fn code_of(row: &Row<'_>, object: &ObjectMapping, field: &FieldMapping) -> Option<String> {
    match row.evaluate(object, &field.expression, Some(field.spec)) {
        Ok(Some(Evaluated { raw: Raw::Json(json), .. })) => Some(text(&json)),
        _ => None,
    }
}

fn resolve_object(row: &Row<'_>, object: &ObjectMapping) -> Option<DesiredObject> {
    let id = row.row_id(object)?;
    let mut warnings = Vec::new();
    let mut fields = Vec::new();
    let mut findings = Vec::new();
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
    let intent = match (row.is_on(object.skip.as_ref()), findings.is_empty()) {
        (true, _) => Intent::Flagged,
        (false, true) => Intent::Sync(fields),
        (false, false) => Intent::Invalid(findings),
    };
    let joins = object.joins_by.as_ref().is_some_and(|field| row.field(field).is_some());
    Some(DesiredObject {
        code: object.field("code").and_then(|field| code_of(row, object, field)),
        key: ObjectKey::only(object.kind, id.clone()),
        intent,
        on_found: if joins { OnFound::Refer } else { OnFound::Adopt },
        warnings,
        write_back: write_back(row, object, id),
    })
}

fn resolve_field(row: &Row<'_>, object: &ObjectMapping, field: &FieldMapping) -> Result<Option<(DesiredField, Vec<String>)>, Finding> {
    let spec = field.spec;
    let desired = |action, source| DesiredField { name: spec.name, action, once: field.once, source };
    let Some(Evaluated { raw, source, warnings }) = row.evaluate(object, &field.expression, Some(spec))? else {
        if field.clear && !spec.required {
            return Ok(Some((desired(FieldAction::Clear, row.shown_fields(&field.expression)), Vec::new())));
        }
        return if spec.required { Err(blank(row, object.kind, field)) } else { Ok(None) };
    };
    let shown = match &raw {
        // It may be a person's name, in the wrong field.
        _ if spec.field_type == FieldType::Email => "(not shown)".to_owned(),
        Raw::Json(json) => text(json).chars().take(60).collect(),
        Raw::Typed(_) => String::new(),
    };
    match convert(raw, spec, row.context.time_zone) {
        Ok(value) => Ok(Some((desired(FieldAction::Set(value), source), warnings))),
        Err(Problem::Invalid(problem)) => {
            Err(Finding::new(FindingCode::ValueInvalid, format!("`{source}` is `{shown}`, which {problem}"), format!("Correct `{source}`")))
        }
        Err(Problem::OutOfRange(problem)) => {
            Err(Finding::new(FindingCode::ValueOutOfRange, format!("`{source}` {problem}"), format!("Correct `{source}`")))
        }
    }
}

fn blank(row: &Row<'_>, kind: EntityKind, field: &FieldMapping) -> Finding {
    let name = field.spec.name;
    let fields = row.shown_fields(&field.expression);
    let code = if name == "currency" { FindingCode::CurrencyMissing } else { FindingCode::RequiredValueBlank };
    let (message, remedy) = match (fields.is_empty(), code) {
        (_, FindingCode::CurrencyMissing) => (
            format!(
                "The {kind} has no currency: the record has none, the mapping states none, and the plan templates of the lines do not share one"
            ),
            "Set `currency` in the mapping".to_owned(),
        ),
        (true, _) => (
            format!("m3ter requires `{name}` of a {kind}, and what it comes from is blank"),
            "Fill what the mapping reads it from".to_owned(),
        ),
        (false, _) => (format!("m3ter requires `{name}` of a {kind}, and {fields} is blank"), format!("Fill {fields}")),
    };
    Finding::new(code, message, remedy)
}

fn write_back(row: &Row<'_>, object: &ObjectMapping, id: SalesforceId) -> Option<WriteBack> {
    let field = object.write_back.as_ref()?;
    let record = row.record(field);
    if !record.has_field(&field.path) {
        return None;
    }
    Some(WriteBack {
        sobject: object.sobject.clone().unwrap_or_else(|| row.mapping.sobject_of(field).to_owned()),
        record: id,
        field: field.path.rsplit('.').next().unwrap_or(&field.path).to_owned(),
        current: record.value(&field.path).map(text),
    })
}

/// The value of a field of a desired object.
pub(super) fn date_of(object: &DesiredObject, field: &str) -> Option<jiff::civil::Date> {
    match object.value(field) {
        Some(Value::Date(date)) => Some(*date),
        _ => None,
    }
}
