//! A mapping held against the org's describe: what `check` tells an admin.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::MappingFault;
use super::language::FieldRef;
use super::mapped::{Mapping, SyncStatusFields};
use super::term::Term;
use crate::domain::entity::EntityKind;
use crate::domain::org_schema::{OrgField, OrgSchema};

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
            Some(OrgRemark::red(self.missing(&missing, field.line, "").message))
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
