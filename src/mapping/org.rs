//! A mapping held against the org's describe: what `check` tells an admin of the fields that it
//! names, and whether the values that they can hold are those that it counts on: types, and
//! picklists before a map.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::MappingFault;
use super::language::{Constant, FieldRef};
use super::mapped::{Mapping, SyncStatusFields};
use super::steps::Step;
use super::term::{Expression, Term};
use crate::domain::catalog::CatalogKind;
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::org_schema::{OrgField, OrgSchema};
use crate::domain::text::trimmed;

/// One line about a mapping and the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgRemark {
    /// How bad it is.
    pub severity: Severity,
    /// What is the case and what to do.
    pub message: String,
}

/// How bad a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Green,
    /// It works, and somebody should know.
    Yellow,
    /// A sync will fail or do the wrong thing.
    Red,
}

impl OrgRemark {
    pub(super) fn red(message: String) -> Self {
        Self { severity: Severity::Red, message }
    }

    pub(super) fn yellow(message: String) -> Self {
        Self { severity: Severity::Yellow, message }
    }

    pub(super) fn once(remarks: Vec<Self>) -> Vec<Self> {
        let mut once: Vec<Self> = Vec::new();
        for remark in remarks {
            if !once.contains(&remark) {
                once.push(remark);
            }
        }
        once
    }
}

impl Mapping {
    /// What an admin should know about the fields that the mapping names. `shown_before` is what
    /// the org is remembered to have shown.
    pub fn org_report(
        &self,
        schema: &OrgSchema,
        shown_before: &BTreeSet<String>,
    ) -> Vec<OrgRemark> {
        if let Some(absent) = self.absent(schema).filter(|_| self.is_built_in) {
            let message = format!(
                "`{absent}` is not in the org or not visible: no {} can be synced",
                self.root
            );
            return vec![OrgRemark::yellow(message)];
        }
        let mut remarks = self.missing_fields(schema);
        remarks.extend(self.unreadable(schema, shown_before).names().into_iter().map(|name| {
            OrgRemark::red(format!(
                "`{name}` could be read before and cannot be read now: what depends on it is not written; check the permission set, or `mapping forget-field {name}`"
            ))
        }));
        remarks.extend(self.never_shown(schema, shown_before).into_iter().map(
            |(object, fields)| {
                let fields: Vec<String> =
                    fields.into_iter().map(|field| format!("`{field}`")).collect();
                let counts = if fields.len() == 1 { "counts as" } else { "count as" };
                OrgRemark::yellow(format!(
                    "{object} does not show {}, which {counts} blank: not in the org, or hidden?",
                    fields.join(", ")
                ))
            },
        ));
        remarks.extend(self.hidden_package_fields(schema));
        let faults = self.query(schema).err().into_iter().flatten();
        let is_of_rows = |fault: &MappingFault| {
            let mut places = self.sets.iter().map(|set| self.files.place(set.line));
            places.any(|place| place == (fault.file.as_str(), fault.line))
        };
        remarks.extend(faults.filter(is_of_rows).map(|fault| OrgRemark::red(fault.message)));
        remarks.extend(self.not_written_back(schema));
        remarks.extend(self.unreported_status_fields(schema).map(OrgRemark::yellow));
        if !self.has_end(schema) {
            let message = "The org has none of the fields that a Contract's end comes from; no deal can be synced";
            remarks.push(OrgRemark::red(message.to_owned()));
        }
        OrgRemark::once(remarks)
    }

    fn missing_fields(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let required = self.fields().into_iter().filter(|field| !field.optional);
        let remark = |field: &FieldRef| {
            let missing = self.org_field(schema, field).err()?;
            Some(OrgRemark::red(self.missing(missing, field.line, "").message))
        };
        required.filter_map(remark).collect()
    }

