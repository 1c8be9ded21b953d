//! A mapping held against the org's describe: what `check` tells an admin of the fields that it
//! names, and whether the values that they can hold are those that it counts on: types, and
//! picklists before a map.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::MappingFault;
use super::mapped::Mapping;
use super::steps::Step;
use super::term::{Expression, Term};
use crate::domain::catalog::CatalogKind;
use crate::domain::condition::Constant;
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;
use crate::domain::org_remark::{OrgRemark, Severity};
use crate::domain::org_schema::{OrgField, OrgSchema};
use crate::domain::rows::FieldRef;
use crate::domain::text::trimmed;
use crate::soql::{NotShown, Query, Reads};

impl Mapping {
    /// The query, from what the org shows. A field that is not optional and not shown is a fault.
    pub fn query(&self, schema: &OrgSchema) -> Result<Query, Vec<MappingFault>> {
        let faults = |missing: Vec<_>| missing.iter().map(|one| self.fault_of(one)).collect();
        self.reads().query(schema).map_err(faults)
    }

    fn fault_of(&self, missing: &NotShown) -> MappingFault {
        let hint = match missing {
            NotShown::Field(..) => {
                "add the field, show it to the integration user, or write `optional = true`"
            }
            _ => "name a child relationship of the org's describe",
        };
        let (file, line) = self.files.place(missing.line());
        MappingFault::new(file, line, "", self.describe_missing(missing), hint)
    }

    /// The sentence about what the org does not show.
    fn describe_missing(&self, missing: &NotShown) -> String {
        let place = self.files.describe_line(missing.line());
        match missing {
            NotShown::Field(_, name) | NotShown::Rows(_, name) => format!(
                "`{name}` ({place}) does not exist in the org or is not visible to the integration user"
            ),
            NotShown::OtherRows { name, other, sobject, .. } => {
                format!("`{name}` ({place}) leads to `{other}`, not to `{sobject}`")
            }
        }
    }

    /// What an admin should know about the fields that the mapping names. `shown_before` is what
    /// the org is remembered to have shown.
    pub fn org_report(
        &self,
        schema: &OrgSchema,
        shown_before: &BTreeSet<String>,
    ) -> Vec<OrgRemark> {
        let reads = self.reads();
        if let Some(absent) = reads.absent(schema).filter(|_| self.is_built_in) {
            let message = format!(
                "`{absent}` is not in the org or not visible: no {} can be synced",
                self.root
            );
            return vec![OrgRemark::yellow(message)];
        }
        let mut remarks = self.missing_fields(&reads, schema);
        remarks.extend(reads.report(schema, shown_before));
        let missing = reads.query(schema).err().into_iter().flatten();
        let rows = missing.filter(|missing| !matches!(missing, NotShown::Field(..)));
        remarks.extend(rows.map(|rows| OrgRemark::red(self.describe_missing(&rows))));
        remarks.extend(self.not_written_back(&reads, schema));
        remarks.extend(reads.status_report(schema));
        if !self.has_end(&reads, schema) {
            let message = "The org has none of the fields that a Contract's end comes from; no deal can be synced";
            remarks.push(OrgRemark::red(message.to_owned()));
        }
        OrgRemark::once(remarks)
    }

    fn missing_fields(&self, reads: &Reads<'_>, schema: &OrgSchema) -> Vec<OrgRemark> {
        let required = reads.fields.iter().filter(|field| !field.optional);
        let remark = |field: &&FieldRef| {
            let missing = reads.org_field(schema, field).err()?;
            let missing = NotShown::Field(field.line, missing.to_string());
            Some(OrgRemark::red(self.describe_missing(&missing)))
        };
        required.filter_map(remark).collect()
    }

    fn not_written_back(&self, reads: &Reads<'_>, schema: &OrgSchema) -> Vec<OrgRemark> {
        let fields = self.objects.iter().filter_map(|object| object.write_back.as_ref());
        let shown = fields.filter_map(|field| reads.org_field(schema, field).ok());
        let remark = |field: &OrgField| {
            OrgRemark::red(format!(
                "The integration user cannot write `{}`: m3ter's IDs are not written back",
                field.name
            ))
        };
        shown.filter(|field| !field.updateable).map(remark).collect()
    }

    fn has_end(&self, reads: &Reads<'_>, schema: &OrgSchema) -> bool {
        let contract = self.object(EntityKind::Contract);
        let Some(end) = contract.and_then(|contract| contract.field("endDate")) else {
            return true;
        };
        let end = &end.cell.expression;
        matches!(end.term, Term::Constant(_))
            || end.fields().into_iter().any(|field| reads.org_field(schema, field).is_ok())
    }

    /// What an admin should know about the values behind the fields.
    pub fn value_report(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let (reads, mut remarks) = (self.reads(), Vec::new());
        for field in self.objects.iter().flat_map(|object| &object.fields) {
            let expression = &field.cell.expression;
            self.look_at_values(expression, Some(field.spec), (&reads, schema), &mut remarks);
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
        org: (&Reads<'_>, &OrgSchema),
        remarks: &mut Vec<OrgRemark>,
    ) {
        let (reads, schema) = org;
        if let Term::Field(reference) = &expression.term
            && let Ok(field) = reads.org_field(schema, reference)
        {
            let problem = of_value(field, &expression.steps, spec);
            remarks.extend(problem.map(|(severity, what)| self.remark(reference, severity, &what)));
        }
        // Fields that are computed with must be numbers, whatever the value becomes.
        let operands = expression.steps.iter().filter_map(Step::operand_field);
        for reference in expression.term.numbers().into_iter().chain(operands) {
            if let Ok(field) = reads.org_field(schema, reference)
                && !field.is_number()
            {
                // What stands in a text may be a number.
                let severity = if field.is_open() { Severity::Yellow } else { Severity::Red };
                let what =
                    format!("is a {}, and must be a number to compute with", field.field_type);
                remarks.push(self.remark(reference, severity, &what));
            }
        }
        for (inner, spec) in expression.term.inner(spec) {
            self.look_at_values(inner, spec, org, remarks);
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
        spec.filter(|_| steps.is_empty()).and_then(|spec| field.misfit(spec.field_type))?;
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