    /// Objects of which the org shows some fields of the package and hides others.
    fn hidden_package_fields(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let mut package: BTreeMap<&str, (bool, Vec<&str>)> = BTreeMap::new();
        for field in self.fields() {
            let name = field.last();
            if name.starts_with("M3ter_") && !self.is_sync_status(field) {
                let parents = field.path.rsplit_once('.').map(|(parents, _)| parents);
                let owner = parents.unwrap_or_else(|| self.sobject_of(field));
                let (is_shown, hidden) = package.entry(owner).or_default();
                match self.org_field(schema, field) {
                    Ok(_) => *is_shown = true,
                    Err(_) => hidden.push(name),
                }
            }
        }
        package.retain(|_, (is_shown, hidden)| *is_shown && !hidden.is_empty());
        let remark = |(owner, (_, hidden)): (&str, (bool, Vec<&str>))| {
            let hidden = hidden.join(", ");
            OrgRemark::red(format!(
                "{owner} shows some M3ter_ fields and hides {hidden}: a hidden skip checkbox is treated as off; check the permission set"
            ))
        };
        package.into_iter().map(remark).collect()
    }

    fn not_written_back(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let fields = self.objects.iter().filter_map(|object| object.write_back.as_ref());
        let shown = fields.filter_map(|field| self.org_field(schema, field).ok());
        let remark = |field: &OrgField| {
            OrgRemark::red(format!(
                "The integration user cannot write `{}`: m3ter's IDs are not written back",
                field.name
            ))
        };
        shown.filter(|field| !field.updateable).map(remark).collect()
    }

    /// Which fields for the outcome of a sync cannot be kept; nothing where the org has none of
    /// them.
    fn unreported_status_fields(&self, schema: &OrgSchema) -> Option<String> {
        let named: Vec<&FieldRef> =
            self.sync_status.iter().flat_map(SyncStatusFields::fields).collect();
        let is_there = |reference: &&&FieldRef| self.org_field(schema, reference).is_ok();
        let is_kept = |reference: &&FieldRef| {
            self.org_field(schema, reference).is_ok_and(|field| field.updateable)
        };
        if named.iter().filter(is_there).count() == 0 {
            return None;
        }
        let lacking: Vec<String> = named
            .iter()
            .filter(|field| !is_kept(field))
            .map(|field| format!("`{}`", field.path))
            .collect();
        (!lacking.is_empty()).then(|| {
            let lacking = lacking.join(", ");
            format!("The integration user cannot write {lacking}, so records do not show how their last sync ended; check the permission set")
        })
    }

    fn has_end(&self, schema: &OrgSchema) -> bool {
        let contract = self.object(EntityKind::Contract);
        let Some(end) = contract.and_then(|contract| contract.field("endDate")) else {
            return true;
        };
        let end = &end.cell.expression;
        matches!(end.term, Term::Constant(_))
            || end.fields().into_iter().any(|field| self.org_field(schema, field).is_ok())
    }
}

impl Mapping {
    /// What an admin should know about the values behind the fields.
    pub fn value_report(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let mut remarks = Vec::new();
        for field in self.objects.iter().flat_map(|object| &object.fields) {
            let expression = &field.cell.expression;
            self.look_at_values(expression, Some(field.spec), schema, &mut remarks);
        }
        OrgRemark::once(remarks)
    }

    /// The codes that the file itself names, which m3ter should have.
    pub fn named_codes(&self) -> BTreeMap<CatalogKind, BTreeSet<String>> {
        let mut codes: BTreeMap<CatalogKind, BTreeSet<String>> = BTreeMap::new();
        for rule in &self.product_rules {
            codes.entry(rule.target).or_default().insert(rule.code.clone());
        }
        for field in self.objects.iter().flat_map(|object| &object.fields) {
            add_named(&field.cell.expression, &mut codes);
        }
        codes
    }

    fn look_at_values(
        &self,
        expression: &Expression,
        spec: Option<&FieldSpec>,
        schema: &OrgSchema,
        remarks: &mut Vec<OrgRemark>,
    ) {
        if let Term::Field(reference) = &expression.term
            && let Ok(field) = self.org_field(schema, reference)
        {
            let problem = of_value(field, &expression.steps, spec);
            remarks.extend(problem.map(|(severity, what)| self.remark(reference, severity, &what)));
        }
        // Fields that are computed with must be numbers, whatever the value becomes.
        let operands = expression.steps.iter().filter_map(Step::operand_field);
        for reference in expression.term.numbers().into_iter().chain(operands) {
            if let Ok(field) = self.org_field(schema, reference)
                && !is_number(field)
            {
                // What stands in a text may be a number.
                let severity = if is_open(field) { Severity::Yellow } else { Severity::Red };
                let what =
                    format!("is a {}, and must be a number to compute with", field.field_type);
                remarks.push(self.remark(reference, severity, &what));
            }
        }
        for (inner, spec) in expression.term.inner(spec) {
            self.look_at_values(inner, spec, schema, remarks);
        }
    }

    fn remark(&self, reference: &FieldRef, severity: Severity, what: &str) -> OrgRemark {
        let message =
            format!("`{}` ({}) {what}", reference.path, self.files.describe_line(reference.line));
        OrgRemark { severity, message }
    }
}

/// What a field can hold and what becomes of it do not go together.
fn of_value(
    field: &OrgField,
    steps: &[Step],
    spec: Option<&FieldSpec>,
) -> Option<(Severity, String)> {
    let map = steps.iter().find_map(|step| match step {
        Step::Map(entries) => Some(entries),
        _ => None,
    });
    if let Some(map) = map {
        let values = outside(field, map);
        return (!values.is_empty()).then(|| {
            let what = format!("can be {}, which the map does not have", values.join(", "));
            (Severity::Yellow, what)
        });
    }
    let wanted =
        spec.filter(|_| steps.is_empty()).and_then(|spec| unfit(field, spec.field_type))?;
    Some((Severity::Red, format!("is a {}, and m3ter takes {wanted}", field.field_type)))
}

fn outside(field: &OrgField, map: &[(String, Constant)]) -> Vec<String> {
    let is_in = |value: &String| {
        map.iter().any(|(from, _)| trimmed(from).eq_ignore_ascii_case(trimmed(value)))
    };
    let outside = field.picklist_values.iter().filter(|value| !is_in(value));
    outside.map(|value| format!("`{value}`")).collect()
}

fn add_named(expression: &Expression, codes: &mut BTreeMap<CatalogKind, BTreeSet<String>>) {
    if let Term::Lookup(lookup) = &expression.term {
        let named = lookup.code.constants().into_iter().map(|code| trimmed(code).to_owned());
        codes.entry(lookup.catalog_kind).or_default().extend(named);
    }
    expression.inner().for_each(|inner| add_named(inner, codes));
}

/// Texts and formulas may hold anything: what is in them shows when a record is synced.
fn is_open(field: &OrgField) -> bool {
    ["string", "textarea", "picklist", "combobox", "anyType", "encryptedstring"]
        .contains(&field.field_type.as_str())
}

fn is_number(field: &OrgField) -> bool {
    ["double", "currency", "percent", "int", "long"].contains(&field.field_type.as_str())
}

/// What m3ter's field takes, where a Salesforce field of this type cannot hold it.
fn unfit(field: &OrgField, wanted: FieldType) -> Option<&'static str> {
    let is = |types: &[&str]| types.contains(&field.field_type.as_str());
    let is_open = is_open(field);
    match wanted {
        FieldType::Date | FieldType::DateTime if !is(&["date", "datetime"]) && !is_open => {
            Some("a date")
        }
        FieldType::Decimal { .. } | FieldType::Integer { .. } if !is_number(field) => {
            Some("a number")
        }
        FieldType::Boolean if !is(&["boolean"]) => Some("true or false"),
        FieldType::Email if is_number(field) || is(&["boolean", "date", "datetime"]) => {
            Some("an e-mail address")
        }
        _ => None,
    }
}
